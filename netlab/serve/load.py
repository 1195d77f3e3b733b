"""A crowd of clients: who comes when, what they ask for, and how they read.

It is an *open* load: requests come when they come, whether or not earlier ones have been answered, as from people who
do not know of each other. Their number in any time has a Poisson distribution, so the gaps between them are
exponential; the seed decides all of it. Everybody uses a connection of their own, and asks once.

A slow reader takes a little of the answer, pauses, takes a little more. Its window is small, so that what it has not
taken stays with the server, once the server's send buffer is full.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from netlab.errors import HTTPError
from netlab.http import writer
from netlab.http.events import Data, EndOfMessage, Response
from netlab.http.reader import Limits, Reader
from netlab.internet.randomness import exponential, stream
from netlab.serve.connection import (
    SECOND,
    Address,
    Connection,
    DialFailed,
    Gone,
    Handler,
    Late,
    Receive,
    Stream,
    Wanted,
)

LIMITS = Limits(head=64 * 1024)
PIECE = 65_536
PAUSE = SECOND // 4
"""ns between two pieces that a slow reader takes."""
SLOW_WINDOW = 4_096
"""Bytes: a slow reader's receive buffer."""
FAILURES = {"connection_refused": "refused", "connection_timeout": "timeout"}
"""Kinds of `DialFailed` → outcomes; all others are unreachable."""


@dataclass(slots=True, eq=False)
class Visit:
    """One client, its request, and what became of it; times in ns."""

    at: int
    """When it comes, from the load's beginning."""
    client: str
    target: str
    slow: bool
    began: int = 0
    connected: int | None = None
    first: int | None = None
    """When the answer began to arrive."""
    ended: int = 0
    local: str = ""
    """Address and port, as the server's log has them."""
    status: int | None = None
    bytes: int = 0
    """Of the answer, head included."""
    outcome: str = "answered"
    error: str = ""


def visits(
    seed: int,
    rate: float,
    count: int | None,
    duration: int,
    clients: Sequence[str],
    targets: Sequence[str],
    slow: float,
) -> list[Visit]:
    """Decide who comes: ``count`` of them or, if that is None, all who come within ``duration`` ns."""
    gaps, choices = stream(seed, "load", "gaps"), stream(seed, "load", "choices")
    found: list[Visit] = []
    mean, at = max(1, round(SECOND / rate)), 0
    while count is None or len(found) < count:
        at += exponential(gaps, mean)
        if count is None and at > duration:
            break
        client, target = _one_of(choices, clients), _one_of(choices, targets)
        found.append(Visit(at, client, target, choices.random() < slow))
    return found


def _one_of(choices: Random, values: Sequence[str]) -> str:
    return values[choices.getrandbits(32) * len(values) >> 32]


def visitor(
    visit: Visit, addresses: Sequence[Address], authority: str, timeout: float, slow_rate: float
) -> Callable[[Connection], Handler]:
    """Make the handler of one visit: connect, ask, read all of the answer, close."""

    def handler(connection: Connection) -> Handler:
        visit.began = connection.now()
        connection.within(timeout)
        try:
            opened = yield from connection.dial_one_of(addresses)
            visit.connected, visit.local = connection.now(), opened.stream.local
            yield from opened.send(_request(visit.target, authority))
            yield from _read(connection, visit, opened, slow_rate if visit.slow else 0.0)
        except DialFailed as failure:
            visit.outcome, visit.error = FAILURES.get(failure.kind, "unreachable"), str(failure)
        except Late:
            visit.outcome, visit.error = "timeout", f"not done within {timeout:g} s"
        except Gone:
            visit.outcome, visit.error = "reset", "the connection was reset"
        except HTTPError as fault:
            visit.outcome, visit.error = "reset", f"the answer broke off: {fault}"
        visit.ended = connection.now()

    return handler


def _request(target: str, authority: str) -> bytes:
    fields = [(b"Host", authority.encode()), (b"User-Agent", b"netlab"), (b"Connection", b"close")]
    return writer.request_head(b"GET", target.encode(), fields)


def _read(connection: Connection, visit: Visit, opened: Stream, rate: float) -> Generator[Wanted, Any, None]:
    """Read the answer; ``rate``: bytes per second of a slow reader, 0: as fast as it comes."""
    reader = Reader("client", LIMITS)
    piece = max(1, int(rate * PAUSE / SECOND)) if rate else PIECE
    while not isinstance(event := reader.next_event(b"GET"), EndOfMessage):
        if isinstance(event, Response):
            visit.status = event.status
        elif not isinstance(event, Data):
            if rate and visit.bytes:
                yield from _pause(connection)
            data = yield from opened.receive(piece)
            if visit.first is None:
                visit.first = connection.now()
            if not data and not visit.bytes:
                raise Gone
            visit.bytes += len(data)
            reader.feed(data)


def _pause(connection: Connection) -> Generator[Wanted, Any, None]:
    """Do nothing for a moment; raises Late when the deadline passes meanwhile."""
    deadline = connection.deadline
    connection.deadline = connection.now() + PAUSE
    try:
        yield Receive(1)  # a client has no connection of its own, so nothing comes
    except Late:
        pass
    if deadline is not None and deadline <= connection.now():
        raise Late
    connection.deadline = deadline
