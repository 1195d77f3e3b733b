"""The tools that checkers are made of."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlab
from netlab.teach.checkers import NOTEBOOKS, exercises
from netlab.teach.exercise import Mistake, as_float, close, dice, hexadecimal, number, recognise, same

ALL = [id for notebook in NOTEBOOKS for id in exercises(notebook)]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)
KEYS = st.text(max_size=8)
ANYTHING = st.recursive(
    LEAVES | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(id=st.sampled_from(ALL), value=ANYTHING)
def test_whatever_an_answer_returns_a_check_gives_a_plain_float(id: str, value: object) -> None:
    score = netlab.check(id, lambda *arguments: value, points=2)
    assert type(score) is float and 0 <= score <= 2


@pytest.mark.parametrize("value", [3, 3.0, numpy.float64(3), numpy.int64(3), Fraction(3)])
def test_numbers_of_every_kind_are_numbers(value: object) -> None:
    assert number(value) == 3.0 and type(number(value)) is float
    assert same(value, 3) and not same(value, 4) and close(value, 3.0000001)


@pytest.mark.parametrize("value", [None, True, "3", b"3", math.nan, [3], {}, 3j])
def test_other_things_are_not(value: object) -> None:
    assert number(value) is None
    assert math.isnan(as_float(value)) and not same(value, 3)


def test_a_mistake_is_recognised_only_if_it_explains_every_answer() -> None:
    mistakes = [Mistake(lambda x: x + 1, "one too many"), Mistake(lambda x: 2 * x, "twice")]
    assert recognise(mistakes, [1, 2], [2, 3]) == "one too many"
    assert recognise(mistakes, [1, 2], [2, 4]) == "twice"
    assert recognise(mistakes, [1, 2], [2, 5]) == ""


def test_dice_repeat_by_their_words() -> None:
    assert dice("01.4", "a").random() == dice("01.4", "a").random() != dice("01.4", "b").random()
    # The same on every machine and in every process.
    assert dice("01.4", "").getrandbits(32) == 2989439706


def test_hexadecimal_shows_numbers_and_anything_else_as_it_is() -> None:
    assert hexadecimal(0x220D) == "0x220d" and hexadecimal("0x220d") == "'0x220d'" and hexadecimal(True) == "True"
