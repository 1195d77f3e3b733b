"""Statistics of delays and losses: plain functions on plain lists, no pandas.

Every name here is a definition from an RFC or a textbook, and the docstring says which. Delays are in
whatever unit the caller uses (netlab: milliseconds). Where a number does not exist (too few samples), the
answer is ``nan`` and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil, exp, lgamma, log, log1p, nan, sqrt

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
    if successes > total or chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    first = exp(_log_comb(total, successes) + successes * log(chance) + (total - successes) * log1p(-chance))
    odds = chance / (1 - chance)
    return _sum_of_terms(first, ((total - k) / (k + 1) * odds for k in range(successes, total)))


def _log_comb(total: int, chosen: int) -> float:
    """The logarithm of a binomial coefficient, which itself may be too large for a float."""
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)


def _sum_of_terms(first: float, ratios: Iterable[float]) -> float:
    """Sum the terms of a tail from the first and their ratios, until nothing is added any more; at most 1."""
    term = total = first
    for ratio in ratios:
        term *= ratio
        total += term
        if ratio < 1 and term < total * 1e-17:
            break
    return min(1.0, total)


def samples_for_percentile(percent: float) -> int:
    """Give the least number of samples with which a percentile means anything (p95: 20)."""
    return ceil(100 / (100 - percent))


def binomial_low_tail(successes: int, total: int, chance: float) -> float:
    """Give P(X <= successes) for X ~ Binomial(total, chance): a one-sided test of "less than chance"."""
    return binomial_tail(total - successes, total, 1 - chance)


def fisher_greater(hits: int, total: int, other_hits: int, other_total: int) -> float:
    """Give Fisher's exact one-sided p-value for "the first share is greater than the second"; 1.0 without samples.

    Under the null hypothesis that both shares are equal, the hits are spread over the samples by chance alone; the
    p-value is the chance that the first group gets at least as many as it did (the hypergeometric tail).
    """
    everything, all_hits = total + other_total, hits + other_hits
    if total <= 0 or other_total <= 0 or all_hits == 0:
        return 1.0
    # fewer hits than the other group has no room for are impossible
    hits, most = max(hits, all_hits - other_total), min(total, all_hits)
    first = exp(
        _log_comb(all_hits, hits) + _log_comb(everything - all_hits, total - hits) - _log_comb(everything, total)
    )
    misses = everything - all_hits
    ratios = ((all_hits - k) * (total - k) / ((k + 1) * (misses - total + k + 1)) for k in range(hits, most))
    return _sum_of_terms(first, ratios)


def regular_gaps(gaps: Sequence[int]) -> float:
    """Give a p-value for "these gaps (1, 2, 3 …) are too regular to be chance", such as 10, 10, 11, 10.

    When each try succeeds with the same chance, the gaps from success to success are geometric. Counted is how many
    gaps have the two neighbouring lengths seen most; for the null hypothesis the success chance is taken that makes
    these two lengths as likely as can be, so the test errs on the safe side but for having chosen the lengths: the
    p-value is multiplied by how many there were to choose from. 1.0 for fewer than three gaps.
    """
    if len(gaps) < 3:
        return 1.0
    lengths = sorted(set(gaps))
    best = max(lengths, key=lambda length: gaps.count(length) + gaps.count(length + 1))
    fitting = gaps.count(best) + gaps.count(best + 1)
    return min(1.0, binomial_tail(fitting, len(gaps), _likeliest_pair(best)) * len(lengths))


def _likeliest_pair(length: int) -> float:
    """The largest chance, over all success chances a, that a geometric gap is ``length`` or one longer.

    That chance is a(1-a)^(k-1)·(2-a) with k the length: 1 for k = 1 (a = 1). For k > 1 its derivative vanishes at
    a = 1 - sqrt((k-1)/(k+1)).
    """
    if length == 1:
        return 1.0
    a = 1 - sqrt((length - 1) / (length + 1))
    return float(a * (1 - a) ** (length - 1) * (2 - a))
