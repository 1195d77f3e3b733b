"""Exercise 05.4: which probe an incoming packet answers, by what it repeats or quotes.

The packets come from traces through six networks (`six_ways`), in the order of their arrival, some of them meant for
another program. Wrong answers are named by computing what the usual shortcuts would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from netlab.teach.checkers import six_ways
from netlab.teach.checkers.six_ways import LEAST_QUOTE, Question, Way
from netlab.teach.exercise import Mistake, Verdict, Wrong, recognise
from netlab.teach.guard import show

HALF = 0.5
"""The most that a function gets which is right in some of the networks only."""

REPLIES = (0, 129)
"""Echo replies, RFC 792 and RFC 4443."""


def _head(question: Question) -> int:
    return 20 if question.answer[0] >> 4 == 4 else 40


def _is_reply(question: Question, head: int | None = None) -> bool:
    head = _head(question) if head is None else head
    return question.answer[head] in REPLIES


def _find(question: Question, start: int, first: int = 4, last: int = 8, head: int | None = None) -> int | None:
    """The request whose bytes ``first`` to ``last`` behind the IP header are those of the answer from ``start``."""
    head = _head(question) if head is None else head
    wanted = question.answer[start + first : start + last]
    found = (n for n, request in question.requests.items() if request[head + first : head + last] == wanted)
    return next(found, None)


def _by_number_alone(question: Question) -> int | None:
    head = _head(question)
    return _find(question, head if _is_reply(question) else 2 * head + 8, first=6)


def _by_identifier_alone(question: Question) -> int | None:
    head = _head(question)
    return _find(question, head if _is_reply(question) else 2 * head + 8, last=6)


def _own_header_only(question: Question) -> int | None:
    """Also what every wrong offset into the quote gives: errors match nothing."""
    return _find(question, _head(question))


def _quote_only(question: Question) -> int | None:
    return None if _is_reply(question) else _find(question, 2 * _head(question) + 8)


def _always_v4(question: Question) -> int | None:
    start = 20 if _is_reply(question, 20) else 48
    return _find(question, start, head=20)


def _v4_types(question: Question) -> int | None:
    """Time Exceeded is 11 in IPv4 only."""
    head = _head(question)
    if question.answer[head] == 0:
        return _find(question, head)
    return _find(question, 2 * head + 8) if question.answer[head] in (3, 11) else None


def _whole_request(question: Question) -> int | None:
    found = (n for n, request in question.requests.items() if request in question.answer)
    return next(found, None)


def _whole_message(question: Question) -> int | None:
    head = _head(question)
    if _is_reply(question):
        return _find(question, head)
    return _find(question, 2 * head + 8, first=0, last=len(question.answer))


def _by_source(question: Question) -> int | None:
    """The probe whose destination the answer comes from."""
    source, destination = (slice(12, 16), slice(16, 20)) if _head(question) == 20 else (slice(8, 24), slice(24, 40))
    found = (n for n, request in question.requests.items() if request[destination] == question.answer[source])
    return next(found, None)


def _position(question: Question) -> int | None:
    return None if question.right is None else list(question.requests).index(question.right)


def _oldest(question: Question) -> int | None:
    return next(iter(question.requests), None)


def _newest(question: Question) -> int | None:
    return list(question.requests)[-1] if question.requests else None


MISTAKES = [
    Mistake(
        _by_number_alone,
        "You compare the sequence number alone. Other programs on your machine count from 1, too: compare the "
        "identifier as well.",
    ),
    Mistake(_by_identifier_alone, "You compare the identifier alone. It is the same in all your probes."),
    Mistake(
        _own_header_only,
        "Echo replies find their probe, errors never do. An error's own bytes are no help: the quoted packet begins 8 "
        "bytes into the ICMP message, with its IP header. Identifier and sequence number come 4 bytes behind that.",
    ),
    Mistake(
        _quote_only,
        "You find what routers quote, but an echo reply quotes nothing. It repeats identifier and sequence number in "
        "its own header. Without it the trace has no end.",
    ),
    Mistake(
        _always_v4,
        "That works in IPv4. An IPv6 header has 40 bytes, the outer one and the quoted one: look at the first half "
        "byte of the packet.",
    ),
    Mistake(
        _v4_types,
        "That works in IPv4. ICMPv6 has other types: 3 is Time Exceeded, 1 is Destination Unreachable, 129 is Echo "
        "Reply.",
    ),
    Mistake(
        _whole_request,
        "You look for your whole request in the answer. It is not there: the TTL and the header checksum were changed "
        "on the way. Compare what nobody changes.",
    ),
    Mistake(
        _whole_message,
        f"You compare more than is promised: some routers quote {LEAST_QUOTE} bytes behind the IP header (RFC 792).",
    ),
    Mistake(
        _by_source,
        "You compare addresses. The routers on the way have addresses that you never wrote into a packet.",
    ),
    Mistake(
        _position, "You return the position of the request in the dictionary. Return its key, the sequence number."
    ),
    Mistake(lambda question: None, "You return None each time: then every probe counts as lost."),
    Mistake(
        _oldest,
        "You take the oldest request for every answer. Answers do not come in the order of sending: a near router is "
        "faster than a far one, and a silent one never answers.",
    ),
    Mistake(_newest, "You take the request that left last for every answer. Many are on their way at once."),
]


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    given: list[tuple[Way, Question, Any]] = []
    right_ways = 0
    tried = six_ways.questions(seed)
    for way, questions in tried:
        values = [answer(question.answer, dict(question.requests)) for question in questions]
        for question, value in zip(questions, values, strict=True):
            _check_kind(value, question)
            given.append((way, question, value))
        right_ways += all(_same(value, question.right) for question, value in zip(questions, values, strict=True))
    wrong = [(way, question, value) for way, question, value in given if not _same(value, question.right)]
    if not wrong:
        count = len(given)
        return Verdict(1.0, f"{count} packets in 6 networks, and each went to its probe; those of others to none.")
    values = [value for _, _, value in given]
    message = recognise(MISTAKES, [question for _, question, _ in given], values)
    message = message or _in_order(given) or "Not right yet, and it is none of the mistakes known here."
    share = 0.0 if right_ways == 0 else HALF * right_ways / len(tried)
    return Verdict(share, message, _evidence(wrong[0], right_ways))


def _in_order(given: Sequence[tuple[Way, Question, Any]]) -> str:
    """Whether the answers were simply counted: then the values go up by one from packet to packet."""
    values = [value for _, _, value in given if isinstance(value, int)]
    counted = len(values) == len(given) and len(set(values)) > 1
    if counted and all(after - before in (0, 1) for before, after in _neighbours(values)):
        return (
            "You hand out the probes in the order in which answers arrive. But a near router is faster than a far one, "
            "and a silent one never answers: after the first gap everything is wrong."
        )
    return ""


def _neighbours(values: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of neighbours; where counting begins again in the next network there is none."""
    return [(before, after) for before, after in pairwise(values) if after >= before]


def _same(value: Any, right: int | None) -> bool:
    return value is None if right is None else (value is not None and value == right)


def _check_kind(value: Any, question: Question) -> None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return
    if isinstance(value, bytes | bytearray) and bytes(value) in question.requests.values():
        raise Wrong("You return the request itself. Return its key in the dictionary, the sequence number.")
    raise Wrong(f"Your function returned {show(value)}. Return a sequence number, or None when it is none of them.")


def _evidence(wrong: tuple[Way, Question, Any], right_ways: int) -> str:
    from netlab import wire

    way, question, value = wrong
    told = "no probe of yours" if question.right is None else f"probe {question.right}"
    counted = f"Right in {right_ways} of 6 networks. " if right_ways else ""
    packet = wire.summary(question.answer)
    return f"{counted}In {way.told}:\n  {packet}\n  answers {told}; your function said {show(value)}."
