"""IPv4: the header of RFC 791 section 3.1, with the TOS byte of RFC 2474 and RFC 3168.

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-------+---------------+-------------------------------+
    |Version|  IHL  |      TOS      |          Total length         |
    +-------+-------+---------------+-----+-------------------------+
    |        Identification         |Flags|     Fragment offset     |
    +---------------+---------------+-----+-------------------------+
    |      TTL      |    Protocol   |        Header checksum        |
    +---------------+---------------+-------------------------------+
    |                        Source address                         |
    +---------------------------------------------------------------+
    |                      Destination address                      |
    +---------------------------------------------------------------+
    |                            Options                            |

Lengths and checksums follow one convention in all of ``wire``: ``None`` means "the right one". ``to_bytes`` computes
it; ``parse`` gives None when the packet has it right, and the number it found when it is wrong. So a packet with
faults can be built, and a fault that came in is kept.

An ICMP error quotes the datagram that caused it, mostly cut short. ``parse(data, quoted=True)`` reads such a quote.

Options are kept as bytes, and not interpreted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from netlab.errors import PacketError, UsageError
from netlab.wire.addresses import to_packed4, to_text
from netlab.wire.checksum import checksum as internet_checksum
from netlab.wire.checksum import ones_complement_sum
from netlab.wire.ranges import misfit

HEADER = struct.Struct("!BBHHHBBH4s4s")
HEADER_LENGTH = 20
MOST_OPTIONS = 40
"""The IHL field counts 32-bit words in 4 bits: at most 60 bytes of header."""

RESERVED, DONT_FRAGMENT, MORE_FRAGMENTS = 0x8000, 0x4000, 0x2000
"""The three flags above the 13 bits of the fragment offset."""

BITS = {"tos": 8, "total_length": 16, "identification": 16, "ttl": 8, "protocol": 8, "checksum": 16}


@dataclass(frozen=True, slots=True)
class IPv4:
    """One IPv4 packet; ``fragment_offset`` is in bytes (a multiple of 8)."""

    source: str
    destination: str
    protocol: int
    payload: bytes = b""
    ttl: int = 64
    tos: int = 0
    identification: int = 0
    dont_fragment: bool = False
    more_fragments: bool = False
    fragment_offset: int = 0
    reserved_flag: bool = False
    options: bytes = b""
    total_length: int | None = None
    checksum: int | None = None

    @classmethod
    def parse(cls, data: bytes, quoted: bool = False) -> IPv4:
        """The packet at the start of ``data``; bytes after its total length are link-layer padding and dropped.

        Raises `PacketError` when the bytes are not an IPv4 packet, or not the whole of it unless ``quoted``.
        """
        if len(data) < HEADER_LENGTH:
            raise PacketError("IPv4", 0, HEADER_LENGTH, len(data))
        (first, tos, length, identification, fragment, ttl, protocol, found, source, destination) = HEADER.unpack_from(
            data
        )
        if first >> 4 != 4:
            raise PacketError("IPv4", 0, 0, 0, f"version is {first >> 4}, not 4")
        header = (first & 15) * 4
        if header < HEADER_LENGTH:
            raise PacketError("IPv4", 0, HEADER_LENGTH, header, f"header length is {header}, at least 20 is needed")
        if len(data) < header:
            raise PacketError("IPv4", HEADER_LENGTH, header, len(data))
        end, total_length = length, None
        if not header <= length <= len(data):
            if not quoted:
                if length < header:
                    raise PacketError("IPv4", 2, header, length, f"total length {length} is less than the header")
                raise PacketError("IPv4", len(data), length, len(data))
            end, total_length = len(data), length
        right = ones_complement_sum(data[:header]) == 0xFFFF
        return cls(
            to_text(source),
            to_text(destination),
            protocol,
            data[header:end],
            ttl,
            tos,
            identification,
            fragment & DONT_FRAGMENT != 0,
            fragment & MORE_FRAGMENTS != 0,
            (fragment & 0x1FFF) << 3,
            fragment & RESERVED != 0,
            data[HEADER_LENGTH:header],
            total_length,
            None if right else found,
        )

    def to_bytes(self) -> bytes:
        """The packet as it goes onto the wire; options are filled up to whole 32-bit words with zeros."""
        options = self.options
        if options:
            options += bytes(-len(options) % 4)
            if len(options) > MOST_OPTIONS:
                raise UsageError("options", self.options, f"must be at most {MOST_OPTIONS} bytes")
        offset = self.fragment_offset
        if offset & 7 or not 0 <= offset <= 0xFFF8:
            raise UsageError("fragment_offset", offset, "must be a multiple of 8 from 0 to 65528")
        if self.dont_fragment:
            offset |= DONT_FRAGMENT << 3
        if self.more_fragments:
            offset |= MORE_FRAGMENTS << 3
        if self.reserved_flag:
            offset |= RESERVED << 3
        length = HEADER_LENGTH + len(options)
        first = 0x40 | length >> 2
        total = length + len(self.payload) if self.total_length is None else self.total_length
        source, destination = to_packed4(self.source), to_packed4(self.destination)
        try:
            header = HEADER.pack(
                first,
                self.tos,
                total,
                self.identification,
                offset >> 3,
                self.ttl,
                self.protocol,
                self.checksum or 0,
                source,
                destination,
            )
        except struct.error:
            raise misfit(self, BITS) from None
        if self.checksum is None:
            right = internet_checksum(header + options)
            header = header[:10] + right.to_bytes(2, "big") + header[12:]
        return header + options + self.payload
