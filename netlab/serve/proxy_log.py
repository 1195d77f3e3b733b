"""The rows of a proxy's log: made of what an exchange has noted, when somebody looks, or many at once."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import Any

from netlab.serve.exchange import asked, asked_by_bytes, escaped
from netlab.serve.known import Hit, KnownAnswer
from netlab.serve.log import LAST, NONE

CONDITIONAL = {304: "not modified", 412: "precondition failed"}


def rows_of(records: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Give the rows for what `_Exchange.note` and `_quickly` have noted, in the order of `ProxyRow`."""
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
