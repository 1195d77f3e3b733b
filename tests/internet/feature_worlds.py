"""Worlds for the tests of load balancers, tunnels and NAT, with addresses from documentation space."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from netlab.internet.builder import Builder, build
from netlab.internet.model import World
from netlab.internet.names import Names
from tests.internet.engine_worlds import Run, echo

SOURCE = {4: "192.0.2.10", 6: "2001:db8:a::10"}
SERVER = {4: "203.0.113.80", 6: "2001:db8:b::80"}


def ends(balance: str = "", **keys: Any) -> Builder:
    """A laptop at the router ``near``, a server at the router ``far``; what is between them is still missing."""
    return (
        build("test")
        .host("laptop", "192.0.2.10/24", "2001:db8:a::10/64")
        .router("near", "192.0.2.1/24", "2001:db8:a::1/64", **({"balance": balance} if balance else {}), **keys)
        .router("far", "203.0.113.1/24", "2001:db8:b::1/64")
        .host("server", "203.0.113.80/24", "2001:db8:b::80/64", open=["tcp/80", "udp/7"])
        .link("laptop", "near", delay_ms=1)
        .link("far", "server", delay_ms=1)
    )


def fan(width: int, balance: str = "flow") -> World:
    """A diamond of so many routers between ``near``, which balances, and ``far``, which does not."""
    builder = ends(balance)
    for number in range(width):
        builder.router(f"m{number}")
    for number in range(width):
        builder.link("near", f"m{number}", delay_ms=1).link(f"m{number}", "far", delay_ms=1)
    return builder.world()


def chain(*inner: str, builder: Builder | None = None, **keys: dict[str, Any]) -> Builder:
    """``near``, the inner routers and ``far`` in a row; ``keys`` by router."""
    builder = builder or ends()
    for name in inner:
        builder.router(name, **keys.get(name, {}))
    for a, b in pairwise(("near", *inner, "far")):
        builder.link(a, b, delay_ms=1)
    return builder


def home(**nat: Any) -> World:
    """Laptop and tablet behind the NAT of ``home``; two routers and a server outside."""
    return (
        build("home")
        .host("laptop", "192.0.2.10/24", "2001:db8:a::10/64")
        .host("tablet", "192.0.2.11/24", "2001:db8:a::11/64")
        .router(
            "home", "192.0.2.1/24", "198.51.100.2/30", "2001:db8:a::1/64", "2001:db8:1::2/64",
            nat={"inside": "192.0.2.0/24", "address": "198.51.100.2", **nat},
        )
        .router("isp", "198.51.100.1/30", "198.51.100.5/30", "2001:db8:1::1/64", "2001:db8:2::1/64")
        .router("far", "198.51.100.6/30", "203.0.113.1/24", "2001:db8:2::2/64", "2001:db8:b::1/64")
        .host("server", "203.0.113.80/24", "2001:db8:b::80/64", open=["tcp/80", "udp/7"])
        .link("laptop", "home", delay_ms=1)
        .link("tablet", "home", delay_ms=1)
        .link("home", "isp", delay_ms=1)
        .link("isp", "far", delay_ms=1)
        .link("far", "server", delay_ms=1)
        .world()
    )  # fmt: skip


def home6() -> World:
    """The same for IPv6."""
    return home(inside="2001:db8:a::/64", address="2001:db8:1::2")


def address(world: World, node: str, family: int, number: int = 0) -> str:
    """An address of a node; each has them in the order of its links."""
    names = Names(world)
    return names.addresses(world.nodes[node], 4 if family == 4 else 6)[number]


def trace(world: World, family: int, most: int = 8, **header: Any) -> list[tuple[str, int, Any]]:
    """Who answers at each TTL (its node's name), after how many ns, and with which message."""
    names, rows = Names(world), []
    for ttl in range(1, most + 1):
        run = Run(world, node="laptop")
        run.send(echo(SOURCE[family], SERVER[family], ttl=ttl, **header))
        for time, packet, message in run.answers():
            node = names.node_of(packet.source)
            rows.append((node.name if node else "", time, message))
    return rows
