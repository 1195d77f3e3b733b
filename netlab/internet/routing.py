"""Which way a packet goes: each machine's decision, made when it is first asked for and then kept in its table.

In this order, for one destination at one machine:

1. its own addresses, and loopback: ``local``; addresses that nobody may send to: a reason to drop.
2. the longest prefix decides (RFC 1812 section 5.2.4.3): a fixed route (`model.Route`) wins when it is at least as
   long as the prefix of the network that the destination is on. So ``203.0.113.0/24 via b`` decides over a network
   of that length, and ``0.0.0.0/0 via b`` only where there is no network. Hosts know the networks of their own links
   only: for them ``0.0.0.0/0 via b`` is everything else.
3. else the shortest path: the least sum of the links' costs (1 each, if the world says nothing else), and of equal
   paths the one whose next link comes first in the world's list; a load balancer takes all of them (`balance.py`).
   A cost counts in its direction only, so the way back may be another. Links that are down are avoided (everybody
   knows); machines that are down are not (nobody knows). Hosts do not forward.
4. a shorter fixed route; a host that finds nothing uses its first link, as a default route; a router has no route.

An address that nobody has is looked for on the network it belongs to: the nearest router there finds that the
address is missing. Distances are counted once per destination, from the destination outwards, over the whole world:
a thousand machines take about a millisecond, some more where links have costs.

The network inside of a NAT is known inside only: for everybody else its addresses are on no network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from netlab.internet.firewall import Network, network
from netlab.internet.interface import Interface
from netlab.internet.packet import is_link_local, is_loopback, is_multicast

if TYPE_CHECKING:
    from netlab.internet.forwarding import Forwarding
    from netlab.internet.machine import Machine

LOCAL = "local"
"""The answer for a machine's own addresses; every other text is a reason to drop (``capture.REASONS``)."""

VERDICTS = {"unreachable": "unreachable route", "prohibit": "prohibited", "blackhole": "blackhole"}
"""What a fixed route may say instead of a neighbour."""

UNSPECIFIED = (bytes(4), bytes(16))

NOWHERE = 129
"""More bits than an address has: on no network at all."""


class Routing:
    """The map of the world that all machines' routing protocols agree on."""

    def __init__(self, machines: Iterable[Machine]) -> None:
        self.machines = list(machines)
        self.owners: dict[bytes, list[Machine]] = {}
        self.attached: dict[tuple[int, int, int], list[Machine]] = {}
        """The machines on each network; a network as in `Interface.networks`."""
        for machine in self.machines:
            for address in machine.addresses:
                self.owners.setdefault(address, []).append(machine)
            for interface in machine.interfaces:
                for net in interface.networks:
                    there = self.attached.setdefault(net, [])
                    if machine not in there:
                        there.append(machine)
        self.shifts = sorted({(size, shift) for size, shift, _ in self.attached})
        self.distances: dict[tuple[int, ...], list[int]] = {}
        self.weighted = any(each.cost != 1 for machine in self.machines for each in machine.interfaces)
        self.hidden = [_hidden(machine, self.machines) for machine in self.machines if machine.config.nat]

    def route(self, machine: Forwarding, destination: bytes) -> Interface | str:
        """The interface by which this machine sends to ``destination``, `LOCAL`, or the reason why it cannot."""
        ways = self.ways(machine, destination)
        return ways if isinstance(ways, str) else ways[0]

    def ways(self, machine: Forwarding, destination: bytes) -> Sequence[Interface] | str:
        """All interfaces by which ``destination`` is equally near, `LOCAL`, or the reason why there are none."""
        if destination in machine.own or is_loopback(destination):
            return LOCAL
        if destination in UNSPECIFIED:
            return "martian destination"
        if is_multicast(destination) or machine.broadcasts(destination):
            return "broadcast or multicast"
        if is_link_local(destination):
            return self._on_link(machine, destination)
        if any(net.holds(destination) and machine not in inside for net, inside in self.hidden):
            shift, targets = NOWHERE, []
        else:
            shift, there = self._network(destination)
            targets = self.owners.get(destination, there)
        fixed = machine.fixed_route(destination)
        if fixed and (fixed.shift <= shift or (machine.is_host and not machine.is_on(destination))):
            return _parallel(machine, fixed.answer)
        if machine in targets:
            return "host unreachable"
        found = self._shortest(machine, targets, destination) if targets else None
        if found:
            return found
        if fixed:
            return _parallel(machine, fixed.answer)
        default = machine.default_route()
        return (default,) if default else "network unreachable"

    def _on_link(self, machine: Forwarding, destination: bytes) -> Sequence[Interface] | str:
        for interface in machine.interfaces:
            if destination in interface.peer.own and not interface.down:
                return (interface,)
        return "beyond scope"

    def _network(self, destination: bytes) -> tuple[int, list[Machine]]:
        """The smallest network that an address fits: the bits behind its prefix, the routers (or else hosts) on it."""
        value = int.from_bytes(destination, "big")
        for size, shift in self.shifts:
            if size == len(destination) and (size, shift, value >> shift) in self.attached:
                there = self.attached[size, shift, value >> shift]
                return shift, [each for each in there if not each.is_host] or there
        return (0 if destination in self.owners else NOWHERE), []

    def _shortest(self, machine: Forwarding, targets: list[Machine], destination: bytes) -> list[Interface]:
        family = 4 if len(destination) == 4 else 6
        distances = self._distances(targets, family)
        here = distances[machine.index]
        return [
            interface
            for interface in machine.interfaces
            if 0 <= distances[interface.peer.index] == here - interface.cost
            and not interface.down
            and (interface.peer in targets or not interface.peer.is_host)
        ]

    def _distances(self, targets: list[Machine], family: int) -> list[int]:
        """How far every machine is away from the nearest target, the costs of all links summed; -1: no way."""
        key = (family, *(target.index for target in targets))
        found = self.distances.get(key)
        if found is None:
            count = self._count_costs if self.weighted else self._count_links
            found = self.distances[key] = count(targets, family)
        return found

    def _count_links(self, targets: list[Machine], family: int) -> list[int]:
        """Breadth first, from the targets outwards."""
        found = [-1] * len(self.machines)
        waiting = deque(targets)
        for target in targets:
            found[target.index] = 0
        while waiting:
            machine = waiting.popleft()
            if machine.is_host and found[machine.index]:
                continue
            for interface in machine.interfaces:
                peer = interface.peer
                if found[peer.index] < 0 and not interface.down and family in peer.families:
                    found[peer.index] = found[machine.index] + 1
                    waiting.append(peer)
        return found

    def _count_costs(self, targets: list[Machine], family: int) -> list[int]:
        """Dijkstra's algorithm, from the targets outwards: a link's cost is that of the way towards the target."""
        found = [-1] * len(self.machines)
        waiting = [(0, target.index) for target in targets]
        while waiting:
            distance, index = heappop(waiting)
            if found[index] >= 0:
                continue
            found[index] = distance
            machine = self.machines[index]
            if machine.is_host and distance:
                continue
            for interface in machine.interfaces:
                peer = interface.peer
                if found[peer.index] < 0 and not interface.down and family in peer.families:
                    heappush(waiting, (distance + interface.reverse.cost, peer.index))
        return found


def _parallel(machine: Forwarding, answer: Interface | str) -> Sequence[Interface] | str:
    """What a fixed route says: all links to that neighbour, the one that it named first."""
    if isinstance(answer, str):
        return answer
    return [each for each in machine.interfaces if each.peer is answer.peer and not each.down]


def _hidden(router: Machine, machines: Iterable[Machine]) -> tuple[Network, list[Machine]]:
    """The network inside of a NAT, and the machines there."""
    assert router.config.nat is not None
    inside = network(router.config.nat.inside)
    return inside, [each for each in machines if any(map(inside.holds, each.addresses))]


class Fixed(NamedTuple):
    """A fixed route, and the bits behind its prefix."""

    shift: int
    answer: Interface | str


class FixedRoutes:
    """A machine's fixed routes, the longest prefix first; of equal prefixes, the one that is written first."""

    def __init__(self, machine: Machine) -> None:
        self.table: list[tuple[Network, Fixed]] = []
        for route in machine.config.routes:
            net = network(route.to)
            answer = VERDICTS.get(route.via) or _towards(machine, route.via)
            self.table.append((net, Fixed(net.shift, answer)))
        self.table.sort(key=lambda entry: entry[0].shift)

    def find(self, destination: bytes) -> Fixed | None:
        return next((fixed for net, fixed in self.table if net.holds(destination)), None)


def _towards(machine: Machine, neighbour: str) -> Interface | str:
    """The first link that leads there and is up; a router whose neighbour cannot be reached says so."""
    for interface in machine.interfaces:
        if interface.peer_name == neighbour and not interface.down:
            return interface
    return "host unreachable"
