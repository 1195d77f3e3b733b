"""A crowd before a server: how many wait, and what became of those who came.

Above, the queue over time: how many wait (an area) and how many are being served (a line). Below, on the same time
axis, everybody who came in each stretch of time: served at once, served after a wait, refused, never answered. Where
the lowest area ends, all workers are busy; where the third begins, the server cannot hold what comes.

Source: RFC 9110 section 15.6.4 (503: the server is overloaded).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.log_over_time import stretch
from netlab.plot.style import (
    BLUE,
    DOTS_PER_INCH,
    GUESS,
    INK,
    ORANGE,
    PAPER,
    PINK,
    SKY,
    WIDTH,
    YELLOW,
    dress,
    legend,
    note,
)

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("at_ms", "status", "queue_ms")
QUEUE_NEEDS = ("time_ms", "waiting", "busy")
ENDS = {
    "served at once": (SKY, ""),
    "served after a wait": (ORANGE, "///"),
    "refused": (YELLOW, "xx"),
    "no answer": (PINK, "..."),
}
"""What became of a request: fill and hatch."""
AT_ONCE = 0.05
"""ms: who waited no longer did not wait."""
HEIGHT = 5.0
STRETCHES = 24


@drawing
def crowd(
    load: DataFrame, queue: DataFrame, *, prediction: float | None = None, ax: Sequence[Axes] | None = None
) -> Figure:
    """Plot how many wait before a server over time (s), and below what became of those who came.

    Parameters
    ----------
    load
        The clients' side, as ``server.load`` gives it: ``at_ms`` (when each came), ``status``, ``queue_ms``. A status
        of 500 or more is a refusal, none at all a client that gave up.
    queue
        ``server.queue``: ``time_ms``, ``waiting``, ``busy``, a row for each change.
    prediction
        Your guess of the longest queue, drawn as a dashed line; None: no line.
    ax
        Two axes; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        A column is missing, or ``prediction`` is not a number.

    Source
    ------
    RFC 9110 section 15.6.4.
    """
    guess = say.number_of(prediction, "prediction")
    for argument, table, needs in (("load", load, NEEDS), ("queue", queue, QUEUE_NEEDS)):
        missing = [column for column in needs if column not in getattr(table, "columns", ())]
        if missing:
            raise UsageError(argument, type(table).__name__, f"has no column {', '.join(missing)}")
    upper, lower = _axes(ax)
    came = [(float(at) / 1000, _end(status, wait)) for at, status, wait in load[list(NEEDS)].itertuples(index=False)]
    times = [float(time) / 1000 for time in queue["time_ms"]]
    reach = max([moment for moment, _ in came] + times, default=1.0) or 1.0

    waiting, busy = ([float(value) for value in queue[column]] for column in ("waiting", "busy"))
    series = _queue(upper, times, waiting, busy, reach)
    if guess is not None:
        upper.axhline(guess, label=f"your guess: {say.figures(guess)}", **GUESS)
        series.append(Series("your guess", ["all"], [guess]))
    top = max([*waiting, *busy, guess or 0.0], default=1.0) or 1.0
    dress(upper, "", "connections", (0, reach), (0, 1.15 * top), "y")
    upper.tick_params(labelbottom=False)
    legend(upper, columns=3)
    series += _areas(lower, came, reach)
    legend(lower, columns=4)
    if not came:
        note(lower, "nobody came")
    return Figure([upper, lower], _alt(came, waiting, guess), _caption(load), series)


def _axes(ax: Sequence[Axes] | None) -> tuple[Axes, Axes]:
    if ax is not None:
        if len(ax) != 2:
            raise UsageError("ax", ax, "must be two axes: for the queue, and for what became of the requests")
        return ax[0], ax[1]
    figure = Canvas(figsize=(WIDTH, HEIGHT), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    upper, lower = figure.subplots(2, 1)
    return upper, lower


def _end(status: Any, wait: Any) -> str:
    if str(status) in ("<NA>", "nan", "None"):
        return "no answer"
    if int(status) >= 500:
        return "refused"
    return "served after a wait" if float(wait) > AT_ONCE else "served at once"


def _queue(ax: Axes, times: list[float], waiting: list[float], busy: list[float], reach: float) -> list[Series]:
    """Both stay as they are until the next row: steps, not slopes."""
    if times:
        ends = [*times, reach]
        ax.fill_between(ends, [*waiting, waiting[-1]], step="post", color=ORANGE, linewidth=0, label="waiting")
        ax.step(ends, [*busy, busy[-1]], where="post", color=BLUE, linewidth=1.5, label="being served")
    return [Series("waiting", times, waiting), Series("being served", times, busy)]


def _areas(ax: Axes, came: list[tuple[float, str]], reach: float) -> list[Series]:
    """Everybody who came in each stretch, stacked by what became of them."""
    step = stretch(reach, STRETCHES)
    slots = [floor(moment / step) for moment, _ in came]
    numbers = list(range(max(slots, default=0) + 1))
    edges = [step * number for number in [*numbers, len(numbers)]]
    below = [0.0] * len(edges)
    series = []
    for end, (fill, hatch) in ENDS.items():
        counts = [
            sum(slot == number and what == end for slot, (_, what) in zip(slots, came, strict=True))
            for number in numbers
        ]
        if not any(counts):
            continue
        heights = [under + count for under, count in zip(below, [*counts, counts[-1]], strict=True)]
        ax.fill_between(
            edges, below, heights, step="post", facecolor=fill, edgecolor=INK, linewidth=0.8, hatch=hatch, label=end
        )
        below = heights
        series.append(Series(end, edges[:-1], counts))
    length = f"{say.figures(step)} s" if step >= 0.1 else say.ms(1000 * step)
    dress(ax, "time (s)", f"came in {length}", (0, reach), (0, 1.1 * max(below) or 1.0), "y")
    return series


def _alt(came: list[tuple[float, str]], waiting: list[float], guess: float | None) -> str:
    if not came:
        return "0 requests came."
    ends = [what for _, what in came]
    told = ", ".join(f"{ends.count(what)} {what}" for what in ENDS if what in ends)
    longest = max(waiting, default=0.0)
    return f"Of {len(came)} requests: {told}. The queue reaches {longest:.0f}." + say.guessed(guess, longest, "")


def _caption(load: DataFrame) -> str:
    names = list(dict.fromkeys(map(str, load["network"]))) if "network" in load.columns else []
    where = f" ({', '.join(names)})" if names else ""
    return f"Above: connections that wait and that are served{where}. Below: what became of the requests that came."
