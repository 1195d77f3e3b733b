"""Generated worlds: the same for the same seed, distributed as the docstring says, and true to their truth."""

from collections import Counter
from functools import cache
from ipaddress import ip_address, ip_network

import pytest

from netlab.internet.engine import Engine
from netlab.internet.generate import generate
from netlab.internet.names import Names
from netlab.internet.space import BLOCKS
from netlab.internet.truth import (
    ANSWERS_ONLY,
    NO_LOSS,
    PATH_LOSS,
    PAUSE,
    RATE_LIMIT,
    SCHEDULE,
    SLOW,
    Detour,
    Fault,
    LinkFault,
    Truth,
)
from netlab.internet.world import parse, to_dict, to_toml
from netlab.probe import rounds

SEEDS = range(500_000, 500_400)
"""Worlds that nobody judges or tunes by."""


@cache
def some():
    return [(seed, *generate(seed)) for seed in SEEDS]


def test_the_same_seed_gives_the_same_world_and_the_same_truth():
    for seed, world, truth in some()[:20]:
        again, true_again = generate(seed)
        assert to_dict(again) == to_dict(world)
        assert true_again == truth
    assert to_dict(generate(1)[0]) != to_dict(generate(2)[0])


def test_a_world_survives_being_written_as_a_file():
    for _, world, _ in some()[:20]:
        assert to_dict(parse(to_toml(world))) == to_dict(world)


def test_only_documentation_addresses_are_used():
    blocks = [ip_network(block) for family in (4, 6) for block in BLOCKS[family]]
    for _, world, _ in some():
        for node in world.nodes.values():
            for text in node.addresses:
                address = ip_address(text.partition("/")[0])
                assert any(address in block for block in blocks if block.version == address.version), text


def test_packets_go_the_ways_that_the_truth_says():
    for seed, world, truth in some()[:150]:
        engine, names = Engine(world, seed, capture=False), Names(world)
        there = engine.path("laptop", names.resolve("server")[0])
        assert len(there) == len(truth.stages)
        assert all(name in stage for name, stage in zip(there, truth.stages, strict=True))
        for ttl in range(1, truth.end + 1):
            back = engine.path(truth.stages[ttl][0], names.resolve("laptop")[0])
            beside = set(truth.detour.nodes) if truth.detour and ttl >= truth.detour.end else set()
            assert set(back) >= beside
            assert not beside or not {f"r{n}" for n in range(truth.detour.start + 1, truth.detour.end)} & set(back)
            assert len(back) - 1 == truth.round_trip(ttl)[1]


def test_the_distribution_is_as_written():
    truths = [truth for _, _, truth in some()]
    lengths = Counter(truth.end for truth in truths)
    assert set(lengths) == set(range(4, 15))
    # the smaller of two equally likely lengths: 4 has a chance of 21/121, 14 one of 1/121
    assert lengths[4] / len(truths) == pytest.approx(21 / 121, abs=0.06)
    assert sum(truth.protocol == "udp" for truth in truths) / len(truths) == pytest.approx(0.2, abs=0.06)
    assert sum(max(map(len, truth.stages)) > 1 for truth in truths) / len(truths) == pytest.approx(0.4, abs=0.08)
    assert sum(truth.detour is not None for truth in truths) / len(truths) > 0.15

    def count(truth):
        return len(truth.faults) + len({loss.ttl for loss in truth.losses})

    faults = Counter(map(count, truths))
    assert faults[0] / len(truths) == pytest.approx(0.15, abs=0.06)
    assert faults[1] / len(truths) == pytest.approx(0.60, abs=0.08)
    kinds = Counter(fault.kind for truth in truths for fault in truth.faults.values())
    assert set(kinds) == {"limit", "drop", "slow", "silent"}
    assert kinds["limit"] > kinds["drop"] > kinds["silent"]
    rates = [loss.rate for truth in truths for loss in truth.losses]
    assert 0.004 < min(rates) and max(rates) <= 0.30
    assert {loss.way for truth in truths for loss in truth.losses} == {"forward", "backward", "detour"}


def test_every_fault_stands_in_the_world():
    for _, world, truth in some():
        for name, fault in truth.faults.items():
            node = world.nodes[name]
            assert {"limit": node.icmp, "drop": node.control, "slow": node.control, "silent": node.silent}[fault.kind]
        lossy = sum((link.forward.loss > 0) + (link.backward.loss > 0) for link in world.links)
        assert lossy == len(truth.losses)
        limited = {name for name, node in world.nodes.items() if node.icmp or node.control or node.silent}
        assert limited == set(truth.faults)


# -- the rules of the truth ---------------------------------------------------------------------------------------


def line(hops=6, **parts):
    """The truth of a path r1, r2 … server without diamond; 10 ms per link."""
    stages = (("laptop",), *((f"r{ttl}",) for ttl in range(1, hops)), ("server",))
    parts = {"protocol": "icmp", "stages": stages, "by_chance": frozenset(), "detour": None} | parts
    return Truth(**parts, delays=[10.0] * hops)


def causes(truth):
    return [set(truth.hop(ttl, truth.stages[ttl][0]).causes) for ttl in range(1, truth.end + 1)]


def clear(truth):
    return [truth.hop(ttl, truth.stages[ttl][0]).identifiable for ttl in range(1, truth.end + 1)]


def test_without_faults_every_hop_has_no_loss_and_can_be_identified():
    assert causes(line()) == [{NO_LOSS}] * 6
    assert clear(line()) == [True] * 6


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_a_lossy_link_is_path_loss_from_there_on(way):
    truth = line(losses=[LinkFault(way, 3, 0.2)])
    assert causes(truth) == [{NO_LOSS}] * 2 + [{PATH_LOSS}] * 4
    assert clear(truth) == [True] * 6
    assert truth.direction(4) == way
    assert truth.loss(2) == 0 and truth.loss(6) == pytest.approx(0.2)


def test_one_percent_is_too_little_for_a_hundred_probes_and_enough_for_a_thousand():
    truth = line(losses=[LinkFault("forward", 3, 0.01)])
    assert clear(truth) == [True, True, False, False, False, False]
    assert truth.hop(3, "r3", [(1000, 1_000_000_000)]).identifiable


def test_loss_on_the_last_link_cannot_be_told_from_a_destination_that_does_not_answer():
    truth = line(losses=[LinkFault("forward", 6, 0.2)])
    assert causes(truth)[-1] == {PATH_LOSS}
    assert clear(truth) == [True] * 5 + [False]


def test_a_silent_destination_hides_where_packets_get_lost():
    truth = line(losses=[LinkFault("forward", 3, 0.2)], faults={"server": Fault("silent", {}, drop=1.0)})
    assert clear(truth) == [True, True, False, False, False, False]


def test_loss_on_a_way_back_that_the_destination_does_not_take_is_of_answers_only():
    """r5 and the server go back over the detour, which leaves out the links to r3, r4 and r5."""
    truth = line(detour=Detour(2, 5, ("back1",), [{"delay_ms": 1.0}] * 2), losses=[LinkFault("backward", 3, 0.2)])
    assert causes(truth) == [{NO_LOSS}, {NO_LOSS}, {ANSWERS_ONLY}, {ANSWERS_ONLY}, {NO_LOSS}, {NO_LOSS}]
    assert clear(truth) == [True] * 6
    truth.losses = [LinkFault("detour", 0, 0.2)]
    assert causes(truth) == [{NO_LOSS}] * 4 + [{PATH_LOSS}] * 2
    assert truth.direction(5) == "backward"
    assert truth.round_trip(4) == (80.0, 4)
    assert truth.round_trip(5) == (50.0 + 20.0 + 2.0, 4)


def test_path_loss_that_a_later_hop_does_not_share_cannot_be_identified():
    """The link is crossed backward by r3 and r4 on their own way, and forward by all."""
    losses = [LinkFault("forward", 3, 0.2), LinkFault("backward", 3, 0.2)]
    truth = line(detour=Detour(2, 5, ("back1",), [{"delay_ms": 1.0}] * 2), losses=losses)
    assert causes(truth)[2:] == [{PATH_LOSS, ANSWERS_ONLY}] * 2 + [{PATH_LOSS}] * 2
    assert clear(truth) == [True, True, False, False, True, True]


@pytest.mark.parametrize(
    ("rate", "burst", "refused", "shows"),
    [(1, 6, [0, 20, 48], True), (10, 6, [0, 0, 40], True), (50, 6, [0, 0, 20], True), (1000, 6, [0, 0, 0], True)],
)
def test_a_limit_counts_only_when_it_refuses_a_planned_probe(rate, burst, refused, shows):
    fault = Fault("limit", {}, rate=rate, burst=burst)
    counted = fault.refusals(SCHEDULE)
    assert counted == pytest.approx(refused, abs=2)
    truth = line(faults={"r2": fault})
    assert causes(truth)[1] == ({RATE_LIMIT} if sum(refused) else {NO_LOSS})
    assert clear(truth)[1] == shows


def test_a_limit_that_hardly_bites_is_not_identifiable():
    truth = line(faults={"r2": Fault("limit", {}, rate=90.0, burst=6)})
    assert causes(truth)[1] == {NO_LOSS} or not clear(truth)[1]


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        (Fault("slow", {}, delay_ms=100.0), True),
        (Fault("slow", {}, delay_ms=30.0), False),  # the next hop is 20 ms farther
        (Fault("slow", {}, delay_ms=10.0, jitter_ms=40.0), True),
    ],
)
def test_slowness_shows_when_a_later_hop_is_quicker_or_steadier(fault, shows):
    truth = line(faults={"r2": fault})
    assert causes(truth)[1] == {SLOW}
    assert clear(truth)[1] == shows
    assert not line(faults={"server": fault}).hop(6, "server").identifiable


def test_two_causes_at_one_hop_have_no_single_truth():
    truth = line(losses=[LinkFault("forward", 2, 0.2)], faults={"r3": Fault("drop", {}, drop=0.2)})
    assert causes(truth)[2] == {PATH_LOSS, ANSWERS_ONLY}
    assert clear(truth) == [True, True, False, True, True, True]


def test_the_branch_that_answered_counts_and_chance_spoils_it():
    stages = (("laptop",), ("r1",), ("r2a", "r2b"), ("r3",), ("server",))
    truth = line(4, stages=stages, faults={"r2b": Fault("drop", {}, drop=0.2)})
    assert truth.hop(2, "r2a") == (frozenset({NO_LOSS}), True)
    assert truth.hop(2, "r2b") == (frozenset({ANSWERS_ONLY}), True)
    assert truth.hop(2, "") == (frozenset({ANSWERS_ONLY}), True), "who did not answer was the one with a fault"
    truth.by_chance = frozenset({2})
    assert truth.hop(2, "r2a") == (frozenset({ANSWERS_ONLY}), False)


def test_the_schedule_is_that_of_the_probes():
    assert [tuple(phase) for phase in rounds.three_spacings(100)] == list(SCHEDULE)
    assert rounds.PAUSE == PAUSE
