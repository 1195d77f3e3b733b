"""Traceroute's packets as they cross real routers: flows, quotes, clocks, connections, permissions.

What leaves is looked at where it leaves, by a packet socket on the laptop, and what comes back is compared with it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import netlab
from netlab import wire
from netlab.errors import PermissionNeeded
from netlab.network.base import Family, ProtocolName
from netlab.network.live_tcp import PATIENCE
from netlab.probe.trace import CONNECT_ENDS
from netlab.run import NAME_LIMIT
from tests.network.test_live_tcp import SYN_RECEIVED, frames
from tests.network.trace_bench import (
    ALL_FRAMES,
    ROUTERS,
    SERVER,
    PlayedPath,
    chain,
    of_server,
    path_of,
    played,
    straight,
    ttl_of,
)
from tests.support.kernelnet import KernelNet, kernel_net
from tests.support.lab import IS_ROOT, run_as, soon

if TYPE_CHECKING:
    from pandas import DataFrame

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
FAMILIES: tuple[Family, ...] = (4, 6)
PROTOCOLS: tuple[ProtocolName, ...] = ("icmp", "udp", "tcp")
MODES = {"raw": True, "unprivileged": False}
COMMAND = [sys.executable, "-m", "netlab", "traceroute"]
NUMBER = {4: {"icmp": 1, "tcp": 6, "udp": 17}, 6: {"icmp": 58, "tcp": 6, "udp": 17}}
ESTABLISHED = "01"
"""In /proc/net/tcp."""


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
        yield


@pytest.fixture(scope="module")
def kernel(environment: None) -> Iterator[KernelNet]:
    with kernel_net(netlab.world(chain([81]))) as running:
        yield running


def trace(kernel: KernelNet, to: str, mode: str, **options: Any) -> DataFrame:
    return netlab.traceroute(to, network=kernel.network(raw=MODES[mode]), **options)


def traced(
    kernel: KernelNet, family: Family, protocol: ProtocolName, mode: str, **options: Any
) -> tuple[DataFrame, list[wire.IPv4 | wire.IPv6]]:
    """A trace to the server, and the probes as they left the laptop."""
    with kernel.socket("laptop", socket.AF_PACKET, socket.SOCK_DGRAM) as tap:
        tap.bind(("eth0", ALL_FRAMES))
        table = trace(kernel, SERVER[family], mode, protocol=protocol, **options)
        packets = [wire.parse(data) for data in frames(tap, 0)]
    probes = [packet for packet in packets if packet.destination == SERVER[family] and is_probe(packet, protocol)]
    return table, probes


def is_probe(packet: wire.IPv4 | wire.IPv6, protocol: str) -> bool:
    carried = packet.protocol if isinstance(packet, wire.IPv4) else packet.next_header
    if carried != NUMBER[4 if isinstance(packet, wire.IPv4) else 6][protocol]:
        return False
    return protocol != "tcp" or getattr(wire.transport(packet), "flags", 0) == wire.TCP.SYN


# ── flows ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_paris_probes_look_alike_to_a_balancer(
    kernel: KernelNet, family: Family, protocol: ProtocolName, mode: str
) -> None:
    """Balancers hash the first four bytes behind the IP header, and of IPv6 the flow label."""
    table, probes = traced(kernel, family, protocol, mode)
    assert len(probes) == len(table) >= 3 * ROUTERS
    assert len({packet.payload[:4] for packet in probes}) == 1
    assert len({getattr(packet, "flow_label", 0) for packet in probes}) == 1
    assert set(table["flow"]) == {1}
    assert Counter(map(ttl_of, probes)) == Counter(table["ttl"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_classic_probes_are_flows_of_their_own(
    kernel: KernelNet, family: Family, protocol: ProtocolName, mode: str
) -> None:
    table, probes = traced(kernel, family, protocol, mode, flow="classic")
    assert len({packet.payload[:4] for packet in probes}) == len(probes) == len(table)
    assert table["flow"].is_unique
    assert path_of(table.to_dict("records")) == straight(family)
    assert not table["flags"].str.contains("one-at-a-time").any()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_table_holds_the_packets_as_they_left(kernel: KernelNet, family: Family, protocol: ProtocolName) -> None:
    """With raw sockets to the last byte."""
    table, probes = traced(kernel, family, protocol, "raw", tos=0x48, attempts=1)
    assert table["request"].tolist() == [packet.to_bytes() for packet in probes]


# ── quotes and clocks ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_raw_sockets_show_ttl_and_tos_as_the_routers_saw_them(
    kernel: KernelNet, family: Family, protocol: ProtocolName
) -> None:
    table = trace(kernel, SERVER[family], "raw", protocol=protocol, tos=0x48, attempts=1)
    routers = table[table["outcome"] == "time-exceeded"]
    assert set(routers["quoted_ttl"]) == {1}
    assert set(routers["quoted_tos"]) == {0x48}
    assert not table["flags"].str.contains("no-quote|quote-differs").any()
    assert routers["return_hops"].tolist() == routers["ttl"].tolist()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_without_privilege_nothing_is_claimed_about_quotes(
    kernel: KernelNet, family: Family, protocol: ProtocolName
) -> None:
    table = trace(kernel, SERVER[family], "unprivileged", protocol=protocol, attempts=1)
    routers = table[table["outcome"] == "time-exceeded"]
    assert routers["quoted_ttl"].isna().all() and routers["quoted_tos"].isna().all()
    assert routers["flags"].str.contains("no-quote").all()
    assert routers["return_hops"].tolist() == routers["ttl"].tolist(), "but the TTL of the answer is known"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernels_clock_is_used_where_there_is_one(
    kernel: KernelNet, family: Family, protocol: ProtocolName, mode: str
) -> None:
    """The kernel stamps no SYN of its own, so a connect has the process's clock, and says so."""
    table = trace(kernel, SERVER[family], mode, protocol=protocol)
    answered = table[table["responder"] != ""]
    if (protocol, mode) == ("tcp", "unprivileged"):
        assert set(answered["clock"]) == {"user"}
    else:
        # A stamp that comes more than 5 ms after its answer is not waited for: that is the machine's business.
        assert (answered["clock"] == "kernel").mean() > 0.8
    assert (answered["rtt_ms"] <= answered["rtt_user_ms"]).all()


# ── TCP: nothing is left behind, nothing is repeated ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_accepted_connection_is_reset_at_once(kernel: KernelNet, family: Family, mode: str) -> None:
    with kernel.socket("server", socket.AF_PACKET, socket.SOCK_DGRAM) as tap:
        tap.bind(("eth0", ALL_FRAMES))
        table = trace(kernel, SERVER[family], mode, protocol="tcp", port=80)
        seen: list[int] = []

        def resets_have_come() -> bool:
            for data in frames(tap, 0):
                packet = wire.parse(data)
                segment = wire.transport(packet)
                if packet.destination == SERVER[family] and isinstance(segment, wire.TCP):
                    seen.append(segment.flags)
            return sum(bool(flags & wire.TCP.RST) for flags in seen) >= accepted

        accepted = int((table["detail"] == "open (SYN-ACK)").sum())
        assert accepted >= 3
        assert soon(resets_have_come, 2)
    assert seen.count(wire.TCP.SYN) == accepted, "one SYN for every probe that got here"
    assert soon(lambda: not half_open(kernel, family), 2)


def half_open(kernel: KernelNet, family: Family) -> list[str]:
    text = kernel.run("server", ["cat", "/proc/net/tcp" + "6" * (family == 6)]).stdout
    return [line for line in text.splitlines()[1:] if line.split()[3] in (SYN_RECEIVED, ESTABLISHED)]


@pytest.mark.parametrize("mode", MODES)
def test_a_closed_port_ends_a_trace_too(kernel: KernelNet, mode: str) -> None:
    for family in FAMILIES:
        table = trace(kernel, SERVER[family], mode, protocol="tcp", port=81, attempts=1)
        assert path_of(table.to_dict("records")) == straight(family)
        assert table["detail"].tolist()[ROUTERS] == "closed (RST)"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_connect_ends_before_the_kernel_repeats_its_syn(kernel: KernelNet, family: Family) -> None:
    """It would after 1 s. The probe is a star then, although its timeout is longer."""
    to = {4: "198.18.1.1", 6: "2001:db8:77::1"}[family]
    with PlayedPath(kernel, to, 6, silent=[2]) as path:
        table = trace(kernel, to, "unprivileged", protocol="tcp", attempts=1, max_ttl=3, timeout=2.0)
    probes = [ttl for what, ttl in path.story if what == "probe"]
    assert CONNECT_ENDS == PATIENCE, "the plan and the socket agree"
    assert len({wire.parse(probe).payload[:4] for probe in path.probes[:3]}) == 1, "one flow all the same"
    assert probes == [1, 2, 3, 255], "each TTL once, and the last-ditch check, because the destination was never asked"
    assert path_of(table.to_dict("records")) == {k: v for k, v in played(family).items() if k <= 3} | {2: {("", "")}}


# ── an open UDP port ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_open_udp_port_is_silent_and_the_last_ditch_finds_who_is_there(
    kernel: KernelNet, family: Family, mode: str
) -> None:
    with kernel.socket("server", {4: socket.AF_INET, 6: socket.AF_INET6}[family], socket.SOCK_DGRAM) as silent:
        silent.bind((of_server(81)[family], 33434))
        table = trace(
            kernel, of_server(81)[family], mode, protocol="udp", attempts=1, first_ttl=ROUTERS, timeout=0.3, gap_limit=2
        )
    rows = table.to_dict("records")
    assert path_of(rows) == {ROUTERS: straight(family)[ROUTERS], ROUTERS + 1: {("", "")}, ROUTERS + 2: {("", "")}} | {
        ttl: {("", "")} for ttl in table[table["ttl"].between(ROUTERS + 3, 254)]["ttl"]
    }
    last = rows[-1]
    assert (last["flags"].split(), last["ttl"], last["protocol"], last["responder"], last["outcome"]) == (
        sorted({"last-ditch"} | set(last["flags"].split())), 255, "icmp", of_server(81)[family], "reply",
    )  # fmt: skip


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_names_that_never_come_cost_their_limit_and_no_rtt(kernel: KernelNet) -> None:
    over = threading.Event()

    def never(address: str) -> str:
        over.wait(60)
        return ""

    network = kernel.network(raw=False)
    network._resolver = SimpleNamespace(resolve=network._resolver.resolve, reverse=never)
    try:
        began = time.monotonic()
        table = netlab.traceroute(SERVER[4], names=True, network=network)
        assert time.monotonic() - began < NAME_LIMIT + 2
    finally:
        over.set()
    assert set(table["responder_name"]) == {""}
    assert table["rtt_user_ms"].max() < NAME_LIMIT * 1000, "nobody was asked while probes were timed"


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_ping_sockets_icmp_says_both_ways_and_udp_and_tcp_need_neither(environment: None) -> None:
    with kernel_net(netlab.world(chain(routers=2)), ping_sockets=False) as closed:
        for family in FAMILIES:
            network = closed.network(raw=None)
            with pytest.raises(PermissionNeeded) as refused:
                netlab.traceroute(SERVER[family], network=network)
            text = str(refused.value)
            assert "raw sockets are refused" in text and "ping sockets are refused" in text
            assert "setcap" in text and "ping_group_range" in text
            assert list(network.packets()) == [], "nothing was sent"
            for protocol in ("udp", "tcp"):
                table = netlab.traceroute(SERVER[family], protocol, network=network)  # type: ignore[arg-type]
                assert path_of(table.to_dict("records")) == straight(family, routers=2)
        done = closed.run("laptop", [*COMMAND, SERVER[4]], privileged=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert "raw sockets are refused" in done.stderr and "ping sockets are refused" in done.stderr
        assert "Traceback" not in done.stderr
        done = closed.run("laptop", [*COMMAND, "-n", "-pudp", "-t1", SERVER[4]], privileged=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("privileged", [True, False], ids=["privileged", "unprivileged"])
def test_the_command_finds_the_path(kernel: KernelNet, protocol: ProtocolName, privileged: bool) -> None:
    """A process of its own, with or without capabilities, that picks its sockets itself."""
    for family in FAMILIES:
        done = kernel.run("laptop", [*COMMAND, "--json", f"-p{protocol}", SERVER[family]], privileged=privileged)
        assert (done.returncode, done.stderr) == (0, "")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert path_of(rows) == straight(family)
        unseen = any("no-quote" in row["flags"].split() for row in rows)
        assert unseen is not privileged


def test_an_ordinary_user_traces_over_real_routers() -> None:
    """Really another user id, where root runs the tests; its Python has neither pandas nor pytest."""
    said = run_as("nobody" if IS_ROOT else "me", "../network/trace_user.py")
    found = dict(re.findall(r"^(\w+ \d) (.+)$", said, re.MULTILINE))
    assert found == {
        f"{protocol} {family}": str(list(straight(family))) for protocol in PROTOCOLS for family in FAMILIES
    }
