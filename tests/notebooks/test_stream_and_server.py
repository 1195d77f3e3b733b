"""Notebooks 08 and 09: their text tells the numbers that their cells show."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.book import LEARNERS, SOLUTIONS, cells, outputs, source

STREAM, SERVER = SOLUTIONS / "08-stream.ipynb", SOLUTIONS / "09-server.ipynb"
SEGMENT = 1_460


def shown(path, id: str) -> str:  # type: ignore[no-untyped-def]
    """Everything that a cell shows as plain text."""
    return "\n".join(text for cell, kind, text in outputs(path) if cell == id and kind in ("text/plain", "stdout"))


def told(path, id: str) -> str:  # type: ignore[no-untyped-def]
    return " ".join(next(source(cell) for cell in cells(path) if cell["id"] == id).split())


def test_08_counts_the_pieces_right() -> None:
    figure = shown(STREAM, "08-see-reads")
    pieces = {int(count) for count in re.findall(r"^  (?:as|seg|slow|recv)[^:]*: (\d) point", figure, flags=re.M)}
    assert pieces == {1, 3, 4, 6} and "were 1, 3, 4 or 6 pieces, and with Nagle 2" in told(STREAM, "08-recap")
    assert "right in 1 of 4" in figure
    assert len(re.findall(r" [1-9]\d+ +\d+ of", shown(STREAM, "08-modify").partition("Nagle on")[2])) == 2


def test_08_tells_the_times_of_nagle_right() -> None:
    times = [float(text) for text in re.findall(r"(\d+\.\d{6})", shown(STREAM, "08-modify"))]
    assert round(times[5] - times[1], -1) == 120 and "some 120 ms later" in told(STREAM, "08-modify-text")
    recorded = shown(STREAM, "08-compare-recorded")
    first, second = (float(text) for text in re.findall(r"^(\S+) .*length (?:600|1200)$", recorded, flags=re.M))
    assert round(1000 * (second - first)) == 81 and "81 ms after the first" in told(STREAM, "08-compare-text")
    sent = [
        float(text) for text in re.findall(r"sent: \d points.*\((\d+\.\d+), 1800\)", shown(STREAM, "08-see-progress"))
    ]
    assert len(sent) == 1
    assert "not 121" in told(STREAM, "08-compare-text")


def test_08_tells_what_close_destroys_right() -> None:
    got = re.search(r"client got +(\d+) +(\d+)", shown(STREAM, "08-ends"))
    assert got and (int(got[1]), int(got[2])) == (50_000, 14_600)
    assert "14,600 of 50,000 bytes" in told(STREAM, "08-recap")
    assert re.search(r"600 +600 +600 +600 +0$", shown(STREAM, "08-hang"))


def test_09_counts_bytes_and_segments_right() -> None:
    assert "You guessed 60 bytes; 383 came." in shown(SERVER, "09-run-call")
    assert "60 bytes of page were 383 bytes of answer" in told(SERVER, "09-recap")
    assert "receive 166 ms" in shown(SERVER, "09-see-times") and "166 ms after its first" in told(SERVER, "09-see-text")
    times = re.search(r"^[\d.]+ s, ([\d.]+) s, ([\d.]+) s", shown(SERVER, "09-compare-recorded"), flags=re.M)
    assert times and round(1000 * (float(times[2]) - float(times[1]))) == 166
    assert "166 ms later, as in the figure above" in told(SERVER, "09-compare-text")
    head = 100_304 - 100_000
    assert -(-(100_000 + head) // SEGMENT) == 69 and "The photo takes 69" in told(SERVER, "09-see-text")
    assert "message 2 has 323 bytes of head and 0 of content" in shown(SERVER, "09-see-strip")


def test_09_waits_for_the_empty_line_as_long_as_it_says() -> None:
    waited = re.search(r"408 +([\d.]+) +RFC 9110 15\.5\.9", shown(SERVER, "09-blank"))
    assert waited and round(float(waited[1])) == 2000  # less the moment from the connection to its first byte
    assert "this server gives it 2 seconds" in told(SERVER, "09-blank-text")


@pytest.mark.parametrize("form", [LEARNERS, SOLUTIONS])
def test_09_shows_the_refusals_of_the_real_server_or_of_the_learners_parts(form) -> None:  # type: ignore[no-untyped-def]
    table = shown(form / "09-server.ipynb", "09-tool")
    assert re.findall(r"^\d .*? (200|404|400|500) ", table, flags=re.M)[:4] == ["200", "200", "404", "400"]
    assert ("not written yet" in table) == (form == LEARNERS)


def test_the_recorded_requests_of_09_are_answered_as_the_text_says() -> None:
    recorded = shown(SERVER, "09-compare-recorded")
    assert "< Content-Length: 60" in recorded and "Hello from New York" in recorded
    assert recorded.endswith("404\n") or recorded.rstrip().endswith("404")
    assert "< Date" not in recorded
