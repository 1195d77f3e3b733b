"""`tools/alone.py`: a command without a way out, or the word that there is none; its end is the command's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import missing
from tools import alone

ROOT = Path(__file__).resolve().parent.parent
LOOK = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    try:
        probe.connect(("192.0.2.1", 9))
    except OSError as error:
        print(error.strerror)
"""
"""Is there a loopback, and is there a route to anywhere else? Nothing is sent."""


def run(*command, **changes):
    environment = {**os.environ, **changes}
    return subprocess.run(
        [sys.executable, alone.__file__, *command], env=environment, capture_output=True, text=True, timeout=30
    )


@pytest.fixture
def namespaces():
    if reason := alone.missing():
        missing(reason)


@pytest.fixture
def without(tmp_path):
    """A PATH whose unshare is refused, as in some containers."""
    refused = tmp_path / "unshare"
    refused.write_text("#!/bin/sh\necho unshare failed: not permitted >&2\nexit 1\n")
    refused.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.usefixtures("namespaces")
def test_there_is_a_loopback_and_no_route():
    done = run(sys.executable, "-c", LOOK)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Network is unreachable\n", "")


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("status", [0, 1, 7])
def test_its_end_is_that_of_the_command(status):
    assert run("sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("status", [0, 7])
def test_where_there_is_no_such_place_this_is_said_and_the_command_runs(without, status):
    done = run("sh", "-c", f"echo ran; exit {status}", PATH=without, NETLAB_REQUIRE_TOOLS="")
    assert (done.returncode, done.stdout) == (status, "ran\n")
    assert done.stderr == "no place without a route: unshare failed: not permitted; it runs as it is\n"


def test_a_machine_that_should_have_everything_must_have_it(without):
    done = run("echo", "ran", PATH=without, NETLAB_REQUIRE_TOOLS="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "unshare failed: not permitted" in done.stderr


def test_no_command_is_too_little():
    assert alone.main([]) == 2


def test_all_notebooks_are_compared_to_the_letter_in_there():
    """What `make nbval` does: both forms of every notebook, each cell's output as it is stored."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    said = subprocess.run(["make", "-n", "nbval"], cwd=ROOT, env=own, capture_output=True, text=True, check=True).stdout
    words = said.splitlines()[-1].split()
    assert words.index("tools/alone.py") < words.index("pytest") < words.index("--nbval")
    assert words[-1] == "notebooks" and not {"-k", "--ignore", "--nbval-lax", "--deselect"} & set(words)
