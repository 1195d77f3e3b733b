"""Exercise 06.4: what of a hop's loss carries through.

A packet to a later hop passes all earlier ones, so nothing that is lost on the way can be missing in what later hops
lose. The loss that carries through a hop is therefore at most the smallest one of this and all later hops. Tried on
losses as they are measured: a true staircase, hops that answer only now and then, hops that never answer.

Source: RFC 2680 (loss), RFC 1812 section 4.3.2.8 (routers limit how often they answer).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import Any

from netlab.teach.exercise import Mistake, Verdict, Wrong, close, dice, number, recognise
from netlab.teach.guard import show

PATHS = 6
SENT = 50
"""Probes per hop: losses are multiples of 2 %."""


def carried(losses: Sequence[float]) -> list[float]:
    """The right way."""
    return [min(losses[hop:]) for hop in range(len(losses))]


@lru_cache(maxsize=8)
def _paths(seed: str) -> tuple[list[float], ...]:
    """The losses that each function is tried on; on every path each known mistake gives something else."""
    found = []
    for path in range(PATHS):
        random = dice("06.4", f"{seed}/{path}")
        losses = _path(random, path)
        while any(_same(mistake.gives(losses), carried(losses)) for mistake in _MISTAKES if path):
            losses = _path(random, path)
        found.append(losses)
    return tuple(found)


def _path(random: Random, number: int) -> list[float]:
    hops = 6 + random.getrandbits(2)
    if number == 0:  # the simplest: one hop that limits its answers, and nothing is lost
        return [0.0] * 3 + [random.randrange(20, 40) / SENT] + [0.0] * (hops - 4)
    begins, truly = random.randrange(1, hops - 2), random.randrange(2, 8)
    losses = []
    for hop in range(hops):
        lost = max(0, truly + random.randrange(-2, 3)) if hop >= begins else 0
        if hop < hops - 1 and not random.getrandbits(2):
            lost = random.randrange(15, SENT) if random.getrandbits(1) else SENT  # answers seldom, or never
        losses.append(lost / SENT)
    return losses


def _from_left(losses: Sequence[float], choose: Callable[[Sequence[float]], float]) -> list[float]:
    return [choose(losses[: hop + 1]) for hop in range(len(losses))]


_MISTAKES = [
    Mistake(lambda losses: list(losses), "You give the losses as they were measured. Compare with all later hops."),
    Mistake(
        lambda losses: _from_left(losses, max),
        "You let a loss once seen go on to the end. It is the other way round: later hops show what earlier ones lost.",
    ),
    Mistake(
        lambda losses: _from_left(losses, min),
        "You take the smallest of this and all *earlier* hops. Packets to a later hop pass this one: look forward.",
    ),
    Mistake(
        lambda losses: [min(losses[hop : hop + 2]) for hop in range(len(losses))],
        "You look at the next hop only. It may limit its answers, too: look at all later ones.",
    ),
    Mistake(
        lambda losses: [min(losses)] * len(losses),
        "You give every hop the smallest loss of all. Hops *before* a loss do not have it, and say nothing about it.",
    ),
    Mistake(
        lambda losses: [losses[-1]] * len(losses),
        "You give every hop the loss of the destination. Before the place where it begins, less may be lost.",
    ),
    Mistake(
        lambda losses: [min(loss, losses[-1]) for loss in losses],
        "You compare with the destination only. A hop in between that loses less is as good a witness.",
    ),
    Mistake(
        lambda losses: [min(losses[hop + 1 :], default=losses[-1]) for hop in range(len(losses))],
        "You leave the hop itself out. What it lost itself is the most that can have been lost up to there.",
    ),
    Mistake(
        lambda losses: [max(losses[hop:]) for hop in range(len(losses))],
        "You take the largest of the later hops. One hop that answers everything proves that nothing is lost before.",
    ),
    Mistake(
        lambda losses: [100 * share for share in carried(losses)],
        "The numbers are right, but in percent. Return shares from 0 to 1.",
    ),
    Mistake(
        lambda losses: carried(losses)[::-1],
        "The numbers are right, but in the wrong order: hop 1 comes first.",
    ),
]  # fmt: skip


def examine(answer: Callable[[Any], Any], seed: str) -> Verdict:
    paths = _paths(seed)
    answers = [answer(list(losses)) for losses in paths]
    for losses, given in zip(paths, answers, strict=True):
        if isinstance(given, str | bytes) or not hasattr(given, "__len__") or not hasattr(given, "__iter__"):
            raise Wrong(f"Your function returned {show(given)}. Return a list with a number for each hop.")
        if len(given) != len(losses):
            raise Wrong(f"For {len(losses)} hops your function returned {len(given)} numbers. Return one for each hop.")
    lists = [[_number(share) for share in given] for given in answers]
    right = [_same(given, carried(losses)) for given, losses in zip(lists, paths, strict=True)]
    if all(right):
        return Verdict(1.0, "What is lost on the way shows at all later hops; nothing else of it counts.")
    message = recognise([_listed(mistake) for mistake in _MISTAKES], paths, [_All(given) for given in lists])
    place = right.index(False)
    return Verdict(sum(right) / PATHS * 0.5, message or "Not right yet.", _evidence(paths[place], lists[place]))


def _number(share: Any) -> float:
    found = number(share)
    if found is None:
        raise Wrong(f"There is {show(share)} in your list. Return a list with a number for each hop.")
    return found


class _All(list[float]):
    """A list that `close` compares number by number."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and _same(self, other)

    __hash__ = None


def _listed(mistake: Mistake) -> Mistake:
    return Mistake(lambda losses: _All(mistake.gives(losses)), mistake.message)


def _same(given: Sequence[float], wanted: Sequence[float]) -> bool:
    return len(given) == len(wanted) and all(close(float(a), float(b)) for a, b in zip(given, wanted, strict=True))


def _evidence(losses: list[float], given: list[float]) -> str:
    wanted = carried(losses)
    hop = next(i for i, (one, other) in enumerate(zip(given, wanted, strict=True)) if not _same([one], [other]))
    witness = max(i for i in range(hop, len(losses)) if losses[i] == wanted[hop])
    told = f"Losses {', '.join(f'{loss:.2f}' for loss in losses)}:"
    if witness == hop:
        return f"{told} all hops behind hop {hop + 1} lose at least {wanted[hop]:.2f} too; you gave {show(given[hop])}."
    return (
        f"{told} hop {witness + 1} loses only {wanted[hop]:.2f}, and its packets pass hop {hop + 1}; "
        f"you gave {show(given[hop])} for hop {hop + 1}."
    )
