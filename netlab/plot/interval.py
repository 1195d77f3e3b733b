"""Loss against the number of probes, with the interval in which the true loss lies.

One lost of ten is 10 % of the sample, but says little about the network: the Wilson interval goes from 1.8 % to
40 %. The plot shows how the interval closes as probes are added, and that it never closes fully.

Source: RFC 7680 (one-way loss, whose statistics hold for round trips); Wilson, JASA 22 (1927).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from netlab import stats
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import BLUE, FILLS, GROUPS, GUESS, HATCHES, INK, SKY, TRUTH, canvas, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("outcome", "sequence")


@drawing
def loss(
    data: DataFrame,
    *,
    prediction: float | None = None,
    truth: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot the share of lost probes (%) after 1, 2, 3, … probes, with its 95 % Wilson interval.

    Parameters
    ----------
    data
        A PROBES table, with one destination or several; or a dict of name and table, to compare runs.
    prediction
        Your guess of the loss as a share, 0…1, drawn as a dashed line; None: no line.
    truth
        The true loss as a share, 0…1, drawn as a solid line; None: no line.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        As in `rtt`.

    Source
    ------
    RFC 7680. Loss is lost / (sent - pending), as in the SUMMARY table; late answers are not lost.
    """
    parts = say.groups(data, NEEDS)
    guess, true = say.number_of(prediction, "prediction"), say.number_of(truth, "truth")
    axes = ax if ax is not None else canvas()[1][0]
    curves = {name: _running(frame) for name, frame in parts.items()}
    several = len(parts) > 1

    series = []
    for position, (name, curve) in enumerate(curves.items()):
        if not curve:
            continue
        numbers = [float(number) for number, *_ in curve]
        shares, lows, highs = ([100 * row[column] for row in curve] for column in (1, 2, 3))
        colour, _ = GROUPS[position % len(GROUPS)] if several else (BLUE, "")
        fill = FILLS[position % len(FILLS)] if several else SKY
        label = f"{name}: " if several else ""
        axes.fill_between(
            numbers,
            lows,
            highs,
            facecolor=fill,
            alpha=0.45,
            edgecolor=INK,
            linewidth=0.0,
            hatch=HATCHES[position % len(HATCHES)],
            label=f"{label}95 % interval",
            step="mid" if len(numbers) < 2 else None,
        )
        axes.plot(
            numbers,
            shares,
            color=colour,
            linewidth=2.0,
            label=f"{label}measured loss",
            marker="o" if len(numbers) < 25 else "",
            markersize=4,
        )
        series += [
            Series(f"{label}loss", numbers, shares),
            Series(f"{label}low", numbers, lows),
            Series(f"{label}high", numbers, highs),
        ]
    for value, label, line in ((true, "truth", TRUTH), (guess, "your guess", GUESS)):
        if value is not None:
            axes.axhline(100 * value, label=f"{label}: {say.percent(value)}", **line)
            series.append(Series(label, ["all"], [100 * value]))
    longest = max((len(curve) for curve in curves.values()), default=0)
    dress(axes, "number of probes", "loss (%)", (0, max(longest, 1) * 1.02), (0, _top(curves, guess, true)), "x")
    legend(axes)
    if not longest:
        note(axes, "no probes")
    return Figure([axes], _alt(curves, guess), _caption(parts), series)


def _running(frame: DataFrame) -> list[tuple[int, float, float, float]]:
    """Rows of (number of probes, loss, low, high), in the order of sending; undecided probes are passed over."""
    rows, lost, total = [], 0, 0
    ordered = sorted(zip(frame["sequence"], frame["outcome"], strict=True), key=lambda pair: int(pair[0]))
    for _, outcome in ordered:
        if outcome in ("pending", "not-sent"):
            continue
        total += 1
        lost += outcome == "timeout"
        rows.append((total, lost / total, *stats.wilson(lost, total)))
    return rows


def _top(curves: dict[str, list[tuple[int, float, float, float]]], *marks: float | None) -> float:
    """The upper end of the loss axis: the final interval fills at least a third of it; the first probes' is cut off."""
    ends = [curve[-1][3] for curve in curves.values() if curve]
    most = max([row[1] for curve in curves.values() for row in curve[len(curve) // 2 :]] + ends, default=1.0)
    wanted = 1.3 * max(most, *(mark or 0.0 for mark in marks))
    return next((100 * limit for limit in (0.02, 0.05, 0.1, 0.2, 0.5) if limit >= wanted), 102)


def _alt(curves: dict[str, list[tuple[int, float, float, float]]], guess: float | None) -> str:
    sentences = []
    for name, curve in list(curves.items())[:4]:
        if curve:
            total, share, low, high = curve[-1]
            text = (
                f"{round(share * total)} of {total} lost, {say.percent(share)}; with so many probes the true loss lies "
                f"between {say.percent(low)} and {say.percent(high)}"
            )
        else:
            text = "no probes, so nothing is known about the loss"
        sentences.append((f"{name}: {text}" if len(curves) > 1 else say.capital(text)) + ".")
    if guess is not None:
        ends = [curve[-1] for curve in curves.values() if curve]
        inside = all(low <= guess <= high for _, _, low, high in ends)
        verdict = "is compatible with that" if inside else "lies outside"
        sentences.append(
            f"Your guess of {say.percent(guess)} {verdict}." if ends else f"Your guess was {say.percent(guess)}."
        )
    return " ".join(sentences)


def _caption(parts: dict[str, DataFrame]) -> str:
    names = list(parts)
    told = say.where(names[0], parts[names[0]]) if len(names) == 1 else f" to {', '.join(names[:4])}"
    return f"Measured loss{told} against the number of probes, with the 95 % Wilson interval."
