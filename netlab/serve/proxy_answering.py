"""What a proxy knows of an exchange, how it answers, and what it notes: the row that every request makes."""

from __future__ import annotations

import re
import traceback
from collections.abc import Generator
from os.path import basename
from typing import Any

from netlab.errors import LocalProtocolError
from netlab.http import writer
from netlab.http.events import Field, Request
from netlab.http.reader import USERINFO, Reader
from netlab.serve.connection import SECOND, Connection, Gone, Late, Send, Turn, Wanted
from netlab.serve.exchange import Exchange, Steps, keeps
from netlab.serve.failure import Failed, page
from netlab.serve.origin import Origin
from netlab.serve.passing import Slow
from netlab.serve.phases import Phases
from netlab.serve.proxy_settings import Proxy
from netlab.serve.tunnel import Tunnel
from netlab.serve.upload import Upload

SECRET = re.compile(rb"(?im)^(proxy-authorization[ \t]*:[ \t]*)(?:[^\r\n]|\r?\n[ \t])+")
HIDDEN = rb"\1(left out)"
HEAD_END = b"\r\n\r\n"
ALL_HERE = ("none", "tunnel")
"""Framings of requests whose end is that of their head."""


Resumed = tuple[Origin, bytes, Exception | None, int, int]
"""Where a request was sent to, what has come of the answer, what has gone wrong, and when sending it began and ended
(0: it did not end)."""


class Answering(Exchange):
    """One request, the origin, and the answer."""

    __slots__ = (
        "_phases", "_proxy", "answered_at", "attempt", "begun", "cached", "client_ended", "close_reason",
        "forwarded_head", "framing", "head", "keep", "mark", "origin", "origin_address", "origin_head", "reason",
        "resumed", "reused", "status", "tunnel", "upload", "upstream",
    )  # fmt: skip

    def __init__(self, connection: Connection, proxy: Proxy, reader: Reader, number: int) -> None:
        super().__init__(connection, reader, number, proxy.wall, proxy.bounds)
        self._proxy = proxy
        self._phases = Phases(connection.now)
        self.begun = False
        """The client has seen the first bytes of a final answer."""
        self.status, self.reason, self.framing = 0, b"", ""
        """Of the answer."""
        self.keep = False
        self.close_reason = ""
        self.origin: Origin | None = None
        """The connection to it, while it is ours."""
        self.upstream, self.origin_address, self.reused, self.attempt = "", "", False, 1
        self.head = self.origin_head = self.forwarded_head = b""
        """The answer's head as the client got it, and as it came; the request's as it went on."""
        self.upload: Upload | None = None
        """The request's content on its way, if it has one."""
        self.cached = ""
        self.mark = ""
        """What is worth noting, although it was no fault."""
        self.answered_at = 0
        self.tunnel: Tunnel | None = None
        self.client_ended = False
        """It has closed its side while it waited. It may be gone, or listen still: TCP does not tell."""
        self.resumed: Resumed | None = None
        """The request has been sent already."""

    def take_known(self, request: Request) -> None:
        """Take a request that was read elsewhere."""
        self.connection.idle = False
        self.started, self.started_at = self.connection.now(), self._proxy.wall()
        self.connection.deadline = self.started + self.bounds.head_ns
        self.request, self.received, self.head_at = request, self.reader.head_bytes, self.started

    def _is_complete(self) -> bool:
        """Whether the whole request has been read."""
        return self.reader.framing.kind in ALL_HERE if self.upload is None else self.upload.done

    def _keeps(self, request: Request) -> bool:
        return keeps(request) and not self.connection.stopping

    def _second(self) -> int:
        return self._proxy.wall() // SECOND

    # -- answers ----------------------------------------------------------------------------------------------------

    def _send_whole(
        self, request: Request, status: int, reason: bytes | None, fields: list[Field], content: Any, out: str
    ) -> Steps:
        """Send an answer that is all here."""
        self.keep = self._keeps(request) and self._is_complete()
        self._phases.begin("receive")
        self.answered_at = self.connection.now()
        self._begin_answer(request, status, reason, fields, out)
        yield from self._to_client(b"".join([self.head, *content]))

    def _begin_answer(self, request: Request, status: int, reason: bytes | None, fields: list[Field], out: str) -> None:
        if not self.keep:
            fields.append((b"Connection", b"close"))
        elif request.version < (1, 1):
            fields.append((b"Connection", b"keep-alive"))
        self.head = writer.response_head(status, fields, (1, 1), reason)
        self.begun, self.status, self.framing = True, status, out
        self.reason = writer.REASONS.get(status, b"") if reason is None else reason

    def _to_client(self, data: bytes) -> Steps:
        self.connection.within(self.bounds.write_time)
        try:
            yield data
        except Late:
            raise Slow from None
        self.sent += len(data)

    # -- what goes wrong --------------------------------------------------------------------------------------------

    def _late(self) -> Failed:
        """Say who was too slow."""
        if self.request is None:
            return _slow_client("head")
        waits_for = self.upload.waits_for if self.upload else ""
        if waits_for == "client":
            return _slow_client("content")
        if waits_for == "origin" and self.upload and not self.upload.broken:
            return Failed("http_response_timeout", "the origin takes nothing of your client's request")
        text = f"the origin has sent no answer within {self._proxy.bounds.answer_time:g} seconds"
        return Failed("http_response_timeout", text)

    def hear(self, data: bytes) -> None:
        """Take what the client says while it waits."""
        if data:
            self.reader.feed(data)  # its next request: that has time
        else:
            self.client_ended = True

    def look_after_client(self, failure: Failed | None) -> Generator[Wanted, Any, str]:
        """One that has closed its side has been sent its answer. If it was gone, its system has answered that with a
        reset by now, if it is near, and nothing can be sent any more; gives what the log says then."""
        try:
            yield Turn()
            yield Send(b"")
        except Gone:
            self.begun = False
            if failure is not None:
                self.close_reason = _for_log(failure.reason)
            return self._gone()
        self.keep, self.close_reason = False, self.close_reason or "the client closed its side while it waited"
        return ""

    def _gone(self) -> str:
        """Give what the log says of a client that is gone. nginx has the status 499 for one that did not wait for its
        answer; in HTTP there is none, for there was no answer."""
        if self.begun and not (self.client_ended and self.sent <= len(self.head)):
            return "the client went away"
        self.keep, self.status, self.reason, self.framing, self.head = False, 0, b"", "", b""
        self.sent = self.answered_at = 0
        return "the client went away before there was an answer" if self.request is not None else "the client went away"

    def _fault(self, fault: Exception) -> tuple[Failed, str]:
        """An exception in here: the client learns a number, the log what happened."""
        where = traceback.extract_tb(fault.__traceback__)[-1]
        number = f"{self.connection.number}.{self.number}"
        rule = fault.rule if isinstance(fault, LocalProtocolError) else ""
        error = f"fault {number}: {type(fault).__name__}: {fault} ({basename(where.filename)}, line {where.lineno})"
        text = f"this is fault {number}; the log of this proxy says more"
        return Failed("proxy_internal_error", text, rule or "RFC 9110 15.6.1"), error

    def _tell(self, failure: Failed) -> Generator[Wanted, Any, bool]:
        """Answer with a page, if no answer has begun; gives whether the connection goes on."""
        if not self.close_reason and (self.begun or failure.kind == "http_request_error"):
            self.close_reason = _for_log(failure.reason)
        if self.begun:
            return False
        request = self.request
        keep = (
            request is not None and failure.kind != "http_request_error" and self._is_complete()
            and self.reader.framing.kind != "tunnel" and self._keeps(request)
        )  # fmt: skip
        if keep:
            self.reader.next_event()
        fields, content = page(failure, self._proxy.pseudonym, self._second())
        fields.append((b"Connection", b"keep-alive" if keep else b"close"))
        without = request is not None and request.method == b"HEAD"
        self.head = writer.response_head(failure.status, fields)
        self.begun, self.status, self.framing = True, failure.status, "none" if without else "length"
        self.reason = writer.REASONS.get(failure.status, b"")
        try:
            yield from self._to_client(self.head + (b"" if without else content))
        except (Gone, Slow):
            return False
        return keep

    # -- the log ----------------------------------------------------------------------------------------------------

    def note(self, error: str, rule: str = "") -> None:
        """Write the row."""
        request, connection, tunnel, reader = self.request, self.connection, self.tunnel, self.reader
        up, down = (tunnel.up, tunnel.down) if tunnel else (-1, -1)
        said: Request | bytes | None = request
        head = reader.head + HEAD_END if reader.head_bytes else reader.so_far
        if request is None:  # refused, or cut off: the row shows what there is of it
            said = head = USERINFO.sub(b"(left-out)@", SECRET.sub(HIDDEN, head))
            self.received = reader.head_bytes or len(reader.so_far)
        elif b"proxy-authorization" in request.index:
            head = SECRET.sub(HIDDEN, head)
        record = (
            self.started_at, connection.client, said, self.reason, self.cached, self.status, self.received,
            self.sent, self._phases.end(), self.started, self.head_at, self.answered_at, self.reused, self.upstream,
            self.origin_address, error, rule or self.mark, up, down, connection.number, self.number,
            reader.head_bytes or -1, len(self.head), self.framing, self.keep,
            self.close_reason or error, self.attempt,
        )  # fmt: skip
        self._proxy.note(record, head, self.head, self.forwarded_head, self.origin_head)


def _for_log(reason: str) -> str:
    """A reason as those say it who are not the client."""
    return reason.replace("your client", "the client")


def _slow_client(part: str) -> Failed:
    text = f"the {part} of your client's request did not arrive within its time"
    return Failed("http_request_error", text, "RFC 9110 15.5.9", 408)
