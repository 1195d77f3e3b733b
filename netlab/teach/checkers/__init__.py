"""The checkers, one file per notebook: ``EXERCISES`` maps the number of an exercise to it."""

from __future__ import annotations

import importlib

from netlab.teach.exercise import Exercise
from netlab.teach.guard import show

NOTEBOOKS = {
    "00": "welcome",
    "01": "echo",
    "02": "measurement",
    "03": "delay",
    "04": "silence",
    "05": "way",
    "06": "reading",
    "07": "balancers",
    "08": "stream",
    "09": "server",
    "10": "keepalive",
    "11": "busy",
    "12": "proxy",
    "13": "capstone",
}
"""Which file has the exercises of which notebook; each is loaded when it is first asked for."""


def find(id: object) -> Exercise | None:
    """Give the exercise with this number, ``None`` when there is none."""
    return exercises(id[:2]).get(id) if isinstance(id, str) else None


def exercises(notebook: str) -> dict[str, Exercise]:
    """Give all exercises of a notebook (``"01"``) by their numbers."""
    if notebook not in NOTEBOOKS:
        return {}
    found: dict[str, Exercise] = importlib.import_module(f"{__name__}.{NOTEBOOKS[notebook]}").EXERCISES
    return found


def unknown(id: object) -> str:
    """Say which numbers exist, for somebody who mistyped one."""
    known = list(exercises(id[:2])) if isinstance(id, str) else []
    if known:
        return f"There is no exercise {show(id)}. This notebook has {', '.join(known)}."
    example = 'such as "00.1": two digits of the notebook, a dot, a number.'
    return f"There is no exercise {show(id)}. Exercises have numbers {example}"
