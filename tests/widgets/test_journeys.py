"""Where probes really went, as a virtual network recorded it."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab.widgets.journeys import Journey, journeys


def traced(world: Any, destination: str, **arguments: Any) -> dict[int, Journey]:
    network = netlab.api.network_for(world)
    frame = netlab.traceroute(destination, network=network, attempts=1, window=1, **arguments)
    requests = dict(zip(frame["sequence"], frame["request"], strict=True))
    return journeys(network.packets(), requests)


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize("family", [4, 6])
def test_the_way_there_ends_where_the_ttl_does(protocol: str, family: int) -> None:
    found = traced("line", "server", protocol=protocol, family=family)
    way = ("laptop", "r1", "r2", "r3", "server")
    assert [journey.there for journey in found.values()] == [way[: ttl + 1] for ttl in range(1, 5)]
    assert [journey.back for journey in found.values()] == [way[ttl::-1] for ttl in range(1, 5)]
    assert [journey.fate for journey in found.values()] == ["ttl exceeded"] * 3 + ["delivered"]
    assert {journey.back_fate for journey in found.values()} == {"delivered"}


def test_a_loop_is_walked_round() -> None:
    found = traced("loop", "lost", max_ttl=6)
    assert found[6].there == ("laptop", "gateway", "north", "east", "south", "north", "east")


def test_silence_has_a_place_and_a_reason() -> None:
    found = traced("broken", "drop", max_ttl=6, timeout=0.5)
    silent = [journey for journey in found.values() if not journey.back]
    assert silent and {(journey.there[-1], journey.fate) for journey in silent} == {("wall", "firewall")}


def test_a_lost_answer_is_no_silence() -> None:
    world = netlab.world("line")
    world.links[0].backward.loss = 1.0
    found = traced(world, "server", max_ttl=2, timeout=0.5)
    assert found[2].fate == "ttl exceeded" and found[2].back == ("r2", "r1") and found[2].back_fate


def test_what_was_not_recorded_has_no_journey() -> None:
    assert journeys([], {1: b"abc"}) == {}
