"""What a web server does with one connection: requests in, files out (RFC 9110, RFC 9112).

`serve` reads from top to bottom: read a head under a deadline, answer it, drop what is left of the request, and begin
again while both sides want the connection to last. Whatever is wrong with a request is answered with the rule that it
breaks, and a row says so; then the connection is closed in such a way that the other side can still read the answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from netlab.errors import HTTPError, RemoteProtocolError
from netlab.http.dates import read_date, write_date
from netlab.http.events import Data, EndOfMessage, Field, Request
from netlab.http.media import media_type
from netlab.http.pages import PAGE_FIELDS, error_page, listing_page
from netlab.http.paths import Path, map_path
from netlab.http.reader import Limits, Reader
from netlab.http.writer import response_head
from netlab.serve.connection import Connection, Gone, Handler, Late, Wanted
from netlab.serve.exchange import DRAIN, Exchange, Steps, escaped, exchanges, keeps, linger
from netlab.serve.files import Directory, Opened, Refusal

BODY_TIME, WRITE_TIME = 20.0, 20.0
"""s for a request's content, and for a piece of an answer."""
SMALL = 64 * 1024
"""A file up to this size leaves in one piece with its head: one system call, one segment."""
METHODS = (b"GET", b"HEAD", b"OPTIONS")
KNOWN = (*METHODS, b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT")
ALLOW: Field = (b"Allow", b", ".join(METHODS))

Row = dict[str, Any]


@dataclass(slots=True)
class Site:
    """What all connections of a server share."""

    directory: Directory
    log: Callable[[Row], None]
    wall: Callable[[], int]
    """Wall-clock ns."""
    network: str = "live"
    limits: Limits = field(default_factory=Limits)
    map_path: Callable[[bytes], Path] = map_path
    """A learner's own may stand here."""


@dataclass(slots=True)
class Answer:
    """A response as decided, before it is sent."""

    status: int
    fields: list[Field]
    content: bytes = b""
    file: Opened | None = None
    close: bool = False
    rule: str = ""
    error: str = ""

    @property
    def length(self) -> int:
        return self.file.size if self.file else len(self.content)


def serve(connection: Connection, site: Site) -> Handler:
    """Serve one connection."""
    return exchanges(connection, site.limits, lambda reader, number: _Exchange(connection, site, reader, number))


class _Exchange(Exchange):
    """One request and its answer."""

    def __init__(self, connection: Connection, site: Site, reader: Reader, number: int) -> None:
        super().__init__(connection, reader, number, site.wall)
        self.site = site

    def run(self) -> Steps:
        """Read, answer, log; gives whether the connection goes on."""
        connection = self.connection
        try:
            request = yield from self.read_head()
            if request is None:
                return False
            self.request = request
            answer = self._answer(request)
        except Late:
            if not self.received:
                return False  # it was only idle
            answer = _refused(408, "the head did not arrive within its time", "RFC 9110 15.5.9")
        except RemoteProtocolError as fault:
            answer = _refused(fault.status_hint, str(fault), fault.rule)
        keep = not answer.close and self.request is not None and keeps(self.request) and not connection.stopping
        connection.within(WRITE_TIME)
        head_only = self.request is not None and self.request.method == b"HEAD"
        answered = self.started
        try:
            if keep and self.request is not None:
                keep = yield from self._drop_content()
            answered = connection.now()
            yield from self._send(answer, keep, head_only)
        except (Late, Gone) as gone:
            why = "sent too slowly" if isinstance(gone, Late) else str(gone) or "the client went away"
            self._log(answer, answered, why)
            return False
        finally:
            if answer.file:
                os.close(answer.file.descriptor)
        self._log(answer, answered, answer.error)
        if not keep:
            yield from linger(self.connection)
        self.reader.next_message()
        return keep

    def _drop_content(self) -> Generator[Wanted, Any, bool]:
        """Read the rest of the request, up to `DRAIN` bytes; gives whether it was all there."""
        reader, dropped = self.reader, 0
        if reader.framing.kind == "none":
            reader.next_event()
            return True
        self.connection.within(BODY_TIME)
        try:
            while dropped <= DRAIN:
                event = reader.next_event()
                if isinstance(event, EndOfMessage):
                    return True
                if isinstance(event, Data):
                    dropped += len(event.data)
                    continue
                data = yield from self.connection.receive()
                reader.feed(data)
        except (HTTPError, Late):
            pass
        return False

    # -- what to answer ---------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Answer:
        """Decide the response."""
        if request.parts.form == "absolute" and request.parts.scheme != b"http":
            return _refused(421, "this server speaks plain http", "RFC 9110 7.4", close=False)
        if request.method not in METHODS:
            if request.method in KNOWN:
                return _refused(405, "files can only be looked at here", "RFC 9110 15.5.6", [ALLOW], close=False)
            return _refused(
                501, f"the method {request.method.decode()} is not known here", "RFC 9110 15.6.2", close=False
            )
        if request.method == b"OPTIONS":
            return Answer(204, [ALLOW])
        try:
            return self._found(request, self.site.map_path(request.parts.path))
        except Refusal as refusal:
            return _refused(refusal.status, refusal.reason, close=False)
        except RemoteProtocolError as fault:
            return _refused(fault.status_hint, str(fault), fault.rule, close=False)

    def _found(self, request: Request, path: Path) -> Answer:
        opened = self.site.directory.open(path.names, path.folder)
        if opened is None:
            raw, _, query = request.parts.path.partition(b"?")
            where = b"/" + raw.lstrip(b"/") + b"/" + (b"?" + query if query else b"")
            return Answer(301, [(b"Location", where)])
        if not isinstance(opened, Opened):
            shown = "/" + "/".join(path.names) + ("/" if path.names else "")
            shown += "?" + path.query.decode("latin-1") if path.query else ""
            return Answer(200, [*PAGE_FIELDS, (b"Cache-Control", b"no-cache")], listing_page(shown, opened.entries))
        return self._file(request, opened)

    def _file(self, request: Request, opened: Opened) -> Answer:
        seconds = opened.modified_ns // 1_000_000_000
        fields: list[Field] = [(b"Cache-Control", b"no-cache")]
        tag = b""
        if seconds > 1:  # containers and Nix set every time to 0 or 1: that tells nothing
            tag = b'"%x-%x-%x"' % (opened.modified_ns, opened.size, opened.inode)
            fields.append((b"ETag", tag))
        if _unchanged(request, tag, seconds, self.site.wall() // 1_000_000_000):
            os.close(opened.descriptor)
            return Answer(304, fields)
        fields += [
            (b"Content-Type", media_type(opened.name)),
            (b"X-Content-Type-Options", b"nosniff"),
            (b"Last-Modified", write_date(seconds)),
        ]
        return Answer(200, fields, file=opened)

    # -- sending ----------------------------------------------------------------------------------------------------

    def _send(self, answer: Answer, keep: bool, head_only: bool) -> Steps:
        connection = self.connection
        fields = [(b"Date", write_date(self.site.wall() // 1_000_000_000)), (b"Server", b"netlab"), *answer.fields]
        if answer.status not in (204, 304):
            fields.append((b"Content-Length", b"%d" % answer.length))
        if not keep:
            fields.append((b"Connection", b"close"))
        elif self.request is not None and self.request.version < (1, 1):
            fields.append((b"Connection", b"keep-alive"))
        head = response_head(answer.status, fields)
        self.sent = len(head)
        empty = head_only or answer.status in (204, 304)
        if answer.file and not empty:
            yield from self._send_file(head, answer.file)
            return
        content = b"" if empty else answer.content
        yield from connection.send(head + content)
        self.sent += len(content)

    def _send_file(self, head: bytes, file: Opened) -> Steps:
        connection = self.connection
        if file.size <= SMALL:
            data = os.pread(file.descriptor, file.size, 0)
            yield from connection.send(head + data)
            sent = len(data)
        else:
            yield from connection.send(head, more=True)
            sent = 0
            while sent < file.size:
                connection.within(WRITE_TIME)
                part = yield from connection.send_file(file.descriptor, sent, min(file.size - sent, 1 << 20))
                if part == 0:
                    break
                sent += part
        self.sent += sent
        if sent < file.size:
            raise Gone("the file became shorter while it was sent")  # the promised length cannot be kept

    def _log(self, answer: Answer, answered: int, error: str) -> None:
        now, request = self.connection.now(), self.request
        wait, receive = (answered - self.started) / 1e6, (now - answered) / 1e6
        self.site.log(
            {
                "started_at": self.started_at,
                "client": self.connection.client,
                "method": request.method.decode() if request else "",
                "target": escaped(request.target) if request else "",
                "version": f"HTTP/{request.version[0]}.{request.version[1]}" if request else "",
                "status": answer.status,
                "request_bytes": self.received,
                "response_bytes": self.sent,
                "wait_ms": wait,
                "receive_ms": receive,
                "total_ms": wait + receive,
                "reused": self.number > 1,
                "error": error,
                "rule": answer.rule,
                "connection": self.connection.number,
                "request": self.number,
                "network": self.site.network,
                "referer": escaped(request.get(b"referer") or b"") if request else "",
                "user_agent": escaped(request.get(b"user-agent") or b"") if request else "",
            }
        )


def _unchanged(request: Request, tag: bytes, seconds: int, now: int) -> bool:
    """Whether the client has this already: If-None-Match, else If-Modified-Since (RFC 9110 section 13.2.2)."""
    known = request.all(b"if-none-match")
    if known:
        wanted = [each.strip(b" \t").removeprefix(b"W/") for value in known for each in value.split(b",")]
        return b"*" in wanted or (tag != b"" and tag in wanted)
    since = request.get(b"if-modified-since")
    at = read_date(since, now) if since else None
    return at is not None and seconds <= at


def _refused(status: int, reason: str, rule: str = "", fields: list[Field] | None = None, close: bool = True) -> Answer:
    page = error_page(status, reason, rule)
    return Answer(status, [*PAGE_FIELDS, *(fields or [])], page, close=close, rule=rule, error=reason)
