"""The log of a server: the latest rows of what it was asked and what it answered.

A row as a dict would take a kilobyte. Here what a server says of a request waits as it is until there are `BATCH` of
them, and is then put away in whatever way takes little of that server's time and memory: ``web_log.py`` and
``proxy_log.py`` say how. What can be computed from other columns is computed when somebody looks.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import isnan
from operator import add
from typing import Any

NONE = -1
"""A whole number that does not exist; none of those in the log is negative."""
HEADS = 1_000
"""Of so many latest rows the heads of request and response are kept."""
BATCH = 64
LAST = "the last answer of this connection"
"""Why a connection was closed, if nothing was wrong."""
FLAGS = ("reused", "keep_alive")
"""Columns of 0 and 1."""


Heads = tuple[bytes, ...]
"""Those of one request."""
NO_HEADS: Heads = (b"", b"", b"", b"")


class Log(ABC):
    """At most ``rows`` rows, the latest ones.

    One thread adds rows; others may look meanwhile. What they see is a copy that is quickly made, so that whoever adds
    rows waits only that long; everything else is done afterwards.

    Attributes
    ----------
    statuses
        How many rows of each status were added, all counted.
    """

    def __init__(self, rows: int, network: str = "live") -> None:
        self.statuses: Counter[int] = Counter()
        self._most, self._network = rows, network
        self._lock = threading.Lock()
        """Held while the rows below change or are copied."""
        self._waiting: list[tuple[Any, Heads]] = []
        """What was added last; appending to it needs no lock."""
        self._heads: deque[Heads] = deque(maxlen=min(rows, HEADS))
        """Those of the last rows that have been put away."""

    def __len__(self) -> int:
        with self._lock:
            self._gather()
            return min(self._count(), self._most)

    @abstractmethod
    def add(self, row: Sequence[Any], *heads: bytes) -> None:
        """Append what the server says of a request, with its heads; the oldest row goes when there is no room."""

    def _note(self, status: int, said: Any, heads: Heads) -> None:
        self.statuses[status] += 1
        self._waiting.append((said, heads))
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
            self._join([said for said, _ in waiting])
            self._heads.extend(heads for _, heads in waiting)
            del self._waiting[: len(waiting)]

    def _forget(self) -> None:
        """Drop the oldest rows if there are too many: some at once, since each time all others move. The latest one
        stays in any case: somebody may be about to be told of it."""
        excess = self._count() - max(self._most, 1)
        if excess > BATCH + self._most // 10:
            self._drop(excess)

    # -- how the rows are kept --------------------------------------------------------------------------------------

    @abstractmethod
    def _count(self) -> int:
        """Say how many there are."""

    @abstractmethod
    def _join(self, records: list[Any]) -> None:
        """Put what `add` was given behind the rows."""

    @abstractmethod
    def _drop(self, rows: int) -> None:
        """Forget so many rows, the oldest ones."""

    @abstractmethod
    def _cut(self, first: int, last: int) -> Any:
        """Copy some rows, as they are kept."""

    @abstractmethod
    def _shown(self, cut: Any) -> dict[str, Sequence[Any]]:
        """Give the columns of what `_cut` gave."""

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
