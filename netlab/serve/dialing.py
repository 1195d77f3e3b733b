"""Connecting to somebody by name without blocking the loop.

Looking up a name cannot be made non-blocking nor taken back, so it is done in a thread of its own; everything else is
a non-blocking ``connect`` to one address after the other. How long all of it may take is the connection's deadline.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from netlab.serve.connection import Dial, DialFailed

Address = tuple[Any, ...]
Resolve = Callable[[str, int], list[tuple[int, Address]]]
"""Gives (address family, socket address) pairs; raises OSError when there are none."""

KINDS = {
    errno.ECONNREFUSED: "connection_refused",
    errno.ENETUNREACH: "destination_ip_unroutable",
    errno.EHOSTUNREACH: "destination_ip_unroutable",
    errno.ETIMEDOUT: "connection_timeout",
}
"""Errors in the words of RFC 9209 section 2.3."""


def look_up(host: str, port: int) -> list[tuple[int, Address]]:
    """Ask the system."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


class Dialing:
    """One attempt to connect, which `connected` carries on."""

    def __init__(self, wanted: Dial, resolve: Resolve, found: Callable[[], None]) -> None:
        self._wanted, self._resolve, self._tell = wanted, resolve, found
        self._addresses: list[tuple[int, Address]] | None = None
        self._fault = DialFailed("dns_error", f"there is no address for {wanted.host}")
        self._current: Address = ()
        self.socket: socket.socket | None = None
        """The one that is connecting just now."""
        threading.Thread(target=self._look_up, name="netlab look-up", daemon=True).start()

    def _look_up(self) -> None:
        try:
            self._addresses = self._resolve(self._wanted.host, self._wanted.port)
        except DialFailed as failure:
            self._addresses, self._fault = [], failure
        except (OSError, UnicodeError):
            self._addresses = []
        self._tell()

    @property
    def address(self) -> str:
        return str(self._current[0]) if self._current else ""

    def connected(self) -> socket.socket:
        """Give the connected socket; raises BlockingIOError while it goes on and `DialFailed` when nothing is left."""
        if self.socket is not None:
            self._check()
        while self.socket is None:
            if self._addresses is None:
                raise BlockingIOError
            if not self._addresses:
                raise self._fault
            self._begin(*self._addresses.pop(0))
        if self._current_done():
            stream, self.socket = self.socket, None
            return stream
        raise BlockingIOError

    def _begin(self, family: int, address: Address) -> None:
        self._current = address
        try:
            opened = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._failed(error.errno or 0)
            return
        opened.setblocking(False)
        result = opened.connect_ex(address)
        if result in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = opened
        else:
            opened.close()
            self._failed(result)

    def _check(self) -> None:
        assert self.socket is not None
        result = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            self.close()
            self._failed(result)

    def _current_done(self) -> bool:
        assert self.socket is not None
        try:
            self.socket.getpeername()
        except OSError:
            return False
        return True

    def _failed(self, number: int) -> None:
        kind = KINDS.get(number, "connection_refused")
        self._fault = DialFailed(kind, f"{self.address} port {self._wanted.port}: {os.strerror(number)}")

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None
