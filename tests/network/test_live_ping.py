"""Ping sockets: what the kernel takes away is put back, so that everything above sees whole packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from netlab import wire
from netlab.network.base import Refused
from netlab.network.live import LiveNetwork
from netlab.network.worlds import load
from netlab.wire.extensions import MplsLabel, MplsStack
from tests.network.live_bench import (
    FAMILIES,
    LAPTOP,
    ROUTERS,
    SERVER,
    collect,
    echo,
    inject,
    message,
    one,
    send,
    time_exceeded,
)
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network

BLACKHOLE = {4: "203.0.113.200", 6: "2001:db8:3:0:8000::1"}
LABELS = MplsStack((MplsLabel(24_001, 0, False, 1), MplsLabel(16, 3, True, 1)))


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
def test_the_kernel_chooses_the_identifier(network: LiveNetwork, family: Any) -> None:
    identifier = network.identifier("icmp", family)
    sent = send(network, echo(family, identifier ^ 0x5555, 3))
    assert sent.rebuilt
    request = wire.transport(wire.parse(sent.packet))
    assert isinstance(request, wire.icmpv4.EchoRequest | wire.icmpv6.EchoRequest)
    assert (request.identifier, request.checksum) == (identifier, None)
    assert message(one(network)).identifier == identifier


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_has_its_headers_back(network: LiveNetwork, family: Any) -> None:
    header = {"tos": 0x48} if family == 4 else {"traffic_class": 0x48}
    send(network, echo(family, network.identifier("icmp", family), 3, b"hello", **header))
    arrival = one(network)
    assert arrival.rebuilt
    packet = wire.parse(arrival.packet)
    assert (packet.source, packet.destination) == (SERVER[family], LAPTOP[family])
    if isinstance(packet, wire.IPv4):
        assert (packet.ttl, packet.tos, packet.protocol, packet.checksum) == (61, 0x48, 1, None)
    else:
        assert (packet.hop_limit, packet.traffic_class, packet.next_header) == (61, 0x48, 58)
    assert message(arrival).payload == b"hello"
    assert message(arrival).checksum is None


@pytest.mark.parametrize("family", FAMILIES)
def test_mpls_labels_come_through_the_error_queue(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    sent = send(network, echo(family, network.identifier("icmp", family), 9, bytes(80), destination=BLACKHOLE[family]))
    inject(kernel, "r1", time_exceeded(family, sent.packet[:128], (LABELS,)))
    arrival = one(network)
    assert wire.parse(arrival.packet).source == ROUTERS[family][0]
    error = message(arrival)
    assert error.extensions == (LABELS,)
    assert error.checksum is None
    assert error.original[-88:] == sent.packet[-88:]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_without_extensions_has_none(network: LiveNetwork, family: Any) -> None:
    send(network, echo(family, network.identifier("icmp", family), ttl=1))
    assert message(one(network)).extensions == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_about_something_we_never_sent_is_dropped(
    kernel: KernelNet, network: LiveNetwork, family: Any
) -> None:
    identifier = network.identifier("icmp", family)
    inject(kernel, "r1", time_exceeded(family, echo(family, identifier, 99)))
    assert collect(network, 1, 0.05)[0] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_from_a_foreign_address_is_shown(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    identifier = network.identifier("icmp", family)
    send(network, echo(family, identifier, 5, destination=BLACKHOLE[family]))
    router = ROUTERS[family][1]
    body = (wire.icmpv4 if family == 4 else wire.icmpv6).EchoReply(identifier, 5, b"it was me")
    if family == 4:
        inject(kernel, "r2", wire.IPv4(router, LAPTOP[4], 1, body.to_bytes()).to_bytes())  # type: ignore[call-arg]
    else:
        inject(kernel, "r2", wire.IPv6(router, LAPTOP[6], 58, body.to_bytes(router, LAPTOP[6])).to_bytes())  # type: ignore[call-arg]
    assert wire.parse(one(network).packet).source == router


@pytest.mark.parametrize("family", FAMILIES)
def test_two_measurements_do_not_hear_each_other(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    other = kernel.network(raw=False)
    other.begin()
    try:
        assert other.identifier("icmp", family) != network.identifier("icmp", family)
        send(other, echo(family, other.identifier("icmp", family)))
        assert one(other)
        assert collect(network, 1, 0.05)[0] == []
    finally:
        other.end()


def test_only_echo_requests_can_be_sent(network: LiveNetwork) -> None:
    timestamp = wire.icmpv4.TimestampRequest(network.identifier("icmp", 4), 1, 0, 0, 0).to_bytes()
    packet = wire.IPv4(LAPTOP[4], SERVER[4], wire.PROTOCOL_ICMP, timestamp).to_bytes()
    assert network.send(packet) == Refused("without privilege only plain echo requests can be sent")


def test_ip_options_need_raw_sockets(network: LiveNetwork) -> None:
    packet = echo(4, network.identifier("icmp", 4), options=b"\x07\x07\x04\0\0\0\0\0")
    assert network.send(packet) == Refused("without privilege only plain echo requests can be sent")


def test_df_is_set_or_not_packet_by_packet(kernel: KernelNet, network: LiveNetwork) -> None:
    identifier = network.identifier("icmp", 4)
    assert network.send(echo(4, identifier, 1, bytes(2000), dont_fragment=True)) == Refused("message too long", 1500)
    send(network, echo(4, identifier, 2, bytes(2000)))
    assert message(one(network)).payload == bytes(2000)
    assert network.send(echo(4, identifier, 3, bytes(2000), dont_fragment=True)) == Refused("message too long", 1500)


def test_ipv6_is_refused_when_too_long_if_the_caller_says_so(network: LiveNetwork) -> None:
    packet = echo(6, network.identifier("icmp", 6), 1, bytes(2000))
    assert network.send(packet, fragment=False) == Refused("message too long", 1500)
    send(network, packet)
    assert message(one(network)).payload == bytes(2000)


def test_a_ttl_of_zero_does_not_leave(network: LiveNetwork) -> None:
    assert isinstance(network.send(echo(4, network.identifier("icmp", 4), ttl=0)), Refused)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "unprivileged"])
def test_link_local_neighbours_answer(kernel: KernelNet, raw: bool) -> None:
    """The zone is given once, with `source_for`; packets do not have it."""
    neighbour, _ = link_local(kernel, "r1")
    _, index = link_local(kernel, "laptop")
    network = kernel.network(raw=raw)
    network.begin()
    source = network.source_for(f"{neighbour}%{index}")
    assert source.startswith("fe80::")
    send(network, echo(6, network.identifier("icmp", 6), destination=neighbour, source=source))
    assert wire.parse(one(network).packet).source == neighbour
    network.end()


def link_local(kernel: KernelNet, host: str) -> tuple[str, int]:
    """Address and interface number of the host's end of the first link."""
    for line in kernel.run(host, ["cat", "/proc/net/if_inet6"]).stdout.splitlines():
        packed, index, *_, device = line.split()
        if packed.startswith("fe80") and device == "eth0":
            return wire.to_text(bytes.fromhex(packed)), int(index, 16)
    raise AssertionError(f"{host} has no link-local address")
