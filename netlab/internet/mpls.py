"""MPLS tunnels: a label in front of the IP header leads packets from an ingress to an egress (RFC 3031, 3032, 3443).

*Who enters.* Packets whose route leads from the ingress through the egress to somewhere beyond. Packets for the egress
itself do not: so a trace to its address shows the routers that a trace through it may hide.

*How.* The ingress puts a label in front, each inner router (LSR) replaces it by the next number, and the last but one
takes it off (penultimate hop popping, RFC 3031 section 3.16): the egress sees plain IP. The traffic class is the IP
precedence. A label does not count against a link's MTU, as providers give their links the four bytes more.

*TTL.* The IP header is not touched inside. ``uniform``: the label begins with the packet's TTL, counts down, and its
value goes back into the packet at the end: every router is a hop. The errors made inside quote the TTL with which the
packet entered, and so show 1, 2, 3 ... from hop to hop, where plain routers always show 1. ``pipe``: the label begins
with 255 and is forgotten at the end: inner routers are hidden and the tunnel looks like one link from ingress to
egress.

*Errors* made inside carry the label stack as it came (RFC 4950), unless ``labels = false``. An inner router may not
know the way back, so its error first goes on with the tunnel to the egress, which knows it (RFC 3032 section 2.3.1):
the round-trip times of all inner routers look like that of the egress.

Left out: stacks of several labels, label distribution, tunnels that find another way when a link is down (then their
packets go by plain IP).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from netlab.internet.capture import FORWARDED
from netlab.internet.model import Tunnel
from netlab.internet.packet import Packet
from netlab.wire.extensions import MplsLabel, MplsStack

if TYPE_CHECKING:
    from netlab.internet.forwarding import Forwarding
    from netlab.internet.interface import Interface
    from netlab.internet.machine import Machine

PIPE_TTL = 255
"""What the label begins with where the TTL inside is nobody's business (RFC 3443 section 3)."""


class Path:
    """A label-switched path at run time."""

    def __init__(self, config: Tunnel, machines: Sequence[Machine]) -> None:
        self.config = config
        self.machines = list(machines)
        self.links = [_link(here, there) for here, there in pairwise(machines)]
        """By which each of the machines sends to the next."""
        self.uniform = config.mode == "uniform"

    @property
    def usable(self) -> bool:
        return not any(link.down for link in self.links)


class Shim(NamedTuple):
    """The label in front of a packet."""

    path: Path
    place: int
    """Which of the path's machines the packet is going to."""
    ttl: int
    traffic_class: int

    @property
    def entry(self) -> MplsLabel:
        return MplsLabel(self.path.config.label + self.place - 1, self.traffic_class, True, self.ttl)


def entrance(machine: Forwarding, destination: bytes) -> Path | None:
    """The tunnel that packets for a destination enter at this machine."""
    for path in machine.tunnels:
        if path.usable and path.machines[-1] in _way(machine, destination)[:-1]:
            return path
    return None


def _way(start: Forwarding, destination: bytes) -> list[Machine]:
    """The machines on the first way to a destination, without the one where it starts."""
    passed: list[Machine] = []
    here = start
    while steps := here.steps(destination):
        for machine in steps[0]:
            if machine in passed:
                return passed
            passed.append(machine)
        here = passed[-1]
        if here.is_host:
            break
    return passed


def enter(machine: Machine, packet: Packet, path: Path, mtu: int, what: str) -> None:
    """Send a packet into a tunnel; its TTL is counted down already, as after any decision of IP."""
    send(machine, packet, path, 0, packet.ttl if path.uniform else PIPE_TTL, mtu, what)


def switch(machine: Machine, packet: Packet, shim: Shim) -> None:
    """What an inner router does: it looks at the label only."""
    mtu = shim.path.links[shim.place].mtu_for(packet.family)
    if shim.ttl < 2:
        machine.refuse(packet, "ttl exceeded")
    elif machine.fits(packet, mtu):
        send(machine, packet, shim.path, shim.place, shim.ttl - 1, mtu, FORWARDED)


def send(machine: Machine, packet: Packet, path: Path, place: int, ttl: int, mtu: int, what: str) -> None:
    """Put a packet onto one link of the tunnel, with the label that belongs there; on the last link without."""
    engine, out, traffic_class = machine.engine, path.links[place], _precedence(packet)
    for piece in machine.pieces(packet, mtu):
        if place + 2 < len(path.machines):
            piece.shim = Shim(path, place + 1, ttl, traffic_class)
            piece.key = None  # every machine has to look closely at it
            engine.capture.label(engine.now, piece, machine.name, piece.shim.entry)
        else:
            piece.leave_tunnel(ttl if path.uniform else piece.ttl)
        out.send(piece, what)


def stack(packet: Packet) -> MplsStack | None:
    """The label stack with which a packet came, for an error about it; None: none, or the tunnel does not tell."""
    if packet.shim is None or not packet.shim.path.config.labels:
        return None
    return MplsStack((packet.shim.entry,))


def _precedence(packet: Packet) -> int:
    """The three bits of the TOS or traffic class that become the label's (RFC 5462)."""
    raw = packet.raw
    return raw[1] >> 5 if packet.family == 4 else (raw[0] & 0x0F) >> 1


def _link(here: Machine, there: Machine) -> Interface:
    choices = [each for each in here.interfaces if each.peer is there]
    return next((each for each in choices if not each.down), choices[0])
