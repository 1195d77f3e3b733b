"""Contrast of figures: computed, not judged by eye (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import pytest

from netlab import plot
from netlab.plot import style
from netlab.plot.way_on_map import LAND
from tests.plot import traces
from tests.plot.contrast import contrast
from tests.plot.sample import CHAIN, mixed, world


@pytest.mark.parametrize("colour", [style.INK, style.QUIET])
def test_text_is_readable_on_the_paper(colour: str) -> None:
    assert contrast(colour, style.PAPER) >= 4.5


@pytest.mark.parametrize("colour", sorted({*style.LINES, *(look.colour for look in style.OUTCOMES.values())}))
def test_lines_and_markers_are_visible_on_the_paper(colour: str) -> None:
    assert contrast(colour, style.PAPER) >= 3


@pytest.mark.parametrize("fill", [*style.FILLS, style.ORANGE, style.SKY])
def test_edges_and_hatches_are_visible_on_fills(fill: str) -> None:
    assert contrast(style.INK, fill) >= 3


@pytest.mark.parametrize("colour", [style.BLUE, style.VERMILLION, style.INK, style.QUIET])
def test_ways_and_texts_are_visible_on_land(colour: str) -> None:
    assert contrast(colour, LAND) >= (4.5 if colour in (style.INK, style.QUIET) else 3)


def test_pale_colours_only_fill_areas() -> None:
    pale = {style.YELLOW, style.SKY, style.ORANGE, style.PINK}
    assert not pale & {*style.LINES, *(colour for colour, _ in style.GROUPS)}
    assert style.GUESS["color"] not in pale and style.TRUTH["color"] not in pale


def test_outcomes_differ_without_colour() -> None:
    assert len({(look.marker, look.filled) for look in style.OUTCOMES.values()}) == len(style.OUTCOMES)
    assert len({marker for _, marker in style.GROUPS}) == len(style.GROUPS)
    assert len(set(style.HATCHES)) == len(style.HATCHES)


def test_colours_are_those_of_okabe_and_ito() -> None:
    assert " ".join(style.OKABE_ITO) == "#E69F00 #56B4E9 #009E73 #F0E442 #0072B2 #D55E00 #CC79A7 #000000"


@pytest.mark.parametrize(
    "figure",
    [
        lambda: plot.rtt(mixed(), prediction=3, truth=4),
        lambda: plot.distribution(mixed(), prediction=3),
        lambda: plot.loss(mixed(), prediction=0.3),
        lambda: plot.topology(world(*CHAIN), path=["laptop", "gateway"], chosen="core"),
        lambda: plot.hops(traces.mixed(), truth=["laptop", "gateway"]),
        lambda: plot.probes(traces.mixed()),
        lambda: plot.path(traces.classic(), truth=traces.CLASSIC_TRUTH),
        lambda: plot.world_map(traces.abroad(traces.LISBON, None, traces.NEW_YORK)),
    ],
)
def test_no_text_is_smaller_than_ten_points(figure) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.text import Text

    made = figure()
    made.png()
    texts = [text for text in made.figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert texts and min(text.get_fontsize() for text in texts) >= 10


def test_axes_have_titles_with_units() -> None:
    for figure in (plot.rtt(mixed()), plot.distribution(mixed()), plot.loss(mixed())):
        for ax in figure.axes:
            assert ax.get_xlabel() and ax.get_ylabel()
    assert "(ms)" in plot.rtt(mixed()).axes[0].get_ylabel()
    assert "(s)" in plot.rtt(mixed(), x="time").axes[0].get_xlabel()
    assert "(%)" in plot.loss(mixed()).axes[0].get_ylabel()
