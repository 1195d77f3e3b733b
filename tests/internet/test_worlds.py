"""The worlds in the package: all load, all have both families, and each does what its description promises."""

import pytest

from netlab.internet import parse, to_toml
from netlab.internet.engine import Engine
from netlab.internet.names import Names
from netlab.network import worlds
from netlab.network.virtual import VirtualNetwork
from netlab.probing import PingOptions, run_ping

NAMES = ("broken", "bufferbloat", "campus", "line", "loop", "lossy", "transatlantic")


def ping(world, destination, seed=1, **options):
    return list(run_ping(destination, PingOptions(**options), VirtualNetwork(worlds.load(world), seed)))


def test_these_worlds_are_in_the_package():
    assert set(NAMES) <= set(worlds.names())


@pytest.mark.parametrize("name", worlds.names())
def test_every_world_is_described_and_survives_writing(name):
    world = worlds.load(name)
    assert world.name == name
    assert world.description.endswith(".")
    assert worlds.describe()[name] == world.description
    assert parse(to_toml(world)) == world


@pytest.mark.parametrize("name", worlds.names())
def test_every_world_uses_the_blocks_of_rfc_5737_only(name):
    """Notebooks show these addresses; the benchmark block is for generated worlds."""
    for node in worlds.load(name).nodes.values():
        for address in node.addresses:
            assert address.startswith(("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:", "3fff:"))


@pytest.mark.parametrize("name", worlds.names())
def test_every_host_has_both_families(name):
    world = worlds.load(name)
    names = Names(world)
    for node in world.nodes.values():
        if node.kind == "host":
            assert names.addresses(node, 4) and names.addresses(node, 6), node.name


@pytest.mark.parametrize("name", [name for name in worlds.names() if name not in ("broken", "loop")])
def test_every_host_is_reached_in_both_families(name):
    world = worlds.load(name)
    engine, names = Engine(world), Names(world)
    for node in world.nodes.values():
        for address in names.addresses(node):
            assert engine.path(world.vantage, address)[-1] == node.name


@pytest.mark.parametrize("family", [4, 6])
def test_line_takes_exactly_22_ms(family):
    assert [row["rtt_ms"] for row in ping("line", "server", family=family)] == [22.0] * 4
    assert Engine(worlds.load("line")).path("laptop", "203.0.113.80") == ["laptop", "r1", "r2", "r3", "server"]


def test_campus_has_nine_nodes_and_answers_the_first_ping():
    assert len(worlds.load("campus").nodes) == 9
    for host in ("www", "dns", "catalogue", "mirror"):
        for family in (4, 6):
            assert [row["outcome"] for row in ping("campus", host, family=family)] == ["reply"] * 4, host


def test_transatlantic_is_80_ms_of_ocean():
    (row,) = ping("transatlantic", "www", count=1)
    assert 80 < row["rtt_ms"] < 81.5
    near, mirror = (ping("transatlantic", host, count=1)[0]["rtt_ms"] for host in ("near", "mirror"))
    assert near < 1 and 20 < mirror < 21.5


def test_lossy_does_all_that_it_promises():
    rows = ping("lossy", "www", count=500, interval=0.01)
    count = {word: sum(row["outcome"] == word for row in rows) for word in ("reply", "late", "timeout")}
    assert 400 < count["reply"] < 470
    assert 5 < count["late"] < 40
    assert 25 < count["timeout"] < 80
    assert sum(row["duplicates"] for row in rows) > 5
    assert sum("reordered" in row["flags"] for row in rows) > 20


@pytest.mark.parametrize("family", [4, 6])
def test_loop_goes_round_exactly_three_routers(family):
    world = worlds.load("loop")
    engine = Engine(world)
    lost, server = (Names(world).resolve(name, family)[0] for name in ("lost", "server"))
    assert engine.path("laptop", lost) == ["laptop", "gateway", "north", "east", "south", "north"]
    assert engine.path("laptop", server)[-1] == "server"
    (row,) = ping("loop", "lost", count=1, family=family)
    assert row["outcome"] == "time-exceeded"


BROKEN = {
    "fine": ({}, "reply", "fine", ""),
    "down": ({}, "timeout", "", ""),
    "noroute": ({}, "unreachable", "provider", ("network unreachable", "no route")),
    "prohibited": ({}, "unreachable", "wall", "administratively prohibited"),
    "drop": ({}, "timeout", "", ""),
    "closed": ({"protocol": "udp"}, "unreachable", "closed", "port unreachable"),
    "mtu": ({"size": 1400, "dont_fragment": True}, "timeout", "", ""),
    "loop": ({}, "time-exceeded", "ring2", ("TTL exceeded", "hop limit exceeded")),
    "mask": ({}, "timeout", "", ""),
}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("host", BROKEN)
def test_broken_has_every_fault_at_a_host_of_its_own(host, family):
    options, outcome, responder, detail = BROKEN[host]
    world = worlds.load("broken")
    (row,) = ping("broken", f"{host}.broken.example", count=1, family=family, **options)
    assert row["outcome"] == outcome
    assert (row["responder"] and Names(world).reverse(row["responder"])) == (
        responder and f"{responder}.broken.example"
    )
    assert row["detail"] in (detail if isinstance(detail, tuple) else (detail,))


REASONS = {
    "down": "node down",
    "noroute": "network unreachable",
    "prohibited": "prohibited",
    "drop": "firewall",
    "mtu": "MTU black hole",
    "loop": "ttl exceeded",
}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("host", REASONS)
def test_the_truth_about_broken_is_what_its_name_says(host, family):
    network = VirtualNetwork(worlds.load("broken"))
    options = PingOptions(count=1, family=family, **BROKEN[host][0])
    list(run_ping(host, options, network))
    assert network.losses() == {REASONS[host]: 1}


def test_short_packets_pass_the_black_hole():
    assert ping("broken", "mtu", count=1, dont_fragment=True, size=1372)[0]["outcome"] == "reply"


@pytest.mark.parametrize("family", [4, 6])
def test_the_host_with_the_wrong_mask_answers_other_networks(family):
    assert ping("broken", "mask", count=1, family=family, source="fine")[0]["outcome"] == "reply"
    network = VirtualNetwork(worlds.load("broken"))
    list(run_ping("mask", PingOptions(count=1, family=family), network))
    assert [(row["at"], row["action"]) for row in network.packets()][-1] == ("mask", "delivered")


def test_closed_answers_echoes():
    assert ping("broken", "closed", count=1)[0]["outcome"] == "reply"


def test_bufferbloat_fills_its_queue():
    delays = [row["rtt_ms"] for row in ping("bufferbloat", "server", count=60) if row["outcome"] == "reply"]
    assert min(delays) == pytest.approx(30, abs=0.5)
    assert max(delays) > 300
    assert len(delays) > 50
