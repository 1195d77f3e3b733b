"""netlab's ping against iputils' on the same network: what one reports, the other reports.

Two networks of one world: real kernels wired like it (`KernelNet`), and the lab, where the engine plays the routers.
netlab pings as a function, with raw sockets and without privilege, and as the command, whose text is read by the very
expressions that read iputils'.

Known differences, each in a test or a table here: an ICMP error is an answer in netlab's table ("received"), to both
commands it is a loss ("+1 errors"); the words for ICMP errors; iputils ends with 1 for arguments that cannot be,
netlab with 2. Times are printed (``pytest -s``), and compared only so far as no busy machine can break it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest

import netlab
from netlab import cli
from netlab.network.base import Family, Network
from netlab.network.lab import LabNetwork
from tests.network.test_icmp_messages_kernel import be_quick, reject
from tests.support.kernelnet import kernel_net
from tests.support.lab import need_lab
from tests.support.tools import missing, need

if TYPE_CHECKING:
    from pandas import DataFrame

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]

ROUTERS = ({4: "192.0.2.1", 6: "2001:db8:1::1"}, {4: "198.51.100.2", 6: "2001:db8:12::2"})
"""Where they face the laptop."""


def near_server(number: int) -> dict[int, str]:
    """An address of the server's network."""
    return {4: f"203.0.113.{number}", 6: f"2001:db8:3::{number}"}


SERVER, NOBODY, BLACKHOLE, UNREACHABLE = (near_server(number) for number in (80, 77, 66, 67))
ELSEWHERE = {4: "198.18.9.9", 6: "2001:db8:999::9"}
"""On no network of the world."""
REJECTED = {
    "net-prohibited": (near_server(111), {4: 9, 6: 1}),
    "host-prohibited": (near_server(112), {4: 10, 6: 1}),
    "administratively-prohibited": (near_server(113), {4: 13, 6: 1}),
    "port-unreachable": (near_server(114), {4: 3, 6: 4}),
}
"""Addresses of the server that the firewall of r2 rejects, and the codes of "destination unreachable"."""
FAMILIES: tuple[Family, ...] = (4, 6)
COMMAND = [sys.executable, "-m", "netlab", "ping"]
TOOLS = ("iputils", "raw", "unprivileged", "lab", "command")
TOO_LONG = {tool: near_server(121 + number) for number, tool in enumerate(TOOLS)}
"""Addresses of the server, one for each tool, because kernels remember the path MTU of a destination."""
SMALL_MTU = 1300

FRAGMENTS = {"iputils": near_server(131), "command": near_server(132)}
OTHERS = [*(to for to, _ in REJECTED.values()), *TOO_LONG.values(), *FRAGMENTS.values()]
WORLD = {
    "name": "pings",
    "vantage": "laptop",
    "node": {
        "laptop": {"kind": "host", "address": ["192.0.2.10/24", "2001:db8:1::10/64"]},
        "r1": {"address": ["192.0.2.1/24", "198.51.100.1/30", "2001:db8:1::1/64", "2001:db8:12::1/64"]},
        "r2": {
            "address": ["198.51.100.2/30", "203.0.113.1/24", "2001:db8:12::2/64", "2001:db8:3::1/64"],
            "routes": [
                {"to": f"{to[family]}/{length}", "via": via}
                for to, via in ((BLACKHOLE, "blackhole"), (UNREACHABLE, "unreachable"))
                for family, length in ((4, 32), (6, 128))
            ],
            "firewall": [
                {"action": "reject", "destination": f"{to[family]}/{length}", "reject_with": how}
                for how, (to, _) in REJECTED.items()
                for family, length in ((4, 32), (6, 128))
            ],
        },
        "server": {
            "kind": "host",
            "address": [f"{to[family]}/{length}" for to in (SERVER, *OTHERS) for family, length in ((4, 24), (6, 64))],
        },
    },
    "link": [
        {"ends": ["laptop", "r1"], "delay_ms": 1},
        {"ends": ["r1", "r2"], "delay_ms": 2},
        {"ends": ["r2", "server"], "delay_ms": 3, "mtu": SMALL_MTU},
    ],
}
ROUND_TRIP = {"kernel": 0.0, "lab": 12.0}
"""ms: the kernels' links take no time."""


@dataclass
class Place:
    """A network to ping on."""

    run: Callable[[list[str]], CompletedProcess[str]]
    """A command on the laptop."""
    networks: dict[str, Network]
    """For `netlab.ping`."""
    lacks: str = ""
    """Why there is no firewall."""


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
        patch.setenv("LC_ALL", "C")
        yield


@pytest.fixture(scope="module")
def kernel(environment: None) -> Iterator[Place]:
    need("ping", "iputils-ping")
    with kernel_net(netlab.world(WORLD)) as net:
        networks: dict[str, Network] = {"raw": net.network(raw=True), "unprivileged": net.network(raw=False)}
        place = Place(lambda argv: net.run("laptop", argv), networks)
        be_quick(net, "r2", "eth1")
        for family in (4, 6):
            try:
                reject(net, "r2", family, [(to[family], codes[family]) for to, codes in REJECTED.values()])
            except OSError as refused:
                place.lacks = f"needs a kernel with nf_tables and its reject rules: {refused}"
        net.route("laptop", "198.18.77.0/24", "unreachable")
        yield place


@pytest.fixture(scope="module")
def lab(environment: None) -> Iterator[Place]:
    need("ping", "iputils-ping")
    need_lab()
    with LabNetwork(WORLD) as network:
        yield Place(runner(network), {"lab": network})


def runner(network: LabNetwork) -> Callable[[list[str]], CompletedProcess[str]]:
    return lambda argv: network.run("laptop", argv, capture_output=True, text=True, timeout=30)


# ── what a tool reports ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Report:
    """Equal when sent, replies, errors and silence are equal."""

    sent: int
    replies: list[tuple[int, str, int]] = field(default_factory=list)
    """Number, who, TTL."""
    errors: list[tuple[int, str, tuple[int, int], int | None]] = field(default_factory=list)
    """Number, who, type and code, MTU."""
    status: int | None = field(default=None, compare=False)
    times: list[float] = field(default_factory=list, compare=False)

    @property
    def silent(self) -> int:
        return self.sent - len(self.replies) - len(self.errors)


REPLY = re.compile(r"^\d+ bytes from (?:\S+ \()?([\w.:]+?)\)?: icmp_seq=(\d+) ttl=(\d+) time=([\d.]+) ms$", re.M)
ERROR = re.compile(r"^From (?:\S+ \()?([\w.:]+?)\)?:? icmp_seq=(\d+) (.+?)(?: time=[\d.]+ ms)?$", re.M)
STATISTICS = re.compile(
    r"^(\d+) packets transmitted, (\d+) received(?:, \+(\d+) errors)?(?:, (\d+) lost)?"
    r", ([\d.]+)% packet loss, time \d+ms$",
    re.M,
)
TIMES = re.compile(r"^rtt min/avg/max/mdev = ([\d.]+)/([\d.]+)/([\d.]+)/([\d.]+) ms(?:, pipe \d+)?$", re.M)
"""iputils' lines and netlab's."""

WORDS: dict[int, dict[str, dict[tuple[int, int], str]]] = {
    4: {
        "iputils": {
            (3, 0): "Destination Net Unreachable",
            (3, 1): "Destination Host Unreachable",
            (3, 3): "Destination Port Unreachable",
            (3, 4): f"Frag needed and DF set (mtu = {SMALL_MTU})",
            (3, 9): "Destination Net Prohibited",
            (3, 10): "Destination Host Prohibited",
            (3, 13): "Packet filtered",
            (11, 0): "Time to live exceeded",
        },
        "command": {
            (3, 0): "Network unreachable",
            (3, 1): "Host unreachable",
            (3, 3): "Port unreachable",
            (3, 4): f"Fragmentation needed, mtu={SMALL_MTU}",
            (3, 9): "Network prohibited",
            (3, 10): "Host prohibited",
            (3, 13): "Administratively prohibited",
            (11, 0): "TTL exceeded",
        },
    },
    6: {
        "iputils": {
            (1, 0): "Destination unreachable: No route",
            (1, 1): "Destination unreachable: Administratively prohibited",
            (1, 3): "Destination unreachable: Address unreachable",
            (1, 4): "Destination unreachable: Port unreachable",
            (2, 0): f"Packet too big: mtu={SMALL_MTU}",
            (3, 0): "Time exceeded: Hop limit",
        },
        "command": {
            (1, 0): "No route",
            (1, 1): "Administratively prohibited",
            (1, 3): "Address unreachable",
            (1, 4): "Port unreachable",
            (2, 0): f"Packet too big, mtu={SMALL_MTU}",
            (3, 0): "Hop limit exceeded",
        },
    },
}
"""What they call ICMP errors."""


def read(done: CompletedProcess[str], tool: str, family: int) -> Report:
    """What a command's text says."""
    counts = STATISTICS.search(done.stdout)
    assert counts, f"{done.args}: no statistics in\n{done.stdout}\n{done.stderr}"
    sent, received, errors, lost, percent = (float(each or 0) for each in counts.groups())
    numbers = {words: number for number, words in WORDS[family][tool].items()}
    report = Report(int(sent), status=done.returncode)
    for who, number, ttl, time in REPLY.findall(done.stdout):
        report.replies.append((int(number), who, int(ttl)))
        report.times.append(float(time))
    for who, number, words in ERROR.findall(done.stdout):
        mtu = SMALL_MTU if "mtu" in words else None
        report.errors.append((int(number), who, numbers[words], mtu))
    assert (received, errors) == (len(report.replies), len(report.errors))
    assert percent == pytest.approx(100 * (1 - received / sent), abs=0.01)
    if tool == "command":
        assert lost == report.silent
    assert bool(TIMES.search(done.stdout)) == bool(received)
    return report


# ── what is tried ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Scenario:
    to: dict[int, str] | None
    """None: an address of `TOO_LONG`."""
    answer: dict[int, tuple[int, int]] | None = None
    """Type and code of the error by IP version; None: replies, or silence."""
    status: int = 1
    count: int = 2
    ttl: int = 64
    size: int = 56
    dont_fragment: bool = False
    interval: float = 0.02
    timeout: float = 2.0
    command: tuple[str, ...] = ()
    """Where the command is tried too: it takes a third of a second to start."""


SCENARIOS = {
    "replies": Scenario(SERVER, status=0, count=3, command=("kernel", "lab")),
    "replies to short packets": Scenario(SERVER, status=0, size=16),
    "replies to long packets": Scenario(SERVER, status=0, size=1200),
    "TTL 1": Scenario(SERVER, {4: (11, 0), 6: (3, 0)}, ttl=1),
    "TTL 2": Scenario(SERVER, {4: (11, 0), 6: (3, 0)}, ttl=2, command=("kernel",)),
    "TTL 3": Scenario(SERVER, status=0, ttl=3),
    "silence": Scenario(BLACKHOLE, timeout=0.1, command=("kernel",)),
    # One packet each: Linux sends 5 of these at once, and then one per second, whatever it is told.
    "network unreachable": Scenario(ELSEWHERE, {4: (3, 0), 6: (1, 0)}, count=1, command=("lab",)),
    "unreachable route": Scenario(UNREACHABLE, {4: (3, 1), 6: (1, 0)}, count=1),
    "host unreachable": Scenario(NOBODY, {4: (3, 1), 6: (1, 3)}, count=1),
    "port unreachable": Scenario(REJECTED["port-unreachable"][0], {4: (3, 3), 6: (1, 4)}, command=("kernel",)),
    "filtered": Scenario(REJECTED["administratively-prohibited"][0], {4: (3, 13), 6: (1, 1)}),
    "network prohibited": Scenario(REJECTED["net-prohibited"][0], {4: (3, 9), 6: (1, 1)}),
    "host prohibited": Scenario(REJECTED["host-prohibited"][0], {4: (3, 10), 6: (1, 1)}),
    "too long": Scenario(
        None, {4: (3, 4), 6: (2, 0)}, count=1, size=1400, dont_fragment=True, command=("kernel", "lab")
    ),
}

PLACES = [pytest.param("kernel"), pytest.param("lab", marks=pytest.mark.lab)]
NOT_IN_THE_LAB = ("replies to short packets", "unreachable route", "network prohibited", "host prohibited")
"""Left out to save time, and where the engine says what iputils has no words for (an unreachable IPv6 route)."""


@pytest.mark.parametrize(
    ("where", "name", "family"),
    [
        pytest.param(*where.values, name, family, marks=where.marks)
        for where in PLACES
        for name in SCENARIOS
        if where.values == ("kernel",) or name not in NOT_IN_THE_LAB
        for family in (4, 6)
    ],
)
def test_both_report_the_same(where: str, name: str, family: int, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(where)
    what = SCENARIOS[name]
    if place.lacks and any(what.to is to for to, _ in REJECTED.values()):
        missing(place.lacks)
    theirs = iputils(place, what, family)
    ours = {tool: function(place, tool, what, family) for tool in place.networks}
    if where in what.command:
        ours["command"] = command(place, what, family)
        assert ours["command"].status == what.status
    assert ours == dict.fromkeys(ours, theirs)

    assert theirs.status == what.status
    assert theirs.sent == what.count
    assert len(theirs.replies) == (0 if what.status else what.count)
    assert [number for _, _, number, _ in theirs.errors] == ([what.answer[family]] * what.count if what.answer else [])
    if what.answer and what.ttl <= len(ROUTERS):
        assert {who for _, who, _, _ in theirs.errors} == {ROUTERS[what.ttl - 1][family]}
    if theirs.times:
        medians = {tool: median(report.times) for tool, report in {"iputils": theirs, **ours}.items()}
        print(f"{where}, IPv{family}, {name}:", *(f"{tool} {value:.3f} ms" for tool, value in medians.items()))
        assert ROUND_TRIP[where] - 0.1 < min(medians.values()) <= max(medians.values()) < ROUND_TRIP[where] + 1000


def iputils(place: Place, what: Scenario, family: int) -> Report:
    to = (what.to or TOO_LONG["iputils"])[family]
    argv = [f"-c{what.count}", f"-i{what.interval}", f"-W{what.timeout}", f"-t{what.ttl}", f"-s{what.size}"]
    whole = ["-M", "do"] if what.dont_fragment else []
    return read(place.run(["ping", "-n", *argv, *whole, to]), "iputils", family)


def command(place: Place, what: Scenario, family: int) -> Report:
    to = (what.to or TOO_LONG["command"])[family]
    argv = [f"-c{what.count}", f"-i{what.interval}", f"-t{what.timeout}", f"--ttl={what.ttl}", f"-s{what.size}"]
    whole = ["-D"] if what.dont_fragment else []
    return read(place.run([*COMMAND, *argv, *whole, to]), "command", family)


def function(place: Place, name: str, what: Scenario, family: int) -> Report:
    to = (what.to or TOO_LONG[name])[family]
    return tell(
        netlab.ping(
            to, what.count, what.interval, what.timeout, ttl=what.ttl, size=what.size, dont_fragment=what.dont_fragment,
            network=place.networks[name],
        )
    )  # fmt: skip


def tell(table: DataFrame) -> Report:
    """What a table says."""
    report = Report(len(table))
    mtus = [None if missing else int(mtu) for mtu, missing in zip(table["mtu"], table["mtu"].isna())]
    for row, mtu in zip(table.to_dict("records"), mtus):
        if row["outcome"] == "reply":
            report.replies.append((row["attempt"], row["responder"], row["reply_ttl"]))
            report.times.append(row["rtt_ms"])
        elif row["outcome"] != "timeout":
            report.errors.append((row["attempt"], row["responder"], (row["icmp_type"], row["icmp_code"]), mtu))
    return report


@pytest.mark.parametrize("where", PLACES)
def test_fragments(where: str, request: pytest.FixtureRequest) -> None:
    """Routers cut IPv4 packets. IPv6 hosts have to: the first packet tells them the MTU, the second arrives."""
    place: Place = request.getfixturevalue(where)
    for tool, ask in (("iputils", iputils), ("command", command)):
        for family in (4, 6):
            report = ask(place, Scenario(FRAGMENTS[tool], size=3000, interval=0.3), family)
            learnt = [(1, ROUTERS[1][family], (2, 0), SMALL_MTU)] if family == 6 else []
            assert report.errors == learnt
            assert [each[0] for each in report.replies] == ([2] if learnt else [1, 2])


# ── names, exit status ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.lab
def test_names_of_a_world_in_the_lab(environment: None) -> None:
    need("ping", "iputils-ping")
    need_lab()
    with LabNetwork("line") as network:
        for family in FAMILIES:
            for ttl in (1, 2, 3, 64):
                done = runner(network)(["ping", f"-{family}", "-c2", "-i0.02", f"-t{ttl}", "server"])
                theirs = read(done, "iputils", family)
                ours = netlab.ping("server", 2, 0.02, ttl=ttl, family=family, network=network)
                assert tell(ours) == theirs
                assert set(ours["responder_name"]) == set(re.findall(r"rom (\S+) \(", done.stdout))
            assert min(theirs.times) > 21.9


BAD = {
    "an unknown option": (["-Z", "192.0.2.1"], 2, 2),
    "an address of the other IP version": (["-6", "-c1", "192.0.2.1"], 2, 2),
    "no destination": (["-c1"], 1, 2),
    "a count of 0": (["-c0", "192.0.2.1"], 1, 2),
    "a count that is no number": (["-cx", "192.0.2.1"], 1, 2),
}
"""Arguments, and the exit status of iputils (20221126) and of netlab, which has one for all: it could not be done."""


@pytest.mark.parametrize("what", BAD)
def test_exit_status_for_arguments_that_cannot_be(what: str, kernel: Place, capsys: pytest.CaptureFixture[str]) -> None:
    argv, theirs, ours = BAD[what]
    assert kernel.run(["ping", *argv]).returncode == theirs
    try:
        status: Any = cli.main(["ping", *argv])
    except SystemExit as end:
        status = end.code
    assert status == ours
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    "argv", [["-I198.51.100.200", "192.0.2.1"], ["198.18.77.1"]], ids=["not our address", "no route"]
)
def test_exit_status_when_nothing_can_be_sent(argv: list[str], kernel: Place) -> None:
    for tool in (["ping"], COMMAND):
        done = kernel.run([*tool, "-c1", *argv])
        assert (done.returncode, bool(done.stdout), bool(done.stderr)) == (2, False, True)


def test_exit_status_when_the_deadline_comes_first(kernel: Place) -> None:
    """1 although there were replies: fewer than were asked for."""
    argv = ["-c1000", "-i0.2", "-w1", SERVER[4]]
    with ThreadPoolExecutor() as both:  # a second is long
        for done in both.map(kernel.run, (["ping", *argv], [*COMMAND, *argv])):
            assert done.returncode == 1
            assert 1 < int(STATISTICS.findall(done.stdout)[0][1]) < 10
