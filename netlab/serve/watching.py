"""The sockets that the selector watches for the loop, and who waits for what of them.

A socket stays registered after somebody waited for it, because somebody mostly does again; when something happens there
that nobody waits for, the loop has it unregistered (`Watching.end`).
"""

from __future__ import annotations

import selectors
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netlab.serve.peers import Peer

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Watch:
    """A socket, and who waits for what of it: the streams that handlers know."""

    __slots__ = ("events", "reader", "socket", "writer")

    def __init__(self, sock: Any) -> None:
        self.socket = sock
        self.events = 0
        """What the selector watches."""
        self.reader: Peer | None = None
        self.writer: Peer | None = None


class Watching:
    """A selector. What it gives with an event is a `Watch`, or what was given with a `listen`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.select = self._selector.select

    def listen(self, sock: socket.socket, data: Any) -> None:
        """Watch for what comes at a socket that is nobody's connection."""
        self._selector.register(sock, READ, data)

    def listen_no_more(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)

    def wait(self, watch: Watch, event: int, peer: Peer) -> None:
        """Have the selector tell when a peer can read, or write."""
        if event == READ:
            watch.reader = peer
        else:
            watch.writer = peer
        if not watch.events & event:
            self.begin(watch, event)

    def begin(self, watch: Watch, event: int) -> None:
        if watch.events:
            self._selector.modify(watch.socket, watch.events | event, watch)
        else:
            self._selector.register(watch.socket, event, watch)
        watch.events |= event

    def end(self, watch: Watch, event: int) -> None:
        """Watch it for this no more."""
        left = watch.events & ~event
        if left == watch.events:
            return
        if left:
            self._selector.modify(watch.socket, left, watch)
        else:
            self._selector.unregister(watch.socket)
        watch.events = left

    def drop(self, watch: Watch) -> None:
        """Close a socket; nobody waits for it any more."""
        self.end(watch, READ | WRITE)
        watch.reader = watch.writer = None
        watch.socket.close()

    def close(self) -> None:
        self._selector.close()
