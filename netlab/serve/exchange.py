"""What a web server and a proxy have in common: a connection carries requests, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Any

from netlab.http import grammar
from netlab.http.events import Request
from netlab.http.reader import Limits, Reader
from netlab.serve.connection import Connection, Gone, Handler, Late, Wanted

HEAD_TIME, IDLE_TIME, LINGER_TIME = 10.0, 5.0, 1.0
"""s for: a whole head; silence between requests; a last look (`linger`)."""
DRAIN = 64 * 1024
"""Bytes that are read and thrown away before a connection is given up."""

Steps = Generator[Wanted, Any, Any]


class Exchange(ABC):
    """One request and its answer; a server says in `run` what it does with it."""

    def __init__(self, connection: Connection, reader: Reader, number: int, wall: Callable[[], int]) -> None:
        self.connection, self.reader, self.number, self._wall = connection, reader, number, wall
        self.request: Request | None = None
        self.started, self.started_at = connection.now(), wall()
        self.received = self.sent = 0

    @abstractmethod
    def run(self) -> Steps:
        """Read, answer, log; gives whether the connection goes on."""

    def read_head(self) -> Generator[Wanted, Any, Request | None]:
        """Read a request's head; None: the client has closed between two requests."""
        connection, reader = self.connection, self.reader
        while True:
            event = reader.next_event()
            if isinstance(event, Request):
                self.received += reader.head_bytes
                return event
            data = yield from connection.receive()
            if not data:
                if not reader.fresh:
                    reader.feed(b"")
                    reader.next_event()
                return None
            if connection.idle:
                connection.idle = False
                connection.within(HEAD_TIME)
                self.started, self.started_at = connection.now(), self._wall()
            self.received = max(self.received, 1)
            reader.feed(data)


def exchanges(connection: Connection, limits: Limits, begin: Callable[[Reader, int], Exchange]) -> Handler:
    """Serve one connection: exchange after exchange, as long as both sides want it to last."""
    reader, number = Reader("server", limits), 0
    try:
        while True:
            connection.idle = number > 0 and reader.fresh
            connection.within(IDLE_TIME if connection.idle else HEAD_TIME)
            number += 1
            if not (yield from begin(reader, number).run()):
                return
    except Gone:
        return


def linger(connection: Connection) -> Steps:
    """Stop sending, then read a little more: closing at once would reset the connection, and the answer with it
    (RFC 9112 section 9.6)."""
    read = 0
    connection.within(LINGER_TIME)
    try:
        yield from connection.half_close()
        while read < DRAIN:
            data = yield from connection.receive()
            if not data:
                return
            read += len(data)
    except (Late, Gone):
        return


def keeps(request: Request) -> bool:
    """Whether the client wants the connection to last (RFC 9112 section 9.3)."""
    options = grammar.tokens(request.all(b"connection"))
    return b"close" not in options and (request.version >= (1, 1) or b"keep-alive" in options)


def escaped(data: bytes) -> str:
    r"""Give bytes as a text that can be logged: control characters, quotes and backslashes as \xNN."""
    return "".join(chr(b) if 0x20 <= b < 0x7F and b not in (0x22, 0x5C) else f"\\x{b:02x}" for b in data)
