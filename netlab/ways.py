"""`three_ways`: one and the same fetch, straight to its origin, through a proxy, and through a tunnel of that proxy.

The client of each way is written out here, because what differs is what it says and to whom:

* direct: it connects to the origin and asks for the path (origin-form, RFC 9112 section 3.2.1);
* proxy: it connects to the proxy and asks for the whole URL (absolute-form, section 3.2.2);
* connect: it connects to the proxy, asks it for a tunnel (authority-form, section 3.2.3), and once the proxy agrees
  says to the origin what it would have said directly.

What comes back is compared with what came directly. That finds an answer that looks whole and is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from netlab.client_place import client_place
from netlab.errors import HTTPError, UsageError
from netlab.fetching import wish_for
from netlab.http.events import Data, EndOfMessage, Response
from netlab.http.reader import Reader
from netlab.http.writer import request_head
from netlab.probing import seconds
from netlab.serve.client import Place, Wish
from netlab.serve.connection import Connection, DialFailed, Gone, Handler, Late, Stream

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World
    from netlab.network.base import Network

WAYS: dict[str, str] = {
    "way": "str", "connects_to": "str", "asks_for": "str", "status": "Int64", "content_bytes": "int64",
    "promised_bytes": "Int64", "same": "boolean", "connect_ms": "float64", "total_ms": "float64", "error": "str",
    "network": "category", "request": "bytes", "answer": "bytes",
}  # fmt: skip
NAMES = ("direct", "proxy", "connect")


@dataclass(slots=True)
class _Try:
    """One way, and what became of it; times in ns."""

    way: str
    wish: Wish
    network: str = ""
    began: int = 0
    connected: int | None = None
    ended: int = 0
    sent: bytes = b""
    came: bytearray = field(default_factory=bytearray)
    response: Response | None = None
    content: bytearray = field(default_factory=bytearray)
    error: str = ""


def three_ways(
    url: str,
    proxy: str,
    *,
    ways: Sequence[str] = NAMES,
    timeout: float = 10.0,
    source: str | None = None,
    network: str | World | Network | None = None,
) -> DataFrame:
    """Get a URL directly, through a proxy, and through a tunnel of the proxy, one after the other.

    Parameters
    ----------
    url
        ``http://host[:port]/path``.
    proxy
        URL of the proxy.
    ways
        Which of ``"direct"``, ``"proxy"`` and ``"connect"``, in this order.
    timeout
        Seconds for each way.
    source, network
        As in `netlab.fetch`.

    Returns
    -------
    DataFrame
        A row per way: ``way``, ``connects_to`` (host and port: the origin's, or twice the proxy's), ``asks_for`` (the
        request lines), ``status`` (Int64), ``content_bytes`` (int64), ``promised_bytes`` (Int64: Content-Length;
        ``<NA>``: there is none), ``same`` (boolean: whether status and content are those of the direct way; ``<NA>``:
        that was not asked for), ``connect_ms`` and ``total_ms`` (float64, from the beginning of the connection; NaN: it
        never came to be), ``error`` (str), ``network``, ``request`` and ``answer`` (bytes, as the client sent and got
        them, those about the tunnel included).

    Raises
    ------
    UsageError
        When the URL or an argument cannot be; nothing is sent then.

    Examples
    --------
    >>> import netlab
    >>> site = netlab.teach.folder({"index.html": "<p>Hello"})
    >>> with (netlab.use("campus"), netlab.WebServer(site, host="www", port=80),
    ...       netlab.ProxyServer(host="dns", connect_ports=[80]) as proxy):
    ...     ways = netlab.teach.three_ways("http://www/", proxy.url)
    >>> ways["asks_for"].tolist()
    ['GET / HTTP/1.1', 'GET http://www/ HTTP/1.1', 'CONNECT www:80 HTTP/1.1, GET / HTTP/1.1']
    >>> ways["status"].tolist(), ways["same"].tolist()
    ([200, 200, 200], [True, True, True])

    Source
    ------
    RFC 9112 section 3.2, RFC 9110 section 9.3.6.
    """
    from netlab import frames

    limit = seconds("timeout", timeout, above=0.0)
    direct = wish_for(url, "GET", (), b"", None)
    through = wish_for(url, "GET", (), b"", proxy)
    tunnel = wish_for(url, "GET", (), b"", None)
    tunnel.place = through.place
    wishes = dict(zip(NAMES, (direct, through, tunnel), strict=True))
    unknown = [way for way in ways if way not in wishes]
    if unknown or not ways or isinstance(ways, str):
        raise UsageError("ways", ways, f"must be some of {', '.join(NAMES)}, as a list")
    tries = [_Try(way, wishes[way]) for way in ways]
    for made in tries:
        place = client_place(made.wish.place.host, network, source, None)
        made.network = place.network
        place.start(partial(_get, made=made, origin=direct.place, limit=limit), place.stop)
        place.run()
    first = next((made for made in tries if made.way == "direct"), None)
    return frames.table([_row(made, first) for made in tries], WAYS)


def _get(connection: Connection, made: _Try, origin: Place, limit: float) -> Handler:
    connection.within(limit)
    made.began = connection.now()
    try:
        stream = yield from connection.dial(*made.wish.place)
        made.connected = connection.now()
        if made.way != "connect" or (yield from _tunnel(stream, made, origin)):
            yield from _exchange(stream, made)
        yield from stream.hang_up()
    except DialFailed as failure:
        made.error = f"{failure.kind}: {failure}"
    except Late:
        made.error = f"not done within {limit:g} s"
    except Gone:
        made.error = "the connection was reset"
    except HTTPError as fault:
        made.error = f"{fault} ({fault.rule})" if fault.rule else str(fault)
    made.ended = connection.now()


def _tunnel(stream: Stream, made: _Try, origin: Place) -> Any:
    """Ask for a tunnel; gives whether there is one. What the proxy says is all that it ever says."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    authority = f"{host}:{origin.port}".encode("latin-1")
    yield from _say(stream, made, request_head(b"CONNECT", authority, [(b"Host", authority)]))
    reader = Reader("client")
    response = None
    while not isinstance(response, Response):
        response = reader.next_event(b"CONNECT")
        if response is None:
            yield from _hear(stream, made, reader)
    if 200 <= response.status < 300:
        return True
    made.error = "the proxy opens no tunnel"
    yield from _read(stream, made, reader, response)
    return False


def _exchange(stream: Stream, made: _Try) -> Any:
    wish = made.wish
    fields = [*wish.fields, (b"Connection", b"close")]
    yield from _say(stream, made, request_head(wish.method, wish.target, fields))
    yield from _read(stream, made, Reader("client"))


def _say(stream: Stream, made: _Try, head: bytes) -> Any:
    made.sent += head
    yield from stream.send(head)


def _hear(stream: Stream, made: _Try, reader: Reader) -> Any:
    data = yield from stream.receive()
    if not data and reader.fresh:
        raise HTTPError("the connection was closed without an answer")
    made.came += data
    reader.feed(data)


def _read(stream: Stream, made: _Try, reader: Reader, response: Response | None = None) -> Any:
    """Read the final answer to its end, which its framing tells (RFC 9112 section 6.3)."""
    made.response = response
    while True:
        event = reader.next_event(b"GET")
        if event is None:
            yield from _hear(stream, made, reader)
        elif isinstance(event, Response):
            made.response = event
        elif isinstance(event, Data):
            made.content += event.data
        elif isinstance(event, EndOfMessage):
            if made.response is not None and made.response.status >= 200:
                return
            reader.next_message()


def _row(made: _Try, direct: _Try | None) -> dict[str, Any]:
    response = made.response
    promised = response.get(b"content-length") if response is not None else None
    host, port = made.wish.place
    return {
        "way": made.way,
        "connects_to": f"{host}:{port}",
        "asks_for": ", ".join(
            head.split(b"\r\n")[0].decode("latin-1") for head in made.sent.split(b"\r\n\r\n") if head
        ),
        "status": response.status if response is not None else None,
        "content_bytes": len(made.content),
        "promised_bytes": int(promised) if promised is not None else None,
        "same": _told(made) == _told(direct) if direct is not None else None,
        "connect_ms": (made.connected - made.began) / 1e6 if made.connected is not None else None,
        "total_ms": (made.ended - made.began) / 1e6 if made.connected is not None else None,
        "error": made.error,
        "network": made.network,
        "request": made.sent,
        "answer": bytes(made.came),
    }


def _told(made: _Try) -> tuple[int | None, bytes]:
    return made.response.status if made.response is not None else None, bytes(made.content)
