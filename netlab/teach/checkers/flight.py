"""Exercise 03.4: how many bytes are on their way, the bandwidth-delay product.

Source: RFC 1072 section 1, RFC 7323 section 1.1 (long fat networks and their product of rate and delay).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netlab.teach.exercise import Mistake, Verdict, Wrong, as_float, close, dice, number, recognise
from netlab.teach.guard import show

Case = tuple[float, float]
"""Mbit/s, ms."""


def _cases(seed: str) -> list[Case]:
    random = dice("03.4", seed)
    drawn = [(float(1 + random.getrandbits(9)), float(1 + random.getrandbits(8))) for _ in range(9)]
    return [(4.0, 63.0), (1000.0, 61.0), *drawn]


def product(given: Case) -> float:
    rate_mbps, rtt_ms = given
    return rate_mbps * 1e6 / 8 * rtt_ms / 1000


_MISTAKES = [
    Mistake(lambda given: 8 * product(given), "Those are bits. The question asks for bytes; a byte has 8 bits."),
    Mistake(
        lambda given: 1000 * product(given),
        "You take milliseconds for seconds: divide the round-trip time by 1000.",
    ),
    Mistake(lambda given: 8000 * product(given), "Those are bits, and you take milliseconds for seconds."),
    Mistake(
        lambda given: product(given) / 2,
        "You take half of the time. The first answer is there after the whole round trip, and until then bytes leave.",
    ),
    Mistake(lambda given: 2 * product(given), "Twice the time is too much: a round trip is there and back already."),
    Mistake(lambda given: product(given) / 1e6, "The rate is in millions of bits per second: times 1e6 is missing."),
    Mistake(lambda given: product(given) / 1000, "Those are kilobytes; the question asks for bytes."),
    Mistake(
        lambda given: given[0] * given[1],
        "Rate times time, yes, but in no unit: Mbit/s times ms are thousands of bits. Divide by 8, times 1000.",
    ),
    Mistake(lambda given: given[0] * 1e6 / 8, "That is what leaves in a whole second. The round trip is shorter."),
    Mistake(
        lambda given: given[0] * 1e6 / 8 / (given[1] / 1000),
        "You divide by the time. The longer the way, the more is on it: multiply.",
    ),
]


def examine(answer: Callable[[float, float], Any], seed: str) -> Verdict:
    cases = _cases(seed)
    answers = [answer(*case) for case in cases]
    right = [product(case) for case in cases]
    wrong = [i for i, value in enumerate(answers) if not close(as_float(value), right[i])]
    if not wrong:
        return Verdict(
            1.0, "So much is on its way before the first answer. Who waits for answers sooner wastes the line."
        )
    (rate_mbps, rtt_ms), given = cases[wrong[0]], answers[wrong[0]]
    said = f"For {rate_mbps:g} Mbit/s and {rtt_ms:g} ms your function gives {show(given)}"
    if number(given) is None:
        raise Wrong(f"{said}. Return a number of bytes.")
    return Verdict(0.0, recognise(_MISTAKES, cases, answers), f"{said}; right is {right[wrong[0]]:g}.")
