"""What is true about each hop of a generated world, and which of it probes can show at all.

The rules are fixed here, in advance, from the configuration of the world and the plan of the probes alone. Nobody asks
what a judge gets right.

*Causes.* A hop has those of the machine itself (a limit that refuses at least one of the planned probes, dropped or
slow answers, silence) and those of the links that its probes and answers cross. A lossy link is ``path loss`` for this
hop if the probes or answers of the destination cross it in the same direction; else, for instance on a way back that
only this hop uses, it is ``loss of this router's answers only``. A limit that never refuses one of the planned probes
is no fault. Without causes the truth is ``no loss``.

*A verdict is right* when it names one of the causes, or says ``no loss`` where there is none.

*Identifiable* is a hop with exactly one cause, if in addition:

* no loss: always. (A hop where chance decides who answers, and one of them has a fault, has no single truth: never.)
* path loss: at least `LEAST_LOSSES` losses are expected here; every later hop crosses the same lossy links; the
  destination answers, and neither limits nor drops its answers. At the destination: some hop before it is identifiable
  as path loss. (Loss that begins at the destination may be its own.)
* loss of answers only: at least `LEAST_LOSSES` are expected, and a later hop without a fault of its own loses at most a
  third as much.
* rate limit: at least `LEAST_LOSSES` refusals at the narrowest spacing and `LEAST_STEP` more of its probes, as a share,
  than at the widest; and a later hop without a fault of its own loses at most a third as much as these probes.
* slow control plane: there is a later hop without a fault of its own; and it is at least `LEAST_LATE_MS` later than the
  quickest of these, while both ways back have as many hops as the ways there, or it varies by up to
  `LEAST_JITTER_MS` or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlab.internet.model import RateLimit
from netlab.internet.ratelimit import Limiter

PATH_LOSS, RATE_LIMIT, SLOW = "path loss", "rate limit", "slow control plane"
ANSWERS_ONLY, NO_LOSS = "loss of this router's answers only", "no loss"

LEAST_LOSSES = 8
"""Expected losses below which nobody can say where they come from: 100 probes at 8 %."""
MOSTLY = 0.8
"""Share of the losses on one side from which on the loss has a direction."""
LEAST_STEP = 0.25
LEAST_LATE_MS = 15.0
LEAST_JITTER_MS = 30.0

Schedule = Sequence[tuple[int, int]]
"""(probes per hop, ns between them), one for each phase; `PAUSE` ns lie between two phases."""
SCHEDULE: Schedule = ((20, 1_000_000_000), (30, 100_000_000), (50, 10_000_000))
"""That of ``investigate`` with 100 probes per hop."""
PAUSE = 1_000_000_000


class LinkFault(NamedTuple):
    """A lossy direction: of the link to a TTL, or of the detour."""

    way: str
    """forward, backward, or detour."""
    ttl: int
    rate: float


@dataclass(slots=True)
class Fault:
    """What is wrong with a machine."""

    kind: str
    """limit, drop, slow, or silent."""
    keys: dict[str, Any]
    """As in a world file."""
    drop: float = 0.0
    rate: float = 0.0
    burst: int = 0
    window: bool = False
    delay_ms: float = 0.0
    jitter_ms: float = 0.0

    def refusals(self, schedule: Schedule) -> list[int]:
        """How many of the planned probes a limit refuses, phase by phase, when all of them arrive."""
        if self.kind != "limit":
            return [0] * len(schedule)
        limiter = Limiter(RateLimit("window" if self.window else "bucket", self.rate, self.burst))
        now, refused = 0, []
        for count, spacing in schedule:
            refused.append(sum(not limiter.allow(now + number * spacing, b"") for number in range(count)))
            now += count * spacing + PAUSE
        return refused


@dataclass(slots=True)
class Detour:
    """A way back beside the path: from the router at TTL ``end`` to that at ``start``."""

    start: int
    end: int
    nodes: tuple[str, ...]
    links: list[dict[str, Any]] = field(default_factory=list)


class HopTruth(NamedTuple):
    """The truth about one machine at one TTL."""

    causes: frozenset[str]
    """One alone for most hops; "no loss" when there is none."""
    identifiable: bool


@dataclass(slots=True)
class Truth:
    """Everything that was put into a generated world."""

    protocol: str
    """With which it is to be probed: icmp or udp."""
    stages: tuple[tuple[str, ...], ...]
    """The machines at each TTL; at 0 the laptop, at the end the server."""
    by_chance: frozenset[int]
    """TTLs where chance decides, packet by packet, who answers."""
    detour: Detour | None
    faults: dict[str, Fault] = field(default_factory=dict)
    losses: list[LinkFault] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """ms of the link to each TTL, from 1 on."""

    @property
    def end(self) -> int:
        return len(self.stages) - 1

    @property
    def destination(self) -> str:
        return self.stages[-1][0]

    # -- links ----------------------------------------------------------------------------------------------------

    def crossed(self, ttl: int) -> frozenset[int]:
        """Numbers of the lossy directions that the probes of a hop, or their answers, cross."""
        return frozenset(number for number, fault in enumerate(self.losses) if self._crosses(fault, ttl))

    def _crosses(self, fault: LinkFault, ttl: int) -> bool:
        detour = self.detour if self.detour and ttl >= self.detour.end else None
        if fault.way == "detour":
            return detour is not None
        passed_by = fault.way == "backward" and detour is not None and detour.start < fault.ttl <= detour.end
        return fault.ttl <= ttl and not passed_by

    def loss(self, ttl: int) -> float:
        """The share of probes or answers that the links lose for a hop."""
        arrive = 1.0
        for number in self.crossed(ttl):
            arrive *= 1 - self.losses[number].rate
        return 1 - arrive

    def direction(self, ttl: int) -> str:
        """Where the links lose packets for a hop: forward or backward (at least `MOSTLY` of all losses), else both."""
        sides = {"forward": 1.0, "backward": 1.0}
        for number in self.crossed(ttl):
            fault = self.losses[number]
            sides["forward" if fault.way == "forward" else "backward"] *= 1 - fault.rate
        forward = (1 - sides["forward"]) / self.loss(ttl) if self.crossed(ttl) else 0.5
        # the rest of the losses happen on the way back: to probes that got there
        return "forward" if forward >= MOSTLY else "backward" if forward <= 1 - MOSTLY else "both"

    def round_trip(self, ttl: int) -> tuple[float, int]:
        """ms there and back, and hops of the way back."""
        there = sum(self.delays[:ttl])
        detour = self.detour
        if detour is None or ttl < detour.end:
            return 2 * there, ttl
        beside = sum(link["delay_ms"] for link in detour.links)
        back = there - sum(self.delays[detour.start : detour.end]) + beside
        return there + back, ttl - (detour.end - detour.start) + len(detour.links)

    # -- hops -----------------------------------------------------------------------------------------------------

    def hop(self, ttl: int, responder: str, schedule: Schedule = SCHEDULE) -> HopTruth:
        """The truth about the machine that answered most at a TTL; "": nobody did."""
        stage = self.stages[ttl]
        if ttl in self.by_chance:
            causes = [cause for name in stage for cause in self._causes(ttl, name, schedule)]
            mixed = any(name in self.faults for name in stage)
        else:
            name = responder if responder in stage else self._silent_one(stage)
            causes, mixed = self._causes(ttl, name, schedule), False
        if not causes:
            return HopTruth(frozenset({NO_LOSS}), not mixed)
        one = len(set(causes)) == 1 and not mixed
        return HopTruth(frozenset(causes), one and self._shows(ttl, stage, responder, causes[0], schedule))

    def _silent_one(self, stage: Sequence[str]) -> str:
        """Who it was that did not answer: the silent one, or else the one that answers least."""
        return max(stage, key=lambda name: self.faults[name].drop if name in self.faults else 0.0)

    def _causes(self, ttl: int, name: str, schedule: Schedule) -> list[str]:
        causes = []
        fault = self.faults.get(name)
        if fault and fault.kind == "limit" and sum(fault.refusals(schedule)):
            causes.append(RATE_LIMIT)
        if fault and fault.kind == "slow":
            causes.append(SLOW)
        if fault and fault.drop:
            causes.append(ANSWERS_ONLY)
        to_the_end = self.crossed(self.end)
        here = self.crossed(ttl)
        if here & to_the_end:
            causes.append(PATH_LOSS)
        if here - to_the_end:
            causes.append(ANSWERS_ONLY)
        return causes

    def _shows(self, ttl: int, stage: Sequence[str], responder: str, cause: str, schedule: Schedule) -> bool:
        """Whether a hop with this one cause is identifiable; see the module."""
        name = responder if responder in stage else self._silent_one(stage)
        fault = self.faults.get(name)
        probes = sum(count for count, _ in schedule)
        later = [
            other for other in range(ttl + 1, self.end + 1) if not any(n in self.faults for n in self.stages[other])
        ]
        if cause == PATH_LOSS:
            return self._path_loss_shows(ttl, probes)
        if not later:
            return False
        least = min(self.loss(other) for other in later)
        if cause == ANSWERS_ONLY:
            share = 1 - (1 - self.loss(ttl)) * (1 - (fault.drop if fault else 0.0))
            return probes * share >= LEAST_LOSSES and 3 * least <= share
        assert fault is not None
        if cause == RATE_LIMIT:
            shares = [refused / count for refused, (count, _) in zip(fault.refusals(schedule), schedule)]
            enough = shares[-1] * schedule[-1][0] >= LEAST_LOSSES and shares[-1] - shares[0] >= LEAST_STEP
            return enough and 3 * least <= shares[-1]
        return self._slowness_shows(ttl, fault, later)

    def _path_loss_shows(self, ttl: int, probes: int) -> bool:
        end_fault = self.faults.get(self.destination)
        if end_fault and (end_fault.drop or end_fault.kind == "limit"):
            return False
        if ttl == self.end:
            hops = range(1, self.end)
            return any(self.crossed(hop) and self._path_loss_shows(hop, probes) for hop in hops)
        here = self.crossed(ttl)
        enough = probes * self.loss(ttl) >= LEAST_LOSSES
        return enough and all(here <= self.crossed(other) for other in range(ttl + 1, self.end + 1))

    def _slowness_shows(self, ttl: int, fault: Fault, later: Sequence[int]) -> bool:
        if fault.jitter_ms >= LEAST_JITTER_MS:
            return True
        here, back = self.round_trip(ttl)
        quickest = min(later, key=lambda other: self.round_trip(other)[0])
        there, back_there = self.round_trip(quickest)
        return back == ttl and back_there == quickest and here + fault.delay_ms - there >= LEAST_LATE_MS
