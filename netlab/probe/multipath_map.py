"""What flows have shown: who answered which flow at which TTL, and what follows for the routers there.

`Sightings` collects the answers. `Sightings.judge` walks through them TTL by TTL and sorts the flows into groups that
passed the same router. Its rules:

1. *Node control.* A flow tells about the next hops of a router only when it is known to pass it: the same flow was
   answered by it one TTL before.
2. *One flow, several answers* at one TTL: somebody before it does not go by flows (or the route has changed). From
   there on nobody knows which way a probe took: all routers at such a TTL are one *doubtful* group, and so are those
   behind them, until every probe is answered from a single address again (one that is lost may have met a silent one).
3. *Silence* is a next hop only when it is no loss: when the loss that answered flows show here and one TTL before
   would hardly have swallowed all these probes. Where nobody was answered behind a router, the silent probes of all
   its flows count together; where somebody was, each flow is judged by itself.

A flow ends with the answer of the destination, or of whoever says that it cannot be reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from netlab.probe.ladder import is_final
from netlab.probe.rows import Row
from netlab.probe.trace import answered

SILENT = ""
"""The address of a hop that does not answer."""
NOBODY = frozenset({SILENT})
SILENT_HOPS = 3
"""A flow is followed no further than over so many silent hops in a row (as in scamper)."""
PERSISTENCE = 8
"""Probes that a flow gets at a TTL where others are answered, before its silence is judged."""
STAR_ERROR = 0.001
"""Silence is believed when the loss seen could explain it with this chance at most."""
DOUBTFUL = "?"
"""The key of the group of all doubtful routers at a TTL."""


class Flow(NamedTuple):
    """A destination address, and the flow identifier: what keeps probes on one way through per-flow balancers."""

    address: str
    number: int


class Cell:
    """One flow at one TTL."""

    __slots__ = ("answers", "decided", "planned", "responders", "routers")

    def __init__(self) -> None:
        self.planned = self.decided = 0
        """Probes planned; and decided, by an answer or a timeout."""
        self.answers: list[tuple[int, str]] = []
        """Number of the probe, and who answered it."""
        self.responders: frozenset[str] = frozenset()
        """Who answered."""
        self.routers: set[str] = set()
        """Who answered that the TTL was exceeded: these only have something behind them."""

    @property
    def final(self) -> bool:
        """Whether the flow goes no further."""
        return bool(self.answers) and not self.routers

    @property
    def lost(self) -> int:
        return max(0, self.decided - len(self.answers))

    def seen(self, responder: str) -> list[int]:
        """The numbers of the probes that this address answered."""
        return [number for number, who in self.answers if who == responder]

    @property
    def alternates(self) -> bool:
        """Whether the responder changed more than once: a changed route would do so only once."""
        order = [responder for _, responder in sorted(self.answers)]
        return sum(a != b for a, b in pairwise(order)) > 1


class Group:
    """The flows that passed one router, or one of several that cannot be told apart, at ``ttl``; and what came next."""

    def __init__(self, ttl: int, key: str) -> None:
        self.ttl, self.key, self.doubtful = ttl, key, key == DOUBTFUL
        self.flows: list[Flow] = []
        self.spots: set[str] = set()
        """Addresses of the router or routers."""
        self.next: dict[Flow, frozenset[str]] = {}
        """Who answers each flow one TTL on; `SILENT`: nobody, and that is no loss."""
        self.waiting: list[Flow] = []
        """Flows whose next hop is unknown, and may be asked for."""
        self.spent: list[Flow] = []
        """Flows whose next hop stays unknown: too much loss."""
        self.varies = self.alternates = False
        """One flow had several next hops; and they took turns."""
        self.lost_here = self.lost_beyond = 0
        """Probes at this TTL, and at the next, that nobody answered."""
        self.mixed = False
        """Some flows were answered one TTL on and others never."""

    def counted(self, address: str) -> list[Flow]:
        """The flows that the stopping rule counts: those to the destination itself, if any pass here."""
        return [flow for flow in self.flows if flow.address == address] or self.flows

    def seen(self, flows: Iterable[Flow]) -> set[str]:
        """All next hops of these flows."""
        return set().union(*(self.next[flow] for flow in flows if flow in self.next))


class Level:
    """Everything known at one TTL."""

    def __init__(self, ttl: int) -> None:
        self.ttl = ttl
        self.groups: dict[str, Group] = {}
        self.located: dict[Flow, frozenset[str]] = {}
        """Where each flow is at this TTL, also those that end here."""
        self.orphans: dict[str, list[Flow]] = {}
        """Addresses seen one TTL on that no flow links with this TTL."""


class Sightings:
    """All answers of a measurement; ``root`` is our own address, or ``""`` when it does not begin at TTL 1."""

    def __init__(self, address: str, root: str, first_ttl: int, max_ttl: int, attempts: int) -> None:
        self.address, self.root, self.first_ttl, self.max_ttl = address, root, first_ttl, max_ttl
        self.attempts = attempts
        self.cells: dict[Flow, dict[int, Cell]] = {}
        self.left_out: set[str] = set()
        """Neighbouring addresses that have not (yet) proved to be on the destination's network."""
        self.turning: set[str] = set()
        """The last routers before the destination: there, flows to neighbouring addresses end."""
        self._ends: dict[Flow, int | None] = {}
        self._decided: set[int] = set()
        self._answered: set[int] = set()

    def cell(self, flow: Flow, ttl: int) -> Cell:
        return self.cells.setdefault(flow, {}).setdefault(ttl, Cell())

    def look_at(self, flow: Flow, ttl: int) -> Cell | None:
        return self.cells.get(flow, {}).get(ttl)

    def asked(self, flow: Flow, ttl: int) -> int:
        """How many probes of a flow at a TTL were decided."""
        cell = self.look_at(flow, ttl)
        return cell.decided if cell else 0

    def heard(self, row: Row) -> bool:
        """Take a row; True when it decides its probe for the first time. A late answer comes as a second call."""
        number = row["sequence"]
        if row["outcome"] == "pending":
            return False
        cell = self.cell(Flow(row["address"], row["flow"]), row["ttl"])
        first = number not in self._decided
        if first:
            self._decided.add(number)
            cell.decided += 1
        if answered(row) and number not in self._answered:
            self._answered.add(number)
            who = row["responder"]
            cell.answers.append((number, who))
            if who not in cell.responders:
                cell.responders |= {who}
            if not is_final(row):
                cell.routers.add(who)
            self._ends.pop(Flow(row["address"], row["flow"]), None)
        return first

    def end(self, flow: Flow) -> int | None:
        """The TTL at which a flow ends, None: not seen yet."""
        if flow not in self._ends:
            turning = self.turning if flow.address != self.address else frozenset()
            cells = self.cells.get(flow, {})
            ttls = [ttl for ttl, cell in cells.items() if cell.final or not cell.responders.isdisjoint(turning)]
            self._ends[flow] = min(ttls, default=None)
        return self._ends[flow]

    def turn_at(self, routers: set[str]) -> None:
        """Say which routers are the last before the destination."""
        if routers != self.turning:
            self.turning = routers
            self._ends.clear()

    # -- judging ------------------------------------------------------------------------------------------------

    def judge(self) -> list[Level]:
        """Walk through all answers, TTL by TTL, from the one before the first."""
        flows = sorted(flow for flow in self.cells if flow.address not in self.left_out)
        ends = {flow: self.end(flow) for flow in flows}
        located = {flow: frozenset({self.root}) for flow in flows}
        silence = dict.fromkeys(flows, 0)
        doubtful: set[str] = set()
        losses = self._losses()
        levels = []
        for ttl in range(self.first_ttl - 1, self.max_ttl + 1):
            level = Level(ttl)
            level.located = located
            for flow, spots in located.items():
                end = ends[flow]
                if (end is None or ttl < end) and silence[flow] < SILENT_HOPS:
                    self._join(level, flow, spots, doubtful)
            if ttl == self.max_ttl or not located:
                levels.append(level)
                break
            loss = max((losses[at] for at in (ttl, ttl + 1) if at in losses), default=1 / 2)
            located, doubtful = self._step(level, flows, ends, loss)
            for flow in flows:
                silence[flow] = silence[flow] + 1 if located.get(flow) == NOBODY else 0
            levels.append(level)
        return levels

    def _join(self, level: Level, flow: Flow, spots: frozenset[str], doubtful: set[str]) -> None:
        unsure = len(spots) > 1 or not spots.isdisjoint(doubtful)
        key = DOUBTFUL if unsure else next(iter(spots))
        group = level.groups.get(key)
        if group is None:
            group = level.groups[key] = Group(level.ttl, key)
        group.flows.append(flow)
        group.spots |= spots
        here = self.look_at(flow, level.ttl)
        group.lost_here += here.lost if here else 0

    def _step(
        self, level: Level, flows: list[Flow], ends: dict[Flow, int | None], loss: float
    ) -> tuple[dict[Flow, frozenset[str]], set[str]]:
        """Where the flows are one TTL on, and which addresses there are doubtful."""
        located: dict[Flow, frozenset[str]] = {}
        doubtful: set[str] = set()
        for flow in flows:
            end, cell = ends[flow], self.look_at(flow, level.ttl + 1)
            if cell and cell.answers and (end is None or level.ttl < end):
                located[flow] = cell.responders
        reached: set[str] = set()
        for group in level.groups.values():
            self._look_ahead(group, loss)
            located.update(group.next)
            seen = group.seen(group.flows)
            reached |= seen
            if group.varies or (group.doubtful and (len(seen) > 1 or group.lost_beyond)):
                doubtful |= seen
        for flow, spots in located.items():
            for address in spots - reached:
                level.orphans.setdefault(address, []).append(flow)
        return located, doubtful

    def _look_ahead(self, group: Group, loss: float) -> None:
        """Fill in what followed one TTL on; ``loss``: the share of probes that get lost there."""
        silent: list[tuple[Flow, int]] = []
        for flow in group.flows:
            cell = self.look_at(flow, group.ttl + 1)
            if cell is None or not cell.decided:
                group.waiting.append(flow)
            elif cell.answers:
                group.next[flow] = cell.responders
                if len(cell.responders) > 1:
                    group.varies, group.alternates = True, group.alternates or cell.alternates
                group.lost_beyond += cell.lost
            else:
                silent.append((flow, cell.decided))
                group.lost_beyond += cell.lost
        group.mixed = bool(silent and group.next)
        together = 0 if group.mixed else sum(decided for _, decided in silent)
        for flow, decided in silent:
            if decided >= self.attempts and loss ** (together or decided) * len(silent) <= STAR_ERROR:
                group.next[flow] = NOBODY
            elif decided < PERSISTENCE:
                group.waiting.append(flow)
            else:
                group.spent.append(flow)

    def _losses(self) -> dict[int, float]:
        """For each TTL the share of probes that its router with the highest loss leaves unanswered.

        Of flows that were answered at all, and half a probe more, since few probes without loss prove little.
        """
        counts: dict[tuple[int, str], tuple[int, int]] = {}
        for cells in self.cells.values():
            for ttl, cell in cells.items():
                if cell.answers:
                    key = ttl, cell.answers[0][1]
                    lost, sent = counts.get(key, (0, 0))
                    counts[key] = lost + cell.lost, sent + cell.decided
        losses: dict[int, float] = {}
        for (ttl, _), (lost, sent) in counts.items():
            losses[ttl] = max(losses.get(ttl, 0.0), (lost + 0.5) / (sent + 2))
        return losses
