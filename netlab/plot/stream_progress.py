"""How far the bytes of one direction are, over time: written, sent, arrived, acknowledged, read.

Five curves of the same bytes, each a staircase. The space between two of them is where bytes are at a moment: between
written and sent in the sender's buffer, between sent and arrived on the way, between arrived and read in the receiver's
buffer. The curve of what is acknowledged is what the sender knows.

Source: RFC 9293 section 3.3.1 (the variables of both sides).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import BLACK, BLUE, GREEN, QUIET, VERMILLION, canvas, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("time_ms", "written", "sent", "arrived", "acknowledged", "read")
CURVES = {
    "written": (QUIET, (0, (1, 1.5)), "s"),
    "sent": (BLUE, "-", "o"),
    "arrived": (GREEN, (0, (5, 2)), "^"),
    "acknowledged": (VERMILLION, (0, (3, 1.5, 1, 1.5)), "D"),
    "read": (BLACK, "-", "v"),
}
"""Colour, line and marker of each."""
HEIGHT = 3.4


@drawing
def progress(data: DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot how many bytes were written, sent, acknowledged and read by when.

    Parameters
    ----------
    data
        ``progress`` of a `netlab.teach.talk`.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is no such table.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> print(netlab.plot.progress(netlab.teach.talk([600], "server").progress).alt)
    600 bytes: written by 22 ms, sent by 22 ms, arrived by 33 ms, acknowledged by 84 ms, read by 33 ms.
    """
    frame = say.groups(data, NEEDS)[""]
    axes = ax if ax is not None else canvas(HEIGHT)[1][0]
    times = [float(time) for time in frame["time_ms"]]
    total = int(frame["written"].max()) if len(frame) else 0
    end = max(times, default=1.0) * 1.04 or 1.0
    series = []
    for name, (colour, line, marker) in CURVES.items():
        values = [int(value) for value in frame[name]]
        steps = [place for place, value in enumerate(values) if place == 0 or value != values[place - 1]]
        axes.step([*times, end], [*values, *values[-1:]], where="post", color=colour, linestyle=line, linewidth=1.8)
        axes.plot(
            [times[place] for place in steps], [values[place] for place in steps], linestyle="none", marker=marker,
            markersize=5.5, color=colour, label=name,
        )  # fmt: skip
        series.append(Series(name, [times[place] for place in steps], [values[place] for place in steps]))
    dress(axes, "time (ms)", "bytes since the beginning", (0, end), (-0.04 * max(total, 1), 1.1 * max(total, 1)), "y")
    legend(axes, columns=5)
    if not total:
        note(axes, "nothing was written")
    return Figure([axes], _alt(frame, total), "How far the bytes of one direction are, over time.", series)


def _alt(frame: DataFrame, total: int) -> str:
    if not total:
        return "0 bytes were written."
    told = []
    for name in CURVES:
        most = int(frame[name].max())
        when = say.ms(float(frame.loc[frame[name] == most, "time_ms"].iloc[0]))
        if most == total:
            told.append(f"{name} by {when}")
        else:
            told.append(f"only {most} of them {name}, by {when}" if most else f"none {name}")
    return f"{total} bytes: {', '.join(told)}."
