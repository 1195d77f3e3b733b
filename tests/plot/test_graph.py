"""The layered layout: rows by TTL, few crossings, boxes that do not touch."""

from __future__ import annotations

import networkx as nx
import pytest
from matplotlib.text import Text

from netlab import plot
from netlab.plot.graph import layered
from tests.plot.traces import CLASSIC_TRUTH, classic, diamond, long, mixed, plain


def graph(*links: tuple[str, str]) -> nx.DiGraph:
    """Nodes are written as TTL and name: 1a."""
    made = nx.DiGraph()
    made.add_edges_from(((int(a[0]), a[1:]), (int(b[0]), b[1:])) for a, b in links)
    return made


def test_rows_are_ttls() -> None:
    layers = layered(graph(("0s", "1a"), ("1a", "2b"), ("1a", "2c")))
    assert {ttl: len(keys) for ttl, keys in layers.items()} == {0: 1, 1: 1, 2: 2}


def test_crossings_are_removed() -> None:
    layers = layered(graph(("0s", "1a"), ("0s", "1b"), ("1a", "2y"), ("1b", "2x")))
    assert [name for _, name in layers[1]] == ["a", "b"] and [name for _, name in layers[2]] == ["y", "x"]


def test_addresses_are_sorted_by_their_numbers() -> None:
    names = [f"192.0.2.{number}" for number in (10, 9, 100)]
    made = nx.DiGraph()
    made.add_edges_from(((0, "s"), (1, name)) for name in names)
    assert [name for _, name in layered(made)[1]] == ["192.0.2.9", "192.0.2.10", "192.0.2.100"]


FIGURES = {
    "plain": lambda: plot.path(plain()),
    "mixed": lambda: plot.path(mixed()),
    "classic": lambda: plot.path(classic(), truth=CLASSIC_TRUTH),
    "4 wide": lambda: plot.path(diamond(4)),
    "16 wide": lambda: plot.path(diamond(16)),
    "40 wide": lambda: plot.path(diamond(40)),
    "30 hops": lambda: plot.path(long()),
}


@pytest.mark.parametrize("name", FIGURES)
def test_boxes_neither_touch_nor_leave_the_figure(name: str) -> None:
    figure = FIGURES[name]()
    figure.figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if isinstance(text, Text) and text.get_bbox_patch() is not None]
    boxes = [text.get_bbox_patch().get_window_extent() for text in texts if text.get_zorder() == 6]  # type: ignore[union-attr]
    assert len(boxes) >= 4
    whole = figure.figure.bbox
    for index, box in enumerate(boxes):
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert not any(box.overlaps(other) for other in boxes[:index])


def test_uncertain_links_are_dashed_and_missed_ones_dotted() -> None:
    lines = plot.path(classic(), truth=CLASSIC_TRUTH).axes[0].lines
    styles = {str(line.get_linestyle()) for line in lines if len(line.get_xdata()) == 2}
    assert "-" in styles and "--" in styles
    markers = [line for line in lines if line.get_marker() == "x"]
    assert len(markers) == 2, "false links have a sign that does not need colour"


def test_the_legend_names_what_is_drawn_and_nothing_else() -> None:
    def legend(figure: plot.Figure) -> set[str]:
        return {text.get_text() for text in figure.figure.legends[0].get_texts()}

    assert legend(plot.path(plain())) == {"link", "destination"}
    assert legend(plot.path(classic())) == {"link", "inferred", "destination"}
    assert legend(plot.path(classic(), truth=CLASSIC_TRUTH)) >= {"real", "not real", "missed"}
    assert "no answer" in legend(plot.path(mixed()))
