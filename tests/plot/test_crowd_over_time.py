"""`plot.crowd`: how many wait, and what became of those who came."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from netlab import plot
from netlab.errors import UsageError


def load(*rows: tuple[float, int | None, float]) -> Any:
    frame = pd.DataFrame(rows, columns=["at_ms", "status", "queue_ms"])
    return frame.astype({"status": "Int64"})


def queue(*rows: tuple[float, int, int]) -> Any:
    return pd.DataFrame(rows, columns=["time_ms", "waiting", "busy"])


CAME = load((0, 200, 0.0), (100, 200, 7.5), (150, 503, 0.0), (200, None, float("nan")), (1900, 200, 0.0))
WAITED = queue((0, 0, 1), (100, 3, 2), (300, 0, 0))


def test_everybody_who_came_is_in_one_area() -> None:
    figure = plot.crowd(CAME, WAITED)
    assert figure.alt == (
        "Of 5 requests: 2 served at once, 1 served after a wait, 1 refused, 1 no answer. The queue reaches 3."
    )
    areas = {series.label: sum(series.y) for series in figure.series[2:]}  # type: ignore[arg-type]
    assert areas == {"served at once": 2, "served after a wait": 1, "refused": 1, "no answer": 1}
    assert figure.png()


def test_the_queue_is_drawn_over_seconds() -> None:
    waiting, busy, *_ = plot.crowd(CAME, WAITED).series
    assert (list(waiting.x), list(waiting.y), list(busy.y)) == ([0.0, 0.1, 0.3], [0.0, 3.0, 0.0], [1.0, 2.0, 0.0])


def test_a_guess_of_the_longest_queue_is_judged() -> None:
    figure = plot.crowd(CAME, WAITED, prediction=5)
    assert figure.alt.endswith("Your guess of 5 was 2 too high.")
    assert any(series.label == "your guess" for series in figure.series)


def test_an_empty_load_is_said() -> None:
    figure = plot.crowd(load(), queue())
    assert figure.alt == "0 requests came." and figure.png()


def test_a_table_without_the_columns_is_refused() -> None:
    with pytest.raises(UsageError, match="no column queue_ms"):
        plot.crowd(CAME.drop(columns="queue_ms"), WAITED)
    with pytest.raises(UsageError, match="no column busy"):
        plot.crowd(CAME, WAITED.drop(columns="busy"))
    with pytest.raises(UsageError, match="two axes"):
        plot.crowd(CAME, WAITED, ax=[])
