"""The log's lines at the terminal: the server waits for nobody who reads them, and who counts finds every line."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from netlab.cli_lines import Lines

pytestmark = pytest.mark.network

ENOUGH = 10.0
SMALL = 4096
"""Bytes that the smallest pipe holds."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """A pipe that is soon full: the descriptor to read from, and the stream to write to."""
    fcntl = pytest.importorskip("fcntl")
    if not hasattr(fcntl, "F_SETPIPE_SZ"):
        pytest.skip("only Linux makes a pipe smaller")
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, SMALL)
    with open(write, "w", encoding="ascii") as stream:
        yield read, stream
        with contextlib.suppress(OSError):
            os.close(read)


def everything(read: int) -> str:
    """What stands in a pipe by now."""
    os.set_blocking(read, False)
    got = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(read, 1 << 16):
            got += piece
    return got.decode()


def what_it_holds(read: int) -> str:
    """What stands in a small pipe, without what is written as soon as there is room again."""
    return os.read(read, SMALL).decode()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENOUGH
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- the queue ----------------------------------------------------------------------------------------------------


def test_lines_come_in_their_order_and_as_what_the_stream_can_say(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="ascii") as stream:
        lines = Lines(stream)
        lines.say("one × \udcff")  # before it has begun: it waits
        lines.begin("zero")
        for number in range(2, 2000):
            lines.say(str(number))
        assert lines.finish("last") and (lines.missing, lines.fault) == (0, None)
    got = (tmp_path / "out").read_text().splitlines()
    assert got == ["zero", r"one \xd7 \udcff", *map(str, range(2, 2000)), "last"]


def test_without_a_reader_nobody_waits_and_the_next_line_says_how_many_are_missing(pipe: tuple[int, TextIO]) -> None:
    read, stream = pipe
    lines = Lines(stream, most=2 * SMALL).begin()
    for number in range(1000):
        lines.say(f"{number:099}")  # 100,000 bytes, for which there is room for some 12,000
    waiting = 1000 - lines._dropped
    assert 2 * SMALL <= waiting * 100 <= 4 * SMALL, "all that is kept is bounded"
    got = ""
    while got.count("\n") < waiting:
        got += os.read(read, SMALL).decode()
    until(lambda: lines.missing == lines._dropped)
    lines.say("again")
    lines.say("and again")
    assert lines.finish("last")
    got += everything(read)
    told = f"({1000 - waiting} lines are missing here: they came faster than they were taken)"
    assert got.splitlines() == [*(f"{number:099}" for number in range(waiting)), told, "again", "and again", "last"]


def test_at_the_end_it_is_known_exactly_what_nobody_has_taken(pipe: tuple[int, TextIO]) -> None:
    read, stream = pipe
    lines = Lines(stream, most=2 * SMALL).begin()
    for number in range(1000):
        lines.say(f"{number:029}")
    begun = time.monotonic()
    assert not lines.finish("last", patience=0.2)
    assert time.monotonic() - begun < ENOUGH / 2
    missing = lines.missing
    assert 0 < what_it_holds(read).count("\n") == 1000 - missing
    os.close(read)  # which frees the thread
    assert lines.over.wait(ENOUGH) and isinstance(lines.fault, BrokenPipeError)


def test_a_stream_that_is_closed_ends_it_and_what_is_said_then_is_counted(pipe: tuple[int, TextIO]) -> None:
    read, stream = pipe
    lines = Lines(stream).begin("first")
    until(lambda: everything(read) == "first\n")
    os.close(read)
    lines.say("nobody reads this")
    assert lines.over.wait(ENOUGH) and isinstance(lines.fault, BrokenPipeError)
    lines.say("nor this")
    assert lines.missing == 2 and not lines.finish("last")


def test_a_stream_that_must_not_block_is_waited_for(pipe: tuple[int, TextIO]) -> None:
    read, stream = pipe
    os.set_blocking(stream.fileno(), False)
    lines = Lines(stream).begin()
    for number in range(1000):
        lines.say(f"{number:099}")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.extend(open(read, closefd=False)), daemon=True)
    reader.start()
    assert lines.finish("last", patience=ENOUGH)
    stream.close()
    reader.join(ENOUGH)
    assert [text.strip() for text in got] == [*(f"{number:099}" for number in range(1000)), "last"]


def test_no_stream_at_all_takes_everything() -> None:
    lines = Lines(None).begin("first")
    lines.say("one")
    assert lines.finish("last") and lines.missing == 0


def test_a_stream_that_is_no_file_is_refused_before_anything_is_written() -> None:
    with pytest.raises(OSError, match="fileno"):
        Lines(io.StringIO()).begin()


# -- the commands -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(
    what: str, stdout: int | TextIO, folder: Path, stderr: int = subprocess.PIPE
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A command at a free port of ours; its standard output is not read here."""
    port = _free_port()
    arguments = {"web": [str(folder)], "proxy": []}[what]
    command = [sys.executable, "-m", "netlab", what, *arguments, f"-p{port}"]
    with subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True) as process:
        try:
            yield process, port
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def ask(port: int, count: int) -> list[int]:
    """The statuses of so many requests on one connection; a proxy that is asked for a path answers 4xx as well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ENOUGH)
    statuses = []
    for number in range(count):
        connection.request("GET", f"/{number:03}", headers={"Connection": "keep-alive"})
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses


def answers(port: int) -> bool:
    try:
        return ask(port, 1) == [404]
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize("what", ["web", "proxy"])
def test_a_full_pipe_holds_up_nobody_and_ctrl_c_ends_at_once(
    what: str, tmp_path: Path, pipe: tuple[int, TextIO]
) -> None:
    read, stream = pipe
    with running(what, stream, tmp_path) as (process, port):
        assert " at http://127.0.0.1:" in os.read(read, SMALL).decode()
        statuses = [status for _ in range(10) for status in ask(port, 30)]
        assert len(statuses) == 300
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        _, err = process.communicate(timeout=ENOUGH)
        assert time.monotonic() - begun < 5
    totals = re.fullmatch(r"300 answers: 300 × 4\d\d \((\d+) lines are missing\)\n", err)
    assert process.returncode == 0 and totals is not None, err
    assert int(totals[1]) == 300 - everything(read).count("\n") > 0


@pytest.mark.parametrize("both", [False, True], ids=["output alone", "errors too"])
def test_ctrl_s_holds_up_nobody_and_ctrl_c_ends_at_once(tmp_path: Path, both: bool) -> None:
    pty = pytest.importorskip("pty")
    terminal, stdout = pty.openpty()
    try:
        with running("web", stdout, tmp_path, stdout if both else subprocess.PIPE) as (process, port):
            os.close(stdout)
            assert " at http://127.0.0.1:" in os.read(terminal, SMALL).decode()
            os.write(terminal, b"\x13")  # CTRL+S
            assert len(ask(port, 50)) == 50
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=ENOUGH)
        assert process.returncode == 0 and (both or err == "50 answers: 50 × 404 (50 lines are missing)\n")
    finally:
        os.close(terminal)


@pytest.mark.parametrize("what", ["web", "proxy"])
def test_a_closed_pipe_ends_the_command_with_totals(what: str, tmp_path: Path) -> None:
    read, write = os.pipe()
    with running(what, write, tmp_path) as (process, port):
        os.close(write)
        assert " at http://127.0.0.1:" in os.read(read, SMALL).decode()
        os.close(read)
        assert len(ask(port, 1)) == 1
        _, err = process.communicate(timeout=ENOUGH)
    assert process.returncode == 0 and re.fullmatch(r"1 answers: 1 × 4\d\d\n", err), err


def test_head_ends_the_command_as_it_ends_others(tmp_path: Path) -> None:
    port = _free_port()
    command = f"{sys.executable} -m netlab web -p{port} {tmp_path} | head -2; exit ${{PIPESTATUS[0]}}"
    with subprocess.Popen(
        ["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as shell:
        try:
            until(lambda: answers(port))  # head shows nothing before its end
            until(lambda: not answers(port))
            out, err = shell.communicate(timeout=ENOUGH)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert (shell.returncode, out.count("\n")) == (0, 2) and re.fullmatch(r"\d+ answers: \d+ × 404\n", err), err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_ends_the_command_and_is_told(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full, running("web", full, tmp_path) as (process, _):
        _, err = process.communicate(timeout=ENOUGH)
    assert process.returncode == 2
    assert err == "0 answers (0 lines are missing)\nnetlab: No space left on device\n"
