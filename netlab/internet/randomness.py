"""Chance that gives the same world on every machine: random streams by name, distributions by integer tables.

The strategy, in four rules:

1. Every purpose has a stream of its own, named in words: ``stream(seed, "link a-b", "forward", "loss")``. Whether a
   packet is lost on one link can then never depend on what happens on another, or on how many streams there are.
2. The seed of a stream is a SHA-256 of those words. Python's ``hash`` of a text differs from run to run.
3. Only ``random()`` and ``getrandbits()`` of `random.Random` are used: Python promises that they never change.
4. No floating-point logarithm stands in a delay, since the C library's last digit differs between systems. The
   exponential distribution comes from a table that integer arithmetic makes once.
"""

from __future__ import annotations

import hashlib
from functools import cache
from random import Random

BITS = 8
"""The table has 2**8 + 1 quantiles; between them the inverse is a straight line (error of the mean: 0.04 %)."""

UNIT = 1 << 32
"""1.0 in the fixed-point numbers of this file."""

FOUR_MEANS = 4_216_302_225
"""(1 - exp(-4)) * 2**32: the share of an exponential distribution below four times its mean."""


def stream(seed: int, *purpose: str) -> Random:
    """The random stream for a purpose; the same seed and words always give the same numbers."""
    words = "\0".join((str(seed), *purpose))
    return Random(int.from_bytes(hashlib.sha256(words.encode()).digest(), "big"))


def exponential(random: Random, mean: int) -> int:
    """A time from the exponential distribution, ns: the gaps of a Poisson process, the bursts of on-off traffic."""
    return mean * _quantile(random.getrandbits(32)) >> 32


def jitter(random: Random, most: int) -> int:
    """An extra delay of 0 up to ``most`` ns: mostly small, sometimes large, as real queues give.

    It is an exponential distribution with a mean of ``most / 4``, cut off (not piled up) at ``most``; the mean of what
    is left is 0.23 * ``most``.
    """
    return min(most, most * _quantile(random.getrandbits(32) * FOUR_MEANS >> 32) >> 34)


def _quantile(bits: int) -> int:
    """The inverse of 1 - exp(-x) at ``bits / 2**32``, in fixed point."""
    table = _quantiles()
    place, rest = bits >> (32 - BITS), bits & ((1 << (32 - BITS)) - 1)
    return table[place] + ((table[place + 1] - table[place]) * rest >> (32 - BITS))


@cache
def _quantiles() -> tuple[int, ...]:
    steps = 1 << BITS
    inner = [_logarithm(steps, steps - i) for i in range(steps)]
    return (*inner, inner[-1] + 2 * UNIT)  # the tail has no end; this end gives it the right mean


def _logarithm(numerator: int, denominator: int) -> int:
    """ln(numerator / denominator) for a quotient of 1 or more, in fixed point, by ln q = 2 artanh((q-1)/(q+1))."""
    doublings = 0
    while numerator >= 2 * denominator:
        denominator, doublings = 2 * denominator, doublings + 1
    return _series(numerator, denominator) + doublings * _series(2, 1)


def _series(numerator: int, denominator: int) -> int:
    y = ((numerator - denominator) << 48) // (numerator + denominator)
    total, power, n = 0, y, 1
    while power:
        total += power // n
        power, n = power * y * y >> 96, n + 2
    return 2 * total >> 16
