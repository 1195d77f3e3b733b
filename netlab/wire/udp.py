"""UDP: the header of RFC 768, over IPv4 and over IPv6 (RFC 8200 section 8.1).

::

    +-------------------------------+-------------------------------+
    |          Source port          |       Destination port        |
    +-------------------------------+-------------------------------+
    |            Length             |           Checksum            |
    +-------------------------------+-------------------------------+

The checksum also covers a pseudo-header with the addresses, so both verbs need them. A checksum of 0 means that the
sender computed none: fine over IPv4, an error over IPv6. A sum that comes out as 0 is therefore sent as 0xFFFF,
the other zero of one's complement.

In a quote (``quoted=True``) the checksum is always kept as the number found: the quote rarely has all the bytes that it
covers, and the number itself is what a measurement wants (a NAT on the way changes it).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from netlab.errors import PacketError
from netlab.wire.checksum import checksum as internet_checksum
from netlab.wire.checksum import ones_complement_sum, pseudo_sum
from netlab.wire.ranges import misfit

HEADER = struct.Struct("!HHHH")
HEADER_LENGTH = 8
PROTOCOL = 17

BITS = {"source_port": 16, "destination_port": 16, "length": 16, "checksum": 16}


@dataclass(frozen=True, slots=True)
class UDP:
    """One UDP datagram; ``checksum=0`` over IPv4 means "none computed" and is not a fault."""

    source_port: int
    destination_port: int
    payload: bytes = b""
    length: int | None = None
    checksum: int | None = None

    @classmethod
    def parse(cls, data: bytes, source: str, destination: str, quoted: bool = False) -> UDP:
        """The datagram at the start of ``data``, which travelled between these two addresses.

        Raises `PacketError` when bytes are missing, or the length field cannot be; a quote needs only 8 bytes.
        """
        if len(data) < HEADER_LENGTH:
            raise PacketError("UDP", 0, HEADER_LENGTH, len(data))
        source_port, destination_port, stated, found = HEADER.unpack_from(data)
        end, length = stated, None
        if not HEADER_LENGTH <= stated <= len(data):
            if not quoted:
                if stated < HEADER_LENGTH:
                    raise PacketError("UDP", 4, HEADER_LENGTH, stated, f"length {stated} is less than the header")
                raise PacketError("UDP", len(data), stated, len(data))
            end, length = len(data), stated
        checksum = found
        if found and not quoted:
            covered = data if end == len(data) else data[:end]
            if ones_complement_sum(covered, pseudo_sum(source, destination, PROTOCOL, end)) == 0xFFFF:
                checksum = None
        return cls(source_port, destination_port, data[HEADER_LENGTH:end], length, checksum)

    def to_bytes(self, source: str, destination: str) -> bytes:
        """The datagram as it goes onto the wire between these two addresses."""
        actual = HEADER_LENGTH + len(self.payload)
        length = actual if self.length is None else self.length
        try:
            checksum = self.checksum
            if checksum is None:
                start = pseudo_sum(source, destination, PROTOCOL, length)
                start += self.source_port + self.destination_port + length
                checksum = internet_checksum(self.payload, start) or 0xFFFF
            return HEADER.pack(self.source_port, self.destination_port, length, checksum) + self.payload
        except struct.error:
            raise misfit(self, BITS) from None
