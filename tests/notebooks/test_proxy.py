"""Notebook 12: its text tells what its cells show."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.book import LEARNERS, SOLUTIONS, cells, outputs, source

PROXY = SOLUTIONS / "12-proxy.ipynb"


def shown(id: str, path=PROXY) -> str:  # type: ignore[no-untyped-def]
    """Everything that a cell shows as plain text."""
    return "\n".join(text for cell, kind, text in outputs(path) if cell == id and kind in ("text/plain", "stdout"))


def told(id: str) -> str:
    return " ".join(next(source(cell) for cell in cells(PROXY) if cell["id"] == id).split())


def test_the_proxy_costs_one_millisecond() -> None:
    times = [float(text) for text in re.findall(r"^\d +60 +([\d.]+)", shown("12-run-call"), flags=re.M)]
    assert len(times) == 3 and round(times[0]) == round(times[1]) == 162 and round(times[1] - times[0]) == 1
    assert "162 ms" in told("12-predict-text") and "next to nothing: 1 ms" in told("12-see-text")
    assert "You guessed 324 ms; it took 162 ms." in shown("12-run-call")


def test_the_origin_sees_the_laptop_once_and_the_proxy_twice() -> None:
    clients = re.findall(r"(\d+\.\d+\.\d+\.\d+):\d+ ", shown("12-origin-log"))
    assert clients == ["192.0.2.10", "192.0.2.80", "192.0.2.80"]
    assert "192.0.2.10 is the laptop, 192.0.2.80 is `near`" in told("12-origin-sees-text")


def test_the_lines_that_do_not_go_on_are_those_of_the_text() -> None:
    table = shown("12-fields")
    for line in ("Proxy-Connection", "X-Note", "Connection: close, X-Note"):
        assert line in table
    changes = re.findall(r" (changed|removed|added) *$", table, flags=re.M)
    assert changes == ["changed", "changed", "removed", "added", "removed", "added", "removed", "added", "added"]


def test_the_lock_hides_the_request_and_not_the_name() -> None:
    way, found = "", {}
    for line in shown("12-inside-table").splitlines()[1:]:
        begin = re.match(r"(direct|proxy|locked tunnel|tunnel|ping)?\s*(the .+?)\s{2,}(.*)$", line)
        assert begin, line
        way = begin[1] or way
        found[way, begin[2]] = begin[3].split()
    assert len(found) == 30
    assert found["tunnel", "the path"] == found["proxy", "the path"] == ["yes"] * 4
    assert found["locked tunnel", "the path"] == ["-"] * 4
    assert found["locked tunnel", "the name www"][1] == "yes"
    assert found["ping", "the laptop's address"] == ["yes", "-", "yes", "yes"]
    assert found["proxy", "the laptop's address"] == ["yes", "yes", "-", "-"]


def test_the_first_recv_gives_what_the_text_says() -> None:
    table = shown("12-modify")
    assert table.count("100000          100000") == 2
    came, tunnelled = (
        int(re.search(rf"{way} +200 +(\d{{4}}) +100000$", table, flags=re.M)[1])  # type: ignore[index]
        for way in ("proxy", "connect")
    )
    assert came - tunnelled == len("Connection: close\r\n")
    text = told("12-hop-fields-text")
    assert f"as much of the photo as fits behind it: {came:,} bytes. (Through the tunnel {tunnelled:,}:" in text
    assert f"{came:,} of 100,000 bytes arrived" in told("12-recap")


@pytest.mark.parametrize("form", [LEARNERS, SOLUTIONS])
def test_the_real_proxy_does_the_same_with_the_learners_parts(form) -> None:  # type: ignore[no-untyped-def]
    table = shown("12-tool", form / "12-proxy.ipynb")
    assert re.findall(r" (200|403|502|400) ", table) == ["200", "200", "200", "403", "502", "400"]
    assert "www was asked 3 times." in table and "100309" in table
    assert ("not written yet" in table) == (form == LEARNERS)
    assert "its 100,309 bytes" in told("12-compare-text")


def test_the_recorded_curl_says_what_the_text_says() -> None:
    recorded = shown("12-compare-recorded")
    assert "> GET http://203.0.113.80/ HTTP/1.1" in recorded and "> CONNECT 203.0.113.80:80 HTTP/1.1" in recorded
    assert "> Proxy-Connection: Keep-Alive" in recorded and "CONNECT tunnel failed, response 403" in recorded
    assert "all: 0.084609 s" in recorded and "took 85 ms" in told("12-compare-text")
    assert "< Date" not in recorded
