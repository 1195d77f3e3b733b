"""The numbers and words that the text of notebook 13 tells are those that its cells show."""

from __future__ import annotations

import re

import pytest

from netlab.teach.incidents import CAUSES, cause_of
from tests.notebooks.book import SOLUTIONS, cells, outputs, source

NOTEBOOK = SOLUTIONS / "13-capstone.ipynb"


def shown(id: str) -> str:
    """The plain text of a cell's result."""
    return next(text for cell, kind, text in outputs(NOTEBOOK) if cell == id and kind == "text/plain")


def told(id: str) -> str:
    return " ".join(next(source(cell) for cell in cells(NOTEBOOK) if cell["id"] == id).split())


def test_four_of_nineteen_go_to_the_origin() -> None:
    assert "19 requests, 4 of them went to the origin" in shown("13-see-freshness")
    assert "4 of 19 requests go to the origin" in told("13-see-text") and "19 times" in told("13-predict-text")
    assert "Your guess of 1 was 3 too low" in shown("13-see-freshness"), "the example guess is a usual wrong one"


def test_the_table_of_words_answers_the_questions_about_them() -> None:
    rows = {
        name: [float(number) for number in re.findall(r"[\d.]+", figures)]
        for name, figures in re.findall(r"^(\S.*?)  +([\d. ]+)$", shown("13-words"), flags=re.M)
    }
    assert rows["no-cache"][:4] == [1, 0, 5, 0] and rows["no-store"][:4] == [0, 0, 0, 6]
    assert rows["max-age=60"][:4] == [1, 5, 0, 0] and rows["max-age=60, Vary"][:4] == [6, 0, 0, 0]
    assert rows["no-cache"][4] < rows["no-store"][4] / 5, "an ETag saves the content"
    assert rows["no-cache"][5] == pytest.approx(rows["no-store"][5], abs=1), "and not the way"


def test_the_reload_takes_as_long_as_the_text_says() -> None:
    times = re.findall(r"^\d +(\w+) +([\d.]+)$", shown("13-reload"), flags=re.M)
    assert [word for word, _ in times] == ["stored", "hit", "validated"]
    assert f"{float(times[2][1]):.0f} ms" in told("13-reload-text") and float(times[1][1]) < 0.05


def test_a_sixth_of_the_room_has_two_fifths_of_the_hits() -> None:
    points = dict(re.findall(r"\((\d+), ([\d.]+)\)", shown("13-size").partition("hits: ")[2].splitlines()[0]))
    assert float(min(points, key=int)) * 6 == float(max(points, key=int))
    assert 0.4 < float(points["16"]) / float(points["96"]) < 0.5
    assert "more than two fifths" in told("13-size-text")


def test_the_text_lists_all_causes_and_the_example_draws_the_one_that_is_solved() -> None:
    assert all(f"* `{cause}`: {meaning}" in told("13-cause-text") for cause, meaning in CAUSES.items())
    assert "one fault of sixteen" in told("13-case-text") and len(CAUSES) == 16
    (name,) = re.findall(r'incident\("(.+)"\)', told("13-case"))
    assert f'return "{cause_of(name)}"' in told("13-cause")


def test_the_recorded_answers_are_as_the_text_says() -> None:
    text = next(text for cell, _, text in outputs(NOTEBOOK) if cell == "13-compare-recorded")
    answers = [part.partition("\n")[2] for part in text.split("$ curl")[1:]]
    assert [re.findall(r"^Age: (\d+)", answer, flags=re.M) for answer in answers] == [[], ["7"], [], ["0"], []]
    assert "304 Not Modified" in answers[-1] and "\n0 bytes of content" in answers[-1]
