"""A sequence diagram: who sent what to whom, and when.

Every machine is a vertical line, time runs down, and each step of a packet is an arrow from line to line. It is drawn
from the capture of a whole virtual network, so it shows what no single machine sees: where a packet ended, and who made
the answer. The diagram is not to scale: its steps are drawn at equal distances whatever they took, so the slope of an
arrow says nothing; the times stand beside them, rounded. A step without a time is of the same moment as that above it.

A cross is where a packet was dropped, with the reason; a dot where one was delivered. Requests are solid, what came
back is dashed. In a conversation over TCP every arrow says what its segment carries, and routers that only pass
segments on have no line. Tables of HTTP can be drawn, too: see `netlab.plot.messages`.

Source: RFC 9293 section 3.5 (the same diagrams, in ASCII).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot import messages
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.stories import MOST, Diagram, Moment, Story, of_packets, shortened
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

__all__ = ["MOST", "sequence", "shortened"]

ROW, HEAD = 0.24, 0.62
"""Inches for one moment, and for the names above each diagram."""
BESIDE, LITTLE = 0.66, 0.1
"""Room for words to the right of the last machine, as a share of the room for the machines; and if there are none."""

Rows = dict[Moment, int]


@drawing
def sequence(
    packets: DataFrame | Iterable[Mapping[str, Any]] | Mapping[str, Any],
    *,
    between: Sequence[str] | None = None,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Draw who sent what to whom: one line per machine, time runs down (ms after the first packet), not to scale.

    Parameters
    ----------
    packets
        What ``network.packets()`` gives after a measurement on a virtual network (its rows, or a table of them with
        ``number``); or a table of `fetch` (PHASES), or the log of a server or proxy (EXCHANGES); or a dict of name and
        such rows, drawn below each other.
    between
        Names of the machines that get a line, from left to right; what happens elsewhere is left out. None: all; of a
        conversation over TCP those that send, take or drop segments.
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
    named: Mapping[str, Any] = packets if isinstance(packets, Mapping) else {"": packets}
    parts = {str(name): _diagram(value, between) for name, value in named.items()}
    rows = {name: diagram.rows() for name, diagram in parts.items()}
    axes = list(ax) if ax is not None else _canvas([len(moments) for moments, *_ in rows.values()])
    if len(axes) != len(parts):
        raise UsageError("ax", ax, f"must hold {len(parts)} axes, one for each diagram")
    series = []
    for each, (name, diagram) in zip(axes, parts.items(), strict=True):
        _draw(each, name, diagram, *rows[name])
        for story in diagram.stories:
            label = f"{name}: {story.label}" if name else story.label
            series.append(Series(label, story.places, [(time - diagram.start) / 1e6 for time in story.times]))
    alt = " ".join(_alt(name, diagram) for name, diagram in parts.items())
    return Figure(axes, alt, _caption(list(parts), any(diagram.talk for diagram in parts.values())), series)


def _diagram(packets: Any, between: Sequence[str] | None) -> Diagram:
    """What a diagram is made of, by the columns that there are."""
    rows = packets.to_dict("records") if hasattr(packets, "to_dict") else list(packets)
    columns = set(packets.columns) if hasattr(packets, "columns") else set(rows[0]) if rows else set()
    if "phase" in columns:
        return messages.of_phases(rows)
    if "upstream" in columns:
        return messages.of_exchanges(rows)
    return of_packets(rows, between)


# --- drawing -----------------------------------------------------------------------------------------------------


def _canvas(rows: list[int]) -> list[Axes]:
    heights = [HEAD + ROW * max(count, 2) for count in rows]
    figure = Canvas(figsize=(WIDTH, sum(heights)), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    return list(figure.subplots(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0])


def _draw(ax: Axes, name: str, diagram: Diagram, moments: list[Moment], hidden: int, gap: int) -> None:
    """One diagram; a row for each of ``moments``, and after ``gap`` of them an empty one if ``hidden`` are left out."""
    stories, lanes = diagram.stories, diagram.lanes
    rows = {moment: index + (1 if hidden and index >= gap else 0) for index, moment in enumerate(moments)}
    bottom = max(rows.values(), default=1) + 0.6
    width = max(len(lanes) - 1, 1)
    for lane in range(len(lanes)):
        ax.plot([lane, lane], [-0.1, bottom], color=QUIET, linewidth=1.0, zorder=1)
    for story in stories:
        _draw_story(ax, story, lanes, rows, diagram.talk)
    notes = _notes(diagram, rows)
    for (lane, row), words in notes.items():
        ax.text(
            lane + 0.03 * width, row, "\n".join(words), va="center", ha="left", fontsize=SMALL, color=INK,
            bbox=BEHIND_TEXT, zorder=6,
        )  # fmt: skip
    if hidden:
        ax.axhspan(gap - 0.4, gap + 0.4, facecolor=GRID, edgecolor="none", zorder=4)
        more = f"… {hidden} more steps …" if diagram.talk else f"… {hidden} more steps of the same kind …"
        ax.text(width / 2, gap, more, ha="center", va="center", fontsize=SMALL, color=INK, zorder=5)
    start = diagram.start
    told = [say.figures((time - start) / 1e6, 4) if not again else "" for time, again in rows]
    roomy = not diagram.talk or any(lane == len(lanes) - 1 for lane, _ in notes)
    ax.set_xlim(-0.08 * width, (1 + (BESIDE if roomy else LITTLE)) * width)
    ax.set_ylim(bottom, -0.8)
    ax.set_yticks(list(rows.values()), told, fontsize=SMALL)
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(lanes)), lanes, fontsize=TEXT, color=INK)
    ax.tick_params(length=0, colors=INK)
    ax.set_ylabel("time (ms)", fontsize=SMALL, color=INK)
    ax.set_facecolor(PAPER)
    if name:
        ax.set_title(name, fontsize=TEXT + 1, color=INK, loc="left", fontweight="bold")
    for side in ax.spines.values():
        side.set_visible(False)
    if not stories:
        note(ax, "no packets")


def _draw_story(ax: Axes, story: Story, lanes: list[str], rows: Rows, talk: bool) -> None:
    colour = VERMILLION if story.answer else BLUE
    points = [
        (lanes.index(place), rows[moment]) if moment in rows else None
        for place, moment in zip(story.places, story.moments, strict=True)
    ]
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11}
    arrow["linestyle"] = (0, (4, 2)) if story.answer else "-"
    for one, two in pairwise(points):
        if one and two:
            ax.annotate("", two, one, arrowprops=arrow, zorder=3)
    first, last = points[0], points[-1]
    if first is not None and (talk or not story.answer):
        left = talk and last is not None and last[0] < first[0]
        ax.text(
            first[0] + (-0.03 if left else 0.03) * max(len(lanes) - 1, 1), first[1] - 0.12, story.label, va="bottom",
            ha="right" if left else "left", fontsize=SMALL, color=INK, bbox=BEHIND_TEXT, zorder=6,
        )  # fmt: skip
    if last is not None and story.end == "delivered":
        ax.plot(*last, marker="o", markersize=6 if not talk else 4, color=colour, zorder=5, clip_on=False)
    elif last is not None and story.end:
        ax.plot(*last, marker="x", markersize=9, markeredgewidth=2.2, color=BLACK, zorder=5, clip_on=False)


def _notes(diagram: Diagram, rows: Rows) -> dict[tuple[int, int], list[str]]:
    """What is written beside a machine at a moment: why it dropped a packet, and what it answered."""
    notes: dict[tuple[int, int], list[str]] = {}
    lanes, stories = diagram.lanes, diagram.stories
    answered = {(story.places[0], story.moments[0]) for story in stories if story.answer}
    for story in stories:
        here = story.places[-1], story.moments[-1]
        if here[1] in rows and not ((diagram.talk or story.answer) and story.end == "delivered"):
            words = f"dropped: {story.end}" if story.end not in ("", "delivered") else ""
            words = words or ("" if here in answered or diagram.talk else "delivered, no answer")
            notes.setdefault((lanes.index(here[0]), rows[here[1]]), []).extend([words] if words else [])
        if story.answer and not diagram.talk and story.moments[0] in rows:
            place = lanes.index(story.places[0]), rows[story.moments[0]]
            notes.setdefault(place, []).extend(f"answer: {story.label}".replace(" (", "\n(").splitlines())
    return {place: words for place, words in notes.items() if words}


# --- words -------------------------------------------------------------------------------------------------------


def _alt(name: str, diagram: Diagram) -> str:
    prefix = f"{name}: " if name else ""
    stories = diagram.stories
    if not stories:
        return f"{prefix}no packet was sent."
    if diagram.talk:
        return prefix + _talk(diagram)
    told, start = [], diagram.start
    for story in stories[:4]:
        steps = len(story.places) - 1
        more = f" and {steps} steps" if steps > MOST else ""
        told.append(f"{story.places[0]} sends {story.label}: it {story.ended(start)}{more}")
    if len(stories) > 4:
        told.append(f"and {len(stories) - 4} more packets")
    if not any(story.answer for story in stories) and stories[0].end == "delivered":
        told.append("no answer leaves it")
    return prefix + "; ".join(told) + "."


def _talk(diagram: Diagram) -> str:
    """A conversation in counts: who sent how many to whom, what was lost, what was sent again, and how it ended."""
    stories = diagram.stories
    ways: dict[tuple[str, str], int] = {}
    for story in stories:
        if story.end == "delivered":
            way = story.places[0], story.places[-1]
            ways[way] = ways.get(way, 0) + 1
    told = [f"{source} sends {count} to {destination}" for (source, destination), count in ways.items()]
    dropped = [story for story in stories if story.end not in ("", "delivered")]
    if dropped:
        reasons = ", ".join(dict.fromkeys(f"{story.end} at {story.places[-1]}" for story in dropped))
        told.append(f"{len(dropped)} dropped ({reasons})")
    again = sum("again" in story.label for story in stories)
    if again:
        told.append(f"{again} sent again")
    last = max(stories, key=lambda story: story.moments[-1])
    length = say.ms((last.times[-1] - diagram.start) / 1e6)
    first = f"it begins with {stories[0].label} and ends with {last.label}"
    return f"{'; '.join(told)}; {first} from {last.places[0]} after {length}."


def _caption(names: list[str], talk: bool) -> str:
    told = f" ({', '.join(names)})" if names != [""] else ""
    if talk:
        return (
            f"Who sent what to whom{told}: time runs down, its steps not to scale. Solid: from the side that began; "
            "dashed: what came back; cross: dropped."
        )
    return (
        f"Who sent what to whom{told}: time runs down, its steps not to scale. Solid: the request; dashed: what came "
        "back; dot: delivered; cross: dropped."
    )
