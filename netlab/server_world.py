"""A server on a host of a world: of a virtual one, on the world's own TCP and clock, or of the lab, on a real socket.

A server keeps its world running: while it is open, one world runs on from measurement to measurement, and what clients
of this world send, it answers.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from netlab.errors import AddressInUse, NetworkError, UsageError
from netlab.in_world import resolve, tcp_options
from netlab.internet.model import EPOCH
from netlab.internet.tcp_options import Options
from netlab.probing import whole
from netlab.serve.bounds import Bounds
from netlab.serve.connection import Accept
from netlab.serve.cpu import MODES, Cpu, Service
from netlab.serve.loop import Loop
from netlab.serve.virtual import QUICK, VirtualLoop
from netlab.server_listen import BACKLOG
from netlab.server_place import Place, RealPlace, tell_of_fault

if TYPE_CHECKING:
    from netlab.network.lab import LabNetwork
    from netlab.network.virtual import VirtualNetwork

ServiceTime = float | Mapping[str, float] | Callable[[str], float]
"""ms: for every request, by target, or a function of the target."""


class WorldPlace(Place):
    """A host of a virtual world."""

    virtual = True
    modified_ns = EPOCH - 86_400_000_000_000
    """A day before the world begins, so that answers are alike on every machine."""

    def __init__(
        self,
        world: VirtualNetwork,
        host: str,
        port: int,
        limits: Bounds,
        cpu: Cpu | None = None,
        backlog: int = 128,
        options: Options = QUICK,
    ) -> None:
        self.world, self.node = world, world.host(host)
        self.host, self.port, self.network = host, whole("port", port, 0, 65_535), world.name
        self._limits, self._cpu, self._backlog, self._options = limits, cpu, backlog, options
        self.loop: VirtualLoop
        self._open = False

    @property
    def key(self) -> tuple[str, str, int]:
        return f"{self.network} {id(self.world)}", self.node, self.port

    def open(self, accept: Accept, kind: str) -> None:
        self.world.hold()
        try:
            with self.world.driving() as engine:
                limits = self._limits
                self.loop = VirtualLoop(
                    engine, self.node, partial(resolve, self.world), cpu=self._cpu, options=self._options,
                    most=limits.connections, per_client=limits.per_client, pool=limits.of_pool,
                )  # fmt: skip
                self.loop.on_fault = tell_of_fault
                self.port = self.loop.listen(self.port, accept, self._backlog)
        except BaseException:
            self.world.release()
            raise
        self._open = True

    def wall(self) -> int:
        return self.world.epoch + self.world.now()

    @property
    def running(self) -> bool:
        return self._open

    @property
    def connections(self) -> int:
        return self.loop.open_connections

    def settle(self) -> None:
        """Everything is in the log at once."""

    def stop(self, grace: float) -> None:
        """World time passes while answers are finished, unless this is called in the middle of a measurement.

        From now on the port is closed, also if the world says that it is open: see `VirtualNetwork.close_port`.
        """
        if not self._open:
            return
        self._open = False
        self.world.close_port(self.node, self.port)
        try:
            if grace <= 0 or self.world.driven_here:
                self.loop.stop()
                return
            with self.world.driving() as engine:
                self.loop.stop(grace)
                until = engine.now + int(grace * 1e9)
                while self.loop.open_connections and (due := engine.next_event()) is not None and due <= until:
                    engine.advance(due)
                self.loop.stop()
        finally:
            self.world.release()


class LabPlace(RealPlace):
    """A real host of the lab: its kernel's TCP, through borrowed sockets."""

    def __init__(self, lab: LabNetwork, host: str, port: int, limits: Bounds, backlog: int = BACKLOG) -> None:
        super().__init__(host, port, limits, resolve=partial(resolve, lab))
        self._lab, self._node, self._backlog, self.network = lab, lab.lab.names.node(host), backlog, lab.name

    @property
    def key(self) -> tuple[str, str, int]:
        return f"{self.network} {id(self._lab)}", self._node.name, self.port

    def open(self, accept: Accept, kind: str) -> None:
        self._lab.hold()
        try:
            super().open(accept, kind)
        except BaseException:
            self._lab.release()
            raise

    def _listen(self) -> list[socket.socket]:
        """At each of the host's addresses, with the same port."""
        listeners: list[socket.socket] = []
        port = self.port
        for address in self._lab.lab.names.addresses(self._node):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            try:
                listeners.append(
                    self._lab.lab.socket(
                        self._node.name, family, options=[(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)],
                        bind=(address, port), listen=self._backlog,
                    )
                )  # fmt: skip
            except OSError as error:
                for each in listeners:
                    each.close()
                if error.errno == errno.EADDRINUSE:
                    raise AddressInUse(f"{self._node.name}:{port}", "a program on this host of the lab") from None
                raise NetworkError(error.errno, f"cannot listen at {address} port {port}: {error.strerror}") from None
            port = int(listeners[0].getsockname()[1])
        return listeners

    def _make_loop(self) -> Loop:
        limits, borrow = self._limits, partial(self._lab.lab.socket, self._node.name)
        return Loop(self._resolve, limits.connections, limits.per_client, open_socket=borrow, pool=limits.of_pool)

    def stop(self, grace: float) -> None:
        was = self.running
        super().stop(grace)
        if was:
            self._lab.release()


# -- choosing -------------------------------------------------------------------------------------------------------


def world_place(
    world: Any,
    host: str,
    port: int,
    limits: Bounds,
    cpu: Cpu | None = None,
    backlog: int | None = None,
    tcp: Mapping[str, Any] | None = None,
) -> Place:
    """Give the place on a host of a world."""
    if backlog is not None:
        whole("backlog", backlog, 0, 65_535)
    if world.virtual:
        waiting = 128 if backlog is None else backlog
        return WorldPlace(world, host, port, limits, cpu, waiting, tcp_options(tcp))
    return LabPlace(world, host, port, limits, BACKLOG if backlog is None else backlog)


def cpu_of(service_ms: ServiceTime | None, mode: str | None, workers: int | None) -> Cpu:
    """Check what somebody says of a host's processor."""
    if mode is not None and mode not in MODES:
        raise UsageError("mode", mode, f"must be one of {', '.join(MODES)}")
    number = 1 if workers is None else whole("workers", workers, 1, 10_000)
    if mode == "iterative" and number != 1:
        raise UsageError("workers", workers, 'an iterative server has one; mode="threads" has more')
    return Cpu(mode or "loop", number, service(service_ms))


def service(service_ms: ServiceTime | None) -> Service:
    """Give the time that a request takes, ns, as a function of its target."""
    if service_ms is None:
        return lambda target: 0
    if callable(service_ms):
        told = service_ms
        return lambda target: _ns("service_ms", told(target))
    if isinstance(service_ms, Mapping):
        times = {str(target): _ns(f"service_ms[{target!r}]", ms) for target, ms in service_ms.items()}
        return lambda target: times.get(target, 0)
    always = _ns("service_ms", service_ms)
    return lambda target: always


def _ns(name: str, ms: object) -> int:
    if isinstance(ms, bool) or not isinstance(ms, int | float) or not 0 <= ms <= 86_400_000:
        raise UsageError(name, ms, "must be a number of milliseconds, at least 0")
    return round(ms * 1e6)
