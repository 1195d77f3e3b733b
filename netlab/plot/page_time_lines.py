"""How long a page takes, over the round-trip time or over the size of an object: one line per way of getting it.

The way that is best here need not be best there. Where two lines cross, the choice changes; the alt text says where.

Source: RFC 9112 section 9 (connection management), RFC 5681 section 3.1 (slow start).
"""

from __future__ import annotations

from itertools import combinations, pairwise
from math import isnan
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import GROUPS, canvas, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

TITLES = {
    "rtt_ms": "round-trip time (ms)",
    "rate_mbps": "rate of the line (Mbit/s)",
    "kilobytes": "size of the object (kB)",
    "connections": "connections at once",
}
"""What can be on the x axis: column and title."""
STYLES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
UNITS = {"rtt_ms": "ms", "rate_mbps": "Mbit/s", "kilobytes": "kB", "connections": "connections"}

Line = list[tuple[float, float]]


@drawing
def page_times(
    data: DataFrame, *, over: str = "rtt_ms", prediction: DataFrame | None = None, ax: Axes | None = None
) -> Figure:
    """Plot how long a page takes (ms) over the round-trip time (ms) or something else, a line for each way to get it.

    Parameters
    ----------
    data
        A table with the columns ``way`` (a name), ``page_ms``, and the one named by ``over``; a row per measurement.
    over
        ``"rtt_ms"``, ``"rate_mbps"``, ``"kilobytes"`` or ``"connections"``: what is on the x axis.
    prediction
        A table of the same form: what you, or your function, said before. Then what was measured is drawn as points
        and the prediction as dashed lines. None: nothing.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` or ``prediction`` is no such table.

    Source
    ------
    RFC 9112 section 9, RFC 5681 section 3.1.
    """
    if over not in TITLES:
        raise UsageError("over", over, f"choose one of {', '.join(TITLES)}")
    lines = _lines("data", data, over)
    said = _lines("prediction", prediction, over) if prediction is not None else {}
    axes = ax if ax is not None else canvas()[1][0]
    series: list[Series] = []
    for position, (way, line) in enumerate(lines.items()):
        colour, marker = GROUPS[position % len(GROUPS)]
        style: Any = "none" if prediction is not None else STYLES[position % len(STYLES)]
        axes.plot(
            *zip(*line, strict=True), color=colour, marker=marker, markersize=6, linewidth=1.8, linestyle=style,
            label=way, zorder=3,
        )  # fmt: skip
        series.append(_series(way, line))
        if way in said:
            axes.plot(*zip(*said[way], strict=True), color=colour, linewidth=1.8, linestyle=(0, (5, 2)), zorder=2)
            series.append(_series(f"{way}, predicted", said[way]))
    points = [point for line in (*lines.values(), *said.values()) for point in line]
    reach = max((x for x, _ in points), default=1.0)
    top = max((y for _, y in points), default=1.0)
    dress(axes, TITLES[over], "time until all is there (ms)", (0, 1.05 * reach), (0, 1.1 * top))
    legend(axes, columns=2)
    if not points:
        note(axes, "nothing was measured")
    return Figure([axes], _alt(lines, said, over), _caption(over, prediction is not None), series)


def _lines(argument: str, data: Any, over: str) -> dict[str, Line]:
    """The points of each way, from left to right."""
    missing = [column for column in ("way", over, "page_ms") if column not in getattr(data, "columns", ())]
    if missing:
        raise UsageError(argument, type(data).__name__, f"wanted: a table with way, {over} and page_ms")
    lines: dict[str, Line] = {}
    for way, x, y in zip(data["way"], data[over], data["page_ms"], strict=True):
        if not isnan(y):
            lines.setdefault(str(way), []).append((float(x), float(y)))
    return {way: sorted(line) for way, line in lines.items()}


def _series(label: str, line: Line) -> Series:
    return Series(label, [x for x, _ in line], [y for _, y in line])


def crossings(one: Line, other: Line) -> list[float]:
    """Where two lines cross, by straight lines between the points that both have; touching is no crossing."""
    others = dict(other)
    apart = [(x, y - others[x]) for x, y in one if x in others and y != others[x]]
    return [
        x + (far - x) * before / (before - after)
        for (x, before), (far, after) in pairwise(apart)
        if (before < 0) != (after < 0)
    ]


def _alt(lines: dict[str, Line], said: dict[str, Line], over: str) -> str:
    if not lines:
        return "Nothing was measured, so there are 0 lines."
    unit = UNITS[over]
    ends = []
    for way, line in list(lines.items())[:4]:
        (low, first), (high, last) = line[0], line[-1]
        ends.append(f"{way}: {say.ms(first)} at {say.figures(low)} {unit}, {say.ms(last)} at {say.figures(high)}")
    text = say.capital("; ".join(ends)) + "."
    for (way, line), (rival, other) in combinations(lines.items(), 2):
        places = crossings(line, other)
        if len(places) == 1:
            better = way if line[-1][1] < other[-1][1] else rival
            worse = rival if better == way else way
            text += f" At about {say.figures(places[0], 2)} {unit} {better} overtakes {worse}."
    return text + _judged(lines, said)


def _judged(lines: dict[str, Line], said: dict[str, Line]) -> str:
    """How far the prediction is off, at worst."""
    off: list[tuple[float, str]] = []
    for way, line in said.items():
        measured: dict[float, float] = dict(lines.get(way, []))
        off += [(abs(y / measured[x] - 1), way) for x, y in line if measured.get(x)]
    if not off:
        return " There is no prediction to compare with." if said else ""
    worst, way = max(off)
    return f" The prediction is at most {say.percent(worst)} off ({way})."


def _caption(over: str, predicted: bool) -> str:
    told = "; dashed: the prediction" if predicted else ""
    return f"Time until all is there over the {TITLES[over].partition(' (')[0]}, for each way of getting it{told}."
