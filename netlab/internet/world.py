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

**A link** takes ``ends``, ``name`` (by default ``a-b``), ``mtu``, ``down``, and, for both directions or in the tables
``forward`` (from the first end to the second) and ``backward``: ``delay_ms`` or ``distance_km`` (fibre, 5 µs per km),
``jitter_ms``, ``loss``, ``duplicate``, ``reorder``, ``reorder_delay_ms``, ``corrupt``, ``rate_mbps`` and
``queue`` (packets). With neither delay nor distance, the distance is that of the two places.

**Traffic** takes ``path`` (nodes), ``kind`` (constant, poisson, on-off), ``rate_mbps``, ``size`` (bytes), ``on_ms`` and
``off_ms``.

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
from netlab.internet.model import Direction, FirewallRule, Link, Node, RateLimit, Route, Traffic, World
from netlab.internet.names import edge_rows, node_rows
from netlab.internet.serialise import to_dict, to_toml
from netlab.internet.space import check_asn, check_hostname, check_label, interface, prefix
from netlab.internet.tables import (
    DELAY,
    DIRECTION,
    DIRECTION_KEYS,
    DISTANCE,
    FIREWALL_KEYS,
    ICMP_KEYS,
    LINK_KEYS,
    NODE_KEYS,
    OFF,
    ON,
    RATE,
    REJECTIONS,
    ROUTE_KEYS,
    TRAFFIC_KEYS,
    WORLD_KEYS,
    Table,
)

__all__ = ["check", "edge_rows", "from_dict", "node_rows", "parse", "to_dict", "to_toml"]

LIMITS = {
    "linux": RateLimit("bucket", rate=1.0, burst=6, per_destination=True),
    "cisco": RateLimit("window", rate=2.0, burst=1),
}
"""``limit = "linux"``: net.ipv4.icmp_ratelimit = 1000 ms with its burst of 6; ``"cisco"``: one per 500 ms."""

LARGEST = 65_535
"""Bytes of an IP packet (RFC 791); also the highest port."""


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
    nodes = {str(key): _node(str(key), value, name) for key, value in node_tables.items()}
    links = [_link(number, value, nodes) for number, value in enumerate(top.list_of_tables("link"), 1)]
    vantage = top.text("vantage") if nodes else ""  # what matters more is said by `check`
    world = World(name, vantage, nodes, links, description=top.text("description", ""))
    world.traffic = [_traffic(number, value, links) for number, value in enumerate(top.list_of_tables("traffic"), 1)]
    return check(world)


def _node(name: str, data: object, world: str) -> Node:
    where = f"[node] {name}"
    table = Table(where, data, NODE_KEYS)
    node = Node(name, cast(Any, table.choice("kind", ("host", "router"), "router")))
    node.addresses = tuple(str(attempt(interface, f"{where}, key 'address'", text)) for text in table.texts("address"))
    node.hostname = attempt(check_hostname, f"{where}, key 'name'", table.text("name", f"{name}.{world}.example"))
    node.place, node.latitude, node.longitude = _place(table)
    if "asn" in table:
        node.asn = table.integer("asn", None, 0, 2**32 - 1, "an AS number")
        attempt(check_asn, f"{where}, key 'asn'", node.asn)
    node.initial_ttl = table.integer("initial_ttl", 64, 1, 255, "a TTL from 1 to 255")
    node.open = tuple(_port(table, text) for text in table.texts("open"))
    node.silent, node.down = table.flag("silent"), table.flag("down")
    node.answers_echo, node.hides_too_big = table.flag("answers_echo", True), table.flag("hides_too_big")
    if "icmp" in table:
        node.icmp = _rate_limit(Table(f"{where}, icmp", table.data["icmp"], ICMP_KEYS))
    if "firewall" in table:
        rules = enumerate(table.list_of_tables("firewall"), 1)
        node.firewall = tuple(_rule(Table(f"{where}, firewall rule {i}", rule, FIREWALL_KEYS)) for i, rule in rules)
    if "routes" in table:
        routes = enumerate(table.list_of_tables("routes"), 1)
        node.routes = tuple(_route(Table(f"{where}, route {i}", route, ROUTE_KEYS)) for i, route in routes)
    return node


def _place(table: Table) -> tuple[str, float | None, float | None]:
    name = table.text("place", "")
    if ("latitude" in table) != ("longitude" in table):
        raise table.wrong("latitude", "latitude and longitude go together: give both or neither")
    if "latitude" in table:
        latitude = table.number("latitude", None, -90, 90, "degrees north of the equator, -90 to 90")
        longitude = table.number("longitude", None, -180, 180, "degrees east of Greenwich, -180 to 180")
        return name, float(latitude), float(longitude)
    if not name:
        return "", None, None
    found = places.find(name)
    if found is None:
        close = places.close_to(name)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise table.wrong("place", f"{name!r} is not in netlab's list: {hint}Else give latitude and longitude, too")
    return found


def _port(table: Table, text: str) -> tuple[str, int]:
    protocol, _, port = text.partition("/")
    if protocol not in ("tcp", "udp") or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= LARGEST:
        raise table.wrong("open", f'{text!r} is no port: write "tcp/80" or "udp/7", for example')
    return protocol, int(port)


def _rate_limit(table: Table) -> RateLimit:
    ways = [way for way in ("limit", "rate", "count") if way in table]
    if len(ways) != 1:
        raise WorldError(table.where, "write rate and burst, or count and interval_ms, or limit, and not two of them")
    together = {"limit": (), "rate": ("burst",), "count": ("interval_ms",)}[ways[0]]
    for key in table.data:
        if key not in (*ways, *together, "per_destination"):
            raise table.wrong(key, f"does not go with {ways[0]!r}")
    if "limit" in table:
        limit = replace(LIMITS[table.choice("limit", tuple(LIMITS))])
    elif "rate" in table:
        rate = table.number("rate", None, 0, 1e9, "messages per second")
        limit = RateLimit("bucket", float(rate), table.integer("burst", 6, 1, 10**6, "messages, 1 or more"))
    else:
        count = table.integer("count", None, 1, 10**6, "messages per interval, 1 or more")
        interval = table.number("interval_ms", None, 1e-3, 1e9, "the length of the interval in milliseconds")
        limit = RateLimit("window", count * 1000 / interval, count)
    limit.per_destination = table.flag("per_destination", limit.per_destination)
    return limit


def _rule(table: Table) -> FirewallRule:
    rule = FirewallRule(cast(Any, table.choice("action", ("accept", "drop", "reject"))))
    rule.protocol = cast(Any, table.choice("protocol", ("", "icmp", "udp", "tcp"), ""))
    if "port" in table:
        rule.port = table.integer("port", None, 1, LARGEST, "a destination port from 1 to 65535")
        if rule.protocol not in ("udp", "tcp"):
            raise table.wrong("port", 'only UDP and TCP have ports: add protocol = "udp" or "tcp"')
    for key in ("source", "destination"):
        if key in table:
            setattr(rule, key, str(attempt(prefix, f"{table.where}, key {key!r}", table.text(key))))
    if "reject_with" in table:
        rule.reject_with = table.choice("reject_with", REJECTIONS)
        if rule.action != "reject":
            raise table.wrong("reject_with", f'goes with action = "reject", not "{rule.action}"')
        if rule.reject_with == "tcp-reset" and rule.protocol != "tcp":
            raise table.wrong("reject_with", 'only TCP can be reset: add protocol = "tcp"')
    return rule


def _route(table: Table) -> Route:
    return Route(str(attempt(prefix, f"{table.where}, key 'to'", table.text("to"))), table.text("via"))


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
