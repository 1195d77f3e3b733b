"""The map of a world: hosts are squares, routers circles, and the vantage, where measurements start, is framed twice.

Drawn from the model that runs, so it cannot disagree with it. A path is a thick line with arrows; the way back may
be another one and is drawn dashed, on the other side of the links.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import hypot
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.layout import Point, positions
from netlab.plot.style import BEHIND_TEXT, BLUE, INK, ORANGE, PAPER, QUIET, SKY, SMALL, VERMILLION, YELLOW, canvas

CROWDED = 24
"""With more nodes than this only hosts, the vantage and the path have their names written."""

MANY_LINKS = 20
"""With more links than this their delays are not written."""

NODE = 260
"""Area of a node's marker, square points; half of it in a world with more than LONG columns."""

LONG = 8

LANE = 3
"""How far the way there and the way back are moved apart, points to each side."""

MARKERS = {"host": "s", "router": "o"}
COLOURS = {"host": ORANGE, "router": SKY}
PLAIN: dict[str, Any] = {"color": QUIET, "linewidth": 1.6}


class World(Protocol):
    """What is read of a world (`netlab.world` gives one)."""

    name: str
    vantage: str
    nodes: Any
    links: Any


@drawing
def topology(
    world: World,
    *,
    path: Sequence[str] | None = None,
    return_path: Sequence[str] | None = None,
    chosen: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the nodes and links of a world, with a path highlighted.

    Parameters
    ----------
    world
        A world from `netlab.world`, or a virtual network.
    path
        Names of nodes in order: drawn as a thick line with arrows; None: no path.
    return_path
        The way back, drawn dashed beside it; None: none.
    chosen
        The name of a node or link to emphasise; None: none.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``path`` or ``chosen`` names a node or link that the world does not have.
    """
    world = getattr(world, "world", world)
    nodes: Mapping[str, Any] = world.nodes
    for argument, names in (("path", path), ("return_path", return_path)):
        unknown = [name for name in names or () if name not in nodes]
        if unknown:
            raise UsageError(argument, unknown, f"nodes of {world.name} are {', '.join(nodes)}")
    if chosen is not None and chosen not in nodes and chosen not in {link.name for link in world.links}:
        raise UsageError("chosen", chosen, f"not a node or link of {world.name}")
    places = {name: (node.latitude, node.longitude) for name, node in nodes.items() if node.latitude is not None}
    points = positions(list(nodes), [link.ends for link in world.links], world.vantage, places)
    columns = Counter(round(x, 3) for x, _ in points.values())
    height = min(5.5, max(1.7, 0.9 + 0.62 * max(columns.values())))
    axes = ax if ax is not None else canvas(height)[1][0]
    axes.axis("off")
    axes.set_xlim(-0.1, 1.1)
    axes.set_ylim(-0.06, 1.04)

    _links(axes, world, points, chosen)
    both = bool(path and return_path)
    if return_path:
        _way(axes, [points[name] for name in return_path], VERMILLION, (0, (3, 1.2)), -LANE if both else 0)
    if path:
        _way(axes, [points[name] for name in path], BLUE, "-", LANE if both else 0)
    _nodes(axes, world, points, len(columns), set(path or ()) | set(return_path or ()), chosen)
    _key(axes, bool(path), bool(return_path), chosen in points)

    series = [
        Series("nodes", list(nodes), [node.kind for node in nodes.values()]),
        Series("links", [link.name for link in world.links], [link.forward.delay / 1e6 for link in world.links]),
    ]
    series += [
        Series(label, list(names), list(names))
        for label, names in (("path", path), ("return path", return_path))
        if names
    ]
    return Figure([axes], _alt(world, path, return_path, chosen), f"Map of the world {world.name}.", series)


def _links(axes: Axes, world: World, points: dict[str, Point], chosen: str | None) -> None:
    degree = Counter(end for link in world.links for end in link.ends)
    for link in world.links:
        (x1, y1), (x2, y2) = points[link.ends[0]], points[link.ends[1]]
        emphasis: dict[str, Any] = {"color": VERMILLION, "linewidth": 6} if link.name == chosen else PLAIN
        axes.plot([x1, x2], [y1, y2], zorder=1, linestyle=":" if link.down else "-", **emphasis)
        if len(world.links) > MANY_LINKS and link.name != chosen:
            continue
        # Links fan out from nodes with many of them: there is more room near the other end.
        near = 0.5 + 0.1 * (
            (degree[link.ends[0]] < degree[link.ends[1]]) - (degree[link.ends[0]] > degree[link.ends[1]])
        )
        axes.annotate(
            "down" if link.down else say.ms(link.forward.delay / 1e6),
            (near * x1 + (1 - near) * x2, near * y1 + (1 - near) * y2),
            xytext=(20, 0) if abs(x1 - x2) < abs(y1 - y2) / 5 else (0, 13),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SMALL,
            color=QUIET,
            zorder=4,
            bbox=BEHIND_TEXT,
        )


def _way(axes: Axes, points: list[Point], colour: str, style: Any, lane: float) -> None:
    """A thick line with an arrowhead on each link, moved by ``lane`` points so that two ways do not hide each other."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    shift = axes.transData + ScaledTranslation(0, lane / 72, figure.dpi_scale_trans)
    axes.plot(*zip(*points, strict=True), color=colour, linewidth=3.5, linestyle=style, transform=shift, zorder=2)
    for (x1, y1), (x2, y2) in pairwise(points):
        if hypot(x2 - x1, y2 - y1) > 0:
            tail, head = (0.6 * x1 + 0.4 * x2, 0.6 * y1 + 0.4 * y2), (0.46 * x1 + 0.54 * x2, 0.46 * y1 + 0.54 * y2)
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2, "mutation_scale": 18, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", head, tail, xycoords=shift, textcoords=shift, arrowprops=arrow, zorder=3)


def _nodes(
    axes: Axes, world: World, points: dict[str, Point], columns: int, on_path: set[str], chosen: str | None
) -> None:
    long = columns > LONG
    area = NODE / 2 if long else NODE
    if chosen in points:
        axes.scatter(
            *points[chosen], marker="o", s=3.5 * area, color=YELLOW, edgecolor=VERMILLION, linewidth=3, zorder=4
        )
    axes.scatter(
        *points[world.vantage],
        marker=MARKERS[world.nodes[world.vantage].kind],
        s=2.3 * area,
        color=PAPER,
        edgecolor=INK,
        zorder=5,
    )
    for name, (x, y) in points.items():
        node = world.nodes[name]
        axes.scatter(
            x, y, marker=MARKERS[node.kind], s=area, color=COLOURS[node.kind], edgecolor=INK, linewidth=1.4, zorder=5
        )
        emphasised = name in on_path or name == chosen
        if len(points) > CROWDED and node.kind == "router" and not emphasised:
            continue
        # In a long chain neighbouring names would touch: every second one stands above its node.
        above = long and round(x * (columns - 1)) % 2 == 1
        axes.annotate(
            f"{name} (down)" if node.down else name,
            (x, y),
            xytext=(0, 17 if above else -22 if name == chosen else -15),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=SMALL,
            color=INK,
            fontweight="bold" if emphasised else "normal",
            zorder=6,
            bbox=BEHIND_TEXT,
        )


def _key(axes: Axes, there: bool, back: bool, chosen: bool) -> None:
    """The legend, made of small copies of what is drawn."""
    dot: dict[str, Any] = {"linestyle": "none", "markersize": 10, "markeredgecolor": INK}
    handles = [Line2D([], [], marker=MARKERS[kind], color=COLOURS[kind], label=kind, **dot) for kind in MARKERS]
    handles.append(Line2D([], [], marker="s", color=PAPER, label="start", **{**dot, "markersize": 12}))
    if there:
        handles.append(Line2D([], [], color=BLUE, linewidth=3.5, label="way there"))
    if back:
        handles.append(Line2D([], [], color=VERMILLION, linewidth=3.5, linestyle=(0, (3, 1.2)), label="way back"))
    if chosen:
        ring = {**dot, "markeredgecolor": VERMILLION, "markeredgewidth": 2.5}
        handles.append(Line2D([], [], marker="o", color=YELLOW, label="chosen", **ring))
    figure = axes.get_figure(root=True)
    assert figure is not None
    axes.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=6,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handletextpad=0.4,
        columnspacing=1.1,
        borderaxespad=0.0,
    )


def _alt(world: World, path: Sequence[str] | None, return_path: Sequence[str] | None, chosen: str | None) -> str:
    hosts = sum(node.kind == "host" for node in world.nodes.values())
    numbers = [_plural("host", hosts), _plural("router", len(world.nodes) - hosts), _plural("link", len(world.links))]
    text = f"{numbers[0]}, {numbers[1]} and {numbers[2]}; measured from {world.vantage}."
    if path:
        text += f" The way from {path[0]} to {path[-1]} is {' – '.join(path)}"
        delay = _delay(world, path)
        text += (
            f": {_plural('link', len(path) - 1)}, {say.ms(delay)} of propagation one way." if delay is not None else "."
        )
    if return_path:
        same = list(return_path) == list(reversed(list(path or ())))
        text += " The way back is the same." if same else f" The way back is {' – '.join(return_path)}."
    if chosen:
        text += f" Chosen: {chosen}."
    return text


def _delay(world: World, path: Sequence[str]) -> float | None:
    """The sum of the configured delays along a path, ms; None where two nodes of it share no link."""
    total = 0.0
    for a, b in pairwise(path):
        for link in world.links:
            if set(link.ends) == {a, b}:
                total += (link.forward if link.ends[0] == a else link.backward).delay / 1e6
                break
        else:
            return None
    return total


def _plural(word: str, count: int) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
