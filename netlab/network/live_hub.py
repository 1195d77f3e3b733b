"""What the channels of a live network share: opening sockets, one wait over all of them, numbers, and the inbox.

A channel is one way to send and hear one protocol (raw socket, ping socket, UDP or TCP socket). The hub
knows nothing about packets: it waits until a socket has something, calls the channel's function for that
socket, and collects what the channel makes of it in ``inbox``.

The wait is ``select`` on an ``epoll``: epoll alone waits whole milliseconds, ``select`` alone fails for descriptors
above 1023 and costs more with every socket.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from netlab.network import linux
from netlab.network.base import Arrival, Stamp

Factory = Callable[[int, int, int], socket.socket]
"""``factory(family, type, protocol)`` opens a socket: `socket.socket`, or the lab's, which opens it elsewhere."""

BUFFER = 1 << 20
"""Receive buffer asked for: room for 1,000 answers that come at once (each costs the kernel up to 1 KB)."""

SELECT_LIMIT = 1024
"""FD_SETSIZE: ``select`` takes no descriptor above."""

WARM_UP_NS = 5_000_000
"""How long to wait for the kernel to switch its receive stamps on; measured: 0.8 ms."""


class Hub:
    """See the module."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.inbox: deque[Arrival | Stamp] = deque()
        self.epoch = time.time_ns() - time.monotonic_ns()
        self.zones: dict[str, int] = {}
        """Interface index of the link-local addresses seen in `resolve` and `source_for`: packets do not carry it."""
        self.own: set[str] = set()
        """Source addresses of which it is known that they are this machine's."""
        self._number = 0
        self._epoll = select.epoll()
        self._ready: dict[int, tuple[socket.socket, Callable[[socket.socket, int], None]]] = {}
        self._warm = False

    def open(self, family: int, kind: int, protocol: int, options: list[tuple[int, int, int]]) -> socket.socket:
        """A blocking socket (all reading is done with MSG_DONTWAIT) with these options, as far as the kernel has them.

        An option that an older kernel does not know costs what it brings and nothing else.
        """
        opened = self.factory(family, kind, protocol)
        opened.settimeout(None)
        for level, name, value in options:
            with suppress(OSError):
                opened.setsockopt(level, name, value)
        return opened

    def watch(self, watched: socket.socket, ready: Callable[[socket.socket, int], None], events: int = 0) -> None:
        """Call ``ready(socket, events)`` whenever the socket has something; errors always count."""
        self._epoll.register(watched.fileno(), events or select.EPOLLIN)
        self._ready[watched.fileno()] = (watched, ready)

    def forget(self, watched: socket.socket) -> None:
        """Stop watching and close."""
        if self._ready.pop(watched.fileno(), None) is not None:
            with suppress(OSError):
                self._epoll.unregister(watched.fileno())
        watched.close()

    def number(self) -> int:
        """A number for a packet that is about to leave."""
        self._number += 1
        return self._number

    def wait(self, until: int) -> None:
        """Sleep until a socket has something or ``until`` has come, then let the channels fill the inbox."""
        left = until - time.monotonic_ns()
        if left > 0 and self._epoll.fileno() < SELECT_LIMIT:
            select.select([self._epoll], (), (), left / 1e9)
            left = 0
        for number, events in self._epoll.poll(max(left / 1e9, 0)):
            found = self._ready.get(number)
            if found is not None:
                found[1](found[0], events)

    def warm_up(self) -> None:
        """Make sure that receive stamps are on: the kernel switches them on late, so the first packets have none.

        Throw-away datagrams on loopback, to ourselves, until one has its stamp. They never leave the machine.
        """
        if self._warm:
            return
        self._warm = True
        stamped = [(linux.SOL_SOCKET, linux.SO_TIMESTAMPING, linux.STAMP_RECEIVED)]
        give_up = time.monotonic_ns() + WARM_UP_NS
        with suppress(OSError), self.open(socket.AF_INET, socket.SOCK_DGRAM, 0, stamped) as own:
            own.bind(("127.0.0.1", 0))
            own.connect(own.getsockname())
            while time.monotonic_ns() < give_up:
                own.send(b"")
                if own.recvmsg(1, 128, socket.MSG_DONTWAIT)[1]:
                    return
                time.sleep(0.0001)

    def close(self) -> None:
        for watched, _ in list(self._ready.values()):
            self.forget(watched)
        self._epoll.close()


def enlarge(sock: socket.socket) -> None:
    """Give a socket the big receive buffer, beyond the system's limit where we may."""
    try:
        sock.setsockopt(linux.SOL_SOCKET, linux.SO_RCVBUFFORCE, BUFFER)
    except OSError:
        with suppress(OSError):
            sock.setsockopt(linux.SOL_SOCKET, linux.SO_RCVBUF, BUFFER)


def attach(sock: socket.socket, program: bytes) -> None:
    """Put a classic BPF program onto a socket."""
    import ctypes  # only raw UDP and TCP need it, and it takes milliseconds to load
    import struct

    steps = ctypes.create_string_buffer(program, len(program))
    where = struct.pack("@HP", len(program) // 8, ctypes.addressof(steps))
    sock.setsockopt(linux.SOL_SOCKET, linux.SO_ATTACH_FILTER, where)
