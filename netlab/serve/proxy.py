"""What a forward proxy does with one connection: requests in absolute form in, the origins' answers out; or a tunnel.

A request is read, it is asked who it is from and where it wants to go, the origin is reached, the request passed on and
the answer back; then the next. What goes wrong is answered with a page and a Proxy-Status field (RFC 9209), never with
silence; and every request makes a row, the refused ones and tunnels included. The parts have files of their own:

=====================  ==============================================================================================
``proxy_exchange.py``  one exchange from top to bottom; ``proxy_answering.py``: its answers and its row
``again.py``           the shorter way for what was seen before, byte for byte
``refusing.py``        who (``access.py``) may do what
``origin.py``          the way to an origin: names, ``guard.py`` (where to), the pool, dialling
``hearing.py``         what an origin answers, and what the client says meanwhile
``passing.py``         answers on their way back; ``upload.py``: the content of requests on its way out
``tunnel.py``          bytes both ways, after CONNECT or a change of protocol
``proxy_log.py``       rows of the log
=====================  ==============================================================================================

What is changed in a message is in ``http/forwarding.py``.
"""

from __future__ import annotations

from netlab.http.reader import Reader
from netlab.serve.access import host_of, is_local
from netlab.serve.again import quickly, send_hit
from netlab.serve.connection import LATER, SECOND, Connection, Gone, Handler, Late
from netlab.serve.failure import Failed
from netlab.serve.proxy_exchange import ProxyExchange
from netlab.serve.proxy_settings import Proxy

__all__ = ["Proxy", "forward"]


def forward(connection: Connection, proxy: Proxy) -> Handler:
    """Serve one connection."""
    return _turn_away(connection, proxy) if connection.full else _exchanges(connection, proxy)


def _turn_away(connection: Connection, proxy: Proxy) -> Handler:
    """Tell somebody that there are too many connections (RFC 9110 section 15.6.4)."""
    exchange = ProxyExchange(connection, proxy, Reader("server"), 1)
    yield from exchange.refuse(Failed("connection_limit_reached", "all connections that this proxy takes are in use"))


def _exchanges(connection: Connection, proxy: Proxy) -> Handler:
    """Carry out request after request, as long as both sides want the connection to last."""
    bounds = proxy.bounds
    reader, number = Reader("server", bounds.of_heads), 0
    connection.write_patience = bounds.write_ns
    local, server = is_local(connection.client, connection.server), host_of(connection.server)
    admitted = proxy.access.lets_in(connection.client, connection.server)
    try:
        while True:
            number += 1
            exchange, data = None, None
            connection.idle = number > 1 and reader.fresh
            connection.deadline = connection.now() + (bounds.idle_ns if connection.idle else bounds.head_ns)
            if connection.idle:
                if connection.stopping:
                    return
                data = yield LATER
                request = reader.again(data)
                if request is not None and proxy.cache is not None and admitted and not connection.stopping:
                    hit = proxy.known.hit(request, local, proxy.cache, proxy.wall() // SECOND)
                    if hit is not None:
                        yield from send_hit(connection, proxy, reader, hit, number)
                        continue
                plan = proxy.known.plan(request) if request is not None and admitted else None
                if plan is not None and not connection.stopping:
                    exchange = yield from quickly(connection, proxy, reader, plan, number, local, server)
                    if exchange is None:
                        continue
                elif request is not None:
                    exchange = ProxyExchange(connection, proxy, reader, number)
                    exchange.take_known(request)
            if not (yield from (exchange or ProxyExchange(connection, proxy, reader, number)).run(data)):
                return
    except (Gone, Late):
        return  # between two requests
