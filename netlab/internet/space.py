"""Addresses, prefixes, AS numbers and names that belong to nobody: the only ones a world may use.

A world must never show somebody's real machine. So its addresses come from the blocks that were set aside for
documentation and testing, its AS numbers from RFC 5398, its names from RFC 2606 and RFC 6761:

* IPv4: 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737); these hold fewer than 400 links, so large
  worlds may also use 198.18.0.0/15, the block of network benchmarks (RFC 2544, section C.2.2).
  233.252.0.0/24 (RFC 6676) is for multicast and no host can have such an address.
* IPv6: 2001:db8::/32 (RFC 3849) and 3fff::/20 (RFC 9637).

Every function here takes a text and gives a value, or raises ValueError with a sentence that says what to
write instead; `world.py` puts the name of the table before it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Literal, NamedTuple

BLOCKS: dict[int, tuple[str, ...]] = {
    4: ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15"),
    6: ("2001:db8::/32", "3fff::/20"),
}
"""Where addresses may come from, see the docstring of this file."""

_RANGES = {
    version: [(int(net.network_address), net.prefixlen) for net in map(ip_network, blocks)]
    for version, blocks in BLOCKS.items()
}

AS_NUMBERS = (range(64496, 64512), range(65536, 65552))
"""RFC 5398, section 4."""

DOMAINS = ("example", "test", "invalid", "example.com", "example.net", "example.org")
"""RFC 2606, sections 2 and 3; RFC 6761, section 6."""

LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""One part of a host name: letters, digits and hyphens inside, 63 at most (RFC 1123, section 2.1)."""


class Prefix(NamedTuple):
    """A network as numbers: quick to compare and to use as a key."""

    version: Literal[4, 6]
    network: int
    length: int

    def covers(self, other: Prefix | Interface) -> bool:
        """Whether a network, or an address, lies inside this one."""
        version, number, length = other.as_prefix()
        shift = _bits(self.version) - self.length
        return version == self.version and length >= self.length and number >> shift == self.network >> shift

    def as_prefix(self) -> Prefix:
        return self

    def __str__(self) -> str:
        return f"{_text(self.version, self.network)}/{self.length}"


class Interface(NamedTuple):
    """An address with the prefix of its link, such as 192.0.2.10/24."""

    text: str
    """The address alone, in canonical form (RFC 5952)."""
    address: int
    prefix: Prefix

    def as_prefix(self) -> Prefix:
        """The address alone, as a network of one."""
        return Prefix(self.prefix.version, self.address, _bits(self.prefix.version))

    def __str__(self) -> str:
        return f"{self.text}/{self.prefix.length}"


@lru_cache(maxsize=65536)
def interface(text: str) -> Interface:
    """Read ``192.0.2.10/24``; the address must be one that a host in a world may have."""
    address, slash, length_text = text.partition("/")
    version, value = _number(address)
    bits = _bits(version)
    if not slash:
        raise ValueError(f"{text!r} has no prefix length: write {text}/{24 if version == 4 else 64}, for example")
    if not (length_text.isascii() and length_text.isdigit() and 0 < int(length_text) <= bits):
        raise ValueError(f"{text!r}: the prefix length is a number from 1 to {bits}, not {length_text!r}")
    length = int(length_text)
    host_bits = bits - length
    prefix = Prefix(version, value >> host_bits << host_bits, length)
    if not is_documentation(prefix):
        raise ValueError(f"{text!r} is outside documentation space, take one from {_choices(version)}")
    if host_bits > 1 and value == prefix.network:
        raise ValueError(f"{text!r} is the network itself: its hosts start at {_text(version, value + 1)}/{length}")
    if version == 4 and host_bits > 1 and value == prefix.network + (1 << host_bits) - 1:
        raise ValueError(f"{text!r} is the broadcast address: its last host is {_text(version, value - 1)}/{length}")
    return Interface(_text(version, value), value, prefix)


@lru_cache(maxsize=4096)
def prefix(text: str) -> Prefix:
    """Read ``192.0.2.0/24``, one address without a length, or the default ``0.0.0.0/0`` and ``::/0``."""
    address, slash, length_text = text.partition("/")
    version, value = _number(address)
    bits = _bits(version)
    if slash and not (length_text.isascii() and length_text.isdigit() and int(length_text) <= bits):
        raise ValueError(f"{text!r}: the prefix length is a number from 0 to {bits}, not {length_text!r}")
    length = int(length_text) if slash else bits
    network = value >> (bits - length) << (bits - length)
    found = Prefix(version, network, length)
    if network != value:
        raise ValueError(f"{text!r} has bits set behind its prefix length: write {found}")
    if length and not is_documentation(found) and not any(found.covers(Prefix(version, *r)) for r in _RANGES[version]):
        raise ValueError(f"{text!r} is outside documentation space, take one from {_choices(version)}")
    return found


def is_documentation(found: Prefix) -> bool:
    bits = _bits(found.version)
    return any(
        found.length >= length and found.network >> (bits - length) == network >> (bits - length)
        for network, length in _RANGES[found.version]
    )


def check_asn(number: int) -> int:
    if not any(number in numbers for numbers in AS_NUMBERS):
        raise ValueError(f"AS {number} belongs to somebody: take one from 64496-64511 or 65536-65551 (RFC 5398)")
    return number


def check_label(text: str) -> str:
    if not LABEL.fullmatch(text):
        raise ValueError(f"{text!r} is no name: take letters, digits and inner hyphens, at most 63, such as 'r1'")
    return text


def check_hostname(text: str) -> str:
    """A DNS name in lower case, without a final dot."""
    name = text.rstrip(".").lower()
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{text!r} is no host name: write labels of letters, digits and hyphens with dots between")
    if not name.endswith(tuple("." + domain for domain in DOMAINS)):
        raise ValueError(f"{text!r} may be somebody's: names in a world end in .example, .test or .invalid (RFC 2606)")
    return name


def _number(text: str) -> tuple[Literal[4, 6], int]:
    try:
        return (6, int(IPv6Address(text))) if ":" in text and "%" not in text else (4, int(IPv4Address(text)))
    except ValueError:
        raise ValueError(f"{text!r} is no IP address: write one like 192.0.2.10 or 2001:db8:1::10") from None


def _text(version: Literal[4, 6], value: int) -> str:
    return str(IPv4Address(value)) if version == 4 else str(IPv6Address(value))


def _bits(version: int) -> int:
    return 32 if version == 4 else 128


def _choices(version: int) -> str:
    where = "RFC 5737, RFC 2544" if version == 4 else "RFC 3849, RFC 9637"
    return f"{', '.join(BLOCKS[version][:-1])} or {BLOCKS[version][-1]} ({where})"
