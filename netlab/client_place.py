"""Where a client is: on this machine, on a host of a virtual world, or on a real host of the lab.

Which of them is meant is told by whom the client connects to: 127.0.0.1, ::1 and localhost are this machine, also while
a world is in use, so that a server next door can be fetched from. Everybody else is where the network says.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from netlab.errors import NetworkError, UsageError
from netlab.in_world import resolve, tcp_options, world_of
from netlab.serve.connection import Connection, Handler
from netlab.serve.loop import Loop

if TYPE_CHECKING:
    from netlab.internet.tcp_options import Options
    from netlab.network.lab import LabNetwork
    from netlab.network.virtual import VirtualNetwork

Begin = Callable[[Connection], Handler]
CLOSING = 1_000_000_000
"""ns of world time that connections have to be closed in good order, when all is fetched."""


class ClientPlace(ABC):
    """Runs a client's handlers."""

    network = "live"
    """What the rows call it."""

    @abstractmethod
    def now(self) -> int:
        """Monotonic ns."""

    @abstractmethod
    def wall(self) -> int:
        """Wall-clock ns."""

    @abstractmethod
    def start(self, begin: Begin, on_end: Callable[[], None]) -> None:
        """Run a handler; call ``on_end`` when it has ended."""

    @abstractmethod
    def run(self) -> None:
        """Until `stop`; raises what a handler let out."""

    @abstractmethod
    def stop(self) -> None: ...


class RealClient(ClientPlace):
    """Sockets, of this machine or borrowed from a host of the lab."""

    def __init__(self, loop: Loop | None = None, network: str = "live") -> None:
        self._loop, self.network = loop or Loop(), network
        self._faults: list[BaseException] = []
        self._loop.on_fault = lambda connection, fault: self._faults.append(fault)

    def now(self) -> int:
        return self._loop.now()

    wall = staticmethod(time.time_ns)

    def start(self, begin: Begin, on_end: Callable[[], None]) -> None:
        self._loop.start(begin, on_end)

    def run(self) -> None:
        self._loop.run()
        if self._faults:
            raise self._faults[0]

    def stop(self) -> None:
        self._loop.stop(0)


class WorldClient(ClientPlace):
    """A host of a virtual world; to `run` it is to let the world's time pass."""

    def __init__(self, network: VirtualNetwork, source: str | None, options: Options) -> None:
        self._world, self.network = network, network.name
        self._node = network.host(source)
        self._options = options
        self._waiting: list[tuple[Begin, Callable[[], None]]] = []
        self._loop: Any = None
        self._stop: deque[None] = deque()
        self._faults: list[BaseException] = []

    def now(self) -> int:
        return self._world.now()

    def wall(self) -> int:
        return self._world.epoch + self._world.now()

    def start(self, begin: Begin, on_end: Callable[[], None]) -> None:
        if self._loop is None:
            self._waiting.append((begin, on_end))
        else:
            self._loop.start(begin, on_end)

    def run(self) -> None:
        from netlab.serve.virtual import VirtualLoop

        with self._world.driving() as engine:
            self._loop = VirtualLoop(engine, self._node, partial(resolve, self._world), options=self._options)
            self._loop.on_fault = lambda connection, fault: self._faults.append(fault)
            try:
                for begin, on_end in self._waiting:
                    self._loop.start(begin, on_end)
                while not self._stop:
                    due = engine.next_event()
                    if due is None:
                        raise NetworkError("nothing happens any more in this world, and nobody has an answer")
                    engine.advance(due + CLOSING, self._stop)
            finally:
                self._loop.stop()
            self._loop.close_well(CLOSING)
        if self._faults:
            raise self._faults[0]

    def stop(self) -> None:
        self._stop.append(None)


def client_place(host: str, network: Any, source: str | None, tcp: Mapping[str, Any] | None) -> ClientPlace:
    """Choose where a client that connects to ``host`` is."""
    world = world_of(host, network)
    if world is not None and world.virtual:
        return WorldClient(world, source, tcp_options(tcp))
    if tcp is not None:
        raise UsageError("tcp", tcp, "is for virtual networks: on a real one, TCP is the system's")
    if world is not None:
        return _in_lab(world, source)
    if source is not None:
        raise UsageError("source", source, "is for networks with a world: here everything starts on this machine")
    return RealClient()


def _in_lab(lab: LabNetwork, source: str | None) -> ClientPlace:
    """On a host of the lab: its kernel's TCP."""
    node = lab.lab.names.node(source or lab.vantage).name
    lab.start()
    loop = Loop(partial(resolve, lab), open_socket=partial(lab.lab.socket, node))
    return RealClient(loop, lab.name)
