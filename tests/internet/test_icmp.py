"""Every row of the ICMP table, on the network: one test each; and the rules against sending."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from netlab.internet import icmp
from netlab.internet.capture import REASONS
from netlab.internet.model import FirewallRule, RateLimit, Route, World
from netlab.internet.packet import Packet
from netlab.wire import icmpv4, icmpv6
from netlab.wire.addresses import to_packed
from netlab.wire.checksum import checksum
from netlab.wire.ipv6 import Fragment
from netlab.wire.tcp import TCP
from tests.internet import engine_worlds as worlds
from tests.internet.engine_worlds import FOREVER, MS, SECOND, Run, echo, ip, line, tcp, udp

A = {4: "10.0.0.1", 6: "2001:db8::1"}
R1 = {4: "10.0.0.2", 6: "2001:db8::2"}
"""The router next to a, where it faces a."""
R2 = {4: "10.0.1.2", 6: "2001:db8:1::2"}
B = {4: "10.0.2.2", 6: "2001:db8:2::2"}
NOBODY = {4: "10.0.2.77", 6: "2001:db8:2::77"}
"""An address that fits the network between r2 and b, where nobody has it."""
ELSEWHERE = {4: "10.9.9.9", 6: "2001:db8:999::9"}


class Case(NamedTuple):
    """What is sent in which world, and who answers."""

    world: World
    packet: bytes
    responder: str
    pointer: int | None = None


def chain(**changes: Any) -> World:
    return line("a", "r1", "r2", "b", **changes)


def firewall(how: str, family: int) -> Case:
    rule = FirewallRule("reject", destination=f"{B[family]}/{32 if family == 4 else 128}", reject_with=how)
    return Case(chain(r2={"firewall": (rule,)}), echo(A[family], B[family]), R2[family])


def routed(via: str, family: int) -> Case:
    route = Route(f"{B[family]}/{32 if family == 4 else 128}", via)
    return Case(chain(r2={"routes": (route,)}), echo(A[family], B[family]), R2[family])


def first_fragment(family: int, protocol: int, data: bytes, to: str) -> bytes:
    if family == 4:
        return ip(A[4], to, protocol, data, more_fragments=True, identification=9)
    return ip(A[6], to, 44, Fragment(protocol, data, 0, True, 9).to_bytes())


def beyond_scope(family: int) -> Case:
    world = chain()
    world.nodes["a"].addresses = ("fe80::1/64", *world.nodes["a"].addresses)
    world.nodes["r1"].addresses = (*world.nodes["r1"].addresses, "fe80::2/64")
    return Case(world, echo("fe80::1", B[6]), "2001:db8::2")


def with_header(protocol: int, body: bytes, to: str, next_header: int = 59) -> bytes:
    """An IPv6 packet with one extension header of 8 bytes or more."""
    return ip(A[6], to, protocol, bytes((next_header, (len(body) + 2) // 8 - 1)) + body)


def broken_header(family: int, first: int, length: int) -> bytes:
    raw = bytearray(echo(A[4], B[4]))
    raw[0] = first
    raw[2:4] = struct.pack("!H", length)
    raw[10:12] = b"\0\0"
    raw[10:12] = struct.pack("!H", checksum(bytes(raw[: (first & 15) * 4])))
    return bytes(raw)


CASES: dict[str, Callable[[int], Case]] = {
    "network unreachable": lambda f: Case(chain(), echo(A[f], ELSEWHERE[f]), R1[f]),
    "host unreachable": lambda f: Case(chain(), echo(A[f], NOBODY[f]), R2[f]),
    "unreachable route": lambda f: routed("unreachable", f),
    "prohibited": lambda f: routed("prohibit", f),
    "network prohibited": lambda f: firewall("net-prohibited", f),
    "host prohibited": lambda f: firewall("host-prohibited", f),
    "source policy": lambda f: firewall("source-policy", f),
    "reject route": lambda f: firewall("reject-route", f),
    "beyond scope": beyond_scope,
    "protocol unreachable": lambda f: Case(chain(), ip(A[f], B[f], 143, b"payload!"), B[f], None if f == 4 else 6),
    "port unreachable": lambda f: Case(chain(), udp(A[f], B[f], 33434), B[f]),
    "too long": lambda f: Case(
        chain(r2_b={"mtu": 1280}), echo(A[f], B[f], size=1300, **({"dont_fragment": True} if f == 4 else {})), R2[f]
    ),
    "ttl exceeded": lambda f: Case(chain(), udp(A[f], B[f], 33434, ttl=2), R2[f]),
    "reassembly time exceeded": lambda f: Case(chain(), first_fragment(f, 17, bytes(64), B[f]), B[f]),
    "bad header length": lambda f: Case(chain(), broken_header(f, 0x44, 84), R1[f], 0),
    "bad total length": lambda f: Case(chain(), broken_header(f, 0x45, 19), R1[f], 2),
    "bad option": lambda f: Case(chain(), udp(A[f], B[f], 9, options=b"\x01\x07\x09\0"), R1[f], 21),
    "bad extension header": lambda f: Case(chain(), with_header(43, b"\x63\x01\0\0\0\0", B[f]), B[f], 42),
    "unrecognised option": lambda f: Case(chain(), with_header(60, b"\x80\x04\0\0\0\0", B[f]), B[f], 42),
    "incomplete header chain": lambda f: Case(chain(), first_fragment(f, 6, bytes(8), B[f]), B[f]),
    "echo reply": lambda f: Case(chain(), echo(A[f], B[f]), B[f]),
    "timestamp reply": lambda f: Case(
        chain(), worlds.icmp(A[f], B[f], icmpv4.TimestampRequest(7, 1, 1234, 0, 0)), B[f]
    ),
}


@pytest.mark.parametrize(
    ("cause", "family", "number"),
    [(cause, family, number) for cause, numbers in icmp.NUMBERS.items() for family, number in numbers.items()],
)
def test_row_of_the_table(cause: str, family: int, number: tuple[int, int]) -> None:
    case = CASES[cause](family)
    run = Run(case.world)
    run.send(case.packet)
    packet, message = run.answer()
    assert (message.type, message.code) == number
    assert packet.source == case.responder
    assert message.checksum is None
    if family == 4:
        assert packet.checksum is None
    if cause not in ("echo reply", "timestamp reply"):
        sent = Packet(case.packet, 0)
        original = message.original
        assert original == sent.at(original[8] if family == 4 else original[7])[: len(original)]
        assert len(original) == min(len(case.packet), 548 if family == 4 else 1232)
        assert (packet.tos if family == 4 else packet.traffic_class) == (0xC0 if family == 4 else 0)
    if case.pointer is not None:
        assert message.pointer == case.pointer
    if cause == "too long":
        assert message.mtu == 1280


def test_every_row_has_its_case() -> None:
    assert CASES.keys() == icmp.NUMBERS.keys()


def test_no_row_stands_twice_and_each_names_its_rule() -> None:
    assert len(icmp.NUMBERS) == len(icmp.MESSAGES)
    for message in icmp.MESSAGES:
        assert bool(message.v4) == bool(message.rule4) and bool(message.v6) == bool(message.rule6)
        assert message.sender in ("any", "router")


def test_reasons_with_an_error_are_words_of_the_table() -> None:
    answers = {"echo reply", "timestamp reply", "protocol unreachable"}
    assert set(icmp.NUMBERS) - answers <= set(REASONS)


@pytest.mark.parametrize("family", [4, 6])
def test_firewall_rejects_as_if_the_port_were_closed(family: int) -> None:
    case = firewall("port-unreachable", family)
    run = Run(case.world)
    run.send(case.packet)
    packet, message = run.answer()
    assert packet.source == R2[family]
    assert (message.type, message.code) == icmp.NUMBERS["port unreachable"][family]


@pytest.mark.parametrize("family", [4, 6])
def test_firewall_resets_tcp_in_the_name_of_the_destination(family: int) -> None:
    case = firewall("tcp-reset", family)
    run = Run(case.world)
    run.send(tcp(A[family], B[family], 80))
    packet, message = run.answer()
    assert (packet.source, message.flags) == (B[family], TCP.RST | TCP.ACK)
    assert message.acknowledgment == 1001


@pytest.mark.parametrize("family", [4, 6])
def test_link_of_a_fixed_route_is_down(family: int) -> None:
    world = chain(r2_b={"down": True}, r2={"routes": (Route("0.0.0.0/0", "b"), Route("::/0", "b"))})
    run = Run(world)
    run.send(echo(A[family], ELSEWHERE[family]))
    run.answers()
    world.nodes["r1"].routes = (Route("0.0.0.0/0", "r2"), Route("::/0", "r2"))
    run = Run(world)
    run.send(echo(A[family], ELSEWHERE[family]))
    packet, message = run.answer()
    assert packet.source == R2[family]
    assert (message.type, message.code) == icmp.NUMBERS["host unreachable"][family]


# ── what is never answered ─────────────────────────────────────────────────────────────────────────────────────────

NEVER_ABOUT = {
    "an ICMP error": lambda f: worlds.icmp(A[f], B[f], worlds.module(A[f]).TimeExceeded(0, echo(B[f], A[f])), ttl=2),
    "a multicast": lambda f: udp(A[f], {4: "224.0.0.1", 6: "ff02::1"}[f], 33434),
    "a sender that is a multicast": lambda f: udp({4: "224.0.0.9", 6: "ff02::9"}[f], B[f], 33434, ttl=2),
    "an unspecified sender": lambda f: udp({4: "0.0.0.0", 6: "::"}[f], B[f], 33434, ttl=2),
    "a loopback sender": lambda f: udp({4: "127.0.0.1", 6: "::1"}[f], B[f], 33434, ttl=2),
    "an unknown ICMP message": lambda f: worlds.icmp(
        A[f], B[f], worlds.module(A[f]).Unknown({4: 200, 6: 250}[f], 0, b"\0\0\0\0")
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("about", NEVER_ABOUT)
def test_nothing_is_said_about(about: str, family: int) -> None:
    run = Run(chain())
    run.send(NEVER_ABOUT[about](family))
    assert run.answers() == []
    sent = [row for row in run.engine.packets() if row["action"] == "sent"]
    assert len(sent) == 1


def test_nothing_is_said_about_a_non_first_fragment_in_ipv4_but_in_ipv6_it_is() -> None:
    later = Fragment(17, bytes(64), 64, False, 9).to_bytes()
    for packet, answers in (
        (ip(A[4], B[4], 17, bytes(64), ttl=2, fragment_offset=64), 0),  # RFC 1122 section 3.2.2
        (ip(A[6], B[6], 44, later, ttl=2), 1),  # RFC 4443 section 2.4 (e) has no such rule
    ):
        run = Run(chain())
        run.send(packet)
        assert len(run.answers()) == answers


@pytest.mark.parametrize("destination", ["255.255.255.255", "10.0.0.255"])
def test_nothing_is_said_about_a_broadcast(destination: str) -> None:
    run = Run(chain())
    run.send(udp(A[4], destination, 33434))
    run.send(echo(A[4], destination))
    assert run.answers() == []
    assert run.engine.losses() == {"broadcast or multicast": 2}


def test_errors_about_icmpv6_redirects_are_errors_about_errors() -> None:
    run = Run(chain())
    run.send(worlds.icmp(A[6], B[6], icmpv6.Redirect(A[6], B[6], b""), ttl=2))
    assert run.answers() == []
    assert run.engine.withheld() == {("r2", "about an ICMP error"): 1}


def test_unrecognised_option_of_a_multicast_is_reported_only_where_its_type_says_so() -> None:
    for kind, answers in ((0x80, 1), (0xC0, 0), (0x40, 0), (0x00, 0)):
        run = Run(chain())
        run.send(with_header(0, bytes((kind, 4, 0, 0, 0, 0)), "ff02::1"))
        assert len(run.answers()) == answers, kind


def test_reassembly_time_is_not_reported_without_the_first_fragment() -> None:
    run = Run(chain())
    run.send(ip(A[4], B[4], 17, bytes(64), fragment_offset=64))
    assert run.answers() == []
    assert run.engine.losses() == {"reassembly time exceeded": 1}


@pytest.mark.parametrize("family", [4, 6])
def test_reassembly_time(family: int) -> None:
    run = Run(chain())
    run.send(first_fragment(family, 17, bytes(64), B[family]))
    ((time, _, _),) = run.answers()
    assert time == {4: 30, 6: 60}[family] * SECOND + 6 * MS


@pytest.mark.parametrize("family", [4, 6])
def test_silent_router_says_nothing_and_forwards(family: int) -> None:
    run = Run(chain(r1={"silent": True}))
    run.send(udp(A[family], B[family], 33434, ttl=1))
    run.send(echo(A[family], R1[family], 2))
    run.send(echo(A[family], B[family], 3))
    ((_, packet, _),) = run.answers()
    assert packet.source == B[family]
    assert run.engine.withheld() == {("r1", "silent"): 2}


@pytest.mark.parametrize("family", [4, 6])
def test_host_that_answers_no_echo_still_sends_errors(family: int) -> None:
    run = Run(chain(b={"answers_echo": False}))
    run.send(echo(A[family], B[family]))
    run.send(udp(A[family], B[family], 33434))
    _, message = run.answer()
    assert (message.type, message.code) == icmp.NUMBERS["port unreachable"][family]


@pytest.mark.parametrize("family", [4, 6])
def test_initial_ttl_of_answers(family: int) -> None:
    run = Run(chain(r2={"initial_ttl": 255}, b={"initial_ttl": 128}))
    run.send(udp(A[family], B[family], 33434, ttl=2))
    run.send(echo(A[family], B[family]))
    ttls = [packet.ttl if family == 4 else packet.hop_limit for _, packet, _ in run.answers()]
    assert ttls == [254, 126]


def test_quote_shows_the_ttl_that_arrived() -> None:
    run = Run(chain())
    run.send(udp(A[4], B[4], 33434, ttl=2))
    run.send(udp(A[4], B[4], 33434, ttl=64))
    assert [message.original[8] for _, _, message in run.answers()] == [1, 62]


def test_router_shows_the_address_of_the_interface_towards_the_sender() -> None:
    run = Run(chain())
    run.send(udp(A[4], B[4], 33434, ttl=2))
    run.send(echo(A[4], "10.0.2.1"))  # asked at its far address, it answers with that one
    assert [packet.source for _, packet, _ in run.answers()] == ["10.0.1.2", "10.0.2.1"]


@pytest.mark.parametrize(("limit", "expected"), [
    (RateLimit(), 6),
    (RateLimit(rate=2, burst=1), 2),
    (RateLimit("window", rate=2, burst=1), 2),
    (RateLimit("window", rate=10, burst=5), 10),
    (RateLimit(rate=0, burst=3), 3),
    (None, 40),
])  # fmt: skip
def test_rate_limit(limit: RateLimit | None, expected: int) -> None:
    """40 probes 20 ms apart; Linux's bucket gives 6 answers (measured on Linux 6.18)."""
    run = Run(chain(r1={"icmp": limit}))
    for n in range(40):
        run.send(udp(A[4], B[4], 33434 + n, ttl=1), at=n * 20 * MS)
    assert len(run.answers()) == expected
    assert run.engine.withheld().get(("r1", "rate limit"), 0) == 40 - expected


def test_rate_limit_lets_one_per_second_through_after_the_burst() -> None:
    run = Run(chain(r1={"icmp": RateLimit()}))
    for n in range(50):
        run.send(udp(A[4], B[4], 33434 + n, ttl=1), at=n * 100 * MS)
    times = [(time - 2 * MS) // (100 * MS) for time, _, _ in run.answers()]
    assert times == [0, 1, 2, 3, 4, 5, 10, 20, 30, 40]


def test_rate_limit_is_for_errors_only_and_not_for_too_long() -> None:
    run = Run(chain(r1={"icmp": RateLimit()}, r1_r2={"mtu": 1000}))
    for n in range(20):
        run.send(echo(A[4], R1[4], n))
        run.send(echo(A[4], B[4], n, size=1200, dont_fragment=True))
    assert len(run.answers()) == 40


def test_rate_limit_per_destination() -> None:
    run = Run(chain(r1={"icmp": RateLimit(burst=2, per_destination=True)}))
    other = run.engine.listen("b")
    for n in range(5):
        run.send(udp(A[4], B[4], 33434 + n, ttl=1))
        run.engine.inject("b", udp(B[4], A[4], 33434 + n, ttl=2))
    assert len(run.answers(FOREVER)) == 2
    assert len(other) == 2


def test_no_error_when_there_is_no_way_back() -> None:
    run = Run(chain())
    run.send(udp("10.8.8.8", B[4], 33434, ttl=2))
    assert run.answers() == []
    assert run.engine.withheld() == {("r2", "no way back"): 1}


def test_packed_addresses_of_the_table_are_those_of_the_world() -> None:
    engine = Run(chain()).engine
    assert to_packed(R2[6]) in engine.machine("r2").own
