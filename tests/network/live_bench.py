"""What the tests of the live network share: packets, a router that says what the test wants, and waiting."""

from __future__ import annotations

import socket
from typing import Any, Literal

from netlab import wire
from netlab.network.base import Arrival, Sent, Stamp
from netlab.network.live import LiveNetwork
from tests.support.kernelnet import KernelNet

SECOND = 1_000_000_000

LAPTOP = {4: "192.0.2.10", 6: "2001:db8:1::10"}
SERVER = {4: "203.0.113.80", 6: "2001:db8:3::80"}
ROUTERS = {
    4: ["192.0.2.1", "198.51.100.2", "198.51.100.6"],
    6: ["2001:db8:1::1", "2001:db8:12::2", "2001:db8:23::3"],
}
FAMILIES: list[Any] = [4, 6]


def ip(
    family: int, protocol: int, body: bytes, destination: str = "", ttl: int = 64, source: str = "", **other: Any
) -> bytes:
    source, destination = source or LAPTOP[family], destination or SERVER[family]
    if family == 4:
        return wire.IPv4(source, destination, protocol, body, ttl, **other).to_bytes()
    return wire.IPv6(source, destination, protocol, body, ttl, **other).to_bytes()


def echo(family: int, identifier: int, sequence: int = 1, payload: bytes = b"x" * 56, **header: Any) -> bytes:
    if family == 4:
        body = wire.icmpv4.EchoRequest(identifier, sequence, payload).to_bytes()
        return ip(4, wire.PROTOCOL_ICMP, body, **header)
    ends = header.get("source") or LAPTOP[6], header.get("destination") or SERVER[6]
    body = wire.icmpv6.EchoRequest(identifier, sequence, payload).to_bytes(*ends)
    return ip(6, wire.PROTOCOL_ICMPV6, body, **header)


def udp(family: int, source_port: int, port: int, payload: bytes = b"x" * 32, **header: Any) -> bytes:
    ends = header.get("source") or LAPTOP[family], header.get("destination") or SERVER[family]
    return ip(family, wire.PROTOCOL_UDP, wire.UDP(source_port, port, payload).to_bytes(*ends), **header)


def syn(family: int, source_port: int, port: int, sequence: int = 1, **header: Any) -> bytes:
    ends = header.get("source") or LAPTOP[family], header.get("destination") or SERVER[family]
    return ip(family, wire.PROTOCOL_TCP, wire.TCP(source_port, port, sequence).to_bytes(*ends), **header)


def time_exceeded(family: Literal[4, 6], original: bytes, extensions: tuple[Any, ...] = ()) -> bytes:
    """What the first router says about a packet of the laptop's: as a whole packet."""
    router, laptop = ROUTERS[family][0], LAPTOP[family]
    if family == 4:
        error4 = wire.icmpv4.TimeExceeded(0, original, extensions)
        return wire.IPv4(router, laptop, wire.PROTOCOL_ICMP, error4.to_bytes(), ttl=99).to_bytes()
    error6 = wire.icmpv6.TimeExceeded(0, original, extensions)
    return wire.IPv6(router, laptop, wire.PROTOCOL_ICMPV6, error6.to_bytes(router, laptop), hop_limit=99).to_bytes()


def inject(kernel: KernelNet, host: str, packet: bytes) -> None:
    """Let a host send this packet, whatever is in it."""
    version = packet[0] >> 4
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with kernel.socket(host, family, socket.SOCK_RAW, socket.IPPROTO_RAW) as out:
        out.sendto(packet, (wire.parse(packet).destination, 0))


def send(network: LiveNetwork, packet: bytes) -> Sent:
    sent = network.send(packet)
    assert isinstance(sent, Sent), sent
    return sent


def collect(network: LiveNetwork, count: int, within: float = 3.0) -> tuple[list[Arrival], dict[int, int]]:
    """``count`` packets that come in, or fewer when the time is over, and the stamps that came with them."""
    arrivals: list[Arrival] = []
    stamps: dict[int, int] = {}
    until = network.now() + int(within * SECOND)
    while len(arrivals) < count:
        event = network.receive(until)
        if event is None:
            break
        if isinstance(event, Stamp):
            assert event.number not in stamps, "two stamps for one packet"
            stamps[event.number] = event.at
        else:
            arrivals.append(event)
    return arrivals, stamps


def one(network: LiveNetwork) -> Arrival:
    arrivals, _ = collect(network, 1)
    assert arrivals, "nothing came"
    return arrivals[0]


def message(arrival: Arrival) -> Any:
    return wire.transport(wire.parse(arrival.packet))
