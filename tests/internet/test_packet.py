"""Packets in flight: what is read from the header, what makes a packet one to look at closely, and the lazy bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError
from netlab.internet.packet import Packet, is_link_local, is_loopback, is_multicast
from netlab.wire.addresses import to_packed
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import IPv6
from tests.internet.engine_worlds import echo, ip, udp

V4, V6 = ("10.0.0.1", "10.0.1.2"), ("2001:db8::1", "2001:db8:1::2")


@pytest.mark.parametrize("pair", [V4, V6])
def test_what_is_read(pair: tuple[str, str]) -> None:
    packet = Packet(udp(*pair, 9, ttl=7), 3, 2)
    assert (packet.source, packet.destination) == tuple(map(to_packed, pair))
    assert packet.key == packet.destination
    assert (packet.ttl, packet.protocol, packet.size, packet.number, packet.parent) == (7, 17, len(packet.raw), 3, 2)
    assert packet.offset == (20 if pair is V4 else 40)
    assert not packet.fault


@given(st.sampled_from((V4, V6)), st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 255))
def test_bytes_at_another_ttl_are_those_of_a_packet_built_with_it(
    pair: tuple[str, str], ttl: int, later: int, identification: int, protocol: int
) -> None:
    header = {"identification": identification} if pair is V4 else {}
    raw = ip(*pair, protocol, b"payload", ttl=ttl, **header)
    assert Packet(raw, 1).at(later) == ip(*pair, protocol, b"payload", ttl=later, **header)
    assert Packet(raw, 1).at(ttl) is raw


def test_a_wrong_checksum_stays_wrong() -> None:
    for wrong in range(0, 0x10000, 257):
        raw = echo(*V4, checksum=wrong)
        right = IPv4.parse(raw).checksum is None
        assert (IPv4.parse(Packet(raw, 1).at(3)).checksum is None) == right


@pytest.mark.parametrize(("first", "length", "fault"), [
    (0x45, 84, ""),
    (0x44, 84, "bad header length"),
    (0x41, 84, "bad header length"),
    (0x45, 19, "bad total length"),
    (0x45, 85, "truncated"),
    (0x4F, 84, ""),
])  # fmt: skip
def test_faults_of_ipv4_headers(first: int, length: int, fault: str) -> None:
    raw = bytearray(echo(*V4))
    raw[0], raw[2:4], raw[10:12] = first, struct.pack("!H", length), b"\0\0"
    total = sum(struct.unpack(f"!{(first & 15) * 2}H", raw[: (first & 15) * 4]))
    total = (total & 0xFFFF) + (total >> 16)
    raw[10:12] = struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    if (first & 15) * 4 <= 10:
        fault = "bad IPv4 header checksum"  # the checksum itself is not in such a header
    packet = Packet(bytes(raw), 1)
    assert packet.fault == fault
    assert (packet.key is None) == (first != 0x45 or bool(fault))


def test_padding_of_the_link_layer_is_cut_off() -> None:
    assert Packet(echo(*V4) + bytes(9), 1).raw == echo(*V4)
    assert Packet(echo(*V6) + bytes(9), 1).raw == echo(*V6)


def test_shortened_ipv6_packet() -> None:
    assert Packet(echo(*V6)[:-1], 1).fault == "truncated"


@pytest.mark.parametrize(
    "raw", [b"", b"\x45", bytes(60), b"\x45" + bytes(18), b"\x60" + bytes(38), b"\x75" + bytes(60)]
)
def test_bytes_that_are_no_packet(raw: bytes) -> None:
    with pytest.raises(PacketError):
        Packet(raw, 1)


@pytest.mark.parametrize(("source", "fault", "close"), [
    ("10.0.0.1", "", False),
    ("0.0.0.0", "martian source", True),
    ("127.0.0.1", "martian source", True),
    ("224.0.0.1", "martian source", True),
    ("255.255.255.255", "martian source", True),
    ("240.0.0.1", "martian source", True),
    ("169.254.1.1", "", True),
    ("2001:db8::1", "", False),
    ("::", "martian source", True),
    ("::1", "martian source", True),
    ("ff02::1", "martian source", True),
    ("fe80::1", "", True),
])  # fmt: skip
def test_sources(source: str, fault: str, close: bool) -> None:
    packet = Packet(ip(source, V6[1] if ":" in source else V4[1], 17, b""), 1)
    assert (packet.fault, packet.key is None) == (fault, close)


def test_options_and_hop_by_hop_headers_are_looked_at_closely() -> None:
    assert Packet(udp(*V4, 9, options=b"\x01\x01\x01\x01"), 1).key is None
    assert Packet(ip(*V6, 0, b"\x11\0\x01\x04\0\0\0\0"), 1).key is None
    assert Packet(ip(*V6, 60, b"\x11\0\x01\x04\0\0\0\0"), 1).key is not None


def test_kinds_of_addresses() -> None:
    assert all(is_multicast(to_packed(each)) for each in ("224.0.0.1", "239.1.1.1", "255.255.255.255", "ff02::1"))
    assert not any(is_multicast(to_packed(each)) for each in ("240.0.0.1", "10.0.0.1", "fe80::1"))
    assert is_loopback(to_packed("127.9.9.9")) and is_loopback(to_packed("::1"))
    assert is_link_local(to_packed("fe80::1")) and is_link_local(to_packed("febf::1"))
    assert not is_link_local(to_packed("fec0::1")) and is_link_local(to_packed("169.254.3.3"))


def test_fragment_fields() -> None:
    packet = Packet(ip(*V4, 17, bytes(8), fragment_offset=1480, more_fragments=True), 1)
    assert (packet.is_fragment, packet.fragment_offset, packet.dont_fragment) == (True, 1480, False)
    packet = Packet(echo(*V4, dont_fragment=True), 1)
    assert (packet.is_fragment, packet.fragment_offset, packet.dont_fragment) == (False, 0, True)
    assert Packet(echo(*V6), 1).dont_fragment
    assert Packet(ip(*V4, 17, bytes(8), reserved_flag=True), 1).is_fragment is False


def test_a_copy_is_as_the_packet_is_now() -> None:
    packet = Packet(echo(*V6, ttl=9), 4, 2)
    packet.ttl, packet.whole = 5, 1
    copy = packet.copy(number=7)
    assert IPv6.parse(copy.raw).hop_limit == copy.ttl == 5
    assert (copy.number, copy.parent, copy.whole) == (7, 2, 1)
