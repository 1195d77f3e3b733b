"""Numbers that the text of notebooks 03 and 04 tells must be those that their cells show."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.book import SOLUTIONS, cells, outputs, source

DELAY, SILENCE = SOLUTIONS / "03-delay.ipynb", SOLUTIONS / "04-silence.ipynb"


def shown(path, id: str) -> str:  # type: ignore[no-untyped-def]
    """The plain text of a cell's result."""
    return next(text for cell, kind, text in outputs(path) if cell == id and kind == "text/plain")


def told(path, id: str) -> str:  # type: ignore[no-untyped-def]
    return " ".join(next(source(cell) for cell in cells(path) if cell["id"] == id).split())


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("03-see-near", "The whole way takes 9 ms: propagation 3 ms, transmission 6 ms."),
        ("03-see-far", "The whole way takes 69 ms: propagation 63 ms, transmission 6 ms."),
        ("03-see-size", "far: the line begins at 63 ms and rises by 4 µs per byte, which is 4 Mbit/s"),
        (
            "03-see-queue",
            "from 30.1 to 524 ms, with the queue from home to provider: up to 206 packets wait there, for 494 ms",
        ),
    ],
)
def test_the_figures_of_03_state_what_the_text_says(id: str, words: str) -> None:
    assert words in shown(DELAY, id)


def test_the_text_of_03_tells_these_numbers() -> None:
    assert "69 ms, of which 63 are propagation and 6 are transmission" in told(DELAY, "03-rate-text")
    assert "it begins at 3 ms" in told(DELAY, "03-see-size-text") and "4 µs with every byte" in told(
        DELAY, "03-see-size-text"
    )
    assert "494 of 524 ms" in told(DELAY, "03-recap")
    rows = dict(re.findall(r"^(room for \d+) +\S+ +\S+ +(\S+)", shown(DELAY, "03-modify"), flags=re.M))
    assert float(rows["room for 250"]) > 500 and float(rows["room for 20"]) < 80


def test_the_recorded_pings_of_03_give_the_rate_that_the_text_says() -> None:
    printed = next(text for cell, _, text in outputs(DELAY) if cell == "03-compare-recorded")
    short, long = (float(value) for value in re.findall(r"mdev = ([\d.]+)/", printed))
    assert f"{long - short:.2f} ms more" in told(DELAY, "03-compare-text")
    assert 16 * 1416 / (long - short) / 1000 == pytest.approx(4, rel=0.02)


def test_the_text_of_04_counts_right() -> None:
    assert "2 reply (closed, mtu); 2 unreachable (noroute, prohibited); 1 time exceeded (loop); 3 no answer" in shown(
        SILENCE, "04-see-outcomes"
    )
    assert "Three hosts are silent." in told(SILENCE, "04-see-text")
    assert "Of eight broken hosts three were silent, and only one of these was down." in told(SILENCE, "04-recap")


def test_every_code_of_the_table_in_04_is_shown_by_a_host() -> None:
    codes = {int(code) for code in re.findall(r" 3 +(\d+)", shown(SILENCE, "04-codes"))}
    assert codes == {0, 1, 3, 4, 9, 10, 13}  # 2 needs a protocol that a host does not speak: only told
