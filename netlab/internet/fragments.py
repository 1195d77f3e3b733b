"""Fragmentation and reassembly: RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722, RFC 815.

`split` cuts a packet into fragments that fit an MTU: an IPv4 packet anywhere on its way, an IPv6 packet only at its
sender. `Reassembly` is what a host does with fragments: it keeps them by source, destination, protocol and
identification until all are there, or the first of them has waited too long.

Deviations of one kind only: fragments that overlap end their datagram, in IPv4 too (RFC 5722 demands it for IPv6,
and Linux does it for both); a plain repetition of a fragment is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from netlab.internet.extension import DESTINATION_OPTIONS, FRAGMENT, ROUTING, Layers, walk
from netlab.internet.packet import HEADER6, HOP_BY_HOP, Packet
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import Fragment

TIMEOUT = {4: 30_000_000_000, 6: 60_000_000_000}
"""How long the rest of a datagram may take, ns: as Linux; RFC 8200 says 60 s, RFC 1122 section 3.3.2 60 to 120 s."""

MOST_DATAGRAMS = 256
"""Incomplete datagrams that one host keeps: 16 MB at worst."""

LARGEST = 65_535

COPIED = 0x80
"""IPv4 options with this bit go into every fragment, the others only into the first (RFC 791 section 3.1)."""


def split(raw: bytes, mtu: int, identification: int) -> list[bytes]:
    """The fragments of an IP packet, in order; ``identification`` is for IPv6, an IPv4 packet has its own."""
    return _split4(raw, mtu) if raw[0] >> 4 == 4 else _split6(raw, mtu, identification)


def _split4(raw: bytes, mtu: int) -> list[bytes]:
    packet = IPv4.parse(raw)
    pieces, options, start = [], packet.options, 0
    while start < len(packet.payload):
        room = max(8, (mtu - 20 - len(options)) & ~7)
        end = min(start + room, len(packet.payload))
        if len(packet.payload) - start <= mtu - 20 - len(options):
            end = len(packet.payload)  # the last piece need not be a multiple of 8
        piece = replace(
            packet,
            payload=packet.payload[start:end],
            fragment_offset=packet.fragment_offset + start,
            more_fragments=packet.more_fragments or end < len(packet.payload),
            options=options,
        )
        pieces.append(piece.to_bytes())
        start, options = end, _copied(packet.options)
    return pieces


def _copied(options: bytes) -> bytes:
    """The IPv4 options that later fragments carry too, filled up to whole 32-bit words."""
    result, place = b"", 0
    while place + 1 < len(options) and options[place]:
        length = 1 if options[place] == 1 else max(2, options[place + 1])
        if options[place] & COPIED:
            result += options[place : place + length]
        place += length
    return result + bytes(-len(result) % 4)


def _split6(raw: bytes, mtu: int, identification: int) -> list[bytes]:
    """The per-fragment headers (up to a routing header) stand in every fragment, the rest is cut."""
    named, start = 6, HEADER6.size
    while raw[named] in (HOP_BY_HOP, ROUTING) or (raw[named] == DESTINATION_OPTIONS and raw[start] == ROUTING):
        following = start + (raw[start + 1] + 1) * 8
        if following + 8 > len(raw):
            break  # a header that cannot be: the receiver will say so
        named, start = start, following
    fixed, rest = bytearray(raw[:start]), raw[start:]
    protocol, fixed[named] = fixed[named], FRAGMENT
    room = max(8, (mtu - start - 8) & ~7)
    pieces = []
    for offset in range(0, len(rest), room):
        header = Fragment(protocol, rest[offset : offset + room], offset, offset + room < len(rest), identification)
        body = header.to_bytes()
        fixed[4:6] = (len(fixed) - HEADER6.size + len(body)).to_bytes(2, "big")
        pieces.append(bytes(fixed) + body)
    return pieces


Key = tuple[bytes, bytes, int, int]


@dataclass(slots=True)
class Datagram:
    """What has come of one datagram so far."""

    key: Key
    latest: Packet
    """The fragment that came most recently."""
    pieces: dict[int, bytes] = field(default_factory=dict)
    first: Packet | None = None
    """The fragment with offset 0, which gives the header."""
    total: int = -1
    """Length of the whole payload, known from the fragment that ends it."""
    longest: int = 0
    """Size of the largest fragment."""


class Reassembly:
    """The fragments that one host waits with."""

    def __init__(self) -> None:
        self.waiting: dict[Key, Datagram] = {}

    def add(self, packet: Packet, layers: Layers) -> tuple[Datagram, str]:
        """Take a fragment in; gives its datagram and "first", "waiting", "complete", or a reason to drop it."""
        place = layers.fragment
        assert place is not None
        protocol = packet.protocol if packet.family == 4 else 0  # IPv6: not part of the key
        key = (packet.source, packet.destination, protocol, place.identification)
        datagram, state = self.waiting.get(key), "waiting"
        if datagram is None:
            datagram, state = Datagram(key, packet), "first"
            if len(self.waiting) >= MOST_DATAGRAMS:
                return datagram, "too many fragments"
            self.waiting[key] = datagram
        datagram.latest, datagram.longest = packet, max(datagram.longest, packet.size)
        start = layers.offset if packet.family == 4 else place.header + 8
        end = _insert(datagram, place.offset, packet.raw[start:], place.more)
        if place.offset == 0 and datagram.first is None:
            datagram.first = packet
        if end == "complete" and _length(datagram) > LARGEST:
            end = "bad fragment"
        if end:
            del self.waiting[key]
        return datagram, end or state

    def give_up(self, datagram: Datagram) -> bool:
        """The time is over: True when the datagram was still waiting, and is now forgotten."""
        if self.waiting.get(datagram.key) is not datagram:
            return False
        del self.waiting[datagram.key]
        return True


def _insert(datagram: Datagram, offset: int, piece: bytes, more: bool) -> str:
    end = offset + len(piece)
    if datagram.pieces.get(offset) == piece and (more or datagram.total == end):
        return ""
    overlaps = any(offset < there + len(other) and there < end for there, other in datagram.pieces.items())
    beyond = datagram.total >= 0 and (end > datagram.total or (not more and end != datagram.total))
    if overlaps or beyond or end > LARGEST or (more and not piece):
        return "bad fragment"
    if not more:
        datagram.total = end
        if any(there + len(other) > end for there, other in datagram.pieces.items()):
            return "bad fragment"
    datagram.pieces[offset] = piece
    complete = datagram.total >= 0 and sum(map(len, datagram.pieces.values())) == datagram.total
    return "complete" if complete else ""


def _length(datagram: Datagram) -> int:
    """What the length field of the whole packet would say."""
    assert datagram.first is not None
    if datagram.first.family == 4:
        return datagram.first.offset + datagram.total
    header = walk(datagram.first).fragment
    return datagram.total + (header.header - HEADER6.size if header else 0)


def join(datagram: Datagram) -> bytes:
    """The whole packet of a complete datagram, with the header of its first fragment."""
    assert datagram.first is not None
    raw = datagram.first.now()
    body = b"".join(datagram.pieces[offset] for offset in sorted(datagram.pieces))
    if datagram.first.family == 4:
        packet = IPv4.parse(raw)
        return replace(packet, payload=body, more_fragments=False).to_bytes()
    return _without_fragment_header(raw, body)


def _without_fragment_header(raw: bytes, body: bytes) -> bytes:
    named, start = 6, HEADER6.size
    while raw[named] != FRAGMENT:
        named, start = start, start + (raw[start + 1] + 1) * 8
    fixed = bytearray(raw[:start])
    fixed[named] = raw[start]
    fixed[4:6] = (start - HEADER6.size + len(body)).to_bytes(2, "big")
    return bytes(fixed) + body
