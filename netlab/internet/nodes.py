"""Reading the nodes of a world file; `world.py` says what the keys mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from netlab.errors import WorldError
from netlab.internet import places
from netlab.internet.check import attempt
from netlab.internet.model import Control, FirewallRule, Nat, Node, RateLimit, Route
from netlab.internet.space import check_asn, check_hostname, interface, prefix
from netlab.internet.tables import (
    BALANCERS,
    CONTROL,
    CONTROL_KEYS,
    FIREWALL_KEYS,
    ICMP_KEYS,
    LARGEST,
    LEAST_QUOTE,
    NAT_KEYS,
    NODE_KEYS,
    REJECTIONS,
    ROUTE_KEYS,
    Table,
)

LIMITS = {
    "linux": RateLimit("bucket", rate=1.0, burst=6, per_destination=True),
    "cisco": RateLimit("window", rate=2.0, burst=1),
}
"""``limit = "linux"``: net.ipv4.icmp_ratelimit = 1000 ms with its burst of 6; ``"cisco"``: one per 500 ms."""


def read_node(name: str, data: object, world: str) -> Node:
    """The node that a table of a world file describes."""
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
    if "balance" in table:
        node.balance = cast(Any, table.choice("balance", BALANCERS))
    node.answers_from = table.text("answers_from", "return")
    node.interface_information = table.flag("interface_information")
    if "quotes" in table:
        node.quotes = table.integer("quotes", None, LEAST_QUOTE, LARGEST, f"bytes, {LEAST_QUOTE} (RFC 792) or more")
    if "tos" in table:
        node.tos = table.integer("tos", None, 0, 255, "a type of service from 0 to 255")
    if "control" in table:
        node.control = _control(Table(f"{where}, control", table.data["control"], CONTROL_KEYS))
    if "nat" in table:
        node.nat = _nat(Table(f"{where}, nat", table.data["nat"], NAT_KEYS))
    return node


def _control(table: Table) -> Control:
    control = Control()
    for quantity in CONTROL:
        if quantity.key in table:
            setattr(control, quantity.field, table.quantity(quantity))
    return control


def _nat(table: Table) -> Nat:
    inside = str(attempt(prefix, f"{table.where}, key 'inside'", table.text("inside")))
    return Nat(inside, table.text("address"), table.flag("fix_quotes", True))


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
