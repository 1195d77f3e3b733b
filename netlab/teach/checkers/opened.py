"""Exercise 10.5: how many connections does a browser open for this page?

The pages are written from the seed. Each has images, scripts and a style sheet of its own server, and traps: links to
follow, objects of another server, an image that comes twice, a script that is written into the page.

Source: RFC 9112 section 9.4 (how many connections), HTML (living standard): which elements bring objects with them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

from netlab.teach.checkers.page import Found, addresses, connections
from netlab.teach.exercise import Mistake, Verdict, Wrong, dice, number, recognise
from netlab.teach.guard import show

PAGES = 3


class Case(NamedTuple):
    html: str
    most: int
    keep_alive: bool

    @property
    def found(self) -> list[Found]:
        return addresses(self.html)

    @property
    def objects(self) -> int:
        return sum(not found.reason for found in self.found)


def right(case: Case) -> int:
    return connections(case.objects, case.most, case.keep_alive)


@lru_cache(maxsize=8)
def _cases(seed: str) -> tuple[Case, ...]:
    """Each page with keep-alive and without; over few connections and over more than it has objects."""
    cases = []
    for page in range(PAGES):
        random = dice("10.5", f"{seed}/{page}")
        html = _page(random, 5 + page)
        few = 2 + random.getrandbits(1)
        cases += [Case(html, few, True), Case(html, few, False), Case(html, 12 + page, True)]
    return (*cases, Case(_bare(), 6, True), Case(_bare(), 6, False))


def _page(random: Random, images: int) -> str:
    numbers = random.sample(range(10, 99), images)
    lines = [f'<img src="/photos/{number}.jpg" alt="">' for number in numbers]
    lines += [f'<a href="/photos/{number}.html">more</a>' for number in numbers[: 3 + random.getrandbits(1)]]
    for side in ("left", "right"):
        lines += [f'<img src="http://adverts.example/{random.getrandbits(8)}-{side}.gif" alt="">']
    lines += [f'<img src="/photos/{numbers[0]}.jpg" alt="">']
    if random.getrandbits(1):
        lines += ['<script src="/menu.js"></script>']
    random.shuffle(lines)
    return "\n".join(
        [
            '<html><head><link rel="stylesheet" href="/style.css">',
            '<script src="/start.js"></script>',
            f"<script>let visits = {random.getrandbits(6)};</script></head><body>",
            *lines,
            "</body></html>",
        ]
    )


def _bare() -> str:
    """A page without any object."""
    return '<html><body>Nothing but text, and <a href="/next.html">a link</a>.</body></html>'


def _with(objects: Callable[[Case], int]) -> Callable[[Case], int]:
    """The right rule with a wrong number of objects."""
    return lambda case: connections(objects(case), case.most, case.keep_alive)


def _reasons(*kept: str) -> Callable[[Case], int]:
    """Count what was left out for these reasons, too."""
    return lambda case: sum(not found.reason or found.reason in kept for found in case.found)


_LINK, _STRANGER, _TWICE = "a link to follow, not a part of the page", "on another server", "already asked for"

_MISTAKES = [
    Mistake(
        _with(_reasons(_LINK)),
        "You count the links to follow (<a href=…>) as well. A browser gets those only when somebody clicks.",
    ),
    Mistake(
        _with(_reasons(_STRANGER)),
        "You count the objects of another server as well. They need connections, but to that server, not to this one.",
    ),
    Mistake(
        _with(_reasons(_TWICE)),
        "You count an image twice that comes twice in the page. The browser has it already: it asks once.",
    ),
    Mistake(
        _with(_reasons(_LINK, _STRANGER, _TWICE)),
        "You count every src and href. A link is not got before somebody clicks, an object of another server needs no "
        "connection to this one, and what comes twice is asked for once.",
    ),
    Mistake(
        _with(lambda case: sum(not found.reason and found.tag == "img" for found in case.found)),
        "You count the images only. Scripts (src) and style sheets (link rel=stylesheet) are objects as well.",
    ),
    Mistake(
        _with(lambda case: sum(not found.reason and found.tag != "link" for found in case.found)),
        "You leave out the style sheet: its address is in href, and the tag is link.",
    ),
    Mistake(
        lambda case: 1 + case.objects,
        "You open a connection for every object, also when connections are kept. A kept one is used again and again.",
    ),
    Mistake(
        lambda case: 1 if case.keep_alive else 1 + case.objects,
        "With keep-alive you open a single one. But a browser does not wait for one connection when it may open more: "
        "at most `most` work at once.",
    ),
    Mistake(
        lambda case: min(case.objects + 1, case.most) if case.keep_alive else 1 + case.objects,
        "The page's own connection is free again when its objects are asked for. It takes one of them: with keep-alive "
        "n objects need no more than n connections, not n + 1.",
    ),
    Mistake(
        lambda case: 1 + min(case.objects, case.most) if case.keep_alive else 1 + case.objects,
        "With keep-alive you open one too many: the page's own connection is used for objects, too.",
    ),
    Mistake(
        lambda case: case.most if case.keep_alive else 1 + case.objects,
        "You open all the connections that are allowed, even when there are fewer objects. Nobody needs the rest.",
    ),
    Mistake(
        lambda case: min(case.objects, case.most) if case.keep_alive else 1 + case.objects,
        "Right for pages with objects. A page without any still needs a connection: its own.",
    ),
    Mistake(
        lambda case: max(1, min(case.objects, case.most)),
        "`most` says how many connections there are at the same time. Without keep-alive each of them carries one "
        "object and is closed; the next object needs a new one.",
    ),
    Mistake(
        lambda case: min(case.objects, case.most) if case.keep_alive else case.objects,
        "You forget the page itself, which needs a connection, too. Without keep-alive that is one more: 1 + n. With "
        "keep-alive its objects use it again, but when there are none, it is still one.",
    ),
    Mistake(
        lambda case: max(1, min(case.objects, case.most)) if case.keep_alive else case.objects,
        "Without keep-alive you forget the connection of the page itself: 1 + n.",
    ),
    Mistake(
        lambda case: right(case._replace(keep_alive=not case.keep_alive)),
        "It is the other way round: keep_alive=True means that connections are used again.",
    ),
]


def examine(answer: Callable[[Any, Any, Any], Any], seed: str) -> Verdict:
    cases = _cases(seed)
    given = [answer(case.html, case.most, case.keep_alive) for case in cases]
    for value in given:
        found = number(value)
        if found is None or found != found // 1:
            raise Wrong(f"Your function returned {show(value)}. Return a whole number of connections.")
    answers = [int(number(value) or 0) for value in given]
    fits = [value == right(case) for value, case in zip(answers, cases, strict=True)]
    if all(fits):
        return Verdict(1.0, f"All {len(cases)} counts are right: objects, duplicates, strangers and the page itself.")
    first = fits.index(False)
    share = 0.5 if 2 * sum(fits) > len(fits) else 0.0
    message = recognise(_MISTAKES, cases, answers) or f"{sum(fits)} of {len(cases)} counts are right."
    return Verdict(share, message, _told(cases[first], answers[first]))


def _told(case: Case, answer: int) -> str:
    """The page with which it fails, object by object."""
    lines = [
        f"For example most={case.most}, keep_alive={case.keep_alive}: you count {answer}, right is {right(case)}. "
        f"This page names {case.objects} objects of its own server:"
    ]
    lines += [f"  <{tag}> {url}: {reason or 'an object'}" for tag, url, reason in case.found]
    return "\n".join(lines)
