"""A byte stream that is cut in the worst places, for the exercises of notebook 08.

A `Feed` has the one verb of a socket that matters here, ``recv(limit)``: one to ``limit`` bytes, ``b""`` when the other
side has closed. What a real socket would do for ever (wait for bytes that nobody sends, hand out the end of the stream
again and again) ends here with an exception that no ``except Exception`` swallows, so that it can be told.

Source: RFC 9293 section 3.9.1 (RECEIVE; a stream has no boundaries).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, repeat, takewhile
from random import Random
from typing import Any

from netlab.teach.checkers.deviations import Outcome
from netlab.teach.guard import by_hand, own_line, show, tell, unwritten, what

ENDS = 50
"""How often recv gives nothing; a right function asks once."""
SHOWN = 5
"""Pieces that a message shows."""
LINE, BEFORE = 80, 6
"""Characters of a value that a message shows; bytes in front of the place where it differs from another one."""
WANTED = (EOFError, ValueError)
"""What the exercises ask for; an exception derived from one of them is one."""
UNBOUNDED = 1 << 20
"""Bytes: more than any case has."""


class Waits(BaseException):
    """Bytes are awaited that nobody will send."""


class NeverStops(BaseException):
    """The end of the stream, or a stream without end, is read on and on."""


class Feed:
    """One direction of a connection."""

    def __init__(self, pieces: Iterable[bytes], closed: bool, most: int) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._piece = b""
        self._closed, self._ends, self._most = closed, 0, most
        self.taken = 0
        """Bytes handed out so far."""

    def __repr__(self) -> str:
        return "<a stream>"

    def recv(self, limit: int) -> bytes:
        """Give what is there, at most ``limit`` bytes, as a socket does."""
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"recv takes a number of bytes, not {show(limit)}")
        if limit < 0:
            raise ValueError("negative buffersize in recv")
        if limit == 0:
            return self._empty()
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return self._nothing()
            self._piece = piece
        data, self._piece = self._piece[:limit], self._piece[limit:]
        self.taken += len(data)
        if self.taken > self._most:
            raise NeverStops
        return data

    def unread(self) -> bytes:
        """What is still there: a reader that takes little at a time may leave it to the next call."""
        if self._most < UNBOUNDED:
            return b""  # a stream without end
        return self._piece + b"".join(self._pieces)

    def _nothing(self) -> bytes:
        if not self._closed:
            raise Waits
        return self._empty()

    def _empty(self) -> bytes:
        self._ends += 1
        if self._ends > ENDS:
            raise NeverStops
        return b""


@dataclass(frozen=True, slots=True)
class Case:
    """What comes in, and how."""

    told: str
    """What is nasty about it, for a verdict."""
    pieces: tuple[bytes, ...]
    given: tuple[Any, ...]
    """The arguments behind ``recv``."""
    right: Outcome
    ending: str = "open"
    """Behind the pieces: ``open``, nothing more for now; ``closed``; ``repeated``, the last piece again and again."""
    most: int = UNBOUNDED
    """Bytes after which a reader is stopped."""

    def feed(self) -> Feed:
        pieces: Iterable[bytes] = self.pieces
        if self.ending == "repeated":
            pieces = repeat(self.pieces[-1])
        return Feed(pieces, self.ending == "closed", self.most)

    def shown(self) -> str:
        """The pieces, as recv gives them."""
        shown = [show(piece, 34) for piece in self.pieces[:SHOWN]]
        if len(self.pieces) > SHOWN:
            shown.append(f"… {len(self.pieces) - SHOWN} more …")
        tail = {"open": "nothing more for now", "closed": 'the end, b""', "repeated": "the same again and again"}
        return "; ".join([*shown, tail[self.ending]])


def outcome(function: Callable[..., Any], case: Case, gives: Callable[[Any, Feed], Outcome]) -> Outcome:
    """Run ``function`` on a case: ("gives", …), ("raises", name), ("stops", what, sentence), or one word for the rest.

    ``gives`` makes the outcome of what it returned. "raises" is a ``raise`` of its own; it "stops" with what Python, or
    recv, raised in it. Both end a call, but only the first was meant: an unpacking that fails is a ValueError, too.
    Who lets Python raise the very exception that is due has done what is wanted.
    """
    feed = case.feed()
    try:
        value = function(feed.recv, *case.given)
    except Waits:
        return ("waits",)
    except NeverStops:
        return ("never stops",)
    except Exception as error:
        if unwritten(error) or (own_line(error) is not None and isinstance(error, NameError | SyntaxError)):
            raise
        if str(error).startswith("negative buffersize"):
            return ("negative",)
        raised = "raises", next((kind.__name__ for kind in WANTED if isinstance(error, kind)), type(error).__name__)
        return raised if raised == case.right or by_hand(error) else ("stops", what(error), tell(error))
    return gives(value, feed)


def told(found: Outcome, other: Outcome = ()) -> str:
    """An outcome in words; ``other`` is the one beside which it is shown."""
    kind, *rest = found
    if kind == "gives":
        return f"gives {_beside(rest[0], other[1] if other[:1] == ('gives',) else None)}"
    if kind in ("raises", "stops"):
        return f"{kind}{' with' if kind == 'stops' else ''} {rest[0]}"
    words = {"negative": "calls recv with a negative number", "waits": "asks for more, and waits for ever"}
    return words.get(kind, "never stops reading")


def _beside(value: Any, other: Any) -> str:
    """A value beside another one: bytes that are too long for a line are cut so that the difference can be seen."""
    if isinstance(value, tuple) and len(value) == 2:
        others = other if isinstance(other, tuple) and len(other) == 2 else (None, None)
        return f"({', '.join(map(_beside, value, others))})"
    text = show(value, LINE)
    if not isinstance(value, bytes) or not text.endswith("…"):
        return text
    if not isinstance(other, bytes) or value == other:
        return f"{text} ({len(value)} bytes)"
    same = takewhile(lambda pair: pair[0] == pair[1], zip(value, other, strict=False))
    before = max(0, len(list(same)) - BEFORE)
    return f"{show(value[before:], LINE)} ({f'behind the first {before} of ' if before else ''}{len(value)} bytes)"


def unexplained(found: Outcome, waits: str) -> str:
    """What to say when no known mistake explains an outcome; ``waits`` is for a function that waits for ever."""
    kind, *rest = found
    if kind == "stops":
        return str(rest[1])
    if kind == "raises" and rest[0] not in {each.__name__ for each in WANTED}:
        return f"Your function raises {rest[0]}."
    words = {
        "waits": waits,
        "never stops": "Your function never stops reading.",
        "negative": "You call recv with a negative number: you had taken more than you wanted.",
    }
    return words.get(kind, "Not right yet, and it is none of the mistakes known here.")


def cut(data: bytes, *places: int) -> tuple[bytes, ...]:
    """Cut at these places."""
    edges = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return tuple(data[start:end] for start, end in pairwise(edges))


def single(data: bytes) -> tuple[bytes, ...]:
    """One byte at a time."""
    return tuple(data[place : place + 1] for place in range(len(data)))


def crumbs(data: bytes, random: Random) -> tuple[bytes, ...]:
    """Cut at random places."""
    return cut(data, *(random.randint(1, max(1, len(data) - 1)) for _ in range(4)))
