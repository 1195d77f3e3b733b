"""Exercise 11.4: how many threads are occupied? Little's law, with slow readers among the clients.

Source: Little, "A proof for the queuing formula L = λW", Operations Research 9 (1961).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from netlab.teach.exercise import Mistake, Verdict, Wrong, as_float, close, dice, number, recognise
from netlab.teach.guard import show

CASES = 5


class Case(NamedTuple):
    rate: float
    quick_ms: float
    slow_share: float
    slow_ms: float


def right(case: Case) -> float:
    return case.rate * _mean(case) / 1000


def _mean(case: Case) -> float:
    return (1 - case.slow_share) * case.quick_ms + case.slow_share * case.slow_ms


@lru_cache(maxsize=8)
def _cases(seed: str) -> tuple[Case, ...]:
    random = dice("11.4", seed)
    made = [
        Case(
            float(20 + random.getrandbits(7)), float(5 + random.getrandbits(5)), (1 + random.getrandbits(3)) / 100,
            1000.0 * (5 + random.getrandbits(4)),
        )
        for _ in range(CASES - 1)
    ]  # fmt: skip
    return (*made, made[0]._replace(slow_share=0.0))


_MISTAKES = [
    Mistake(lambda case: case.rate * _mean(case), "The times are in ms, the rate is per second: divide by 1000."),
    Mistake(
        lambda case: case.rate * case.quick_ms / 1000,
        "You leave out the slow readers. They are few, but each occupies a thread for seconds.",
    ),
    Mistake(
        lambda case: case.rate * (case.quick_ms + case.slow_ms) / 2000,
        "You take the middle of both times. Weigh them: 1 - slow_share of all requests are quick, slow_share are slow.",
    ),
    Mistake(
        lambda case: case.rate * (case.quick_ms + case.slow_ms) / 1000,
        "You add both times, as if every request were quick and slow. Weigh them by their shares.",
    ),
    Mistake(
        lambda case: case.rate * (case.quick_ms + case.slow_share * case.slow_ms) / 1000,
        "Nearly: the quick ones are only 1 - slow_share of all.",
    ),
    Mistake(
        lambda case: case.rate * case.slow_share * case.slow_ms / 1000,
        "Those are the slow ones only. The quick ones occupy threads, too.",
    ),
    Mistake(
        lambda case: case.rate * (case.slow_share * case.quick_ms + (1 - case.slow_share) * case.slow_ms) / 1000,
        "The shares are the wrong way round: slow_share of all requests are slow.",
    ),
    Mistake(
        lambda case: _mean(case) / 1000,
        "That is how long a request takes on average, in seconds. Times the rate, and you have how many are there.",
    ),
    Mistake(
        lambda case: 1000 / _mean(case),
        "That is how many requests one thread does in a second. The question is how many threads are occupied.",
    ),
]


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    cases = _cases(seed)
    given = [answer(*case) for case in cases]
    for value in given:
        if number(value) is None:
            raise Wrong(f"Your function returned {show(value)}. Return a number of threads.")
    answers = [as_float(value) for value in given]
    fits = [close(value, right(case)) for value, case in zip(answers, cases, strict=True)]
    if all(fits):
        case = cases[0]
        share = 100 * case.rate * case.slow_share * case.slow_ms / 1000 / right(case)
        return Verdict(1.0, f"In the first case {share:.0f} % of the occupied threads wait for a slow reader.")
    first = fits.index(False)
    case = cases[first]
    message = recognise(_MISTAKES, cases, answers) or "Not yet: arrivals per second times seconds inside."
    return Verdict(
        0.0,
        message,
        f"  {case.rate:g} requests/s, {case.quick_ms:g} ms, and {100 * case.slow_share:g} % of them {case.slow_ms:g} "
        f"ms: {right(case):.4g} threads, you gave {answers[first]:.4g}",
    )
