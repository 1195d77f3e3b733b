"""Names of a world: short and long, forward and reverse; the address a node sends from."""

import pytest

from netlab.errors import NameNotFound, NoRoute, UsageError
from netlab.internet import Names, build, edge_rows, node_rows
from netlab.network.worlds import load


@pytest.fixture(scope="module")
def campus():
    return Names(load("campus"))


WWW = ["203.0.113.80", "2001:db8:3::80"]


@pytest.mark.parametrize("name", ["www", "WWW", "www.campus.example", "www.Campus.Example.", " www "])
def test_spellings_of_a_name(campus, name):
    assert campus.resolve(name) == WWW
    assert campus.resolve(name, 4) == WWW[:1]
    assert campus.resolve(name, 6) == WWW[1:]


@pytest.mark.parametrize(
    ("literal", "canonical"),
    [("203.0.113.80", "203.0.113.80"), ("2001:DB8:3:0::80", "2001:db8:3::80"), ("192.0.2.99", "192.0.2.99")],
)
def test_an_address_is_its_own_answer_even_when_nobody_has_it(campus, literal, canonical):
    assert campus.resolve(literal) == [canonical]


def test_an_address_of_the_other_family(campus):
    with pytest.raises(NameNotFound, match="an IPv4 address, and IPv6 was asked for"):
        campus.resolve("203.0.113.80", 6)


@pytest.mark.parametrize("name", ["wwww", "www.campus.exmaple", "catalog", "nobody", "", "192.0.2", "1.2.3.4.5"])
def test_unknown_names_give_hints(campus, name):
    with pytest.raises(NameNotFound) as caught:
        campus.resolve(name)
    assert caught.value.names == [name]
    assert "virtual:campus" in str(caught.value) and "Its hosts are laptop, dns, www" in str(caught.value)


def test_close_names_are_offered(campus):
    for wrong, right in (("wwww", "www"), ("catalog", "catalogue"), ("mirror.campus.exmaple", "mirror")):
        with pytest.raises(NameNotFound, match=f"did you mean '{right}'"):
            campus.resolve(wrong)


def test_large_worlds_do_not_list_all_their_hosts():
    builder = build("many").router("hub")
    for i in range(50):
        builder.host(f"h{i}").link("hub", f"h{i}", delay_ms=1)
    with pytest.raises(NameNotFound, match="Some of its hosts are h0, h1") as caught:
        Names(builder.world()).resolve("nobody")
    assert "h20" not in str(caught.value)


def test_a_name_of_ones_own_and_the_default_name_both_work():
    world = build("w").host("a").host("b", name="shop.example").link("a", "b", delay_ms=1).world()
    names = Names(world)
    assert names.resolve("shop.example") == names.resolve("b.w.example") == names.resolve("b")
    assert names.reverse(names.resolve("b")[0]) == "shop.example"


def test_a_node_without_the_family():
    world = build("w").host("a", "192.0.2.1/30").host("b", "192.0.2.2/30").link("a", "b", delay_ms=1).world()
    with pytest.raises(NameNotFound, match="b has no IPv6 address"):
        Names(world).resolve("b", 6)
    with pytest.raises(NoRoute, match="a has no IPv6 address"):
        Names(world).source_for(world.nodes["a"], "2001:db8::1")


def test_reverse_names(campus):
    assert campus.reverse("203.0.113.80") == campus.reverse("2001:db8:3:0:0::80") == "www.campus.example"
    assert campus.reverse("198.51.100.9") == campus.reverse("203.0.113.1") == "core.campus.example"
    assert campus.reverse("192.0.2.99") == campus.reverse("nonsense") == ""


def test_nodes_by_name_and_address(campus):
    assert campus.node("www").name == campus.node("2001:db8:3::80").name == campus.node_of("203.0.113.80").name == "www"
    assert campus.node_of("192.0.2.99") is None
    with pytest.raises(NameNotFound):
        campus.node("192.0.2.99")


def test_the_source_is_the_address_on_the_link_where_the_route_begins(campus):
    core = campus.world.nodes["core"]
    assert campus.source_for(core, "203.0.113.80", towards="www") == "203.0.113.1"
    assert campus.source_for(core, "203.0.113.80") == "203.0.113.1"
    assert campus.source_for(core, "2001:db8:1::10", towards="gateway") == "2001:db8:2::2"
    assert campus.source_for(core, "192.0.2.99") == "198.51.100.2"


def test_a_source_that_was_asked_for(campus):
    core = campus.world.nodes["core"]
    assert campus.source_for(core, "203.0.113.80", "198.51.100.9", towards="www") == "198.51.100.9"
    assert campus.source_for(core, "203.0.113.80", "core", towards="www") == "203.0.113.1"
    with pytest.raises(UsageError, match="not an address of core"):
        campus.source_for(core, "203.0.113.80", "192.0.2.10")
    with pytest.raises(UsageError, match="same family"):
        campus.source_for(core, "203.0.113.80", "2001:db8:2::2")


def test_rows_of_nodes(campus):
    rows = {row["name"]: row for row in node_rows(campus.world)}
    assert rows["laptop"] == {
        "name": "laptop",
        "kind": "host",
        "hostname": "laptop.campus.example",
        "addresses": ["192.0.2.10/24", "2001:db8:1::10/64"],
        "place": "Lisbon",
        "latitude": 38.72,
        "longitude": -9.14,
        "asn": None,
        "vantage": True,
    }
    assert rows["core"]["asn"] == 64500 and not rows["core"]["vantage"]


def test_rows_of_edges(campus):
    rows = {row["link"]: row for row in edge_rows(campus.world)}
    assert rows["lisbon-porto"] == {
        "link": "lisbon-porto",
        "a": "gateway",
        "b": "core",
        "delay_ms": 1.5,
        "distance_km": 300.0,
        "rate_mbps": 100.0,
        "mtu": 1500,
        "loss": 0.01,
        "queue": 50,
        "down": False,
    }
    assert rows["laptop-gateway"]["rate_mbps"] is None
