"""One half of an exchange between a client and an origin: the answer on to the client (``hearing.py`` reads it,
``upload.py`` has the request's content).

Nothing is ever held whole: a piece is read when there is room for it on the other side, and large contents that nobody
needs to see are moved by the driver. The answer is framed anew from what was understood; where its content has no
length, a client of HTTP/1.1 gets it in chunks, and one of HTTP/1.0 until the connection ends (RFC 9112 section 6.3). An
answer that breaks off must never look complete.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from netlab.http import writer
from netlab.http.events import Data, EndOfMessage, Field, Request
from netlab.http.forwarding import trailers
from netlab.http.framing import Framing
from netlab.serve.connection import Connection, Gone, Late, Move, Send, Turn, Wanted
from netlab.serve.exchange import Steps
from netlab.serve.failure import Failed
from netlab.serve.hearing import SILENT, Answers
from netlab.serve.origin import Origin
from netlab.serve.tunnel import Carry

LARGE = 64 * 1024
"""Content that is moved unseen, if so much of it is still to come."""


class Slow(Exception):
    """The client takes nothing of the answer."""


class Passing:
    """Sends an answer to the client. ``sent`` counts what has left."""

    def __init__(
        self,
        connection: Connection,
        answers: Answers,
        origin: Origin,
        head: bytes,
        out: str,
        length: int,
        *,
        body_time: float,
        ended: bool = False,
        see: Callable[[bytes], None] | None = None,
        carry: Carry | None = None,
    ) -> None:
        self._connection, self._answers, self._origin = connection, answers, origin
        self._waiting = [head]
        """Not yet sent."""
        self._out = out
        """How the client knows the end: none, length, chunked or close."""
        self._length = length
        """Bytes of content that were promised, if ``out`` is none or length."""
        self._body_time, self._ended, self._see, self._carry = body_time, ended, see, carry
        """``_ended``: the client has closed its side. If it is gone altogether, its system says so when it gets the
        first bytes; so the head is sent alone, and the next bytes tell."""
        self._for_client = False
        """It is the client that holds up what is moved."""
        self.sent = 0
        self.content = 0

    def run(self) -> Steps:
        """Pass on head, content and trailers."""
        if self._ended:
            yield from self._flush()
            yield Turn()
        if self._carry is not None:
            yield from self._by_learner(self._carry)
            return
        connection, answers = self._connection, self._answers
        reader = answers.reader
        while True:
            event: Any = answers.ready()
            if event is None:
                yield from self._flush()
                connection.within(self._body_time)
                if self._see is None and reader.left >= LARGE:
                    yield from self._move(reader.left)
                    continue
                event = yield from answers.next_event()
            if type(event) is Data:
                self._add(event.data)
            else:
                break
        self._finish(event)
        yield from self._flush()

    def _add(self, data: bytes) -> None:
        if self._see is not None:
            self._see(data)
        self.content += len(data)
        self._waiting.append(writer.chunk(data) if self._out == "chunked" else data)

    def _finish(self, end: EndOfMessage) -> None:
        if self._out == "chunked":
            self._waiting.append(writer.last_chunk(trailers(end.trailers)))

    def _flush(self, more: bool = False) -> Steps:
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        self._waiting.clear()
        try:
            yield Send(data, True) if more else data
        except Late:
            raise Slow from None
        self.sent += len(data)

    def _move(self, length: int) -> Steps:
        """Have the driver pass on what is still to come of this content, or of this chunk."""
        chunked = self._out == "chunked"
        if chunked:
            self._waiting.append(b"%x\r\n" % length)
            yield from self._flush(more=True)
        try:
            moved = yield Move(self._origin.stream, None, length, self._moved, self._waits)
        except Late:
            if self._for_client:
                raise Slow from None
            raise Failed("http_response_incomplete", SILENT) from None
        except Gone as gone:
            if gone.stream is None:
                raise
            raise Failed("http_response_incomplete", "the origin has reset the connection") from None
        self._answers.reader.took(moved)
        if moved < length:
            raise Failed("http_response_incomplete", "the origin has closed the connection inside the content")
        if chunked:
            self._waiting.append(b"\r\n")

    def _moved(self, count: int) -> None:
        self.sent += count
        self.content += count

    def _waits(self, for_client: bool) -> None:
        """What is moved stands still: the origin and the client have times of their own."""
        connection, self._for_client = self._connection, for_client
        if not for_client:
            connection.within(self._body_time)
        elif connection.write_patience is not None:
            connection.deadline = connection.now() + connection.write_patience

    def _by_learner(self, carry: Carry) -> Steps:
        """Let a function of somebody else pass the content on, piece by piece."""
        end: list[EndOfMessage] = []
        yield from self._flush(more=True)
        yield from carry(_Content(self, end), _Client(self))  # type: ignore[arg-type]
        while not end:
            event = yield from self._answers.next_event()
            if isinstance(event, EndOfMessage):
                end.append(event)
        if self._out == "length" and self.content < self._length:
            text = f"this proxy's relay has passed on {self.content} of {self._length} bytes"
            raise Failed("proxy_internal_error", text, "RFC 9112 6.3")
        self._finish(end[0])
        yield from self._flush()


class _Content:
    """The content of an answer, for somebody who passes it on."""

    def __init__(self, passing: Passing, end: list[EndOfMessage]) -> None:
        self._passing, self._end = passing, end

    def receive(self) -> Generator[Wanted, Any, bytes]:
        passing = self._passing
        passing._connection.within(passing._body_time)
        if self._end:
            return b""
        event = yield from passing._answers.next_event()
        if isinstance(event, EndOfMessage):
            self._end.append(event)
            return b""
        if passing._see is not None:
            passing._see(event.data)
        return event.data


class _Client:
    """The client, for somebody who passes content on."""

    def __init__(self, passing: Passing) -> None:
        self._passing = passing

    def send(self, data: bytes) -> Steps:
        passing = self._passing
        passing.content += len(data)
        if passing._out in ("none", "length") and passing.content > passing._length:
            text = f"this proxy's relay sends more than the {passing._length} bytes"
            raise Failed("proxy_internal_error", text, "RFC 9112 6.3")
        passing._waiting.append(writer.chunk(bytes(data)) if passing._out == "chunked" else bytes(data))
        yield from passing._flush()


def way_out(how: Framing, request: Request) -> str:
    """How the client will know where the content ends."""
    if how.kind in ("chunked", "close"):
        return "chunked" if request.version >= (1, 1) else "close"
    return how.kind


def out_fields(how: Framing, out: str, without: Sequence[Field]) -> list[Field]:
    """Say so; ``without``: the fields of an answer that has no content."""
    if out == "length":
        return [(b"Content-Length", b"%d" % how.length)]
    if out == "chunked":
        return [(b"Transfer-Encoding", b"chunked")]
    return list(without) if out == "none" else []
