"""The client side of HTTP: one exchange after the other on connections of our own, with the time of every phase.

`Fetching` is a list of objects to get and a few connections that work it off. Each connection is a handler like those
of the servers, so it runs on whatever drives them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlab.errors import HTTPError
from netlab.http import grammar, writer
from netlab.http.events import Data, EndOfMessage, Field, Response
from netlab.http.reader import Limits, Reader
from netlab.serve.connection import Connection, DialFailed, Gone, Handler, Late, Stream, Wanted

LIMITS = Limits(head=64 * 1024)
MOST = 1 << 30
"""Bytes of an answer that are kept; more is an error."""
AT_ONCE = 256 * 1024
EXPECT_CONTENT = (b"POST", b"PUT", b"PATCH")
"""Methods for which a server is also told that there is no content (RFC 9110 section 8.6)."""


class Place(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int


@dataclass(slots=True, eq=False)
class Wish:
    """One object to get, and what became of it."""

    url: str
    place: Place
    """Whom to connect to: the host of the URL, or a proxy."""
    method: bytes
    target: bytes
    fields: Sequence[Field]
    content: bytes = b""
    object: int = 0
    asked: int | None = None
    """ns when it was wished for; None: it need not wait for others, so that is when somebody begins with it."""
    marks: list[tuple[str, int, int]] = field(default_factory=list)
    """Phase, begin and end in ns."""
    status: int | None = None
    response: Response | None = None
    body: bytearray = field(default_factory=bytearray)
    """The content; the transfer coding is undone."""
    request: bytes = b""
    answer: bytearray = field(default_factory=bytearray)
    """As it came, heads of interim answers included."""
    connection: int | None = None
    number: int | None = None
    """Which exchange of its connection it was."""
    address: str = ""
    error: str = ""


class _Line:
    """A connection that is open, and how often it was used."""

    def __init__(self, stream: Stream, place: Place, number: int) -> None:
        self.stream, self.place, self.number = stream, place, number
        self.used = 0


class Fetching:
    """Objects to get, over at most so many connections at once.

    Parameters
    ----------
    timeout
        Seconds for each object, from the moment it has a connection to itself.
    keep_alive
        Whether a connection may carry more than one exchange.
    more
        Called with every wish that is done; gives further ones.
    queue
        Whether those wait for a connection, and the wait is a phase of its own.
    """

    def __init__(
        self, timeout: float, keep_alive: bool, more: Callable[[Wish], list[Wish]], queue: bool = False
    ) -> None:
        self._timeout, self._keep_alive, self._more, self._queue = timeout, keep_alive, more, queue
        self.waiting: deque[Wish] = deque()
        self.done: list[Wish] = []
        self._lines = 0

    def handler(self, connection: Connection) -> Handler:
        """Work off what waits, until nothing is left."""
        line: _Line | None = None
        while self.waiting:
            wish = self.waiting.popleft()
            line = yield from self._one(connection, wish, line)
            self.done.append(wish)
            now = connection.now()
            for further in self._more(wish):
                further.asked = now if self._queue else None
                self.waiting.append(further)
        if line is not None:
            yield from line.stream.hang_up()

    def _one(self, connection: Connection, wish: Wish, line: _Line | None) -> Generator[Wanted, Any, _Line | None]:
        """Get one object; gives the connection, if it can be used again."""
        connection.within(self._timeout)
        began = connection.now()
        if wish.asked is None:
            wish.asked = began
        else:
            wish.marks.append(("queue", wish.asked, began))
        try:
            if line is not None and line.place != wish.place:
                yield from line.stream.hang_up()
                line = None
            if line is None:
                line = yield from self._connect(connection, wish, began)
            line.used += 1
            wish.connection, wish.number, wish.address = line.number, line.used, line.stream.address
            began, wish.request = connection.now(), self._request(wish)
            yield from line.stream.send(wish.request + wish.content)
            wish.marks.append(("send", began, connection.now()))
            keep = yield from self._answer(connection, wish, line, Reader("client", LIMITS), connection.now())
        except DialFailed as failure:
            wish.error = f"{failure.kind}: {failure}"
        except Late:
            wish.error = f"not done within {self._timeout:g} s"
        except Gone:
            wish.error = "the connection was reset"
        except HTTPError as fault:
            wish.error = f"the answer breaks a rule: {fault} ({fault.rule})" if fault.rule else str(fault)
        else:
            if keep:
                return line
        if wish.error:
            phase = "dns" if wish.error.startswith("dns") else _next_phase(wish)
            started = max((end for _, _, end in wish.marks), default=wish.asked)
            wish.marks.append((phase, started, connection.now()))
        if line is not None:
            yield from line.stream.hang_up()
        return None

    def _connect(self, connection: Connection, wish: Wish, began: int) -> Generator[Wanted, Any, _Line]:
        addresses = yield from connection.look_up(*wish.place)
        found = connection.now()
        wish.marks.append(("dns", began, found))
        stream = yield from connection.dial_one_of(addresses)
        wish.marks.append(("connect", found, connection.now()))
        self._lines += 1
        return _Line(stream, wish.place, self._lines)

    def _request(self, wish: Wish) -> bytes:
        fields = list(wish.fields)
        if not self._keep_alive:
            fields.append((b"Connection", b"close"))
        if wish.content or wish.method in EXPECT_CONTENT:
            fields.append((b"Content-Length", b"%d" % len(wish.content)))
        return writer.request_head(wish.method, wish.target, fields)

    def _answer(
        self, connection: Connection, wish: Wish, line: _Line, reader: Reader, began: int
    ) -> Generator[Wanted, Any, bool]:
        """Read the answer, whose first byte ends the phase wait; gives whether the connection can be used again."""
        first = 0
        while True:
            event = reader.next_event(wish.method)
            if event is None:
                data = yield from line.stream.receive(AT_ONCE)
                if not first:
                    first = connection.now()
                    wish.marks.append(("wait", began, first))
                if not data and not wish.answer:
                    raise Gone
                wish.answer += data
                if len(wish.answer) > MOST:
                    raise HTTPError(f"the answer is longer than {MOST} bytes")
                reader.feed(data)
            elif isinstance(event, Response):
                wish.status, wish.response = event.status, event
                if event.status == 101:
                    raise HTTPError("the server switched protocols unasked")
            elif isinstance(event, Data):
                wish.body += event.data
            elif isinstance(event, EndOfMessage):
                assert wish.status is not None
                if wish.status < 200:
                    reader.next_message()
                    continue
                wish.marks.append(("receive", first, connection.now()))
                return self._can_go_on(wish, reader)

    def _can_go_on(self, wish: Wish, reader: Reader) -> bool:
        response = wish.response
        assert response is not None
        options = grammar.tokens(response.all(b"connection"))
        lasting = b"close" not in options and (response.version >= (1, 1) or b"keep-alive" in options)
        return self._keep_alive and lasting and reader.framing.kind != "close" and not reader.rest()


def _next_phase(wish: Wish) -> str:
    """The phase in which it came to an end."""
    seen = [name for name, _, _ in wish.marks]
    for name in ("connect", "send", "wait", "receive"):
        if name not in seen and not (name == "connect" and wish.number is not None):
            return name
    return "receive"
