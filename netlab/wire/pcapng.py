"""pcapng: the capture file format of Wireshark and tcpdump, as much of it as IP packets need.

::

    Section Header Block        byte order and version                      draft-ietf-opsawg-pcapng section 4.1
    Interface Description Block link type RAW: whole IP packets, ns clock   section 4.2
    Enhanced Packet Block ...   time, packet, an optional comment           section 4.3

Every block is its type, its length, a body, and its length again, all padded to 32 bits, so that a reader can skip
what it does not know, and does. `to_pcapng` writes little-endian; `parse` reads both byte orders and any clock.

Left out: link types that have a link-layer header (Ethernet), name resolution, statistics, decryption secrets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Literal

from netlab.errors import PacketError

SECTION, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
MAGIC = 0x1A2B3C4D
RAW, IPV4, IPV6 = 101, 228, 229
"""Link types whose packets begin with the IP header (the LINKTYPE registry of tcpdump.org)."""
NO_LIMIT = 0
"""Snap length: packets are not cut."""
END, COMMENT, NAME, RESOLUTION, OFFSET = 0, 1, 2, 9, 14
"""Options: opt_endofopt and opt_comment of any block; if_name, if_tsresol and if_tsoffset of an interface."""
NANOSECONDS = 9
"""As if_tsresol: 10 to the power of -9 seconds."""
SECOND = 10**9
LONGEST_OPTION = 0xFFFF

Timed = tuple[int, bytes] | tuple[int, bytes, str]


def to_pcapng(packets: Iterable[Timed], interface: str = "netlab") -> bytes:
    """A capture file of ``(wall-clock ns, IP packet)`` or ``(wall-clock ns, IP packet, comment)``, in that order."""
    options = _option(NAME, interface.encode()) + _option(RESOLUTION, bytes([NANOSECONDS])) + _option(END, b"")
    blocks = [
        _block(SECTION, struct.pack("<IHHq", MAGIC, 1, 0, -1)),  # version 1.0, section length not known
        _block(INTERFACE, struct.pack("<HHI", RAW, 0, NO_LIMIT) + options),
    ]
    for each in packets:
        at, data, comment = each if len(each) == 3 else (*each, "")
        head = struct.pack("<IIIII", 0, at >> 32 & 0xFFFFFFFF, at & 0xFFFFFFFF, len(data), len(data))
        options = _option(COMMENT, comment.encode()) + _option(END, b"") if comment else b""
        blocks.append(_block(ENHANCED_PACKET, head + _fill(data) + options))
    return b"".join(blocks)


def parse(data: bytes) -> list[tuple[int, bytes, str]]:
    """The packets of a capture file as (wall-clock ns, IP packet, comment).

    Raises `PacketError` when the bytes are not pcapng, or a packet is not a bare IP packet.
    """
    packets: list[tuple[int, bytes, str]] = []
    interfaces: list[tuple[int, int, int]] = []
    for kind, body, place, order in _blocks(data):
        if kind == SECTION:
            interfaces = []
        elif kind == INTERFACE:
            interfaces.append(_interface(body, place, order))
        elif kind == ENHANCED_PACKET:
            packets.append(_packet(body, place, order, interfaces))
    return packets


def _blocks(data: bytes) -> Iterator[tuple[int, bytes, int, Literal["little", "big"]]]:
    """Type, body, place and byte order of every block."""
    order: Literal["little", "big"] = "little"
    place = 0
    while place < len(data):
        if len(data) - place < 12:
            raise PacketError("pcapng", place, 12, len(data) - place)
        if int.from_bytes(data[place : place + 4], "little") == SECTION:  # a palindrome: the same in both orders
            magic = data[place + 8 : place + 12]
            if MAGIC not in (int.from_bytes(magic, "little"), int.from_bytes(magic, "big")):
                raise PacketError("pcapng", place + 8, 0, 0, "no byte-order magic")
            order = "little" if int.from_bytes(magic, "little") == MAGIC else "big"
        elif place == 0:
            raise PacketError("pcapng", 0, 0, 0, "does not begin with a section header block")
        kind = int.from_bytes(data[place : place + 4], order)
        length = int.from_bytes(data[place + 4 : place + 8], order)
        if length < 12 or length % 4 or length > len(data) - place:
            raise PacketError("pcapng", place, length, len(data) - place, f"impossible block length {length}")
        yield kind, data[place + 8 : place + length - 4], place, order
        place += length


def _interface(body: bytes, place: int, order: Literal["little", "big"]) -> tuple[int, int, int]:
    """Link type, ticks per second, and the time offset in seconds."""
    if len(body) < 8:
        raise PacketError("pcapng interface", place, 8, len(body))
    ticks, offset = 10**6, 0
    for code, value in _options(body[8:], order):
        if code == RESOLUTION and value:
            ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == OFFSET and len(value) == 8:
            offset = int.from_bytes(value, order, signed=True)
    return int.from_bytes(body[:2], order), ticks, offset


def _packet(
    body: bytes, place: int, order: Literal["little", "big"], interfaces: list[tuple[int, int, int]]
) -> tuple[int, bytes, str]:
    if len(body) < 20:
        raise PacketError("pcapng packet", place, 20, len(body))
    number, high, low, captured, _ = (int.from_bytes(body[each : each + 4], order) for each in range(0, 20, 4))
    if number >= len(interfaces):
        raise PacketError("pcapng packet", place, 0, 0, f"no interface number {number}")
    if captured > len(body) - 20:
        raise PacketError("pcapng packet", place, captured, len(body) - 20)
    link, ticks, offset = interfaces[number]
    if link not in (RAW, IPV4, IPV6):
        raise PacketError("pcapng packet", place, 0, 0, f"link type {link} has a link-layer header, IP is needed")
    at = (high << 32 | low) * SECOND // ticks + offset * SECOND
    options = _options(body[20 + captured + -captured % 4 :], order)
    comment = next((value for code, value in options if code == COMMENT), b"")
    return at, body[20 : 20 + captured], comment.decode("utf-8", "replace")


def _options(data: bytes, order: Literal["little", "big"]) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(data):
        code = int.from_bytes(data[place : place + 2], order)
        length = int.from_bytes(data[place + 2 : place + 4], order)
        if code == END:
            return
        yield code, data[place + 4 : place + 4 + length]
        place += 4 + length + -length % 4


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    value = value[:LONGEST_OPTION]
    return struct.pack("<HH", code, len(value)) + _fill(value)


def _fill(data: bytes) -> bytes:
    """Up to whole 32-bit words."""
    return data + bytes(-len(data) % 4)
