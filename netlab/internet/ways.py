"""The truth about ways: which machines packets pass, without sending any.

`path` follows one packet, `edges` all that may happen to packets for one destination, `back` the way of the answers.
A way ends where the packet would be dropped, and with the first machine that comes again when it goes in a circle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from netlab.internet.machine import Machine
from netlab.internet.packet import Packet


def path(machine: Machine, destination: bytes, packet: Packet | None = None) -> list[Machine]:
    """The machines that a packet passes, both ends included.

    Where a load balancer has the choice, it is the way of the flow of ``packet``; without one, and where chance
    decides, the first way.
    """
    passed = [machine]
    while steps := machine.steps(destination):
        balancer = machine.balancer
        stretch = balancer.expect(packet, steps) if balancer and len(steps) > 1 else steps[0]
        for machine in stretch:
            passed.append(machine)
            if machine.down or passed.count(machine) > 1:
                return passed
        if machine.is_host:
            break
    return passed


def edges(machine: Machine, destination: bytes) -> list[tuple[str, str]]:
    """Every pair of neighbours between which packets for a destination may travel, the nearest first."""
    found: dict[tuple[str, str], None] = {}
    seen, waiting = {machine}, deque([machine])
    while waiting:
        start = waiting.popleft()
        for stretch in start.steps(destination):
            last = start
            for machine in stretch:
                found[last.name, machine.name] = None
                last = machine
                if machine.down:
                    break
            if last not in seen and not (last.is_host or last.down):
                waiting.append(last)
            seen.add(last)
    return list(found)


def back(passed: Sequence[Machine], source: bytes) -> list[Machine]:
    """The machines that answers pass, from the last machine on the way out to the one that has the address.

    Beyond a NAT the sender has another address: the answers go there first.
    """
    addresses = [source]
    for machine in passed[:-1]:
        translator = machine.translator
        if translator and translator.inside.holds(addresses[-1]) and len(translator.address) == len(source):
            addresses.append(translator.address)
    way = [passed[-1]]
    for address in reversed(addresses):
        way += path(way[-1], address)[1:]
        if address not in way[-1].own:
            break
    return way
