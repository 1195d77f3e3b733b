from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError
from netlab.wire.checksum import checksum, ones_complement_sum, pseudo_header, pseudo_sum, update
from tests.wire import golden
from tests.wire.strategies import addresses4, addresses6, number


def loop_sum(data: bytes) -> int:
    """The definition, word by word (RFC 1071 section 1), as a student would write it."""
    total = 0
    for place in range(0, len(data), 2):
        total += int.from_bytes((data[place : place + 2] + b"\0")[:2], "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_the_example_of_rfc_1071() -> None:
    data = bytes.fromhex("0001 f203 f4f5 f6f7")  # section 3
    assert ones_complement_sum(data) == 0xDDF2
    assert checksum(data) == 0x220D


def test_the_checksum_that_the_kernel_wrote() -> None:
    message = golden.ECHO_REQUEST[20:]
    assert checksum(message[:2] + b"\0\0" + message[4:]) == 0x0A9A
    assert ones_complement_sum(message) == 0xFFFF


@given(st.binary(max_size=200))
def test_the_fast_sum_is_the_sum_of_the_words(data: bytes) -> None:
    assert ones_complement_sum(data) == loop_sum(data)


@pytest.mark.parametrize(("data", "total"), [("", 0), ("0000", 0), ("00", 0), ("ffff", 0xFFFF), ("fffe0001", 0xFFFF)])
def test_the_two_zeros_of_ones_complement_are_kept_apart(data: str, total: int) -> None:
    assert ones_complement_sum(bytes.fromhex(data)) == total == loop_sum(bytes.fromhex(data))


@given(st.binary(max_size=40).map(lambda data: data * 2), st.binary(max_size=60))
def test_start_continues_a_sum(first: bytes, second: bytes) -> None:
    assert ones_complement_sum(second, ones_complement_sum(first)) == ones_complement_sum(first + second)


@given(st.binary(min_size=1, max_size=60).map(lambda data: data * 2))
def test_a_packet_with_its_checksum_sums_to_all_ones(data: bytes) -> None:
    assert ones_complement_sum(data + checksum(data).to_bytes(2, "big")) == 0xFFFF


def test_the_example_of_rfc_1624() -> None:
    assert update(0xDD2F, 0x5555, 0x3285) == 0x0000  # section 4


@given(st.binary(min_size=8, max_size=8), number(16))
def test_an_update_gives_what_computing_anew_gives(data: bytes, new: int) -> None:
    old = int.from_bytes(data[:2], "big")
    updated = update(checksum(data), old, new)
    changed = new.to_bytes(2, "big") + data[2:]
    assert updated == checksum(changed) or {updated, checksum(changed)} == {0, 0xFFFF}  # the two zeros


def test_pseudo_headers_are_those_of_the_rfcs() -> None:
    assert pseudo_header("192.0.2.1", "192.0.2.2", 17, 8) == bytes.fromhex("c0000201 c0000202 0011 0008")
    six = pseudo_header("2001:db8::1", "2001:db8::2", 58, 0x10008)
    assert six[32:] == bytes.fromhex("00010008 0000003a")
    assert len(six) == 40


@given(addresses4, addresses4, addresses6, addresses6, number(8), number(16))
def test_the_cached_sum_is_congruent_to_the_pseudo_header(
    a4: str, b4: str, a6: str, b6: str, protocol: int, length: int
) -> None:
    for a, b in ((a4, b4), (a6, b6)):
        expected = ones_complement_sum(pseudo_header(a, b, protocol, length))
        assert ones_complement_sum(b"", pseudo_sum(a, b, protocol, length)) == expected


def test_addresses_of_two_families_have_no_pseudo_header() -> None:
    with pytest.raises(UsageError, match="same IP version"):
        pseudo_header("192.0.2.1", "2001:db8::1", 17, 8)
