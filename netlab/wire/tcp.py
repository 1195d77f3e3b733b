"""TCP: the header of RFC 9293 section 3.1. Only the header: a probe needs no connection.

::

    +-------------------------------+-------------------------------+
    |          Source port          |       Destination port        |
    +-------------------------------+-------------------------------+
    |                        Sequence number                        |
    +---------------------------------------------------------------+
    |                     Acknowledgment number                     |
    +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
    | Data  | Rsrvd |C|E|U|A|P|R|S|F|            Window             |
    | offset|       |W|C|R|C|S|S|Y|I|                               |
    |       |       |R|E|G|K|H|T|N|N|                               |
    +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
    |           Checksum            |         Urgent pointer        |
    +-------------------------------+-------------------------------+
    |                            Options                            |

Options are kept as bytes. In a quote (``quoted=True``) only the first 8 bytes need be there, which hold the ports and
the sequence number; what is missing reads as 0, and the checksum is kept as the number found (None: not quoted).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from netlab.errors import PacketError, UsageError
from netlab.wire.checksum import checksum as internet_checksum
from netlab.wire.checksum import ones_complement_sum, pseudo_sum
from netlab.wire.ranges import misfit

HEADER = struct.Struct("!HHIIBBHHH")
HEADER_LENGTH = 20
QUOTE_LENGTH = 8
"""What RFC 792 promises of a quoted datagram's payload."""
MOST_OPTIONS = 40
PROTOCOL = 6

BITS = {
    "source_port": 16,
    "destination_port": 16,
    "sequence": 32,
    "acknowledgment": 32,
    "flags": 8,
    "window": 16,
    "urgent": 16,
    "checksum": 16,
    "reserved": 4,
    "data_offset": 4,
}


@dataclass(frozen=True, slots=True)
class TCP:
    """One TCP segment; ``flags`` is the sum of ``TCP.SYN``, ``TCP.ACK`` and so on."""

    FIN: ClassVar[int] = 0x01
    SYN: ClassVar[int] = 0x02
    RST: ClassVar[int] = 0x04
    PSH: ClassVar[int] = 0x08
    ACK: ClassVar[int] = 0x10
    URG: ClassVar[int] = 0x20
    ECE: ClassVar[int] = 0x40
    CWR: ClassVar[int] = 0x80

    source_port: int
    destination_port: int
    sequence: int = 0
    acknowledgment: int = 0
    flags: int = 0x02
    window: int = 65535
    urgent: int = 0
    options: bytes = b""
    payload: bytes = b""
    checksum: int | None = None
    reserved: int = 0
    """The four bits between data offset and flags; zero unless someone sets them."""
    data_offset: int | None = None
    """In 32-bit words; None: the right one. Kept by ``parse`` only when a quote is cut within the options."""

    @classmethod
    def parse(cls, data: bytes, source: str, destination: str, quoted: bool = False) -> TCP:
        """The segment in ``data``, which travelled between these two addresses.

        Raises `PacketError` when bytes are missing, or the data offset cannot be; a quote needs only 8 bytes.
        """
        if len(data) < HEADER_LENGTH:
            if quoted and len(data) >= QUOTE_LENGTH:
                return cls._cut_short(data)
            raise PacketError("TCP", 0, HEADER_LENGTH, len(data))
        (source_port, destination_port, sequence, acknowledgment, offset, flags, window, found, urgent) = (
            HEADER.unpack_from(data)
        )
        header, data_offset = (offset >> 4) * 4, None
        if header < HEADER_LENGTH:
            raise PacketError("TCP", 12, HEADER_LENGTH, header, f"data offset {offset >> 4} is less than 5 words")
        if header > len(data):
            if not quoted:
                raise PacketError("TCP", len(data), header, len(data))
            data_offset = offset >> 4
        right = not quoted and ones_complement_sum(data, pseudo_sum(source, destination, PROTOCOL, len(data))) == 0xFFFF
        return cls(
            source_port,
            destination_port,
            sequence,
            acknowledgment,
            flags,
            window,
            urgent,
            data[HEADER_LENGTH:header],
            data[header:],
            None if right else found,
            offset & 15,
            data_offset,
        )

    @classmethod
    def _cut_short(cls, data: bytes) -> TCP:
        """What can be known of a header of which fewer than 20 bytes were quoted."""
        (source_port, destination_port, sequence, acknowledgment, offset, flags, window, found, urgent) = HEADER.unpack(
            data + bytes(HEADER_LENGTH - len(data))
        )
        checksum = found if len(data) >= 18 else None
        return cls(
            source_port,
            destination_port,
            sequence,
            acknowledgment if len(data) >= 12 else 0,
            flags,
            window if len(data) >= 16 else 0,
            urgent,
            checksum=checksum,
            reserved=offset & 15,
        )

    def to_bytes(self, source: str, destination: str) -> bytes:
        """The segment as it goes onto the wire; options are filled up to whole 32-bit words with zeros."""
        options, words = self.options, self.data_offset
        if words is None:
            options += bytes(-len(options) % 4)
            words = (HEADER_LENGTH + len(options)) >> 2
            if len(options) > MOST_OPTIONS:
                raise UsageError("options", self.options, f"must be at most {MOST_OPTIONS} bytes")
        if self.reserved >> 4 or words >> 4:
            raise misfit(self, BITS)
        try:
            header = HEADER.pack(
                self.source_port,
                self.destination_port,
                self.sequence,
                self.acknowledgment,
                words << 4 | self.reserved,
                self.flags,
                self.window,
                self.checksum or 0,
                self.urgent,
            )
        except struct.error:
            raise misfit(self, BITS) from None
        segment = header + options + self.payload
        if self.checksum is not None:
            return segment
        right = internet_checksum(segment, pseudo_sum(source, destination, PROTOCOL, len(segment)))
        return segment[:16] + right.to_bytes(2, "big") + segment[18:]
