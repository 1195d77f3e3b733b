"""`plot.distribution`: nothing is counted twice, and the lost are not forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab import plot
from netlab.errors import UsageError
from tests.plot.sample import mixed, probes


def series(figure: plot.Figure, start: str) -> tuple[list[float], list[float]]:
    found = next(each for each in figure.series if each.label.startswith(start))
    return list(found.x), list(found.y)  # type: ignore[arg-type]


def test_ecdf_is_a_share_of_all_probes() -> None:
    delays, shares = series(plot.distribution(probes(30.0, 10.0, None, 20.0)), "ECDF")
    assert delays == [10.0, 20.0, 30.0]
    assert shares == [25.0, 50.0, 75.0]


def test_pending_probes_are_not_in_the_share() -> None:
    _, shares = series(plot.distribution(probes(10.0, "pending", 20.0, "not-sent")), "ECDF")
    assert shares == [50.0, 100.0]


def test_late_answers_are_in() -> None:
    assert 2100.0 in series(plot.distribution(mixed()), "ECDF")[0]


def test_alt_text() -> None:
    alt = plot.distribution(probes(10.0, 20.0, 30.0, None), prediction=25).alt
    assert alt == (
        "Half of the round-trip times are below 20 ms, 95 % below 29 ms; they go from 10 to 30 ms; 1 of 4 lost, so the "
        "curve ends at 75 %. Your guess of 25 ms was 5 ms too high."
    )
    assert plot.distribution(probes(None)).alt == "No round-trip time at all; 1 of 1 lost, so the curve ends at 0 %."


def test_runs_of_different_length_are_compared_by_shares() -> None:
    figure = plot.distribution({"short": probes(1.0, 2.0), "long": probes(*[1.0] * 10)})
    for start in ("histogram short", "histogram long"):
        assert sum(series(figure, start)[1]) == pytest.approx(100)
    assert figure.axes[0].get_ylabel() == "answers (%)"


def test_axes_must_be_a_pair() -> None:
    from matplotlib.figure import Figure

    with pytest.raises(UsageError, match="two axes"):
        plot.distribution(probes(1.0), ax=[Figure().subplots()])


@settings(max_examples=20)  # each draws a figure
@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=60))
def test_every_answer_is_in_one_bin(delays: list[float]) -> None:
    figure = plot.distribution(probes(*delays))
    assert sum(series(figure, "histogram")[1]) == len(delays)
    assert series(figure, "ECDF")[1][-1] == pytest.approx(100)
