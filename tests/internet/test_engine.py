"""The engine as a whole: exact times, exact fates, the same packets for the same seed; refusals, truth, hooks."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError
from netlab.internet.engine import Engine
from netlab.internet.model import EPOCH, Direction, FirewallRule, RateLimit, Route, Traffic, World
from netlab.wire.icmpv4 import EchoReply
from netlab.wire.packet import parse
from tests.internet.engine_worlds import FOREVER, MS, SECOND, Run, echo, line, udp

TO = {4: ("10.0.0.1", "10.0.2.2"), 6: ("2001:db8::1", "2001:db8:2::2")}


@given(delays=st.lists(st.integers(0, 10**10), min_size=2, max_size=16), family=st.sampled_from((4, 6)))
def test_rtt_is_the_sum_of_all_delays_to_the_nanosecond(delays: list[int], family: int) -> None:
    names = ["a", *(f"r{n}" for n in range(len(delays) // 2 - 1)), "b"]
    world = line(*names)
    pairs = zip(delays[::2], delays[1::2])
    for each, (forward, backward) in zip(world.links, pairs):
        each.forward.delay, each.backward.delay = forward, backward
    last = len(names) - 2
    destination = f"10.0.{last}.2" if family == 4 else f"2001:db8:{last or 0}::2".replace(":0::", "::")
    run = Run(world)
    run.send(echo(TO[family][0], destination), at=123_456_789)
    ((time, _, _),) = run.answers()
    used = delays[: 2 * len(world.links)]
    assert time - 123_456_789 == sum(used)
    truth = run.engine.truth()
    assert [round(row["delay_ms"] * 1e6) for row in truth] == used[::2] + used[1::2][::-1]
    assert all(row["propagation_ms"] == row["delay_ms"] for row in truth)


@given(size=st.integers(0, 1400), rate=st.integers(1000, 10**10))
def test_transmission_takes_size_over_rate_rounded_to_a_nanosecond(size: int, rate: int) -> None:
    run = Run(line("a", "r", "b", a_r={"rate": rate}))
    run.send(echo("10.0.0.1", "10.0.1.2", size=size))
    ((time, _, _),) = run.answers()
    bits, exact = (size + 28) * 8, 2 * ((size + 28) * 8 * SECOND)
    assert abs((time - 4 * MS) * rate - exact) <= rate  # two transmissions, each rounded to the nearest
    first = run.engine.truth()[0]
    assert round(first["transmission_ms"] * 1e6) == (bits * SECOND + rate // 2) // rate


# ── fates ──────────────────────────────────────────────────────────────────────────────────────────────────────────

FAULTY = st.fixed_dictionaries(
    {
        "jitter": st.sampled_from((0, MS)),
        "loss": st.sampled_from((0.0, 0.3)),
        "duplicate": st.sampled_from((0.0, 0.3)),
        "reorder": st.sampled_from((0.0, 0.3)),
        "corrupt": st.sampled_from((0.0, 0.5)),
        "rate": st.sampled_from((0, 100_000)),
        "queue": st.integers(0, 3),
        "mtu": st.sampled_from((1280, 1500)),
        "down": st.sampled_from((False, False, False, True)),
    }
)
ROUTERS = st.fixed_dictionaries(
    {
        "silent": st.booleans(),
        "down": st.sampled_from((False, False, True)),
        "hides_too_big": st.booleans(),
        "icmp": st.sampled_from((None, RateLimit())),
        "firewall": st.sampled_from(((), (FirewallRule("reject", "udp"),), (FirewallRule("drop", "icmp"),))),
        "routes": st.sampled_from(((), (Route("10.0.2.0/24", "r1"),), (Route("10.0.2.2/32", "blackhole"),))),
    }
)


@given(data=st.data(), seed=st.integers(0, 5))
def test_every_packet_ends_in_exactly_one_way(data: Any, seed: int) -> None:
    links = {name: data.draw(FAULTY) for name in ("a_r1", "r1_r2", "r2_b")}
    run = Run(line("a", "r1", "r2", "b", r2=data.draw(ROUTERS), **links), seed)
    for n in range(12):
        source, destination = TO[data.draw(st.sampled_from((4, 6)))]
        ttl = data.draw(st.sampled_from((0, 1, 2, 3, 64)))
        flags = {"dont_fragment": True} if "." in source else {}
        size = data.draw(st.sampled_from((10, 1200, 1400)))
        make = data.draw(st.sampled_from(("echo", "udp")))
        packet = echo(source, destination, n, size, ttl=ttl, **flags) if make == "echo" else udp(
            source, destination, 7 + n % 2, bytes(size), ttl=ttl, **flags
        )  # fmt: skip
        run.engine.inject("a", packet, fragment=False)
        run.engine.advance(run.engine.now + MS)
    run.engine.advance(FOREVER)
    assert run.engine.next_event() is None
    assert [number for number, ends in run.ends().items() if len(ends) != 1] == []
    ended = [end for (end,) in run.ends().values() if end != "delivered"]
    assert run.engine.losses() == {reason: ended.count(reason) for reason in ended}


def test_every_fragment_ends_in_exactly_one_way_and_so_does_what_was_cut() -> None:
    run = Run(line("a", "r1", "r2", "b", r1_r2={"mtu": 600}, r2_b={"loss": 0.2, "mtu": 300}))
    for n in range(30):
        run.send(echo(*TO[4], n, 1400))
    run.engine.advance(FOREVER)
    fathers = {row["parent"] for row in run.engine.packets()}
    ends = run.ends()
    assert {number for number, end in ends.items() if len(end) > 1} == set()
    lost = {number for number, end in ends.items() if end == ["reassembly time exceeded"]}
    assert len(lost) > 5
    assert {number for number, end in ends.items() if not end} <= fathers


# ── determinism ────────────────────────────────────────────────────────────────────────────────────────────────────


def busy_world() -> World:
    shaky = {
        "jitter": MS,
        "loss": 0.1,
        "duplicate": 0.1,
        "reorder": 0.1,
        "corrupt": 0.1,
        "rate": 10_000_000,
        "queue": 20,
    }
    traffic = [
        Traffic(("r1", "r2", "b"), "poisson", 6_000_000),
        Traffic(("r1", "r2"), "on-off", 8_000_000, 700),
        Traffic(("a", "r1", "r2"), "constant", 1_000_000, 100),
    ]
    return line("a", "r1", "r2", "b", traffic=traffic, r1_r2=shaky, r2_b=shaky, b={"open": (("tcp", 80), ("udp", 7))})


def digest(seed: int) -> str:
    run = Run(busy_world(), seed)
    for n in range(60):
        family = (4, 6)[n % 2]
        run.send(echo(*TO[family], n), at=n * 5 * MS)
        run.send(udp(*TO[family], 7, bytes(n)))
    run.engine.advance(SECOND)
    rows = run.engine.packets(background=True)
    return hashlib.sha256(repr([(*row.values(),) for row in rows]).encode()).hexdigest()


def test_same_seed_same_capture() -> None:
    assert digest(1) == digest(1) != digest(2)


def test_capture_does_not_depend_on_the_hash_seed() -> None:
    code = "from tests.internet.test_engine import digest; print(digest(1))"
    found = set()
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        found.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout)
    assert found == {digest(1) + "\n"}


def test_fate_does_not_depend_on_faults_elsewhere() -> None:
    def lost_on_the_second_link(**first: Any) -> set[int]:
        run = Run(line("a", "r1", "r2", "b", r1_r2=first, r2_b={"forward": Direction(loss=0.3)}), 5)
        for n in range(200):
            run.send(udp(*TO[4], 9, n.to_bytes(2, "big")), at=n * MS)
        run.engine.advance(FOREVER)
        rows = run.engine.packets(node="r2")
        return {int.from_bytes(row["data"][28:30], "big") for row in rows if row["reason"] == "lost on the link"}

    alone = lost_on_the_second_link()
    assert 40 < len(alone) < 80
    assert lost_on_the_second_link(jitter=MS // 2, duplicate=0.0, corrupt=0.0) == alone


def test_capture_may_be_off_and_changes_nothing() -> None:
    with_capture, without = Engine(busy_world(), 3), Engine(busy_world(), 3, capture=False)
    boxes = []
    for engine in (with_capture, without):
        box = engine.listen("a")
        boxes.append(box)
        for n in range(40):
            engine.advance(n * 3 * MS)
            engine.inject("a", echo(*TO[4], n))
        engine.advance(FOREVER)
    assert boxes[0] == boxes[1]
    assert with_capture.losses() == without.losses()
    assert without.packets() == without.truth() == []


# ── the driver's side ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", [4, 6])
def test_refusals(family: int) -> None:
    source, destination = TO[family]
    flags = {"dont_fragment": True} if family == 4 else {}
    long = echo(source, destination, size=1500, **flags)
    prefix = destination + ("/32" if family == 4 else "/128")

    def refusal(packet: bytes = echo(source, destination), node: str = "a", **changes: Any) -> str:
        return Engine(line("a", "r1", "r2", "b", **changes)).inject(node, packet, fragment=False)

    assert refusal() == ""
    assert refusal(long) == "message too long"
    assert refusal(a_r1={"down": True}) == "network unreachable"
    assert refusal(a={"down": True}) == "network is down"
    assert refusal(a={"routes": (Route(prefix, "unreachable"),)}) == "no route to host"
    assert refusal(a={"routes": (Route(prefix, "prohibit"),)}) == "permission denied"
    assert refusal(a={"routes": (Route(prefix, "blackhole"),)}) == "invalid argument"
    assert refusal(b"") == refusal(b"\x45" + bytes(10)) == refusal(b"\x55" * 60) == "invalid argument"
    elsewhere = "10.9.9.9" if family == 4 else "2001:db8:9::9"
    assert refusal(echo(source, elsewhere)) == ""  # a host has a default route
    assert refusal(echo(source, elsewhere), node="r1") == "network unreachable"
    with pytest.raises(UsageError, match="must be one of a, r1"):
        refusal(node="nobody")


def test_refused_mtu_names_the_limit() -> None:
    engine = Engine(line("a", "r", "b", a_r={"mtu": 1400}))
    assert engine.refused_mtu is None
    assert engine.inject("a", echo("10.0.0.1", "10.0.1.2", size=1400, dont_fragment=True)) == "message too long"
    assert engine.refused_mtu == 1400
    assert engine.packets() == []


def test_advance_stops_at_what_it_waits_for() -> None:
    run = Run(line("a", "r", "b"))
    run.send(echo("10.0.0.1", "10.0.1.2"))
    run.engine.advance(SECOND, run.inbox)
    assert (run.engine.now, len(run.inbox)) == (4 * MS, 1)
    run.engine.advance(SECOND, run.inbox)
    assert run.engine.now == 4 * MS
    run.inbox.clear()
    run.engine.advance(SECOND, run.inbox)
    assert run.engine.now == SECOND
    run.engine.advance(MS)
    assert run.engine.now == SECOND  # time never goes back


def test_next_event() -> None:
    run = Run(line("a", "r", "b", traffic=[Traffic(("a", "r"))], a_r={"rate": 10**9}))
    assert run.engine.next_event() is None
    run.send(echo("10.0.0.1", "10.0.1.2", size=0), at=5)
    assert run.engine.next_event() == 5 + MS + 28 * 8 + run.waited()


def test_two_listeners_get_the_same_and_the_node_still_answers() -> None:
    run = Run(line("a", "r", "b"))
    boxes = [run.engine.listen("b"), run.engine.listen("b")]
    run.send(echo("10.0.0.1", "10.0.1.2"))
    assert len(run.answers()) == 1
    assert boxes[0] == boxes[1] == deque([(2 * MS, echo("10.0.0.1", "10.0.1.2", ttl=63))])


def test_external_node_gets_packets_and_answers_nothing() -> None:
    run = Run(line("a", "r", "b"))
    got: list[tuple[int, bytes]] = []
    run.engine.external("b", lambda time, packet: got.append((time, packet)))
    run.send(udp("10.0.0.1", "10.0.1.2", 33434))
    run.send(udp("10.0.0.1", "10.0.1.77", 33434))
    assert len(run.answers()) == 1  # from r: nobody has 10.0.1.77
    assert got == [(2 * MS, udp("10.0.0.1", "10.0.1.2", 33434, ttl=63))]
    run.inbox.clear()
    reply = echo("10.0.1.2", "10.0.0.1")
    assert run.engine.inject("b", reply) == ""
    assert run.engine.inject("b", echo("10.0.1.2", "10.0.0.1", size=2000)) == "message too long"
    run.engine.advance(FOREVER + SECOND)
    assert [parse(packet).source for _, packet in run.inbox] == ["10.0.1.2"]


def test_external_router_neighbours_and_ttl() -> None:
    """What a real kernel sends leaves as it is: the engine lowers no TTL at its first hop."""
    run = Run(line("a", "r", "b"))
    run.engine.external("a", lambda time, packet: None)
    run.send(echo("10.0.0.1", "10.0.1.2", ttl=1))
    run.engine.advance(FOREVER)
    assert run.engine.losses() == {"ttl exceeded": 1}


# ── what it tells ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_packets_of_one_ping() -> None:
    run = Run(line("a", "r", "b"))
    run.send(echo("10.0.0.1", "10.0.1.2", ttl=9))
    run.answers()
    rows = run.engine.packets()
    seen = [((row["time"] - EPOCH) // MS, row["at"], row["action"], row["ttl"], row["link"]) for row in rows]
    assert seen == [
        (0, "a", "sent", 9, "a-r"),
        (1, "r", "forwarded", 8, "r-b"),
        (2, "b", "delivered", 8, ""),
        (2, "b", "sent", 64, "r-b"),
        (3, "r", "forwarded", 63, "a-r"),
        (4, "a", "delivered", 63, ""),
    ]
    assert {row["protocol"] for row in rows} == {"icmp"}
    assert [row["number"] for row in rows] == [1, 1, 1, 2, 2, 2]
    assert rows[1]["summary"] == "10.0.0.1 > 10.0.1.2 ICMP echo request id=7 seq=1 ttl=8"
    assert rows[1]["data"] == echo("10.0.0.1", "10.0.1.2", ttl=8)
    assert [row["ttl"] for row in run.engine.packets(node="r")] == [8, 63]
    assert [row["at"] for row in run.engine.packets(link="a-r")] == ["a", "r"]


@given(ttl=st.integers(0, 255), wrong=st.integers(0, 0xFFFF), drop=st.integers(1, 8))
def test_bytes_in_the_capture_have_the_checksum_that_a_router_would_write(ttl: int, wrong: int, drop: int) -> None:
    from netlab.internet.packet import Packet

    raw = echo("10.0.0.1", "10.0.1.2", ttl=max(ttl, drop))
    lower = Packet(raw, 1).at(max(ttl, drop) - drop)
    assert lower == echo("10.0.0.1", "10.0.1.2", ttl=max(ttl, drop) - drop)


def test_truth_adds_up() -> None:
    run = Run(busy_world())
    for n in range(100):
        run.send(echo(*TO[4], n), at=n * 10 * MS)
    run.engine.advance(FOREVER)
    rows = run.engine.truth()
    parts = ("processing_ms", "queueing_ms", "transmission_ms", "propagation_ms", "jitter_ms", "held_ms")
    assert all(abs(sum(row[part] for part in parts) - row["delay_ms"]) < 1e-9 for row in rows)
    for part in parts[1:]:
        assert any(row[part] for row in rows), part
    captured = {(row["number"], row["at"]): row["time"] for row in run.engine.packets()}
    for row in rows:
        assert captured[row["number"], row["to"]] == row["time"] + round(row["delay_ms"] * 1e6)


def test_injected_names_the_packet_in_rows_and_truth() -> None:
    run = Run(line("a", "r", "b"))
    for n in range(3):
        run.send(echo("10.0.0.1", "10.0.1.2", n))
        assert run.engine.packets()[-1]["number"] == run.engine.injected
    run.answers()
    answers = {row["parent"] for row in run.engine.truth() if row["from"] == "b"}
    assert answers == {1, 2, 3}


def test_wrong_header_checksum_is_dropped_by_the_first_router_without_a_word() -> None:
    run = Run(line("a", "r", "b"))
    run.send(echo("10.0.0.1", "10.0.1.2", checksum=0x1234))
    assert run.answers() == []
    assert run.engine.losses() == {"bad IPv4 header checksum": 1}
    assert run.engine.packets()[-1]["reason"] == "bad IPv4 header checksum"


def test_wrong_icmp_checksum_travels_and_is_not_answered() -> None:
    raw = bytearray(echo("10.0.0.1", "10.0.1.2"))
    raw[-1] ^= 1
    run = Run(line("a", "r", "b"))
    box = run.engine.listen("b")
    run.send(bytes(raw))
    assert run.answers() == []
    assert run.engine.packets()[-1]["reason"] == "bad ICMP checksum"
    assert len(box) == 1  # a raw socket sees it all the same


def test_a_node_speaks_to_itself() -> None:
    run = Run(line("a", "r", "b"))
    run.send(echo("127.0.0.1", "127.0.0.1"))
    run.send(echo("10.0.0.1", "10.0.0.1"))
    messages = [type(message) for _, _, message in run.answers()]
    assert messages.count(EchoReply) == 2
    assert run.engine.now == FOREVER and all(time == 0 for time, _ in run.inbox)


def test_loopback_addresses_do_not_come_in_from_a_link() -> None:
    run = Run(line("a", "r", "b", a={"routes": (Route("127.0.0.0/8", "r"),)}))
    run.engine.machine("a").table[b"\x7f\0\0\x01"] = run.engine.machine("a").interfaces[0]
    run.send(echo("10.0.0.1", "127.0.0.1"))
    assert run.answers() == []
    assert run.engine.losses() == {"martian destination": 1}
