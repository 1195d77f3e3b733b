"""Multipath against networks whose paths are known: a hash function as the network, and virtual worlds."""

import time
from hashlib import blake2b
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.api_multipath import Measurement, multipath
from netlab.errors import NameNotFound, UsageError
from netlab.frames import LINKS
from netlab.internet.world import from_dict
from netlab.network.virtual import VirtualNetwork
from netlab.probe.multipath import MOST_PROBES, Multipath
from netlab.probe.multipath_links import links
from netlab.probe.multipath_near import neighbours_of
from netlab.probe.plan import Target
from netlab.probe.rows import EMPTY
from netlab.probe.stopping import rule
from tests.support.fakenet import FakeNetwork
from tools.multipath_rates import Chain, Moving

TARGET = Target("www", "203.0.113.80", "192.0.2.10")
STOP = rule(0.95)


# ── a hash function as the network ─────────────────────────────────────────────────────────────────────────────


def drive(plan, answer):
    """Answer every probe of a plan at once: ``answer(ttl, address, flow, count)`` gives a name, "end" or None."""
    sent, sequence = [], 0
    while True:
        try:
            probe = next(plan)
        except StopIteration:
            return sent
        assert probe is not None, "it waits for an answer although all are there"
        if not plan.wants(probe):
            continue
        sequence += 1
        who = answer(probe.ttl, probe.target.address, probe.flow, sequence)
        outcome = {None: "timeout", "end": "unreachable"}.get(who, "time-exceeded")
        plan.heard(
            {
                **EMPTY,
                "ttl": probe.ttl, "flow": probe.flow, "address": probe.target.address, "sequence": sequence,
                "outcome": outcome, "responder": who or "", "sent_at": sequence * 10**6, "waited_ms": 1.0,
                "icmp_type": 3 if who == "end" else 11,
            }
        )  # fmt: skip
        sent.append(probe)


def pick(words, choices):
    number = int.from_bytes(blake2b(repr(words).encode(), digest_size=8).digest(), "big")
    return choices[number % len(choices)]


def ways(graph, salt, balances=()):
    """A network: a dict of node → next nodes. Routers in ``balances`` decide per packet, the others per flow."""

    def answer(ttl, address, flow, count):
        node = "start"
        for _ in range(ttl):
            node = pick((salt, node, address, flow, count if node in balances else 0), graph[node])
            if node == "end":
                break
        return None if node.startswith("*") else node

    return answer


def found(plan):
    return {(row["near"], row["far"]): row for row in links(plan.sightings, STOP)}


DIAMOND = {"start": ["a"], "a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["end"]}


def test_a_diamond():
    plan = Multipath(TARGET, STOP, neighbours=False)
    drive(plan, ways(DIAMOND, 1))
    assert {pair: row["balancer"] for pair, row in found(plan).items()} == {
        ("192.0.2.10", "a"): "none",
        ("a", "b"): "flow",
        ("a", "c"): "flow",
        ("b", "d"): "none",
        ("c", "d"): "none",
        ("d", "end"): "none",
    }
    assert all(row["certain"] for row in found(plan).values())


def test_a_flow_used_beyond_a_router_is_known_to_pass_it():
    plan = Multipath(TARGET, STOP, neighbours=False)
    probes = drive(plan, ways(DIAMOND, 1))
    flows = {ttl: {probe.flow for probe in probes if probe.ttl == ttl} for ttl in range(1, 5)}
    own = found(plan)
    for (near, far), row in own.items():
        here, beyond = flows.get(row["ttl"] - 1, flows[row["ttl"]]), flows[row["ttl"]]
        assert row["flows"] <= len(here & beyond), (near, far)
    for near in ("a", "b", "c", "d"):
        following = [row for (start, _), row in own.items() if start == near]
        assert sum(row["flows"] for row in following) >= STOP(len(following)), near


def test_the_same_flow_is_sent_six_times_before_a_balancer_per_flow_is_claimed():
    plan = Multipath(TARGET, STOP, neighbours=False)
    probes = drive(plan, ways(DIAMOND, 1))
    times = [sum((probe.ttl, probe.flow) == (2, flow) for probe in probes) for flow in range(1, 12)]
    assert sum(count >= 6 for count in times) == 2


@pytest.mark.parametrize("salt", range(20))
def test_a_balancer_per_packet_is_told_apart(salt):
    plan = Multipath(TARGET, STOP, neighbours=False)
    drive(plan, ways(DIAMOND, salt, balances={"a"}))
    own = found(plan)
    assert own["a", "b"]["balancer"] == own["a", "c"]["balancer"] == "packet"
    assert own["a", "b"]["certain"] and own["a", "c"]["certain"]
    assert own["b", "d"]["certain"], "behind it all ways lead to one router"


LADDERS = {"start": ["a"], "a": ["b", "c"], "b": ["d"], "c": ["e"], "d": ["f"], "e": ["f"], "f": ["end"]}


@pytest.mark.parametrize("salt", range(20))
def test_behind_a_balancer_per_packet_links_are_doubtful_until_the_ways_meet(salt):
    plan = Multipath(TARGET, STOP, neighbours=False)
    drive(plan, ways(LADDERS, salt, balances={"a"}))
    own = found(plan)
    assert not any(row["certain"] for (near, far), row in own.items() if far in ("d", "e"))
    assert all(own[pair]["certain"] for pair in [("a", "b"), ("a", "c"), ("d", "f"), ("e", "f"), ("f", "end")])
    assert {own[near, "f"]["balancer"] for near in ("d", "e")} == {"none"}


def test_ways_of_unequal_length():
    plan = Multipath(TARGET, STOP, neighbours=False)
    drive(plan, ways({"start": ["a"], "a": ["b", "d"], "b": ["c"], "c": ["d"], "d": ["end"]}, 3))
    own = {(row["ttl"], row["near"], row["far"]) for row in links(plan.sightings, STOP)}
    assert own == {
        (1, "192.0.2.10", "a"),
        *((2, "a", "b"), (2, "a", "d")),
        *((3, "b", "c"), (3, "d", "end")),
        (4, "c", "d"),
        (5, "d", "end"),
    }


def test_a_silent_router_beside_others_is_a_next_hop_but_not_a_certain_one():
    plan = Multipath(TARGET, STOP, neighbours=False)
    drive(plan, ways({"start": ["a"], "a": ["b", "*"], "b": ["d"], "*": ["d"], "d": ["end"]}, 3))
    own = found(plan)
    assert own["a", "b"]["certain"] and not own["a", ""]["certain"] and not own["", "d"]["certain"]
    assert own["a", "b"]["balancer"] == "unknown"


def test_a_silent_router_alone_is_certain_and_nobody_knows_what_it_does():
    plan = Multipath(TARGET, STOP, neighbours=False)
    drive(plan, ways({"start": ["a"], "a": ["*"], "*": ["d"], "d": ["end"]}, 3))
    own = found(plan)
    assert own["a", ""]["certain"] and own["", "d"]["certain"]
    assert own["a", ""]["balancer"] == "unknown" and own["", "d"]["balancer"] == "none"


def test_nothing_is_followed_beyond_three_silent_hops():
    plan = Multipath(TARGET, STOP, neighbours=False)
    probes = drive(plan, lambda ttl, address, flow, count: "a" if ttl == 1 else None)
    assert list(found(plan)) == [("192.0.2.10", "a"), ("a", "")]
    assert {probe.ttl for probe in probes if probe.flow > 1} == {1, 2, 3, 4}


def test_when_nobody_answers_there_is_one_row_that_says_so():
    plan = Multipath(TARGET, STOP)
    probes = drive(plan, lambda ttl, address, flow, count: None)
    assert list(found(plan)) == [("192.0.2.10", "")]
    assert len(probes) < 150


def test_a_router_that_refuses_is_no_link_to_itself():
    plan = Multipath(TARGET, STOP, neighbours=False)

    def answer(ttl, address, flow, count):
        return "end" if ttl > 2 else {1: "a", 2: "end"}[ttl]

    drive(plan, answer)
    assert ("end", "end") not in found(plan)


@pytest.mark.parametrize("loses", [3, 4, 7])
def test_lost_probes_are_repeated_and_make_no_links(loses):
    network = ways(LADDERS, 5)
    plan = Multipath(TARGET, STOP)
    drive(
        plan, lambda ttl, address, flow, n: None if pick((n, "loss"), range(loses)) == 0 else network(ttl, "", flow, 0)
    )
    own = found(plan)
    assert set(own) == {("192.0.2.10", "a"), *((a, b) for a, nexts in LADDERS.items() for b in nexts if a != "start")}
    assert all(row["certain"] for row in own.values())


def test_a_route_that_changes_makes_links_doubtful():
    before, after = {1: "a", 2: "b", 3: "c", 4: "end"}, {1: "a", 2: "x", 3: "y", 4: "end"}
    for change in range(1, 60):
        plan = Multipath(TARGET, STOP, neighbours=False)
        drive(plan, lambda ttl, address, flow, n, change=change: (before if n < change else after)[min(ttl, 4)])
        wrong = [pair for pair, row in found(plan).items() if row["certain"] and pair in {("b", "y"), ("x", "c")}]
        assert not wrong, change


@given(st.data())
@settings(deadline=None)
def test_in_any_network_that_goes_by_flows_every_link_is_true(data):
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    rows = [["start"], *([f"{ttl}.{i}" for i in range(size)] for ttl, size in enumerate(sizes)), ["end"]]
    some = st.sets(st.integers(0, 3), min_size=1)
    graph = {
        node: sorted({following[i % len(following)] for i in data.draw(some)})
        for here, following in pairwise(rows)
        for node in here
    }
    plan = Multipath(TARGET, STOP)
    probes = drive(plan, ways(graph, data.draw(st.integers(0, 1000))))
    for (near, far), row in found(plan).items():
        assert far in graph["start" if near == "192.0.2.10" else near]
        assert row["certain"]
    assert len(probes) <= MOST_PROBES
    assert {Target("www", probe.target.address, "192.0.2.10") for probe in probes if probe.ttl > len(sizes)} <= {TARGET}


# ── worlds ─────────────────────────────────────────────────────────────────────────────────────────────────────


def fan(width, balance="flow", length=1, family=4):
    chain = Chain(family)
    chain.fan([[f"b{i}-{j}" for j in range(length)] for i in range(width)], balance, "joint")
    chain.end()
    return chain.world("fan")


def pairs(table):
    """Links by the names of nodes."""
    return {(near.partition(".")[0], far.partition(".")[0]) for near, far in zip(table["near_name"], table["far_name"])}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_all_paths_of_a_world(protocol, family):
    network = VirtualNetwork(from_dict(fan(4, length=2, family=family)), seed=2)
    table = multipath("server", protocol=protocol, network=network)
    assert pairs(table) == set(network.paths("server"))
    assert table["certain"].all()
    assert set(table[table["near_name"].str.startswith("gate")]["balancer"]) == {"flow"}


def test_sixteen_next_hops_in_under_a_second():
    network = VirtualNetwork(from_dict(fan(16)), seed=2)
    start = time.process_time()
    table = multipath("server", network=network)
    assert time.process_time() - start < 1
    assert pairs(table) == set(network.paths("server"))


@pytest.mark.parametrize("seed", range(5))
def test_a_balancer_per_destination_is_told_apart(seed):
    network = VirtualNetwork(from_dict(fan(3, "destination", 2)), seed)
    table = multipath("server", network=network)
    assert pairs(table) == set(network.paths("server"))
    kinds = dict(zip(table["near_name"].str.partition(".")[0], table["balancer"]))
    assert kinds["gate"] == "destination" and set(kinds.values()) == {"none", "destination"}


def test_addresses_beside_the_destination_get_nothing():
    network = VirtualNetwork(from_dict(fan(3, "destination")))
    rows = list(Measurement("server", network).run())
    beside = [row for row in rows if row["address"] != "203.0.113.80"]
    assert len({row["address"] for row in beside}) >= 5
    assert {row["address"].rpartition(".")[0] for row in beside} == {"203.0.113"}
    assert max(row["ttl"] for row in beside) == 3
    assert {network.locate(row["responder"]).kind for row in beside} == {"router"}


def test_without_neighbours_only_the_destination_is_probed():
    network = VirtualNetwork(from_dict(fan(3, "destination")))
    measurement = Measurement("server", network, neighbours=False)
    rows = list(measurement.run())
    assert {row["address"] for row in rows} == {"203.0.113.80"}
    assert {row["balancer"] for row in measurement.links(rows)} == {"none"}


def test_neighbours_share_all_but_the_last_eight_bits():
    assert neighbours_of("203.0.113.1")[:3] == ["203.0.113.3", "203.0.113.2", "203.0.113.5"]
    assert len(neighbours_of("203.0.113.80")) == 253 and "203.0.113.0" not in neighbours_of("203.0.113.1")
    assert neighbours_of("2001:db8::80")[0] == "2001:db8::81" and len(neighbours_of("2001:db8::80")) == 254


def test_several_links_between_two_routers_are_one_link():
    chain = Chain(4)
    chain.line(["far"])
    chain.link("gate", "far")
    chain.end()
    chain.nodes["gate"]["balance"] = "flow"
    network = VirtualNetwork(from_dict(chain.world("double")))
    assert pairs(multipath("server", network=network)) == {("host", "gate"), ("gate", "far"), ("far", "server")}


def test_a_route_changes_in_a_world():
    network = Moving(from_dict(fan(2, length=2)), seed=1)
    network.change = 60_000_000, "link3"
    measurement = Measurement("server", network)
    rows = list(measurement.run())
    names = {row["responder"]: network.locate(row["responder"]).name for row in rows if row["responder"]}
    for link in measurement.links(rows):
        if link["certain"] and link["near"] in names:
            assert (names[link["near"]], names[link["far"]]) in network.edges


# ── the stopping rule, limits, arguments ───────────────────────────────────────────────────────────────────────


def test_the_flows_of_a_path_with_one_way_only():
    assert set(multipath("server", network="line")["flows"]) == {6}
    assert set(multipath("server", confidence=0.99, network="line")["flows"]) == {8}
    assert set(multipath("server", per="path", network="line")["flows"]) == {10}


@pytest.mark.parametrize(("flows", "least", "most"), [(1, 1, 1), (2, 1, 2), (40, 6, 6)])
def test_an_own_rule_that_is_content_too_early_shows(flows, least, most):
    for seed in range(5):
        network = VirtualNetwork(from_dict(fan(6)), seed)
        table = multipath("server", stop=lambda found: flows, max_ttl=2, network=network)
        assert least <= sum(table["ttl"] == 2) <= most


def test_the_rule_is_told_how_many_next_hops_were_found():
    asked = []
    network = VirtualNetwork(from_dict(fan(4)))
    multipath("server", stop=lambda found: asked.append(found) or STOP(found), network=network)
    assert sorted(set(asked)) == list(range(1, 33))


def test_first_and_last_ttl():
    table = multipath("server", first_ttl=2, max_ttl=3, network="line")
    assert table["ttl"].tolist() == [3]
    assert multipath("server", max_ttl=2, network="line")["ttl"].tolist() == [1, 2]


def test_no_more_probes_than_allowed():
    network = VirtualNetwork(from_dict(fan(8)))
    table = multipath("server", most_probes=60, network=network)
    assert set(table["sent"]) == {60}


def test_the_same_call_gives_the_same_table():
    world = from_dict(fan(4, "packet", 2))
    one, other = (multipath("server", network=VirtualNetwork(world, seed=3)) for _ in range(2))
    assert one.equals(other)
    assert not one.equals(multipath("server", network=VirtualNetwork(world, seed=4)))


def test_every_probe_has_its_row():
    network = VirtualNetwork(from_dict(fan(4)))
    measurement = Measurement("server", network)
    rows = list(measurement.run())
    assert [row["sequence"] for row in sorted(rows, key=lambda row: row["sequence"])] == list(range(1, len(rows) + 1))
    assert measurement.plan.planned == len(rows)


def test_stopped_in_between_it_tells_what_it_has_seen():
    measurement = Measurement("server", VirtualNetwork(from_dict(fan(4))))
    rows = []
    for row in measurement.run(stop=lambda: len(rows) >= 40):
        rows.append(row)
    seen = measurement.links(rows)
    assert 40 <= len(rows) < 80 and seen and all(row["sent"] == len(rows) for row in seen)


def test_on_the_live_network_probes_keep_their_distance():
    plan = Multipath(TARGET, STOP, spacing=20_000_000)
    assert [next(plan).at for _ in range(4)] == [20_000_000 * number for number in range(1, 5)]
    live = FakeNetwork(virtual=False, name="live")
    with pytest.raises(UsageError, match="interval"):
        multipath("www", interval=0.001, network=live)
    assert live.sent == []


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *(("confidence", value) for value in (0, 1, 95, "0.95", None, True, float("nan"))),
        *(("stop", value) for value in (6, "6", lambda found: "6", lambda found: -1)),
        *(("per", "hop"), ("neighbours", 1), ("names", "no"), ("interval", -1), ("most_probes", 0), ("attempts", 0)),
        *(("protocol", "sctp"), ("max_ttl", 256), ("first_ttl", 0), ("timeout", 0), ("window", 0), ("size", 5)),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_sent(argument, value):
    network = VirtualNetwork(from_dict(fan(2)))
    with pytest.raises(UsageError, match=argument):
        multipath("server", network=network, **{argument: value})
    assert network.packets() == []


def test_a_name_that_nobody_knows():
    with pytest.raises(NameNotFound):
        multipath("nobody", network="line")


def test_the_table_has_its_columns():
    table = multipath("server", network="line")
    assert list(table.columns) == list(LINKS)
    kinds = {"category:protocol": "category", "category:balancer": "category"}
    assert table.dtypes.astype(str).to_dict() == {name: kinds.get(kind, kind) for name, kind in LINKS.items()}
    assert set(table["network"]) == {"virtual:line"} and set(table["address"]) == {"203.0.113.80"}
