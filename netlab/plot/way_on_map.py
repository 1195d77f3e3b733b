"""The hops of a traceroute on a map of the world, joined in the order of their TTLs.

A map tells only what is known: hops without a place are listed below it and never guessed from their neighbours. Where
such hops lie between two stops the line is dashed, since nobody knows what way it took. All lines are straight on the
map (equirectangular projection); a cable follows neither them nor the great circle. Places are those of the virtual
internet's routers, or what a database says of real addresses, which is often the place of a company's office.

Lines take the shorter way around: one that crosses the date line leaves the map on one side and enters on the other, or
the map is moved so that it lies in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from os import PathLike
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Affine2D

from netlab.plot import data as say
from netlab.plot import trace
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.land import land
from netlab.plot.places import reader
from netlab.plot.stops import SILENT, Stop, listed, places_of, range_of, stops_of
from netlab.plot.style import BLUE, GRID, INK, PAPER, QUIET, SMALL, VERMILLION, WIDTH, canvas, note
from netlab.plot.trace import Row

if TYPE_CHECKING:
    from pandas import DataFrame

LAND, COAST = "#E4E4E0", "#8A8A84"
"""Fill and edge of land: pale, so that everything on it keeps its contrast."""

NARROWEST = 36.0
"""Degrees of longitude that a map shows at least: closer than that, coasts at 1:110m are only corners."""

WHOLE = 250.0
"""From so many degrees on the whole world is shown."""

SHAPE = 2.0
"""Width of the map by its height, as that of the whole world."""

SOUTH, NORTH = -60.0, 84.0
"""What the whole world shows: no hop stands in Antarctica, unless one does."""

LINE = 0.2
"""Inches of a line of the list below the map."""


@drawing
def world_map(
    frame: DataFrame,
    *,
    database: str | PathLike[str] | None = None,
    whole: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw the hops of a traceroute on a map of the world; hops without a place are listed below it.

    Parameters
    ----------
    frame
        A PROBES table from `traceroute`, of one destination, with places in ``latitude`` and ``longitude`` (the
        virtual internet's are there).
    database
        A file in MaxMind's format (``.mmdb``) with places of addresses, such as GeoLite2 City. All places then come
        from it and none from the table. It needs the package maxminddb: ``pip install 'netlab-workbook[maps]'``.
    whole
        True: the whole world; False: as much of it as the way needs.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``frame`` is not a table of a traceroute, has no rows or more than one destination; ``database`` is no such
        file, or maxminddb is not installed.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("transatlantic")
    >>> print(world_map(netlab.traceroute("www")).alt)
    The way in order of its hops: Lisbon (hop 1–2), London (hop 3), New York (hop 4–5).

    Source
    ------
    Coastlines: Natural Earth, 1:110m, public domain.
    """
    rows = [
        row for row in trace.traced(frame, beyond=False) if row["responder"] or not trace.flagged(row, "last-ditch")
    ]
    labels = trace.labels_of(rows)
    places = reader(database)(rows) if database is not None else places_of(rows)
    stops, lost = stops_of(rows, places)
    told = listed(stops, lost, labels)
    west, east, south, north = _view(stops, whole)
    axes = ax
    if axes is None:
        height = (WIDTH - 0.75) * (north - south) / (east - west) + 0.45
        axes = canvas(height + LINE * len(told) + 0.15)[1][0]

    _ground(axes, west, east, south, north)
    _lines(axes, stops)
    _numbers(axes, stops)
    if not stops:
        note(axes, "no hop has a place" if trace.responders(rows) else "no hop answered")
    axes.annotate(
        "\n".join(told), (0, 0), (0, -24), "axes fraction", "offset points", fontsize=SMALL, color=INK, va="top"
    )
    source = "the database" if database is not None else "the table"
    caption = f"World map{trace.frame_where(frame, rows)}; places from {source}, coastlines from Natural Earth."
    series = [
        Series("stops", [stop.number for stop in stops], [stop.place.text for stop in stops]),
        Series("places", [stop.place.longitude for stop in stops], [stop.place.latitude for stop in stops]),
        Series("without a place", [ttl for ttl, _ in lost], [word for _, word in lost]),
    ]
    return Figure([axes], _alt(rows, stops, lost), caption + labels.told, series)


# The map ---------------------------------------------------------------------------------------------------


def _view(stops: Sequence[Stop], whole: bool) -> tuple[float, float, float, float]:
    """West, east, south and north of what is shown, degrees; west may lie before -180 or east behind 180."""
    latitudes = [stop.place.latitude for stop in stops]
    south, north = min([SOUTH, *(value - 4 for value in latitudes)]), max([NORTH, *(value + 4 for value in latitudes)])
    world = -180.0, 180.0, max(south, -90.0), min(north, 90.0)
    if whole or not stops:
        return world
    west, east = min(stop.x for stop in stops), max(stop.x for stop in stops)
    low, high = min(latitudes), max(latitudes)
    width = max(1.35 * (east - west) + 6, SHAPE * (1.4 * (high - low) + 4), NARROWEST)
    if width >= WHOLE:
        return world
    height = width / SHAPE
    middle = max(min((low + high) / 2, 90 - height / 2), height / 2 - 90)
    centre = (west + east) / 2
    return centre - width / 2, centre + width / 2, middle - height / 2, middle + height / 2


def _ground(axes: Axes, west: float, east: float, south: float, north: float) -> None:
    """Land, degrees, and a frame."""
    for turn in range(floor((west + 180) / 360) - 1, ceil((east + 180) / 360) + 1):
        moved = Affine2D().translate(360 * turn, 0) + axes.transData
        axes.add_patch(PathPatch(land(), facecolor=LAND, edgecolor=COAST, linewidth=0.7, transform=moved, zorder=1))
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect("equal")
    axes.set_facecolor(PAPER)
    step = next(step for step in (5, 10, 15, 30, 60) if (east - west) / step <= 8)
    meridians = range(step * ceil(west / step), floor(east) + 1, step)
    parallels = range(step * ceil(south / step), floor(north) + 1, step)
    axes.set_xticks(meridians, [_degrees((degree + 180) % 360 - 180, "E", "W") for degree in meridians])
    axes.set_yticks(parallels, [_degrees(degree, "N", "S") for degree in parallels])
    axes.tick_params(labelsize=SMALL, colors=QUIET, length=3)
    axes.grid(True, color=GRID, linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(QUIET)


def _degrees(value: int, positive: str, negative: str) -> str:
    if value in (0, 180, -180):
        return f"{abs(value)}°"
    return f"{abs(value)}° {positive if value > 0 else negative}"


def _lines(axes: Axes, stops: Sequence[Stop]) -> None:
    """From stop to stop, once for every turn around the earth: what lies outside the map is cut off."""
    previous: Stop | None = None
    for stop in stops:
        if previous is not None:
            xs, ys = [previous.x, stop.x], [previous.place.latitude, stop.place.latitude]
            style = (0, (4, 2)) if stop.dashed else "-"
            for turn in _turns(axes, xs):
                moved = [x + turn for x in xs]
                halo = [withStroke(linewidth=4.5, foreground=PAPER)]
                axes.plot(moved, ys, color=BLUE, linewidth=2.2, linestyle=style, path_effects=halo, zorder=2)
                _arrow(axes, moved, ys)
        if not stop.apart:
            previous = stop


def _arrow(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> None:
    """An arrowhead in the middle of a line that is long enough for one."""
    west, east = axes.get_xlim()
    length = ((xs[1] - xs[0]) ** 2 + (ys[1] - ys[0]) ** 2) ** 0.5
    x, y = (xs[0] + xs[1]) / 2, (ys[0] + ys[1]) / 2
    if length < 0.08 * (east - west) or not west < x < east:
        return
    ahead = x + (xs[1] - xs[0]) / length * 0.01, y + (ys[1] - ys[0]) / length * 0.01
    arrow = {"arrowstyle": "-|>", "color": BLUE, "lw": 2, "mutation_scale": 20, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", ahead, (x, y), arrowprops=arrow, zorder=3)


def _turns(axes: Axes, xs: Sequence[float]) -> list[int]:
    """By how many degrees (multiples of 360) something must be moved to be seen."""
    west, east = axes.get_xlim()
    return [turn for turn in range(-1080, 1081, 360) if min(xs) + turn <= east and max(xs) + turn >= west]


def _numbers(axes: Axes, stops: Sequence[Stop]) -> None:
    """A dot at each place, and its TTLs and name beside it, where there is room for them."""
    west, east = axes.get_xlim()
    south, north = axes.get_ylim()
    inches = (WIDTH - 0.75) / (east - west)
    grouped: dict[tuple[float, float], list[Stop]] = {}
    for stop in stops:
        x = stop.x + _turns(axes, [stop.x])[0]
        grouped.setdefault((x, stop.place.latitude), []).append(stop)
    taken = [_Box((x - west) * inches, (y - south) * inches, 0.14, 0.14) for x, y in grouped]
    room = _Box(
        (east - west) * inches / 2, (north - south) * inches / 2, (east - west) * inches, (north - south) * inches
    )
    for (x, y), here in grouped.items():
        axes.plot(
            x, y, marker="o", markersize=8, color=VERMILLION, markeredgecolor=PAPER, markeredgewidth=1.2, zorder=5
        )
        number = range_of(sorted({ttl for stop in here for ttl in stop.ttls}))
        label = f"{number} {here[0].place.name}".strip()
        for text in (label, number):
            box = _place(text, (x - west) * inches, (y - south) * inches, taken, room)
            if box is not None:
                break
        if box is None:
            continue
        taken.append(box)
        axes.annotate(
            text,
            (x, y),
            xytext=(box.x / inches + west, box.y / inches + south),
            textcoords="data",
            ha="center",
            va="center",
            fontsize=SMALL,
            fontweight="bold",
            color=INK,
            zorder=6,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": PAPER, "edgecolor": INK, "linewidth": 0.8},
            arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0},
        )


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle in inches: its middle, width and height."""

    x: float
    y: float
    width: float
    height: float

    def covers(self, other: _Box) -> bool:
        wide, high = (self.width + other.width) / 2, (self.height + other.height) / 2
        return abs(self.x - other.x) < wide and abs(self.y - other.y) < high

    def holds(self, other: _Box) -> bool:
        return (
            abs(self.x - other.x) <= (self.width - other.width) / 2
            and abs(self.y - other.y) <= (self.height - other.height) / 2
        )


def _place(text: str, x: float, y: float, taken: Sequence[_Box], room: _Box) -> _Box | None:
    """The nearest free place for a label, None where there is none within an inch and a half."""
    width, height = trace.width_of(text, bold=True) + 0.12, 0.22
    for far in (0.0, 0.12, 0.26, 0.45, 0.7, 1.0):
        for right, up in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            sideways = right * (width / 2 + 0.12 + far)
            box = _Box(x + sideways, y + up * (height / 2 + 0.12 + far), width, height)
            if room.holds(box) and not any(box.covers(other) for other in taken):
                return box
    return None


def _alt(rows: Sequence[Row], stops: Sequence[Stop], lost: Sequence[tuple[int, str]]) -> str:
    hops = len(trace.by_ttl(rows))
    if not trace.responders(rows):
        return "No hop answered, so the map is empty."
    silent = [ttl for ttl, address in lost if address == SILENT]
    unplaced = list(dict.fromkeys(ttl for ttl, address in lost if address != SILENT))
    if not stops:
        text = f"None of {trace.count(hops, 'hop')} has a known place, so the map is empty."
    else:
        way = [f"{stop.place.text} (hop {stop.number})" for stop in stops]
        many = f"{', '.join(way[:6])}, … {way[-1]}" if len(way) > 8 else ", ".join(way)
        text = f"The way in order of its hops: {many}."
    if unplaced:
        text += f" Without a known place: hop {say.listed(unplaced)}."
    return text + (f" Silent: hop {say.listed(silent)}." if silent else "")
