"""A world as a dict or as TOML text, of the shape that `world.py` reads: what is as by default is left out.

``parse(to_toml(world)) == world`` for every world that was read or built (`Node.external` belongs to a running lab
and is not written). Distances were turned into delays when the world was read, and stay delays.
"""

from __future__ import annotations

import json
from typing import Any

from netlab.internet import places
from netlab.internet.model import Control, Direction, FirewallRule, Link, Nat, Node, RateLimit, Traffic, Tunnel, World
from netlab.internet.tables import CONTROL, DELAY, DIRECTION, FLAGS, OFF, ON, RATE, Quantity

AS_USUAL = Direction()


def to_dict(world: World) -> dict[str, Any]:
    """The world as a dict that `from_dict` reads."""
    data: dict[str, Any] = {"name": world.name, "vantage": world.vantage}
    if world.description:
        data["description"] = world.description
    data["node"] = {name: _node(node, world.name) for name, node in world.nodes.items()}
    if world.links:
        data["link"] = [_link(link) for link in world.links]
    if world.traffic:
        data["traffic"] = [_traffic(traffic) for traffic in world.traffic]
    if world.tunnels:
        data["tunnel"] = [_tunnel(tunnel) for tunnel in world.tunnels]
    return data


def to_toml(world: World) -> str:
    """The world as the text of a world file."""
    data = to_dict(world)
    lines = [f"{key} = {_value(value)}" for key, value in data.items() if isinstance(value, str)]
    lines += ["", "[node]", *(f"{name} = {_value(node)}" for name, node in data["node"].items())]
    for key in ("link", "traffic", "tunnel"):
        for table in data.get(key, []):
            lines += ["", f"[[{key}]]", *(f"{name} = {_value(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"


def _node(node: Node, world: str) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": node.kind, "address": list(node.addresses)}
    if node.hostname not in ("", f"{node.name}.{world}.example".lower()):
        data["name"] = node.hostname
    if node.place:
        data["place"] = node.place
    if node.latitude is not None and (node.place, node.latitude, node.longitude) != places.find(node.place):
        data["latitude"], data["longitude"] = node.latitude, node.longitude
    if node.asn is not None:
        data["asn"] = node.asn
    if node.initial_ttl != 64:
        data["initial_ttl"] = node.initial_ttl
    if node.open:
        data["open"] = [f"{protocol}/{port}" for protocol, port in node.open]
    if node.icmp is not None:
        data["icmp"] = _rate_limit(node.icmp)
    if not node.answers_echo:
        data["answers_echo"] = False
    data |= {flag: True for flag in FLAGS if getattr(node, flag)}
    if node.firewall:
        data["firewall"] = [_rule(rule) for rule in node.firewall]
    if node.routes:
        data["routes"] = [{"to": route.to, "via": route.via} for route in node.routes]
    if node.balance:
        data["balance"] = node.balance
    if node.answers_from != "return":
        data["answers_from"] = node.answers_from
    data |= {key: getattr(node, key) for key in ("quotes", "tos") if getattr(node, key) is not None}
    if node.control:
        data["control"] = _control(node.control)
    if node.nat:
        data["nat"] = _nat(node.nat)
    return data


def _control(control: Control) -> dict[str, Any]:
    return {quantity.key: _amount(quantity, control) for quantity in CONTROL if getattr(control, quantity.field)}


def _nat(nat: Nat) -> dict[str, Any]:
    data: dict[str, Any] = {"inside": nat.inside, "address": nat.address}
    return data if nat.fix_quotes else data | {"fix_quotes": False}


def _rate_limit(limit: RateLimit) -> dict[str, Any]:
    if limit.kind == "bucket":
        data: dict[str, Any] = {"rate": _short(limit.rate), "burst": limit.burst}
    else:
        data = {"count": limit.burst, "interval_ms": _short(round(limit.burst / limit.rate * 1000, 9))}
    return data | ({"per_destination": True} if limit.per_destination else {})


def _rule(rule: FirewallRule) -> dict[str, Any]:
    data: dict[str, Any] = {"action": rule.action, "protocol": rule.protocol, "port": rule.port}
    data |= {"source": rule.source, "destination": rule.destination}
    if rule.reject_with != "administratively-prohibited":
        data["reject_with"] = rule.reject_with
    return {key: value for key, value in data.items() if value not in ("", None)}


def _link(link: Link) -> dict[str, Any]:
    data: dict[str, Any] = {"ends": list(link.ends)}
    if link.name != "-".join(link.ends):
        data["name"] = link.name
    forward, backward = _direction(link.forward), _direction(link.backward)
    data |= {key: value for key, value in forward.items() if backward.get(key) == value}
    for way, values in (("forward", forward), ("backward", backward)):
        own = {key: value for key, value in values.items() if key not in data}
        if own:
            data[way] = own
    if link.mtu != 1500:
        data["mtu"] = link.mtu
    if link.down:
        data["down"] = True
    return data


def _direction(direction: Direction) -> dict[str, Any]:
    data: dict[str, Any] = {DELAY.key: _amount(DELAY, direction)}
    for quantity in DIRECTION:
        if getattr(direction, quantity.field) != getattr(AS_USUAL, quantity.field):
            data[quantity.key] = _amount(quantity, direction)
    if direction.queue != AS_USUAL.queue:
        data["queue"] = direction.queue
    if direction.cost != AS_USUAL.cost:
        data["cost"] = direction.cost
    return data


def _traffic(traffic: Traffic) -> dict[str, Any]:
    data: dict[str, Any] = {"path": list(traffic.path), "kind": traffic.kind, RATE.key: _amount(RATE, traffic)}
    data["size"] = traffic.size
    if traffic.kind == "on-off":
        data |= {quantity.key: _amount(quantity, traffic) for quantity in (ON, OFF)}
    return data


def _tunnel(tunnel: Tunnel) -> dict[str, Any]:
    data: dict[str, Any] = {"path": list(tunnel.path), "mode": tunnel.mode, "label": tunnel.label}
    return data if tunnel.labels else data | {"labels": False}


def _amount(quantity: Quantity, holder: object) -> float | int:
    value = getattr(holder, quantity.field)
    return _short(value / quantity.unit)


def _short(number: float) -> float | int:
    """2.0 as 2: easier to read, and the same number."""
    return int(number) if number == int(number) else number


def _value(value: Any) -> str:
    """A value in TOML. Its texts are written like JSON's, but for the DEL character."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)
