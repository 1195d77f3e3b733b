"""TCP probes without privilege: one connect each, ended before it does what nobody asked for."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from netlab import wire
from netlab.network import live_tcp
from netlab.network.base import Refused
from netlab.network.live import LiveNetwork
from netlab.network.worlds import load
from netlab.wire.extensions import MplsLabel, MplsStack
from tests.network.live_bench import (
    FAMILIES,
    LAPTOP,
    SERVER,
    collect,
    inject,
    ip,
    message,
    one,
    send,
    syn,
    time_exceeded,
)
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network

BLACKHOLE = {4: "203.0.113.200", 6: "2001:db8:3:0:8000::1"}
ALL_FRAMES = 0x0003
"""ETH_P_ALL of linux/if_ether.h."""
SYN_RECEIVED = "03"
"""In /proc/net/tcp."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(load("line")) as running:
        running.route("r1", "203.0.113.192/26", "blackhole")
        running.route("r1", "2001:db8:3:0:8000::/66", "blackhole")
        yield running


@pytest.fixture
def network(kernel: KernelNet) -> Iterator[LiveNetwork]:
    network = kernel.network(raw=False)
    network.begin()
    yield network
    network.end()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_names_its_probe(network: LiveNetwork, family: Any) -> None:
    port = network.identifier("tcp", family)
    sent = {send(network, syn(family, port, to, to)).number: to for to in (80, 81, 82)}
    arrivals, stamps = collect(network, 3)
    assert stamps == {}  # the kernel stamps no SYN
    for arrival in arrivals:
        assert arrival.number is not None
        answer = message(arrival)
        assert (answer.source_port, answer.acknowledgment) == (sent[arrival.number], sent[arrival.number] + 1)
        assert answer.flags == (wire.TCP.SYN if sent[arrival.number] == 80 else wire.TCP.RST) | wire.TCP.ACK
        assert answer.checksum is None


@pytest.mark.parametrize("family", FAMILIES)
def test_the_ttl_of_an_answer_is_said_to_be_unknown(network: LiveNetwork, family: Any) -> None:
    send(network, syn(family, network.identifier("tcp", family), 80))
    packet = wire.parse(one(network).packet)
    assert (packet.ttl if isinstance(packet, wire.IPv4) else packet.hop_limit) == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_names_its_probe_and_has_its_stamp(network: LiveNetwork, family: Any) -> None:
    port = network.identifier("tcp", family)
    sent = {send(network, syn(family, port, 80, ttl, ttl=ttl)).number: ttl for ttl in (1, 2, 3)}
    for arrival in collect(network, 3)[0]:
        assert arrival.number is not None
        assert arrival.stamp is not None
        quoted = message(arrival).original[20 if family == 4 else 40 :]
        assert int.from_bytes(quoted[4:8], "big") == sent[arrival.number]
        assert int.from_bytes(quoted[:2], "big") == port


@pytest.mark.parametrize("family", FAMILIES)
def test_mpls_labels_come_through_the_error_queue(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    labels = MplsStack((MplsLabel(24_001, 0, True, 1),))
    with kernel.socket("laptop", socket.AF_PACKET, socket.SOCK_DGRAM) as tap:
        tap.bind(("eth0", ALL_FRAMES))
        send(network, syn(family, network.identifier("tcp", family), 80, destination=BLACKHOLE[family]))
        real = next(packet for packet in frames(tap, 1.0) if is_syn(packet))
    inject(kernel, "r1", time_exceeded(family, real[:128], (labels,)))
    assert message(one(network)).extensions == (labels,)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_ip_header_is_as_the_caller_wants_it(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    header = {"tos": 0x48, "dont_fragment": True} if family == 4 else {"traffic_class": 0x48, "flow_label": 0x54321}
    with kernel.socket("laptop", socket.AF_PACKET, socket.SOCK_DGRAM) as tap:
        tap.bind(("eth0", ALL_FRAMES))
        packet = syn(family, network.identifier("tcp", family), 80, ttl=9, **header)
        send(network, packet)
        real = wire.parse(next(packet for packet in frames(tap, 1.0) if is_syn(packet)))
    if isinstance(real, wire.IPv4):
        assert (real.ttl, real.tos, real.dont_fragment) == (9, 0x48, True)
    else:
        assert (real.hop_limit, real.traffic_class, real.flow_label) == (9, 0x48, 0x54321)


def test_the_kernel_never_repeats_a_syn(kernel: KernelNet, network: LiveNetwork) -> None:
    """Linux would after 1 s; the probe is given up before."""
    with kernel.socket("laptop", socket.AF_PACKET, socket.SOCK_DGRAM) as tap:
        tap.bind(("eth0", ALL_FRAMES))
        send(network, syn(4, network.identifier("tcp", 4), 80, destination=BLACKHOLE[4]))
        assert collect(network, 1, 1.3) == ([], {})
        assert sum(map(is_syn, frames(tap, 0))) == 1
    assert not network._channels[4, wire.PROTOCOL_TCP]._attempts  # type: ignore[attr-defined]


def test_an_answer_that_is_there_is_given_even_to_a_caller_who_is_late(
    network: LiveNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_tcp, "PATIENCE", 1_000_000)
    send(network, syn(4, network.identifier("tcp", 4), 80))
    time.sleep(0.05)  # a notebook that is busy with something else
    assert message(one(network)).flags == wire.TCP.SYN | wire.TCP.ACK


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "unprivileged"])
def test_no_half_open_connection_is_left_at_the_other_side(kernel: KernelNet, raw: bool) -> None:
    network = kernel.network(raw=raw)
    network.begin()
    port = network.identifier("tcp", 4)
    for sequence in range(5):
        send(network, syn(4, port, 80, sequence * 100))
    assert collect(network, 5)[0]
    network.end()
    deadline = time.monotonic() + 2
    while True:
        table = kernel.run("server", ["cat", "/proc/net/tcp"]).stdout.splitlines()[1:]
        states = [line.split()[3] for line in table]
        if SYN_RECEIVED not in states and states.count("01") == 0:
            break
        assert time.monotonic() < deadline, table


def test_more_probes_than_descriptors_are_refused(network: LiveNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tcp, "MOST_OPEN", 3)
    port = network.identifier("tcp", 4)
    for number in range(3):
        send(network, syn(4, port, 80 + number, destination=BLACKHOLE[4]))
    assert network.send(syn(4, port, 90)) == Refused("3 connection attempts are in flight already")


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (wire.TCP(1024, 80, flags=wire.TCP.ACK), "without privilege only plain SYNs can be sent"),
        (wire.TCP(1024, 80, flags=wire.TCP.SYN | wire.TCP.ECE), "without privilege only plain SYNs can be sent"),
        (wire.TCP(1024, 80, payload=b"fast open"), "without privilege a SYN cannot carry data"),
    ],
)
def test_what_connect_cannot_send_is_refused(network: LiveNetwork, segment: wire.TCP, reason: str) -> None:
    packet = ip(4, wire.PROTOCOL_TCP, segment.to_bytes(LAPTOP[4], SERVER[4]))
    assert network.send(packet) == Refused(reason)


def test_a_packet_without_a_route_is_refused(kernel: KernelNet, network: LiveNetwork) -> None:
    kernel.route("laptop", "198.51.100.128/25", "unreachable")
    assert network.send(syn(4, 1024, 80, destination="198.51.100.200")) == Refused("host unreachable")
    assert network.send(syn(4, 1024, 80, ttl=0)) == Refused("the kernel does not accept this packet")


def test_all_sockets_are_closed_at_the_end(kernel: KernelNet) -> None:
    network = kernel.network(raw=False)
    network.begin()
    port = network.identifier("tcp", 4)
    for number in range(10):
        send(network, syn(4, port, 80 + number, destination=BLACKHOLE[4]))
    (channel,) = network._channels.values()
    sockets = list(channel._attempts)  # type: ignore[attr-defined]
    network.end()
    assert all(each.fileno() == -1 for each in sockets)


def frames(tap: socket.socket, within: float) -> list[bytes]:
    """The IP packets that a packet socket has seen."""
    found = []
    while select.select([tap], [], [], within)[0]:
        found.append(tap.recv(65535))
        within = 0
    return [packet for packet in found if packet[0] >> 4 in (4, 6)]


def is_syn(packet: bytes) -> bool:
    try:
        segment = wire.transport(wire.parse(packet))
    except ValueError:
        return False
    return isinstance(segment, wire.TCP) and segment.flags == wire.TCP.SYN
