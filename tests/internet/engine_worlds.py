"""Small worlds and packets for the tests of the engine, built from the model's dataclasses."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from netlab.internet.engine import Engine
from netlab.internet.model import Direction, Link, Node, Traffic, World
from netlab.wire import icmpv4, icmpv6
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import IPv6
from netlab.wire.packet import parse, transport
from netlab.wire.tcp import TCP
from netlab.wire.udp import UDP

MS = 1_000_000
SECOND = 1_000_000_000
FOREVER = 1 << 60


def line(*names: str, delay: int = MS, traffic: list[Traffic] | None = None, **changes: dict[str, Any]) -> World:
    """A chain of nodes: hosts at both ends, routers between; ``changes`` by node name, or ``a_b`` for the link.

    Link n has 10.0.n.0/24 and 2001:db8:n::/64; its left end is .1, its right end .2. Keys of a link are those of Link
    and those of Direction (for both ways), or forward and backward.
    """
    addresses: dict[str, list[str]] = {name: [] for name in names}
    links = []
    for n, (left, right) in enumerate(pairwise(names)):
        for name, last in ((left, 1), (right, 2)):
            addresses[name] += [f"10.0.{n}.{last}/24", f"2001:db8:{n}::{last}/64"]
        links.append(link(left, right, delay, changes.pop(f"{left}_{right}", {})))
    nodes = {}
    for name in names:
        kind = "host" if name in (names[0], names[-1]) else "router"
        nodes[name] = replace(Node(name, kind, tuple(addresses[name])), **changes.pop(name, {}))  # type: ignore[arg-type]
    assert not changes, changes
    return World("test", names[0], nodes, links, traffic or [])


def link(left: str, right: str, delay: int = MS, changes: dict[str, Any] | None = None) -> Link:
    own = {key: value for key, value in (changes or {}).items() if key in ("mtu", "down", "forward", "backward")}
    both = {"delay": delay, **{key: value for key, value in (changes or {}).items() if key not in own}}
    ways = {"forward": Direction(**both), "backward": Direction(**both), **own}
    return Link(f"{left}-{right}", (left, right), **ways)


def echo(source: str, destination: str, sequence: int = 1, size: int = 56, **header: Any) -> bytes:
    """An echo request in a packet of either family; ``ttl`` works for both."""
    return icmp(
        source, destination, module(source).EchoRequest(7, sequence, bytes(i & 255 for i in range(size))), **header
    )


def icmp(source: str, destination: str, message: Any, **header: Any) -> bytes:
    if ":" not in source:
        return ip(source, destination, 1, message.to_bytes(), **header)
    return ip(source, destination, 58, message.to_bytes(source, destination), **header)


def udp(source: str, destination: str, port: int, payload: bytes = b"hello", **header: Any) -> bytes:
    return ip(source, destination, 17, UDP(40000, port, payload).to_bytes(source, destination), **header)


def tcp(source: str, destination: str, port: int, flags: int = TCP.SYN, **header: Any) -> bytes:
    segment = TCP(40000, port, 1000, 2000 if flags & TCP.ACK else 0, flags)
    return ip(source, destination, 6, segment.to_bytes(source, destination), **header)


def ip(source: str, destination: str, protocol: int, payload: bytes, ttl: int = 64, **header: Any) -> bytes:
    if ":" not in source:
        return IPv4(source, destination, protocol, payload, ttl=ttl, **header).to_bytes()
    return IPv6(source, destination, protocol, payload, hop_limit=ttl, **header).to_bytes()


def module(address: str) -> Any:
    return icmpv6 if ":" in address else icmpv4


class Run:
    """An engine and what one of its nodes gets."""

    def __init__(self, world: World, seed: int = 1, node: str = "a") -> None:
        self.engine = Engine(world, seed)
        self.node = node
        self.inbox = self.engine.listen(node)

    def send(self, packet: bytes, at: int | None = None, **options: Any) -> None:
        if at is not None:
            self.engine.advance(at)
        assert self.engine.inject(self.node, packet, **options) == ""

    def answers(self, until: int = FOREVER) -> list[tuple[int, Any, Any]]:
        """What came by then: time, IP packet, and the message in it."""
        self.engine.advance(until)
        return [(time, parse(raw), transport(parse(raw))) for time, raw in self.inbox]

    def answer(self) -> tuple[Any, Any]:
        """The only packet that came: IP packet and message."""
        ((_, packet, message),) = self.answers()
        return packet, message

    def ends(self) -> dict[int, list[str]]:
        """For each packet number: how it ended."""
        result: dict[int, list[str]] = {}
        for row in self.engine.packets():
            result.setdefault(row["number"], [])
            if row["action"] in ("delivered", "dropped"):
                result[row["number"]].append(row["reason"] or row["action"])
        return result

    def waited(self) -> int:
        """How long the last packet waited in its first queue, ns."""
        return max((parts.queueing for parts in self.engine.capture.parts.values()), default=0)
