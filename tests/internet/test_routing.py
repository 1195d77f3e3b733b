"""Which way packets go: shortest paths, fixed routes, links and nodes that are down, circles, and unknown addresses."""

from __future__ import annotations

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError, WorldError
from netlab.internet.engine import Engine
from netlab.internet.model import Link, Node, Route, World
from tests.internet.engine_worlds import FOREVER, MS, Run, echo, line, link


def ring(*extra: Link) -> World:
    """a - r1, r1 - r2 - r3 - b in one half of a ring, r1 - r4 - r3 in the other (listed later)."""
    pairs = [("a", "r1"), ("r1", "r2"), ("r2", "r3"), ("r3", "b"), ("r1", "r4"), ("r4", "r3")]
    return mesh(pairs, hosts="ab")


def mesh(pairs: list[tuple[str, str]], hosts: str = "") -> World:
    addresses: dict[str, list[str]] = {}
    for n, (left, right) in enumerate(pairs):
        addresses.setdefault(left, []).append(f"10.{n >> 8}.{n & 255}.1/24")
        addresses.setdefault(right, []).append(f"10.{n >> 8}.{n & 255}.2/24")
    nodes = {
        name: Node(name, "host" if name in hosts else "router", tuple(mine)) for name, mine in addresses.items()
    }  # fmt: skip
    return World("mesh", next(iter(nodes)), nodes, [link(*pair) for pair in pairs])


def test_of_equal_paths_the_first_link_wins() -> None:
    assert Engine(ring()).path("a", "10.0.3.2") == ["a", "r1", "r2", "r3", "b"]
    world = ring()
    world.links.reverse()
    assert Engine(world).path("a", "10.0.3.2") == ["a", "r1", "r4", "r3", "b"]


def test_path_goes_round_a_link_that_is_down() -> None:
    world = ring()
    world.links[1].down = True
    engine = Engine(world)
    assert engine.path("a", "10.0.3.2") == ["a", "r1", "r4", "r3", "b"]


def test_path_does_not_go_round_a_node_that_is_down() -> None:
    world = ring()
    world.nodes["r2"].down = True
    run = Run(world)
    assert run.engine.path("a", "10.0.3.2") == ["a", "r1", "r2"]
    run.send(echo("10.0.0.1", "10.0.3.2"))
    assert run.answers() == []
    assert run.engine.losses() == {"node down": 1}


def test_hosts_do_not_forward() -> None:
    world = mesh([("a", "h"), ("h", "b"), ("a", "r1"), ("r1", "r2"), ("r2", "b")], hosts="ahb")
    assert Engine(world).path("a", "10.0.1.2") == ["a", "r1", "r2", "b"]
    alone = mesh([("a", "h"), ("h", "b")], hosts="ahb")
    run = Run(alone)
    run.send(echo("10.0.0.1", "10.0.1.2"))  # a's default route leads to h
    assert run.answers() == []
    assert run.engine.losses() == {"not for this host": 1}
    assert run.engine.path("a", "10.0.1.2") == ["a", "h"]


@pytest.mark.parametrize(("prefix", "path"), [
    ("10.0.3.0/24", ["a", "r1", "r4", "r3", "b"]),
    ("10.0.3.2/32", ["a", "r1", "r4", "r3", "b"]),
    ("10.0.0.0/8", ["a", "r1", "r2", "r3", "b"]),
    ("0.0.0.0/0", ["a", "r1", "r2", "r3", "b"]),
])  # fmt: skip
def test_the_longest_prefix_decides_between_a_fixed_route_and_the_shortest_path(prefix: str, path: list[str]) -> None:
    world = ring()
    world.nodes["r1"].routes = (Route(prefix, "r4"),)
    assert Engine(world).path("a", "10.0.3.2") == path


def test_the_longest_of_several_fixed_routes_decides() -> None:
    world = ring()
    world.nodes["r1"].routes = (Route("10.0.3.0/25", "r2"), Route("10.0.3.2/32", "r4"), Route("10.0.3.0/24", "r2"))
    assert Engine(world).path("a", "10.0.3.2")[2] == "r4"
    assert Engine(world).path("a", "10.0.3.3")[2] == "r2"


def test_a_default_route_catches_what_is_on_no_network() -> None:
    world = ring()
    world.nodes["r1"].routes = (Route("0.0.0.0/0", "r4"),)
    assert Engine(world).path("a", "192.0.2.1") == ["a", "r1", "r4"]


def test_a_host_with_two_links_and_a_default_route() -> None:
    world = mesh([("a", "r1"), ("a", "r2"), ("r1", "r3"), ("r2", "r3"), ("r3", "b")], hosts="ab")
    world.nodes["a"].routes = (Route("0.0.0.0/0", "r2"),)
    engine = Engine(world)
    assert engine.path("a", "10.0.4.2") == ["a", "r2", "r3", "b"]
    assert engine.path("a", "10.0.0.2") == ["a", "r1"]  # on its own link
    assert engine.path("b", "10.0.0.1") == ["b", "r3", "r1", "a"]  # and back another way


def test_routing_loop() -> None:
    world = line(
        "a", "r1", "r2", "b", r1={"routes": (Route("0.0.0.0/0", "r2"),)}, r2={"routes": (Route("10.0.0.0/8", "r1"),)}
    )
    run = Run(world)
    assert run.engine.path("a", "10.9.9.9") == ["a", "r1", "r2", "r1"]
    run.send(echo("10.0.0.1", "10.9.9.9", ttl=20))
    packet, message = run.answer()
    assert (message.type, packet.source) == (11, "10.0.1.2")
    assert run.engine.now == FOREVER
    visits = [row["at"] for row in run.engine.packets() if row["action"] == "forwarded" and row["number"] == 1]
    assert visits == ["r1", "r2"] * 9 + ["r1"]


def test_blackhole_says_nothing() -> None:
    run = Run(line("a", "r1", "r2", "b", r1={"routes": (Route("10.0.2.0/24", "blackhole"),)}))
    run.send(echo("10.0.0.1", "10.0.2.2"))
    assert run.answers() == []
    assert run.engine.losses() == {"blackhole": 1}
    assert run.engine.path("a", "10.0.2.2") == ["a", "r1"]


def test_a_fixed_route_may_lead_to_a_host_that_does_not_want_it() -> None:
    world = line("a", "r", "b", r={"routes": (Route("192.0.2.0/24", "b"),)})
    run = Run(world)
    run.send(echo("10.0.0.1", "192.0.2.1"))
    assert run.answers() == []
    assert run.engine.losses() == {"not for this host": 1}


def test_families_go_their_own_ways() -> None:
    world = mesh([("a", "r1"), ("r1", "b"), ("a", "r2"), ("r2", "r3"), ("r3", "b")], hosts="ab")
    for n, (left, right) in enumerate([("a", "r2"), ("r2", "r3"), ("r3", "b")]):
        for name, last in ((left, 1), (right, 2)):
            world.nodes[name].addresses += (f"2001:db8:{n}::{last}/64",)
    engine = Engine(world)
    assert engine.path("a", "10.0.1.2") == ["a", "r1", "b"]
    assert engine.path("a", "2001:db8:2::2") == ["a", "r2", "r3", "b"]


def test_addresses_that_are_no_destination() -> None:
    engine = Engine(line("a", "r", "b"))
    for address in ("0.0.0.0", "::"):
        assert engine.inject("a", echo("10.0.0.1" if "." in address else "2001:db8::1", address)) == "invalid argument"


def test_path_of_unknown_names() -> None:
    engine = Engine(line("a", "r", "b"))
    with pytest.raises(UsageError, match="must be one of a, r, b"):
        engine.path("x", "10.0.0.1")
    with pytest.raises(WorldError, match="there is no node 'x'"):
        Engine(World("w", "a", {"a": Node("a")}, [link("a", "x")]))


@given(
    edges=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda e: e[0] < e[1]), min_size=1, max_size=25
    )
)
def test_paths_are_shortest(edges: list[tuple[int, int]]) -> None:
    """Against a plain breadth-first search, for every pair; and what it says is what packets do."""
    pairs = [(f"n{x}", f"n{y}") for x, y in dict.fromkeys(edges)]
    world = mesh(pairs)
    run = Run(world, node=pairs[0][0])
    start = pairs[0][0]
    distance, waiting = {start: 0}, deque([start])
    while waiting:
        here = waiting.popleft()
        for pair in pairs:
            if here in pair:
                (there,) = set(pair) - {here}
                if there not in distance:
                    distance[there] = distance[here] + 1
                    waiting.append(there)
    for name, node in world.nodes.items():
        address = node.addresses[0].split("/")[0]
        path = run.engine.path(start, address)
        if name in distance:
            assert (path[-1], len(path) - 1) == (name, distance[name])
            assert run.engine.inject(start, echo(world.nodes[start].addresses[0].split("/")[0], address)) == ""
        else:
            assert path == [start]
    run.engine.advance(FOREVER)
    assert run.engine.losses() == {}


def test_parallel_links_have_their_own_networks_and_delays() -> None:
    world = mesh([("a", "r"), ("a", "r"), ("r", "b")], hosts="ab")
    world.links[1].name = "second"
    world.links[1].forward.delay = world.links[1].backward.delay = 5 * MS
    world.nodes["a"].routes = (Route("10.0.2.0/24", "r"),)
    engine = Engine(world)
    first, second = engine.machine("a").interfaces
    assert (first.addresses[4], second.addresses[4]) == (b"\x0a\0\0\x01", b"\x0a\0\x01\x01")
    assert engine.path("a", "10.0.2.2") == ["a", "r", "b"]


COSTS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(1, 5), st.integers(1, 5)).filter(lambda e: e[0] < e[1]),
    min_size=1,
    max_size=20,
    unique_by=lambda e: e[:2],
)


@given(edges=COSTS)
def test_ways_are_the_cheapest_in_their_own_direction(edges: list[tuple[int, int, int, int]]) -> None:
    """Against Floyd and Warshall, for every pair; with load balancers everywhere, all cheapest ways are found."""
    world = mesh([(f"n{x}", f"n{y}") for x, y, _, _ in edges])
    cost = {(name, name): 0 for name in world.nodes}
    for each, (x, y, forward, backward) in zip(world.links, edges, strict=True):
        each.forward.cost, each.backward.cost = forward, backward
        cost[f"n{x}", f"n{y}"], cost[f"n{y}", f"n{x}"] = forward, backward
    links = {pair: one for pair, one in cost.items() if pair[0] != pair[1]}
    for k in world.nodes:
        for i in world.nodes:
            for j in world.nodes:
                if (i, k) in cost and (k, j) in cost:
                    cost[i, j] = min(cost.get((i, j), 1 << 30), cost[i, k] + cost[k, j])
    plain = Engine(world)
    for node in world.nodes.values():
        node.balance = "packet"
    balanced = Engine(world)
    for start in world.nodes:
        for end, node in world.nodes.items():
            address = node.addresses[0].split("/")[0]
            path = plain.path(start, address)
            if (start, end) not in cost:
                assert path == [start]
                continue
            assert sum(links[pair] for pair in itertools.pairwise(path)) == cost[start, end]
            cheapest = {
                (a, b) for (a, b), c in links.items()
                if (start, a) in cost and (b, end) in cost and cost[start, a] + c + cost[b, end] == cost[start, end]
            }  # fmt: skip
            assert {*balanced.paths(start, address)} == cheapest
            assert {*itertools.pairwise(path)} <= cheapest


def test_worlds_without_costs_are_not_searched_by_cost() -> None:
    world = ring()
    assert not Engine(world).routing.weighted
    world.links[0].backward.cost = 2
    assert Engine(world).routing.weighted


def test_hosts_do_not_forward_however_cheap_it_is() -> None:
    world = mesh([("a", "h"), ("h", "b"), ("a", "r"), ("r", "b")], hosts="ahb")
    for each in world.links[2:]:
        each.forward.cost = each.backward.cost = 100
    assert Engine(world).path("a", "10.0.1.2") == ["a", "r", "b"]
