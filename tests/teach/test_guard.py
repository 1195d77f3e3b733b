"""Whose code is whose, and how values and errors are told."""

from __future__ import annotations

import os
import statistics
import sys

from netlab.teach import grading
from netlab.teach.guard import by_hand, guarded, is_learners, own_line, show, tell, unwritten


def caught(function: object, *arguments: object) -> BaseException:
    try:
        function(*arguments)  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def test_code_of_the_learner_is_what_nobody_installed() -> None:
    assert is_learners(__file__) and is_learners("/tmp/ipykernel_1/2.py") and is_learners("<ipython-input-3>")
    assert not is_learners(grading.__file__) and not is_learners(statistics.__file__) and not is_learners("<frozen os>")
    assert not is_learners(os.__file__)


def test_an_error_is_told_by_the_last_line_of_the_learner() -> None:
    def answer() -> float:
        return statistics.mean([])

    error = caught(answer)
    assert own_line(error) == "return statistics.mean([])"
    assert tell(error).splitlines()[0].startswith("Your function stopped with StatisticsError (mean requires")


def test_unwritten_means_raised_by_the_learner_and_not_by_a_library() -> None:
    def stub() -> None:
        raise NotImplementedError()

    assert unwritten(caught(stub))
    assert not unwritten(NotImplementedError("somewhere else"))
    assert not unwritten(caught(lambda: 1 / 0))


def test_an_exception_is_made_by_hand_when_the_learner_wrote_raise() -> None:
    def refuses() -> None:
        raise ValueError("too long")

    def asks_another() -> None:
        refuses()

    def turns() -> None:
        try:
            int("x")
        except ValueError as error:
            raise EOFError from error

    for function in (refuses, asks_another, turns):
        assert by_hand(caught(function)), function
    for function in (lambda: int("x"), lambda: [][0], lambda: b"".index(b"x"), lambda: statistics.mean([])):
        assert not by_hand(caught(function))

    def unpacks() -> None:
        _one, _two = b"three"

    with guarded():  # the watch changes how the interpreter runs the code, not what it was
        assert not by_hand(caught(unpacks)) and by_hand(caught(refuses))
    assert not by_hand(ValueError("never raised"))


def test_values_are_shown_on_one_short_line_without_addresses() -> None:
    assert show([1, 2]) == "[1, 2]"
    assert len(show("x" * 1000)) == 60 and "\n" not in show("a\nb" * 50)
    assert show(object()) == "<a object>" and show(lambda: 0) == "<a function>"


def test_the_guard_gives_back_what_it_took() -> None:
    tracer, out, err = sys.gettrace(), sys.stdout, sys.stderr
    with guarded() as printed:
        print("inside")
        assert sys.gettrace() is not tracer
    assert printed.getvalue() == "inside\n"
    assert (sys.gettrace(), sys.stdout, sys.stderr) == (tracer, out, err)
