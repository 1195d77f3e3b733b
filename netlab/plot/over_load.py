"""Latency against load: the knee.

A server that is asked for less than it can do answers at once. Near its capacity requests queue for each other, and the
time until the answer grows without bound, the high percentiles first: the bend in the curves is called the knee. What
the server cannot hold it refuses, or it breaks off; the second axes count that, as shares of all requests.

The measured means are points of the colour of the formula's line, so that the two can be compared. They need not agree:
a formula holds in the long run, and near the capacity a run would have to be very long until an empty server and chance
count for nothing.

Source: Kleinrock, Queueing Systems, volume 1 (M/M/1: the mean time is the service time divided by 1 - load).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import isnan
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab import stats
from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.log_over_time import CLASSES, PERCENTILES, class_of, named, need, percentile_of, two_axes
from netlab.plot.style import GREEN, GUESS, INK, PAPER, QUIET, SMALL, TRUTH, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

STEPS = 60
"""Points of the line of a formula."""
BEYOND = 3.0
"""The latency axis ends at so many times the largest measured value, whatever a formula says near the capacity."""


@drawing
def over_load(
    logs: Mapping[float, DataFrame],
    *,
    capacity: float | None = None,
    prediction: float | None = None,
    truth: Callable[[float], float] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Plot percentiles and mean of the latency (ms) and the shares of statuses against the load (requests per second).

    Parameters
    ----------
    logs
        A dict: the load offered, in requests per second, and a table of the requests under it: the server's log
        (EXCHANGES), or what the clients saw, with ``status`` and ``latency_ms``, which also counts the time before the
        server knew of them.
    capacity
        What the server can do at most, in requests per second: a vertical line, and the load also in percent of it.
    prediction
        Your guess of the load at the knee, drawn as a dashed line; None: no line.
    truth
        A formula: the load in requests per second → the mean latency in ms in the long run, drawn as a solid line as
        far as it gives a number; None: no line.
    ax
        Two axes; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``logs`` is not such a dict, or a guess is not a number.
    """
    guess, most = say.number_of(prediction, "prediction"), say.number_of(capacity, "capacity")
    parts = _parts(logs)
    axes = two_axes(ax)
    loads = list(parts)
    delays = {load: _delays(log) for load, log in parts.items()}
    kinds = {load: [class_of(status) for status in log["status"]] for load, log in parts.items()}
    reach = 1.06 * max([*loads, most or 0.0, guess or 0.0]) or 1.0

    series = []
    for percent, (colour, marker, line) in PERCENTILES.items():
        values = [percentile_of(delays[load], [load] * len(delays[load]), load, percent) for load in loads]
        axes[0].plot(
            loads, values, color=colour, marker=marker, markersize=6, linestyle=line, linewidth=1.8,
            label=named(percent), zorder=3,
        )  # fmt: skip
        series.append(Series(named(percent), loads, values))
    series.append(_means(axes[0], delays))
    top = 1.12 * max((max(known) for each in series if (known := _known(each.y))), default=1.0)
    if truth is not None:
        series.append(_formula(axes[0], truth, reach, BEYOND * top))
    series += _shares(axes[1], loads, kinds, reach)
    for each in axes:
        if most is not None:
            each.axvline(most, color=QUIET, linewidth=1.6, linestyle=":", label=f"capacity: {say.figures(most)} per s")
        if guess is not None:
            each.axvline(guess, label=f"your guess: {say.figures(guess)} per s", **GUESS)
    dress(axes[0], "", "time to the last byte (ms)", (0, reach), (0, top))
    dress(axes[1], "requests per second", "share (%)", (0, reach), (0, 104))
    axes[0].tick_params(labelbottom=False)
    if most is not None:
        series.append(Series("capacity", [most], ["all"]))
    if guess is not None:
        series.append(Series("your guess", [guess], ["all"]))
    legend(axes[0], columns=3, left=True)
    _legend_of_bars(axes[1])
    if not loads:
        note(axes[0], "no load was tried")
    return Figure(axes, _alt(series, kinds, most, guess), _caption(parts), series)


def _parts(logs: Any) -> dict[float, DataFrame]:
    if not isinstance(logs, Mapping):
        raise UsageError("logs", type(logs).__name__, "must be a dict: requests per second → server.log")
    parts = {}
    for load, log in logs.items():
        number = say.number_of(load, "logs")
        if number is None or isnan(number) or number < 0:
            raise UsageError("logs", load, "each key must be a load in requests per second")
        need(log, ("status",) if "latency_ms" in getattr(log, "columns", ()) else ("status", "total_ms"), "logs")
        parts[number] = log
    return dict(sorted(parts.items()))


def _delays(log: DataFrame) -> list[float]:
    """ms until the last byte, as the clients saw them if the table tells."""
    column = "latency_ms" if "latency_ms" in log.columns else "total_ms"
    return [float(delay) for delay in log[column].fillna(float("nan"))]


def _known(values: Sequence[Any]) -> list[float]:
    return [value for value in values if not isnan(value)]


def _means(ax: Axes, delays: Mapping[float, list[float]]) -> Series:
    """What was measured, to be compared with a formula."""
    known = {load: _known(each) for load, each in delays.items()}
    values = [stats.mean(each) if each else float("nan") for each in known.values()]
    ax.plot(
        list(known), values, color=GREEN, marker="D", markersize=6, markeredgewidth=1.6, markerfacecolor=PAPER,
        linestyle="none", label="mean", zorder=4,
    )  # fmt: skip
    return Series("mean", list(known), values)


def _formula(ax: Axes, truth: Callable[[float], float], reach: float, top: float) -> Series:
    """The line of a formula up to where it leaves the picture: beyond the capacity there is no mean."""
    loads, values = [], []
    for step in range(STEPS + 1):
        load = reach * step / STEPS
        try:
            value = float(truth(load))
        except ZeroDivisionError:
            break
        if not 0 <= value <= top:
            break
        loads.append(load)
        values.append(value)
    ax.plot(loads, values, label="mean by the formula", zorder=2, **TRUTH)
    return Series("formula", loads, values)


def _shares(ax: Axes, loads: list[float], kinds: dict[float, list[str]], reach: float) -> list[Series]:
    """Stacked bars: which share of the requests at each load ended how."""
    width = 0.6 * min((high - low for low, high in pairwise(loads)), default=0.2 * reach)
    below = dict.fromkeys(loads, 0.0)
    series = []
    for kind, (fill, hatch) in CLASSES.items():
        shares = [100 * kinds[load].count(kind) / max(len(kinds[load]), 1) for load in loads]
        if not any(shares):
            continue
        ax.bar(
            loads, shares, bottom=list(below.values()), width=width, color=fill, hatch=hatch, edgecolor=INK,
            linewidth=0.8, label=kind,
        )  # fmt: skip
        below = {load: below[load] + share for load, share in zip(loads, shares, strict=True)}
        series.append(Series(kind, loads, shares))
    return series


def _legend_of_bars(ax: Axes) -> None:
    """Of the bars alone: the lines are explained above."""
    bars = [(handle, label) for handle, label in zip(*ax.get_legend_handles_labels(), strict=True) if label in CLASSES]
    if bars:
        ax.legend(
            [bar for bar, _ in bars], [label for _, label in bars], ncols=5, columnspacing=1.1, frameon=False,
            fontsize=SMALL, labelcolor=INK, loc="lower left", bbox_to_anchor=(-0.01, 1.0), borderaxespad=0.2,
            handlelength=1.7,
        )  # fmt: skip


def _alt(series: list[Series], kinds: dict[float, list[str]], capacity: float | None, guess: float | None) -> str:
    if not kinds:
        return "No load was tried."
    sentences = []
    for each in series[: len(PERCENTILES) + 1]:
        first, last = float(each.y[0]), float(each.y[-1])
        sentences.append(f"{each.label} from {say.ms(first)} to {say.ms(last)}")
    low, high = (say.figures(load) for load in (min(kinds), max(kinds)))
    text = f"From {low} to {high} requests per second: {', '.join(sentences)}."
    lost = {load: sum(kind in ("5xx", "no answer") for kind in words) for load, words in kinds.items()}
    first_lost = next((load for load, count in lost.items() if count), None)
    if first_lost is None:
        text += " Every request was answered."
    else:
        last = max(kinds)
        share = say.percent(round(lost[last] / max(len(kinds[last]), 1), 3))
        text += f" From {say.figures(first_lost)} per second on some are refused, {share} at the highest load."
    if capacity is not None:
        text += f" The capacity is {say.figures(capacity)} per second."
    if guess is not None:
        text += f" Your guess of the knee is {say.figures(guess)} per second."
    return text


def _caption(parts: Mapping[float, DataFrame]) -> str:
    networks = list(dict.fromkeys(str(name) for log in parts.values() if "network" in log for name in log["network"]))
    where = f" ({', '.join(networks)})" if networks else ""
    return f"How long answers take under load{where}: above, percentiles and mean; below, how the requests ended."
