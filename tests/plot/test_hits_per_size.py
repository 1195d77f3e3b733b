"""Hits against the size of a cache."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import frames
from netlab.errors import UsageError
from netlab.plot import hit_ratio


def log(*requests: tuple[str, str]) -> Any:
    """A log from (target, what the cache made of it)."""
    rows = [{"target": target, "cache": word, "network": "live"} for target, word in requests]
    return frames.table(rows, frames.EXCHANGES)


SMALL = log(("a", "stored"), ("b", "stored"), ("a", "stored"), ("b", "hit"))
LARGE = log(("a", "stored"), ("b", "stored"), ("a", "hit"), ("b", "hit"))


def test_the_share_of_hits_is_drawn_against_the_size_in_kib() -> None:
    figure = hit_ratio({65_536: LARGE, 16_384: SMALL})
    hits, best = figure.series
    assert list(zip(hits.x, hits.y, strict=True)) == [(16.0, 25.0), (64.0, 50.0)]
    assert best.label == "asked for before" and list(best.y) == [50.0]
    assert figure.alt == "From 16 to 64 KiB: the share of hits from 25 % to 50 %. No cache could have more than 50 %."


def test_a_guess_is_drawn_and_told() -> None:
    figure = hit_ratio({16_384: SMALL}, prediction=40)
    assert figure.series[-1].label == "your guess" and list(figure.series[-1].y) == [40.0]
    assert figure.alt.endswith("Your guess of 40 % was 15 off at the end.")
    assert "your guess: 40 %" in figure.axes[0].get_legend_handles_labels()[1]


def test_a_validated_answer_is_no_hit() -> None:
    assert hit_ratio({1024: log(("a", "stored"), ("a", "validated"))}).series[0].y == [0.0]


def test_nothing_to_draw_is_said() -> None:
    assert hit_ratio({}).alt == "No size was tried."
    assert "0 % to 0 %" in hit_ratio({1024: log()}).alt


@pytest.mark.parametrize("logs", [SMALL, {"large": SMALL}, {-1: SMALL}, {1024: 3}, {1024: SMALL[["target"]]}, None])
def test_what_is_no_dict_of_logs_is_refused(logs: Any) -> None:
    with pytest.raises(UsageError):
        hit_ratio(logs)
