"""The world file: a virtual internet as TOML text (or a dict of the same shape), read strictly.

::

    name = "campus"               # letters, digits, hyphens
    vantage = "laptop"            # where measurements start
    description = "..."

    [node]
    laptop  = { kind = "host", address = ["192.0.2.10/24", "2001:db8:1::10/64"], place = "Lisbon" }
    gateway = { kind = "router", address = ["192.0.2.1/24", "2001:db8:1::1/64"], icmp = { rate = 1, burst = 6 } }

    [[link]]
    ends = ["laptop", "gateway"]
    delay_ms = 0.4

**A node** takes ``kind`` (host or router, which it is by default), ``address`` (with prefix lengths), ``name`` (its DNS
name, by default ``<node>.<world>.example``), ``place`` (a city of ``places.py``, or any text with ``latitude`` and
``longitude``), ``asn``, ``initial_ttl``, ``open = ["tcp/80", "udp/7"]``, ``silent``, ``answers_echo``, ``down``,
``hides_too_big``, and:

* ``icmp``, the limit on its ICMP errors: ``{ rate = 1, burst = 6 }`` is a token bucket of 6 that gets 1 a second;
  ``{ count = 1, interval_ms = 500 }`` allows 1 in any such window; ``{ limit = "linux" }`` is Linux's default, the
  bucket above for each destination; ``{ limit = "cisco" }`` is that window. ``per_destination`` goes with all.
* ``firewall``, a list of rules such as ``{ action = "reject", protocol = "tcp", port = 80, source = "192.0.2.0/24" }``
  (also ``destination`` and ``reject_with``); the first that fits decides.
* ``routes``, a list such as ``{ to = "203.0.113.0/24", via = "core" }`` that overrides the shortest path; ``via`` is a
  neighbour, unreachable, prohibit or blackhole.
* ``balance``: it spreads packets over all equally short ways, by "flow", "packet" or "destination" (``balance.py``).
  Several links between two nodes are several ways. Without it, the first way takes all.
* ``answers_from``, the source of its ICMP errors: the address by which they leave ("return", as in Linux and by
  default), by which the packet came ("incoming"), or one of its addresses.
* ``interface_information = true``: its errors say by which interface the packet came (RFC 5837).
* ``quotes = 8``: so many bytes behind the IP header are quoted in its errors, by default as many as fit.
* ``control = { delay_ms = 50, jitter_ms = 100, drop = 0.1 }``: a slow control plane. What it says itself (errors, echo
  replies) comes late, or with this share not at all; what it forwards is not touched (``control.py``).
* ``nat = { inside = "192.0.2.0/26", address = "198.51.100.1" }``: a router whose hosts inside share its outside address
  (``nat.py``). Only they know the way to the network inside. ``fix_quotes = false``: ICMP errors keep the outside
  address in their quotes.
* ``tos = 0``: the type of service or traffic class that it gives to every packet it forwards.

**A link** takes ``ends``, ``name`` (by default ``a-b``), ``mtu``, ``down``, and, for both directions or in the tables
``forward`` (from the first end to the second) and ``backward``: ``delay_ms`` or ``distance_km`` (fibre, 5 µs per km),
``jitter_ms``, ``loss``, ``duplicate``, ``reorder``, ``reorder_delay_ms``, ``corrupt``, ``rate_mbps``,
``queue`` (packets) and ``cost`` (1 by default): the shortest path is the one with the least sum of costs. With neither
delay nor distance, the distance is that of the two places.

**Traffic** takes ``path`` (nodes), ``kind`` (constant, poisson, on-off), ``rate_mbps``, ``size`` (bytes), ``on_ms`` and
``off_ms``.

**A tunnel** (MPLS, ``mpls.py``) takes ``path`` (the routers from ingress to egress), ``mode`` ("uniform": its routers
show up in a trace; "pipe": they do not), ``labels`` (false: errors made inside do not show the label stack) and
``label`` (the first label). Packets whose shortest path leads through its ingress and then beyond its egress take it.

Addresses, AS numbers and names come from documentation space (``space.py``). An address belongs to the link whose other
end shares its prefix. Whatever else stands in the file is a `WorldError` that names table and key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from netlab.errors import WorldError
from netlab.internet import places
from netlab.internet.check import attempt, check, ends
from netlab.internet.model import Direction, Link, Node, Traffic, Tunnel, World
from netlab.internet.names import edge_rows, node_rows
from netlab.internet.nodes import read_node
from netlab.internet.serialise import to_dict, to_toml
from netlab.internet.space import check_label
from netlab.internet.tables import (
    DELAY,
    DIRECTION,
    DIRECTION_KEYS,
    DISTANCE,
    LABELS,
    LARGEST,
    LINK_KEYS,
    MODES,
    MOST_COST,
    OFF,
    ON,
    RATE,
    TRAFFIC_KEYS,
    TUNNEL_KEYS,
    WORLD_KEYS,
    Table,
)

__all__ = ["check", "edge_rows", "from_dict", "node_rows", "parse", "to_dict", "to_toml"]

FIRST_LABEL = 24_001
"""Tunnels count their labels from here, each from 100 later (Cisco's IOS XR hands out labels from 24000)."""


def parse(text: str) -> World:
    """Make the world that a TOML text describes; raises `WorldError` that says what to change."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorldError("world file", f"this is not TOML: {error}") from None
    return from_dict(data)


def from_dict(data: Mapping[str, Any]) -> World:
    """Make the world that a dict of the shape of a world file describes; raises `WorldError`."""
    top = Table("world", data, WORLD_KEYS)
    name = attempt(check_label, "world, key 'name'", top.text("name"))
    node_tables = top.data.get("node", {})
    if not isinstance(node_tables, Mapping):
        raise WorldError("[node]", 'must be a table with one entry per node: laptop = { kind = "host", ... }')
    nodes = {str(key): read_node(str(key), value, name) for key, value in node_tables.items()}
    links = [_link(number, value, nodes) for number, value in enumerate(top.list_of_tables("link"), 1)]
    vantage = top.text("vantage") if nodes else ""  # what matters more is said by `check`
    world = World(name, vantage, nodes, links, description=top.text("description", ""))
    world.traffic = [_traffic(number, value, links) for number, value in enumerate(top.list_of_tables("traffic"), 1)]
    world.tunnels = [_tunnel(number, value) for number, value in enumerate(top.list_of_tables("tunnel"), 1)]
    return check(world)


def _link(number: int, data: object, nodes: Mapping[str, Node]) -> Link:
    where = f"[[link]] {number}"
    table = Table(where, data, LINK_KEYS)
    pair = table.texts("ends")
    if len(pair) != 2:
        raise table.wrong("ends", f'a link has two ends: write ends = ["a", "b"], not {table.data.get("ends")!r}')
    a, b = ends(where, (pair[0], pair[1]), nodes)
    table.where = f"{where} ({a}-{b})"
    link = Link(table.text("name", f"{a}-{b}") or f"{a}-{b}", (a, b))
    link.forward = _direction(table, "forward", nodes[a], nodes[b])
    one_for_both = "forward" not in table and "backward" not in table
    link.backward = replace(link.forward) if one_for_both else _direction(table, "backward", nodes[a], nodes[b])
    link.mtu = table.integer("mtu", 1500, 68, LARGEST, "bytes of an IP packet, 68 (RFC 791) to 65535")
    link.down = table.flag("down")
    return link


def _direction(link: Table, way: str, a: Node, b: Node) -> Direction:
    """What the link does one way: the table of this way, and what the link says for both where that says nothing."""
    table = Table(f"{link.where}, {way}", link.data.get(way, {}), DIRECTION_KEYS)
    direction = Direction()
    for source in (table, link):
        if "delay_ms" in source and "distance_km" in source:
            raise source.wrong("delay_ms", "give delay_ms or distance_km, not both")
        if "delay_ms" in source:
            direction.delay = int(source.quantity(DELAY))
            break
        if "distance_km" in source:
            direction.delay = places.delay_of(source.number("distance_km", None, 0, DISTANCE.high, DISTANCE.meaning))
            break
    else:
        direction.delay = _delay_between(link, a, b)
    for quantity in DIRECTION:
        source = table if quantity.key in table else link
        if quantity.key in source:
            setattr(direction, quantity.field, source.quantity(quantity))
    source = table if "queue" in table else link
    direction.queue = source.integer("queue", 1000, 0, 10**6, "how many packets may wait, 0 or more")
    source = table if "cost" in table else link
    direction.cost = source.integer("cost", 1, 1, MOST_COST, f"a whole number from 1 to {MOST_COST}")
    return direction


def _delay_between(link: Table, a: Node, b: Node) -> int:
    if a.latitude is None or a.longitude is None or b.latitude is None or b.longitude is None:
        lost = a.name if a.latitude is None else b.name
        raise WorldError(link.where, f"how long is it? Give delay_ms or distance_km, or a place to {lost!r}")
    return places.delay_of(places.distance_km(a.latitude, a.longitude, b.latitude, b.longitude))


def _traffic(number: int, data: object, links: list[Link]) -> Traffic:
    table = Table(f"[[traffic]] {number}", data, TRAFFIC_KEYS)
    path = tuple(table.texts("path"))
    if len(path) < 2:
        raise table.wrong("path", 'name the nodes along the way, two at least: path = ["a", "b"]')
    steps = {frozenset(pair) for pair in pairwise(path)}
    narrowest = min([1500, *(link.mtu for link in links if frozenset(link.ends) in steps)])
    traffic = Traffic(path, cast(Any, table.choice("kind", ("constant", "poisson", "on-off"), "constant")))
    traffic.size = table.integer("size", narrowest, 48, LARGEST, "bytes of each packet, 48 (IPv6 and UDP) to 65535")
    for quantity in (RATE, ON, OFF):
        if quantity.key in table:
            if quantity is not RATE and traffic.kind != "on-off":
                raise table.wrong(quantity.key, 'goes with kind = "on-off" only')
            setattr(traffic, quantity.field, int(table.quantity(quantity)))
    return traffic


def _tunnel(number: int, data: object) -> Tunnel:
    table = Table(f"[[tunnel]] {number}", data, TUNNEL_KEYS)
    tunnel = Tunnel(tuple(table.texts("path")), cast(Any, table.choice("mode", MODES, "uniform")))
    tunnel.labels = table.flag("labels", True)
    first = FIRST_LABEL + 100 * (number - 1)
    tunnel.label = table.integer("label", first, LABELS.start, LABELS.stop - 1, "an MPLS label from 16 to 1048575")
    return tunnel
