"""The five cases of notebook 06, `fan` and `uneven` of notebook 07: each shows what its notebook tells of it."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from netlab.api import tracing
from netlab.network import worlds
from netlab.network.virtual import VirtualNetwork

CASES = ("case1", "case2", "case3", "case4", "case5")


def traced(world: str, seed: int = 1, **options: Any) -> dict[int, list[Any]]:
    """The rows of a trace to www by TTL, without those beyond the end."""
    rows: dict[int, list[Any]] = {}
    for row in list(tracing("www", network=VirtualNetwork(worlds.load(world), seed), **options)):  # flags come last
        if "beyond-end" not in row["flags"]:
            rows.setdefault(row["ttl"], []).append(row)
    return rows


def middle(rows: list[Any]) -> float:
    return float(median(row["rtt_ms"] for row in rows if row["responder"]))


def test_all_cases_have_the_same_machines_with_the_same_addresses() -> None:
    first, *others = [worlds.load(case) for case in CASES]
    for world in others:
        assert {name: node.addresses for name, node in world.nodes.items()} == {
            name: node.addresses for name, node in first.nodes.items()
        }
        assert [(link.ends, link.forward.delay) for link in world.links] == [
            (link.ends, link.forward.delay) for link in first.links
        ]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hop_4_is_the_first_that_looks_bad(case: str, seed: int) -> None:
    rows = traced(case, seed)
    assert len(rows) == 7 and middle(rows[3]) < 10
    starred = sum(not row["responder"] for row in rows[4]) == 2
    assert starred if case == "case2" else middle(rows[4]) > 30


def test_in_case_1_the_hop_behind_it_is_faster() -> None:
    rows = traced("case1")
    assert middle(rows[4]) > 100 > middle(rows[7]) and middle(rows[5]) < 23


def test_in_case_2_the_hops_behind_it_answer_everything() -> None:
    rows = traced("case2", attempts=20)
    assert sum(bool(row["responder"]) for row in rows[4]) < 10
    assert all(row["responder"] for ttl in (5, 6, 7) for row in rows[ttl])


def test_in_case_3_the_answers_take_another_way_and_nothing_else_differs() -> None:
    network = VirtualNetwork(worlds.load("case3"))
    assert network.path("www") == VirtualNetwork(worlds.load("case1")).path("www")
    assert network.return_path("www") == ["www", "newyork", "lisbon", "gateway", "laptop"]
    rows = traced("case3")
    assert [row["return_hops"] for row in rows[4]] == [5, 5, 5] and not rows[4][0]["mpls"]


def test_in_case_4_waiting_and_loss_carry_through() -> None:
    rows = traced("case4", attempts=60, window=4)
    for ttl, alone in ((4, 18.2), (5, 21.6), (6, 77.3), (7, 77.7)):
        assert middle(rows[ttl]) > alone + 10, ttl
    assert all(row["return_hops"] in (ttl, None) for ttl, group in rows.items() for row in group)


def test_in_case_5_the_routers_of_the_tunnel_seem_as_far_as_its_end() -> None:
    rows = traced("case5")
    assert [bool(rows[ttl][0]["mpls"]) for ttl in range(1, 7)] == [False, False, False, True, True, False]
    assert abs(middle(rows[4]) - middle(rows[6])) < 1


def test_uneven_meets_join_at_two_ttls_and_is_no_loop() -> None:
    rows = traced("uneven", protocol="udp", flow="classic")
    for ttl in (4, 5):
        assert "join.uneven.example" in {row["responder_name"] for row in rows[ttl]}
    assert any(row["outcome"] == "unreachable" and row["detail"] == "port unreachable" for row in rows[5])
    lengths = {len(VirtualNetwork(worlds.load("uneven")).path("www", packet=row["request"])) for row in rows[3]}
    assert lengths == {6, 7}


def test_fan_spreads_flows_evenly_enough() -> None:
    rows = traced("fan", protocol="udp", flow="classic", attempts=100, max_ttl=3, first_ttl=3)
    names = [row["responder_name"] for row in rows[3]]
    assert sorted(set(names)) == [f"a{way}.fan.example" for way in (1, 2, 3, 4)]
    assert min(names.count(name) for name in set(names)) > 12
