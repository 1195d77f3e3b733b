"""Two ends of a proxy's connections without a network, for exercise 12.5: pieces come in the worst sizes.

They have the verbs that the real proxy gives to a relay: a source with ``receive()``, a sink with ``send(data)``, both
waited for by ``yield from``. Instead of a driver that waits for a network, `run` steps through the relay and says what
became of it. What would go on for ever ends with an exception that no ``except Exception`` swallows.

Source: RFC 9293 section 3.9.1 (a stream has no boundaries), RFC 9110 section 9.3.6 (a tunnel passes on what comes).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from inspect import isgenerator
from typing import Any

from netlab.teach.checkers.deviations import Outcome
from netlab.teach.exercise import Wrong
from netlab.teach.guard import own_line, show, unwritten

ENDS = 20
"""How often a source tells its end; a right relay asks once."""
HELD = 256 * 1024
"""Bytes that a relay may have taken and not passed on: more than the largest piece, less than a large content."""
TURN = object()
"""What the ends yield to the driver."""


class Waits(BaseException):
    """The source has nothing more for now, and has not ended."""


class NeverStops(BaseException):
    """The end is asked for again and again."""


class BrokenOff(Exception):
    """What a real connection throws when the other side is gone."""


class Source:
    """Where bytes come from."""

    def __init__(self, pieces: tuple[bytes, ...], ending: str) -> None:
        self._pieces, self._ending, self._ends = iter(pieces), ending, 0
        self.given = 0

    def __repr__(self) -> str:
        return "<a source>"

    def receive(self) -> Generator[object, None, bytes]:
        yield TURN
        piece = next(self._pieces, None)
        if piece is not None:
            self.given += len(piece)
            return piece
        if self._ending == "open":
            raise Waits
        if self._ending == "broken":
            raise BrokenOff("the origin has reset the connection")
        self._ends += 1
        if self._ends > ENDS:
            raise NeverStops
        return b""


class Sink:
    """Where they go."""

    def __init__(self, source: Source, most: int) -> None:
        self._source, self._most = source, most
        self.got = bytearray()
        self.held = 0
        """The most that had come and was not passed on."""
        self.begun = self.sent = 0

    def __repr__(self) -> str:
        return "<a sink>"

    def send(self, data: bytes) -> Generator[object, None, None]:
        if isgenerator(data):
            raise Wrong("You give send a receive() that nobody has waited for: data = yield from source.receive().")
        if not isinstance(data, bytes | bytearray | memoryview):
            raise Wrong(f"You give send {show(data)}. It takes bytes, as receive gave them.")
        self.begun += 1
        return self._send(bytes(data))

    def _send(self, data: bytes) -> Generator[object, None, None]:
        self.held = max(self.held, self._source.given - len(self.got))
        yield TURN
        self.sent += 1
        if len(self.got) + len(data) > self._most:
            raise BrokenOff("the client has reset the connection")
        self.got += data


@dataclass(frozen=True, slots=True)
class Case:
    told: str
    """What is nasty about it, for a verdict."""
    pieces: tuple[bytes, ...]
    ending: str = "ended"
    """Behind the pieces: ``ended``; ``open``, nothing more for now; ``broken``, the connection is gone."""
    most: int = 1 << 30
    """Bytes that the sink takes; then its connection is gone."""

    @property
    def right(self) -> Outcome:
        data = b"".join(self.pieces)
        if self.ending == "broken" or len(data) > self.most:
            passed = data if self.ending == "broken" else b"".join(self._taken())
            return "raises", "BrokenOff", passed, False
        return ("waits" if self.ending == "open" else "ends"), "", data, False

    def _taken(self) -> list[bytes]:
        taken: list[bytes] = []
        for piece in self.pieces:
            if sum(map(len, taken)) + len(piece) > self.most:
                break
            taken.append(piece)
        return taken


def run(relay: Callable[..., Any], case: Case) -> Outcome:
    """How the relay ended, what it raised, what it has passed on, and whether it held back too much."""
    source = Source(case.pieces, case.ending)
    sink = Sink(source, case.most)
    how, what = "ends", ""
    try:
        _step(relay(source, sink))
    except Waits:
        how = "waits"
    except NeverStops:
        how = "never ends"
    except Wrong:
        raise
    except Exception as error:
        if unwritten(error) or (own_line(error) is not None and isinstance(error, NameError | SyntaxError)):
            raise
        how, what = "raises", type(error).__name__
    if sink.begun and not sink.sent and how != "raises":
        how = "nobody waited for send"
    return how, what, bytes(sink.got), sink.held > HELD


def _step(made: Any) -> None:
    if not isgenerator(made):
        raise Wrong(
            "Your function has no yield from in it, so nothing waits for the network: data = yield from "
            "source.receive(), and yield from sink.send(data)."
        )
    for turn in made:
        if turn is not TURN:
            raise Wrong(
                f"Your function yields {show(turn)}. With yield alone nobody waits for the network: write yield from, "
                "before source.receive() and before sink.send(data)."
            )


def told(found: Outcome) -> str:
    """An outcome in words."""
    how, what, data, held = found
    passed = f"{len(data):,} bytes passed on"
    ending = {
        "ends": "then it ends", "waits": "then it waits for more", "never ends": "then it asks for ever",
        "raises": f"then it lets {what} out", "nobody waited for send": "and no send was waited for",
    }[how]  # fmt: skip
    return f"{passed}{', all of it at once' if held else ''}, {ending}"
