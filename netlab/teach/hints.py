"""Hints: a nudge, then a pointer, then a worked step; only when asked for, and counted."""

from __future__ import annotations

from netlab.teach.checkers import find, unknown

LEVELS = ("a nudge", "a pointer", "a worked step")

_used: dict[str, int] = {}


def hint(id: str) -> None:
    """Print the next of three hints for an exercise; every call is one step more.

    Parameters
    ----------
    id : str
        The number of the exercise, such as ``"01.4"``. How many hints were used is shown by `check`.

    Examples
    --------
    >>> import netlab
    >>> netlab.hint("99.9")
    There is no exercise '99.9'. Exercises have numbers such as "00.1": two digits of the notebook, a dot, a number.
    """
    exercise = find(id)
    if exercise is None:
        print(unknown(id))
        return
    level = min(_used.get(id, 0), len(LEVELS) - 1)
    again = " again: there are no more" if _used.get(id, 0) >= len(LEVELS) else ""
    _used[id] = level + 1
    print(f"Hint {level + 1} of {len(LEVELS)} for {id} ({LEVELS[level]}){again}:")
    print(exercise.hints[level])


def hints_used(id: str) -> int:
    """How many of the three hints this learner has asked for since the kernel started."""
    return _used.get(id, 0)
