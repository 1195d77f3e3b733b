"""Raw sockets: packets leave as they are, and of all that the machine hears only our own answers come in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import wire
from netlab.network import live_raw_hear
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
    ip,
    message,
    one,
    send,
    syn,
    time_exceeded,
    udp,
)
from tests.support.kernelnet import KernelNet, kernel_net

pytestmark = pytest.mark.network

BLACKHOLE = {4: "203.0.113.200", 6: "2001:db8:3:0:8000::1"}


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(load("line")) as running:
        running.route("r1", "203.0.113.192/26", "blackhole")
        running.route("r1", "2001:db8:3:0:8000::/66", "blackhole")
        yield running


@pytest.fixture
def network(kernel: KernelNet) -> Iterator[LiveNetwork]:
    network = kernel.network(raw=True)
    network.begin()
    yield network
    network.end()


# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", FAMILIES)
def test_a_packet_leaves_as_it_was_built(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    header = {"tos": 3, "identification": 777, "dont_fragment": True} if family == 4 else {"flow_label": 0xABCDE}
    packet = echo(family, network.identifier("icmp", family), 4, ttl=2, **header)
    sent = send(network, packet)
    assert (sent.packet, sent.rebuilt) == (packet, False)
    quoted = message(one(network)).original
    assert quoted[: len(packet)][-60:] == packet[-60:]
    if family == 4:
        assert quoted[4:8] == packet[4:8]  # identification and flags
    else:
        assert quoted[:7] == packet[:7]


def test_an_identification_of_0_is_chosen_and_told(network: LiveNetwork) -> None:
    sent = send(network, echo(4, network.identifier("icmp", 4), ttl=1))
    chosen = wire.parse(sent.packet)
    assert isinstance(chosen, wire.IPv4)
    assert chosen.checksum is None
    assert message(one(network)).original[4:6] == sent.packet[4:6]


def test_a_wrong_header_checksum_and_length_are_put_right_as_the_kernel_does(network: LiveNetwork) -> None:
    packet = echo(4, network.identifier("icmp", 4), identification=5, checksum=1)
    sent = send(network, packet)
    assert sent.packet == echo(4, network.identifier("icmp", 4), identification=5)
    assert message(one(network)).sequence == 1


def test_the_second_packet_of_a_kind_is_put_right_like_the_first(network: LiveNetwork) -> None:
    own = network.identifier("icmp", 4)
    first = echo(4, own, 1, identification=5)
    assert send(network, first).packet == first
    assert send(network, echo(4, own, 2, identification=6, checksum=1)).packet == echo(4, own, 2, identification=6)
    assert send(network, echo(4, own, 3, identification=7, total_length=40)).packet == echo(4, own, 3, identification=7)
    assert wire.parse(send(network, echo(4, own, 4)).packet).checksum is None
    as_it_is = echo(4, own, 5, identification=8, ttl=9, tos=4)
    assert send(network, as_it_is).packet == as_it_is
    replies = [message(arrival) for arrival in collect(network, 5)[0]]
    assert sorted(reply.sequence for reply in replies) == [1, 2, 3, 4, 5]


def test_the_second_packet_of_a_kind_is_cut_and_refused_like_the_first(network: LiveNetwork) -> None:
    own, payload = network.identifier("icmp", 4), bytes(5000)
    send(network, echo(4, own, 1, identification=5))
    assert send(network, echo(4, own, 2, payload, identification=6)).rebuilt
    refused = network.send(echo(4, own, 3, payload, identification=7, dont_fragment=True))
    assert isinstance(refused, Refused)
    assert refused.mtu is not None
    packets = {message(arrival).sequence: message(arrival).payload for arrival in collect(network, 2)[0]}
    assert packets.keys() == {1, 2}
    assert packets[2] == payload


def test_a_packet_from_elsewhere_is_not_of_a_kind_that_was_sent(network: LiveNetwork) -> None:
    own = network.identifier("icmp", 4)
    send(network, echo(4, own, 1, identification=5))
    one(network)
    request = wire.icmpv4.EchoRequest(own, 2).to_bytes()
    foreign = wire.IPv4("198.51.100.77", SERVER[4], wire.PROTOCOL_ICMP, request, identification=6).to_bytes()
    assert isinstance(network.send(foreign), Refused)


def test_ip_options_leave_too(network: LiveNetwork) -> None:
    """Record route (RFC 791 section 3.1): every machine on the way writes its address."""
    room = b"\x07\x27\x04" + bytes(36) + b"\0"
    send(network, echo(4, network.identifier("icmp", 4), options=room))
    answer = wire.parse(one(network).packet)
    assert isinstance(answer, wire.IPv4)
    assert wire.to_packed(ROUTERS[4][2]) in answer.options or wire.to_packed("203.0.113.1") in answer.options


def test_other_icmp_requests_can_be_sent(network: LiveNetwork) -> None:
    request = wire.icmpv4.TimestampRequest(network.identifier("icmp", 4), 8, 1000, 0, 0).to_bytes()
    send(network, ip(4, wire.PROTOCOL_ICMP, request))
    reply = message(one(network))
    assert isinstance(reply, wire.icmpv4.TimestampReply)
    assert (reply.sequence, reply.originate) == (8, 1000)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_may_be_cut_is_cut_by_the_kernel(network: LiveNetwork, family: Any) -> None:
    payload = bytes(range(256)) * 20
    sent = send(network, echo(family, network.identifier("icmp", family), 2, payload))
    assert sent.rebuilt
    assert message(one(network)).payload == payload


def test_udp_is_cut_too(network: LiveNetwork) -> None:
    send(network, udp(4, network.identifier("udp", 4), 7, bytes(5000)))
    assert message(one(network)).payload == bytes(5000)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_may_not_be_cut_is_refused_with_the_limit(network: LiveNetwork, family: Any) -> None:
    header = {"dont_fragment": True} if family == 4 else {}
    packet = echo(family, network.identifier("icmp", family), 2, bytes(2000), **header)
    assert network.send(packet, fragment=False) == Refused("message too long", 1500)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_source_that_is_not_ours_is_refused(network: LiveNetwork, family: Any) -> None:
    packet = echo(family, network.identifier("icmp", family), source=SERVER[family])
    assert network.send(packet) == Refused("address not available")


def test_groups_are_refused(network: LiveNetwork) -> None:
    identifier = network.identifier("icmp", 4)
    for group in ("224.0.0.1", "255.255.255.255"):
        assert network.send(echo(4, identifier, destination=group)) == Refused(
            "broadcast and multicast addresses are not probed"
        )
    assert network.send(echo(4, identifier, destination="192.0.2.255")) == Refused("prohibited")
    assert isinstance(network.send(echo(6, identifier, destination="ff02::1")), Refused)


def test_a_packet_without_a_route_is_refused(kernel: KernelNet, network: LiveNetwork) -> None:
    kernel.route("laptop", "198.51.100.128/25", "unreachable")
    identifier = network.identifier("icmp", 4)
    assert network.send(echo(4, identifier, destination="198.51.100.200")) == Refused("host unreachable")


# ── hearing ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", FAMILIES)
def test_the_answers_of_other_programs_are_not_ours(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    network.identifier("icmp", family)
    other = kernel.network(raw=True)
    other.begin()
    try:
        send(other, echo(family, other.identifier("icmp", family)))
        send(other, echo(family, other.identifier("icmp", family), ttl=1))
        send(other, udp(family, other.identifier("udp", family), 33434))
        send(other, syn(family, other.identifier("tcp", family), 80))
        assert len(collect(other, 4)[0]) == 4
    finally:
        other.end()
    assert collect(network, 1, 0.05)[0] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_our_own_requests_on_loopback_are_no_answers(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    loopback = "127.0.0.1" if family == 4 else "::1"
    send(network, echo(family, network.identifier("icmp", family), source=loopback, destination=loopback))
    arrivals, _ = collect(network, 2, 0.1)
    assert [type(message(arrival)).__name__ for arrival in arrivals] == ["EchoReply"]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_from_a_foreign_address_is_shown(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    identifier = network.identifier("icmp", family)
    send(network, echo(family, identifier, 5, destination=BLACKHOLE[family]))
    source = ROUTERS[family][1]
    if family == 4:
        body = wire.icmpv4.EchoReply(identifier, 5, b"it was me").to_bytes()
    else:
        body = wire.icmpv6.EchoReply(identifier, 5, b"it was me").to_bytes(source, LAPTOP[6])
    protocol = wire.PROTOCOL_ICMP if family == 4 else wire.PROTOCOL_ICMPV6
    inject(kernel, "r2", ip(family, protocol, body, LAPTOP[family], source=source))
    assert wire.parse(one(network).packet).source == source


def test_an_answer_with_a_wrong_checksum_comes_in(kernel: KernelNet, network: LiveNetwork) -> None:
    identifier = network.identifier("icmp", 4)
    body = wire.icmpv4.EchoReply(identifier, 5, b"damaged", checksum=0x1234).to_bytes()
    inject(kernel, "server", ip(4, wire.PROTOCOL_ICMP, body, LAPTOP[4], source=SERVER[4]))
    assert message(one(network)).checksum == 0x1234


@pytest.mark.parametrize("family", FAMILIES)
def test_mpls_labels_come_in(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    labels = MplsStack((MplsLabel(24_001, 0, True, 1),))
    sent = send(network, udp(family, network.identifier("udp", family), 33434, destination=BLACKHOLE[family]))
    inject(kernel, "r1", time_exceeded(family, sent.packet, (labels,)))
    assert message(one(network)).extensions == (labels,)


@given(st.sampled_from([4, 6]), st.binary(max_size=80), st.sampled_from([0, 1, 2, 3, 4, 5, 8, 11, 12, 14, 128, 129]))
def test_any_bytes_are_ours_or_not(family: int, data: bytes, kind: int) -> None:
    ours = live_raw_hear.Ours(family)
    ours.add(wire.PROTOCOL_UDP, 0)
    header = b"\x45" + bytes(19) if family == 4 else b""
    assert ours.answered_by(data) in (True, False)
    assert ours.answered_by(header + bytes([kind]) + data) in (True, False)


@pytest.mark.parametrize("cut", range(0, 36, 4))
@pytest.mark.parametrize("family", FAMILIES)
def test_errors_that_quote_too_little_are_not_believed(
    kernel: KernelNet, network: LiveNetwork, family: Any, cut: int
) -> None:
    port = network.identifier("udp", family)
    header = 20 if family == 4 else 40
    original = udp(family, port, 33434)[: min(cut, header)]
    router = ROUTERS[family][0]
    if family == 4:
        body = wire.icmpv4.Unknown(11, 0, bytes(4) + original).to_bytes()
    else:
        body = wire.icmpv6.Unknown(3, 0, bytes(4) + original).to_bytes(router, LAPTOP[6])
    protocol = wire.PROTOCOL_ICMP if family == 4 else wire.PROTOCOL_ICMPV6
    inject(kernel, "r1", ip(family, protocol, body, LAPTOP[family], source=router))
    assert collect(network, 1, 0.01)[0] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_header_of_an_answer_is_whole(network: LiveNetwork, family: Any) -> None:
    """IPv6 raw sockets deliver none: it is rebuilt, exactly."""
    header = {"tos": 0x48} if family == 4 else {"traffic_class": 0x48}
    send(network, echo(family, network.identifier("icmp", family), **header))
    arrival = one(network)
    assert arrival.rebuilt is (family == 6)
    packet = wire.parse(arrival.packet)
    assert (packet.source, packet.destination) == (SERVER[family], LAPTOP[family])
    if isinstance(packet, wire.IPv6):
        assert (packet.hop_limit, packet.traffic_class) == (61, 0x48)
        assert packet.flow_label != 0  # the server's kernel chooses one


@pytest.mark.parametrize("family", FAMILIES)
def test_checksums_left_to_a_device_are_no_fault_of_the_network(network: LiveNetwork, family: Any) -> None:
    """A virtual cable has no device that would compute them."""
    send(network, syn(family, network.identifier("tcp", family), 80))
    assert message(one(network)).checksum is None
    send(network, udp(family, network.identifier("udp", family), 7))
    assert message(one(network)).checksum is None


def test_a_wrong_udp_checksum_stays_wrong() -> None:
    right = udp(4, 5000, 6000)
    wrong = right[:26] + b"\x12\x34" + right[28:]
    assert live_raw_hear.with_offloaded_checksum(right, wire.PROTOCOL_UDP) is right
    assert live_raw_hear.with_offloaded_checksum(wrong, wire.PROTOCOL_UDP) is wrong


@pytest.mark.parametrize("family", FAMILIES)
def test_a_port_is_held_while_it_is_used(kernel: KernelNet, network: LiveNetwork, family: Any) -> None:
    port = network.identifier("udp", family)
    with kernel.socket("laptop", socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as other:
        with pytest.raises(OSError):
            other.bind(("", port))


def test_a_port_of_somebody_else_is_refused(kernel: KernelNet, network: LiveNetwork) -> None:
    with kernel.socket("laptop", socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 0))
        port = other.getsockname()[1]
        assert network.send(udp(4, port, 33434)) == Refused(f"source port {port} is in use")


def test_hundreds_of_source_ports_are_heard(network: LiveNetwork) -> None:
    first = network.identifier("udp", 4)
    ports = [first ^ offset for offset in range(300)]
    for port in ports:
        send(network, udp(4, port, 7, b"%d" % port))
    assert {int(message(arrival).payload) for arrival in collect(network, 300)[0]} == set(ports)


def test_an_unknown_protocol_is_answered_with_protocol_unreachable(network: LiveNetwork) -> None:
    send(network, ip(4, 253, b"experiment"))
    error = message(one(network))
    assert (error.type, error.code) == (3, 2)
