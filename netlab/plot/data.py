"""Reading tables of probes: counting outcomes, choosing groups, and saying numbers in words.

The counting rules are those of the PROBES table: an answer of any kind counts as received; a late answer was
not lost; what is pending or was never sent says nothing about loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isnan, log10
from typing import TYPE_CHECKING, Any

from netlab import stats
from netlab.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True)
class Counts:
    """How a group of probes ended."""

    sent: int
    in_time: int
    late: int
    lost: int
    pending: int
    delays: tuple[float, ...]
    """Every round-trip time, late ones included, in the order of sending, ms."""

    @property
    def decided(self) -> int:
        """Probes of which it is known whether they were lost."""
        return self.sent - self.pending

    @property
    def answered(self) -> int:
        return self.in_time + self.late


def counts(frame: DataFrame) -> Counts:
    outcomes = [str(word) for word in frame["outcome"]]
    late, lost, pending, refused = (outcomes.count(word) for word in ("late", "timeout", "pending", "not-sent"))
    delays = tuple(float(delay) for delay in frame["rtt_ms"] if not isnan(delay))
    sent = len(outcomes) - refused
    return Counts(sent, sent - late - lost - pending, late, lost, pending, delays)


def groups(data: Any, needs: Sequence[str]) -> dict[str, DataFrame]:
    """Give named groups of rows: those of a mapping, or one per destination, in order of appearance."""
    frames = dict(data) if isinstance(data, Mapping) else {"": data}
    for frame in frames.values():
        missing = [column for column in needs if column not in getattr(frame, "columns", ())]
        if missing:
            allowed = "a table as netlab.ping gives it, or a dict of name and table"
            raise UsageError("data", type(frame).__name__, f"has no column {', '.join(missing)}; wanted: {allowed}")
    if list(frames) != [""]:
        return {str(name): frame for name, frame in frames.items()}
    frame = frames[""]
    names = list(dict.fromkeys(frame["destination"])) if "destination" in frame.columns else []
    if len(names) < 2:
        return {str(name): frame for name in names or [""]}
    return {str(name): frame[frame["destination"] == name] for name in names}


def number_of(guess: Any, argument: str) -> float | None:
    """A prediction or a truth as a number; None when nothing was said."""
    if guess is None:
        return None
    try:
        return float(guess)
    except (TypeError, ValueError):
        raise UsageError(argument, guess, "a number, or None for no line") from None


# Numbers in words ------------------------------------------------------------------------------------------


def figures(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and no exponent: 12.3, 0.4, 1240."""
    if isnan(value) or value == 0:
        return "0" if value == 0 else "unknown"
    places = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ms(value: float) -> str:
    return f"{figures(value)} ms"


def percent(share: float) -> str:
    return f"{figures(100 * share)} %"


def where(name: str, frame: DataFrame) -> str:
    """ "to 192.0.2.7 (virtual:campus)": what was measured, for captions."""
    networks = list(dict.fromkeys(str(network) for network in frame["network"])) if "network" in frame.columns else []
    told = f" ({', '.join(networks)})" if networks and networks != [""] else ""
    measured = "destination" in frame.columns and name in set(frame["destination"])
    return (f" to {name}" if measured else f", {name}" if name else "") + told


def answers(count: Counts) -> str:
    """ "18 of 20 answered, 1 late, 1 lost" """
    if not count.sent:
        return "no probes were sent"
    parts = [
        f"{count.in_time} of {count.sent} answered in time"
        if count.late
        else f"{count.in_time} of {count.sent} answered"
    ]
    parts += [
        f"{number} {word}"
        for number, word in ((count.late, "late"), (count.lost, "lost"), (count.pending, "pending"))
        if number
    ]
    return ", ".join(parts)


def spread(delays: Sequence[float]) -> str:
    """ "median 12.3 ms, from 11.9 to 45 ms" """
    if not delays:
        return "no round-trip time"
    low, high = min(delays), max(delays)
    if figures(low) == figures(high):
        return f"always {ms(low)}" if len(delays) > 1 else ms(low)
    return f"median {ms(stats.percentile(delays, 50))}, from {figures(low)} to {ms(high)}"


def guessed(guess: float | None, median: float, unit: str = " ms") -> str:
    """How far the learner's guess was off, as a sentence."""
    if guess is None:
        return ""
    if isnan(median):
        return f" Your guess was {figures(guess)}{unit}; there is nothing to compare it with."
    off = guess - median
    if abs(off) < 0.005 * abs(median) or off == 0:
        return f" Your guess of {figures(guess)}{unit} was right."
    return f" Your guess of {figures(guess)}{unit} was {figures(abs(off))}{unit} too {'high' if off > 0 else 'low'}."


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def listed(numbers: Sequence[int], most: int = 5) -> str:
    """ "3, 7 and 9"; a long list is cut short."""
    if len(numbers) == most + 1:
        most += 1  # "and 1 more" is no shorter than the number itself
    words = [str(number) for number in numbers[:most]]
    if len(numbers) > most:
        return ", ".join(words) + f" and {len(numbers) - most} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
