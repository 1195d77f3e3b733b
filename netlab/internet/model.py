"""The words of a world: what a virtual internet is made of, as plain data.

`parse` in ``world.py`` makes these from a TOML text or a dict and checks them; the engine runs them. All
times are integer nanoseconds, rates bits per second, sizes bytes of the IP packet, probabilities 0…1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

EPOCH = 1_767_225_600_000_000_000
"""Wall-clock ns at virtual time 0: 2026-01-01 00:00:00 UTC."""


@dataclass(slots=True)
class RateLimit:
    """How often a node sends ICMP errors.

    ``bucket``: Linux's token bucket; ``window``: at most ``burst`` messages in ``burst / rate`` seconds.
    """

    kind: Literal["bucket", "window"] = "bucket"
    rate: float = 1.0
    """Messages per second."""
    burst: int = 6
    per_destination: bool = False


@dataclass(slots=True)
class FirewallRule:
    """The first rule that fits decides; empty fields fit everything."""

    action: Literal["accept", "drop", "reject"]
    protocol: Literal["", "icmp", "udp", "tcp"] = ""
    port: int | None = None
    source: str = ""
    """A prefix, such as 192.0.2.0/24."""
    destination: str = ""
    reject_with: str = "administratively-prohibited"
    """administratively-prohibited, host-prohibited, net-prohibited, port-unreachable, tcp-reset, source-policy or
    reject-route (the last two have codes of their own in IPv6 only)."""


@dataclass(slots=True)
class Route:
    """A route that overrides the shortest path: for loops, wrong masks, missing and unreachable networks."""

    to: str
    """A prefix."""
    via: str
    """Name of the neighbour, or ``unreachable``, ``prohibit``, ``blackhole`` (as in ``ip route``)."""


@dataclass(slots=True)
class Control:
    """A slow control plane: what happens to the ICMP messages that a node makes itself."""

    delay: int = 0
    """ns until a message leaves."""
    jitter: int = 0
    """Extra delay of up to this many ns; messages keep their order."""
    drop: float = 0.0
    """Share of the messages that are never made."""


@dataclass(slots=True)
class Nat:
    """Source NAT: the hosts of ``inside`` share one address of the router."""

    inside: str
    """A prefix. Nobody outside of it knows a way there."""
    address: str
    """The address of the router that the world sees instead, without prefix length."""
    fix_quotes: bool = True
    """Whether ICMP errors are translated inside their quotes, too (as Linux does)."""


@dataclass(slots=True)
class Node:
    name: str
    kind: Literal["host", "router"] = "router"
    addresses: tuple[str, ...] = ()
    """With prefix length: 192.0.2.10/24. An address belongs to the link whose other end shares its prefix."""
    hostname: str = ""
    """Its DNS name; default ``<name>.<world>.example``. Reverse look-ups of all its addresses give it."""
    place: str = ""
    latitude: float | None = None
    longitude: float | None = None
    asn: int | None = None
    initial_ttl: int = 64
    open: tuple[tuple[str, int], ...] = ()
    """Ports somebody listens on: ("tcp", 80) answers SYN with SYN-ACK; ("udp", 7) echoes; other udp are silent."""
    icmp: RateLimit | None = None
    """Limit on ICMP errors; None: none."""
    silent: bool = False
    """Sends no ICMP at all (errors or echo replies)."""
    answers_echo: bool = True
    down: bool = False
    """Takes part in nothing; its neighbours still think that it is there."""
    hides_too_big: bool = False
    """Drops packets that are too long without a word: an MTU black hole."""
    firewall: tuple[FirewallRule, ...] = ()
    routes: tuple[Route, ...] = ()
    balance: Literal["", "flow", "packet", "destination"] = ""
    """How it spreads packets over equally short ways; "": it does not, the first way takes all."""
    answers_from: str = "return"
    """The source of its ICMP errors: that of the link by which they leave ("return", as Linux), of the link by which
    the packet came ("incoming"), or one of its addresses."""
    interface_information: bool = False
    """Its errors tell by which interface the packet came (RFC 5837)."""
    quotes: int | None = None
    """Bytes behind the IP header that its errors quote of a packet; None: as many as fit."""
    control: Control | None = None
    """None: what it says itself leaves at once."""
    nat: Nat | None = None
    tos: int | None = None
    """The type of service (traffic class) that it gives all packets it forwards; None: it changes none."""
    external: bool = False
    """The lab: a real kernel plays this host; the engine only carries its packets."""


@dataclass(slots=True)
class Direction:
    """What a link does to packets one way."""

    delay: int = 0
    """Propagation, ns."""
    jitter: int = 0
    """Extra delay of up to this many ns, see the engine for its distribution; never reorders."""
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    """Share of the packets that are held back by ``reorder_delay``, so that later ones overtake."""
    reorder_delay: int = 1_000_000
    corrupt: float = 0.0
    """Share of the packets in which one payload bit flips."""
    rate: int = 0
    """Bits per second; 0: infinitely fast."""
    queue: int = 1000
    """Packets that wait for a link with a rate; one more is dropped."""
    cost: int = 1
    """What the link adds to the length of a way; packets take the shortest."""


@dataclass(slots=True)
class Link:
    name: str
    """Default ``a-b``."""
    ends: tuple[str, str]
    forward: Direction = field(default_factory=Direction)
    """From ends[0] to ends[1]."""
    backward: Direction = field(default_factory=Direction)
    mtu: int = 1500
    down: bool = False


@dataclass(slots=True)
class Traffic:
    """Background load along a path of nodes; it fills queues and appears in the capture only on request."""

    path: tuple[str, ...]
    kind: Literal["constant", "poisson", "on-off"] = "constant"
    rate: int = 1_000_000
    """Bits per second while on."""
    size: int = 1500
    on: int = 100_000_000
    """on-off: mean length of a burst, ns."""
    off: int = 100_000_000


@dataclass(slots=True)
class Tunnel:
    """An MPLS label-switched path: for packets whose way leads through its first and beyond its last router."""

    path: tuple[str, ...]
    """Ingress, inner routers, egress."""
    mode: Literal["uniform", "pipe"] = "uniform"
    """uniform: the TTL goes on counting inside; pipe: the inner routers are hidden."""
    labels: bool = True
    """Errors made inside carry the label stack (RFC 4950)."""
    label: int = 24_001
    """The label on its first link; each further link has the next number."""


@dataclass(slots=True)
class World:
    name: str
    vantage: str
    nodes: dict[str, Node]
    links: list[Link]
    traffic: list[Traffic] = field(default_factory=list)
    description: str = ""
    tunnels: list[Tunnel] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<netlab world: {self.name}, {len(self.nodes)} nodes, {len(self.links)} links, from {self.vantage}>"
