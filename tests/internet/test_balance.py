"""Load balancers: constant for a flow, spread over flows, by chance per packet, by destination; and the truth of it."""

from __future__ import annotations

import itertools
from collections import Counter
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.balance import Balancer, flow
from netlab.internet.builder import build
from netlab.internet.engine import Engine
from netlab.internet.model import World
from netlab.internet.packet import Packet
from netlab.wire.udp import UDP
from tests.internet.engine_worlds import MS, Run, echo, icmp, ip, module
from tests.internet.feature_worlds import SERVER, SOURCE, address, ends, fan

FAMILIES = pytest.mark.parametrize("family", [4, 6])
MANY = 1600


def datagram(family: int, port: int = 33434, source_port: int = 40000, payload: bytes = b"", **header: Any) -> bytes:
    here, there = SOURCE[family], SERVER[family]
    return ip(here, there, 17, UDP(source_port, port, payload).to_bytes(here, there), **header)


def ways(world: World, packets: list[bytes], seed: int = 1) -> list[str]:
    """By which router of the fan each of the packets went."""
    engine = Engine(world, seed)
    numbers = []
    for packet in packets:
        assert engine.inject("laptop", packet) == ""
        numbers.append(engine.injected)
    engine.advance(10_000 * MS)
    taken = {
        row["number"]: row["link"].removeprefix("near-")
        for row in engine.packets(node="near")
        if row["action"] == "forwarded" and row["link"] != "laptop-near"
    }
    return [taken[number] for number in numbers]


def within(count: int, of: int, share: float) -> bool:
    """Whether a count is less than five standard deviations away from what is expected."""
    return abs(count - of * share) < 5 * sqrt(of * share * (1 - share))


@FAMILIES
@pytest.mark.parametrize("balance", ["flow", "destination"])
def test_all_packets_of_a_flow_take_the_same_way(family: int, balance: str) -> None:
    packets = [datagram(family, payload=bytes(n), ttl=5 + n) for n in range(60)]
    assert len(set(ways(fan(4, balance), packets))) == 1


@FAMILIES
@pytest.mark.parametrize("width", [2, 3, 16])
def test_flows_are_spread_evenly(family: int, width: int) -> None:
    count = Counter(ways(fan(width), [datagram(family, source_port=1024 + n) for n in range(MANY)]))
    assert len(count) == width
    assert all(within(each, MANY, 1 / width) for each in count.values()), count


def test_what_makes_a_flow() -> None:
    """Source, destination, protocol, the first four bytes of what IP carries; for IPv6 the flow label."""
    world = fan(16)
    same = [datagram(6, flow_label=7), datagram(6, flow_label=7, traffic_class=184, ttl=9, payload=b"longer")]
    assert len(set(ways(world, same))) == 1
    for number, varied in enumerate(
        (
            [datagram(6, flow_label=n) for n in range(200)],
            [datagram(4, port=1024 + n) for n in range(200)],
            [echo(SOURCE[4], SERVER[4], n) for n in range(200)],  # the sequence number changes the checksum
            [ip(SOURCE[4], SERVER[4], protocol, b"1234") for protocol in range(2, 256) if protocol not in (6, 17)],
        )
    ):
        assert len(set(ways(world, varied))) > 8, number


def test_icmp_probes_with_one_checksum_are_one_flow() -> None:
    """As Paris traceroute sends them: the payload makes up for the sequence number."""
    probes = []
    for n in range(50):
        payload = (0xFFFF - n).to_bytes(2, "big")
        probes.append(icmp(SOURCE[4], SERVER[4], module(SOURCE[4]).EchoRequest(7, n, payload)))
    assert len({probe[22:24] for probe in probes}) == 1
    assert len(set(ways(fan(16), probes))) == 1


def test_fragments_of_a_datagram_keep_together() -> None:
    engine = Engine(fan(16))
    for n in range(20):
        assert engine.inject("laptop", datagram(4, source_port=1024 + n, payload=bytes(3000), identification=n)) == ""
    engine.advance(1000 * MS)
    rows = [row for row in engine.packets(node="near") if row["action"] == "forwarded" and row["link"] != "laptop-near"]
    assert len(rows) == 60
    assert len({row["link"] for row in rows}) == 1


@FAMILIES
def test_per_packet_is_chance(family: int) -> None:
    taken = ways(fan(4, "packet"), [datagram(family) for _ in range(MANY)])
    assert all(within(each, MANY, 1 / 4) for each in Counter(taken).values())
    pairs = Counter(itertools.pairwise(taken))
    assert len(pairs) == 16
    assert all(within(each, MANY - 1, 1 / 16) for each in pairs.values()), "one way says nothing about the next"


@FAMILIES
def test_per_destination_looks_at_the_destination_only(family: int) -> None:
    world, there = fan(4, "destination"), SERVER[family]
    other = [f"203.0.113.{n}" if family == 4 else f"2001:db8:b::{n:x}" for n in range(2, 200)]
    mixed = [echo(SOURCE[family], there, n) for n in range(20)] + [datagram(family, port=n + 1) for n in range(20)]
    assert len(set(ways(world, mixed))) == 1
    assert len(set(ways(world, [echo(SOURCE[family], each) for each in other]))) == 4


def test_every_seed_and_every_router_hashes_differently() -> None:
    packets = [datagram(4, source_port=1024 + n) for n in range(300)]
    one, other = ways(fan(2), packets, seed=1), ways(fan(2), packets, seed=2)
    assert within(sum(map(str.__eq__, one, other)), len(packets), 1 / 2)
    assert ways(fan(2), packets, seed=1) == one
    first, second = (Balancer("flow", 1, name) for name in ("r1", "r2"))
    read = [Packet(packet, 0) for packet in packets]
    same = sum(first.choose(packet, "ab") == second.choose(packet, "ab") for packet in read)
    assert within(same, len(packets), 1 / 2)


@given(width=st.integers(1, 20), number=st.integers(0, 2**16 - 1))
def test_the_expected_way_is_the_one_taken(width: int, number: int) -> None:
    balancer, packet = Balancer("flow", 1, "r"), Packet(datagram(4, source_port=number), 0)
    assert balancer.choose(packet, range(width)) == balancer.expect(packet, range(width)) < width
    assert flow(packet) == packet.source + packet.destination + b"\x11" + packet.raw[20:24]


@FAMILIES
def test_parallel_links_are_several_ways(family: int) -> None:
    builder = ends("flow")
    for name in ("one", "two", "three"):
        builder.link("near", "far", delay_ms=1, name=name)
    taken = ways(builder.world(), [datagram(family, source_port=1024 + n) for n in range(300)])
    assert {*taken} == {"one", "two", "three"}


def test_a_fixed_route_over_parallel_links_is_balanced_too() -> None:
    builder = ends("flow", routes=[{"to": "203.0.113.0/24", "via": "far"}])
    for name in ("one", "two", "three"):
        builder.link("near", "far", delay_ms=1, name=name, down=name == "two")
    taken = ways(builder.world(), [datagram(4, source_port=1024 + n) for n in range(300)])
    assert {*taken} == {"one", "three"}


def test_equal_cost_is_an_equal_sum_of_costs() -> None:
    """Two ways of cost 4, with one and two routers between, and one of cost 5 that is not used."""
    builder = ends("flow").router("short").router("long1").router("long2").router("dear")
    builder.link("near", "short", delay_ms=1, cost=2).link("short", "far", delay_ms=1, cost=2)
    builder.link("near", "long1", delay_ms=1).link("long1", "long2", delay_ms=1, cost=2).link(
        "long2", "far", delay_ms=1
    )
    builder.link("near", "dear", delay_ms=1, cost=4).link("dear", "far", delay_ms=1)
    taken = Counter(ways(builder.world(), [datagram(4, source_port=1024 + n) for n in range(1000)]))
    assert {*taken} == {"short", "long1"}
    assert all(within(each, 1000, 1 / 2) for each in taken.values())


def test_a_router_that_does_not_balance_takes_the_first_way() -> None:
    assert {*ways(fan(4, ""), [datagram(4, source_port=1024 + n) for n in range(100)])} == {"m0"}


def test_hosts_and_answers_are_balanced_too() -> None:
    world = (
        build("two").host("a", balance="packet").router("r1").router("r2").host("b", balance="packet")
        .link("a", "r1", delay_ms=1).link("a", "r2", delay_ms=2).link("r1", "b", delay_ms=1).link("r2", "b", delay_ms=2)
        .world()
    )  # fmt: skip
    here, there = (address(world, name, 4) for name in "ab")
    run = Run(world)
    for n in range(100):
        run.send(echo(here, there, n), at=n * 100 * MS)
    assert {time % (100 * MS) for time, _, _ in run.answers()} == {4 * MS, 6 * MS, 8 * MS}
