"""What a handler sees of a connection: a few things to wait for, and nothing of sockets.

A handler is a generator that reads from top to bottom::

    def echo(connection):
        while data := (yield from connection.receive()):
            yield from connection.send(data)

Each ``yield from`` hands a small request to the driver, which carries on with somebody else until it is done; bytes
alone mean `Send`. A driver sends back the answer, or throws `Late` when the connection's deadline passes, or `Gone`
when the other side is.

A proxy needs a few things more. It has a second connection: `LookUp`, `Dial`, and `Park` and `Take` for one that is to
be used again. It sends and receives at the same time: `Together`. And it passes bytes on that it need not see: `Move`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from typing import Any, NamedTuple, Protocol

SECOND = 1_000_000_000

Address = tuple[int, tuple[Any, ...]]
"""Address family and socket address, whose first element is the address as text."""
Key = Hashable
"""What makes two streams to an origin the same."""


class Late(Exception):
    """The connection's deadline has passed."""


class Gone(Exception):
    """The other side reset the connection, or reads nothing any more."""

    stream: Any = None
    """Which one: one that `Dial` gave; None: the connection's own."""


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


class LookUp(NamedTuple):
    """Find the addresses of a name; the answer is a list of them, at least one. `DialFailed` is thrown when there is
    none."""

    host: str
    port: int


class Dial(NamedTuple):
    """Connect to the first of these addresses that answers; the answer is a stream, and its address as text.
    `DialFailed` is thrown when none does."""

    addresses: Sequence[Address]
    tell: Callable[[str], None] | None = None
    """Called with the text of each address when its turn has come."""


class Together(NamedTuple):
    """Run these handlers side by side, on the same connection and with its deadline, until all have ended. What one of
    them lets out ends the others, and is thrown."""

    handlers: Sequence[Handler]


class Move(NamedTuple):
    """Pass bytes on from one stream to another, unseen; the answer is how many, fewer than ``limit`` when the source
    has ended."""

    source: Any
    sink: Any
    limit: int
    tell: Callable[[int], None] | None = None
    """Called with the number of bytes whenever some have left."""
    waits: Callable[[bool], None] | None = None
    """Called whenever it has to wait, with whether it is the sink that has no room."""


class Park(NamedTuple):
    """Give a stream up to whoever asks for ``key`` next. The driver closes it when the other side says anything, or
    after a while (see ``pool.py``)."""

    stream: Any
    key: Key


class Take(NamedTuple):
    """Take a stream that was parked; the answer is None when there is none of this key."""

    key: Key
    sure: bool = False
    """Look once more whether the other side has not just closed it: the request could not be sent again."""


class HangUp(NamedTuple):
    """Close a stream that `Dial` gave."""

    stream: Any


class Turn(NamedTuple):
    """Let the others go on for a moment: there is more to do, and nothing to wait for."""


class Work(NamedTuple):
    """Be busy with a request for as long as the host's processor takes; the answer is how long it was waited for, ns.
    Only asked for where `Connection.works`: a real processor is busy without being told to."""

    target: str


Wanted = (
    bytes | Receive | Send | SendFile | HalfClose | HangUp | Turn | Work | LookUp | Dial | Together | Move | Park | Take
)
Handler = Generator[Any, Any, None]
"""Yields `Wanted`."""
Accept = Callable[["Connection"], Handler]
"""Makes the handler of a connection."""


class Driver(Protocol):
    def now(self) -> int:
        """Monotonic ns."""


class Connection:
    """One accepted connection."""

    __slots__ = (
        "client", "deadline", "full", "idle", "now", "number", "server", "stopping", "waited", "works",
        "write_patience",
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
        """ns: whenever the other side takes something, or something is moved, a driver puts the deadline so far away
        from then."""
        self.stopping = False
        """The server stops: this answer shall be the last."""
        self.full = False
        """There are too many connections: this one shall be told so, and end."""
        self.works = False
        """The host has a processor that a request keeps busy: see `Work`."""
        self.waited = 0
        """ns from the connection's beginning until somebody had time for it."""

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

    def look_up(self, host: str, port: int) -> Generator[Wanted, Any, list[Address]]:
        found: list[Address] = yield LookUp(host, port)
        return found

    def dial(self, host: str, port: int) -> Generator[Wanted, Any, Stream]:
        addresses = yield from self.look_up(host, port)
        found_at = self.now()
        stream = yield from self.dial_one_of(addresses)
        stream.found_at = found_at
        return stream

    def dial_one_of(
        self, addresses: Sequence[Address], tell: Callable[[str], None] | None = None
    ) -> Generator[Wanted, Any, Stream]:
        stream, address = yield Dial(addresses, tell)
        return Stream(stream, address)

    def together(self, *handlers: Handler) -> Generator[Wanted, Any, None]:
        yield Together(handlers)

    def take(self, key: Key, address: str, sure: bool) -> Generator[Wanted, Any, Stream | None]:
        stream = yield Take(key, sure)
        return None if stream is None else Stream(stream, address)


class Stream:
    """A connection that a handler has opened itself; closed with the handler's, if not before."""

    __slots__ = ("address", "found_at", "stream")

    def __init__(self, stream: Any, address: str, found_at: int | None = None) -> None:
        self.stream, self.address, self.found_at = stream, address, found_at
        """``found_at``: when the name was looked up, on the connection's clock; None: nobody knows."""

    def receive(self, limit: int = 65_536) -> Generator[Wanted, Any, bytes]:
        data: bytes = yield Receive(limit, self.stream)
        return data

    def send(self, data: bytes, more: bool = False) -> Generator[Wanted, Any, None]:
        yield Send(data, more, self.stream)

    def half_close(self) -> Generator[Wanted, Any, None]:
        yield HalfClose(self.stream)

    def hang_up(self) -> Generator[Wanted, Any, None]:
        yield HangUp(self.stream)

    def park(self, key: Key) -> Generator[Wanted, Any, None]:
        yield Park(self.stream, key)
