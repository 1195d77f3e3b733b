"""What a handler sees of a connection: a few things to wait for, and nothing of sockets.

A handler is a generator that reads from top to bottom::

    def echo(connection):
        while data := (yield from connection.receive()):
            yield from connection.send(data)

Each ``yield from`` hands a small request to the driver, which carries on with somebody else until it is done; bytes
alone mean `Send`. A
driver sends back the answer, or throws `Late` when the connection's deadline passes, or `Gone` when the other side is.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, Protocol

SECOND = 1_000_000_000


class Late(Exception):
    """The connection's deadline has passed."""


class Gone(Exception):
    """The other side reset the connection, or reads nothing any more."""


class DialFailed(Exception):
    """No connection could be made; ``kind`` is a word of RFC 9209 section 2.3: dns_error, connection_refused …"""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Receive(NamedTuple):
    """Wait for bytes, at most so many; the answer is ``b""`` when the other side has closed."""

    limit: int
    stream: Any = None
    """One that `Dial` gave; None: the connection's own. The same below."""
    later: bool = False
    """Nothing is expected to be there yet, so a driver may wait first and look then."""


LATER = Receive(65_536, None, True)
"""What a server waits for between two requests."""


class Send(NamedTuple):
    """Send all of these bytes. ``more``: others follow at once."""

    data: bytes
    more: bool = False
    stream: Any = None


class SendFile(NamedTuple):
    """Send a part of an open file; the answer is how many bytes there were, fewer than ``length`` if it shrank."""

    descriptor: int
    offset: int
    length: int


class HalfClose(NamedTuple):
    """Say that nothing more will be sent."""

    stream: Any = None


class Dial(NamedTuple):
    """Look up a name and connect; the answer is a stream and its address. `DialFailed` is thrown when it fails."""

    host: str
    port: int


class HangUp(NamedTuple):
    """Close a stream that `Dial` gave."""

    stream: Any


class Turn(NamedTuple):
    """Let the others go on for a moment: there is more to do, and nothing to wait for."""


Wanted = bytes | Receive | Send | SendFile | HalfClose | Dial | HangUp | Turn
Handler = Generator[Wanted, Any, None]


class Driver(Protocol):
    def now(self) -> int:
        """Monotonic ns."""


class Connection:
    """One accepted connection."""

    __slots__ = (
        "client", "deadline", "full", "idle", "now", "number", "server", "stopping", "write_patience",
    )  # fmt: skip

    def __init__(self, driver: Driver, number: int, client: str, server: str) -> None:
        self.now = driver.now
        """Monotonic ns."""
        self.number = number
        """1, 2, 3 … in the order of arrival."""
        self.client, self.server = client, server
        self.deadline: int | None = None
        """Absolute ns; a driver throws `Late` into the handler when it passes."""
        self.idle = False
        """Between two requests: a server that stops may close it at once."""
        self.write_patience: int | None = None
        """ns: whenever the other side takes something, a driver puts the deadline so far away from then."""
        self.stopping = False
        """The server stops: this answer shall be the last."""
        self.full = False
        """There are too many connections: this one shall be told so, and end."""

    def within(self, seconds: float) -> None:
        """Set the deadline so many seconds from now."""
        self.deadline = self.now() + int(seconds * SECOND)

    def receive(self, limit: int = 65_536) -> Generator[Wanted, Any, bytes]:
        data: bytes = yield Receive(limit)
        return data

    def send(self, data: bytes, more: bool = False) -> Generator[Wanted, Any, None]:
        yield Send(data, more)

    def turn(self) -> Generator[Wanted, Any, None]:
        yield Turn()

    def send_file(self, descriptor: int, offset: int, length: int) -> Generator[Wanted, Any, int]:
        sent: int = yield SendFile(descriptor, offset, length)
        return sent

    def half_close(self) -> Generator[Wanted, Any, None]:
        yield HalfClose()

    def dial(self, host: str, port: int) -> Generator[Wanted, Any, Stream]:
        stream, address = yield Dial(host, port)
        return Stream(stream, address)


class Stream:
    """A connection that a handler has opened itself; closed with the handler's, if not before."""

    def __init__(self, stream: Any, address: str) -> None:
        self._stream, self.address = stream, address

    def receive(self, limit: int = 65_536) -> Generator[Wanted, Any, bytes]:
        data: bytes = yield Receive(limit, self._stream)
        return data

    def send(self, data: bytes) -> Generator[Wanted, Any, None]:
        yield Send(data, False, self._stream)

    def hang_up(self) -> Generator[Wanted, Any, None]:
        yield HangUp(self._stream)
