"""How often a cache has what is asked for, against its size.

A cache that is too small throws away what will soon be asked for again. With more room fewer answers are thrown away,
until everything that is asked for twice is a hit the second time: more is not to be had, because the first request for
a thing is never a hit. What people ask for is very uneven, so a small cache already has the few things that many want.

Source: RFC 9111 section 2 (a cache may throw away what it likes); Breslau and others, "Web caching and Zipf-like
distributions" (INFOCOM 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.log_over_time import need
from netlab.plot.style import BLUE, GUESS, QUIET, canvas, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("target", "cache")


@drawing
def hit_ratio(
    logs: Mapping[float, DataFrame],
    *,
    prediction: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot the share of requests that a cache answers by itself, in %, against its size in KiB.

    Parameters
    ----------
    logs
        A dict: the cache's size in bytes, and the log of the proxy with that cache (EXCHANGES).
    prediction
        Your guess of the share at the largest size, in %; None: no line.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`. The dotted line is what a cache without any limit could do: all requests for something that was
        asked for before.

    Raises
    ------
    UsageError
        ``logs`` is not such a dict, or a guess is not a number.

    Examples
    --------
    >>> import netlab, pandas
    >>> small = pandas.DataFrame({"target": ["a", "b", "a", "b"], "cache": ["stored", "stored", "stored", "hit"]})
    >>> large = small.assign(cache=["stored", "stored", "hit", "hit"])
    >>> print(netlab.plot.hit_ratio({16_384: small, 32_768: large}).alt)
    From 16 to 32 KiB: the share of hits from 25 % to 50 %. No cache could have more than 50 %.

    Source
    ------
    RFC 9111 section 2.
    """
    guess = say.number_of(prediction, "prediction")
    parts = _parts(logs)
    axes = ax if ax is not None else canvas()[1][0]
    sizes = [size / 1024 for size in parts]
    shares = [100 * float((log["cache"] == "hit").mean()) if len(log) else 0.0 for log in parts.values()]
    best = max([100 * _repeated(log) for log in parts.values()], default=0.0)
    axes.plot(sizes, shares, color=BLUE, marker="o", markersize=7, linewidth=1.8, label="hits", zorder=3)
    series = [Series("hits", sizes, shares)]
    if parts:
        axes.axhline(best, color=QUIET, linewidth=1.6, linestyle=":", label="asked for before")
        series.append(Series("asked for before", ["all"], [best]))
    if guess is not None:
        axes.axhline(guess, label=f"your guess: {say.figures(guess)} %", **GUESS)
        series.append(Series("your guess", ["all"], [guess]))
    dress(axes, "size of the cache (KiB)", "hits (% of all requests)", (0, 1.05 * max(sizes, default=1.0)), (0, 104))
    legend(axes, columns=3)
    if not parts:
        note(axes, "no size was tried")
    caption = "How many requests the cache answers by itself, for caches of several sizes and the same requests."
    return Figure([axes], _alt(sizes, shares, best, guess), caption, series)


def _parts(logs: Any) -> dict[float, DataFrame]:
    if not isinstance(logs, Mapping):
        raise UsageError("logs", type(logs).__name__, "must be a dict: bytes of the cache → proxy.log")
    parts = {}
    for size, log in logs.items():
        number = say.number_of(size, "logs")
        if number is None or isnan(number) or number < 0:
            raise UsageError("logs", size, "each key must be a size in bytes")
        need(log, NEEDS, "logs")
        parts[number] = log
    return dict(sorted(parts.items()))


def _repeated(log: DataFrame) -> float:
    """The share of requests for what was asked for before."""
    return float(log["target"].duplicated().mean()) if len(log) else 0.0


def _alt(sizes: list[float], shares: list[float], best: float, guess: float | None) -> str:
    if not sizes:
        return "No size was tried."
    first, last = (say.percent(round(share / 100, 3)) for share in (shares[0], shares[-1]))
    text = f"From {say.figures(sizes[0])} to {say.figures(sizes[-1])} KiB: the share of hits from {first} to {last}."
    text += f" No cache could have more than {say.percent(round(best / 100, 3))}."
    if guess is not None:
        off = say.figures(round(abs(guess - shares[-1]), 1))
        text += f" Your guess of {say.figures(guess)} % was {off} off at the end."
    return text
