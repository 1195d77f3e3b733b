from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError, UsageError
from netlab.wire import UDP
from netlab.wire.checksum import checksum, ones_complement_sum, pseudo_header
from tests.wire import golden, strategies

FOUR = ("192.0.2.1", "192.0.2.2")
SIX = ("2001:db8::1", "2001:db8::2")
either = st.sampled_from([FOUR, SIX])


def test_a_datagram_whose_checksum_was_left_to_the_hardware_shows_it() -> None:
    found = UDP.parse(golden.UDP_UNFINISHED[20:], "127.0.0.1", "127.0.0.1")
    assert found == UDP(40001, 33434, b"netlab", checksum=0xFE21)
    assert found.to_bytes("127.0.0.1", "127.0.0.1") == golden.UDP_UNFINISHED[20:]


@given(strategies.udp, either)
def test_what_is_written_is_read_again(datagram: UDP, ends: tuple[str, str]) -> None:
    data = datagram.to_bytes(*ends)
    assert UDP.parse(data, *ends) == datagram
    assert ones_complement_sum(pseudo_header(*ends, 17, len(data)) + data) == 0xFFFF


@given(strategies.udp, either, st.integers(1, 0xFFFF))
def test_a_wrong_checksum_is_kept_and_written_again(datagram: UDP, ends: tuple[str, str], found: int) -> None:
    data = replace(datagram, checksum=found).to_bytes(*ends)
    parsed = UDP.parse(data, *ends)
    assert parsed.to_bytes(*ends) == data
    assert parsed.checksum in (None, found)


def test_a_sum_of_zero_is_sent_as_all_ones() -> None:
    """RFC 768: zero means that there is no checksum, so the other zero is sent."""
    blank = UDP(1, 2, b"\0\0")
    right = int.from_bytes(blank.to_bytes(*FOUR)[6:], "big") >> 16
    datagram = UDP(1, 2, right.to_bytes(2, "big"))
    data = datagram.to_bytes(*FOUR)
    assert checksum(pseudo_header(*FOUR, 17, 10) + data[:6] + b"\0\0" + data[8:]) == 0
    assert data[6:8] == b"\xff\xff"
    assert UDP.parse(data, *FOUR) == datagram


@pytest.mark.parametrize("ends", [FOUR, SIX])
def test_no_checksum_is_the_value_zero(ends: tuple[str, str]) -> None:
    assert UDP.parse(UDP(1, 2, b"x", checksum=0).to_bytes(*ends), *ends).checksum == 0


def test_bytes_after_the_length_are_not_payload() -> None:
    data = UDP(1, 2, b"abc").to_bytes(*FOUR)
    assert UDP.parse(data + b"surplus", *FOUR) == UDP(1, 2, b"abc")


def test_a_quote_keeps_length_and_checksum_as_found() -> None:
    whole = UDP(40000, 33434, bytes(32)).to_bytes(*FOUR)
    found = UDP.parse(whole[:8], *FOUR, quoted=True)
    assert found == UDP(40000, 33434, b"", length=40, checksum=int.from_bytes(whole[6:8], "big"))
    assert found.to_bytes(*FOUR) == whole[:8]
    assert UDP.parse(whole, *FOUR, quoted=True).checksum == found.checksum


@given(st.binary(max_size=30), either, st.booleans())
def test_any_bytes_are_a_datagram_or_a_packet_error(data: bytes, ends: tuple[str, str], quoted: bool) -> None:
    try:
        datagram = UDP.parse(data, *ends, quoted)
    except PacketError:
        return
    assert data.startswith(datagram.to_bytes(*ends))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes(7), "UDP at byte 0: needs 8 bytes, got 7"),
        (bytes(8), "length 0 is less than the header"),
        (bytes.fromhex("0001000200090000"), "UDP at byte 8: needs 9 bytes, got 8"),
    ],
)
def test_what_is_wrong_with_the_bytes_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=said):
        UDP.parse(data, *FOUR)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_port", 65536),
        ("destination_port", -1),
        ("length", 65536),
        ("checksum", 65536),
        ("payload", bytes(65536)),
    ],
)
def test_a_value_that_does_not_fit_is_named(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^{field}="):
        replace(UDP(1, 2), **{field: value}).to_bytes(*FOUR)
