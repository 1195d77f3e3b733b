"""A waterfall: one row per object, and in it, from left to right, what its request went through.

The phases of an object stand side by side, each with a fill and a hatch of its own, on one time axis for all objects.
So the picture answers three questions: what did an object wait for, which objects shared a connection, and what came
after what. The number of the connection stands behind the row; a filled square says that the connection was made for
this object, an open one that it was used again.

Waiting for a free connection (queue) is drawn as a thin bar: nothing is on the network then.

Source: RFC 9112 section 9 (connection management).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from netlab.errors import UsageError
from netlab.frames import PHASE_NAMES
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.page_items import Item, items_by_name
from netlab.plot.style import (
    BEHIND_TEXT,
    DOTS_PER_INCH,
    GREEN,
    GROUPS,
    GUESS,
    INK,
    ORANGE,
    PAPER,
    PINK,
    QUIET,
    SKY,
    SMALL,
    TEXT,
    TRUTH,
    WIDTH,
    YELLOW,
    dress,
    note,
)

if TYPE_CHECKING:
    from pandas import DataFrame

LOOKS = {
    "queue": (PAPER, ""),
    "dns": (PINK, "xx"),
    "connect": (ORANGE, "///"),
    "tls": (YELLOW, "++"),
    "send": (INK, ""),
    "wait": (GREEN, "..."),
    "receive": (SKY, ""),
}
"""Fill and hatch of each phase."""
WORDS = {"queue": "wait for a connection", "dns": "name", "wait": "wait for first byte"}
"""What the legend says, where the name of the phase says too little."""

ROW, EDGE = 0.25, 1.15
"""Height of one row and of everything around the rows, inches."""
MOST, LAST = 40, 8
"""Rows of one diagram, and how many of them are the last objects when the middle of a long page is left out."""
COLUMNS = 4
"""Of the legend, if they fit."""
BESIDE = 0.3
"""Room for words to the right of the longest row, as a share of the time axis."""


@drawing
def waterfall(
    phases: DataFrame | Mapping[str, DataFrame],
    *,
    prediction: float | None = None,
    truth: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot what each object of a page went through: a row per object, its phases side by side, in ms.

    Parameters
    ----------
    phases
        A PHASES table from `fetch` or `fetch_page`; or a dict of name and table, drawn below each other on the same
        time axis, to compare.
    prediction
        Your guess of the time until everything is there, in ms, drawn as a dashed line; None: no line.
    truth
        The time that a model gives, in ms, drawn as a solid line; None: no line.
    ax
        Axes to draw into, for a single table; None: a figure of its own, as high as the page has objects.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``phases`` is not a table of phases, or ``prediction`` is not a number.

    Examples
    --------
    >>> import netlab, tempfile
    >>> with netlab.WebServer(tempfile.mkdtemp(), port=0) as server:
    ...     phases = netlab.fetch(server.url + "nothing")
    >>> print(netlab.plot.waterfall(phases).alt[:21])
    /nothing: status 404

    Source
    ------
    RFC 9112 section 9 (connection management).
    """
    guess, true = say.number_of(prediction, "prediction"), say.number_of(truth, "truth")
    parts = items_by_name(phases)
    axes = _axes([_rows(items) for items in parts.values()], ax)
    ends = [item.end for items in parts.values() for item in items]
    reach = (1 + BESIDE) * (max([*ends, guess or 0.0, true or 0.0]) or 1.0)
    series: list[Series] = []
    for each, (name, items) in zip(axes, parts.items(), strict=True):
        series += _draw(each, name, items, reach)
        for value, label, look in ((true, "truth", "truth"), (guess, "your guess", "guess")):
            if value is not None:
                series.append(_line(each, value, label, look == "guess", max(len(_shown(items)[0]), 1)))
    if len(axes) > 1:
        for each in axes[:-1]:
            each.set_xlabel("")
    if not any(parts.values()):
        note(axes[0], "no object was asked for")
    else:
        _legend(axes, {phase for items in parts.values() for item in items for phase, *_ in item.phases})
    return Figure(axes, _alt(parts, guess), _caption(list(parts)), series)


# --- drawing -----------------------------------------------------------------------------------------------------


def _shown(items: list[Item]) -> tuple[list[Item], int]:
    """The objects that get a row, and how many in the middle are left out."""
    if len(items) <= MOST:
        return items, 0
    return items[: MOST - LAST] + items[-LAST:], len(items) - MOST


def _rows(items: list[Item]) -> int:
    shown, hidden = _shown(items)
    return max(len(shown) + bool(hidden), 2)


def _axes(rows: list[int], ax: Axes | None) -> list[Axes]:
    if ax is not None:
        if len(rows) != 1:
            raise UsageError("ax", ax, f"cannot show {len(rows)} tables; leave it out")
        return [ax]
    heights = [0.45 + ROW * count for count in rows]
    size = (WIDTH, EDGE - 0.45 + sum(heights))
    figure = Canvas(figsize=size, dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    return list(figure.subplots(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0])


def _draw(ax: Axes, name: str, items: list[Item], reach: float) -> list[Series]:
    shown, hidden = _shown(items)
    gap = MOST - LAST
    rows = [place + (1 if hidden and place >= gap else 0) for place in range(len(shown))]
    for phase in PHASE_NAMES:
        fill, hatch = LOOKS[phase]
        for row, item in zip(rows, shown, strict=True):
            for which, start, end in item.phases:
                if which == phase and end > start:
                    ax.barh(
                        row, end - start, left=start, height=0.3 if phase == "queue" else 0.74, color=fill, hatch=hatch,
                        edgecolor=QUIET if phase == "queue" else INK, linewidth=0.8, zorder=3, gid=phase,
                    )  # fmt: skip
    for row, item in zip(rows, shown, strict=True):
        _beside(ax, row, item, reach)
    last = max(rows, default=1)
    dress(ax, "time after the call (ms)", "", (0, reach), (last + 0.6, -0.6))
    ax.set_yticks(rows, [item.name for item in shown], fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    if hidden:
        more = f"… {hidden} more objects …"
        ax.text(0.5 * reach, gap, more, ha="center", va="center", fontsize=SMALL, color=INK, bbox=BEHIND_TEXT)
    if name:
        ax.set_title(name, fontsize=TEXT + 1, color=INK, loc="left", fontweight="bold")
    return _series(name, items)


def _beside(ax: Axes, row: int, item: Item, reach: float) -> None:
    """Behind a row: its connection as a mark and a number, how long it took, and what was unusual."""
    place = item.end + 0.018 * reach
    if item.connection is not None:
        colour, marker = GROUPS[(item.connection - 1) % len(GROUPS)]
        ax.plot(
            place, row, linestyle="none", marker=marker, markersize=6.5, markeredgewidth=1.6, markeredgecolor=colour,
            markerfacecolor=PAPER if item.reused else colour, zorder=7, clip_on=False,
        )  # fmt: skip
    words = [] if item.connection is None else [f"{item.connection}:"]
    words.append(say.ms(item.took))
    if item.error:
        words.append("✗ " + item.error.partition(":")[0])
    elif item.status is not None and item.status != 200:
        words.append(f"({item.status})")
    ax.text(
        place + 0.016 * reach, row, " ".join(words), va="center", ha="left", fontsize=SMALL, color=INK,
        bbox=BEHIND_TEXT, zorder=7,
    )  # fmt: skip


def _line(ax: Axes, value: float, word: str, guess: bool, rows: int) -> Series:
    ends = [-0.5, rows + 0.5]
    ax.plot([value, value], ends, color=PAPER, linewidth=6, zorder=5)
    label = f"{word}: {say.ms(value)}"
    ax.plot([value, value], ends, label=label, zorder=6, **(GUESS if guess else TRUTH))
    return Series(word, [value], ["everything is there"])


def _legend(axes: list[Axes], used: set[str]) -> None:
    """Only the phases that occur, and what the marks behind the rows mean; in as many columns as fit."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(facecolor=fill, hatch=hatch, edgecolor=INK, linewidth=0.8, label=WORDS.get(phase, phase))
        for phase, (fill, hatch) in LOOKS.items()
        if phase in used
    ]
    for label, fill in (("new connection", INK), ("connection used again", PAPER)):
        handles.append(
            Line2D(
                [], [], linestyle="none", marker="s", markersize=6.5, markeredgewidth=1.6, markeredgecolor=INK,
                markerfacecolor=fill, label=label,
            )
        )  # fmt: skip
    handles += axes[0].get_legend_handles_labels()[0]
    figure = axes[0].get_figure(root=True)
    assert isinstance(figure, Canvas)
    for columns in range(COLUMNS, 0, -1):
        legend = figure.legend(
            handles=handles, loc="outside upper left", ncols=columns, frameon=False, fontsize=SMALL, labelcolor=INK,
            handletextpad=0.5, columnspacing=1.1, borderaxespad=0.2, handlelength=1.7,
        )  # fmt: skip
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def _series(name: str, items: list[Item]) -> list[Series]:
    """A series per phase: which object was in it for how long; and which connection each object had."""
    told = f"{name}: " if name else ""
    series = []
    for phase in PHASE_NAMES:
        pairs = [(item.name, end - start) for item in items for which, start, end in item.phases if which == phase]
        if pairs:
            series.append(Series(told + phase, [item for item, _ in pairs], [length for _, length in pairs]))
    known = [item for item in items if item.connection is not None]
    numbers = [item.connection or 0 for item in known]
    return [*series, Series(told + "connections", [item.name for item in known], numbers)]


# --- words -------------------------------------------------------------------------------------------------------


def _alt(parts: dict[str, list[Item]], guess: float | None) -> str:
    sentences = []
    for name, items in parts.items():
        sentences.append((f"{name}: " if name else "") + _told(items))
    whole = max((item.end for items in parts.values() for item in items), default=float("nan"))
    return " ".join(sentences) + say.guessed(guess, whole)


def _told(items: list[Item]) -> str:
    if not items:
        return "No object was asked for."
    lengths = {
        phase: sum(end - start for item in items for which, start, end in item.phases if which == phase)
        for phase in PHASE_NAMES
    }
    longest = max(lengths, key=lambda phase: lengths[phase])
    if len(items) == 1:
        (item,) = items
        end = item.error or (f"status {item.status}" if item.status is not None else "no answer")
        passed = ", ".join(f"{phase} {say.ms(length)}" for phase, length in lengths.items() if length) or "no time"
        return f"{item.name}: {end} after {say.ms(item.end)}: {passed}."
    used = len({item.connection for item in items if item.connection is not None})
    text = f"{len(items)} objects over {used} connection{'' if used == 1 else 's'} in "
    text += say.ms(max(item.end for item in items))
    slowest = max(items, key=lambda item: item.took)
    text += f"; {slowest.name} takes longest, {say.ms(slowest.took)}"
    total = sum(lengths.values())
    if total:
        share = say.percent(round(lengths[longest] / total, 2))
        text += f"; most of all time is {WORDS.get(longest, longest)} ({share})"
    failed = [item for item in items if item.error or item.status is None or item.status >= 400]
    if failed:
        text += f"; {len(failed)} not got: {', '.join(item.name for item in failed[:3])}"
        text += " …" if len(failed) > 3 else ""
    return text + "."


def _caption(names: list[str]) -> str:
    told = f" ({', '.join(names)})" if names != [""] else ""
    return (
        f"What each object went through{told}, from left to right; behind each row its connection and its time on the "
        "network."
    )
