"""What a forward proxy does with one connection: requests in absolute form in, the origin's answers out.

`forward` reads from top to bottom: read a head, dial the origin, pass the request on, read the answer as strictly as a
request, pass it on piece by piece, and begin again. Nothing is ever held whole in memory, and nothing that two readers
could understand differently leaves here: both messages are framed anew (RFC 9112 section 6.3). What goes wrong with the
origin is answered with a page and a Proxy-Status field (RFC 9209), never with silence.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan
from typing import Any

from netlab.errors import HTTPError, RemoteProtocolError
from netlab.http import framing, writer
from netlab.http.dates import write_date
from netlab.http.events import Data, EndOfMessage, Field, Request, Response
from netlab.http.forwarding import PSEUDONYM, came_from, end_to_end, inbound, outbound
from netlab.http.pages import PAGE_FIELDS, error_page
from netlab.http.reader import Limits, Reader
from netlab.serve.bounds import Bounds
from netlab.serve.connection import Connection, DialFailed, Gone, Handler, Late, Stream, Wanted
from netlab.serve.exchange import ASKED, AddRow, Exchange, Steps, asked, exchanges, keeps, linger, turn_away
from netlab.serve.log import NONE, ProxyRow

CONNECT_TIME, ANSWER_TIME = 5.0, 30.0
"""s for: connecting to the origin, name and all; its answer's head."""
ORIGIN_LIMITS = Limits(head=64 * 1024)
STATUS_OF = {"connection_timeout": 504, "dns_timeout": 504, "destination_ip_prohibited": 403}
"""Words of RFC 9209 section 2.3 → status; all others are 502."""


NOTHING = ProxyRow(
    *(0, "", "", "", "", NONE, 0, 0, nan, nan, nan, nan, nan, nan, nan, 0, "", "", "", "", "", NONE, NONE, 0, 1),
    *("", "", "", NONE, NONE, "", 0, ""),
)


@dataclass(slots=True)
class Relay:
    """What all connections of a proxy share."""

    log: AddRow
    wall: Callable[[], int]
    connect_timeout: float = CONNECT_TIME
    network: str = "live"
    pseudonym: bytes = PSEUDONYM
    bounds: Bounds = field(default_factory=Bounds)


class _Failed(Exception):
    """The exchange cannot be carried out: what the client is told."""

    def __init__(self, status: int, kind: str, reason: str, rule: str = "") -> None:
        super().__init__(reason)
        self.status, self.kind, self.reason, self.rule = status, kind, reason, rule


def forward(connection: Connection, relay: Relay) -> Handler:
    """Serve one connection."""
    if connection.full:

        def log(started_at: int, head: bytes, content: int) -> None:
            row = NOTHING._replace(
                started_at=started_at,
                client=connection.client,
                status=503,
                response_bytes=len(head) + content,
                total_ms=0.0,
                response_head_bytes=len(head),
                connection=connection.number,
                error="connection_limit_reached",
            )
            relay.log(row, b"", head)

        return turn_away(connection, relay.bounds, relay.wall, log)
    return exchanges(connection, relay.bounds, lambda reader, number: _Exchange(connection, relay, reader, number))


class _Exchange(Exchange):
    """One request, the origin, and the answer."""

    def __init__(self, connection: Connection, relay: Relay, reader: Reader, number: int) -> None:
        super().__init__(connection, reader, number, relay.wall, relay.bounds)
        self.relay = relay
        self.begun = False
        """The client has seen the first bytes of an answer."""
        self.status = 0
        self.origin: Stream | None = None
        self.head = b""
        """Of the answer, as the client got it."""
        self.marks: list[int] = []
        """When the phases ended: queue, connect, send, wait."""

    def run(self) -> Steps:
        """Forward one request; gives whether the connection goes on."""
        connection = self.connection
        keep, failed, gone = False, None, False
        try:
            self.request = yield from self.read_head()
            if self.request is None:
                return False
            self._mark()
            keep = yield from self._forward(self.request)
        except Late:
            if self.request is None and not self.received:
                return False  # it was only idle
            failed = _Failed(408, "http_request_error", "the request did not arrive in time", "RFC 9110 15.5.9")
        except _Failed as failure:
            failed = failure
        except RemoteProtocolError as fault:
            failed = _Failed(fault.status_hint, "http_request_error", str(fault), fault.rule)
        except Gone:
            gone = True
        if failed is not None:
            yield from self._tell(failed)
        if self.origin is not None:
            yield from self.origin.hang_up()
        error = "the client went away" if gone else failed.kind if failed else ""
        self._log(error, failed.rule if failed else "")
        if not keep and not gone:
            yield from linger(connection, self.bounds)
        self.reader.next_message()
        return keep

    def _forward(self, request: Request) -> Generator[Wanted, Any, bool]:
        self._check(request)
        origin = yield from self._dial(request)
        yield from self._send_request(request, origin)
        response, answers = yield from self._read_answer(request, origin)
        return (yield from self._relay_answer(request, response, answers, origin))

    def _check(self, request: Request) -> None:
        """What is not forwarded."""
        parts = request.parts
        if request.method == b"CONNECT":
            raise _Failed(501, "http_request_denied", "this proxy forwards http and opens no tunnels", "RFC 9110 9.3.6")
        if parts.form != "absolute":
            text = (
                "This is a proxy, and the request reads as if it were meant for a web server. Tell your program to use "
                f"http://{self.connection.server}/ as its HTTP proxy: curl -x {self.connection.server} http://…"
            )
            raise _Failed(400, "http_request_error", text, "RFC 9112 3.2.2")
        if parts.scheme != b"http":
            raise _Failed(
                421, "http_request_denied", f"only http can be forwarded, not {parts.scheme.decode()}", "RFC 9110 7.4"
            )
        if came_from(request, self.relay.pseudonym):
            raise _Failed(508, "proxy_loop_detected", "this request has passed here before", "RFC 9110 7.6.3")

    def _dial(self, request: Request) -> Generator[Wanted, Any, Stream]:
        parts, port = request.parts, request.parts.port or 80
        host = parts.host.decode("latin-1").strip("[]")
        self.connection.within(self.relay.connect_timeout)
        try:
            self.origin = yield from self.connection.dial(host, port)
        except DialFailed as failure:
            raise _Failed(
                STATUS_OF.get(failure.kind, 502), failure.kind, f"cannot connect to {host}: {failure}"
            ) from None
        except Late:
            text = f"cannot connect to {host} port {port} within {self.relay.connect_timeout:g} seconds"
            raise _Failed(504, "connection_timeout", text) from None
        self._mark()
        return self.origin

    def _send_request(self, request: Request, origin: Stream) -> Steps:
        """Pass the request on, its content as it comes."""
        target, fields = outbound(request, self.relay.pseudonym)
        how = self.reader.framing
        fields += _framing_fields(how)
        fields.append((b"Connection", b"close"))
        if request.get(b"expect") is not None and how.kind != "none" and request.version >= (1, 1):
            yield from self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            yield from origin.send(writer.request_head(request.method, target, fields))
            while not isinstance(event := self.reader.next_event(), EndOfMessage):
                self.connection.within(self.bounds.body_time)
                if isinstance(event, Data):
                    self.received += len(event.data)
                    yield from origin.send(writer.chunk(event.data) if how.kind == "chunked" else event.data)
                else:
                    self.reader.feed((yield from self.connection.receive()))
            if how.kind == "chunked":
                yield from origin.send(writer.last_chunk(end_to_end(event.trailers)))
        except Gone:
            raise _Failed(502, "connection_terminated", "the origin closed the connection") from None
        self._mark()

    def _read_answer(self, request: Request, origin: Stream) -> Generator[Wanted, Any, tuple[Response, Reader]]:
        """Read the answer's head; interim ones (1xx) are passed on at once, to clients that know them."""
        answers = Reader("client", ORIGIN_LIMITS)
        self.connection.within(ANSWER_TIME)
        try:
            while True:
                event = answers.next_event(request.method)
                if isinstance(event, Response) and 100 <= event.status < 200 and event.status != 101:
                    if request.version >= (1, 1):
                        head = writer.response_head(
                            event.status, inbound(event, self.relay.pseudonym), (1, 1), event.reason
                        )
                        yield from self.connection.send(head)
                elif isinstance(event, Response):
                    if event.status == 101:
                        raise _Failed(502, "http_upgrade_failed", "the origin switched protocols unasked")
                    self._mark()
                    return event, answers
                elif isinstance(event, EndOfMessage):
                    answers.next_message()
                else:
                    data = yield from origin.receive()
                    if not data:
                        raise _Failed(
                            502, "connection_terminated", "the origin closed the connection without an answer"
                        )
                    answers.feed(data)
        except Late:
            raise _Failed(504, "http_response_timeout", f"no answer within {ANSWER_TIME:g} seconds") from None
        except Gone:
            raise _Failed(502, "connection_terminated", "the origin reset the connection") from None
        except HTTPError as fault:
            kind = "http_response_header_section_size" if fault.status_hint in (414, 431) else "http_protocol_error"
            raise _Failed(
                502, kind, f"the origin's answer breaks a rule: {fault}", getattr(fault, "rule", "")
            ) from None

    def _relay_answer(
        self, request: Request, response: Response, answers: Reader, origin: Stream
    ) -> Generator[Wanted, Any, bool]:
        """Pass the answer on; gives whether the client's connection goes on."""
        connection = self.connection
        how = answers.framing
        keep = keeps(request) and not connection.stopping and self.reader.done
        chunked = how.kind in ("chunked", "close") and request.version >= (1, 1)
        keep = keep and (chunked or how.kind in ("length", "none"))
        fields = inbound(response, self.relay.pseudonym)
        if how.kind == "length":
            fields.append((b"Content-Length", b"%d" % how.length))
        elif how.kind == "none":
            fields += [(name, value) for name, value in response.fields if name.lower() == b"content-length"][:1]
        elif chunked:
            fields.append((b"Transfer-Encoding", b"chunked"))
        fields.append((b"Connection", b"keep-alive" if keep else b"close"))
        self.head = writer.response_head(response.status, fields, (1, 1), response.reason)
        yield from self._pass(self.head)
        self.begun, self.status = True, response.status
        try:
            while not isinstance(event := answers.next_event(), EndOfMessage):
                connection.within(self.bounds.body_time)
                if isinstance(event, Data):
                    yield from self._pass(writer.chunk(event.data) if chunked else event.data)
                else:
                    answers.feed((yield from origin.receive()))
        except (HTTPError, Late, Gone) as fault:
            raise _Failed(502, "http_response_incomplete", f"the answer broke off: {fault}") from None
        if chunked:
            yield from self._pass(writer.last_chunk(end_to_end(event.trailers)))
        return keep

    def _pass(self, data: bytes) -> Steps:
        self.sent += len(data)
        yield from self.connection.send(data)

    def _tell(self, failure: _Failed) -> Steps:
        """Answer with a page, if no answer has begun."""
        if self.begun:
            return
        self.status = failure.status
        page = error_page(failure.status, failure.reason, failure.rule)
        fields: list[Field] = [
            (b"Date", write_date(self.relay.wall() // 1_000_000_000)),
            *PAGE_FIELDS,
            (b"Proxy-Status", b"%s; error=%s" % (self.relay.pseudonym, failure.kind.encode())),
            (b"Content-Length", b"%d" % len(page)),
            (b"Connection", b"close"),
        ]
        head_only = self.request is not None and self.request.method == b"HEAD"
        self.connection.within(self.bounds.body_time)
        try:
            self.head = writer.response_head(failure.status, fields)
            yield from self._pass(self.head + (b"" if head_only else page))
        except (Gone, Late):
            pass

    # -- the row ----------------------------------------------------------------------------------------------------

    def _mark(self) -> None:
        """A phase is over."""
        self.marks.append(self.connection.now())

    def _log(self, error: str, rule: str) -> None:
        request = self.request
        ends = [self.started, *self.marks, self.connection.now()]
        phases = [(after - before) / 1e6 for before, after in pairwise(ends)]
        names = ("queue_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms")
        parts = request.parts if request else None
        row = NOTHING._replace(
            started_at=self.started_at,
            client=self.connection.client,
            status=self.status or NONE,
            request_bytes=self.received,
            response_bytes=self.sent,
            total_ms=sum(phases),
            upstream=f"{parts.host.decode()}:{parts.port or 80}" if parts and parts.host else "",
            upstream_ip=self.origin.address if self.origin else "",
            error=error,
            rule=rule,
            connection=self.connection.number,
            request=self.number,
            request_head_bytes=self.reader.head_bytes if request else NONE,
            response_head_bytes=len(self.head),
            **dict(zip(ASKED, asked(request), strict=True)),  # type: ignore[arg-type]
        )
        row = row._replace(**dict(zip(names, phases, strict=False)))  # type: ignore[arg-type]
        self.relay.log(row, self.reader.head if request else b"", self.head)


def _framing_fields(how: framing.Framing) -> list[Field]:
    """Say where a message ends, from what was understood and not from what was received."""
    if how.kind == "length":
        return [(b"Content-Length", b"%d" % how.length)]
    return [(b"Transfer-Encoding", b"chunked")] if how.kind == "chunked" else []
