"""The ICMP messages that machines of the virtual internet send: the list, the rules against sending, the bytes.

`MESSAGES` is the whole list, one row per cause; what is not in it is never sent, and `NEVER` says why. RFC 792,
1122, 1191 and 1812 for IPv4, RFC 4443 for IPv6. Where they leave a choice, the machines do as Linux does: the
source address is that of the interface towards the sender, errors about the machine's own address come from that
address, IPv4 errors have the precedence of network control, a message has at most 576 bytes (IPv4) or 1280 (IPv6).

`forbidden` holds the rules that keep errors from multiplying: never about an error, a multicast, a packet whose sender
is not one host, or, in IPv4, a fragment that is not the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from netlab.internet.extension import walk
from netlab.internet.packet import Packet, is_multicast
from netlab.wire import icmpv4, icmpv6
from netlab.wire.addresses import to_text
from netlab.wire.extensions import QUOTE_LENGTH, Extension
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import IPv6

Number = tuple[int, int]
"""Type and code."""

ICMP, ICMPV6 = 1, 58


@dataclass(frozen=True, slots=True)
class Message:
    cause: str
    v4: Number | None
    v6: Number | None
    sender: str
    trigger: str
    rule4: str
    rule6: str


# fmt: off
MESSAGES = (
    # cause                     v4        v6        sender    trigger · where it is defined, IPv4 · IPv6
    Message("network unreachable", (3, 0), (1, 0), "router", "no route to the destination",
            "RFC 792; RFC 1812 5.2.7.1", "RFC 4443 3.1"),
    Message("host unreachable", (3, 1), (1, 3), "router", "nobody on the destination's network has its address, or the"
            " link of a fixed route is down", "RFC 1812 5.2.7.1", "RFC 4443 3.1"),
    Message("unreachable route", (3, 1), (1, 6), "router", "a route says: unreachable (Linux sends 1/0 for IPv6)",
            "RFC 1812 5.2.7.1", "RFC 4443 3.1"),
    Message("prohibited", (3, 13), (1, 1), "any", "a route says: prohibit; a firewall rejects",
            "RFC 1812 5.2.7.1", "RFC 4443 3.1"),
    Message("network prohibited", (3, 9), (1, 1), "any", "a firewall rejects with net-prohibited",
            "RFC 1122 3.2.2.1", "RFC 4443 3.1"),
    Message("host prohibited", (3, 10), (1, 1), "any", "a firewall rejects with host-prohibited",
            "RFC 1122 3.2.2.1", "RFC 4443 3.1"),
    Message("source policy", (3, 13), (1, 5), "any", "a firewall rejects with source-policy",
            "RFC 1812 5.2.7.1", "RFC 4443 3.1"),
    Message("reject route", (3, 13), (1, 6), "any", "a firewall rejects with reject-route",
            "RFC 1812 5.2.7.1", "RFC 4443 3.1"),
    Message("beyond scope", None, (1, 2), "router", "a packet from a link-local address would have to be forwarded",
            "", "RFC 4443 3.1"),
    Message("protocol unreachable", (3, 2), (4, 1), "any", "nobody knows the protocol or next header",
            "RFC 1122 3.2.2.1", "RFC 4443 3.4; RFC 8200 4"),
    Message("port unreachable", (3, 3), (1, 4), "any", "nobody listens on the UDP port; a firewall rejects",
            "RFC 1122 4.1.3.1", "RFC 4443 3.1"),
    Message("too long", (3, 4), (2, 0), "router", "the packet exceeds the next link's MTU and may not be fragmented",
            "RFC 1191 4", "RFC 4443 3.2"),
    Message("ttl exceeded", (11, 0), (3, 0), "router", "the TTL (hop limit) would become 0",
            "RFC 1812 5.3.1", "RFC 4443 3.3"),
    Message("reassembly time exceeded", (11, 1), (3, 1), "any", "a fragment other than the first is missing too long",
            "RFC 1122 3.3.2", "RFC 4443 3.3; RFC 8200 4.5"),
    Message("bad header length", (12, 0), None, "any", "the header length is 16: less than a header",
            "RFC 1812 5.2.2", ""),
    Message("bad total length", (12, 0), None, "any", "the total length is less than the header length",
            "RFC 1812 5.2.2", ""),
    Message("bad option", (12, 0), None, "any", "an IPv4 option's length cannot be", "RFC 1122 3.2.2.5", ""),
    Message("bad extension header", None, (4, 0), "any", "a routing header of an unknown type with segments left, an"
            " option beyond its header, a fragment whose length is not a multiple of 8",
            "", "RFC 8200 4.4, 4.5; RFC 4443 3.4"),
    Message("unrecognised option", None, (4, 2), "any", "an unknown option whose type begins with the bits 10 or 11",
            "", "RFC 8200 4.2; RFC 4443 3.4"),
    Message("incomplete header chain", None, (4, 3), "any", "the first fragment does not hold all headers",
            "", "RFC 7112 5"),
    Message("echo reply", (0, 0), (129, 0), "any", "an echo request", "RFC 1122 3.2.2.6", "RFC 4443 4.2"),
    Message("timestamp reply", (14, 0), None, "any", "a timestamp request", "RFC 1122 3.2.2.8", ""),
)

NEVER = {
    "source quench (4)": "deprecated: RFC 6633",
    "redirect (5; v6 137)": "a link has two ends: the only other neighbour on it is the one who sent the packet",
    "source route failed (3/5)": "machines refuse source routes without a word, as Linux does by default",
    "network or host unknown, isolated (3/6 to 3/8)": "obsolete or needing a link layer: RFC 1812 5.2.7.1",
    "unreachable for the type of service (3/11, 3/12)": "routes here do not depend on the type of service",
    "precedence violation, cut-off (3/14, 3/15)": "no machine here has a minimum precedence",
    "router advertisement (9; v6 134)": "worlds give every host its routes",
    "missing option, bad length (12/1, 12/2)": "no machine here demands an option",
    "information and address mask reply (16, 18)": "deprecated: RFC 6918",
    "extended echo reply (43; v6 161)": "RFC 8335 is left out",
    "error in source routing header (v6 1/7)": "routing protocols for lossy networks (RFC 6554) are left out",
    "neighbour discovery and multicast listeners (v6 130 to 136, 143)": "the link layer is left out",
}
# fmt: on

NUMBERS: dict[str, dict[int, Number]] = {
    message.cause: {family: number for family, number in ((4, message.v4), (6, message.v6)) if number}
    for message in MESSAGES
}

ERRORS4 = frozenset({3, 4, 5, 11, 12})
"""ICMPv4 types that are error messages (RFC 1122 section 3.2.2); ICMPv6 types below 128 are (RFC 4443 section 2.1)."""
REDIRECT6 = 137

MOST4, MOST6 = 576, 1280
"""Bytes of an ICMP error at most: RFC 1812 section 4.3.2.3 (as Linux), RFC 4443 section 2.4 (c)."""

INTERNETWORK_CONTROL = 0xC0
"""The precedence of IPv4 errors: RFC 1812 section 4.3.2.5."""

EXTENSIBLE = {4: (3, 11, 12), 6: (1, 3)}
"""Types of errors that may carry extensions, by family (RFC 4884 section 4)."""

UNLIMITED = "too long"
"""Path MTU discovery is not rate limited, as in Linux: a lost "too long" would stall a connection for seconds."""


def forbidden(packet: Packet, cause: str) -> str:
    """Why no error may be sent about it, "" when one may: RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4 (e)."""
    if packet.fault == "martian source":
        return "about a sender that is not one host"
    if is_multicast(packet.destination) and (packet.family == 4 or cause not in ("too long", "unrecognised option")):
        return "about a multicast"
    layers = walk(packet)
    if layers.fragment and layers.fragment.offset:
        # A rule of IPv4 alone; and what a later fragment carries is the middle of something, not an ICMP header.
        return "about a fragment that is not the first" if packet.family == 4 else ""
    if layers.protocol == (ICMP if packet.family == 4 else ICMPV6):
        kind = packet.raw[layers.offset] if layers.offset < len(packet.raw) else 0
        if kind in ERRORS4 if packet.family == 4 else kind < 128 or kind == REDIRECT6:
            return "about an ICMP error"
    return ""


def error(
    packet: Packet,
    cause: str,
    source: bytes,
    ttl: int,
    identification: int,
    pointer: int = 0,
    mtu: int = 0,
    quotes: int | None = None,
    extensions: tuple[Extension, ...] = (),
) -> bytes:
    """The IP packet that tells the sender of ``packet`` what became of it.

    It quotes as much of it as fits, or ``quotes`` bytes behind the IP header. With ``extensions`` it quotes at most
    128 bytes, so that they stand where old programs look for them; a message that cannot have any has none.
    """
    kind, code = NUMBERS[cause][packet.family]
    here, there = to_text(source), to_text(packet.source)
    original = packet.now()
    if quotes is not None:
        original = original[: packet.offset + quotes]
    if kind not in EXTENSIBLE[packet.family]:
        extensions = ()
    if extensions:
        original = original[:QUOTE_LENGTH]
    if packet.family == 6:
        message6 = _message6(kind, code, original[: MOST6 - 48], pointer, mtu, extensions)
        return IPv6(here, there, ICMPV6, message6.to_bytes(here, there), hop_limit=ttl).to_bytes()
    message4 = _message4(kind, code, original[: MOST4 - 28], pointer, mtu, extensions)
    tos = original[1] & 0x1E | INTERNETWORK_CONTROL
    return IPv4(here, there, ICMP, message4.to_bytes(), ttl=ttl, tos=tos, identification=identification).to_bytes()


def _message4(
    kind: int, code: int, original: bytes, pointer: int, mtu: int, extensions: tuple[Extension, ...]
) -> icmpv4.DestinationUnreachable | icmpv4.TimeExceeded | icmpv4.ParameterProblem:
    if kind == 3:
        return icmpv4.DestinationUnreachable(code, original, mtu=mtu, extensions=extensions)
    if kind == 11:
        return icmpv4.TimeExceeded(code, original, extensions=extensions)
    return icmpv4.ParameterProblem(code, pointer, original, extensions=extensions)


def _message6(
    kind: int, code: int, original: bytes, pointer: int, mtu: int, extensions: tuple[Extension, ...]
) -> icmpv6.DestinationUnreachable | icmpv6.PacketTooBig | icmpv6.TimeExceeded | icmpv6.ParameterProblem:
    if kind == 1:
        return icmpv6.DestinationUnreachable(code, original, extensions=extensions)
    if kind == 2:
        return icmpv6.PacketTooBig(mtu, original)
    if kind == 3:
        return icmpv6.TimeExceeded(code, original, extensions=extensions)
    return icmpv6.ParameterProblem(code, pointer, original)
