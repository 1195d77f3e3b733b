from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError, UsageError
from netlab.wire import Fragment, IPv6
from netlab.wire.ipv6 import upper_layer
from tests.wire import golden, strategies


def test_a_packet_from_a_kernel_is_read_field_by_field() -> None:
    packet = IPv6.parse(golden.ECHO_REQUEST_6)
    assert packet == IPv6(golden.HOST6, golden.TARGET6, 58, golden.ECHO_REQUEST_6[40:], hop_limit=1, flow_label=0xECB1A)
    assert packet.to_bytes() == golden.ECHO_REQUEST_6


@given(strategies.ipv6)
def test_what_is_written_is_read_again(packet: IPv6) -> None:
    assert IPv6.parse(packet.to_bytes()) == packet


@given(strategies.fragment)
def test_a_fragment_header_is_read_again(fragment: Fragment) -> None:
    assert Fragment.parse(fragment.to_bytes()) == fragment


@given(st.binary(max_size=80) | st.binary(max_size=70).map(lambda data: b"\x60\0\0\0\0\x10" + data), st.booleans())
def test_any_bytes_are_a_packet_or_a_packet_error(data: bytes, quoted: bool) -> None:
    try:
        packet = IPv6.parse(data, quoted)
        assert data.startswith(packet.to_bytes())
        upper_layer(packet)
    except PacketError:
        pass


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (golden.ECHO_REQUEST_6[:39], "IPv6 at byte 0: needs 40 bytes, got 39"),
        (golden.ECHO_REQUEST_6[:-1], "needs 64 bytes, got 63"),
        (golden.TIME_EXCEEDED, "version is 4, not 6"),
    ],
)
def test_what_is_wrong_with_the_bytes_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=said):
        IPv6.parse(data)


def test_padding_is_dropped_and_a_quote_keeps_its_payload_length() -> None:
    assert IPv6.parse(golden.ECHO_REQUEST_6 + b"123") == IPv6.parse(golden.ECHO_REQUEST_6)
    quote = IPv6.parse(golden.ECHO_REQUEST_6[:48], quoted=True)
    assert quote.payload_length == 24
    assert quote.to_bytes() == golden.ECHO_REQUEST_6[:48]


@pytest.mark.parametrize(
    ("field", "value"),
    [("hop_limit", 256), ("traffic_class", 256), ("flow_label", -1), ("next_header", 256), ("payload", bytes(65536))],
)
def test_a_value_that_does_not_fit_is_named(field: str, value: object) -> None:
    packet = replace(IPv6.parse(golden.ECHO_REQUEST_6), **{field: value})
    with pytest.raises(UsageError, match=f"^{field}="):
        packet.to_bytes()


@pytest.mark.parametrize(("field", "value"), [("fragment_offset", 12), ("identification", 1 << 32), ("reserved", 1024)])
def test_a_fragment_value_that_does_not_fit_is_named(field: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"^{field}="):
        replace(Fragment(17), **{field: value}).to_bytes()


HOP_BY_HOP = bytes.fromhex("3c 00 05 02 00 00 01 00")  # next: destination options; a router alert
DESTINATION = bytes.fromhex("2b 01") + bytes(14)  # next: routing; 16 bytes
ROUTING = bytes.fromhex("33 00 fd 00 00 00 00 00")  # next: authentication; segments left 0
AUTHENTICATION = bytes.fromhex("11 01") + bytes(10)  # next: UDP; (1 + 2) * 4 = 12 bytes
DATAGRAM = b"datagram"


def test_the_walk_passes_extension_headers_to_the_protocol_carried() -> None:
    packet = IPv6("::1", "::2", 0, HOP_BY_HOP + DESTINATION + ROUTING + AUTHENTICATION + DATAGRAM)
    assert upper_layer(packet) == (17, DATAGRAM, None)
    assert upper_layer(IPv6("::1", "::2", 17, DATAGRAM)) == (17, DATAGRAM, None)


def test_the_walk_shows_the_fragment_header_and_stops_at_a_later_fragment() -> None:
    first = Fragment(60, b"\x11\0" + bytes(6) + DATAGRAM, more_fragments=True, identification=7)
    assert upper_layer(IPv6("::1", "::2", 44, first.to_bytes())) == (17, DATAGRAM, first)
    later = Fragment(60, b"\x11\xff", fragment_offset=1232, identification=7)
    assert upper_layer(IPv6("::1", "::2", 44, later.to_bytes())) == (60, b"\x11\xff", later)


@pytest.mark.parametrize("kind", [0, 43, 44, 51, 60, 135])
def test_an_extension_header_that_is_cut_short_is_a_packet_error(kind: int) -> None:
    with pytest.raises(PacketError, match="IPv6 "):
        upper_layer(IPv6("::1", "::2", kind, b"\x11\x02\0"))
    if kind != 44:
        with pytest.raises(PacketError, match="got 11"):
            upper_layer(IPv6("::1", "::2", kind, b"\x11\x02" + bytes(9)))
