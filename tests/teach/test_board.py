"""The incident board: which tables it takes, what it writes down, and that it concludes from numbers alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import netlab
from netlab.errors import UsageError
from netlab.teach import cases
from netlab.teach.board import READINGS, Board
from netlab.teach.reading import Monday

MONDAY = Monday(
    small_ms={"server": 22.0, "www": 20.0, "proxy": 5.0}, large_ms={"server": 22.0},
    address={"server": "203.0.113.80"}, way={}, receive_ms=100.0, figures=(("ping server, fastest", 22.0),),
)  # fmt: skip


@pytest.fixture
def board() -> Board:
    return Board(lambda: MONDAY)


@pytest.fixture(scope="module")
def case() -> Iterator[cases.Incident]:
    opened = cases.Incident("Ada", "")
    opened.use()
    yield opened
    opened.close()


def findings(board: Board, table: Any) -> set[str]:
    reading = board.find(board.add(table))
    assert reading is not None
    return set(reading.findings)


def test_every_tool_of_the_workbook_has_its_reading(case: cases.Incident) -> None:
    board, visits = case.board, case.visits(2)
    tables = {
        "ping": netlab.ping("www", count=3),
        "traceroute": netlab.traceroute("www"),
        "monitor": netlab.monitor("www", rounds=3),
        "investigate": netlab.investigate("www", probes=20),
        "path_mtu": netlab.path_mtu("www"),
        "fetch": netlab.fetch("http://www/photo.jpg"),
        "fetch_page": netlab.fetch_page("http://www/"),
        "visits": visits,
        "log of the proxy": case.cache.log,
        "log of the web server": case.web.log,
    }
    clients, queue = case.crowd()
    tables |= {"crowd": clients, "queue of the web server": queue}
    tables |= {"packets": netlab.frames.packets(case.network.packets(node="www"))}
    for tool, table in tables.items():
        reading = board.find(board.add(table))
        assert reading is not None and reading.tool == tool and reading.shows
    assert board.table.index.tolist() == [f"E{number}" for number in range(1, len(tables) + 1)]
    assert len({read for _, read in READINGS}) == len(READINGS)


def test_measuring_again_replaces_and_keeps_the_id(board: Board) -> None:
    netlab.use("line")
    first, other = board.add(netlab.ping("server", count=3)), board.add(netlab.ping("server", count=3, size=1472))
    assert (first, other) == ("E1", "E2")
    assert board.add(netlab.ping("server", count=7)) == "E1"
    assert str(board.table.loc["E1", "shows"]).startswith("7 of 7 answered")
    assert board.find("E3") is None and board.find(None) is None


def test_a_table_of_something_else_is_refused(board: Board) -> None:
    import pandas as pd

    netlab.use("line")
    nothings: tuple[Any, ...] = (
        pd.DataFrame(),
        pd.DataFrame({"a": [1]}),
        None,
        5,
        netlab.ping("server", count=1).iloc[:0],
    )
    for nothing in nothings:
        with pytest.raises(UsageError, match="a table of one of netlab's tools"):
            board.add(nothing)
    assert not board.entries


def test_the_board_is_text_and_a_table_with_headers(board: Board) -> None:
    netlab.use("line")
    board.add(netlab.ping("server", count=3))
    assert repr(board).splitlines()[0] == "<netlab incident board>"
    assert "E1  ping (server): 3 of 3 answered; fastest 22.0" in repr(board)
    html = board._repr_html_()
    assert html.count('scope="col"') == 4 and html.count('scope="row"') == 1 and "<caption" in html


# --- what tables show --------------------------------------------------------------------------------------------


def test_pings_of_a_line_are_as_on_monday(board: Board) -> None:
    netlab.use("line")
    assert findings(board, netlab.ping("server", count=40)) == set()
    assert findings(board, netlab.ping("server", count=5, size=1472)) == {"large ones as on Monday"}


def test_a_loss_is_believed_when_it_is_more_than_one_packet(board: Board) -> None:
    pings = netlab.ping("server", count=60, network="line")
    for lost, expected in ((0, set()), (1, set()), (4, {"loss"})):
        table = pings.copy()
        table.loc[: lost - 1, "rtt_ms"] = float("nan")
        table.loc[table.index < lost, "outcome"] = "timeout"
        assert findings(board, table) == expected, lost


def test_waiting_is_a_spread_and_farther_is_not(board: Board) -> None:
    pings = netlab.ping("server", count=60, network="line")
    spread = pings.assign(rtt_ms=[22.0 + number % 10 * 2 for number in range(60)])
    assert findings(board, spread) == {"waiting"}
    assert findings(board, pings.assign(rtt_ms=90.0)) == {"farther"}
    few = spread.iloc[:10]
    assert findings(board, few) == set(), "ten pings prove no queue"


def test_another_address_is_another_machine(board: Board) -> None:
    pings = netlab.ping("server", count=5, network="line")
    assert findings(board, pings.assign(address="203.0.113.99")) == {"another machine"}


def test_large_ones_that_never_arrive(board: Board) -> None:
    pings = netlab.ping("server", count=5, size=1472, network="line")
    gone = pings.assign(rtt_ms=float("nan"))
    gone["outcome"] = gone["outcome"].where(gone["outcome"] == "none", "timeout")
    assert findings(board, gone) == {"large ones lost"}


def test_little_in_flight_is_seen_in_the_packets(board: Board) -> None:
    site = netlab.teach.folder({"index.html": 60_000})
    for sending, expected in (({"send_buffer": 4096}, {"little in flight"}), (None, set())):
        with netlab.use("line") as network, netlab.WebServer(site, host="server", port=80, tcp=sending):
            netlab.fetch("http://server/")
            table = netlab.frames.packets(network.packets(node="server"))
        assert findings(board, table) == expected
