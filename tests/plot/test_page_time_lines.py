"""`plot.page_times`: a line for each way, and where they cross."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from netlab import plot
from netlab.errors import UsageError
from netlab.plot.page_time_lines import crossings

RTTS = (10, 40, 100)


def table(over: str = "rtt_ms", **ways: tuple[float, ...]) -> Any:
    rows = [{"way": way, over: x, "page_ms": y} for way, line in ways.items() for x, y in zip(RTTS, line, strict=True)]
    return pd.DataFrame(rows)


def test_lines_cross_between_the_points_where_the_order_changes() -> None:
    assert crossings([(0.0, 0.0), (10.0, 10.0)], [(0.0, 5.0), (10.0, 5.0)]) == [5.0]
    assert crossings([(0.0, 5.0), (10.0, 5.0)], [(0.0, 5.0), (10.0, 9.0)]) == [], "they begin together"
    assert crossings([(0.0, 1.0), (1.0, 2.0), (2.0, 1.0)], [(0.0, 0.0), (1.0, 2.0), (2.0, 0.0)]) == [], "they touch"
    assert crossings([(0.0, 1.0)], [(5.0, 2.0)]) == [], "no point in common"


def test_the_alt_text_says_which_way_wins_and_from_where_on() -> None:
    figure = plot.page_times(table(kept=(500.0, 800.0, 1400.0), new=(450.0, 600.0, 1800.0)))
    assert figure.alt == (
        "Kept: 500 ms at 10 ms, 1400 ms at 100; new: 450 ms at 10 ms, 1800 ms at 100. "
        "At about 60 ms kept overtakes new."
    )
    assert [series.label for series in figure.series] == ["kept", "new"] and figure.png()


def test_a_prediction_is_judged_by_its_worst_point() -> None:
    measured, said = table(kept=(100.0, 200.0, 400.0)), table(kept=(101.0, 190.0, 400.0))
    figure = plot.page_times(measured, prediction=said)
    assert "The prediction is at most 5 % off (kept)." in figure.alt
    assert [series.label for series in figure.series] == ["kept", "kept, predicted"]
    assert "no prediction to compare" in plot.page_times(measured, prediction=table(new=(1.0, 2.0, 3.0))).alt


def test_other_things_can_be_on_the_x_axis() -> None:
    figure = plot.page_times(table("kilobytes", kept=(1.0, 2.0, 3.0)), over="kilobytes")
    assert figure.axes[0].get_xlabel() == "size of the object (kB)" and "at 10 kB" in figure.alt


def test_nothing_measured_is_said() -> None:
    figure = plot.page_times(table(kept=(float("nan"),) * 3))
    assert "Nothing was measured" in figure.alt and figure.png()


@pytest.mark.parametrize("wrong", [{"over": "colour"}, {"prediction": 3}])
def test_wrong_arguments_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        plot.page_times(table(kept=(1.0, 2.0, 3.0)), **wrong)
    with pytest.raises(UsageError, match="way, rtt_ms and page_ms"):
        plot.page_times(table(kept=(1.0, 2.0, 3.0)).drop(columns="way"))
