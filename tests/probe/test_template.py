"""Probes made from a template are, byte for byte, those that are put together header by header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import wire
from netlab.probe.build import Builder
from netlab.probe.plan import Probe, Target

V4 = Target("www", "203.0.113.80", "192.0.2.10")
V6 = Target("www", "2001:db8:3::80", "2001:db8:1::10")
NUMBERS = st.integers(1, 1 << 40).map(lambda number: number if number & 0xFFFF else number + 1)


def builder(protocol, key=7, **options):
    return Builder(protocol, {4: 47_110, 6: 47_110}, key=key, port=33434, **options)


@given(
    st.sampled_from(["icmp", "udp", "tcp"]),
    st.sampled_from([V4, V6]),
    st.sampled_from(["free", "paris", "classic"]),
    st.integers(0, 200),
    st.integers(0, (1 << 64) - 1),
    st.lists(st.tuples(NUMBERS, st.integers(1, 255), st.integers(1, 3)), min_size=1, max_size=20),
    st.binary(min_size=1, max_size=5),
    st.booleans(),
)
def test_they_are_the_same_bytes(protocol, target, flows, size, key, probes, pattern, dont_fragment):
    options = {"flows": flows, "pattern": pattern, "dont_fragment": dont_fragment, "tos": 0x28, "flow_label": 5}
    made = builder(protocol, key, **options)
    for number, ttl, flow in probes:
        probe = Probe(target, ttl, 1, 0, size, flow=flow)
        assert made.build(probe, number) == builder(protocol, key, **options).compose(probe, number)


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize("target", [V4, V6])
@pytest.mark.parametrize("flows", ["free", "paris"])
def test_all_16_bit_numbers_and_with_them_both_zeros_of_a_checksum(protocol, target, flows):
    made, probe = builder(protocol, flows=flows), Probe(target, 9, 1, 0, 10, flow=1)
    seen = set()
    for number in range(1, 0x10000):
        packet = made.build(probe, number)
        seen.add(packet[-2:] if protocol != "icmp" or flows == "paris" else packet[-16:-14])
        if number % 97 == 0 or packet[-2:] in (b"\0\0", b"\xff\xff"):
            assert packet == made.compose(probe, number)
    assert protocol == "tcp" or len(seen) > 30_000, "the word that balances takes nearly every value"


@pytest.mark.parametrize(
    "options",
    [{"checksum": wire.checksum}, {"kind": "timestamp"}, {"flows": "classic"}],
    ids=lambda each: next(iter(each)),
)
def test_what_differs_in_more_is_put_together_each_time(options):
    made, probe = builder("icmp", **options), Probe(V4, 9, 1, 0, 56, flow=1)
    assert [made.build(probe, number) for number in (1, 2, 3)] == [made.compose(probe, number) for number in (1, 2, 3)]
    assert not made._templates


def test_probes_of_two_sources_are_not_mixed_up():
    made = builder("icmp")
    for source in ("192.0.2.10", "192.0.2.11"):
        for number in (1, 2, 3):
            probe = Probe(Target("www", V4.address, source), 9, 1, 0, 56)
            assert wire.parse(made.build(probe, number)).source == source
