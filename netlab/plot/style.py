"""One look for every figure: colours, markers, hatches, sizes.

The colours are those of Okabe and Ito, which stay apart for the common kinds of colour blindness. A colour
never carries a meaning alone: every series also has a marker, a line style or a hatch of its own. Yellow, sky
blue, orange and pink are too pale for lines and text on white: they only fill areas.

Everything is set on the artists themselves and never through matplotlib's global settings, because panels draw
in threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PINK, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
OKABE_ITO = (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PINK, BLACK)

PAPER, INK, QUIET, GRID = "#FFFFFF", "#1A1A1A", "#595959", "#D9D9D9"
"""Background, text, secondary text (7:1 on the paper) and the grid, which carries no meaning."""

LINES = (BLUE, VERMILLION, GREEN, BLACK)
"""The colours that lines and markers may have: at least 3:1 on the paper (WCAG 2.2, 1.4.11)."""

FILLS = (SKY, ORANGE, YELLOW, PINK, GREEN)
"""The colours of areas; each has a hatch and a dark edge beside it."""

HATCHES = ("", "///", "...", "xx", "\\\\")

DOTS_PER_INCH = 200
"""Twice what a figure is shown with, so that it stays sharp at 200 % zoom."""

PIXELS_PER_INCH = 100
"""How large it is shown: 10 pt are then 13.9 px, about the size of the notebook's text."""

WIDTH, HEIGHT = 7.0, 3.4
"""Inches; a notebook cell in a window of 1024 px still shows 700 px."""

TEXT, SMALL = 10.5, 10.0
"""Points: axis titles, and the smallest text anywhere."""

BEHIND_TEXT = {"boxstyle": "square,pad=0.1", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.85}
"""A box that keeps text readable where it lies over points and lines."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one kind of point is drawn."""

    label: str
    colour: str
    marker: str | tuple[int, int, int]
    filled: bool = True

    def options(self, size: float = 6.0) -> dict[str, Any]:
        """The keyword arguments for `Axes.plot`."""
        return {
            "linestyle": "none",
            "marker": self.marker,
            "markersize": size,
            "markeredgewidth": 1.6,
            "markeredgecolor": self.colour,
            "markerfacecolor": self.colour if self.filled else PAPER,
            "color": self.colour,
        }


OUTCOMES = {
    "reply": Look("reply", BLUE, "o"),
    "time-exceeded": Look("time exceeded", GREEN, "^"),
    "unreachable": Look("unreachable", BLACK, "s"),
    "late": Look("late", VERMILLION, "D", filled=False),
    "timeout": Look("lost", BLACK, "x"),
    "pending": Look("pending", QUIET, "o", filled=False),
    "not-sent": Look("not sent", QUIET, "+"),
}
"""One look per outcome of a probe. The last three have no round-trip time: they stand on the time axis."""

GROUPS = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (BLACK, "v"), (BLUE, "P"), (VERMILLION, "h"))
"""Colour and marker of the first, second, … destination when one figure shows several."""

GUESS: dict[str, Any] = {"color": VERMILLION, "linestyle": (0, (5, 2)), "linewidth": 2.0}
TRUTH: dict[str, Any] = {"color": GREEN, "linestyle": "-", "linewidth": 2.0}
"""The learner's guess is dashed, the truth is solid, in every figure."""

LAST = ("truth", "mean by the formula", "your guess")
"""Labels that begin like this come last in a legend."""


def canvas(height: float = HEIGHT, columns: int = 1) -> tuple[Canvas, list[Axes]]:
    """Make an empty figure of the usual width, with ``columns`` axes side by side."""
    figure = Canvas(figsize=(WIDTH, height), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def dress(ax: Axes, x: str, y: str, xlim: tuple[float, float], ylim: tuple[float, float], whole: str = "") -> None:
    """Give axes their titles (with units), limits, grid and text sizes; ``whole`` names axes that count things."""
    ax.set_xlabel(x, fontsize=TEXT, color=INK)
    ax.set_ylabel(y, fontsize=TEXT, color=INK)
    ax.set_xlim(*xlim)
    ax.set_ylim(*ylim)
    ax.tick_params(labelsize=SMALL, colors=INK)
    ax.set_facecolor(PAPER)
    ax.set_axisbelow(True)
    ax.grid(True, color=GRID, linewidth=0.7)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(QUIET)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer="x" in whole))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer="y" in whole))


def legend(ax: Axes, columns: int = 4, left: bool = False) -> None:
    """Put the legend above the axes, where it never hides a point; ``left``: at the figure's left edge.

    The areas come first, the lines of guess and truth last, as they were drawn.
    """
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda index: labels[index].startswith(LAST))
    if not handles:
        return
    look: dict[str, Any] = {
        "ncols": columns, "frameon": False, "fontsize": SMALL, "labelcolor": INK, "handletextpad": 0.5,
        "columnspacing": 1.1, "borderaxespad": 0.2, "handlelength": 1.7,
    }  # fmt: skip
    chosen = [handles[index] for index in order], [labels[index] for index in order]
    figure = ax.get_figure(root=True)
    if left and isinstance(figure, Canvas):
        figure.legend(*chosen, loc="outside upper left", **look)
    else:
        ax.legend(*chosen, loc="lower left", bbox_to_anchor=(-0.01, 1.0), **look)


def note(ax: Axes, text: str) -> None:
    """Write a sentence into the middle of axes that have nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=12, color=QUIET)
