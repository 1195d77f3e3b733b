"""`WebServer`: the files of a folder, served by an object with a log."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from netlab.errors import HTTPError, UsageError
from netlab.http.events import Field, Request
from netlab.http.paths import Path, map_path
from netlab.http.writer import REASONS, field_line
from netlab.in_world import only_in_world, only_virtual, world_of
from netlab.serve.answers import Site
from netlab.serve.bounds import Bounds, bounds
from netlab.serve.exchange import VERSIONS
from netlab.serve.files import Directory, Refusal
from netlab.serve.web import serve
from netlab.serve.web_log import WebLog
from netlab.server_base import LOG_ROWS, Server, noting, rows_to_keep
from netlab.server_listen import check_host, check_listener, is_unix, place_of
from netlab.server_place import Place, RealPlace

if TYPE_CHECKING:
    from pandas import DataFrame

    from netlab.internet.model import World
    from netlab.network.base import Network
    from netlab.server_proxy import ProxyServer
    from netlab.server_world import ServiceTime, WorldPlace

__all__ = ["ProxyServer", "Server", "WebServer"]

FRAMING = (b"content-length", b"transfer-encoding", b"connection", b"date", b"content-range", b"content-encoding")
"""Fields that only the server itself can know."""
OURS = map_path
"""Needs no look at what it gives."""
Given = TypeVar("Given")


class WebServer(Server):
    """A web server for the files of a folder, on bare sockets; use it in a ``with`` line or call `stop`.

    Parameters
    ----------
    directory
        What is served; index.html stands for its folder.
    host
        Address to listen at. Only this machine can reach the default, 127.0.0.1; ``"localhost"`` is 127.0.0.1 and ::1,
        ``""`` is every address of this machine, IPv4 and IPv6.
    port
        0: any free one; see `url`.
    public
        Must be True for a ``host`` or ``listener`` that others can reach; they are then warned about, too.
    listener
        A listening socket of your own, TCP or Unix, instead of ``host`` and ``port``. No browser opens a Unix socket;
        curl does: ``curl --unix-socket PATH http://localhost/``.
    ssl_context
        An ``ssl.SSLContext`` with a certificate: the server speaks https. A handshake that fails, since the client does
        not trust the certificate for example, is a row with that reason.
    limits
        Names and values of ``netlab.serve.bounds.Bounds``, such as ``{"head_time": 2.0, "per_client": 8}``.
    etag
        ``"stat"``: from time, size and inode; ``"content"``: from a hash of the content, as always on virtual hosts,
        whose answers are alike on every machine.
    gzip
        Compress text on its way out, if it has no compressed copy (``.br``, ``.gz``) beside it.
    headers
        Fields for every answer, as a dict or pairs; they replace those of the same name.
    cors
        True: pages of every origin may read the answers; or the one origin that may, such as ``"http://a.example"``.
    follow_symlinks
        Whether links may lead out of the folder.
    parse_head, map_path
        Your own functions: from the bytes of a head (without its empty line) to a ``netlab.http.events.Request``; from
        a request's path (bytes) to a ``netlab.http.paths.Path``. A fault in them is an answer 500 and a row.
    log_rows
        How many rows `log` keeps.
    on_row
        Called with every row of the log as it is made, as a dict, in the server's thread.
    network
        As in `netlab.use`, for this server only; None: the one in use.
    service_ms
        How long a virtual host's processor is busy with a request, ms: a number, a dict by target (``{"/big": 40}``;
        others take no time), or a function of the target.
    mode, workers
        How a virtual host does it: ``"iterative"`` (one connection after the other), ``"threads"`` (``workers``
        connections at once, each with a processor to itself; the next ones wait) or ``"loop"`` (all connections at
        once; their requests queue for ``workers`` processors, 1).
    backlog
        On a host of a world: how many connections may wait to be accepted; SYNs beyond that are dropped, as by Linux.
    tcp
        On a virtual host: as in `fetch`. A ``send_buffer`` smaller than the file lets a slow reader hold a worker.

    With a world in use, ``host`` is one of its hosts, by name or address; 127.0.0.1, ::1 and localhost are still this
    machine. While the server is open, its world runs on from call to call. Whoever calls `fetch` and the like lets the
    world's time pass; the server answers in that time, exactly alike on every machine.

    Raises
    ------
    AddressInUse
        When the port is taken; UsageError when the folder does not exist or an argument cannot be.

    Examples
    --------
    >>> import netlab, tempfile, pathlib, urllib.request
    >>> folder = tempfile.mkdtemp()
    >>> _ = pathlib.Path(folder, "index.html").write_text("<p>Hello")
    >>> with netlab.WebServer(folder, port=0) as server:
    ...     text = urllib.request.urlopen(server.url).read()
    >>> text, server.log["status"].tolist()
    (b'<p>Hello', [200])
    >>> with netlab.use("line"), netlab.WebServer(folder, host="server", port=80) as server:
    ...     phases = netlab.fetch("http://server/")
    >>> float(phases["end_ms"].max())
    44.0

    Source
    ------
    RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
    """

    kind = "web server"

    def __init__(
        self,
        directory: str | os.PathLike[str] = ".",
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        public: bool = False,
        listener: socket.socket | None = None,
        ssl_context: ssl.SSLContext | None = None,
        limits: Mapping[str, Any] | None = None,
        etag: str = "stat",
        gzip: bool = False,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        cors: bool | str = False,
        follow_symlinks: bool = False,
        parse_head: Callable[[bytes], Request] | None = None,
        map_path: Callable[[bytes], Path] = map_path,
        log_rows: int = LOG_ROWS,
        on_row: Callable[[dict[str, Any]], None] | None = None,
        network: str | World | Network | None = None,
        service_ms: ServiceTime | None = None,
        mode: str | None = None,
        workers: int | None = None,
        backlog: int | None = None,
        tcp: Mapping[str, Any] | None = None,
    ) -> None:
        _check_folder(directory)
        for name, flag in (("public", public), ("gzip", gzip), ("follow_symlinks", follow_symlinks)):
            if not isinstance(flag, bool):
                raise UsageError(name, flag, "must be True or False")
        for name, function in (("map_path", map_path), ("parse_head", parse_head)):
            if function is not None and not callable(function):
                raise UsageError(name, function, "give a function that takes bytes")
        if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
            raise UsageError("ssl_context", ssl_context, "must be an ssl.SSLContext with a certificate")
        if etag not in ("stat", "content"):
            raise UsageError("etag", etag, 'must be "stat" or "content"')
        of_server: Bounds = bounds(limits)
        rows = rows_to_keep(log_rows)
        place: Place
        world = world_of(host, network) if listener is None else None
        if world is None or not world.virtual:
            only_virtual(service_ms=service_ms, mode=mode, workers=workers, tcp=tcp)
        if world is not None:
            if ssl_context is not None:
                raise UsageError("ssl_context", ssl_context, "is for real servers; in a world http shows every byte")
            from netlab.server_world import cpu_of, world_place

            cpu = cpu_of(service_ms, mode, workers)
            place = world_place(world, host, port, of_server, cpu, backlog, tcp)
        else:
            only_in_world(backlog=backlog)
            if listener is None:
                check_host(host, public)
            else:
                check_listener(listener)
                if not is_unix(listener):
                    check_host(place_of(listener)[0], public, "listener")
            place = RealPlace(host, port, of_server, listener=listener, context=ssl_context)
        log = WebLog(rows, place.network)
        self._unix = listener is not None and is_unix(listener)
        self._site = Site(
            Directory(directory, follow_symlinks), noting(log, on_row), place.wall, bounds=of_server,
            map_path=map_path if map_path is OURS else _giving(Path, "map_path", map_path),
            parse_head=_giving(Request, "parse_head", parse_head) if parse_head else None,
            own_fields=_fields(headers), cors=_origin(cors), tag_from_content=etag == "content" or place.virtual,
            gzip=gzip, scheme=b"https" if ssl_context else b"http", modified_ns=place.modified_ns,
        )  # fmt: skip
        super().__init__(place, lambda connection: serve(connection, self._site), log, secure=ssl_context is not None)

    @property
    def url(self) -> str:
        """Where it is, such as ``http://127.0.0.1:8080/``; of a Unix socket ``http+unix://`` and its percent-encoded
        path, which few clients understand: ``curl --unix-socket PATH http://localhost/``."""
        if not self._unix:
            return super().url
        return f"http{'s' if self._secure else ''}+unix://{quote(self.host, safe='')}/"

    def __repr__(self) -> str:
        text = super().__repr__()
        return text.replace(self.url, f"at the Unix socket {self.host}") if self._unix else text

    def details(self, index: int) -> dict[str, Any]:
        row = super().details(index)
        receive = row["receive_ms"]
        return {
            **row,
            "reason": REASONS.get(row["status"], b"").decode(),
            "request_body_bytes": _rest(row["request_bytes"], row["request_head_bytes"]),
            "response_body_bytes": _rest(row["response_bytes"], row["response_head_bytes"]),
            "first_byte_ms": None if row["wait_ms"] is None else (row["queue_ms"] or 0.0) + row["wait_ms"],
            "throughput_bytes_s": row["response_bytes"] / receive * 1e3 if receive else None,
        }

    details.__doc__ = Server.details.__doc__

    def load(
        self,
        rate: float,
        *,
        seconds: float | None = None,
        count: int | None = None,
        target: str | Sequence[str] = "/",
        clients: str | Sequence[str] | None = None,
        slow: float = 0.0,
        slow_rate: float = 1_000.0,
        timeout: float = 30.0,
        seed: int = 1,
    ) -> DataFrame:
        """Let a crowd of clients ask this server, which is on a host of a virtual world.

        Requests come at random moments, whether or not earlier ones are answered (Poisson arrivals); each has a
        connection of its own.

        Parameters
        ----------
        rate
            Requests per second, on average.
        seconds, count
            For how long they come, or how many; without either: for 10 seconds of world time.
        target
            What is asked for, a path; of a list each asks for one, by chance.
        clients
            The hosts they are on, by name; None: where measurements start.
        slow
            The share of slow readers, from 0 to 1.
        slow_rate
            Bytes per second that those take.
        timeout
            Seconds after which a client gives up.
        seed
            Decides who comes when, and who is slow.

        Returns
        -------
        DataFrame
            LOAD, one row per request as its client saw it, in the order of coming: ``at_ms`` (float64, from the
            beginning of the load), ``client``, ``target`` (str), ``slow`` (bool), ``outcome`` (category: answered,
            refused, reset, timeout, unreachable), ``status`` (Int64), ``connect_ms``, ``queue_ms`` (the part of the
            server's log in queues), ``wait_ms`` (from the connection to the first byte), ``receive_ms``,
            ``latency_ms`` (from the SYN to the last byte; float64), ``bytes`` (int64), ``connection`` (Int64, as in
            `log`), ``error`` (str), ``started_at``, ``network``. NaN and ``<NA>``: it did not come to that.

        Raises
        ------
        UsageError
            When the server is a real one, or an argument cannot be.

        Examples
        --------
        >>> import netlab, tempfile, pathlib
        >>> folder = tempfile.mkdtemp()
        >>> _ = pathlib.Path(folder, "index.html").write_text("<p>Hello")
        >>> with netlab.use("line"), netlab.WebServer(folder, host="server", port=80, service_ms=10) as server:
        ...     quiet, busy = server.load(rate=20, count=200), server.load(rate=95, count=200)
        >>> float(quiet["latency_ms"].median())
        54.0
        >>> bool(busy["latency_ms"].mean() > quiet["latency_ms"].mean() + 10)
        True

        Source
        ------
        Schroeder, Wierman and Harchol-Balter, "Open versus closed" (NSDI 2006): why the arrivals must not wait.
        """
        from netlab import frames, loading

        place = self._world_place("load")
        visits, began = loading.run(place, rate, seconds, count, target, clients, slow, slow_rate, timeout, seed)
        return frames.table(loading.rows(visits, began, place, self._plain_rows()), frames.LOAD)

    @property
    def queue(self) -> DataFrame:
        """QUEUE: how busy this server on a virtual host has been, a row per change.

        ``time_ms`` (float64, world time), ``waiting`` (int64: connections that wait for a worker, requests that wait
        for the processor), ``busy`` (int64: workers with a connection; of a loop, processors with a request),
        ``refused`` (int64, so far: connections dropped by a full backlog or told 503), ``at`` (the same time, UTC).
        """
        from netlab import frames

        place = self._world_place("queue")
        rows = [
            {**moment._asdict(), "time_ms": moment.time / 1e6, "at": place.world.epoch + moment.time}
            for moment in place.loop.cpu.moments
        ]
        return frames.table(rows, frames.QUEUE)

    def _world_place(self, what: str) -> WorldPlace:
        if not self._place.virtual:
            text = 'is there for a server on a virtual host: netlab.use("campus"), then WebServer(host="www")'
            raise UsageError(what, self.url, text)
        return cast("WorldPlace", self._place)

    def listing(self, path: str = "/") -> DataFrame:
        """Give a folder as the server sees it: LISTING, a row per entry, sorted by name; sizes in bytes, ``modified``
        NaT when the time of a file tells nothing (0) or lies behind the year 2262.

        Raises
        ------
        UsageError
            When the path means no folder that the server would list.
        """
        from netlab import frames
        from netlab.http.pages import listing_row

        if not isinstance(path, str) or not path.startswith("/"):
            raise UsageError("path", path, "must begin with a slash, as in a URL: / is the server's folder")
        try:
            entries = sorted(self._site.directory.folder(map_path(path.encode()).names).entries())
        except (Refusal, HTTPError) as refusal:
            raise UsageError("path", path, str(refusal) or "must mean a folder of the server, such as /") from None
        rows = [{**listing_row(entry), "modified": _known_time(entry.modified_ns)} for entry in entries]
        return frames.table(rows, frames.LISTING)


def _check_folder(directory: str | os.PathLike[str]) -> None:
    if not isinstance(directory, str | os.PathLike) or not isinstance(os.fspath(directory), str):
        raise UsageError("directory", directory, "must be the name of a folder, as text or a pathlib.Path")
    name = os.fspath(directory)
    if not os.path.isdir(name):
        text = "is a file; give the folder that it is in" if os.path.isfile(name) else "must be a folder that exists"
        raise UsageError("directory", name, text)
    if not os.path.isdir(os.path.join(name, os.curdir)):
        raise UsageError("directory", name, "you may not enter this folder (chmod u+rx lets you)")


def _known_time(ns: int) -> int | None:
    """A time that a table can hold, ns since 1970: 64 bits end in the year 2262."""
    return ns if ns and abs(ns) < 1 << 63 else None


def _rest(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else whole - part


def _fields(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[Field]:
    """Check fields that somebody typed."""
    if not isinstance(headers, Iterable) or isinstance(headers, str | bytes):
        raise UsageError("headers", headers, "must be a dict of names and values, or pairs of them")
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    fields: list[Field] = []
    for pair in pairs:
        try:
            name, value = (text.encode("latin-1") for text in pair)
            field_line(name, value)
        except (ValueError, AttributeError, TypeError, UnicodeEncodeError, HTTPError):
            raise UsageError("headers", pair, "must be a name and a value that HTTP can carry, both text") from None
        if name.lower() in FRAMING:
            raise UsageError("headers", pair[0], "only the server itself can know this field")
        fields.append((name, value))
    return fields


def _origin(cors: bool | str) -> bytes:
    """Check whose pages may read the answers."""
    if isinstance(cors, bool):
        return b"*" if cors else b""
    parts = urlsplit(cors) if isinstance(cors, str) else None
    if cors != "*" and (parts is None or parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
        raise UsageError("cors", cors, 'must be True, or one origin such as "http://a.example:8000"')
    return cors.encode("latin-1")


def _giving(kind: type[Given], name: str, function: Callable[[bytes], Given]) -> Callable[[bytes], Given]:
    """A learner's function: what it gives must be of this kind, whatever else it does is its fault."""

    def checked(data: bytes) -> Given:
        given = function(data)
        if not isinstance(given, kind):
            raise TypeError(f"{name} gave {type(given).__name__}, not a {kind.__module__}.{kind.__qualname__}")
        if isinstance(given, Request):
            _check_request(name, given)
        return given

    return checked


def _check_request(name: str, given: Request) -> None:
    """What is not so would be found by the log, later, when the function is no longer to blame."""
    for part in (given.method, given.target, *(each for pair in given.fields for each in pair)):
        if not isinstance(part, bytes):
            raise TypeError(f"{name} gave a Request with {part!r} in it: method, target and fields are bytes")
    if given.version not in VERSIONS:
        raise ValueError(f"{name} gave a Request of version {given.version!r}: give (1, 0) or (1, 1)")


def __getattr__(name: str) -> Any:
    """The proxy is loaded when somebody asks for it."""
    if name != "ProxyServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from netlab.server_proxy import ProxyServer

    return ProxyServer
