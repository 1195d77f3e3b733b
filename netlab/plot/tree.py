"""A decision tree, written as an outline: questions that lead to letters, and what a learner puts in their places.

Each line is one possible answer to the question above it, further to the left. What is still to be found is a box with
a letter and a question mark; what was filled in stands beside its letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from netlab.errors import UsageError
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import INK, PAPER, QUIET, SKY, TEXT, canvas

ROW, EDGE = 0.3, 0.2
"""Inches for one line, and around all of them."""
INDENT = 0.045
LEAF = 0.72
"""Where the boxes begin; everything in shares of the width."""
BLANK = "?"


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the tree: text, and where it leads: to further lines or to a letter."""

    text: str
    leads: str | tuple[Branch, ...]


DIAGNOSIS = Branch(
    "Does an ICMP error come back?",
    (
        Branch(
            "yes: who made it?",
            (
                Branch("the host itself", "A"),
                Branch(
                    "a router: what does it say?",
                    (
                        Branch("there is no way to that host", "B"),
                        Branch("somebody does not want that", "C"),
                        Branch("the TTL has run out", "D"),
                    ),
                ),
            ),
        ),
        Branch(
            "no: is any packet from here answered?",
            (
                Branch("yes: pings are, but no long ones", "E"),
                Branch("yes, but never a ping", "F"),
                Branch(
                    "no: is somebody else's ping answered?",
                    (Branch("yes", "G"), Branch("no", "H")),
                ),
            ),
        ),
    ),
)
"""How to find out what silence and refusals mean, for notebook 04."""


@drawing
def decisions(filled: Mapping[str, str] | None = None, *, tree: Branch = DIAGNOSIS, ax: Axes | None = None) -> Figure:
    """Draw a decision tree with what was filled in for its letters.

    Parameters
    ----------
    filled
        What belongs to each letter: ``{"A": "closed port"}``; missing letters stay open. None: all are open.
    tree
        The tree; None of its words is checked.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``filled`` is not a dict.
    """
    if filled is not None and not isinstance(filled, Mapping):
        raise UsageError("filled", filled, 'must be a dict of letter and word such as {"A": "closed port"}')
    given = {str(letter): str(word) for letter, word in (filled or {}).items()}
    lines = list(_lines(tree))
    axes = ax if ax is not None else canvas(EDGE + ROW * len(lines))[1][0]
    axes.set_xlim(0, 1)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_axis_off()
    for number, (depth, branch, parent) in enumerate(lines):
        left = INDENT * depth
        if parent is not None:
            trunk = left - 0.6 * INDENT
            axes.plot([trunk, trunk, left - 0.2 * INDENT], [parent + 0.3, number, number], color=QUIET, linewidth=1.2)
        words = axes.text(
            left, number, branch.text, va="center", fontsize=TEXT, color=INK,
            fontweight="normal" if isinstance(branch.leads, str) else "bold",
        )  # fmt: skip
        words.set_parse_math(False)
        if isinstance(branch.leads, str):
            _leaf(axes, number, branch.leads, given.get(branch.leads, ""))
    letters = [branch.leads for _, branch, _ in lines if isinstance(branch.leads, str)]
    words_of = [given.get(letter) or BLANK for letter in letters]
    return Figure([axes], _alt(letters, given), "A decision tree: each line answers the bold question above it.",
                  [Series("leaves", letters, words_of)])  # fmt: skip


def _lines(branch: Branch, depth: int = 0) -> Sequence[tuple[int, Branch, int | None]]:
    """All lines in the order of reading: depth, branch, and the number of the line above that it belongs to."""
    found: list[tuple[int, Branch, int | None]] = []

    def add(each: Branch, level: int, parent: int | None) -> None:
        number = len(found)
        found.append((level, each, parent))
        for child in each.leads if not isinstance(each.leads, str) else ():
            add(child, level + 1, number)

    add(branch, depth, None)
    return found


def _leaf(axes: Axes, number: int, letter: str, word: str) -> None:
    box: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.01", "edgecolor": INK, "linewidth": 1.0}
    box |= {"facecolor": SKY} if word else {"facecolor": PAPER, "linestyle": (0, (3, 2))}
    axes.plot([LEAF - 0.03, LEAF], [number, number], color=QUIET, linewidth=1.2)
    axes.add_patch(FancyBboxPatch((LEAF, number - 0.4), 0.99 - LEAF, 0.8, **box))
    shown = word if len(word) <= 20 else word[:19] + "…"
    text = axes.text(LEAF + 0.015, number, f"{letter}:  {shown or BLANK}", va="center", fontsize=TEXT, color=INK)
    text.set_parse_math(False)  # a learner's word may hold any signs


def _alt(letters: list[str], given: Mapping[str, str]) -> str:
    open_letters = [letter for letter in letters if not given.get(letter)]
    told = "; ".join(f"{letter}: {given[letter]}" for letter in letters if given.get(letter))
    if not told:
        return f"All {len(letters)} leaves of the tree are still open: {', '.join(letters)}."
    rest = f" Still open: {', '.join(open_letters)}." if open_letters else ""
    return f"{len(letters) - len(open_letters)} of {len(letters)} leaves are filled in: {told}.{rest}"
