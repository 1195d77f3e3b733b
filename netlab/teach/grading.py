"""`check`: looks at an answer, says what is wrong with it, gives the points.

nbgrader reads the last value that a test cell shows as its score, and trips over everything else: an
error or a word on stderr gives no points, ``None`` or a NumPy number gives all of them. So `check` returns a plain
``float`` whatever happens, and prints to stdout only.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from typing import Any

from netlab.errors import UsageError
from netlab.teach.checkers import find, unknown
from netlab.teach.exercise import Exercise, Verdict, Wrong
from netlab.teach.guard import DEADLINE, OutOfTime, guarded, own_line, show, tell, unwritten
from netlab.teach.hints import hints_used

WIDTH = 100
"""Characters in a line of text."""
PRINTED = 5
"""Lines of the learner's own prints that are repeated under a verdict."""


def check(id: str, answer: Any, points: float = 1, seed: str | None = None) -> float:
    """Check an answer and say what is wrong with it; gives the points reached.

    Parameters
    ----------
    id : str
        The number of the exercise, such as ``"01.4"``.
    answer : callable or Any
        Your function itself, without parentheses. Where an exercise asks for a result (a letter, a
        table), the result will do as well.
    points : float
        What a right answer is worth.
    seed : str, optional
        Names the networks on which the answer is tried. Without it: the ones that everybody sees. Teachers
        grade with a seed of their own, so that an answer has to be right and not just fit.

    Returns
    -------
    float
        0 to ``points``. Nothing that an answer does raises an exception here.

    Examples
    --------
    >>> import netlab
    >>> def internet_checksum(data):
    ...     raise NotImplementedError()
    >>> netlab.check("01.4", internet_checksum, points=3)
    01.4 The Internet checksum: not written yet, 0 of 3 points.
    Replace the line "raise NotImplementedError()" by your own. For a hint: netlab.hint("01.4")
    0.0
    """
    if not isinstance(points, int | float) or not 0 <= points < math.inf:
        raise UsageError("points", points, "must be a number, 0 or more")
    exercise = find(id)
    if exercise is None:
        print(unknown(id))
        return 0.0
    verdict, heading, printed = _judge(exercise, answer, seed or "")
    score = float(points) if verdict.share >= 1 else round(float(points) * max(verdict.share, 0.0), 2)
    passed = verdict.share >= 1
    print(f"{id} {exercise.title}: {heading}, {score:g} of {points:g} point{'s' if points != 1 else ''}.")
    for text in (verdict.message, verdict.evidence):
        if text:
            print(_wrapped(text))
    if printed and not passed:
        print("Your function printed:\n" + printed)
    if passed and exercise.unseen:
        print(
            "Visible checks passed; grading uses other networks."
            if seed is None
            else "That was tried on unseen networks and data."
        )
    if not passed:
        print(_about_hints(id, heading))
    return score


def _judge(exercise: Exercise, answer: Any, seed: str) -> tuple[Verdict, str, str]:
    """Run the checker; give its verdict, the two words for the heading and what the answer printed."""
    heading, printed = "not yet", ""
    try:
        with guarded() as output:
            try:
                verdict = exercise.examine(_prepared(exercise, answer), seed)
            finally:
                printed = _first_lines(output.getvalue())
        heading = "right" if verdict.share >= 1 else "partly right" if verdict.share > 0 else heading
    except Wrong as wrong:
        verdict = wrong.verdict
    except OutOfTime:
        verdict = Verdict(0.0, f"Your function was stopped after {DEADLINE:g} s. Does its loop ever end?")
    except (Exception, SystemExit, GeneratorExit) as error:
        if unwritten(error):
            heading, verdict = "not written yet", Verdict(0.0)
        elif own_line(error) is not None:
            verdict = Verdict(0.0, tell(error))
        else:
            verdict = Verdict(0.0, f"This check could not handle your answer, {show(answer)} ({type(error).__name__}).")
    return verdict, heading, printed


def _prepared(exercise: Exercise, answer: Any) -> Any:
    """Give what the checker wants: the function when it takes arguments, else what the function returns."""
    wanted = ", ".join(exercise.takes)
    if not callable(answer):
        if exercise.takes:
            raise Wrong(f"Give this check your function itself, without parentheses; it was given {show(answer)}.")
        return answer
    try:
        inspect.signature(answer).bind(*exercise.takes)
    except TypeError:
        raise Wrong(
            f"Your function must take {'no arguments' if not wanted else 'these arguments: ' + wanted}."
        ) from None
    except ValueError:  # a function written in C that does not say what it takes
        pass
    return answer if exercise.takes else answer()


def _wrapped(text: str) -> str:
    """Break long lines; a line that is set in keeps its place, and the words that follow it too."""
    lines = []
    for line in text.splitlines():
        inset = " " * (len(line) - len(line.lstrip()))
        lines += textwrap.wrap(line.strip(), WIDTH, initial_indent=inset, subsequent_indent=inset) or [""]
    return "\n".join(lines)


def _about_hints(id: str, heading: str) -> str:
    used = hints_used(id)
    count = f" Hints used: {used} of 3." if used else ""
    start = 'Replace the line "raise NotImplementedError()" by your own. ' if heading == "not written yet" else ""
    return f'{start}For a hint: netlab.hint("{id}").{count}' if used else f'{start}For a hint: netlab.hint("{id}")'


def _first_lines(text: str) -> str:
    lines = [f"    {line[:100]}" for line in text.splitlines()]
    more = [f"    … and {len(lines) - PRINTED} more lines"] if len(lines) > PRINTED else []
    return "\n".join(lines[:PRINTED] + more)
