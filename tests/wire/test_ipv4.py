from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError, UsageError
from netlab.wire import IPv4
from tests.wire import golden, strategies


def test_a_packet_from_a_kernel_is_read_field_by_field() -> None:
    packet = IPv4.parse(golden.TIME_EXCEEDED)
    assert packet == IPv4(
        golden.ROUTER4, golden.HOST4, 1, golden.TIME_EXCEEDED[20:], ttl=64, tos=0xC0, identification=0x076C
    )
    assert packet.to_bytes() == golden.TIME_EXCEEDED
    assert IPv4.parse(golden.ECHO_REQUEST).dont_fragment


@given(strategies.ipv4)
def test_what_is_written_is_read_again(packet: IPv4) -> None:
    assert IPv4.parse(packet.to_bytes()) == packet


@given(strategies.ipv4, strategies.number(16))
def test_a_wrong_checksum_is_kept_and_written_again(packet: IPv4, checksum: int) -> None:
    data = replace(packet, checksum=checksum).to_bytes()
    found = IPv4.parse(data)
    right = int.from_bytes(packet.to_bytes()[10:12], "big")
    assert (found.checksum is None) == (checksum == right or {checksum, right} == {0, 0xFFFF})
    if found.checksum is not None:
        assert found.checksum == checksum
        assert found.to_bytes() == data


@given(st.binary(max_size=80) | st.binary(max_size=70).map(lambda data: b"\x45\0\0\x3c" + data), st.booleans())
def test_any_bytes_are_a_packet_or_a_packet_error(data: bytes, quoted: bool) -> None:
    try:
        packet = IPv4.parse(data, quoted)
    except PacketError:
        return
    if packet.checksum is not None:  # else 0 and 0xFFFF may stand for each other
        assert data.startswith(packet.to_bytes())


def test_link_layer_padding_is_dropped() -> None:
    assert IPv4.parse(golden.ECHO_REQUEST + bytes(18)) == IPv4.parse(golden.ECHO_REQUEST)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "IPv4 at byte 0: needs 20 bytes, got 0"),
        (golden.ECHO_REQUEST[:19], "needs 20 bytes, got 19"),
        (golden.ECHO_REQUEST[:-1], "needs 44 bytes, got 43"),
        (golden.ECHO_REQUEST_6, "version is 6, not 4"),
        (b"\x44" + golden.ECHO_REQUEST[1:], "header length is 16"),
        (b"\x4f" + golden.ECHO_REQUEST[1:], "needs 60 bytes, got 44"),
        (golden.ECHO_REQUEST[:2] + b"\0\x13" + golden.ECHO_REQUEST[4:], "total length 19 is less than the header"),
    ],
)
def test_what_is_wrong_with_the_bytes_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=said):
        IPv4.parse(data)


def test_a_quote_that_is_cut_short_keeps_its_total_length() -> None:
    quote = golden.ECHO_REQUEST[:28]
    packet = IPv4.parse(quote, quoted=True)
    assert (packet.total_length, len(packet.payload)) == (44, 8)
    assert packet.to_bytes() == quote
    assert IPv4.parse(golden.ECHO_REQUEST + bytes(84), quoted=True) == IPv4.parse(golden.ECHO_REQUEST)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ttl", 256),
        ("tos", -1),
        ("identification", 1 << 16),
        ("protocol", 300),
        ("fragment_offset", 7),
        ("fragment_offset", 1 << 16),
        ("total_length", 1 << 16),
        ("checksum", 1 << 16),
        ("options", bytes(44)),
        ("payload", bytes(65536)),
    ],
)
def test_a_value_that_does_not_fit_is_named(field: str, value: object) -> None:
    packet = replace(IPv4.parse(golden.ECHO_REQUEST), **{field: value})
    with pytest.raises(UsageError, match=f"^{field}="):
        packet.to_bytes()


def test_options_are_filled_up_to_whole_words() -> None:
    packet = IPv4("192.0.2.1", "192.0.2.2", 1, options=b"\x94\x04\0\0\x01")
    assert IPv4.parse(packet.to_bytes()).options == b"\x94\x04\0\0\x01\0\0\0"
