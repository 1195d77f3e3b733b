"""What routers quote of a traceroute probe, and what becomes of it when that is too little.

The routers are played (`PlayedPath`), because Linux always quotes generously. RFC 792 asks for 8 bytes behind the IP
header. ICMP and raw probes carry their number there; of UDP without privilege the kernel hides these 8 bytes, so
probes of one flow are told apart by the payload, and where nobody quotes that, only by sending one at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import netlab
from netlab import wire
from netlab.network.base import Family, ProtocolName
from netlab.wire.extensions import MplsLabel, MplsStack
from tests.network.trace_bench import PlayedPath, chain, path_of, played
from tests.support.kernelnet import KernelNet, kernel_net

if TYPE_CHECKING:
    from pandas import DataFrame

pytestmark = pytest.mark.network

FAMILIES: tuple[Family, ...] = (4, 6)
MODES = {"raw": True, "unprivileged": False}
HOPS = 6
TIMEOUT = 0.4
"""s; the answers take less than a millisecond, and whoever is given up is waited for as long as this."""
SHORT = 8
TOGETHER = 8
"""Probes that are in flight before the first is answered."""
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(netlab.world(chain(routers=2))) as running:
        yield running


def elsewhere(family: Family) -> str:
    """A destination of one test's own, behind r1."""
    return {4: f"198.18.0.{next(numbers)}", 6: f"2001:db8:77::{next(numbers):x}"}[family]


def trace(kernel: KernelNet, to: str, mode: str, **options: Any) -> DataFrame:
    return netlab.traceroute(to, timeout=TIMEOUT, network=kernel.network(raw=MODES[mode]), **options)


def rows_of(table: DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


def words(row: dict[Any, Any]) -> set[str]:
    return set(row["flags"].split())


# ── quotes of 8 bytes ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", FAMILIES)
def test_udp_without_privilege_goes_on_one_at_a_time_when_quotes_are_too_short(
    kernel: KernelNet, family: Family
) -> None:
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, quote=SHORT, together=TOGETHER) as path:
        rows = rows_of(trace(kernel, to, "unprivileged", protocol="udp"))
    given_up = [row for row in rows if row["outcome"] == "pending"]
    others = [row for row in rows if row["outcome"] != "pending"]
    assert len(rows) == len(path.probes), "one row per probe sent"
    assert TOGETHER <= len(given_up) <= 16
    assert all("no-quote" in words(row) and row["rtt_ms"] != row["rtt_ms"] for row in given_up)
    assert {row["detail"] for row in given_up} == {"an answer came that does not tell whose it is"}
    assert not any("one-at-a-time" in words(row) for row in given_up)
    assert all("one-at-a-time" in words(row) for row in others)
    assert path_of(others) == played(family, HOPS, to)
    assert {row["ttl"]: row["attempt"] for row in others} == dict.fromkeys(range(1, HOPS + 1), 3)
    serial = path.story[-2 * len(others) :]
    assert serial == [(what, row["ttl"]) for row in others for what in ("probe", "answer")]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_silent_router_among_those_with_short_quotes_is_a_star_and_nobody_elses_answer(
    kernel: KernelNet, family: Family
) -> None:
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, quote=SHORT, together=TOGETHER, silent=[3]):
        rows = rows_of(trace(kernel, to, "unprivileged", protocol="udp", attempts=2))
    shown = path_of(row for row in rows if row["outcome"] != "pending")
    assert shown == played(family, HOPS, to) | {3: {("", "")}}


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_that_comes_after_its_timeout_is_late_and_not_the_next_probes(
    kernel: KernelNet, family: Family
) -> None:
    """Router 3 answers when its probe was given up already: the next probe has waited for that."""
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, quote=SHORT, together=TOGETHER, slow={3: TIMEOUT + 0.1}):
        rows = rows_of(trace(kernel, to, "unprivileged", protocol="udp", attempts=1))
    shown = [row for row in rows if row["outcome"] != "pending"]
    assert path_of(shown) == played(family, HOPS, to)
    assert [row["ttl"] for row in shown if row["outcome"] == "late"] == [3]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_udp_service_that_says_something_of_its_own_is_put_behind_the_right_ttl(
    kernel: KernelNet, family: Family, mode: str
) -> None:
    """Its words hold nothing of the probe, so with many in flight nobody knows which of them has got there."""
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, together=TOGETHER, service=b"what?"):
        rows = rows_of(trace(kernel, to, mode, protocol="udp", attempts=2))
    assert path_of(row for row in rows if row["outcome"] != "pending") == played(family, HOPS, to)
    assert {row["outcome"] for row in rows if row["ttl"] == HOPS and row["responder"]} == {"reply"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_classic_probes_have_ports_of_their_own_and_never_wait(kernel: KernelNet, family: Family, mode: str) -> None:
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, quote=SHORT, together=TOGETHER):
        rows = rows_of(trace(kernel, to, mode, protocol="udp", flow="classic"))
    assert path_of(rows) == played(family, HOPS, to)
    assert not any({"one-at-a-time"} & words(row) for row in rows)
    assert {row["outcome"] for row in rows if row["ttl"] <= HOPS} == {"time-exceeded", "unreachable"}


@pytest.mark.parametrize(
    ("protocol", "mode"), [("icmp", "raw"), ("icmp", "unprivileged"), ("udp", "raw"), ("tcp", "raw")]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_8_bytes_are_enough_where_they_are_seen(
    kernel: KernelNet, family: Family, protocol: ProtocolName, mode: str
) -> None:
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, quote=SHORT, together=TOGETHER):
        rows = rows_of(trace(kernel, to, mode, protocol=protocol, max_ttl=HOPS))
    assert path_of(rows) == played(family, HOPS, to)
    assert not any({"one-at-a-time"} & words(row) for row in rows)
    assert {row["outcome"] for row in rows} <= {"time-exceeded", "unreachable", "reply"}


@pytest.mark.parametrize("quote", [None, SHORT], ids=["whole quotes", "short quotes"])
@pytest.mark.parametrize("family", FAMILIES)
def test_tcp_without_privilege_has_one_probe_of_a_flow_in_flight(
    kernel: KernelNet, family: Family, quote: int | None
) -> None:
    """Two connects cannot share their ports; an error of the kernel's is about one connect, whatever is quoted."""
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, quote) as path:
        rows = rows_of(trace(kernel, to, "unprivileged", protocol="tcp", max_ttl=HOPS, attempts=2))
    assert all("one-at-a-time" in words(row) for row in rows)
    assert path_of(rows) == played(family, HOPS, to)
    assert path.story == [(what, row["ttl"]) for row in rows for what in ("probe", "answer")]
    assert len({probe[20:24] if family == 4 else probe[40:44] for probe in path.probes}) == 1, "one flow"


# ── what else is in a quote ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize("family", FAMILIES)
def test_mpls_labels_are_read_with_and_without_privilege(
    kernel: KernelNet, family: Family, protocol: ProtocolName, mode: str
) -> None:
    labels = MplsStack((MplsLabel(24_001, 0, False, 1), MplsLabel(16, 0, True, 1)))
    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, extensions=[labels]):
        table = trace(kernel, to, mode, protocol=protocol, attempts=1, max_ttl=HOPS - 1, gap_limit=None)
    found = table[table["outcome"] == "time-exceeded"]
    assert found["mpls"].tolist() == [str(labels)] * (HOPS - 1)
    assert path_of(rows_of(found)) == {ttl: who for ttl, who in played(family, HOPS).items() if ttl < HOPS}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_ttl_and_tos_inside_the_quote_are_seen_with_raw_sockets_only(
    kernel: KernelNet, family: Family, mode: str
) -> None:
    """A router that forwards what has TTL 0, or hides others in a tunnel, shows in the quoted TTL; bleaching in TOS."""

    def bleached(packet: wire.IPv4 | wire.IPv6) -> wire.IPv4 | wire.IPv6:
        return replace(packet, tos=0) if isinstance(packet, wire.IPv4) else replace(packet, traffic_class=0)

    to = elsewhere(family)
    with PlayedPath(kernel, to, HOPS, quoted_ttl=3, changed=bleached):
        table = trace(kernel, to, mode, protocol="udp", attempts=1, tos=0x48)
    seen = table[table["responder"] != ""]
    assert len(seen) >= HOPS
    if mode == "raw":
        assert set(seen["quoted_ttl"]) == {3}
        assert set(seen["quoted_tos"]) == {0}
        assert seen["flags"].str.contains("quote-differs").all()
    else:
        assert seen["quoted_ttl"].isna().all() and seen["quoted_tos"].isna().all()
        assert seen["flags"].str.contains("no-quote").all()
        assert not seen["flags"].str.contains("quote-differs").any()
