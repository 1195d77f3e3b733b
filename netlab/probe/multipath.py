"""All paths to a destination: the multipath detection algorithm (MDA), as a plan that listens.

It works in rounds; all probes of a round are in flight together, as many as the session's window allows.

1. One flow is followed to the destination, as by any traceroute.
2. Each router found is asked for its next hops until the stopping rule (``stopping.py``) is content: more flows go one
   TTL beyond it. They are probed at its own TTL too, because only flows that pass the router count (node control).
3. Where a router seems to have several next hops, two of the flows are sent `SAME_FLOW` times each. A balancer that
   decides per packet sends even one flow several ways, and what lies behind it then cannot be put together
   (``multipath_map.py`` says what is doubtful).
4. A probe that is lost is sent again, so that loss makes no links, and no silent hops.
5. At the end every router found gets one more probe: a route that has changed meanwhile shows.
6. Then a few addresses beside the destination show which routers balance per destination (``multipath_near.py``).

Every TTL is explored by itself. That handles branches of unequal length and meshes without a special case: a router
that is met at two TTLs is explored twice.

Source: Augustin et al. 2007; the limits are those of scamper's tracelb.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import ceil

from netlab.probe.multipath_map import PERSISTENCE, SILENT, Flow, Group, Level, Sightings
from netlab.probe.multipath_near import Neighbours
from netlab.probe.plan import Probe, Target
from netlab.probe.rows import Row
from netlab.probe.stopping import StopFunction

MOST_PROBES = 3000
"""Of one measurement, as in scamper."""
MOST_ROUNDS = 300
"""Usual are 5 to 30."""
ATTEMPTS = 2
"""Silent probes of a flow after which a hop that nobody has seen answer counts as silent."""
SAME_FLOW = 6
"""Times that a flow is sent before a per-flow balancer is claimed: two equal ways stay hidden with 1/32 per flow."""
REPEATED_FLOWS = 2
"""Flows of each such router that are repeated: both stay the same by chance with at most 1/1024."""
PATIENCE = 5
"""A router that a share p of the flows should pass is given up when 5 / p more flows have not met it (chance 0.7 %)."""
ROUNDS_OF_SEARCH = 12
"""Rounds without a further flow after which such a search is given up in any case."""
RETRY_SPACING = 500_000_000
"""ns between the third and later tries at one TTL: routers that limit their errors mostly allow one or two a second."""


class Search:
    """The search for flows that pass one router: how many were found, of what share, and what was asked since then."""

    __slots__ = ("asked", "found", "rounds", "share")

    def __init__(self) -> None:
        self.found = self.asked = self.rounds = 0
        self.share = 1.0


class Multipath:
    """The plan; a `Steering`.

    Parameters
    ----------
    target
        What to find the paths to.
    stop
        The stopping rule: how many flows rule out a further next hop behind a router with so many.
    first_ttl, max_ttl
        Where the paths begin and end.
    size
        Bytes of payload.
    attempts
        See `ATTEMPTS`.
    spacing
        ns from one probe to the next; 0: as fast as the window allows.
    most_probes
        When so many were sent it ends, whatever is still unknown.
    neighbours
        Whether to look for per-destination balancers, too.
    """

    def __init__(
        self,
        target: Target,
        stop: StopFunction,
        first_ttl: int = 1,
        max_ttl: int = 30,
        size: int = 32,
        attempts: int = ATTEMPTS,
        spacing: int = 0,
        most_probes: int = MOST_PROBES,
        neighbours: bool = True,
    ) -> None:
        self.target, self.stop, self.first_ttl, self.max_ttl = target, stop, first_ttl, max_ttl
        root = target.source.partition("%")[0] if first_ttl == 1 else SILENT
        self.sightings = Sightings(target.address, root, first_ttl, max_ttl, attempts)
        self.planned = 0
        """Probes given out, less those taken back."""
        self.exhausted = False
        """Whether the limit on probes ended it."""
        self._size, self._spacing, self._most = size, spacing, most_probes
        self._queue: deque[tuple[int, Probe]] = deque()
        self._in_flight = self._rounds = 0
        self._batch: dict[tuple[Flow, int], int] = {}
        self._searches: dict[tuple[int, str], Search] = {}  # by TTL and key of the group
        self._started: int | None = None  # wall-clock ns of the first probe
        self._now = 0  # ns after it, as far as rows tell
        self._last_at = 0
        self._again = False  # every router got one more probe
        self._neighbours = Neighbours(self.sightings, stop(1), self._ask, self._batch) if neighbours else None
        self._first = Flow(target.address, 1)

    # -- a plan that listens ------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Probe | None]:
        return self

    def __next__(self) -> Probe | None:
        if not self._queue and not self._in_flight:
            self._next_round()
        if self._queue:
            self._in_flight += 1
            return self._queue.popleft()[1]
        if self._in_flight:
            return None
        raise StopIteration

    def wants(self, probe: Probe) -> bool:
        """Nothing beyond the end of a flow; of the very first, nothing beyond three silent hops."""
        flow = Flow(probe.target.address, probe.flow)
        wanted = self._reaches(flow, probe.ttl) and not (self._rounds == 1 and self._lost_in_silence(flow, probe.ttl))
        if not wanted:
            self.sightings.cell(flow, probe.ttl).planned -= 1
            self._in_flight -= 1
            self.planned -= 1
        return wanted

    def heard(self, row: Row) -> None:
        if row["sent_at"] is not None:
            self._started = row["sent_at"] if self._started is None else min(self._started, row["sent_at"])
            self._now = max(self._now, row["sent_at"] - self._started + int(row["waited_ms"] * 1e6))
        if self.sightings.heard(row):
            self._in_flight -= 1

    def _lost_in_silence(self, flow: Flow, ttl: int) -> bool:
        cells = self.sightings.cells[flow]
        before = [cells.get(ttl - step) for step in (1, 2, 3)]
        return all(cell is not None and cell.decided and not cell.answers for cell in before)

    # -- rounds -------------------------------------------------------------------------------------------------

    def _next_round(self) -> None:
        self._rounds += 1
        if self.planned >= self._most or self._rounds > MOST_ROUNDS:
            self.exhausted = True
            return
        if not self.sightings.cells:
            for ttl in range(self.first_ttl, self.max_ttl + 1):
                self._ask(self._first, ttl)
        else:
            levels = self.sightings.judge()
            self._explore(levels)
            if not self._batch and not self._again:
                self._again = True
                self._look_again(levels)
            if not self._batch and self._neighbours:
                self._neighbours.visit(levels)
        self._fill_queue()

    def _ask(self, flow: Flow, ttl: int, times: int = 1) -> None:
        if self.first_ttl <= ttl <= self.max_ttl:
            self._batch[flow, ttl] = max(times, self._batch.get((flow, ttl), 0))

    def _fill_queue(self) -> None:
        """Turn the round's wishes into probes: flow by flow and TTL by TTL, so that no router gets a burst."""
        again: dict[int, int] = {}
        probes = []
        for (flow, ttl), times in sorted(self._batch.items()):
            cell = self.sightings.cell(flow, ttl)
            for _ in range(times):
                if self.planned >= self._most:
                    break
                self.planned += 1
                cell.planned += 1
                at = 0
                if cell.decided >= ATTEMPTS and not cell.answers:
                    again[ttl] = again.get(ttl, 0) + 1
                    at = self._now + again[ttl] * RETRY_SPACING
                target = self.target._replace(address=flow.address)
                probes.append((at, Probe(target, ttl, cell.planned, at, self._size, flow=flow.number)))
        self._batch.clear()
        probes.sort(key=lambda item: item[0])
        for at, probe in probes:
            if self._spacing:
                at = self._last_at = max(at, self._now, self._last_at + self._spacing)
            self._queue.append((at, probe._replace(at=at)))

    # -- what is still unknown ----------------------------------------------------------------------------------

    def _explore(self, levels: list[Level]) -> None:
        """Ask for everything that the paths to the destination itself still need."""
        silent_from = self.first_ttl
        for before, level in zip([None, *levels], levels, strict=False):
            if level.ttl >= self.max_ttl:
                break
            if SILENT not in set().union(*(group.spots for group in level.groups.values())):
                silent_from = level.ttl + 1
            new = 0
            for group in level.groups.values():
                flows = group.counted(self.target.address)
                if flows[0].address == self.target.address:
                    new = max(new, self._satisfy(before, level, group, flows))
                    self._repeat(group, flows)
            if new:
                self._new_flows(level, new, silent_from)
            for flows in level.orphans.values():
                self._adopt(level, flows)

    def _satisfy(self, before: Level | None, level: Level, group: Group, flows: list[Flow]) -> int:
        """Ask the flows that are there for their next hop; give how many new flows are needed besides."""
        known = [flow for flow in flows if flow in group.next]
        need = enough(group, len(group.seen(known)), self.stop) - len(known)
        if need <= 0:
            return 0
        of_these = set(flows)
        waiting = [flow for flow in group.waiting if flow in of_these]
        waiting.sort(key=lambda flow: (not self.sightings.asked(flow, group.ttl + 1), flow))
        for flow in waiting[:need]:
            self._ask(flow, group.ttl + 1)
        lacking = need - len(waiting)
        if lacking <= 0 or len(group.spent) >= need + len(known):
            return 0  # enough, or so much loss that more flows would only be lost, too
        return self._seek(before, level, group, len(flows), lacking)

    def _seek(self, before: Level | None, level: Level, group: Group, found: int, lacking: int) -> int:
        """Look for more flows that pass a router: give how many new ones to try."""
        if SILENT in group.spots and before:
            here = sum(len(each.next) for each in before.groups.values())
            insisted = self._insist(before, level.ttl, lacking)
        else:
            here = sum(flow.address == self.target.address for flow in level.located)
            insisted = 0
        search = self._searches.setdefault((group.ttl, group.key), Search())
        if found > search.found:
            search.found, search.share, search.asked, search.rounds = found, found / max(here, found), 0, 0
        elif search.asked * search.share > PATIENCE or search.rounds > ROUNDS_OF_SEARCH:
            return 0  # no further flow passes here: the route may have changed, or too much is lost
        lacking -= insisted
        number = min(ceil(lacking / search.share), max(lacking, here))  # at most twice as many as there are
        search.asked += number + insisted
        search.rounds += 1
        return number

    def _insist(self, before: Level | None, ttl: int, most: int) -> int:
        """To find flows that pass a silent router, ask again those that nobody has answered so far; give how many."""
        unanswered = [
            flow
            for group in (before.groups.values() if before else ())
            for flow in group.waiting
            if flow.address == self.target.address and self.sightings.asked(flow, ttl)
        ][: max(0, most)]
        for flow in unanswered:
            self._ask(flow, ttl)
        return len(unanswered)

    def _new_flows(self, level: Level, number: int, silent_from: int) -> None:
        """Send flows that were not seen at this TTL yet, and one TTL further when they can only pass one router.

        ``silent_from``: of the silent hops in a row that end with this TTL, the first; or the TTL after this one.
        """
        ttl = max(level.ttl, self.first_ttl)
        cells = self.sightings.cells
        address = self.target.address
        unplaced = sum(ttl in at and Flow(*flow) not in level.located for flow, at in cells.items())
        if level.ttl >= self.first_ttl and unplaced > len(level.located) + PERSISTENCE:
            return  # most flows stay unanswered here
        alone = len(level.groups) == 1 and len(level.located) == len(next(iter(level.groups.values())).flows)
        fresh = sorted(flow for flow, at in self._batch if at == ttl and ttl not in cells.get(flow, {}))
        candidate = 0
        while len(fresh) < number:
            candidate += 1
            flow = Flow(address, candidate)
            if ttl not in cells.get(flow, {}) and (flow, ttl) not in self._batch and self._reaches(flow, ttl):
                fresh.append(flow)
        for flow in fresh[:number]:
            self._ask(flow, ttl)
            if alone and level.ttl >= self.first_ttl:
                self._ask(flow, level.ttl + 1)
            for before in range(silent_from - 1, ttl):  # silence counts only behind a router that is known
                self._ask(flow, before)

    def _reaches(self, flow: Flow, ttl: int) -> bool:
        end = self.sightings.end(flow)
        return end is None or end >= ttl

    def _repeat(self, group: Group, flows: list[Flow]) -> None:
        """Before a balancer per flow is believed, send the same flow several times."""
        known = [flow for flow in flows if flow in group.next]
        if group.doubtful or len(group.seen(known)) < 2:
            return
        chosen: dict[str, Flow] = {}
        for flow in sorted(known, key=lambda flow: len(group.next[flow]) < 2):
            for address in group.next[flow] - {SILENT}:
                chosen.setdefault(address, flow)
        times = 2 * SAME_FLOW if group.varies and not group.alternates else SAME_FLOW
        for flow in sorted(set(chosen.values()))[:REPEATED_FLOWS]:
            self._ask_until(flow, group.ttl + 1, times)
            if group.varies:  # does the router itself always answer, or does it share its TTL with a silent one?
                self._ask_until(flow, group.ttl, SAME_FLOW)

    def _ask_until(self, flow: Flow, ttl: int, answers: int) -> None:
        if ttl < self.first_ttl:
            return
        cell = self.sightings.cell(flow, ttl)
        missing = answers - len(cell.answers)
        if missing > 0 and cell.decided < 2 * answers:
            self._ask(flow, ttl, missing)

    def _adopt(self, level: Level, flows: list[Flow]) -> None:
        """A router one TTL on that nothing leads to: ask one of its flows where it was before."""
        for flow in flows[:3]:
            if flow.address == self.target.address and self.sightings.asked(flow, level.ttl) < PERSISTENCE:
                self._ask(flow, level.ttl)
                return

    def _look_again(self, levels: list[Level]) -> None:
        """One more probe to every router found, and to the destination."""
        for level in levels[1:]:
            for group in level.groups.values():
                flow = min(group.counted(self.target.address))
                if flow.address == self.target.address and SILENT not in group.spots:
                    self._ask(flow, level.ttl)
        self._ask(self._first, self.sightings.end(self._first) or 0)


def enough(group: Group, found: int, stop: StopFunction) -> int:
    """How many flows through a router are enough when so many next hops were found.

    Twice as many where ways that cannot be told apart seem to meet: a further way that is missed there would make false
    links.
    """
    return stop(max(1, found)) * (2 if group.doubtful and found < 2 else 1)
