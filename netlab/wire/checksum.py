"""The Internet checksum (RFC 1071), its incremental update (RFC 1624) and the pseudo-headers it may cover.

The checksum is the one's complement of the one's complement sum of all 16-bit words of the data; an odd last byte
is padded with a zero byte. The receiver adds all words, the checksum among them: a sum of 0xFFFF means no error.

How to add quickly. One's complement addition carries the overflow around: 0x10000 counts as 1. That is arithmetic
modulo 0xFFFF. Since 0x10000 = 1 modulo 0xFFFF, a whole packet read as one huge number is congruent to the sum of
its 16-bit digits, just as a decimal number is congruent modulo 9 to the sum of its digits. So the loop over the
words becomes ``int.from_bytes(data, "big") % 0xFFFF``, which runs in C.

One trap: one's complement has two zeros, 0x0000 and 0xFFFF, and both are 0 modulo 0xFFFF. A carry-around sum gives
0x0000 only when every word is zero; every other multiple of 0xFFFF comes out as 0xFFFF. The code restores that.
"""

from __future__ import annotations

from functools import lru_cache

from netlab.errors import UsageError
from netlab.wire.addresses import CACHED, to_packed


def checksum(data: bytes, start: int = 0) -> int:
    """The checksum to put on the wire for ``data``, 0…65535, already complemented.

    ``data`` has zeros where the checksum will stand. ``start`` is the sum of what is covered but not in ``data``,
    such as ``ones_complement_sum(pseudo_header(...))``.
    """
    return 0xFFFF - ones_complement_sum(data, start)


def ones_complement_sum(data: bytes, start: int = 0) -> int:
    """The one's complement sum of the 16-bit words of ``data``, plus ``start``; 0xFFFF over a correct packet."""
    number = int.from_bytes(data, "big")
    if len(data) & 1:
        number <<= 8
    number += start
    return (number % 0xFFFF or 0xFFFF) if number else 0


def update(checksum: int, old16: int, new16: int) -> int:
    """The checksum after one 16-bit word changed from ``old16`` to ``new16``: RFC 1624 section 3, equation 3.

    A router that lowers the TTL needs only this, and never reads the rest of the packet. (In UDP, a result of 0 must
    be sent as 0xFFFF, because 0 means "no checksum" there.)
    """
    total = (~checksum & 0xFFFF) + (~old16 & 0xFFFF) + new16
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source: str, destination: str, protocol: int, length: int) -> bytes:
    """The bytes that UDP, TCP and ICMPv6 add to their checksum and never send.

    They tie a segment to its addresses, so that one delivered to the wrong host is noticed. IPv4: RFC 768 and
    RFC 9293 section 3.1; IPv6: RFC 8200 section 8.1. ``length`` counts the transport header and its payload.
    """
    addresses = _addresses(source, destination)
    if len(addresses) == 8:
        return addresses + b"\0" + protocol.to_bytes(1, "big") + length.to_bytes(2, "big")
    return addresses + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")


def pseudo_sum(source: str, destination: str, protocol: int, length: int) -> int:
    """A number congruent to the sum over `pseudo_header`, for ``start``: the addresses are added up only once."""
    return _address_sum(source, destination) + protocol + length


@lru_cache(CACHED)
def _address_sum(source: str, destination: str) -> int:
    return ones_complement_sum(_addresses(source, destination))


def _addresses(source: str, destination: str) -> bytes:
    both = to_packed(source) + to_packed(destination)
    if len(both) == 20:
        raise UsageError("destination", destination, f"must be of the same IP version as the source {source}")
    return both
