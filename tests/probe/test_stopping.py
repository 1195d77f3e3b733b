"""The stopping rule of MDA against the published tables, and against itself."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError
from netlab.probe.stopping import checked, flows_needed, miss, rule, success, union_bound

FIVE, ONE = Fraction(5, 100), Fraction(1, 100)

# Augustin et al. 2007; scamper has the same numbers.
TABLE = {
    FIVE: [6, 11, 16, 21, 27, 33, 38, 44, 51, 57, 63, 70, 76, 83, 90, 96],
    ONE: [8, 15, 21, 28, 36, 43, 51, 58, 66, 74, 82, 90, 98, 106, 115, 123],
}
FURTHER = {18: 103, 19: 110, 20: 117, 25: 152, 32: 203, 64: 453, 99: 746}
SUCCESS = {2: 0.96875, 3: 0.96229, 4: 0.95761, 5: 0.95240, 8: 0.94989, 16: 0.95246, 25: 0.95035}


@pytest.mark.parametrize("error", [FIVE, ONE], ids=["95 %", "99 %"])
def test_the_published_table(error):
    assert [flows_needed(hops, error) for hops in range(2, 18)] == TABLE[error]


@pytest.mark.parametrize(("hops", "flows"), FURTHER.items())
def test_further_published_values(hops, flows):
    assert flows_needed(hops, FIVE) == flows


@given(st.integers(2, 12), st.sampled_from([FIVE, ONE, Fraction(1, 1000), Fraction(1, 2)]))
def test_it_is_the_least_number(hops, error):
    flows = flows_needed(hops, error)
    assert miss(hops, flows) <= error
    assert flows == hops or miss(hops, flows - 1) > error


@given(st.integers(1, 4), st.integers(0, 6))
def test_the_chance_of_missing_one_by_counting_all_outcomes(hops, flows):
    outcomes = list(product(range(hops), repeat=flows))
    assert miss(hops, flows) == Fraction(sum(len(set(each)) < hops for each in outcomes), len(outcomes))


def test_the_union_bound_is_never_smaller_and_at_most_three_larger():
    differences = {hops: union_bound(hops, FIVE) - flows_needed(hops, FIVE) for hops in range(2, 100)}
    assert min(differences.values()) == 0 and max(differences.values()) <= 3
    assert [hops for hops in range(2, 18) if differences[hops] == 1] == [8, 9, 14, 17]
    assert [union_bound(hops, FIVE) for hops in (8, 9, 14, 17)] == [39, 45, 77, 97]


@pytest.mark.parametrize(("hops", "chance"), SUCCESS.items())
def test_the_chance_that_the_whole_loop_succeeds(hops, chance):
    assert float(success(hops, rule(0.95))) == pytest.approx(chance, abs=5e-6)


def test_the_chance_on_two_next_hops_is_exact():
    assert success(2, rule(0.95)) == 1 - Fraction(2, 2**6)
    assert success(1, rule(0.95)) == 1


def test_success_by_counting_all_outcomes():
    stop = {1: 3, 2: 5}.__getitem__

    def loop(choices):
        for sent in range(1, len(choices) + 1):
            found = len(set(choices[:sent]))
            if found == 3:
                return True
            if sent >= stop(found):
                return False
        return False

    outcomes = list(product(range(3), repeat=5))
    assert success(3, stop) == Fraction(sum(map(loop, outcomes)), len(outcomes))


def test_a_confidence_is_taken_at_its_word():
    assert [rule(0.95)(found) for found in range(1, 17)] == TABLE[FIVE]
    assert [rule(0.99)(found) for found in range(1, 17)] == TABLE[ONE]


def test_dividing_the_error_over_a_path_costs_flows():
    assert [rule(0.95, 16)(found) for found in (1, 2)] == [
        flows_needed(2, Fraction(5, 1600)),
        flows_needed(3, Fraction(5, 1600)),
    ]


def test_an_own_rule_is_asked_once_for_each_number():
    calls = []
    stop = checked(lambda found: calls.append(found) or 6)
    assert [stop(1), stop(1), stop(40), stop(40)] == [6] * 4
    assert calls == [*range(1, 33), 40]


@pytest.mark.parametrize("wrong", [None, "6", 6.5, True, -1, 10**6])
def test_an_own_rule_that_gives_nonsense_is_told_so(wrong):
    with pytest.raises(UsageError, match=r"stop\(1\) gave"):
        checked(lambda found: wrong)


def test_a_rule_that_is_no_function_is_told_so():
    with pytest.raises(UsageError, match="give a function"):
        checked(6)
