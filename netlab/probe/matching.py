"""What an incoming packet says about a probe: `read_answer` turns bytes into an `Answer`.

An answer is one of two things. Either the destination's own: an echo reply, a timestamp reply, a UDP datagram, a
SYN-ACK or RST. Or an ICMP error about one of our packets, from anybody on the way; it quotes that packet's IP header
and at least the 8 bytes behind it (RFC 792, RFC 4443 section 3). Both carry the low 16 bits of the probe's number.
An answer that is not for us gives None; bytes that are no packet at all give None too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from netlab import wire
from netlab.errors import PacketError
from netlab.probe.build import COOKIE_BYTES, MIDDLE_PORT
from netlab.wire import icmpv4

if TYPE_CHECKING:
    from netlab.wire import icmpv6


@dataclass(slots=True, eq=False, repr=False)
class Answer:
    """What one packet says: the fields of a row that come from the answer."""

    responder: str
    outcome: str
    """reply, time-exceeded or unreachable."""
    number: int | None
    """Low 16 bits of the probe's number; None where the answer does not say."""
    reply_ttl: int
    icmp_type: int | None = None
    icmp_code: int | None = None
    detail: str = ""
    mark: str = ""
    mtu: int | None = None
    target: str = ""
    """For an error: the address the quoted packet was for."""
    cookie: bytes = b""
    """As many bytes of the cookie as came back."""
    payload: bytes | None = None
    """Of a reply that echoes; None where nothing is echoed."""
    bad_checksum: bool = False
    port: int = 0
    """Destination port in a quoted UDP or TCP header: tells flows apart."""
    identification: int | None = None
    """Of the quoted IPv4 header; it carries the low 16 bits of the number, too."""
    loose: bool = False
    """The quote has another source port or identifier than ours (a NAT changed it): only a whole cookie proves it."""
    quoted: Any = None
    """The quoted IP header (`wire.IPv4` or `wire.IPv6`), None in a reply."""
    mpls: str = ""
    interface: str = ""


UNREACHABLE_V4: dict[int, tuple[str, str]] = {
    # code: (detail, mark of the Linux traceroute); RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1
    0: ("network unreachable", "!N"),
    1: ("host unreachable", "!H"),
    2: ("protocol unreachable", "!P"),
    3: ("port unreachable", ""),
    4: ("fragmentation needed", "!F"),
    5: ("source route failed", "!S"),
    6: ("network unknown", "!N"),
    7: ("host unknown", "!H"),
    8: ("source host isolated", "!N"),
    9: ("network prohibited", "!X"),
    10: ("host prohibited", "!X"),
    11: ("network unreachable for this TOS", "!N"),
    12: ("host unreachable for this TOS", "!H"),
    13: ("administratively prohibited", "!X"),
    14: ("host precedence violation", "!V"),
    15: ("precedence cutoff in effect", "!C"),
}
UNREACHABLE_V6: dict[int, tuple[str, str]] = {
    # RFC 4443 section 3.1; the last two say more exactly what 1 says, so they have its mark
    0: ("no route", "!N"),
    1: ("administratively prohibited", "!X"),
    2: ("beyond scope of source address", "!H"),
    3: ("address unreachable", "!H"),
    4: ("port unreachable", ""),
    5: ("source address failed policy", "!X"),
    6: ("route rejected", "!X"),
}


class Ours(NamedTuple):
    """What marks a packet as one of ours."""

    protocol: str
    identifier: int
    """ICMP identifier or source port; TCP's lie on one side of it, as in `Builder.ports`."""
    port: int
    spread: int = 1

    def has_ports(self, source: int, destination: int) -> bool:
        """Whether a packet that we sent may have these ports."""
        if self.protocol == "udp":
            return source == self.identifier and self.port <= destination < self.port + self.spread
        away = self.identifier - source if self.identifier >= MIDDLE_PORT else source - self.identifier
        return destination == self.port and 0 <= away < self.spread


def read_answer(data: bytes, protocol: str, identifiers: dict[int, int], port: int, spread: int = 1) -> Answer | None:
    """Read one incoming IP packet as an answer to probes of ``protocol`` with these identifiers (by family).

    ``spread``: how many ports from ``port`` (UDP) or the identifier (TCP) on belong to the measurement.
    """
    try:
        packet = wire.parse(data)
        version = 4 if isinstance(packet, wire.IPv4) else 6
        if version not in identifiers:
            return None
        ours = Ours(protocol, identifiers[version], port, spread)
        if isinstance(packet, wire.IPv4):
            return _read_v4(packet, ours)
        return _read_v6(packet, ours)
    except PacketError:
        return None


def _read_v4(packet: wire.IPv4, ours: Ours) -> Answer | None:
    protocol, identifier = ours.protocol, ours.identifier
    answer = Answer(packet.source, "reply", None, packet.ttl)
    if packet.protocol != wire.PROTOCOL_ICMP:
        return _direct(answer, packet, packet.protocol, packet.payload, ours)
    message = icmpv4.parse(packet.payload)
    answer.icmp_type, answer.icmp_code = message.type, message.code
    answer.bad_checksum = message.checksum is not None
    if isinstance(message, icmpv4.EchoReply):
        return _echoed(answer, message, identifier) if protocol == "icmp" else None
    if isinstance(message, icmpv4.TimestampReply):
        if protocol != "icmp" or message.identifier != identifier:
            return None
        answer.number = message.sequence
        answer.detail = f"originate={message.originate} receive={message.receive} transmit={message.transmit}"
        return answer
    if isinstance(message, icmpv4.TimeExceeded):
        answer.outcome = "time-exceeded"
        answer.detail = "fragment reassembly time exceeded" if message.code == 1 else "TTL exceeded"
    elif isinstance(message, icmpv4.DestinationUnreachable):
        answer.outcome = "unreachable"
        answer.detail, answer.mark = UNREACHABLE_V4.get(
            message.code, (f"unreachable, code {message.code}", f"!<{message.code}>")
        )
        if message.code == 4:
            answer.mtu = message.mtu or None
            answer.detail += f", mtu={message.mtu}" if message.mtu else ""
            answer.mark = f"!F-{message.mtu}" if message.mtu else "!F"
    elif isinstance(message, icmpv4.ParameterProblem):
        answer.outcome = "unreachable"
        answer.detail = f"parameter problem at byte {message.pointer}"
        answer.mark = f"!<{message.type}-{message.code}>"
    else:
        return None
    _extensions(answer, message.extensions)
    quoted = wire.IPv4.parse(message.original, quoted=True)
    answer.identification = quoted.identification
    return _about(answer, quoted, quoted.protocol, quoted.payload, ours)


def _read_v6(packet: wire.IPv6, ours: Ours) -> Answer | None:
    from netlab.wire import icmpv6  # only who pings over IPv6 waits for it

    protocol, identifier = ours.protocol, ours.identifier
    next_header, body, fragment = wire.upper_layer(packet)
    if fragment is not None and (fragment.fragment_offset or fragment.more_fragments):
        return None
    answer = Answer(packet.source, "reply", None, packet.hop_limit)
    if next_header != wire.PROTOCOL_ICMPV6:
        return _direct(answer, packet, next_header, body, ours)
    message = icmpv6.parse(body, packet.source, packet.destination)
    answer.icmp_type, answer.icmp_code = message.type, message.code
    answer.bad_checksum = message.checksum is not None
    if isinstance(message, icmpv6.EchoReply):
        return _echoed(answer, message, identifier) if protocol == "icmp" else None
    if isinstance(message, icmpv6.TimeExceeded):
        answer.outcome = "time-exceeded"
        answer.detail = "fragment reassembly time exceeded" if message.code == 1 else "hop limit exceeded"
    elif isinstance(message, icmpv6.DestinationUnreachable):
        answer.outcome = "unreachable"
        answer.detail, answer.mark = UNREACHABLE_V6.get(
            message.code, (f"unreachable, code {message.code}", f"!<{message.code}>")
        )
    elif isinstance(message, icmpv6.PacketTooBig):
        answer.outcome, answer.mtu = "unreachable", message.mtu
        answer.detail, answer.mark = f"packet too big, mtu={message.mtu}", f"!F-{message.mtu}"
    elif isinstance(message, icmpv6.ParameterProblem):
        answer.outcome = "unreachable"
        answer.detail = f"parameter problem at byte {message.pointer}"
        answer.mark = "!P" if message.code == 1 else f"!<{message.type}-{message.code}>"
    else:
        return None
    _extensions(answer, getattr(message, "extensions", ()))
    quoted = wire.IPv6.parse(message.original, quoted=True)
    quoted_protocol, quoted_body, _ = wire.upper_layer(quoted)
    return _about(answer, quoted, quoted_protocol, quoted_body, ours)


def _echoed(answer: Answer, message: icmpv4.EchoReply | icmpv6.EchoReply, identifier: int) -> Answer | None:
    if message.identifier != identifier:
        return None
    answer.number, answer.payload = message.sequence, message.payload
    answer.cookie = message.payload[:COOKIE_BYTES]
    return answer


def _direct(answer: Answer, packet: wire.IPv4 | wire.IPv6, number: int, body: bytes, ours: Ours) -> Answer | None:
    """Read an answer of the destination to a UDP or TCP probe."""
    if number == wire.PROTOCOL_UDP and ours.protocol == "udp":
        datagram = wire.UDP.parse(body, packet.source, packet.destination)
        if not ours.has_ports(datagram.destination_port, datagram.source_port):
            return None
        answer.port = datagram.source_port
        answer.bad_checksum = datagram.checksum not in (None, 0)
        answer.cookie, answer.payload = datagram.payload[:COOKIE_BYTES], datagram.payload
        return answer
    if number == wire.PROTOCOL_TCP and ours.protocol == "tcp":
        segment = wire.TCP.parse(body, packet.source, packet.destination)
        if not ours.has_ports(segment.destination_port, segment.source_port):
            return None
        answer.bad_checksum = segment.checksum is not None
        if segment.flags & wire.TCP.RST:
            # To a SYN the RST acknowledges it (RFC 9293 section 3.5.2); to an ACK its sequence is the ACK's number.
            back = segment.acknowledgment - 1 if segment.flags & wire.TCP.ACK else segment.sequence
            answer.detail = "closed (RST)"
        elif segment.flags & wire.TCP.SYN and segment.flags & wire.TCP.ACK:
            back, answer.detail = segment.acknowledgment - 1, "open (SYN-ACK)"
        else:
            return None
        answer.number = back & 0xFFFF
        return answer
    return None


def _about(answer: Answer, quoted: wire.IPv4 | wire.IPv6, number: int, body: bytes, ours: Ours) -> Answer | None:
    """Find out which probe an ICMP error is about, from the packet that it quotes."""
    answer.quoted, answer.target = quoted, quoted.destination
    if len(body) < 8:
        return None  # RFC 792 promises 64 bits; with less nobody can tell whose packet it was
    first, second = int.from_bytes(body[0:2], "big"), int.from_bytes(body[2:4], "big")
    last = int.from_bytes(body[6:8], "big")
    if ours.protocol == "icmp" and number in (wire.PROTOCOL_ICMP, wire.PROTOCOL_ICMPV6):
        if body[0] not in (8, 13, 128):
            return None
        answer.loose = int.from_bytes(body[4:6], "big") != ours.identifier
        answer.number = last
        answer.cookie = body[8 : 8 + COOKIE_BYTES] if body[0] != 13 else b""
        return answer if not answer.loose or len(answer.cookie) == COOKIE_BYTES else None
    if ours.protocol == "udp" and number == wire.PROTOCOL_UDP:
        answer.loose = not ours.has_ports(first, second)
        answer.number, answer.port = last or None, second
        answer.cookie = body[8 : 8 + COOKIE_BYTES]
        return answer if not answer.loose or len(answer.cookie) == COOKIE_BYTES else None
    if ours.protocol == "tcp" and number == wire.PROTOCOL_TCP and second == ours.port:
        # A NAT may have changed the source port; the sequence number, half of which only we know, it leaves alone.
        answer.number, answer.port = last, second
        answer.cookie = body[4:6]
        return answer
    return None


def _extensions(answer: Answer, objects: tuple[Any, ...]) -> None:
    if not objects:
        return
    from netlab.wire.extensions import InterfaceInformation, MplsStack

    for item in objects:
        if isinstance(item, MplsStack):
            answer.mpls = str(item)
        elif isinstance(item, InterfaceInformation):
            answer.interface = str(item)
