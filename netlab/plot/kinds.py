"""What became of the probes to many hosts: one row per outcome, as long as the number of hosts, with their names in it.

A host counts once, by its first answer of any kind; only when nothing at all came back is it among the silent ones.

Source: RFC 792 (the kinds of answers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import GREEN, GUESS, INK, ORANGE, PINK, SKY, SMALL, canvas, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("outcome",)
ROWS = {
    "reply": ("reply", SKY, ""),
    "unreachable": ("unreachable", ORANGE, "///"),
    "time-exceeded": ("time exceeded", GREEN, "..."),
    "timeout": ("no answer", PINK, "xx"),
}
"""Label, fill and hatch of each outcome."""
SAME = {"late": "reply", "pending": "timeout", "not-sent": "timeout"}
HEIGHT = 2.6
LINE = 4
"""Names of hosts on one line of a bar."""


@drawing
def outcomes(data: DataFrame, *, prediction: float | None = None, ax: Axes | None = None) -> Figure:
    """Plot how many destinations answered, refused, or stayed silent, with their names.

    Parameters
    ----------
    data
        A PROBES table of several destinations, or a dict of name and table.
    prediction
        Your guess of how many stay silent, drawn as a dashed line; None: no line.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is not a table of probes.
    """
    parts = say.groups(data, NEEDS)
    guess = say.number_of(prediction, "prediction")
    axes = ax if ax is not None else canvas(HEIGHT)[1][0]
    hosts: dict[str, list[str]] = {outcome: [] for outcome in ROWS}
    for name, frame in parts.items():
        if len(frame):
            hosts[_first(frame)].append(name)
    most = max(map(len, hosts.values()))
    series = []
    for position, (outcome, (label, fill, hatch)) in enumerate(ROWS.items()):
        names = hosts[outcome]
        axes.barh(position, len(names), height=0.7, color=fill, hatch=hatch, edgecolor=INK, linewidth=0.8)
        lines = [", ".join(names[start : start + LINE]) for start in range(0, len(names), LINE)]
        axes.annotate(" " + "\n ".join(lines), (len(names), position), va="center", fontsize=SMALL, color=INK)
        series.append(Series(label, names, [1] * len(names)))
    if guess is not None:
        row = list(ROWS).index("timeout")
        axes.plot([guess, guess], [row - 0.5, row + 0.5], label=f"your guess: {say.figures(guess)} silent", **GUESS)
        series.append(Series("your guess", [guess], ["no answer"]))
    dress(axes, "number of hosts", "", (0, max(2.6 * most, 1.1 * (guess or 0.0), 1.0)), (len(ROWS) - 0.4, -0.6), "x")
    axes.set_yticks(range(len(ROWS)), [label for label, *_ in ROWS.values()], fontsize=SMALL)
    axes.grid(False, axis="y")
    legend(axes)
    if not any(hosts.values()):
        note(axes, "no probes")
    return Figure([axes], _alt(hosts, guess), "How many hosts gave which kind of answer, and which they are.", series)


def _first(frame: DataFrame) -> str:
    """The first answer of any kind, else ``timeout``."""
    words = [SAME.get(str(word), str(word)) for word in frame["outcome"]]
    return next((word for word in words if word != "timeout"), "timeout")


def _alt(hosts: dict[str, list[str]], guess: float | None) -> str:
    total = sum(map(len, hosts.values()))
    if not total:
        return "No probes, so nothing is known."
    told = [f"{len(names)} {ROWS[outcome][0]} ({', '.join(names)})" for outcome, names in hosts.items() if names]
    text = f"Of {total} hosts: {'; '.join(told)}."
    return text + say.guessed(guess, len(hosts["timeout"]), "")
