"""The virtual network: the `Network` that runs a world on a virtual clock, where nothing ever waits.

*Time.* Each measurement (``begin() … end()``) starts the world anew at its epoch, so the same call gives the same
table, whatever ran before (except at the port of a stopped server, see `close_port`). While the network is held
(`hold`, or ``with netlab.use(...)``) one world runs on from measurement to measurement. `now` moves in `receive` only,
and jumps from event to event.

*One driver at a time.* The world has one clock, so two measurements on the same network object cannot run
side by side. A second one from another thread waits up to `PATIENCE`: most measurements take milliseconds. One from the
same thread would wait for itself (for instance while a half-read iterator of rows is still open), so it gets a
NetworkError at once. Panels that shall run side by side take a network object each, which costs nothing.

*Where it starts.* At the vantage of the world, or, for one measurement, at the host named by ``source``: `source_for`
takes the name or address of any node, and sends what follows from there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from os import PathLike
from typing import Any

from netlab.errors import NetworkError, NoRoute, UsageError
from netlab.internet.engine import Engine
from netlab.internet.model import EPOCH, Node, World
from netlab.internet.names import Names
from netlab.internet.randomness import stream
from netlab.internet.tables import did_you_mean
from netlab.network.base import Arrival, Family, ProtocolName, Refused, Sent, Usable
from netlab.network.files import write_packets
from netlab.network.garbage import rare_collections

PATIENCE = 5.0
"""Seconds of real time that a measurement waits for another thread's to end."""

IDENTIFIERS = range(1, 65_536)
"""ICMP echo identifiers; 0 is what careless implementations send."""

PORTS = range(49_152, 65_536)
"""Dynamic ports, RFC 6335 section 6."""


class VirtualNetwork(Usable):
    """See the module; implements `netlab.network.base.Network`.

    Parameters
    ----------
    world
        As `netlab.world` gives it. It is not changed.
    seed
        Decides everything that is chance: the same world, seed and calls give the same packets.
    vantage
        The node where measurements start; None: the one that the world says.
    """

    virtual = True
    epoch = EPOCH

    def __init__(self, world: World, seed: int = 1, vantage: str | None = None) -> None:
        self.world, self.seed = world, seed
        self._names = Names(world)
        self._vantage = self._node = self._names.node(vantage or world.vantage)
        self._lock = threading.Lock()
        self._driver: int | None = None
        """The thread whose measurement runs, None: none."""
        self._held = 0
        self._closed: set[tuple[str, int]] = set()
        """Hosts and TCP ports at which a server was stopped."""
        self._engine: Engine | None = None
        self._inboxes: dict[str, deque[tuple[int, bytes]]] = {}
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._identifiers = 0

    # what it is

    @property
    def name(self) -> str:
        return f"virtual:{self.world.name}"

    @property
    def vantage(self) -> str:
        """The name of the node where measurements start."""
        return self._vantage.name

    def __repr__(self) -> str:
        start = datetime.fromtimestamp(EPOCH // 1_000_000_000, UTC).date()
        count = len(self.world.nodes)
        return f"<netlab network: {self.name}, seed {self.seed}, {count} nodes, time starts {start}>"

    # a measurement

    def begin(self) -> None:
        if self._driver == threading.get_ident() or not self._lock.acquire(timeout=PATIENCE):
            raise NetworkError(
                f"another measurement is running on {self.name}: let it end (or close its iterator) first, "
                "or give this one a network of its own"
            )
        self._driver = threading.get_ident()
        try:
            if self._engine is None or not self._held:
                self._start()
            for inbox in self._inboxes.values():
                inbox.clear()  # a socket opened now does not see what came before
            self._move_to(self._vantage)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        if self._driver is not None:
            self._driver = None
            self._lock.release()

    @contextmanager
    def driving(self) -> Iterator[Engine]:
        """Drive the world as a measurement does, for what is no measurement: a client of its hosts' TCP."""
        self.begin()
        try:
            with rare_collections():
                yield self._running()
        finally:
            for inbox in self._inboxes.values():
                inbox.clear()
            self.end()

    @property
    def driven_here(self) -> bool:
        """Whether this thread is in the middle of a measurement."""
        return self._driver == threading.get_ident()

    def close(self) -> None:
        self.end()
        self._held = 0

    def hold(self) -> None:
        """From now on one world, started anew here, runs on from measurement to measurement."""
        self._held += 1
        if self._held == 1:
            self._engine = None

    @property
    def held(self) -> bool:
        """Whether one world runs on from measurement to measurement."""
        return self._held > 0

    def release(self) -> None:
        self._held = max(0, self._held - 1)

    def _start(self) -> Engine:
        """The world at its epoch."""
        self._engine = Engine(self.world, self.seed)
        self._inboxes, self._identifiers = {}, 0
        for node, port in tuple(self._closed):  # a server may be stopped meanwhile, by another thread
            self._engine.machine(node).open -= {("tcp", port)}
        return self._engine

    def close_port(self, node: str, port: int) -> None:
        """A server that listened at a TCP port of a host is gone: nothing is open there any more.

        ``open`` in a world stands for a program that the world only hints at. Once a server has taken its place, there
        is no other behind it, as on a real host: whoever connects is refused, now and when the world is started anew.
        """
        self._closed.add((node, port))
        if self._engine is not None:
            self._engine.machine(node).open -= {("tcp", port)}

    def _move_to(self, node: Node) -> None:
        """What follows is sent and received by this node."""
        self._node = node
        if node.name not in self._inboxes:
            self._inboxes[node.name] = self._running().listen(node.name)
        self._inbox = self._inboxes[node.name]

    def _running(self) -> Engine:
        if self._engine is None:
            raise NetworkError(f"no measurement is running on {self.name}: call begin() first")
        return self._engine

    # names and addresses

    def resolve(self, name: str, family: Family | None = None) -> list[str]:
        return self._names.resolve(name, family)

    def reverse(self, address: str) -> str:
        return self._names.reverse(address)

    def locate(self, address: str) -> Node | None:
        """The node that has this address, with its place and AS number."""
        return self._names.node_of(address)

    def host(self, name: str | None = None) -> str:
        """The node with this name or address, None: where measurements start; raises `NameNotFound`."""
        return (self._vantage if name is None else self._names.node(name)).name

    def source_for(self, destination: str, source: str | None = None) -> str:
        """As in `Network`; ``source`` may also be the name or an address of another node: then it starts there."""
        node = self._node if source is None else self._names.node(source)
        if self._driver is not None and node is not self._node:
            self._move_to(node)
        path = self._asked().path(node.name, destination)
        if len(path) == 1 and not self._asked().is_local(node.name, destination):
            address = self._names.source_for(node, destination, source)
            raise NoRoute(destination, address, f"{node.name} knows no way there")
        return self._names.source_for(node, destination, source, towards=path[1] if len(path) > 1 else "")

    def identifier(self, protocol: ProtocolName, family: Family) -> int:
        """From the seed: the first is the same in every measurement, further ones in the same world differ."""
        if protocol not in ("icmp", "udp", "tcp"):
            raise UsageError("protocol", protocol, "must be 'icmp', 'udp' or 'tcp'")
        numbers = IDENTIFIERS if protocol == "icmp" else PORTS
        first = stream(self.seed, "identifier", protocol).getrandbits(16)
        self._identifiers += 1
        return numbers[(first + self._identifiers) % len(numbers)]

    # packets

    def now(self) -> int:
        return self._engine.now if self._engine else 0

    def send(self, packet: bytes, fragment: bool = True) -> Sent | Refused:
        """As in `Network`; ``fragment=False``: what is too long for the first link is refused, in IPv6 too."""
        engine = self._running()
        reason = engine.inject(self._node.name, packet, fragment)
        if reason:
            return Refused(reason, engine.refused_mtu if reason == "message too long" else None)
        return Sent(engine.injected, packet, engine.now)

    def receive(self, until: int) -> Arrival | None:
        inbox = self._inbox
        if not inbox:
            self._running().advance(until, inbox)
            if not inbox:
                return None
        at, packet = inbox.popleft()
        return Arrival(packet, at)

    # the truth

    def packets(
        self, background: bool = False, node: str | None = None, link: str | None = None
    ) -> Sequence[dict[str, Any]]:
        """Rows of PACKETS: everything that happened to any packet anywhere since the world started.

        ``background``: also the latest packets of background traffic. ``node``, ``link``: only what was seen there.
        """
        _check("node", node, self.world.nodes)
        _check("link", link, [each.name for each in self.world.links])
        return self._engine.packets(background, node, link) if self._engine else []

    def to_pcap(self, path: str | PathLike[str], node: str | None = None, link: str | None = None) -> int:
        return write_packets(path, self.packets(node=node, link=link), self.name)

    def path(self, destination: str, source: str | None = None, packet: bytes | None = None) -> list[str]:
        """The names of the nodes that a packet really passes, both ends included; it ends where it would be dropped.

        Load balancers choose: then this is the way of ``packet`` (its flow decides), or without one the first way. All
        ways are in `paths`.
        """
        node = self._start_at(source)
        return self._asked().path(node.name, self._names.resolve(destination)[0], packet)

    def paths(self, destination: str, source: str | None = None) -> list[tuple[str, str]]:
        """All pairs of nodes, near and far, between which packets to a destination may travel; the nearest first."""
        node = self._start_at(source)
        return self._asked().paths(node.name, self._names.resolve(destination)[0])

    def return_path(self, destination: str, source: str | None = None) -> list[str]:
        """The names of the nodes that an answer passes, from the destination back; both ends included.

        It starts at the last node of `path`: where packets do not arrive, at the one that drops them.
        """
        node, address = self._start_at(source), self._names.resolve(destination)[0]
        way = self._asked().path(node.name, address)
        towards = way[1] if len(way) > 1 else ""
        return self._asked().return_path(node.name, address, self._names.source_for(node, address, towards=towards))

    def _start_at(self, source: str | None) -> Node:
        return self._vantage if source is None else self._names.node(source)

    def truth(self) -> list[dict[str, Any]]:
        """Where the time of every delivered packet went: one row per link, see `Engine.truth`."""
        return self._engine.truth() if self._engine else []

    def losses(self, background: bool = False) -> dict[str, int]:
        """How many packets were really dropped, by reason."""
        return self._engine.losses(background) if self._engine else {}

    def _asked(self) -> Engine:
        """The world as it stands, for questions about routes that may come before any measurement."""
        return self._engine or self._start()


def _check(argument: str, value: str | None, known: Sequence[str] | dict[str, Any]) -> None:
    if value is not None and value not in known:
        raise UsageError(argument, value, f"must be one of {', '.join(known)}{did_you_mean(value, known)}")
