"""Worlds in Python: the same as from a file, numbered by themselves, large ones quickly."""

import time
from itertools import pairwise

import pytest

from netlab.errors import UsageError, WorldError
from netlab.internet import Names, build, grid, parse, to_toml, tree
from netlab.internet.space import interface
from tests.internet.test_world import EXAMPLE


def test_ten_lines_of_python_make_the_world_of_the_example():
    world = (
        build("campus", vantage="laptop")
        .host("laptop", "192.0.2.10/24", "2001:db8:1::10/64", place="Lisbon")
        .router("gateway", "192.0.2.1/24", "198.51.100.1/30", "2001:db8:1::1/64", "2001:db8:2::1/64")
        .router("core", "198.51.100.2/30", "203.0.113.1/24", "2001:db8:2::2/64", "2001:db8:3::1/64",
                asn=64500, icmp={"rate": 1, "burst": 6})
        .host("www", "203.0.113.80/24", "2001:db8:3::80/64", open=["tcp/80"])
        .link("laptop", "gateway", delay_ms=0.4)
        .link("gateway", "core", distance_km=300, rate_mbps=100, loss=0.01, jitter_ms=0.2, queue=50)
        .link("core", "www", delay_ms=2, rate_mbps=50, mtu=1400)
        .traffic("core", "www", kind="on-off", rate_mbps=40)
        .world()
    )  # fmt: skip
    assert world == parse(EXAMPLE)


def test_addresses_may_be_left_out():
    world = build("w").router("r").host("a").host("b").link("a", "r", delay_ms=1).link("r", "b", delay_ms=1).world()
    assert world.vantage == "a"  # the first host
    assert world.nodes["a"].addresses == ("192.0.2.0/31", "2001:db8:1::1/64")
    assert world.nodes["r"].addresses == ("192.0.2.1/31", "2001:db8:1::2/64", "192.0.2.2/31", "2001:db8:2::1/64")


def test_given_addresses_and_numbered_links_keep_apart():
    world = (
        build("w")
        .host("a", "192.0.2.10/24", "2001:db8:1::10/64")
        .router("r", "192.0.2.1/24", "2001:db8:1::1/64")
        .host("b")
        .link("a", "r", delay_ms=1)
        .link("r", "b", delay_ms=1)
        .world()
    )
    assert world.nodes["a"].addresses == ("192.0.2.10/24", "2001:db8:1::10/64")
    assert world.nodes["b"].addresses == ("198.51.100.1/31", "2001:db8:2::2/64")


def test_two_links_between_the_same_nodes_share_a_network_of_their_own_addresses():
    world = build("w").host("a").host("b").link("a", "b", delay_ms=1).link("a", "b", delay_ms=2, name="second").world()
    assert [link.name for link in world.links] == ["a-b", "second"]


def test_parallel_links_get_a_network_each():
    builder = build("w").host("a", "192.0.2.1/30").host("b", "192.0.2.2/30")
    for number in range(3):
        builder.link("a", "b", delay_ms=1, name=f"cable{number}")
    addresses = builder.world().nodes["a"].addresses
    assert addresses == (
        "192.0.2.1/30", "198.51.100.0/31", "2001:db8:1::1/64", "198.51.100.2/31", "2001:db8:2::1/64",
    )  # fmt: skip


def test_building_twice_gives_two_equal_worlds():
    builder = build("w").host("a").host("b").link("a", "b", delay_ms=1)
    first, second = builder.world(), builder.world()
    assert first == second and first.nodes["a"] is not second.nodes["a"]


def test_mistakes_are_those_of_files():
    with pytest.raises(WorldError, match="this node is there already"):
        build("w").host("a").host("a")
    with pytest.raises(WorldError, match="did you mean 'delay_ms'"):
        build("w").host("a").host("b").link("a", "b", delay_s=1).world()
    with pytest.raises(WorldError, match="no node 'c'"):
        build("w").host("a").host("b").link("a", "c", delay_ms=1).world()
    with pytest.raises(WorldError, match="no IP address"):
        build("w").host("a", "192.0.2/24").host("b").link("a", "b", delay_ms=1).world()
    with pytest.raises(WorldError, match="a world needs nodes"):
        build("w").world()


@pytest.mark.parametrize("make", [grid, tree])
@pytest.mark.parametrize("nodes", [3, 4, 5, 6, 7, 11, 50])
def test_generated_worlds_have_as_many_nodes_as_asked_for_and_hang_together(make, nodes):
    world = make(nodes)
    assert len(world.nodes) == nodes
    reached, links = {"laptop"}, [set(link.ends) for link in world.links]
    for _ in range(nodes):
        reached |= {end for ends in links if ends & reached for end in ends}
    assert reached == set(world.nodes)


def test_generated_worlds_have_bounds():
    with pytest.raises(UsageError, match="from 3"):
        grid(2)
    with pytest.raises(UsageError, match="branches"):
        tree(10, branches=0)


def test_links_of_a_large_world_have_networks_of_their_own():
    world = grid(900)
    networks = [interface(text).prefix for node in world.nodes.values() for text in node.addresses]
    assert len(set(networks)) == 2 * len(world.links)
    assert all(networks.count(network) == 2 for network in networks[:20])


def test_a_thousand_nodes_are_read_in_less_than_a_second():
    text = to_toml(grid(1000))
    times = []
    for _ in range(2):
        interface.cache_clear()
        start = time.process_time()
        world = parse(text)
        Names(world)
        times.append(time.process_time() - start)
    assert len(world.nodes) == 1000
    assert min(times) < 1.0


def test_the_time_to_read_grows_with_the_size_and_not_with_its_square():
    """A star is the worst case: every neighbour of the hub shares a prefix with it."""

    def star(leaves):
        builder = build("star").router("hub")
        for i in range(leaves):
            builder.host(f"h{i}").link("hub", f"h{i}", delay_ms=1)
        data = builder.data()
        start = time.process_time()
        from netlab.internet import from_dict

        from_dict(data)
        return time.process_time() - start

    star(100)
    times = [min(star(leaves) for _ in range(3)) for leaves in (250, 1000)]
    small, large = times
    assert large < 10 * small, times


def test_neighbours_in_a_grid_are_a_millisecond_or_two_apart():
    world = grid(27)
    delays = {link.ends: link.forward.delay for link in world.links}
    assert all(delays[f"r{a}", f"r{b}"] == 1_000_000 for a, b in pairwise(range(5)))
    assert delays["r0", "r5"] == 2_000_000
