"""Exercise 05.5: which TTLs to try, and when a trace is at its end.

A learner's plan is driven here by hand with the rows of real traces through six networks (`six_ways`): each TTL that it
yields is answered as it was there, before the next one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from netlab.teach.checkers import six_ways
from netlab.teach.checkers.six_ways import MOST, Row, Way
from netlab.teach.exercise import Mistake, Verdict, Wrong
from netlab.teach.guard import show

HALF = 0.5
PATIENCE = 200
"""TTLs after which a plan is stopped; a right one yields at most 30."""

Trace = tuple[Row, ...]


def _end(trace: Trace, *outcomes: str) -> int:
    """The first TTL that was answered in one of these ways, else the last."""
    return next((row["ttl"] for row in trace if str(row["outcome"]) in outcomes), MOST)


def _right(trace: Trace) -> list[int]:
    return list(range(1, _end(trace, "reply", "unreachable") + 1))


def _up_to(ttl: int) -> list[int]:
    return list(range(1, ttl + 1))


def _by_address(trace: Trace) -> list[int]:
    return _up_to(next((row["ttl"] for row in trace if row["responder"] == row["address"]), MOST))


def _first_silence(trace: Trace) -> list[int]:
    silent = next((row["ttl"] for row in trace if not row["responder"]), MOST)
    return _up_to(min(silent, _right(trace)[-1]))


def _seen_before(trace: Trace) -> list[int]:
    seen: set[str] = set()
    for row in trace[: len(_right(trace))]:
        if row["responder"] and row["responder"] in seen:
            return _up_to(row["ttl"])
        seen.add(row["responder"])
    return _right(trace)


MISTAKES = [
    Mistake(
        _by_address,
        "You stop when the destination's own address answers. In some networks that never happens: a router on the way "
        "refuses, or the destination answers from another of its addresses. Look at the kind of the answer (outcome).",
    ),
    Mistake(
        lambda trace: _up_to(_end(trace, "reply")),
        'You stop at "reply" only. An "unreachable" is an end, too: the usual one of UDP, or a refusal on the way.',
    ),
    Mistake(
        lambda trace: _up_to(_end(trace, "unreachable")),
        'You stop at "unreachable" only. An echo request is answered by a "reply".',
    ),
    Mistake(lambda trace: _up_to(MOST), "Your plan never stops before TTL 30. Look into rows after each yield."),
    Mistake(
        lambda trace: _up_to(_end(trace, "reply", "unreachable", "time-exceeded")),
        "You stop at the first answer. Time Exceeded says that the probe did *not* get there: go on.",
    ),
    Mistake(
        _first_silence,
        "You stop at the first silent hop. A router may keep silent and still pass packets on: the next may answer.",
    ),
    Mistake(
        lambda trace: _right(trace)[:-1] if len(_right(trace)) < MOST else _right(trace),
        "Your last TTL is one too small: the destination itself is a hop, too.",
    ),
    Mistake(
        lambda trace: _right(trace) if len(_right(trace)) < MOST else _up_to(MOST - 1),
        "Where no end is found, TTL 30 is missing. range(1, 30) ends with 29.",
    ),
    Mistake(
        lambda trace: _up_to(min(_right(trace)[-1] + 1, MOST)),
        "You send one TTL too many: look into rows before the next yield, not after it.",
    ),
    Mistake(lambda trace: _right(trace)[1:], "Your first TTL is 2. The nearest router answers to TTL 1."),
    Mistake(
        lambda trace: [0, *_right(trace)],
        "Your first TTL is 0. No packet may leave with it; the nearest router answers to TTL 1.",
    ),
    Mistake(
        lambda trace: [0, *_right(trace)[:-1]],
        "You count from 0. No packet may leave with TTL 0, and your last TTL is one too small.",
    ),
    Mistake(
        _seen_before,
        "You stop when an address comes back. That is clever, but a trace shows a loop: go on to TTL 30.",
    ),
    Mistake(lambda trace: [], "Your plan yields nothing. Yield a TTL: yield ttl"),
]


def examine(answer: Callable[[Any], Any], seed: str) -> Verdict:
    traces = six_ways.traces(seed)
    tried = [_drive(answer, trace) for _, trace in traces]
    right = [ttls == _right(trace) for ttls, (_, trace) in zip(tried, traces, strict=True)]
    if all(right):
        return Verdict(1.0, "It goes on over silence and round a loop, and it ends where the answers say so.")
    message = next(
        (
            mistake.message
            for mistake in MISTAKES
            if all(ttls == mistake.gives(trace) for ttls, (_, trace) in zip(tried, traces, strict=True))
        ),
        "Not right yet, and it is none of the mistakes known here.",
    )
    place = right.index(False)
    share = HALF * sum(right) / len(right) if len(set(map(tuple, tried))) > 1 else 0.0
    return Verdict(share, message, _evidence(traces[place], tried[place], sum(right)))


def _drive(plan: Callable[[Any], Any], trace: Trace) -> list[int]:
    """Run a plan on a recorded trace; gives its TTLs in order, each once."""
    rows: list[Row] = []
    ttls: list[int] = []
    items = plan(rows)
    if items is None or not hasattr(items, "__iter__"):
        raise Wrong(f"Your function returned {show(items)}. Make it a generator: write yield ttl in its loop.")
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= 255:
            raise Wrong(f"Your plan yields {show(item)}. Yield a TTL, a whole number from 1 to 255.")
        if not ttls or ttls[-1] != item:
            ttls.append(item)
        if len(ttls) > PATIENCE:
            raise Wrong(f"Your plan has yielded {PATIENCE} TTLs and goes on. Stop at {MOST}.", f"The last: {ttls[-3:]}")
        row = trace[item - 1] if 1 <= item <= len(trace) else None
        if row is not None and row["responder"]:
            rows.append(dict(row))
    return ttls


def _evidence(traced: tuple[Way, Trace], ttls: Sequence[int], right: int) -> str:
    way, trace = traced
    end = len(_right(trace))
    lines = [
        f"  TTL {row['ttl']:2}  {row['responder'] or '*':15}  {row['outcome']}"
        for row in (trace[: end + 1] if end <= 9 else trace[:5])
    ]
    counted = f"Right in {right} of 6 networks. " if right else ""
    should = f"it should end with TTL {end}"
    told = f"{counted}In {way.told} to {trace[0]['address']}, {should}; yours gave {_shown(ttls)}:\n"
    return told + "\n".join(lines) + ("\n  …" if end > 9 else "")


def _shown(ttls: Sequence[int]) -> str:
    return "nothing" if not ttls else f"{ttls[0]} to {ttls[-1]}"
