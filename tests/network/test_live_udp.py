"""UDP probes without privilege: which probe an error is about, and what the quote is rebuilt from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from netlab import wire
from netlab.network import live_udp
from netlab.network.base import Refused
from netlab.network.live import LiveNetwork
from netlab.network.worlds import load
from netlab.wire.extensions import MplsLabel, MplsStack
from tests.network.live_bench import FAMILIES, collect, inject, message, one, send, syn, time_exceeded, udp
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network

BLACKHOLE = {4: "203.0.113.200", 6: "2001:db8:3:0:8000::1"}
LABELS = MplsStack((MplsLabel(24_001, 0, True, 1),))


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


def header_of(packet: bytes) -> int:
    return 20 if packet[0] >> 4 == 4 else 40


@pytest.mark.parametrize("family", FAMILIES)
def test_the_packet_as_it_left_is_right_in_every_checksum(network: LiveNetwork, family: Any) -> None:
    port = network.identifier("udp", family)
    packet = bytearray(udp(family, port, 33434))
    packet[header_of(packet) + 6] ^= 0xFF  # the kernel will put it right
    sent = send(network, bytes(packet))
    assert sent.rebuilt
    assert sent.packet == udp(family, port, 33434)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_quote_tells_paris_probes_apart_by_their_payload(network: LiveNetwork, family: Any) -> None:
    """Ports fixed, and the number in the checksum, which the kernel does not show."""
    port = network.identifier("udp", family)
    packets = [udp(family, port, 33434, b"%02d" % ttl, ttl=ttl) for ttl in (3, 1, 2)]
    sent = [send(network, packet).packet for packet in packets]
    start = header_of(packets[0])
    quotes = {message(arrival).original[start : start + 8] for arrival in collect(network, 3)[0]}
    assert quotes == {packet[start : start + 8] for packet in sent}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_quote_of_8_bytes_is_enough_when_only_one_probe_fits(
    kernel: KernelNet, network: LiveNetwork, family: Any
) -> None:
    sent = send(network, udp(family, network.identifier("udp", family), 33434, destination=BLACKHOLE[family]))
    start = header_of(sent.packet)
    inject(kernel, "r1", time_exceeded(family, sent.packet[: start + 8]))
    assert message(one(network)).original[start:] == sent.packet[start : start + 8]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_quote_of_8_bytes_that_fits_several_names_none(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    port = network.identifier("udp", family)
    for number in range(3):
        sent = send(network, udp(family, port, 33434, b"%d" % number, destination=BLACKHOLE[family]))
    start = header_of(sent.packet)
    inject(kernel, "r1", time_exceeded(family, sent.packet[: start + 8]))
    original = message(one(network)).original
    assert original[start : start + 8] == sent.packet[start : start + 4] + bytes(4)


@pytest.mark.parametrize("family", FAMILIES)
def test_mpls_labels_come_through_the_error_queue(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    port = network.identifier("udp", family)
    sent = send(network, udp(family, port, 33434, bytes(range(100)), destination=BLACKHOLE[family]))
    inject(kernel, "r1", time_exceeded(family, sent.packet[:128], (LABELS,)))
    error = message(one(network))
    assert error.extensions == (LABELS,)
    assert error.original[header_of(sent.packet) :] == sent.packet[header_of(sent.packet) : 128]


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_are_found_behind_a_short_probe_too(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    """The router fills the quote up to 128 bytes (RFC 4884 section 5.1)."""
    sent = send(network, udp(family, network.identifier("udp", family), 33434, b"12", destination=BLACKHOLE[family]))
    inject(kernel, "r1", time_exceeded(family, sent.packet, (LABELS,)))
    error = message(one(network))
    assert error.extensions == (LABELS,)
    start = header_of(sent.packet)
    assert error.original[start : start + 8] == sent.packet[start : start + 8]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_source_port_has_a_socket(network: LiveNetwork, family: Any) -> None:
    first = network.identifier("udp", family)
    others = [first ^ 1, first ^ 2]
    for port in (first, *others):
        send(network, udp(family, port, 33434, b"%d" % port))
    start = 20 if family == 4 else 40
    quoted = {int.from_bytes(message(arrival).original[start : start + 2], "big") for arrival in collect(network, 3)[0]}
    assert quoted == {first, *others}


def test_a_source_port_that_is_taken_is_refused(kernel: KernelNet, network: LiveNetwork) -> None:
    with kernel.socket("laptop", 2, 2) as other:
        other.bind(("", 0))
        port = other.getsockname()[1]
        assert network.send(udp(4, port, 33434)) == Refused(f"source port {port} is in use")


def test_a_fragment_cannot_be_sent_without_privilege(network: LiveNetwork) -> None:
    packet = udp(4, network.identifier("udp", 4), 33434, more_fragments=True)
    assert network.send(packet) == Refused("without privilege only plain UDP datagrams can be sent")


def test_what_is_remembered_of_packets_does_not_grow(network: LiveNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_udp, "REMEMBERED", 10)
    port = network.identifier("udp", 4)
    for number in range(50):
        send(network, udp(4, port, 33434 + number % 7, b"%d" % number))
    (channel,) = network._channels.values()
    assert isinstance(channel, live_udp.UdpChannel)
    assert sum(map(len, channel._sockets[port]._sent.values())) == 10


def test_an_empty_datagram_is_a_probe(network: LiveNetwork) -> None:
    send(network, udp(4, network.identifier("udp", 4), 33434, b""))
    assert message(one(network)).code == 3


def test_another_protocol_opens_its_own_channel(network: LiveNetwork) -> None:
    send(network, udp(4, network.identifier("udp", 4), 33434))
    send(network, syn(4, network.identifier("tcp", 4), 80))
    assert {type(message(arrival)) for arrival in collect(network, 2)[0]} == {
        wire.icmpv4.DestinationUnreachable,
        wire.TCP,
    }
