"""The check at the end of every test run does find what is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.support.leftovers import MARK, leftovers

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_a_child_is_found_until_it_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        assert f"process {child.pid}: sleep 60" in leftovers(os.environ[MARK])
        child.kill()
    assert not any("sleep 60" in line for line in leftovers(os.environ[MARK]))


def test_an_orphan_is_found_by_the_mark_in_its_environment() -> None:
    made = subprocess.run(["sh", "-c", "sleep 61 >&- 2>&- & echo $!"], capture_output=True, text=True, check=True)
    try:
        assert any("sleep 61" in line for line in leftovers(os.environ[MARK]))
    finally:
        os.kill(int(made.stdout), signal.SIGKILL)


def test_a_listening_port_is_found_until_it_is_closed() -> None:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as server:
            try:
                server.bind((host, 0))
            except OSError:
                continue  # no IPv6 here
            server.listen()
            line = f"listening TCP port {server.getsockname()[1]}"
            assert line in leftovers(os.environ[MARK])
        assert line not in leftovers(os.environ[MARK])
