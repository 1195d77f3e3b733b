"""The shorter way through a proxy, for what was seen before, byte for byte (see ``known.py``)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from netlab.http.reader import Reader
from netlab.serve.connection import Connection, Gone, Late, Park, Receive, Send, Stream, Take, Wanted
from netlab.serve.exchange import Steps
from netlab.serve.hearing import QUIET
from netlab.serve.known import Hit, Plan
from netlab.serve.origin import Origin
from netlab.serve.passing import Slow
from netlab.serve.proxy_answering import HEAD_END
from netlab.serve.proxy_exchange import ProxyExchange
from netlab.serve.proxy_settings import Proxy


def send_hit(connection: Connection, proxy: Proxy, reader: Reader, hit: Hit, number: int) -> Steps:
    """Answer out of the cache as before in this second."""
    started, started_at = connection.now(), proxy.wall()
    connection.idle = False
    connection.deadline = started + proxy.bounds.write_ns
    error = "the proxy was stopped"
    try:
        yield hit.head + hit.content
        error = ""
    except Late:
        error = "the client took nothing of the answer for too long"
        raise
    except Gone:
        error = "the client went away"
        raise
    finally:
        record = (
            started_at, connection.client, hit.request, hit, error, hit.status, reader.head_bytes,
            len(hit.head) + len(hit.content), started, connection.now(), connection.number, number,
        )  # fmt: skip
        proxy.note(record, reader.head + HEAD_END, hit.head, b"", b"")
        reader.next_message()


def quickly(
    connection: Connection, proxy: Proxy, reader: Reader, plan: Plan, number: int, local: bool, server: str
) -> Generator[Wanted, Any, ProxyExchange | None]:
    """Do what was done with the same request before, if its origin's connection waits and its answer is known, too.
    Gives None, or an exchange that goes on in the usual way."""
    now = connection.now
    started, started_at = now(), proxy.wall()
    connection.idle, data, begun, known = False, b"", False, None
    connection.deadline = started + min(proxy.answer_ns, QUIET)  # then the usual way listens to the client, too
    trouble: Exception | None = None
    taken_at = sent_at = 0
    key = proxy.origins.key(plan.host, plan.port, local, server, started)
    stream = None if key is None else (yield Take(key))
    if stream is not None:
        taken_at = now()
        try:
            yield Send(plan.head, False, stream)
            sent_at = now()
            later = Receive(65_536, stream, True)
            data = yield later
            first_at = now()
            end = data.find(b"\r\n\r\n") + 4
            known = proxy.known.answers.get(data[:end])
            if known is not None:
                whole = end + known.length
                while len(data) < whole and (more := (yield later)):
                    data += more
                if len(data) == whole:
                    begun = True
                    yield known.head + data[end:]
                    yield Park(stream, key)
                    record = (
                        started_at, connection.client, plan.request, known, plan, known.status, reader.head_bytes,
                        len(known.head) + known.length, started, taken_at, sent_at, first_at, now(), key,
                        connection.number, number,
                    )  # fmt: skip
                    proxy.note(record, reader.head + HEAD_END, known.head, plan.head, data[:end])
                    reader.next_message()
                    return None
        except Late as late:
            trouble = Slow() if begun else late
        except Gone as gone:
            trouble = gone if gone.stream is None else None
        except GeneratorExit:
            _usual(connection, proxy, reader, plan, number, started, started_at).note("the proxy was stopped")
            raise
    exchange = _usual(connection, proxy, reader, plan, number, started, started_at)
    if begun and known is not None:
        exchange.begun, exchange.status, exchange.reason, exchange.head = True, known.status, known.reason, known.head
    if stream is not None and key is not None:
        exchange.resumed = Origin(Stream(stream, key[2]), key, True), data, trouble, taken_at, sent_at
    return exchange


def _usual(
    connection: Connection, proxy: Proxy, reader: Reader, plan: Plan, number: int, started: int, started_at: int
) -> ProxyExchange:
    """Give the exchange that goes on in the usual way."""
    exchange = ProxyExchange(connection, proxy, reader, number)
    exchange.take_known(plan.request)
    exchange.started, exchange.started_at, exchange.upstream = started, started_at, plan.upstream
    return exchange
