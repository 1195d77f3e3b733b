"""Random whole packets, as values, for the comparison with other implementations.

Plain `random.Random` and no hypothesis, so that the number of packets is exactly the number asked for. Values are those
on which implementations can be compared: options are well formed, and nothing is wrong on purpose.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from netlab.wire import TCP, UDP, Fragment, IPv4, IPv6, icmpv4, icmpv6, to_text
from netlab.wire.extensions import Extension, InterfaceInformation, MplsLabel, MplsStack, UnknownObject
from netlab.wire.packet import Transport

COUNT = int(os.environ.get("NETLAB_DIFFERENTIAL") or 200)
"""Packets per protocol."""
EXPERIMENTAL = 253
"""A protocol number for experiments (RFC 3692): nobody takes it apart."""

Drawn = tuple[IPv4 | IPv6, Transport | Fragment | None]


def ipv4(random: Random, protocol: int = EXPERIMENTAL, payload: bytes | None = None, **more: object) -> IPv4:
    values: dict[str, object] = {
        "ttl": random.getrandbits(8),
        "tos": random.getrandbits(8),
        "identification": random.getrandbits(16),
        "dont_fragment": random.random() < 0.5,
        "options": ip_options(random),
    }
    data = octets(random, 64) if payload is None else payload
    return IPv4(address(random, 4), address(random, 4), protocol, data, **values | more)  # type: ignore[arg-type]


def ipv6(random: Random, next_header: int = EXPERIMENTAL, payload: bytes | None = None) -> IPv6:
    return IPv6(
        address(random, 16),
        address(random, 16),
        next_header,
        octets(random, 64) if payload is None else payload,
        random.getrandbits(8),
        random.getrandbits(8),
        random.getrandbits(20),
    )


def udp(random: Random) -> UDP:
    return UDP(random.getrandbits(16), random.getrandbits(16), octets(random, 64))


def tcp(random: Random) -> TCP:
    return TCP(
        random.getrandbits(16),
        random.getrandbits(16),
        random.getrandbits(32),
        random.getrandbits(32),
        random.getrandbits(8),
        random.getrandbits(16),
        random.getrandbits(16),
        tcp_options(random),
        octets(random, 64),
    )


def fragment(random: Random) -> Fragment:
    offset = random.choice([0, random.getrandbits(13) * 8])
    return Fragment(EXPERIMENTAL, octets(random, 64), offset, random.random() < 0.5, random.getrandbits(32))


def message4(random: Random) -> icmpv4.Message:
    code, number, times = random.getrandbits(8), random.getrandbits(16), [random.getrandbits(32) for _ in range(3)]
    kind = random.choice(list(icmpv4.KINDS))
    if kind in (0, 8):
        echo = icmpv4.EchoRequest if kind == 8 else icmpv4.EchoReply
        return echo(number, random.getrandbits(16), octets(random, 64))
    if kind in (13, 14):
        timestamp = icmpv4.TimestampRequest if kind == 13 else icmpv4.TimestampReply
        return timestamp(number, random.getrandbits(16), *times)
    if kind == 3:
        return icmpv4.DestinationUnreachable(code, quote(random, 4), number)
    if kind == 5:
        return icmpv4.Redirect(code, address(random, 4), quote(random, 4))
    if kind == 11:
        return icmpv4.TimeExceeded(code, quote(random, 4))
    return icmpv4.ParameterProblem(code, number & 0xFF, quote(random, 4))


def message6(random: Random) -> icmpv6.Message:
    code, number = random.getrandbits(8), random.getrandbits(16)
    kind = random.choice(list(icmpv6.KINDS))
    if kind in (128, 129):
        echo = icmpv6.EchoRequest if kind == 128 else icmpv6.EchoReply
        return echo(number, random.getrandbits(16), octets(random, 64))
    if kind == 1:
        return icmpv6.DestinationUnreachable(code, quote(random, 6))
    if kind == 2:
        return icmpv6.PacketTooBig(random.getrandbits(32), quote(random, 6))
    if kind == 3:
        return icmpv6.TimeExceeded(code, quote(random, 6))
    if kind == 4:
        return icmpv6.ParameterProblem(code, random.getrandbits(32), quote(random, 6))
    return icmpv6.Redirect(address(random, 16), address(random, 16), b"")


def extended4(random: Random) -> icmpv4.Message:
    kind = random.choice([icmpv4.DestinationUnreachable, icmpv4.TimeExceeded])
    return kind(random.getrandbits(8), quote(random, 4, cut=False), extensions=extensions(random))


def extended6(random: Random) -> icmpv6.Message:
    kind = random.choice([icmpv6.DestinationUnreachable, icmpv6.TimeExceeded])
    return kind(random.getrandbits(8), quote(random, 6, cut=False), extensions=extensions(random))


def _over4(protocol: int, draw: Callable[[Random], Transport]) -> Callable[[Random], Drawn]:
    def whole(random: Random) -> Drawn:
        message = draw(random)
        packet = ipv4(random, protocol)
        ends = (packet.source, packet.destination) if protocol in (6, 17) else ()
        return replace(packet, payload=message.to_bytes(*ends)), message  # type: ignore[arg-type]

    return whole


def _over6(protocol: int, draw: Callable[[Random], Transport | Fragment]) -> Callable[[Random], Drawn]:
    def whole(random: Random) -> Drawn:
        message = draw(random)
        packet = ipv6(random, protocol)
        ends = () if isinstance(message, Fragment) else (packet.source, packet.destination)
        return replace(packet, payload=message.to_bytes(*ends)), message  # type: ignore[arg-type]

    return whole


PROTOCOLS: dict[str, Callable[[Random], Drawn]] = {
    "IPv4": lambda random: (ipv4(random), None),
    "IPv4 fragment": lambda random: (
        ipv4(random, more_fragments=random.random() < 0.5, fragment_offset=random.getrandbits(13) * 8),
        None,
    ),
    "IPv6": lambda random: (ipv6(random), None),
    "IPv6 fragment": _over6(44, fragment),
    "UDP over IPv4": _over4(17, udp),
    "UDP over IPv6": _over6(17, udp),
    "TCP over IPv4": _over4(6, tcp),
    "TCP over IPv6": _over6(6, tcp),
    "ICMPv4": _over4(1, message4),
    "ICMPv6": _over6(58, message6),
    "ICMPv4 with extensions": _over4(1, extended4),
    "ICMPv6 with extensions": _over6(58, extended6),
}


def packets(name: str) -> list[Drawn]:
    """The packets of one protocol: the same in every run with the same number."""
    random = Random(name)
    return [PROTOCOLS[name](random) for _ in range(COUNT)]


def octets(random: Random, most: int) -> bytes:
    return random.randbytes(random.randrange(most + 1))


def address(random: Random, size: int) -> str:
    packed = bytearray(random.randbytes(size))
    if size == 16 and random.random() < 0.5:  # a run of zeros, to be written as ::
        first = random.randrange(2, 13)
        packed[first : first + 4] = bytes(4)
    return to_text(bytes(packed))


def ip_options(random: Random) -> bytes:
    """None in most packets; else no operation, router alert, record route, filled up with zeros."""
    if random.random() < 0.7:
        return b""
    route = random.randbytes(8)
    known = [b"\x01", b"\x94\x04\0\0", b"\x07\x0b\x04" + route]
    data = b"".join(random.sample(known, random.randrange(1, 4)))
    return data + bytes(-len(data) % 4)


def tcp_options(random: Random) -> bytes:
    known = [
        b"\x01",
        b"\x02\x04" + random.randbytes(2),
        b"\x03\x03" + random.randbytes(1),
        b"\x04\x02",
        b"\x08\x0a" + random.randbytes(8),
    ]
    data = b"".join(random.sample(known, random.randrange(6)))
    return data + bytes(-len(data) % 4)


def quote(random: Random, version: int, cut: bool = True) -> bytes:
    """An original datagram of at most 128 bytes, sometimes cut after 8 bytes of its payload.

    Never cut before extensions: there the quote is filled up with zeros, which then cannot be told from its payload.
    """
    if version == 4:
        message, packet = udp(random), ipv4(random, 17, options=b"")
        header, payload = 20, message.to_bytes(packet.source, packet.destination)
        data = replace(packet, payload=payload).to_bytes()
    else:
        message, packet6 = udp(random), ipv6(random, 17)
        header, payload = 40, message.to_bytes(packet6.source, packet6.destination)
        data = replace(packet6, payload=payload).to_bytes()
    return data[: header + 8] if cut and random.random() < 0.3 else data


def extensions(random: Random) -> tuple[Extension, ...]:
    labels = [
        MplsLabel(random.getrandbits(20), random.getrandbits(3), False, random.getrandbits(8))
        for _ in range(random.randrange(3))
    ]
    labels.append(MplsLabel(random.getrandbits(20), random.getrandbits(3), True, random.getrandbits(8)))
    interface = InterfaceInformation(
        random.getrandbits(2),
        random.choice([None, random.getrandbits(32)]),
        random.choice(["", address(random, 4), address(random, 16)]),
        random.choice(["", "eth0", "GigabitEthernet1/0/1"]),
        random.choice([None, random.getrandbits(32)]),
    )
    unknown = UnknownObject(random.randrange(4, 256), random.getrandbits(8), random.randbytes(4 * random.randrange(4)))
    return tuple(random.sample([MplsStack(tuple(labels)), interface, unknown], random.randrange(1, 4)))


def announce(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """Tell how many packets were compared: always in the captured output, and on the screen in a recorded run."""
    if "NETLAB_DIFFERENTIAL" in os.environ:
        with capsys.disabled():
            print("\n" + line, end=" ")
    else:
        print(line)
