"""Servers as objects: a thread with a loop behind a context manager, and its log as a table.

One thread per server runs the loop of ``serve/loop.py``; nothing here knows HTTP. Port 0 takes a free one; a taken one
gives `AddressInUse` with the owner, where the system tells who that is. A server made again at the same address and
port in this process (a notebook's cell that is run a second time) first stops the one before.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
import time
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from netlab.errors import AddressInUse, HTTPError, NetworkError, UsageError
from netlab.http.events import Field, Request
from netlab.http.paths import Path, map_path
from netlab.http.writer import field_line
from netlab.probing import seconds, whole
from netlab.serve.bounds import Bounds, bounds
from netlab.serve.connection import Connection, Handler
from netlab.serve.dialing import Resolve, look_up
from netlab.serve.files import Directory, Refusal
from netlab.serve.guard import guarded
from netlab.serve.log import Log, ProxyRow, Row, RowsOf, WebRow
from netlab.serve.loop import Loop
from netlab.serve.proxy import Relay, forward
from netlab.serve.web import Site, rows_of, serve

if TYPE_CHECKING:
    from pandas import DataFrame

LOG_ROWS = 10_000
"""The latest rows are kept; the counters count all."""
STATUS = WebRow._fields.index("status")
"""Where the status is in a row of either server."""
BACKLOG = 1024
"""Connections that the kernel completes before they are accepted."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
FRAMING = (b"content-length", b"transfer-encoding", b"connection", b"date", b"content-range", b"content-encoding")
"""Fields that only the server itself can know."""

_running: weakref.WeakValueDictionary[tuple[str, int], Server] = weakref.WeakValueDictionary()


class Server:
    """What the two servers share: listeners, a thread with its loop, a log."""

    kind = ""
    row: type[Row]
    """What a row of its log consists of."""
    rows_of: RowsOf = staticmethod(iter)
    """Makes them of what the handlers note."""

    def __init__(
        self,
        host: str,
        port: int,
        accept: Callable[[Connection], Handler],
        *,
        log_rows: int,
        on_row: Callable[[dict[str, Any]], None] | None,
        limits: Bounds,
        listener: socket.socket | None = None,
        resolve: Resolve = look_up,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._log = Log(whole("log_rows", log_rows, 0, 10_000_000), self.row, rows_of=self.rows_of)
        self._lock = threading.Lock()
        self._on_row = on_row
        self.statuses: Counter[int] = Counter()
        """How many answers of each status there were, all counted."""
        self._secure = context is not None
        if listener is not None:
            listeners, self.host, self.port = [listener], *_place(listener)
        else:
            port = whole("port", port, 0, 65_535)
            before = _running.get((host, port)) if port else None
            if before is not None:
                before.stop(grace=0)
            listeners = listen(host, port)
            self.host, self.port = host, int(listeners[0].getsockname()[1])
        self._loop = Loop(resolve, limits.connections, limits.per_client, context)
        for each in listeners:
            self._loop.listen(each, accept)
        self._thread = threading.Thread(target=self._loop.run, name=f"netlab {self.kind} {self.port}", daemon=True)
        self._thread.start()
        _running[(self.host, self.port)] = self

    @property
    def url(self) -> str:
        """Where it is, such as ``http://127.0.0.1:8080/``."""
        host = f"[{self.host}]" if ":" in self.host else self.host or "localhost"
        return f"http{'s' if self._secure else ''}://{host}:{self.port}/"

    def __repr__(self) -> str:
        state = "running" if self._thread.is_alive() else "stopped"
        return f"<netlab {self.kind}: {self.url}, {state}, {self.statuses.total()} answers>"

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return self._loop.open_connections

    def _add_row(self, row: Sequence[Any], request_head: bytes, response_head: bytes) -> None:
        with self._lock:
            self._log.add(row, request_head, response_head)
            self.statuses[max(row[STATUS], 0)] += 1
        if self._on_row is not None:
            self._on_row(self._log.as_dict(row))

    @property
    def log(self) -> DataFrame:
        """EXCHANGES: one row per request so far, refused ones included; times in ms."""
        from netlab import frames

        self._settle()
        with self._lock:
            columns = self._log.columns()
        return frames.from_columns(columns, frames.EXCHANGES)

    def details(self, index: int) -> dict[str, Any]:
        """Everything about row ``index`` of `log`, what the table has no column for included.

        Returns
        -------
        dict
            All columns of EXCHANGES and: referer, user_agent, reason, request_head_bytes, response_head_bytes, framing
            (length, chunked, close, none), conditional_result, range, keep_alive, close_reason, head_ms, handler_ms,
            respond_ms; ``request_head`` and ``response_head`` are bytes, kept for the latest 1,000 requests. A value
            that does not exist is None.

        Raises
        ------
        UsageError
            When there is no such row.
        """
        self._settle()
        with self._lock:
            count = len(self._log)
            if isinstance(index, bool) or not hasattr(index, "__index__") or not -count <= int(index) < count:
                raise UsageError("index", index, f"must be a row's number; the log has {count} rows")
            return self._log.details(int(index) % count)

    def to_clf(self) -> str:
        """Give the log in the combined log format of Apache and nginx, with the milliseconds behind each line."""
        from netlab.formats.clf import line

        return "".join(line(row) + "\n" for row in self._plain_rows())

    def to_json(self) -> str:
        """Give the log as JSON: a list of objects with everything that `details` has, but the heads."""
        import json

        return json.dumps(self._plain_rows(), indent=1)

    def to_har(self) -> dict[str, Any]:
        """Give the log as a HAR 1.2 document, which browsers and other tools read; write it with ``json.dump``.

        Passwords and cookies are left out; times that do not exist are -1. Fields are there for the latest 1,000.
        """
        from netlab.formats.har import har

        self._settle()
        with self._lock:
            rows = [self._log.details(index) for index in range(len(self._log))]
        return har(rows, self.url)

    def _plain_rows(self) -> list[dict[str, Any]]:
        self._settle()
        with self._lock:
            return list(self._log)

    def _settle(self) -> None:
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._loop.settle()

    def stop(self, grace: float = 3.0) -> None:
        """Accept nobody any more, let answers be finished for ``grace`` seconds, close; may be called again."""
        self._loop.stop(grace)
        if threading.current_thread() is not self._thread:
            self._thread.join(grace + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


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
        Must be True for a ``host`` that others can reach; they are then warned about, too.
    listener
        A listening socket of your own, TCP or Unix, instead of ``host`` and ``port``.
    ssl_context
        An ``ssl.SSLContext`` with a certificate: the server speaks https.
    limits
        Names and values of ``netlab.serve.bounds.Bounds``, such as ``{"head_time": 2.0, "per_client": 8}``.
    etag
        ``"stat"``: from time, size and inode; ``"content"``: from a hash of the content.
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

    Source
    ------
    RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
    """

    kind = "web server"
    row = WebRow
    rows_of = staticmethod(rows_of)

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
    ) -> None:
        if not os.path.isdir(directory):
            raise UsageError("directory", os.fspath(directory), "must be a folder that exists")
        for name, function in (("map_path", map_path), ("parse_head", parse_head)):
            if function is not None and not callable(function):
                raise UsageError(name, function, "give a function that takes bytes")
        if etag not in ("stat", "content"):
            raise UsageError("etag", etag, 'must be "stat" or "content"')
        if listener is None:
            check_host(host, public)
        of_server = bounds(limits)
        self._site = Site(
            Directory(directory, follow_symlinks), self._add_row, time.time_ns, bounds=of_server, map_path=map_path,
            parse_head=_checked(parse_head) if parse_head else None, own_fields=_fields(headers), cors=_origin(cors),
            tag_from_content=etag == "content", gzip=bool(gzip), scheme=b"https" if ssl_context else b"http",
        )  # fmt: skip
        super().__init__(
            host, port, lambda connection: serve(connection, self._site), log_rows=log_rows, on_row=on_row,
            limits=of_server, listener=listener, context=ssl_context,
        )  # fmt: skip

    def listing(self, path: str = "/") -> DataFrame:
        """Give a folder as the server sees it: LISTING, a row per entry, sorted by name; sizes in bytes.

        Raises
        ------
        UsageError
            When the path means no folder that the server would list.
        """
        from netlab import frames
        from netlab.http.pages import listing_row

        try:
            entries = sorted(self._site.directory.folder(map_path(path.encode()).names).entries())
        except (Refusal, HTTPError) as refusal:
            raise UsageError("path", path, str(refusal) or "must mean a folder of the server, such as /") from None
        rows = [{**listing_row(entry), "modified": entry.modified_ns or None} for entry in entries]
        return frames.table(rows, frames.LISTING)


class ProxyServer(Server):
    """A forward proxy for http on this machine, on bare sockets; use it in a ``with`` line or call `stop`.

    It forwards requests in absolute form (``GET http://host:port/path HTTP/1.1``), as a program sends them that is told
    to use a proxy. Tunnels (CONNECT, for https) are answered with 501.

    Parameters
    ----------
    host
        Address to listen at: one of this machine alone (127.0.0.1, ::1, localhost), so that nobody else can use it.
    port
        0: any free one; see `url`.
    connect_timeout
        Seconds in which the origin must be connected, its name looked up included; then the client gets a 504 page.
    limits, log_rows, on_row
        As in `WebServer`.

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

    Source
    ------
    RFC 9110 section 7.6 (forwarding), RFC 9112 section 3.2.2 (absolute form), RFC 9209 (Proxy-Status).
    """

    kind = "proxy"
    row = ProxyRow

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        connect_timeout: float = 5.0,
        limits: Mapping[str, Any] | None = None,
        log_rows: int = LOG_ROWS,
        on_row: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        if host not in LOOPBACK:
            raise UsageError(
                "host", host, f"must be one of {', '.join(LOOPBACK)}: a proxy that others reach is an open one"
            )
        timeout = seconds("connect_timeout", connect_timeout, above=0.0)
        of_server = bounds(limits)
        relay = Relay(self._add_row, time.time_ns, timeout, bounds=of_server)
        super().__init__(
            host, port, lambda connection: forward(connection, relay), log_rows=log_rows, on_row=on_row,
            limits=of_server, resolve=guarded(look_up),
        )  # fmt: skip


def check_host(host: str, public: bool) -> None:
    """Refuse an address that others can reach, unless that is asked for; then warn."""
    if not isinstance(host, str):
        raise UsageError("host", host, "must be an address or a name of this machine, as text")
    if host in LOOPBACK or host.startswith("127."):
        return
    if not public:
        raise UsageError(
            "host", host, "others could reach the server there; say public=True (--public) if that is what you want"
        )
    warnings.warn(f"others can reach this server at {host or 'every address'}", stacklevel=3)


def _fields(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[Field]:
    """Check fields that somebody typed."""
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


def _checked(parse_head: Callable[[bytes], Request]) -> Callable[[bytes], Request]:
    """A learner's parser: what it gives must be a Request, whatever else it does is its fault."""

    def parse(head: bytes) -> Request:
        request = parse_head(head)
        if not isinstance(request, Request):
            raise TypeError(f"parse_head gave {type(request).__name__}, not a netlab.http.events.Request")
        return request

    return parse


def _place(listener: socket.socket) -> tuple[str, int]:
    """Where a listener that was handed in is."""
    if not isinstance(listener, socket.socket):
        raise UsageError("listener", listener, "must be a listening socket")
    address = listener.getsockname()
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else (str(address), 0)


def listen(host: str, port: int) -> list[socket.socket]:
    """Open the listening sockets of a host; raises `AddressInUse` with the owner."""
    if host == "":
        return [_listen(socket.AF_INET6, "::", port, dual=True)] if socket.has_dualstack_ipv6() else [
            _listen(socket.AF_INET, "0.0.0.0", port)
        ]  # fmt: skip
    if host == "localhost":
        return _listen_on_both(port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise UsageError("host", host, "must be an address or a name of this machine, such as 127.0.0.1") from None
    return [_listen(found[0][0], str(found[0][4][0]), port)]


def _listen_on_both(port: int) -> list[socket.socket]:
    """IPv4's and IPv6's loopback, with the same port."""
    for _ in range(20):
        first = _listen(socket.AF_INET, "127.0.0.1", port)
        try:
            return [first, _listen(socket.AF_INET6, "::1", first.getsockname()[1])]
        except AddressInUse:
            first.close()
            if port:
                raise
        except NetworkError:
            return [first]  # there is no IPv6 here
    raise NetworkError(errno.EADDRINUSE, "no port is free on both 127.0.0.1 and ::1")


def _listen(family: int, host: str, port: int, dual: bool = False) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"{host}:{port}", owner_of(port)) from None
        if error.errno == errno.EACCES:
            raise NetworkError(error.errno, f"ports below 1024 belong to root; take another than {port}") from None
        raise NetworkError(error.errno, f"cannot listen at {host}:{port}: {error.strerror}") from None
    return listener


def owner_of(port: int) -> str:
    """Who listens at a TCP port: ``python3 (process 4711)``; ``""`` where the system does not tell (Linux does)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                for line in list(lines)[1:]:
                    words = line.split()
                    if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:  # 0A: listening
                        inodes.add(f"socket:[{words[9]}]")
        except OSError:
            continue
    for process in filter(str.isdecimal, os.listdir("/proc") if inodes else []):
        try:
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                if os.readlink(f"/proc/{process}/fd/{descriptor}") in inodes:
                    with open(f"/proc/{process}/comm", encoding="utf-8") as name:
                        return f"{name.read().strip()} (process {process})"
        except OSError:
            continue  # it is somebody else's, or has ended
    return ""
