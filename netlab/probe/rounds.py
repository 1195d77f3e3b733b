"""The plan of `monitor` and `investigate`: the whole path again and again, every hop at its own even pace.

1. A *round* sends one probe per TTL. The probes of a round are spread evenly over the spacing, so that one hop gets
   its probes exactly that far apart, and no hop gets a burst because of the others.
2. The first round learns how long the path is: it goes up to the largest TTL, and stops as soon as the destination has
   answered. Later rounds go up to that TTL only. As long as the destination is silent they go `GAP_LIMIT` hops beyond
   the last one that answered.
3. *The end may move*, since routes change: it is the smallest TTL with a final answer among the latest rounds
   (`END_MEMORY`), so a single "host unreachable" of a router does not hide the rest of the path for good.
4. *Phases* differ in their spacing. `investigate` has three, the widest first, with a pause in between, because a limit
   on the rate of answers shows in how the loss depends on the spacing.
5. Stars wait their whole timeout (no adaptive wait): a late answer must not be taken for a loss. Only a normal user's
   TCP connect does not: it was ended before the kernel repeats its SYN, and nothing can answer it any more.
6. *Flows in turn*: all probes of a round are one flow, so a round is a true path. With several flows the next round
   takes the next one, and so shows another path where routers balance load. Each flow has an end of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from netlab.probe.ladder import GAP_LIMIT, is_final
from netlab.probe.plan import Probe, Target
from netlab.probe.rows import Row, add_flag
from netlab.probe.session import ProbeSession
from netlab.probe.trace import TraceSession, answered

END_MEMORY = 10
"""Rounds of a flow for which a final answer says where its path ends."""
PAUSE = 1_000_000_000
"""ns between two phases: a limit that was exhausted recovers a little, so that the phases say different things."""
SPACINGS = (1_000_000_000, 100_000_000, 10_000_000)
"""ns between two probes of one hop in the phases of `investigate`. Linux routers send one answer per second, others
one per half second, many some ten; faster than 100 per second nobody should probe."""
SHARES = (0.2, 0.3, 0.5)
"""How the probes are divided among the phases: the wide spacing costs most of the time (20 s of 24)."""


class Phase(NamedTuple):
    """So many rounds with this spacing."""

    rounds: int | None
    """None: without end."""
    spacing: int
    """ns from one probe of a hop to its next."""


def three_spacings(probes: int) -> list[Phase]:
    """The phases of `investigate`, with so many probes per hop in all."""
    wide, middle = (max(1, round(probes * share)) for share in SHARES[:2])
    rounds = (wide, middle, max(1, probes - wide - middle))
    return [Phase(number, spacing) for number, spacing in zip(rounds, SPACINGS)]


class Rounds:
    """A `Steering`; see the module.

    Parameters
    ----------
    target, first_ttl, max_ttl, size
        As in `Ladder`.
    phases
        What to do, in order.
    attempts
        Probes per TTL and round.
    gap_limit
        As in `traceroute`; None: always up to ``max_ttl`` while the destination is silent.
    flows
        How many flows the rounds take in turn.
    least_step
        ns between any two probes, at least; on real networks nobody is to be flooded. A spacing that is too short for
        it becomes longer.
    """

    def __init__(
        self,
        target: Target,
        first_ttl: int,
        max_ttl: int,
        phases: Sequence[Phase],
        *,
        attempts: int = 1,
        size: int = 32,
        gap_limit: int | None = GAP_LIMIT,
        least_step: int = 0,
        flows: int = 1,
    ) -> None:
        self._target, self._first, self._last = target, first_ttl, max_ttl
        self._attempts, self._size, self._gap_limit, self._least_step = attempts, size, gap_limit, least_step
        self._round = 0
        self._highest = first_ttl - 1
        self._flows = flows
        self._ends: dict[int, dict[int, int]] = {}  # flow → TTL with a final answer → the last round that saw it
        self._end: int | None = None  # of the present round
        self._probes = self._all(phases)

    def _all(self, phases: Sequence[Phase]) -> Iterator[Probe]:
        start = 0
        for phase in phases:
            for _ in count() if phase.rounds is None else range(phase.rounds):
                self._round += 1
                self._end = self.end_of(self._round)
                for attempt in range(1, self._attempts + 1):
                    ttls = range(self._first, self.highest_ttl + 1)
                    step = max(self._least_step, phase.spacing // len(ttls))
                    for position, ttl in enumerate(ttls):
                        at = start + position * step
                        flow = self._flow_of(self._round)
                        yield Probe(self._target, ttl, attempt, at, self._size, flow=flow, round=self._round)
                    start += max(phase.spacing, step * len(ttls))
            start += PAUSE

    def __iter__(self) -> Iterator[Probe | None]:
        return self

    def __next__(self) -> Probe | None:
        return next(self._probes)

    def _flow_of(self, round: int) -> int:
        return 1 + (round - 1) % self._flows

    def end_of(self, round: int) -> int | None:
        """The TTL at which the destination, or somebody who knows better, answered this round's flow.

        None: nobody did lately.
        """
        known, memory = self._ends.get(self._flow_of(round), {}), END_MEMORY * self._flows
        return min((ttl for ttl, seen in known.items() if seen > self._round - memory), default=None)

    @property
    def highest_ttl(self) -> int:
        """Nothing beyond is sent in this round."""
        if self._end is not None:
            return min(self._last, self._end)
        if self._round <= 1 or self._gap_limit is None:
            return self._last
        return min(self._last, self._highest + self._gap_limit)

    def wants(self, probe: Probe) -> bool:
        return self._end is None or probe.ttl <= self._end

    def heard(self, row: Row) -> None:
        if answered(row):
            self._highest = max(self._highest, row["ttl"])
            if is_final(row):
                ends = self._ends.setdefault(self._flow_of(row["round"]), {})
                ends[row["ttl"]] = max(ends.get(row["ttl"], 0), row["round"])
                self._end = self.end_of(self._round)


def mark_beyond(rows: Sequence[Row], end_of: Callable[[int], int | None]) -> None:
    """Flag what was sent beyond the end of its round: in one that lost its final answer, `mark_path` cannot know."""
    for row in rows:
        end = end_of(row["round"])
        if end is not None and row["ttl"] > end:
            add_flag(row, "beyond-end")


class PacedSession(TraceSession):
    """A `TraceSession` that keeps its pace and has no adaptive wait; its cost does not grow with the probes in flight.

    A probe may leave late: the machine is busy, or it had to wait until a lost probe of its flow was out of the way.
    Those after it are then put off as much: catching up would be a burst, and bursts are what limits on answers punish.
    """

    def sent(self, number: int, packet: bytes, handle: int, at: int, rebuilt: bool = False) -> None:
        assert self._next is not None
        late = at - self._start - self._next.at
        self._start += max(0, late)  # the plan's times count from there
        super().sent(number, packet, handle, at, rebuilt)

    def expire(self, now: int) -> None:
        if self._connects:
            self._now = max(self._now, now)
            self._expire_early(now)
        ProbeSession.expire(self, now)
        self._listen()

    def next_deadline(self) -> int | None:
        deadline = ProbeSession.next_deadline(self)
        return min(deadline, self._first_end()) if self._connects and deadline is not None else deadline

    @property
    def _connects(self) -> bool:
        """Whether the probes are connects, which the system ends long before the timeout; one is in flight at most."""
        return self._one_at_a_time and self._builder.protocol == "tcp"
