"""Exercise 02.5: loss and p95 of tables with late, lost and unfinished probes.

The tables are measured here, in virtual networks made from the seed: one with late replies, one with duplicates and
reordering, one that stopped while probes were in flight.

Source: RFC 7680, section 2.5 (late or lost), RFC 2681 (a round-trip delay without an answer is undefined).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from netlab import stats
from netlab.teach.exercise import Mistake, Verdict, Wrong, as_float, close, dice, number, recognise
from netlab.teach.guard import show

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ["sequence", "sent_at", "outcome", "rtt_ms", "waited_ms", "duplicates"]
"""What the learner's function sees: enough to work it out, too little for `netlab.summary` to do it."""
UNDECIDED = ("pending", "not-sent")
TRIES = 50
"""Networks that are thrown until one shows what the case is about; the first or second nearly always does."""


@dataclass(frozen=True, slots=True)
class Case:
    """What one of the tables is about: the link it is measured over, how, and what has to be in it."""

    faults: dict[str, float]
    options: dict[str, Any]
    holds: Callable[[DataFrame], bool]


CASES = {
    "late": Case(
        {"loss": 0.06, "reorder": 0.15, "reorder_delay_ms": 90.0},
        {"interval": 0.2, "timeout": 0.1},
        lambda frame: _has(frame, "late", 3) and _has(frame, "timeout", 1),
    ),
    "twice": Case(
        {"loss": 0.1, "reorder": 0.2, "reorder_delay_ms": 45.0, "duplicate": 0.2},
        {"interval": 0.02},
        lambda frame: frame["duplicates"].sum() > 2 and _has(frame, "timeout", 1),
    ),
    "cut": Case(
        {"loss": 0.15},
        {"interval": 0.01, "timeout": 0.3, "deadline": 0.55},
        lambda frame: _has(frame, "pending", 2) and _has(frame, "timeout", 1),
    ),
}


@lru_cache(maxsize=8)
def _frames(seed: str) -> tuple[DataFrame, ...]:
    """Measure the three tables of a seed."""
    return tuple(_measure(case, dice("02.5", f"{seed}/{name}")) for name, case in CASES.items())


def _measure(case: Case, random: Random) -> DataFrame:
    """Ping through networks with these faults until a table holds what it is for."""
    from netlab import api

    for _ in range(TRIES):
        world = api.world(_world(delay_ms=12 + 10 * random.random(), jitter_ms=3 + 5 * random.random(), **case.faults))
        network = api.network_for(world, seed=random.getrandbits(24))
        frame = api.ping("there", count=60, network=network, **case.options)
        if case.holds(frame):
            break
    return frame[COLUMNS]


def _world(**link: float) -> dict[str, Any]:
    return {
        "name": "unseen",
        "vantage": "here",
        "node": {
            "here": {"kind": "host", "address": ["192.0.2.10/24"]},
            "there": {"kind": "host", "address": ["192.0.2.20/24"]},
        },
        "link": [{"ends": ["here", "there"], **link}],
    }


def _has(frame: DataFrame, outcome: str, least: int) -> bool:
    return int((frame["outcome"] == outcome).sum()) >= least


def _counts(frame: DataFrame) -> dict[str, int]:
    words = [str(word) for word in frame["outcome"]]
    count = {word: words.count(word) for word in {*words, "late", "timeout", "pending", "not-sent", "reply"}}
    return {**count, "all": len(words), "decided": len(words) - sum(count[word] for word in UNDECIDED)}


def _true_loss(frame: DataFrame) -> float:
    count = _counts(frame)
    return count["timeout"] / count["decided"]


def _delays(frame: DataFrame, *outcomes: str) -> list[float]:
    rows = zip(frame["rtt_ms"], frame["outcome"], strict=True)
    return [float(delay) for delay, word in rows if delay == delay and (not outcomes or str(word) in outcomes)]


def _padded(frame: DataFrame, filler: float) -> list[float]:
    """The delays with a number in place of each missing one."""
    return [float(delay) if delay == delay else filler for delay in frame["rtt_ms"]]


def _share(count: Callable[[dict[str, int]], float], message: str) -> Mistake:
    return Mistake(lambda frame: float(count(_counts(frame))), message)


_LOSS_MISTAKES = [
    Mistake(lambda frame: 100 * _true_loss(frame), "The loss is right, but in percent. Return a share from 0 to 1."),
    _share(lambda n: n["timeout"], "You give how many probes are lost. The loss is their share of the decided ones."),
    _share(
        lambda n: (n["timeout"] + n["late"]) / n["decided"],
        "You count late replies as lost. They came: after the timeout, but they came. A timeout says how long you "
        "looked, not what was lost.",
    ),
    _share(
        lambda n: (n["timeout"] + n["late"]) / n["all"],
        "You count late replies as lost, and divide by all rows. Late is not lost, and pending is not decided.",
    ),
    _share(
        lambda n: 1 - n["reply"] / n["all"],
        "You count everything that is not a reply in time as lost. A late reply came; a pending probe may still be "
        "answered.",
    ),
    _share(
        lambda n: (n["timeout"] + n["pending"] + n["not-sent"]) / n["all"],
        "You count every row without a round-trip time as lost. A pending probe was still in flight when the "
        "measurement stopped: nobody knows.",
    ),
    _share(
        lambda n: (n["timeout"] + n["pending"]) / n["decided"],
        "You count pending probes as lost. They were still in flight when the measurement stopped: nobody knows.",
    ),
    _share(
        lambda n: n["timeout"] / n["all"],
        "You divide by all rows. Pending probes and those not sent are not decided: leave them out of the total.",
    ),
    _share(
        lambda n: n["timeout"] / (n["decided"] - n["late"]),
        "You leave the late replies out of the total. Those probes were sent and were answered: they count.",
    ),
    _share(
        lambda n: n["timeout"] / max(n["decided"] - n["timeout"], 1),
        "You divide the lost by the answered. A share is taken of all decided probes, lost and answered.",
    ),
    Mistake(
        lambda frame: _true_loss(frame) - float(frame["duplicates"].sum()) / _counts(frame)["decided"],
        "You count duplicates as received. Two replies to one probe do not make up for another that was lost.",
    ),
    Mistake(lambda frame: 1 - _true_loss(frame), "That is the share that was answered; the loss is the rest."),
]

_P95_MISTAKES = [
    Mistake(
        lambda frame: stats.percentile(_delays(frame, "reply"), 95),
        "You leave the late replies out. They are the slowest of all: without them the network looks too good.",
    ),
    Mistake(
        lambda frame: stats.percentile(_padded(frame, 0.0), 95),
        "You count a lost probe as 0 ms. It has no round-trip time: leave it out here, it is counted in the loss.",
    ),
    Mistake(
        lambda frame: stats.percentile(_padded(frame, float(frame["waited_ms"].max())), 95),
        "You count a lost probe as if its answer had come at the timeout. It has no round-trip time; it is counted in "
        "the loss.",
    ),
    Mistake(
        lambda frame: max(_delays(frame)),
        "That is the largest round-trip time. 95 % of the answered probes are at or below the p95.",
    ),
    Mistake(
        lambda frame: stats.mean(_delays(frame)),
        "That is the mean. The p95 is the time that 95 % of the answered probes do not exceed.",
    ),
    Mistake(lambda frame: stats.percentile(_delays(frame), 50), "That is the median (p50); the p95 lies higher."),
    Mistake(
        lambda frame: stats.percentile(_delays(frame), 5),
        "That is the p5: 95 % are above it. For the p95, 95 % are below.",
    ),
    Mistake(
        lambda frame: stats.percentile(_delays(frame), 95) / 1000,
        "The p95 is right, but in seconds. Return milliseconds.",
    ),
    Mistake(
        lambda frame: 0.95 * max(_delays(frame)),
        "95 % of the largest value is no percentile. Sort the values: 95 % of *them* lie below the p95.",
    ),
    Mistake(
        lambda frame: _delays(frame)[int(0.95 * len(_delays(frame)))],
        "You take the value at 95 % of the list, but the list is in the order of sending. Sort it first.",
    ),
]


def examine(answer: Callable[[Any], Any], seed: str) -> Verdict:
    frames = _frames(seed)
    pairs = [answer(frame.copy()) for frame in frames]
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise Wrong(f"Your function returned {show(pair)}. Return two numbers: return loss, p95_ms")
    losses, p95s = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    right = [close(as_float(loss), _true_loss(frame)) for loss, frame in zip(losses, frames, strict=True)]
    fits = [_is_p95(value, _delays(frame)) for value, frame in zip(p95s, frames, strict=True)]
    messages, evidence = [], []
    if not all(right):
        messages.append("Loss: " + (recognise(_LOSS_MISTAKES, frames, losses) or "not right yet."))
        evidence.append(_loss_row(frames, losses, right.index(False)))
    if not all(fits):
        messages.append("p95: " + (recognise(_P95_MISTAKES, frames, p95s) or "not right yet."))
        evidence.append(_p95_row(frames, p95s, fits.index(False)))
    if not messages:
        return Verdict(1.0, "Late replies, duplicates, reordering, probes in flight: all counted as what they are.")
    return Verdict((all(right) + all(fits)) / 2, "\n".join(messages), "\n".join(evidence))


def _is_p95(value: Any, delays: Sequence[float]) -> bool:
    """Any definition of a percentile will do: they all lie between the same two neighbours."""
    found, ordered = number(value), sorted(delays)
    position = 0.95 * (len(ordered) - 1)
    return found is not None and ordered[math.floor(position)] - 1e-9 <= found <= ordered[math.ceil(position)] + 1e-9


def _loss_row(frames: Sequence[DataFrame], losses: Sequence[Any], place: int) -> str:
    """The first table where the loss is wrong, and a row that it hangs on."""
    count = _counts(frames[place])
    words = ", ".join(f"{count[word]} {word}" for word in ("reply", "late", "timeout", "pending") if count[word])
    share = f"{count['timeout']} of {count['decided']}"
    told = f"Table {place + 1} has {words}: the loss is {share}. You gave {show(losses[place])}."
    return told + _row(frames[place], "late" if count["late"] else "pending" if count["pending"] else "timeout")


def _p95_row(frames: Sequence[DataFrame], p95s: Sequence[Any], place: int) -> str:
    """The first table where the p95 is wrong, and a row that it hangs on."""
    delays = _delays(frames[place])
    told = f"95 % of its {len(delays)} answers came within {stats.percentile(delays, 95):.3f} ms."
    row = _row(frames[place], "late" if _has(frames[place], "late", 1) else "timeout")
    return f"Table {place + 1}: {told} You gave {show(p95s[place])}." + row


def _row(frame: DataFrame, outcome: str) -> str:
    rows = frame[frame["outcome"] == outcome]
    if not len(rows):
        return ""
    row = rows.iloc[0]
    times = f"rtt_ms {row['rtt_ms']:.3f}, waited_ms {row['waited_ms']:.0f}"
    return f"\n  for example: sequence {row['sequence']}, outcome {outcome}, {times}"
