"""Worlds made by hand, without a file, are held to the same rules."""

import itertools

import pytest

from netlab.errors import WorldError
from netlab.internet import Direction, Link, Nat, Node, Route, Traffic, Tunnel, World, build, check


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


def home(**nat):
    words = {"inside": "192.0.2.0/24", "address": "198.51.100.1", **nat}
    return (
        build("home")
        .host("a", "192.0.2.2/24", "2001:db8:1::2/64")
        .router("r", "192.0.2.1/24", "198.51.100.1/30", "2001:db8:1::1/64", nat=words)
        .host("b", "198.51.100.2/30")
        .link("a", "r", delay_ms=1)
        .link("r", "b", delay_ms=1)
        .world()
    )


@pytest.mark.parametrize(
    ("nat", "words"),
    [
        ({"address": "198.51.100.2"}, r"nat, key 'address'.*no address of this router: write one of 198.51.100.1"),
        ({"address": "192.0.2.1"}, "must be of the family of 192.0.2.0/24, and not inside"),
        ({"address": "2001:db8:1::1"}, "must be of the family of 192.0.2.0/24"),
        ({"inside": "203.0.113.0/24"}, "this router has no address in 203.0.113.0/24"),
        ({"inside": "192.0.2.1/24"}, "nat, key 'inside'.*bits set"),
    ],
)
def test_a_nat_lends_an_address_of_its_own(nat, words):
    assert home().nodes["r"].nat == Nat("192.0.2.0/24", "198.51.100.1")
    with pytest.raises(WorldError, match=words):
        home(**nat)


def chain(*path, **keys):
    names = ["a", "r1", "r2", "r3", "b"]
    builder = build("chain").host("a").host("b").router("r1").router("r2").router("r3")
    for left, right in itertools.pairwise(names):
        builder.link(left, right, delay_ms=1)
    return builder.tunnel(*path, **keys).world()


@pytest.mark.parametrize(
    ("path", "keys", "words"),
    [
        (("r1", "r3"), {}, "three routers or more"),
        (("r1", "r2", "r1"), {}, "each once"),
        (("r1", "r3", "r2"), {}, "no link joins 'r1' and 'r3'"),
        (("r1", "r2", "r4"), {}, "no node 'r4'"),
        (("r1", "r2", "r3"), {"mode": "pipes"}, "did you mean 'pipe'"),
        (("r1", "r2", "r3"), {"label": 15}, "16 to 1048575"),
        (("r1", "r2", "r3"), {"labels": 1}, "true or false"),
    ],
)
def test_a_tunnel_leads_over_three_routers_or_more(path, keys, words):
    assert chain("r1", "r2", "r3").tunnels == [Tunnel(("r1", "r2", "r3"))]
    with pytest.raises(WorldError, match=words):
        chain(*path, **keys)


def test_the_labels_of_a_long_tunnel_are_all_possible():
    long = chain("r1", "r2", "r3")
    long.tunnels = [Tunnel(("r1", "r2", "r3"), label=(1 << 20) - 1)]
    assert check(long)
    long.tunnels[0].label += 1
    with pytest.raises(WorldError, match="1048576: the labels of its links must be 16 to 1048575"):
        check(long)


def test_costs_of_a_link_made_by_hand():
    bad = world()
    bad.links[0].backward.cost = 0
    with pytest.raises(WorldError, match=r"backward.cost is 0: must be a whole number, 1 or more"):
        check(bad)
