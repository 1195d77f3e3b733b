"""A sequence diagram: who sent what to whom, and when.

Every machine is a vertical line, time runs down, and each step of a packet is an arrow from line to line. It is drawn
from the capture of a whole virtual network, so it shows what no single machine sees: where a packet ended, and who made
the answer. The steps are drawn at equal distances whatever they took; the times stand beside them.

A cross is where a packet was dropped, with the reason; a dot where one was delivered. Requests are solid, what came
back is dashed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import (
    BEHIND_TEXT,
    BLACK,
    BLUE,
    DOTS_PER_INCH,
    GRID,
    INK,
    PAPER,
    QUIET,
    SMALL,
    TEXT,
    VERMILLION,
    WIDTH,
    note,
)

if TYPE_CHECKING:
    from pandas import DataFrame

WANTED = ("time", "at", "action", "reason", "source", "summary", "number")
ROW, HEAD = 0.24, 0.62
"""Inches for one moment, and for the names above each diagram."""
BESIDE = 0.66
"""Room for words to the right of the last machine, as a share of the room for the machines."""
MOST, LAST = 13, 6
"""Moments in one diagram, and how many of them are the last ones when the middle is left out: a loop takes 60 hops."""


@dataclass(slots=True)
class Story:
    """One packet: where it was at which time, and how it ended."""

    label: str
    answer: bool
    places: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    end: str = ""
    """``delivered``, the reason of its drop, or ``""``: still under way."""

    def ended(self, start: int) -> str:
        """Where and how it ended, and how long after ``start``."""
        where, moment = self.places[-1], f"after {say.ms((self.times[-1] - start) / 1e6)}"
        if self.end == "delivered":
            return f"reaches {where} {moment}"
        return f"is dropped at {where} {moment} ({self.end})" if self.end else f"was last seen at {where} {moment}"


@drawing
def sequence(
    packets: DataFrame | Iterable[Mapping[str, Any]] | Mapping[str, Any],
    *,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Draw who sent what to whom: one line per machine, time runs down (ms after the first packet).

    Parameters
    ----------
    packets
        What ``network.packets()`` gives after a measurement on a virtual network (its rows, or a table of them with
        ``number``); or a dict of name and such rows, drawn below each other.
    ax
        One axes for each diagram; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        A column is missing. In a table made by ``frames.packets`` the packets have no ``number``.

    Examples
    --------
    >>> import netlab
    >>> network = netlab.use("broken")
    >>> _ = netlab.ping("drop", count=1)
    >>> print(netlab.plot.sequence(network.packets()).alt)
    laptop sends ICMP echo request: it is dropped at wall after 5.5 ms (firewall).
    """
    parts = _parts(packets)
    stories = {name: _stories(rows) for name, rows in parts.items()}
    moments = {name: _moments(found) for name, found in stories.items()}
    axes = list(ax) if ax is not None else _canvas([len(times[0]) for times in moments.values()])
    if len(axes) != len(parts):
        raise UsageError("ax", ax, f"must hold {len(parts)} axes, one for each diagram")
    series = []
    for each, (name, found) in zip(axes, stories.items(), strict=True):
        _draw(each, name, found, *moments[name])
        start = min((story.times[0] for story in found), default=0)
        for story in found:
            label = f"{name}: {story.label}" if name else story.label
            series.append(Series(label, story.places, [(time - start) / 1e6 for time in story.times]))
    alt = " ".join(_alt(name, found) for name, found in stories.items())
    return Figure(axes, alt, _caption(list(parts)), series)


# --- reading -----------------------------------------------------------------------------------------------------


def _parts(packets: Any) -> dict[str, list[Mapping[str, Any]]]:
    named = dict(packets) if isinstance(packets, Mapping) else {"": packets}
    parts = {}
    for name, value in named.items():
        rows = value.to_dict("records") if hasattr(value, "to_dict") else list(value)
        for row in rows[:1]:
            missing = [column for column in WANTED if column not in row]
            if missing:
                raise UsageError("packets", list(row), f"has no {', '.join(missing)}; wanted: network.packets()")
        parts[str(name)] = rows
    return parts


def _stories(rows: Sequence[Mapping[str, Any]]) -> list[Story]:
    """The rows of each packet, put together; packets in order of appearance."""
    found: dict[int, Story] = {}
    asker = rows[0]["source"] if rows else ""
    for row in rows:
        story = found.setdefault(row["number"], Story(shortened(row["summary"]), row["source"] != asker))
        time = row["time"].value if hasattr(row["time"], "value") else int(row["time"])
        if row["action"] == "dropped" or row["action"] == "delivered":
            story.end = row["reason"] or row["action"]
        story.places.append(row["at"])
        story.times.append(time)
    return list(found.values())


def shortened(summary: str) -> str:
    """What a packet is, without its addresses and numbers: "ICMP echo request"."""
    text = summary.split(" ", 3)[-1] if " > " in summary else summary
    text = re.sub(r"( about | id=| ttl=| hop limit=| length=| seq=| win=).*", "", text)
    return re.sub(r"^(UDP|TCP) \d+ > (\d+)", r"\1 to port \2", text)


def _moments(stories: list[Story]) -> tuple[list[int], int]:
    """The times that get a row of their own, and how many steps in the middle are left out."""
    times = sorted({time for story in stories for time in story.times})
    if len(times) <= MOST:
        return times, 0
    return times[: MOST - LAST] + times[-LAST:], len(times) - MOST


# --- drawing -----------------------------------------------------------------------------------------------------


def _canvas(rows: list[int]) -> list[Axes]:
    heights = [HEAD + ROW * max(count, 2) for count in rows]
    figure = Canvas(figsize=(WIDTH, sum(heights)), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    return list(figure.subplots(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0])


def _draw(ax: Axes, name: str, stories: list[Story], times: list[int], hidden: int) -> None:
    """One diagram; a row for each of ``times``, and an empty row where ``hidden`` of them are left out."""
    lanes = list(dict.fromkeys(place for story in stories for place in story.places))
    gap = MOST - LAST
    rows = {time: index + (1 if hidden and index >= gap else 0) for index, time in enumerate(times)}
    bottom = max(rows.values(), default=1) + 0.6
    width = max(len(lanes) - 1, 1)
    for lane in range(len(lanes)):
        ax.plot([lane, lane], [-0.1, bottom], color=QUIET, linewidth=1.0, zorder=1)
    for story in stories:
        _draw_story(ax, story, lanes, rows)
    for (lane, row), words in _notes(stories, lanes, rows).items():
        ax.text(
            lane + 0.03 * width, row, "\n".join(words), va="center", ha="left", fontsize=SMALL, color=INK,
            bbox=BEHIND_TEXT, zorder=6,
        )  # fmt: skip
    if hidden:
        ax.axhspan(gap - 0.4, gap + 0.4, facecolor=GRID, edgecolor="none", zorder=4)
        more = f"… {hidden} more steps of the same kind …"
        ax.text(width / 2, gap, more, ha="center", va="center", fontsize=SMALL, color=INK, zorder=5)
    start = times[0] if times else 0
    ax.set_xlim(-0.08 * width, (1 + BESIDE) * width)
    ax.set_ylim(bottom, -0.8)
    ax.set_yticks(list(rows.values()), [say.figures((time - start) / 1e6, 4) for time in rows], fontsize=SMALL)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(lanes)), lanes, fontsize=TEXT, color=INK)
    ax.tick_params(length=0, colors=INK)
    ax.set_ylabel("time (ms)", fontsize=SMALL, color=INK)
    ax.set_facecolor(PAPER)
    if name:
        ax.set_title(name, fontsize=TEXT + 1, color=INK, loc="left", fontweight="bold")
    for side in ax.spines.values():
        side.set_visible(False)
    if not lanes:
        note(ax, "no packets")


def _draw_story(ax: Axes, story: Story, lanes: list[str], rows: dict[int, int]) -> None:
    colour = VERMILLION if story.answer else BLUE
    points = [
        (lanes.index(place), rows[time]) if time in rows else None
        for place, time in zip(story.places, story.times, strict=True)
    ]
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11}
    arrow["linestyle"] = (0, (4, 2)) if story.answer else "-"
    for one, two in pairwise(points):
        if one and two:
            ax.annotate("", two, one, arrowprops=arrow, zorder=3)
    first, last = points[0], points[-1]
    if first is not None and not story.answer:
        ax.text(
            first[0] + 0.06, first[1] - 0.12, story.label, va="bottom", ha="left", fontsize=SMALL, color=INK,
            bbox=BEHIND_TEXT, zorder=6,
        )  # fmt: skip
    if last is not None and story.end == "delivered":
        ax.plot(*last, marker="o", markersize=6, color=colour, zorder=5, clip_on=False)
    elif last is not None and story.end:
        ax.plot(*last, marker="x", markersize=9, markeredgewidth=2.2, color=BLACK, zorder=5, clip_on=False)


def _notes(stories: list[Story], lanes: list[str], rows: dict[int, int]) -> dict[tuple[int, int], list[str]]:
    """What is written beside a machine at a moment: why it dropped a packet, and what it answered."""
    notes: dict[tuple[int, int], list[str]] = {}
    answered = {(story.places[0], story.times[0]) for story in stories if story.answer}
    for story in stories:
        here = story.places[-1], story.times[-1]
        if here[1] in rows and not (story.answer and story.end == "delivered"):
            words = f"dropped: {story.end}" if story.end not in ("", "delivered") else ""
            words = words or ("" if here in answered else "delivered, no answer")
            notes.setdefault((lanes.index(here[0]), rows[here[1]]), []).extend([words] if words else [])
        if story.answer and story.times[0] in rows:
            place = lanes.index(story.places[0]), rows[story.times[0]]
            notes.setdefault(place, []).extend(f"answer: {story.label}".replace(" (", "\n(").splitlines())
    return {place: words for place, words in notes.items() if words}


# --- words -------------------------------------------------------------------------------------------------------


def _alt(name: str, stories: list[Story]) -> str:
    prefix = f"{name}: " if name else ""
    if not stories:
        return f"{prefix}no packet was sent."
    told, start = [], stories[0].times[0]
    for story in stories[:4]:
        steps = len(story.places) - 1
        more = f" and {steps} steps" if steps > MOST else ""
        told.append(f"{story.places[0]} sends {story.label}: it {story.ended(start)}{more}")
    if len(stories) > 4:
        told.append(f"and {len(stories) - 4} more packets")
    if not any(story.answer for story in stories) and stories[0].end == "delivered":
        told.append("no answer leaves it")
    return prefix + "; ".join(told) + "."


def _caption(names: list[str]) -> str:
    told = f" ({', '.join(names)})" if names != [""] else ""
    return (
        f"Who sent what to whom{told}: time runs down, its steps not to scale. Solid: the request; dashed: what came "
        "back; dot: delivered; cross: dropped."
    )
