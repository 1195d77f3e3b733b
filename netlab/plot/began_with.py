"""The initial TTLs of answers: a bar per value, as long as the number of machines that begin with it.

An answer arrives with the TTL that is left. Systems begin with 32, 64, 128 or 255, so the next of these above what is
left is what it began with, and the difference is the length of the way back. The initial TTL says something of the
maker of a machine, and a responder with two of them is more than one machine, or answers with more than one part.

Source: RFC 1700 (64 as the recommended default); Vanaubel et al., "Network fingerprinting: TTL-based router
signatures", IMC 2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import GREEN, INK, ORANGE, PINK, SKY, SMALL, canvas, dress, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("responder", "reply_ttl", "return_hops")
VALUES = {32: (GREEN, "..."), 64: (SKY, ""), 128: (ORANGE, "///"), 255: (PINK, "xx")}
"""Fill and hatch of each initial TTL that systems are known to use."""
HEIGHT = 2.6
LINE = 2
"""Addresses on one line of a bar."""
MOST = 4
"""Addresses named; the series holds all."""


@drawing
def initial_ttls(data: DataFrame, *, ax: Axes | None = None) -> Figure:
    """Plot how many responders begin with which TTL (32, 64, 128 or 255), with their hops of the way back.

    Parameters
    ----------
    data
        A PROBES table of `traceroute`, `monitor` or `ping`, or a dict of name and table.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`. A responder counts once per initial TTL; the series hold responders and hops of the way back.

    Raises
    ------
    UsageError
        ``data`` is not a table of probes.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("campus")
    >>> print(initial_ttls(netlab.traceroute("www", attempts=1, window=1)).alt)
    Of 3 responders: 3 begin with 64 (192.0.2.1, 198.51.100.2, 203.0.113.80).
    """
    parts = say.groups(data, NEEDS)
    axes = ax if ax is not None else canvas(HEIGHT)[1][0]
    found: dict[int, dict[str, int]] = {initial: {} for initial in VALUES}
    for frame in parts.values():
        answered = frame[frame["reply_ttl"].notna() & frame["return_hops"].notna()]
        for responder, left, back in zip(
            answered["responder"], answered["reply_ttl"], answered["return_hops"], strict=True
        ):
            found[int(left) + int(back) - 1].setdefault(str(responder), int(back))
    most = max(map(len, found.values()))
    series = []
    for position, (initial, responders) in enumerate(found.items()):
        fill, hatch = VALUES[initial]
        axes.barh(position, len(responders), height=0.7, color=fill, hatch=hatch, edgecolor=INK, linewidth=0.8)
        told = [f"{address} ({back})" for address, back in list(responders.items())[:MOST]]
        told += [f"and {len(responders) - MOST} more"] if len(responders) > MOST else []
        lines = [", ".join(told[start : start + LINE]) for start in range(0, len(told), LINE)]
        axes.annotate(" " + "\n ".join(lines), (len(responders), position), va="center", fontsize=SMALL, color=INK)
        series.append(Series(f"initial TTL {initial}", list(responders), list(responders.values())))
    dress(axes, "number of responders", "initial TTL", (0, max(2.6 * most, 1.0)), (len(VALUES) - 0.4, -0.6), "x")
    axes.set_yticks(range(len(VALUES)), [str(initial) for initial in VALUES], fontsize=SMALL)
    axes.grid(False, axis="y")
    if not most:
        note(axes, "no answers that show their TTL")
    caption = "Initial TTLs of the answers; in brackets the hops of the way back."
    return Figure([axes], _alt(found), caption, series)


def _alt(found: dict[int, dict[str, int]]) -> str:
    everybody = {address for responders in found.values() for address in responders}
    if not everybody:
        return "No answer shows its TTL, so nothing is known."
    begin = [(initial, list(responders)) for initial, responders in found.items() if responders]
    told = []
    for number, (initial, responders) in enumerate(begin):
        verb = ("begins " if len(responders) == 1 else "begin ") if number == 0 else ""
        named = ", ".join(responders[:MOST]) + (f" and {len(responders) - MOST} more" if len(responders) > MOST else "")
        told.append(f"{len(responders)} {verb}with {initial} ({named})")
    text = f"Of {len(everybody)} responder{'' if len(everybody) == 1 else 's'}: {', '.join(told)}."
    twice = sorted(each for each in everybody if sum(each in responders for responders in found.values()) > 1)
    return text + (f" With more than one value: {', '.join(twice)}." if twice else "")
