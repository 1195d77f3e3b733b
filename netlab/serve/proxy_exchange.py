"""One exchange of a proxy, in the usual way: a request, the origin, and the answer.

`ProxyExchange.run` reads from top to bottom: read the head, refuse what is to be refused, answer out of the cache or
fetch, and note the row. What goes wrong on the way is an exception, `Failed` with a word of RFC 9209, and becomes a
page if nothing of an answer has left yet.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from netlab.errors import RemoteProtocolError
from netlab.http import forwarding, writer
from netlab.http.cache import Decision, target_uri
from netlab.http.cache_answers import Answer
from netlab.http.dates import write_date
from netlab.http.events import EndOfMessage, Field, Request, Response
from netlab.http.forwarding import IDEMPOTENT, METHODS, end_to_end
from netlab.serve.access import host_of, is_local
from netlab.serve.connection import LATER, Gone, Late, Send, Wanted
from netlab.serve.exchange import Steps, keeps, linger
from netlab.serve.failure import Failed
from netlab.serve.hearing import Answers, Stale
from netlab.serve.known import SHORT, Hit, KnownAnswer, Plan
from netlab.serve.origin import Origin
from netlab.serve.passing import Passing, Slow, out_fields, way_out
from netlab.serve.proxy_answering import HEAD_END, Answering
from netlab.serve.refusing import admit, check, check_tunnel
from netlab.serve.tunnel import Tunnel
from netlab.serve.upload import Upload

OF_THIS_MACHINE = b"#this-machine"
"""Added to the key of what clients on this machine get: they may reach what others may not (``guard.py``), and a hit
must not hand it to those."""


class _Early(Exception):
    """The whole answer has come before the whole request has been sent: nobody needs the rest."""


class _Answered(Exception):
    """The whole answer has been passed on: nobody needs to listen to the client any more."""


class ProxyExchange(Answering):
    """Carries it out, in the usual way."""

    __slots__ = ()

    def _read_request(self, data: bytes | None) -> Generator[Wanted, Any, Request | None]:
        """Read a head; ``data`` has been received already."""
        if self.request is None and data is not None:
            if not data and self.reader.fresh:
                return None
            self.request = self.take(data, ended=not data)
        return self.request or (yield from self.read_head())

    def run(self, data: bytes | None = None) -> Steps:
        """Carry out one request; gives whether the connection goes on. ``data`` has been received already."""
        failure: Failed | None = None
        error = ""
        try:
            self.request = yield from self._read_request(data)
            if self.request is None:
                return False
            self._phases.start(self.started)
            self.keep = yield from self._serve(self.request)
        except Late:
            if self.request is None and not self.received:
                return False  # it was only idle
            failure = self._late()
        except Failed as failed:
            failure = failed
        except RemoteProtocolError as fault:
            failure = Failed("http_request_error", f"your client's request: {fault}", fault.rule, fault.status_hint)
        except Slow:
            error, self.keep = "the client took nothing of the answer for too long", False
        except Gone:
            error, self.keep = self._gone(), False
        except GeneratorExit:
            if self.received:
                self.note("the proxy was stopped")
            raise
        except Exception as fault:  # ours, or a learner's: the others must not feel it
            failure, error = self._fault(fault)
        if self.request is None:
            self._phases.start(self.started)  # all the time went into reading a head
        if failure is not None:
            self.keep = yield from self._tell(failure)
        if self.origin is not None:
            yield from self.origin.hang_up()
        if self.client_ended and not error and self.tunnel is None:
            error = yield from self.look_after_client(failure)
        self.note(error or (failure.kind if failure else ""), failure.rule if failure else "")
        if not self.keep and not error.startswith("the client") and self.tunnel is None:
            yield from linger(self.connection, self.bounds)
        self.reader.next_message()
        return self.keep

    def refuse(self, failure: Failed) -> Steps:
        """Answer somebody whose request is not even read."""
        self._phases.start(self.started)
        yield from self._tell(failure)
        self.note(failure.kind, failure.rule)
        yield from linger(self.connection, self.bounds)

    def _serve(self, request: Request) -> Generator[Wanted, Any, bool]:
        admit(self._proxy, self.connection, request)
        if request.method == b"CONNECT":
            return (yield from self._connect(request))
        self.mark = check(self._proxy, self.connection, request, self.reader.framing)
        if (yield from self._answer_myself(request)):
            return self._keeps(request)
        cache = self._proxy.cache
        if cache is None:
            return (yield from self._fetch(request, None))
        uri = target_uri(request.parts)
        if self._proxy.access.open and self._is_local():
            uri += OF_THIS_MACHINE
        decision = cache.lookup(request, uri, self._second())
        if decision.answer is not None:
            yield from self._send_stored(request, decision.answer)
            self._remember_hit(request, decision, decision.answer)
            return self.keep
        if decision.refused:
            self.cached = "miss"
            said = [(b"Cache-Status", decision.cache_status)]
            text = "your client has asked for only-if-cached, and this proxy has nothing in its cache that would do"
            raise Failed("cache_miss", text, "RFC 9111 5.2.1.7", fields=said)
        try:
            return (yield from self._fetch(request, decision))
        except Failed:
            stale = None if self.begun else cache.failed(decision, self._second())
            if stale is None or not self._is_complete():
                raise
        return (yield from self._send_stored(request, stale))

    def _is_local(self) -> bool:
        return is_local(self.connection.client, self.connection.server)

    # -- what we answer ourselves ------------------------------------------------------------------------------------

    def _answer_myself(self, request: Request) -> Generator[Wanted, Any, bool]:
        """Answer what is meant for the proxy: OPTIONS * to it, or a request that may not go on (Max-Forwards: 0)."""
        if request.parts.form != "asterisk" and forwarding.max_forwards(request) != 0:
            return False
        if self.reader.framing.kind != "none":
            text = "your client has sent this proxy content that it has no use for"
            raise Failed("http_request_error", text, "RFC 9110 9.3.7")
        fields: list[Field] = [(b"Date", write_date(self._second()))]
        if request.method == b"TRACE":
            content = forwarding.trace_content(self.reader.head)
            fields += [(b"Content-Type", b"message/http"), (b"Content-Length", b"%d" % len(content))]
            yield from self._send_whole(request, 200, None, fields, [content], "length")
        else:
            yield from self._send_whole(request, 204, None, [*fields, (b"Allow", METHODS)], [], "none")
        return True

    # -- the origin -------------------------------------------------------------------------------------------------

    def _reach(self, host: str, port: int, fresh: bool) -> Generator[Wanted, Any, Origin]:
        """Find a connection, an unused one if it shall be ``fresh``."""
        self.upstream = f"{f'[{host}]' if ':' in host else host}:{port}"
        sure = self.request is None or self.request.method not in IDEMPOTENT or self.reader.framing.kind != "none"
        origin = yield from self._proxy.origins.reach(
            self.connection, host, port, fresh=fresh, sure=sure, begin=self._phases.begin, tried=self._try
        )
        self.origin, self.origin_address, self.reused = origin, origin.address, origin.reused
        return origin

    def _try(self, address: str) -> None:
        """Note where it is tried: if nothing comes of that, the row shows the last one."""
        self.origin_address = address

    def _fetch(self, request: Request, decision: Decision | None) -> Generator[Wanted, Any, bool]:
        """Pass the request on, and the answer back; a second time, if the first connection had gone stale."""
        host, port = forwarding.host_text(request), request.parts.port or 80
        head = self._head_for_origin(request, decision)
        if self.reader.framing.kind == "none":
            self.reader.next_event()
        plain = decision is None and self._is_plain(request)
        while True:
            resumed, self.resumed = self.resumed, None
            origin = self._again_at(resumed[0]) if resumed else (yield from self._reach(host, port, self.attempt > 1))
            self.forwarded_head = head
            self._phases.begin("send", resumed[3] if resumed else 0)
            answers = Answers(
                self.connection, origin, request, self._proxy.bounds.answer_head,
                self.hear if self.reader.framing.kind == "none" else None,
            )  # fmt: skip
            try:
                if resumed is not None:
                    self._resume(answers, *resumed[1:])
                    yield from self._receive(request, decision, origin, answers)
                elif self.reader.framing.kind == "none":
                    if plain:  # never with a cache, which has to see every answer
                        upstream = self.upstream
                        self._proxy.known.remember_plan(Plan(request, host, port, upstream, head, self.mark))
                    yield from self._send_head(origin, head)
                    yield from self._receive(request, decision, origin, answers)
                else:
                    yield from self._both_ways(request, decision, origin, answers, head)
                return self.keep
            except Stale as stale:
                yield from origin.hang_up()
                self.origin = None
                again = request.method in IDEMPOTENT and self.upload is None and self.attempt == 1
                if not again:
                    raise Failed("connection_terminated", str(stale)) from None
                self.attempt = 2

    def _again_at(self, origin: Origin) -> Origin:
        """Go on at an origin that was reached elsewhere."""
        host, port, _ = origin.key
        self.upstream = f"{f'[{host}]' if ':' in host else host}:{port}"
        self.origin, self.origin_address, self.reused = origin, origin.address, True
        return origin

    def _resume(self, answers: Answers, data: bytes, trouble: Exception | None, began: int, ended: int) -> None:
        self._phases.begin("wait", ended)
        if isinstance(trouble, Late):  # so far: the origin is given its full time
            self.connection.deadline = self.started + self._proxy.answer_ns
        elif trouble is not None:
            raise trouble
        elif not data:
            raise Stale("the origin has closed the connection")
        if data:
            answers.take(data)

    def _is_plain(self, request: Request) -> bool:
        """Whether everything that becomes of a request and its answer follows from their bytes alone."""
        proxy = self._proxy
        return (
            request.method == b"GET" and self.reader.framing.kind == "none" and request.version >= (1, 1)
            and keeps(request) and proxy.filter_fields is end_to_end and proxy.carry is None
            and proxy.forwarded == "off" and not proxy.access.asks and not forwarding.upgrade(request)
            and len(self.reader.head) <= SHORT
        )  # fmt: skip

    def _head_for_origin(self, request: Request, decision: Decision | None) -> bytes:
        proxy = self._proxy
        target, fields = forwarding.outbound(request, proxy.pseudonym, proxy.filter_fields)
        if proxy.forwarded != "off":
            client, host = host_of(self.connection.client), forwarding.authority(request.parts)
            fields = forwarding.forwarded(fields, proxy.forwarded, client, host, proxy.pseudonym)
        if decision is not None:
            fields = decision.outgoing(fields)
        return writer.request_head(request.method, target, fields + forwarding.framing_fields(self.reader.framing))

    def _send_head(self, origin: Origin, head: bytes) -> Steps:
        self.connection.within(self._proxy.bounds.answer_time)
        try:
            yield Send(head, False, origin.stream)
        except Gone:
            if origin.reused:
                raise Stale("the origin has closed the connection") from None
            raise Failed("connection_terminated", "the origin has closed the connection") from None
        self._phases.begin("wait")

    def _both_ways(
        self, request: Request, decision: Decision | None, origin: Origin, answers: Answers, head: bytes
    ) -> Steps:
        """Send the request with its content while listening for the answer: it may come before all of it is sent."""
        self.upload = Upload(self, origin, head)
        try:
            yield from self.connection.together(
                self._send_content(self.upload), self._receive_all(request, decision, origin, answers)
            )
        except _Answered:
            pass
        except _Early:
            self.keep = False
            self.close_reason = "the answer came before the end of the request"

    def _send_content(self, upload: Upload) -> Steps:
        yield from upload.run()
        if upload.done and self._phases.current == "send":
            self._phases.begin("wait")
            self.connection.within(self._proxy.bounds.answer_time)
        if upload.done:
            self.hear((yield LATER))

    def _receive_all(self, request: Request, decision: Decision | None, origin: Origin, answers: Answers) -> Steps:
        yield from self._receive(request, decision, origin, answers)
        raise _Answered

    # -- the answer -------------------------------------------------------------------------------------------------

    def _receive(self, request: Request, decision: Decision | None, origin: Origin, answers: Answers) -> Steps:
        """Read the answer and pass it on; the origin's connection then goes to the pool, or ends."""
        response = yield from answers.head(self._interim)
        self.answered_at = self.connection.now()
        self._phases.begin("receive")
        self.origin_head = answers.reader.head + HEAD_END
        if response.status == 101:
            yield from self._switch(request, response, origin, answers)
            return
        yield from self._pass_answer(request, response, decision, origin, answers)
        complete = self._is_complete()
        how = answers.reader.framing
        if complete and forwarding.reusable(response, how) and answers.reader.done and not answers.reader.rest():
            self.origin = None
            yield from origin.park(origin.key)
            plain = self.keep and self.framing == "length" and b"date" in response.index
            if plain and decision is None and self._is_plain(request):
                known = KnownAnswer(self.head, how.length, response.status, response.reason)
                self._proxy.known.remember_answer(self.origin_head, known)
        if not complete:
            raise _Early

    def _interim(self, response: Response) -> Steps:
        """Pass an answer 1xx on to those who know them."""
        request = self.request
        if request is None or request.version < (1, 1):
            return
        fields = self._inbound(response)
        yield from self._to_client(writer.response_head(response.status, fields, (1, 1), response.reason))

    def _inbound(self, response: Response) -> list[Field]:
        try:
            return forwarding.inbound(response, self._proxy.pseudonym, self._proxy.filter_fields)
        except RemoteProtocolError as fault:
            raise Failed("http_protocol_error", f"the origin's answer breaks a rule: {fault}", fault.rule) from None

    def _pass_answer(
        self, request: Request, response: Response, decision: Decision | None, origin: Origin, answers: Answers
    ) -> Steps:
        proxy, how = self._proxy, answers.reader.framing
        fields = self._inbound(response)
        if b"date" not in response.index:
            fields.append((b"Date", write_date(self._second())))  # RFC 9110 section 6.6.1
        storing = None
        if decision is not None and proxy.cache is not None:
            received = proxy.cache.receive(decision, response, fields, self._second())
            self.cached = received.outcome
            if received.answer is not None:
                yield from self._drop_content(answers)
                yield from self._send_stored(request, received.answer)
                return
            storing = received.storing
            fields.append((b"Cache-Status", received.cache_status))
        out = way_out(how, request)
        self.keep = out != "close" and self._keeps(request) and self._is_complete()
        fields += out_fields(how, out, forwarding.length_without_content(response))
        self._begin_answer(request, response.status, response.reason, fields, out)
        passing = Passing(
            self.connection, answers, origin, self.head, out, how.length if out == "length" else 0,
            body_time=proxy.bounds.body_time, ended=self.client_ended, see=storing.add if storing else None,
            carry=proxy.carry,
        )  # fmt: skip
        before = self.sent
        try:
            yield from passing.run()
            if storing is not None:
                storing.done()
        finally:
            self.sent = before + passing.sent
            self.begun = passing.sent > 0  # if not even the head has left, there is still time for a better answer
            if storing is not None:
                storing.abandon()

    def _drop_content(self, answers: Answers) -> Steps:
        """Read the rest of an answer that nobody gets, if it is short."""
        dropped = 0
        while dropped <= self.bounds.drain:
            self.connection.within(self.bounds.body_time)
            try:
                event = yield from answers.next_event()
            except Failed:
                return
            if isinstance(event, EndOfMessage):
                return
            dropped += len(event.data)

    def _send_stored(self, request: Request, answer: Answer) -> Generator[Wanted, Any, bool]:
        """Answer out of the cache."""
        self.cached = answer.outcome
        fields = list(answer.fields)
        if answer.length is not None:
            fields.append((b"Content-Length", b"%d" % answer.length))
        out = "none" if answer.length is None or request.method == b"HEAD" else "length"
        yield from self._send_whole(request, answer.status, answer.reason, fields, answer.content, out)
        return self.keep

    def _remember_hit(self, request: Request, decision: Decision, answer: Answer) -> None:
        cache, stored = self._proxy.cache, decision.stored
        if stored is None or cache is None or not self.keep or self._proxy.decides or not self._is_plain(request):
            return
        content = b"".join(answer.content)
        hit = Hit(
            request, decision.uri, stored, stored.received_at, decision.now, self.head, content, answer.status,
            answer.reason, self.mark,
        )  # fmt: skip
        self._proxy.known.remember_hit(hit, self._is_local())

    # -- tunnels ----------------------------------------------------------------------------------------------------

    def _connect(self, request: Request) -> Generator[Wanted, Any, bool]:
        """Open a tunnel."""
        proxy = self._proxy
        host, port = check_tunnel(proxy, request)
        origin = yield from self._reach(host, port, True)
        self._phases.begin("send")
        head = b"HTTP/1.1 200 Connection established\r\n%s\r\n" % writer.field_lines(
            [forwarding.via(request.version, proxy.pseudonym)]
        )
        self.status, self.reason, self.framing = 200, b"Connection established", "tunnel"
        self.head, self.begun = head, True
        yield from self._to_client(head)
        yield from self._run_tunnel(origin, b"")
        return False

    def _switch(self, request: Request, response: Response, origin: Origin, answers: Answers) -> Steps:
        """Both sides speak another protocol from here on (RFC 9110 section 7.8)."""
        wanted = {each.lower() for each in forwarding.upgrade(request).split(b", ")} - {b""}
        given = [each.strip(b" \t") for value in response.all(b"upgrade") for each in value.split(b",")]
        if self.upload is not None or not given or not all(each.lower() in wanted for each in given):
            raise Failed("http_upgrade_failed", "the origin has changed the protocol unasked", "RFC 9110 15.2.2")
        fields = self._inbound(response)
        fields += [(b"Upgrade", b", ".join(given)), (b"Connection", b"Upgrade")]
        self.keep = True  # no "Connection: close": this is no answer that ends anything
        self.head = writer.response_head(101, fields, (1, 1), response.reason)
        self.begun, self.status, self.reason, self.framing, self.keep = True, 101, response.reason, "tunnel", False
        yield from self._to_client(self.head)
        yield from self._run_tunnel(origin, answers.reader.rest())

    def _run_tunnel(self, origin: Origin, from_origin: bytes) -> Steps:
        self.keep = False
        self._phases.begin("receive")
        self.answered_at = self.answered_at or self.connection.now()
        self.tunnel = Tunnel(self.connection, origin, self._proxy.bounds.tunnel_time, self._proxy.carry)
        self.close_reason = yield from self.tunnel.run(self.reader.rest(), from_origin)
