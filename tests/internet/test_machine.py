"""The IP layer of a node: the order of its checks, and what a node that is off does."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.internet.model import FirewallRule, Route
from tests.internet.engine_worlds import MS, Run, echo, line, udp

A, B = "10.0.0.1", "10.0.2.2"


def chain(**changes: Any) -> Run:
    return Run(line("a", "r1", "r2", "b", **changes))


@pytest.mark.parametrize(("changes", "ttl", "size", "answer"), [
    ({"r1": {"routes": (Route("10.0.2.0/24", "unreachable"),)}}, 1, 10, (3, 1)),
    ({"r1_r2": {"mtu": 500}, "r1": {"firewall": (FirewallRule("reject"),)}}, 1, 900, (11, 0)),
    ({"r1_r2": {"mtu": 500}, "r1": {"firewall": (FirewallRule("reject"),)}}, 2, 900, (3, 4)),
    ({"r1_r2": {"mtu": 500}, "r1": {"firewall": (FirewallRule("reject"),)}}, 2, 10, (3, 13)),
])  # fmt: skip
def test_route_then_ttl_then_length_then_firewall(
    changes: dict[str, Any], ttl: int, size: int, answer: tuple[int, int]
) -> None:
    run = chain(**changes)
    run.send(udp(A, B, 33434, bytes(size), ttl=ttl, dont_fragment=True))
    _, message = run.answer()
    assert (message.type, message.code) == answer


def test_the_last_router_needs_a_ttl_of_two_and_the_host_none() -> None:
    for ttl, kind in ((1, 11), (2, 11), (3, 0)):
        run = chain()
        run.send(echo(A, B, ttl=ttl))
        assert run.answer()[1].type == kind


@pytest.mark.parametrize("node", ["r1", "b"])
def test_a_node_that_is_down_takes_part_in_nothing(node: str) -> None:
    run = chain(**{node: {"down": True}})
    run.send(echo(A, B))
    assert run.answers() == []
    assert run.engine.losses() == {"node down": 1}
    assert run.engine.inject(node, echo(B, A)) == "network is down"


def test_first_packet_and_later_packets_take_the_same_way() -> None:
    """The first is examined in full, later ones take the short way: nobody can tell."""
    run = chain()
    for n in range(3):
        run.send(echo(A, B, 1), at=n * 100 * MS)
    run.answers()
    rows = [
        [(row["time"] % (100 * MS), row["at"], row["action"], row["ttl"]) for row in run.engine.packets()
         if (row["number"] - 1) // 2 == n]
        for n in range(3)
    ]  # fmt: skip
    assert rows[0] == rows[1] == rows[2]
    assert len(run.engine.machine("r1").fast) == 2


def test_answers_of_a_node_have_identifications_of_their_own() -> None:
    run = chain()
    for n in range(3):
        run.send(echo(A, B, n))
    found = [packet.identification for _, packet, _ in run.answers()]
    assert len(set(found)) == 3
