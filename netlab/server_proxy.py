"""`ProxyServer`: a forward proxy as an object with a log."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.errors import NetworkError, UsageError
from netlab.http import cache_rules as rules
from netlab.http import grammar
from netlab.http.cache import SIZE, Cache, Decide
from netlab.http.forwarding import Filter, authority, end_to_end
from netlab.http.secret_fields import without_secrets
from netlab.in_world import networks_of, only_virtual, world_of
from netlab.probing import seconds, whole
from netlab.proxy_views import COMPARISON, INSPECTION, comparison, inspection, request_again
from netlab.serve.access import Access
from netlab.serve.bounds import ProxyBounds, bounds
from netlab.serve.guard import Guard
from netlab.serve.log import Heads
from netlab.serve.origin import Origins
from netlab.serve.proxy import Proxy, forward
from netlab.serve.proxy_log import ProxyLog
from netlab.serve.tunnel import Carry
from netlab.server_base import LOG_ROWS, Server, noting, rows_to_keep
from netlab.server_listen import is_loopback
from netlab.server_place import Place, RealPlace

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World
    from netlab.network.base import Network

HEADS = ("request_head", "response_head", "forwarded_head", "origin_head")
"""In the order in which the log keeps them."""


class ProxyServer(Server):
    """A forward proxy on bare sockets; use it in a ``with`` line or call `stop`.

    It forwards requests in absolute form (``GET http://host:port/path HTTP/1.1``), as a program sends them that is told
    to use a proxy, and opens tunnels (``CONNECT host:443``), through which https goes unseen.

    Parameters
    ----------
    host
        Address to listen at. Only this machine can reach the default, 127.0.0.1; ``"localhost"`` is 127.0.0.1 and ::1.
        Others need ``allow_clients``.
    port
        0: any free one; see `url`.
    connect_timeout
        Seconds in which the origin must be connected, its name looked up included; then the client gets a 504 page.
    connect_ports
        Ports that tunnels may lead to.
    allow_clients
        Addresses and networks (``"192.0.2.0/24"``) of clients that may use it, besides this machine.
    allow_targets
        Names (``"intranet.example"``; ``".example"``: all below it), addresses and networks that everybody may reach.
        Without them, clients on this machine reach what they could reach anyway, others public addresses only, and
        nobody link-local, multicast, unspecified and metadata addresses.
    users
        Names and passwords (a dict), one of which a client must know (Basic, RFC 7617).
    cache
        True: keep answers in memory, up to 64 MiB, and use them again as RFC 9111 allows; or a size in bytes. The cache
        is a private one; when several may use it (``allow_clients``, more than one of ``users``, a world), it is shared
        and keeps nothing that is private; what clients on this machine get is then kept for them alone.
    pseudonym
        Its name in Via, Proxy-Status and Cache-Status; two proxies behind each other need two.
    forwarded
        ``"on"`` tells origins whom a request comes from (Forwarded, RFC 7239), ``"delete"`` takes away what other
        proxies have said of that, ``"off"`` does neither.
    strict
        Refuse a request whose Host is not that of its target; otherwise the target wins, and the log has a mark.
    filter_fields
        Your own function: takes the fields of a message, a list of pairs of bytes, gives those that go on. The
        original is ``netlab.http.forwarding.end_to_end``.
    relay
        Your own way to pass on content and tunnels: a generator function that takes a source and a sink, such as
        ``while data := (yield from source.receive()): yield from sink.send(data)``.
    cache_decision
        Your own function: takes a request, a stored answer and the time, gives ``"hit"``, ``"validate"`` or ``"miss"``.
        A fault in any of the three is an answer 500, or a broken one, and a row.
    limits
        As in `WebServer`; besides, ``answer_time`` (s for the head of an origin's answer), ``answer_head`` (its bytes),
        ``tunnel_time`` (s without a byte), ``pool`` (idle connections that are kept to one origin; 8) and ``pool_time``
        (for how many s; 10).
    log_rows, on_row
        As in `WebServer`.
    network, tcp
        As in `WebServer`; ``host`` is then a host of the world, and everybody in the world may use the proxy.

    Raises
    ------
    AddressInUse
        When the port is taken; UsageError when an argument cannot be.

    Examples
    --------
    >>> import netlab, urllib.request
    >>> with netlab.WebServer(port=0) as web, netlab.ProxyServer(port=0) as proxy:
    ...     opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
    ...     with opener.open(web.url) as answer:
    ...         via = answer.headers["Via"]
    >>> via, proxy.log["status"].tolist()
    ('1.1 netlab', [200])
    >>> proxy.inspect(0).query("message == 'request' and change == 'added'")["sent"].tolist()[-1:]
    [b'Via: 1.1 netlab\\r\\n']

    Source
    ------
    RFC 9110 section 7.6 (forwarding), RFC 9112 section 3.2 (forms of targets), RFC 9111 (caching), RFC 9209
    (Proxy-Status), RFC 8305 (happy eyeballs).
    """

    kind = "proxy"

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        connect_timeout: float = 5.0,
        connect_ports: Iterable[int] = (443,),
        allow_clients: Iterable[str] = (),
        allow_targets: Iterable[str] = (),
        users: Mapping[str, str] | None = None,
        cache: bool | int = False,
        pseudonym: str = "netlab",
        forwarded: str = "off",
        strict: bool = False,
        filter_fields: Filter = end_to_end,
        relay: Carry | None = None,
        cache_decision: Decide | None = None,
        limits: Mapping[str, Any] | None = None,
        log_rows: int = LOG_ROWS,
        on_row: Callable[[dict[str, Any]], None] | None = None,
        network: str | World | Network | None = None,
        tcp: Mapping[str, Any] | None = None,
    ) -> None:
        timeout = seconds("connect_timeout", connect_timeout, above=0.0)
        of_server = bounds(limits, ProxyBounds)
        rows = rows_to_keep(log_rows)
        world = world_of(host, network)
        if world is None or not world.virtual:
            only_virtual(tcp=tcp)
        place: Place
        if world is not None:
            from netlab.server_world import world_place

            own_networks, own = networks_of(world), world.resolve(host)
            access = Access(allow_clients or own_networks, users)
            place = world_place(world, host, port, of_server, tcp=tcp)
        else:
            access, own_networks, own = Access(allow_clients, users), [], list(_addresses(host))
            check_proxy_host(host, access)
            place = RealPlace(host, port, of_server)
        guard = Guard(allow_targets, own_networks, lambda: (own, place.port))
        self._world, self._credentials = world, access.first
        log = ProxyLog(rows, place.network)
        self._proxy = Proxy(
            noting(log, on_row), place.wall, Origins(guard, timeout), access, of_server, _ports(connect_ports),
            _pseudonym(pseudonym), _mode(forwarded), bool(strict), _function("filter_fields", filter_fields),
            _function("relay", relay), _cache(cache, access.shared, cache_decision, pseudonym),
            decides=cache_decision is not None,
        )  # fmt: skip
        super().__init__(place, lambda connection: forward(connection, self._proxy), log)

    def details(self, index: int) -> dict[str, Any]:
        """Everything about row ``index`` of `log`, what the table has no column for included.

        Returns
        -------
        dict
            All columns of EXCHANGES and: referer, user_agent, via, reason, request_head_bytes, request_body_bytes,
            response_head_bytes, response_body_bytes, framing (length, chunked, close, none, tunnel),
            conditional_result, range, keep_alive, close_reason, family, attempt, head_ms, first_byte_ms, respond_ms,
            throughput_bytes_s; and the heads as bytes, kept for the latest 1,000 requests and without passwords and
            cookies: ``request_head``, ``forwarded_head`` (as it went to the origin), ``origin_head`` (of its answer),
            ``response_head``. A value that does not exist is None.

        Raises
        ------
        UsageError
            When there is no such row.
        """
        row, sent = self._row(index)
        heads = dict(zip(HEADS, map(without_secrets, sent), strict=True))
        total, down = row["total_ms"], row["tunnel_down_bytes"] or 0
        return {
            **row,
            **heads,
            "request_body_bytes": _rest(row["request_bytes"], row["request_head_bytes"]),
            "response_body_bytes": _rest(row["response_bytes"], row["response_head_bytes"]),
            "respond_ms": row["receive_ms"],
            "throughput_bytes_s": (row["response_bytes"] + down) / total * 1000 if total else None,
        }

    def inspect(self, index: int) -> DataFrame:
        """Show both sides of an exchange: what came in and what went out, line by line.

        Returns
        -------
        DataFrame
            One row per line of the heads: ``message`` (request, answer), ``line``, ``received`` and ``sent`` (bytes, as
            they were on the wire; ``b""``: not there), ``change`` (kept, changed, removed, added; refused: it went no
            further; answered: nor did it, for the proxy could answer by itself).
            Passwords and cookies are left out.

        Raises
        ------
        UsageError
            When there is no such row, or it is too old: heads are kept for the latest 1,000.
        """
        from netlab import frames

        row, heads = self._row_with_heads(index)
        return frames.table(inspection(heads, refused=bool(row["error"])), INSPECTION)

    def _row_with_heads(self, index: int) -> tuple[dict[str, Any], Heads]:
        row, heads = self._row(index)
        if not any(heads):
            raise UsageError("index", index, "is a row whose heads are gone, or that never had any")
        return row, heads

    def replay(
        self,
        index: int,
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content: bytes = b"",
        timeout: float = 10.0,
    ) -> DataFrame:
        """Send the request of row ``index`` through the proxy once more, and set both answers beside each other.

        Parameters
        ----------
        index
            Row of `log`.
        headers
            Fields that replace those of the same name; a value of None takes one away.
        content
            Of the request: contents are not kept.
        timeout
            Seconds.

        Returns
        -------
        DataFrame
            ``part`` (status, the names of all fields, content bytes), ``logged``, ``replayed`` (text; ``""``: not
            there) and ``same``. The exchange itself is a new row of `log`.

        Raises
        ------
        UsageError
            When there is no such row, it is no request that can be sent again (a tunnel is not), or it had a content
            and ``content`` is missing. NetworkError when the proxy does not answer.
        """
        from netlab import fetching, frames
        from netlab.client_place import client_place
        from netlab.serve import client

        limit = seconds("timeout", timeout, above=0.0)
        row, (head, logged, *_) = self._row_with_heads(index)
        asked = _rest(row["request_bytes"], row["request_head_bytes"])
        answered = _rest(row["response_bytes"], row["response_head_bytes"])
        request, fields = request_again(head, headers)
        if request.method == b"CONNECT" or request.parts.form != "absolute":
            raise UsageError("index", index, "is a row of a tunnel, or of a request that was not meant for a proxy")
        if asked and not content:
            raise UsageError("content", content, f"the request had {asked} bytes; give them again")
        host = "127.0.0.1" if _addresses(self.host) == ("",) else self.host
        if self._credentials:
            fields.append((b"Proxy-Authorization", b"Basic " + self._credentials))
        target = client.Place(host, self.port)
        fields = [(b"Host", authority(request.parts)), *fields]
        wish = client.Wish(row["target"], target, request.method, request.target, fields, content)
        place = client_place(host, self._world, None, None)
        rows = fetching.run(place, wish, limit, lambda done: [], keep_alive=False)
        if rows[-1]["error"]:
            raise NetworkError(f"the proxy does not answer: {rows[-1]['error']}")
        found = comparison(logged, answered or 0, rows[-1]["answer"], request.method)
        return frames.table(found, COMPARISON)


def _rest(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else max(0, whole - part)


def check_proxy_host(host: str, access: Access) -> None:
    """Refuse an address that others can reach, unless it is said which of them may come; then warn."""
    if not isinstance(host, str):
        raise UsageError("host", host, "must be an address or a name of this machine, as text")
    if is_loopback(host):
        return
    if not access.open:
        text = 'others could reach the proxy there; say who may use it, as in allow_clients=["192.0.2.0/24"] (--allow)'
        raise UsageError("host", host, text)
    warnings.warn(f"others can reach this proxy at {host or 'every address'}", stacklevel=3)


def _addresses(host: str) -> Sequence[str]:
    """The addresses that a proxy listens at; ``""`` is every one."""
    if host == "localhost":
        return ("127.0.0.1", "::1")
    return ("",) if host in ("", "0.0.0.0", "::") else (host,)


def _ports(given: Iterable[int]) -> frozenset[int]:
    ports = [given] if isinstance(given, int) else list(given)
    return frozenset(whole("connect_ports", port, 1, 65_535) for port in ports)


def _pseudonym(text: str) -> bytes:
    if not isinstance(text, str) or not grammar.METHOD.fullmatch(text.encode("latin-1", "replace")):
        raise UsageError("pseudonym", text, 'must be a word of letters, digits and hyphens, such as "netlab-2"')
    return text.encode()


def _mode(text: str) -> str:
    if text not in ("on", "off", "delete"):
        raise UsageError("forwarded", text, 'must be "on", "off" or "delete"')
    return text


def _function(name: str, given: Any) -> Any:
    if given is not None and not callable(given):
        raise UsageError(name, given, "must be a function")
    return given


def _cache(given: bool | int, shared: bool, decide: Decide | None, pseudonym: str) -> Cache | None:
    _function("cache_decision", decide)
    if given is False:
        if decide is not None:
            raise UsageError("cache_decision", decide, "goes with cache=True")
        return None
    size = SIZE if given is True else whole("cache", given, 1, 1 << 40)
    return Cache(size, shared, decide=decide or rules.decide, name=pseudonym.encode())
