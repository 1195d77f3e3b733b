"""The worlds `bottleneck` (notebook 03) and `refusals` (notebook 04) do what their descriptions promise."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.network import worlds
from netlab.network.virtual import VirtualNetwork
from netlab.probing import PingOptions, run_ping


def ping(world: str, destination: str, **options: Any) -> Any:
    (row,) = run_ping(destination, PingOptions(count=1, **options), VirtualNetwork(worlds.load(world)))
    return row


@pytest.mark.parametrize(("host", "way"), [("near", 3.0), ("far", 63.0)])
@pytest.mark.parametrize("size", [56, 1472])
def test_bottleneck_is_distance_and_rate_and_nothing_else(host: str, way: float, size: int) -> None:
    """4 Mbit/s are 2 µs per byte, there and back; the ocean's 10 Gbit/s hardly count."""
    row = ping("bottleneck", host, size=size)
    assert row["rtt_ms"] == pytest.approx(way + 2 * 8 * (size + 28) / 4000, abs=0.003)


def test_the_office_has_a_fast_line() -> None:
    assert ping("bottleneck", "far", source="office")["rtt_ms"] == pytest.approx(61, abs=0.01)


REFUSALS = [
    ("open", {}, "reply", "open", None, None),
    ("noping", {}, "timeout", "", None, None),
    ("noping", {"protocol": "tcp"}, "reply", "noping", None, None),
    ("dropped", {"protocol": "tcp"}, "timeout", "", None, None),
    ("refused", {}, "unreachable", "wall", 13, 1),
    ("refused-host", {}, "unreachable", "wall", 10, 1),
    ("refused-net", {}, "unreachable", "wall", 9, 1),
    ("refused-port", {}, "unreachable", "wall", 3, 4),
    ("narrow", {}, "reply", "narrow", None, None),
    ("narrow", {"size": 1472, "dont_fragment": True}, "unreachable", "tunnel", 4, 0),
]
"""Host, arguments, outcome, who says it, and the ICMP code in IPv4 and IPv6."""


@pytest.mark.parametrize(("host", "options", "outcome", "who", "code4", "code6"), REFUSALS)
@pytest.mark.parametrize("family", [4, 6])
def test_every_host_of_refusals_is_treated_as_its_name_says(
    host: str, options: dict[str, Any], outcome: str, who: str, code4: int | None, code6: int | None, family: int
) -> None:
    row = ping("refusals", host, family=family, **options)
    assert row["outcome"] == outcome
    world = worlds.load("refusals")
    if who:
        assert row["responder"] in {address.split("/")[0] for address in world.nodes[who].addresses}
    if outcome == "unreachable":
        assert row["icmp_code"] == (code4 if family == 4 else code6)


@pytest.mark.parametrize(("address", "code", "who"), [("203.0.113.30", 1, "wall"), ("203.0.113.200", 0, "provider")])
def test_addresses_that_nobody_has(address: str, code: int, who: str) -> None:
    row = ping("refusals", address)
    assert (row["icmp_type"], row["icmp_code"]) == (3, code)
    assert row["responder"] in {each.split("/")[0] for each in worlds.load("refusals").nodes[who].addresses}
