"""Statistics against their definitions, textbook values and brute force."""

from math import comb, isnan, nan
from random import Random
from statistics import pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import stats

delays = st.lists(st.floats(min_value=0, max_value=1e4, allow_nan=False), min_size=1, max_size=60)


def test_wilson_of_no_loss_in_ten_still_allows_28_percent():
    low, high = stats.wilson(0, 10)
    assert low == 0.0
    assert high == pytest.approx(0.2775, abs=1e-4)


def test_wilson_textbook_value():
    # Newcombe 1998, table I: 81 of 263, 95 %: 0.2553 to 0.3662
    assert stats.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_the_root_of_the_score_test(case):
    lost, total = case
    share = lost / total
    for limit in stats.wilson(lost, total):
        assert 0 <= limit <= 1
        # At the limits the score statistic |p - limit| equals z standard errors under that limit.
        assert abs(share - limit) == pytest.approx(stats.Z_95 * (limit * (1 - limit) / total) ** 0.5, abs=1e-9)


def test_nothing_is_nan_and_never_zero():
    assert all(isnan(value) for value in stats.wilson(0, 0))
    for function in (stats.mean, stats.mdev, stats.ewma, stats.jitter_rfc3550, stats.jitter_mean_abs, stats.ipdv_mean):
        assert isnan(function([]))
    assert isnan(stats.percentile([], 50))
    assert isnan(stats.pdv_percentile([]))
    assert isnan(stats.jitter_rfc3550([5.0])), "the first packet gives no jitter"


@given(delays, st.floats(0, 100))
def test_percentile_is_numpys(values, percent):
    import numpy

    assert stats.percentile(values, percent) == pytest.approx(
        float(numpy.percentile(values, percent)), rel=1e-9, abs=1e-9
    )


@given(delays)
def test_mdev_is_the_population_sigma(values):
    assert stats.mdev(values) == pytest.approx(pstdev(values), rel=1e-6, abs=1e-6)


def test_jitter_of_rfc3550_in_floating_point():
    # 10, 26, 26 ms: J = 16/16 = 1, then 1 - 1/16; the scaled integer form of the RFC's appendix would show 16 and 15.
    assert stats.jitter_rfc3550([10.0, 26.0]) == 1.0
    assert stats.jitter_rfc3550([10.0, 26.0, 26.0]) == 0.9375


def test_no_difference_is_taken_across_a_loss():
    assert stats.differences([10.0, None, 30.0, 31.0]) == [1.0]


def test_ewma_starts_at_the_first_value():
    assert stats.ewma([8.0]) == 8.0
    assert stats.ewma([8.0, 16.0]) == 9.0


def test_pdv_is_delay_minus_the_least():
    assert stats.pdv_percentile([10.0, 12.0, 20.0], 100) == 10.0


def test_longest_run():
    assert stats.longest_run([False, True, True, False, True]) == 2
    assert stats.longest_run([]) == 0


def test_reordering_extent_of_rfc4737_example():
    # The order of arrival of RFC 4737, section 7.1: 1 2 3 5 6 7 8 4 9 10, packet 4 is late by 4 positions
    assert stats.reordering_extent([1, 2, 3, 5, 6, 7, 8, 4, 9, 10]) == 4
    assert stats.reordering_extent([1, 2, 3]) == 0


@given(st.permutations(range(8)))
def test_reordering_extent_by_brute_force(order):
    extent = 0
    for position, number in enumerate(order):
        earlier = [i for i in range(position) if order[i] > number]
        if earlier:
            extent = max(extent, position - earlier[0])
    assert stats.reordering_extent(order) == extent


def test_most_in_flight():
    assert stats.most_in_flight([(0, 10), (5, 15), (10, 20)]) == 2, "an end comes before a start at the same instant"
    assert stats.most_in_flight([]) == 0


def test_gilbert_tells_bursts_from_independent_losses():
    to_bad, to_good = stats.gilbert([False, False, True, True, True, False, False, False])
    assert to_bad == pytest.approx(1 / 4)
    assert to_good == pytest.approx(1 / 3)
    assert isnan(stats.gilbert([False, False])[1])


def test_binomial_tail_against_scipy_free_sum():
    assert stats.binomial_tail(0, 10, 0.3) == 1.0
    assert stats.binomial_tail(10, 10, 0.5) == pytest.approx(2**-10)
    assert stats.binomial_tail(2, 3, 0.5) == pytest.approx(0.5)


def test_samples_for_percentile():
    assert stats.samples_for_percentile(95) == 20
    assert stats.samples_for_percentile(50) == 2
    assert not isnan(stats.percentile([1.0], 95)) and nan != nan


COUNTS = st.integers(1, 40).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(COUNTS, COUNTS)
def test_fisher_is_the_hypergeometric_tail(here, there):
    (hits, total), (others, other_total) = here, there
    everything, all_hits = total + other_total, hits + others
    ways = [comb(all_hits, k) * comb(everything - all_hits, total - k) for k in range(hits, min(total, all_hits) + 1)]
    assert stats.fisher_greater(hits, total, others, other_total) == pytest.approx(
        sum(ways) / comb(everything, total), rel=1e-9
    )


def test_fisher_of_the_lady_tasting_tea():
    # Fisher 1935: all 4 of 4 right, 1/70; 3 of 4 right, 17/70
    assert stats.fisher_greater(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert stats.fisher_greater(3, 4, 1, 4) == pytest.approx(17 / 70)


def test_fisher_without_samples_or_hits_proves_nothing():
    assert stats.fisher_greater(0, 0, 5, 10) == 1.0
    assert stats.fisher_greater(5, 10, 0, 0) == 1.0
    assert stats.fisher_greater(0, 10, 0, 10) == 1.0


def test_tails_of_long_measurements_do_not_overflow():
    assert stats.binomial_tail(50_100, 100_000, 0.5) == pytest.approx(0.2644, abs=1e-3)  # z = 0.63
    assert stats.fisher_greater(50_100, 100_000, 50_000, 100_000) == pytest.approx(0.3290, abs=1e-3)  # z = 0.44


@given(COUNTS, st.floats(0.01, 0.99))
def test_the_two_binomial_tails_overlap_in_one_value(case, chance):
    hits, total = case
    both = stats.binomial_tail(hits, total, chance) + stats.binomial_low_tail(hits, total, chance)
    here = comb(total, hits) * chance**hits * (1 - chance) ** (total - hits)
    assert both == pytest.approx(1 + here, rel=1e-9)


def test_binomial_tails_at_certainty():
    assert stats.binomial_tail(1, 10, 0.0) == 0.0
    assert stats.binomial_tail(0, 10, 0.0) == 1.0
    assert stats.binomial_tail(10, 10, 1.0) == 1.0
    assert stats.binomial_tail(11, 10, 0.5) == 0.0


def test_clockwork_is_told_from_chance():
    assert stats.regular_gaps([10, 10, 10, 11, 10]) < 1e-4
    assert stats.regular_gaps([2] * 20) < 1e-6
    assert stats.regular_gaps([1, 4, 2, 9, 1, 1, 3]) > 0.05
    assert stats.regular_gaps([5, 5]) == 1.0, "two gaps are no pattern"
    assert stats.regular_gaps([1] * 50) == 1.0, "every try succeeded: no gap at all"


def test_chance_looks_regular_as_rarely_as_the_p_value_says():
    chance = Random(3)
    found = 0
    for _ in range(2000):
        share, gaps, gap = 0.05 + 0.9 * chance.random(), [], 0
        while len(gaps) < 12:
            gap += 1
            if chance.random() < share:
                gaps.append(gap)
                gap = 0
        found += stats.regular_gaps(gaps) < 0.05
    assert found <= 0.05 * 2000
