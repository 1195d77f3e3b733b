"""`tools/beside.py`: several commands at once, all of which count; the first takes what the others leave."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.lab import soon
from tools import beside

TOOL = beside.__file__


def run(*commands, **how):
    return subprocess.run([sys.executable, TOOL, *commands], capture_output=True, text=True, timeout=30, **how)


def test_both_are_heard_the_quiet_one_afterwards():
    done = run("echo quiet", "echo seen")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["seen", "meanwhile: echo quiet", "quiet"]


def test_others_are_heard_before_the_quiet_one():
    done = run("echo quiet", "echo seen", "echo one", "sh -c 'echo two >&2'")
    assert (done.returncode, done.stderr) == (0, "")
    said = ["seen", "meanwhile: echo one", "one", "meanwhile: sh -c 'echo two >&2'", "two", "meanwhile: echo quiet"]
    assert done.stdout.splitlines() == [*said, "quiet"]


def test_all_run_at_once(tmp_path):
    """Each waits for what the next one makes."""
    waits = "sh -c 'until [ -e {0}/{1} ]; do sleep 0.05; done; touch {0}/{2}'"
    commands = [waits.format(tmp_path, *pair) for pair in (("b", "a"), ("c", "b"), ("d", "c"))]
    assert run(*commands, f"touch {tmp_path}/d").returncode == 0


@pytest.mark.parametrize("number", range(8))
def test_any_can_fail(number):
    """All ways in which three commands can end."""
    commands = ["false" if number & bit else "true" for bit in (1, 2, 4)]
    assert run(*commands).returncode == (number > 0)
    if number < 4:
        assert run(*commands[:2]).returncode == (number > 0)


def test_one_command_is_too_few():
    assert beside.main(["true"]) == 2


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="a class of Linux")
def test_the_quiet_one_gets_idle_cpus_only():
    ask = f"{sys.executable} -c 'import os; print(os.sched_getscheduler(0) == os.SCHED_IDLE)'"
    assert run(ask, ask).stdout.splitlines() == ["False", f"meanwhile: {ask}", "True"]


@pytest.mark.skipif(not os.path.exists(beside.AUTOGROUP), reason="a kernel that does not group by session")
def test_the_session_of_the_quiet_one_steps_back():
    """Or idle processes would have the same part of a CPU as those of any other session.

    What is seen gets a session of its own: one that init started without, as CI may be, has no group to tell.
    """
    done = run(*[f"cat {beside.AUTOGROUP}"] * 3, start_new_session=True)
    assert (done.returncode, done.stderr) == (0, "")
    seen, _, other, _, quiet = (line.split() for line in done.stdout.splitlines())
    assert quiet[-2:] == ["nice", "19"] and seen[-2:] == other[-2:] != quiet[-2:]


@pytest.mark.parametrize("place", [0, 2])
def test_an_interrupt_ends_what_another_started(place, tmp_path):
    """A shell that starts a sleep: both are gone."""
    mark = tmp_path / "pid"
    commands = ["true", "sleep 60", "true"]
    commands[place] = f"sh -c 'sleep 60 & echo $! > {mark}; wait'"
    argv = [sys.executable, TOOL, *commands]
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
