"""Round-trip times per hop as boxes, with the destination's line across all of them.

A packet to the destination passes every hop before it. So a hop whose box lies above the destination's line is slow to
*answer*, and not slow to forward; and a jump matters only when all boxes behind it stay up there.

Source: RFC 2681 (round-trip delay), RFC 1812 section 4.3.2.8 (what a router says itself may wait).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab import stats
from netlab.plot import data as say
from netlab.plot import trace
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.multiples import dressed, grid, hops_of, key, name_of, times, together
from netlab.plot.style import BLUE, GUESS, INK, SKY
from netlab.plot.trace import Row

if TYPE_CHECKING:
    from pandas import DataFrame

Hops = dict[int, list[Row]]

END: dict[str, Any] = {"color": BLUE, "linestyle": (0, (1, 1.2)), "linewidth": 2.2}
"""The destination's line is dotted; a guess is dashed."""


@drawing
def hop_times(
    data: DataFrame | Mapping[str, DataFrame], *, prediction: float | None = None, ax: Axes | None = None
) -> Figure:
    """Plot the round-trip times (ms) of each hop as a box, and the destination's median as a line.

    A box holds the middle half of the answers, the line in it is their median; the whiskers go to the fastest and the
    slowest. A hop without any answer is an asterisk on the axis.

    Parameters
    ----------
    data
        A PROBES table from `traceroute` or `monitor`, or a dict of name and table, to compare.
    prediction
        Your guess of the destination's time in ms, drawn as a dashed line; None: no line.
    ax
        Axes to draw into, for a single table; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is not a table of a traceroute, has no rows, or more than one destination.
    """
    parts = hops_of(data)
    guess = say.number_of(prediction, "prediction")
    axes = grid(len(parts), ax)
    most = max((ttl for hops in parts.values() for ttl in hops), default=1)
    slowest = max([time for hops in parts.values() for rows in hops.values() for time in times(rows)], default=1.0)
    series: list[Series] = []
    for each, (name, hops) in zip(axes, parts.items(), strict=True):
        series += _boxes(each, name, hops)
        end = _end(hops)
        if end is not None:
            middle = stats.percentile(times(hops[end]), 50)
            each.axhline(middle, label="the destination's median", zorder=1, **END)
            series.append(Series(f"{name} destination".strip(), [end], [middle]))
        if guess is not None:
            each.axhline(guess, label=f"your guess: {say.ms(guess)}", zorder=1, **GUESS)
    if guess is not None:
        series.append(Series("your guess", ["all"], [guess]))
    dressed(axes, list(parts), "round-trip time (ms)", most, 1.08 * max(slowest, guess or 0.0))
    key(axes, 4)
    told = f" to {name_of(next(iter(parts.values())))}"
    caption = f"Round-trip times of each hop on the way{told}: box of the middle half, whiskers to the extremes."
    return Figure(axes, _alt(parts, guess), caption, series)


def _boxes(axes: Axes, name: str, hops: Hops) -> list[Series]:
    boxes, silent = [], []
    for ttl, rows in hops.items():
        found = times(rows)
        if not found:
            silent.append(ttl)
            continue
        low, middle, high = (stats.percentile(found, percent) for percent in (25, 50, 75))
        boxes.append((ttl, min(found), low, middle, high, max(found)))
    axes.bxp(
        [{"whislo": b[1], "q1": b[2], "med": b[3], "q3": b[4], "whishi": b[5], "fliers": []} for b in boxes],
        positions=[box[0] for box in boxes],
        widths=0.6,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": SKY, "edgecolor": INK, "linewidth": 1.0},
        medianprops={"color": INK, "linewidth": 2.4},
        whiskerprops={"color": INK, "linewidth": 1.0},
        capprops={"color": INK, "linewidth": 1.0},
        manage_ticks=False,
        zorder=2,
    )
    told = f"{name} " if name else ""
    series = [
        Series(f"{told}median", [box[0] for box in boxes], [box[3] for box in boxes]),
        Series(f"{told}fastest", [box[0] for box in boxes], [box[1] for box in boxes]),
        Series(f"{told}slowest", [box[0] for box in boxes], [box[5] for box in boxes]),
    ]
    if silent:
        look = trace.STAR
        axes.plot(silent, [0.0] * len(silent), label=look.label, clip_on=False, zorder=3, **look.options())
        series.append(Series(f"{told}no answer", silent, [0.0] * len(silent)))
    return series


def _end(hops: Hops) -> int | None:
    """The TTL at which the destination answered with a time."""
    return next((ttl for ttl, rows in hops.items() if any(map(trace.reached, rows)) and times(rows)), None)


def _alt(parts: dict[str, Hops], guess: float | None) -> str:
    sentences = []
    for name, hops in parts.items():
        told = f"{name}: " if name else ""
        middles = {ttl: stats.percentile(times(rows), 50) for ttl, rows in hops.items() if times(rows)}
        if len(middles) < 2:
            sentences.append(f"{told}fewer than two hops answered.")
            continue
        ttls = list(middles)
        jump, before = max(zip(ttls[1:], ttls, strict=False), key=lambda pair: middles[pair[0]] - middles[pair[1]])
        later = {ttl: middle for ttl, middle in middles.items() if ttl > jump}
        text = (
            f"{told}the largest jump is to hop {jump}, from {say.figures(middles[before])} to {say.ms(middles[jump])}"
        )
        fastest = min(later, key=lambda ttl: later[ttl], default=0)
        # Waiting is never exactly equal: a twentieth less is not yet "faster".
        if later and later[fastest] < 0.95 * middles[jump]:
            text += f", and hop {fastest} behind it is faster again, {say.ms(later[fastest])}"
        elif later:
            text += ", and no hop behind it is faster"
        sentences.append(text + ".")
    ends = {_end(hops) for hops in parts.values()}
    if guess is not None and len(parts) == 1 and ends != {None}:
        hops = next(iter(parts.values()))
        return together(sentences) + say.guessed(guess, stats.percentile(times(hops[_end(hops) or 0]), 50))
    return together(sentences)
