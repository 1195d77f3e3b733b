"""IPv6: the header of RFC 8200 section 3, and the walk along the extension headers of its section 4.

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+---------------+---------------------------------------+
    |Version| Traffic class |              Flow label               |
    +-------+---------------+-------+---------------+---------------+
    |         Payload length        |  Next header  |   Hop limit   |
    +-------------------------------+---------------+---------------+
    |                   Source address, 16 bytes                    |
    |                Destination address, 16 bytes                  |

There is no checksum: UDP, TCP and ICMPv6 cover the addresses with theirs. What IPv4 keeps in its options and its
fragment fields stands here in extension headers, one after the other, each of which names the type of the next.
`upper_layer` walks them to the protocol that is carried; the extension headers stay part of ``payload``.

Left out: jumbograms (RFC 2675), and what is inside the extension headers other than `Fragment`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from netlab.errors import PacketError, UsageError
from netlab.wire.addresses import to_packed6, to_text
from netlab.wire.ranges import misfit

HEADER = struct.Struct("!IHBB16s16s")
HEADER_LENGTH = 40
FRAGMENT = struct.Struct("!BBHI")
FRAGMENT_LENGTH = 8

HOP_BY_HOP, ROUTING, FRAGMENT_HEADER, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60
EXTENSION_HEADERS = {
    HOP_BY_HOP: "Hop-by-Hop Options",
    ROUTING: "Routing",
    FRAGMENT_HEADER: "Fragment",
    AUTHENTICATION: "Authentication",
    DESTINATION_OPTIONS: "Destination Options",
    135: "Mobility",
    139: "Host Identity Protocol",
    140: "Shim6",
}
"""The extension headers of RFC 7045 section 4 that can be walked over (ESP, 50, hides what follows it)."""

BITS = {"traffic_class": 8, "flow_label": 20, "payload_length": 16, "next_header": 8, "hop_limit": 8}


@dataclass(frozen=True, slots=True)
class IPv6:
    """One IPv6 packet; ``payload`` starts with the extension headers, if there are any."""

    source: str
    destination: str
    next_header: int
    payload: bytes = b""
    hop_limit: int = 64
    traffic_class: int = 0
    flow_label: int = 0
    payload_length: int | None = None

    @classmethod
    def parse(cls, data: bytes, quoted: bool = False) -> IPv6:
        """The packet at the start of ``data``; bytes after its payload length are link-layer padding and dropped.

        Raises `PacketError` when the bytes are not an IPv6 packet, or not the whole of it unless ``quoted``
        (then ``payload_length`` keeps the number found).
        """
        if len(data) < HEADER_LENGTH:
            raise PacketError("IPv6", 0, HEADER_LENGTH, len(data))
        first, length, next_header, hop_limit, source, destination = HEADER.unpack_from(data)
        if first >> 28 != 6:
            raise PacketError("IPv6", 0, 0, 0, f"version is {first >> 28}, not 6")
        end, payload_length = HEADER_LENGTH + length, None
        if end > len(data):
            if not quoted:
                raise PacketError("IPv6", len(data), end, len(data))
            payload_length = length
        return cls(
            to_text(source),
            to_text(destination),
            next_header,
            data[HEADER_LENGTH:end],
            hop_limit,
            first >> 20 & 0xFF,
            first & 0xFFFFF,
            payload_length,
        )

    def to_bytes(self) -> bytes:
        """The packet as it goes onto the wire."""
        if self.traffic_class >> 8 or self.flow_label >> 20:
            raise misfit(self, BITS)
        first = 6 << 28 | self.traffic_class << 20 | self.flow_label
        length = len(self.payload) if self.payload_length is None else self.payload_length
        source, destination = to_packed6(self.source), to_packed6(self.destination)
        try:
            header = HEADER.pack(first, length, self.next_header, self.hop_limit, source, destination)
        except struct.error:
            raise misfit(self, BITS) from None
        return header + self.payload


@dataclass(frozen=True, slots=True)
class Fragment:
    """The Fragment header (RFC 8200 section 4.5) and the bytes after it; ``fragment_offset`` is in bytes."""

    next_header: int
    payload: bytes = b""
    fragment_offset: int = 0
    more_fragments: bool = False
    identification: int = 0
    reserved: int = 0
    """The 8 reserved bits after the next header, then the 2 before the M flag; zero unless someone sets them."""

    @classmethod
    def parse(cls, data: bytes) -> Fragment:
        """The header at the start of ``data``; all that follows it is its payload."""
        if len(data) < FRAGMENT_LENGTH:
            raise PacketError("IPv6 Fragment", 0, FRAGMENT_LENGTH, len(data))
        next_header, reserved, offset, identification = FRAGMENT.unpack_from(data)
        return cls(
            next_header,
            data[FRAGMENT_LENGTH:],
            offset & 0xFFF8,
            offset & 1 != 0,
            identification,
            reserved << 2 | offset >> 1 & 3,
        )

    def to_bytes(self) -> bytes:
        offset = self.fragment_offset
        if offset & 7 or not 0 <= offset <= 0xFFF8:
            raise UsageError("fragment_offset", offset, "must be a multiple of 8 from 0 to 65528")
        offset |= (self.reserved & 3) << 1 | self.more_fragments
        try:
            return FRAGMENT.pack(self.next_header, self.reserved >> 2, offset, self.identification) + self.payload
        except struct.error:
            raise misfit(self, {"next_header": 8, "identification": 32, "reserved": 10}) from None


def upper_layer(packet: IPv6) -> tuple[int, bytes, Fragment | None]:
    """The protocol carried, its bytes, and the Fragment header passed on the way there (None: not a fragment).

    The walk ends at the first header that is not an extension header. It also ends at a fragment that is not the
    first: what it carries is the middle of something, and must not be read as a header.
    Raises `PacketError` when an extension header is cut short.
    """
    protocol, payload = packet.next_header, packet.payload
    fragment = None
    while protocol in EXTENSION_HEADERS:
        if protocol == FRAGMENT_HEADER:
            fragment = Fragment.parse(payload)
            protocol, payload = fragment.next_header, fragment.payload
            if fragment.fragment_offset:
                break
            continue
        length = extension_length(protocol, payload)
        protocol, payload = payload[0], payload[length:]
    return protocol, payload, fragment


def extension_length(kind: int, data: bytes) -> int:
    """How many bytes the extension header of this kind at the start of ``data`` has; all of them are there."""
    if len(data) < 8:
        raise PacketError(f"IPv6 {EXTENSION_HEADERS[kind]}", 0, 8, len(data))
    # 8-byte units beyond the first 8 bytes (RFC 8200, RFC 6564); Authentication: 4-byte words minus 2 (RFC 4302)
    length = (data[1] + 2) * 4 if kind == AUTHENTICATION else 8 if kind == FRAGMENT_HEADER else (data[1] + 1) * 8
    if len(data) < length:
        raise PacketError(f"IPv6 {EXTENSION_HEADERS[kind]}", len(data), length, len(data))
    return length
