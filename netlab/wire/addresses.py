"""IP addresses as text and as the bytes of a packet.

Everywhere in netlab an address is a ``str`` in its canonical form: dotted decimal for IPv4, and for IPv6 the form
of RFC 5952 (lower case, no leading zeros, the longest run of zeros as ``::``). Texts compare with ``==``, read
well in a table, and need no class of their own.

The strategy is to convert each address once: a measurement has few addresses and many packets, so the functions
are cached and cost a dictionary look-up from the second packet on. A zone (``%eth0`` in ``fe80::1%eth0``, RFC 4007
section 11) names an interface of this machine and is never part of a packet: it is dropped.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Literal

from netlab.errors import UsageError

CACHED = 1 << 14
"""Addresses remembered per function: many times those of one measurement, a few megabytes at most."""

MAPPED = bytes(10) + b"\xff\xff"
"""The first 12 bytes of an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2)."""


@lru_cache(CACHED)
def to_packed(text: str) -> bytes:
    """The 4 or 16 bytes of an address; raises `UsageError` when the text is not one."""
    try:
        return ipaddress.ip_address(text.partition("%")[0]).packed
    except (ValueError, AttributeError):
        raise UsageError("address", text, "must be an IPv4 or IPv6 address, such as '192.0.2.1'") from None


@lru_cache(CACHED)
def to_text(packed: bytes) -> str:
    """The canonical text of an address's 4 or 16 bytes."""
    if len(packed) == 4:
        return ".".join(map(str, packed))
    if len(packed) != 16:
        raise UsageError("packed", packed, "must be 4 bytes (IPv4) or 16 bytes (IPv6)")
    if packed.startswith(MAPPED):  # RFC 5952 section 5: the last 32 bits in dotted decimal
        return f"::ffff:{to_text(packed[12:])}"
    return ipaddress.IPv6Address(packed).compressed


def family(text: str) -> Literal[4, 6]:
    """4 or 6: the IP version that an address belongs to."""
    return 4 if len(to_packed(text)) == 4 else 6


@lru_cache(CACHED)
def to_packed4(text: str) -> bytes:
    """As `to_packed`, for a place in a packet where only an IPv4 address fits."""
    return _of_family(text, 4)


@lru_cache(CACHED)
def to_packed6(text: str) -> bytes:
    """As `to_packed`, for a place in a packet where only an IPv6 address fits."""
    return _of_family(text, 6)


def _of_family(text: str, wanted: Literal[4, 6]) -> bytes:
    if family(text) != wanted:
        raise UsageError("address", text, f"must be an IPv{wanted} address here")
    return to_packed(text)
