"""The virtual internet while it runs: a discrete-event simulation of whole IP packets, exact to the nanosecond.

The strategy: one heap of events, each a time, a counter that breaks ties in the order of scheduling, and a function
with its two arguments. Taking the earliest event and calling it is all that happens; time jumps from event to
event. So a simulated minute costs what happens in it, and the same world and seed give the same packets on every
machine.

The parts: `topology` builds machines and interfaces from a world; `machine` is the IP layer of hosts and routers,
with `routing`, `firewall`, `fragments`, `icmp`, `ratelimit` and, above IP, `stack`; `balance`, `mpls`, `nat` and
`control` are what some routers do besides; `interface` is a link seen from one end, with `faults` (queue and chance)
and `traffic` (background load); `packet` is what moves; `capture` remembers, and `ways` tells where packets go.

The engine knows no clock of its own: a driver says how far time may go. A virtual network lets it jump, the lab
lets it follow the machine's clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count, pairwise
from typing import Any

from netlab.errors import UsageError
from netlab.internet import traffic, ways
from netlab.internet.capture import Capture, row
from netlab.internet.interface import Interface
from netlab.internet.machine import Machine
from netlab.internet.model import Traffic, World
from netlab.internet.packet import Packet
from netlab.internet.routing import LOCAL
from netlab.internet.topology import build
from netlab.wire.addresses import to_packed, to_text
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import IPv6
from netlab.wire.udp import UDP

Event = tuple[int, int, Callable[[Any, Any], None], Any, Any]
"""When, a tie-breaker, what to call, and its two arguments."""

DISCARD_PORT = 9
"""Where the packets of background traffic say that they go (RFC 863)."""


class Engine:
    """A world, from time 0 on.

    Parameters
    ----------
    world
        What it is made of. The engine keeps references to its parts but changes none.
    seed
        Decides everything that is chance: the same world and seed give the same packets.
    capture
        Whether to remember every packet at every machine, for `packets` and `truth`. `losses` counts in any case.
    """

    def __init__(self, world: World, seed: int = 1, capture: bool = True) -> None:
        self.world, self.seed = world, seed
        self.now = 0
        """Virtual time, ns."""
        self.refused_mtu: int | None = None
        """After `inject` said "message too long": how long it may be."""
        self.injected = 0
        """Number of the packet injected last, as in the rows of `packets` and `truth`."""
        self.events: list[Event] = []
        self.order = count()
        self.capture = Capture(capture)
        self.record = self.capture.record
        self.last_number = 0
        self.gathered: set[int] = set()
        """Numbers of the packets that were cut and put together again, or given up."""
        self._background_kept: deque[traffic.Event] = deque(maxlen=traffic.KEPT)
        self.machines, self.routing = build(self, world)
        self._streams = [(each, self._interfaces(each.path)) for each in world.traffic]
        self._backgrounds, self._background_lost = traffic.connect(self._streams, seed, self._background_kept)

    # ── what a driver does ─────────────────────────────────────────────────────────────────────────────────────

    def inject(self, node: str, packet: bytes, fragment: bool = True) -> str:
        """A node sends this IP packet now; "" when it left or was queued, else why its kernel refuses.

        The packet goes as it is, with a wrong checksum too. One that is too long for the first link is cut into
        fragments, unless it is IPv4 and says "don't fragment", or ``fragment`` is False: then it is refused with
        "message too long", and ``refused_mtu`` holds the limit. What can be said besides: "network unreachable",
        "no route to host", "network is down", "permission denied", "invalid argument".
        """
        machine = self.machine(node)
        self.injected = self.last_number + 1
        return machine.originate(packet, fragment=fragment)

    def listen(self, node: str) -> deque[tuple[int, bytes]]:
        """A queue to which from now on every packet for this node is appended, with its time, as to a raw socket.

        The node itself still answers. Fragments are put together first; packets with a wrong ICMP, UDP or TCP checksum
        are in the queue too.
        """
        queue: deque[tuple[int, bytes]] = deque()
        self.machine(node).listeners.append(queue)
        return queue

    def external(self, node: str, deliver: Callable[[int, bytes], None]) -> None:
        """Let a real kernel play this node: packets go to ``deliver`` with their time, and nothing answers here."""
        machine = self.machine(node)
        machine.external = deliver
        machine.fast.clear()

    def advance(self, until: int, stop: deque[Any] | None = None) -> None:
        """Let everything happen up to and including ``until``; return early, as soon as ``stop`` holds something."""
        events = self.events
        if stop:
            return
        while events and events[0][0] <= until:
            self.now, _, handle, packet, interface = heappop(events)
            handle(packet, interface)
            if stop:
                return
        if until > self.now:
            self.now = until

    def next_event(self) -> int | None:
        """When something happens next, None: never, if nobody sends. Background traffic alone is nothing."""
        return self.events[0][0] if self.events else None

    # ── what the parts use ─────────────────────────────────────────────────────────────────────────────────────

    def at(self, time: int, action: Callable[[], None]) -> None:
        """Call ``action`` at a time that has not passed."""
        event: Event = (time, next(self.order), _call, action, None)
        heappush(self.events, event)

    def number(self) -> int:
        """The number of a new packet."""
        self.last_number += 1
        return self.last_number

    def machine(self, name: str) -> Machine:
        try:
            return self.machines[name]
        except KeyError:
            raise UsageError("node", name, f"must be one of {', '.join(self.machines)}") from None

    def _interfaces(self, path: tuple[str, ...]) -> list[Interface]:
        """The interfaces by which a stream of background traffic leaves the machines on its path."""
        result = []
        for name, following in pairwise(path):
            choices = [each for each in self.machine(name).interfaces if each.peer_name == following]
            if not choices:
                raise UsageError("path", path, f"no link leads from {name} to {following}")
            result.append(next((each for each in choices if not each.down), choices[0]))
        return result

    # ── the truth ──────────────────────────────────────────────────────────────────────────────────────────────

    def packets(
        self, background: bool = False, node: str | None = None, link: str | None = None
    ) -> list[dict[str, Any]]:
        """What happened, in order, as rows of PACKETS with ``link``, ``number``, ``parent`` and ``mpls`` besides.

        ``mpls`` is the label with which the packet went onto the link: label, class, bottom and TTL, "24001/0/1/63".

        Parameters
        ----------
        background
            Also the latest 10,000 packets of background traffic at queues; their number is 0.
        node, link
            Only what this node saw; only what was put onto this link (which may then have lost it).
        """
        rows = self.capture.rows(node, link)
        if background:
            rows += [
                each
                for each in self._background_rows()
                if node in (None, each["at"])
                and (link is None or (link == each["link"] and each["action"] != "dropped"))
            ]
            rows.sort(key=lambda each: int(each["time"]))
        return rows

    def truth(self) -> list[dict[str, Any]]:
        """Where the time of every delivered packet went: one row per link that it crossed.

        number, parent (the packet it answers), from, to, link, time (wall clock, ns, when it came to the link), size,
        and in ms: processing, queueing, transmission, propagation, jitter, held (back, to be overtaken), and delay,
        their sum.
        """
        return self.capture.truth()

    def losses(self, background: bool = False) -> dict[str, int]:
        """How many packets were dropped, by reason; or how many packets of background traffic."""
        if background:
            self._catch_up()
            return {"queue full": sum(self._background_lost)} if any(self._background_lost) else {}
        return {reason: number for reason, number in self.capture.lost.items() if number}

    def withheld(self) -> dict[tuple[str, str], int]:
        """How many ICMP messages were not sent, by node and reason: silent, rate limit, about an ICMP error, …"""
        return {(name, why): n for name, machine in self.machines.items() for why, n in machine.withheld.items()}

    def path(self, source: str, destination: str, packet: bytes | None = None) -> list[str]:
        """The machines that a packet from a node to an address passes, both ends included.

        It ends where the packet would be dropped, and with the first machine that comes again when it goes in a circle.
        Of several equal ways it is that of the flow of ``packet``; without one, and where chance decides, the first.
        """
        asked = Packet(packet, 0) if packet else None
        return [each.name for each in ways.path(self.machine(source), to_packed(destination), asked)]

    def is_local(self, node: str, destination: str) -> bool:
        """Whether an address is the node's own, or a loopback address."""
        return self.machine(node).route(to_packed(destination)) == LOCAL

    def paths(self, source: str, destination: str) -> list[tuple[str, str]]:
        """Every pair of neighbours between which a packet from a node to an address may travel, the nearest first."""
        return ways.edges(self.machine(source), to_packed(destination))

    def return_path(self, source: str, destination: str, address: str) -> list[str]:
        """The machines that an answer passes: from where packets for ``destination`` end to ``address``, the source's.

        Both ends are included. The answer to a packet that does not arrive is the error about it.
        """
        out = ways.path(self.machine(source), to_packed(destination))
        return [each.name for each in ways.back(out, to_packed(address))]

    def _catch_up(self) -> None:
        for background in self._backgrounds:
            background.catch_up(self.now)

    def _background_rows(self) -> list[dict[str, Any]]:
        self._catch_up()
        examples = [_example(stream, interfaces) for stream, interfaces in self._streams]
        return [
            row(event.time, event.what, event.interface, examples[event.stream], 64 - event.hop)
            for event in self._background_kept
            if event.time >= 0
        ]


def _example(stream: Traffic, interfaces: list[Interface]) -> Packet:
    """What a packet of background traffic looks like: UDP to the discard port, full of zeros."""
    first, last = interfaces[0].machine, interfaces[-1].peer
    family = 4 if first.any_address(4) and last.any_address(4) else 6
    here, there = (to_text(each.any_address(family) or bytes(4 if family == 4 else 16)) for each in (first, last))
    header = 20 if family == 4 else 40
    body = UDP(DISCARD_PORT, DISCARD_PORT, bytes(max(0, stream.size - header - 8))).to_bytes(here, there)
    if family == 4:
        return Packet(IPv4(here, there, 17, body).to_bytes(), 0)
    return Packet(IPv6(here, there, 17, body).to_bytes(), 0)


def _call(action: Callable[[], None], _: None) -> None:
    action()
