from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError, UsageError
from netlab.wire import TCP
from netlab.wire.checksum import ones_complement_sum, pseudo_header
from tests.wire import golden, strategies

FOUR = ("192.0.2.1", "192.0.2.2")
SIX = ("2001:db8::1", "2001:db8::2")
either = st.sampled_from([FOUR, SIX])


def test_a_reset_from_a_kernel_is_read_field_by_field() -> None:
    found = TCP.parse(golden.TCP_RESET[20:], "127.0.0.1", "127.0.0.1")
    assert found == TCP(33435, 40002, 0, 0x6F667AE6, TCP.RST | TCP.ACK, window=0)
    assert found.to_bytes("127.0.0.1", "127.0.0.1") == golden.TCP_RESET[20:]


def test_a_syn_with_options_is_read_field_by_field() -> None:
    data = golden.TCP_SYN_6[40:]
    found = TCP.parse(data, "::1", "::1")
    assert (found.sequence, found.flags, found.window) == (0x6A27F2D7, TCP.SYN, 65476)
    assert found.options == data[20:] and found.payload == b""
    assert found.checksum == 0x0030  # left to the hardware
    assert found.to_bytes("::1", "::1") == data


@given(strategies.tcp, either)
def test_what_is_written_is_read_again(segment: TCP, ends: tuple[str, str]) -> None:
    data = segment.to_bytes(*ends)
    assert TCP.parse(data, *ends) == segment
    assert ones_complement_sum(pseudo_header(*ends, 6, len(data)) + data) == 0xFFFF


@given(st.binary(max_size=70), either, st.booleans())
def test_any_bytes_are_a_segment_or_a_packet_error(data: bytes, ends: tuple[str, str], quoted: bool) -> None:
    try:
        segment = TCP.parse(data, *ends, quoted)
    except PacketError:
        return
    if len(data) >= 20 and segment.checksum is not None:
        assert segment.to_bytes(*ends) == data


@given(strategies.tcp, st.integers(8, 20))
def test_a_quote_of_eight_bytes_has_ports_and_sequence(segment: TCP, size: int) -> None:
    found = TCP.parse(segment.to_bytes(*FOUR)[:size], *FOUR, quoted=True)
    assert (found.source_port, found.destination_port) == (segment.source_port, segment.destination_port)
    assert found.sequence == segment.sequence
    assert found.acknowledgment in (0, segment.acknowledgment)
    assert found.flags == (segment.flags if size >= 14 else 0)
    assert (found.checksum is None) == (size < 18)


def test_a_quote_cut_within_the_options_is_written_again_as_it_was() -> None:
    data = golden.TCP_SYN_6[40:70]
    found = TCP.parse(data, "::1", "::1", quoted=True)
    assert (found.data_offset, len(found.options)) == (10, 10)
    assert found.to_bytes("::1", "::1") == data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes(19), "TCP at byte 0: needs 20 bytes, got 19"),
        (bytes(20), "data offset 0 is less than 5 words"),
        (bytes(12) + b"\x60" + bytes(7), "TCP at byte 20: needs 24 bytes, got 20"),
    ],
)
def test_what_is_wrong_with_the_bytes_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=said):
        TCP.parse(data, *FOUR)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_port", 65536),
        ("sequence", 1 << 32),
        ("acknowledgment", -1),
        ("flags", 256),
        ("window", 65536),
        ("urgent", 65536),
        ("checksum", 65536),
        ("reserved", 16),
        ("options", bytes(41)),
    ],
)
def test_a_value_that_does_not_fit_is_named(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^{field}="):
        replace(TCP(1, 2), **{field: value}).to_bytes(*FOUR)


def test_options_are_filled_up_to_whole_words() -> None:
    assert TCP.parse(TCP(1, 2, options=b"\x03\x03\x0a").to_bytes(*FOUR), *FOUR).options == b"\x03\x03\x0a\0"
