"""netlab's TCP against Linux's, through the lab's engine process on the real clock; see ``tcp_kernel.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.internet.tcp_kernel import SCENARIOS
from tests.support.lab import environment, need_lab
from tests.support.tools import need

pytestmark = pytest.mark.lab

PATIENCE = 100.0
"""Seconds for one scenario; 10 MiB take half a second over the clean link and some two over the lossy one."""


def run(name: str) -> dict[str, Any]:
    need_lab("tun")
    need("ip", "iproute2")
    unshare = need("unshare", "util-linux")
    script = Path(__file__).with_name("tcp_kernel.py")
    command = [unshare, "--user", "--map-root-user", "--net", sys.executable, "-B", str(script), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name.startswith("download")])
def test_linux_fetches_from_a_virtual_host(name: str) -> None:
    found = run(name)
    assert found["right"]
    assert (found["retransmissions"] > 0) == ("clean" not in name)
    assert found["mss"] == (1440 if "6" in name else 1460)
    assert found["state"] in ("CLOSED", "TIME-WAIT", "LAST-ACK")


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name.startswith("upload")])
def test_linux_sends_to_a_virtual_host(name: str) -> None:
    assert run(name)["right"]


@pytest.mark.parametrize("name", ["fetch", "fetch6"])
def test_a_virtual_host_fetches_from_linux(name: str) -> None:
    found = run(name)
    assert found["right"] and found["finished"]


def test_the_closed_window_of_linux_is_probed() -> None:
    assert run("kernel does not read") == {"right": True, "timeouts": 0, "failed": ""}


def test_linux_probes_our_closed_window() -> None:
    assert run("we do not read") == {"right": True, "windows": [0]}


def test_both_are_refused_where_nobody_listens() -> None:
    assert run("refused") == {"refused": True, "ours": "refused"}


def test_both_understand_a_reset() -> None:
    assert run("resets") == {"reset": True, "hello": "hello", "ours": "reset"}
