"""`plot.rtt`: what is drawn where, and what its alt text says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab import frames, plot
from netlab.errors import UsageError
from tests.plot.sample import mixed, probes, row

DELAYS = st.lists(st.none() | st.floats(0.001, 5000) | st.sampled_from(["pending", "not-sent"]), max_size=30)


def drawn(figure: plot.Figure) -> dict[str, list[tuple[float, float]]]:
    return {series.label: list(zip(series.x, series.y, strict=True)) for series in figure.series}  # type: ignore[arg-type]


def test_every_outcome_has_its_place() -> None:
    series = drawn(plot.rtt(mixed()))
    assert series["reply"] == [(n, 10.0 + n) for n in range(1, 6)]
    assert series["late"] == [(6, 2100.0)]
    assert series["lost"] == [(7, 0.0)]
    assert series["pending"] == [(8, 0.0)]
    assert series["not sent"] == [(9, 0.0)]
    assert series["timeout"] == [("all", 2000.0)]


def test_time_starts_at_the_first_probe() -> None:
    series = drawn(plot.rtt(mixed(), x="time"))
    assert [x for x, _ in series["reply"]] == [0, 1, 2, 3, 4]
    assert series["not sent"] == [(7, 0.0)]  # never left: drawn where the last one before it was


def test_alt_text_counts_and_names_the_lost() -> None:
    alt = plot.rtt(probes(10.0, None, 30.0, None)).alt
    assert alt == "2 of 4 answered, 2 lost; median 20 ms, from 10 to 30 ms; lost: probes 2 and 4."


def test_alt_text_of_equal_times() -> None:
    assert plot.rtt(probes(22.0, 22.0)).alt == "2 of 2 answered; always 22 ms."
    assert plot.rtt(probes(22.0)).alt == "1 of 1 answered; 22 ms."


def test_alt_text_when_nothing_was_answered() -> None:
    assert plot.rtt(probes(None, None)).alt == "0 of 2 answered, 2 lost."
    assert plot.rtt(probes()).alt == "No probes were sent."


@pytest.mark.parametrize(
    ("guess", "said"),
    [(15, "was 5 ms too high."), (9, "was 1 ms too low."), (10, "was right.")],
)
def test_guess_is_drawn_and_judged(guess: float, said: str) -> None:
    figure = plot.rtt(probes(10.0, 10.0), prediction=guess)
    assert f"Your guess of {guess} ms {said}" in figure.alt
    assert drawn(figure)["your guess"] == [("all", guess)]
    assert f"your guess: {guess} ms" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_guess_without_an_answer_is_not_judged() -> None:
    assert "nothing to compare" in plot.rtt(probes(None), prediction=5).alt


def test_several_destinations_have_markers_of_their_own() -> None:
    rows = [row(1, 10.0), row(2, 20.0, destination="ns"), row(3, None, "timeout", destination="ns")]
    figure = plot.rtt(frames.probes(rows))
    assert list(drawn(figure)) == ["www", "ns", "ns, lost"]
    assert figure.alt == "www: 1 of 1 answered; 10 ms. ns: 1 of 2 answered, 1 lost; 20 ms; lost: probe 3."
    markers = [line.get_marker() for line in figure.axes[0].get_lines()]
    assert len(set(markers)) == 3


def test_two_runs_are_compared_by_name() -> None:
    alt = plot.rtt({"before": probes(1.0), "after": probes(2.0)}).alt
    assert alt == "before: 1 of 1 answered; 1 ms. after: 1 of 1 answered; 2 ms."


def test_limits_keep_the_axis_of_the_whole_run() -> None:
    part = plot.rtt(probes(1.0, 2.0), limits=(1, 10))
    assert part.axes[0].get_xlim() == pytest.approx((0.5, 10.5))


def test_icmp_errors_are_answers() -> None:
    figure = plot.rtt(frames.probes([row(1, 5.0, "unreachable"), row(2, 7.0, "time-exceeded")]))
    assert figure.alt.startswith("2 of 2 answered")
    assert set(drawn(figure)) == {"unreachable", "time exceeded"}


@pytest.mark.parametrize("wrong", [{"x": "ttl"}, {"prediction": "soon"}, {"truth": [1]}])
def test_wrong_arguments_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        plot.rtt(probes(1.0), **wrong)  # type: ignore[arg-type]


def test_wrong_table_is_named() -> None:
    with pytest.raises(UsageError, match="rtt_ms"):
        plot.rtt(probes(1.0).drop(columns="rtt_ms"))
    with pytest.raises(UsageError, match="wanted"):
        plot.rtt([1, 2, 3])  # type: ignore[arg-type]


@settings(max_examples=30)  # each draws a figure
@given(DELAYS)
def test_any_table_is_drawn_and_nothing_is_left_out(delays: list[float | str | None]) -> None:
    figure = plot.rtt(probes(*delays))
    points = sum(len(series.x) for series in figure.series if series.label != "timeout")
    assert points == len(delays)
    assert "nan" not in figure.alt
    low, high = figure.axes[0].get_ylim()
    assert low == 0 and all(delay <= high for delay in delays if isinstance(delay, float))
