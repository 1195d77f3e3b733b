"""The log of a server: columns, the latest rows of which are kept.

A row as a dict would take a kilobyte. Here rows wait as tuples until there are `BATCH` of them, and then join columns,
each an array of its own: numbers lie in 8 bytes each, and a text that comes again, such as a client's address, is kept
once. What can be computed from other columns is computed when somebody looks.
"""

from __future__ import annotations

import sys
import threading
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan
from operator import add
from typing import Any, NamedTuple, get_type_hints

NONE = -1
"""A whole number that does not exist; none of those in the log is negative."""
HEADS = 1_000
"""Of so many latest rows the heads of request and response are kept."""
BATCH = 250
STATUS = 5
"""Where the status is in whatever ``rows_of`` makes a row of."""
FLAGS = ("reused", "keep_alive")
"""Columns of 0 and 1."""


class WebRow(NamedTuple):
    """One request and its answer, as a web server notes it."""

    started_at: int
    """Wall-clock ns."""
    client: str
    method: str
    target: str
    version: str
    status: int
    request_bytes: int
    response_bytes: int
    queue_ms: float
    """Waiting for a worker and for the processor, on a host of a world; nan: nobody knows."""
    wait_ms: float
    """Until the answer began to leave, without that."""
    receive_ms: float
    """Until the system had taken all of it."""
    error: str
    rule: str
    connection: int
    request: int
    referer: str
    user_agent: str
    range: str
    request_head_bytes: int
    response_head_bytes: int
    framing: str
    """How the answer's end is known: length, chunked, close, none."""
    conditional_result: str
    keep_alive: int
    close_reason: str
    head_ms: float
    """Reading the head, from its first byte."""


class ProxyRow(NamedTuple):
    """One request, what the proxy did about it, and the answer."""

    started_at: int
    client: str
    method: str
    target: str
    version: str
    status: int
    request_bytes: int
    response_bytes: int
    queue_ms: float
    dns_ms: float
    connect_ms: float
    send_ms: float
    wait_ms: float
    receive_ms: float
    total_ms: float
    reused: int
    cache: str
    upstream: str
    upstream_ip: str
    error: str
    rule: str
    tunnel_up_bytes: int
    tunnel_down_bytes: int
    connection: int
    request: int
    referer: str
    user_agent: str
    range: str
    request_head_bytes: int
    response_head_bytes: int
    framing: str
    keep_alive: int
    close_reason: str
    head_ms: float
    """Reading the head, from its first byte."""
    first_byte_ms: float
    """From the request's first byte to the answer's."""
    family: str
    """IPv4 or IPv6: of the connection to the origin."""
    attempt: int
    """2: the first connection to the origin had gone stale."""
    via: str
    """What the request had come through before."""
    reason: str
    """Phrase of the answer's status line."""
    conditional_result: str
    """not modified, precondition failed, or nothing."""


Row = WebRow | ProxyRow


RowsOf = Callable[[list[Any]], Iterator[Sequence[Any]]]


class Log:
    """At most ``rows`` rows of one kind, the latest ones.

    Attributes
    ----------
    lock
        Held by whoever looks at several things that belong together.
    statuses
        How many rows of each status were added, all counted.
    """

    def __init__(self, rows: int, kind: type[Row], network: str = "live", rows_of: RowsOf = iter) -> None:
        self.lock = threading.RLock()
        self.statuses: Counter[int] = Counter()
        self._most, self._kind, self._network, self._rows_of = rows, kind, network, rows_of
        self._waiting: list[Sequence[Any]] = []
        self._columns: list[Any] = [_column(each) for each in get_type_hints(kind).values()]
        self._heads: deque[tuple[bytes, ...]] = deque(maxlen=min(rows, HEADS))

    def __len__(self) -> int:
        with self.lock:
            self._gather()
            return min(self._count(), self._most)

    def add(self, row: Sequence[Any], *heads: bytes) -> None:
        """Append what ``rows_of`` makes a row of its kind from, with its heads; the oldest one goes when there is no
        room."""
        with self.lock:
            self.statuses[max(row[STATUS], 0)] += 1
            self._waiting.append(row)
            self._heads.append(heads)
            if len(self._waiting) >= BATCH:
                self._gather()
                self._trim(BATCH + self._most // 10)  # seldom, for all others move

    def _trim(self, spare: int = 0) -> None:
        """Drop the oldest rows, if more than ``spare`` are too many."""
        excess = self._count() - self._most
        if excess > spare:
            self._drop(excess)

    # -- how the rows are kept --------------------------------------------------------------------------------------

    def _count(self) -> int:
        return len(self._columns[0])

    def _gather(self) -> None:
        """Put what waits into the columns."""
        for column, values in zip(self._columns, zip(*self._rows_of(self._waiting), strict=True), strict=False):
            column.extend(map(sys.intern, values) if type(column) is list else values)
        self._waiting.clear()

    def _drop(self, rows: int) -> None:
        """Forget so many rows, the oldest ones."""
        for column in self._columns:
            del column[:rows]

    def _cut(self, first: int, last: int) -> dict[str, Sequence[Any]]:
        """Copies of some rows of all columns."""
        return {name: column[first:last] for name, column in zip(self._kind._fields, self._columns, strict=True)}

    # -- looking at them --------------------------------------------------------------------------------------------

    def latest(self) -> dict[str, Any]:
        """The row that was added last, by name, with everything that can be computed; a value that does not exist is
        None."""
        with self.lock:
            self._gather()
            return self._row(self._count() - 1)

    def columns(self) -> dict[str, Sequence[Any]]:
        """Copies of all columns, the oldest row first; a whole number that does not exist is `NONE`."""
        with self.lock:
            self._gather()
            self._trim()
            return _completed(self._cut(0, self._count()), self._network)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        columns = self.columns()
        for values in zip(*columns.values(), strict=True):
            yield _plain(columns, values)

    def details(self, index: int) -> dict[str, Any]:
        """Everything about one row, 0 the oldest; a value that does not exist is None. Raises IndexError."""
        with self.lock:
            count = len(self)
            self._trim()
            if not 0 <= index < count:
                raise IndexError(index)
            heads = self.heads(index)
            return {**self._row(index), "request_head": heads[0], "response_head": heads[1]}

    def _row(self, index: int) -> dict[str, Any]:
        columns = _completed(self._cut(index, index + 1), self._network)
        return _plain(columns, [column[0] for column in columns.values()])

    def heads(self, index: int) -> tuple[bytes, ...]:
        """What was given to `add` with a row, 0 the oldest; empty heads when that is too long ago."""
        behind = len(self) - index  # 1: the latest row
        return self._heads[-behind] if behind <= len(self._heads) else (b"",) * 4


def _column(kind: type) -> Any:
    return array("q") if kind is int else array("d") if kind is float else []


def _completed(columns: dict[str, Sequence[Any]], network: str) -> dict[str, Any]:
    """Add the columns that follow from the others."""
    rows = len(columns["started_at"])
    if "total_ms" not in columns:
        known = (0.0 if isnan(queue) else queue for queue in columns["queue_ms"])
        columns["total_ms"] = list(map(add, map(add, known, columns["wait_ms"]), columns["receive_ms"]))
        columns["reused"] = [int(number > 1) for number in columns["request"]]
        columns["handler_ms"] = [wait - head for wait, head in zip(columns["wait_ms"], columns["head_ms"], strict=True)]
        columns["respond_ms"] = columns["receive_ms"]
    columns["network"] = [network] * rows
    return columns


def _plain(names: Mapping[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """By name, with None for what does not exist."""
    row = {
        name: None if value == NONE or (type(value) is float and isnan(value)) else value
        for name, value in zip(names, values, strict=True)
    }
    return row | {name: bool(row[name]) for name in FLAGS}
