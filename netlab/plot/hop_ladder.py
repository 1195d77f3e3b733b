"""The hop ladder of a traceroute: one rung per TTL, TTL 1 on top, and all round-trip times as points.

Several addresses at one hop get a line each, under one TTL. What did not answer has no round-trip time: it is a grey
asterisk in the column "none", never 0 ms and never a red loss, because a router that limits its ICMP answers forwards
everything else. The time of a hop is not the delay of a link: it contains the router's own slowness and the way back,
so a later hop may well be faster than an earlier one.

Source: RFC 1812 section 4.3.2.8 (routers limit the rate of ICMP errors), RFC 2681 (round-trip delay).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from netlab import stats
from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot import trace
from netlab.plot.figure import DATA, Figure, Series, drawing
from netlab.plot.ladder import AGAIN, Line, lines_of
from netlab.plot.style import BEHIND_TEXT, GRID, INK, OUTCOMES, QUIET, SMALL, Look, canvas, dress, legend
from netlab.plot.trace import Row

if TYPE_CHECKING:
    from pandas import DataFrame

RUNG, TALL, EDGE = 0.31, 0.44, 1.15
"""Height of a line of the ladder, of one whose label takes two lines, and of everything around the ladder, inches."""

FEW = 5
"""So many probes without an answer are drawn one by one; of more, their number is written."""

SPREAD = 0.5
"""The points of one line are spread over this share of its height, so that equal times stay countable."""

FIGURE_SPACE = "\u2007"
"""As wide as a digit, so that the TTLs stand below each other."""

SHADE = "#F2F2F2"
"""Behind the column of what has no time; carries no meaning."""

COLUMN = 0.19
"""Width of the column for probes without an answer, as a share of the axis of times."""


@drawing
def hops(
    frame: DataFrame,
    *,
    truth: Sequence[str] | None = None,
    names: Any = None,
    beyond: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw the ladder of a traceroute: a rung per TTL, a point per answer at its round-trip time in ms.

    Parameters
    ----------
    frame
        A PROBES table from `traceroute`, of one destination.
    truth
        The nodes that packets really pass, in order, the start first, as a virtual network's ``path(destination)``
        gives them: written at the right end of each rung, with ≠ where somebody else answered. None: nothing.
    names
        Which node an address belongs to: a dict of address and name, or a world or virtual network. Needed for
        ``truth`` when the trace has no names of responders; None: responder names are compared.
    beyond
        Also show probes that went further than the one that ended the trace.
    ax
        Axes to draw into; None: a figure of its own, as high as the way is long.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``frame`` is not a table of a traceroute, has no rows, or more than one destination.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> print(hops(netlab.traceroute("server")).alt.partition(",")[0])
    server (203.0.113.80) answered as the destination

    Source
    ------
    RFC 1812 section 4.3.2.8, RFC 2681.
    """
    rows = trace.traced(frame, beyond)
    labels = trace.labels_of(rows)
    lines = lines_of(rows, labels)
    known = trace.Known(labels, names)
    true = _true(truth)
    rung = TALL if any("\n" in line.label for line in lines) else RUNG
    axes = ax if ax is not None else canvas(EDGE + rung * (len(lines) + sum(bool(line.end) for line in lines)))[1][0]

    times = [row["rtt_ms"] for row in rows if not isnan(row["rtt_ms"])]
    top = 1.08 * max(times, default=1.0) or 1.0
    width = COLUMN * top if any(line.silent for line in lines) else 0.0
    heights = _heights(lines)
    bottom = max(heights, default=0.0) + 0.5 + bool(lines and lines[-1].end)
    _rungs(axes, lines, heights, top, width)
    series = _points(axes, lines, heights, top, width)
    for line, height in zip(lines, heights, strict=True):
        _marks(axes, line, height, top)
        if line.end:
            _end(axes, line.end, height + 1, top)
    if true:
        series.append(_truth(axes, lines, heights, true, known))

    dress(axes, "round-trip time (ms)", "hop (TTL)", (0, top + width), (bottom, -0.6))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick < top]
    none = [(top + width / 2, "none")] if width else []
    axes.set_xticks([*ticks, *(at for at, _ in none)], [*map(say.figures, ticks), *(word for _, word in none)])
    digits = max((len(line.hop) for line in lines), default=0)
    axes.set_yticks(heights, [_tick(line, digits) for line in lines])
    for text, line in zip(axes.get_yticklabels(), lines, strict=True):
        text.set_fontweight("bold" if any(map(trace.reached, line.rows)) and not line.beyond else "normal")
    axes.grid(False, axis="y")
    if width:
        axes.xaxis.get_gridlines()[-1].set_visible(False)
    if any(AGAIN in line.label for line in lines):
        axes.plot(
            [], [], linestyle="none", marker=f"${AGAIN}$", markersize=10, color=INK, label="the same address again"
        )
    legend(axes, columns=3, left=True)
    series.append(Series("hops", [line.ttl for line in lines], [line.label for line in lines]))
    caption = f"Hop ladder{trace.frame_where(frame, rows)}: the round-trip time of every answer.{labels.told}"
    return Figure([axes], _alt(rows, lines, labels), caption, series)


def _heights(lines: list[Line]) -> list[float]:
    """Where each line stands; a line with an end leaves one free below it."""
    heights, height = [], 0.0
    for line in lines:
        heights.append(height)
        height += 2 if line.end else 1
    return heights


def _tick(line: Line, digits: int) -> str:
    """The label, then the TTL at the end of its first line."""
    first, *rest = line.label.split("\n")
    space = FIGURE_SPACE * (digits + 2)
    return "\n".join([f"{first}{line.hop.rjust(digits + 2, FIGURE_SPACE)}", *(text + space for text in rest)])


def _rungs(axes: Axes, lines: list[Line], heights: list[float], top: float, width: float) -> None:
    """A thin line between hops, none between the addresses of one hop; the column for what has no time."""
    for line, height in zip(lines, heights, strict=True):
        if line.hop and height:
            axes.plot([0, top + width], [height - 0.5] * 2, color=GRID, linewidth=0.8, zorder=1)
    if width:
        axes.axvspan(top, top + width, color=SHADE, zorder=0)
        axes.axvline(top, color=QUIET, linewidth=0.8, zorder=1)


def _points(axes: Axes, lines: list[Line], heights: list[float], top: float, width: float) -> list[Series]:
    looks: dict[str, tuple[Look, list[float], list[float], list[int]]] = {}

    def add(key: str, look: Look, x: float, y: float, ttl: int) -> None:
        entry = looks.setdefault(key, (look, [], [], []))
        entry[1].append(x)
        entry[2].append(y)
        entry[3].append(ttl)

    for line, height in zip(lines, heights, strict=True):
        for number, row in enumerate(line.rows):
            shift = SPREAD * ((number + 0.5) / len(line.rows) - 0.5)
            outcome = str(row["outcome"])
            add(outcome, OUTCOMES[outcome], row["rtt_ms"], height + shift, line.ttl)
        crowd = len(line.silent) > FEW
        if crowd:
            axes.text(top + 0.24 * width, height, f"× {len(line.silent)}", va="center", fontsize=SMALL, color=INK)
        for number, row in enumerate(line.silent):
            outcome = str(row["outcome"])
            look = OUTCOMES[outcome]
            if outcome == "timeout":
                outcome, look = ("early", trace.EARLY) if trace.flagged(row, "early") else ("star", trace.STAR)
            step = min(0.26, 0.84 / len(line.silent))
            place = 0.14 if crowd else 0.5 + step * (number - (len(line.silent) - 1) / 2)
            add(outcome, look, top + width * place, height, line.ttl)
    series = []
    for key in [*OUTCOMES, "star", "early"]:
        if key in looks:
            look, xs, ys, ttls = looks[key]
            options = look.options(6.0 if len(xs) <= 150 else 3.5)
            axes.plot(xs, ys, label=look.label, zorder=3, gid=DATA, clip_on=False, **options)
            shown: list[Any] = ["none" if x > top else x for x in xs]
            series.append(Series(look.label, ttls, shown))
    return series


def _marks(axes: Axes, line: Line, height: float, top: float) -> None:
    """Traceroute's marks, written once, beside the points."""
    marks = list(dict.fromkeys(row["mark"] for row in line.rows if row["mark"]))
    if not marks:
        return
    times = [row["rtt_ms"] for row in line.rows if not isnan(row["rtt_ms"])] or [0.0]
    left = max(times) > 0.85 * top
    axes.annotate(
        " ".join(marks),
        (min(times) if left else max(times), height),
        xytext=(-9 if left else 9, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=SMALL,
        fontweight="bold",
        color=INK,
        zorder=4,
        bbox=BEHIND_TEXT,
    )


def _end(axes: Axes, text: str, height: float, top: float) -> None:
    solid = text == "the destination answered"
    axes.axhline(height - 0.45, color=INK, linewidth=2.2, linestyle="-" if solid else (0, (2, 2)), zorder=2)
    axes.text(0.01 * top, height, text, fontsize=SMALL, color=INK, va="center", fontweight="bold", zorder=4)


def _true(truth: Any) -> list[str]:
    if truth is None:
        return []
    if isinstance(truth, str) or not all(isinstance(node, str) for node in truth):
        raise UsageError("truth", truth, "wanted: names of nodes in order, the start first, as network.path() gives")
    return list(truth)


def _truth(axes: Axes, lines: list[Line], heights: list[float], true: list[str], known: trace.Known) -> Series:
    """Who really stands at each TTL, at the right end of its rung."""
    told = Series("truth", ttls := [], texts := [])
    for line, height in zip(lines, heights, strict=True):
        if line.ttl >= len(true):
            continue
        node = true[line.ttl]
        same = any(node in known.called(address) for address in trace.responders(line.rows))
        sign = ("= " if same else "≠ ") if line.rows else ""
        ttls.append(line.ttl)
        texts.append(f"{sign}{node}")
        axes.annotate(
            f"{sign}{trace.trimmed(node, 16)}",
            (1.01, height),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SMALL,
            color=INK,
            fontweight="bold" if sign == "≠ " else "normal",
        )
    axes.annotate("truth", (1.01, -0.8), xycoords=("axes fraction", "data"), fontsize=SMALL, color=QUIET)
    return told


def _alt(rows: list[Row], lines: list[Line], labels: trace.Labels) -> str:
    rows = [row for row in rows if not trace.flagged(row, "beyond-end")]
    hops = {ttl: group for ttl, group in trace.by_ttl(rows).items() if not trace.last_try(group)}
    answered = [ttl for ttl, group in hops.items() if trace.responders(group)]
    end = min((ttl for ttl, group in trace.by_ttl(rows).items() if any(map(trace.reached, group))), default=None)
    if end is not None:
        last = next(row for row in rows if row["ttl"] == end and trace.reached(row))
        where = f"with hop {end}" if end in hops else "only to a last try with a large TTL, its distance is unknown"
        text = f"{labels.both(last['responder'])} answered as the destination, {where}."
    elif not answered:
        return "No hop answered, so nothing is known of the way."
    else:
        text = say.capital(next(line.end for line in lines if line.end)) + "."
    text += f" {len(answered)} of {trace.count(len(hops), 'hop')} answered"
    silent = [ttl for ttl in hops if ttl not in answered]
    text += f"; silent: {say.listed(silent)}." if silent else "."
    several = [ttl for ttl, group in hops.items() if len(trace.responders(group)) > 1]
    if several:
        text += f" Several addresses answered at hop {say.listed(several)}."
    again = [ttl for ttl, group in hops.items() if any(trace.flagged(row, "loop") for row in group)]
    if again:
        text += f" From hop {again[0]} on, addresses of earlier hops answer again: a loop."
    repeated = [ttl for ttl, group in hops.items() if any(trace.flagged(row, "repeated-hop") for row in group)]
    if repeated:
        text += f" The same address as one hop before answered at hop {say.listed(repeated)}."
    times = [row["rtt_ms"] for row in rows if row["ttl"] == max(answered, default=end) and not isnan(row["rtt_ms"])]
    if times:
        text += f" The median round-trip time at hop {max(answered, default=end)} is "
        text += f"{say.ms(stats.percentile(times, 50))}."
    late = sum(str(row["outcome"]) == "late" for row in rows)
    marks = list(dict.fromkeys(row["mark"] for row in rows if row["mark"]))
    if late:
        text += f" {trace.count(late, 'answer')} came late."
    return text + (f" Marks: {', '.join(marks)}." if marks else "")
