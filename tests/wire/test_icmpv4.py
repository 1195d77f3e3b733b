from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError, UsageError
from netlab.wire import IPv4, icmpv4
from netlab.wire.checksum import ones_complement_sum
from netlab.wire.extensions import MplsLabel, MplsStack
from tests.wire import golden, strategies


def test_an_echo_request_from_ping() -> None:
    message = icmpv4.EchoRequest(0x34E8, 1, golden.PING_PAYLOAD)
    assert icmpv4.parse(golden.ECHO_REQUEST[20:]) == message
    assert message.to_bytes() == golden.ECHO_REQUEST[20:]
    assert (message.type, message.code, icmpv4.EchoReply(1, 1).type) == (8, 0, 0)


def test_a_time_exceeded_from_a_router_quotes_the_whole_probe() -> None:
    message = icmpv4.parse(golden.TIME_EXCEEDED[20:])
    assert message == icmpv4.TimeExceeded(icmpv4.TTL_EXCEEDED, golden.ECHO_REQUEST)
    assert message.to_bytes() == golden.TIME_EXCEEDED[20:]


def test_fragmentation_needed_tells_the_mtu_and_quotes_as_much_as_fits() -> None:
    message = icmpv4.parse(golden.FRAGMENTATION_NEEDED[20:])
    assert isinstance(message, icmpv4.DestinationUnreachable)
    assert (message.code, message.mtu, message.checksum) == (icmpv4.FRAGMENTATION_NEEDED, 1400, None)
    quote = IPv4.parse(message.original, quoted=True)
    assert (quote.total_length, len(message.original)) == (1428, 548)
    assert message.to_bytes() == golden.FRAGMENTATION_NEEDED[20:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("05 01 78fb c0000201", icmpv4.Redirect(1, "192.0.2.1", b"", checksum=0x78FB)),
        ("0c 00 0000 14000000", icmpv4.ParameterProblem(0, 20, b"", checksum=0)),
        (
            "0d 00 f0fb 0001 0002 00000003 00000000 00000000",
            icmpv4.TimestampRequest(1, 2, 3, checksum=0xF0FB),
        ),
        ("0e 00 0000 0001 0002 00000003 00000004 00000005", icmpv4.TimestampReply(1, 2, 3, 4, 5, checksum=0)),
        ("2a 07 0000 0102", icmpv4.Unknown(42, 7, b"\x01\x02", checksum=0)),
        ("0b 01 0000 aa00bbcc", icmpv4.TimeExceeded(1, b"", checksum=0, unused=0xAA00BBCC)),
        ("03 03 0000 00050000", icmpv4.DestinationUnreachable(3, b"", checksum=0, length_words=5)),
        ("08 09 0000 00010002", icmpv4.EchoRequest(1, 2, b"", checksum=0, code=9)),
    ],
)
def test_these_bytes_are_these_values(data: str, message: icmpv4.Message) -> None:
    assert icmpv4.parse(bytes.fromhex(data)) == message
    assert message.to_bytes() == bytes.fromhex(data)


@given(strategies.messages4)
def test_what_is_written_is_read_again(message: icmpv4.Message) -> None:
    data = message.to_bytes()
    assert icmpv4.parse(data) == message
    assert ones_complement_sum(data) == 0xFFFF


@given(strategies.messages4, strategies.number(16))
def test_a_wrong_checksum_is_kept_and_written_again(message: icmpv4.Message, checksum: int) -> None:
    data = replace(message, checksum=checksum).to_bytes()
    found = icmpv4.parse(data)
    assert found.checksum in (None, checksum)
    if found.checksum is not None:
        assert found.to_bytes() == data


def test_the_other_zero_is_a_right_checksum_too() -> None:
    """A receiver adds up; 0xFFFF where the sender would have written 0 adds up to all ones as well."""
    zero = icmpv4.EchoRequest(0xF7FF, 0)
    assert zero.to_bytes()[2:4] == b"\0\0"
    assert icmpv4.parse(replace(zero, checksum=0xFFFF).to_bytes()) == zero
    assert icmpv4.parse(bytes(8)).checksum == 0  # all zeros: here only 0xFFFF is right


known = st.sampled_from([0, 3, 5, 8, 11, 12, 13, 14]).flatmap(
    lambda kind: st.binary(max_size=200).map(lambda data: bytes([kind]) + data)
)


@given(st.binary(max_size=40) | known, st.booleans())
def test_any_bytes_are_a_message_or_a_packet_error(data: bytes, quoted: bool) -> None:
    try:
        message = icmpv4.parse(data, quoted)
    except PacketError:
        return
    if message.checksum is not None:
        assert message.to_bytes() == data


def test_a_quoted_message_keeps_its_checksum_and_may_be_cut_short() -> None:
    assert icmpv4.parse(golden.ECHO_REQUEST[20:], quoted=True).checksum == 0x0A9A
    assert icmpv4.parse(golden.ECHO_REQUEST[20:28], quoted=True) == icmpv4.EchoRequest(0x34E8, 1, checksum=0x0A9A)
    assert icmpv4.parse(bytes.fromhex("0d00abcd00010002"), quoted=True) == icmpv4.Unknown(13, 0, b"\0\1\0\2", 0xABCD)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "needs 4 bytes, got 0"),
        ("0800f7", "needs 4 bytes, got 3"),
        ("0800f7ff", "needs 8"),
        ("0d" * 19, "needs 20"),
    ],
)
def test_what_is_wrong_with_the_bytes_is_said(data: str, said: str) -> None:
    with pytest.raises(PacketError, match=f"^ICMP at byte 0: {said}"):
        icmpv4.parse(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (icmpv4.EchoRequest(65536, 1), "identifier"),
        (icmpv4.EchoRequest(1, 65536), "sequence"),
        (icmpv4.EchoReply(1, 1, checksum=-1), "checksum"),
        (icmpv4.TimeExceeded(256, b""), "code"),
        (icmpv4.DestinationUnreachable(4, b"", mtu=65536), "mtu"),
        (icmpv4.ParameterProblem(0, 256, b""), "pointer"),
        (icmpv4.TimestampRequest(1, 1, 1 << 32), "originate"),
        (icmpv4.Redirect(1, "::1", b""), "address"),
        (icmpv4.Unknown(256, 0), "type"),
        (icmpv4.TimeExceeded(0, b"", length_words=256), "length_words"),
        (icmpv4.TimeExceeded(0, bytes(1024), (MplsStack((MplsLabel(1),)),)), "original"),
    ],
)
def test_a_value_that_does_not_fit_is_named(message: icmpv4.Message, field: str) -> None:
    with pytest.raises(UsageError, match=f"^{field}="):
        message.to_bytes()
