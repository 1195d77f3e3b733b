from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.wire import TCP, UDP, Fragment, IPv4, IPv6, fields, icmpv4, icmpv6, pcapng
from netlab.wire.extensions import InterfaceInformation, MplsLabel, MplsStack, UnknownObject
from tests.wire import golden, strategies

COLUMNS = ["layer", "offset", "bits", "field", "value", "meaning", "defined_in"]
FOUR = ("192.0.2.1", "192.0.2.2")
SIX = ("2001:db8::1", "2001:db8::2")
STACK = MplsStack((MplsLabel(24001, 0, False, 7), MplsLabel(32, 5, True, 1)))
INTERFACE = InterfaceInformation(2, 7, "192.0.2.1", "eth0", 1500)


def check_cover(data: bytes) -> list[dict[str, object]]:
    """Every bit of the packet is in exactly one row, in order."""
    rows, at = fields(data), 0
    for row in rows:
        assert list(row) == COLUMNS
        first, last = map(int, str(row["bits"]).split("-"))
        assert 0 <= first <= 7 and int(str(row["offset"])) * 8 + first == at
        at += last - first + 1
    assert at == len(data) * 8
    return rows


def row(data: bytes, layer: str, field: str, number: int = 0) -> dict[str, object]:
    return [each for each in check_cover(data) if (each["layer"], each["field"]) == (layer, field)][number]


def meaning(data: bytes, layer: str, field: str) -> object:
    return row(data, layer, field)["meaning"]


def four(protocol: int, payload: bytes, **more: object) -> bytes:
    return IPv4(*FOUR, protocol, payload, **more).to_bytes()  # type: ignore[arg-type]


def six(next_header: int, payload: bytes) -> bytes:
    return IPv6(*SIX, next_header, payload).to_bytes()


def test_the_map_of_an_echo_request() -> None:
    rows = check_cover(golden.ECHO_REQUEST)
    assert [(each["layer"], each["offset"], each["bits"], each["field"], each["value"]) for each in rows] == [
        ("IPv4", 0, "0-3", "version", 4),
        ("IPv4", 0, "4-7", "header length", 5),
        ("IPv4", 1, "0-5", "DSCP", 0),
        ("IPv4", 1, "6-7", "ECN", 0),
        ("IPv4", 2, "0-15", "total length", 44),
        ("IPv4", 4, "0-15", "identification", 0xCBED),
        ("IPv4", 6, "0-0", "reserved flag", 0),
        ("IPv4", 6, "1-1", "don't fragment", 1),
        ("IPv4", 6, "2-2", "more fragments", 0),
        ("IPv4", 6, "3-15", "fragment offset", 0),
        ("IPv4", 8, "0-7", "ttl", 1),
        ("IPv4", 9, "0-7", "protocol", 1),
        ("IPv4", 10, "0-15", "header checksum", 0xAF88),
        ("IPv4", 12, "0-31", "source", "192.0.2.10"),
        ("IPv4", 16, "0-31", "destination", "203.0.113.80"),
        ("ICMP", 20, "0-7", "type", 8),
        ("ICMP", 21, "0-7", "code", 0),
        ("ICMP", 22, "0-15", "checksum", 0x0A9A),
        ("ICMP", 24, "0-15", "identifier", 0x34E8),
        ("ICMP", 26, "0-15", "sequence", 1),
        ("ICMP", 28, "0-127", "payload", golden.PING_PAYLOAD),
    ]
    said = {each["field"]: (each["meaning"], each["defined_in"]) for each in rows}
    assert said["ttl"] == ("time to live: the next router drops it", "RFC 791 section 3.1")
    assert said["type"] == ("echo request", "RFC 792, Echo or Echo Reply")
    assert said["checksum"] == ("correct", "RFC 792")
    assert said["payload"] == ("16 bytes", "RFC 792, Echo or Echo Reply")


def test_a_quote_and_its_extensions_are_taken_apart() -> None:
    extensions = (STACK, INTERFACE, UnknownObject(3, 1, b"eth0"))
    data = four(1, icmpv4.TimeExceeded(0, golden.ECHO_REQUEST, extensions).to_bytes())
    layers = list(dict.fromkeys(each["layer"] for each in check_cover(data)))
    assert layers == ["IPv4", "ICMP", "quoted IPv4", "quoted ICMP", "quoted", "ICMP extensions", "MPLS label"]
    assert row(data, "quoted IPv4", "ttl")["offset"] == 28 + 8
    assert row(data, "quoted ICMP", "sequence")["value"] == 1
    assert row(data, "quoted", "padding")["bits"] == f"0-{(128 - 44) * 8 - 1}"
    assert (row(data, "ICMP extensions", "version")["offset"], meaning(data, "ICMP extensions", "checksum")) == (
        28 + 128,
        "correct",
    )
    assert [row(data, "MPLS label", "label", each)["value"] for each in (0, 1)] == [24001, 32]
    assert row(data, "MPLS label", "label ttl", 1)["meaning"] == "time to live of the label: 1"
    assert row(data, "ICMP extensions", "interface address")["value"] == "192.0.2.1"
    assert row(data, "ICMP extensions", "interface name")["value"] == "eth0"
    assert meaning(data, "ICMP extensions", "role") == "the interface through which it would have left"
    assert row(data, "ICMP extensions", "data")["value"] == b"eth0"


def test_a_quote_that_is_cut_short_says_so() -> None:
    data = golden.FRAGMENTATION_NEEDED
    assert meaning(data, "ICMP", "next-hop mtu") == "the next link takes 1400 bytes"
    assert meaning(data, "quoted IPv4", "total length") == "1428 bytes, of which 548 are here"
    assert meaning(data, "quoted IPv4", "header checksum") == "correct"
    assert meaning(data, "quoted ICMP", "checksum") == "cannot be checked: not all that it covers is here"
    eight = icmpv4.TimeExceeded(0, four(6, TCP(1, 2, 3).to_bytes(*FOUR))[:28]).to_bytes()
    assert row(four(1, eight), "quoted TCP", "sequence")["value"] == 3
    seven = icmpv4.TimeExceeded(0, four(6, TCP(1, 2, 3).to_bytes(*FOUR))[:27]).to_bytes()
    assert meaning(four(1, seven), "quoted TCP", "cut short") == "the sequence does not fit"


def test_a_quote_within_a_quote_stays_whole() -> None:
    inner = icmpv4.TimeExceeded(0, golden.ECHO_REQUEST).to_bytes()
    data = four(1, icmpv4.TimeExceeded(0, four(1, inner)).to_bytes())
    assert row(data, "quoted ICMP", "body")["value"] == golden.ECHO_REQUEST


@pytest.mark.parametrize(
    ("data", "layer", "field", "said"),
    [
        (golden.ECHO_REQUEST[:22] + b"\0\0" + golden.ECHO_REQUEST[24:], "ICMP", "checksum", "wrong, should be 0x0a9a"),
        (four(17, b"", checksum=0x1234), "IPv4", "header checksum", "wrong, should be 0xf6d5"),
        (four(17, UDP(1, 2, checksum=0).to_bytes(*FOUR)), "UDP", "checksum", "none computed"),
        (six(17, UDP(1, 2, checksum=0).to_bytes(*SIX)), "UDP", "checksum", "none: not allowed over IPv6"),
        (four(17, UDP(1, 2, checksum=1).to_bytes(*FOUR)), "UDP", "checksum", "wrong, should be 0x7bd7"),
        (golden.TCP_RESET, "TCP", "checksum", "correct"),
        (golden.TCP_RESET, "TCP", "RST", "set"),
        (golden.TCP_SYN_6, "TCP", "option: maximum segment size", "65476"),
        (golden.TCP_SYN_6, "TCP", "acknowledgment", "no meaning without the ACK flag"),
        (golden.ECHO_REQUEST_6, "ICMPv6", "checksum", "correct"),
        (golden.ECHO_REQUEST_6, "IPv6", "hop limit", "hop limit: the next router drops it"),
        (golden.TIME_EXCEEDED_6, "IPv6", "hop limit", "hop limit: may pass 63 more routers"),
        (golden.TIME_EXCEEDED, "IPv4", "DSCP", "CS6: class selector"),
        (golden.ECHO_REQUEST + b"\0\0", "link", "padding", "after the end of the packet"),
        (golden.ECHO_REQUEST[:30], "IPv4", "total length", "44 bytes, of which 30 are here"),
        (golden.ECHO_REQUEST[:11], "IPv4", "cut short", "the header checksum does not fit"),
        (b"\x50\x00", "unknown", "bytes", "IP version 5 does not exist"),
        (b"\x43" + golden.ECHO_REQUEST[1:], "IPv4", "header length", "less than 5 words: cannot be"),
        (four(253, b"abc"), "protocol 253", "payload", "not taken apart"),
        (four(17, bytes(8), fragment_offset=8), "IPv4", "payload", "the middle or the end of a larger packet"),
        (four(17, UDP(1, 33436).to_bytes(*FOUR)), "UDP", "destination port", "traceroute's port 2"),
        (four(17, UDP(1, 2).to_bytes(*FOUR) + b"x"), "UDP", "surplus", "after the end of the datagram"),
        (four(1, b"\x0d\0\0\0" + bytes(16)), "ICMP", "originate timestamp", "00:00:00.000 UT"),
        (four(1, b"\x05\1\0\0" + bytes(4)), "ICMP", "code", "for the host"),
        (four(1, bytes(8), options=b"\x94\x04\0\0"), "IPv4", "option: router alert", "0"),
        (four(1, bytes(8), options=b"\x07\x02\x44\x63"), "IPv4", "options", "not taken apart"),
        (six(44, Fragment(17, bytes(8), 8).to_bytes()), "IPv6 Fragment", "fragment offset",
         "1 unit of 8 bytes: byte 8 of the packet"),
        (six(0, b"\x3a\0" + bytes(6)), "IPv6 Hop-by-Hop Options", "header length", "8 bytes in all"),
        (six(58, icmpv6.PacketTooBig(1280, b"").to_bytes(*SIX)), "ICMPv6", "mtu", "the next link takes 1280 bytes"),
        (six(58, icmpv6.Redirect("fe80::1", "fe80::2").to_bytes(*SIX)), "ICMPv6", "target", "the better first hop"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)  # fmt: skip
def test_what_a_field_means_is_said(data: bytes, layer: str, field: str, said: str) -> None:
    assert meaning(data, layer, field) == said


def test_every_row_of_a_known_packet_says_where_it_is_defined() -> None:
    for data in golden.WHOLE.values():
        assert all(str(each["defined_in"]).startswith("RFC ") for each in check_cover(data))


def test_no_bytes_have_no_rows() -> None:
    assert fields(b"") == []


packets = st.one_of(
    st.binary(max_size=120),
    st.sampled_from([*golden.WHOLE.values(), pcapng.to_pcapng([(1, golden.ECHO_REQUEST)])]),
    st.builds(lambda message: four(1, message.to_bytes()), strategies.messages4),
    st.builds(lambda message: six(58, message.to_bytes(*SIX)), strategies.messages6),
    st.builds(lambda segment: six(6, segment.to_bytes(*SIX)), strategies.tcp),
    st.builds(lambda datagram: four(17, datagram.to_bytes(*FOUR)), strategies.udp),
    st.builds(lambda fragment: six(44, fragment.to_bytes()), strategies.fragment),
    strategies.originals4,
    strategies.originals6,
)


@given(
    packets, st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=2)), max_size=4), st.integers(0, 9)
)
def test_every_bit_of_any_bytes_is_in_exactly_one_row(data: bytes, faults: list[tuple[int, bytes]], cut: int) -> None:
    for place, bad in faults:
        data = data[:place] + bad + data[place + len(bad) :]
    check_cover(data)
    check_cover(data[: len(data) * cut // 9])
