"""From what flows have shown to the links between routers, and how sure each of them is."""

from __future__ import annotations

from typing import Any

from netlab.probe.multipath import SAME_FLOW, enough
from netlab.probe.multipath_map import NOBODY, SILENT, Cell, Flow, Group, Level, Sightings
from netlab.probe.stopping import StopFunction

BALANCERS = ("none", "flow", "packet", "destination", "unknown")

LinkRow = dict[str, Any]


def links(sightings: Sightings, stop: StopFunction) -> list[LinkRow]:
    """Give the links that packets to the destination take: rows with the keys of LINKS that this layer knows.

    One row per TTL (of the far end), near and far address. ``flows`` and ``probes`` say how many of them were seen to
    cross it; ``certain`` whether nothing but this link explains what was seen; ``balancer`` what the near router is.
    """
    found: dict[tuple[int, str, str], LinkRow] = {}
    levels = sightings.judge()
    last_answer = _last_answers(levels)
    # One flow had several next hops one after the other, and not in turns: then no time of a probe is like another.
    moved = any(group.varies and not group.alternates for level in levels for group in level.groups.values())
    # Beside routers that answer, silence may be a limit on their answers; where nobody ever answers, it is not.
    speaking = {level.ttl for level in levels if any(spots != NOBODY for spots in level.located.values())}
    sure_of_silence: dict[Flow, bool] = {}
    for level in levels:
        if level.ttl < sightings.first_ttl and sightings.first_ttl > 1:
            continue  # nobody knows who is there
        for group in level.groups.values():
            word = balancer(group, sightings, stop)
            seen = _Seen(group, sightings, moved, stop)
            for flow in seen.flows:
                sure = level.ttl + 1 not in speaking and sure_of_silence.get(flow, True)
                here, beyond = sightings.look_at(flow, level.ttl), sightings.look_at(flow, level.ttl + 1)
                if level.ttl <= last_answer[flow]:  # of the silent hops at the very end, only the first
                    for near in (here and here.routers) or level.located[flow]:
                        for far in group.next[flow] - {near or None}:
                            row = found.setdefault((level.ttl + 1, near, far), _row(level.ttl + 1, near, far, word))
                            row["flows"] += 1
                            row["probes"] += (len(beyond.seen(far)) if far else beyond.decided) if beyond else 0
                            silence = sure if far == SILENT else sure_of_silence.get(flow, True) or near != SILENT
                            row["certain"] |= silence and seen.proves(flow, near, far)
                sure_of_silence[flow] = sure if group.next[flow] == NOBODY else True
    return [found[key] for key in sorted(found)]


def _row(ttl: int, near: str, far: str, word: str) -> LinkRow:
    return {
        "ttl": ttl, "near": near, "far": far, "flows": 0, "probes": 0, "balancer": word, "certain": False,
    }  # fmt: skip


def _last_answers(levels: list[Level]) -> dict[Flow, int]:
    """For each flow, the last TTL at which anybody answered it."""
    return {flow: level.ttl for level in levels for flow, spots in level.located.items() if spots != NOBODY}


class _Seen:
    """What the flows through a group have shown of its next hops, and what that proves."""

    def __init__(self, group: Group, sightings: Sightings, moved: bool, stop: StopFunction) -> None:
        self.group, self.sightings, self.moved = group, sightings, moved
        self.flows = [flow for flow in group.flows if flow.address == sightings.address and flow in group.next]
        self.addresses = group.seen(self.flows)
        found = len(self.addresses)
        self.several = found > 1 or len(self.flows) < enough(group, found, stop)
        """There may be several next hops."""

    def proves(self, flow: Flow, near: str, far: str) -> bool:
        """Whether ``far`` must be a next hop of ``near``, and not of somebody else at the same TTL."""
        group = self.group
        if group.ttl < self.sightings.first_ttl:
            return True  # our own machine
        if group.doubtful and (self.several or group.lost_beyond):
            return False
        if group.varies and not self._shows_its_next_hops():
            return False
        return not (group.doubtful or self.moved) or self._at_one_time(flow, near, far)

    def _shows_its_next_hops(self) -> bool:
        """Packets of one flow went several ways: are they all of this router?

        A silent one beside it would have swallowed some of the probes here, and a changed route would have changed but
        once.
        """
        return self.group.alternates and not self.group.lost_here

    def _at_one_time(self, flow: Flow, near: str, far: str) -> bool:
        """Whether one end was seen between two sightings of the other, so that both were on the way together."""
        here, beyond = (self.sightings.look_at(flow, self.group.ttl + step) for step in (0, 1))
        if not (here and beyond and near and far):
            return False
        nears, fars = here.seen(near), beyond.seen(far)
        if len(self.addresses) == 1:
            fars = [number for other in self.flows for number in self._beyond(other).seen(far)]
        return _between(nears, fars) or _between(fars, nears)

    def _beyond(self, flow: Flow) -> Cell:
        return self.sightings.cell(flow, self.group.ttl + 1)


def _between(some: list[int], others: list[int]) -> bool:
    return bool(others) and any(min(others) < number < max(others) for number in some)


def balancer(group: Group, sightings: Sightings, stop: StopFunction) -> str:
    """What kind of balancer the router of a group is."""
    own = [flow for flow in group.next if flow.address == sightings.address]
    seen = group.seen(own)
    if SILENT in seen:
        return "unknown"  # silent next hops cannot be told apart
    if len(seen) == 1 and len(own) >= stop(1):
        by_address: dict[str, set[str]] = {}
        for flow in group.next:
            by_address.setdefault(flow.address, set()).update(group.next[flow] - {SILENT})
        if group.doubtful or len(set().union(*by_address.values())) == 1:
            return "none"
        return "flow" if any(len(each) > 1 for each in by_address.values()) else "destination"
    if group.doubtful or len(seen) < 2:
        return "unknown"
    if group.varies:
        return "packet" if group.alternates else "unknown"
    repeated = max((len(cell.answers) for flow in own if (cell := sightings.look_at(flow, group.ttl + 1))), default=0)
    return "flow" if repeated >= SAME_FLOW else "unknown"
