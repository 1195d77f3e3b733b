"""Traceroute in the lab: the path that the virtual internet shows, by netlab and by the real traceroute and mtr.

Everything is run with raw sockets, without them, and as an ordinary user (``nobody``, where root runs the tests).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import netlab
from netlab.internet.model import World
from netlab.network.base import Family, ProtocolName
from netlab.network.lab import LabNetwork
from netlab.network.worlds import load
from tests.lab.test_lab_command import Terminal
from tests.network.trace_bench import path_of
from tests.support.lab import IS_ROOT, environment, need_lab, python_of
from tests.support.tools import need

pytestmark = pytest.mark.lab

FAMILIES: tuple[Family, ...] = (4, 6)
PROTOCOLS: tuple[ProtocolName, ...] = ("icmp", "udp", "tcp")
MODES: dict[str, bool | None] = {"raw": None, "unprivileged": False}
DESTINATIONS = {"line": "server", "campus": "www"}
TEXT: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 30}
LATE = 10.0
"""ms that an answer in the lab may need besides its delays; 0.2 on an idle machine."""


def reliable(name: str) -> World:
    """A world that loses nothing and limits nobody, so that one trace is like another."""
    world = load(name)
    links = [
        replace(each, forward=replace(each.forward, loss=0.0), backward=replace(each.backward, loss=0.0))
        for each in world.links
    ]
    return replace(world, links=links, nodes={key: replace(node, icmp=None) for key, node in world.nodes.items()})


@pytest.fixture(scope="module", params=DESTINATIONS)
def network(request: pytest.FixtureRequest) -> Iterator[LabNetwork]:
    need_lab()
    with LabNetwork(reliable(request.param)) as running:
        yield running


def rows_of(table: Any) -> list[dict[Any, Any]]:
    return table.to_dict("records")  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_lab_shows_the_path_of_the_virtual_internet(
    network: LabNetwork, family: Family, protocol: ProtocolName, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_raw", MODES[mode])
    to = DESTINATIONS[network.world.name]
    truth = netlab.traceroute(to, protocol, family=family, attempts=2, network=network.world)
    exact = truth.groupby("ttl")["rtt_ms"].min()
    tables = []
    for _ in range(5):  # other work may hold an answer up, but not each time
        table = netlab.traceroute(to, protocol, family=family, attempts=2, network=network)
        assert path_of(rows_of(table)) == path_of(rows_of(truth))
        assert set(table["network"]) == {f"lab:{network.world.name}"}
        tables.append(table)
        late = (pd.concat(tables).groupby("ttl")["rtt_ms"].min() - exact).dropna()
        if late.max() < LATE:
            break
    assert late.min() > -0.5 and late.max() < LATE


@pytest.mark.parametrize("family", FAMILIES)
def test_real_traceroutes_in_the_lab_see_it_too(network: LabNetwork, family: Family) -> None:
    traceroute = need("traceroute", "traceroute")
    to = DESTINATIONS[network.world.name]
    address = network.resolve(to, family)[0]
    hops = path_of(rows_of(netlab.traceroute(to, family=family, network=network)))
    for option in ("-I", "-U", "-T"):
        done = network.run(network.vantage, [traceroute, "-n", option, "-q1", "-w2", address], **TEXT)
        theirs = re.findall(r"^ *(\d+)  ([0-9a-f.:]+)  [\d.]+ ms$", done.stdout, re.MULTILINE)
        assert {int(ttl): {(who, "")} for ttl, who in theirs} == hops, done.stdout


def test_mtr_in_the_lab_sees_it_too(network: LabNetwork) -> None:
    mtr = need("mtr", "mtr-tiny")
    to = DESTINATIONS[network.world.name]
    # Without -i: mtr lets only root send faster than once a second.
    argv = [mtr, "-4", "-n", "-r", "-c1", "-G", "0.5", "--json", network.resolve(to, 4)[0]]
    done = network.run(network.vantage, argv, **TEXT)
    theirs = {int(hub["count"]): {(hub["host"], "")} for hub in json.loads(done.stdout)["report"]["hubs"]}
    assert path_of(rows_of(netlab.traceroute(to, family=4, network=network))) == theirs


def test_what_a_router_of_the_engine_quotes() -> None:
    """8 bytes: without privilege one at a time. A router that clears the TOS shows in what those behind it quote."""
    need_lab()
    world = load("line")
    nodes = {**world.nodes, "r1": replace(world.nodes["r1"], tos=0), "r2": replace(world.nodes["r2"], quotes=8)}
    with LabNetwork(replace(world, nodes=nodes)) as network:
        table = netlab.traceroute("server", "udp", network=network, tos=0x48)
        assert table[table["ttl"] <= 4].groupby("ttl")["quoted_tos"].first().tolist() == [0x48, 0, 0, 0]
        network._raw = False
        short = netlab.traceroute("server", "udp", network=network, timeout=0.5, attempts=2)
    decided = short[short["outcome"] != "pending"]
    assert path_of(rows_of(decided)) == path_of(rows_of(table))
    later = decided["sequence"] > short[short["outcome"] == "pending"]["sequence"].max()
    assert decided[later]["flags"].str.contains("one-at-a-time").all() and later.any()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_ordinary_user_traces_in_the_lab(protocol: ProtocolName) -> None:
    """The command, run by somebody who is not root and has a Python without pandas."""
    need_lab()
    command = [*python_of("nobody" if IS_ROOT else "me"), "-m", "netlab", "traceroute", "--network", "lab:line"]
    done = subprocess.run([*command, "--json", f"-p{protocol}", "server"], cwd="/", env=environment(), **TEXT)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    truth = netlab.traceroute("server", protocol, network="line")
    assert path_of(rows) == path_of(rows_of(truth))
    assert {row["network"] for row in rows} == {"lab:line"}


SILENT = """
name = "silent"
vantage = "alice"
[node]
alice = { kind = "host", address = ["192.0.2.1/24"] }
left = { address = ["192.0.2.254/24", "203.0.113.254/24"] }
bob = { kind = "host", address = ["203.0.113.1/24"], answers_echo = false }
[[link]]
ends = ["alice", "left"]
delay_ms = 1
[[link]]
ends = ["left", "bob"]
delay_ms = 1
"""


@pytest.mark.parametrize(("name", "key"), [("CTRL+C", "\x03"), ("CTRL+Z", "\x1a")])
def test_both_keys_end_it_on_a_terminal(name: str, key: str, tmp_path: Path) -> None:
    """As typed into a shell, which sees an ordinary end, and no job that was stopped."""
    need_lab()
    path = tmp_path / "silent.toml"
    path.write_text(SILENT)
    terminal = Terminal()
    try:
        terminal.expect("[0]$ ")
        terminal.type(f"{sys.executable} -m netlab traceroute --network lab:{path} -n -t60 203.0.113.1\n")
        terminal.expect(" 1  192.0.2.254  ", 20)
        terminal.type(key)
        terminal.expect(" packets sent, 0 lost, 1", 5)
        terminal.expect(" pending", 5)
        terminal.expect("[1]$ ", 5)
        terminal.type("jobs; echo nothing$((40 + 2))\n")
        terminal.expect("nothing42", 5)
        assert "Stopped" not in terminal.said
    finally:
        terminal.close()
