"""Balancers that go by the destination's address alone: probes to addresses beside it tell them apart.

A router that sends all flows to one address the same way, but other addresses another way, balances per destination.
Of the destination only one way can then be seen, so addresses are tried that differ from it in the last 8 bits, as
diamond-miner does (Vermeulen et al. 2020).

Such an address may belong to somebody, or to nobody. So the probes end at the routers before the destination, and an
address counts only when they meet the same last router there: otherwise it is on another network, with ways of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from netlab.probe.multipath_map import SILENT, Flow, Group, Level, Sightings

NEIGHBOURS = 16
"""Addresses tried at most; 5 are enough where nothing is lost and no other balancer comes in between."""
ENOUGH_TO_TRY = 8
"""When none of so many is on the destination's network, further ones will not be."""
TRIES = 2
"""Probes to a TTL that stays silent."""


class Neighbours:
    """The search for balancers per destination.

    Parameters
    ----------
    sightings
        What has been seen, of the destination itself and of its neighbours.
    enough
        How many addresses a router must treat alike.
    ask
        ``ask(flow, ttl)`` wishes for a probe in the next round.
    wishes
        All wishes of the round; empty: nothing is left to ask.
    """

    def __init__(
        self, sightings: Sightings, enough: int, ask: Callable[[Flow, int], None], wishes: Mapping[Any, int]
    ) -> None:
        self.sightings, self._enough, self._ask, self._wishes = sightings, enough, ask, wishes
        self._all = neighbours_of(sightings.address)[:NEIGHBOURS]
        self._tried = 0

    def visit(self, levels: list[Level]) -> None:
        """Look for routers that balance per destination."""
        sightings, address = self.sightings, self.sightings.address
        own = [flow for flow in sightings.cells if flow.address == address]
        ends = {
            flow: end for flow in own if (end := sightings.end(flow)) is not None and end > self.sightings.first_ttl
        }
        cells = [sightings.look_at(flow, end - 1) for flow, end in ends.items()]
        sightings.turn_at({spot for cell in cells if cell is not None for spot in cell.responders})
        if not sightings.turning:
            return
        reach = range(self.sightings.first_ttl, max(ends.values()))
        valid = self._check(reach, min(ends.values()) - 1)
        if self._wishes:
            return
        lacking = max((self._lacking(group) for level in levels for group in level.groups.values()), default=0)
        if (valid or self._tried < ENOUGH_TO_TRY) and self._tried < len(self._all):
            lacking = min(lacking, len(self._all) - self._tried)
            for neighbour in self._all[self._tried : self._tried + lacking]:
                sightings.left_out.add(neighbour)
                for ttl in range(self.sightings.first_ttl, min(ends.values())):
                    self._ask(Flow(neighbour, 1), ttl)
            self._tried += lacking
        if not self._wishes:
            self._compare_flows(levels)

    def _check(self, reach: range, nearest: int) -> int:
        """See which neighbours have met the destination's last router, and ask again where probes were lost."""
        sightings, valid = self.sightings, 0
        for flow in [Flow(each, 1) for each in self._all[: self._tried]]:
            end = sightings.end(flow)
            met = end is not None and not sightings.cell(flow, end).responders.isdisjoint(sightings.turning)
            if met:
                sightings.left_out.discard(flow.address)
                valid += 1
            for ttl in range(reach.start, (nearest if end is None else end) + 1):
                cell = sightings.cell(flow, ttl)
                if not cell.answers and cell.decided < TRIES:
                    self._ask(flow, ttl)
            if end is None and nearest + 1 in reach:  # branches of unequal length: its own may be longer
                further = next(
                    (ttl for ttl in range(nearest + 1, reach.stop) if not self.sightings.asked(flow, ttl)), None
                )
                if further is not None:
                    self._ask(flow, further)
        return valid

    def _lacking(self, group: Group) -> int:
        """How many more addresses must pass a router before it is believed not to balance per destination."""
        own = [flow for flow in group.counted(self.sightings.address) if flow in group.next]
        seen = group.seen(own)
        if (
            group.doubtful
            or len(seen) != 1
            or SILENT in seen
            or any(spot in self.sightings.turning for spot in group.spots)
        ):
            return 0
        if len(group.seen(group.next)) > 1 or any(self.sightings.end(flow) == group.ttl + 1 for flow in own):
            return 0
        return max(0, self._enough - len({flow.address for flow in group.next}))

    def _compare_flows(self, levels: list[Level]) -> None:
        """Where another address went another way: do all flows to that address? Else it was a balancer per flow."""
        for level in levels:
            for group in level.groups.values():
                own = [flow for flow in group.next if flow.address == self.sightings.address]
                seen = group.seen(own)
                if not own or group.doubtful or len(seen) != 1:
                    continue
                for flow in group.next:
                    if flow.number == 1 and not group.next[flow] <= seen:
                        for number in range(2, self._enough + 1):
                            other = Flow(flow.address, number)
                            for ttl in (level.ttl, level.ttl + 1):
                                if (
                                    self.sightings.asked(other, ttl) < TRIES
                                    and not self.sightings.cell(other, ttl).answers
                                ):
                                    self._ask(other, ttl)
                        break


def neighbours_of(address: str) -> list[str]:
    """Addresses that share all but the last 8 bits with this one, the nearest first.

    Examples
    --------
    >>> neighbours_of("203.0.113.80")[:4]
    ['203.0.113.81', '203.0.113.82', '203.0.113.83', '203.0.113.84']
    """
    own = ip_address(address.partition("%")[0])
    last = int(own) & 0xFF
    reserved = (0, 255) if own.version == 4 else (0,)  # network and broadcast address; subnet-router anycast
    return [str(own + ((last ^ bits) - last)) for bits in range(1, 256) if last ^ bits not in reserved]
