"""Where a server is: on sockets of this machine, with a thread of its own, or elsewhere (see ``server_world.py``).

A `Place` is chosen when a server is made, and opened when all its arguments have been checked.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import warnings
from abc import ABC, abstractmethod

from netlab.probing import whole
from netlab.serve.bounds import Bounds
from netlab.serve.connection import Accept, Connection
from netlab.serve.dialing import Resolve, look_up
from netlab.serve.loop import Loop
from netlab.server_listen import listen, place_of


class Place(ABC):
    """What a `Server` needs of where it is."""

    host = ""
    """The address or name that a client uses."""
    port = 0
    network = "live"
    """What the log calls it."""
    virtual = False
    """Whether its time is a virtual world's."""
    modified_ns: int | None = None
    """When all files there were changed, wall-clock ns; None: when they were."""

    @property
    def key(self) -> tuple[str, str, int]:
        """Two servers cannot have the same."""
        return self.network, self.host, self.port

    @abstractmethod
    def open(self, accept: Accept, kind: str) -> None:
        """Begin to serve; afterwards ``port`` is the real one. Raises AddressInUse."""

    @abstractmethod
    def wall(self) -> int:
        """Wall-clock ns."""

    @property
    @abstractmethod
    def running(self) -> bool: ...

    @property
    @abstractmethod
    def connections(self) -> int:
        """How many are open now."""

    @abstractmethod
    def settle(self) -> None:
        """Wait until what a client has seen is in the log."""

    @abstractmethod
    def stop(self, grace: float) -> None:
        """Accept nobody any more, let answers be finished for ``grace`` seconds, close; may be called again."""


def tell_of_fault(connection: Connection, fault: BaseException) -> None:
    """A handler has let an exception out, and its connection is closed: nobody else would ever hear why."""
    told = f"a connection from {connection.client} was cut by a fault in its handler: {type(fault).__name__}: {fault}"
    warnings.warn(told, RuntimeWarning, stacklevel=2)


class RealPlace(Place):
    """Sockets of this machine, and a thread with the loop of ``serve/loop.py``."""

    def __init__(
        self,
        host: str,
        port: int,
        limits: Bounds,
        *,
        listener: socket.socket | None = None,
        resolve: Resolve = look_up,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._listeners: list[socket.socket] = []
        if listener is not None:
            self._listeners, self.host, self.port = [listener], *place_of(listener)
        else:
            self.host, self.port = host, whole("port", port, 0, 65_535)
        self._limits, self._resolve, self._context = limits, resolve, context

    def open(self, accept: Accept, kind: str) -> None:
        if not self._listeners:
            self._listeners = self._listen()
            self.port = int(self._listeners[0].getsockname()[1])
        self._loop = self._make_loop()
        self._loop.on_fault = tell_of_fault
        for each in self._listeners:
            self._loop.listen(each, accept)
        self._thread = threading.Thread(target=self._loop.run, name=f"netlab {kind} {self.port}", daemon=True)
        self._thread.start()

    def _listen(self) -> list[socket.socket]:
        return listen(self.host, self.port)

    def _make_loop(self) -> Loop:
        limits = self._limits
        return Loop(self._resolve, limits.connections, limits.per_client, self._context, pool=limits.of_pool)

    wall = staticmethod(time.time_ns)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def connections(self) -> int:
        return self._loop.open_connections

    def settle(self) -> None:
        if self.running and threading.current_thread() is not self._thread:
            self._loop.settle()

    def stop(self, grace: float) -> None:
        self._loop.stop(grace)
        if threading.current_thread() is not self._thread:
            self._thread.join(grace + 1)
