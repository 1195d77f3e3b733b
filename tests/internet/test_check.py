"""Worlds made by hand, without a file, are held to the same rules."""

import pytest

from netlab.errors import WorldError
from netlab.internet import Direction, Link, Node, Route, Traffic, World, check


def world(**changes):
    nodes = {
        "a": Node("a", "host", ("192.0.2.1/30",)),
        "b": Node("b", "host", ("192.0.2.2/30",)),
    }
    made = World("hand", "a", nodes, [Link("a-b", ("a", "b"), Direction(1), Direction(1))])
    for key, value in changes.items():
        setattr(made, key, value)
    return made


def test_a_good_world_is_given_back():
    good = world()
    assert check(good) is good


def test_two_links_of_one_name():
    with pytest.raises(WorldError, match="there is a link 'a-b' already"):
        check(world(links=world().links * 2))


def test_ends_that_share_nothing():
    bad = world()
    bad.nodes["b"].addresses = ("198.51.100.1/30",)
    with pytest.raises(WorldError, match="'a' and 'b' share no prefix"):
        check(bad)
    bad.nodes["b"].addresses = ("192.0.2.2/24",)
    with pytest.raises(WorldError, match=r"'a' has 192.0.2.1/30 and 'b' has 192.0.2.2/24.*same prefix length"):
        check(bad)


def test_a_node_without_a_link():
    bad = world()
    bad.nodes["c"] = Node("c", "host", ("198.51.100.1/30",))
    with pytest.raises(WorldError, match=r"\[node\] c: no link leads to it"):
        check(bad)


def test_names_that_differ_from_their_keys():
    bad = world()
    bad.nodes["b"].name = "c"
    with pytest.raises(WorldError, match="the key and the name must be the same"):
        check(bad)


def test_names_that_differ_in_case_only():
    bad = world()
    bad.nodes["A"] = Node("A", "host", ("192.0.2.2/30",))
    with pytest.raises(WorldError, match="ignore case"):
        check(bad)


def test_a_node_called_like_a_word_of_routes():
    bad = world()
    bad.nodes["blackhole"] = Node("blackhole", "host", ("192.0.2.2/30",))
    with pytest.raises(WorldError, match="choose another name"):
        check(bad)


def test_routes_lead_to_neighbours():
    bad = world()
    bad.nodes["a"].routes = (Route("203.0.113.0/24", "c"),)
    with pytest.raises(WorldError, match="via 'c' is no neighbour"):
        check(bad)


def test_traffic_follows_links():
    with pytest.raises(WorldError, match="there is no node 'c'"):
        check(world(traffic=[Traffic(("a", "c"))]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("loss", 2), ("loss", -0.1), ("delay", -5), ("delay", "x"), ("rate", -1), ("queue", 1.5), ("corrupt", True)],
)
def test_a_world_changed_in_python_is_checked_too(name, value):
    from netlab.network.worlds import load

    world = load("line")
    setattr(world.links[1].backward, name, value)
    with pytest.raises(WorldError, match=f"backward.{name}"):
        check(world)


def test_an_mtu_that_no_link_has_is_refused():
    from netlab.network.worlds import load

    world = load("line")
    world.links[0].mtu = 10
    with pytest.raises(WorldError, match="mtu is 10"):
        check(world)
