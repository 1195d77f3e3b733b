"""The virtual internet against real kernels: the same packets into the same world must bring the same answers.

`Twins` holds one world twice, with a Linux kernel in every node (`KernelNet`) and in the engine. Packets go in at the
vantage host's end of its first link as bytes on the wire, by a packet socket (packet(7)): so no kernel changes a header
on the way out, faulty headers can be sent too, and IPv6 answers are seen whole.

Nobody can wait for an answer that never comes, so after every packet an echo request is sent behind it; when that is
answered, everything before it is. The packets here are ordinary ones, drawn by chance from a fixed seed.
NETLAB_DIFFERENTIAL=5000 draws more of them.
"""

from __future__ import annotations

import os
import random
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from netlab import wire
from netlab.internet.engine import Engine
from netlab.internet.fragments import split
from netlab.internet.model import World
from netlab.wire.ipv6 import upper_layer
from tests.internet.engine_worlds import SECOND, icmp, ip, line, module
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network

COUNT = int(os.environ.get("NETLAB_DIFFERENTIAL") or 200)
"""Random packets per IP version; 200 take half a second."""

PATIENCE = 5.0
"""s for an answer that the engine says there is; it comes within a millisecond."""

FENCE = 0xFE
"""Identifier of the echo requests that are sent behind everything else."""

ETHERNET = {4: 0x0800, 6: 0x86DD}
LINK_LAYER = range(133, 138)
"""ICMPv6 neighbour discovery: between neighbouring kernels, and no answer."""

FLAGS = {wire.TCP.SYN: "SYN", wire.TCP.ACK: "ACK", wire.TCP.RST: "RST", wire.TCP.FIN: "FIN"}

Answer = dict[str, Any]
Summary = tuple[str, str, tuple[tuple[str, Any], ...]]


# ── one world, twice ─────────────────────────────────────────────────────────────────────────────────────────────


class Twins:
    """A world of kernels, and the same world in the engine.

    Parameters
    ----------
    kernel
        The kernels of a world whose vantage host has one link.
    near, far
        By IP version: the address of the first router, and an address that answers from behind all others.
    """

    def __init__(self, kernel: KernelNet, near: dict[int, str], far: dict[int, str]) -> None:
        self.kernel, self.far = kernel, far
        self.vantage = kernel.world.vantage
        own = [each.partition("/")[0] for each in kernel.world.nodes[self.vantage].addresses]
        self.source = {6 if ":" in each else 4: each for each in own}
        self.sockets = {family: _packet_socket(kernel, self.vantage, family) for family in (4, 6)}
        self.here = bytes(self.sockets[4].getsockname()[4])
        """The vantage host's hardware address, ``there`` its router's."""
        self.there = self._hardware_address(near[4])
        self.fences = 0
        for family in (4, 6):  # so that every kernel knows its neighbours' hardware addresses
            self.ask_kernel([], 0, family)
        self.simulate(kernel.world)

    def simulate(self, world: World) -> None:
        """Let the engine run this world from now on."""
        self.engine = Engine(world, capture=False)
        self.inbox = self.engine.listen(self.vantage)

    def ask(self, packets: Sequence[bytes]) -> tuple[list[Answer], list[Answer]]:
        """Send the packets at once; gives what the kernels answer, and what the engine answers."""
        engine = self.ask_engine(packets)
        return self.ask_kernel(packets, len(engine), packets[0][0] >> 4), engine

    def ask_engine(self, packets: Sequence[bytes]) -> list[Answer]:
        self.inbox.clear()
        for packet in packets:
            assert self.engine.inject(self.vantage, packet, fragment=False) == ""
        self.engine.advance(self.engine.now + 100 * SECOND)  # longer than fragments are waited for
        return [read(raw) for _, raw in self.inbox]

    def ask_kernel(self, packets: Sequence[bytes], expected: int, family: int) -> list[Answer]:
        """What comes until ``expected`` answers are there and the fence is answered."""
        for packet in packets:
            self._send(packet)
        found: list[Answer] = []
        deadline = time.monotonic() + PATIENCE
        while len(found) < expected and (raw := self._next(family, deadline)):
            found.append(read(raw))
        self.fences = self.fences % 65535 + 1
        fence = module(self.far[family]).EchoRequest(FENCE, self.fences)
        self._send(icmp(self.source[family], self.far[family], fence))
        while raw := self._next(family, time.monotonic() + PATIENCE):
            message = wire.transport(wire.parse(raw))
            if isinstance(message, wire.icmpv4.EchoReply | wire.icmpv6.EchoReply) and message.identifier == FENCE:
                assert message.sequence == self.fences
                return found
            found.append(read(raw))
        pytest.fail(f"no echo reply from {self.far[family]}: the kernels' world does not work")

    def close(self) -> None:
        for each in self.sockets.values():
            each.close()

    def _send(self, packet: bytes) -> None:
        family = packet[0] >> 4
        self.sockets[family].sendto(packet, ("eth0", ETHERNET[family], 0, 0, self.there))

    def _next(self, family: int, deadline: float) -> bytes | None:
        """The next whole packet or first fragment that comes in for us."""
        opened = self.sockets[family]
        while select.select([opened], [], [], max(0.0, deadline - time.monotonic()))[0]:
            packet, where = opened.recvfrom(65_535)
            if where[2] == socket.PACKET_HOST and not _is_link_layer(packet) and not _is_later_fragment(packet):
                return packet
        return None

    def _hardware_address(self, router: str) -> bytes:
        """The router answers to something; what carries the answer has its address."""
        with self.kernel.socket(self.vantage, socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.sendto(b"", (router, 9))
        while select.select([self.sockets[4]], [], [], PATIENCE)[0]:
            _, where = self.sockets[4].recvfrom(65_535)
            if where[2] == socket.PACKET_HOST:
                return bytes(where[4])
        pytest.fail(f"{router} does not answer: the kernels' world does not work")


def _packet_socket(kernel: KernelNet, host: str, family: int) -> socket.socket:
    opened = kernel.socket(host, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERNET[family]))
    opened.bind(("eth0", ETHERNET[family]))
    return opened


def _is_link_layer(packet: bytes) -> bool:
    return packet[0] >> 4 == 6 and packet[6] == wire.PROTOCOL_ICMPV6 and packet[40] in LINK_LAYER


def _is_later_fragment(packet: bytes) -> bool:
    if packet[0] >> 4 == 4:
        return bool(wire.IPv4.parse(packet, quoted=True).fragment_offset)
    fragment = upper_layer(wire.IPv6.parse(packet, quoted=True))[2]
    return fragment is not None and fragment.fragment_offset > 0


def read(packet: bytes) -> Answer:
    """What an answer says, without what may be as the sender likes: identifications, sequence numbers, TCP options.

    The TTL in a quoted header stands apart from the rest of the quote, for it tells how far the original came.
    """
    outside = wire.parse(packet)
    if isinstance(outside, wire.IPv4):
        protocol, payload = outside.protocol, outside.payload
        answer = {"responder": outside.source, "ttl": outside.ttl, "tos": outside.tos, "df": outside.dont_fragment}
    else:
        protocol, payload, _ = upper_layer(outside)
        answer = {"responder": outside.source, "ttl": outside.hop_limit, "tos": outside.traffic_class}
    if protocol == wire.PROTOCOL_TCP:
        flags = wire.TCP.parse(payload, outside.source, outside.destination).flags
        return answer | {"says": "TCP " + " ".join(name for flag, name in FLAGS.items() if flags & flag)}
    if protocol == wire.PROTOCOL_UDP:
        return answer | {"says": "UDP", "from port": int.from_bytes(payload[:2], "big")}
    answer["says"] = f"ICMP {payload[0]}/{payload[1]}"
    if protocol == wire.PROTOCOL_ICMP:
        message: Any = wire.icmpv4.parse(payload)
    else:
        message = wire.icmpv6.parse(payload, outside.source, outside.destination)
    for name in ("mtu", "pointer", "identifier", "sequence", "originate", "payload"):
        if hasattr(message, name):
            answer[name] = getattr(message, name)
    if hasattr(message, "original"):
        answer |= {"quoted": without_ttl(message.original), "quoted ttl": message.original[7 if protocol == 58 else 8]}
    return answer


def without_ttl(header: bytes) -> bytes:
    """IPv4: nor the checksum, which contains it."""
    if header[0] >> 4 == 6:
        return header[:7] + b"\0" + header[8:]
    return header[:8] + b"\0" + header[9:10] + b"\0\0" + header[12:]


# ── ordinary packets ─────────────────────────────────────────────────────────────────────────────────────────────

A = {4: "10.0.0.1", 6: "2001:db8::1"}
B = {4: "10.0.3.2", 6: "2001:db8:3::2"}
ROUTERS = {
    4: ("10.0.0.2", "10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.2.2", "10.0.3.1"),
    6: ("2001:db8::2", "2001:db8:1::1", "2001:db8:1::2", "2001:db8:2::1", "2001:db8:2::2", "2001:db8:3::1"),
}
"""Both sides of all three."""

MTU, SMALL_MTU = 1500, 1300
"""Of the links; the small one is between r2 and r3."""

OPEN = (("tcp", 80), ("udp", 7), ("udp", 9))
"""At b: UDP port 7 echoes, 9 is silent."""
PORTS = {"udp": (7, 9, 33434, 65535), "tcp": (80, 81, 443)}

PROTOCOLS = ("icmp", "icmp", "udp", "tcp")
TTLS = (1, 2, 3, 4, 5, 64, 255)
SIZES = (range(1), range(1, 100), range(1200, SMALL_MTU), range(SMALL_MTU, 1452), range(1500, 4000))
"""Of payloads: one of the ranges is chosen first. Those of more than 1452 bytes leave in fragments."""

EXPECTED = {
    4: {"ICMP 0/0", "ICMP 3/3", "ICMP 3/4", "ICMP 11/0", "TCP SYN ACK", "TCP ACK RST", "TCP RST", "UDP"},
    6: {"ICMP 129/0", "ICMP 1/4", "ICMP 2/0", "ICMP 3/0", "TCP SYN ACK", "TCP ACK RST", "TCP RST", "UDP"},
}
"""What the packets must have brought about: else they test less than they seem to."""


DIFFERS = {"UDP": {"tos", "df"}, "TCP SYN ACK": {"tos"}}
"""What is not compared: see the tests of known differences."""


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    with kernel_net(line("a", "r1", "r2", "r3", "b", r2_r3={"mtu": SMALL_MTU}, b={"open": OPEN})) as kernel:
        both = Twins(kernel, near={4: ROUTERS[4][0], 6: ROUTERS[6][0]}, far=B)
        try:
            yield both
        finally:
            both.close()


@pytest.mark.parametrize("family", [4, 6])
def test_ordinary_packets_get_the_same_answers(family: int, twins: Twins) -> None:
    chance = random.Random(f"ordinary packets, IPv{family}")
    seen: Counter[str] = Counter()
    wrong = []
    for number in range(COUNT):
        packets = draw(chance, family, number)
        kernel, engine = (Counter(map(summary, answers)) for answers in twins.ask(packets))
        seen.update(says for _, says, _ in engine)
        if kernel != engine:
            what = f"{wire.summary(packets[0])}, {len(packets[0])} bytes, of {len(packets)}"
            wrong.append(f"{number}: {what}: the kernels say {dict(kernel)}, the engine {dict(engine)}")
    assert not wrong, "\n".join(wrong)
    assert COUNT < 200 or seen.keys() == EXPECTED[family]


def draw(chance: random.Random, family: int, number: int) -> list[bytes]:
    """An ordinary packet, in fragments where it is too long for the first link."""
    here, there = A[family], B[family] if chance.random() < 0.7 else chance.choice(ROUTERS[family])
    protocol, payload = chance.choice(PROTOCOLS), chance.randbytes(chance.choice(chance.choice(SIZES)))
    header: dict[str, Any] = {"ttl": chance.choice(TTLS)}
    if family == 4:
        tos, whole = chance.choice((0, 0x10, 0xB8)), chance.random() < 0.5
        header |= {"dont_fragment": whole, "tos": tos, "identification": number % 65535 + 1}
    if protocol == "icmp":
        packet = icmp(here, there, module(there).EchoRequest(number & 0xFFFF, 1, payload), **header)
    elif protocol == "udp":
        port = chance.choice(PORTS["udp"])
        if family == 4 and port == 7:
            payload = payload[: SMALL_MTU - 28]  # see the test of what Linux does with longer ones
        packet = ip(here, there, 17, wire.UDP(40000, port, payload).to_bytes(here, there), **header)
    else:
        ports = 1024 + number % 60000, chance.choice(PORTS["tcp"])
        flags = chance.choice((wire.TCP.SYN, wire.TCP.SYN, wire.TCP.ACK))
        packet = ip(here, there, 6, wire.TCP(*ports, 1000, 0, flags).to_bytes(here, there), **header)
    if len(packet) <= MTU:
        return [packet]
    if family == 4:
        return split(replace(wire.IPv4.parse(packet), dont_fragment=False).to_bytes(), MTU, 0)
    return split(packet, chance.choice((1280, MTU)), number)


def summary(answer: Answer) -> Summary:
    """Who says what, and everything else that can be compared."""
    left_out = {"responder", "says", "payload"} | DIFFERS.get(answer["says"], set())  # fragments have half a payload
    return answer["responder"], answer["says"], tuple((k, v) for k, v in answer.items() if k not in left_out)


# ── known differences ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("says", DIFFERS)
def test_answers_of_sockets_have_a_type_of_service_of_their_own(says: str, twins: Twins) -> None:
    """In Linux that is the socket's, else 0; in the engine that of the question, as in ICMP (RFC 1122 3.2.2)."""
    transport = wire.UDP(40000, 7, b"short") if says == "UDP" else wire.TCP(40000, 80, 1000)
    question = ip(A[4], B[4], 17 if says == "UDP" else 6, transport.to_bytes(A[4], B[4]), tos=0xB8)
    kernel, engine = twins.ask([question])
    assert [summary(each) for each in kernel] == [summary(each) for each in engine]
    assert [kernel[0]["tos"], engine[0]["tos"]] == [0, 0xB8]


def test_linux_forbids_routers_to_fragment_its_udp_over_ipv4(twins: Twins) -> None:
    """Path MTU discovery (RFC 1191) for UDP too: the first long answer is lost. The engine does that for TCP only."""
    kernel, engine = twins.ask([ip(A[4], B[4], 17, wire.UDP(40000, 7, b"short").to_bytes(A[4], B[4]))])
    assert [each["says"] for each in (*kernel, *engine)] == ["UDP", "UDP"]
    assert [kernel[0]["df"], engine[0]["df"]] == [True, False]


def test_icmpv6_errors_are_sent_about_later_fragments(twins: Twins) -> None:
    """RFC 4443 section 2.4 (e) does not forbid it; RFC 1122 section 3.2.2 does, for IPv4."""
    fragments = split(icmp(A[6], B[6], module(B[6]).EchoRequest(7, 1, bytes(3000)), ttl=1), 1280, 1)
    kernel, engine = twins.ask(fragments)
    assert len(fragments) == 3
    assert [each["says"] for each in kernel] == [each["says"] for each in engine] == ["ICMP 3/0"] * 3
