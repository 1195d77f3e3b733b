"""Numbers in words."""

from __future__ import annotations

from math import nan

import pytest

from netlab.plot import data as say
from tests.plot.sample import mixed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12.345, "12.3"),
        (0.4, "0.4"),
        (0.00123, "0.00123"),
        (1240.4, "1240"),
        (99.96, "100"),
        (nan, "unknown"),
    ],
)
def test_figures_have_no_exponent(value: float, text: str) -> None:
    assert say.figures(value) == text


def test_counts_follow_the_rules_of_the_table() -> None:
    count = say.counts(mixed())
    assert (count.sent, count.in_time, count.late, count.lost, count.pending) == (8, 5, 1, 1, 1)
    assert (count.decided, count.answered, len(count.delays)) == (7, 6, 6)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([7], "7"),
        ([3, 7], "3 and 7"),
        ([1, 2, 3], "1, 2 and 3"),
        (list(range(6)), "0, 1, 2, 3, 4 and 5"),
        (list(range(9)), "0, 1, 2, 3, 4 and 4 more"),
    ],
)
def test_lists_are_read_aloud(numbers: list[int], text: str) -> None:
    assert say.listed(numbers) == text
