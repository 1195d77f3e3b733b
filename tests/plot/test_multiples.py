"""Small multiples: one look for all, labelled once, and wrong input told."""

from __future__ import annotations

import pytest

from netlab import plot
from netlab.errors import UsageError
from netlab.plot.multiples import grid, hops_of, name_of, times, together
from tests.plot.traces import mixed, plain, probe, silent, table


def test_probes_beyond_the_end_are_left_out() -> None:
    hops = hops_of(mixed())[""]
    assert list(hops) == [1, 2, 3, 4, 5, 6]
    assert name_of(hops) == "www"


def test_only_answers_have_times() -> None:
    assert times([probe(1, "192.0.2.1", 2.0), probe(1)]) == [2.0]


def test_all_axes_have_the_same_limits_and_the_outer_ones_the_titles() -> None:
    figure = plot.hop_times({str(n): mixed() if n % 2 else silent() for n in range(5)})
    assert len(figure.axes) == 5
    assert len({axes.get_ylim() for axes in figure.axes}) == len({axes.get_xlim() for axes in figure.axes}) == 1
    assert [bool(axes.get_ylabel()) for axes in figure.axes] == [True, False, False, True, False]
    assert [bool(axes.get_xlabel()) for axes in figure.axes] == [False, False, True, True, True]
    assert [axes.get_title(loc="left") for axes in figure.axes] == list("01234")


def test_there_is_one_legend_and_each_kind_is_in_it_once() -> None:
    figure = plot.hop_times({"a": mixed(), "b": plain()})
    (legend,) = figure.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert sorted(labels) == sorted(set(labels)) and "the destination's median" in labels


def test_given_axes_show_one_measurement_only() -> None:
    axes = plot.hop_times(plain()).axes[0]
    assert grid(1, axes) == [axes]
    with pytest.raises(UsageError, match="one axes cannot show 2 measurements"):
        plot.hop_times({"a": plain(), "b": plain()}, ax=axes)


def test_nothing_to_compare_is_told() -> None:
    with pytest.raises(UsageError, match="is empty"):
        plot.hop_loss({})


def test_a_ping_is_no_trace() -> None:
    with pytest.raises(UsageError, match="as those of netlab"):
        plot.hop_times(table(probe(64, "203.0.113.80", 2.0, "reply")))


def test_one_finding_begins_with_a_capital_and_several_keep_their_names() -> None:
    assert together(["hop 4 is slow."]) == "Hop 4 is slow."
    assert together(["a: one.", "b: two."]) == "2 measurements. a: one. b: two."
