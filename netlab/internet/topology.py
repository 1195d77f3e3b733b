"""From the plain data of a world to machines and interfaces that know each other.

An address belongs to the link whose other end shares its prefix. Where several links join the same two machines,
the networks that both ends share are dealt to these links in order, one each. An address that no neighbour shares
is the machine's own and on no link, like that of a loopback interface. A machine without any address forwards both
families and sends nothing of its own.
"""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING

from netlab.errors import WorldError
from netlab.internet.interface import Interface
from netlab.internet.machine import Machine
from netlab.internet.model import World
from netlab.internet.mpls import Path
from netlab.internet.packet import is_link_local
from netlab.internet.routing import FixedRoutes, Routing

if TYPE_CHECKING:
    from netlab.internet.engine import Engine

Net = tuple[int, int, int]
"""A network: bytes of an address, bits behind the prefix, the prefix as a number."""


def build(engine: Engine, world: World) -> tuple[dict[str, Machine], Routing]:
    """The machines of a world by name, joined by interfaces, with their routing."""
    machines = {name: Machine(engine, node, index) for index, (name, node) in enumerate(world.nodes.items())}
    networks: dict[str, dict[Net, bytes]] = {}
    for name, machine in machines.items():
        networks[name] = {}
        for text in machine.config.addresses:
            address, net = _read(text)
            machine.add_address(address)
            networks[name].setdefault(net, address)
    pairs: dict[frozenset[str], list[tuple[Interface, Interface]]] = {}
    for link in world.links:
        for end in link.ends:
            if end not in machines:
                raise WorldError(f"link {link.name}", f"there is no node {end!r}")
        a, b = (machines[end] for end in link.ends)
        there = Interface(engine, a, b, link, "forward")
        back = Interface(engine, b, a, link, "backward")
        there.reverse, back.reverse = back, there
        a.interfaces.append(there)
        b.interfaces.append(back)
        pairs.setdefault(frozenset(link.ends), []).append((there, back))
    for joined in pairs.values():
        _deal(joined, networks)
    routing = Routing(machines.values())
    for machine in machines.values():
        machine.connect(routing, FixedRoutes(machine))
    for tunnel in world.tunnels:
        path = Path(tunnel, [machines[name] for name in tunnel.path])
        path.machines[0].tunnels.append(path)
    return machines, routing


def _read(text: str) -> tuple[bytes, Net]:
    try:
        found = ip_interface(text)
    except ValueError:
        raise WorldError("address", f"{text!r} is no address with a prefix length, such as 192.0.2.10/24") from None
    shift = found.network.max_prefixlen - found.network.prefixlen
    return found.packed, (len(found.packed), shift, int(found) >> shift)


def _deal(joined: list[tuple[Interface, Interface]], networks: dict[str, dict[Net, bytes]]) -> None:
    """Give each of the links between two machines its networks; the last takes what is left."""
    first = joined[0][0]
    mine, theirs = networks[first.machine.name], networks[first.peer.name]
    for size, family in ((4, 4), (16, 6)):
        shared = [net for net in mine if net in theirs and net[0] == size]
        for number, pair in enumerate(joined):
            nets = shared[number:] if number == len(joined) - 1 else shared[number : number + 1]
            for interface in pair:
                known = [networks[interface.machine.name][net] for net in nets]
                interface.networks.extend(nets)
                # A link-local address is not for other links: the last choice (RFC 6724 section 5, rule 2).
                known.sort(key=is_link_local)
                address = known[0] if known else interface.machine.any_address(family)
                if address is not None:
                    interface.addresses[family] = address
