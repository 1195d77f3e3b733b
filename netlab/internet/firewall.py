"""A packet filter without state: the first rule that fits decides, and what fits none is accepted.

It looks at packets that a machine would deliver or forward, not at those it sends itself. As in Linux, a router
looks at the TTL before its firewall does: a firewall shows up in a trace as a hop. Non-first fragments carry no
ports, so a rule with a port does not fit them (the classic hole, RFC 1858).
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import NamedTuple

from netlab.errors import WorldError
from netlab.internet.extension import walk
from netlab.internet.model import FirewallRule
from netlab.internet.packet import Packet

NUMBERS = {"": (), "icmp": (1, 58), "udp": (17,), "tcp": (6,)}

CAUSES = {
    "administratively-prohibited": "prohibited",
    "host-prohibited": "host prohibited",
    "net-prohibited": "network prohibited",
    "port-unreachable": "port unreachable",
    "source-policy": "source policy",
    "reject-route": "reject route",
    "tcp-reset": "reset by firewall",
}
"""What `FirewallRule.reject_with` may say, and the reason (of ``capture.REASONS``) that it becomes."""


class Network(NamedTuple):
    """A prefix of one family."""

    size: int
    """Bytes of its addresses."""
    shift: int
    number: int

    def holds(self, address: bytes) -> bool:
        return len(address) == self.size and int.from_bytes(address, "big") >> self.shift == self.number


def network(prefix: str) -> Network:
    """Read ``192.0.2.0/24``."""
    found = ip_network(prefix, strict=False)
    shift = found.max_prefixlen - found.prefixlen
    return Network(found.max_prefixlen // 8, shift, int(found.network_address) >> shift)


class Rule(NamedTuple):
    action: str
    reason: str
    protocols: tuple[int, ...]
    port: int | None
    source: Network | None
    destination: Network | None

    def fits(self, packet: Packet, protocol: int, port: int | None) -> bool:
        return (
            (not self.protocols or protocol in self.protocols)
            and (self.port is None or self.port == port)
            and (self.source is None or self.source.holds(packet.source))
            and (self.destination is None or self.destination.holds(packet.destination))
        )


class Firewall:
    def __init__(self, rules: tuple[FirewallRule, ...]) -> None:
        self.rules = [_compile(rule) for rule in rules]

    def reason(self, packet: Packet) -> str:
        """Why a packet may not pass, "" when it may; "firewall" means: without a word."""
        layers = walk(packet)
        port = None
        if layers.protocol in (6, 17) and not (layers.fragment and layers.fragment.offset):
            ports = packet.raw[layers.offset : layers.offset + 4]
            port = ports[2] << 8 | ports[3] if len(ports) == 4 else None
        for rule in self.rules:
            if rule.fits(packet, layers.protocol, port):
                if rule.reason == "reset by firewall" and layers.protocol != 6:
                    return "prohibited"
                return rule.reason
        return ""


def _compile(rule: FirewallRule) -> Rule:
    reason = ""
    if rule.action == "drop":
        reason = "firewall"
    elif rule.action == "reject":
        if rule.reject_with not in CAUSES:
            raise WorldError("firewall", f"reject_with={rule.reject_with!r}: one of {', '.join(CAUSES)}")
        reason = CAUSES[rule.reject_with]
    source = network(rule.source) if rule.source else None
    destination = network(rule.destination) if rule.destination else None
    return Rule(rule.action, reason, NUMBERS[rule.protocol], rule.port, source, destination)
