"""`plot.exchanges` and `plot.over_load`: percentiles, statuses, and what the alt texts say."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import frames, plot, stats
from netlab.errors import UsageError
from netlab.internet.model import EPOCH
from netlab.plot.log_over_time import CLASSES, PERCENTILES, class_of, stretch
from netlab.plot.style import FILLS, INK, LINES, PAPER
from tests.plot.contrast import contrast


def log(*requests: tuple[float, float | None, int | None]) -> Any:
    """A log from (seconds after the start, ms until the last byte, status)."""
    rows = [
        {"started_at": EPOCH + int(at * 1e9), "total_ms": took, "status": status, "network": "virtual:sample"}
        for at, took, status in requests
    ]
    return frames.table(rows, frames.EXCHANGES)


def steady(count: int, took: float = 10.0, status: int = 200) -> Any:
    """One request every 100 ms, each slower than the one before by 1 ms."""
    return log(*((0.1 * number, took + number, status) for number in range(count)))


def drawn(figure: plot.Figure) -> dict[str, list[tuple[float, float]]]:
    return {series.label: list(zip(series.x, series.y, strict=True)) for series in figure.series}  # type: ignore[arg-type]


def test_each_request_is_a_point_at_its_time() -> None:
    points = drawn(plot.exchanges(log((0, 10, 200), (1.5, 20, 200), (3, 90, 404))))["request"]
    assert points == [(0, 10), (1.5, 20), (3, 90)]


def test_percentiles_are_those_of_each_stretch() -> None:
    figure = plot.exchanges(steady(40))  # 3.9 s in five stretches of 1 s at most
    series = drawn(figure)
    assert [place for place, _ in series["median"]] == [0.5, 1.5, 2.5, 3.5]
    tens = [[10.0 + 10 * slot + number for number in range(10)] for slot in range(4)]
    for percent, label in ((50, "median"), (95, "95th percentile"), (99, "99th percentile")):
        assert [value for _, value in series[label]] == [stats.percentile(values, percent) for values in tens]


def test_statuses_are_counted_by_class_and_stacked() -> None:
    figure = plot.exchanges(
        log((0, 1, 200), (0.1, 1, 206), (0.2, 1, 304), (0.3, 1, 404), (0.4, 1, 503), (0.5, 1, None))
    )
    counts = {label: values[0][1] for label, values in drawn(figure).items() if label in CLASSES}
    assert counts == {"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 1, "no answer": 1}
    tops = [patch.get_y() + patch.get_height() for patch in figure.axes[1].patches]
    assert tops == [2, 3, 4, 5, 6]
    assert "requests in 0.5 s" in figure.axes[1].get_ylabel()


def test_classes_that_do_not_occur_are_not_in_the_legend() -> None:
    legend = plot.exchanges(steady(3)).axes[1].get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == ["2xx"]


def test_alt_text_counts_and_tells_percentiles() -> None:
    assert plot.exchanges(log((0, 10, 200), (1, 20, 404), (2, 30, None)), prediction=15).alt == (
        "3 requests (1 × 200, 1 × 404, 1 × no answer): median 20 ms, 95th percentile 29 ms, 99th percentile 29.8 ms. "
        "Your guess of 15 ms was 5 ms too low."
    )


def test_an_empty_log_is_said_too() -> None:
    figure = plot.exchanges(steady(0), prediction=3)
    assert figure.alt == "No requests. Your guess was 3 ms; there is nothing to compare it with."
    assert [text.get_text() for text in figure.axes[0].texts] == ["no requests"]
    assert figure.png() and figure.axes[0].get_position().height > 0.3, "the axes have their room"


def test_a_request_that_never_ended_is_counted_but_has_no_time() -> None:
    figure = plot.exchanges(log((0, None, None)))
    assert figure.alt == "1 request (1 × no answer): no time is known." and figure.png()


def test_limits_keep_the_axis_of_the_whole_run() -> None:
    assert plot.exchanges(steady(10), limits=(0, 20)).axes[1].get_xlim() == (0, 20)


@pytest.mark.parametrize("draw", [lambda frame: plot.exchanges(frame), lambda frame: plot.over_load({1: frame})])
def test_wrong_tables_are_named(draw: Any) -> None:
    with pytest.raises(UsageError, match=r"no column status; wanted: the log of a server, server\.log"):
        draw(steady(3).drop(columns="status"))
    with pytest.raises(UsageError, match="NoneType"):
        draw(None)


def test_wrong_axes_and_guesses_are_named() -> None:
    with pytest.raises(UsageError, match="two axes"):
        plot.exchanges(steady(3), ax=[])
    with pytest.raises(UsageError, match="prediction"):
        plot.exchanges(steady(3), prediction="soon")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="must be a dict"):
        plot.over_load(steady(3))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="load in requests per second"):
        plot.over_load({-1.0: steady(3)})
    with pytest.raises(UsageError, match="capacity"):
        plot.over_load({1.0: steady(3)}, capacity="much")  # type: ignore[arg-type]


def test_it_can_be_drawn_into_axes_of_ones_own() -> None:
    mine = plot.exchanges(steady(3)).axes
    assert plot.exchanges(steady(3), ax=mine).axes == mine


def test_each_load_has_its_percentiles_in_order_of_the_load() -> None:
    figure = plot.over_load({90: steady(20, 50), 10: steady(20, 10)}, capacity=100)
    series = drawn(figure)
    assert series["median"] == [(10, 19.5), (90, 59.5)]
    assert series["capacity"] == [(100, "all")]
    assert series["2xx"] == [(10, 100), (90, 100)]


def test_what_clients_saw_is_taken_if_the_table_tells() -> None:
    seen = steady(2).assign(latency_ms=[70.0, None])[["status", "latency_ms"]]
    assert drawn(plot.over_load({10: seen}))["median"] == [(10, 70)]


def test_what_is_refused_is_a_share_and_told() -> None:
    half = log(*((0.1 * number, 5, 200 if number % 2 else 503) for number in range(10)))
    alt = plot.over_load({10: steady(5), 120: half}, capacity=100, prediction=80).alt
    assert "From 120 per second on some are refused, 50 % at the highest load." in alt
    assert "The capacity is 100 per second. Your guess of the knee is 80 per second." in alt
    assert "Every request was answered." in plot.over_load({10: steady(5)}).alt


def test_the_line_of_a_formula_ends_at_the_capacity() -> None:
    line = drawn(plot.over_load({50: steady(50, 30), 100: steady(50, 400)}, truth=lambda load: 1e3 / (100 - load)))
    loads = [load for load, _ in line["formula"]]
    assert loads[0] == 0 and 90 < loads[-1] < 100
    assert line["formula"][0] == (0, 10)


def test_the_measured_mean_stands_beside_the_line_of_a_formula() -> None:
    """They differ, so no legend may call one of them the truth."""
    seen = steady(3).assign(latency_ms=[10.0, 30.0, None])[["status", "latency_ms"]]
    figure = plot.over_load({10: seen, 20: steady(2).assign(total_ms=None)}, truth=lambda load: 15)
    (first, second) = drawn(figure)["mean"]
    assert first == (10, 20) and second[1] != second[1]
    (mean,) = [line for line in figure.axes[0].get_lines() if line.get_label() == "mean"]
    assert next(iter(mean.get_ydata())) == 20 and mean.get_linestyle() == "None"
    (legend,) = figure.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert "mean by the formula" in labels and not any("truth" in label for label in labels)
    assert "mean from 20 ms" in figure.alt


def test_nothing_tried_is_said_too() -> None:
    figure = plot.over_load({})
    assert figure.alt == "No load was tried." and figure.png()


def test_classes_and_percentiles_differ_without_colour_and_are_visible() -> None:
    assert len({hatch for _, hatch in CLASSES.values()}) == len(CLASSES)
    assert all(fill in FILLS and contrast(INK, fill) >= 3 for fill, _ in CLASSES.values())
    assert len({marker for _, marker, _ in PERCENTILES.values()}) == len(PERCENTILES)
    assert all(colour in LINES and contrast(colour, PAPER) >= 3 for colour, _, _ in PERCENTILES.values())


@pytest.mark.parametrize("figure", [lambda: plot.exchanges(steady(30)), lambda: plot.over_load({1: steady(3)})])
def test_no_text_is_smaller_than_ten_points(figure: Any) -> None:
    from matplotlib.text import Text

    made = figure()
    made.png()
    texts = [text for text in made.figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert texts and min(text.get_fontsize() for text in texts) >= 10


def test_it_is_the_same_each_time() -> None:
    assert plot.exchanges(steady(30)).png() == plot.exchanges(steady(30)).png()


@pytest.mark.parametrize(("length", "most", "step"), [(3.9, 5, 1.0), (0.007, 1, 0.01), (120, 12, 10), (1e-6, 12, 1e-7)])
def test_a_stretch_has_a_round_length(length: float, most: int, step: float) -> None:
    assert stretch(length, most) == pytest.approx(step)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(101, "2xx"), (200, "2xx"), (304, "3xx"), (499, "4xx"), (599, "5xx"), (None, "no answer")],
)
def test_a_status_has_a_class(status: int | None, kind: str) -> None:
    assert class_of(status) == kind
