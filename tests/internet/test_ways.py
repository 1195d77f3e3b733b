"""The truth about ways: of one packet, of all, and back."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.engine import Engine
from netlab.internet.model import World
from netlab.network import worlds
from netlab.network.base import Refused
from netlab.network.virtual import VirtualNetwork
from netlab.wire.udp import UDP
from tests.internet.engine_worlds import MS, Run, echo, ip
from tests.internet.feature_worlds import SERVER, SOURCE, chain, ends, fan, home


def forwarded(engine: Engine, number: int) -> list[str]:
    """The nodes at which a packet was seen."""
    return [row["at"] for row in engine.packets() if row["number"] == number]


def dear_way_back() -> World:
    builder = chain("mid").router("x").router("y")
    builder._data["link"][-1]["backward"] = {"cost": 9}
    return builder.link("far", "x", delay_ms=5).link("x", "y", delay_ms=5).link("y", "near", delay_ms=5).world()


@given(port=st.integers(1, 65_535), width=st.integers(1, 8), family=st.sampled_from((4, 6)))
def test_the_path_of_a_packet_is_the_one_it_takes(port: int, width: int, family: int) -> None:
    here, there = SOURCE[family], SERVER[family]
    engine = Engine(fan(width))
    packet = ip(here, there, 17, UDP(port, 33434, b"").to_bytes(here, there))
    expected = engine.path("laptop", there, packet)
    engine.inject("laptop", packet)
    engine.advance(100 * MS)
    assert forwarded(engine, 1) == expected
    assert {*itertools.pairwise(expected)} <= {*engine.paths("laptop", there)}


def test_paths_are_all_edges_the_nearest_first() -> None:
    engine = Engine(fan(3))
    assert engine.paths("laptop", SERVER[4]) == [
        ("laptop", "near"), ("near", "m0"), ("near", "m1"), ("near", "m2"),
        ("m0", "far"), ("m1", "far"), ("m2", "far"), ("far", "server"),
    ]  # fmt: skip
    assert engine.path("laptop", SERVER[4]) == ["laptop", "near", "m0", "far", "server"]
    assert Engine(fan(3, "packet")).paths("laptop", SERVER[4]) == engine.paths("laptop", SERVER[4])


def test_per_destination_there_is_one_path() -> None:
    engine = Engine(fan(3, "destination"))
    path = engine.path("laptop", SERVER[4])
    assert engine.paths("laptop", SERVER[4]) == [*itertools.pairwise(path)]


def test_parallel_links_are_one_edge() -> None:
    builder = ends("flow").link("near", "far", delay_ms=1, name="a").link("near", "far", delay_ms=1, name="b")
    assert Engine(builder.world()).paths("laptop", SERVER[4]) == [
        ("laptop", "near"), ("near", "far"), ("far", "server"),
    ]  # fmt: skip


def test_paths_end_in_a_circle_and_at_what_is_off() -> None:
    loop = chain("m", m={"routes": [{"to": "203.0.113.0/24", "via": "near"}]}).world()
    assert Engine(loop).paths("laptop", SERVER[4]) == [("laptop", "near"), ("near", "m"), ("m", "near")]
    off = chain("m", m={"down": True}).world()
    assert Engine(off).paths("laptop", SERVER[4]) == [("laptop", "near"), ("near", "m")]


def test_the_way_back_is_another_when_costs_differ_by_direction() -> None:
    network = VirtualNetwork(dear_way_back())
    assert network.path("server") == ["laptop", "near", "mid", "far", "server"]
    assert network.return_path("server") == ["server", "far", "x", "y", "near", "laptop"]
    assert network.path("laptop", source="server") == network.return_path("server")
    assert network.paths("server") == [*zip(network.path("server"), network.path("server")[1:])]


def test_round_trip_time_is_the_sum_of_both_ways() -> None:
    run = Run(dear_way_back(), node="laptop")
    run.send(echo(SOURCE[4], SERVER[4]))
    ((time, _, _),) = run.answers()
    assert time == (1 + 1 + 1 + 1) * MS + (1 + 5 + 5 + 5 + 1) * MS
    assert forwarded(run.engine, 2) == ["server", "far", "x", "y", "near", "laptop"]


def test_the_way_back_from_where_packets_end() -> None:
    network = VirtualNetwork(chain("m", m={"routes": [{"to": "203.0.113.0/24", "via": "unreachable"}]}).world())
    assert network.path("server") == ["laptop", "near", "m"]
    assert network.return_path("server") == ["m", "near", "laptop"]


def test_the_way_back_through_a_nat() -> None:
    network = VirtualNetwork(home())
    assert network.return_path("server") == ["server", "far", "isp", "home", "laptop"]
    assert network.return_path("server", source="tablet")[-1] == "tablet"
    assert network.path("laptop", source="server") == ["server", "far"], "uncalled, nobody finds it"


def test_localhost_is_the_machine_itself() -> None:
    network = VirtualNetwork(worlds.load("campus"))
    assert network.resolve("localhost") == ["127.0.0.1", "::1"]
    assert network.resolve("LOCALHOST.", 6) == ["::1"]
    assert network.reverse("127.0.0.1") == network.reverse("::1") == "localhost"
    assert network.path("localhost") == network.return_path("localhost") == ["laptop"]
    network.begin()
    for address in ("127.0.0.1", "::1"):
        assert network.source_for(address) == address
        assert network.source_for(address, source="www") == address
        network.send(echo(address, address))
        arrivals = [network.receive(10**9), network.receive(10**9)]
        assert all(arrival and arrival.at == 0 for arrival in arrivals), "the question and the answer"
        assert network.receive(network.now()) is None
    network.end()


def test_what_may_not_be_cut_is_refused_in_both_families() -> None:
    network = VirtualNetwork(worlds.load("line"))
    network.begin()
    for name, family in (("server", 4), ("server", 6)):
        there = network.resolve(name, family)[0]
        packet = echo(network.source_for(there), there, size=2000)
        assert network.send(packet, fragment=False) == Refused("message too long", 1500)
        assert not isinstance(network.send(packet), Refused)
    network.end()
