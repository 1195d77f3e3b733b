"""Guesses, stored before the measurement: a guess that can be changed afterwards is not a guess.

The store lives as long as the kernel. Guesses are never graded; notebooks draw them beside what was measured.
"""

from __future__ import annotations

from typing import Any

from netlab.teach.guard import show

_guesses: dict[str, Any] = {}


def predict(id: str, value: Any) -> None:
    """Store a guess before the run; the first one stays.

    Parameters
    ----------
    id : str
        The number of the question, such as ``"02.1"``.
    value : Any
        The guess. ``None`` means that there is none yet: a line says so, and nothing is stored.

    Examples
    --------
    >>> import netlab
    >>> netlab.predict("example", None)
    example: no guess yet. Put your guess in place of None and run the cell again.
    >>> netlab.predict("example", 12.0)
    example: your guess is 12.0.
    >>> netlab.predict("example", 13.0)
    example: your first guess, 12.0, stays.
    """
    if value is None and id not in _guesses:
        print(f"{id}: no guess yet. Put your guess in place of None and run the cell again.")
    elif id not in _guesses:
        _guesses[id] = value
        print(f"{id}: your guess is {show(value)}.")
    elif _same(_guesses[id], value):
        print(f"{id}: your guess is {show(value)}.")
    else:
        print(f"{id}: your first guess, {show(_guesses[id])}, stays.")


def guess(id: str) -> Any:
    """Give the stored guess back, ``None`` when there is none.

    Examples
    --------
    >>> import netlab
    >>> netlab.teach.guess("never asked") is None
    True
    """
    return _guesses.get(id)


def _same(first: Any, second: Any) -> bool:
    return show(first) == show(second)
