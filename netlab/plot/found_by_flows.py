"""Next hops found against probes sent, with the line from which no further one is believed.

A load balancer sends each flow to one of its next hops. How many there are nobody knows; so probes of ever new flows
go on until it would be strange if there were one more. With k found, suppose that there are k + 1, all equally likely.
The chance that n flows miss at least one of them is at most (k + 1) (k / (k + 1))^n; the *95 % line* says from which n
on it is at most 5 %. Where the stairs of a measurement meet the line, it may stop.

Source: Augustin, Friedman, Teixeira, "Multipath tracing with Paris traceroute" (2007).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot import trace
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import BLACK, BLUE, GREEN, GUESS, QUIET, canvas, dress, legend

if TYPE_CHECKING:
    from pandas import DataFrame

ERROR = 0.05
STAIRS: tuple[tuple[str, Any], ...] = ((BLUE, "-"), (GREEN, (0, (1, 1))), (QUIET, (0, (6, 1.5, 1, 1.5))))
"""Colour and line of the first, second, … measurement."""

APART = 0.05
"""The stairs of several measurements are moved by so much, or they would hide each other."""

LINE: dict[str, Any] = {"color": BLACK, "linewidth": 1.4, "marker": "D", "markersize": 6, "markerfacecolor": "white"}


@drawing
def next_hops(
    data: DataFrame | Mapping[str, DataFrame],
    *,
    ttl: int,
    stop: Callable[[int], int] | None = None,
    prediction: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot how many different next hops the first 1, 2, 3, … probes at one TTL have found, and when that is enough.

    Parameters
    ----------
    data
        A PROBES table from ``traceroute(…, flow="classic")``, where each probe is a flow of its own; or a dict of name
        and table, to compare.
    ttl
        The TTL to look at: the one after the router that spreads packets.
    stop
        Your stopping rule: ``stop(found)`` gives how many probes are enough when so many next hops were found. None:
        the one with 95 % confidence.
    prediction
        Your guess of the number of probes, drawn as a dashed line; None: no line.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is not a table of a traceroute, or nobody answered at this TTL.

    Source
    ------
    Augustin et al. 2007.
    """
    guess = say.number_of(prediction, "prediction")
    parts = dict(data) if isinstance(data, Mapping) else {"": data}
    stairs = {str(name): _stairs(frame, ttl) for name, frame in parts.items()}
    rule = stop if stop is not None else enough
    axes = ax if ax is not None else canvas()[1][0]
    most = max(found[-1] for found in stairs.values())
    series: list[Series] = []
    for place, (name, found) in enumerate(stairs.items()):
        colour, line = STAIRS[place % len(STAIRS)]
        shift = APART * (place - (len(stairs) - 1) / 2)
        xs = list(range(len(found) + 1))
        label = name or "next hops found"
        axes.step(xs, [shift, *(step + shift for step in found)], where="post", color=colour, linestyle=line,
                  linewidth=2.0, label=label)  # fmt: skip
        series.append(Series(label, xs[1:], found))
    ks = list(range(1, most + 1))
    needed = [int(rule(k)) for k in ks]
    told = "your rule: enough" if stop is not None else "enough (95 %)"
    axes.plot(needed, ks, label=told, linestyle=(0, (1, 1.5)), zorder=4, **LINE)
    series.append(Series(told, needed, ks))
    if guess is not None:
        axes.axvline(guess, label=f"your guess: {say.figures(guess)}", **GUESS)
        series.append(Series("your guess", [guess], ["all"]))
    longest = max([*needed, *map(len, stairs.values()), guess or 0.0])
    dress(axes, f"probes sent with TTL {ttl}, each a flow of its own", "next hops found", (0, 1.03 * longest),
          (0, most + 1.0), "xy")  # fmt: skip
    legend(axes)
    return Figure([axes], _alt(stairs, needed, most, guess, stop is not None), _caption(parts, ttl), series)


def enough(found: int) -> int:
    """The 95 % line: probes that rule out one more than ``found`` next hops."""
    wanted, probes = found + 1, 1
    while wanted * (found / wanted) ** probes > ERROR:
        probes += 1
    return probes


def _stairs(frame: Any, ttl: int) -> list[int]:
    """How many different addresses had answered after each answered probe."""
    rows = [row for row in trace.checked(frame) if row["ttl"] == ttl and row["responder"]]
    if not rows:
        raise UsageError("ttl", ttl, "nobody answered at this TTL; choose one of the table's that somebody answered at")
    seen: set[str] = set()
    found = []
    for row in rows:
        seen.add(row["responder"])
        found.append(len(seen))
    return found


def _alt(stairs: dict[str, list[int]], needed: list[int], most: int, guess: float | None, own: bool) -> str:
    firsts = {name: found.index(found[-1]) + 1 for name, found in stairs.items()}
    told = [
        f"{name + ': ' if name else ''}{found[-1]} next hops after {firsts[name]} probes"
        for name, found in list(stairs.items())[:4]
    ]
    rule = "your rule stops" if own else "one may stop with 95 % confidence"
    text = f"{len(told)} measurements. " if len(told) > 1 else ""
    text += f"{'; '.join(told)}. With {most} found {rule} after {needed[-1]} probes."
    if guess is not None:
        late = sum(first > guess for first in firsts.values())
        text += f" Your guess of {say.figures(guess)} would have missed some in {late} of {len(stairs)} measurements."
    return text


def _caption(parts: Mapping[str, Any], ttl: int) -> str:
    frame = next(iter(parts.values()))
    rows = trace.checked(frame)
    return f"Different answers at TTL {ttl} against probes sent{trace.frame_where(frame, rows)}."
