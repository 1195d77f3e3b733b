"""The names of a world: what its DNS would say, and which of its addresses a host uses.

A host answers to its node name (``www``), to ``<node>.<world>.example`` and to the name that the world file gives it;
case and a final dot do not matter. Addresses are given in the order of the world file, IPv4 first, so that
everybody gets the same one (a real resolver sorts by RFC 6724, which depends on the machine). An address that no
node has resolves to itself, as everywhere: finding out that nobody is there is the network's business. ``localhost``
and the loopback addresses are the machine itself, whichever that is (RFC 6761 section 6.3).
"""

from __future__ import annotations

from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, Literal

from netlab.errors import NameNotFound, NoRoute, UsageError
from netlab.internet.model import Link, Node, World
from netlab.internet.places import NS_PER_KM
from netlab.internet.space import Interface, interface

LOCALHOST = "localhost"
LOOPBACK: dict[Literal[4, 6], str] = {4: "127.0.0.1", 6: "::1"}
"""The names and addresses of a machine for itself (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3)."""

FEW = 12
"""So many hosts are listed when a name is unknown."""


class Names:
    """Names, addresses and their nodes of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._nodes: dict[str, Node] = {}
        self._owners: dict[str, Node] = {}
        self._interfaces: dict[str, list[Interface]] = {}
        for name, node in world.nodes.items():
            self._interfaces[name] = mine = [interface(text) for text in node.addresses]
            self._owners.update((each.text, node) for each in mine)
            self._nodes[name.lower()] = node
            self._nodes.setdefault(f"{name}.{world.name}.example".lower(), node)
        for node in world.nodes.values():
            self._nodes[self.hostname(node)] = node

    def hostname(self, node: Node) -> str:
        return (node.hostname or f"{node.name}.{self.world.name}.example").lower()

    def resolve(self, name: str, family: Literal[4, 6] | None = None) -> list[str]:
        """All addresses of a name or of an address literal, IPv4 first; raises `NameNotFound` with what is close."""
        literal = _literal(name)
        if literal:
            version = 6 if ":" in literal else 4
            if family not in (None, version):
                raise NameNotFound(name, self._where(), f"it is an IPv{version} address, and IPv{family} was asked for")
            return [literal]
        if name.strip().rstrip(".").lower() == LOCALHOST and LOCALHOST not in self._nodes:
            return [LOOPBACK[family]] if family else list(LOOPBACK.values())
        node = self._find(name)
        if node is None:
            raise NameNotFound(name, self._where(), self._hint(name))
        addresses = self.addresses(node, family)
        if not addresses:
            raise NameNotFound(name, self._where(), f"{node.name} has no IPv{family} address, only {node.addresses[0]}")
        return addresses

    def reverse(self, address: str) -> str:
        """The name of the node with this address, ``""`` when there is none."""
        node = self.node_of(address)
        return self.hostname(node) if node else LOCALHOST if _is_loopback(address) else ""

    def node_of(self, address: str) -> Node | None:
        """The node that has this address."""
        return self._owners.get(address) or self._owners.get(_literal(address))

    def node(self, name: str) -> Node:
        """The node with this name or address, for instance the one to start from; raises `NameNotFound`."""
        node = self.node_of(name) or self._find(name)
        if node is None:
            raise NameNotFound(name, self._where(), self._hint(name))
        return node

    def addresses(self, node: Node, family: Literal[4, 6] | None = None) -> list[str]:
        """A node's addresses without their prefix lengths, IPv4 first."""
        mine = sorted(self._interfaces[node.name], key=lambda each: each.prefix.version)
        return [each.text for each in mine if family in (None, each.prefix.version)]

    def source_for(self, node: Node, destination: str, source: str | None = None, towards: str = "") -> str:
        """The address that a node sends from: that of the link to the neighbour ``towards``, where the route begins.

        ``source`` may ask for one of the node's addresses, or just name the node. Raises `NoRoute` when the node has
        no address of the destination's family.
        """
        family: Literal[4, 6] = 6 if ":" in destination else 4
        literal = _literal(source or "")
        if literal and literal not in self.addresses(node):
            raise UsageError("source", source, f"not an address of {node.name}: {', '.join(self.addresses(node))}")
        mine = self.addresses(node, family)
        if literal and literal not in mine:
            raise UsageError("source", source, f"{destination} is IPv{family}: give a source of the same family")
        if _is_loopback(destination):
            return literal or LOOPBACK[family]
        if not mine:
            raise NoRoute(destination, node.name, f"{node.name} has no IPv{family} address")
        if destination in mine:
            return literal or destination
        return literal or self._on_link(node, towards, family) or self._beside(node, destination) or mine[0]

    def _on_link(self, node: Node, neighbour: str, family: int) -> str:
        """The node's first address in a prefix that it shares with this neighbour."""
        shared = {each.prefix for each in self._interfaces.get(neighbour, ())}
        own = (each for each in self._interfaces[node.name] if each.prefix.version == family)
        return next((each.text for each in own if each.prefix in shared), "")

    def _beside(self, node: Node, destination: str) -> str:
        """The node's address in the prefix of the destination, when that is on one of its links."""
        owner = self.node_of(destination)
        return self._on_link(node, owner.name, 6 if ":" in destination else 4) if owner else ""

    def _find(self, name: str) -> Node | None:
        return self._nodes.get(name.strip().rstrip(".").lower())

    def _where(self) -> str:
        return f"virtual:{self.world.name}"

    def _hint(self, name: str) -> str:
        wanted = name.strip().rstrip(".").lower()
        matches = get_close_matches(wanted, self._nodes, n=3, cutoff=0.75)
        matches = matches or get_close_matches(wanted.partition(".")[0], self._nodes, n=3)
        close = dict.fromkeys(self._nodes[match].name for match in matches)
        meant = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        hosts = [node.name for node in self.world.nodes.values() if node.kind == "host"]
        return f"{meant}{'Its hosts are' if len(hosts) <= FEW else 'Some of its hosts are'} {', '.join(hosts[:FEW])}"


def node_rows(world: World) -> list[dict[str, Any]]:
    """Rows of NODES: one per node, in the order of the world."""
    names = Names(world)
    return [
        {
            "name": node.name,
            "kind": node.kind,
            "hostname": names.hostname(node),
            "addresses": list(node.addresses),
            "place": node.place,
            "latitude": node.latitude,
            "longitude": node.longitude,
            "asn": node.asn,
            "vantage": node.name == world.vantage,
        }
        for node in world.nodes.values()
    ]


def edge_rows(world: World) -> list[dict[str, Any]]:
    """Rows of EDGES: one per link; where its directions differ, the one from ``a`` to ``b``.

    ``distance_km`` is the length of fibre with the link's delay (200 km per ms), however the world file put it;
    ``rate_mbps`` is None (in a table NaN) for a link without a limit.
    """
    return [_edge(link) for link in world.links]


def _edge(link: Link) -> dict[str, Any]:
    way = link.forward
    return {
        "link": link.name,
        "a": link.ends[0],
        "b": link.ends[1],
        "delay_ms": way.delay / 1e6,
        "distance_km": way.delay / NS_PER_KM,
        "rate_mbps": way.rate / 1e6 if way.rate else None,
        "mtu": link.mtu,
        "loss": way.loss,
        "queue": way.queue,
        "down": link.down,
    }


def _is_loopback(address: str) -> bool:
    return address == LOOPBACK[6] or address.startswith("127.")


def _literal(text: str) -> str:
    """An address in canonical form without its zone, or ``""``."""
    bare = text.strip().partition("%")[0]
    if not bare or not (":" in bare or bare[-1].isdigit()):
        return ""  # a name: the common case, without the price of an exception
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""
