"""The log of a server: a ring of columns.

A row as a dict would take a kilobyte. Here each column is an array of its own: numbers lie in 8 bytes each, and a
text that comes again, such as a client's address, is kept once. When the ring is full, the oldest row makes room.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import Any, NamedTuple

NONE = -1
"""A whole number that does not exist; none of those in the log is negative."""
HEADS = 1_000
"""Of so many latest rows the heads of request and response are kept."""


class Row(NamedTuple):
    """One request and its answer, as a server logs it; EXCHANGES has the first part, ``details`` everything."""

    started_at: int = NONE
    """Wall-clock ns."""
    client: str = ""
    method: str = ""
    target: str = ""
    version: str = ""
    status: int = NONE
    request_bytes: int = NONE
    response_bytes: int = NONE
    queue_ms: float = nan
    dns_ms: float = nan
    connect_ms: float = nan
    send_ms: float = nan
    wait_ms: float = nan
    receive_ms: float = nan
    total_ms: float = nan
    reused: int = NONE
    cache: str = ""
    upstream: str = ""
    upstream_ip: str = ""
    error: str = ""
    rule: str = ""
    tunnel_up_bytes: int = NONE
    tunnel_down_bytes: int = NONE
    connection: int = NONE
    request: int = NONE
    network: str = ""
    # from here on: details only
    referer: str = ""
    user_agent: str = ""
    reason: str = ""
    request_head_bytes: int = NONE
    response_head_bytes: int = NONE
    framing: str = ""
    """How the answer's end is known: length, chunked, close, none."""
    conditional_result: str = ""
    range: str = ""
    keep_alive: int = NONE
    close_reason: str = ""
    head_ms: float = nan
    """Reading the head, from its first byte."""
    handler_ms: float = nan
    """Deciding the answer."""
    respond_ms: float = nan
    """From the first to the last byte of the answer, as far as the system has taken them."""


_KINDS: dict[str, str] = {name: str(kind) for name, kind in Row.__annotations__.items()}
_EMPTY = Row()


class Log:
    """At most ``rows`` rows, the latest ones."""

    def __init__(self, rows: int) -> None:
        self._most, self._count = rows, 0
        self._columns: list[Any] = [
            array("q") if kind == "int" else array("d") if kind == "float" else [] for kind in _KINDS.values()
        ]
        self._heads: deque[tuple[bytes, bytes]] = deque(maxlen=min(rows, HEADS))

    def __len__(self) -> int:
        return min(self._count, self._most)

    def add(self, row: Row, request_head: bytes = b"", response_head: bytes = b"") -> None:
        """Append a row; the oldest one goes when there is no room."""
        if self._most == 0:
            return
        if self._count < self._most:
            for column, value in zip(self._columns, row, strict=True):
                column.append(sys.intern(value) if type(value) is str else value)
        else:
            place = self._count % self._most
            for column, value in zip(self._columns, row, strict=True):
                column[place] = sys.intern(value) if type(value) is str else value
        self._count += 1
        self._heads.append((request_head, response_head))

    def columns(self) -> dict[str, Sequence[Any]]:
        """Copies of all columns, the oldest row first; a whole number that does not exist is `NONE`."""
        turn = self._count % self._most if self._count > self._most else 0
        return {name: column[turn:] + column[:turn] for name, column in zip(Row._fields, self._columns, strict=True)}

    def __iter__(self) -> Iterator[Row]:
        turn = self._count % self._most if self._count > self._most else 0
        for at in range(len(self)):
            place = (turn + at) % self._most
            yield Row(*(column[place] for column in self._columns))

    def details(self, index: int) -> dict[str, Any]:
        """Everything about one row, 0 the oldest; a value that does not exist is None. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        turn = self._count % self._most if self._count > self._most else 0
        place = (turn + index) % self._most
        row = plain(Row(*(column[place] for column in self._columns)))
        behind = len(self) - index  # 1: the latest row
        heads = self._heads[-behind] if behind <= len(self._heads) else (b"", b"")
        return {**row, "request_head": heads[0], "response_head": heads[1]}


def plain(row: Row) -> dict[str, Any]:
    """The row by name, with None for what does not exist."""
    return {
        name: None if value == NONE or value != value else value for name, value in zip(row._fields, row, strict=True)
    }


def from_mapping(values: Mapping[str, Any]) -> Row:
    """A row from names and values; None is what does not exist."""
    return _EMPTY._replace(**{name: value for name, value in values.items() if value is not None})
