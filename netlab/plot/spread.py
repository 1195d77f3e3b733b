"""The spread of round-trip times: a histogram, and the empirical distribution function (ECDF) beside it.

The histogram shows the shape; the ECDF needs no bins and gives percentiles: read where it crosses 50 % or 95 %.
A probe that was lost has no time, but it is not nothing: it waited longer than the timeout. The ECDF is
therefore a share of *all* decided probes, and ends below 100 % when some were lost (times censored at the timeout).

Source: RFC 2681 section 4 (statistics of round-trip delay, lost packets counted as infinite).
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab import stats
from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.style import (
    BEHIND_TEXT,
    FILLS,
    GROUPS,
    GUESS,
    HATCHES,
    INK,
    LINES,
    QUIET,
    SMALL,
    TRUTH,
    canvas,
    dress,
    legend,
    note,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame

NEEDS = ("rtt_ms", "outcome")
STYLES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
FEWEST_BINS, MOST_BINS = 8, 40


@drawing
def distribution(
    data: DataFrame,
    *,
    prediction: float | None = None,
    truth: float | None = None,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Plot how round-trip times (ms) are spread: histogram on the left, ECDF on the right.

    Parameters
    ----------
    data
        A PROBES table, with one destination or several; or a dict of name and table, to compare runs.
    prediction
        Your guess in ms (of the median, say), drawn as a dashed line; None: no line.
    truth
        The true value in ms, drawn as a solid line; None: no line.
    ax
        Two axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        As in `rtt`; also when ``ax`` is not a pair.

    Source
    ------
    RFC 2681, section 4.
    """
    parts = say.groups(data, NEEDS)
    guess, true = say.number_of(prediction, "prediction"), say.number_of(truth, "truth")
    axes = list(ax) if ax is not None else canvas(columns=2)[1]
    if len(axes) != 2:
        raise UsageError("ax", ax, "wanted two axes: one for the histogram, one for the ECDF")
    left, right = axes
    counted = {name: say.counts(frame) for name, frame in parts.items()}
    everything = [delay for count in counted.values() for delay in count.delays]
    marks = [value for value in (guess, true) if value is not None]
    low, high = _range(everything + marks)
    edges = _edges(everything, low, high)

    series: list[Series] = []
    several = len(parts) > 1
    tallest = 1.0
    for position, (name, count) in enumerate(counted.items()):
        if not count.delays:
            continue
        tally = _tally(count.delays, edges)
        # Runs of different length are compared by shares, a single run shows plain counts.
        heights = (
            [100 * height / len(count.delays) for height in tally] if several else [float(height) for height in tally]
        )
        tallest = max(tallest, *heights)
        colour, _ = GROUPS[position % len(GROUPS)] if several else (INK, "")
        fill: dict[str, Any] = {"facecolor": FILLS[position % len(FILLS)], "hatch": HATCHES[position % len(HATCHES)]}
        left.stairs(heights, edges, fill=True, alpha=0.5 if several else 1.0, edgecolor=colour, **fill)
        left.stairs(heights, edges, color=colour, linewidth=1.5 if several else 1.0)
        series.append(Series(f"histogram {name}".rstrip(), edges[:-1], heights))
        ordered = sorted(count.delays)
        shares = [100 * (rank + 1) / count.decided for rank in range(len(ordered))]
        right.step(
            [low, *ordered, high],
            [0, *shares, shares[-1]],
            where="post",
            color=colour if several else LINES[0],
            linewidth=2.0,
            linestyle=STYLES[position % len(STYLES)],
            label=name if several else None,
        )
        series.append(Series(f"ECDF {name}".rstrip(), ordered, shares))
        if not several:
            _percentiles(right, count, low, high)
    for value, label, line in ((true, "truth", TRUTH), (guess, "your guess", GUESS)):
        if value is not None:
            left.axvline(value, **line)
            right.axvline(value, label=f"{label}: {say.ms(value)}", **line)
            series.append(Series(label, [value], ["all"]))
    dress(left, "round-trip time (ms)", "answers (%)" if several else "answers", (low, high), (0, 1.1 * tallest), "y")
    dress(right, "round-trip time (ms)", "answered within (% of probes)", (low, high), (0, 104))
    for one in axes:
        one.locator_params(axis="x", nbins=5)
        if not everything:
            note(one, "no round-trip times")
    legend(right, columns=2)
    return Figure(axes, _alt(counted, guess), _caption(parts), series)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Limits with a margin; a single value gets room on both sides."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or max(0.05 * abs(high), 0.05)
    return max(0.0, low - margin), high + margin


def _edges(values: Sequence[float], low: float, high: float) -> list[float]:
    """Bin edges: about the square root of the number of values, within limits."""
    bins = min(MOST_BINS, max(FEWEST_BINS, ceil(sqrt(len(values)))))
    return [low + (high - low) * step / bins for step in range(bins + 1)]


def _tally(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    heights = [0] * (len(edges) - 1)
    width = edges[1] - edges[0]
    for value in values:
        heights[min(len(heights) - 1, int((value - edges[0]) / width))] += 1
    return heights


def _percentiles(ax: Axes, count: say.Counts, low: float, high: float) -> None:
    """Show how to read the curve: from 50 % and 95 % of the answers across to it, and down."""
    if len(count.delays) < 2 or min(count.delays) == max(count.delays):
        return
    for percent, name, height in ((50, "median", 4), (95, "p95", 16)):
        value = stats.percentile(count.delays, percent)
        share = percent * len(count.delays) / count.decided
        ax.plot([low, value, value], [share, share, 0], color=QUIET, linewidth=1.2, linestyle=":")
        on_the_left = value > low + 0.55 * (high - low)
        ax.annotate(
            f"{name} {say.ms(value)}",
            (value, height),
            xytext=(-5 if on_the_left else 5, 0),
            textcoords="offset points",
            fontsize=SMALL,
            color=INK,
            ha="right" if on_the_left else "left",
            va="bottom",
            bbox=BEHIND_TEXT,
        )


def _alt(counted: dict[str, say.Counts], guess: float | None) -> str:
    sentences = []
    for name, count in list(counted.items())[:4]:
        text = say.spread(count.delays) if count.delays else "no round-trip time at all"
        if len(count.delays) > 2 and min(count.delays) != max(count.delays):
            half, most = (say.ms(stats.percentile(count.delays, percent)) for percent in (50, 95))
            text = (
                f"half of the round-trip times are below {half}, 95 % below {most}; "
                f"they go from {say.figures(min(count.delays))} to {say.ms(max(count.delays))}"
            )
        if count.lost:
            end = say.percent(count.answered / count.decided)
            text += f"; {count.lost} of {count.decided} lost, so the curve ends at {end}"
        sentences.append((f"{name}: {text}" if len(counted) > 1 else say.capital(text)) + ".")
    everything = [delay for count in counted.values() for delay in count.delays]
    return " ".join(sentences) + say.guessed(guess, stats.percentile(everything, 50))


def _caption(parts: dict[str, DataFrame]) -> str:
    names = list(parts)
    told = say.where(names[0], parts[names[0]]) if len(names) == 1 else f" to {', '.join(names[:4])}"
    return f"Distribution of round-trip times{told}: histogram, and share of probes answered within a time."
