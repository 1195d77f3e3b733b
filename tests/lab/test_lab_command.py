"""``python -m netlab lab``: status, streams, the terminal and job control are the command's own."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab import CHAIN, ROOT, environment, need_lab, soon, with_mark
from tests.support.tools import need

pytestmark = pytest.mark.lab

OURS = os.getpid()
"""In what commands are known by: two runs of these tests, side by side, must not take the other's for their own."""


@pytest.fixture
def world(tmp_path: Path) -> str:
    need_lab()
    path = tmp_path / "chain.toml"
    path.write_text(CHAIN)
    return str(path)


def lab(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    streams = {"text": True, "capture_output": True, "timeout": 30, **options}
    return subprocess.run([*COMMAND, *arguments], env=environment(), **streams)  # type: ignore[call-overload,no-any-return]


COMMAND = [sys.executable, "-B", "-m", "netlab", "lab"]


def test_a_command_has_its_streams_and_its_status(world: str) -> None:
    done = lab(world, "--seed", "7", "--", "sh", "-c", "hostname; cat; getent hosts carol; exit 9", input="in\n")
    assert done.stdout.split() == ["alice", "in", "2001:db8:3::2", "carol.chain.example", "carol"]
    assert done.returncode == 9
    first = done.stderr.splitlines()[0]
    assert first == "netlab: lab:chain, seed 7: on alice (192.0.2.1); runs sh"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--", "sh", "-c", "kill -TERM $$"], 143, "runs sh"),
        (["--", "no-such-program"], 127, "no-such-program: command not found"),
        (["--host", "carol", "--", "true"], 0, "on carol (203.0.113.2)"),
        (["--host", "right", "--", "true"], 2, "right is a router"),
        (["--host", "nobody", "--", "true"], 2, "cannot find 'nobody' on lab:chain"),
    ],
)
def test_statuses_and_mistakes(world: str, arguments: list[str], status: int, says: str) -> None:
    done = lab(world, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_shell_ends_with_how_late_packets_were(world: str) -> None:
    need("ping", "iputils-ping")
    done = lab(world, input="ping -c 2 -i 0.1 -n 203.0.113.1; exit 5\n")
    assert done.returncode == 5
    assert " 0% packet loss" in done.stdout
    assert "leave with exit or CTRL+D" in done.stderr
    assert re.search(r"netlab: 2 packets came to hosts, late by: median \d+\.\d\d ms, 99 %", done.stderr)


def test_nothing_outlives_a_killed_command_line(world: str) -> None:
    mark = f"{time.monotonic_ns() % 10**9}.375"
    command = [*COMMAND, world, "--", "sleep", mark]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL) as process:
        assert soon(lambda: len(with_mark(mark)) >= 3, 10)  # the command line, the wrapper, sleep
        process.send_signal(signal.SIGKILL)
    assert soon(lambda: not with_mark(mark) and not with_mark(f"serve {process.pid}"), 1)


class Terminal:
    """A shell on a terminal, and what it has said."""

    def __init__(self) -> None:
        pid, self.number = pty.fork()
        if not pid:
            os.chdir(ROOT)
            settings = {"SHELL": "/bin/bash", "PS1": "[$?]$ ", "HOME": "/nowhere", "HISTFILE": "", "TERM": "dumb"}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**environment(), **settings})
        self.pid, self.said = pid, ""

    def type(self, text: str) -> None:
        os.write(self.number, text.encode())

    def expect(self, text: str, seconds: float = 15) -> None:
        """Wait until the text appears, and forget everything up to it."""
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, f"waited for {text!r}, but was told {self.said!r}"
            if select.select([self.number], [], [], 0.1)[0]:
                self.said += os.read(self.number, 65536).decode(errors="replace")
        self.said = self.said.partition(text)[2]

    def close(self) -> None:
        os.close(self.number)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def has_the_terminal(mark: str) -> bool:
    """Whether a process runs whose command line begins like this, and is its terminal's foreground."""
    for pid in with_mark(mark):
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(mark.encode()):
            state, _, group, _, _, foreground = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:6]
            return state != "T" and group == foreground
    return False


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    need("bash", "bash")
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_job_control_works_in_a_shell_on_a_host(world: str, terminal: Terminal) -> None:
    terminal.expect("[0]$ ")
    terminal.type(f"{' '.join(COMMAND)} {world}\n")
    terminal.expect("leave with exit or CTRL+D")
    terminal.type("PS1='<$?># '\n")
    terminal.expect("\n<0># ")
    terminal.type(f"hostname; tty; sleep 4713.{OURS}\n")
    terminal.expect("\nalice")
    terminal.expect("/dev/pts/")
    assert soon(lambda: has_the_terminal(f"sleep\0004713.{OURS}"), 5)
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.expect("<148># ")
    terminal.type("fg\n")
    assert soon(lambda: has_the_terminal(f"sleep\0004713.{OURS}"), 5)
    terminal.type("\x03")
    terminal.expect("<130># ")
    assert not with_mark(f"4713.{OURS}")
    terminal.type("exit 5\n")
    terminal.expect("[5]$ ")
    terminal.type("echo $((1+1)); cat\n")  # the terminal is the outer shell's again
    terminal.expect("\n2")
    terminal.type("typed\n")
    terminal.expect("typed\r\ntyped")
    terminal.type("\x04")
    terminal.expect("[0]$ ")


def test_ctrl_z_and_ctrl_c_reach_a_command_of_the_outer_shell(world: str, terminal: Terminal) -> None:
    terminal.expect("[0]$ ")
    terminal.type(f"{' '.join(COMMAND)} {world} -- sleep 4714.{OURS}\n")
    terminal.expect("runs sleep")
    assert soon(lambda: has_the_terminal(f"sleep\0004714.{OURS}"), 5)
    terminal.type("\x1a")
    terminal.expect("Stopped")
    terminal.expect("[148]$ ")
    terminal.type("fg\n")
    assert soon(lambda: has_the_terminal(f"sleep\0004714.{OURS}"), 5)
    terminal.type("\x03")
    terminal.expect("[130]$ ")
    assert soon(lambda: not with_mark(f"4714.{OURS}"), 1)
