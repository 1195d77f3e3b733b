"""Names → addresses → a connection, without blocking the loop (RFC 8305, "happy eyeballs", in its light form).

Looking up a name cannot be made non-blocking nor taken back, so it is done in a side thread; a look-up that somebody is
waiting for already is shared. An address that is written out needs no thread.

Connecting is a race: addresses of IPv6 and IPv4 take turns, a new attempt begins `STAGGER` after the one before or as
soon as that fails, and the first that answers wins. How long all of it may take is the connection's deadline.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import Any

from netlab.serve.connection import SECOND, Address, DialFailed, LookUp

Resolve = Callable[[str, int], list[Address]]
"""Gives (address family, socket address) pairs; raises OSError when there are none."""
OpenSocket = Callable[[int, int], socket.socket]
"""From a family and a kind to a socket: of this machine, or one that is borrowed from a host of the lab."""

STAGGER = SECOND // 4
"""ns between two attempts (RFC 8305 section 5)."""
MOST_THREADS = 16
"""Look-ups at once; further ones wait."""
KINDS = {
    errno.ECONNREFUSED: "connection_refused",
    errno.ENETUNREACH: "destination_ip_unroutable",
    errno.EHOSTUNREACH: "destination_ip_unroutable",
    errno.ETIMEDOUT: "connection_timeout",
    errno.EMFILE: "connection_limit_reached",
    errno.ENFILE: "connection_limit_reached",
}
"""Errors in the words of RFC 9209 section 2.3."""


def look_up(host: str, port: int) -> list[Address]:
    """Ask the system."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))


def written_out(host: str, port: int) -> list[Address]:
    """Give the address that ``host`` is, if it is one in its usual form; nothing needs to be asked then."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            text = socket.inet_ntop(family, socket.inet_pton(family, host))
        except (OSError, ValueError):
            continue
        return [(int(family), (text, port) if family == socket.AF_INET else (text, port, 0, 0))]
    return []


class LookUps:
    """The side threads; ``tell`` is called in one of them when something has been found."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._asked: dict[LookUp, list[Callable[[list[Address] | DialFailed], None]]] = {}
        self._waiting: deque[LookUp] = deque()
        self._threads = 0

    def ask(self, wanted: LookUp, tell: Callable[[list[Address] | DialFailed], None]) -> None:
        with self._lock:
            if wanted in self._asked:
                self._asked[wanted].append(tell)
                return
            self._asked[wanted] = [tell]
            self._waiting.append(wanted)
            if self._threads < MOST_THREADS:
                self._threads += 1
                threading.Thread(target=self._work, name="netlab look-up", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                wanted = self._waiting.popleft()
            found = self._find(wanted)
            with self._lock:
                askers = self._asked.pop(wanted)
            for tell in askers:
                tell(found)

    def _find(self, wanted: LookUp) -> list[Address] | DialFailed:
        try:
            return self._resolve(*wanted) or DialFailed("dns_error", f"there is no address for {wanted.host}")
        except DialFailed as failure:
            return failure
        except (OSError, ValueError):  # a UnicodeError is a ValueError, too
            return DialFailed("dns_error", f"there is no address for {wanted.host}")


def by_turns(addresses: Sequence[Address]) -> list[Address]:
    """Give the addresses with the families by turns, the one that the resolver prefers first (RFC 8305 section 4)."""
    if not addresses:
        return []
    first = addresses[0][0]
    preferred = [each for each in addresses if each[0] == first]
    others = [each for each in addresses if each[0] != first]
    return [each for each in chain.from_iterable(zip_longest(preferred, others)) if each is not None]


class Dialing:
    """A race of attempts to connect. The loop calls `go` when one of its sockets is writable, and at `next_at`."""

    def __init__(
        self,
        addresses: Sequence[Address],
        drop: Callable[[socket.socket], None],
        open_socket: OpenSocket,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._drop, self._open, self._tell = drop, open_socket, tell
        """Closes an attempt; where its socket comes from; who is told of its address."""
        self._left = deque(by_turns(addresses))
        self.racing: dict[socket.socket, Address] = {}
        self.next_at: int | None = None
        """When the next attempt begins although none has failed; None: there is none left."""
        self._fault = DialFailed("dns_error", "there is no address")

    def go(self, now: int) -> tuple[socket.socket, str] | None:
        """Look what became of the attempts, and begin a new one if it is time; gives the winner and its address, None
        while the race goes on. Raises `DialFailed` when nothing is left."""
        winner = self._winner()
        while winner is None and self._left and (not self.racing or (self.next_at or 0) <= now):
            self._begin(self._left.popleft())
            self.next_at = now + STAGGER if self._left else None
            winner = self._winner()
        if winner is not None:
            address = self.racing.pop(winner)
            self.close()
            return winner, str(address[1][0])
        if not self.racing:
            raise self._fault
        return None

    def _winner(self) -> socket.socket | None:
        attempts = list(self.racing.items())
        return next((attempt for attempt, address in attempts if self._is_connected(attempt, address)), None)

    def _begin(self, address: Address) -> None:
        family, place = address
        if self._tell is not None:
            self._tell(str(place[0]))
        try:
            attempt = self._open(family, socket.SOCK_STREAM)
        except OSError as error:
            self._failed(address, error.errno or 0)
            return
        attempt.setblocking(False)
        result = attempt.connect_ex(place)
        if result in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.racing[attempt] = address
        else:
            attempt.close()
            self._failed(address, result)

    def _is_connected(self, attempt: socket.socket, address: Address) -> bool:
        result = attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            del self.racing[attempt]
            self._drop(attempt)
            self._failed(address, result)
            return False
        try:
            attempt.getpeername()
        except OSError:
            return False
        return True

    def _failed(self, address: Address, number: int) -> None:
        place: tuple[Any, ...] = address[1]
        kind = KINDS.get(number, "connection_refused")
        self._fault = DialFailed(kind, f"{place[0]} port {place[1]}: {os.strerror(number)}")

    def close(self) -> None:
        for attempt in self.racing:
            self._drop(attempt)
        self.racing.clear()
