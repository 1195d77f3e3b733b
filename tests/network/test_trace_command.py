"""``python -m netlab traceroute`` on real kernels: CTRL+C, CTRL+Z, and name servers that never answer.

The command runs in a process of its own, without any capability, and is stopped when all that will be answered was
answered and the rest is in flight.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlab
from tests.network.trace_bench import PlayedPath, chain, router
from tests.support.kernelnet import KernelNet, kernel_net
from tests.support.lab import soon

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "netlab", "traceroute"]
WINDOW = 16
FOREVER = "60"
"""s of timeout: nothing ends by itself."""
PROMPTLY = 5.0
"""s in which an ended command is over; it takes 0.1 on an idle machine."""
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelNet]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
        with kernel_net(netlab.world(chain(routers=2))) as running:
            yield running


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTSTP], ids=["CTRL+C", "CTRL+Z"])
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_it_ends_at_any_time_with_the_totals(kernel: KernelNet, protocol: str, end: signal.Signals) -> None:
    """Two routers answer, then nobody does; TCP without privilege has one connect in flight, the others a window."""
    to = f"198.18.2.{next(numbers)}"
    in_flight = 1 if protocol == "tcp" else WINDOW - 4
    argv = [*COMMAND, "-n", "-t", FOREVER, "-q2", f"-p{protocol}", to]
    with PlayedPath(kernel, to, hops=200, silent=range(3, 256)) as path:
        with kernel.start("laptop", argv, privileged=False) as running:
            assert soon(lambda: len(path.probes) >= 4 + in_flight and len(path.answers) == 4, 20)
            began = time.monotonic()
            running.stop(end)
            done = running.finish(PROMPTLY)
            assert time.monotonic() - began < PROMPTLY
    assert done.returncode == 1, "an ordinary exit: the destination has not answered"
    lines = done.stdout.splitlines()
    late = 0
    for ttl in (1, 2):
        heard = rf"{router(ttl)[4]}  [\d.]+ ms"
        if not re.match(rf" {ttl}  {heard}  [\d.]+ ms$", lines[ttl]):  # on a busy machine: given up, and told later
            assert re.match(rf" {ttl}  {heard}  \*$", lines[ttl]) or re.match(rf" {ttl}  \*  {heard}$", lines[ttl])
            assert sum(bool(re.match(rf"    late, hop {ttl}: {heard}$", line)) for line in lines) == 1
            late += 1
    pending = len(path.probes) - 4
    told = f", {late} late" if late else ""
    assert lines[-1] == f"{len(path.probes)} packets sent, 0 lost{told}, {pending} pending"
    assert done.stderr == ""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTSTP], ids=["CTRL+C", "CTRL+Z"])
def test_an_ended_trace_is_still_json(kernel: KernelNet, end: signal.Signals) -> None:
    to = f"198.18.2.{next(numbers)}"
    with PlayedPath(kernel, to, hops=200, silent=range(3, 256)) as path:
        with kernel.start("laptop", [*COMMAND, "--json", "-n", "-t", FOREVER, to], privileged=False) as running:
            assert soon(lambda: len(path.probes) >= 6 + WINDOW and len(path.answers) == 6, 20)
            running.stop(end)
            done = running.finish(PROMPTLY)
    assert (done.returncode, done.stderr) == (1, "")
    assert len(done.stdout.splitlines()) == len(path.probes)
    assert done.stdout.count('"outcome": "pending"') == len(path.probes) - 6


def test_the_seeds_spelling_of_an_option_is_understood(kernel: KernelNet) -> None:
    """-tpudp, as the first version of this tool had it."""
    for options in (["-t1", "-pudp"], ["-tpudp"], ["-t1", "-p", "udp"]):
        done = kernel.run("laptop", [*COMMAND, "-n", *options, "203.0.113.80"], privileged=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "(UDP)" in done.stdout.splitlines()[0]
        assert "0 lost" in done.stdout.splitlines()[-1]


NEVER = """
import sys, time
from netlab.cli import main
from netlab.network import live_names
live_names.SystemNames.reverse = lambda self, address: time.sleep(60) or ""
began = time.monotonic()
status = main(sys.argv[1:])
print(f"took {time.monotonic() - began:.2f}")
sys.exit(status)
"""


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_a_name_server_that_never_answers_costs_half_a_second_and_not_one_per_hop(
    kernel: KernelNet, options: list[str]
) -> None:
    hops = 20
    to = f"198.18.2.{next(numbers)}"
    argv = [sys.executable, "-c", NEVER, "traceroute", *options, "-q1", to]
    took = {}
    for names in ("--no-names", "--names"):
        with PlayedPath(kernel, to, hops):
            done = kernel.run("laptop", [*argv, names], privileged=False)
        assert (done.returncode, done.stderr) == (0, "")
        *lines, last = done.stdout.splitlines()
        assert len(lines) >= hops
        took[names] = float(last.split()[1])
    assert took["--names"] - took["--no-names"] < 2.0  # the limit is 0.5; twenty of them would be 10


def test_what_was_in_flight_at_the_end_is_no_star(kernel: KernelNet) -> None:
    to = f"198.18.2.{next(numbers)}"
    with PlayedPath(kernel, to, hops=200, silent=range(3, 256)) as path:
        with kernel.start("laptop", [*COMMAND, "-n", "-t", FOREVER, "-q2", to], privileged=False) as running:
            assert soon(lambda: len(path.probes) >= 16 and len(path.answers) == 4, 20)
            running.stop(signal.SIGINT)
            done = running.finish(PROMPTLY)
    assert "*" not in done.stdout
