"""The table of ICMP messages against real Linux kernels: every row is provoked there and in the engine, same bytes.

One world serves all rows: hosts ``a`` and ``b`` with two routers between. Compared is everything that an answer says
(`read` of the differential test of the engine): type and code, who answers, TTL, type of service, what is quoted and
how far that had come, MTU, pointer, payload. Where Linux is silent or says something else stands in `SILENT`, `DIFFERS`
and `NEVER_BUT`, found by trying, with the reason. That these are right is tested like the rest, so the tables shrink
when the engine or Linux changes.

Firewalls are nf_tables rules, spoken to in the kernel's own language (netlink(7)), so that no program is needed.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from netlab import wire
from netlab.internet import icmp
from netlab.internet.model import FirewallRule, Route, World
from netlab.wire import icmpv4, icmpv6
from tests.differential.test_engine_kernel import PATIENCE, Twins, without_ttl
from tests.internet.engine_worlds import echo, ip, line, module, tcp, udp
from tests.internet.engine_worlds import icmp as about
from tests.support.kernelnet import KernelNet, kernel_net
from tests.support.lab import soon
from tests.support.tools import missing

pytestmark = pytest.mark.network


# ── the world ────────────────────────────────────────────────────────────────────────────────────────────────────

A = {4: "10.0.0.1", 6: "2001:db8::1"}
R1 = {4: "10.0.0.2", 6: "2001:db8::2"}
B = {4: "10.0.2.2", 6: "2001:db8:2::2"}
ELSEWHERE = {4: "10.9.9.9", 6: "2001:db8:999::9"}
"""On no network of the world."""
LENGTH = {4: 32, 6: 128}

SMALL_MTU = 1280
"""Of the link between r2 and b."""


SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
UP, RUNNING = 0x01, 0x40
"""Flags of a device (netdevice(7)): it is switched on; there is somebody at the other end."""


def near_b(number: int) -> dict[int, str]:
    """An address of b's network."""
    return {4: f"10.0.2.{number}", 6: f"2001:db8:2::{number}"}


NOBODY, UNREACHABLE, PROHIBITED = near_b(77), near_b(101), near_b(102)

FIREWALL: dict[str, tuple[dict[int, str], dict[int, int]]] = {
    "net-prohibited": (near_b(111), {4: 9, 6: 1}),
    "host-prohibited": (near_b(112), {4: 10, 6: 1}),
    "administratively-prohibited": (near_b(113), {4: 13, 6: 1}),
    "source-policy": (near_b(114), {4: 13, 6: 5}),
    "reject-route": (near_b(115), {4: 13, 6: 6}),
    "port-unreachable": (near_b(116), {4: 3, 6: 4}),
    "tcp-reset": (near_b(117), {}),
}
"""What the firewall of r2 rejects with what: addresses of b, and the code of "destination unreachable"."""


def build() -> World:
    routes = [
        Route(f"{to[family]}/{LENGTH[family]}", via)
        for to, via in ((UNREACHABLE, "unreachable"), (PROHIBITED, "prohibit"))
        for family in (4, 6)
    ]
    rules = [
        FirewallRule("reject", destination=f"{to[family]}/{LENGTH[family]}", reject_with=how)
        for how, (to, _) in FIREWALL.items()
        for family in (4, 6)
    ]
    world = line("a", "r1", "r2", "b", r2_b={"mtu": SMALL_MTU}, r2={"routes": tuple(routes), "firewall": tuple(rules)})
    b = world.nodes["b"]
    more = [f"{to[4]}/24" for to, _ in FIREWALL.values()] + [f"{to[6]}/64" for to, _ in FIREWALL.values()]
    world.nodes["b"] = replace(b, addresses=(*b.addresses, *more))
    return world


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    with kernel_net(build()) as kernel:
        be_quick(kernel, "r2", "eth1")
        kernel.sysctl("b", "ipv4/ipfrag_time", "1")  # and b waits for fragments for 30 and 60
        kernel.sysctl("b", "ipv6/ip6frag_time", "1")
        both = Twins(kernel, near=R1, far=B)
        try:
            yield both
        finally:
            both.close()


def be_quick(kernel: KernelNet, host: str, device: str) -> None:
    """Look for a neighbour for 50 ms only, and not for three seconds."""
    for family in ("ipv4", "ipv6"):
        kernel.sysctl(host, f"{family}/neigh/{device}/mcast_solicit", "1")
        kernel.sysctl(host, f"{family}/neigh/{device}/retrans_time_ms", "50")


def flags(kernel: KernelNet, host: str, device: str, new: int | None = None) -> int:
    """A device's flags, after they were set anew if there are new ones."""
    with kernel.socket(host, socket.AF_INET, socket.SOCK_DGRAM) as opened:
        if new is not None:
            fcntl.ioctl(opened, SIOCSIFFLAGS, struct.pack("16sH14x", device.encode(), new))
        answer = fcntl.ioctl(opened, SIOCGIFFLAGS, struct.pack("16sH14x", device.encode(), 0))
    return int(struct.unpack("16sH14x", answer)[1])


@pytest.fixture(scope="module")
def firewall(twins: Twins) -> None:
    """The rules of `FIREWALL`, in the kernel of r2."""
    for family in (4, 6):
        try:
            rules = [(to[family], codes.get(family)) for to, codes in FIREWALL.values()]
            reject(twins.kernel, "r2", family, rules)
        except OSError as refused:
            missing(f"needs a kernel with nf_tables and its reject rules: {refused}")


# ── what provokes a message ──────────────────────────────────────────────────────────────────────────────────────


class Trigger(NamedTuple):
    cause: str
    """Row of MESSAGES."""
    how: str
    packet: Callable[[int], bytes]
    """By IP version."""
    families: tuple[int, ...] = (4, 6)


def rejected(how: str) -> Callable[[int], bytes]:
    return lambda family: echo(A[family], FIREWALL[how][0][family])


def whole(size: int, **header: Any) -> Callable[[int], bytes]:
    """An echo request that may not be fragmented."""
    return lambda f: echo(A[f], B[f], size=size, **header, **({"dont_fragment": True} if f == 4 else {}))


def fragment(protocol: int, data: bytes, offset: int = 0, **header: Any) -> Callable[[int], bytes]:
    """One fragment of several, with another one behind it unless it stands at an offset."""

    def build(f: int) -> bytes:
        if f == 4:
            header4 = {"identification": 9, "more_fragments": not offset, "fragment_offset": offset, **header}
            return ip(A[4], B[4], protocol, data, **header4)
        return ip(A[6], B[6], 44, wire.Fragment(protocol, data, offset, not offset, 9).to_bytes(), **header)

    return build


def extended(header: int, body: bytes, follows: int = 59, rest: bytes = b"") -> Callable[[int], bytes]:
    """An IPv6 packet with an extension header."""
    content = bytes((follows, (len(body) + 2) // 8 - 1)) + body + rest
    return lambda _: ip(A[6], B[6], header, content)


def option(kind: int, header: int) -> Callable[[int], bytes]:
    """With an unknown IPv6 option, in the header for every hop (0) or for the destination (60)."""
    return extended(header, bytes((kind, 4, 0, 0, 0, 0)))


def lying(first: int, length: int) -> Callable[[int], bytes]:
    """An IPv4 header whose first byte or total length cannot be, with a right checksum."""
    raw = bytearray(echo(A[4], B[4]))
    raw[0], raw[2:4], raw[10:12] = first, struct.pack("!H", length), b"\0\0"
    raw[10:12] = struct.pack("!H", wire.checksum(bytes(raw[: (first & 15) * 4])))
    return lambda _: bytes(raw)


NOTHING = bytes((1, 4, 0, 0, 0, 0))
"""IPv6 padding that fills a header of 8 bytes."""

# fmt: off
TRIGGERS = [
    Trigger("network unreachable", "no route", lambda f: echo(A[f], ELSEWHERE[f])),
    Trigger("host unreachable", "nobody there", lambda f: echo(A[f], NOBODY[f])),
    Trigger("unreachable route", "route", lambda f: echo(A[f], UNREACHABLE[f])),
    Trigger("prohibited", "route", lambda f: echo(A[f], PROHIBITED[f])),
    Trigger("prohibited", "firewall", rejected("administratively-prohibited")),
    Trigger("network prohibited", "firewall", rejected("net-prohibited")),
    Trigger("host prohibited", "firewall", rejected("host-prohibited")),
    Trigger("source policy", "firewall", rejected("source-policy")),
    Trigger("reject route", "firewall", rejected("reject-route")),
    Trigger("protocol unreachable", "IP header", lambda f: ip(A[f], B[f], 143, b"payload!")),
    Trigger("protocol unreachable", "extension header", extended(60, NOTHING, 143), (6,)),
    Trigger("protocol unreachable", "hop-by-hop not first", extended(60, NOTHING, 0, b"\x3b\0" + NOTHING), (6,)),
    Trigger("port unreachable", "host", lambda f: udp(A[f], B[f], 33434)),
    Trigger("port unreachable", "router", lambda f: udp(A[f], R1[f], 33434)),
    Trigger("port unreachable", "firewall", rejected("port-unreachable")),
    Trigger("too long", "by one byte", lambda f: whole(SMALL_MTU - {4: 28, 6: 48}[f] + 1)(f)),
    Trigger("too long", "by far", lambda f: whole(1440)(f)),
    Trigger("ttl exceeded", "first router", lambda f: udp(A[f], B[f], 33434, ttl=1)),
    Trigger("ttl exceeded", "second router", lambda f: tcp(A[f], B[f], 80, ttl=2)),
    Trigger("ttl exceeded", "before too long", whole(1440, ttl=2)),
    Trigger("reassembly time exceeded", "the rest is missing", fragment(17, bytes(64))),
    Trigger("bad header length", "4 words", lying(0x44, 84)),
    Trigger("bad total length", "19", lying(0x45, 19)),
    Trigger("bad option", "too long", lambda f: udp(A[f], B[f], 9, options=b"\x01\x07\x09\0")),
    Trigger("bad option", "too short", lambda f: udp(A[f], B[f], 9, options=b"\x07\x01\0\0")),
    Trigger("bad extension header", "routing header", extended(43, b"\x63\x01\0\0\0\0")),
    Trigger("bad extension header", "length of a fragment", fragment(17, bytes(61))),
    Trigger("bad extension header", "option beyond its header", extended(60, b"\x3e\x09\0\0\0\0")),
    Trigger("unrecognised option", "type 10, for the destination", option(0x80, 60)),
    Trigger("unrecognised option", "type 11, for the destination", option(0xC0, 60)),
    Trigger("unrecognised option", "type 10, for every hop", option(0x80, 0)),
    Trigger("unrecognised option", "type 11, for every hop", option(0xC0, 0)),
    Trigger("incomplete header chain", "half a TCP header", fragment(6, bytes(8))),
    Trigger("echo reply", "host", lambda f: echo(A[f], B[f], ttl=3)),
    Trigger("echo reply", "router", lambda f: echo(A[f], R1[f], ttl=1, **{{4: "tos", 6: "traffic_class"}[f]: 0xB8})),
    Trigger("timestamp reply", "host", lambda f: about(A[f], B[f], icmpv4.TimestampRequest(7, 1, 1234, 0, 0))),
]

SILENT = {
    ("bad header length", "4 words"): "RFC 1812 5.2.2: a router may send it; Linux does not (ip_rcv)",
    ("bad total length", "19"): "RFC 1812 5.2.2: a router may send it; Linux does not (ip_rcv)",
    ("bad extension header", "option beyond its header"): "Linux drops it without a word (ip6_parse_tlv)",
}
"""Triggers at which Linux says nothing, and the engine does."""

FORWARDED = "Linux lowers the TTL before it finds out: the quote shows what would have been sent on"
DIFFERS: dict[tuple[str, str], tuple[dict[int, dict[str, Any]], str]] = {
    ("unreachable route", "route"): (
        {6: {"says": "ICMP 1/0"}}, "Linux has one message for all IPv6 routes that lead nowhere (ip6_pkt_discard)"),
    ("host unreachable", "nobody there"): ({4: {"quoted ttl": 62}, 6: {"quoted ttl": 62}}, FORWARDED),
    **{
        (cause, "firewall"): ({4: {"quoted ttl": 62}, 6: {"quoted ttl": 62}}, FORWARDED)
        for cause in ("prohibited", "network prohibited", "host prohibited", "source policy", "reject route",
                      "port unreachable")
    },
}
"""What Linux says differently, by trigger and IP version, and why."""
# fmt: on


@pytest.mark.parametrize(
    ("trigger", "family"),
    [
        pytest.param(each, family, id=f"{each.cause} ({each.how}) IPv{family}")
        for each in TRIGGERS
        for family in icmp.NUMBERS[each.cause]
        if family in each.families
    ],
)
def test_kernel_and_engine_say_the_same(
    trigger: Trigger, family: int, twins: Twins, request: pytest.FixtureRequest
) -> None:
    if trigger.how == "firewall":
        request.getfixturevalue("firewall")
    packet, key = trigger.packet(family), (trigger.cause, trigger.how)
    engine = twins.ask_engine([packet])
    assert len(engine) == 1
    assert engine[0]["says"] == "ICMP {}/{}".format(*icmp.NUMBERS[trigger.cause][family])
    assert without_ttl(packet).startswith(engine[0].get("quoted", b""))
    kernel = twins.ask_kernel([packet], key not in SILENT, family)
    differs, _ = DIFFERS.get(key, ({}, ""))
    assert kernel == ([] if key in SILENT else [engine[0] | differs.get(family, {})])
    for name in differs.get(family, {}):
        assert kernel[0][name] != engine[0][name]


def test_every_row_of_the_table_has_a_trigger() -> None:
    provoked = {(each.cause, family) for each in TRIGGERS for family in each.families} | {("beyond scope", 6)}
    rows = {(cause, family) for cause, numbers in icmp.NUMBERS.items() for family in numbers}
    assert rows <= provoked
    assert {*SILENT, *DIFFERS} <= {(each.cause, each.how) for each in TRIGGERS}


def test_rows_of_the_table_that_linux_never_sends() -> None:
    sent = {each.cause for each in TRIGGERS if (each.cause, each.how) not in SILENT} | {"beyond scope"}
    assert icmp.NUMBERS.keys() - sent == {"bad header length", "bad total length"}


def test_a_packet_from_a_link_local_address_is_not_forwarded(twins: Twins) -> None:
    """Row "beyond scope". The kernels choose their own link-local addresses; the engine's world gets the same."""
    world = build()
    for name, hardware in (("a", twins.here), ("r1", twins.there)):
        node = world.nodes[name]
        world.nodes[name] = replace(node, addresses=(*node.addresses, f"{link_local(hardware)}/64"))
    twins.simulate(world)
    try:
        kernel, engine = twins.ask([echo(link_local(twins.here), B[6])])
    finally:
        twins.simulate(twins.kernel.world)
    assert engine[0]["says"] == "ICMP {}/{}".format(*icmp.NUMBERS["beyond scope"][6])
    assert engine[0]["responder"] == R1[6]
    # RFC 6724 section 5, rule 2: towards a link-local address Linux uses its own.
    assert kernel == [engine[0] | {"responder": link_local(twins.there)}]


def test_link_of_a_fixed_route_is_cut() -> None:
    """Row "host unreachable". To Linux, a cut link is one whose other end is down; its own end keeps its routes."""
    towards = {
        name: {"routes": tuple(Route(f"{to}/{LENGTH[f]}", via) for f, to in ELSEWHERE.items())}
        for name, via in (("r1", "r2"), ("r2", "b"))
    }
    with kernel_net(line("a", "r1", "r2", "b", **towards)) as kernel:
        be_quick(kernel, "r2", "eth1")
        both = Twins(kernel, near=R1, far={4: "10.0.1.2", 6: "2001:db8:1::2"})
        try:
            flags(kernel, "b", "eth0", 0)
            assert soon(lambda: not flags(kernel, "r2", "eth1") & RUNNING, PATIENCE)
            flags(kernel, "r2", "eth1", UP)  # changes nothing, but waits for the lock under which r2 takes notice
            both.simulate(line("a", "r1", "r2", "b", r2_b={"down": True}, **towards))
            for family in (4, 6):
                kernel_says, engine_says = both.ask([echo(A[family], ELSEWHERE[family])])
                assert engine_says[0]["says"] == "ICMP {}/{}".format(*icmp.NUMBERS["host unreachable"][family])
                assert kernel_says == [engine_says[0] | {"quoted ttl": 62}], FORWARDED
        finally:
            both.close()


@pytest.mark.usefixtures("firewall")
@pytest.mark.parametrize("family", [4, 6])
def test_firewalls_reset_tcp_alike(family: int, twins: Twins) -> None:
    kernel, engine = twins.ask([tcp(A[family], FIREWALL["tcp-reset"][0][family], 80)])
    assert kernel == engine
    assert engine[0]["says"] == "TCP ACK RST"


# ── what is never answered ───────────────────────────────────────────────────────────────────────────────────────


def error(f: int, **header: Any) -> bytes:
    return about(A[f], B[f], module(A[f]).TimeExceeded(0, echo(B[f], A[f], size=header.pop("size", 8))), **header)


def damaged(packet: bytes) -> bytes:
    return packet[:-1] + bytes([packet[-1] ^ 1])


# fmt: off
NEVER: dict[str, Callable[[int], bytes]] = {
    "an ICMP error, TTL too low": lambda f: error(f, ttl=2),
    "an ICMP error that is too long": lambda f: error(f, size=1400, **({"dont_fragment": True} if f == 4 else {})),
    "a redirect": lambda f: about(A[f], B[f], icmpv4.Redirect(0, A[4], echo(B[4], A[4])) if f == 4 else
                                  icmpv6.Redirect(A[6], B[6], b""), ttl=2),
    "a later fragment, TTL too low": fragment(17, bytes(64), 64, ttl=2),
    "a later fragment, the first of which is missing": fragment(17, bytes(64), 64),
    "UDP to a multicast": lambda f: udp(A[f], {4: "224.0.0.1", 6: "ff02::1"}[f], 33434),
    "an echo request to a multicast": lambda f: echo(A[f], {4: "224.0.0.1", 6: "ff02::1"}[f]),
    "a multicast sender": lambda f: udp({4: "224.0.0.9", 6: "ff02::9"}[f], B[f], 33434, ttl=2),
    "no sender": lambda f: udp({4: "0.0.0.0", 6: "::"}[f], B[f], 33434, ttl=2),
    "a loopback sender": lambda f: udp({4: "127.0.0.1", 6: "::1"}[f], B[f], 33434, ttl=2),
    "an unknown ICMP message": lambda f: about(A[f], B[f], module(A[f]).Unknown({4: 200, 6: 250}[f], 0, bytes(4))),
    "an unknown ICMP message, TTL too low": lambda f: about(
        A[f], B[f], module(A[f]).Unknown({4: 200, 6: 250}[f], 0, bytes(4)), ttl=1),
    "an echo reply": lambda f: about(A[f], B[f], module(A[f]).EchoReply(9, 9)),
    "a reset": lambda f: tcp(A[f], B[f], 80, flags=wire.TCP.RST),
    "a wrong ICMP checksum": lambda f: damaged(echo(A[f], B[f])),
    "a wrong UDP checksum": lambda f: damaged(udp(A[f], B[f], 33434)),
    "a wrong TCP checksum": lambda f: damaged(tcp(A[f], B[f], 81)),
    "a short UDP header": lambda f: ip(A[f], B[f], 17, b"\x9c\x40\x82\x9a"),
    "a source route": lambda f: udp(A[f], B[f], 33434, options=b"\x83\x07\x04\x0a\0\0\1\0"),
    "no UDP checksum": lambda f: ip(A[f], B[f], 17, wire.UDP(9, 33434, b"", checksum=0).to_bytes(A[f], B[f])),
    "no next header": extended(60, NOTHING),
    "an option that says discard": option(0x40, 60),
    "an option of a multicast that says discard": option(0x40, 0),
}
ONLY = {"a source route": 4, "no UDP checksum": 6, "no next header": 6, "an option that says discard": 6,
        "an option of a multicast that says discard": 6}

NEVER_BUT = {
    ("a redirect", 6): ("Linux", "ICMP 3/0", "RFC 4443 2.4 (e.2) forbids it; to Linux, no type from 128 on is one"),
    ("a later fragment, TTL too low", 6): ("both", "ICMP 3/0", "RFC 4443 has no such rule; it is one of IPv4"),
    ("an echo request to a multicast", 6): ("Linux", "ICMP 129/0", "RFC 4443 4.2 allows it; worlds have no multicast"),
    ("an unknown ICMP message, TTL too low", 6): ("both", "ICMP 3/0", "types from 128 on are no errors"),
    ("an unknown ICMP message, TTL too low", 4): ("engine", "ICMP 11/0", "Linux fears that it might be an error"),
}
"""Who does answer, with what, and why."""
# fmt: on


@pytest.mark.parametrize(
    ("what", "family"), [(what, family) for what in NEVER for family in (4, 6) if family == ONLY.get(what, family)]
)
def test_neither_kernel_nor_engine_says_anything_about(what: str, family: int, twins: Twins) -> None:
    packet = NEVER[what](family)
    who, says, _ = NEVER_BUT.get((what, family), ("", "", ""))
    expected = [[says] if who in (name, "both") else [] for name in ("Linux", "engine")]
    engine = twins.ask_engine([packet])
    kernel = twins.ask_kernel([packet], len(expected[0]), family)
    assert [[each["says"] for each in answers] for answers in (kernel, engine)] == expected


def link_local(hardware: bytes) -> str:
    """The IPv6 address that a kernel makes of a hardware address: RFC 4291 appendix A."""
    identifier = bytes([hardware[0] ^ 2]) + hardware[1:3] + b"\xff\xfe" + hardware[3:6]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + identifier))


# ── the kernel's firewall ────────────────────────────────────────────────────────────────────────────────────────

NETLINK_NETFILTER = 12
REQUEST, ACKNOWLEDGE, CREATE, APPEND = 1, 4, 0x400, 0x800
BATCH_BEGIN, BATCH_END = 16, 17
NF_TABLES = 10
NEW_TABLE, NEW_CHAIN, NEW_RULE = (NF_TABLES << 8 | number for number in (0, 3, 6))
NFPROTO = {4: 2, 6: 10}
DESTINATION = {4: (16, 4), 6: (24, 16)}
"""Offset and length in the IP header."""
FORWARD_HOOK, NETWORK_HEADER, REGISTER, EQUAL, UNREACH, TCP_RESET = 2, 1, 1, 0, 0, 1


def reject(kernel: KernelNet, host: str, family: int, rules: Sequence[tuple[str, int | None]]) -> None:
    """Let a router reject what goes to these addresses, with this code of "destination unreachable" (None: a reset).

    A table with one chain, and in it the rules, in one batch: all of it is taken, or nothing.
    """
    table, chain = attribute(1, b"netlab\0"), b"forward\0"
    hook = nested(4, attribute(1, number(FORWARD_HOOK)), attribute(2, number(0)))
    offset, length = DESTINATION[family]
    messages = [
        (BATCH_BEGIN, 0, b""),
        (NEW_TABLE, CREATE | ACKNOWLEDGE, table),
        (NEW_CHAIN, CREATE | ACKNOWLEDGE, table + attribute(3, chain) + hook + attribute(7, b"filter\0")),
    ]
    for to, code in rules:
        where = [attribute(n, number(x)) for n, x in enumerate((REGISTER, NETWORK_HEADER, offset, length), start=1)]
        value = nested(3, attribute(1, wire.to_packed(to)))
        kind = attribute(1, number(TCP_RESET if code is None else UNREACH))
        expressions = nested(
            4,
            expression("payload", *where),
            expression("cmp", attribute(1, number(REGISTER)), attribute(2, number(EQUAL)), value),
            expression("reject", kind, attribute(2, bytes([code or 0]))),
        )
        messages.append((NEW_RULE, CREATE | APPEND | ACKNOWLEDGE, table + attribute(2, chain) + expressions))
    messages.append((BATCH_END, 0, b""))
    batch = b""
    for sequence, (kind_of_message, flags, body) in enumerate(messages):
        control = kind_of_message in (BATCH_BEGIN, BATCH_END)
        general = struct.pack("!BBH", 0 if control else NFPROTO[family], 0, NF_TABLES if control else 0)
        batch += struct.pack("=IHHII", 20 + len(body), kind_of_message, flags | REQUEST, sequence, 0) + general + body
    with kernel.socket(host, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        netlink.settimeout(5)
        netlink.send(batch)
        expected = len(messages) - 2
        while expected > 0:
            answers = netlink.recv(65_536)
            while answers:
                size, refused = struct.unpack_from("=I", answers)[0], -struct.unpack_from("=i", answers, 16)[0]
                if refused:
                    raise OSError(refused, f"nf_tables: {os.strerror(refused)}")
                answers, expected = answers[size + 3 & ~3 :], expected - 1


def attribute(kind: int, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | 0x8000, *attributes)


def expression(name: str, *data: bytes) -> bytes:
    return nested(1, attribute(1, name.encode() + b"\0"), nested(2, *data))


def number(value: int) -> bytes:
    return struct.pack("!I", value)
