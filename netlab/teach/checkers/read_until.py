"""Exercise 08.6: a stream up to a mark, such as the empty line behind the head of an HTTP request; the rest is kept.

The same strategy as in `read_exactly`: hostile streams, and a reader with wrong parts that explains what came out.

Source: RFC 9112 section 2.1 (a head ends with an empty line), section 9.3.2 (pipelined requests).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from netlab.teach.checkers import hostile_stream
from netlab.teach.checkers.deviations import Outcome, explain
from netlab.teach.checkers.hostile_stream import Case, Feed, crumbs, cut, single, told, unexplained
from netlab.teach.exercise import Verdict, Wrong, dice
from netlab.teach.guard import show

HALF = 0.5
END = b"\r\n\r\n"
LIMIT = 1000
WAITS = "Your function asks for more when the mark is there already. On a socket it waits for ever."
PIECE, MUCH = 512, 4096
MOST = 20 * LIMIT
"""Bytes after which a reader of an endless stream is stopped: a right one stops after LIMIT and a piece or two."""


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    random = dice("08.6", seed)
    name = "".join(random.choice("abcdefgh") for _ in range(6)).encode()
    head = b"GET /%s HTTP/1.1\r\nHost: www\r\nX: %d" % (name, random.getrandbits(20))
    other = b"GET /%s.css HTTP/1.1\r\nHost: www" % name
    whole, size = head + END, len(head)
    rest, large = other + END + b"GET /third", other + END + b"x" * (LIMIT + 200 + random.getrandbits(6))
    half = random.randint(3, size - 8)
    end: Outcome = ("raises", "EOFError")
    given = (END, b"", LIMIT)
    line, boundary = b"EHLO " + name, b"\n--%s--\n" % name
    limit = size + len(END) - 1  # so many bytes have come, and only the last one of the mark is missing
    return (
        Case("everything at once", (whole,), given, _right(head)),
        Case("one byte at a time", single(whole), given, _right(head)),
        Case("cut anywhere", crumbs(whole, random), given, _right(head)),
        Case("the mark itself is cut in two", cut(whole, size + 2), given, _right(head)),
        Case("the mark is cut behind its first byte", cut(whole, half, size + 1), given, _right(head)),
        Case("two more requests follow at once", (whole + rest,), given, _right(head, rest)),
        Case("the next request begins in the last piece", cut(whole + rest[:9], half), given, _right(head, rest[:9])),
        Case(
            "some of it was left over from the last time", cut(whole, half)[1:],
            (END, whole[:half], LIMIT), _right(head),
        ),
        Case(
            "all of it was left over from the last time, and nothing comes", (), (END, whole + rest, LIMIT),
            _right(head, rest),
        ),
        Case(
            "the mark is cut: half of it was left over, half comes", (END[3:],), (END, whole[:-1], LIMIT), _right(head)
        ),
        Case("a short head, and behind it more than the limit", (whole + large,), given, _right(head, large)),
        Case("another mark, of one byte", (line + b"\n" + name,), (b"\n", b"", LIMIT), _right(line, name)),
        Case(
            "another mark, longer and cut in two", cut(head + boundary + other, size + 5), (boundary, b"", LIMIT),
            _right(head, other),
        ),
        Case(
            "exactly limit bytes have come, and the next one completes the mark", cut(whole, limit), (END, b"", limit),
            _right(head),
        ),
        Case("the stream ends inside the head", crumbs(head, random), given, end, "closed"),
        Case("the stream ends at once", (), given, end, "closed"),
        Case("the mark never comes", (b"X" * PIECE,), given, ("raises", "ValueError"), "repeated", MOST),
    )  # fmt: skip


def _right(head: bytes, rest: bytes = b"") -> Outcome:
    return "gives", (head, rest)


def gives(value: Any, feed: Feed) -> Outcome:
    """What was returned; as bytes where it is a bytearray. Bytes that were not taken yet are rest as well."""
    if isinstance(value, tuple | list) and len(value) == 2:
        head, rest = (bytes(each) if isinstance(each, bytearray | memoryview) else each for each in value)
        if isinstance(rest, bytes):
            rest += feed.unread()
        return "gives", (head, rest)
    return "gives", value


KINDS = [
    ("loop", "once", "You call recv once. A piece of the stream is no message: go on until the mark has come."),
    (
        "search", "piece",
        "You look for the mark in the last piece only. When it is cut in two, neither half is the mark: look in all "
        "that has come.",
    ),
    (
        "search", "at the end",
        "You look whether what has come ends with the mark. When the next request follows in the same piece, it does "
        "not: look anywhere in it.",
    ),
    (
        "search", "piece ends",
        "You look whether the last piece ends with the mark. It may be cut in two, and more may follow it: look "
        "anywhere in all that has come.",
    ),
    (
        "rest", "dropped",
        "You throw away what has come behind the mark. That is the beginning of the next request: return it as rest.",
    ),
    (
        "have", "ignored",
        "You forget what was left over from the last time. Begin with have instead of nothing.",
    ),
    (
        "have", "late",
        "You call recv before you look at what you have. The mark may be there already: then nobody sends more, and "
        "you wait for ever.",
    ),
    (
        "split", "last",
        "You split at the last mark. When two requests have come, the first mark is the end of this one.",
    ),
    (
        "split", "all",
        "You split at every mark and keep two parts. The third is lost: split(end, 1) or partition(end) cut once.",
    ),
    (
        "split", "into two",
        "You split at every mark and expect two parts. When another mark follows, there are three, and Python raises "
        "ValueError: too many values to unpack. split(end, 1) or partition(end) cut once.",
    ),
    (
        "mark", "of four",
        "You go on behind four bytes, whatever the mark is. It is not always the empty line: len(end) tells how long.",
    ),
    ("mark", "fixed", "You look for the empty line, whatever the mark is. Your function is given it: end."),
    ("head", "with mark", "Your head still has the mark at its end. Return what is in front of it."),
    ("rest", "with mark", "Your rest begins with the mark. It belongs to neither: leave it out."),
    (
        "end", "partial",
        "When the stream ends inside the head, you return what there is. Half a request must not be served: raise "
        "EOFError.",
    ),
    ("end", "none", "When the stream ends too early, you return None. Raise EOFError."),
    ("end", "other", "When the stream ends too early, raise EOFError: that is Python's name for it."),
    (
        "end", "ignore",
        'You read on when the stream has ended. recv then gives b"" at once, again and again: your loop never ends.',
    ),
    (
        "limit", "none",
        "A client that sends on and on without the mark fills your memory. When more than limit bytes have come and no "
        "mark, raise ValueError.",
    ),
    (
        "limit", "first",
        "You compare with the limit before you look for the mark. A short head is fine, whatever comes behind it.",
    ),
    (
        "limit", "at",
        "You raise ValueError when exactly limit bytes have come. Only more are too many: the next byte may complete "
        "the mark.",
    ),
    ("limit", "other", "When the limit is passed, raise ValueError, so that the caller can tell it from an early end."),
]  # fmt: skip


def variant(how: dict[str, str]) -> Callable[..., Any]:
    """Make a reader that does these things as told, and everything else right."""
    has = how.get
    if has("loop") == "once":
        return lambda recv, end, have, limit: _parts(how, have + recv(MUCH), end)

    def read(recv: Callable[[int], bytes], end: bytes, have: bytes, limit: int) -> Any:
        end = END if has("mark") == "fixed" else end
        data = b"" if has("have") == "ignored" else have
        piece = data
        late = has("have") in ("late", "ignored")
        while late or not _found(has("search"), data, piece, end):
            late = False
            if has("limit") != "none" and len(data) > limit - (has("limit") == "at"):
                raise KeyError if has("limit") == "other" else ValueError
            piece = recv(MUCH)
            if not piece:
                if has("end") == "ignore":
                    continue
                return _at_end(has("end"), data)
            data += piece
            if has("limit") == "first" and len(data) > limit:
                raise ValueError
        return _parts(how, data, end)

    return read


def _found(search: str | None, data: bytes, piece: bytes, end: bytes) -> bool:
    match search:
        case "piece":
            return end in piece
        case "at the end":
            return data.endswith(end)
        case "piece ends":
            return piece.endswith(end)
    return end in data


def _at_end(how: str | None, data: bytes) -> Any:
    if how == "partial":
        return data, b""
    if how == "none":
        return None
    raise KeyError if how == "other" else EOFError


def _parts(how: dict[str, str], data: bytes, end: bytes) -> tuple[bytes, bytes]:
    head, mark, rest = data.rpartition(end) if how.get("split") == "last" else data.partition(end)
    if how.get("split") == "all":
        rest = rest.split(end)[0]
    if how.get("split") == "into two":
        head, rest = data.split(end)
    if how.get("mark") == "of four":
        rest = data[len(head) + 4 :]
    if how.get("head") == "with mark":
        head += mark
    if how.get("rest") == "dropped":
        rest = b""
    return head, mark + rest if how.get("rest") == "with mark" else rest


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    tried = cases(seed)
    found = list(_outcomes(answer, tried))
    for case, value in zip(tried, found, strict=True):
        _check_kind(case, value)
    wrong = [(case, value) for case, value in zip(tried, found, strict=True) if value != case.right]
    if not wrong:
        return Verdict(
            1.0, f"{len(tried)} hostile streams, and each time the head alone, and no byte of the rest lost."
        )
    messages = explain(KINDS, variant, lambda made: map(_plain, _outcomes(made, tried)), list(map(_plain, found)))
    case, value = wrong[0]
    message = " ".join(messages) or unexplained(value, WAITS)
    end, have, limit = case.given
    evidence = f"For example, {case.told}. end is {end!r}, have is {show(have, 40)}, limit is {limit}, and recv gives:"
    evidence += f"\n  {case.shown()}"
    evidence += f"\nThe function should have: {told(case.right, value)}. Yours: {told(value, case.right)}."
    share = HALF * (len(tried) - len(wrong)) / len(tried) if found[1] == tried[1].right else 0.0
    return Verdict(round(share, 3), message, evidence)


def _outcomes(function: Callable[..., Any], tried: tuple[Case, ...]) -> Iterator[Outcome]:
    return (hostile_stream.outcome(function, case, gives) for case in tried)


def _plain(value: Outcome) -> Outcome:
    """Exceptions that are neither of the two wanted ones are all the same, and so is whatever Python raised."""
    if value[0] == "stops":
        return ("stops",)
    return ("raises", "KeyError") if value[0] == "raises" and value[1] not in ("EOFError", "ValueError") else value


def _check_kind(case: Case, value: Outcome) -> None:
    if value[0] != "gives" or value[1] is None:
        return
    if case.right[0] == "raises" and not isinstance(value[1], tuple):
        return
    parts = value[1]
    if not isinstance(parts, tuple):
        raise Wrong(f"Your function returned {show(parts)}. Return two things: head, rest.")
    if not all(isinstance(part, bytes) for part in parts):
        raise Wrong(f"Your function returned {show(parts)}. Both must be bytes, as recv gives them.")
