"""A host or router of the virtual internet while it runs: its IP layer (RFC 1122, 1812 and 8200).

The order in which a machine looks at a packet is that of Linux: the header; the route; when the packet is its own:
firewall, reassembly, checksum, protocol; when it is for another: TTL, length, firewall, next link.

The strategy is about speed: `receive` handles what nearly all packets are, a packet that only passes through a
router and of whose destination the router already knows the next link (``fast``). Whatever is not so goes to
`examine`, which does everything in full. A machine with a firewall, a host, a machine that is off has an empty
``fast``.

Protocols above IP are in a table, ``handlers``: see `stack.py`. Everything a machine says itself leaves by
`originate`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from netlab.errors import PacketError
from netlab.internet import icmp, stack
from netlab.internet.capture import DELIVERED, FORWARDED, SENT
from netlab.internet.extension import Layers, hop_by_hop, options4, walk
from netlab.internet.firewall import Firewall
from netlab.internet.fragments import TIMEOUT, Datagram, Reassembly, join, split
from netlab.internet.interface import Interface
from netlab.internet.model import Node
from netlab.internet.packet import Packet, is_link_local
from netlab.internet.randomness import stream
from netlab.internet.ratelimit import Limiter
from netlab.internet.routing import LOCAL, FixedRoutes, Routing

if TYPE_CHECKING:
    from netlab.internet.engine import Engine

REFUSALS = {
    "network unreachable": "network unreachable",  # ENETUNREACH
    "host unreachable": "no route to host",  # EHOSTUNREACH
    "unreachable route": "no route to host",
    "prohibited": "permission denied",  # EACCES
    "blackhole": "invalid argument",  # EINVAL
    "beyond scope": "invalid argument",
    "martian destination": "invalid argument",
}
"""What a kernel tells a program that wants to send where no route leads; others: as the route says."""


class Machine:
    """One node at run time."""

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
        self.firewall = Firewall(config.firewall) if config.firewall else None
        self.passes = not (self.is_host or self.down or self.firewall)
        self.limiter = Limiter(config.icmp) if config.icmp else None
        self.reassembly = Reassembly()
        self.path_mtu: dict[bytes, int] = {}
        """What ICMP told about the largest packet towards a destination (RFC 1191, RFC 8201)."""
        self.open = frozenset(config.open)
        self.handlers = dict(stack.HANDLERS)
        self.listeners: list[deque[tuple[int, bytes]]] = []
        self.external: Callable[[int, bytes], None] | None = None
        self.withheld: Counter[str] = Counter()
        """How many ICMP errors and echo replies were not sent, by reason: the truth behind a silent hop."""
        self.identifications = stream(engine.seed, "node", config.name, "identification").getrandbits(16)

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

    # ── a packet comes in ──────────────────────────────────────────────────────────────────────────────────────

    def receive(self, packet: Packet, incoming: Interface | None) -> None:
        """A packet comes in over a link: forward it by what is known, or look closer."""
        out = self.fast.get(packet.key)
        if out is None or packet.ttl < 2 or packet.size > out.mtu:
            self.examine(packet, incoming)
        else:
            packet.ttl -= 1
            out.send(packet, FORWARDED)

    def examine(self, packet: Packet, incoming: Interface | None) -> None:
        """Everything that a machine does with a packet, in full."""
        if self.down:
            self.drop(packet, "node down")
        elif self.external:
            self.engine.record((self.engine.now, DELIVERED, self, packet, packet.ttl))
            self.external(self.engine.now, packet.now())
        elif packet.fault:
            self.refuse(packet, packet.fault, 2 if packet.fault == "bad total length" else 0)
        elif problem := options4(packet) if packet.family == 4 else hop_by_hop(packet):
            self.refuse(packet, *problem)
        else:
            route = self.route(packet.destination)
            if route == LOCAL and packet.destination not in self.own and incoming:
                self.drop(packet, "martian destination")  # a loopback address, from outside
            elif route == LOCAL:
                self.deliver(packet)
            elif self.is_host and route != "broadcast or multicast":
                self.drop(packet, "not for this host")
            elif isinstance(route, str):
                self.refuse(packet, route)
            else:
                self.forward(packet, route)

    def route(self, destination: bytes) -> Interface | str:
        """The way to a destination, see `routing`; asked for once and then kept."""
        found = self.table.get(destination)
        if found is None:
            found = self.table[destination] = self.routing.route(self, destination)
            if self.passes and isinstance(found, Interface) and not self.external:
                self.fast[destination] = found
        return found

    def forward(self, packet: Packet, out: Interface) -> None:
        """Pass a packet on, after all that a router has to check first."""
        mtu = out.mtu_for(packet.family)
        if packet.ttl < 2:
            self.refuse(packet, "ttl exceeded")
        elif is_link_local(packet.source):
            self.refuse(packet, "beyond scope")
        elif packet.size > mtu and packet.dont_fragment:
            if self.config.hides_too_big:
                self.drop(packet, "MTU black hole")
            else:
                self.refuse(packet, "too long", mtu=mtu)
        elif self.firewall and (reason := self.firewall.reason(packet)):
            self.refuse(packet, reason)
        else:
            packet.ttl -= 1
            self.send(packet, out, mtu, FORWARDED)

    def deliver(self, packet: Packet) -> None:
        """The packet is for this machine."""
        if self.firewall and (reason := self.firewall.reason(packet)):
            self.refuse(packet, reason)
            return
        layers = walk(packet)
        if layers.problem and layers.problem.reason != "protocol unreachable":
            self.refuse(packet, *layers.problem)
        elif layers.fragment and (layers.fragment.offset or layers.fragment.more):
            self._reassemble(packet, layers)
        else:
            self._hand_up(packet, layers)

    def _hand_up(self, packet: Packet, layers: Layers, whole: bool = False) -> None:
        """Give a whole packet to its protocol; ``whole``: it was put together, its fragments are recorded already."""
        engine = self.engine
        wrong = stack.checksum_fault(packet, layers)
        if wrong:
            self.drop(packet, wrong)
        elif not whole:
            engine.record((engine.now, DELIVERED, self, packet, packet.ttl))
        for listener in self.listeners:
            listener.append((engine.now, packet.now()))
        if not wrong:
            handler = self.handlers.get((packet.family, layers.protocol))
            if handler and not layers.problem:
                handler(self, packet, layers.offset)
            elif layers.protocol != stack.NO_NEXT_HEADER or packet.family == 4:
                self.complain(packet, "protocol unreachable", layers.named if packet.family == 6 else 0)

    # ── fragments ──────────────────────────────────────────────────────────────────────────────────────────────

    def _reassemble(self, packet: Packet, layers: Layers) -> None:
        engine, place = self.engine, layers.fragment
        if place and place.more and (len(packet.raw) - (place.header + 8 if place.header else layers.offset)) % 8:
            if packet.family == 6:  # RFC 8200 section 4.5: the payload length is at fault
                self.refuse(packet, "bad extension header", 4)
            else:
                self.drop(packet, "bad fragment")
            return
        datagram, state = self.reassembly.add(packet, layers)
        if state not in ("first", "waiting", "complete"):
            self.drop(packet, state)
            return
        engine.record((engine.now, DELIVERED, self, packet, packet.ttl))
        if state == "complete":
            whole = Packet(join(datagram), self._number_of(datagram))
            self._hand_up(whole, walk(whole), whole=True)
        elif state == "first":
            engine.at(engine.now + TIMEOUT[packet.family], lambda: self._give_up(datagram))

    def _give_up(self, datagram: Datagram) -> None:
        """The rest of a datagram did not come: its sender is told, if the fragment that says who that is did come."""
        if self.reassembly.give_up(datagram):
            part = (datagram.first or datagram.latest).copy(number=self._number_of(datagram))
            part.parent = 0
            self.drop(part, "reassembly time exceeded")
            if datagram.first:
                self.complain(datagram.first, "reassembly time exceeded")

    def _number_of(self, datagram: Datagram) -> int:
        """The packet that was cut into these fragments; a new number when they came into the world as fragments."""
        return (datagram.first or datagram.latest).whole or self.engine.number()

    # ── a packet goes out ──────────────────────────────────────────────────────────────────────────────────────

    def originate(self, raw: bytes, parent: int = 0, fragment: bool = True) -> str:
        """Send a packet of this machine's own; "" when it left, else why a kernel would refuse."""
        engine = self.engine
        if self.down:
            return "network is down"
        try:
            packet = Packet(raw, engine.number(), parent)
        except PacketError:
            return "invalid argument"
        route = self.route(packet.destination)
        if route == LOCAL:
            engine.record((engine.now, SENT, self, packet, packet.ttl))
            engine.at(engine.now, lambda: self._loop_back(packet))
            return ""
        if route == "broadcast or multicast":
            route = next((each for each in self.interfaces if not each.down), "network unreachable")
        if isinstance(route, str):
            return REFUSALS.get(route, route)
        if route.down:
            return "network is down"
        mtu = route.mtu_for(packet.family)
        if self.external or not fragment or packet.fault or (packet.family == 4 and packet.dont_fragment):
            if packet.size > mtu:
                engine.refused_mtu = mtu
                return "message too long"
        else:
            mtu = min(mtu, self.path_mtu.get(packet.destination, mtu))
        self.send(packet, route, mtu, SENT)
        return ""

    def send(self, packet: Packet, out: Interface, mtu: int, what: str) -> None:
        """Put a packet on a link, in fragments when it is too long for it."""
        if packet.size <= mtu:
            out.send(packet, what)
            return
        for raw in split(packet.now(), mtu, self.identification()):
            piece = Packet(raw, self.engine.number(), packet.number)
            piece.whole = packet.whole if packet.is_fragment else packet.number
            out.send(piece, what)

    def _loop_back(self, packet: Packet) -> None:
        if packet.fault == "martian source":
            packet.fault = ""  # 127.0.0.1 and ::1 may speak to their own machine
        self.examine(packet, None)

    def identification(self) -> int:
        """The next value for the identification field of a packet that may be fragmented."""
        self.identifications += 1
        return self.identifications & 0xFFFF

    # ── what goes wrong ────────────────────────────────────────────────────────────────────────────────────────

    def drop(self, packet: Packet, reason: str) -> None:
        self.engine.capture.drop(self.engine.now, reason, self, packet)

    def refuse(self, packet: Packet, reason: str, pointer: int = 0, mtu: int = 0) -> None:
        """Drop a packet, and tell its sender if there is an ICMP message for the reason."""
        self.drop(packet, reason)
        if reason == "reset by firewall":
            stack.reset(self, packet)
        else:
            self.complain(packet, reason, pointer, mtu)

    def complain(self, packet: Packet, cause: str, pointer: int = 0, mtu: int = 0) -> None:
        """Send the ICMP error for a cause, if there is one, if it may be sent, and if the limit allows it."""
        if packet.family not in icmp.NUMBERS.get(cause, ()):
            return
        if self.config.silent:
            self.withheld["silent"] += 1
        elif forbidden := icmp.forbidden(packet, cause):
            self.withheld[forbidden] += 1
        elif (source := self.source_towards(packet)) is None:
            self.withheld["no way back"] += 1
        elif self.limiter and cause != icmp.UNLIMITED and not self.limiter.allow(self.engine.now, packet.source):
            self.withheld["rate limit"] += 1
        else:
            raw = icmp.error(packet, cause, source, self.config.initial_ttl, self.identification(), pointer, mtu)
            if self.originate(raw, packet.number):
                self.withheld["no way back"] += 1

    def source_towards(self, packet: Packet) -> bytes | None:
        """The source of an error: the address asked, else that of the interface towards the sender (as Linux)."""
        if packet.destination in self.own:
            return packet.destination
        route = self.route(packet.source)
        if isinstance(route, Interface):
            return route.addresses.get(packet.family) or self.any_address(packet.family)
        return self.any_address(packet.family) if route == LOCAL else None
