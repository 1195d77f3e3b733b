"""`plot.loss`: the share, its interval, and what may be concluded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab import plot, stats
from tests.plot.sample import mixed, probes


def test_interval_is_wilsons_after_every_probe() -> None:
    figure = plot.loss(probes(1.0, None, 1.0, 1.0))
    shares, lows, highs = (list(series.y) for series in figure.series)
    assert shares == pytest.approx([0, 50, 100 / 3, 25])
    intervals = [stats.wilson(lost, total) for lost, total in ((0, 1), (1, 2), (1, 3), (1, 4))]
    assert lows == pytest.approx([100 * low for low, _ in intervals])
    assert highs == pytest.approx([100 * high for _, high in intervals])


def test_pending_and_refused_probes_say_nothing() -> None:
    figure = plot.loss(mixed())
    assert list(figure.series[0].x) == [1, 2, 3, 4, 5, 6, 7]
    assert figure.series[0].y[-1] == pytest.approx(100 / 7), "late is not lost"


def test_alt_text_tells_the_interval() -> None:
    assert plot.loss(probes(*[1.0] * 9, None)).alt == (
        "1 of 10 lost, 10 %; with so many probes the true loss lies between 1.79 % and 40.4 %."
    )
    assert plot.loss(probes()).alt == "No probes, so nothing is known about the loss."


def test_guess_is_judged_by_the_interval() -> None:
    assert plot.loss(probes(*[1.0] * 9, None), prediction=0.3).alt.endswith(
        "Your guess of 30 % is compatible with that."
    )
    assert plot.loss(probes(*[1.0] * 9, None), prediction=0.5).alt.endswith("Your guess of 50 % lies outside.")


def test_two_runs() -> None:
    alt = plot.loss({"before": probes(1.0), "after": probes(None)}).alt
    assert alt.startswith("before: 0 of 1 lost, 0 %") and "after: 1 of 1 lost, 100 %" in alt


@settings(max_examples=20)  # each draws a figure
@given(st.lists(st.sampled_from([5.0, None]), min_size=1, max_size=80))
def test_the_last_interval_is_always_inside_the_axis(delays: list[float | None]) -> None:
    figure = plot.loss(probes(*delays))
    assert figure.series[2].y[-1] <= figure.axes[0].get_ylim()[1]  # type: ignore[operator]
