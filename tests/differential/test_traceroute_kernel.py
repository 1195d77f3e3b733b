"""netlab's traceroute against traceroute, tracepath and mtr, on 12 real kernel routers, over IPv4 and IPv6.

netlab traces as a function, with raw sockets and without privilege. What one program reports the others must report:
the routers, who ended the trace, and the mark behind its time. Every unreachable code that there is comes from a
firewall in the last router, so the marks are compared one by one.

The one known difference: two IPv6 codes that say more exactly what "administratively prohibited" says have its mark
here, and only a number there (`OTHER_MARKS`). Times are printed (``pytest -s``) and compared only so far as no busy
machine can break it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

import netlab
from netlab.network.base import Family, ProtocolName
from tests.network.test_icmp_messages_kernel import reject
from tests.network.trace_bench import ROUTERS, SERVER, Path, chain, of_server, on_laptop, path_of, router, straight
from tests.support.kernelnet import KernelNet, Running, kernel_net
from tests.support.tools import missing, need

if TYPE_CHECKING:
    from pandas import DataFrame

pytestmark = pytest.mark.network

FAMILIES: tuple[Family, ...] = (4, 6)
PROTOCOLS: tuple[ProtocolName, ...] = ("icmp", "udp", "tcp")
MODES = {"raw": True, "unprivileged": False}
THEIRS = {"icmp": "-I", "udp": "-U", "tcp": "-T"}
CODES = {4: [code for code in range(16) if code != 4], 6: list(range(7))}
"""Of "destination unreachable". Code 4 is the router's that finds a packet too long, and has a test of its own."""
FIRST_CODE, FIRST_TOO_LONG = 100, 130
"""Numbers of the server's addresses that the last router rejects, code by code, and of those that are only reached by
short packets: one for each program, because kernels remember the path MTU of a destination."""
SMALL_MTU = 1300
OTHER_MARKS = {(6, 5): ("!<5>", "!X"), (6, 6): ("!<6>", "!X")}
"""By IP version and code, where the two differ: traceroute's mark, ours."""
SLOWER = 20.0
"""ms that a median may differ by: kernels need 0.05, and a busy machine some."""


@dataclass
class Place:
    kernel: KernelNet
    mtr: dict[Family, Running]
    """Started early, because it takes seconds."""
    lacks: str = ""
    """Why there is no firewall."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    mtr = need("mtr", "mtr-tiny")
    codes = [FIRST_CODE + code for code in CODES[4]]
    too_long = [FIRST_TOO_LONG + number for number in range(2 * (1 + len(MODES)))]
    with kernel_net(netlab.world(chain([*codes, *too_long], last_mtu=SMALL_MTU))) as kernel:
        found = Place(kernel, {})
        for family in FAMILIES:
            found.mtr[family] = kernel.start("laptop", [mtr, "-n", "-r", "-c1", "--json", SERVER[family]])
            try:
                rules: list[tuple[str, int | None]] = [(of_server(FIRST_CODE + n)[family], n) for n in CODES[family]]
                reject(kernel, f"r{ROUTERS}", family, rules)
            except OSError as refused:
                found.lacks = f"needs a kernel with nf_tables and its reject rules: {refused}"
        yield found


# ── what the programs say ────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Report:
    """Equal when the paths are equal."""

    path: Path
    times: dict[int, list[float]] = field(default_factory=dict, compare=False)


TOKEN = re.compile(r"([\d.]+) ms|(!\S*)|(\*)|([0-9a-f:.]{3,})")


def traceroute(place: Place, *argv: str) -> Report:
    """The real one, from its text."""
    text = on_laptop(place.kernel, need("traceroute", "traceroute"), "-n", "-w2", *argv)
    report = Report({})
    for line in text.splitlines()[1:]:
        number, _, rest = line.strip().partition(" ")
        answers, responder = [], ""
        for time, mark, star, address in TOKEN.findall(rest):
            if address:
                responder = address
            elif mark:
                answers[-1] = (responder, mark)
            elif star:
                answers.append(("", ""))
            else:
                answers.append((responder, ""))
                report.times.setdefault(int(number), []).append(float(time))
        report.path[int(number)] = set(answers)
    return report


def ours(table: DataFrame) -> Report:
    rows: list[dict[Any, Any]] = table.to_dict("records")
    report = Report(path_of(rows))
    for row in rows:
        if row["responder"]:
            report.times.setdefault(row["ttl"], []).append(row["rtt_ms"])
    return report


def trace(place: Place, to: str, mode: str, **options: Any) -> DataFrame:
    return netlab.traceroute(to, network=place.kernel.network(raw=MODES[mode]), **options)


# ── the same path ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_traceroute_and_netlab_find_the_same_routers(
    place: Place, family: Family, protocol: ProtocolName, mode: str
) -> None:
    theirs = traceroute(place, THEIRS[protocol], SERVER[family])
    table = trace(place, SERVER[family], mode, protocol=protocol)
    mine = ours(table)
    assert mine == theirs
    assert mine.path == straight(family)
    assert set(table["outcome"]) <= {"time-exceeded", "reply" if protocol != "udp" else "unreachable"}
    assert table["duplicates"].sum() == 0
    figures = {ttl: (median(theirs.times[ttl]), median(mine.times[ttl])) for ttl in theirs.path}
    print(
        f"IPv{family} {protocol} {mode}:", *(f"{a:.3f}/{b:.3f}" for a, b in figures.values()), "ms (traceroute/netlab)"
    )
    for a, b in figures.values():
        assert 0 < b < a + SLOWER


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
def test_classic_traceroutes_find_them_too(place: Place, family: Family, mode: str) -> None:
    theirs = traceroute(place, SERVER[family])
    assert ours(trace(place, SERVER[family], mode, protocol="udp", flow="classic")) == theirs
    assert theirs.path == straight(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_tracepath_and_netlab_find_the_same_routers(place: Place, family: Family) -> None:
    text = on_laptop(place.kernel, need("tracepath", "iputils-tracepath"), "-n", SERVER[family])
    theirs: Path = {}
    for number, address in re.findall(r"^ ?(\d+): +([0-9a-f:.]+) +[\d.]+ms(?! pmtu)", text, re.MULTILINE):
        theirs.setdefault(int(number), set()).add((address, ""))
    table = trace(place, SERVER[family], "unprivileged", protocol="udp", attempts=1)
    assert path_of(table.to_dict("records")) == theirs
    back = int(re.findall(r"hops \d+ back (\d+)", text)[0])
    assert back == table[table["ttl"] == ROUTERS + 1]["return_hops"].tolist()[0] == ROUTERS + 1


# ── the same marks ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_unreachable_code_has_the_mark_of_traceroute(
    place: Place, family: Family, protocol: ProtocolName, mode: str
) -> None:
    if place.lacks:
        missing(place.lacks)
    for code in CODES[family]:
        to = of_server(FIRST_CODE + code)[family]
        near_the_end = {"first_ttl": ROUTERS, "attempts": 1, "protocol": protocol}
        mine = ours(trace(place, to, mode, **near_the_end)).path
        theirs = traceroute(place, THEIRS[protocol], "-q1", f"-f{ROUTERS}", to).path
        last = router(ROUTERS)[family]
        (told,) = theirs[ROUTERS + 1]
        assert told[0] == last
        their_mark, our_mark = OTHER_MARKS.get((family, code), (told[1], told[1]))
        assert told[1] == their_mark
        assert mine == {ROUTERS: {(last, "")}, ROUTERS + 1: {(last, our_mark)}}, f"code {code}"


@pytest.mark.parametrize("protocol", ["icmp", "udp"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_probe_that_is_too_long_is_marked_with_the_limit(
    place: Place, family: Family, protocol: ProtocolName
) -> None:
    first = FIRST_TOO_LONG + (1 + len(MODES)) * (protocol == "udp")
    theirs = traceroute(place, THEIRS[protocol], "-F", "-q1", of_server(first)[family], "1400")
    for number, mode in enumerate(MODES, start=1):
        to = of_server(first + number)[family]
        table = trace(place, to, mode, protocol=protocol, attempts=1, size=1352, dont_fragment=True, window=1)
        assert ours(table) == theirs
        assert table["mtu"].dropna().tolist() == [SMALL_MTU]
    assert theirs.path[ROUTERS + 1] == {(router(ROUTERS)[family], f"!F-{SMALL_MTU}")}


# ── and mtr, which has had its time by now ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", FAMILIES)
def test_mtr_and_netlab_find_the_same_routers(place: Place, family: Family) -> None:
    done = place.mtr[family].finish(60)
    theirs = {int(hub["count"]): {(hub["host"], "")} for hub in json.loads(done.stdout)["report"]["hubs"]}
    assert ours(trace(place, SERVER[family], "raw", attempts=1)).path == theirs
