"""How a proxy gets to an origin: look the name up, judge every address, use a connection that is there, or dial.

Addresses of a name are remembered for a few seconds. A connection in the pool is known by host, port and address, so a
name that points elsewhere now is not taken to where it pointed before (RFC 9112 section 9.3).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from netlab.serve.access import host_of, is_local
from netlab.serve.connection import SECOND, Address, Connection, DialFailed, Late, Stream, Wanted
from netlab.serve.failure import Failed
from netlab.serve.guard import Guard

Begin = Callable[[str], None]
Tried = Callable[[str], None]

NAMES_KEPT = 5 * SECOND
MOST_NAMES = 256


class Origin(Stream):
    """A connection to an origin."""

    __slots__ = ("key", "reused")

    def __init__(self, stream: Stream, key: tuple[str, int, str], reused: bool) -> None:
        super().__init__(stream.stream, stream.address)
        self.key, self.reused = key, reused


class Origins:
    """The way to all of them.

    Parameters
    ----------
    guard
        Judges addresses.
    connect_timeout
        Seconds for name and connection together.
    """

    def __init__(self, guard: Guard, connect_timeout: float) -> None:
        self._guard, self._timeout = guard, connect_timeout
        self._names: dict[tuple[str, int], tuple[int, list[Address]]] = {}
        self._first: dict[tuple[str, int, bool, str], tuple[int, tuple[str, int, str]]] = {}
        """Until when it is sure which connection in the pool a client may have."""

    def reach(
        self, connection: Connection, host: str, port: int, *, fresh: bool, sure: bool, begin: Begin, tried: Tried
    ) -> Generator[Wanted, Any, Origin]:
        """Give a connection to an origin; raises `Failed`. ``fresh``: one that was not used before; ``sure``: one that
        was is looked at once more; ``begin`` is told of the phases dns and connect, ``tried`` of each address that is
        called, or may not be."""
        connection.within(self._timeout)
        try:
            addresses = yield from self._addresses(connection, host, port, begin)
            allowed = self._allowed(connection, host, port, addresses, tried)
            if not fresh:
                for _, (text, *_rest) in allowed:
                    stream = yield from connection.take((host, port, text), text, sure)
                    if stream is not None:
                        return Origin(stream, (host, port, text), True)
            begin("connect")
            stream = yield from connection.dial_one_of(allowed, tried)
        except DialFailed as failure:
            self._names.pop((host, port), None)
            self._first.clear()
            raise Failed(failure.kind, f"this proxy cannot connect to {host}: {failure}") from None
        except Late:
            text = f"this proxy cannot connect to {host} port {port} within {self._timeout:g} seconds"
            raise Failed("connection_timeout", text) from None
        return Origin(stream, (host, port, stream.address), False)

    def key(self, host: str, port: int, local: bool, server: str, now: int) -> tuple[str, int, str] | None:
        """Give what `reach` would look for in the pool, if nothing has to be looked up or judged for that."""
        until, key = self._first.get((host, port, local, server), (0, None))
        return key if until > now else None

    def _addresses(
        self, connection: Connection, host: str, port: int, begin: Begin
    ) -> Generator[Wanted, Any, list[Address]]:
        kept = self._names.get((host, port))
        if kept is not None and kept[0] > connection.now():
            return kept[1]
        begin("dns")
        try:
            found = yield from connection.look_up(host, port)
        except Late:
            text = f"nobody has told this proxy the address of {host} within {self._timeout:g} seconds"
            raise Failed("dns_timeout", text) from None
        if len(self._names) >= MOST_NAMES:
            self._names.clear()
        self._names[host, port] = connection.now() + NAMES_KEPT, found
        return found

    def _allowed(
        self, connection: Connection, host: str, port: int, addresses: list[Address], tried: Tried
    ) -> list[Address]:
        """Leave out what the client may not reach."""
        local, server = is_local(connection.client, connection.server), host_of(connection.server)
        allowed, prohibited, why = [], "", ""
        for address in addresses:
            text = str(address[1][0])
            reason = self._guard.why_not(host, text, port, local, server)
            if reason:
                prohibited, why = text, f"{text}: {reason}"
            else:
                allowed.append(address)
        if allowed:
            if len(self._first) >= MOST_NAMES:
                self._first.clear()
            until = self._names[host, port][0]
            self._first[host, port, local, server] = until, (host, port, str(allowed[0][1][0]))
        else:
            tried(prohibited)
            raise Failed("destination_ip_prohibited", f"this proxy does not connect to {why}", "RFC 9110 15.5.4")
        return allowed
