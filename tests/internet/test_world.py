# ruff: noqa: E501 (one mistake per line)
"""World files: the documented example parses exactly, mistakes are named, and what is written is read again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import WorldError
from netlab.internet import Direction, FirewallRule, Link, Node, RateLimit, Route, Traffic, World
from netlab.internet.builder import build
from netlab.internet.world import from_dict, parse, to_dict, to_toml

EXAMPLE = """
name = "campus"
vantage = "laptop"            # where measurements start; ping(source="…") starts elsewhere

[node]
laptop  = { kind = "host", address = ["192.0.2.10/24", "2001:db8:1::10/64"], place = "Lisbon" }
gateway = { kind = "router", address = ["192.0.2.1/24", "198.51.100.1/30", "2001:db8:1::1/64", "2001:db8:2::1/64"] }
core    = { kind = "router", asn = 64500, address = ["198.51.100.2/30", "203.0.113.1/24", "2001:db8:2::2/64", "2001:db8:3::1/64"], icmp = { rate = 1, burst = 6 } }
www     = { kind = "host", name = "www.campus.example", address = ["203.0.113.80/24", "2001:db8:3::80/64"], open = ["tcp/80"] }

[[link]]
ends = ["laptop", "gateway"]
delay_ms = 0.4

[[link]]
ends = ["gateway", "core"]
distance_km = 300
rate_mbps = 100
loss = 0.01
jitter_ms = 0.2
queue = 50                    # packets

[[link]]
ends = ["core", "www"]
delay_ms = 2
rate_mbps = 50
mtu = 1400

[[traffic]]                   # background load
path = ["core", "www"]
kind = "on-off"
rate_mbps = 40
"""

MS = 1_000_000

SMALL = """
name = "small"
vantage = "a"
[node]
a = { kind = "host", address = ["192.0.2.1/30", "2001:db8::1/64"] }
b = { kind = "host", address = ["192.0.2.2/30", "2001:db8::2/64"] }
[[link]]
ends = ["a", "b"]
delay_ms = 1
"""


def small(**changes):
    """The smallest world with some of its text replaced: ``small(old=new)`` by (old, new) pairs."""
    text = SMALL
    for old, new in changes.pop("swap", []):
        assert old in text
        text = text.replace(old, new, 1)
    return parse(text)


def swap(*pairs):
    return small(swap=list(pairs))


# what a file says


def test_the_example_of_the_documentation_parses_exactly():
    both_ways = Direction(delay=1_500_000, jitter=200_000, loss=0.01, rate=100_000_000, queue=50)
    to_www = Direction(delay=2 * MS, rate=50_000_000)
    assert parse(EXAMPLE) == World(
        name="campus",
        vantage="laptop",
        nodes={
            "laptop": Node(
                "laptop",
                "host",
                ("192.0.2.10/24", "2001:db8:1::10/64"),
                hostname="laptop.campus.example",
                place="Lisbon",
                latitude=38.72,
                longitude=-9.14,
            ),
            "gateway": Node(
                "gateway",
                "router",
                ("192.0.2.1/24", "198.51.100.1/30", "2001:db8:1::1/64", "2001:db8:2::1/64"),
                hostname="gateway.campus.example",
            ),
            "core": Node(
                "core",
                "router",
                ("198.51.100.2/30", "203.0.113.1/24", "2001:db8:2::2/64", "2001:db8:3::1/64"),
                hostname="core.campus.example",
                asn=64500,
                icmp=RateLimit("bucket", 1.0, 6),
            ),
            "www": Node(
                "www",
                "host",
                ("203.0.113.80/24", "2001:db8:3::80/64"),
                hostname="www.campus.example",
                open=(("tcp", 80),),
            ),
        },
        links=[
            Link("laptop-gateway", ("laptop", "gateway"), Direction(400_000), Direction(400_000)),
            Link("gateway-core", ("gateway", "core"), both_ways, replace(both_ways)),
            Link("core-www", ("core", "www"), to_www, replace(to_www), mtu=1400),
        ],
        traffic=[Traffic(("core", "www"), "on-off", 40_000_000, size=1400)],
    )


def test_every_key_of_a_node_is_read():
    keys = (
        'name = "Web.Example.", place = "Atlantis", latitude = 1, longitude = -2.5, asn = 65551, initial_ttl = 255, '
        'open = ["tcp/80", "udp/7"], silent = true, down = true, answers_echo = false, hides_too_big = true, '
        'icmp = { count = 1, interval_ms = 500, per_destination = true }, routes = [{ to = "203.0.113.0/24", via = "a" }], '
        'firewall = [{ action = "reject", protocol = "tcp", port = 80, source = "192.0.2.0/30", '
        'destination = "2001:db8::2", reject_with = "tcp-reset" }, { action = "accept" }], '
    )
    node = swap(('b = { kind = "host", ', f'b = {{ kind = "router", {keys}')).nodes["b"]
    assert node == Node(
        "b", "router", ("192.0.2.2/30", "2001:db8::2/64"), "web.example", "Atlantis", 1.0, -2.5, 65551, 255,
        (("tcp", 80), ("udp", 7)), RateLimit("window", 2.0, 1, True), True, False, True, True,
        (FirewallRule("reject", "tcp", 80, "192.0.2.0/30", "2001:db8::2/128", "tcp-reset"), FirewallRule("accept")),
        (Route("203.0.113.0/24", "a"),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{ rate = 2.5 }", RateLimit("bucket", 2.5, 6)),
        ('{ limit = "linux" }', RateLimit("bucket", 1.0, 6, True)),
        ('{ limit = "cisco" }', RateLimit("window", 2.0, 1)),
        ('{ limit = "linux", per_destination = false }', RateLimit("bucket", 1.0, 6)),
    ],
)
def test_icmp_limits(text, limit):
    assert swap(("a = {", f"a = {{ icmp = {text},")).nodes["a"].icmp == limit


def test_directions_override_what_the_link_says():
    link = swap(
        (
            "delay_ms = 1",
            "delay_ms = 1\nloss = 0.5\nrate_mbps = 10\nforward = { distance_km = 200.3, queue = 7 }\n"
            "backward = { loss = 0, duplicate = 0.1, reorder = 0.2, reorder_delay_ms = 3, corrupt = 0.4 }",
        )
    ).links[0]
    assert link.forward == Direction(delay=1_002_000, loss=0.5, rate=10_000_000, queue=7)
    assert link.backward == Direction(
        delay=MS, loss=0, duplicate=0.1, reorder=0.2, reorder_delay=3 * MS, corrupt=0.4, rate=10_000_000
    )


def test_distance_comes_from_the_places_when_nothing_is_said():
    places = [("a = {", 'a = { place = "Lisbon",'), ("b = {", 'b = { place = "new york",'), ("delay_ms = 1", "")]
    world = small(swap=places)
    delay = world.links[0].forward.delay
    assert world.nodes["b"].place == "New York"
    assert delay % 1000 == 0 and 5_400 * 5_000 < delay < 5_450 * 5_000  # great circle: some 5,420 km


def test_addresses_are_written_in_canonical_form():
    assert swap(("2001:db8::1/64", "2001:DB8:0:0::0001/64")).nodes["a"].addresses[1] == "2001:db8::1/64"


# what cannot be: (what is replaced, by what, words that the message has)

MISTAKES = {
    "unknown key of the world": ("vantage", "vantge", ["world", "'vantge'", "did you mean 'vantage'"]),
    "unknown key of a node": ("a = {", "a = { adress = 1,", ["[node] a", "'adress'", "did you mean 'address'", "firewall"]),
    "unknown key of a link": ("delay_ms", "delay", ["[[link]] 1", "'delay'", "did you mean 'delay_ms'"]),
    "unknown key of a limit": ("a = {", "a = { icmp = { rates = 1 },", ["[node] a, icmp", "did you mean 'rate'"]),
    "unknown key of a rule": ("a = {", "a = { firewall = [{ verb = 1 }],", ["[node] a, firewall rule 1", "'verb'", "action"]),
    "unknown key of a direction": ("delay_ms = 1", "delay_ms = 1\nforward = { lost = 1 }", ["(a-b), forward", "'loss'"]),
    "bad name of the world": ('"small"', '"my world"', ["'name'", "my world", "letters"]),
    "bad name of a node": ("b = {", '"b c" = {', ["[node] b c", "letters"]),
    "no vantage": ('vantage = "a"', "", ["'vantage' is missing"]),
    "unknown vantage": ('vantage = "a"', 'vantage = "c"', ["'vantage'", "no node 'c'", "there are a, b"]),
    "unknown kind": ('"host"', '"hots"', ["[node] a", "'hots'", "did you mean 'host'"]),
    "no address": ("192.0.2.1/30", "192.0.2.1", ["[node] a", "'192.0.2.1'", "prefix length", "192.0.2.1/24"]),
    "bad address": ("192.0.2.1/30", "192.0.2.256/30", ["[node] a, key 'address'", "'192.0.2.256'", "no IP address"]),
    "bad length": ("192.0.2.1/30", "192.0.2.1/33", ["1 to 32", "'33'"]),
    "private address": ("192.0.2.1/30", "192.168.0.1/30", ["[node] a", "outside documentation space", "203.0.113.0/24"]),
    "public address": ("2001:db8::1/64", "2001:4860::1/64", ["outside documentation space", "3fff::/20", "RFC 9637"]),
    "prefix wider than the space": ("192.0.2.1/30", "192.0.2.1/8", ["outside documentation space"]),
    "network address": ("192.0.2.1/30", "192.0.2.0/30", ["the network itself", "192.0.2.1/30"]),
    "broadcast address": ("192.0.2.1/30", "192.0.2.3/30", ["broadcast", "192.0.2.2/30"]),
    "duplicate address": ("192.0.2.2/30", "192.0.2.1/30", ["[node] b", "192.0.2.1 belongs to 'a'"]),
    "other length": ("192.0.2.2/30", "192.0.2.2/29", ["[node] a", "no neighbour (b)", "'b' has 192.0.2.2/29", "same prefix length"]),
    "address on no link": ('"2001:db8::2/64"', '"2001:db8:5::2/64"', ["[node] a", "2001:db8::1/64", "no neighbour (b)"]),
    "no addresses": ('["192.0.2.1/30", "2001:db8::1/64"]', "[]", ["[[link]] 1 (a-b)", "'a' has no address", "address = ["]),
    "address is a number": ('["192.0.2.1/30", "2001:db8::1/64"]', "7", ["[node] a, key 'address'", "list of texts"]),
    "somebody's name": ("a = {", 'a = { name = "www.google.com",', ["[node] a, key 'name'", ".example"]),
    "no host name": ("a = {", 'a = { name = "a_b.example",', ["no host name", "a_b.example"]),
    "duplicate name": ("a = {", 'a = { name = "b.small.example",', ["[node] b", "b.small.example", "'a' already"]),
    "somebody's AS": ("a = {", "a = { asn = 1930,", ["[node] a, key 'asn'", "AS 1930", "64496-64511"]),
    "unknown place": ("a = {", 'a = { place = "Lisboa",', ["'Lisboa'", "'Lisbon'", "latitude and longitude"]),
    "half a place": ("a = {", "a = { latitude = 1,", ["latitude and longitude go together"]),
    "latitude off the earth": ("a = {", "a = { latitude = 91, longitude = 0,", ["91", "-90 to 90"]),
    "bad port": ("a = {", 'a = { open = ["http"],', ["'http'", '"tcp/80"']),
    "bad TTL": ("a = {", "a = { initial_ttl = 256,", ["'initial_ttl'", "256", "1 to 255"]),
    "flag in quotes": ("a = {", 'a = { down = "true",', ["'down'", "true or false", "'true'"]),
    "two limits": ("a = {", 'a = { icmp = { rate = 1, limit = "linux" },', ["[node] a, icmp", "not two of them"]),
    "limit with a foreign key": ("a = {", "a = { icmp = { count = 1, burst = 2 },", ["'burst'", "does not go with 'count'"]),
    "port without protocol": ("a = {", 'a = { firewall = [{ action = "drop", port = 80 }],', ["'port'", 'protocol = "udp"']),
    "drop with an answer": ("a = {", 'a = { firewall = [{ action = "drop", reject_with = "tcp-reset" }],', ["'reject_with'"]),
    "reset of UDP": ("a = {", 'a = { firewall = [{ action = "reject", reject_with = "tcp-reset" }],', ['protocol = "tcp"']),
    "prefix with host bits": ("a = {", 'a = { routes = [{ to = "192.0.2.1/30", via = "b" }],', ["route 1", "192.0.2.0/30"]),
    "route over a stranger": ("a = {", 'a = { routes = [{ to = "0.0.0.0/0", via = "blckhole" }],', ["[node] a", "'blackhole'"]),
    "link to nobody": ('ends = ["a", "b"]', 'ends = ["a", "bb"]', ["[[link]] 1, key 'ends'", "no node 'bb'", "'b'"]),
    "link to itself": ('ends = ["a", "b"]', 'ends = ["a", "a"]', ["both ends are 'a'"]),
    "link with one end": ('ends = ["a", "b"]', 'ends = ["a"]', ["two ends", 'ends = ["a", "b"]']),
    "no delay": ("delay_ms = 1", "", ["[[link]] 1 (a-b)", "delay_ms or distance_km", "'a'"]),
    "delay and distance": ("delay_ms = 1", "delay_ms = 1\ndistance_km = 1", ["not both"]),
    "negative delay": ("delay_ms = 1", "delay_ms = -1", ["'delay_ms'", "-1", "milliseconds"]),
    "delay in quotes": ("delay_ms = 1", 'delay_ms = "1 ms"', ["'delay_ms'", "without quotes", "'1 ms'"]),
    "loss in percent": ("delay_ms = 1", "delay_ms = 1\nloss = 5", ["(a-b), key 'loss'", "0.01 is 1 %"]),
    "loss that is no number": ("delay_ms = 1", "delay_ms = 1\nloss = nan", ["'loss'"]),
    "rate of nothing": ("delay_ms = 1", "delay_ms = 1\nrate_mbps = 0", ["'rate_mbps'", "leave it out"]),
    "half a packet": ("delay_ms = 1", "delay_ms = 1\nqueue = 1.5", ["'queue'", "whole number"]),
    "tiny MTU": ("delay_ms = 1", "delay_ms = 1\nmtu = 60", ["'mtu'", "68"]),
    "traffic off the links": ("delay_ms = 1", 'delay_ms = 1\n[[traffic]]\npath = ["a", "a"]', ["[[traffic]] 1", "no link joins"]),
    "traffic to nobody": ("delay_ms = 1", 'delay_ms = 1\n[[traffic]]\npath = ["a", "c"]', ["[[traffic]] 1", "no node 'c'"]),
    "traffic of one node": ("delay_ms = 1", 'delay_ms = 1\n[[traffic]]\npath = ["a"]', ["two at least"]),
    "traffic that fits no link": ("delay_ms = 1", 'delay_ms = 1\n[[traffic]]\npath = ["a", "b"]\nsize = 1501', ["'a-b'", "1500"]),
    "bursts of constant traffic": ("delay_ms = 1", 'delay_ms = 1\n[[traffic]]\npath = ["a", "b"]\non_ms = 5', ["on-off"]),
    "unknown balancer": ("a = {", 'a = { balance = "flows",', ["[node] a, key 'balance'", "did you mean 'flow'", "destination"]),
    "answers from a stranger": ("a = {", 'a = { answers_from = "192.0.2.2",', ["'answers_from'", "incoming", "2001:db8::1"]),
    "quotes of nothing": ("a = {", "a = { quotes = 7,", ["'quotes'", "RFC 792"]),
    "two bytes of TOS": ("b = {", "b = { tos = 256,", ["'tos'", "0 to 255"]),
    "TOS of a host": ("a = {", "a = { tos = 0,", ["'tos'", "hosts do not forward"]),
    "unknown key of a control plane": ("a = {", "a = { control = { delay = 1 },", ["[node] a, control", "'delay_ms'"]),
    "control plane in percent": ("a = {", "a = { control = { drop = 5 },", ["'drop'", "0.01 is 1 %"]),
    "unknown key of a NAT": ("a = {", "a = { nat = { outside = 1 },", ["[node] a, nat", "inside"]),
    "NAT without inside": ("a = {", 'a = { nat = { address = "192.0.2.1" },', ["'inside' is missing"]),
    "cost of nothing": ("delay_ms = 1", "delay_ms = 1\ncost = 0", ["(a-b), key 'cost'", "1 to 65535"]),
    "half a cost": ("delay_ms = 1", "delay_ms = 1\nbackward = { cost = 1.5 }", ["backward, key 'cost'", "whole number"]),
    "tunnel without path": ("delay_ms = 1", "delay_ms = 1\n[[tunnel]]", ["[[tunnel]] 1", "three routers"]),
    "tunnel over a host": ("delay_ms = 1", 'delay_ms = 1\n[[tunnel]]\npath = ["a", "b", "a"]', ["'a' is a host"]),
    "unknown key of a tunnel": ("delay_ms = 1", "delay_ms = 1\n[[tunnel]]\npaths = []", ["[[tunnel]] 1", "did you mean 'path'"]),
    "one link as a table": ("[[link]]", "[link]", ["'link'", "[[link]]"]),
    "nodes as a list": ("[node]\na", "[[node]]\na", ["[node]", "one entry per node"]),
    "no TOML": ("[node]", "[node", ["not TOML", "line 4"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_remedy(mistake):
    old, new, words = MISTAKES[mistake]
    assert old in SMALL
    with pytest.raises(WorldError) as caught:
        swap((old, new))
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_an_empty_world_says_what_is_missing():
    with pytest.raises(WorldError, match="'name' is missing"):
        from_dict({})
    with pytest.raises(WorldError, match="a world needs nodes"):
        from_dict({"name": "w", "vantage": "a"})
    with pytest.raises(WorldError, match="must be a table"):
        from_dict([])  # type: ignore[arg-type]


# what is written is read again

places = st.sampled_from([{}, {"place": "Porto"}, {"place": 'Nowhere "x" \x7f é', "latitude": 1.5, "longitude": -170}])
icmp = st.sampled_from(
    [
        {},
        {"icmp": {"rate": 1.5, "burst": 3}},
        {"icmp": {"count": 3, "interval_ms": 700}},
        {"icmp": {"limit": "linux"}},
        {"icmp": {"limit": "cisco"}},
    ]
)
rules = st.lists(
    st.sampled_from(
        [
            {"action": "accept"},
            {"action": "drop", "protocol": "udp", "port": 53, "source": "2001:db8::/32"},
            {"action": "reject", "protocol": "tcp", "reject_with": "tcp-reset", "destination": "192.0.2.7"},
        ]
    ),
    max_size=3,
)
share = st.floats(0, 1)
amount = st.floats(0, 1e6)
direction = st.fixed_dictionaries(
    {"delay_ms": amount},
    optional={
        "jitter_ms": amount, "loss": share, "duplicate": share, "reorder": share, "reorder_delay_ms": amount,
        "corrupt": share, "rate_mbps": st.floats(1e-6, 1e5), "queue": st.integers(0, 1000),
        "cost": st.integers(1, 65_535),
    },
)  # fmt: skip
link = st.builds(
    lambda common, more: {**common, **more},
    direction,
    st.fixed_dictionaries(
        {},
        optional={
            "forward": direction,
            "backward": direction,
            "mtu": st.integers(1500, 9000),
            "down": st.booleans(),
        },
    ),
)
node = st.builds(
    lambda place, limit, firewall, more: {**place, **limit, "firewall": firewall, **more},
    places,
    icmp,
    rules,
    st.fixed_dictionaries(
        {},
        optional={
            "asn": st.sampled_from([64496, 65551]),
            "initial_ttl": st.integers(1, 255),
            "open": st.lists(st.sampled_from(["tcp/80", "udp/7", "tcp/65535"]), max_size=3),
            "silent": st.booleans(),
            "answers_echo": st.booleans(),
            "down": st.booleans(),
            "hides_too_big": st.booleans(),
            "balance": st.sampled_from(["flow", "packet", "destination"]),
            "answers_from": st.sampled_from(["return", "incoming"]),
            "interface_information": st.booleans(),
            "quotes": st.integers(8, 65_535),
            "control": st.fixed_dictionaries({}, optional={"delay_ms": amount, "jitter_ms": amount, "drop": share}),
        },
    ),
)
traffic = st.sampled_from(
    [
        {},
        {"kind": "poisson", "rate_mbps": 0.1, "size": 100},
        {"kind": "on-off", "on_ms": 0.25, "off_ms": 3.3, "rate_mbps": 7},
    ]
)


@st.composite
def worlds(draw):
    """Trees of up to six nodes with everything that a file can say."""
    count = draw(st.integers(2, 6))
    builder = build("any", description=draw(st.sampled_from(["", 'Says "\\" — and\ttabs\n and lines'])))
    for i in range(count):
        add = builder.host if i == 0 or draw(st.booleans()) else builder.router
        add(f"n{i}", **draw(node))
    for i in range(1, count):
        builder.link(f"n{draw(st.integers(0, i - 1))}", f"n{i}", **draw(link))
    builder.traffic(*builder._data["link"][0]["ends"], **draw(traffic))
    if draw(st.booleans()):
        _add_router_features(builder, draw)
    return builder.world()


def _add_router_features(builder, draw):
    """A home with a NAT behind the last node, and a tunnel in front of it."""
    builder.host("inside", "192.0.2.2/24").router(
        "n-at", "192.0.2.1/24", "198.51.100.1/30", tos=draw(st.integers(0, 255))
    )
    builder._data["node"]["n-at"]["nat"] = draw(
        st.fixed_dictionaries(
            {"inside": st.just("192.0.2.0/24"), "address": st.just("198.51.100.1")},
            optional={"fix_quotes": st.booleans()},
        )
    )
    builder.router("t1", "198.51.100.2/30").router("t2").router("t3", answers_from="198.51.100.9")
    builder._data["node"]["t3"]["address"] = ("198.51.100.9/30",)
    builder.router("t4", "198.51.100.10/30")
    for a, b in (("inside", "n-at"), ("n-at", "t1"), ("t1", "t2"), ("t2", "t3"), ("t3", "t4"), ("t4", "n0")):
        builder.link(a, b, delay_ms=1)
    builder.tunnel(
        "t1", "t2", "t3",
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "mode": st.sampled_from(["uniform", "pipe"]),
                    "labels": st.booleans(),
                    "label": st.integers(16, 2**20 - 1),
                },
            )
        ),
    )  # fmt: skip


@given(worlds())
def test_what_is_written_is_read_again(world):
    assert from_dict(to_dict(world)) == world
    assert parse(to_toml(world)) == world


def test_the_example_survives_too():
    world = parse(EXAMPLE)
    assert parse(to_toml(world)) == world
    assert "reorder" not in to_toml(world)  # what is as by default is not written
