"""`netlab.check` keeps its contract whatever it is given: a plain float, stdout only, no exception, in time."""

from __future__ import annotations

import logging
import math
import sys
import time
import warnings

import pytest

import netlab
from netlab.errors import UsageError
from netlab.teach import grading, guard
from netlab.teach.checkers import NOTEBOOKS, exercises
from netlab.teach.exercise import Exercise, Verdict

ALL = [id for notebook in NOTEBOOKS for id in exercises(notebook)]


def right_checksum(data: bytes) -> int:
    total = sum(int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Hostile:
    """An object on which nearly everything raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no eq")

    __hash__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        raise RuntimeError("no float")

    def __len__(self) -> int:
        raise RuntimeError("no len")

    def __iter__(self):  # type: ignore[no-untyped-def]
        raise RuntimeError("no iter")


def raises(error: BaseException):  # type: ignore[no-untyped-def]
    def answer(*arguments: object) -> object:
        raise error

    return answer


def gives(value: object):  # type: ignore[no-untyped-def]
    def answer(*arguments: object) -> object:
        return value

    return answer


GARBAGE = {
    "None": None,
    "a number": 12,
    "a text": "b" * 10_000,
    "bytes": b"\x00\xff",
    "nan": math.nan,
    "a class": dict,
    "hostile": Hostile(),
    "a module": math,
    "a builtin": print,
    "gives None": gives(None),
    "gives a text": gives("0x220d"),
    "gives hostile": gives(Hostile()),
    "gives a tuple": gives((Hostile(), None)),
    "gives a dict": gives({"version": Hostile(), 5: 6, "ttl": "64", "checksum": math.inf}),
    "gives a huge number": gives(10**400),
    "gives infinity": gives(math.inf),
    "gives itself": lambda *arguments: GARBAGE,
    "raises": raises(ValueError("no")),
    "exits": raises(SystemExit(3)),
    "generator exit": raises(GeneratorExit()),
    "recursion": lambda *arguments: (f := lambda: f())(),
    "out of memory": raises(MemoryError()),
    "a generator": lambda *arguments: (yield 1),
    "too many parameters": lambda a, b, c, d, e: 0,
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("id", ALL)
def test_garbage_never_raises_and_never_reaches_stderr(
    id: str, garbage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.process_time()
    score = netlab.check(id, GARBAGE[garbage], points=4)
    assert time.process_time() - began < 1
    out, err = capsys.readouterr()
    assert type(score) is float and 0 <= score < 4
    assert err == ""
    assert out.startswith(id) and out.count("\n") < 20
    assert "Traceback" not in out and "netlab/teach" not in out and "0x7" not in out


def test_unknown_exercises_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for id in ("01.99", "77.1", "", 5, None, Hostile()):
        assert netlab.check(id, 1) == 0.0  # type: ignore[arg-type]
    out = capsys.readouterr().out
    assert "This notebook has 01.1, 01.2" in out and "two digits of the notebook" in out


def test_points_are_the_teachers_business() -> None:
    for points in (-1, math.nan, math.inf, "4"):
        with pytest.raises(UsageError):
            netlab.check("01.4", right_checksum, points=points)  # type: ignore[arg-type]
    assert netlab.check("01.4", right_checksum, points=0) == 0.0


def test_a_right_answer_gives_all_points_as_a_plain_float(capsys: pytest.CaptureFixture[str]) -> None:
    score = netlab.check("01.4", right_checksum, points=3)
    assert (type(score), score) == (float, 3.0)
    assert "Visible checks passed; grading uses other networks." in capsys.readouterr().out


def test_a_seed_means_unseen_buffers(capsys: pytest.CaptureFixture[str]) -> None:
    assert netlab.check("01.4", right_checksum, points=2, seed="autumn") == 2.0
    out = capsys.readouterr().out
    assert "unseen" in out and "Visible checks" not in out and "autumn" not in out

    seen = {}

    def remember(data: bytes) -> int:
        return seen.setdefault(data, right_checksum(data))

    netlab.check("01.4", remember)

    def memorised(data: bytes) -> int:
        return seen.get(data, 0)

    assert netlab.check("01.4", memorised) == 1.0
    assert netlab.check("01.4", memorised, seed="autumn") == 0.0


def test_not_written_yet(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(data: bytes) -> int:
        # YOUR CODE HERE
        raise NotImplementedError()

    assert netlab.check("01.4", answer, points=3) == 0.0
    assert capsys.readouterr().out == (
        "01.4 The Internet checksum: not written yet, 0 of 3 points.\n"
        'Replace the line "raise NotImplementedError()" by your own. For a hint: netlab.hint("01.4")\n'
    )


def test_an_error_is_told_with_the_learners_own_line(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(data: bytes) -> int:
        missing = data[len(data) + 3]
        return missing

    netlab.check("01.4", answer)
    out = capsys.readouterr().out
    assert "IndexError (index out of range) at this line:" in out
    assert "    missing = data[len(data) + 3]" in out


def test_an_error_of_netlab_called_by_the_learner_shows_the_learners_line(capsys: pytest.CaptureFixture[str]) -> None:
    def answer() -> object:
        return netlab.world("no such world at all")

    netlab.check("00.5", answer)
    assert 'netlab.world("no such world at all")' in capsys.readouterr().out


def test_prints_of_the_answer_are_kept_short(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(data: bytes) -> int:
        print("data has", len(data))
        return 0

    netlab.check("01.4", answer)
    out = capsys.readouterr().out
    assert "Your function printed:\n    data has 8\n" in out and "more lines" in out and out.count("data has") == 5


def test_warnings_logging_and_stderr_stay_inside(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(data: bytes) -> int:
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
        logging.getLogger("learner").error("bad")
        print("oops", file=sys.stderr)
        return right_checksum(data)

    assert netlab.check("01.4", answer) == 1.0
    assert capsys.readouterr().err == ""
    assert logging.root.manager.disable == logging.NOTSET


@pytest.mark.parametrize("kind", ["one line", "swallowing", "generator", "calling"])
def test_endless_loops_end(kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(grading, "guarded", lambda: guard.guarded(0.2))

    def one_line(data: bytes) -> int:
        while True:
            pass

    def swallowing(data: bytes) -> int:
        while True:
            try:
                len(data)
            except Exception:
                pass

    def generator(data: bytes) -> int:
        return sum(0 for _ in iter(int, 1))

    def calling(data: bytes) -> int:
        return calling_back(data)

    def calling_back(data: bytes) -> int:
        while data is not None:
            len(data)
        return 0

    before = sys.gettrace()
    answers = {"one line": one_line, "swallowing": swallowing, "generator": generator, "calling": calling}
    began = time.perf_counter()
    assert netlab.check("01.4", answers[kind]) == 0.0
    assert time.perf_counter() - began < 1
    assert "Does its loop ever end?" in capsys.readouterr().out
    assert sys.gettrace() is before


def test_the_deadline_is_far_below_that_of_nbgrader() -> None:
    assert 1 < guard.DEADLINE < 10


def test_an_interrupt_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        netlab.check("01.4", raises(KeyboardInterrupt()))


def test_partial_credit_is_a_share_of_the_points(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    third = Exercise("A third", lambda answer, seed: Verdict(1 / 3, "one of three"), ("a", "b", "c"))
    monkeypatch.setattr(grading, "find", lambda id: third)
    assert netlab.check("01.1", lambda: 1, points=4) == 1.33
    assert "partly right, 1.33 of 4 points" in capsys.readouterr().out


def test_long_text_is_wrapped_and_indentation_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = Exercise("Long", lambda answer, seed: Verdict(0, "word " * 60 + "\n  " + "inset " * 40), ("a", "b", "c"))
    monkeypatch.setattr(grading, "find", lambda id: long)
    netlab.check("01.1", 1)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("  inset") for line in lines) == 3


@pytest.mark.parametrize("id", ALL)
def test_every_exercise_has_a_title_and_three_different_hints(id: str) -> None:
    exercise = exercises(id[:2])[id]
    assert exercise.title and len(set(exercise.hints)) == 3 and all(exercise.hints)
