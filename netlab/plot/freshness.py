"""The life of a stored response: its age at every request, fresh below a line and stale above it.

From the moment at which the origin gave it, or confirmed it, a response grows older by one second each second: a slope.
Each request for it is a mark on that slope, by what the cache made of it; an answer that did not come from the cache
begins a new slope at age 0, and one that was not kept stands on the time axis.

Source: RFC 9111 section 4.2 (freshness): fresh while freshness_lifetime > current_age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from matplotlib.axes import Axes

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import DATA, Figure, Series, drawing
from netlab.plot.log_over_time import need
from netlab.plot.style import (
    BEHIND_TEXT,
    BLACK,
    BLUE,
    GREEN,
    INK,
    ORANGE,
    QUIET,
    SMALL,
    VERMILLION,
    Look,
    canvas,
    dress,
    legend,
    note,
)

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("started_at", "target", "cache")
OUTCOMES = {
    "stored": Look("stored", BLUE, "o"),
    "hit": Look("hit", GREEN, "^"),
    "validated": Look("validated", VERMILLION, "D"),
    "stale": Look("used although stale", BLACK, "s"),
    "miss": Look("not stored", BLACK, "x"),
}
"""What the column cache of a proxy's log says."""
RENEWING = ("stored", "validated")


class Moment(NamedTuple):
    """One request: seconds after the first one, what the cache made of it, and the age of the answer in seconds."""

    at: float
    outcome: str
    age: float


@drawing
def freshness(
    log: DataFrame,
    *,
    lifetime_s: float | None = None,
    target: str | None = None,
    prediction: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot the age of a stored response at every request for it, in s, below and above its freshness lifetime.

    Parameters
    ----------
    log
        An EXCHANGES table of a proxy with a cache: ``proxy.log``.
    lifetime_s
        How long the response is fresh, in s (its max-age); None: no line.
    target
        The one to show, as in the table's column; None: the only one that there is.
    prediction
        Your guess of how many requests go to the origin, told in the legend and in the text; None: no guess.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``log`` is not such a table, has several targets and none is chosen, or a number is none.

    Examples
    --------
    >>> import netlab, pandas
    >>> from netlab.plot.freshness import freshness
    >>> log = pandas.DataFrame({
    ...     "started_at": pandas.to_datetime([0, 4, 9, 12], unit="s", utc=True),
    ...     "target": "http://www.campus.example/",
    ...     "cache": ["stored", "hit", "hit", "validated"],
    ... })
    >>> print(freshness(log, lifetime_s=10).alt)
    4 requests, 2 of them went to the origin: 1 fetched and stored, 2 hits, 1 validated. The oldest answer was 9 s old.

    Source
    ------
    RFC 9111 section 4.2 (freshness).
    """
    guess, lifetime = say.number_of(prediction, "prediction"), say.number_of(lifetime_s, "lifetime_s")
    need(log, NEEDS)
    chosen = _chosen(log, target)
    moments = _moments(chosen)
    axes = ax if ax is not None else canvas()[1][0]
    end = max([moment.at for moment in moments] or [1.0])
    slopes = _slopes(moments, end)
    top = 1.15 * max([*(to - begin for begin, to in slopes), lifetime or 0.0]) or 1.0

    series = []
    for begin, to in slopes:
        axes.plot([begin, to], [0.0, to - begin], color=QUIET, linewidth=1.4, zorder=2, gid=DATA)
        if lifetime is not None and to - begin > lifetime:
            _shade(axes, begin, to, lifetime)
    for outcome, look in OUTCOMES.items():
        points = [(moment.at, moment.age) for moment in moments if moment.outcome == outcome]
        if points:
            xs, ys = [at for at, _ in points], [age for _, age in points]
            axes.plot(xs, ys, label=look.label, clip_on=False, zorder=3, gid=DATA, **look.options(7.0))
            series.append(Series(look.label, xs, ys))
    if lifetime is not None:
        axes.axhline(lifetime, color=INK, linewidth=1.4, linestyle=(0, (5, 2)))
        axes.annotate(
            f"fresh for {say.figures(lifetime)} s", (0.01, lifetime), xycoords=("axes fraction", "data"), ha="left",
            va="bottom", fontsize=SMALL, color=INK, bbox=BEHIND_TEXT,
        )  # fmt: skip
        series.append(Series("freshness lifetime", ["all"], [lifetime]))
    if guess is not None:
        axes.plot([], [], " ", label=f"your guess: {say.figures(guess)} to the origin")
    margin = 0.03 * end or 0.05
    dress(axes, "time after the first request (s)", "age (s)", (-margin, end + margin), (0.0, top))
    legend(axes, columns=6)
    if not moments:
        note(axes, "no request that the cache looked at")
    name = str(chosen["target"].iloc[0]) if len(chosen) else ""
    caption = f"Age of the stored response of {name} at each request." if name else "Nothing was asked for."
    return Figure([axes], _alt(moments, guess), caption, series)


def _chosen(log: DataFrame, target: str | None) -> DataFrame:
    """The requests for one target that the cache had a say in, in the order of time."""
    seen = log[log["cache"].isin(list(OUTCOMES))]
    names = list(dict.fromkeys(str(name) for name in seen["target"]))
    if target is None and len(names) > 1:
        raise UsageError("target", target, f"must name one of the targets of the log: {', '.join(names[:5])}")
    if target is not None and target not in names:
        raise UsageError("target", target, f"must be one of {', '.join(names[:5]) or 'the targets of the log'}")
    return seen[seen["target"] == (target or (names or [""])[0])].sort_values("started_at", kind="stable")


def _moments(log: DataFrame) -> list[Moment]:
    moments: list[Moment] = []
    start = renewed = None
    for at, word in zip(log["started_at"], log["cache"], strict=True):
        start = at if start is None else start
        outcome = str(word)
        if outcome in RENEWING:
            renewed = at
        known = renewed is not None and outcome != "miss"
        age = (at - renewed).total_seconds() if known else 0.0
        moments.append(Moment((at - start).total_seconds(), outcome, age))
    return moments


def _slopes(moments: list[Moment], end: float) -> list[tuple[float, float]]:
    """When a response was new, and until when it was the one that was stored."""
    begins = [moment.at for moment in moments if moment.outcome in RENEWING]
    return list(zip(begins, [*begins[1:], end]))


def _shade(ax: Axes, begin: float, to: float, lifetime: float) -> None:
    label = "stale" if "stale" not in ax.get_legend_handles_labels()[1] else "_"
    ax.fill_between(
        [begin + lifetime, to], [lifetime, lifetime], [lifetime, to - begin], label=label, facecolor=ORANGE,
        edgecolor=INK, hatch="///", linewidth=0.6, zorder=1, gid=DATA,
    )  # fmt: skip


def _alt(moments: list[Moment], guess: float | None) -> str:
    if not moments:
        return "No request that the cache looked at."
    gone = sum(moment.outcome != "hit" for moment in moments)
    told = []
    for outcome, word in (
        ("stored", "fetched and stored"), ("hit", "hit"), ("validated", "validated"), ("stale", "stale"),
        ("miss", "fetched and not stored"),
    ):  # fmt: skip
        count = sum(moment.outcome == outcome for moment in moments)
        if count:
            told.append(f"{count} {word}" + ("s" if outcome == "hit" and count > 1 else ""))
    many = f"{len(moments)} request" + ("s" if len(moments) > 1 else "")
    text = f"{many}, {gone} of them went to the origin: {', '.join(told)}."
    oldest = max(moment.age for moment in moments)
    text += f" The oldest answer was {say.figures(oldest)} s old." if oldest else ""
    if guess is not None:
        off = "right" if guess == gone else f"{say.figures(abs(guess - gone))} too {'high' if guess > gone else 'low'}"
        text += f" Your guess of {say.figures(guess)} was {off}."
    return text
