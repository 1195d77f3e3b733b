"""A host or router of the virtual internet while it runs: its IP layer (RFC 1122, 1812 and 8200).

The order in which a machine looks at a packet is that of Linux: the header; the route; when the packet is its own:
firewall, reassembly, checksum, protocol; when it is for another: TTL, length, firewall, next link.

The strategy is about speed: `receive` handles what nearly all packets are, a packet that only passes through a
router and of whose destination the router already knows the next link (``fast``). Whatever is not so goes to
`examine`, which does everything in full. A machine with a firewall, a host, a machine that is off has an empty
``fast``.

Which way a packet goes is known to `Forwarding`. Protocols above IP are in a table, ``handlers``: see `stack.py`.
Everything a machine says itself leaves by `originate`, what it says about packets of others is in `complaints.py`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netlab.errors import PacketError
from netlab.internet import mpls, rewrite, stack
from netlab.internet.capture import DELIVERED, FORWARDED, SENT
from netlab.internet.complaints import complain
from netlab.internet.control import ControlPlane
from netlab.internet.extension import Layers, hop_by_hop, options4, walk
from netlab.internet.firewall import Firewall
from netlab.internet.forwarding import Forwarding
from netlab.internet.fragments import Reassembly, split
from netlab.internet.gathering import gather
from netlab.internet.interface import Interface
from netlab.internet.model import Node
from netlab.internet.nat import Translator
from netlab.internet.packet import Packet, is_link_local
from netlab.internet.randomness import stream
from netlab.internet.ratelimit import Limiter
from netlab.internet.routing import LOCAL
from netlab.internet.tables import ANSWERS_FROM
from netlab.wire.addresses import to_packed

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


class Machine(Forwarding):
    """One node at run time."""

    __slots__ = (
        "control", "firewall", "fixed_source", "handlers", "identifications", "limiter", "listeners", "open",
        "path_mtu", "reassembly", "rewrites", "translator", "withheld",
    )  # fmt: skip

    def __init__(self, engine: Engine, config: Node, index: int) -> None:
        super().__init__(engine, config, index)
        self.firewall = Firewall(config.firewall) if config.firewall else None
        self.translator = Translator(config.nat, engine.seed, config.name) if config.nat else None
        self.rewrites = self.translator is not None or config.tos is not None
        self.passes = not (self.is_host or self.down or self.firewall or self.rewrites)
        self.limiter = Limiter(config.icmp) if config.icmp else None
        self.control = ControlPlane(config.control, engine.seed, config.name) if config.control else None
        self.reassembly = Reassembly()
        self.path_mtu: dict[bytes, int] = {}
        """What ICMP told about the largest packet towards a destination (RFC 1191, RFC 8201)."""
        self.open = frozenset(config.open)
        self.handlers = dict(stack.HANDLERS)
        self.listeners: list[deque[tuple[int, bytes]]] = []
        self.withheld: Counter[str] = Counter()
        """How many ICMP errors and echo replies were not sent, by reason: the truth behind a silent hop."""
        fixed = config.answers_from not in ANSWERS_FROM
        self.fixed_source = to_packed(config.answers_from) if fixed else None
        self.identifications = stream(engine.seed, "node", config.name, "identification").getrandbits(16)

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
        packet.incoming = incoming
        if self.down:
            self.drop(packet, "node down")
        elif packet.shim:
            mpls.switch(self, packet, packet.shim)
        elif self.external:
            self.engine.record((self.engine.now, DELIVERED, self, packet, packet.ttl))
            self.external(self.engine.now, packet.now())
        elif packet.fault:
            self.refuse(packet, packet.fault, 2 if packet.fault == "bad total length" else 0)
        elif problem := options4(packet) if packet.family == 4 else hop_by_hop(packet):
            self.refuse(packet, *problem)
        elif self.translator and incoming and self.translator.concerns(packet):
            self.translate(packet, self.translator)
        else:
            self.direct(packet)

    def direct(self, packet: Packet, inward: Packet | None = None) -> None:
        """Where does a packet go? ``inward``: what a NAT makes of it for the host that it answers."""
        route = self.way(inward or packet)
        if route == LOCAL and packet.destination not in self.own and packet.incoming:
            self.drop(packet, "martian destination")  # a loopback address, from outside
        elif route == LOCAL:
            self.deliver(packet)
        elif self.is_host and route != "broadcast or multicast":
            self.drop(packet, "not for this host")
        elif isinstance(route, str):
            self.refuse(packet, route)
        else:
            self.forward(packet, route, inward)

    def translate(self, packet: Packet, translator: Translator) -> None:
        """A NAT looks at whole packets only: later fragments have no ports."""
        layers = walk(packet)
        if layers.fragment and (layers.fragment.offset or layers.fragment.more):
            whole = gather(self, packet, layers, passing=True)
        else:
            whole = packet
        if whole:
            self.direct(whole, translator.inward(whole))

    def forward(self, packet: Packet, out: Interface, inward: Packet | None = None) -> None:
        """Pass a packet on, after all that a router has to check first; ``inward`` as in `direct`."""
        mtu = out.mtu_for(packet.family)
        if packet.ttl < 2:
            self.refuse(packet, "ttl exceeded")
        elif is_link_local(packet.source):
            self.refuse(packet, "beyond scope")
        elif self.fits(packet, mtu):
            if self.firewall and (reason := self.firewall.reason(inward or packet)):
                self.refuse(packet, reason)
                return
            changed = self.rewrite(inward or packet) if self.rewrites else packet
            if changed is None:
                self.drop(packet, "no free port")
                return
            changed.ttl -= 1
            self.send(changed, out, mtu, FORWARDED)

    def fits(self, packet: Packet, mtu: int) -> bool:
        """Whether a packet may go onto a link with this MTU, in fragments if need be; if not, its sender is told."""
        if (packet.longest or packet.size) <= mtu or not packet.dont_fragment:
            return True
        if self.config.hides_too_big:
            self.drop(packet, "MTU black hole")
        else:
            self.refuse(packet, "too long", mtu=mtu)
        return False

    def rewrite(self, packet: Packet) -> Packet | None:
        """A packet as it leaves a router that changes packets; None: its NAT has no port for it."""
        changed: Packet | None = packet
        if self.translator and self.translator.goes_out(packet):
            changed = self.translator.outward(packet)
        return rewrite.tos(changed, self.config.tos) if changed and self.config.tos is not None else changed

    def deliver(self, packet: Packet) -> None:
        """The packet is for this machine."""
        if self.firewall and (reason := self.firewall.reason(packet)):
            self.refuse(packet, reason)
            return
        layers = walk(packet)
        if layers.problem and layers.problem.reason != "protocol unreachable":
            self.refuse(packet, *layers.problem)
        elif layers.fragment and (layers.fragment.offset or layers.fragment.more):
            if whole := gather(self, packet, layers):
                self._hand_up(whole, walk(whole), whole=True)
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
                complain(self, packet, "protocol unreachable", layers.named if packet.family == 6 else 0)

    # ── a packet goes out ──────────────────────────────────────────────────────────────────────────────────────

    def originate(self, raw: bytes, parent: int = 0, fragment: bool = True, tunnel: mpls.Shim | None = None) -> str:
        """Send a packet of this machine's own; "" when it left, else why a kernel would refuse.

        ``tunnel``: it is an error about a packet with this label and goes on with it.
        """
        engine = self.engine
        if self.down:
            return "network is down"
        try:
            packet = Packet(raw, engine.number(), parent)
        except PacketError:
            return "invalid argument"
        if tunnel:
            mtu = tunnel.path.links[tunnel.place].mtu_for(packet.family)
            ttl = packet.ttl if tunnel.path.uniform else mpls.PIPE_TTL
            mpls.send(self, packet, tunnel.path, tunnel.place, ttl, mtu, SENT)
            return ""
        route = self.way(packet)
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
        """Put a packet on a link, or into the tunnel that begins there for its destination."""
        if self.entered and (path := self.entered.get(packet.destination)):
            mpls.enter(self, packet, path, mtu, what)
            return
        for piece in self.pieces(packet, mtu):
            out.send(piece, what)

    def pieces(self, packet: Packet, mtu: int) -> Sequence[Packet]:
        """The packet, or its fragments when it is too long; one that came in fragments is cut as it came."""
        if packet.longest:
            mtu = min(mtu, packet.longest)
        if packet.size <= mtu:
            return (packet,)
        cut = []
        for raw in split(packet.now(), mtu, self.identification()):
            piece = Packet(raw, self.engine.number(), packet.number)
            piece.whole = packet.whole if packet.is_fragment else packet.number
            cut.append(piece)
        return cut

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
            complain(self, packet, reason, pointer, mtu)
