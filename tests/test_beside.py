"""`tools/beside.py`: two commands at once, both of which count."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.lab import soon
from tools import beside

TOOL = beside.__file__


def run(quiet, seen):
    return subprocess.run([sys.executable, TOOL, quiet, seen], capture_output=True, text=True, timeout=30)


def test_both_are_heard_the_quiet_one_afterwards():
    done = run("echo quiet", "echo seen")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["seen", "meanwhile: echo quiet", "quiet"]


@pytest.mark.parametrize(("quiet", "seen"), [("false", "true"), ("true", "false"), ("false", "false")])
def test_either_can_fail(quiet, seen):
    assert run(quiet, seen).returncode == 1


def test_one_command_is_too_few():
    assert beside.main(["true"]) == 2


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="a class of Linux")
def test_the_quiet_one_gets_idle_cpus_only():
    ask = f"{sys.executable} -c 'import os; print(os.sched_getscheduler(0) == os.SCHED_IDLE)'"
    assert run(ask, ask).stdout.splitlines() == ["False", f"meanwhile: {ask}", "True"]


def test_an_interrupt_ends_what_the_quiet_one_started(tmp_path):
    """A shell that starts a sleep: both are gone."""
    mark = tmp_path / "pid"
    argv = [sys.executable, TOOL, f"sh -c 'sleep 60 & echo $! > {mark}; wait'", "sleep 60"]
    running = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert soon(lambda: mark.exists() and mark.read_text().strip() != "", 10)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(10) != 0
        assert soon(lambda: not alive(int(mark.read_text())), 10)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as state:
            return state.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
