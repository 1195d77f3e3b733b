"""Segments: equal to those of `wire.TCP`, byte for byte; options; sequence numbers that do not wrap."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netlab.internet.tcp_segment import Flow, near, read_options, syn_options
from netlab.wire.addresses import to_packed
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import IPv6
from netlab.wire.tcp import TCP

ADDRESSES = {4: ("192.0.2.1", "198.51.100.7"), 6: ("2001:db8::1", "2001:db8:ffff::7")}
WORD, SHORT = st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF)


@pytest.mark.parametrize("family", [4, 6])
@given(
    ports=st.tuples(SHORT, SHORT),
    numbers=st.tuples(WORD, WORD),
    flags=st.integers(0, 255),
    window=SHORT,
    payload=st.binary(max_size=100),
    options=st.sampled_from([b"", syn_options(1460, 7), syn_options(536, None)]),
    ttl=st.integers(1, 255),
)
@example((0, 0), (0, 0), 0, 0, b"", b"", 1)
@example((0xFFFF, 0xFFFF), (0xFFFFFFFF, 0xFFFFFFFF), 255, 0xFFFF, b"\xff\xff\xff", b"", 255)
def test_packets_are_those_of_wire(
    family: int,
    ports: tuple[int, int],
    numbers: tuple[int, int],
    flags: int,
    window: int,
    payload: bytes,
    options: bytes,
    ttl: int,
) -> None:
    source, destination = ADDRESSES[family]
    flow = Flow(to_packed(source), ports[0], to_packed(destination), ports[1], ttl)
    segment = TCP(*ports, *numbers, flags, window, 0, options, payload).to_bytes(source, destination)
    if family == 4:
        right = IPv4(source, destination, 6, segment, ttl, dont_fragment=True).to_bytes()
    else:
        right = IPv6(source, destination, 6, segment, hop_limit=ttl).to_bytes()
    assert flow.packet(*numbers, flags, window, payload, options) == right
    assert len(right) == flow.headers + len(payload) + len(options)


@given(reference=st.integers(0, 1 << 40), distance=st.integers(-(1 << 31), (1 << 31) - 1))
def test_the_nearest_whole_number_is_found(reference: int, distance: int) -> None:
    assert near((reference + distance) & 0xFFFFFFFF, reference) == reference + distance


@given(mss=SHORT, scale=st.none() | st.integers(0, 14))
def test_options_of_a_syn(mss: int, scale: int | None) -> None:
    options = syn_options(mss, scale)
    assert len(options) % 4 == 0 and read_options(options) == (mss, scale)


@given(st.binary(max_size=40))
def test_any_options_can_be_read(options: bytes) -> None:
    mss, scale = read_options(options)
    assert (mss is None or 0 <= mss <= 0xFFFF) and (scale is None or 0 <= scale <= 14)


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ("020405b4 0402 080a 00000001 00000000 01 030307", (1460, 7)),  # Linux: MSS, SACK, timestamps, scale
        ("0303ff", (None, 14)),  # more than 14 is 14 (RFC 7323 section 2.3)
        ("00 020405b4", (None, None)),  # nothing after the end counts
        ("020305 0204", (None, None)),  # an MSS of a wrong length, and one that is cut off
        ("0101 0201 020405b4", (None, None)),  # a length that cannot be
        ("02", (None, None)),
    ],
)
def test_options_of_others(options: str, read: tuple[int | None, int | None]) -> None:
    assert read_options(bytes.fromhex(options)) == read
