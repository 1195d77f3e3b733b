"""What a server takes from anybody, and how long it waits: sizes, seconds, connections.

All times become absolute deadlines. A time per ``recv`` would be no limit at all: a peer that sends a byte every nine
seconds would keep it from ever passing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from netlab.errors import UsageError
from netlab.http.reader import Limits


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a server; each can be given by name."""

    line: int = 8 * 1024
    """Bytes of a request line; more is 414."""
    head: int = 32 * 1024
    """Bytes of a whole head; more is 431. Trailers the same."""
    fields: int = 100
    """Field lines of a head, or of trailers; more is 431."""
    chunk_line: int = 256
    """Bytes of the line in front of a chunk; more is 400."""
    drain: int = 64 * 1024
    """Bytes of content nobody wants that are read, so that the connection can go on."""
    head_time: float = 10.0
    """Seconds for a whole head; more is 408."""
    idle_time: float = 5.0
    """Seconds of silence between two requests."""
    body_time: float = 20.0
    """Seconds without a byte of a request's content."""
    body_rate: float = 1024.0
    """Bytes per second that a request's content must arrive with on average, from the first `body_time` on."""
    write_time: float = 20.0
    """Seconds in which the other side takes nothing of an answer."""
    linger_time: float = 1.0
    """Seconds of a last look after an answer that ends the connection."""
    connections: int = 0
    """Connections at once; 0: as many as this process may have descriptors for, less a reserve. More are 503."""
    per_client: int = 0
    """Connections at once from one address; 0: 64 for other machines, any number for this one. More are 503."""

    head_ns: int = field(init=False, repr=False)
    """`head_time` in ns, and so on."""
    idle_ns: int = field(init=False, repr=False)
    write_ns: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("head", "idle", "write"):
            object.__setattr__(self, f"{name}_ns", int(getattr(self, f"{name}_time") * 1e9))

    @property
    def of_heads(self) -> Limits:
        """The part of them that the reader keeps."""
        return Limits(self.line, self.head, self.fields, self.chunk_line)

    @property
    def of_pool(self) -> tuple[int, int]:
        """Idle connections that are kept to one other server, and for how many ns; a web server has none."""
        return 0, 0


@dataclass(frozen=True, slots=True)
class ProxyBounds(Bounds):
    """What a proxy has besides."""

    answer_time: float = 30.0
    """Seconds for the head of an origin's answer, from the end of the request on; more is 504."""
    answer_head: int = 64 * 1024
    """Bytes of that head; more is 502."""
    tunnel_time: float = 300.0
    """Seconds in which nothing moves in a tunnel, either way."""
    pool: int = 8
    """Idle connections that are kept to one origin; 0: none, so that every request connects anew."""
    pool_time: float = 10.0
    """Seconds that they are kept."""

    @property
    def of_pool(self) -> tuple[int, int]:
        return self.pool, int(self.pool_time * 1e9)


MAY_BE_0 = ("connections", "per_client", "drain", "body_rate", "linger_time", "pool")
B = TypeVar("B", bound=Bounds)


def bounds(given: Mapping[str, Any] | None, of: type[B] = Bounds) -> B:  # type: ignore[assignment]
    """Check limits that somebody typed; what is not named keeps its default."""
    if given is None:
        return of()
    names = tuple(each.name for each in fields(of) if each.init)
    if not isinstance(given, Mapping):
        raise UsageError("limits", given, f"must be a dict with names out of {', '.join(names)}")
    for name, value in given.items():
        if name not in names:
            raise UsageError("limits", name, f"there is no such limit; there are {', '.join(names)}")
        kind = type(getattr(of(), name))
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        if not numeric or (kind is int and not isinstance(value, int)):
            raise UsageError(f"limits[{name!r}]", value, f"must be a {'whole ' if kind is int else ''}number")
        least = 0 if name in MAY_BE_0 else 1e-3
        if not least <= value < 1e12:
            raise UsageError(f"limits[{name!r}]", value, "must be positive" if least else "must be 0 or more")
    return of(**given)
