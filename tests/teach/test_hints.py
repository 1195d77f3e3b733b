"""Three levels, in order, counted, and shown by the check."""

from __future__ import annotations

import pytest

import netlab
from netlab.teach import hints, hints_used


@pytest.fixture(autouse=True)
def unused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "_used", {})


def test_three_levels_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(4):
        netlab.hint("01.4")
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Hint")]
    assert heads == [
        "Hint 1 of 3 for 01.4 (a nudge):",
        "Hint 2 of 3 for 01.4 (a pointer):",
        "Hint 3 of 3 for 01.4 (a worked step):",
        "Hint 3 of 3 for 01.4 (a worked step) again: there are no more:",
    ]


def test_use_is_recorded_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert hints_used("01.4") == 0
    netlab.hint("01.4")
    assert (hints_used("01.4"), hints_used("01.5")) == (1, 0)
    capsys.readouterr()
    netlab.check("01.4", None)
    assert "Hints used: 1 of 3." in capsys.readouterr().out


def test_an_unknown_exercise_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.hint("01.77")
    assert "This notebook has 01.1" in capsys.readouterr().out
