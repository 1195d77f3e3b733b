from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import PacketError
from netlab.wire.pcapng import parse, to_pcapng
from tests.support.tools import need
from tests.wire import golden

EPOCH = 1_767_225_600_000_000_000
PACKETS = [
    (EPOCH + 1, golden.ECHO_REQUEST, "sent by the laptop"),
    (EPOCH + 1_500_000_001, golden.TIME_EXCEEDED, ""),
    (EPOCH + 2_000_000_000, golden.ECHO_REQUEST_6, "größer"),
]


def test_the_first_bytes_are_those_of_the_format() -> None:
    data = to_pcapng([(1 << 32 | 2, b"\x45\0\0")], "if")
    assert data == golden.octets(
        """
        0a 0d 0d 0a  1c 00 00 00   # section header block, 28 bytes
        4d 3c 2b 1a  01 00 00 00   # byte-order magic; version 1.0
        ff ff ff ff ff ff ff ff    # section length not known
        1c 00 00 00
        01 00 00 00  28 00 00 00   # interface description block, 40 bytes
        65 00 00 00  00 00 00 00   # link type 101, RAW; reserved; no snap length
        02 00 02 00  69 66 00 00   # if_name "if"
        09 00 01 00  09 00 00 00   # if_tsresol: 10 to the power of -9
        00 00 00 00                # end of options
        28 00 00 00
        06 00 00 00  24 00 00 00   # enhanced packet block, 36 bytes
        00 00 00 00                # interface 0
        01 00 00 00  02 00 00 00   # time, high and low
        03 00 00 00  03 00 00 00   # captured and original length
        45 00 00 00                # the packet, filled up
        24 00 00 00
        """
    )


packets = st.tuples(st.integers(0, (1 << 64) - 1), st.binary(max_size=50), st.text(max_size=20))


@given(st.lists(packets, max_size=5))
def test_what_is_written_is_read_again(written: list[tuple[int, bytes, str]]) -> None:
    assert parse(to_pcapng(written)) == written


def test_a_comment_may_be_missing_and_may_be_too_long_for_the_format() -> None:
    assert parse(to_pcapng([(1, b"abc")])) == [(1, b"abc", "")]
    assert parse(to_pcapng([(1, b"abc", "x" * 70_000)])) == [(1, b"abc", "x" * 65_535)]
    assert parse(to_pcapng([])) == []


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def other_writer(order: str, resolution: bytes, ticks: int, link: int = 101) -> bytes:
    """A file as another program might write it: byte order, clock, unknown blocks and options."""
    section = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack(order + "HH", 9, len(resolution)) + resolution + bytes(-len(resolution) % 4)
    options += struct.pack(order + "HHq", 14, 8, 1000) + struct.pack(order + "HHI", 12, 4, 0x78756E69)
    interface = block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options)
    unknown = block(order, 0x0BAD, b"whatever")
    head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, 3, 1500)
    return section + unknown + interface + block(order, 6, head + b"abc\0")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "ticks", "nanoseconds"),
    [(b"\x06", 1_500_000, 1_500_000_000), (b"\x09", 7, 7), (b"\x83", 12, 1_500_000_000), (b"", 2_000_000, 2 * 10**9)],
)
def test_files_of_other_writers_are_read(order: str, resolution: bytes, ticks: int, nanoseconds: int) -> None:
    assert parse(other_writer(order, resolution, ticks)) == [(1000 * 10**9 + nanoseconds, b"abc", "")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xd4\xc3\xb2\xa1" + bytes(20), "does not begin with a section header block"),
        (b"abc", "needs 12 bytes, got 3"),
        (to_pcapng([])[:-4], "impossible block length"),
        (to_pcapng([(1, b"abc")])[:28] + to_pcapng([(1, b"abc")])[72:], "no interface number 0"),
        (other_writer("<", b"\x06", 1, link=1), "link type 1 has a link-layer header"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0" + bytes(20), "no byte-order magic"),
    ],
)
def test_what_is_wrong_with_the_bytes_is_said(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=said):
        parse(data)


@given(st.binary(max_size=100), st.integers(0, 200), st.binary(max_size=4))
def test_any_bytes_are_packets_or_a_packet_error(data: bytes, place: int, fault: bytes) -> None:
    good = to_pcapng(PACKETS)
    for each in (data, good[:place] + fault + good[place + len(fault) :], good[:place], good[:32] + data):
        try:
            parse(each)
        except PacketError:
            pass


def test_wireshark_reads_times_packets_and_comments(tmp_path: Path) -> None:
    tshark, capinfos = need("tshark", "tshark"), need("capinfos", "wireshark-common")
    path = tmp_path / "netlab.pcapng"
    path.write_bytes(to_pcapng(PACKETS, "laptop"))
    shown = ["frame.time_epoch", "frame.interface_name", "frame.protocols", "frame.comment", "frame.len"]
    command = [tshark, "-n", "-r", str(path), "-T", "fields", "-E", "separator=|"]
    for name in shown:
        command += ["-e", name]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    rows = [line.split("|") for line in output.splitlines()]
    assert [row[1:] for row in rows] == [
        ["laptop", "raw:ip:icmp:data", "sent by the laptop", "44"],
        ["laptop", "raw:ip:icmp:ip:icmp:data", "", "72"],
        ["laptop", "raw:ipv6:icmpv6:data", "größer", "64"],
    ]
    assert [row[0].rstrip("Z").replace("2026-01-01T00:00:", "17672256") for row in rows] == [
        "1767225600.000000001",
        "1767225601.500000001",
        "1767225602.000000000",
    ]
    told = subprocess.run([capinfos, str(path)], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "pcapng" in told and "Raw IP" in told and "nanoseconds (9)" in told


def test_a_file_that_wireshark_wrote_again_is_read(tmp_path: Path) -> None:
    editcap = need("editcap", "wireshark-common")
    path, again = tmp_path / "netlab.pcapng", tmp_path / "again.pcapng"
    path.write_bytes(to_pcapng(PACKETS))
    subprocess.run([editcap, str(path), str(again)], check=True, capture_output=True, timeout=60)
    assert parse(again.read_bytes()) == PACKETS
