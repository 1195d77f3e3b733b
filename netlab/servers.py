"""Servers as objects: a thread with a loop behind a context manager, and its log as a table.

One thread per server runs the loop of ``serve/loop.py``; nothing here knows HTTP. Port 0 takes a free one; a taken one
gives `AddressInUse` with the owner, where the system tells who that is. A server made again at the same address and
port in this process (a notebook's cell that is run a second time) first stops the one before.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from netlab.errors import AddressInUse, NetworkError, UsageError
from netlab.http.paths import Path, map_path
from netlab.probing import seconds, whole
from netlab.serve.connection import Connection, Handler
from netlab.serve.dialing import Resolve, look_up
from netlab.serve.files import Directory
from netlab.serve.guard import guarded
from netlab.serve.loop import Loop
from netlab.serve.proxy import Relay, forward
from netlab.serve.web import Site, serve

if TYPE_CHECKING:
    from pandas import DataFrame

LOG_ROWS = 10_000
"""The latest rows are kept; the counters count all."""
BACKLOG = 1024
"""Connections that the kernel completes before they are accepted."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_running: weakref.WeakValueDictionary[tuple[str, int], Server] = weakref.WeakValueDictionary()


class Server:
    """What the two servers share: a listener, a thread with its loop, a log."""

    kind = ""

    def __init__(
        self,
        host: str,
        port: int,
        log_rows: int,
        on_row: Callable[[dict[str, Any]], None] | None,
        accept: Callable[[Connection], Handler],
        resolve: Resolve = look_up,
    ) -> None:
        if not isinstance(host, str):
            raise UsageError("host", host, "must be an address or a name of this machine, as text")
        port = whole("port", port, 0, 65_535)
        self._rows: deque[dict[str, Any]] = deque(maxlen=whole("log_rows", log_rows, 0, 10_000_000))
        self._lock = threading.Lock()
        self._on_row = on_row
        self.statuses: Counter[int] = Counter()
        """How many answers of each status there were, all counted."""
        before = _running.get((host, port)) if port else None
        if before is not None:
            before.stop(grace=0)
        listener = listen(host, port)
        self._loop = Loop(resolve)
        self.host, self.port = host, int(listener.getsockname()[1])
        self._loop.listen(listener, accept)
        self._thread = threading.Thread(target=self._loop.run, name=f"netlab {self.kind} {self.port}", daemon=True)
        self._thread.start()
        _running[(host, self.port)] = self

    @property
    def url(self) -> str:
        """Where it is, such as ``http://127.0.0.1:8080/``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    def __repr__(self) -> str:
        state = "running" if self._thread.is_alive() else "stopped"
        return f"<netlab {self.kind}: {self.url}, {state}, {self.statuses.total()} answers>"

    def _add_row(self, row: dict[str, Any]) -> None:
        with self._lock:
            self._rows.append(row)
            self.statuses[row["status"]] += 1
        if self._on_row is not None:
            self._on_row(row)

    @property
    def log(self) -> DataFrame:
        """EXCHANGES: one row per request so far, refused ones included; times in ms."""
        from netlab import frames

        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._loop.settle()
        with self._lock:
            rows = list(self._rows)
        return frames.table(rows, frames.EXCHANGES)

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
        Address to listen at. Only this machine can reach the default, 127.0.0.1.
    port
        0: any free one; see `url`.
    log_rows
        How many rows `log` keeps.
    map_path
        Your own function from a request's path (bytes) to a ``netlab.http.paths.Path``.
    on_row
        Called with every row of the log as it is made, in the server's thread.

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

    def __init__(
        self,
        directory: str | os.PathLike[str] = ".",
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        log_rows: int = LOG_ROWS,
        map_path: Callable[[bytes], Path] = map_path,
        on_row: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        if not os.path.isdir(directory):
            raise UsageError("directory", os.fspath(directory), "must be a folder that exists")
        if not callable(map_path):
            raise UsageError("map_path", map_path, "give a function from bytes to a Path")
        site = Site(Directory(directory), self._add_row, time.time_ns, map_path=map_path)
        super().__init__(host, port, log_rows, on_row, lambda connection: serve(connection, site))


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
    log_rows, on_row
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

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        connect_timeout: float = 5.0,
        log_rows: int = LOG_ROWS,
        on_row: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        if host not in LOOPBACK:
            raise UsageError(
                "host", host, f"must be one of {', '.join(LOOPBACK)}: a proxy that others reach is an open one"
            )
        timeout = seconds("connect_timeout", connect_timeout, above=0.0)
        relay = Relay(self._add_row, time.time_ns, timeout)
        super().__init__(host, port, log_rows, on_row, lambda connection: forward(connection, relay), guarded(look_up))


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; raises `AddressInUse` with the owner."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise UsageError("host", host, "must be an address or a name of this machine, such as 127.0.0.1") from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
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
