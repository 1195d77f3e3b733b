"""Statistics of delays and losses: plain functions on plain lists, no pandas.

Every name here is a definition from an RFC or a textbook, and the docstring says which. Delays are in
whatever unit the caller uses (netlab: milliseconds). Where a number does not exist (too few samples), the
answer is ``nan`` and never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, comb, nan, sqrt

Z_95 = 1.959963984540054
"""The normal quantile that leaves 2.5 % on either side."""


def wilson(lost: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """Give the Wilson score interval (low, high) of a share, by default at 95 %; (nan, nan) for no samples.

    Unlike the textbook interval p ± z·sqrt(p(1-p)/n) it stays inside 0…1 and is honest for 0 of n: 0 lost of
    10 pings still allows a loss of up to 28 %.
    """
    if total <= 0:
        return nan, nan
    share, square = lost / total, z * z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = z * sqrt(share * (1 - share) / total + square / (4 * total * total)) / (1 + square / total)
    # At the edges the formula gives 0 and 1 up to rounding; say so exactly.
    return (0.0 if lost == 0 else middle - half), (1.0 if lost == total else middle + half)


def percentile(values: Sequence[float], percent: float) -> float:
    """Give a percentile with linear interpolation between the two nearest samples (as pandas and numpy do)."""
    if not values:
        return nan
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else nan


def mdev(values: Sequence[float]) -> float:
    """Give the population standard deviation (divides by n), which ping calls ``mdev``."""
    if not values:
        return nan
    middle = mean(values)
    return sqrt(sum((value - middle) ** 2 for value in values) / len(values))


def ewma(values: Sequence[float], gain: float = 1 / 8) -> float:
    """Give the exponentially weighted moving average after the last value, starting at the first (ping: gain 1/8)."""
    if not values:
        return nan
    average = values[0]
    for value in values[1:]:
        average += gain * (value - average)
    return average


def differences(delays: Sequence[float | None]) -> list[float]:
    """Give D(i) = delay(i) - delay(i-1) for neighbours that both arrived (RFC 3393); ``None`` marks a loss.

    No difference is taken across a loss: two packets that were not sent one after the other say nothing
    about the variation from one packet to the next.
    """
    return [b - a for a, b in pairwise(delays) if a is not None and b is not None]


def jitter_rfc3550(delays: Sequence[float | None]) -> float:
    """Give the interarrival jitter of RFC 3550, section 6.4.1: J += (|D| - J) / 16, in floating point."""
    steps = differences(delays)
    if not steps:
        return nan
    jitter = 0.0
    for step in steps:
        jitter += (abs(step) - jitter) / 16
    return jitter


def jitter_mean_abs(delays: Sequence[float | None]) -> float:
    """Give the mean of |D|: the "jitter" that many tools print."""
    return mean([abs(step) for step in differences(delays)])


def ipdv_mean(delays: Sequence[float | None]) -> float:
    """Give the mean inter-packet delay variation (RFC 3393, RFC 5481 section 4.1), with its sign."""
    return mean(differences(delays))


def pdv_percentile(delays: Sequence[float], percent: float = 95.0) -> float:
    """Give a percentile of the packet delay variation: delay minus the smallest delay (RFC 5481, section 4.2)."""
    if not delays:
        return nan
    least = min(delays)
    return percentile([delay - least for delay in delays], percent)


def longest_run(lost: Sequence[bool]) -> int:
    """Give the length of the longest run of losses."""
    longest = run = 0
    for is_lost in lost:
        run = run + 1 if is_lost else 0
        longest = max(longest, run)
    return longest


def reordering_extent(sequences: Sequence[int]) -> int:
    """Give the largest reordering extent (RFC 4737, section 4.2) of sequence numbers listed by arrival.

    A packet is reordered when a packet with a larger number came before it; its extent is how many
    packets lie between it and the earliest such packet: 0 when nothing was reordered.
    """
    extent = 0
    records: list[tuple[int, int]] = []  # rising maxima: (number, position)
    for position, number in enumerate(sequences):
        if not records or number > records[-1][0]:
            records.append((number, position))
            continue
        for larger, earlier in records:
            if larger > number:
                extent = max(extent, position - earlier)
                break
    return extent


def most_in_flight(intervals: Sequence[tuple[int, int]]) -> int:
    """Give how many of the intervals (start, end) overlap at the most: ping's ``pipe``."""
    edges = sorted([(start, 1) for start, _ in intervals] + [(end, 0) for _, end in intervals])
    flying = most = 0
    for _, starts in edges:
        flying += 1 if starts else -1
        most = max(most, flying)
    return most


def gilbert(lost: Sequence[bool]) -> tuple[float, float]:
    """Fit the two-state Gilbert model: (P(loss | the one before arrived), P(arrival | the one before was lost)).

    Independent losses have the first equal to the loss and the second to 1 - loss; bursts have a smaller
    second number, whose inverse is the mean length of a burst. ``nan`` where the state was never left.
    """
    from_good = from_bad = good_to_bad = bad_to_good = 0
    for before, after in pairwise(lost):
        if before:
            from_bad += 1
            bad_to_good += not after
        else:
            from_good += 1
            good_to_bad += after
    return (good_to_bad / from_good if from_good else nan, bad_to_good / from_bad if from_bad else nan)


def binomial_tail(successes: int, total: int, chance: float) -> float:
    """Give P(X >= successes) for X ~ Binomial(total, chance): a one-sided test of "more than chance"."""
    if successes <= 0:
        return 1.0
    return sum(comb(total, k) * chance**k * (1 - chance) ** (total - k) for k in range(successes, total + 1))


def samples_for_percentile(percent: float) -> int:
    """Give the least number of samples with which a percentile means anything (p95: 20)."""
    return ceil(100 / (100 - percent))
