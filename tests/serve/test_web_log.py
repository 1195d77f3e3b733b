"""The log of the web server: what is written fast must be read right."""

import sys
import threading

import pytest

from netlab.http.reader import Limits, Reader
from netlab.serve.answers import Answer
from netlab.serve.exchange import SHOWN
from netlab.serve.log import BATCH, HEADS, LAST, NONE
from netlab.serve.web_log import WebLog, WebRow, packed
from netlab.server_base import noting

START = 1_700_000_000_000_000_000


def request(target):
    reader = Reader("server")
    reader.feed(b"GET %s HTTP/1.1\r\nHost: h\r\nUser-Agent: a\r\n\r\n" % target)
    return reader.next_event()


OK, MISSING = Answer(200, (), b"x"), Answer(404, (), rule="RFC 9110 15.5.5", error="no such file")
ASKED = [request(b"/%d" % number) for number in range(7)]


def record(number, queued=NONE, keep=True):
    """The record of the ``number``-th request: everything in it follows from that."""
    answer = OK if number % 3 else MISSING
    began = number * 1_000_000
    numbers = packed(
        START + number, 40, 300 + number, began, began + 1_000, began + 500_000, began + 700_000, queued, 0,
        number % 5 + 1, number, 40, 299, answer.status, keep,
    )  # fmt: skip
    return numbers, (f"127.0.0.1:{number % 5}", ASKED[number % 7], answer, answer.error)


def check(columns, first):
    """Every row of some columns is the record it should be."""
    assert len({len(column) for column in columns.values()}) == 1
    for at, started_at in enumerate(columns["started_at"]):
        number = first + at
        assert started_at == START + number
        assert columns["target"][at] == f"/{number % 7}"
        assert columns["client"][at] == f"127.0.0.1:{number % 5}"
        assert columns["status"][at] == (200 if number % 3 else 404)
        assert columns["error"][at] == ("" if number % 3 else "no such file")
        assert columns["response_bytes"][at] == 300 + number
        assert columns["receive_ms"][at] == 0.2


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH + 7])
def test_every_row_comes_back(count):
    log = WebLog(10_000)
    for number in range(count):
        log.add(record(number), b"asked", b"answered")
    assert len(log) == count and log.statuses.total() == count
    columns = log.columns()
    assert set(WebRow._fields) <= set(columns)
    check(columns, 0)


@pytest.mark.parametrize("rows", [0, 1, 10, BATCH, 2 * BATCH + 1])
def test_the_oldest_rows_go(rows):
    log = WebLog(rows)
    for number in range(1_000):
        log.add(record(number), b"%d" % number, b"")
        assert len(log) == min(number + 1, rows)
    columns = log.columns()
    assert len(columns["status"]) == rows
    check(columns, 1_000 - rows)
    assert log.statuses.total() == 1_000
    for index, (row, heads) in enumerate(log.rows()):
        number = 1_000 - rows + index
        assert row["started_at"] == START + number
        assert (heads[0] == b"%d" % number) is (index >= rows - HEADS)
        assert log.row(index) == log.row(index - rows) == (row, heads)
    assert len(log._texts) == len(log._clients) <= rows + BATCH + rows // 10 + BATCH
    with pytest.raises(IndexError) as error:
        log.row(rows)
    assert error.value.args == (rows,)


def test_times_and_queues():
    log = WebLog(10)
    log.add(record(1), b"", b"")
    log.add(record(1, queued=100_000, keep=False), b"", b"")
    unknown, known = (row for row, _ in log.rows())
    assert (unknown["queue_ms"], unknown["wait_ms"], unknown["head_ms"]) == (None, 0.5, 0.001)
    assert (known["queue_ms"], known["wait_ms"]) == (0.1, 0.4)
    assert unknown["total_ms"] == known["total_ms"] == pytest.approx(0.7)
    assert (unknown["keep_alive"], unknown["close_reason"]) == (True, "")
    assert (known["keep_alive"], known["close_reason"]) == (False, LAST)


def test_somebody_may_look_while_rows_come():
    """What is seen belongs together at any moment: rows have no gaps, and each has its own heads."""
    log, ended, most = WebLog(600), threading.Event(), 30_000

    def write():
        for number in range(most):
            log.add(record(number), b"%d" % number, b"")
        ended.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        writer = threading.Thread(target=write)
        writer.start()
        looks = 0
        while not ended.is_set() or not looks:
            columns = log.columns()
            if columns["started_at"]:
                check(columns, columns["started_at"][0] - START)
                row, heads = log.row(-1)
                assert heads == (b"%d" % (row["started_at"] - START), b"")
            numbers = []
            for row, heads in log.rows():
                numbers.append(row["started_at"] - START)
                assert heads == (b"%d" % numbers[-1], b"")
            assert numbers == list(range(numbers[0], numbers[-1] + 1)) if numbers else True
            looks += 1
        writer.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(log) == 600
    check(log.columns(), most - 600)


@pytest.mark.parametrize("rows", [0, 100])
def test_whoever_is_told_of_every_row_gets_it_and_no_more_rows_are_kept_than_asked_for(rows):
    told, log = [], WebLog(rows)
    add = noting(log, told.append)
    for number in range(1_000):
        add(record(number), b"", b"")
        assert len(log._texts) <= rows + 2 * BATCH + rows // 10
    assert [row["started_at"] for row in told] == [START + number for number in range(1_000)]
    assert len(log) == rows


def test_whoever_is_told_gets_the_row_even_if_somebody_looks_at_the_log_just_then():
    log = WebLog(0)
    for number in range(2 * BATCH):
        log.add(record(number), b"", b"")
        assert len(log.columns()["status"]) == 0  # takes in what waits, and forgets what is too much
        assert log.latest()["started_at"] == START + number


def test_long_texts_are_cut_so_that_they_cost_neither_time_nor_room():
    log = WebLog(1_000)
    reader = Reader("server", Limits(line=40_000, head=200_000))
    reader.feed(b"GET /%s HTTP/1.1\r\nHost: h\r\nUser-Agent: %s\r\n\r\n" % (b"a" * 30_000, b"\xff" * 30_000))
    long = reader.next_event()
    numbers, (client, _, answer, error) = record(1)
    log.add((numbers, (client, long, answer, error)), b"", b"")
    row, _ = log.row(0)
    assert row["target"] == "/" + "a" * (SHOWN - 1) + "…"
    assert row["user_agent"] == ("\\xff" * SHOWN)[:SHOWN] + "…"
