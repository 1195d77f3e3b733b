"""What must be true of a whole world, however it was made; `check` raises WorldError at the first thing that is not.

1.  Every node has a name, a link and an address; no address and no host name is given twice.
2.  A link joins two different, known nodes that have addresses in a common prefix; link names are unique.
3.  Each address of a node shares its prefix with a neighbour, so that it belongs to a link.
4.  The numbers of a link can be: shares from 0 to 1, times, rates and queues from 0, costs from 1, an MTU from 68.
5.  Routes lead to neighbours; background traffic follows links and its packets fit them; so do tunnels, over routers.
6.  A NAT has an address inside and the one it lends outside; only routers translate and rewrite.

Every step goes once over the world: the time grows with its size, not with its square.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import TypeVar

from netlab.errors import WorldError
from netlab.internet.model import Link, Nat, Node, Traffic, Tunnel, World
from netlab.internet.space import Interface, Prefix, check_asn, check_hostname, check_label, interface, prefix
from netlab.internet.tables import ANSWERS_FROM, LABELS, NO_NEIGHBOUR, did_you_mean

LEAST_MTU = 68
"""Every link of the Internet carries packets of this size (RFC 791)."""

T = TypeVar("T")
R = TypeVar("R")


def check(world: World) -> World:
    """The world itself when it can be built; raises `WorldError` that says what to change."""
    attempt(check_label, "world, key 'name'", world.name)
    if not world.nodes:
        raise WorldError("[node]", 'a world needs nodes: write laptop = { kind = "host", address = ["192.0.2.10/24"] }')
    known("world, key 'vantage'", world.vantage, world.nodes)
    interfaces = _interfaces(world)
    prefixes = {name: {each.prefix for each in mine} for name, mine in interfaces.items()}
    covered: dict[str, set[Prefix]] = {name: set() for name in world.nodes}
    neighbours: dict[str, dict[str, Link]] = {name: {} for name in world.nodes}
    names: set[str] = set()
    for number, link in enumerate(world.links, 1):
        where = f"[[link]] {number} ({link.name})"
        a, b = ends(where, link.ends, world.nodes)
        if link.name in names:
            raise WorldError(where, f"there is a link {link.name!r} already: give one of them another name = ...")
        names.add(link.name)
        _check_numbers(where, link)
        shared = prefixes[a] & prefixes[b]
        if not shared:
            raise WorldError(where, _nothing_shared(a, b, interfaces))
        for one, other in ((a, b), (b, a)):
            covered[one] |= shared
            neighbours[one].setdefault(other, link)
    for node in world.nodes.values():
        _check_node(node, interfaces[node.name], covered[node.name], neighbours[node.name], interfaces)
    for number, traffic in enumerate(world.traffic, 1):
        _check_traffic(f"[[traffic]] {number}", traffic, world, neighbours)
    for number, tunnel in enumerate(world.tunnels, 1):
        _check_tunnel(f"[[tunnel]] {number}", tunnel, world, neighbours)
    return world


def _check_numbers(where: str, link: Link) -> None:
    """What a link is given in Python must be as possible as what a file says."""
    if not _whole(link.mtu, LEAST_MTU):
        raise WorldError(where, f"mtu is {link.mtu!r}: must be a whole number of bytes, at least {LEAST_MTU}")
    for way, direction in (("forward", link.forward), ("backward", link.backward)):
        for name in ("delay", "jitter", "reorder_delay", "rate", "queue"):
            value = getattr(direction, name)
            if not _whole(value, 0):
                raise WorldError(where, f"{way}.{name} is {value!r}: must be a whole number, 0 or more")
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            value = getattr(direction, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise WorldError(where, f"{way}.{name} is {value!r}: must be a share from 0 to 1")
        if not _whole(direction.cost, 1):
            raise WorldError(where, f"{way}.cost is {direction.cost!r}: must be a whole number, 1 or more")


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def known(where: str, name: str, nodes: Collection[str]) -> str:
    if name not in nodes:
        listed = ", ".join(nodes) if len(nodes) <= 20 else f"{len(nodes)} others"
        raise WorldError(where, f"there is no node {name!r}{did_you_mean(name, nodes)}; there are {listed}")
    return name


def ends(where: str, pair: tuple[str, str], nodes: Collection[str]) -> tuple[str, str]:
    a, b = (known(f"{where}, key 'ends'", name, nodes) for name in pair)
    if a == b:
        raise WorldError(f"{where}, key 'ends'", f"both ends are {a!r}: a link joins two nodes")
    return a, b


def _interfaces(world: World) -> dict[str, list[Interface]]:
    """The addresses of every node, read; none is given twice, and no host name is."""
    owner: dict[str, str] = {}
    hostnames: dict[str, str] = {}
    result = {}
    for name, node in world.nodes.items():
        where = f"[node] {name}"
        attempt(check_label, where, name)
        if name in NO_NEIGHBOUR:
            raise WorldError(where, f"{name!r} means something else in routes: choose another name")
        if node.name != name:
            raise WorldError(where, f"its name is {node.name!r}: the key and the name must be the same")
        if name.lower() in owner:
            raise WorldError(where, f"there is a node {owner[name.lower()]!r} already: host names ignore case")
        owner[name.lower()] = name
        hostname = node.hostname.lower() or f"{name}.{world.name}.example".lower()
        attempt(check_hostname, f"{where}, key 'name'", hostname)
        if hostname in hostnames:
            raise WorldError(where, f"the name {hostname!r} is that of {hostnames[hostname]!r} already")
        hostnames[hostname] = name
        if node.asn is not None:
            attempt(check_asn, f"{where}, key 'asn'", node.asn)
        result[name] = mine = [attempt(interface, f"{where}, key 'address'", text) for text in node.addresses]
        for each in mine:
            if each.text in owner:
                raise WorldError(f"{where}, key 'address'", f"{each.text} belongs to {owner[each.text]!r} already")
            owner[each.text] = name
    return result


def _check_node(
    node: Node,
    interfaces: list[Interface],
    covered: set[Prefix],
    neighbours: Collection[str],
    everybody: dict[str, list[Interface]],
) -> None:
    where = f"[node] {node.name}"
    if not neighbours:
        raise WorldError(where, f'no link leads to it: add a [[link]] with ends = ["{node.name}", ...]')
    for each in interfaces:
        if each.prefix not in covered:
            raise WorldError(f"{where}, key 'address'", _nobody_shares(each, neighbours, everybody))
    for route in node.routes:
        attempt(prefix, f"{where}, key 'routes'", route.to)
        if route.via not in NO_NEIGHBOUR and route.via not in neighbours:
            choices = [*neighbours, *NO_NEIGHBOUR]
            hint = did_you_mean(route.via, choices)
            raise WorldError(
                f"{where}, key 'routes'", f"via {route.via!r} is no neighbour{hint}; write one of {', '.join(choices)}"
            )

    sources = [*ANSWERS_FROM, *(each.text for each in interfaces)]
    if node.answers_from not in sources:
        raise WorldError(
            f"{where}, key 'answers_from'",
            f"{node.answers_from!r} is no address of this node; write one of {', '.join(sources)}",
        )
    for key in ("nat", "tos"):
        if node.kind == "host" and getattr(node, key) is not None:
            raise WorldError(f"{where}, key {key!r}", 'hosts do not forward packets: only with kind = "router"')
    if node.nat:
        _check_nat(f"{where}, nat", node.nat, interfaces)


def _check_nat(where: str, nat: Nat, interfaces: list[Interface]) -> None:
    inside = attempt(prefix, f"{where}, key 'inside'", nat.inside)
    outside = next((each for each in interfaces if each.text == nat.address), None)
    others = [each.text for each in interfaces if each.prefix.version == inside.version and not inside.covers(each)]
    if outside is None:
        hint = f"write one of {', '.join(others)}" if others else f"give it one that is not in {inside}"
        raise WorldError(f"{where}, key 'address'", f"{nat.address!r} is no address of this router: {hint}")
    if outside.text not in others:
        raise WorldError(
            f"{where}, key 'address'", f"{nat.address} must be of the family of {inside}, and not inside of it"
        )
    if not any(inside.covers(each) for each in interfaces):
        raise WorldError(f"{where}, key 'inside'", f"this router has no address in {inside}: its hosts cannot reach it")


def _check_tunnel(where: str, tunnel: Tunnel, world: World, neighbours: dict[str, dict[str, Link]]) -> None:
    key = f"{where}, key 'path'"
    for name in tunnel.path:
        if world.nodes[known(key, name, world.nodes)].kind == "host":
            raise WorldError(key, f"{name!r} is a host: tunnels lead over routers")
    if len(tunnel.path) < 3 or len(set(tunnel.path)) < len(tunnel.path):
        raise WorldError(key, 'name three routers or more, each once: path = ["ingress", "inner", "egress"]')
    for a, b in pairwise(tunnel.path):
        if b not in neighbours[a]:
            raise WorldError(key, f"no link joins {a!r} and {b!r}: name every router on the way")
    if not _whole(tunnel.label, LABELS.start) or tunnel.label + len(tunnel.path) - 3 not in LABELS:
        raise WorldError(
            f"{where}, key 'label'", f"{tunnel.label!r}: the labels of its links must be {LABELS[0]} to {LABELS[-1]}"
        )


def _check_traffic(where: str, traffic: Traffic, world: World, neighbours: dict[str, dict[str, Link]]) -> None:
    for a, b in pairwise(traffic.path):
        known(f"{where}, key 'path'", a, world.nodes)
        known(f"{where}, key 'path'", b, world.nodes)
        link = neighbours[a].get(b)
        if link is None:
            raise WorldError(f"{where}, key 'path'", f"no link joins {a!r} and {b!r}: name every node on the way")
        if traffic.size > link.mtu:
            raise WorldError(
                f"{where}, key 'size'", f"{traffic.size} bytes do not fit link {link.name!r}, its mtu is {link.mtu}"
            )


def _nobody_shares(mine: Interface, neighbours: Collection[str], everybody: dict[str, list[Interface]]) -> str:
    text = f"{mine}: no neighbour ({', '.join(neighbours)}) has an address in {mine.prefix}"
    for name in neighbours:
        for other in everybody[name]:
            if mine.prefix.covers(other) or other.prefix.covers(mine):
                return f"{text}, but {name!r} has {other}: give both the same prefix length"
    return f"{text}: correct it, or give the neighbour at the other end of its link one there"


def _nothing_shared(a: str, b: str, interfaces: dict[str, list[Interface]]) -> str:
    for name in (a, b):
        if not interfaces[name]:
            return f'node {name!r} has no address: write address = ["192.0.2.10/24", "2001:db8:1::10/64"] there'
    for mine in interfaces[a]:
        for other in interfaces[b]:
            if mine.prefix.covers(other) or other.prefix.covers(mine):
                return f"{a!r} has {mine} and {b!r} has {other}: give both the same prefix length"
    example = "192.0.2.1/30 and 192.0.2.2/30"
    return f"{a!r} and {b!r} share no prefix: give both an address in the same one, such as {example}"


def attempt(function: Callable[[T], R], where: str, value: T) -> R:
    """``function(value)``; the ValueError that it raises becomes a WorldError that says where."""
    try:
        return function(value)
    except ValueError as error:
        raise WorldError(where, str(error)) from None
