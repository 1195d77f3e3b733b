"""Worlds in Python: the keys of a world file as keyword arguments, and worlds of any size.

::

    from netlab.internet import build

    world = (
        build("campus", vantage="laptop")
        .host("laptop", "192.0.2.10/24", "2001:db8:1::10/64", place="Lisbon")
        .router("gateway", "192.0.2.1/24", "198.51.100.1/30", "2001:db8:1::1/64", "2001:db8:2::1/64")
        .router("core", "198.51.100.2/30", "203.0.113.1/24", "2001:db8:2::2/64", "2001:db8:3::1/64", asn=64500)
        .host("www", "203.0.113.80/24", "2001:db8:3::80/64", open=["tcp/80"])
        .link("laptop", "gateway", delay_ms=0.4)
        .link("gateway", "core", distance_km=300, rate_mbps=100, loss=0.01)
        .link("core", "www", delay_ms=2, rate_mbps=50, mtu=1400)
        .traffic("core", "www", kind="on-off", rate_mbps=40)
        .world()
    )

Addresses may be left out: then each link whose ends have no network in common gets one, with a /31 of IPv4 (RFC 3021)
and a /64 of IPv6; so does each further link between the same two nodes. The builder
only collects: `world.from_dict` reads and checks what it has, as it does with a file.

`grid` and `tree` make large worlds, for instance of a thousand nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from math import isqrt
from typing import Any

from netlab.errors import UsageError, WorldError
from netlab.internet.model import World
from netlab.internet.space import BLOCKS, Prefix, interface, prefix
from netlab.internet.world import from_dict


def build(name: str, vantage: str = "", description: str = "") -> Builder:
    """Begin a world; measurements start at ``vantage``, by default the first host."""
    return Builder(name, vantage, description)


class Builder:
    """Collects nodes, links, traffic and tunnels; `world` makes the World."""

    def __init__(self, name: str, vantage: str = "", description: str = "") -> None:
        self._data: dict[str, Any] = {"name": name, "vantage": vantage, "node": {}}
        self._data |= {"link": [], "traffic": [], "tunnel": []}
        if description:
            self._data["description"] = description

    def host(self, node: str, *addresses: str, **keys: Any) -> Builder:
        """Add a host; ``keys`` as in a world file, such as ``place="Lisbon"``."""
        return self._add(node, "host", addresses, keys)

    def router(self, node: str, *addresses: str, **keys: Any) -> Builder:
        """Add a router; ``keys`` as in a world file, such as ``asn=64500``."""
        return self._add(node, "router", addresses, keys)

    def link(self, a: str, b: str, **keys: Any) -> Builder:
        """Join two nodes; ``keys`` as in a world file, such as ``delay_ms=2``."""
        self._data["link"].append({"ends": [a, b], **keys})
        return self

    def traffic(self, *path: str, **keys: Any) -> Builder:
        """Add background load along a path of nodes; ``keys`` as in a world file, such as ``rate_mbps=40``."""
        self._data["traffic"].append({"path": list(path), **keys})
        return self

    def tunnel(self, *path: str, **keys: Any) -> Builder:
        """Add an MPLS tunnel from ingress to egress; ``keys`` as in a world file, such as ``mode="pipe"``."""
        self._data["tunnel"].append({"path": list(path), **keys})
        return self

    def data(self) -> dict[str, Any]:
        """The dict that `world` reads, with an address for everybody."""
        nodes = {name: {**node, "address": list(node["address"])} for name, node in self._data["node"].items()}
        _number(nodes, self._data["link"])
        hosts = (name for name, node in nodes.items() if node["kind"] == "host")
        vantage = self._data["vantage"] or next(hosts, next(iter(nodes), ""))
        return {**self._data, "vantage": vantage, "node": nodes}

    def world(self) -> World:
        """The finished World; raises `WorldError` that says what to change."""
        return from_dict(self.data())

    def _add(self, node: str, kind: str, addresses: tuple[str, ...], keys: dict[str, Any]) -> Builder:
        if node in self._data["node"]:
            raise WorldError(f"[node] {node}", "this node is there already")
        self._data["node"][node] = {"kind": kind, "address": addresses, **keys}
        return self


def _number(nodes: dict[str, Any], links: list[dict[str, Any]]) -> None:
    """Give addresses to links whose ends share no network (yet); what is wrong is left for `from_dict` to say."""
    networks: dict[str, set[Prefix]] = {}
    for name, node in nodes.items():
        networks[name] = set()
        for text in node["address"]:
            with suppress(ValueError):
                networks[name].add(interface(text).prefix)
    used = set().union(*networks.values())
    free4, free6 = _free_ipv4(used), _free_ipv6(used)
    joined: Counter[frozenset[str]] = Counter()
    for link in links:
        a, b = link["ends"]
        if a not in nodes or b not in nodes:
            continue
        joined[frozenset((a, b))] += 1
        shared = Counter(each.version for each in networks[a] & networks[b])
        if max(shared.values(), default=0) >= joined[frozenset((a, b))]:
            continue
        low4, low6 = next(free4, None), next(free6)
        if low4 is None:
            raise WorldError(
                "world", "there are more links than IPv4 addresses for them; 60,000 are enough for anybody"
            )
        for name, offset in ((a, 0), (b, 1)):
            nodes[name]["address"] += [f"{IPv4Address(low4 + offset)}/31", f"{IPv6Address(low6 + 1 + offset)}/64"]
        networks[a].add(Prefix(4, low4, 31))
        networks[b].add(Prefix(4, low4, 31))


def _free_ipv4(used: set[Prefix]) -> Iterator[int]:
    """The first address of each /31 that may be given away: RFC 5737's blocks, then the large one of RFC 2544."""
    for block in map(prefix, BLOCKS[4]):
        if not any(block.covers(each) for each in used):  # blocks that the author numbers are the author's
            yield from range(block.network, block.network + (1 << 32 - block.length), 2)


def _free_ipv6(used: set[Prefix]) -> Iterator[int]:
    """2001:db8:1::, 2001:db8:2:: and so on; beyond ffff the next 16 bits count, too."""
    first = int(IPv6Address("2001:db8::"))
    number = 0
    while True:
        number += 1
        network = first + ((number & 0xFFFF) << 80) + (number >> 16 << 64)
        if not any(each.covers(Prefix(6, network, 64)) for each in used if each.version == 6 and each.length < 64):
            if Prefix(6, network, 64) not in used:
                yield network


def grid(nodes: int = 1000, name: str = "grid") -> World:
    """A world of so many nodes: routers in a square, a laptop at one corner and a server at the other.

    Links of a row take 1 ms and those of a column 2 ms, so that the length of a path tells what it went through.
    """
    routers = _routers(nodes)
    width = isqrt(routers - 1) + 1
    builder = build(name, "laptop", f"A square of {routers} routers, {width} in a row, between a laptop and a server")
    builder.host("laptop").host("server")
    for i in range(routers):
        builder.router(f"r{i}")
    builder.link("laptop", "r0", delay_ms=1)
    for i in range(routers):
        if i % width:
            builder.link(f"r{i - 1}", f"r{i}", delay_ms=1)
        if i >= width:
            builder.link(f"r{i - width}", f"r{i}", delay_ms=2)
    return builder.link(f"r{routers - 1}", "server", delay_ms=1).world()


def tree(nodes: int = 1000, branches: int = 2, name: str = "tree") -> World:
    """A world of so many nodes: a tree of routers, the laptop at the last router, the server at the first leaf."""
    routers = _routers(nodes)
    if branches < 1:
        raise UsageError("branches", branches, "a router has 1 branch or more")
    builder = build(name, "laptop", f"A tree of {routers} routers with {branches} branches each")
    builder.host("laptop").host("server")
    for i in range(routers):
        builder.router(f"r{i}")
        if i:
            builder.link(f"r{(i - 1) // branches}", f"r{i}", delay_ms=1)
    leaf = next(i for i in range(routers) if i * branches + 1 >= routers)
    return builder.link("laptop", f"r{routers - 1}", delay_ms=1).link(f"r{leaf}", "server", delay_ms=1).world()


def _routers(nodes: int) -> int:
    if not 3 <= nodes <= 30_000:
        raise UsageError("nodes", nodes, "from 3 (laptop, router, server) to 30000")
    return nodes - 2
