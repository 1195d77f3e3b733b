"""A guess is stored once and never raises."""

from __future__ import annotations

import pytest

import netlab
from netlab.teach import predictions


@pytest.fixture(autouse=True)
def empty_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "_guesses", {})


def test_none_is_no_guess_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert netlab.predict("02.0", None) is None
    assert capsys.readouterr().out == "02.0: no guess yet. Put your guess in place of None and run the cell again.\n"
    assert netlab.teach.guess("02.0") is None


def test_the_first_guess_stays(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.predict("02.0", 12.0)
    netlab.predict("02.0", 40.0)
    netlab.predict("02.0", None)
    out = capsys.readouterr().out.splitlines()
    assert out == ["02.0: your guess is 12.0."] + ["02.0: your first guess, 12.0, stays."] * 2
    assert netlab.teach.guess("02.0") == 12.0


def test_running_the_cell_again_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.predict("02.0", 12.0)
    netlab.predict("02.0", 12.0)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


def test_anything_can_be_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError

        __hash__ = None  # type: ignore[assignment]

    for value in ("b", (1, 2), object(), Odd(), "x" * 1000):
        netlab.predict(str(id(value)), value)
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) < 120
