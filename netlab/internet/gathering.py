"""A machine waits for the fragments of a datagram: a host of those for itself, a NAT of all that it translates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netlab.internet.capture import DELIVERED
from netlab.internet.complaints import complain
from netlab.internet.extension import Layers
from netlab.internet.fragments import TIMEOUT, Datagram, join
from netlab.internet.packet import Packet

if TYPE_CHECKING:
    from netlab.internet.machine import Machine


def gather(machine: Machine, packet: Packet, layers: Layers, passing: bool = False) -> Packet | None:
    """Keep a fragment; gives the whole packet when it was the last one that was missing, else None.

    ``passing``: the machine only wants to translate the datagram. As in Linux, it says nothing when a rest is missing.
    """
    engine, place = machine.engine, layers.fragment
    if place and place.more and (len(packet.raw) - (place.header + 8 if place.header else layers.offset)) % 8:
        if packet.family == 6:  # RFC 8200 section 4.5: the payload length is at fault
            machine.refuse(packet, "bad extension header", 4)
        else:
            machine.drop(packet, "bad fragment")
        return None
    datagram, state = machine.reassembly.add(packet, layers)
    if state not in ("first", "waiting", "complete"):
        machine.drop(packet, state)
        return None
    engine.record((engine.now, DELIVERED, machine, packet, packet.ttl))
    if state == "first":
        engine.at(engine.now + TIMEOUT[packet.family], lambda: _give_up(machine, datagram, passing))
    if state != "complete":
        return None
    number, parent = _number_of(machine, datagram, passing)
    whole = Packet(join(datagram), number, parent)
    whole.incoming, whole.longest = packet.incoming, datagram.longest if passing else 0
    return whole


def _give_up(machine: Machine, datagram: Datagram, passing: bool) -> None:
    """The rest of a datagram did not come: its sender is told, if the fragment that says who that is did come."""
    if machine.reassembly.give_up(datagram):
        number, parent = _number_of(machine, datagram)
        part = (datagram.first or datagram.latest).copy(number=number)
        part.parent = parent
        machine.drop(part, "reassembly time exceeded")
        if datagram.first and not passing:
            complain(machine, datagram.first, "reassembly time exceeded")


def _number_of(machine: Machine, datagram: Datagram, passing: bool = False) -> tuple[int, int]:
    """The number of what fragments give, and that of its parent.

    It is the packet that was cut. It is a new packet when it goes on its way again, when the fragments came into the
    world as such, and when second copies of them have come too late: the packet that was cut has its end already.
    """
    cut = (datagram.first or datagram.latest).whole
    if passing or not cut or cut in machine.engine.gathered:
        return machine.engine.number(), cut
    machine.engine.gathered.add(cut)
    return cut, 0
