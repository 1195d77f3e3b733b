"""Packets of probes: right checksums, numbers where answers bring them back, and a learner's own checksum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import wire
from netlab.errors import UsageError
from netlab.probe.build import Builder, cookie, packet_size
from netlab.probe.plan import Probe, Target
from netlab.wire.ipv6 import upper_layer

V4 = Target("www", "203.0.113.80", "192.0.2.10")
V6 = Target("www", "2001:db8:3::80", "2001:db8:1::10")


def build(protocol, target, size=56, number=1, **options):
    builder = Builder(protocol, {4: 4711, 6: 4711}, key=7, port=33434, **options)
    return builder.build(Probe(target, 9, 1, 0, size), number)


@given(
    st.sampled_from(["icmp", "udp", "tcp"]),
    st.sampled_from([V4, V6]),
    st.integers(0, 1400),
    st.integers(1, 65_535),
    st.binary(min_size=1),
)
def test_every_probe_is_a_packet_with_right_checksums(protocol, target, size, number, pattern):
    packet = build(protocol, target, size, number, pattern=pattern)
    parsed = wire.parse(packet)
    assert (parsed.source, parsed.destination) == (target.source, target.address)
    assert wire.transport(parsed).checksum is None, "None: it is right"
    assert len(packet) == packet_size(protocol, 4 if target is V4 else 6, size)
    assert (parsed.ttl if target is V4 else parsed.hop_limit) == 9


@given(st.sampled_from([V4, V6]), st.integers(10, 200), st.integers(1, 65_535))
def test_a_udp_probe_carries_its_number_in_the_checksum_and_keeps_its_flow(target, size, number):
    parsed = wire.parse(build("udp", target, size, number))
    body = parsed.payload if target is V4 else upper_layer(parsed)[1]
    assert int.from_bytes(body[6:8], "big") == number
    assert (int.from_bytes(body[0:2], "big"), int.from_bytes(body[2:4], "big")) == (4711, 33434)


def test_no_two_probes_have_the_same_cookie():
    assert len({cookie(1, number) for number in range(70_000)}) == 70_000


def test_the_header_fields_that_were_asked_for():
    four = wire.parse(build("icmp", V4, tos=0xB8, dont_fragment=True))
    assert (four.tos, four.dont_fragment) == (0xB8, True)
    six = wire.parse(build("icmp", V6, tos=0xB8, flow_label=0xABCDE))
    assert (six.traffic_class, six.flow_label) == (0xB8, 0xABCDE)


def test_a_timestamp_request():
    message = wire.transport(wire.parse(build("icmp", V4, kind="timestamp")))
    assert (message.type, message.identifier, message.sequence) == (13, 4711, 1)


@pytest.mark.parametrize("target", [V4, V6])
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_a_learners_right_checksum_gives_the_same_packet(protocol, target):
    assert build(protocol, target, checksum=lambda data: wire.checksum(data)) == build(protocol, target)


def test_a_learners_wrong_checksum_is_sent_as_it_is():
    message = wire.transport(wire.parse(build("icmp", V4, checksum=lambda data: 0x1234)))
    assert message.checksum == 0x1234


@pytest.mark.parametrize("value", [-1, 65_536, 1.5, None, True, "0"])
def test_a_checksum_that_is_none_is_a_usage_error(value):
    with pytest.raises(UsageError, match="0 to 65535"):
        build("icmp", V4, checksum=lambda data: value)
