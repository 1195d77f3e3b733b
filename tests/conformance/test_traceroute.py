"""Traceroute on every network: the same path, the same end, the same words, whatever carries the packets."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.network.base import Network
from netlab.probe.rows import Row
from netlab.tracing import TraceOptions, run_trace
from tests.conformance.bench import TRUTH
from tests.network.trace_bench import Path, path_of

pytestmark = pytest.mark.network

PROTOCOLS = ["icmp", "udp", "tcp"]


def trace(network: Network, destination: str, protocol: str, **options: Any) -> list[Row]:
    return list(run_trace(destination, TraceOptions(protocol, **options), network))  # type: ignore[arg-type]


def routers(family: int) -> Path:
    return {ttl: {(who, "")} for ttl, who in enumerate(TRUTH[family].routers, start=1)}


@pytest.mark.parametrize("flow", ["paris", "classic"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_path_is_the_worlds(network: Network, family: int, protocol: str, flow: str) -> None:
    to = TRUTH[family].server
    rows = trace(network, to, protocol, flow=flow)
    assert path_of(rows) == routers(family) | {4: {(to, "")}}
    assert sorted(row["sequence"] for row in rows) == list(range(1, len(rows) + 1)), "one row per probe"
    assert {row["attempt"] for row in rows if row["ttl"] == 4} == {1, 2, 3}
    assert {row["outcome"] for row in rows if row["ttl"] < 4} == {"time-exceeded"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_router_that_refuses_ends_it_with_its_mark(network: Network, family: int, protocol: str) -> None:
    rows = trace(network, TRUTH[family].prohibited, protocol, attempts=1, window=1)
    assert path_of(rows) == {1: routers(family)[1], 2: {(TRUTH[family].routers[1], "!X")}}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_silence_ends_at_the_gap_limit_and_the_last_ditch(network: Network, family: int, protocol: str) -> None:
    rows = trace(network, TRUTH[family].blackhole, protocol, attempts=1, timeout=0.2, gap_limit=2, window=2)
    assert path_of(rows)[1] == routers(family)[1]
    assert all(who == {("", "")} for ttl, who in path_of(rows).items() if ttl > 1)
    assert 3 <= max(path_of(rows)) <= 5, "two silent hops, and what was in flight then"
    assert "last-ditch" in rows[-1]["flags"].split()
    assert (rows[-1]["ttl"], rows[-1]["outcome"]) == (255, "timeout")


def test_a_tos_and_a_size_are_those_of_the_packets(network: Network, family: int) -> None:
    rows = trace(network, TRUTH[family].server, "udp", attempts=1, tos=0x48, size=100)
    assert {row["packet_size"] for row in rows} == {100 + {4: 28, 6: 48}[family]}
    told = {row["quoted_tos"] for row in rows if row["responder"]}
    assert told in ({0x48}, {None}), "seen, or not to be seen without privilege"
