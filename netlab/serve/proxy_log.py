"""The log of a proxy: rows are made of what an exchange has noted, many at once, and each column is an array.

Numbers lie in 8 bytes each, and a text that comes again, such as a client's address, is kept once.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from math import nan
from typing import Any, NamedTuple, get_type_hints

from netlab.serve.exchange import asked, asked_by_bytes, escaped
from netlab.serve.known import Hit, KnownAnswer
from netlab.serve.log import LAST, NONE, Log

CONDITIONAL = {304: "not modified", 412: "precondition failed"}
STATUS = 5
"""Where the status is in whatever `rows_of` makes a row of."""


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


class ProxyLog(Log):
    """At most ``rows`` rows, the latest ones."""

    def __init__(self, rows: int, network: str = "live") -> None:
        super().__init__(rows, network)
        self._columns: list[Any] = [_column(each) for each in get_type_hints(ProxyRow).values()]

    def add(self, row: Sequence[Any], *heads: bytes) -> None:
        """Append what `rows_of` makes a row of."""
        self._note(max(row[STATUS], 0), row, heads)

    def _count(self) -> int:
        return len(self._columns[0])

    def _join(self, records: list[Any]) -> None:
        for column, values in zip(self._columns, zip(*rows_of(records), strict=True), strict=False):
            column.extend(map(sys.intern, values) if type(column) is list else values)

    def _drop(self, rows: int) -> None:
        for column in self._columns:
            del column[:rows]

    def _cut(self, first: int, last: int) -> list[Any]:
        return [column[first:last] for column in self._columns]

    def _shown(self, cut: list[Any]) -> dict[str, Sequence[Any]]:
        return dict(zip(ProxyRow._fields, cut, strict=True))


def _column(kind: type) -> Any:
    return array("q") if kind is int else array("d") if kind is float else []


def rows_of(records: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Give the rows for what `ProxyExchange.note` and `again.py` have noted, in the order of `ProxyRow`."""
    told: dict[int, tuple[Any, ...]] = {}
    for record in records:
        request = record[2]
        if id(request) not in told:
            if isinstance(request, bytes):  # a head that was refused
                told[id(request)] = (*asked_by_bytes(request), "")
            else:
                came = b", ".join(request.all(b"via")) if request is not None else b""
                told[id(request)] = (*asked(request), escaped(came))
        yield _MAKERS.get(type(record[3]), _usual)(record, told[id(request)])


def _usual(record: tuple[Any, ...], told: tuple[Any, ...]) -> tuple[Any, ...]:
    (
        started_at, client, _, reason, cached, status, received, sent, phases, started, head_at, answered_at,
        reused, upstream, address, error, rule, up, down, connection, number, request_head_bytes,
        response_head_bytes, framing, keep, close_reason, attempt,
    ) = record  # fmt: skip
    method, target, version, referer, user_agent, wanted, via = told
    return (
        started_at, client, method, target, version, status or NONE, received, sent, *phases, int(reused),
        cached, upstream, address, error, rule, up, down, connection, number, referer, user_agent, wanted,
        request_head_bytes, response_head_bytes, framing or "none", int(keep),
        "" if keep else close_reason or LAST, (head_at - started) / 1e6 if head_at else nan,
        (answered_at - started) / 1e6 if answered_at else nan, _family(address), attempt, via, escaped(reason),
        CONDITIONAL.get(status, ""),
    )  # fmt: skip


def _quick(record: tuple[Any, ...], told: tuple[Any, ...]) -> tuple[Any, ...]:
    (
        started_at, client, _, known, plan, status, received, sent, started, taken_at, sent_at, first_at, ended,
        key, connection, number,
    ) = record  # fmt: skip
    method, target, version, referer, user_agent, wanted, via = told
    address = key[2]
    return (
        started_at, client, method, target, version, status, received, sent, (taken_at - started) / 1e6, nan, nan,
        (sent_at - taken_at) / 1e6, (first_at - sent_at) / 1e6, (ended - first_at) / 1e6, (ended - started) / 1e6, 1,
        "", plan.upstream, address, "", plan.mark, NONE, NONE, connection, number, referer, user_agent, wanted,
        received, len(known.head), "length", 1, "", 0.0, (first_at - started) / 1e6, _family(address), 1, via,
        escaped(known.reason), CONDITIONAL.get(status, ""),
    )  # fmt: skip


def _hit(record: tuple[Any, ...], told: tuple[Any, ...]) -> tuple[Any, ...]:
    started_at, client, _, hit, error, status, received, sent, started, ended, connection, number = record
    method, target, version, referer, user_agent, wanted, via = told
    took = (ended - started) / 1e6
    return (
        started_at, client, method, target, version, status, received, sent, 0.0, nan, nan, nan, nan, took, took, 0,
        "hit", "", "", error, hit.mark, NONE, NONE, connection, number, referer, user_agent, wanted, received,
        len(hit.head), "length" if hit.content else "none", int(not error), error, 0.0, 0.0, "", 1, via,
        escaped(hit.reason), CONDITIONAL.get(status, ""),
    )  # fmt: skip


_MAKERS = {KnownAnswer: _quick, Hit: _hit}


def _family(address: str) -> str:
    return "" if not address else "IPv6" if ":" in address else "IPv4"
