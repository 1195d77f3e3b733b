"""Putting whole IP packets together from what the kernel tells, where it hides the headers.

Ping sockets deliver an ICMP message without its IP header, UDP sockets a payload, the error queue (see
``live_errqueue.py``) an ICMP error in pieces, TCP's ``connect`` a yes or a no. Everything above this layer reads whole
packets, so they are rebuilt here, with right lengths and checksums, and the caller marks them ``rebuilt``.

What nobody tells is filled in with a value that raises no false alarm: the IPv4 identification is 0, the TTL inside a
quote is 1 (what it is in a Time Exceeded of a faultless router), the TTL of a TCP answer is 0, which no real packet
has. A quoted header is the one that we sent: from an unprivileged socket one cannot see what the way changed in it.
"""

from __future__ import annotations

from netlab import wire
from netlab.network.live_errqueue import QueuedError

TTL_UNKNOWN = 0
QUOTED_TTL = 1

IPV6_HEADER, UDP_HEADER = 40, 8
UNREACHABLE, PARAMETER_PROBLEM = 3, 12
"""ICMPv4 types whose second word carries an MTU or a pointer (RFC 1191, RFC 792)."""
TOO_BIG_V6, PARAMETER_PROBLEM_V6 = 2, 4
"""ICMPv6 types whose second word is one number (RFC 4443 sections 3.2 and 3.4); they cannot carry extensions."""


def packet(
    source: str, destination: str, protocol: int, payload: bytes, ttl: int, tos: int, flow_label: int = 0
) -> bytes:
    """An IP packet of the version that the addresses have."""
    if ":" in destination:
        return wire.IPv6(source, destination, protocol, payload, ttl, tos, flow_label).to_bytes()
    return wire.IPv4(source, destination, protocol, payload, ttl, tos).to_bytes()


def icmp_error(error: QueuedError, sent: bytes, transport: bytes) -> bytes:
    """The ICMP error as a packet.

    ``sent`` is the packet that it is about, ``transport`` the quoted bytes from the transport header on, as far as
    they are known, with the extension behind them. ``error.extension`` counts from the start of ``transport``.
    """
    quote = quoted_header(sent) + transport
    source, destination = error.offender, addresses(sent)[0]
    quoted = header_length(sent) + error.extension if error.extension else 0
    if sent[0] >> 4 == 6:
        if error.type in (TOO_BIG_V6, PARAMETER_PROBLEM_V6):
            second = error.info.to_bytes(4, "big")
        else:
            second = bytes((quoted // 8 & 0xFF, 0, 0, 0))  # RFC 4884 section 4: the quote's length in 64-bit words
        message6 = wire.icmpv6.Unknown(error.type, error.code, second + quote)
        body = message6.to_bytes(source, destination)
        return packet(source, destination, wire.PROTOCOL_ICMPV6, body, error.ttl, error.tos)
    pointer = error.info & 0xFF if error.type == PARAMETER_PROBLEM else 0
    mtu = error.info & 0xFFFF if error.type == UNREACHABLE else 0
    second = bytes((pointer, quoted // 4 & 0xFF)) + mtu.to_bytes(2, "big")
    body = wire.icmpv4.Unknown(error.type, error.code, second + quote).to_bytes()
    return packet(source, destination, wire.PROTOCOL_ICMP, body, error.ttl, error.tos)


def quoted_header(sent: bytes) -> bytes:
    """The IP header of ``sent`` as a router quotes it: with the TTL used up."""
    if sent[0] >> 4 == 6:
        return sent[:7] + bytes([QUOTED_TTL]) + sent[8:IPV6_HEADER]
    header = sent[:8] + bytes([QUOTED_TTL, sent[9], 0, 0]) + sent[12 : header_length(sent)]
    return header[:10] + wire.checksum(header).to_bytes(2, "big") + header[12:]


def echo_as_left(sent: bytes, identifier: int) -> bytes:
    """An echo request with the identifier and the checksum that a ping socket puts into it."""
    start = header_length(sent)
    body = identifier.to_bytes(2, "big") + sent[start + 6 :]
    if sent[0] >> 4 == 6:
        return sent[:start] + wire.icmpv6.Unknown(sent[start], sent[start + 1], body).to_bytes(*addresses(sent))
    return sent[:start] + wire.icmpv4.Unknown(sent[start], sent[start + 1], body).to_bytes()


def tcp_answer(sent: bytes, flags: int) -> bytes:
    """The answer that a SYN must have got: SYN and ACK from an open port, RST and ACK from a closed one."""
    source, destination = addresses(sent)
    syn = wire.TCP.parse(sent[header_length(sent) :], source, destination, quoted=True)
    answer = wire.TCP(
        syn.destination_port,
        syn.source_port,
        acknowledgment=(syn.sequence + 1) & 0xFFFFFFFF,
        flags=flags,
        window=0,
    )
    body = answer.to_bytes(destination, source)
    return packet(destination, source, wire.PROTOCOL_TCP, body, TTL_UNKNOWN, 0)


def header_length(sent: bytes) -> int:
    return IPV6_HEADER if sent[0] >> 4 == 6 else (sent[0] & 15) * 4


def addresses(sent: bytes) -> tuple[str, str]:
    """Source and destination of a packet."""
    if sent[0] >> 4 == 6:
        return wire.to_text(sent[8:24]), wire.to_text(sent[24:40])
    return wire.to_text(sent[12:16]), wire.to_text(sent[16:20])
