"""What an exercise is: a title, three hints, and a checker that gives a verdict.

A checker is a function ``examine(answer, seed)``. The seed names the networks or packets that the answer is
tried on: the empty one those that every learner sees, any other word unseen ones. It returns a `Verdict` or raises
`Wrong`. How it names a mistake: it computes what each known `Mistake` would give and compares.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from netlab.teach.guard import show


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a checker says: the share of the points (0…1) and the text below the verdict line."""

    share: float
    message: str = ""
    evidence: str = ""
    """The packet or the row of a table that shows it."""


class Wrong(Exception):
    """A verdict of no points, raised from the depth of a checker."""

    def __init__(self, message: str, evidence: str = "") -> None:
        super().__init__(message)
        self.verdict = Verdict(0.0, message, evidence)


@dataclass(frozen=True, slots=True)
class Exercise:
    title: str
    examine: Callable[[Any, str], Verdict]
    hints: tuple[str, str, str]
    """A nudge, a pointer, a worked step."""
    takes: tuple[str, ...] = ()
    """The parameters of the learner's function. None at all: ``examine`` is given what the function returns."""
    unseen: bool = field(default=False)
    """True when another seed means other networks, so that passing here is not yet everything."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A way to be wrong: what it gives for an input, and how to tell the learner."""

    gives: Callable[..., Any]
    message: str


def recognise(mistakes: Sequence[Mistake], inputs: Sequence[Any], answers: Sequence[Any]) -> str:
    """Give the message of the first mistake that explains every one of ``answers``; ``""`` when none does."""
    for mistake in mistakes:
        if all(close(answer, mistake.gives(given)) for given, answer in zip(inputs, answers, strict=True)):
            return mistake.message
    return ""


def close(one: Any, other: Any) -> bool:
    """Equal; for floats, within a millionth."""
    if isinstance(one, float) or isinstance(other, float):
        first, second = number(one), number(other)
        return first is not None and second is not None and math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)


def number(value: Any) -> float | None:
    """Give a number of any kind (int, NumPy, Fraction) as a float; ``None`` for everything else, NaN included."""
    if isinstance(value, bool | str | bytes) or value is None:
        return None
    try:
        result = float(value)
    except Exception:  # a learner's object may do anything here
        return None
    return None if math.isnan(result) else result


def as_float(value: Any) -> float:
    """Give `number`, nan where there is none."""
    found = number(value)
    return math.nan if found is None else found


def same(value: Any, right: int) -> bool:
    """Whether a learner's value is this whole number, of whatever type."""
    return number(value) == right


def hexadecimal(value: Any) -> str:
    """Write a number of 16 bits as such, and anything else as it is."""
    return f"0x{value:04x}" if isinstance(value, int) and not isinstance(value, bool) else show(value)


def dice(id: str, seed: str) -> random.Random:
    """Give the random numbers of an exercise: the same for the same words on every machine."""
    return random.Random(f"netlab/{id}/{seed}")


def choice(id: str, title: str, right: str, because: dict[str, str], hints: tuple[str, str, str]) -> Exercise:
    """Make a question with lettered answers; ``right`` is `sealed`, ``because`` has a sentence for each letter."""

    def examine(answer: Any, seed: str) -> Verdict:
        letter = answer.strip().lower() if isinstance(answer, str) else answer
        if not isinstance(letter, str) or letter not in because:
            letters = ", ".join(because)
            raise Wrong(f"Your function returned {show(answer)}. Return one of the letters {letters}, in quotes.")
        return Verdict(float(sealed(id, letter) == right), because[letter])

    return Exercise(title, examine, hints)


def sealed(id: str, letter: str) -> str:
    """Hide the letter of a right choice from a casual look into this file."""
    return hashlib.sha256(f"netlab/{id}/{letter}".encode()).hexdigest()[:12]
