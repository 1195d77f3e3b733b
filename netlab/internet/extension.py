"""What stands between the IP and the transport header: IPv4 options (RFC 791), IPv6 extension headers (RFC 8200).

`walk` goes from header to header as a host does, obeys the rules for what a host may not know, and stops at the
first problem. A problem has the words of `capture.REASONS`; where `icmp.MESSAGES` knows the same words, the sender
is told, with ``pointer`` at the byte that is at fault.

Left out: what options do. Record route and timestamp options (RFC 791) are carried and not filled in, source routes
are refused as Linux does by default, routing headers that are not used up are unknown types (RFC 8200 section 4.4).
"""

from __future__ import annotations

from typing import NamedTuple

from netlab.internet.packet import HEADER4, HEADER6, HOP_BY_HOP, Packet, is_multicast

ROUTING, FRAGMENT, DESTINATION_OPTIONS = 43, 44, 60
PAD1, PADN, ROUTER_ALERT = 0, 1, 5
"""IPv6 options that every machine here knows."""

END_OF_OPTIONS, NO_OPERATION, LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE = 0, 1, 131, 137
"""IPv4 options that matter here (RFC 791 section 3.1)."""


class Problem(NamedTuple):
    reason: str
    pointer: int = 0


class Fragment(NamedTuple):
    """Where a fragment belongs in its datagram; offsets in bytes."""

    offset: int
    more: bool
    identification: int
    header: int = 0
    """IPv6: where the Fragment header stands."""


class Layers(NamedTuple):
    protocol: int
    """What the packet carries; of a fragment, what its datagram carries."""
    offset: int
    """Where that begins."""
    named: int
    """Where the field stands that names the protocol: what a Parameter Problem points at."""
    fragment: Fragment | None = None
    problem: Problem | None = None


def walk(packet: Packet) -> Layers:
    """The way from the IP header to what the packet carries."""
    if packet.family == 6:
        return _walk6(packet)
    layers = Layers(packet.protocol, packet.offset, 9)
    if packet.is_fragment:
        raw = packet.raw
        fragment = Fragment(packet.fragment_offset, raw[6] & 0x20 != 0, raw[4] << 8 | raw[5])
        return layers._replace(fragment=fragment)
    return layers


def _walk6(packet: Packet) -> Layers:
    raw, protocol, offset, named = packet.raw, packet.protocol, HEADER6.size, 6
    fragment = None
    while protocol in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS):
        layers = Layers(protocol, offset, named, fragment)
        if protocol == HOP_BY_HOP and named != 6:  # only directly behind the IPv6 header
            return layers._replace(problem=Problem("protocol unreachable", named))
        length = 8 if protocol == FRAGMENT else (raw[offset + 1] + 1) * 8 if offset + 2 <= len(raw) else 8
        if offset + length > len(raw):
            return layers._replace(problem=_cut(fragment))
        problem = None
        if protocol == FRAGMENT:
            place = raw[offset + 2] << 8 | raw[offset + 3]
            identification = int.from_bytes(raw[offset + 4 : offset + 8], "big")
            fragment = Fragment(place & 0xFFF8, place & 1 != 0, identification, offset)
        elif protocol == ROUTING:
            if raw[offset + 3]:  # segments left, of a type that nobody here knows
                problem = Problem("bad extension header", offset + 2)
        else:
            problem = options6(raw, offset + 2, offset + length, packet.destination)
        if problem:
            return layers._replace(problem=problem)
        protocol, named, offset = raw[offset], offset, offset + length
        if fragment and fragment.offset:
            break  # what follows is the middle of something
    layers = Layers(protocol, offset, named, fragment)
    if fragment and not fragment.offset and fragment.more and offset + SHORTEST.get(protocol, 0) > len(raw):
        return layers._replace(problem=_cut(fragment))
    return layers


SHORTEST = {6: 20, 17: 8, 58: 4}
"""How much of TCP, UDP and ICMPv6 the first fragment must hold (RFC 8200 section 4.5, RFC 7112)."""


def _cut(fragment: Fragment | None) -> Problem:
    """The headers go on beyond the end of the packet: forbidden also where the rest would come in a later fragment."""
    return Problem("incomplete header chain") if fragment and fragment.more else Problem("truncated")


def options6(raw: bytes, start: int, end: int, destination: bytes) -> Problem | None:
    """Walk along IPv6 options; the two highest bits of an unknown type say what to do (RFC 8200 section 4.2)."""
    place = start
    while place < end:
        kind = raw[place]
        if kind == PAD1:
            place += 1
            continue
        if place + 2 > end or place + 2 + raw[place + 1] > end:
            return Problem("bad extension header", place)
        action = kind >> 6
        if kind not in (PADN, ROUTER_ALERT) and action:
            if action == 1 or (action == 3 and is_multicast(destination)):
                return Problem("option says discard", place)
            return Problem("unrecognised option", place)
        place += 2 + raw[place + 1]
    return None


def hop_by_hop(packet: Packet) -> Problem | None:
    """What a router finds when it reads the Hop-by-Hop Options header; it reads no other extension header."""
    raw, start = packet.raw, HEADER6.size
    if packet.family == 4 or packet.protocol != HOP_BY_HOP:
        return None
    if len(raw) < start + 8 or len(raw) < start + (raw[start + 1] + 1) * 8:
        return Problem("truncated")
    return options6(raw, start + 2, start + (raw[start + 1] + 1) * 8, packet.destination)


def options4(packet: Packet) -> Problem | None:
    """What a machine finds when it reads the options of an IPv4 header (RFC 1122 section 3.2.1.8)."""
    raw, place, end = packet.raw, HEADER4.size, packet.offset
    while place < end and raw[place] != END_OF_OPTIONS:
        if raw[place] == NO_OPERATION:
            place += 1
            continue
        if place + 1 >= end or raw[place + 1] < 2 or place + raw[place + 1] > end:
            return Problem("bad option", place)
        if raw[place] in (LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE):
            return Problem("source route")
        place += raw[place + 1]
    return None
