"""A packet on its way: parsed once, when it is sent, and turned into bytes again only when somebody looks.

The strategy is about speed. A router needs the destination, the TTL and the size, so these are fields of one small
object, and lowering the TTL is a subtraction. The bytes keep the TTL they left with; `Packet.at` patches TTL and
checksum (RFC 1624) into them when a packet is delivered, quoted in an ICMP error, or read from the capture. A
checksum that was wrong stays wrong by exactly as much.

``key`` is what the forwarding tables are asked for: the destination, or None for a packet that every machine must
look at closely (options, a faulty header, a source address that cannot be).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from netlab.errors import PacketError
from netlab.wire.checksum import ones_complement_sum, update

if TYPE_CHECKING:
    from netlab.internet.interface import Interface
    from netlab.internet.mpls import Shim

HEADER4 = struct.Struct("!BBHHHBBH4s4s")
HEADER6 = struct.Struct("!IHBB16s16s")

HOP_BY_HOP = 0
"""The one IPv6 extension header that routers look at (RFC 8200 section 4.3)."""


class Packet:
    """One IP packet. Copies with other bytes (a flipped bit, another TOS) keep ``number``."""

    __slots__ = (
        "destination", "family", "fault", "incoming", "key", "longest", "number", "offset", "parent", "protocol", "raw",
        "shim", "size", "source", "ttl", "twin", "whole",
    )  # fmt: skip

    family: int
    source: bytes
    destination: bytes
    key: bytes | None
    ttl: int
    protocol: int
    """What the IP header names: in IPv6 perhaps an extension header."""
    offset: int
    """Length of the IP header, without IPv6 extension headers."""

    def __init__(self, raw: bytes, number: int, parent: int = 0) -> None:
        self.raw = raw
        self.number = number
        """1, 2, 3 … in the order in which packets come into being."""
        self.parent = parent
        """The packet that this one answers, is a fragment of or a second copy of; 0: none."""
        self.whole = 0
        """Of a fragment: the packet that was cut first, however often it was cut since; 0: unknown."""
        self.longest = 0
        """Put together on its way (by a NAT): the size of the largest fragment in which it came; 0: it came whole."""
        self.shim: Shim | None = None
        """The MPLS label in front of it; None: it is not in a tunnel."""
        self.twin = False
        """Whether it is the second copy that a link made; no link copies it again."""
        self.incoming: Interface | None = None
        """Where it came in at the machine that looked at it closely last."""
        self.fault = ""
        """What is wrong with the header; the reason for which the next machine drops it."""
        version = raw[0] >> 4 if raw else 0
        if version == 4 and len(raw) >= HEADER4.size:
            self._parse4(raw)
        elif version == 6 and len(raw) >= HEADER6.size:
            self._parse6(raw)
        else:
            raise PacketError("IP", 0, 0, 0, f"{len(raw)} bytes of version {version} are no IP packet")
        self.size = len(self.raw)

    def _parse4(self, raw: bytes) -> None:
        first, _, length, _, _, self.ttl, self.protocol, _, source, destination = HEADER4.unpack_from(raw)
        self.family = 4
        self.source, self.destination = source, destination
        self.offset = header = (first & 15) * 4
        # The five tests of RFC 1812 section 5.2.2, in the order in which a router can make them.
        if header > len(raw) or ones_complement_sum(raw[:header]) != 0xFFFF:
            self.fault = "bad IPv4 header checksum"
        elif header < HEADER4.size:
            self.fault = "bad header length"
        elif length < header:
            self.fault = "bad total length"
        elif length > len(raw):
            self.fault = "truncated"
        elif length < len(raw):
            self.raw = raw[:length]  # what stands behind the packet is padding of the link layer
        if not self.fault and _impossible4(source):
            self.fault = "martian source"
        self.key = None if self.fault or header > HEADER4.size or source[:2] == b"\xa9\xfe" else destination

    def _parse6(self, raw: bytes) -> None:
        _, length, self.protocol, self.ttl, source, destination = HEADER6.unpack_from(raw)
        self.family = 6
        self.source, self.destination = source, destination
        self.offset = HEADER6.size
        if HEADER6.size + length > len(raw):
            self.fault = "truncated"
        elif HEADER6.size + length < len(raw):
            self.raw = raw[: HEADER6.size + length]
        if not self.fault and _impossible6(source):
            self.fault = "martian source"
        close = self.fault or self.protocol == HOP_BY_HOP or is_link_local(source)
        self.key = None if close else destination

    def at(self, ttl: int) -> bytes:
        """The bytes of the packet where its TTL is ``ttl``."""
        raw = self.raw
        if self.family == 6:
            return raw if ttl == raw[7] else b"%b%c%b" % (raw[:7], ttl, raw[8:])
        old = raw[8]
        if ttl == old:
            return raw
        checksum = update(raw[10] << 8 | raw[11], old << 8 | raw[9], ttl << 8 | raw[9])
        return b"%b%c%c%b%b" % (raw[:8], ttl, raw[9], checksum.to_bytes(2, "big"), raw[12:])

    def now(self) -> bytes:
        """The bytes of the packet as it is."""
        return self.at(self.ttl)

    def copy(self, raw: bytes | None = None, number: int = 0, parent: int = 0) -> Packet:
        """A second packet with the same TTL: other bytes, another number, or both."""
        other = Packet(self.now() if raw is None else raw, number or self.number, parent or self.parent)
        other.whole, other.twin, other.longest = self.whole, self.twin, self.longest
        if self.shim:
            other.shim, other.key = self.shim, None
        return other

    def leave_tunnel(self, ttl: int) -> None:
        """From here on it has no label, and its TTL counts again."""
        if self.shim:
            self.shim, self.key = None, Packet(self.raw, 0).key
        self.ttl = ttl

    @property
    def fragment_offset(self) -> int:
        """IPv4: where in the datagram this fragment belongs, in bytes; 0 for IPv6, see `extension.walk`."""
        return (self.raw[6] << 8 | self.raw[7]) % 8192 * 8 if self.family == 4 else 0

    @property
    def is_fragment(self) -> bool:
        """IPv4: whether it is one of several fragments."""
        return self.family == 4 and (self.raw[6] & 0x3F or self.raw[7]) != 0

    @property
    def dont_fragment(self) -> bool:
        return self.family == 6 or self.raw[6] & 0x40 != 0


def is_link_local(address: bytes) -> bool:
    """fe80::/10 (RFC 4291 section 2.5.6) and 169.254.0.0/16 (RFC 3927): never forwarded."""
    if len(address) == 4:
        return address[:2] == b"\xa9\xfe"
    return address[0] == 0xFE and address[1] & 0xC0 == 0x80


def is_loopback(address: bytes) -> bool:
    return address[0] == 127 if len(address) == 4 else address == LOOPBACK6


def is_multicast(address: bytes) -> bool:
    """Multicast, or the broadcast on this network (255.255.255.255)."""
    if len(address) == 4:
        return 224 <= address[0] < 240 or address == b"\xff\xff\xff\xff"
    return address[0] == 0xFF


LOOPBACK6 = bytes(15) + b"\x01"


def _impossible4(source: bytes) -> bool:
    """Not the address of one host (RFC 1812 section 5.3.7): unspecified, loopback, multicast, class E, broadcast."""
    return source[0] >= 224 or source[0] == 127 or source[0] == 0


def _impossible6(source: bytes) -> bool:
    """RFC 4291 section 2: multicast, unspecified, or loopback, which never leaves its machine."""
    return source[0] == 0xFF or (source[:15] == bytes(15) and source[15] < 2)
