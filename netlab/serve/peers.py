"""What the loop keeps of a connection, and how many connections it can have."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from typing import Any

from netlab.serve.connection import Address, Connection, DialFailed, Handler, Wanted
from netlab.serve.dialing import Dialing
from netlab.serve.moving import Copying, Splicing
from netlab.serve.watching import Watch

RESERVE = 64
"""Descriptors that are kept for files, and for telling people that the server is full."""
MOST_DESCRIPTORS = 65_536
NOT_TLS = "RFC 8446 5.1"
"""Says how a record of TLS begins, and that is by no letter."""
NO_ATTEMPTS: dict[socket.socket, Watch] = {}


class Peer:
    """A handler, its connection, and what it waits for. A part of another one (see `Together`) is a peer of its own."""

    __slots__ = (
        "address", "attempts", "closed", "connection", "dialing", "done", "found", "handler", "heap_at", "main",
        "moving", "on_end", "opened", "parent", "parts", "secure", "shaking", "socket", "wanted", "watch",
    )  # fmt: skip

    def __init__(self, watch: Watch | None, address: str, connection: Connection, handler: Handler) -> None:
        self.watch: Any = watch
        """None: a client, which only has what it dials."""
        self.socket: Any = watch.socket if watch else None
        self.address, self.connection, self.handler = address, connection, handler
        self.secure = self.shaking = isinstance(self.socket, ssl.SSLSocket)
        """TLS; and its handshake is not over."""
        self.wanted: Wanted | None = None
        self.done = 0
        """How much of what it waits for is done."""
        self.closed = False
        self.on_end: Callable[[], None] | None = None
        self.opened: set[Watch] = set()
        """What its handlers have dialled or taken."""
        self.heap_at: int | None = None
        """Where the main one's deadline stands in the heap."""
        self.main = self
        self.parent: Peer | None = None
        self.parts: set[Peer] | None = None
        self.found: list[list[Address] | DialFailed] | None = None
        """A look-up goes on; its result will be put in here."""
        self.dialing: Dialing | None = None
        self.attempts: dict[socket.socket, Watch] = NO_ATTEMPTS
        """The sockets of `dialing` as they are watched."""
        self.moving: Copying | Splicing | None = None

    def part(self, handler: Handler) -> Peer:
        """Give a peer for a handler that runs beside others for this connection."""
        part = Peer(self.watch, self.address, self.connection, handler)
        part.shaking, part.opened, part.main, part.parent = False, self.opened, self.main, self
        return part


def most_connections() -> int:
    """How many connections this process can have: its descriptors, as many as it may raise them to, less a reserve."""
    try:
        import resource
    except ImportError:  # Windows: select() takes 512 sockets
        return 512 - RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if wanted > soft != resource.RLIM_INFINITY:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):
            pass  # macOS has a limit of its own below the one it tells
    most = MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    return max(16, most - RESERVE - _descriptors_in_use())


def _descriptors_in_use() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return RESERVE


def is_here(address: str) -> bool:
    """Whether an address is one of this machine's loopback."""
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def speaks_plainly(sock: socket.socket) -> bool:
    """Whether what has come on a new connection, if anything, begins like a request in plain HTTP: by a letter."""
    try:
        # As a plain socket: that of TLS refuses to look ahead.
        return socket.socket.recv(sock, 1, socket.MSG_PEEK).isalpha()
    except BlockingIOError:
        return False


def text_of(address: Any) -> str:
    """``192.0.2.1:80`` or ``[2001:db8::1]:80``."""
    if not isinstance(address, tuple):
        return str(address or "unix")
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def prepared(sock: socket.socket) -> socket.socket:
    """Make a socket that never blocks, and sends small pieces at once."""
    sock.setblocking(False)
    if sock.family != getattr(socket, "AF_UNIX", None):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
