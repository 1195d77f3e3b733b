"""`converse`: any bytes to a server, and whatever bytes come back. What `fetch` is too well-behaved for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlab.client_place import client_place
from netlab.errors import NetworkError, UsageError
from netlab.fetching import parts_of
from netlab.probing import seconds
from netlab.serve.connection import Connection, DialFailed, Gone, Handler, Late

if TYPE_CHECKING:
    from netlab.internet.model import World
    from netlab.network.base import Network

MOST = 1 << 24
"""Bytes of an answer; what follows is not waited for."""


def converse(
    url: str,
    data: bytes,
    *,
    finish: bool = True,
    timeout: float = 5.0,
    source: str | None = None,
    network: str | World | Network | None = None,
) -> bytes:
    r"""Send bytes to a server as they are, however wrong, and give all bytes that come back.

    Parameters
    ----------
    url
        ``http://host[:port]/``: whom to connect to. Its path means nothing here.
    data
        What is sent, at once.
    finish
        Close our direction afterwards, so that the server knows that nothing follows. False: let it wait for more.
    timeout
        Seconds for all of it; what has come by then is the answer.
    source, network
        As in `netlab.fetch`.

    Returns
    -------
    bytes
        Up to the server's close, a reset, or the end of ``timeout``; ``b""`` when it said nothing.

    Raises
    ------
    UsageError
        When an argument cannot be; nothing is sent then.
    NetworkError
        When no connection can be made.

    Examples
    --------
    >>> import netlab
    >>> from netlab.teach import converse
    >>> with netlab.WebServer("docs", port=0) as server:
    ...     answer = converse(server.url, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
    >>> answer.splitlines()[0], server.log["rule"].tolist()
    (b'HTTP/1.1 400 Bad Request', ['RFC 9112 5.1'])
    """
    host, port, _ = parts_of("url", url)
    if not isinstance(data, bytes):
        raise UsageError("data", data, "must be bytes, such as b'GET / HTTP/1.1\\r\\nHost: www\\r\\n\\r\\n'")
    limit = seconds("timeout", timeout, above=0.0)
    host = host.strip("[]")
    place = client_place(host, network, source, None)
    answer = bytearray()
    failures: list[DialFailed] = []

    def talk(connection: Connection) -> Handler:
        connection.within(limit)
        try:
            stream = yield from connection.dial(host, port)
            yield from stream.send(data)
            if finish:
                yield from stream.half_close()
            while len(answer) < MOST and (piece := (yield from stream.receive())):
                answer.extend(piece)
            yield from stream.hang_up()
        except DialFailed as failure:
            failures.append(failure)
        except (Late, Gone):
            return  # what has come is the answer

    place.start(talk, place.stop)
    place.run()
    if failures:
        raise NetworkError(f"{failures[0]} ({failures[0].kind})")
    return bytes(answer)
