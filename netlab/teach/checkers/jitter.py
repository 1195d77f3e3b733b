"""Exercise 02.4: jitter, the mean size of the steps from one delay to the next.

Source: RFC 3393, section 4.1 (no step beside a lost packet).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from netlab import stats
from netlab.teach.exercise import Mistake, Verdict, Wrong, as_float, close, dice, number, recognise
from netlab.teach.guard import show


def _delay_lists(seed: str) -> list[list[float]]:
    """Round-trip times with gaps (nan): a hand-made list, then drawn ones."""
    random = dice("02.4", seed)
    lists = [[10.0, 12.0, 11.0, math.nan, 30.0, 30.5]]
    for _ in range(12):
        drawn = [20 + 15 * random.random() ** 3 for _ in range(12)]
        drawn[3 + random.getrandbits(2)] = math.nan
        lists.append(drawn)
    return lists


def _known(delays: Sequence[float]) -> list[float]:
    return [delay for delay in delays if delay == delay]


def _steps(delays: Sequence[float]) -> list[float]:
    return stats.differences([delay if delay == delay else None for delay in delays])


_JITTER_MISTAKES = [
    Mistake(
        lambda delays: stats.mdev(_known(delays)),
        (
            "That is the standard deviation: it says how far the values lie from their mean. Jitter "
            "looks at the step from one packet to the next."
        ),
    ),
    Mistake(
        lambda delays: statistics.stdev(_known(delays)),
        (
            "That is the standard deviation: it says how far the values lie from their mean. Jitter "
            "looks at the step from one packet to the next."
        ),
    ),
    Mistake(
        lambda delays: stats.mean([abs(step) for step in stats.differences(_known(delays))]),
        "You step across a lost probe. Its two neighbours did not follow one another: leave that step out (RFC 3393).",
    ),
    Mistake(
        lambda delays: stats.mean(_steps(delays)),
        "You add the steps with their signs, so up and down cancel out. Take the size of each step: abs(step).",
    ),
    Mistake(
        lambda delays: max(_known(delays)) - min(_known(delays)),
        "That is the range: two extreme packets decide it alone.",
    ),
    Mistake(
        lambda delays: stats.mean([abs(delay - stats.mean(_known(delays))) for delay in _known(delays)]),
        "That is the mean distance from the mean. Jitter looks at the step from one packet to the next.",
    ),
    Mistake(
        lambda delays: sum(abs(step) for step in _steps(delays)),
        "That is the sum of the steps. Divide by how many there are.",
    ),
    Mistake(
        lambda delays: sum(abs(step) for step in _steps(delays)) / (len(delays) - 1),
        "You divide by too many steps: those to and from a lost probe do not exist.",
    ),
    Mistake(
        lambda delays: max(abs(step) for step in _steps(delays)),
        "That is the largest step. Take the mean of all steps.",
    ),
    Mistake(
        lambda delays: stats.jitter_rfc3550([delay if delay == delay else None for delay in delays]),
        "That is the smoothed jitter of RFC 3550, a good measure too. Here the plain mean is asked for.",
    ),
]


def examine(answer: Callable[[list[float]], Any], seed: str) -> Verdict:
    lists = _delay_lists(seed)
    answers = [answer(list(delays)) for delays in lists]
    right = [stats.mean([abs(step) for step in _steps(delays)]) for delays in lists]
    wrong = [i for i, value in enumerate(answers) if not close(as_float(value), right[i])]
    if not wrong:
        return Verdict(1.0, "Every step between neighbours, none across a gap.")
    first = wrong[0]
    shown = ", ".join("nan" if delay != delay else f"{delay:g}" for delay in lists[first][:6])
    evidence = (
        f"For [{shown}{', …' if len(lists[first]) > 6 else ''}] your function gives "
        f"{show(answers[first])}; right is {right[first]:.4g}."
    )
    if isinstance(answers[first], float) and math.isnan(answers[first]):
        return Verdict(
            0.0, "Your function gives nan: a lost probe is nan, and nan in a sum makes all of it nan.", evidence
        )
    if number(answers[first]) is None:
        raise Wrong(f"Your function returned {show(answers[first])}. Return a number of milliseconds.")
    return Verdict(0.0, recognise(_JITTER_MISTAKES, lists, answers), evidence)
