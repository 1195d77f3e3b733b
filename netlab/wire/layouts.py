"""The headers as tables: every field's name, width in bits, where it is defined, and what its value means.

Each table reads like the figure in its RFC, from the first bit to the last. ``fields.py`` walks over a packet with
them. What a value means is a text, or a function of the number; what depends on other fields (checksums, lengths) is
added there. The tables of ICMP are in ``icmp_layouts.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netlab.wire.names import ECN, protocol_name

Meaning = str | Callable[[int], str]


class Field(NamedTuple):
    name: str
    bits: int
    defined_in: str
    meaning: Meaning = ""
    address: bool = False
    """True: the value is shown as the text of an IP address."""


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def flag(number: int) -> str:
    return "set" if number else "not set"


def unused(number: int) -> str:
    return "unused, must be 0" + ("" if number == 0 else ": is not")


def dscp(number: int) -> str:
    """The usual names of RFC 2474 (CS), RFC 2597 (AF) and RFC 3246 (EF)."""
    if number == 0:
        return "default forwarding"
    if number == 46:
        return "EF: expedited forwarding"
    if number % 8 == 0:
        return f"CS{number // 8}: class selector"
    if number % 2 == 0 and 1 <= number // 8 <= 4:
        return f"AF{number // 8}{number % 8 // 2}: assured forwarding"
    return "no standard meaning"


def hops_left(number: int) -> str:
    """A router lowers it by one and drops what would leave with 0 (RFC 791 section 3.2, RFC 8200 section 3)."""
    if number < 2:
        return "the next router drops it"
    return f"may pass {plural(number - 1, 'more router')}"


def v4_offset(units: int) -> str:
    return (
        "start of the packet" if units == 0 else f"{plural(units, 'unit')} of 8 bytes: byte {units * 8} of the packet"
    )


def port(number: int) -> str:
    """Only the ports that the workbook meets."""
    known = {7: "echo", 53: "DNS", 80: "HTTP", 123: "NTP", 443: "HTTPS", 8080: "HTTP, alternative"}
    if number in known:
        return known[number]
    return f"traceroute's port {number - 33434}" if 33434 <= number < 33534 else ""


V4 = "RFC 791 section 3.1"
IPV4 = (
    Field("version", 4, V4, "IP version 4"),
    Field("header length", 4, V4, lambda words: f"{words} words of 32 bits: {words * 4} bytes"),
    Field("DSCP", 6, "RFC 2474 section 3", dscp),
    Field("ECN", 2, "RFC 3168 section 5", lambda number: ECN[number]),
    Field("total length", 16, V4),
    Field("identification", 16, V4, "the same in all fragments of a packet"),
    Field("reserved flag", 1, V4, unused),
    Field("don't fragment", 1, V4, flag),
    Field("more fragments", 1, V4, flag),
    Field("fragment offset", 13, V4, v4_offset),
    Field("ttl", 8, V4, lambda number: f"time to live: {hops_left(number)}"),
    Field("protocol", 8, V4, protocol_name),
    Field("header checksum", 16, V4),
    Field("source", 32, V4, "the sender's address", address=True),
    Field("destination", 32, V4, "the receiver's address", address=True),
)

V6 = "RFC 8200 section 3"
IPV6 = (
    Field("version", 4, V6, "IP version 6"),
    Field("DSCP", 6, "RFC 2474 section 3", dscp),
    Field("ECN", 2, "RFC 3168 section 5", lambda number: ECN[number]),
    Field("flow label", 20, "RFC 6437 section 2", lambda label: "" if label else "no label"),
    Field("payload length", 16, V6),
    Field("next header", 8, V6, protocol_name),
    Field("hop limit", 8, V6, lambda number: f"hop limit: {hops_left(number)}"),
    Field("source", 128, V6, "the sender's address", address=True),
    Field("destination", 128, V6, "the receiver's address", address=True),
)

FRAGMENT = (
    Field("next header", 8, "RFC 8200 section 4.5", protocol_name),
    Field("reserved", 8, "RFC 8200 section 4.5", unused),
    Field("fragment offset", 13, "RFC 8200 section 4.5", v4_offset),
    Field("reserved", 2, "RFC 8200 section 4.5", unused),
    Field("more fragments", 1, "RFC 8200 section 4.5", flag),
    Field("identification", 32, "RFC 8200 section 4.5", "the same in all fragments of a packet"),
)

EXTENSION_SECTIONS = {
    0: "RFC 8200 section 4.3",
    43: "RFC 8200 section 4.4",
    51: "RFC 4302 section 2",
    60: "RFC 8200 section 4.6",
    135: "RFC 6275 section 6.1",
    139: "RFC 7401 section 5.1",
    140: "RFC 5533 section 5.1",
}
"""Where the IPv6 extension headers other than Fragment are defined."""

UDP = (
    Field("source port", 16, "RFC 768", port),
    Field("destination port", 16, "RFC 768", port),
    Field("length", 16, "RFC 768"),
    Field("checksum", 16, "RFC 768"),
)

TCP_SECTION = "RFC 9293 section 3.1"
TCP = (
    Field("source port", 16, TCP_SECTION, port),
    Field("destination port", 16, TCP_SECTION, port),
    Field("sequence", 32, TCP_SECTION, "number of the first byte of the payload"),
    Field("acknowledgment", 32, TCP_SECTION),
    Field("data offset", 4, TCP_SECTION, lambda words: f"{words} words of 32 bits: {words * 4} bytes of header"),
    Field("reserved", 4, TCP_SECTION, unused),
    Field("CWR", 1, "RFC 3168 section 6.1", flag),
    Field("ECE", 1, "RFC 3168 section 6.1", flag),
    Field("URG", 1, TCP_SECTION, flag),
    Field("ACK", 1, TCP_SECTION, flag),
    Field("PSH", 1, TCP_SECTION, flag),
    Field("RST", 1, TCP_SECTION, flag),
    Field("SYN", 1, TCP_SECTION, flag),
    Field("FIN", 1, TCP_SECTION, flag),
    Field("window", 16, TCP_SECTION, lambda number: f"takes {number} more bytes (before any scaling)"),
    Field("checksum", 16, TCP_SECTION),
    Field("urgent pointer", 16, TCP_SECTION),
)

IP_OPTIONS = {
    0: "end of options",
    1: "no operation",
    7: "record route",
    68: "timestamp",
    131: "loose source route",
    137: "strict source route",
    148: "router alert",
}
IP_OPTION_SECTIONS = {148: "RFC 2113 section 2.1"}
"""Where it is not RFC 791 section 3.1."""

TCP_OPTIONS = {
    0: "end of options",
    1: "no operation",
    2: "maximum segment size",
    3: "window scale",
    4: "SACK permitted",
    5: "SACK",
    8: "timestamps",
    34: "fast open cookie",
}
TCP_OPTION_SECTIONS = {
    3: "RFC 7323 section 2.2",
    4: "RFC 2018 section 2",
    5: "RFC 2018 section 3",
    8: "RFC 7323 section 3.2",
    34: "RFC 7413 section 4.1.1",
}
"""Where it is not RFC 9293 section 3.2."""
