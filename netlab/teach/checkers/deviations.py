"""Naming what is wrong with a function that has many small parts: exchange one or two of them for the usual wrong ones.

A checker has a right function made of parts, and for every part the usual ways to get it wrong. If one wrong part, or
two, give the very outcomes that the learner's function had on all cases, these are what the learner has done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from netlab.teach.checkers.building import unwatched

Outcome = tuple[Any, ...]
Kind = tuple[str, str, str]
"""What a function does, how it is done wrongly, and what to say then."""


def explain(
    kinds: Sequence[Kind],
    variant: Callable[[dict[str, str]], Callable[..., Any]],
    run: Callable[[Callable[..., Any]], Iterable[Outcome]],
    found: Sequence[Outcome],
) -> list[str]:
    """Give the messages of the one mistake, or the two, that explain ``found``; none: an empty list.

    ``variant`` makes the function with these wrong parts, ``run`` tries a function on the cases, one after the other.
    """
    with unwatched():
        for made in _choices(kinds):
            outcomes = iter(run(variant({what: how for what, how, _ in made})))
            if all(next(outcomes) == outcome for outcome in found):
                return [message for *_, message in made]
    return []


def _choices(kinds: Sequence[Kind]) -> Iterator[tuple[Kind, ...]]:
    for kind in kinds:
        yield (kind,)
    for place, one in enumerate(kinds):
        for two in kinds[place + 1 :]:
            if one[0] != two[0]:
                yield one, two
