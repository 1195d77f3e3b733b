"""The framing strip: a stream of HTTP bytes as a bar, each byte filled by the part of a message that it belongs to.

A thick frame is around every message. What a reader takes for the next message is not always what the sender meant:
where a length was wrong, the frames stand in the wrong places, and a part is crossed out as unreadable.

Source: RFC 9112 section 6.3.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import BEHIND_TEXT, GREEN, INK, ORANGE, PAPER, PINK, SKY, SMALL, YELLOW, canvas, dress, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("message", "part", "first", "bytes")
PARTS = {
    "start line": (SKY, ""),
    "fields": (YELLOW, "..."),
    "empty line": (INK, ""),
    "content": (ORANGE, "///"),
    "chunk size": (GREEN, "\\\\"),
    "unreadable": (PINK, "xx"),
    "missing": (PAPER, ""),
}
"""Fill and hatch."""
ROW, REST, BAR = 0.62, 1.3, 0.6


@drawing
def framing(data: DataFrame | dict[str, DataFrame], *, ax: Axes | None = None) -> Figure:
    """Plot which byte of a stream belongs to which message, and to which part of it.

    Parameters
    ----------
    data
        What `netlab.teach.messages` gives, or a dict of name and such tables.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is no such table.
    """
    parts = say.groups(data, NEEDS)
    axes = ax if ax is not None else canvas(REST + ROW * max(len(parts), 1))[1][0]
    longest = max((int((frame["first"] + frame["bytes"]).max()) for frame in parts.values() if len(frame)), default=1)
    series, seen = [], set()
    for row, (name, frame) in enumerate(parts.items()):
        pieces = [
            (int(number), str(part), int(first), int(size))
            for number, part, first, size in frame[list(NEEDS)].itertuples(index=False)
        ]
        for _, part, first, size in pieces:
            fill, hatch = PARTS[part]
            axes.barh(row, size, left=first, height=BAR, color=fill, hatch=hatch, edgecolor=INK, linewidth=0.4)
            seen.add(part)
        for number, group in groupby(pieces, key=lambda piece: piece[0]):
            _frame(axes, row, number, list(group))
        labels = [f"{number} {part}" for number, part, _, _ in pieces]
        series.append(Series(name or "parts", labels, [f"{first}+{size}" for _, _, first, size in pieces]))
    dress(axes, "place in the stream (bytes)", "", (0, 1.02 * longest), (len(parts) - 0.4, -0.7), "x")
    axes.set_yticks(range(len(parts)), list(parts) if list(parts) != [""] else [""], fontsize=SMALL)
    axes.grid(False, axis="y")
    handles = [
        Patch(facecolor=fill, hatch=hatch, edgecolor=INK, linewidth=0.5, label=part)
        for part, (fill, hatch) in PARTS.items()
        if part in seen
    ]
    if handles:
        axes.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=6, frameon=False, fontsize=SMALL,
            labelcolor=INK, handlelength=1.4, columnspacing=1.0,
        )  # fmt: skip
    else:
        note(axes, "no bytes")
    caption = "Which byte belongs to which message: a frame around each message, a filling for each of its parts."
    return Figure([axes], _alt(parts), caption, series)


def _frame(ax: Axes, row: int, number: int, pieces: list[tuple[int, str, int, int]]) -> None:
    """The frame around a message, with its number."""
    first, last = pieces[0][2], pieces[-1][2] + pieces[-1][3]
    ax.barh(row, last - first, left=first, height=BAR + 0.12, color="none", edgecolor=INK, linewidth=2.2)
    ax.text(
        (first + last) / 2, row, str(number), ha="center", va="center", fontsize=SMALL, fontweight="bold", color=INK,
        bbox=BEHIND_TEXT,
    )  # fmt: skip


def _alt(parts: dict[str, DataFrame]) -> str:
    told = []
    for name, frame in parts.items():
        if not len(frame):
            told.append(f"{name}: no bytes" if name else "no bytes, so 0 messages")
            continue
        words = []
        for number, group in frame.groupby("message", sort=True):
            content = int(group.loc[group["part"] == "content", "bytes"].sum())
            spoilt = int(group.loc[group["part"] == "unreadable", "bytes"].sum())
            lacking = int(group.loc[group["part"] == "missing", "bytes"].sum())
            head = int(group["bytes"].sum()) - content - spoilt - lacking
            if spoilt and not head:
                words.append(f"{number} is {spoilt} bytes that nobody can read")
            else:
                text = f"{number} has {head} bytes of head and {content} of content"
                text += f", {lacking} are missing" if lacking else ""
                words.append(text + (f", {spoilt} unreadable" if spoilt else ""))
        text = f"message {'; message '.join(words)}"
        told.append(f"{name}: {text}" if name else text)
    return say.capital(". ".join(told)) + "."
