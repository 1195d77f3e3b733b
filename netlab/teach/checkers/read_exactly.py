"""Exercise 08.5: so many bytes of a stream, neither fewer nor more, whatever the pieces are.

A function is tried on streams that are cut in nasty places. Its outcomes are compared with those of one reader with one
or two parts exchanged for the usual wrong ones.
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
WAITS = "Your function asks for more when everything that was wanted is there. On a socket it waits for ever."
MUCH = 4096


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    random = dice("08.5", seed)
    size = 20 + random.getrandbits(4)
    data, behind = random.randbytes(size), random.randbytes(30 + random.getrandbits(4))
    right: Outcome = ("gives", data, 0)
    short = data[: size - 1 - random.getrandbits(3)]
    end: Outcome = ("raises", "EOFError")
    return (
        Case("all bytes at once", (data,), (size,), right),
        Case("one byte at a time", single(data), (size,), right),
        Case("cut anywhere", crumbs(data, random), (size,), right),
        Case("the next message comes with it", (data + behind,), (size,), right),
        Case("the last piece holds the next message, too", cut(data + behind, size - 3), (size,), right),
        Case("nothing is wanted, and nothing is there", (), (0,), ("gives", b"", 0)),
        Case("the stream ends before the last byte", crumbs(short, random), (size,), end, "closed"),
        Case("the stream ends at once", (), (size,), end, "closed"),
        Case("it ends right behind the last byte", crumbs(data, random), (size,), right, "closed"),
    )


def gives(value: Any, feed: Feed) -> Outcome:
    """What was returned, and how many bytes more than that were taken from the stream."""
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    return "gives", value, feed.taken - len(value) if isinstance(value, bytes) else 0


KINDS = [
    (
        "loop", "once",
        "You call recv once. It gives what is there, one byte or many: a piece of the stream is no message.",
    ),
    (
        "ask", "much",
        "You ask for more than you need, and return what belongs to the next message as well. Ask for what is missing: "
        "recv(count - len(data)).",
    ),
    (
        "ask", "much, then cut off",
        "You take more than you need and throw it away. Those bytes are the beginning of the next message: nobody will "
        "ever see them again.",
    ),
    (
        "ask", "count",
        "You ask for count bytes each time, even when some are there already: the last recv takes bytes of the next "
        "message. Ask for what is missing: recv(count - len(data)).",
    ),
    (
        "end", "short",
        "When the stream ends early, you return what there is. The caller takes half a message for a whole one: raise "
        "EOFError.",
    ),
    ("end", "none", "When the stream ends early, you return None. Raise EOFError: nobody can overlook that."),
    ("end", "empty", 'When the stream ends early, you return b"". Raise EOFError: nobody can overlook that.'),
    (
        "end", "other", "When the stream ends early, raise EOFError: that is Python's name for it.",
    ),
    (
        "end", "ignore",
        'You read on when the stream has ended. recv then gives b"" at once, again and again: your loop never ends.',
    ),
    (
        "test", "late",
        "You call recv before you look whether anything is missing. When nothing is, recv(0) gives b\"\", and you take "
        "that for the end of the stream.",
    ),
    (
        "test", "never",
        'You leave the loop only at b"". A connection that stays open gives no b"": you wait for ever, although all '
        "bytes are there.",
    ),
    (
        "test", "zero",
        'When all bytes are there you call recv(0), which gives b"", and take that for the end of the stream.',
    ),
]  # fmt: skip
"""What a reader does, how it is done wrongly, and what to say."""


def variant(how: dict[str, str]) -> Callable[..., Any]:
    """Make a reader that does these things as told, and everything else right."""
    loop, ask, end, test = (how.get(what, "") for what in ("loop", "ask", "end", "test"))

    def read(recv: Callable[[int], bytes], count: int) -> Any:
        data = b""
        while test or len(data) < count:
            missing = count - len(data)
            if missing <= 0 and data and test == "late":
                break
            piece = recv(_wanted(ask, test, count, missing))
            if piece:
                data += piece
            elif test == "never" and missing <= 0:
                return data
            elif end != "ignore":
                return _at_end(end, data)
            if loop == "once":
                break
        return data[:count] if ask == "much, then cut off" else data

    return read


def _wanted(ask: str, test: str, count: int, missing: int) -> int:
    """How many bytes a reader asks for."""
    if ask.startswith("much") or test == "never":
        return MUCH
    return count if ask == "count" else max(missing, 0)


def _at_end(end: str, data: bytes) -> bytes | None:
    """What a reader does when the stream ends early."""
    if end == "other":
        raise ValueError
    if end in ("short", "none", "empty"):
        return {"short": data, "none": None, "empty": b""}[end]
    raise EOFError


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    tried = cases(seed)
    found = list(_outcomes(answer, tried))
    for value in found:
        _check_kind(value)
    wrong = [(case, value) for case, value in zip(tried, found, strict=True) if value != case.right]
    if not wrong:
        return Verdict(
            1.0, f"{len(tried)} streams, cut in nasty places, and each time exactly the bytes that were due."
        )
    messages = explain(KINDS, variant, lambda made: map(_plain, _outcomes(made, tried)), list(map(_plain, found)))
    case, value = next((each for each in wrong if each[1] == ("negative",)), wrong[0])
    message = " ".join(messages) or unexplained(value, WAITS)
    evidence = f"For example, {case.told}, and {case.given[0]} bytes are wanted. recv gives:\n  {case.shown()}"
    evidence += f"\nThe function should have: {told(case.right, value)}. Yours: {_told(value, case.right)}."
    share = HALF * (len(tried) - len(wrong)) / len(tried) if found[1] == tried[1].right else 0.0
    return Verdict(round(share, 3), message, evidence)


def _outcomes(function: Callable[..., Any], tried: tuple[Case, ...]) -> Iterator[Outcome]:
    return (hostile_stream.outcome(function, case, gives) for case in tried)


def _plain(value: Outcome) -> Outcome:
    """Any exception that is raised counts as another one, but for EOFError."""
    return ("raises", "ValueError") if value[0] == "raises" and value[1] != "EOFError" else value


def _told(value: Outcome, right: Outcome) -> str:
    more = f", and has taken {value[2]} bytes of what follows" if value[0] == "gives" and value[2] > 0 else ""
    return told(value, right) + more


def _check_kind(value: Outcome) -> None:
    if value[0] == "gives" and value[1] is not None and not isinstance(value[1], bytes):
        raise Wrong(f"Your function returned {show(value[1])}. Return bytes: recv gives bytes, and + joins them.")
