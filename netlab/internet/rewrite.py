"""Changing packets on their way, with checksums kept right (RFC 1624): what NAT and bleaching routers do.

A checksum that was wrong before stays wrong by as much, one that was not computed (UDP over IPv4) stays 0. The same
functions work on the packet that an ICMP error quotes, where the checksum of the transport may be cut off.
"""

from __future__ import annotations

from netlab.internet.packet import Packet
from netlab.wire.checksum import update

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58

CHECKSUM_AT = {ICMP: 2, TCP: 16, UDP: 6, ICMPV6: 2}
"""Where in the transport header the checksum stands."""

IDENTIFIER_AT = 4
"""Where in an ICMP echo or timestamp message the identifier stands."""


def tos(packet: Packet, value: int) -> Packet:
    """The same packet with another type of service or traffic class."""
    raw = packet.raw
    first = raw[0] << 8 | raw[1]
    new = first & 0xFF00 | value if packet.family == 4 else first & 0xF00F | value << 4
    if new == first:
        return packet
    data = bytearray(packet.now())
    data[0:2] = new.to_bytes(2, "big")
    if packet.family == 4:
        _update(data, 10, first.to_bytes(2, "big"), new.to_bytes(2, "big"))
    return packet.copy(bytes(data))


def address(data: bytearray, packet: int, transport: int, protocol: int, new: bytes, source: bool) -> None:
    """Replace the source or destination of the packet at ``packet``, whose transport header is at ``transport``."""
    if len(new) == 4:
        place = packet + (12 if source else 16)
    else:
        place = packet + (8 if source else 24)
    old = bytes(data[place : place + len(new)])
    data[place : place + len(new)] = new
    if len(new) == 4:
        _update(data, packet + 10, old, new)
    if protocol in (TCP, UDP, ICMPV6):  # ICMP over IPv4 alone has no pseudo-header
        _update_transport(data, transport, protocol, old, new)


def port(data: bytearray, transport: int, protocol: int, new: int, source: bool) -> None:
    """Replace the source or destination port, or the identifier of an ICMP message."""
    if protocol not in CHECKSUM_AT:
        return
    place = transport + (IDENTIFIER_AT if protocol in (ICMP, ICMPV6) else 0 if source else 2)
    old = bytes(data[place : place + 2])
    data[place : place + 2] = new.to_bytes(2, "big")
    _update_transport(data, transport, protocol, old, new.to_bytes(2, "big"))


def _update_transport(data: bytearray, transport: int, protocol: int, old: bytes, new: bytes) -> None:
    place = transport + CHECKSUM_AT[protocol]
    if place + 2 > len(data) or (protocol == UDP and data[place : place + 2] == b"\0\0"):
        return
    _update(data, place, old, new)
    if protocol == UDP and data[place : place + 2] == b"\0\0":
        data[place : place + 2] = b"\xff\xff"  # 0 would mean: not computed (RFC 768)


def _update(data: bytearray, place: int, old: bytes, new: bytes) -> None:
    """Correct the checksum at ``place`` for words that have changed."""
    value = data[place] << 8 | data[place + 1]
    for at in range(0, len(old), 2):
        value = update(value, old[at] << 8 | old[at + 1], new[at] << 8 | new[at + 1])
    data[place : place + 2] = value.to_bytes(2, "big")
