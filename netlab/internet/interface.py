"""An interface: a machine's end of a link, and everything that happens to packets between it and the other end.

The order of things on a link: is it up? does the queue have room? the packet waits, is sent bit by bit, and then
chance decides (loss, a flipped bit, a second copy), before it travels. Without jitter, rate and queue it arrives
after exactly ``delay`` ns. Jitter never reorders: no packet arrives before the one that was sent before it, unless
that one was *held back*.

A link that only delays takes the short way in `send`: one record and one event.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import TYPE_CHECKING

from netlab.internet.capture import DUPLICATED, Parts
from netlab.internet.faults import FULL, Faults, Queue, flip
from netlab.internet.model import Direction, Link
from netlab.internet.packet import Packet

if TYPE_CHECKING:
    from netlab.internet.engine import Engine
    from netlab.internet.machine import Machine
    from netlab.internet.traffic import Background

LEAST_MTU6 = 1280
"""Every link carries IPv6 packets of this size (RFC 8200 section 5), if need be in pieces that IPv6 does not see."""


class Interface:
    """One machine's end of one link."""

    __slots__ = (
        "addresses", "background", "cost", "delay", "deliver", "down", "engine", "events", "faults", "latest", "link",
        "link_name", "machine", "mtu", "networks", "node_name", "order", "peer", "peer_name", "plain", "queue",
        "record", "reverse",
    )  # fmt: skip

    reverse: Interface
    """The other end."""

    def __init__(self, engine: Engine, machine: Machine, peer: Machine, link: Link, way: str) -> None:
        direction: Direction = link.forward if way == "forward" else link.backward
        self.engine, self.machine, self.peer, self.link = engine, machine, peer, link
        self.events, self.order, self.record = engine.events, engine.order, engine.record
        self.mtu = link.mtu
        self.delay, self.cost = direction.delay, direction.cost
        self.down = link.down
        self.queue = Queue(direction.rate, direction.queue) if direction.rate else None
        chances = direction.loss, direction.duplicate, direction.reorder, direction.corrupt, direction.jitter
        self.faults = Faults(direction, engine.seed, link.name, way) if any(chances) else None
        self.plain = not (self.down or self.queue or self.faults)
        self.background: Background | None = None
        self.deliver: Callable[[Packet, Interface], None] = peer.receive
        self.latest = 0
        """When the latest of the packets that keep their order arrives."""
        self.networks: list[tuple[int, int, int]] = []
        """Networks (bytes of an address, bits behind the prefix, prefix as a number) that both ends share."""
        self.addresses: dict[int, bytes] = {}
        """Its first address in each family; errors and answers leave with it as their source."""
        self.node_name, self.link_name, self.peer_name = machine.name, link.name, peer.name

    def mtu_for(self, family: int) -> int:
        return self.mtu if family == 4 else max(self.mtu, LEAST_MTU6)

    def send(self, packet: Packet, what: str) -> None:
        """Put a packet on the link; ``what``: `SENT` or `FORWARDED`."""
        if self.plain:
            now = self.engine.now
            self.record((now, what, self, packet, packet.ttl))
            heappush(self.events, (now + self.delay, next(self.order), self.deliver, packet, self.reverse))
        else:
            self._send_slowly(packet, what)

    def _send_slowly(self, packet: Packet, what: str) -> None:
        engine, now = self.engine, self.engine.now
        if self.down:
            engine.capture.drop(now, "link down", self, packet)
            return
        waiting = transmission = 0
        if self.queue:
            if self.background:
                self.background.catch_up(now)
            start = self.queue.admit(now, packet.size)
            if start == FULL:
                engine.capture.drop(now, "queue full", self, packet)
                return
            waiting, transmission = start - now, self.queue.transmission(packet.size)
        engine.record((now, what, self, packet, packet.ttl))
        if self.faults:
            self._send_by_chance(packet, waiting, transmission, self.faults)
        else:
            engine.capture.note(Parts(waiting, transmission))
            self._arrive(packet, now + waiting + transmission + self.delay)

    def _send_by_chance(self, packet: Packet, waiting: int, transmission: int, faults: Faults) -> None:
        engine, now = self.engine, self.engine.now
        fate = faults.fate(packet)
        if fate.lost:
            engine.capture.drop(now, "lost on the link", self, packet)
            return
        arrival = now + waiting + transmission + self.delay
        if fate.held:
            parts = Parts(waiting, transmission, fate.jitter, fate.held)
            arrival += fate.jitter + fate.held
        else:
            in_order = max(self.latest, arrival + fate.jitter)
            parts = Parts(waiting, transmission, in_order - arrival)
            self.latest = arrival = in_order
        engine.capture.note(parts)
        arriving = packet if fate.flipped < 0 else flip(packet, fate.flipped)
        self._arrive(arriving, arrival)
        if fate.duplicated and not packet.twin:
            second = arriving.copy(number=engine.number(), parent=packet.number)
            second.twin = True
            engine.record((now, DUPLICATED, self, second, second.ttl))
            engine.capture.note(parts)
            self._arrive(second, arrival)

    def _arrive(self, packet: Packet, time: int) -> None:
        engine = self.engine
        heappush(engine.events, (time, next(engine.order), self.deliver, packet, self.reverse))
