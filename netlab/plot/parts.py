"""Where the milliseconds go: per hop, the four parts of the delay, stacked, from the simulator's own books.

A real network never tells these parts; the virtual internet knows them (ground truth). *Propagation* is the time the
signal travels, *transmission* the time to put all bits on the link, *queueing* the wait for packets ahead,
*processing* what the node itself takes, *jitter* what chance adds (also to a packet that is held back).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import GREEN, GUESS, INK, ORANGE, PAPER, PINK, SKY, SMALL, canvas, dress, legend, note

if TYPE_CHECKING:
    from pandas import DataFrame

PARTS = {
    "propagation": (SKY, ""),
    "transmission": (GREEN, "///"),
    "queueing": (ORANGE, "..."),
    "processing": (PINK, "xx"),
    "jitter": (PAPER, "\\\\"),
}
"""Fill and hatch of each part, in the order in which they are stacked."""

ROW, EDGE = 0.36, 1.25
"""Height of one bar and of everything around the bars, inches."""

MOST = 24
"""Hops shown one by one; the rest of a longer way is one bar, so that the figure stays a page."""


@drawing
def delays(
    truth: DataFrame | Iterable[Mapping[str, Any]],
    *,
    prediction: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot the mean delay of each hop in ms, split into propagation, transmission, queueing, processing and jitter.

    Parameters
    ----------
    truth
        One row per packet and hop: ``from``, ``to``, ``propagation_ms``, ``transmission_ms``, ``queueing_ms``,
        ``processing_ms``, and ``jitter_ms`` and ``held_ms`` if there are any, as the virtual internet's ground truth
        has them; a table or a list of dicts.
    prediction
        Your guess of the whole way's delay in ms, drawn as a dashed line; None: no line.
    ax
        Axes to draw into; None: a figure of its own, as high as the way is long.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        A column is missing.
    """
    guess = say.number_of(prediction, "prediction")
    hops = _shortened(_means(truth))
    names = [*hops, "whole way"] if hops else []
    if hops:
        hops["whole way"] = {part: sum(values[part] for values in hops.values()) for part in PARTS}
    axes = ax if ax is not None else canvas(max(2.6, EDGE + ROW * len(names)))[1][0]

    longest = sum(hops["whole way"].values()) if hops else 1.0
    reach = 1.2 * max(longest, guess or 0.0, 1e-3)
    series, starts = [], dict.fromkeys(names, 0.0)
    for part, (fill, hatch) in PARTS.items():
        lengths = [hops[name][part] for name in names]
        axes.barh(
            range(len(names)),
            lengths,
            left=list(starts.values()),
            height=0.66,
            color=fill,
            hatch=hatch,
            edgecolor=INK,
            linewidth=0.8,
            label=part,
        )
        starts = {name: starts[name] + length for name, length in zip(names, lengths, strict=True)}
        series.append(Series(part, names, lengths))
    for position, name in enumerate(names):
        axes.annotate(f" {say.ms(starts[name])}", (starts[name], position), va="center", fontsize=SMALL, color=INK)
    if guess is not None:
        row = len(names) - 1
        axes.plot([guess, guess], [row - 0.5, row + 0.5], color=PAPER, linewidth=6)
        axes.plot([guess, guess], [row - 0.5, row + 0.5], label=f"your guess: {say.ms(guess)}", **GUESS)
        series.append(Series("your guess", [guess], ["whole way"]))
    dress(axes, "mean delay (ms)", "", (0, reach), (max(len(names), 1) - 0.4, -0.6))
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    axes.grid(False, axis="y")
    if len(names) > 2:
        axes.axhline(len(names) - 1.5, color=INK, linewidth=0.8)
    legend(axes, columns=5, left=True)
    if not names:
        note(axes, "no packet arrived")
    return Figure(
        [axes],
        _alt(hops, guess),
        "Mean delay of each hop, split into its parts (ground truth).",
        series,
    )


def _means(truth: Any) -> dict[str, dict[str, float]]:
    """Mean parts per hop, hops in order of first appearance."""
    rows = truth.to_dict("records") if hasattr(truth, "to_dict") else list(truth)
    wanted = ["from", "to", *(f"{part}_ms" for part in PARTS if part != "jitter")]
    for row in rows[:1]:
        missing = [column for column in wanted if column not in row]
        if missing:
            raise UsageError(
                "truth",
                list(row),
                f"has no {', '.join(missing)}; wanted: one row per packet and hop with {', '.join(wanted)}",
            )
    sums: dict[str, dict[str, float]] = {}
    counts: dict[str, int] = {}
    for row in rows:
        hop = f"{row['from']} → {row['to']}"
        total = sums.setdefault(hop, dict.fromkeys(PARTS, 0.0))
        counts[hop] = counts.get(hop, 0) + 1
        for part in PARTS:
            total[part] += float(row.get(f"{part}_ms", 0.0))
        total["jitter"] += float(row.get("held_ms", 0.0))  # held back to be overtaken: chance, too
    return {hop: {part: total[part] / counts[hop] for part in PARTS} for hop, total in sums.items()}


def _shortened(hops: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    if len(hops) <= MOST:
        return hops
    names = list(hops)
    rest = names[MOST - 1 :]
    short = {name: hops[name] for name in names[: MOST - 1]}
    short[f"{len(rest)} more hops"] = {part: sum(hops[name][part] for name in rest) for part in PARTS}
    return short


def _alt(hops: dict[str, dict[str, float]], guess: float | None) -> str:
    if not hops:
        return "No packet arrived, so no delay is known."
    whole = hops["whole way"]
    total = sum(whole.values())
    ranked = sorted(
        ((value, hop, part) for hop, values in hops.items() if hop != "whole way" for part, value in values.items()),
        reverse=True,
    )
    value, hop, part = ranked[0]
    shares = ", ".join(f"{name} {say.ms(length)}" for name, length in whole.items() if length > 0) or "nothing"
    share = f" ({say.percent(round(value / total, 2))})" if total else ""
    largest = f"The largest single part is {part} on {hop}, {say.ms(value)}{share}."
    return f"The whole way takes {say.ms(total)}: {shares}. {largest}" + say.guessed(guess, total)
