"""The messages and extensions of ICMP as tables, for ``fields.py``; as in ``layouts.py``.

RFC 792 has no section numbers: its message formats are cited by their headings.
"""

from __future__ import annotations

from netlab.wire.layouts import Field, flag, plural, unused
from netlab.wire.names import code_name, type_name


def milliseconds(number: int) -> str:
    if number >> 31:  # RFC 792: the high bit says that it is some other measure of time
        return "not milliseconds since midnight UT"
    seconds, rest = divmod(number, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03} UT"


ECHO = "RFC 792, Echo or Echo Reply"
UNREACHABLE = "RFC 792, Destination Unreachable"
TIMESTAMP = "RFC 792, Timestamp or Timestamp Reply"


def v4_length(words: int) -> str:
    return f"{words} words of 32 bits: the quote has {words * 4} bytes" if words else "not told"


def v6_length(words: int) -> str:
    return f"{words} words of 64 bits: the quote has {words * 8} bytes" if words else "not told"


def icmp_head(version: int, kind: int) -> tuple[Field, ...]:
    """Type, code and checksum; what a code means depends on the type."""
    general = "RFC 792" if version == 4 else "RFC 4443 section 2.1"
    where = ICMPV4_SECTIONS.get(kind, general) if version == 4 else ICMPV6_SECTIONS.get(kind, general)
    return (
        Field("type", 8, where, lambda number: type_name(version, number)),
        Field("code", 8, where, lambda number: code_name(version, kind, number) or "this type has no codes"),
        Field("checksum", 16, "RFC 792" if version == 4 else "RFC 4443 section 2.3"),
    )


ICMPV4_SECTIONS = {
    0: ECHO,
    3: UNREACHABLE,
    4: "RFC 6633",
    5: "RFC 792, Redirect",
    8: ECHO,
    9: "RFC 1256 section 3",
    10: "RFC 1256 section 3",
    11: "RFC 792, Time Exceeded",
    12: "RFC 792, Parameter Problem",
    13: TIMESTAMP,
    14: TIMESTAMP,
}

ICMPV6_SECTIONS = {
    1: "RFC 4443 section 3.1",
    2: "RFC 4443 section 3.2",
    3: "RFC 4443 section 3.3",
    4: "RFC 4443 section 3.4",
    128: "RFC 4443 section 4.1",
    129: "RFC 4443 section 4.2",
    133: "RFC 4861 section 4.1",
    134: "RFC 4861 section 4.2",
    135: "RFC 4861 section 4.3",
    136: "RFC 4861 section 4.4",
    137: "RFC 4861 section 4.5",
}

_V4_ECHO = (
    Field("identifier", 16, ECHO, "tells one ping program from another"),
    Field("sequence", 16, ECHO, "tells one request from another"),
)
_V4_TIMES = (
    Field("identifier", 16, TIMESTAMP, "tells one program from another"),
    Field("sequence", 16, TIMESTAMP, "tells one request from another"),
    Field("originate timestamp", 32, TIMESTAMP, milliseconds),
    Field("receive timestamp", 32, TIMESTAMP, milliseconds),
    Field("transmit timestamp", 32, TIMESTAMP, milliseconds),
)
ICMPV4 = {
    0: _V4_ECHO,
    3: (
        Field("unused", 8, "RFC 4884 section 4.1", unused),
        Field("length", 8, "RFC 4884 section 4.1", v4_length),
        Field("unused", 16, "RFC 4884 section 4.1", unused),
    ),
    5: (Field("gateway", 32, "RFC 792, Redirect", "the better first hop", address=True),),
    8: _V4_ECHO,
    11: (
        Field("unused", 8, "RFC 4884 section 4.2", unused),
        Field("length", 8, "RFC 4884 section 4.2", v4_length),
        Field("unused", 16, "RFC 4884 section 4.2", unused),
    ),
    12: (
        Field("pointer", 8, "RFC 792, Parameter Problem", lambda place: f"byte {place} of the original datagram"),
        Field("length", 8, "RFC 4884 section 4.3", v4_length),
        Field("unused", 16, "RFC 4884 section 4.3", unused),
    ),
    13: _V4_TIMES,
    14: _V4_TIMES,
}
"""What follows the checksum, by type."""

NEXT_HOP_MTU = Field("next-hop mtu", 16, "RFC 1191 section 4", lambda mtu: f"the next link takes {plural(mtu, 'byte')}")
"""Instead of the last unused bits of "fragmentation needed"."""

_V6_REQUEST, _V6_REPLY = (
    (
        Field("identifier", 16, where, "tells one ping program from another"),
        Field("sequence", 16, where, "tells one request from another"),
    )
    for where in ("RFC 4443 section 4.1", "RFC 4443 section 4.2")
)
ICMPV6 = {
    1: (
        Field("length", 8, "RFC 4884 section 4.4", v6_length),
        Field("unused", 24, "RFC 4884 section 4.4", unused),
    ),
    2: (Field("mtu", 32, "RFC 4443 section 3.2", lambda mtu: f"the next link takes {plural(mtu, 'byte')}"),),
    3: (
        Field("length", 8, "RFC 4884 section 4.5", v6_length),
        Field("unused", 24, "RFC 4884 section 4.5", unused),
    ),
    4: (Field("pointer", 32, "RFC 4443 section 3.4", lambda place: f"byte {place} of the original datagram"),),
    128: _V6_REQUEST,
    129: _V6_REPLY,
    137: (
        Field("reserved", 32, "RFC 4861 section 4.5", unused),
        Field("target", 128, "RFC 4861 section 4.5", "the better first hop", address=True),
        Field("destination", 128, "RFC 4861 section 4.5", "for packets to this address", address=True),
    ),
}

EXTENSION_HEAD = (
    Field("version", 4, "RFC 4884 section 7", lambda number: "version of the structure, 2"),
    Field("reserved", 12, "RFC 4884 section 7", unused),
    Field("checksum", 16, "RFC 4884 section 7"),
)

CLASSES = {1: "MPLS label stack", 2: "interface information", 3: "interface identification"}
"""IANA registry "ICMP Extension Object Classes and Class Sub-types": those of RFC 4950, 5837 and 8335."""

OBJECT_HEAD = (
    Field("length", 16, "RFC 4884 section 8", lambda number: f"{number} bytes, with these 4"),
    Field("class", 8, "RFC 4884 section 8", lambda number: CLASSES.get(number, f"class {number}")),
)
C_TYPE = Field("c-type", 8, "RFC 4884 section 8")

ROLES = (
    "the interface where the packet came in",
    "the sub-IP part of the interface where the packet came in",
    "the interface through which it would have left",
    "the next hop to which it would have gone",
)
INTERFACE_TYPE = (
    Field("role", 2, "RFC 5837 section 4.1", lambda number: ROLES[number]),
    Field("reserved", 2, "RFC 5837 section 4.1", unused),
    Field("has index", 1, "RFC 5837 section 4.1", flag),
    Field("has address", 1, "RFC 5837 section 4.1", flag),
    Field("has name", 1, "RFC 5837 section 4.1", flag),
    Field("has mtu", 1, "RFC 5837 section 4.1", flag),
)
INTERFACE_INDEX = Field("interface index", 32, "RFC 5837 section 4.1", "the router's own number for the interface")
INTERFACE_FAMILY = (
    Field("address family", 16, "RFC 5837 section 4.2", lambda number: {1: "IPv4", 2: "IPv6"}.get(number, "")),
    Field("reserved", 16, "RFC 5837 section 4.2", unused),
)
INTERFACE_NAME = Field("name length", 8, "RFC 5837 section 4.3", lambda number: f"{number} bytes, with this one")
INTERFACE_MTU = Field("interface mtu", 32, "RFC 5837 section 4.1", lambda mtu: f"packets up to {plural(mtu, 'byte')}")

LABEL = (
    Field("label", 20, "RFC 3032 section 2.1", "what the routers of the MPLS network forwarded by"),
    Field("traffic class", 3, "RFC 5462"),
    Field("bottom of stack", 1, "RFC 3032 section 2.1", lambda number: "the last label" if number else "more follow"),
    Field("label ttl", 8, "RFC 3032 section 2.1", lambda number: f"time to live of the label: {number}"),
)
