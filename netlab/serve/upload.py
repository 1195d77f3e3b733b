"""The other half of an exchange between a client and an origin: the request's content on its way out.

As in ``passing.py``, nothing is held whole, and it is framed anew (RFC 9112 section 7.1); trailers that may not go on
are left out. A deadline that passes here is the client's, or the origin's: `Upload.waits_for` tells.
"""

from __future__ import annotations

from netlab.http import writer
from netlab.http.events import Data, EndOfMessage
from netlab.http.forwarding import trailers
from netlab.serve.connection import Gone, Move, Send
from netlab.serve.exchange import EAGER, Exchange, Steps
from netlab.serve.origin import Origin
from netlab.serve.passing import LARGE


class Upload:
    """Sends a request with its content to the origin, as it comes."""

    def __init__(self, exchange: Exchange, origin: Origin, head: bytes) -> None:
        self._exchange, self._stream, self._waiting = exchange, origin.stream, head
        self._began = self._since = exchange.connection.now()
        self._head_bytes = exchange.received
        self.waits_for = "origin"
        """Who is to do something: the client (send more), the origin (take it); ``""``: all is sent."""
        self.broken = False
        """The origin takes no more of it; it may have said why."""

    @property
    def done(self) -> bool:
        return not self.waits_for

    def run(self) -> Steps:
        exchange, reader = self._exchange, self._exchange.reader
        chunked = reader.framing.kind == "chunked"
        try:
            while not isinstance(event := reader.next_event(), EndOfMessage):
                if isinstance(event, Data):
                    exchange.received += len(event.data)
                    self._waiting += writer.chunk(event.data) if chunked else event.data
                    continue
                yield from self._flush()
                self._wait_for("client")
                exchange.connection.deadline = self._deadline()
                if reader.left >= LARGE and not chunked:
                    yield from self._move(reader.left)
                else:
                    reader.feed((yield EAGER))
            if chunked:
                self._waiting += writer.last_chunk(trailers(event.trailers))
            yield from self._flush()
        except Gone as gone:
            if gone.stream is None:
                raise
            self.broken = True
        else:
            self.waits_for = ""

    def _flush(self) -> Steps:
        self._wait_for("origin")
        if self._waiting:
            data, self._waiting = self._waiting, b""
            yield Send(data, False, self._stream)

    def _move(self, length: int) -> Steps:
        """Have the driver pass on what is still to come."""
        moved = yield Move(None, self._stream, length, self._moved, self._waits)
        reader = self._exchange.reader
        reader.took(moved)
        if moved < length:
            reader.feed(b"")  # it says which rule is broken

    def _moved(self, count: int) -> None:
        self._exchange.received += count

    def _waits(self, for_origin: bool) -> None:
        """What is moved stands still. A client that trickles makes no new time for itself by that."""
        exchange = self._exchange
        if for_origin:
            self._wait_for("origin")
            exchange.connection.within(exchange.bounds.write_time)
        else:
            self._wait_for("client")
            exchange.connection.deadline = self._deadline()

    def _wait_for(self, who: str) -> None:
        """Say whose turn it is. The time that the origin takes is not the client's."""
        now = self._exchange.connection.now()
        if self.waits_for == "origin":
            self._began += now - self._since
        self.waits_for, self._since = who, now

    def _deadline(self) -> int:
        exchange = self._exchange
        return exchange.body_deadline(self._began, exchange.received - self._head_bytes)
