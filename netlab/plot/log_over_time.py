"""The log of a server over time: how long answers took, and with which status they ended.

Two axes, one time. Above, each request is a point, and the percentiles of every stretch of time are lines: a mean would
hide the few that everybody remembers. Below, the requests of each stretch are counted by the class of their status
(RFC 9110 section 15), with a fill and a hatch of its own; a request without any answer is a class, too.

Stretches have a round length (1, 2 or 5 times a power of ten), so that the same log always gives the same picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, floor, isnan, log10
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from netlab import stats
from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import DATA, Figure, Series, drawing
from netlab.plot.style import (
    BLACK,
    BLUE,
    DOTS_PER_INCH,
    GREEN,
    GUESS,
    INK,
    ORANGE,
    PAPER,
    PINK,
    QUIET,
    SKY,
    VERMILLION,
    WIDTH,
    YELLOW,
    dress,
    legend,
    note,
)

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("started_at", "status", "total_ms")
CLASSES = {
    "2xx": (SKY, ""),
    "3xx": (GREEN, "///"),
    "4xx": (ORANGE, "..."),
    "5xx": (PINK, "xx"),
    "no answer": (YELLOW, "\\\\"),
}
"""Fill and hatch of each class of statuses."""

PERCENTILES = {50: (BLUE, "o", "-"), 95: (VERMILLION, "s", (0, (5, 2))), 99: (BLACK, "^", (0, (1, 1.5)))}
"""Colour, marker and line style of each percentile."""

STRETCHES, EACH = 12, 8
"""At most so many stretches of time, enough to see a change; and so many requests in each on average, so that a
percentile of it says something."""
STATUSES = 6
"""Told in the alt text, the most frequent ones."""
HEIGHT = 4.6


@drawing
def exchanges(
    log: DataFrame,
    *,
    prediction: float | None = None,
    limits: tuple[float, float] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Plot a server's log over time: latency of each request with percentiles (ms), and statuses.

    Parameters
    ----------
    log
        An EXCHANGES table: ``server.log``.
    prediction
        Your guess of the median in ms, drawn as a dashed line; None: no line.
    limits
        First and last second of the time axis; None: as the data.
    ax
        Two axes; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``log`` is not such a table, or ``prediction`` is not a number.

    Source
    ------
    RFC 9110 section 15 (status codes).
    """
    guess = say.number_of(prediction, "prediction")
    need(log, NEEDS)
    axes = two_axes(ax)
    moments = _moments(log)
    delays = [float(delay) for delay in log["total_ms"]]
    kinds = [class_of(status) for status in log["status"]]
    begin, end = limits or (0.0, max(moments, default=1.0))
    step = stretch(end - begin if end > begin else 1.0, max(1, min(STRETCHES, len(moments) // EACH)))
    last = max(ceil(round((end - begin) / step, 9)) - 1, 0)  # what comes exactly at the end is in the last stretch
    slots = [min(floor((moment - begin) / step), last) for moment in moments]
    reach = begin + step * (max([*slots, 0]) + 1)
    if limits:
        reach = max(reach, end)

    series = _draw_delays(axes[0], moments, delays, slots, begin, step)
    if guess is not None:
        axes[0].axhline(guess, label=f"your guess: {say.ms(guess)}", **GUESS)
        series.append(Series("your guess", ["all"], [guess]))
    known = [delay for delay in delays if not isnan(delay)]
    dress(axes[0], "", "time to the last byte (ms)", (begin, reach), (0, 1.12 * max([*known, guess or 0.0]) or 1.0))
    series += draw_counts(axes[1], [begin + step * (slot + 0.5) for slot in slots], kinds, step)
    most = max((slots.count(slot) for slot in set(slots)), default=1)
    dress(
        axes[1],
        "time after the first request (s)",
        f"requests in {_spoken(step)}",
        (begin, reach),
        (0, 1.1 * most),
        "y",
    )
    axes[0].tick_params(labelbottom=False)
    legend(axes[0], columns=3, left=True)
    legend(axes[1], columns=5)
    if not moments:
        note(axes[0], "no requests")
    return Figure(axes, _alt(known, log, guess), _caption(log), series)


def need(log: Any, columns: Sequence[str], argument: str = "log") -> None:
    """Raise UsageError unless this is a table with these columns."""
    missing = [column for column in columns if column not in getattr(log, "columns", ())]
    if missing:
        raise UsageError(
            argument, type(log).__name__, f"has no column {', '.join(missing)}; wanted: the log of a server, server.log"
        )


def class_of(status: Any) -> str:
    """The class of a status, as a key of `CLASSES`."""
    if status is None or str(status) == "<NA>" or status != status or int(status) < 100:
        return "no answer"
    first = int(status) // 100
    return f"{min(max(first, 2), 5)}xx"  # 101 is a success, too


def stretch(length: float, most: int) -> float:
    """The shortest round length of which at most ``most`` fill ``length``."""
    least = length / most
    power = 10.0 ** floor(log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def _moments(log: DataFrame) -> list[float]:
    """Seconds from the first request on."""
    stamps = [stamp.value for stamp in log["started_at"]]
    first = min(stamps, default=0)
    return [(stamp - first) / 1e9 for stamp in stamps]


def two_axes(ax: Sequence[Axes] | None) -> list[Axes]:
    """Two axes above each other: for latencies, and for statuses."""
    if ax is not None:
        given = list(ax)
        if len(given) != 2:
            raise UsageError("ax", ax, "must be two axes: for latencies and for statuses")
        return given
    figure = Canvas(figsize=(WIDTH, HEIGHT), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    return list(figure.subplots(2, 1, squeeze=False, height_ratios=[1.5, 1])[:, 0])


def _draw_delays(
    ax: Axes, moments: list[float], delays: list[float], slots: list[int], begin: float, step: float
) -> list[Series]:
    if not moments:
        return []  # matplotlib's layout makes room for an empty line that is not clipped: all there is
    size = 7.0 if len(moments) <= 100 else 4.0
    ax.plot(
        moments, delays, linestyle="none", marker=".", markersize=size, color=QUIET, label="request", zorder=2,
        clip_on=False, gid=DATA,
    )  # fmt: skip
    series = [Series("request", moments, delays)]
    filled = sorted(set(slots))
    middles = [begin + step * (slot + 0.5) for slot in filled]
    for percent, (colour, marker, line) in PERCENTILES.items():
        values = [percentile_of(delays, slots, slot, percent) for slot in filled]
        ax.plot(
            middles, values, color=colour, marker=marker, markersize=5, linestyle=line, linewidth=1.6,
            label=named(percent), zorder=3, gid=DATA,
        )  # fmt: skip
        series.append(Series(named(percent), middles, values))
    return series


def percentile_of(delays: Sequence[float], slots: Sequence[Any], slot: Any, percent: int) -> float:
    """A percentile of one slot's delays; NaN where nothing came to an end."""
    chosen = [delay for delay, where in zip(delays, slots, strict=True) if where == slot and not isnan(delay)]
    return stats.percentile(chosen, percent) if chosen else float("nan")


def named(percent: int) -> str:
    return "median" if percent == 50 else f"{percent}th percentile"


def draw_counts(ax: Axes, places: Sequence[float], kinds: Sequence[str], width: float) -> list[Series]:
    """Stack the requests at each place by the class of their status."""
    filled = sorted(set(places))
    below = dict.fromkeys(filled, 0)
    series = []
    for kind, (fill, hatch) in CLASSES.items():
        if kind not in kinds:
            continue
        counts = [
            sum(where == place and each == kind for where, each in zip(places, kinds, strict=True)) for place in filled
        ]
        ax.bar(
            filled, counts, bottom=[below[place] for place in filled], width=width, color=fill, hatch=hatch,
            edgecolor=INK, linewidth=0.8, label=kind, gid=DATA,
        )  # fmt: skip
        below = {place: below[place] + count for place, count in zip(filled, counts, strict=True)}
        series.append(Series(kind, filled, counts))
    return series


# --- words -------------------------------------------------------------------------------------------------------


def _spoken(step: float) -> str:
    return f"{say.figures(step)} s" if step >= 0.1 else say.ms(1000 * step)


def told(delays: Sequence[float]) -> str:
    """ "median 12 ms, 95th percentile 30 ms, 99th percentile 41 ms" """
    if not delays:
        return "no time is known"
    if say.figures(min(delays)) == say.figures(max(delays)):
        return f"{say.ms(delays[0])}{' each' if len(delays) > 1 else ''}"
    return ", ".join(f"{named(percent)} {say.ms(stats.percentile(delays, percent))}" for percent in PERCENTILES)


def _alt(delays: Sequence[float], log: DataFrame, guess: float | None) -> str:
    if not len(log):
        return "No requests." + say.guessed(guess, float("nan"))
    ended = [str(int(status)) if class_of(status) != "no answer" else "no answer" for status in log["status"]]
    counts = sorted(Counter(ended).items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{count} × {status}" for status, count in counts[:STATUSES])
    listed += ", …" if len(counts) > STATUSES else ""
    plural = "" if len(log) == 1 else "s"
    return f"{len(log)} request{plural} ({listed}): {told(delays)}." + say.guessed(
        guess, stats.percentile(delays, 50) if delays else float("nan")
    )


def _caption(log: DataFrame) -> str:
    networks = list(dict.fromkeys(map(str, log["network"]))) if "network" in log.columns else []
    where = f" ({', '.join(networks)})" if networks else ""
    return f"Requests to a server{where}: above, how long each took; below, the statuses of the answers."
