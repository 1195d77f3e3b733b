"""A load balancer: a router that has several equally short ways to a destination and uses all of them.

Three kinds (Augustin et al., "Avoiding traceroute anomalies with Paris traceroute", 2006), each a `Balancer`:

* ``flow``: a hash of what a transport connection keeps constant decides, so its packets stay in order. The hash covers
  source, destination, protocol and the first four bytes behind the IP header, and for IPv6 the flow label. These bytes
  are the ports of UDP and TCP; of an ICMP message they are type, code and checksum, which routers take for ports.
  So a traceroute that varies ports or checksums sees several ways at once. Fragments are told apart by their
  addresses only, because later fragments have no ports; the same goes for what has an IPv6 extension header.
* ``packet``: chance decides for every packet, in a stream of its own.
* ``destination``: a hash of the destination address alone.

Each router mixes a secret of its own into its hash, made from the seed of the world: routers that decide alike would
never use half of the ways behind them. Every way gets the same share, to one part in 2**64.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

from netlab.internet.packet import Packet
from netlab.internet.randomness import stream

T = TypeVar("T")

EXTENSION_HEADERS = frozenset({0, 43, 44, 60})
"""IPv6 next headers behind which balancers do not look: options, routing, fragment (RFC 8200 section 4)."""


class Balancer:
    """How one router decides."""

    def __init__(self, kind: str, seed: int, node: str) -> None:
        self.kind = kind
        self.secret = stream(seed, "node", node, "balance", "secret").getrandbits(128).to_bytes(16, "big")
        self.chance = stream(seed, "node", node, "balance", "packet")

    def possible(self, destination: bytes, ways: Sequence[T]) -> Sequence[T]:
        """Those of the equally short ways that packets to a destination may take."""
        return (self._by(destination, ways),) if self.kind == "destination" else ways

    def choose(self, packet: Packet, ways: Sequence[T]) -> T:
        """The way that this packet takes, the next one that comes."""
        if self.kind == "packet":
            return ways[self.chance.getrandbits(64) * len(ways) >> 64]
        return self._by(flow(packet), ways)

    def expect(self, packet: Packet | None, ways: Sequence[T]) -> T:
        """The way that a packet would take; where that is chance, or the packet is unknown, the first one."""
        return self._by(flow(packet), ways) if packet and self.kind == "flow" else ways[0]

    def _by(self, words: bytes, ways: Sequence[T]) -> T:
        number = int.from_bytes(blake2b(words, digest_size=8, key=self.secret).digest(), "big")
        return ways[number * len(ways) >> 64]


def flow(packet: Packet) -> bytes:
    """What tells a packet's flow from others: the bytes that go into the hash."""
    raw, start = packet.raw, packet.offset
    if packet.family == 4:
        ports = b"" if packet.is_fragment else raw[start : start + 4]
        return b"%b%b%c%b" % (packet.source, packet.destination, packet.protocol, ports)
    ports = b"" if packet.protocol in EXTENSION_HEADERS else raw[start : start + 4]
    label = bytes((raw[1] & 0x0F, raw[2], raw[3]))
    return b"%b%b%c%b%b" % (packet.source, packet.destination, packet.protocol, label, ports)
