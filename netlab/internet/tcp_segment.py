"""TCP segments as a connection needs them: made and read quickly, with 32-bit sequence numbers that never wrap.

`wire.TCP` explains a segment, field by field; here ten thousands of them pass in a second. A `Flow` knows what is the
same in all packets of one direction of a connection, and makes IP and TCP header in a single call. The checksum needs
no second look at the header: 65536 counts as 1 in it (see `wire.checksum`), so a 32-bit field may be added as the
number that it is.

Sequence numbers (RFC 9293 section 3.4) are plain integers that only grow. They are cut to 32 bits when a segment is
made; `near` finds the whole number again.
"""

from __future__ import annotations

import struct

from netlab.wire.addresses import to_text
from netlab.wire.checksum import ones_complement_sum, pseudo_sum

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

HEADER = struct.Struct("!HHIIBBHHH")
PACKET4 = struct.Struct("!BBHHHBBH4s4sHHIIBBHHH")
PACKET6 = struct.Struct("!IHBB16s16sHHIIBBHHH")
TCP = 6
DONT_FRAGMENT = 0x4000

END, NOTHING, MSS, SCALE = 0, 1, 2, 3
"""Kinds of options (RFC 9293 section 3.2, RFC 7323 section 2.2)."""
MOST_SCALE = 14
"""RFC 7323 section 2.3."""


def near(number: int, reference: int) -> int:
    """The whole sequence number of which 32 bits came: the one that is nearest to ``reference``."""
    return reference + ((number - reference + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Flow:
    """One direction of a connection: makes its packets."""

    __slots__ = ("destination", "family", "headers", "ports", "source", "start", "start4", "ttl")

    def __init__(self, source: bytes, source_port: int, destination: bytes, destination_port: int, ttl: int) -> None:
        self.source, self.destination, self.ttl = source, destination, ttl
        self.ports = source_port, destination_port
        self.family = 4 if len(source) == 4 else 6
        self.headers = 40 if self.family == 4 else 60
        """Bytes of the IP and the TCP header, without options."""
        self.start = pseudo_sum(to_text(source), to_text(destination), TCP, 0) + source_port + destination_port
        """What all TCP checksums begin with."""
        self.start4 = 0
        if self.family == 4:
            same = struct.pack("!BBHHBB4s4s", 0x45, 0, 0, DONT_FRAGMENT, ttl, TCP, source, destination)
            self.start4 = ones_complement_sum(same)

    def packet(
        self, sequence: int, acknowledgment: int, flags: int, window: int, payload: bytes = b"", options: bytes = b""
    ) -> bytes:
        """The IP packet with this segment; it may not be fragmented (RFC 1191), so its identification is 0."""
        sequence &= 0xFFFFFFFF
        acknowledgment &= 0xFFFFFFFF
        if options:
            payload = options + payload
        words = 5 + len(options) // 4
        length = 20 + len(payload)
        total = self.start + length + sequence + acknowledgment + (words << 12 | flags) + window
        segment = (*self.ports, sequence, acknowledgment, words << 4, flags, window)
        check = 0xFFFF - ones_complement_sum(payload, total)
        if self.family == 6:
            return (
                PACKET6.pack(0x60000000, length, TCP, self.ttl, self.source, self.destination, *segment, check, 0)
                + payload
            )
        length += 20
        check4 = 0xFFFF - (self.start4 + length) % 0xFFFF
        addresses = self.source, self.destination
        return (
            PACKET4.pack(0x45, 0, length, 0, DONT_FRAGMENT, self.ttl, TCP, check4, *addresses, *segment, check, 0)
            + payload
        )


def syn_options(mss: int, scale: int | None) -> bytes:
    """The options of a SYN: the largest segment to send, and the window scale."""
    options = struct.pack("!BBH", MSS, 4, mss)
    return options if scale is None else options + struct.pack("!BBBB", NOTHING, SCALE, 3, scale)


def read_options(options: bytes) -> tuple[int | None, int | None]:
    """MSS and window scale in the options of a SYN; None: not there. What cannot be read ends the reading."""
    mss = scale = None
    place = 0
    while place < len(options) and options[place] != END:
        kind = options[place]
        if kind == NOTHING:
            place += 1
            continue
        length = options[place + 1] if place + 1 < len(options) else 0
        if length < 2 or place + length > len(options):
            break
        if kind == MSS and length == 4:
            mss = options[place + 2] << 8 | options[place + 3]
        elif kind == SCALE and length == 3:
            scale = min(options[place + 2], MOST_SCALE)
        place += length
    return mss, scale
