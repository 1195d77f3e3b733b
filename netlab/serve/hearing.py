"""What an origin says in answer to a request, and what the client says while it waits for that.

A client that goes away while the origin is silent is worth knowing of: nobody needs the answer any more, and the log
must not show one. So after a while both are listened to. A reset is plain. But a client that closes its side may
listen still: then the answer decides (see ``Answering.look_after_client``).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from netlab.errors import HTTPError
from netlab.http.events import Data, EndOfMessage, Request, Response
from netlab.http.reader import Limits, Reader
from netlab.serve.connection import LATER, SECOND, Connection, Gone, Late, Receive, Wanted
from netlab.serve.exchange import Steps
from netlab.serve.failure import Failed
from netlab.serve.origin import Origin

MOST_INTERIM = 32
"""Interim answers (1xx) before the final one."""
QUIET = SECOND // 10
"""ns without a word from the origin after which the client is listened to as well: one that has waited so long may have
given up. Most answers come earlier, and cost nothing more."""
SILENT = "the origin has sent nothing more of its answer for too long"


class Stale(Exception):
    """The origin had closed a connection that was used again, before it said anything: another one may do."""


class _Said(Exception):
    """The origin has said something at last."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class Answers:
    """What an origin says on one connection, in answer to one request.

    ``hear`` gets what the client says while the origin is silent, once: more of its requests, or ``b""`` when it has
    closed its side; None: somebody else listens to it.
    """

    def __init__(
        self,
        connection: Connection,
        origin: Origin,
        request: Request,
        head_limit: int,
        hear: Callable[[bytes], None] | None = None,
    ) -> None:
        self._connection, self._origin, self._request, self._hear = connection, origin, request, hear
        self.reader = Reader("client", Limits(head=head_limit))
        self.heard = False
        """It has said something."""
        self._later = Receive(65_536, origin.stream, True)

    def take(self, data: bytes) -> None:
        """Take what has been received already."""
        self.heard = True
        self.reader.feed(data)

    def head(self, interim: Callable[[Response], Steps]) -> Generator[Wanted, Any, Response]:
        """Read the head of the final answer; ``interim`` gets those before. Raises `Failed` and `Stale`."""
        reader, method, count = self.reader, self._request.method, 0
        try:
            while True:
                event = reader.next_event(method)
                if event is None:
                    data = yield from self._next()
                    if not data and not self.heard:
                        raise self._silent("the origin has closed the connection without an answer")
                    self.heard = True
                    reader.feed(data)
                elif isinstance(event, Response):
                    if event.status >= 200 or event.status == 101:
                        return event
                    count += 1
                    if count > MOST_INTERIM:
                        text = f"the origin has sent more than {MOST_INTERIM} interim answers"
                        raise Failed("http_protocol_error", text)
                    yield from interim(event)
                elif isinstance(event, EndOfMessage):
                    reader.next_message()
        except Gone as gone:
            if gone.stream is None:
                raise
            raise self._silent("the origin has reset the connection") from None
        except HTTPError as fault:
            large = fault.status_hint in (414, 431)
            kind = "http_response_header_section_size" if large else "http_protocol_error"
            raise Failed(kind, f"the origin's answer breaks a rule: {fault}", fault.rule) from None

    def _next(self) -> Generator[Wanted, Any, bytes]:
        """Wait for what the origin says next. A client that is reset meanwhile is `Gone`."""
        connection, hear = self._connection, self._hear
        until = connection.deadline
        said: bytes
        if hear is None or until is None:
            said = yield self._later
            return said
        connection.deadline = min(until, connection.now() + QUIET)
        try:
            said = yield self._later
            return said
        except Late:
            if connection.now() >= until:
                raise
        finally:
            connection.deadline = until
        self._hear = None
        try:
            yield from connection.together(self._from_client(hear), self._from_origin())
        except _Said as at_last:
            return at_last.data
        raise AssertionError("the origin's part ends by an exception only")

    def _from_client(self, hear: Callable[[bytes], None]) -> Steps:
        hear((yield LATER))

    def _from_origin(self) -> Steps:
        raise _Said((yield self._later))

    def _silent(self, reason: str) -> Exception:
        if self._origin.reused and not self.heard:
            return Stale(reason)
        return Failed("connection_terminated", reason)

    def ready(self) -> Data | EndOfMessage | None:
        """Give a piece of content, or the end, if it is here already; raises `Failed` for what breaks a rule."""
        try:
            event = self.reader.next_event()
        except HTTPError as fault:
            kind = "http_response_incomplete" if self.reader.ended else "http_protocol_error"
            raise Failed(kind, f"the origin's answer has broken off: {fault}", fault.rule) from None
        assert event is None or isinstance(event, Data | EndOfMessage)
        return event

    def next_event(self) -> Generator[Wanted, Any, Data | EndOfMessage]:
        """Give a piece of content, or the end; raises `Failed` when it breaks off."""
        try:
            while (event := self.ready()) is None:
                self.reader.feed((yield self._later))
        except Late:
            raise Failed("http_response_incomplete", SILENT) from None
        except Gone:
            raise Failed("http_response_incomplete", "the origin has reset the connection") from None
        return event
