"""What a machine knows about ways: its addresses, its interfaces, and the routes it has asked for.

Every route is asked for once (see `routing`) and kept in ``table``. Of several equally short ways the table has the
first; a load balancer keeps all of them in ``several``. A destination behind a tunnel is in ``entered``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netlab.internet import mpls
from netlab.internet.balance import Balancer
from netlab.internet.interface import Interface
from netlab.internet.model import Node
from netlab.internet.packet import Packet
from netlab.internet.routing import FixedRoutes, Routing

if TYPE_CHECKING:
    from netlab.internet.engine import Engine
    from netlab.internet.machine import Machine


class Forwarding:
    """The part of a machine that decides where packets go."""

    __slots__ = (
        "addresses", "balancer", "config", "delay", "down", "engine", "entered", "external", "families", "fast",
        "fixed_route", "index", "interfaces", "is_host", "link_name", "name", "node_name", "own", "passes", "peer_name",
        "routing", "several", "table", "tunnels",
    )  # fmt: skip

    def __init__(self, engine: Engine, config: Node, index: int) -> None:
        self.engine, self.config, self.index = engine, config, index
        self.name = self.node_name = config.name
        self.link_name = self.peer_name = ""
        self.delay = 0
        self.is_host = config.kind == "host"
        self.down = config.down
        self.addresses: list[bytes] = []
        self.own: set[bytes] = set()
        self.families: set[int] = {4, 6}
        self.interfaces: list[Interface] = []
        self.table: dict[bytes, Interface | str] = {}
        self.fast: dict[bytes | None, Interface] = {}
        """The part of ``table`` by which `receive` forwards without a closer look."""
        self.balancer = Balancer(config.balance, engine.seed, config.name) if config.balance else None
        self.several: dict[bytes, Sequence[Interface]] = {}
        """Destinations with several ways that the load balancer chooses from, packet by packet."""
        self.tunnels: list[mpls.Path] = []
        """The MPLS tunnels that begin here."""
        self.entered: dict[bytes, mpls.Path] = {}
        """Destinations whose packets enter a tunnel here."""
        self.passes = False
        """Whether nearly all packets may go on without a closer look."""
        self.external: Callable[[int, bytes], None] | None = None

    def route(self, destination: bytes) -> Interface | str:
        """The way to a destination, see `routing`, of several the first; asked for once and then kept."""
        found = self.table.get(destination)
        return self._find(destination) if found is None else found

    def way(self, packet: Packet) -> Interface | str:
        """The way of this packet: where several are equally short, the one that the load balancer chooses."""
        route = self.route(packet.destination)
        if self.balancer and packet.destination in self.several:
            return self.balancer.choose(packet, self.several[packet.destination])
        return route

    def ways(self, destination: bytes) -> Sequence[Interface]:
        """All ways that packets to a destination may take; none when it is here or cannot be reached."""
        route = self.route(destination)
        return self.several.get(destination) or ((route,) if isinstance(route, Interface) else ())

    def steps(self, destination: bytes) -> Sequence[Sequence[Machine]]:
        """Where packets may go from here: the machines on the way to each of the next ones that look for a route."""
        ways = self.ways(destination)
        if ways and destination in self.entered:
            return [self.entered[destination].machines[1:]]
        return [[out.peer] for out in ways]

    def _find(self, destination: bytes) -> Interface | str:
        ways = self.routing.ways(self, destination)
        if isinstance(ways, str):
            self.table[destination] = ways
            return ways
        if self.balancer and len(ways) > 1:
            ways = self.balancer.possible(destination, ways)
        self.table[destination] = ways[0]
        if self.tunnels and (path := mpls.entrance(self, destination)):
            self.entered[destination] = path
            self.table[destination] = path.links[0]
            return path.links[0]
        if self.balancer and len(ways) > 1:
            self.several[destination] = ways
        elif self.passes and not self.external:
            self.fast[destination] = ways[0]
        return ways[0]

    def add_address(self, address: bytes) -> None:
        self.addresses.append(address)
        self.own.add(address)
        self.families = {4 if len(each) == 4 else 6 for each in self.addresses}

    def any_address(self, family: int) -> bytes | None:
        return next((each for each in self.addresses if (len(each) == 4) == (family == 4)), None)

    def broadcasts(self, address: bytes) -> bool:
        """Whether this is the broadcast address of one of its links (RFC 919): all bits behind the prefix are 1."""
        value = int.from_bytes(address, "big")
        return len(address) == 4 and any(
            size == 4 and shift > 1 and value >> shift == number and ~value & ((1 << shift) - 1) == 0
            for interface in self.interfaces
            for size, shift, number in interface.networks
        )

    def default_route(self) -> Interface | None:
        """Where a host sends what it knows nothing about: over its first link that is up."""
        return next((each for each in self.interfaces if self.is_host and not each.down), None)

    def is_on(self, destination: bytes) -> bool:
        """Whether the address fits a network of one of the machine's links."""
        value = int.from_bytes(destination, "big")
        return any(
            size == len(destination) and value >> shift == number
            for interface in self.interfaces
            for size, shift, number in interface.networks
        )

    def connect(self, routing: Routing, fixed: FixedRoutes) -> None:
        """The world is complete: from now on the machine can ask for routes."""
        self.routing = routing
        self.fixed_route = fixed.find
