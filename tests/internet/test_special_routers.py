"""All that special routers do, at once and with faulty links: nothing is lost without a reason, nothing is chance."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.builder import build
from netlab.internet.model import World
from netlab.internet.world import parse, to_toml
from netlab.wire.packet import parse as parse_packet
from tests.internet.engine_worlds import FOREVER, MS, SECOND, Run, echo, tcp, udp
from tests.internet.feature_worlds import SERVER, SOURCE

RARELY = st.sampled_from((False,) * 9 + (True,))
LINK = st.fixed_dictionaries(
    {},
    optional={
        "loss": st.just(0.2), "duplicate": st.just(0.2), "reorder": st.just(0.2), "corrupt": st.just(0.2),
        "jitter_ms": st.just(1), "mtu": st.sampled_from((300, 1280)), "down": RARELY,
        "rate_mbps": st.just(0.1), "queue": st.integers(0, 3), "backward": st.just({"cost": 3}),
    },
)  # fmt: skip
ROUTER = st.fixed_dictionaries(
    {},
    optional={
        "balance": st.sampled_from(("flow", "packet", "destination")),
        "answers_from": st.just("incoming"),
        "interface_information": st.booleans(),
        "quotes": st.sampled_from((8, 64, 1000)),
        "control": st.fixed_dictionaries(
            {}, optional={"delay_ms": st.just(5), "jitter_ms": st.just(20), "drop": st.just(0.3)}
        ),
        "tos": st.sampled_from((0, 77)),
        "icmp": st.just({"limit": "linux"}),
        "down": RARELY,
        "silent": RARELY,
        "hides_too_big": RARELY,
    },
)
NAT = {
    4: {"inside": "192.0.2.0/24", "address": "198.51.100.2"},
    6: {"inside": "2001:db8:a::/64", "address": "2001:db8:1::2"},
}
TUNNEL = st.fixed_dictionaries({"mode": st.sampled_from(("uniform", "pipe")), "labels": st.booleans()})


@st.composite
def worlds(draw: Any) -> World:
    """laptop - home (NAT) - isp - two ways of two routers, with a tunnel - far - server."""
    chain = [("isp", "a1"), ("a1", "a2"), ("a2", "far"), ("isp", "b1"), ("b1", "b2"), ("b2", "far")]
    nat = NAT[draw(st.sampled_from((4, 6)))] | {"fix_quotes": draw(st.booleans())}
    builder = (
        build("all")
        .host("laptop", "192.0.2.10/24", "2001:db8:a::10/64")
        .host("tablet", "192.0.2.11/24", "2001:db8:a::11/64")
        .router("home", "192.0.2.1/24", "198.51.100.2/30", "2001:db8:a::1/64", "2001:db8:1::2/64", nat=nat)
        .router("isp", "198.51.100.1/30", "2001:db8:1::1/64", **draw(ROUTER))
        .router("far", "203.0.113.1/24", "2001:db8:b::1/64", **draw(ROUTER))
        .host("server", "203.0.113.80/24", "2001:db8:b::80/64", open=["tcp/80", "udp/7"])
        .link("laptop", "home", delay_ms=1)
        .link("tablet", "home", delay_ms=1, **draw(LINK))
        .link("home", "isp", delay_ms=1, **draw(LINK))
        .link("far", "server", delay_ms=1, **draw(LINK))
    )
    for name in ("a1", "a2", "b1", "b2"):
        builder.router(name, **draw(ROUTER))
    for a, b in chain:
        builder.link(a, b, delay_ms=1, **draw(LINK))
    if draw(st.booleans()):
        builder.tunnel("isp", "a1", "a2", "far", **draw(TUNNEL))
    if draw(st.booleans()):
        builder.tunnel("far", "b2", "b1", "isp", **draw(TUNNEL))
    world = builder.world()
    assert parse(to_toml(world)) == world
    return world


PACKETS = st.lists(
    st.tuples(
        st.sampled_from(("laptop", "tablet", "server")),
        st.sampled_from((4, 6)),
        st.sampled_from(("echo", "udp", "closed", "tcp")),
        st.sampled_from((1, 2, 3, 4, 5, 6, 64)),
        st.sampled_from((0, 100, 1200, 2500)),
    ),
    min_size=1,
    max_size=12,
)


def send_all(world: World, packets: list[Any], seed: int) -> Run:
    run = Run(world, seed, node="laptop")
    for node, family, what, ttl, size in packets:
        here = {"laptop": SOURCE[family], "server": SERVER[family]}.get(node, SOURCE[family][:-1] + "1")
        there = SERVER[family] if node != "server" else str(NAT[family]["address"])
        if what == "echo":
            packet = echo(here, there, size=size, ttl=ttl)
        elif what == "tcp":
            packet = tcp(here, there, 80, ttl=ttl)
        else:
            packet = udp(here, there, 7 if what == "udp" else 33434, bytes(size), ttl=ttl)
        run.engine.inject(node, packet)
        run.engine.advance(run.engine.now + MS)
    run.engine.advance(run.engine.now + 200 * SECOND)
    return run


@given(world=worlds(), packets=PACKETS, seed=st.integers(0, 3))
def test_every_packet_is_delivered_or_dropped_with_a_reason(world: World, packets: list[Any], seed: int) -> None:
    run = send_all(world, packets, seed)
    run.engine.advance(FOREVER)
    assert run.engine.next_event() is None
    rows = run.engine.packets()
    fathers = {row["parent"] for row in rows}
    ends = run.ends()
    assert [number for number, end in ends.items() if len(end) > 1] == []
    assert {number for number, end in ends.items() if not end} <= fathers, "only what was cut has no end of its own"
    assert run.engine.losses() == Counter(row["reason"] for row in rows if row["action"] == "dropped")
    for row in rows:
        parse_packet(row["data"])


@given(world=worlds(), packets=PACKETS, seed=st.integers(0, 3))
def test_same_seed_same_capture(world: World, packets: list[Any], seed: int) -> None:
    digests = {
        hashlib.sha256(repr(send_all(again, packets, seed).engine.packets()).encode()).hexdigest()
        for again in (world, parse(to_toml(world)))
    }
    assert len(digests) == 1


@given(world=worlds(), seed=st.integers(0, 3), family=st.sampled_from((4, 6)))
def test_the_round_trip_is_the_sum_of_the_true_delays(world: World, seed: int, family: int) -> None:
    """Also through control planes, tunnels and NAT. (Copies, fragments and damage would make more than two packets.)"""
    for link in world.links:
        for way in (link.forward, link.backward):
            way.duplicate = way.corrupt = 0
        link.mtu, link.down = 1500, False
    for node in world.nodes.values():
        node.down = False
    run = Run(world, seed, node="laptop")
    if run.engine.inject("laptop", echo(SOURCE[family], SERVER[family])) == "":
        answers = [time for time, _, message in run.answers() if message.type in (0, 129)]
        total = sum(row["delay_ms"] for row in run.engine.truth())
        assert not answers or total == pytest.approx(answers[0] / MS)
