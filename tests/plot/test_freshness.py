"""`plot.freshness`: ages on slopes, what begins a new one, and what the alt text says."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import frames
from netlab.errors import UsageError
from netlab.internet.model import EPOCH
from netlab.plot.figure import Figure
from netlab.plot.freshness import freshness

PAGE = "http://www.campus.example/"


def log(*requests: tuple[float, str], target: str = PAGE) -> Any:
    """A log from (seconds after the start, what the cache made of it)."""
    rows = [
        {"started_at": EPOCH + int(at * 1e9), "target": target, "cache": word, "network": "live"}
        for at, word in requests
    ]
    return frames.table(rows, frames.EXCHANGES)


DAY = log(
    (0, "stored"), (4, "hit"), (9, "hit"), (12, "validated"), (15, "hit"), (30, "stale"), (31, "stored"), (31.5, "miss")
)


def drawn(figure: Figure) -> dict[str, list[tuple[Any, Any]]]:
    return {series.label: list(zip(series.x, series.y, strict=True)) for series in figure.series}


def test_ages_count_from_the_latest_answer_of_the_origin() -> None:
    assert drawn(freshness(DAY, lifetime_s=10)) == {
        "stored": [(0, 0), (31, 0)],
        "hit": [(4, 4), (9, 9), (15, 3)],
        "validated": [(12, 0)],
        "used although stale": [(30, 18)],
        "not stored": [(31.5, 0)],
        "freshness lifetime": [("all", 10)],
    }


def test_slopes_and_the_stale_part_of_each() -> None:
    axes = freshness(DAY, lifetime_s=10).axes[0]
    slopes = [
        line.get_xydata().tolist()
        for line in axes.lines
        if len(line.get_xdata()) == 2 and not line.get_marker().strip("None")
    ]
    assert slopes[:3] == [[[0, 0], [12, 12]], [[12, 0], [31, 19]], [[31, 0], [31.5, 0.5]]]
    corners = [
        {tuple(point) for path in area.get_paths() for point in path.vertices.tolist()} for area in axes.collections
    ]
    assert corners == [{(10, 10), (12, 10), (12, 12)}, {(22, 10), (31, 10), (31, 19)}]
    assert [text.get_text() for text in axes.get_legend().get_texts()].count("stale") == 1


def test_the_text_says_what_went_to_the_origin_and_what_was_guessed() -> None:
    text = freshness(DAY).alt
    assert text.startswith(
        "8 requests, 5 of them went to the origin: 2 fetched and stored, 3 hits, 1 validated, 1 stale, "
    )
    assert text.endswith("1 fetched and not stored. The oldest answer was 18 s old.")
    assert freshness(DAY, prediction=5).alt.endswith("Your guess of 5 was right.")
    assert freshness(DAY, prediction=7).alt.endswith("Your guess of 7 was 2 too high.")
    assert freshness(log((0, "miss"))).alt == "1 request, 1 of them went to the origin: 1 fetched and not stored."


def test_rows_that_the_cache_had_no_say_in_are_left_out_and_nothing_is_no_fault() -> None:
    assert freshness(log((0, ""))).alt == "No request that the cache looked at."
    assert freshness(log()).png().startswith(b"\x89PNG")


def test_one_target_is_shown_and_must_be_chosen_among_several() -> None:
    import pandas

    both = pandas.concat([DAY, log((2, "stored"), target="http://b/")])
    with pytest.raises(UsageError, match=r"target.*www\.campus\.example.*http://b/"):
        freshness(both)
    with pytest.raises(UsageError, match="must be one of"):
        freshness(both, target="http://c/")
    assert drawn(freshness(both, target="http://b/")) == {"stored": [(0, 0)]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"lifetime_s": "long"}, "a number"), ({"prediction": "many"}, "a number")],
)
def test_what_is_no_number_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        freshness(DAY, **arguments)


def test_what_is_no_log_is_refused() -> None:
    with pytest.raises(UsageError):
        freshness(DAY[["status"]])
