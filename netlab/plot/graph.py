"""Drawing a layered graph: one row of boxes per TTL, lines between the rows.

Boxes stand upright where a row has too many of them to lie side by side, so that a diamond 16 wide is still readable.
The order inside a row is by the mean place of the neighbours above, then below, which removes most crossings; no random
numbers, ties broken by address. Everything is laid out in inches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from netlab.plot import trace
from netlab.plot.style import (
    BEHIND_TEXT,
    BLACK,
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    QUIET,
    SKY,
    SMALL,
    VERMILLION,
    WIDTH,
    note,
)

if TYPE_CHECKING:
    import networkx as nx

Key = tuple[int, str]
Layers = dict[int, list[Key]]
Texts = Mapping[Key, tuple[str, ...]]

LINE, PAD = 0.17, 0.14
"""Height of a line of text, and what its box adds, inches."""

GAPS = ((1, 0.34), (6, 0.62), (10**9, 0.85))
"""Inches between two rows of boxes, by the number of links there: a single one needs no room for lines that cross."""

INTO = 0.07
"""Inches that a line goes on behind a box, so that no gap is seen."""

MARGIN = 0.45
"""Inches on the left for the TTLs, and half as much on the right."""

BESIDE = 0.12
"""Inches between boxes that lie side by side."""

LYING, STANDING = 40, 24
"""Characters of a line of text in a box that lies and in one that stands."""

THIN, THICK = 1.3, 5.0
"""Line widths of the link with the fewest and with the most probes, points."""

WRITTEN = 6
"""More words than this on links of one kind are left out; the legend has them all the same."""

BEFORE = 0.34
"""Where on a link its word stands, as a share of its length."""

SWEEPS = 6

DASHES: dict[str, Any] = {"linestyle": (0, (3.5, 1.8))}
DOTS: dict[str, Any] = {"linestyle": (0, (1, 2))}


def layered(graph: nx.DiGraph) -> Layers:
    """The nodes of each TTL from left to right."""
    layers: Layers = {}
    for key in sorted(graph, key=lambda key: (key[0], _numeric(key[1]))):
        layers.setdefault(key[0], []).append(key)
    for sweep in range(SWEEPS):
        places = {key: (i + 0.5) / len(row) for row in layers.values() for i, key in enumerate(row)}
        downwards = sweep % 2 == 0
        for ttl in sorted(layers, reverse=not downwards):
            row = layers[ttl]
            wish = {}
            for key in row:
                near = list(graph.predecessors(key) if downwards else graph.successors(key))
                wish[key] = sum(places[other] for other in near) / len(near) if near else places[key]
            row.sort(key=wish.__getitem__)
            places.update({key: (i + 0.5) / len(row) for i, key in enumerate(row)})
    return layers


def _numeric(text: str) -> list[tuple[int, str]]:
    """Sort addresses by their numbers: 198.51.100.9 before 198.51.100.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in text.replace(":", ".").split(".")]


def width_of(layers: Layers) -> float:
    """Inches; the usual width, more only for rows wider than it can hold even upright."""
    most = max(map(len, layers.values()), default=0)
    return max(WIDTH, 1.5 * MARGIN + most * (LINE + PAD + 0.04))


def height_of(graph: nx.DiGraph, layers: Layers, texts: Texts) -> float:
    rows = [_Row(keys, texts, width_of(layers)).height for keys in layers.values()]
    return max(1.8, 0.75 + sum(rows) + sum(_gap(graph, ttl) for ttl in list(layers)[:-1]))


def _gap(graph: nx.DiGraph, ttl: int) -> float:
    """The room below a row."""
    links = sum(near[0] == ttl for near, _ in graph.edges)
    return next(inches for most, inches in GAPS if links <= most)


class _Row:
    """How the boxes of one TTL are drawn: lying or standing, with one or two lines."""

    def __init__(self, keys: Sequence[Key], texts: Texts, width: float) -> None:
        room = (width - 1.5 * MARGIN) / max(len(keys), 1)
        lying = {key: [trace.trimmed(line, LYING) for line in texts[key]] for key in keys}
        self.widths = {key: max(map(trace.width_of, lines), default=0.1) + PAD for key, lines in lying.items()}
        self.standing = sum(self.widths.values()) + BESIDE * len(keys) > width - 1.5 * MARGIN
        if not self.standing:
            self.texts = lying
            self.heights = {key: LINE * max(len(lines), 1) + PAD for key, lines in lying.items()}
        else:
            lines_each = 2 if room >= 2 * LINE + PAD + 0.04 else 1
            self.texts = {key: [trace.trimmed(line, STANDING) for line in texts[key][:lines_each]] for key in keys}
            self.heights = {
                key: max(map(trace.width_of, lines), default=LINE) + PAD for key, lines in self.texts.items()
            }
            self.widths = dict.fromkeys(keys, room)
        self.height = max(self.heights.values(), default=0.0)
        self.places = self._places(keys, width)

    def _places(self, keys: Sequence[Key], width: float) -> dict[Key, float]:
        """x of each box: in equal parts of the width, or one behind the other where a box is wider than its part."""
        space = width - 1.5 * MARGIN
        part = space / max(len(keys), 1)
        if self.standing or max(self.widths.values(), default=0.0) + BESIDE <= part:
            return {key: MARGIN + (i + 0.5) * part for i, key in enumerate(keys)}
        free = (space - sum(self.widths.values())) / len(keys)
        places, x = {}, MARGIN
        for key in keys:
            places[key] = x + (free + self.widths[key]) / 2
            x += free + self.widths[key]
        return places


def draw(axes: Axes, graph: nx.DiGraph, layers: Layers, texts: Texts, doubt: str, compared: bool) -> None:
    """Draw nodes and links; ``doubt`` is the word for links that are not certain."""
    axes.axis("off")
    if not graph:
        note(axes, "no hop answered")
        return
    width = width_of(layers)
    places: dict[Key, tuple[float, float, float]] = {}
    rows = {ttl: _Row(keys, texts, width) for ttl, keys in layers.items()}
    top = bottom = 0.0
    for ttl, row in rows.items():
        middle = top + row.height / 2
        axes.text(0.12, middle, str(ttl) if ttl else "", fontsize=SMALL, color=QUIET, ha="center", va="center")
        for key in layers[ttl]:
            places[key] = (row.places[key], middle - row.heights[key] / 2, middle + row.heights[key] / 2)
            _box(axes, graph, key, row, middle)
        bottom, top = top + row.height, top + row.height + _gap(graph, ttl)
    first = next((ttl for ttl in rows if ttl), None)
    if first is not None:
        axes.text(0.12, -0.02, "TTL", fontsize=SMALL, color=QUIET, ha="center", va="center")
    axes.set_xlim(0, width)
    axes.set_ylim(bottom + 0.08, -0.1)
    _links(axes, graph, places, doubt)
    _key(axes, graph, doubt, compared)


def _box(axes: Axes, graph: nx.DiGraph, key: Key, row: _Row, middle: float) -> None:
    data, x = graph.nodes[key], row.places[key]
    if not row.texts[key]:
        axes.plot(
            x, middle, marker="o", markersize=13, color=PAPER, markeredgecolor=QUIET, markeredgewidth=1.6, zorder=5
        )
        return
    end, start, ghost = data["end"], key[0] == 0, bool(data.get("ghost"))
    axes.text(
        x,
        middle,
        "\n".join(row.texts[key]),
        rotation=90 if row.standing else 0,
        fontsize=SMALL,
        color=INK,
        fontweight="bold" if end else "normal",
        fontstyle="italic" if ghost else "normal",
        ha="center",
        va="center",
        zorder=6,
        bbox={
            "boxstyle": "round,pad=0.25",
            "facecolor": PAPER if ghost else ORANGE if start or end else SKY,
            "edgecolor": QUIET if ghost else INK,
            "linewidth": 2.4 if end else 1.0,
            "linestyle": ":" if ghost else "-",
        },
    )


def _links(axes: Axes, graph: nx.DiGraph, places: Mapping[Key, tuple[float, float, float]], doubt: str) -> None:
    most = max((probes for _, _, probes in graph.edges(data="probes")), default=1) or 1
    kinds: dict[str, int] = {}
    edges = sorted(graph.edges(data=True), key=lambda edge: edge[:2])
    for _, _, data in edges:
        kinds[_word(data, doubt)] = kinds.get(_word(data, doubt), 0) + 1
    for near, far, data in edges:
        (x1, _, y1), (x2, y2, _) = places[near], places[far]
        line = THIN + (THICK - THIN) * data["probes"] / most
        xs, ys = [x1, x2], [y1 - INTO, y2 + INTO]
        if data.get("real"):
            axes.plot(xs, ys, color=GREEN, linewidth=line + 6, alpha=0.4, solid_capstyle="round", zorder=1)
        look: dict[str, Any] = {"color": BLUE, "linewidth": line, "zorder": 2}
        if not data["certain"]:
            look["linestyle"] = (0, (7 / line, 3.5 / line))  # the same length however thick, also in a short line
        if data.get("missed"):
            look = {"color": BLACK, "linewidth": 2.2, "zorder": 2, **DOTS}
        elif data.get("real") is False:
            look = {**look, "color": VERMILLION}
        axes.plot(xs, ys, solid_capstyle="butt", dash_capstyle="butt", **look)
        # Links that cross do so in the middle, and many links of one node leave more room at their other ends.
        share = 1 - BEFORE if graph.out_degree(near) > graph.in_degree(far) else BEFORE
        at = (x1 + share * (x2 - x1), y1 + share * (y2 - y1))
        if data.get("real") is False:
            axes.plot(*at, marker="x", markersize=9, markeredgewidth=2.6, color=VERMILLION, zorder=5)
        word = _word(data, doubt)
        if word in ("", "inferred") or kinds[word] > WRITTEN:
            continue
        axes.annotate(
            word,
            at,
            xytext=(11, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=SMALL,
            color=INK,
            zorder=4,
            bbox=BEHIND_TEXT,
        )


def _word(data: Mapping[str, Any], doubt: str) -> str:
    if data.get("missed"):
        return "missed"
    if data.get("real") is False:
        return "not real"
    return "" if data["certain"] else doubt


def _key(axes: Axes, graph: nx.DiGraph, doubt: str, compared: bool) -> None:
    """The legend: only what is drawn."""
    edges = [data for _, _, data in graph.edges(data=True)]
    handles = []
    if any(data["certain"] and not data.get("missed") for data in edges):
        handles.append(Line2D([], [], color=BLUE, linewidth=3, label="link"))
    if not all(data["certain"] for data in edges):
        handles.append(Line2D([], [], color=BLUE, linewidth=2, label=doubt, **DASHES))
    if compared:
        handles.append(Line2D([], [], color=GREEN, linewidth=8, alpha=0.4, label="real"))
    if any(data.get("real") is False for data in edges):
        cross: dict[str, Any] = {"marker": "x", "markersize": 8, "markeredgewidth": 2.4}
        handles.append(Line2D([], [], color=VERMILLION, linewidth=2, label="not real", **cross))
    if any(data.get("missed") for data in edges):
        handles.append(Line2D([], [], color=BLACK, linewidth=2.2, label="missed", **DOTS))
    if any(not data["address"] and not data.get("ghost") for _, data in graph.nodes(data=True)):
        dot: dict[str, Any] = {"marker": "o", "markersize": 10, "markeredgecolor": QUIET, "markeredgewidth": 1.6}
        handles.append(Line2D([], [], linestyle="none", color=PAPER, label="no answer", **dot))
    if any(data["end"] for _, data in graph.nodes(data=True)):
        box: dict[str, Any] = {"marker": "s", "markersize": 10, "markeredgecolor": INK, "markeredgewidth": 2.2}
        handles.append(Line2D([], [], linestyle="none", color=ORANGE, label="destination", **box))
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=6,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handletextpad=0.5,
        columnspacing=1.1,
        borderaxespad=0.2,
        handlelength=2.0,
    )
