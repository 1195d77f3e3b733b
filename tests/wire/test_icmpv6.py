from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError, UsageError
from netlab.wire import IPv6, icmpv6
from netlab.wire.checksum import ones_complement_sum, pseudo_header
from netlab.wire.extensions import MplsLabel, MplsStack
from tests.wire import golden, strategies

ENDS = ("2001:db8::1", "2001:db8::2")


def test_an_echo_request_from_ping() -> None:
    packet = IPv6.parse(golden.ECHO_REQUEST_6)
    message = icmpv6.parse(packet.payload, packet.source, packet.destination)
    assert message == icmpv6.EchoRequest(0x34E9, 1, packet.payload[8:])
    assert message.to_bytes(packet.source, packet.destination) == packet.payload
    assert (message.type, message.code, icmpv6.EchoReply(1, 1).type) == (128, 0, 129)


def test_a_time_exceeded_from_a_router_quotes_the_whole_probe() -> None:
    message = icmpv6.parse(golden.TIME_EXCEEDED_6[40:], golden.ROUTER6, golden.HOST6)
    assert message == icmpv6.TimeExceeded(icmpv6.HOP_LIMIT_EXCEEDED, golden.ECHO_REQUEST_6)
    assert message.to_bytes(golden.ROUTER6, golden.HOST6) == golden.TIME_EXCEEDED_6[40:]


def test_a_type_that_is_not_known_is_a_value() -> None:
    packet = IPv6.parse(golden.NEIGHBOR_SOLICITATION)
    message = icmpv6.parse(packet.payload, packet.source, packet.destination)
    assert message == icmpv6.Unknown(135, 0, packet.payload[4:])
    assert message.to_bytes(packet.source, packet.destination) == packet.payload


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("01 04 0000 00000000", icmpv6.DestinationUnreachable(4, b"", checksum=0)),
        ("01 04 0000 09aabbcc", icmpv6.DestinationUnreachable(4, b"", (), 0, 9, 0xAABBCC)),
        ("02 00 0000 00000578", icmpv6.PacketTooBig(1400, b"", checksum=0)),
        ("03 01 0000 00000000 45", icmpv6.TimeExceeded(1, b"\x45", checksum=0)),
        ("04 01 0000 00000006", icmpv6.ParameterProblem(1, 6, b"", checksum=0)),
        (
            "89 00 0000 00000000 20010db8000000000000000000000001 20010db8000000000000000000000002 0101",
            icmpv6.Redirect("2001:db8::1", "2001:db8::2", b"\x01\x01", checksum=0),
        ),
    ],
)
def test_these_bytes_are_these_values(data: str, message: icmpv6.Message) -> None:
    assert icmpv6.parse(bytes.fromhex(data), *ENDS) == message
    assert message.to_bytes(*ENDS) == bytes.fromhex(data)


@given(strategies.messages6)
def test_what_is_written_is_read_again(message: icmpv6.Message) -> None:
    data = message.to_bytes(*ENDS)
    assert icmpv6.parse(data, *ENDS) == message
    assert ones_complement_sum(pseudo_header(*ENDS, 58, len(data)) + data) == 0xFFFF


@given(strategies.messages6, strategies.number(16))
def test_a_wrong_checksum_is_kept_and_written_again(message: icmpv6.Message, checksum: int) -> None:
    data = replace(message, checksum=checksum).to_bytes(*ENDS)
    found = icmpv6.parse(data, *ENDS)
    assert found.checksum in (None, checksum)
    if found.checksum is not None:
        assert found.to_bytes(*ENDS) == data


def test_the_checksum_covers_the_addresses() -> None:
    data = golden.ECHO_REQUEST_6[40:]
    assert icmpv6.parse(data, golden.HOST6, golden.TARGET6).checksum is None
    assert icmpv6.parse(data, golden.HOST6, golden.ROUTER6).checksum == 0xE713


known = st.sampled_from([1, 2, 3, 4, 128, 129, 137]).flatmap(
    lambda kind: st.binary(max_size=200).map(lambda data: bytes([kind]) + data)
)


@given(st.binary(max_size=40) | known, st.booleans())
def test_any_bytes_are_a_message_or_a_packet_error(data: bytes, quoted: bool) -> None:
    try:
        message = icmpv6.parse(data, *ENDS, quoted)
    except PacketError:
        return
    if message.checksum is not None:
        assert message.to_bytes(*ENDS) == data


def test_a_quoted_message_keeps_its_checksum_and_may_be_cut_short() -> None:
    quote = icmpv6.parse(golden.ECHO_REQUEST_6[40:48], *ENDS, quoted=True)
    assert quote == icmpv6.EchoRequest(0x34E9, 1, checksum=0xE713)
    assert icmpv6.parse(b"\x89\0\0\0" + bytes(8), *ENDS, quoted=True) == icmpv6.Unknown(137, 0, bytes(8), 0)


@pytest.mark.parametrize(("data", "said"), [(b"", "needs 4"), (b"\x80" * 7, "needs 8"), (b"\x89" * 39, "needs 40")])
def test_what_is_wrong_with_the_bytes_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=f"^ICMPv6 at byte 0: {said} bytes, got {len(data)}"):
        icmpv6.parse(data, *ENDS)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (icmpv6.EchoRequest(65536, 1), "identifier"),
        (icmpv6.PacketTooBig(1 << 32, b""), "mtu"),
        (icmpv6.ParameterProblem(0, -1, b""), "pointer"),
        (icmpv6.ParameterProblem(0, 0, b"", (MplsStack((MplsLabel(1),)),)), "extensions"),
        (icmpv6.TimeExceeded(0, b"", unused=1 << 24), "unused"),
        (icmpv6.TimeExceeded(0, b"", length_words=256), "length_words"),
        (icmpv6.Redirect("192.0.2.1", "::1"), "address"),
        (icmpv6.Unknown(0, 256), "code"),
    ],
)
def test_a_value_that_does_not_fit_is_named(message: icmpv6.Message, field: str) -> None:
    with pytest.raises(UsageError, match=f"^{field}="):
        message.to_bytes(*ENDS)
