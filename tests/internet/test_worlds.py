"""The worlds in the package: all load, all have both families, and each does what its description promises."""

import pytest

from netlab.internet import parse as parse_world
from netlab.internet import to_toml
from netlab.internet.engine import Engine
from netlab.internet.names import Names
from netlab.network import worlds
from netlab.network.virtual import VirtualNetwork
from netlab.probing import PingOptions, run_ping
from netlab.wire.ipv4 import IPv4
from netlab.wire.packet import parse, transport
from tests.internet.engine_worlds import echo

NAMES = (
    "asymmetric", "broken", "bufferbloat", "campus", "line", "loop", "lossy", "mpls", "multipath", "nat", "ratelimit",
    "transatlantic",
)  # fmt: skip


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
    assert parse_world(to_toml(world)) == world


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
            behind_another_nat = name == "nat" and node.name in ("guest", "cafe") and address.startswith("192.0.2.")
            if not behind_another_nat:
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


# ── worlds for traceroute ──────────────────────────────────────────────────────────────────────────────────────────


def trace(world, host, family=4, seed=1, spacing=0.0, count=1, size=20, most=9, vantage=None, **header):
    """Echo requests with one TTL after the other: (node that answers, ms, IP packet, message) per TTL, None: nobody."""
    network = VirtualNetwork(worlds.load(world), seed, vantage)
    network.begin()
    there = network.resolve(host, family)[0]
    here = network.source_for(there)
    rows = []
    for ttl in range(1, most):
        for number in range(count):
            start = network.now()
            network.send(echo(here, there, number, size, ttl=ttl, **header))
            arrival = network.receive(start + 2_000_000_000)
            if arrival is None:
                rows.append(None)
                continue
            packet = parse(arrival.packet)
            node = network.locate(packet.source)
            rows.append((node.name if node else "", (arrival.at - start) / 1e6, packet, transport(packet)))
            network.receive(max(network.now(), start + int(spacing * 1e9)))
        if rows[-1] and rows[-1][0] == host:
            break
    network.end()
    return rows


@pytest.mark.parametrize("name", ["asymmetric", "mpls", "multipath", "nat", "ratelimit"])
def test_every_node_is_somewhere_on_the_map(name):
    for node in worlds.load(name).nodes.values():
        assert node.place and node.latitude is not None, node.name


WIDTHS = {"flow": 4, "packet": 2, "wide": 16, "parallel": 1, "destination1": 1}


@pytest.mark.parametrize("host", WIDTHS)
def test_multipath_is_as_wide_as_it_says(host):
    network = VirtualNetwork(worlds.load("multipath"))
    edges = network.paths(host)
    assert max(sum(near == one for near, _ in edges) for one, _ in edges) == WIDTHS[host]
    if host == "parallel":
        assert sum(link.ends == ("dakar", "lagos") for link in network.world.links) == 3


@pytest.mark.parametrize("seed", range(5))
def test_multipath_has_four_destinations_on_two_ways(seed):
    network = VirtualNetwork(worlds.load("multipath"), seed)
    ways = {network.path(f"destination{number}")[4] for number in range(1, 5)}
    assert ways <= {"chicago", "atlanta"}


@pytest.mark.parametrize("family", [4, 6])
def test_the_parallel_cables_of_multipath_show_three_addresses_of_one_router(family):
    rows = trace("multipath", "parallel", family, most=5, count=40)[120:]
    assert {row[0] for row in rows} == {"lagos"}
    assert len({row[2].source for row in rows}) == 3


@pytest.mark.parametrize("family", [4, 6])
def test_asymmetric_comes_back_over_new_york(family):
    network = VirtualNetwork(worlds.load("asymmetric"))
    assert network.path("www")[2:-1] == ["lisbon", "fortaleza", "saopaulo"]
    assert network.return_path("www")[2:-2] == ["miami", "newyork", "london", "lisbon"]
    assert network.return_path("mirror") == network.path("mirror")[::-1]
    rows = trace("asymmetric", "www", family)
    times = {row[0]: row[1] for row in rows}
    assert times["fortaleza"] < 70 and times["saopaulo"] > 120, "the jump is on the way back"


SHOWN = {
    "uniform": ["gateway", "edge", "madrid", "marseille", "milan", "frankfurt", "uniform"],
    "pipe": ["gateway", "edge", "stockholm", "pipe"],
    "implicit": ["gateway", "edge", "casablanca", "dakar", "luanda", "johannesburg", "implicit"],
}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("host", SHOWN)
def test_mpls_shows_what_its_tunnels_let_see(host, family):
    rows = trace("mpls", host, family)
    assert [row[0] for row in rows] == SHOWN[host]
    labels = [str(each) for row in rows for each in getattr(row[3], "extensions", ())]
    assert labels == (["24001/0/1/1", "24002/0/1/1", "24003/0/1/1"] if host == "uniform" else [])
    if host != "pipe":
        assert len({round(row[1], 6) for row in rows[2:6]}) == 1, "errors go on to the egress before they turn back"


def test_mpls_shows_all_to_the_end_of_the_pipe():
    assert [row[0] for row in trace("mpls", "stockholm")] == [
        "gateway", "edge", "london", "amsterdam", "copenhagen", "stockholm",
    ]  # fmt: skip


def test_nat_is_invisible_at_home_and_seen_in_the_cafe():
    home, cafe = (trace("nat", "www", vantage=vantage, tos=0x40) for vantage in ("laptop", "guest"))
    assert [row[0] for row in home] == ["home", "access", "madrid", "paris", "brussels", "frankfurt", "www"]
    assert [row[0] for row in cafe] == ["cafe", *(row[0] for row in home[1:])]
    for rows, sources in ((home, {"192.0.2.10"}), (cafe, {"192.0.2.74", "198.51.100.3"})):
        quotes = [IPv4.parse(row[3].original, quoted=True) for row in rows[:-1]]
        assert {quote.source for quote in quotes} == sources
        assert [quote.tos for quote in quotes] == [0x40] * 3 + [0] * 3, "bleached behind Madrid"


@pytest.mark.parametrize("family", [4, 6])
def test_nat_has_routers_that_answer_in_their_own_ways(family):
    rows = {row[0]: row for row in trace("nat", "www", family, size=200)}
    (interface,) = rows["paris"][3].extensions
    assert (interface.role, interface.name, interface.mtu) == (0, "madrid-paris", 1500)
    assert rows["paris"][2].source == interface.address
    assert len(rows["frankfurt"][3].original) == (28 if family == 4 else 48)
    assert len(rows["madrid"][3].original) > 200
    if family == 4:
        assert rows["brussels"][2].source == "203.0.113.65"


def test_ratelimit_linux_answers_six_times_and_then_once_a_second():
    rows = trace("ratelimit", "linux", count=40, most=4, spacing=0.02)[80:]
    assert [row is not None for row in rows].index(False) == 6
    assert all(row is not None for row in trace("ratelimit", "linux", count=40, most=5, spacing=0.02)[120:])


def test_ratelimit_cisco_answers_once_in_500_ms():
    times = [row is not None for row in trace("ratelimit", "cisco", count=12, most=4, spacing=0.6)[24:]]
    assert all(times)
    network = VirtualNetwork(worlds.load("ratelimit"))
    rows = list(run_ping("cisco", PingOptions(count=50, interval=0.1, ttl=3), network))
    assert sum(row["outcome"] == "time-exceeded" for row in rows) == 10


def outcomes(host, ttl, count=1000):
    options = PingOptions(count=count, interval=0.02, timeout=1, ttl=ttl)
    return list(run_ping(host, options, VirtualNetwork(worlds.load("ratelimit"))))


def test_ratelimit_slow_is_late_at_its_hop_only():
    late, after = ([row["rtt_ms"] for row in outcomes("slow", ttl, 200)] for ttl in (3, 4))
    assert min(late) > 55 + 40 and max(late) > 150
    assert max(after) - min(after) < 1e-6 and min(after) < min(late) + 20


LOSING = {"careless": (0.25, 0.0, 0.0), "lossy": (0.0, 0.1, 0.1), "lossyback": (0.0, 0.1, 0.1)}
"""At the third and the fourth hop, and at the host."""


@pytest.mark.parametrize("host", LOSING)
def test_ratelimit_loses_what_it_says(host):
    for ttl, expected in zip((3, 4, 5), LOSING[host]):
        lost = sum(row["outcome"] not in ("time-exceeded", "reply") for row in outcomes(host, ttl))
        assert lost == 0 if not expected else abs(lost - 1000 * expected) < 50, ttl


def test_ratelimit_lossyback_loses_answers_only():
    network = VirtualNetwork(worlds.load("ratelimit"))
    list(run_ping("lossyback", PingOptions(count=200, interval=0.02, timeout=1), network))
    assert {row["at"] for row in network.packets() if row["action"] == "dropped"} == {"dubai"}
