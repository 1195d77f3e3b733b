"""A state machine, drawn from the very table that runs: states in a row, an arrow for whatever leads on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from netlab.errors import UsageError
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import BEHIND_TEXT, INK, PAPER, QUIET, SKY, SMALL, TEXT, canvas

Machine = Mapping[str, Mapping[str, str]]
ROOM = 1.3
"""Inches for one machine, and for each state that its longest arrow passes over `HIGHER` more."""
HIGHER = 0.28
BENT = {2: 0.23, 3: 0.25, 4: 0.28}
"""How far an arrow is bent, as a share of its length, by how many states further it leads; more: as the last."""
WORDS = 0.2
"""How far above the states the words of an arrow to the next state stand, in units of the drawing."""


@drawing
def states(machines: Mapping[str, Machine], *, now: Mapping[str, str] | None = None, ax: Axes | None = None) -> Figure:
    """Draw state machines from their tables, one below the other.

    Parameters
    ----------
    machines
        By name: a table from each state to what may happen there and the state that follows, such as
        ``{"client": netlab.http.connection.CLIENT}``. States stand in the order of the table.
    now
        By name of a machine: the state it is in, drawn filled and in bold.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        When a table leads to a state that it does not have, or ``now`` names one.
    """
    tables = {name: _checked(name, table) for name, table in machines.items()}
    if not tables:
        raise UsageError("machines", machines, "must hold at least one table")
    current = dict(now or {})
    for name, state in current.items():
        if name not in tables or state not in tables[name]:
            raise UsageError("now", now, f"must name machines and their states; there are {', '.join(tables)}")
    longest = max(map(len, tables.values()))
    heights = [ROOM + HIGHER * (len(table) - 2) for table in tables.values()]
    axes = ax if ax is not None else canvas(sum(heights))[1][0]
    axes.set_axis_off()
    axes.set_xlim(-0.55, longest - 0.45)
    axes.set_ylim(-sum(heights), 0)
    top = 0.0
    for (name, table), height in zip(tables.items(), heights, strict=True):
        _draw(axes, name, table, top - height + 0.62, top, current.get(name, ""))
        top -= height
    moves = [
        (f"{name} {state}", f"{word}: {then}") for name, table in tables.items() for state, word, then in _moves(table)
    ]
    return Figure(
        [axes], _alt(tables, current), "The states of each side, and what leads from one to the next.",
        [Series("moves", [before for before, _ in moves], [after for _, after in moves])],
    )  # fmt: skip


def _checked(name: str, table: Machine) -> Machine:
    missing = {then for _, _, then in _moves(table)} - set(table)
    if missing:
        raise UsageError("machines", name, f"leads to {', '.join(sorted(missing))}, which the table does not have")
    return table


def _moves(table: Machine) -> list[tuple[str, str, str]]:
    return [(state, word, then) for state, moves in table.items() for word, then in moves.items()]


def _draw(axes: Axes, name: str, table: Machine, middle: float, top: float, current: str) -> None:
    places = {state: float(number) for number, state in enumerate(table)}
    words: dict[tuple[str, str], list[str]] = {}
    for state, word, then in _moves(table):
        words.setdefault((state, then), []).append(word)
    for (state, then), said in words.items():
        _arrow(axes, places[state], places[then], middle, ", ".join(said))
    for state, x in places.items():
        here = state == current
        axes.text(
            x, middle, state, ha="center", va="center", fontsize=TEXT, color=INK,
            fontweight="bold" if here else "normal",
            bbox={"boxstyle": "round,pad=0.35", "facecolor": SKY if here else PAPER, "edgecolor": INK},
        )  # fmt: skip
    axes.text(-0.5, top - 0.2, name, ha="left", va="center", fontsize=TEXT, color=INK, fontweight="bold")


def _arrow(axes: Axes, begin: float, end: float, middle: float, said: str) -> None:
    """An arrow from one state to another: to the next one straight, further ones bend above, those back below."""
    step = end - begin
    if step == 0:  # a loop above its state
        start, goal, bend, words_at = (begin - 0.16, middle + 0.13), (begin + 0.16, middle + 0.13), -1.3, middle + 0.52
    elif step == 1:
        start, goal, bend, words_at = (begin, middle), (end, middle), 0.0, middle + WORDS
    else:
        side = 1 if step > 0 else -1
        start, goal = (begin, middle + 0.14 * side), (end, middle + 0.14 * side)
        bend = -BENT.get(int(abs(step)), BENT[max(BENT)])
        words_at = middle + side * (0.14 + abs(step * bend) / 2 * _flatness(axes))
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 12, "color": QUIET, "linewidth": 1.3}
    gap = 0 if step == 0 else 28 if step == 1 else 4
    axes.add_patch(FancyArrowPatch(start, goal, connectionstyle=f"arc3,rad={bend}", shrinkA=gap, shrinkB=gap, **look))
    text = axes.text(
        (begin + end) / 2, words_at, said, ha="center", va="center", fontsize=SMALL, color=INK, bbox=BEHIND_TEXT
    )
    text.set_parse_math(False)


def _flatness(axes: Axes) -> float:
    """How many units upwards are as long, on paper, as one to the right: arrows are bent on paper."""
    (x0, y0), (x1, y1) = axes.transData.transform([(0.0, 0.0), (1.0, 1.0)])
    return float((x1 - x0) / (y1 - y0))


def _alt(tables: Mapping[str, Machine], current: Mapping[str, str]) -> str:
    told = [f"The {name} has {len(table)} states: {', '.join(table)}" for name, table in tables.items()]
    told += [f"the {name} is {state} now" for name, state in current.items()]
    return "; ".join(told) + "."
