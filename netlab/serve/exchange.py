"""What a web server and a proxy have in common: a connection carries requests, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from functools import lru_cache
from sys import intern
from typing import Any

from netlab.http import grammar
from netlab.http.dates import write_date
from netlab.http.events import Data, EndOfMessage, Field, Request
from netlab.http.framing import NONE as NO_CONTENT
from netlab.http.framing import Framing
from netlab.http.pages import PAGE_FIELDS, error_page
from netlab.http.reader import Reader
from netlab.http.writer import response_head
from netlab.serve.bounds import Bounds
from netlab.serve.connection import LATER, SECOND, Connection, Gone, Handler, Late, Receive, Wanted

RETRY_AFTER = 1
"""s after which somebody who found the server full may come again."""

RETRY: Field = (b"Retry-After", b"%d" % RETRY_AFTER)

EAGER = Receive(65_536)
NOTHING = (NO_CONTENT, Framing("length", 0))

SHOWN = 1_024
"""Characters of a target, and of any other text of a request, that the log shows; the heads of the latest have all."""

Steps = Generator[Wanted, Any, Any]
AddRow = Callable[..., None]
"""Takes a row of the log with the heads of request and response."""
LogRefusal = Callable[[int, bytes, int], None]
"""Logs somebody who was turned away: wall-clock ns, the answer's head, bytes of its content."""
ParseHead = Callable[[bytes], Request]


class Exchange(ABC):
    """One request and its answer; a server says in `run` what it does with it."""

    __slots__ = (
        "_wall", "begun", "bounds", "connection", "head_at", "number", "reader", "received", "request", "sent",
        "started", "started_at",
    )  # fmt: skip

    def __init__(
        self, connection: Connection, reader: Reader, number: int, wall: Callable[[], int], bounds: Bounds
    ) -> None:
        self.connection, self.reader, self.number, self._wall = connection, reader, number, wall
        self.bounds = bounds
        self.request: Request | None = None
        self.begun = connection.now()
        """When somebody began to wait for it, on the connection's clock."""
        self.started = self.started_at = 0
        """When its first byte came: on the connection's clock, and wall-clock ns."""
        if not connection.idle:
            self.started, self.started_at = self.begun, wall()
        self.head_at = 0
        """When the head was complete."""
        self.received = self.sent = 0

    @abstractmethod
    def run(self) -> Steps:
        """Read, answer, log; gives whether the connection goes on."""

    def read_head(self) -> Generator[Wanted, Any, Request | None]:
        """Read a request's head; None: the client has closed between two requests."""
        reader = self.reader
        request = None if reader.fresh else self.take(b"")
        wanted = LATER if self.number > 1 else EAGER
        while request is None:
            data = yield wanted
            if not data and reader.fresh:
                return None
            request, wanted = self.take(data, ended=not data), EAGER
        return request

    def take(self, data: bytes, ended: bool = False) -> Request | None:
        """Take what came in; None: the head is not complete."""
        connection, reader = self.connection, self.reader
        if not self.received:  # its first bytes: browsers open connections long before they have something to ask
            idle, deadline, now = connection.idle, connection.deadline, connection.now()
            if idle or now > self.begun:
                self.started, self.started_at = now, self._wall()
            if idle:
                connection.idle = False
                connection.deadline = now + self.bounds.head_ns
        event: Any = reader.again(data)
        if event is None:
            self.received = self.received or 1
            if data or ended:
                reader.feed(data)
            event = reader.next_event()
            if type(event) is not Request:
                if reader.fresh:  # empty lines (RFC 9112 section 2.2): nothing of a request has come yet
                    self.received, connection.idle, connection.deadline = 0, idle, deadline
                return None
        self.received = reader.head_bytes
        self.head_at = connection.now()
        request: Request = event
        return request

    def expects_more(self) -> bool:
        """Whether the client waits for a word before it sends the rest (RFC 9110 section 10.1.1)."""
        request = self.request
        return (
            request is not None
            and request.version >= (1, 1)
            and self.reader.framing not in NOTHING
            and bool(request.all(b"expect"))
        )

    def drop_content(self) -> Generator[Wanted, Any, bool]:
        """Read the rest of the request and throw it away, up to a limit; gives whether it was all there."""
        reader, dropped, began = self.reader, 0, self.connection.now()
        if reader.framing.kind == "none":
            reader.next_event()
            return True
        while dropped <= self.bounds.drain:
            event = reader.next_event()
            if isinstance(event, EndOfMessage):
                return True
            if isinstance(event, Data):
                dropped += len(event.data)
                self.received += len(event.data)
                continue
            self.connection.deadline = self.body_deadline(began, dropped)
            reader.feed((yield from self.connection.receive()))
        return False

    def body_deadline(self, began: int, received: int) -> int:
        """Until when the next piece of content must be there: neither silence nor a trickle may last."""
        bounds = self.bounds
        silent = self.connection.now() + int(bounds.body_time * SECOND)
        if not bounds.body_rate:
            return silent
        return min(silent, began + int((bounds.body_time + received / bounds.body_rate) * SECOND))


def turn_away(connection: Connection, bounds: Bounds, wall: Callable[[], int], log: LogRefusal) -> Handler:
    """Tell somebody that there are too many connections (RFC 9110 sections 15.6.4 and 10.2.3)."""
    started_at = wall()
    connection.within(bounds.linger_time)
    page = error_page(503, "too many connections are open")
    fields: list[Field] = [
        (b"Date", write_date(started_at // SECOND)),
        *PAGE_FIELDS,
        RETRY,
        (b"Content-Length", b"%d" % len(page)),
        (b"Connection", b"close"),
    ]
    head = response_head(503, fields)
    log(started_at, head, len(page))
    try:
        yield from connection.send(head + page)
        yield from linger(connection, bounds)
    except (Gone, Late):
        return


def linger(connection: Connection, bounds: Bounds) -> Steps:
    """Stop sending, then read a little more: closing at once would reset the connection, and the answer with it
    (RFC 9112 section 9.6)."""
    read = 0
    connection.within(bounds.linger_time)
    try:
        yield from connection.half_close()
        while read < bounds.drain:
            data = yield from connection.receive()
            if not data:
                return
            read += len(data)
    except (Late, Gone):
        return


def keeps(request: Request) -> bool:
    """Whether the client wants the connection to last (RFC 9112 section 9.3)."""
    if b"connection" not in request.index:
        return request.version >= (1, 1)
    options = grammar.tokens(request.all(b"connection"))
    return b"close" not in options and (request.version >= (1, 1) or b"keep-alive" in options)


Asked = tuple[str, str, str, str, str, str]
"""What the log says of a request: method, target, version, referer, user agent, range."""
ASKED = ("method", "target", "version", "referer", "user_agent", "range")
NOTHING_ASKED: Asked = ("", "", "", "", "", "")


def asked(request: Request | None) -> Asked:
    """Give the part of a row that the request's head gives."""
    if request is None:
        return NOTHING_ASKED
    find = request.index.get
    referer, user_agent, wanted = find(b"referer"), find(b"user-agent"), find(b"range")
    return (
        intern(shown(request.method)),
        shown(request.target),
        VERSIONS[request.version],
        shown(referer[0]) if referer else "",
        shown(user_agent[0]) if user_agent else "",
        shown(wanted[0]) if wanted else "",
    )


def asked_by_bytes(head: bytes) -> Asked:
    """Give what the first line of a refused head says, if it can be read; the rest is not to be trusted."""
    line = grammar.REQUEST_LINE.fullmatch(head.partition(b"\r\n")[0])
    if not line:
        return NOTHING_ASKED
    return (shown(line[1]), shown(line[2]), line[3].decode(), "", "", "")


VERSIONS = {(1, 1): "HTTP/1.1", (1, 0): "HTTP/1.0"}


def shown(data: bytes) -> str:
    """Give as much of a text of a request as the log has room for."""
    text = escaped(data[:SHOWN])
    return text if len(data) <= SHOWN and len(text) <= SHOWN else text[:SHOWN] + "…"


@lru_cache(1024)
def escaped(data: bytes) -> str:
    r"""Give bytes as a text that can be logged: control characters, quotes and backslashes as \xNN."""
    text = data.decode("latin-1")
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(map(ESCAPES.__getitem__, data))


ESCAPES = [chr(b) if 0x20 <= b < 0x7F and b not in b'"\\' else f"\\x{b:02x}" for b in range(256)]
