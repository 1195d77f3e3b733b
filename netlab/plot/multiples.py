"""Small multiples: the same axes several times, one for each measurement, so that the eye compares.

Every one of them has the same limits; what is on the left and below is labelled only there.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot import trace
from netlab.plot.style import DOTS_PER_INCH, HEIGHT, INK, PAPER, TEXT, WIDTH, dress
from netlab.plot.trace import Row

if TYPE_CHECKING:
    from pandas import DataFrame

ACROSS = 3
"""Axes side by side; more would leave no room for their ticks."""

HIGH, EDGE = 2.15, 0.5
"""Height of a row of axes and of the legend above all, inches."""


def hops_of(data: DataFrame | Mapping[str, DataFrame]) -> dict[str, dict[int, list[Row]]]:
    """The rows of each measurement by TTL, without those that went beyond the end; one measurement is called ``""``."""
    parts: dict[str, Any] = dict(data) if isinstance(data, Mapping) else {"": data}
    if not parts:
        raise UsageError("data", data, f"is empty; wanted: {trace.WANTED}, or a dict of name and table")
    return {str(name): trace.by_ttl(trace.traced(frame, beyond=False)) for name, frame in parts.items()}


def times(rows: list[Row]) -> list[float]:
    """The round-trip times of the answers among these rows, ms."""
    return [float(row["rtt_ms"]) for row in rows if not isnan(row["rtt_ms"])]


def name_of(hops: dict[int, list[Row]]) -> str:
    """ "www": the destination of a measurement."""
    return next((str(row["destination"]) for rows in hops.values() for row in rows), "")


def grid(count: int, ax: Axes | None) -> list[Axes]:
    """So many axes; ``ax``: only that one, which must then be enough."""
    if ax is not None:
        if count > 1:
            raise UsageError("ax", "Axes", f"one axes cannot show {count} measurements; leave it out")
        return [ax]
    across = min(count, ACROSS)
    down = -(-count // across)
    size = (WIDTH, HEIGHT if count == 1 else EDGE + HIGH * down)
    figure = Canvas(figsize=size, dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    cells = figure.subplots(down, across, squeeze=False, sharey=True).flat
    made = list(cells)
    for spare in made[count:]:
        spare.set_visible(False)
    return made[:count]


def dressed(axes: list[Axes], names: list[str], y: str, hops: int, top: float) -> None:
    """Titles, limits and ticks of all axes: hops from 1 on the x axis, 0 to ``top`` on the other."""
    across = min(len(axes), ACROSS)
    for place, (each, name) in enumerate(zip(axes, names, strict=True)):
        below = place + across >= len(axes)
        dress(each, "hop (TTL)" if below else "", y if place % across == 0 else "", (0.4, hops + 0.6), (0, top))
        each.set_xticks(range(1, hops + 1) if hops <= 10 or len(axes) == 1 else range(1, hops + 1, 2))
        each.grid(False, axis="x")
        if name:
            each.set_title(name, fontsize=TEXT, color=INK, loc="left")


def key(axes: list[Axes], columns: int) -> None:
    """One legend for all, above them."""
    handles: dict[str, Any] = {}
    for each in axes:
        for handle, label in zip(*each.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure = axes[0].get_figure(root=True)
    assert isinstance(figure, Canvas)
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper left", ncols=columns, frameon=False, fontsize=10,
        labelcolor=INK, handletextpad=0.5, columnspacing=1.1, borderaxespad=0.2, handlelength=1.9,
    )  # fmt: skip


def together(sentences: list[str]) -> str:
    """The findings of all measurements, one after the other, as one alt text."""
    if len(sentences) == 1:
        return say.capital(sentences[0])
    return f"{len(sentences)} measurements. {' '.join(sentences)}"
