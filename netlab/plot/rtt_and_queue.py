"""Round-trip time, and under it on the same time axis the queue that made it.

A measurement shows only that some answers take longer. The virtual internet knows why: every delivered packet's wait
before each link is in its books (ground truth), and a wait times the rate of the link is what lay in the queue before
the packet. Drawn under the round-trip times it has their shape: what a ping adds to the length of the way is waiting.

Source: RFC 8290 section 1 (what a queue that is always full does to everybody's delay).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.over_time import rtt
from netlab.plot.style import BLUE, DOTS_PER_INCH, INK, ORANGE, PAPER, WIDTH, dress, note

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("rtt_ms", "outcome", "sequence", "sent_at")
WANTED = ("from", "to", "time", "queueing_ms")
PACKET = 1500
"""Bytes of the packets that a queue is counted in: what fills an Ethernet frame."""
HEIGHT, SHARES = 5.0, (3, 2)
"""Inches of both axes together, and how they share them."""


@drawing
def over_queue(
    data: DataFrame,
    truth: DataFrame | Iterable[Mapping[str, Any]],
    *,
    hop: tuple[str, str],
    rate_mbps: float,
    limit: float | None = None,
    prediction: float | None = None,
    ax: Sequence[Axes] | None = None,
) -> Figure:
    """Plot round-trip times (ms) over time (s), and below them the queue before one link (packets of 1500 bytes).

    Parameters
    ----------
    data
        A PROBES table of one destination.
    truth
        What ``network.truth()`` gives after that measurement: one row per packet and link, with ``from``, ``to``,
        ``time`` and ``queueing_ms``; a table or a list of dicts.
    hop
        The two ends of the link whose queue is wanted, in the direction of travel: ``("home", "provider")``.
    rate_mbps
        The rate of that link in Mbit/s; it turns a wait into packets.
    limit
        How many packets the queue holds, drawn as a dotted line; None: no line.
    prediction
        Your guess of the longest round-trip time in ms, drawn as a dashed line; None: no line.
    ax
        Two axes to draw into, one below the other; None: a figure of its own.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``data`` is not a table of probes, a column of ``truth`` is missing, or no packet passed this hop.

    Source
    ------
    RFC 8290 section 1.
    """
    parts = say.groups(data, NEEDS)
    if len(parts) != 1:
        raise UsageError("data", list(parts), "must be a table with one destination")
    if not rate_mbps > 0:
        raise UsageError("rate_mbps", rate_mbps, "must be more than 0")
    ((name, frame),) = parts.items()
    guess = say.number_of(prediction, "prediction")
    upper, lower = ax if ax is not None else _canvas()

    above = rtt(frame, x="time", prediction=guess, ax=upper)
    times, queue = _queue(truth, hop, rate_mbps, frame["sent_at"].min())
    lower.fill_between(times, queue, step=None, facecolor=ORANGE, edgecolor=INK, linewidth=0.8, hatch="...")
    lower.plot(times, queue, color=BLUE, linewidth=1.2)
    most = max(queue, default=0.0)
    if limit is not None:
        lower.axhline(limit, color=INK, linewidth=1.2, linestyle=":")
        # Fitted to the right end, above or below the line, where no curve can be behind it.
        lower.annotate(
            f"room for {limit:g}", (1, limit), xycoords=("axes fraction", "data"), ha="right",
            va="top" if most < 0.7 * limit else "bottom", fontsize=10, color=INK,
        )  # fmt: skip
    top = 1.15 * max(most, limit or 0.0, 1.0)
    low, high = upper.get_xlim()
    dress(lower, "time after the first probe (s)", "queue (packets)", (low, high), (0.0, top))
    upper.set_xlabel("")
    upper.tick_params(labelbottom=False)
    if not times:
        note(lower, "no packet passed this link")
    series = [*above.series, Series(f"queue {hop[0]} → {hop[1]}", times, queue)]
    if limit is not None:
        series.append(Series("room", ["all"], [limit]))
    return Figure([upper, lower], _alt(frame, queue, hop, rate_mbps, guess), _caption(name, hop), series)


def _canvas() -> tuple[Axes, Axes]:
    figure = Canvas(figsize=(WIDTH, HEIGHT), dpi=DOTS_PER_INCH, facecolor=PAPER, layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=SHARES)
    return upper, lower


def _queue(truth: Any, hop: tuple[str, str], rate_mbps: float, start: Any) -> tuple[list[float], list[float]]:
    """Seconds after the start, and the packets that waited then; in the order of time."""
    rows = truth.to_dict("records") if hasattr(truth, "to_dict") else list(truth)
    for row in rows[:1]:
        missing = [column for column in WANTED if column not in row]
        if missing:
            raise UsageError("truth", list(row), f"has no {', '.join(missing)}; wanted: the rows of network.truth()")
    chosen = [row for row in rows if (row["from"], row["to"]) == tuple(hop)]
    if rows and not chosen:
        seen = sorted({f"{row['from']} → {row['to']}" for row in rows})
        raise UsageError("hop", hop, f"no packet passed it; packets passed {', '.join(seen)}")
    waits = sorted((int(row["time"]), float(row["queueing_ms"])) for row in chosen)
    times = [(time - start.value) / 1e9 for time, _ in waits]
    return times, [wait * rate_mbps * 1000 / 8 / PACKET for _, wait in waits]


def _alt(frame: Any, queue: list[float], hop: tuple[str, str], rate_mbps: float, guess: float | None) -> str:
    delays = say.counts(frame).delays
    if not delays or not queue:
        return "No answer came, so nothing is known about the queue."
    most = max(queue)
    wait = most * PACKET * 8 / rate_mbps / 1000
    text = (
        f"The round-trip time goes from {say.figures(min(delays))} to {say.ms(max(delays))}, with the queue from "
        f"{hop[0]} to {hop[1]}: up to {most:.0f} packets wait there, for {say.ms(wait)} at {rate_mbps:g} Mbit/s."
    )
    return text + say.guessed(guess, max(delays))


def _caption(name: str, hop: tuple[str, str]) -> str:
    told = f" to {name}" if name else ""
    return (
        f"Above: round-trip time of each probe{told}. Below, on the same time axis: packets of {PACKET} bytes that "
        f"waited at {hop[0]} for the link to {hop[1]} (ground truth)."
    )
