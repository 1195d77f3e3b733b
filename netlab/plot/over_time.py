"""Round-trip time over time: one point per probe, and the probes without an answer on the time axis.

A lost probe has no round-trip time, so it must not vanish from the picture, nor be drawn as 0 ms: it is a cross on
the axis, at the moment it was sent. A late answer keeps its time but is drawn open: it came after the timeout.

Source: RFC 2681 (a round-trip delay is undefined, not large, when the answer never comes).
"""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.axes import Axes

from netlab import stats
from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import DATA, Figure, Series, drawing
from netlab.plot.style import (
    BEHIND_TEXT,
    GROUPS,
    GUESS,
    OUTCOMES,
    QUIET,
    SMALL,
    TRUTH,
    Look,
    canvas,
    dress,
    legend,
    note,
)

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("rtt_ms", "outcome", "sequence", "sent_at")
ON_AXIS = ("timeout", "pending", "not-sent")
"""Outcomes without a round-trip time."""


@drawing
def rtt(
    data: DataFrame,
    *,
    x: Literal["sequence", "time"] = "sequence",
    prediction: float | None = None,
    truth: float | None = None,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot the round-trip time of every probe, in ms; lost probes are crosses on the time axis.

    Parameters
    ----------
    data
        A PROBES table from `ping`, with one destination or several; or a dict of name and table, to compare runs.
    x
        ``"sequence"``: the probe's number; ``"time"``: seconds after the first probe.
    prediction
        Your guess in ms, drawn as a dashed line; None: no line.
    truth
        The true value in ms, drawn as a solid line; None: no line.
    limits
        The first and last value of the x axis, to draw an unfinished run on the axis of the whole; None: as the data.
    ax
        Axes to draw into; None: a figure of its own.

    Returns
    -------
    Figure
        ``.figure``, ``.axes``, ``.alt``, ``.save(path)``.

    Raises
    ------
    UsageError
        ``data`` is not a table of probes, ``x`` is neither word, or a guess is not a number.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> print(netlab.plot.rtt(netlab.ping("server", count=3)).alt[:20])
    3 of 3 answered; alw

    Source
    ------
    RFC 2681 (round-trip delay).
    """
    if x not in ("sequence", "time"):
        raise UsageError("x", x, 'choose "sequence" or "time"')
    parts = say.groups(data, NEEDS)
    guess, true = say.number_of(prediction, "prediction"), say.number_of(truth, "truth")
    axes = ax if ax is not None else canvas()[1][0]

    start = min((frame["sent_at"].min() for frame in parts.values() if frame["sent_at"].notna().any()), default=None)
    places = {name: _places(frame, x, start) for name, frame in parts.items()}
    delays = {name: [float(delay) for delay in frame["rtt_ms"]] for name, frame in parts.items()}
    known = [delay for values in delays.values() for delay in values if not isnan(delay)]
    top = 1.12 * max([*known, guess or 0.0, true or 0.0]) or 1.0
    everywhere = [place for values in places.values() for place in values]
    first, last = limits or (min(everywhere, default=0.0), max(everywhere, default=1.0))
    last = max(first, last)
    margin = max(0.03 * (last - first), 0.5 if x == "sequence" else 0.05)

    series = []
    looks = _looks(list(parts))
    size = 6.0 if len(everywhere) <= 60 else 3.5
    for name, frame in parts.items():
        outcomes = [str(word) for word in frame["outcome"]]
        for outcome in OUTCOMES:
            chosen = [i for i, word in enumerate(outcomes) if word == outcome]
            if not chosen:
                continue
            look = looks[name, outcome]
            xs = [places[name][i] for i in chosen]
            ys = [0.0 if outcome in ON_AXIS else delays[name][i] for i in chosen]
            # Points on the axis are drawn over it, in full.
            axes.plot(
                xs,
                ys,
                label=look.label,
                clip_on=False,
                zorder=3,
                gid=DATA,
                **look.options(size + 1.5 * (outcome in ON_AXIS)),
            )
            series.append(Series(look.label, xs, ys))

    deadline = _deadline(list(parts.values()))
    if deadline is not None and deadline <= top:
        axes.axhline(deadline, color=QUIET, linewidth=1.2, linestyle=":")
        axes.annotate(
            f"timeout {say.ms(deadline)}",
            (1, deadline),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=SMALL,
            color=QUIET,
            bbox=BEHIND_TEXT,
        )
        series.append(Series("timeout", ["all"], [deadline]))
    for value, label, line in ((true, "truth", TRUTH), (guess, "your guess", GUESS)):
        if value is not None:
            axes.axhline(value, label=f"{label}: {say.ms(value)}", zorder=2, **line)
            series.append(Series(label, ["all"], [value]))
    title = "probe (sequence number)" if x == "sequence" else "time after the first probe (s)"
    dress(
        axes, title, "round-trip time (ms)", (first - margin, last + margin), (0.0, top), "x" if x == "sequence" else ""
    )
    legend(axes)
    if not everywhere:
        note(axes, "no probes")
    return Figure([axes], _alt(parts, guess), _caption(parts), series)


def _places(frame: DataFrame, x: str, start: Any) -> list[float]:
    """Where each probe stands on the x axis; one that never left stands at the previous one's place in time."""
    if x == "sequence":
        return [float(number) for number in frame["sequence"]]
    places, latest = [], 0.0
    for moment in frame["sent_at"]:
        latest = (moment - start).value / 1e9 if moment == moment and moment is not None else latest
        places.append(latest)
    return places


def _looks(names: list[str]) -> dict[tuple[str, str], Look]:
    """One destination: colours tell outcomes apart. Several: colours tell destinations apart, shapes outcomes."""
    if len(names) == 1:
        return {(names[0], outcome): look for outcome, look in OUTCOMES.items()}
    looks = {}
    for position, name in enumerate(names):
        colour, marker = GROUPS[position % len(GROUPS)]
        for outcome, usual in OUTCOMES.items():
            label = name if outcome == "reply" else f"{name}, {usual.label}"
            filled = outcome not in ("late", "pending")
            looks[name, outcome] = Look(label, colour, usual.marker if outcome in ON_AXIS else marker, filled)
    return looks


def _deadline(frames: list[DataFrame]) -> float | None:
    """The timeout, where it decided something: the longest wait for an answer that came late or not at all."""
    if not any((frame["outcome"] == "late").any() for frame in frames):
        return None
    waits = [
        float(wait)
        for frame in frames
        if "waited_ms" in frame.columns
        for wait in frame.loc[frame["outcome"] == "timeout", "waited_ms"]
        if wait == wait
    ]
    return min(waits, default=None)


def _alt(parts: dict[str, DataFrame], guess: float | None) -> str:
    sentences = []
    for name, frame in list(parts.items())[:4]:
        count = say.counts(frame)
        text = f"{say.answers(count)}; {say.spread(count.delays)}" if count.answered else say.answers(count)
        lost = [int(number) for number in frame.loc[frame["outcome"] == "timeout", "sequence"]]
        if lost and count.answered:
            text += f"; lost: probe {say.listed(lost)}" if len(lost) == 1 else f"; lost: probes {say.listed(lost)}"
        sentences.append((f"{name}: {text}" if len(parts) > 1 else say.capital(text)) + ".")
    if len(parts) > 4:
        sentences.append(f"{len(parts) - 4} more destinations.")
    everything = [delay for frame in parts.values() for delay in say.counts(frame).delays]
    return " ".join(sentences) + say.guessed(guess, stats.percentile(everything, 50))


def _caption(parts: dict[str, DataFrame]) -> str:
    told = f" to {', '.join(list(parts)[:4])}"
    if len(parts) == 1:
        told = say.where(*next(iter(parts.items())))
    return f"Round-trip time of each probe{told}; a probe without an answer is a mark on the time axis."
