"""`fetch` and `fetch_page`: the client side of HTTP, with the time of every phase and every byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from netlab import fetching
from netlab.client_place import client_place
from netlab.probing import seconds, whole

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World
    from netlab.network.base import Network


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    content: bytes = b"",
    timeout: float = 10.0,
    follow: bool = False,
    proxy: str | None = None,
    source: str | None = None,
    network: str | World | Network | None = None,
    tcp: Mapping[str, Any] | None = None,
) -> DataFrame:
    """Get a URL, and tell how long each phase took.

    Parameters
    ----------
    url
        ``http://host[:port]/path``. As in a browser's address line, it may hold other scripts: path and query are sent
        percent-encoded as UTF-8, the host by its name in DNS (IDNA). A blank must be written ``%20``.
    method, headers, content
        Of the request; ``headers`` as a dict or pairs of text, ``content`` as bytes.
    timeout
        Seconds for all of it; for each request, when there are several.
    follow
        Go where the answer sends to, at most ten times; each step is an ``object`` of its own. With 301 and 302, POST
        becomes GET, with 303 every method but HEAD, and the content and its fields stay behind. Authorization and
        Cookie go to no other host or port. Where nobody can go (no URL, https) is told in ``error``.
    proxy
        URL of a proxy to go through.
    source
        In a world: the host to start from; None: its vantage.
    network
        As in `netlab.use`, for this call only; None: the one in use. Where the URL (or the proxy's) says 127.0.0.1, ::1
        or localhost, it is this machine that is asked, whatever is in use.
    tcp
        On a virtual network: how our side of TCP behaves, a dict out of mss, nagle, delayed_ack, send_buffer,
        receive_buffer, initial_window (see `netlab.internet.tcp_options.Options`).

    Returns
    -------
    DataFrame
        PHASES: one row per phase: dns, connect, send, wait (for the first byte), receive; a phase that did not happen
        has no row. Names of a world are found at once: it has no name servers. Times in ms from the call on.
        ``request`` (in the row send) and ``answer`` (in the row receive) are the bytes as they went over the wire, for
        ``netlab.explain``. What failed is told in ``error`` of the last row.

    Raises
    ------
    UsageError
        When the URL or an argument cannot be; nothing is sent then.

    Examples
    --------
    >>> import netlab, tempfile, pathlib
    >>> folder = tempfile.mkdtemp()
    >>> _ = pathlib.Path(folder, "index.html").write_text("<p>Hello")
    >>> with netlab.WebServer(folder, port=0) as server:
    ...     phases = netlab.fetch(server.url)
    >>> phases["phase"].tolist(), phases["status"].tolist()[-1], phases["answer"].iloc[-1][-8:]
    (['dns', 'connect', 'send', 'wait', 'receive'], 200, b'<p>Hello')

    Source
    ------
    RFC 9110, RFC 9112.
    """
    from netlab import frames

    limit = seconds("timeout", timeout, above=0.0)
    first = fetching.wish_for(url, method, headers, content, proxy)
    place = client_place(first.place.host, network, source, tcp)
    rows = fetching.run(place, first, limit, lambda wish: fetching.redirected(wish, proxy) if follow else [])
    return frames.table(rows, frames.PHASES)


def fetch_page(
    url: str,
    *,
    connections: int = 6,
    keep_alive: bool = True,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    timeout: float = 10.0,
    proxy: str | None = None,
    source: str | None = None,
    network: str | World | Network | None = None,
    tcp: Mapping[str, Any] | None = None,
) -> DataFrame:
    """Get a page and the objects on it that come from the same server, as a browser does.

    The page is read as UTF-8. Blanks and other scripts in its references are percent-encoded, as browsers do; what is
    no URL, https or on another server is left out.

    Parameters
    ----------
    url
        Of the page.
    connections
        How many connections work at once.
    keep_alive
        Use a connection again; otherwise each object gets one of its own.
    headers
        For the page's request.
    timeout
        Seconds for each object.
    proxy, source, network, tcp
        As in `fetch`.

    Returns
    -------
    DataFrame
        PHASES as of `fetch`; ``object`` is 0 for the page and counts its objects in the order of the page; the phase
        queue is the wait for a free connection.

    Raises
    ------
    UsageError
        When the URL or an argument cannot be; nothing is sent then.

    Examples
    --------
    >>> import netlab, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "index.html").write_text('<img src="a.png"><img src="b.png">')
    >>> with netlab.WebServer(folder, port=0) as server:
    ...     phases = netlab.fetch_page(server.url)
    >>> phases.groupby("object")["status"].max().tolist()
    [200, 404, 404]
    """
    from netlab import frames

    limit = seconds("timeout", timeout, above=0.0)
    most = whole("connections", connections, 1, 100)
    first = fetching.wish_for(url, "GET", headers, b"", proxy)
    place = client_place(first.place.host, network, source, tcp)
    rows = fetching.run(
        place, first, limit, lambda wish: fetching.embedded(wish, proxy), most, bool(keep_alive), queue=True
    )
    return frames.table(rows, frames.PHASES)
