"""Loss per hop as a staircase, with what of it carries through.

A packet to a later hop passes all earlier ones. So what is really lost on the way shows at *all* later hops, too: the
stairs go up and never down again. Loss at one hop that the hops behind it do not have is loss of that hop's answers.
The loss that carries through a hop is therefore at most the smallest one of this and all later hops.

Source: RFC 2680 (loss), RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4 (f) (routers limit how often they answer).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab import stats
from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.multiples import dressed, grid, hops_of, key, name_of, together
from netlab.plot.style import INK, PINK, VERMILLION
from netlab.plot.trace import Row

if TYPE_CHECKING:
    from pandas import DataFrame

Carried = Callable[[list[float]], Sequence[float]]
"""``carried(losses)``: for the losses of hops 1, 2, … what of each carries through to the end."""

LEAST = 10.0
"""The loss axis reaches to this, %, however little is lost."""


@drawing
def hop_loss(
    data: DataFrame | Mapping[str, DataFrame], *, carried: Carried | None = None, ax: Axes | None = None
) -> Figure:
    """Plot the loss of each hop (%) with its 95 % interval as a staircase; with ``carried`` what of it carries through.

    Parameters
    ----------
    data
        A PROBES table from `traceroute` or `monitor`, or a dict of name and table, to compare.
    carried
        Your function: it gets the list of losses of hops 1, 2, … (shares from 0 to 1) and gives a list of the same
        length, drawn as a thick line. None: no line.
    ax
        Axes to draw into, for a single table; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is not a table of a traceroute, has no rows, or more than one destination; ``carried`` gives something
        else than a list of so many numbers.
    """
    parts = hops_of(data)
    axes = grid(len(parts), ax)
    most = max((ttl for hops in parts.values() for ttl in hops), default=1)
    top = LEAST
    series: list[Series] = []
    losses: dict[str, dict[int, float]] = {}
    for each, (name, hops) in zip(axes, parts.items(), strict=True):
        told = f"{name} " if name else ""
        counted = {ttl: _loss(rows) for ttl, rows in hops.items()}
        losses[name] = {ttl: share for ttl, (share, _, _) in counted.items()}
        ttls = list(counted)
        shares, lows, highs = ([100 * row[column] for row in counted.values()] for column in range(3))
        _stairs(each, ttls, shares, lows, highs)
        series.append(Series(f"{told}loss", ttls, shares))
        series.append(Series(f"{told}high", ttls, highs))
        top = max(top, *highs)
        if carried is not None:
            line = [100 * share for share in _carried(carried, list(losses[name].values()))]
            each.step(
                [ttls[0] - 0.5, *(ttl + 0.5 for ttl in ttls)], [line[0], *line], where="pre", color=VERMILLION,
                linewidth=2.6, label="carries through", zorder=4,
            )  # fmt: skip
            series.append(Series(f"{told}carries through", ttls, line))
            top = max(top, *line)
    dressed(axes, list(parts), "loss (%)", most, min(1.05 * top, 105.0))
    key(axes, 3)
    caption = f"Loss of each hop on the way to {name_of(next(iter(parts.values())))}, with its 95 % interval."
    return Figure(axes, _alt(losses), caption, series)


def _loss(rows: list[Row]) -> tuple[float, float, float]:
    """The share of lost probes and its 95 % interval; nothing is known of probes in flight."""
    words = [str(row["outcome"]) for row in rows]
    total = sum(word not in ("pending", "not-sent") for word in words)
    lost = words.count("timeout")
    return (lost / total, *stats.wilson(lost, total)) if total else (0.0, 0.0, 1.0)


def _stairs(axes: Axes, ttls: list[int], shares: list[float], lows: list[float], highs: list[float]) -> None:
    """Steps as wide as a hop, so that they join, and a bar with caps for the interval."""
    axes.bar(
        ttls, shares, width=1.0, color=PINK, hatch="xx", edgecolor=INK,
        linewidth=0.8, label="measured loss", zorder=2,
    )  # fmt: skip
    below = [share - low for share, low in zip(shares, lows, strict=True)]
    above = [high - share for share, high in zip(shares, highs, strict=True)]
    axes.errorbar(
        ttls, shares, yerr=[below, above], fmt="none", ecolor=INK, elinewidth=1.4, capsize=3, label="95 % interval",
        zorder=3,
    )  # fmt: skip


def _carried(carried: Carried, losses: list[float]) -> list[float]:
    wanted = f"must give a list of {len(losses)} numbers for {len(losses)} losses"
    given: Any = carried(list(losses))
    try:
        line = [float(share) for share in given]
    except (TypeError, ValueError):
        line = []
    if len(line) != len(losses):
        raise UsageError("carried", given, wanted)
    return line


def _alt(losses: dict[str, dict[int, float]]) -> str:
    sentences = []
    for name, shares in losses.items():
        told = f"{name}: " if name else ""
        ttls = list(shares)
        first = next((ttl for ttl in ttls if shares[ttl]), None)
        if first is None:
            sentences.append(f"{told}no hop loses anything.")
            continue
        worst = max(ttls, key=lambda ttl: shares[ttl])
        last = ttls[-1]
        text = f"{told}hop {worst} loses most, {say.percent(shares[worst])}"
        if last != worst:
            text += f"; hop {last}, the last, loses {say.percent(shares[last])}"
        if shares[last]:
            text += ": some of it may carry through" if last != worst else ""
        else:
            text += ": nothing carries through"
        sentences.append(text + ".")
    return together(sentences)
