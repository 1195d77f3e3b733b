"""What machines say about packets of others: whether, when, from which address and with what (RFC 1812 section 4.3.2).

`complain` sends the ICMP error for a cause, if there is one and nothing is against it: the machine is silent, the
rules forbid it (``icmp.forbidden``), there is no way back, or too many have been sent. `say` is the control plane by
which errors and echo replies leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netlab.internet import icmp, mpls
from netlab.internet.packet import Packet, is_loopback
from netlab.internet.routing import LOCAL
from netlab.wire.addresses import to_text
from netlab.wire.extensions import Extension, InterfaceInformation

if TYPE_CHECKING:
    from netlab.internet.machine import Machine


def complain(machine: Machine, packet: Packet, cause: str, pointer: int = 0, mtu: int = 0) -> None:
    """Send the ICMP error for a cause, if there is one, if it may be sent, and if the limit allows it."""
    config, engine = machine.config, machine.engine
    if packet.family not in icmp.NUMBERS.get(cause, ()):
        return
    if config.silent:
        machine.withheld["silent"] += 1
    elif forbidden := icmp.forbidden(packet, cause):
        machine.withheld[forbidden] += 1
    elif (source := source_towards(machine, packet)) is None:
        machine.withheld["no way back"] += 1
    elif machine.limiter and cause != icmp.UNLIMITED and not machine.limiter.allow(engine.now, packet.source):
        machine.withheld["rate limit"] += 1
    else:
        header = source, config.initial_ttl, machine.identification()
        raw = icmp.error(packet, cause, *header, pointer, mtu, config.quotes, tuple(_extensions(machine, packet)))
        say(machine, raw, packet)


def say(machine: Machine, raw: bytes, about: Packet) -> None:
    """Send an ICMP message of a machine's own about a packet, as soon as its control plane has made it."""
    engine = machine.engine
    if machine.control is None:
        _leave(machine, raw, about, 0)
    elif (time := machine.control.leaves(engine.now)) is None:
        machine.withheld["slow control plane"] += 1
    else:
        waited = time - engine.now
        engine.at(time, lambda: _leave(machine, raw, about, waited))


def source_towards(machine: Machine, packet: Packet) -> bytes | None:
    """The source of an error: the address asked, else what ``answers_from`` says; None: there is no way back.

    Linux takes the address of the interface towards the sender, as RFC 1812 section 4.3.2.4 demands; other routers take
    that of the interface by which the packet came, or a fixed one.
    """
    family, came = packet.family, packet.incoming
    if packet.destination in machine.own or is_loopback(packet.destination):
        return packet.destination
    route = machine.route(packet.source)
    if isinstance(route, str) and route != LOCAL and not packet.shim:
        return None
    if machine.fixed_source and len(machine.fixed_source) == len(packet.source):
        return machine.fixed_source
    if came and machine.config.answers_from == "incoming" and family in came.addresses:
        return came.addresses[family]
    if isinstance(route, str):
        return machine.any_address(family)
    return route.addresses.get(family) or machine.any_address(family)


def _extensions(machine: Machine, packet: Packet) -> Iterator[Extension]:
    """What an error tells besides: the labels with which the packet came, and by which interface."""
    if labels := mpls.stack(packet):
        yield labels
    came = packet.incoming
    if machine.config.interface_information and came:
        address = to_text(came.addresses[packet.family]) if packet.family in came.addresses else ""
        name = came.link_name.encode()[: InterfaceInformation.MOST_NAME].decode(errors="ignore")
        yield InterfaceInformation(0, machine.interfaces.index(came) + 1, address, name, came.mtu)


def _leave(machine: Machine, raw: bytes, about: Packet, waited: int) -> None:
    number = machine.engine.last_number + 1
    if refusal := machine.originate(raw, about.number, tunnel=about.shim):
        machine.withheld[refusal] += 1
    else:
        machine.engine.capture.processed(number, waited)
