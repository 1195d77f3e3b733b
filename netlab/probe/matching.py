"""What an incoming packet says about a probe: `read_answer` turns bytes into an `Answer`.

An answer is one of two things. Either the destination's own: an echo reply, a timestamp reply, a UDP datagram, a
SYN-ACK or RST. Or an ICMP error about one of our packets, from anybody on the way; it quotes that packet's IP header
and at least the 8 bytes behind it (RFC 792, RFC 4443 section 3). Both carry the low 16 bits of the probe's number.
An answer that is not for us gives None; bytes that are no packet at all give None too.

Most answers of a traceroute are ICMP errors over IPv4 with nothing special about them: `_plain_error` reads such a one
in one go. All others are taken apart header by header, with ``wire``. Both ways give the same.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from netlab import wire
from netlab.errors import PacketError
from netlab.probe.build import COOKIE_BYTES, MIDDLE_PORT
from netlab.wire import icmpv4
from netlab.wire.addresses import to_text
from netlab.wire.checksum import ones_complement_sum

if TYPE_CHECKING:
    from netlab.wire import icmpv6


class Quote(NamedTuple):
    """The IP header that an ICMP error quotes, as the router saw it, and what of the packet comes behind."""

    source: str
    ttl: int
    tos: int
    fragment: bool
    """It was a part of a packet."""
    payload: bytes


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
    quoted: Quote | None = None
    """None in a reply."""
    mpls: str = ""
    interface: str = ""


UNREACHABLE, TIME_EXCEEDED = 3, 11
"""Types of the errors that probes meet (RFC 792)."""
NEEDS_FRAGMENTATION = 4
"""The code with a field more: the MTU."""
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


FIRST_WORDS = struct.Struct("!4H")
"""What every quote has of the transport header."""


class Ours(NamedTuple):
    """What marks a packet as one of ours."""

    protocol: str
    identifier: int
    """ICMP identifier or source port; TCP's lie on one side of it, as in `Builder.ports`."""
    port: int
    spread: int = 1
    """How many ports from ``port`` (UDP) or the identifier (TCP) on belong to the measurement."""

    def has_ports(self, source: int, destination: int) -> bool:
        """Whether a packet that we sent may have these ports."""
        if self.protocol == "udp":
            return source == self.identifier and self.port <= destination < self.port + self.spread
        away = self.identifier - source if self.identifier >= MIDDLE_PORT else source - self.identifier
        return destination == self.port and 0 <= away < self.spread


def read_answer(data: bytes, ours: Mapping[int, Ours]) -> Answer | None:
    """Read one incoming IP packet as an answer to probes that are marked like this (by IP version)."""
    if 4 in ours and PLAIN_LEAST <= len(data) <= PLAIN_MOST:
        answer = _plain_error(data, ours[4])
        if answer is not None:
            return answer
    try:
        packet = wire.parse(data)
        if isinstance(packet, wire.IPv4):
            return _read_v4(packet, ours[4]) if 4 in ours else None
        return _read_v6(packet, ours[6]) if 6 in ours else None
    except PacketError:
        return None


PLAIN_ERROR = struct.Struct("!BxHxxxxBBxx4s4x BBxxxBxx BBHHHBBxx4s4s")
"""IPv4 header, ICMP header of an error, quoted IPv4 header: the fields that matter (RFC 791, 792, 4884)."""
IPV4_HEADER, QUOTE_AT, PLAIN_LEAST = 20, 28, 48
"""Where the ICMP message, the quote and the quoted payload begin."""
PLAIN_MOST = QUOTE_AT + 128
"""Extensions come only behind 128 bytes of quote (RFC 4884 section 3)."""
NO_OPTIONS = 0x45
"""The first byte of an IPv4 header without options."""
FRAGMENTED = 0x3FFF
"""More fragments, and the fragment offset."""


def _plain_error(data: bytes, ours: Ours) -> Answer | None:
    """An ICMP error over IPv4 without IP options, extensions and a field of its own; None: look at it closely."""
    (
        first, length, reply_ttl, protocol, source, kind, code, length_words,
        quoted_first, tos, quoted_length, identification, quoted_fragment, ttl, quoted_protocol, quoted_source, target,
    ) = PLAIN_ERROR.unpack_from(data)  # fmt: skip
    if first != NO_OPTIONS or quoted_first != NO_OPTIONS or protocol != wire.PROTOCOL_ICMP or length != len(data):
        return None
    has_mtu = kind == UNREACHABLE and code == NEEDS_FRAGMENTATION
    if kind not in (TIME_EXCEEDED, UNREACHABLE) or has_mtu or length_words:
        return None
    answer = Answer(to_text(source), "reply", None, reply_ttl, kind, code)
    answer.bad_checksum = ones_complement_sum(data[IPV4_HEADER:]) != 0xFFFF
    if kind == TIME_EXCEEDED:
        _time_exceeded(answer, code)
    else:
        _unreachable(answer, code)
    answer.identification = identification
    body = data[PLAIN_LEAST : QUOTE_AT + quoted_length] if quoted_length >= IPV4_HEADER else data[PLAIN_LEAST:]
    quote = Quote(to_text(quoted_source), ttl, tos, quoted_fragment & FRAGMENTED != 0, body)
    return _about(answer, quote, to_text(target), quoted_protocol, body, ours)


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
        _time_exceeded(answer, message.code)
    elif isinstance(message, icmpv4.DestinationUnreachable):
        _unreachable(answer, message.code)
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
    fragment = quoted.more_fragments or quoted.fragment_offset > 0
    quote = Quote(quoted.source, quoted.ttl, quoted.tos, fragment, quoted.payload)
    return _about(answer, quote, quoted.destination, quoted.protocol, quoted.payload, ours)


def _time_exceeded(answer: Answer, code: int) -> None:
    answer.outcome = "time-exceeded"
    answer.detail = "fragment reassembly time exceeded" if code == 1 else "TTL exceeded"


def _unreachable(answer: Answer, code: int) -> None:
    answer.outcome = "unreachable"
    answer.detail, answer.mark = UNREACHABLE_V4.get(code) or (f"unreachable, code {code}", f"!<{code}>")


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
    quote = Quote(quoted.source, quoted.hop_limit, quoted.traffic_class, False, quoted.payload)
    return _about(answer, quote, quoted.destination, quoted_protocol, quoted_body, ours)


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


def _about(answer: Answer, quote: Quote, target: str, number: int, body: bytes, ours: Ours) -> Answer | None:
    """Find out which probe an ICMP error is about, from the packet that it quotes."""
    answer.quoted, answer.target = quote, target
    if len(body) < 8:
        return None  # RFC 792 promises 64 bits; with less nobody can tell whose packet it was
    first, second, third, last = FIRST_WORDS.unpack_from(body)
    if ours.protocol == "icmp" and number in (wire.PROTOCOL_ICMP, wire.PROTOCOL_ICMPV6):
        if body[0] not in (8, 13, 128):
            return None
        answer.loose = third != ours.identifier
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
