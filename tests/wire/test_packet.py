from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import wire
from netlab.errors import PacketError
from netlab.wire import TCP, UDP, Fragment, IPv4, IPv6, icmpv4, icmpv6, packet
from netlab.wire.extensions import InterfaceInformation, MplsLabel, MplsStack
from tests.wire import golden, strategies


@pytest.mark.parametrize("data", golden.WHOLE.values(), ids=golden.WHOLE)
def test_packets_from_a_kernel_are_written_again_byte_for_byte(data: bytes) -> None:
    found = wire.parse(data)
    assert found.to_bytes() == data
    message = wire.transport(found)
    assert message is not None
    if isinstance(message, UDP | TCP) or isinstance(found, IPv6):
        again = message.to_bytes(found.source, found.destination)  # type: ignore[call-arg]
    else:
        again = message.to_bytes()  # type: ignore[call-arg]
    assert again == found.payload


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("echo request", "192.0.2.10 > 203.0.113.80 ICMP echo request id=13544 seq=1 ttl=1"),
        (
            "time exceeded",
            "192.0.2.1 > 192.0.2.10 ICMP time exceeded (ttl exceeded in transit) about ICMP to 203.0.113.80 ttl=64",
        ),
        (
            "fragmentation needed",
            "192.0.2.1 > 192.0.2.10 ICMP destination unreachable (fragmentation needed) mtu=1400 "
            "about ICMP to 203.0.113.80 ttl=64",
        ),
        ("echo request, v6", "2001:db8:1::10 > 2001:db8:3::80 ICMPv6 echo request id=13545 seq=1 ttl=1"),
        ("neighbor solicitation", "fe80::c896:f7ff:fe12:9020 > 2001:db8:1::10 ICMPv6 neighbor solicitation ttl=255"),
        ("udp, checksum unfinished", "127.0.0.1 > 127.0.0.1 UDP 40001 > 33434 length=6 bad-checksum ttl=64"),
        ("tcp reset", "127.0.0.1 > 127.0.0.1 TCP 33435 > 40002 RST,ACK seq=0 ack=1868987110 length=0 ttl=64"),
        ("tcp syn, v6", "::1 > ::1 TCP 40002 > 33435 SYN seq=1781002967 length=0 bad-checksum ttl=64"),
    ],
)
def test_a_summary_is_one_line(name: str, line: str) -> None:
    assert wire.summary(golden.WHOLE[name]) == line


def test_a_summary_shows_extensions_fragments_and_what_is_unknown() -> None:
    extensions = (MplsStack((MplsLabel(24001),)), InterfaceInformation(name="eth0"))
    error = icmpv4.TimeExceeded(0, golden.ECHO_REQUEST, extensions).to_bytes()
    assert "[24001/0/1/1] [incoming eth0]" in wire.summary(IPv4("192.0.2.1", "192.0.2.2", 1, error).to_bytes())
    later = IPv4("192.0.2.1", "192.0.2.2", 17, bytes(16), fragment_offset=1480)
    assert wire.summary(later.to_bytes()) == "192.0.2.1 > 192.0.2.2 UDP fragment offset=1480 length=16 ttl=64"
    later6 = IPv6("::1", "::2", 44, Fragment(17, bytes(16), fragment_offset=1232).to_bytes())
    assert wire.summary(later6.to_bytes()) == "::1 > ::2 UDP fragment offset=1232 length=16 ttl=64"
    assert wire.summary(IPv4("192.0.2.1", "192.0.2.2", 253, b"abc").to_bytes()).endswith("protocol 253 length=3 ttl=64")
    assert wire.summary(IPv4("192.0.2.1", "192.0.2.2", 1, b"\x08", checksum=7).to_bytes()).endswith("bad-checksum")
    assert wire.summary(b"") == "not an IP packet (IP at byte 0: needs 20 bytes, got 0)"
    no_checksum = UDP(1, 2, checksum=0).to_bytes("192.0.2.1", "192.0.2.2")
    assert "bad" not in wire.summary(IPv4("192.0.2.1", "192.0.2.2", 17, no_checksum).to_bytes())
    assert "bad" in wire.summary(IPv6("::1", "::2", 17, no_checksum).to_bytes())


@given(
    st.binary(max_size=100) | st.sampled_from(list(golden.WHOLE.values())), st.integers(0, 100), st.binary(max_size=3)
)
def test_a_summary_never_raises(data: bytes, place: int, changed: bytes) -> None:
    assert wire.summary(data[:place] + changed + data[place + len(changed) :])
    assert wire.summary(data[:place])


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_a_packet_or_a_packet_error(data: bytes, quoted: bool) -> None:
    try:
        wire.transport(packet.parse(data, quoted))
    except PacketError:
        pass


def test_no_version_but_four_and_six() -> None:
    with pytest.raises(PacketError, match="version is 5, neither 4 nor 6"):
        wire.parse(b"\x50" + bytes(40))
    with pytest.raises(PacketError, match="IP at byte 0"):
        wire.parse(b"")


@given(strategies.messages4, strategies.messages6, strategies.udp, strategies.tcp)
def test_transport_reads_what_the_packet_carries(
    message4: icmpv4.Message, message6: icmpv6.Message, datagram: UDP, segment: TCP
) -> None:
    four, six = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")
    assert wire.transport(IPv4(*four, 1, message4.to_bytes())) == message4
    assert wire.transport(IPv6(*six, 58, message6.to_bytes(*six))) == message6
    assert wire.transport(IPv4(*four, 17, datagram.to_bytes(*four))) == datagram
    assert wire.transport(IPv6(*six, 6, segment.to_bytes(*six))) == segment


def test_there_is_no_transport_in_later_fragments_and_unknown_protocols() -> None:
    assert wire.transport(IPv4("192.0.2.1", "192.0.2.2", 17, bytes(8), fragment_offset=8)) is None
    assert wire.transport(IPv4("192.0.2.1", "192.0.2.2", 58, bytes(8))) is None
    assert wire.transport(IPv6("::1", "::2", 1, bytes(8))) is None
    assert wire.transport(IPv6("::1", "::2", 44, Fragment(17, bytes(8), fragment_offset=8).to_bytes())) is None


def test_a_first_fragment_is_read_as_a_quote_is() -> None:
    whole = UDP(1, 2, bytes(100)).to_bytes("192.0.2.1", "192.0.2.2")
    first = wire.transport(IPv4("192.0.2.1", "192.0.2.2", 17, whole[:48], more_fragments=True))
    assert first == UDP(1, 2, bytes(40), length=108, checksum=int.from_bytes(whole[6:8], "big"))
    first6 = IPv6("::1", "::2", 44, Fragment(17, whole[:48], more_fragments=True).to_bytes())
    assert wire.transport(first6) == first


def test_what_is_not_what_it_claims_is_a_packet_error() -> None:
    with pytest.raises(PacketError, match="UDP"):
        wire.transport(IPv4("192.0.2.1", "192.0.2.2", 17, bytes(7)))


def test_the_quoted_probe_is_found_in_an_error() -> None:
    error = wire.transport(wire.parse(golden.TIME_EXCEEDED_6))
    assert isinstance(error, icmpv6.TimeExceeded)
    probe = wire.transport(packet.parse(error.original, quoted=True), quoted=True)
    assert isinstance(probe, icmpv6.EchoRequest)
    assert (probe.identifier, probe.sequence) == (0x34E9, 1)
