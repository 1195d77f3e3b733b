"""The harness of real kernels: it is what the world says, iputils and netlab agree on it, and nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import wire
from netlab.internet.engine import Engine
from netlab.internet.names import Names
from netlab.network.worlds import load
from tests.network.live_bench import FAMILIES, ROUTERS, SERVER, collect, echo, message, send
from tests.support.kernelnet import KernelNet, kernel_net
from tests.support.tools import need

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with kernel_net(load("line")) as running:
        yield running


def hops(kernel: KernelNet, family: int, destination: str, raw: bool | None) -> list[str]:
    """Who answers at TTL 1, 2, 3 … 5, by netlab."""
    network = kernel.network(raw=raw)
    network.begin()
    identifier = network.identifier("icmp", family)  # type: ignore[arg-type]
    found = []
    for ttl in range(1, 6):
        send(network, echo(family, identifier, ttl, ttl=ttl, destination=destination))
        arrivals, _ = collect(network, 1)
        found += [wire.parse(arrival.packet).source for arrival in arrivals]
    network.end()
    return found


@pytest.mark.parametrize("raw", [True, None], ids=["raw", "unprivileged"])
@pytest.mark.parametrize("family", FAMILIES)
def test_ping_and_netlab_see_the_same_routers(kernel: KernelNet, family: int, raw: bool | None) -> None:
    ping = need("ping", "iputils-ping")
    by_ping = []
    for ttl in range(1, 6):
        done = kernel.run("laptop", [ping, "-n", "-c1", "-W2", "-t", str(ttl), SERVER[family]])
        by_ping += re.findall(r"[Ff]rom ([0-9a-f.:]+?):? icmp_seq", done.stdout)
    assert hops(kernel, family, SERVER[family], raw) == by_ping == [*ROUTERS[family], SERVER[family], SERVER[family]]


@pytest.mark.parametrize("family", FAMILIES)
def test_traceroute_and_netlab_see_the_same_routers(kernel: KernelNet, family: int) -> None:
    traceroute = need("traceroute", "traceroute")
    done = kernel.run("laptop", [traceroute, "-n", "-q1", "-w2", f"-{family}", SERVER[family]])
    by_traceroute = re.findall(r"^ *\d+  ([0-9a-f.:]+) ", done.stdout, re.MULTILINE)
    assert hops(kernel, family, SERVER[family], True)[:4] == by_traceroute


@pytest.mark.parametrize("family", FAMILIES)
def test_kernels_take_the_path_of_the_virtual_internet(kernel: KernelNet, family: int) -> None:
    names = Names(kernel.world)
    truth = Engine(kernel.world, 1).path("laptop", SERVER[family])
    nodes = [names.node_of(address) for address in hops(kernel, family, SERVER[family], True)[:4]]
    assert ["laptop", *(node.name for node in nodes if node)] == truth


def test_a_larger_world_is_connected() -> None:
    """Two ways from end to end, and a host in the middle that must not forward."""
    world = load(
        """
        name = "square"
        vantage = "a"
        link = [
            { ends = ["a", "north"], delay_ms = 0 },
            { ends = ["north", "south"], delay_ms = 0 },
            { ends = ["north", "west"], delay_ms = 0 },
            { ends = ["south", "west"], delay_ms = 0 },
            { ends = ["west", "b"], delay_ms = 0, mtu = 1300 },
        ]
        [node]
        a = { kind = "host", address = ["192.0.2.10/24"] }
        north = { address = ["192.0.2.1/24", "198.51.100.1/30", "198.51.100.5/30"] }
        south = { address = ["198.51.100.2/30", "198.51.100.9/30"] }
        west = { address = ["198.51.100.6/30", "198.51.100.10/30", "203.0.113.1/24"] }
        b = { kind = "host", address = ["203.0.113.80/24"], open = ["tcp/80"] }
        """
    )
    with kernel_net(world) as kernel:
        network = kernel.network()
        network.begin()
        source = network.source_for("203.0.113.80")
        identifier = network.identifier("icmp", 4)
        for ttl in (1, 2, 3):
            send(network, echo(4, identifier, ttl, ttl=ttl, source=source, destination="203.0.113.80"))
        found = [wire.parse(arrival.packet).source for arrival in collect(network, 3)[0]]
        assert found == ["192.0.2.1", "198.51.100.6", "203.0.113.80"]
        send(
            network, echo(4, identifier, 9, bytes(1400), source=source, destination="203.0.113.80", dont_fragment=True)
        )
        assert message(collect(network, 1)[0][0]).mtu == 1300
        network.end()


def test_icmp_errors_are_limited_only_where_the_world_says_so() -> None:
    text = (ROOT / "netlab/internet/worlds/line.toml").read_text()
    limited = text.replace('r2 = { kind = "router"', 'r2 = { kind = "router", icmp = { rate = 1, burst = 6 }')
    answered = {}
    for name, toml in (("free", text), ("limited", limited)):
        with kernel_net(load(toml)) as kernel:
            network = kernel.network()
            network.begin()
            identifier = network.identifier("icmp", 4)
            for sequence in range(40):
                send(network, echo(4, identifier, sequence, ttl=2))
            found = collect(network, 40 if name == "free" else 6)[0]
            answered[name] = len(found + collect(network, 40, 0.1)[0])
            network.end()
    assert answered["free"] == 40
    assert 6 <= answered["limited"] <= 9  # a burst of 6, then one per second


def test_an_unprivileged_process_gets_no_raw_socket(kernel: KernelNet) -> None:
    for kind, protocol in ((socket.SOCK_RAW, socket.IPPROTO_ICMP), (socket.SOCK_RAW, socket.IPPROTO_RAW)):
        kernel.socket("laptop", socket.AF_INET, kind, protocol).close()
        with pytest.raises(PermissionError):
            kernel.socket("laptop", socket.AF_INET, kind, protocol, privileged=False)
    with pytest.raises(PermissionError):
        kernel.socket("laptop", socket.AF_PACKET, socket.SOCK_RAW, privileged=False)


def test_ping_sockets_obey_the_group_range(kernel: KernelNet) -> None:
    ping_socket = (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    kernel.socket("laptop", *ping_socket, privileged=False).close()
    with kernel_net(kernel.world, ping_sockets=False) as closed:
        with pytest.raises(PermissionError):
            closed.socket("laptop", *ping_socket, privileged=False)


def test_commands_run_with_and_without_privilege(kernel: KernelNet) -> None:
    for privileged, expected in ((True, False), (False, True)):
        status = kernel.run("laptop", ["cat", "/proc/self/status"], privileged=privileged).stdout
        effective = int(re.findall(r"CapEff:\s*([0-9a-f]+)", status)[0], 16)
        assert (effective == 0) is expected


def test_the_status_and_both_streams_of_a_command_come_back(kernel: KernelNet) -> None:
    done = kernel.run("server", ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_a_command_that_does_not_exist_says_so(kernel: KernelNet) -> None:
    done = kernel.run("server", ["no-such-program"])
    assert done.returncode == 127
    assert "no-such-program" in done.stderr


def test_a_command_that_takes_too_long_is_killed(kernel: KernelNet) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        kernel.run("server", ["sleep", "60"], timeout=0.1)


def test_a_command_in_the_background_can_be_stopped(kernel: KernelNet) -> None:
    with kernel.start("server", ["sleep", "60"]) as running:
        running.stop(signal.SIGTERM)
        assert running.finish(5).returncode == -signal.SIGTERM


def test_lent_descriptors_are_not_inherited(kernel: KernelNet) -> None:
    with kernel.socket("laptop", socket.AF_INET, socket.SOCK_DGRAM) as lent:
        assert not os.get_inheritable(lent.fileno())


def test_a_namespace_is_not_the_machines_own(kernel: KernelNet) -> None:
    own = os.readlink("/proc/self/ns/net")
    inside = {kernel.run(host, ["readlink", "/proc/self/ns/net"]).stdout.strip() for host in ("laptop", "r1")}
    assert len(inside | {own}) == 3


SCRIPT = """
import sys, time
sys.path.insert(0, {root!r})
from netlab.network.worlds import load
from tests.support.kernelnet import KernelNet
kernel = KernelNet(load("line"))
running = kernel.start("server", ["sh", "-c", "trap '' TERM; setsid nohup sleep {mark} & sleep {mark}"])
print(kernel.pid, flush=True)
time.sleep(60)
"""


def test_nothing_is_left_when_the_test_process_is_killed() -> None:
    mark = str(70_000 + os.getpid() % 10_000)  # seconds: tells our sleepers from those of others
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(root=str(ROOT), mark=mark)], stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout is not None
        line = victim.stdout.readline()
        if not line:
            pytest.skip("needs network namespaces")
        wait_until(lambda: len(sleepers(mark)) >= 2)
        victim.kill()
    wait_until(lambda: not sleepers(mark) and not Path(f"/proc/{int(line)}").exists())


def sleepers(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if command[:2] == [b"sleep", mark.encode()]:
                found.append(entry.name)
    return found


def wait_until(condition: object, patience: float = 10.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
