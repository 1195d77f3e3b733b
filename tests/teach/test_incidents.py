"""The mystery worlds of notebook 13: every cause can be found from the outside, with what a learner has.

`Detective` knows Monday's table and the tools of the workbook, and nothing of the plan. It divides as the hints say:
network, cache, web server. What it finds must be the cause, and its evidence must convince the check.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab.errors import UsageError
from netlab.teach import cases, incidents
from netlab.teach.board import DECIDES, SPEAKS_FOR
from netlab.teach.checkers import incident as checker

NAMES = ("Ada", "Bob Ng", "Clara")


class Detective:
    """Solves a case with pings, traces, fetches, logs and Monday's figures."""

    def __init__(self, case: cases.Incident) -> None:
        self.case, self.monday = case, case.monday["ms"]
        self.evidence: list[str] = []

    def solve(self) -> str:
        small = netlab.ping("www", count=400, interval=0.05)
        large = netlab.ping("www", count=20, interval=0.05, size=1472, dont_fragment=True)
        proxy = netlab.ping("proxy", count=20, interval=0.05)
        return self.network(small, large, proxy) or self.caching() or self.server(large)

    def name(self, cause: str, *tables: Any) -> str:
        self.evidence = [self.case.board.add(table) for table in tables]
        return cause

    def network(self, small: Any, large: Any, proxy: Any) -> str:
        fastest, usual = small["rtt_ms"].min(), self.monday["ping www, fastest"]
        if proxy["rtt_ms"].min() > self.monday["ping proxy, fastest"] + 15:
            return self.name("far proxy", proxy, netlab.traceroute("proxy"))
        if large["rtt_ms"].isna().all():
            return self.name("black hole", large, netlab.path_mtu("www"))
        if fastest > usual + 15:
            trace = netlab.traceroute("www")
            end = trace[trace["responder"] == trace["address"]].iloc[0]
            elsewhere = netlab.ping("www2", count=5)
            if elsewhere["rtt_ms"].min() < usual + 5:
                return self.name("far replica", small, trace)
            cause = "detour" if "New York" in set(trace["place"]) else ""
            cause = cause or ("way back" if end["return_hops"] != end["ttl"] else "")
            return self.name(cause, small, trace)
        if small["rtt_ms"].quantile(0.95) > fastest + 6:
            return self.name("congestion", small, netlab.monitor("www", rounds=60, interval=0.1))
        if (small["outcome"] == "timeout").sum() >= 4:
            return self.name("packet loss", small, netlab.monitor("www", rounds=300, interval=0.1))
        if large["rtt_ms"].min() > self.monday["ping www with 1472 bytes, fastest"] + 6:
            return self.name("narrow link", large, netlab.fetch("http://www/photo.jpg"))
        return ""

    def caching(self) -> str:
        visits = self.case.visits(4)
        log = self.case.cache.log
        words = Counter(log["cache"])
        if words["hit"] or (log["error"] != "").any():
            return ""
        if words["validated"]:
            return self.name("always asked", log, visits)
        return self.name("kept apart" if words["stored"] else "never kept", log, visits)

    def server(self, large: Any) -> str:
        alone = self.case.web.log  # of the visits
        photo = netlab.fetch("http://www/photo.jpg")
        phases = photo.set_index("phase")["duration_ms"]
        clients, queue = self.case.crowd()
        if queue["refused"].max():
            return self.name("short backlog", clients, queue)
        if queue["busy"].max() == 1:
            return self.name("one at a time", clients, queue)
        if phases["wait"] > phases["connect"] + 80:
            return self.name("slow origin", photo, alone)
        if phases["receive"] > 5 * self.monday["photo from the web server, receiving"]:
            return self.name("small window", photo, large)
        if not alone["reused"].fillna(False).any():
            return self.name("no keep-alive", alone, netlab.fetch_page("http://www/"))
        return ""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Open the case of a name with a cause of our choice instead of the one that it draws."""

    def choose(name: str, cause: str) -> cases.Incident:
        monkeypatch.setattr(cases, "cause_of", lambda _: cause)
        return netlab.teach.incident(name)

    yield choose
    case = cases.current()
    if case is not None:
        case.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cause", incidents.CAUSES)
def test_each_cause_is_found_from_the_outside(
    cause: str, name: str, opened: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    case = opened(name, cause)
    detective = Detective(case)
    assert detective.solve() == cause, case.reveal()
    assert netlab.check("13.5", (cause, detective.evidence), points=6) == 6.0, capsys.readouterr().out
    out = " ".join(capsys.readouterr().out.split())
    assert "Well proved" in out and detective.evidence[0] in out


@pytest.mark.parametrize("cause", incidents.CAUSES)
def test_somebody_has_reason_to_complain(cause: str, opened: Any) -> None:
    """Whatever the cause is, something that people do takes half as long again as on Monday, or longer."""
    case = opened("Ada", cause)
    monday = case.monday["ms"]
    pages = case.visits(2).groupby("visitor")["end_ms"].max()
    clients, _ = case.crowd()
    times = [
        (pages[1], monday["page through the proxy, first visitor"]),
        (pages[2], monday["page through the proxy, second visitor"]),
        (clients["latency_ms"].quantile(0.99), monday["crowd, 99 of 100 within"]),
    ]
    usual = monday["photo from the web server, receiving"] + 3 * monday["ping www, fastest"]
    photos = (netlab.fetch("http://www/photo.jpg")["end_ms"].max() for _ in range(100))  # losses come by chance
    assert max(tuesday / before for tuesday, before in times) > 1.4 or any(took > 1.4 * usual for took in photos), times


@pytest.mark.parametrize("name", NAMES)
def test_on_monday_nothing_is_found(name: str) -> None:
    """The detective cries wolf at nothing, and neither does the board."""
    case = cases.Incident(name, "")
    case.use()
    try:
        detective = Detective(case)
        assert detective.solve() == ""
        tables = [netlab.ping("www", count=200, interval=0.05), netlab.traceroute("www"), netlab.path_mtu("www")]
        tables += [netlab.fetch("http://www/photo.jpg"), netlab.fetch_page("http://www/"), case.visits(4)]
        tables += [case.cache.log, case.web.log, *case.crowd(), netlab.ping("www", count=20, size=1472)]
        for table in tables:
            reading = case.board.find(case.board.add(table))
            assert reading is not None and reading.findings <= {"large ones as on Monday"}, reading
    finally:
        case.close()


def test_names_draw_all_causes_and_about_equally_often() -> None:
    drawn = Counter(incidents.cause_of(f"student {number}") for number in range(1600))
    assert set(drawn) == set(incidents.CAUSES) and len(drawn) >= 12
    assert all(60 <= count <= 145 for count in drawn.values())
    assert incidents.cause_of("Ada") == incidents.cause_of("Ada")


def test_names_draw_different_worlds() -> None:
    def places(name: str) -> tuple[str, ...]:
        return tuple(node["place"] for node in incidents.plan(name, "").world["node"].values())

    assert len({places(f"student {number}") for number in range(50)}) > 40


@pytest.mark.parametrize("cause", incidents.CAUSES)
def test_exactly_one_thing_differs_from_monday(cause: str) -> None:
    """A cause is a change of the world or of the web server, never of both, and nothing else is thrown anew."""
    monday, tuesday = incidents.plan("Ada", ""), incidents.plan("Ada", cause)
    assert (monday.world != tuesday.world) + (monday.web != tuesday.web) == 1
    assert monday.seed == tuesday.seed and tuesday.place


def test_the_same_case_gives_the_same_tables() -> None:
    def measured() -> list[Any]:
        with_case = netlab.teach.incident("Ada")
        tables = [netlab.ping("www", count=5), with_case.visits(2), with_case.cache.log, *with_case.crowd()]
        with_case.close()
        return tables

    for first, second in zip(measured(), measured(), strict=True):
        assert first.equals(second)


def test_closing_a_case_gives_back_the_network_before() -> None:
    before = netlab.use("line")
    case = netlab.teach.incident("Ada")
    assert repr(case) == "<netlab incident of Ada: http://www/ is slow since Tuesday>"
    again = netlab.teach.incident("Bob")
    assert cases.current() is again and again.network.held and not case.network.held
    again.close()
    assert cases.current() is None
    case.close()  # a second time does nothing
    before_again = netlab.use("line")
    assert before.name == before_again.name


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_case_needs_a_name(name: Any) -> None:
    with pytest.raises(UsageError, match="such as your name"):
        netlab.teach.incident(name)


# --- the tables of the checks ------------------------------------------------------------------------------------


def test_every_cause_has_its_findings_and_its_words() -> None:
    assert set(SPEAKS_FOR) == set(checker.WOULD_SHOW) == set(incidents.CAUSES)
    assert all(DECIDES[cause] <= SPEAKS_FOR[cause] for cause in DECIDES)


# --- the report --------------------------------------------------------------------------------------------------


def test_the_report_is_a_page_and_a_capture(tmp_path: Path, opened: Any) -> None:
    case = opened("Ada", "way back")
    pings = netlab.ping("www", count=5)
    ids = [case.board.add(pings), case.board.add(netlab.traceroute("www"))]
    table = case.report(str(tmp_path), "way back", ids[:1], figures=[netlab.plot.rtt(pings)])
    assert table.index.tolist() == ["incident.html", "incident.pcapng"]
    page = (tmp_path / "incident.html").read_text(encoding="utf-8")
    assert "<strong>way back: answers take a long way back</strong>" in page
    assert page.count('<tr class="evidence">') == 1 and page.count("<figure") == 1 and "Ada" in page
    assert not re.search(r'(src|href)="(?!data:)', page), "nothing from outside"
    capture = (tmp_path / "incident.pcapng").read_bytes()
    assert capture[:4] == b"\x0a\x0d\x0d\x0a"
    assert f"{len(case.network.packets(node='laptop'))} packets" in table["holds"].iloc[1]


def test_a_report_may_be_open_and_must_be_possible(tmp_path: Path, opened: Any) -> None:
    case = opened("Ada", "detour")
    assert len(case.report(str(tmp_path))) == 2
    assert "<strong>open</strong>" in (tmp_path / "incident.html").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="must be one of"):
        case.report(str(tmp_path), "gremlins")
    with pytest.raises(UsageError, match="ids of the board"):
        case.report(str(tmp_path), "detour", ["E7"])
    with pytest.raises(UsageError, match="cannot be written"):
        case.report(str(tmp_path / "nowhere"))


# --- waiting -----------------------------------------------------------------------------------------------------


def test_time_passes_only_where_a_world_runs_on() -> None:
    site = netlab.teach.folder({"index.html": 10})
    with netlab.use("line") as network, netlab.WebServer(site, host="server", port=80):
        before = network.now()
        netlab.teach.wait(2.5)
        assert network.now() - before == 2_500_000_000
        with pytest.raises(UsageError):
            netlab.teach.wait(-1)
    netlab.use("line")
    with pytest.raises(UsageError, match="in which a server is open"):
        netlab.teach.wait(1)
