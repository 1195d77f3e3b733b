"""What a conformance test holds in its hands: a network, an IP version, the truth about the world, and packets.

The truth is the same for all networks; nothing here asks which one it is, but for how long silence has to be
listened to where time is real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from netlab import wire
from netlab.network.base import Arrival, Network, Refused, Sent, Stamp

SECOND = 1_000_000_000
PATIENCE = 3 * SECOND
"""Within this every answer has come; nobody waits for it unless something is wrong."""
SILENCE = 50_000_000
"""Listened to this long, where nothing may come: ten round trips."""

ICMP_ERROR = (
    wire.icmpv4.TimeExceeded
    | wire.icmpv4.DestinationUnreachable
    | wire.icmpv6.TimeExceeded
    | wire.icmpv6.DestinationUnreachable
    | wire.icmpv6.PacketTooBig
)


@dataclass(frozen=True)
class Truth:
    """Addresses of the world in ``world.toml``, of one IP version."""

    laptop: str
    routers: tuple[str, str, str]
    """From where they answer: the side towards the laptop."""
    server: str
    second: str
    """The server's other address."""
    unreachable: str
    prohibited: str
    blackhole: str
    nowhere: str
    """An address of no network of the world."""


TRUTH = {
    4: Truth(
        "192.0.2.10",
        ("192.0.2.1", "198.51.100.2", "198.51.100.6"),
        "203.0.113.80",
        "203.0.113.81",
        "203.0.113.130",
        "203.0.113.200",
        "203.0.113.66",
        "198.51.100.200",
    ),
    6: Truth(
        "2001:db8:1::10",
        ("2001:db8:1::1", "2001:db8:12::2", "2001:db8:23::3"),
        "2001:db8:3::80",
        "2001:db8:3::81",
        "2001:db8:3:0:8000::1",
        "2001:db8:3:0:c000::1",
        "2001:db8:3:0:4000::1",
        "2001:db8:ffff::1",
    ),
}


@dataclass
class Bench:
    network: Network
    family: Literal[4, 6]
    stamps: list[Stamp] = field(default_factory=list)

    @property
    def truth(self) -> Truth:
        return TRUTH[self.family]

    # packets

    def ip(self, protocol: int, body: Callable[[str, str], bytes], **header: Any) -> bytes:
        """An IP packet from the laptop; ``header``: destination, ttl, tos, dont_fragment, flow_label."""
        destination = header.pop("destination", self.truth.server)
        source, ttl, tos = self.truth.laptop, header.pop("ttl", 64), header.pop("tos", 0)
        payload = body(source, destination)
        if self.family == 4:
            header.pop("flow_label", None)
            return wire.IPv4(source, destination, protocol, payload, ttl, tos, **header).to_bytes()
        header.pop("dont_fragment", None)
        return wire.IPv6(source, destination, protocol, payload, ttl, tos, **header).to_bytes()

    def echo(self, sequence: int = 1, payload: bytes = b"conformance", identifier: int = 0, **header: Any) -> bytes:
        identifier = identifier or self.network.identifier("icmp", self.family)
        if self.family == 4:
            request4 = wire.icmpv4.EchoRequest(identifier, sequence, payload)
            return self.ip(wire.PROTOCOL_ICMP, lambda *_: request4.to_bytes(), **header)
        request6 = wire.icmpv6.EchoRequest(identifier, sequence, payload)
        return self.ip(wire.PROTOCOL_ICMPV6, request6.to_bytes, **header)

    def udp(self, port: int, payload: bytes = b"conformance", source_port: int = 0, **header: Any) -> bytes:
        source_port = source_port or self.network.identifier("udp", self.family)
        return self.ip(wire.PROTOCOL_UDP, wire.UDP(source_port, port, payload).to_bytes, **header)

    def syn(self, port: int, sequence: int = 1000, source_port: int = 0, **header: Any) -> bytes:
        source_port = source_port or self.network.identifier("tcp", self.family)
        return self.ip(wire.PROTOCOL_TCP, wire.TCP(source_port, port, sequence).to_bytes, **header)

    # sending and receiving

    def send(self, packet: bytes) -> Sent:
        sent = self.network.send(packet)
        assert isinstance(sent, Sent), sent
        return sent

    def refuse(self, packet: bytes) -> Refused:
        refused = self.network.send(packet)
        assert isinstance(refused, Refused), "it was sent"
        return refused

    def answers(self, count: int, within: int = PATIENCE) -> list[Arrival]:
        """The next ``count`` packets that come in, or fewer when the time is over."""
        found: list[Arrival] = []
        until = self.network.now() + within
        while len(found) < count:
            event = self.network.receive(until)
            if event is None:
                break
            if isinstance(event, Stamp):
                self.stamps.append(event)
            else:
                found.append(event)
        return found

    def ask(self, packet: bytes) -> Arrival:
        """Send, and give the one answer."""
        self.send(packet)
        found = self.answers(1)
        assert found, f"no answer to {wire.summary(packet)}"
        return found[0]

    def silence(self) -> list[Arrival]:
        """What comes in while nothing should."""
        return self.answers(1, SECOND if self.network.virtual else SILENCE)


# reading packets


def source(answer: Arrival | bytes) -> str:
    return wire.parse(answer if isinstance(answer, bytes) else answer.packet).source


def ttl(packet: bytes) -> int:
    ip = wire.parse(packet)
    return ip.ttl if isinstance(ip, wire.IPv4) else ip.hop_limit


def tos(packet: bytes) -> int:
    ip = wire.parse(packet)
    return ip.tos if isinstance(ip, wire.IPv4) else ip.traffic_class


def message(packet: bytes) -> Any:
    """The ICMP message, UDP datagram or TCP segment, which must have a right checksum."""
    inside = wire.transport(wire.parse(packet))
    assert inside is not None
    assert inside.checksum is None, "wrong checksum"
    return inside


def quoted(answer: Arrival) -> tuple[wire.IPv4 | wire.IPv6, bytes]:
    """Of an ICMP error: the IP header it quotes, and the bytes after it."""
    error = message(answer.packet)
    assert isinstance(error, ICMP_ERROR), error
    original = (wire.IPv4 if wire.parse(answer.packet).source.count(".") else wire.IPv6).parse(
        error.original, quoted=True
    )
    return original, original.payload
