"""Bytes both ways that nobody looks at, after CONNECT (RFC 9110 section 9.3.6) or a change of protocol (7.8).

Each direction is a loop of its own. The end of one is passed on, so that a side that has said all can still listen;
the tunnel ends when both directions have, when a side is reset, or when nothing has moved for too long.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from netlab.serve.connection import SECOND, Connection, Gone, HalfClose, Late, Move, Receive, Send, Stream, Wanted

ENDLESS = 1 << 62

Carry = Callable[["End", "End"], Generator[Wanted, Any, None]]
"""A learner's way to pass bytes on: from a source, with ``receive``, to a sink, with ``send``."""


class End:
    """One side, as `Carry` knows it."""

    def __init__(self, stream: Any, tell: Callable[[int], None] | None = None) -> None:
        self._stream, self._tell = stream, tell

    def receive(self) -> Generator[Wanted, Any, bytes]:
        """Give what has come; ``b""``: there is no more."""
        data: bytes = yield Receive(65_536, self._stream)
        return data

    def send(self, data: bytes) -> Generator[Wanted, Any, None]:
        yield Send(bytes(data), False, self._stream)
        if self._tell is not None:
            self._tell(len(data))


class Tunnel:
    """The two directions between a client and an origin."""

    def __init__(self, connection: Connection, origin: Stream, idle_time: float, carry: Carry | None = None) -> None:
        self._connection, self._origin, self._idle_time, self._carry = connection, origin, idle_time, carry
        self.up = self.down = 0
        """Bytes passed on to the origin, and to the client."""
        self.first = ""
        """Who said that it has said all, the first of both."""

    def run(self, from_client: bytes = b"", from_origin: bytes = b"") -> Generator[Wanted, Any, str]:
        """Pass on what has come early, then everything; gives why it has ended."""
        connection, stream = self._connection, self._origin.stream
        connection.within(self._idle_time)
        connection.write_patience = int(self._idle_time * SECOND)
        try:
            if from_client:
                yield Send(from_client, False, stream)
                self._went_up(len(from_client))
            if from_origin:
                yield Send(from_origin)
                self._went_down(len(from_origin))
            yield from connection.together(
                self._one_way(None, stream, self._went_up, "the client"),
                self._one_way(stream, None, self._went_down, "the origin"),
            )
        except Late:
            return f"nothing has moved for {self._idle_time:g} seconds"
        except Gone as gone:
            return f"{'the client' if gone.stream is None else 'the origin'} has broken it off"
        return f"{self.first} closed it first"

    def _one_way(self, source: Any, sink: Any, tell: Callable[[int], None], name: str) -> Generator[Wanted, Any, None]:
        if self._carry is not None:
            yield from self._carry(End(source), End(sink, tell))
        else:
            yield Move(source, sink, ENDLESS, tell)
        self.first = self.first or name
        yield HalfClose(sink)

    def _went_up(self, count: int) -> None:
        self.up += count
        self._connection.within(self._idle_time)

    def _went_down(self, count: int) -> None:
        self.down += count
        self._connection.within(self._idle_time)
