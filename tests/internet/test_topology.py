"""From a world to machines: which address is on which link, and how long a big world takes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from netlab.errors import WorldError
from netlab.internet.engine import Engine
from netlab.internet.model import Link, Node, World
from netlab.wire.addresses import to_packed
from tests.internet.engine_worlds import Run, echo, line, link


def world(*links: Link, **addresses: tuple[str, ...]) -> World:
    nodes = {name: Node(name, addresses=mine) for name, mine in addresses.items()}
    return World("test", next(iter(nodes)), nodes, list(links))


def test_an_address_is_on_the_link_whose_other_end_shares_its_prefix() -> None:
    engine = Engine(world(
        link("a", "b"), link("b", "c"),
        a=("10.0.0.1/24", "2001:db8::1/64"),
        b=("10.0.1.1/24", "10.0.0.2/24", "2001:db8:1::1/64", "2001:db8::2/64", "10.5.5.5/32"),
        c=("10.0.1.2/24", "2001:db8:1::2/64"),
    ))  # fmt: skip
    left, right = engine.machine("b").interfaces
    assert left.addresses == {4: to_packed("10.0.0.2"), 6: to_packed("2001:db8::2")}
    assert right.addresses == {4: to_packed("10.0.1.1"), 6: to_packed("2001:db8:1::1")}
    assert engine.path("a", "10.5.5.5") == ["a", "b"]


def test_parallel_links_get_one_network_each_and_the_last_the_rest() -> None:
    one, two = link("a", "b"), link("a", "b")
    two.name = "second"
    engine = Engine(world(
        one, two, a=("10.0.0.1/24", "10.0.1.1/24", "10.0.2.1/24"), b=("10.0.0.2/24", "10.0.1.2/24", "10.0.2.2/24")
    ))  # fmt: skip
    networks = [[number for _, _, number in each.networks] for each in engine.machine("b").interfaces]
    assert networks == [[0x0A0000], [0x0A0001, 0x0A0002]]


def test_a_node_without_addresses_forwards_and_is_silent() -> None:
    bare = line("a", "r1", "r2", "b")
    bare.nodes["r1"].addresses = ()
    bare.nodes["a"].addresses = ("10.7.0.1/24",)
    run = Run(bare)
    run.send(echo("10.7.0.1", "10.0.2.2"))
    assert len(run.answers()) == 1
    run.inbox.clear()
    run.send(echo("10.7.0.1", "10.0.2.2", ttl=1))
    run.engine.advance(run.engine.now + 10**9)
    assert not run.inbox
    assert run.engine.withheld() == {("r1", "no way back"): 1}


def test_addresses_that_are_none() -> None:
    with pytest.raises(WorldError, match="no address with a prefix length"):
        Engine(world(link("a", "b"), a=("10.0.0/24",), b=("10.0.0.2/24",)))


def test_a_big_world_loads_without_computing_any_route() -> None:
    names = [f"n{n}" for n in range(1000)]
    addresses: dict[str, list[str]] = {name: [] for name in names}
    links = []
    for n, (left, right) in enumerate(pairwise(names)):
        addresses[left] += [f"198.18.{n >> 6}.{n % 64 * 4 + 1}/30", f"2001:db8:{n:x}::1/64"]
        addresses[right] += [f"198.18.{n >> 6}.{n % 64 * 4 + 2}/30", f"2001:db8:{n:x}::2/64"]
        links.append(link(left, right))
    engine = Engine(
        World("big", "n0", {name: Node(name, addresses=tuple(mine)) for name, mine in addresses.items()}, links)
    )
    assert engine.routing.distances == {}
    assert len(engine.path("n0", "2001:db8:3e6::2")) == 1000
    assert len(engine.routing.distances) == 1
