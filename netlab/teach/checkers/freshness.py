"""Exercise 13.4: hit, validate or miss, for 20 cases.

The reference is `netlab.http.cache_rules.decide`, the rules that the proxy itself obeys.

Every case is one line of a table: what the request and the stored answer say in Cache-Control, the answer's age, its
freshness lifetime, and whether there is a validator to ask about it with. The numbers come from the seed, the twenty
kinds of cases do not, so that no rule goes unasked. The known mistakes are rules of their own (`MISTAKES`); the message
is that of the mistake whose answers are most like the learner's, and shows one that it explains.

Source: RFC 9111 sections 4 to 5.2, RFC 8246 (immutable).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

from netlab.http.cache_rules import Stored
from netlab.http.cache_rules import decide as rule
from netlab.http.events import Request, Response
from netlab.teach.checkers.building import unwatched
from netlab.teach.exercise import Verdict, Wrong, dice
from netlab.teach.guard import show
from netlab.teach.webparts import request

WORDS = ("hit", "validate", "miss")
Said = dict[str, Any]
Decide = Callable[[Said, Said, int, int, bool], str]


class Case(NamedTuple):
    """One line of the table; the arguments of the learner's function."""

    wanted: Said
    given: Said
    age: int
    lifetime: int
    can_ask: bool

    def told(self) -> str:
        parts = [f"request {_field(self.wanted)}", f"answer {_field(self.given)}", f"age {self.age}"]
        parts += [f"lifetime {self.lifetime}", "validator" if self.can_ask else "no validator"]
        return ", ".join(parts)


def _field(said: Said) -> str:
    """As Cache-Control has it."""
    words = [name if value is True or value == math.inf else f"{name}={value}" for name, value in said.items()]
    return f"'{', '.join(words)}'" if words else "says nothing"


# --- the cases ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    """The twenty cases of a seed, in mixed order."""
    random = dice("13.4", seed)
    made = [_case(kind, random) for kind in range(20)]
    random.shuffle(made)
    return tuple(made)


def _case(kind: int, random: Random) -> Case:
    life = 60 * (2 + random.getrandbits(4))
    young, old = 1 + random.getrandbits(6), life + 1 + random.getrandbits(6)
    fresh: Said = {"max-age": life}
    if kind == 0:
        return Case({}, fresh, young, life, True)
    if kind == 1:
        return Case({}, fresh, old, life, True)
    if kind == 2:
        return Case({}, fresh, old, life, False)
    if kind == 3:  # exactly as old as it may be
        return Case({}, fresh, life, life, True)
    if kind == 4:
        return Case({}, {"no-cache": True, **fresh}, young, life, True)
    if kind == 5:
        return Case({}, {**fresh, "no-cache": True}, young, life, False)
    if kind == 6:
        return Case({"no-cache": True}, fresh, young, life, True)
    if kind == 7:  # a reload
        return Case({"max-age": 0}, fresh, young, life, True)
    if kind == 8:
        return Case({"max-age": young + 5}, fresh, young, life, True)
    if kind == 9:
        return Case({"max-age": young}, fresh, young + 1 + random.getrandbits(4), life, True)
    if kind == 10:
        return Case({"min-fresh": 50}, fresh, life - 10 - random.getrandbits(4), life, True)
    if kind == 11:
        return Case({"min-fresh": 20}, fresh, life - 40 - random.getrandbits(4), life, True)
    if kind == 12:
        return Case({"max-stale": 120}, fresh, old, life, True)
    if kind == 13:
        return Case({"max-stale": 10}, fresh, life + 11 + random.getrandbits(6), life, True)
    if kind == 14:
        return Case({"max-stale": math.inf}, fresh, old + 900, life, False)
    if kind == 15:
        return Case({"max-stale": 600}, {**fresh, "must-revalidate": True}, old, life, True)
    if kind == 16:
        return Case({"max-age": 0}, {**fresh, "immutable": True}, young, life, True)
    if kind == 17:
        return Case({"max-age": 0}, {**fresh, "immutable": True}, old, life, True)
    if kind == 18:
        return Case({}, {"max-age": 0}, random.getrandbits(5), 0, True)
    return Case({"max-age": 0}, fresh, young, life, False)


def right(case: Case) -> str:
    """What the proxy itself would do."""
    return rule(_request(case.wanted), _stored(case), 1000)


def _request(said: Said) -> Request:
    return request(b"GET", b"/", b"HTTP/1.1", [(b"Host", b"www"), *_control(said)])


def _stored(case: Case) -> Stored:
    fields = [*_control(case.given), *([(b"ETag", b'"1"')] if case.can_ask else [])]
    return Stored(
        uri=b"http://www/", response=Response(200, b"OK", (1, 1), tuple(fields)), selecting=(), received_at=1000,
        age_then=case.age, lifetime=case.lifetime, strict="must-revalidate" in case.given,
    )  # fmt: skip


def _control(said: Said) -> list[tuple[bytes, bytes]]:
    words = [name if value is True or value == math.inf else f"{name}={value}" for name, value in said.items()]
    return [(b"Cache-Control", ", ".join(words).encode())] if words else []


# --- the mistakes ------------------------------------------------------------------------------------------------


def _rules(wanted: Said, given: Said, age: int, lifetime: int, can_ask: bool, *, but: str = "") -> str:
    """The rules once more, with one mistake."""
    ask = "validate" if can_ask or but == "asks with nothing" else "miss"
    if but == "stale is rubbish":
        ask = "miss"
    fresh = age <= lifetime if but == "one second" else age < lifetime
    if but == "no-cache is no-store" and "no-cache" in given:
        return "miss"
    if "no-cache" in given and but != "no-cache of the answer":
        return ask
    if "no-cache" in wanted and but != "deaf":
        return ask
    if but == "deaf":
        wanted = {}
    spared = "immutable" in given and fresh and but != "immutable"
    if "max-age" in wanted and age > wanted["max-age"] and not spared:
        return ask
    least = 0 if but == "min-fresh" else wanted.get("min-fresh", 0)
    if fresh and age + least <= lifetime:
        return "hit"
    bound = "must-revalidate" in given and but != "must-revalidate"
    if "max-stale" in wanted and not bound and but != "max-stale":
        if age - lifetime <= wanted["max-stale"] or but == "any max-stale":
            return "hit"
    return ask


MISTAKES = {
    "no-cache is no-store": "You take no-cache for *do not keep*. That is no-store; this is kept, and asked about.",
    "no-cache of the answer": "You overlook no-cache in the answer: it must be asked about each time, however young.",
    "deaf": "You look at the answer only. The request may ask for something younger, or take something older.",
    "stale is rubbish": "You throw stale answers away. With a validator you can ask, and often nothing has changed.",
    "asks with nothing": "You ask although there is no validator: there is nothing to compare. Fetch it anew.",
    "one second": "An answer is fresh while its lifetime is *greater* than its age. When they are equal, it is stale.",
    "immutable": "You overlook immutable: what never changes is not asked about on a reload, while it is fresh.",
    "min-fresh": "You overlook min-fresh: so many seconds from now it must still be fresh.",
    "max-stale": "You overlook max-stale: with it, a client takes an answer that has been stale for so many seconds.",
    "any max-stale": "You overlook the number of max-stale: it says how many seconds stale is still good enough.",
    "must-revalidate": "You overlook must-revalidate: with it, nobody gets a stale answer, whatever max-stale says.",
}
"""Name of a mistake in `_rules` → what to tell."""


# --- the verdict -------------------------------------------------------------------------------------------------


def examine(answer: Any, seed: str) -> Verdict:
    listed = cases(seed)
    with unwatched():
        wanted = [right(case) for case in listed]
    said = []
    for case in listed:
        word = answer(dict(case.wanted), dict(case.given), case.age, case.lifetime, case.can_ask)
        if not isinstance(word, str) or word not in WORDS:
            raise Wrong(f'Your function returned {show(word)}. Return "hit", "validate" or "miss".', case.told())
        said.append(word)
    wrong = [i for i in range(len(listed)) if said[i] != wanted[i]]
    share = 1 - len(wrong) / len(listed)
    if not wrong:
        return Verdict(1.0, "All 20, as RFC 9111 has it.")
    if len(set(said)) == 1:
        return Verdict(
            0.0,
            f"You return {show(said[0])} whatever comes.",
            _example(listed[wrong[0]], said[wrong[0]], wanted[wrong[0]]),
        )
    told, place = _diagnosis(listed, said, wrong)
    message = f"{len(listed) - len(wrong)} of {len(listed)} are right. {told}"
    return Verdict(min(share, 0.95), message.strip(), _example(listed[place], said[place], wanted[place]))


def _diagnosis(listed: tuple[Case, ...], said: list[str], wrong: list[int]) -> tuple[str, int]:
    """The mistake that is most like the answers, if it explains a wrong one; and that wrong one."""
    best: tuple[int, str, int] = (0, "", wrong[0])
    for name, message in MISTAKES.items():
        given = [_rules(*case, but=name) for case in listed]
        explained = [i for i in wrong if given[i] == said[i]]
        alike = sum(one == other for one, other in zip(given, said, strict=True))
        if explained and alike > best[0]:
            best = (alike, message, explained[0])
    return best[1], best[2]


def _example(case: Case, said: str, wanted: str) -> str:
    return f"For example: {case.told()}: you say {said}, it is {wanted}."


def sheet() -> Any:
    """The twenty cases of the visible check as a table: all that your function is given."""
    import pandas as pd

    rows = [(_field(c.wanted), _field(c.given), c.age, c.lifetime, c.can_ask) for c in cases("")]
    columns = ["the request says", "the stored answer says", "age", "lifetime", "can_ask"]
    return pd.DataFrame(rows, columns=columns, index=range(1, len(rows) + 1))


# --- into the real tool ------------------------------------------------------------------------------------------


def cache_decision(decide: Decide) -> Callable[[Request, Stored, int], str]:
    """Make of a function of exercise 13.4 what ``netlab.ProxyServer(cache_decision=…)`` takes.

    Examples
    --------
    >>> import netlab
    >>> careful = netlab.teach.cache_decision(lambda wanted, given, age, lifetime, can_ask: "validate")
    >>> callable(careful)
    True
    """

    def decision(request: Request, stored: Stored, now: int) -> str:
        wanted, given = _dictionary(request), _dictionary(stored.response)
        return decide(wanted, given, stored.age(now), stored.lifetime, bool(stored.validators))

    return decision


def _dictionary(message: Request | Response) -> Said:
    from netlab.http.cache_control import directives

    found = directives(message)
    said: Said = {}
    for name, value in found.items():
        number = found.seconds(name)
        said[name.decode()] = math.inf if name == b"max-stale" and value is None else True if value is None else number
    return said
