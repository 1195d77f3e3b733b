"""Random streams by name, and distributions without floating point."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.randomness import UNIT, _logarithm, _quantile, exponential, jitter, stream


def test_streams_are_fixed_for_all_time() -> None:
    """These numbers may never change: every published result with a seed depends on them."""
    assert [stream(1, "link", "a-b", "forward", "loss").getrandbits(32) for _ in range(2)] == [4089170823] * 2
    assert stream(1, "a", "b").random() != stream(1, "ab").random() != stream(2, "ab").random()


@given(numerator=st.integers(1, 10**6), denominator=st.integers(1, 10**6))
def test_logarithm(numerator: int, denominator: int) -> None:
    numerator, denominator = max(numerator, denominator), min(numerator, denominator)
    assert abs(_logarithm(numerator, denominator) / UNIT - math.log(numerator / denominator)) < 1e-8


def test_quantiles_are_those_of_the_exponential_distribution() -> None:
    for share in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98):
        assert abs(_quantile(int(share * UNIT)) / UNIT + math.log(1 - share)) < 2e-3
    assert _quantile(0) == 0


def test_exponential_has_its_mean() -> None:
    random = stream(1, "test")
    values = [exponential(random, 1_000_000) for _ in range(100_000)]
    assert abs(sum(values) / len(values) - 1_000_000) < 3 * 1_000_000 / math.sqrt(len(values))
    assert abs(sum(value > 1_000_000 for value in values) / len(values) - math.exp(-1)) < 0.005


def test_jitter_is_between_nothing_and_its_most_and_mostly_small() -> None:
    random = stream(1, "test")
    values = [jitter(random, 1000) for _ in range(20_000)]
    assert 0 <= min(values) < 5 and 950 < max(values) <= 1000
    assert abs(sum(values) / len(values) - 231) < 5
    assert sum(value == 1000 for value in values) < 40  # cut off, not piled up
