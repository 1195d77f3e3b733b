"""Round-trip time over packet size: the slope is the rate of the line, the intercept its length.

Every byte more takes the same time more to put onto a link, and just as long on the way back, since an echo is as long
as its request. So the fastest answers of each size lie on a straight line. Its slope tells the rate, however far the
host is; where it would meet size 0 is the time that distance alone takes. Slower answers waited somewhere: they
lie above the line and say nothing about it, hence the minima (the idea of the old tool pathchar).

Source: RFC 2681 (round-trip delay), RFC 5136 section 2.3 (capacity of a link).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import GROUPS, canvas, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("rtt_ms", "packet_size")
STYLES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))


@dataclass(frozen=True, slots=True)
class Line:
    """The straight line through the fastest answers of each size."""

    start: float
    """Where it meets size 0, ms."""
    slope: float
    """ms per byte."""

    @property
    def rate_mbps(self) -> float:
        """Every byte passes twice: there and back."""
        return 2 * 8 / self.slope / 1000 if self.slope > 0 else float("nan")


@drawing
def over_size(data: DataFrame, *, prediction: float | None = None, ax: Axes | None = None) -> Figure:
    """Plot round-trip times (ms) over the size of the packet (bytes), and the line through the fastest of each size.

    Parameters
    ----------
    data
        A PROBES table with two sizes or more (``netlab.ping(…, size=[56, 1472])``), one destination or several; or a
        dict of name and table, to compare.
    prediction
        Your guess of the rate in Mbit/s; the alt text says how far it was off. None: nothing.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is not a table of probes.

    Source
    ------
    RFC 2681, RFC 5136 section 2.3.
    """
    parts = say.groups(data, NEEDS)
    guess = say.number_of(prediction, "prediction")
    axes = ax if ax is not None else canvas()[1][0]
    series, lines, tops, largest = [], {}, [1.0], 1.0
    for position, (name, frame) in enumerate(parts.items()):
        points = _points(frame)
        if not points:
            continue
        colour, marker = GROUPS[position % len(GROUPS)]
        sizes, delays = [float(size) for size, _ in points], [delay for _, delay in points]
        axes.plot(
            sizes,
            delays,
            linestyle="none",
            marker=marker,
            markersize=5,
            color=colour,
            alpha=0.8,
            label=name or "answers",
        )
        series.append(Series(name or "answers", sizes, delays))
        tops.append(max(delays))
        largest = max(largest, *sizes)
        line = fitted(points)
        if line is not None:
            lines[name] = line
            ends = [0.0, max(sizes)]
            heights = [line.start + line.slope * end for end in ends]
            style: Any = STYLES[position % len(STYLES)]
            label = f"{name + ': ' if name else ''}from {say.ms(line.start)}"
            axes.plot(ends, heights, color=colour, linewidth=1.6, linestyle=style, label=label)
            series.append(Series(f"{name} line".strip(), ends, heights))
    dress(axes, "size of the packet (bytes)", "round-trip time (ms)", (0, 1.04 * largest), (0, 1.12 * max(tops)))
    legend(axes)
    if not series:
        note(axes, "no answers")
    return Figure([axes], _alt(parts, lines, guess), _caption(parts), series)


def fitted(points: list[tuple[int, float]]) -> Line | None:
    """Least squares through the fastest answer of each size; None for fewer than two sizes."""
    fastest: dict[int, float] = {}
    for size, delay in points:
        fastest[size] = min(delay, fastest.get(size, delay))
    if len(fastest) < 2:
        return None
    middle = sum(fastest) / len(fastest)
    height = sum(fastest.values()) / len(fastest)
    spread = sum((size - middle) ** 2 for size in fastest)
    slope = sum((size - middle) * (delay - height) for size, delay in fastest.items()) / spread
    return Line(height - slope * middle, slope)


def _points(frame: DataFrame) -> list[tuple[int, float]]:
    rows = zip(frame["packet_size"], frame["rtt_ms"], strict=True)
    return [(int(size), float(delay)) for size, delay in rows if not isnan(delay)]


def _alt(parts: dict[str, DataFrame], lines: dict[str, Line], guess: float | None) -> str:
    sentences = []
    for name, line in lines.items():
        told = f"{name}: the" if len(parts) > 1 else "The"
        rate = f"{say.figures(line.rate_mbps)} Mbit/s" if line.slope > 0 else "no rate"
        sentences.append(
            f"{told} line begins at {say.ms(line.start)} and rises by {say.figures(1000 * line.slope)} µs per byte, "
            f"which is {rate} there and back."
        )
    if not sentences:
        return "There are not two sizes with an answer, so no line can be drawn."
    first = next(iter(lines.values()))
    return " ".join(sentences) + say.guessed(guess, first.rate_mbps, " Mbit/s")


def _caption(parts: dict[str, DataFrame]) -> str:
    names = [name for name in parts if name]
    told = f" to {', '.join(names[:4])}" if names else ""
    return f"Round-trip time{told} against the size of the packet; a line goes through the fastest answer of each size."
