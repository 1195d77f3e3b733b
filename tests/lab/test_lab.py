"""The lab, run: every scenario of ``scenarios.py``, as root and as an ordinary user, over TUN and over veth."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.lab import (
    CASES,
    IS_ROOT,
    ROOT,
    alive,
    environment,
    in_use,
    namespaces_of,
    need_lab,
    open_tun,
    python_of,
    run_as,
    soon,
    with_mark,
)
from tests.support.tools import need

pytestmark = pytest.mark.lab

PLAIN = ["commands", "borrowed", "network", "kill"]
ONCE = ["refused", "many"]
UNPRIVILEGED = ["signals", "checksums", "quiet", "times", "overload"]
"""The same for root; an ordinary user's are enough."""
ORDINARY = [each for each in CASES if not IS_ROOT or each[0] != "me"]


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[str]]]:
    """Who runs the lab, and the arguments that say over which device."""
    need_lab()
    user, device = request.param
    if device == "tun":
        with open_tun() as path:
            yield user, [device, path]
    else:
        yield user, [device, "/dev/net/tun"]


@pytest.mark.parametrize("name", PLAIN)
def test_scenario(name: str, case: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    user, device = case
    said = run_as(user, "scenarios.py", name, *device)
    with capsys.disabled():
        if said:
            print(f"\n{name} as {user} over {device[0]}: {said.strip()}")


@pytest.mark.parametrize("case", ORDINARY[-1:], ids="-".join, indirect=True)
@pytest.mark.parametrize("name", ONCE)
def test_scenario_that_needs_no_repetition(
    name: str, case: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    test_scenario(name, case, capsys)


IN_A_CONTAINER = (
    "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && mount -t tmpfs none /proc/irq && "
    'exec "$@"'
)
SWITCHED_OFF = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


def test_the_lab_works_in_a_container() -> None:
    need_lab()
    need("unshare", "util-linux")
    prefix = ["unshare", *([] if IS_ROOT else ["-r"]), "-m", "sh", "-c", IN_A_CONTAINER, "sh"]
    run_as(ORDINARY[-1][0], "scenarios.py", "container", "veth", "/dev/net/tun", prefix=prefix)


def test_a_machine_without_user_namespaces_is_told_so() -> None:
    need_lab()
    need("unshare", "util-linux")
    prefix = ["unshare", "-r", "sh", "-c", SWITCHED_OFF, "sh"]
    run_as("me", "scenarios.py", "none", "veth", "/dev/net/tun", prefix=prefix)


@pytest.mark.parametrize("case", ORDINARY, ids="-".join, indirect=True)
@pytest.mark.parametrize("name", UNPRIVILEGED)
def test_scenario_of_an_ordinary_user(
    name: str, case: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    test_scenario(name, case, capsys)


def test_ping_traceroute_and_mtr_report_the_world_by_its_names(case: tuple[str, list[str]]) -> None:
    user, device = case
    need("ping", "iputils-ping")
    need("traceroute", "traceroute")
    need("mtr", "mtr-tiny")
    run_as(user, "scenarios.py", "tools", *device, *(["mtr"] if device[0] == "veth" else []))  # mtr takes seconds


def test_tcpdump_sees_the_packets_of_a_host(case: tuple[str, list[str]]) -> None:
    user, device = case
    need("tcpdump", "tcpdump")
    run_as(user, "scenarios.py", "tcpdump", *device)


def test_curl_fetches_by_name_from_another_host(case: tuple[str, list[str]]) -> None:
    user, device = case
    need("curl", "curl")
    run_as(user, "scenarios.py", "web", *device)


@pytest.mark.parametrize("how", ["kill", "close"])
def test_nothing_is_left_when_the_parent_ends(how: str, case: tuple[str, list[str]]) -> None:
    """Orphans that left their session, shells that ignore signals, namespaces: all gone within a second."""
    user, device = case
    mark = f"{time.monotonic_ns() % 10**9}.125"
    command = [*python_of(user), str(ROOT / "tests/lab/scenarios.py"), "hold", *device, mark]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd="/", env=environment(), **pipes) as parent:  # type: ignore[call-overload]
        pids = [int(each) for each in parent.stdout.readline().split()]
        assert len(pids) == 4
        namespaces = namespaces_of(pids[2]) - namespaces_of(os.getpid())
        assert any(each.startswith("net:") for each in namespaces), "this test would not notice a namespace"
        assert len(with_mark(mark)) >= 4
        if how == "kill":
            os.kill(pids[0], signal.SIGKILL)
        else:
            parent.stdin.close()
        parent.wait(10)
        assert soon(lambda: not with_mark(mark) and not any(map(alive, pids)), 1), with_mark(mark)
        assert soon(lambda: not in_use(namespaces), 1)
