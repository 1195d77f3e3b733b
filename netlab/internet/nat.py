"""Source NAT: the hosts of an inside network share one address of their router (RFC 3022, RFC 4787, RFC 5508).

The model is Linux (nf_nat with an SNAT rule). For each flow that begins inside, the router lends a port of its outside
address: the one that the host uses, if no other flow to the same remote port has it, else one of the same range by
chance. ICMP echo and timestamp identifiers are ports in this sense. Only answers from the address and port that were
written to come back in. What comes from outside and answers nothing is for the router itself. Fragments are put
together first, because only the first of them has ports, and cut again to the size in which they came.

*ICMP errors* quote the packet as it was beyond the router: source address, port and checksum are the outside ones. The
router finds the flow by the quote, sends the error to the host inside, and puts the inside address and port back into
the quote, and corrects the checksums there. This is what Linux does, and it is thorough: **a student inside sees
nothing.** Hops before and behind the router quote exactly what was sent. The NAT shows only

* in the capture, at nodes outside (``network.packets(node=...)``): there the packets have the outside address;
* in the answers of a remote program that tells the address it sees;
* by the identifier, when two hosts inside use the same one at the same time.

With ``fix_quotes = false`` the router is one of those that translate the outer header only. Then quotes from behind
it have another source, perhaps another port, and a checksum that differs from the one that was sent. The differing
checksum is how Dublin Traceroute finds NATs, and at which hop. (A quote that does not show the sender's own source
never comes to an unprivileged socket: its kernel cannot tell whose it is.)

As in Linux, an error about a packet that this router never translated passes as it is. Left out: timeouts (a flow is
remembered for the life of the world), port forwarding, and several outside addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netlab.errors import PacketError
from netlab.internet import rewrite
from netlab.internet.extension import walk
from netlab.internet.firewall import network
from netlab.internet.icmp import ERRORS4
from netlab.internet.model import Nat
from netlab.internet.packet import Packet
from netlab.internet.randomness import stream
from netlab.internet.rewrite import ICMP, ICMPV6, TCP, UDP
from netlab.wire.addresses import to_packed, to_text
from netlab.wire.checksum import checksum, ones_complement_sum, pseudo_header

REQUESTS = {ICMP: {8: 0, 13: 14}, ICMPV6: {128: 129}}
"""ICMP messages that begin a flow, and their answers: echo and timestamp."""

REPLIES = {protocol: {reply: request for request, reply in pairs.items()} for protocol, pairs in REQUESTS.items()}

RANGES = ((1, 511), (600, 1023), (1024, 65_535))
"""A port is replaced by one of its own range, as in Linux; the lowest ones may mean more than others."""

TRIES = 128
"""Ports taken by chance before all are looked through, as in Linux."""


class Flow(NamedTuple):
    """Both ends of a flow, as one packet of it has them."""

    protocol: int
    source: bytes
    source_port: int
    destination: bytes
    destination_port: int
    """Of an ICMP message: the kind of request, in place of the port of the other end."""

    def turned(self) -> Flow:
        return Flow(self.protocol, self.destination, self.destination_port, self.source, self.source_port)


class Read(NamedTuple):
    """What of a packet matters here."""

    flow: Flow | None
    """None: an ICMP message that belongs to no flow of its own."""
    transport: int
    """Where the transport header begins."""
    begins: bool = True
    """Whether such a packet may begin a flow."""


class Translator:
    """The NAT of one router."""

    def __init__(self, config: Nat, seed: int, node: str) -> None:
        self.config = config
        self.inside = network(config.inside)
        self.address = to_packed(config.address)
        self.chance = stream(seed, "node", node, "nat")
        self.lent: dict[Flow, int] = {}
        """The outside port of each flow, as its packets are inside."""
        self.flows: dict[Flow, Flow] = {}
        """The flow inside, by what comes back from outside."""

    def concerns(self, packet: Packet) -> bool:
        """Whether it is one of those that may have to be translated."""
        return packet.destination == self.address or self.goes_out(packet)

    def goes_out(self, packet: Packet) -> bool:
        return self.inside.holds(packet.source) and not self.inside.holds(packet.destination)

    def outward(self, packet: Packet) -> Packet | None:
        """A packet from inside as the world sees it; None: there is no port left for its flow."""
        read = _read(packet)
        if read is None:
            return packet
        if read.flow is None:
            return self._error_outward(packet, read.transport)
        if read.flow not in self.lent and not (read.begins and self._lend(read.flow)):
            return None if read.begins else packet
        data = bytearray(packet.now())
        rewrite.address(data, 0, read.transport, read.flow.protocol, self.address, source=True)
        rewrite.port(data, read.transport, read.flow.protocol, self.lent[read.flow], source=True)
        return packet.copy(bytes(data))

    def inward(self, packet: Packet) -> Packet | None:
        """An answer from outside as the host inside shall see it; None: it answers nothing that went out."""
        read = _read(packet) if packet.destination == self.address else None
        if read is None:
            return None
        if read.flow is None:
            return self._error_inward(packet, read.transport)
        mine = self.flows.get(read.flow)
        if mine is None:
            return None
        data = bytearray(packet.now())
        rewrite.address(data, 0, read.transport, read.flow.protocol, mine.source, source=False)
        rewrite.port(data, read.transport, read.flow.protocol, mine.source_port, source=False)
        return packet.copy(bytes(data))

    def _lend(self, flow: Flow) -> bool:
        """Find a port for a new flow and remember both; False: all are taken."""
        for port in self._ports(flow):
            answer = Flow(flow.protocol, flow.destination, flow.destination_port, self.address, port)
            if answer not in self.flows:
                self.flows[answer], self.lent[flow] = flow, port
                return True
        return False

    def _ports(self, flow: Flow) -> Iterator[int]:
        yield flow.source_port
        if flow.protocol not in (TCP, UDP, ICMP, ICMPV6):
            return
        low, high = 0, 65_535
        if flow.protocol in (TCP, UDP):
            low, high = next(each for each in RANGES if flow.source_port <= each[1])
        for _ in range(TRIES):
            yield low + (self.chance.getrandbits(32) * (high - low + 1) >> 32)
        yield from range(low, high + 1)

    # ── ICMP errors ────────────────────────────────────────────────────────────────────────────────────────────

    def _error_inward(self, packet: Packet, transport: int) -> Packet | None:
        """An error from outside about a packet that went out."""
        quoted = _quoted(packet, transport)
        mine = self.flows.get(quoted.flow.turned()) if quoted and quoted.flow else None
        if quoted is None or mine is None:
            return None
        data = bytearray(packet.now())
        if self.config.fix_quotes:
            self._correct(data, transport + 8, quoted, mine.source, mine.source_port, source=True)
        rewrite.address(data, 0, transport, packet.protocol, mine.source, source=False)
        return _sealed(packet, data, transport)

    def _error_outward(self, packet: Packet, transport: int) -> Packet:
        """An error from inside about an answer that came in."""
        quoted = _quoted(packet, transport)
        port = self.lent.get(quoted.flow.turned()) if quoted and quoted.flow else None
        if quoted is None or port is None:
            return packet
        data = bytearray(packet.now())
        if self.config.fix_quotes:
            self._correct(data, transport + 8, quoted, self.address, port, source=False)
        rewrite.address(data, 0, transport, packet.protocol, self.address, source=True)
        return _sealed(packet, data, transport)

    def _correct(self, data: bytearray, start: int, quoted: Read, address: bytes, port: int, source: bool) -> None:
        assert quoted.flow is not None
        transport = start + quoted.transport
        rewrite.address(data, start, transport, quoted.flow.protocol, address, source)
        rewrite.port(data, transport, quoted.flow.protocol, port, source)


def _read(packet: Packet) -> Read | None:
    """The flow of a packet or of a quote; None: it cannot be told."""
    layers = walk(packet)
    raw, start, protocol = packet.raw, layers.offset, layers.protocol
    if layers.fragment and layers.fragment.offset:
        return None
    if protocol not in (TCP, UDP, ICMP, ICMPV6):
        return Read(Flow(protocol, packet.source, 0, packet.destination, 0), start)
    if start + 8 > len(raw):
        return None
    if protocol in (TCP, UDP):
        ports = int.from_bytes(raw[start : start + 2], "big"), int.from_bytes(raw[start + 2 : start + 4], "big")
        return Read(Flow(protocol, packet.source, ports[0], packet.destination, ports[1]), start)
    kind, identifier = raw[start], raw[start + 4] << 8 | raw[start + 5]
    if kind in REQUESTS[protocol]:
        return Read(Flow(protocol, packet.source, identifier, packet.destination, kind), start)
    if kind in REPLIES[protocol]:
        flow = Flow(protocol, packet.source, REPLIES[protocol][kind], packet.destination, identifier)
        return Read(flow, start, begins=False)
    is_error = kind in ERRORS4 if protocol == ICMP else kind < 128
    return Read(None, start) if is_error else None


def _quoted(packet: Packet, transport: int) -> Read | None:
    """What an ICMP error is about; None: its checksum is wrong, or it quotes too little."""
    message = packet.raw[transport:]
    start = 0
    if packet.family == 6:
        here, there = to_text(packet.source), to_text(packet.destination)
        start = ones_complement_sum(pseudo_header(here, there, ICMPV6, len(message)))
    if ones_complement_sum(message, start) != 0xFFFF:
        return None
    try:
        return _read(Packet(message[8:], 0))
    except PacketError:
        return None


def _sealed(packet: Packet, data: bytearray, transport: int) -> Packet:
    """The packet with these bytes, and with the checksum of its ICMP message computed afresh."""
    data[transport + 2 : transport + 4] = b"\0\0"
    message, start = bytes(data[transport:]), 0
    changed = packet.copy(bytes(data))
    if packet.family == 6:
        here, there = to_text(changed.source), to_text(changed.destination)
        start = ones_complement_sum(pseudo_header(here, there, ICMPV6, len(message)))
    data[transport + 2 : transport + 4] = checksum(message, start).to_bytes(2, "big")
    return packet.copy(bytes(data))
