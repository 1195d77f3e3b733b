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
from itertools import islice
from math import isnan
from operator import add
from typing import Any, NamedTuple, get_type_hints

NONE = -1
"""A whole number that does not exist; none of those in the log is negative."""
HEADS = 1_000
"""Of so many latest rows the heads of request and response are kept."""
BATCH = 64
STATUS = 5
"""Where the status is in whatever ``rows_of`` makes a row of."""
LAST = "the last answer of this connection"
"""Why a connection was closed, if nothing was wrong."""
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


Heads = tuple[bytes, ...]
"""Those of one request."""
NO_HEADS: Heads = (b"", b"", b"", b"")
RowsOf = Callable[[list[Any]], Iterator[Sequence[Any]]]


class Log:
    """At most ``rows`` rows of one kind, the latest ones.

    One thread adds rows; others may look meanwhile. What they see is a copy that is quickly made, so that whoever adds
    rows waits only that long; everything else is done afterwards.

    Attributes
    ----------
    statuses
        How many rows of each status were added, all counted.
    """

    def __init__(self, rows: int, kind: type[Row], network: str = "live", rows_of: RowsOf = iter) -> None:
        self.statuses: Counter[int] = Counter()
        self._most, self._kind, self._network, self._rows_of = rows, kind, network, rows_of
        self._lock = threading.Lock()
        """Held while the rows below change or are copied."""
        self._waiting: list[tuple[Any, Heads]] = []
        """What was added last; appending to it needs no lock."""
        self._columns: list[Any] = [_column(each) for each in get_type_hints(kind).values()]
        self._heads: deque[Heads] = deque(maxlen=min(rows, HEADS))
        """Those of the last rows in the columns."""

    def __len__(self) -> int:
        with self._lock:
            self._gather()
            return min(self._count(), self._most)

    def add(self, row: Sequence[Any], *heads: bytes) -> None:
        """Append what ``rows_of`` makes a row of its kind from, with its heads; the oldest one goes when there is no
        room."""
        self.statuses[max(row[STATUS], 0)] += 1
        self._waiting.append((row, heads))
        if len(self._waiting) >= BATCH:
            with self._lock:
                self._gather()

    def _gather(self) -> None:
        self._take_in()
        self._forget()

    def _take_in(self) -> None:
        """Put what waits behind the rows."""
        waiting = self._waiting[:]
        if waiting:
            self._join([row for row, _ in waiting])
            self._heads.extend(heads for _, heads in waiting)
            del self._waiting[: len(waiting)]

    def _forget(self) -> None:
        """Drop the oldest rows if there are too many: some at once, since each time all others move. The latest one
        stays in any case: somebody may be about to be told of it."""
        excess = self._count() - max(self._most, 1)
        if excess > BATCH + self._most // 10:
            self._drop(excess)

    # -- how the rows are kept --------------------------------------------------------------------------------------

    def _count(self) -> int:
        return len(self._columns[0])

    def _join(self, records: list[Any]) -> None:
        """Put what `add` was given behind the rows."""
        for column, values in zip(self._columns, zip(*self._rows_of(records), strict=True), strict=False):
            column.extend(map(sys.intern, values) if type(column) is list else values)

    def _drop(self, rows: int) -> None:
        """Forget so many rows, the oldest ones."""
        for column in self._columns:
            del column[:rows]

    def _cut(self, first: int, last: int) -> Any:
        """Copy some rows, as they are kept."""
        return [column[first:last] for column in self._columns]

    def _shown(self, cut: Any) -> dict[str, Sequence[Any]]:
        """Give the columns of what `_cut` gave."""
        return dict(zip(self._kind._fields, cut, strict=True))

    # -- looking at them --------------------------------------------------------------------------------------------

    def columns(self) -> dict[str, Sequence[Any]]:
        """Give all columns, the oldest row first; a whole number that does not exist is `NONE`."""
        return self._copy(None)[0]

    def rows(self) -> Iterator[tuple[dict[str, Any], Heads]]:
        """Give every row by name, with everything that can be computed, and its heads: none when that is too long ago.
        A value that does not exist is None."""
        columns, heads = self._copy(None)
        for values, each in zip(zip(*columns.values(), strict=True), heads, strict=True):
            yield _plain(columns, values), each

    def row(self, index: int) -> tuple[dict[str, Any], Heads]:
        """Give one of them: 0 is the oldest, -1 the latest. Raises IndexError with the number of rows."""
        columns, heads = self._copy(index)
        return _plain(columns, [column[0] for column in columns.values()]), heads[0]

    def latest(self) -> dict[str, Any]:
        """Give the row that was added last, even if no row is kept; in the thread that adds them."""
        with self._lock:
            self._take_in()
            cut = self._cut(self._count() - 1, self._count())
            self._forget()
        columns = _completed(self._shown(cut), self._network)
        return _plain(columns, [column[0] for column in columns.values()])

    def _copy(self, index: int | None) -> tuple[dict[str, Sequence[Any]], list[Heads]]:
        with self._lock:
            self._gather()
            end = self._count()
            first = max(0, end - self._most)
            rows, before = end - first, end - len(self._heads)  # whose heads are gone
            if index is not None:
                if not -rows <= index < rows:
                    raise IndexError(rows)
                first += index % rows
                end = first + 1
            cut = self._cut(first, end)
            heads = [NO_HEADS] * max(0, min(before, end) - first)
            heads += islice(self._heads, max(0, first - before), max(0, end - before))
        return _completed(self._shown(cut), self._network), heads


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
