"""How connections come into the loop: accepting them, and what happens when there are too many.

A connection for which there is no room is accepted all the same, up to a point: its handler is told that it is one too
many (`Connection.full`) and can say so to the client. Before that, the oldest idle connection is closed for a new one;
so it is when the process has no descriptors left. If there is no idle one, asking again and again would keep the
processor busy, so the loop looks away for a moment.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections import Counter
from typing import TYPE_CHECKING, Any

from netlab.serve.connection import Accept
from netlab.serve.peers import RESERVE, Peer, is_here, most_connections, prepared, text_of
from netlab.serve.watching import Watch

if TYPE_CHECKING:
    from netlab.serve.loop import Loop

AT_ONCE = 64
"""Connections that are accepted in a row before others have their turn."""
FROM_ELSEWHERE = 64
"""Connections at once from one address of another machine."""
PAUSE = 50_000_000
"""ns without accepting, when the process has no descriptors left."""
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
HANDSHAKE_TIME = 10.0
"""s for a TLS handshake."""


class Entrance:
    """The listening sockets of a loop.

    Parameters
    ----------
    most, per_client
        Connections at once: in all, and from one address; 0: see ``bounds.py``.
    context
        What to speak TLS with.
    """

    def __init__(self, loop: Loop, most: int, per_client: int, context: ssl.SSLContext | None) -> None:
        self._loop, self._most, self._per_client, self._context = loop, most or most_connections(), per_client, context
        self._listeners: list[tuple[socket.socket, Accept]] = []
        self._open = False
        self._from: Counter[str] = Counter()
        """How many connections each address has."""

    def add(self, listener: socket.socket, accept: Accept) -> None:
        listener.setblocking(False)
        self._listeners.append((listener, accept))

    def open(self) -> None:
        """Accept whoever comes, unless the loop is about to end."""
        if not self._open and not self._loop.stopping:
            self._open = True
            for listener, accept in self._listeners:
                self._loop.sockets.listen(listener, accept)

    def shut(self) -> None:
        """Accept nobody for now."""
        if self._open:
            self._open = False
            for listener, _ in self._listeners:
                self._loop.sockets.listen_no_more(listener)

    def close(self) -> None:
        self.shut()
        for listener, _ in self._listeners:
            listener.close()

    def accept(self, listener: socket.socket, accept: Accept) -> None:
        """Let in who waits at a listener."""
        for _ in range(AT_ONCE):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in NO_DESCRIPTORS:
                    if self._loop.close_an_idle_one():
                        continue
                    self.shut()
                    self._loop.at(self._loop.now() + PAUSE, self.open)
                    return
                continue  # that one gave up while it waited
            self._let_in(sock, address, accept)

    def _let_in(self, sock: socket.socket, address: Any, accept: Accept) -> None:
        try:
            prepared(sock)
            server = text_of(sock.getsockname())
            if self._context:
                sock = self._context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
                )
        except OSError:
            sock.close()
            return
        client = address[0] if isinstance(address, tuple) else ""
        full = self._is_full(client)
        if full and self._loop.open_connections >= self._most + RESERVE // 2:
            sock.close()  # there is no room to explain it
            return
        connection = self._loop.new_connection(text_of(address), server)
        connection.full = full
        peer = Peer(Watch(sock), client, connection, accept(connection))
        if peer.secure:
            connection.within(HANDSHAKE_TIME)
        self._loop.enter(peer)

    def _is_full(self, client: str) -> bool:
        """Whether a new connection is one too many, even after the oldest idle one has been closed for it."""
        allowed = self._per_client or (FROM_ELSEWHERE if client and not is_here(client) else 0)
        if allowed and self._from[client] >= allowed:
            return True
        return self._loop.open_connections >= self._most and not self._loop.close_an_idle_one()

    def count(self, address: str, change: int) -> None:
        """Note that an address has one connection more, or less."""
        self._from[address] += change
        if not self._from[address]:
            del self._from[address]
