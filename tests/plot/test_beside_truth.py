"""`plot.beside_truth`: what a trace seems to show, false links crossed out, and the true graph."""

from __future__ import annotations

import pytest
from matplotlib.text import Text

from netlab import plot
from netlab.errors import UsageError
from tests.plot.traces import CLASSIC_TRUTH, classic, diamond


def written(figure: plot.Figure, side: int) -> set[str]:
    return {text.get_text() for text in figure.axes[side].findobj(Text)} - {""}


def series(figure: plot.Figure, label: str) -> list[object]:
    return next(list(each.x) for each in figure.series if each.label == label)


def test_false_links_are_named_and_marked() -> None:
    figure = plot.beside_truth(classic(), truth=CLASSIC_TRUTH)
    assert series(figure, "not real") == ["a1 – b2", "a2 – b1"]
    assert "not real" in written(figure, 0) and "not real" not in written(figure, 1)
    assert figure.alt == (
        "The trace seems to show 9 links; 2 of them are not real: a1 – b2, a2 – b1. "
        "Really there are 8 links; 1 of them was not seen."
    )


def test_links_that_are_not_certain_are_dashed_also_where_they_are_false() -> None:
    axes = plot.beside_truth(classic(), truth=CLASSIC_TRUTH).axes[0]
    false = [line for line in axes.lines if line.get_color() == "#D55E00" and len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    assert false and all(line.get_linestyle() == "--" for line in false)


def test_both_sides_have_their_titles_and_one_legend_does() -> None:
    figure = plot.beside_truth(classic(), truth=CLASSIC_TRUTH)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["what the trace shows", "what is there"]
    assert len(figure.figure.legends) == 1


def test_the_true_side_has_every_node_once_in_its_row() -> None:
    figure = plot.beside_truth(classic(), truth=CLASSIC_TRUTH)
    assert {"laptop", "g", "a1", "a2", "b1", "b2", "j", "www"} <= written(figure, 1)
    assert series(figure, "true links")[3:5] == ["a1 – b1", "a2 – b2"]


def test_what_was_missed_is_not_drawn_on_the_left() -> None:
    ways = ["laptop gateway", "gateway b1", "gateway b2", "b1 join", "b2 join", "join www"]
    figure = plot.beside_truth(diamond(2, flows=1), truth=[tuple(way.split()) for way in ways])
    assert "b2" not in written(figure, 0) and "b2" in written(figure, 1)
    assert figure.alt.startswith("The trace seems to show 4 links; all of them exist.")


def test_a_loop_in_the_truth_does_not_hang() -> None:
    assert plot.beside_truth(diamond(1), truth=[("laptop", "gateway"), ("gateway", "b1"), ("b1", "gateway")]).axes


def test_a_truth_without_links_is_refused() -> None:
    with pytest.raises(UsageError, match="has no links"):
        plot.beside_truth(classic(), truth=[])
