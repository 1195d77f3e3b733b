"""Exercise 10.6: how long does the page take?

The answer is compared with the model of `netlab.teach.checkers.page` on pages made from the seed: near and far servers,
quick and slow ones, one connection and several, kept and not. Within 2 % is right.

Source: RFC 9112 section 9 (connection management), RFC 9293 section 3.5 (the handshake takes a round trip).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from netlab.teach.checkers.page import page_ms
from netlab.teach.exercise import Mistake, Verdict, Wrong, as_float, dice, number, recognise
from netlab.teach.guard import show

TOLERANCE = 0.02


class Case(NamedTuple):
    objects: int
    rtt_ms: float
    service_ms: float
    most: int
    keep_alive: bool


@lru_cache(maxsize=8)
def _cases(seed: str) -> tuple[Case, ...]:
    """Kept and not, over one connection and over several; few objects and many; one page without any.

    Last come pages with one object more than full turns: only there it matters that the page's own connection begins
    a round trip before the others, since it alone carries the last object. The turns are few, so that it matters much.
    """
    random = dice("10.6", seed)
    cases = []
    for most, objects in ((1, 4), (1, 9), (2, 7), (3, 11), (6, 4), (6, 20)):
        rtt, service = 4.0 * (1 + random.getrandbits(5)), 0.5 * (3 + random.getrandbits(5))
        for keep_alive in (True, False):
            cases.append(Case(objects + random.getrandbits(1), rtt, service, most, keep_alive))
    bare = cases[0]._replace(objects=0)
    for most in (2, 4):
        rtt, service = 4.0 * (1 + random.getrandbits(5)), 0.5 * (3 + random.getrandbits(5))
        cases.append(Case(most * (1 + random.getrandbits(1)) + 1, rtt, service, most, True))
    return (*cases, bare)


def right(case: Case) -> float:
    return page_ms(*case)


def _turns(case: Case, each: float) -> float:
    """As many turns as the fullest connection has objects."""
    return ceil(case.objects / case.most) * each


def _even(case: Case, fewest: int = 2) -> float:
    """All connections in step: with ``fewest`` allowed or more, the page's own waits until the others are open."""
    start = case.rtt_ms if case.keep_alive and case.objects and case.most >= fewest else 0.0
    return _page(case) + start + _turns(case, _each(case))


def _page(case: Case) -> float:
    return 2 * case.rtt_ms + case.service_ms


def _each(case: Case) -> float:
    return (1 if case.keep_alive else 2) * case.rtt_ms + case.service_ms


_MISTAKES = [
    Mistake(
        lambda case: right(case) - case.rtt_ms,
        "A round trip is missing, always the same one: the page's own connection must be opened, too.",
    ),
    Mistake(
        lambda case: right(case) - _page(case),
        "You leave out the page itself. It comes first, and before it is there nobody knows of its objects.",
    ),
    Mistake(
        lambda case: max(_page(case), right(case) - _page(case)),
        "You get the page and its objects at the same time. Before the page is there, nobody knows of its objects.",
    ),
    Mistake(
        lambda case: right(case._replace(keep_alive=True)),
        "Without keep-alive you forget to connect: each object needs a new connection, which is one more round trip.",
    ),
    Mistake(
        lambda case: right(case._replace(keep_alive=False)),
        "With keep-alive you connect for each object. A connection that is kept is there already.",
    ),
    Mistake(
        lambda case: right(case._replace(keep_alive=not case.keep_alive)),
        "It is the other way round: keep_alive=True means that connections are used again.",
    ),
    Mistake(
        lambda case: right(case._replace(most=1)),
        "You get one object after the other. At most `most` connections work at the same time.",
    ),
    Mistake(
        lambda case: right(case._replace(most=max(1, case.objects))),
        "You get all objects at the same time. Only `most` connections work at once; the rest waits for a free one.",
    ),
    Mistake(
        lambda case: right(case._replace(service_ms=0.0)),
        "The server's own time is missing: service_ms for the page and for each object.",
    ),
    Mistake(
        lambda case: right(case._replace(service_ms=0.0)) + case.service_ms,
        "You count the server's time once. It takes it for every object.",
    ),
    Mistake(
        lambda case: _page(case) + case.objects / case.most * _each(case),
        "You divide the objects by the connections, and get a fraction. A connection carries whole objects: with 7 "
        "objects and 2 connections one of them has 4.",
    ),
    Mistake(
        lambda case: _page(case) + _turns(case, _each(case)),
        "With keep-alive and several connections: the page's own is open already, but the others must be opened first. "
        "They begin one round trip later.",
    ),
    Mistake(
        _even,
        "With keep-alive: the page's own connection is open already and need not wait for the others. It begins with "
        "the first object at once.",
    ),
    Mistake(
        lambda case: _even(case, fewest=1),
        "With keep-alive you open a connection after the page, even when `most` is 1. The page's own is open already: "
        "it begins with the first object at once.",
    ),
    Mistake(
        lambda case: right(case._replace(rtt_ms=case.rtt_ms / 2)),
        "You count half a round trip for each. A request goes there and its answer comes back: that is a whole one.",
    ),
    Mistake(lambda case: right(case) / 1000, "The time is right, but in seconds. Return ms."),
    Mistake(
        lambda case: (case.objects + 1) * _each(case),
        "You get one object after the other, and the page like one of them.",
    ),
]


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    cases = _cases(seed)
    given = [answer(*case) for case in cases]
    for value in given:
        if number(value) is None:
            raise Wrong(f"Your function returned {show(value)}. Return a number of ms.")
    answers = [as_float(value) for value in given]
    fits = [abs(value / right(case) - 1) <= TOLERANCE for value, case in zip(answers, cases, strict=True)]
    if all(fits):
        return Verdict(1.0, f"All {len(cases)} pages within 2 %.", _table(cases, answers, fits, 3))
    # A fall-through that fits by chance is no credit: half of the points for most of the pages.
    share = 0.5 if 3 * sum(fits) >= 2 * len(fits) else 0.0
    message = recognise(_MISTAKES, cases, answers) or f"{sum(fits)} of {len(cases)} pages are within 2 %."
    return Verdict(share, message, _table(cases, answers, fits, 3))


def _table(cases: tuple[Case, ...], answers: list[float], fits: list[bool], most: int) -> str:
    """The cases that fail, or the first ones when all are right."""
    shown = [index for index, fit in enumerate(fits) if not fit] or range(len(cases))
    rows = []
    for index in list(shown)[:most]:
        case, answer = cases[index], answers[index]
        rows.append(
            f"  {case.objects} objects, round trip {case.rtt_ms:g} ms, server {case.service_ms:g} ms, "
            f"most={case.most}, keep_alive={case.keep_alive}: {right(case):g} ms, you gave {answer:.6g}"
        )
    return "\n".join(rows)
