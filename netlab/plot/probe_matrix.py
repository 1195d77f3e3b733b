"""Every probe of a traceroute as a cell: TTL downwards, attempt to the right, the outcome as a symbol.

A letter and a hatch say which of a hop's addresses answered, so that a path that changes between two probes is seen at
once. Cells of probes beyond the end of the way are dotted around and pale: the trace would not have needed them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from netlab.plot import data as say
from netlab.plot import trace
from netlab.plot.figure import DATA, Figure, Series, drawing
from netlab.plot.style import INK, ORANGE, OUTCOMES, PAPER, PINK, QUIET, SKY, SMALL, YELLOW, Look, canvas, dress
from netlab.plot.trace import Row

if TYPE_CHECKING:
    from pandas import DataFrame

CELL, EDGE = 0.34, 1.2
"""Height of a row of cells and of everything around them, inches."""

RESPONDERS = ((PAPER, ""), (SKY, "//"), (YELLOW, ".."), (PINK, "xx"), (ORANGE, "\\\\"))
"""Fill and hatch for the first, second, … address of a hop; from the last on they repeat, and the letters go on."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

LABEL, SHORT_LABEL = 44, 24
"""Characters beside a row, and where many columns need the room."""

WIDE = 12
"""With more columns than this, letters are left out: the hatches still tell addresses apart."""


@drawing
def probes(frame: DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw one cell per probe of a traceroute: TTL by attempt, with its outcome and who answered.

    Parameters
    ----------
    frame
        A PROBES table from `traceroute`, of one destination; probes of later rounds and repeated probes follow to the
        right.
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
    >>> _ = netlab.use("campus")
    >>> print(probes(netlab.traceroute("www", max_ttl=2)).alt)
    6 probes to 2 hops; 6 answered. No hop has two addresses.
    """
    rows = trace.traced(frame)
    labels = trace.labels_of(rows)
    hops = trace.by_ttl(rows)
    columns = max(len(group) for group in hops.values())
    axes = ax if ax is not None else canvas(EDGE + CELL * len(hops))[1][0]

    cells: list[tuple[float, float]] = []
    words: list[str] = []
    symbols: dict[str, tuple[Look, list[float], list[float]]] = {}
    letters_used = beyond_used = False
    for level, (ttl, group) in enumerate(hops.items()):
        order = trace.responders(group)
        for column, row in enumerate(sorted(group, key=lambda row: (row["round"], row["sequence"])), start=1):
            which = order.index(row["responder"]) if row["responder"] else None
            letter = _letter(which) if which is not None and len(order) > 1 else ""
            _cell(axes, column, level, which, letter if columns <= WIDE else "", row)
            key, look = _look(row)
            symbols.setdefault(key, (look, [], []))
            symbols[key][1].append(column - (0.18 if (letter and columns <= WIDE) or row["mark"] else 0))
            symbols[key][2].append(level)
            letters_used |= bool(letter)
            beyond_used |= trace.flagged(row, "beyond-end")
            cells.append((ttl, column))
            words.append(" ".join(filter(None, [look.label, letter, row["responder"], row["mark"], _beyond(row)])))
    size = 8.0 if columns <= WIDE else max(3.0, 140.0 / columns)
    for key in [*OUTCOMES, "star", "early"]:
        if key in symbols:
            look, xs, ys = symbols[key]
            halo = [withStroke(linewidth=3, foreground=PAPER)]
            axes.plot(xs, ys, label=look.label, zorder=3, gid=DATA, path_effects=halo, **look.options(size))

    dress(axes, "attempt", "hop (TTL)", (0.5, columns + 0.5), (len(hops) - 0.5, -0.5), "x")
    axes.set_yticks(
        range(len(hops)), ["last try" if trace.last_try(group) else str(ttl) for ttl, group in hops.items()]
    )
    if columns <= 8:
        axes.set_xticks(range(1, columns + 1))
    axes.grid(False)
    for level, group in enumerate(hops.values()):
        axes.annotate(
            _beside(group, labels, LABEL if columns <= WIDE else SHORT_LABEL),
            (1.012, level),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SMALL,
            color=INK,
        )
    _legend(
        axes, "A, B …: another address" if columns <= WIDE else "hatched: another address", letters_used, beyond_used
    )
    caption = f"Every probe{trace.frame_where(frame, rows)}: one row per TTL, one column per attempt.{labels.told}"
    series = [Series("probes", [f"{ttl:g}/{column:g}" for ttl, column in cells], words)]
    return Figure([axes], _alt(hops), caption, series)


def _letter(which: int) -> str:
    return LETTERS[which] if which < len(LETTERS) else str(which + 1)


def _beyond(row: Row) -> str:
    return "beyond the end" if trace.flagged(row, "beyond-end") else ""


def _look(row: Row) -> tuple[str, Look]:
    outcome = str(row["outcome"])
    if outcome == "timeout":
        return ("early", trace.EARLY) if trace.flagged(row, "early") else ("star", trace.STAR)
    return outcome, OUTCOMES[outcome]


def _cell(axes: Axes, column: int, level: int, which: int | None, letter: str, row: Row) -> None:
    beyond = trace.flagged(row, "beyond-end")
    fill, hatch = RESPONDERS[which % len(RESPONDERS)] if which is not None else ("#F2F2F2", "")
    edge: dict[str, Any] = {"edgecolor": QUIET, "linewidth": 0.8}
    if beyond:
        fill, hatch, edge = PAPER, "", {"edgecolor": INK, "linewidth": 1.4, "linestyle": (0, (1, 1.6))}
    axes.add_patch(
        Rectangle((column - 0.46, level - 0.42), 0.92, 0.84, facecolor=fill, alpha=0.55 if hatch else 1.0, zorder=1)
    )
    axes.add_patch(Rectangle((column - 0.46, level - 0.42), 0.92, 0.84, fill=False, hatch=hatch, zorder=2, **edge))
    text = " ".join(filter(None, [letter, row["mark"]]))
    if text:
        axes.text(
            column + 0.08,
            level,
            text,
            fontsize=SMALL,
            fontweight="bold",
            color=INK,
            ha="left",
            va="center",
            zorder=4,
            bbox={"boxstyle": "square,pad=0.12", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.9},
        )


def _beside(group: list[Row], labels: trace.Labels, most: int) -> str:
    """Who answered; an address is never cut, since half an address is nobody's."""
    order = trace.responders(group)
    if len(order) < 2:
        return labels.fitting(order[0], most) if order else "no answer"
    texts = [f"{_letter(which)} {labels.name(address) or address}" for which, address in enumerate(order)]
    together = "  ".join(texts)
    return together if len(together) <= most else f"{trace.trimmed(texts[0], 18)} and {len(order) - 1} more"


def _legend(axes: Axes, told: str, letters: bool, beyond: bool) -> None:
    handles, names = axes.get_legend_handles_labels()
    if letters:
        fill, hatch = RESPONDERS[1]
        handles.append(Patch(facecolor=fill, hatch=hatch, edgecolor=QUIET, alpha=0.7))
        names.append(told)
    if beyond:
        handles.append(Patch(facecolor=PAPER, edgecolor=INK, linestyle=(0, (1, 1.6)), linewidth=1.4))
        names.append("beyond the end")
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(
        handles,
        names,
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handletextpad=0.5,
        columnspacing=1.1,
        borderaxespad=0.2,
        handlelength=1.7,
    )


def _alt(hops: dict[int, list[Row]]) -> str:
    hops = {ttl: group for ttl, group in hops.items() if not trace.last_try(group)}
    rows = [row for group in hops.values() for row in group]
    answered = sum(bool(row["responder"]) for row in rows)
    text = f"{trace.count(len(rows), 'probe')} to {trace.count(len(hops), 'hop')}; {answered} answered"
    outcomes = [_look(row)[1].label for row in rows]
    for word, told in (
        ("late", "late"), (trace.STAR.label, "star"), (trace.EARLY.label, "star after a shortened wait"),
        ("pending", "pending"), ("not sent", "not sent"),
    ):  # fmt: skip
        number = outcomes.count(word)
        if number:
            plural = told.replace("star", "stars") if number > 1 else told
            text += f", {number} {'of them ' if word == 'late' else ''}{plural}"
    text += "."
    silent = [ttl for ttl, group in hops.items() if not trace.responders(group)]
    if len(silent) == len(hops):
        return text + " No hop answered."
    if silent:
        text += f" Silent: hop {say.listed(silent)}."
    some = [
        ttl for ttl, group in hops.items() if trace.responders(group) and not all(row["responder"] for row in group)
    ]
    if some:
        text += f" Only some probes were answered at hop {say.listed(some)}."
    several = [ttl for ttl, group in hops.items() if len(trace.responders(group)) > 1]
    text += f" The answering address changes at hop {say.listed(several)}." if several else " No hop has two addresses."
    beyond = sum(trace.flagged(row, "beyond-end") for row in rows)
    return text + (f" {trace.count(beyond, 'probe')} went beyond the end." if beyond else "")
