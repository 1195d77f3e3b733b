"""What each recv gave: a row of blocks for every run, a block for every call, filled by the write its bytes are of.

The blocks stand in the order of the stream, so a block's edge is where one recv ended and the next one began. Where the
filling changes inside a block, two writes came together; where a filling goes on behind an edge, a write was cut.

Source: RFC 9293 section 3.9.1 (RECEIVE knows no boundaries between what was sent).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import BEHIND_TEXT, FILLS, HATCHES, INK, SMALL, canvas, dress, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("bytes", "of_writes")
ROW, REST = 0.5, 1.15
"""Inches for a run, and for everything else."""
BAR = 0.62
SHARE = re.compile(r"(\d+) of (\d+)")
NARROW = 0.028
"""A block narrower than this share of the axes has no number in it."""


@drawing
def reads(data: DataFrame | dict[str, DataFrame], *, prediction: float | None = None, ax: Axes | None = None) -> Figure:
    """Plot how many bytes each recv gave, and of which write they are.

    Parameters
    ----------
    data
        ``reads`` of a `netlab.teach.talk`, or a dict of name and such tables.
    prediction
        Your guess of how many calls give something, told in the text; None: no guess.
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

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("transatlantic")
    >>> said = netlab.teach.talk([600, 600, 600], "www", read_limit=500, read_every_ms=50)
    >>> print(netlab.plot.reads(said.reads).alt)
    5 calls gave 500, 100, 500, 500 and 200 bytes.
    """
    parts = say.groups(data, NEEDS)
    guess = say.number_of(prediction, "prediction")
    axes = ax if ax is not None else canvas(REST + ROW * max(len(parts), 1))[1][0]
    longest = max((int(frame["bytes"].sum()) for frame in parts.values()), default=0) or 1
    series, writes = [], set()
    for position, (name, frame) in enumerate(parts.items()):
        given, place = frame[frame["bytes"] > 0], 0
        for size, told in zip(given["bytes"], given["of_writes"], strict=True):
            writes |= _block(axes, position, place, int(size), told, longest)
            place += int(size)
        calls = list(map(str, range(1, len(given) + 1)))
        series.append(Series(name or "recv", calls, [f"{size} ({told})" for size, told in given[list(NEEDS)].values]))
        count = f"{len(given)} call{'' if len(given) == 1 else 's'}"
        axes.annotate(f" {count}", (place, position), va="center", fontsize=SMALL, color=INK)
    dress(axes, "place in the stream (bytes)", "", (0, 1.16 * longest), (len(parts) - 0.4, -0.6))
    axes.set_yticks(range(len(parts)), list(parts), fontsize=SMALL)
    axes.grid(False, axis="y")
    _legend(axes, sorted(writes))
    if not writes:
        note(axes, "nothing was read")
    return Figure([axes], _alt(parts, guess), _caption(), series)


def _block(ax: Axes, row: int, place: int, size: int, told: str, longest: int) -> set[int]:
    """One recv: its shares of the writes, an edge around, the number in it."""
    found, start = set(), place
    for count, write in SHARE.findall(told):
        index = int(write) - 1
        ax.barh(
            row, int(count), left=start, height=BAR, color=FILLS[index % len(FILLS)],
            hatch=HATCHES[index % len(HATCHES)], edgecolor=INK, linewidth=0.0,
        )  # fmt: skip
        start += int(count)
        found.add(index + 1)
    ax.barh(row, size, left=place, height=BAR, color="none", edgecolor=INK, linewidth=2.2)
    if size > NARROW * longest:
        ax.text(place + size / 2, row, str(size), ha="center", va="center", fontsize=SMALL, color=INK, bbox=BEHIND_TEXT)
    return found


def _legend(ax: Axes, writes: list[int]) -> None:
    handles = [
        Patch(
            facecolor=FILLS[(n - 1) % len(FILLS)], hatch=HATCHES[(n - 1) % len(HATCHES)], edgecolor=INK, linewidth=0.5
        )
        for n in writes
    ]
    if handles:
        ax.legend(
            handles, [f"write {n}" for n in writes], loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=6,
            frameon=False, fontsize=SMALL, labelcolor=INK,
        )  # fmt: skip


def _alt(parts: dict[str, DataFrame], guess: float | None) -> str:
    told = []
    for name, frame in parts.items():
        sizes = [int(size) for size in frame["bytes"] if size]
        calls = "one call" if len(sizes) == 1 else f"{len(sizes)} calls" if sizes else "no call"
        gave = _sizes(sizes)
        told.append(f"{name}: {calls} gave {gave}" if name else f"{calls} gave {gave}")
    counts = [int((frame["bytes"] > 0).sum()) for frame in parts.values()]
    text = say.capital("; ".join(told) or "nothing was read") + "."
    if guess is not None and counts:
        right = sum(count == guess for count in counts)
        text += f" Your guess of {say.figures(guess)} was right in {right} of {len(counts)}."
    return text


def _sizes(sizes: list[int]) -> str:
    if not sizes:
        return "anything"
    if len(sizes) > 6:
        return f"{sum(sizes)} bytes together, {min(sizes)} to {max(sizes)} each"
    words = [str(size) for size in sizes]
    return f"{', '.join(words[:-1])} and {words[-1]} bytes" if len(words) > 1 else f"{words[0]} bytes"


def _caption() -> str:
    return "What each recv gave, in the order of the stream: a frame for each call, a filling for each write."
