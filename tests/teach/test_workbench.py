"""The hands-on parts: bytes to look at, a bit to flip, a packet to launch, a puzzle, a recorded text."""

from __future__ import annotations

from pathlib import Path

import pytest

import netlab
from netlab import wire
from netlab.errors import UsageError
from netlab.teach import example, flip, hexdump, launch, puzzle, recorded
from netlab.wire import icmpv4
from tests.support.fakenet import FakeNetwork

ECHO = wire.IPv4(
    "192.0.2.10", "203.0.113.80", wire.PROTOCOL_ICMP, icmpv4.EchoRequest(7, 1, b"\xaa" * 32).to_bytes()
).to_bytes()


def test_flip_counts_bits_from_the_left_and_is_its_own_inverse() -> None:
    assert flip(b"\x00\x00", byte=1, bit=0) == b"\x00\x80"
    assert flip(flip(ECHO, 8, 3), 8, 3) == ECHO


@pytest.mark.parametrize(("byte", "bit"), [(-1, 0), (len(ECHO), 0), (0, 8), (0, -1)])
def test_flip_says_what_is_allowed(byte: int, bit: int) -> None:
    with pytest.raises(UsageError, match="must be 0"):
        flip(ECHO, byte, bit)


def test_launch_tells_the_story_to_the_end() -> None:
    with netlab.use("line"):
        story = launch(ECHO)
    assert list(story.columns) == ["at", "action", "reason", "ttl", "summary"]
    assert list(story["at"]) == ["laptop", "r1", "r2", "r3", "server", "server", "r3", "r2", "r1", "laptop"]
    assert story["action"].iloc[-1] == "delivered"


def test_a_bit_flipped_in_the_ip_header_ends_at_the_first_router() -> None:
    with netlab.use("line"):
        story = launch(flip(ECHO, 8, 7))
    assert list(story["at"]) == ["laptop", "r1"]
    assert list(story["action"]) == ["sent", "dropped"] and "IPv4 header checksum" in story["reason"].iloc[-1]


def test_a_bit_flipped_in_the_message_ends_at_the_host() -> None:
    with netlab.use("line"):
        story = launch(flip(ECHO, 27, 7))
    assert story["at"].iloc[-1] == "server" and "ICMP checksum" in story["reason"].iloc[-1]


def test_launch_leaves_real_networks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = FakeNetwork(virtual=False, name="live")
    monkeypatch.setattr(netlab.api, "current", lambda: real)
    with pytest.raises(UsageError, match="virtual networks only"):
        launch(ECHO)
    assert real.sent == [] and real.events == []


def test_hexdump_has_four_bytes_to_a_line_and_names_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    hexdump(ECHO)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == " 0  45 00 00 3c  version, header length, DSCP, ECN, total length"
    assert lines[6] == "24  00 07 00 01  identifier, sequence"
    assert lines[-1] == "    … and 20 more bytes of payload"


def test_hexdump_marks_the_lines_that_differ(capsys: pytest.CaptureFixture[str]) -> None:
    hexdump(ECHO, flip(ECHO, 8, 0))
    starred = [line for line in capsys.readouterr().out.splitlines() if " * " in line]
    assert [line[:2] for line in starred] == [" 8"]


@pytest.mark.parametrize("garbage", [b"", b"\x45", b"\xff" * 50, ECHO[:21]])
def test_hexdump_takes_any_bytes(garbage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    hexdump(garbage)
    hexdump(garbage, ECHO)
    assert capsys.readouterr().err == ""


def test_the_puzzle_hides_just_the_fields_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    puzzle("01.5")
    dump = " ".join(line[4:] for line in capsys.readouterr().out.splitlines()).split()
    hidden = [i for i, digits in enumerate(dump) if digits == "??"]
    assert hidden == [0, 2, 3, 8, 9, 20, 22, 23, 26, 27] and len(dump) == 36
    with pytest.raises(UsageError):
        puzzle("01.1")


def test_recorded_reads_beside_the_notebook_or_one_folder_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded" / "x.txt").write_text("64 bytes\n", encoding="utf-8")
    (tmp_path / "solutions").mkdir()
    for folder in (tmp_path, tmp_path / "solutions"):
        monkeypatch.chdir(folder)
        recorded("x.txt")
    recorded("y.txt")
    out = capsys.readouterr().out
    assert out.startswith("64 bytes\n64 bytes\n") and "recorded/y.txt is missing" in out


def test_an_example_is_found_beside_the_notebook_or_one_folder_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.json").write_text("[]", encoding="utf-8")
    (tmp_path / "solutions").mkdir()
    for folder in (tmp_path, tmp_path / "solutions"):
        monkeypatch.chdir(folder)
        assert Path(example("x.json")).read_text(encoding="utf-8") == "[]"
    with pytest.raises(UsageError, match="folder data"):
        example("y.json")
