"""What machines answer to packets for themselves: ICMP, UDP, and as much of TCP as a probe needs.

`HANDLERS` says who gets a packet: a function per family and protocol, called with the machine, the packet and the
place where the transport header begins. Each machine has its own copy, ``machine.handlers``; a fuller TCP takes the
place of `tcp` there. A handler answers by ``machine.originate``.

RFC 1122 section 3.2.2 (ICMP) and 4.1.3 (UDP), RFC 4443 section 4, RFC 862 (echo), RFC 9293 section 3.10.7 (reset).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netlab.errors import PacketError
from netlab.internet.complaints import complain, say
from netlab.internet.extension import Layers, walk
from netlab.internet.interface import LEAST_MTU6
from netlab.internet.model import EPOCH
from netlab.internet.packet import Packet, is_multicast
from netlab.internet.randomness import stream
from netlab.wire import icmpv4, icmpv6
from netlab.wire.addresses import to_text
from netlab.wire.checksum import checksum, ones_complement_sum, pseudo_header, update
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import IPv6
from netlab.wire.tcp import TCP
from netlab.wire.udp import UDP

if TYPE_CHECKING:
    from netlab.internet.machine import Machine

Handler = Callable[["Machine", Packet, int], None]

ECHO_PORT = 7
"""An open UDP port 7 sends everything back (RFC 862)."""

NO_NEXT_HEADER = 59
"""IPv6: nothing follows (RFC 8200 section 4.7)."""

LEAST_MTU4 = 68
"""No link has less (RFC 791), so a smaller figure in an ICMP error is nonsense."""

DAY_MS = 86_400_000


def icmp4(machine: Machine, packet: Packet, start: int) -> None:
    """Echo and timestamp requests are answered, "too long" is remembered, all else is ignored."""
    raw = packet.raw
    kind = raw[start]
    if kind == icmpv4.EchoRequest.type and start + 8 <= len(raw):
        # Computed afresh: updating (RFC 1624) cannot tell the two zeros apart when a reply is nothing but zeros.
        rest = raw[start + 4 :]
        _answer_icmp(machine, packet, b"\0\0" + checksum(rest).to_bytes(2, "big") + rest)
    elif kind == icmpv4.TimestampRequest.type and start + 20 <= len(raw):
        request = icmpv4.parse(raw[start:])
        if isinstance(request, icmpv4.TimestampRequest):
            now = (EPOCH + machine.engine.now) // 1_000_000 % DAY_MS
            reply = icmpv4.TimestampReply(request.identifier, request.sequence, request.originate, now, now)
            _answer_icmp(machine, packet, reply.to_bytes())
    elif kind == icmpv4.DestinationUnreachable.type and raw[start + 1] == icmpv4.FRAGMENTATION_NEEDED:
        _remember_mtu(machine, raw[start + 8 :], int.from_bytes(raw[start + 6 : start + 8], "big"))


def icmp6(machine: Machine, packet: Packet, start: int) -> None:
    raw = packet.raw
    kind = raw[start]
    if kind == icmpv6.EchoRequest.type and start + 8 <= len(raw):
        old, new = icmpv6.EchoRequest.type << 8 | raw[start + 1], icmpv6.EchoReply.type << 8
        # The two addresses change places in the pseudo-header: its sum stays as it is.
        right = update(raw[start + 2] << 8 | raw[start + 3], old, new)
        body = new.to_bytes(2, "big") + right.to_bytes(2, "big") + raw[start + 4 :]
        _answer_icmp(machine, packet, body)
    elif kind == icmpv6.PacketTooBig.type:
        _remember_mtu(machine, raw[start + 8 :], int.from_bytes(raw[start + 4 : start + 8], "big"))


def _answer_icmp(machine: Machine, packet: Packet, body: bytes) -> None:
    if machine.config.silent:
        machine.withheld["silent"] += 1
    elif not machine.config.answers_echo and body[0] in (icmpv4.EchoReply.type, icmpv6.EchoReply.type):
        machine.withheld["answers no echo"] += 1
    else:
        protocol = packet.protocol if packet.family == 4 else icmpv6.PROTOCOL
        say(machine, _answer_to(machine, packet, protocol, body), packet)


def _remember_mtu(machine: Machine, original: bytes, mtu: int) -> None:
    """A router says that a packet was too long: from now on cut packets to that destination to what it can take."""
    try:
        quoted = Packet(original, 0)
    except PacketError:
        return
    if quoted.source in machine.own:
        least = LEAST_MTU4 if quoted.family == 4 else LEAST_MTU6
        known = machine.path_mtu.get(quoted.destination, mtu)
        machine.path_mtu[quoted.destination] = max(least, min(known, mtu))


def udp(machine: Machine, packet: Packet, start: int) -> None:
    """A closed port is unreachable, an open one is silent, port 7 echoes."""
    raw = packet.raw
    port = raw[start + 2] << 8 | raw[start + 3]
    if ("udp", port) not in machine.open:
        complain(machine, packet, "port unreachable")
    elif port == ECHO_PORT:
        here, there = to_text(packet.destination), to_text(packet.source)
        answer = UDP(port, raw[start] << 8 | raw[start + 1], raw[start + 8 :])
        _answer(machine, packet, 17, answer.to_bytes(here, there))


def tcp(machine: Machine, packet: Packet, start: int) -> None:
    """An open port answers a SYN with SYN and ACK; everything else that is no reset gets a reset."""
    segment = _segment(packet, start)
    if segment is None or segment.flags & TCP.RST:
        return
    here, there = to_text(packet.destination), to_text(packet.source)
    if segment.flags & (TCP.SYN | TCP.ACK) == TCP.SYN and ("tcp", segment.destination_port) in machine.open:
        flow = here, str(segment.destination_port), there, str(segment.source_port)
        sequence = stream(machine.engine.seed, "node", machine.name, "tcp", *flow).getrandbits(32)
        answer = TCP(
            segment.destination_port,
            segment.source_port,
            sequence,
            (segment.sequence + 1) & 0xFFFFFFFF,
            TCP.SYN | TCP.ACK,
        )
        _answer(machine, packet, 6, answer.to_bytes(here, there))
    else:
        reset(machine, packet)


def reset(machine: Machine, packet: Packet) -> None:
    """Answer a TCP segment with a reset from the address it was sent to; a firewall does so for another machine."""
    layers = walk(packet)
    segment = None if layers.fragment else _segment(packet, layers.offset)
    if segment is None or segment.flags & TCP.RST or is_multicast(packet.destination):
        return
    here, there = to_text(packet.destination), to_text(packet.source)
    ports = segment.destination_port, segment.source_port
    if segment.flags & TCP.ACK:
        answer = TCP(*ports, segment.acknowledgment, 0, TCP.RST, window=0)
    else:
        length = len(segment.payload) + bool(segment.flags & TCP.SYN) + bool(segment.flags & TCP.FIN)
        answer = TCP(*ports, 0, (segment.sequence + length) & 0xFFFFFFFF, TCP.RST | TCP.ACK, window=0)
    _answer(machine, packet, 6, answer.to_bytes(here, there))


def _segment(packet: Packet, start: int) -> TCP | None:
    try:
        return TCP.parse(packet.raw[start:], to_text(packet.source), to_text(packet.destination))
    except PacketError:
        return None


def _answer(machine: Machine, packet: Packet, protocol: int, body: bytes) -> None:
    """Send ``body`` back to where a packet came from."""
    if refusal := machine.originate(_answer_to(machine, packet, protocol, body), packet.number):
        machine.withheld[refusal] += 1


def _answer_to(machine: Machine, packet: Packet, protocol: int, body: bytes) -> bytes:
    """The packet for the sender of another one, with its type of service; TCP wants no fragments (RFC 1191)."""
    here, there, ttl = to_text(packet.destination), to_text(packet.source), machine.config.initial_ttl
    if packet.family == 6:
        traffic_class = (packet.raw[0] << 8 | packet.raw[1]) >> 4 & 0xFF
        return IPv6(here, there, protocol, body, hop_limit=ttl, traffic_class=traffic_class).to_bytes()
    whole, identification = protocol == 6, 0 if protocol == 6 else machine.identification()
    return IPv4(here, there, protocol, body, ttl, packet.raw[1], identification, dont_fragment=whole).to_bytes()


HANDLERS: dict[tuple[int, int], Handler] = {
    (4, 1): icmp4, (6, 58): icmp6, (4, 17): udp, (6, 17): udp, (4, 6): tcp, (6, 6): tcp,
}  # fmt: skip
"""By family and protocol number; what is not here is unreachable."""

CHECKED = {
    1: ("bad ICMP checksum", 8),
    58: ("bad ICMP checksum", 4),
    17: ("bad UDP checksum", 8),
    6: ("bad TCP checksum", 20),
}
"""Protocols with a checksum: the reason to drop what fails it, and the fewest bytes it has."""


def checksum_fault(packet: Packet, layers: Layers) -> str:
    """The reason to drop a packet that was damaged on its way, "" when its checksum is right.

    Nobody is told about it: the address in a damaged packet may be as wrong as the rest (RFC 1122 section 3.2.2).
    """
    reason, least = CHECKED.get(layers.protocol, ("", 0))
    if not reason or (packet.family, layers.protocol) in ((4, 58), (6, 1)) or layers.problem:
        return ""
    message = packet.raw[layers.offset :]
    if len(message) < least:
        return "truncated"
    if layers.protocol == 17:
        if message[4] << 8 | message[5] > len(message) or message[4:6] < b"\0\x08":
            return "truncated"
        message = message[: message[4] << 8 | message[5]]
        if message[6:8] == b"\0\0":
            return reason if packet.family == 6 else ""  # RFC 8200 section 8.1: IPv6 does not allow none
    start = 0
    if layers.protocol != 1:
        pseudo = pseudo_header(to_text(packet.source), to_text(packet.destination), layers.protocol, len(message))
        start = ones_complement_sum(pseudo)
    return "" if ones_complement_sum(message, start) == 0xFFFF else reason


__all__ = ["HANDLERS", "Handler", "checksum_fault", "reset"]
