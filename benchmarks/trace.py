"""Traceroute: in the lab, on real kernel routers, and in the virtual internet.

In the lab it is wall time: of netlab's call, and of the programs, their few milliseconds of start included, taken on
the host where they run. On kernel routers the start of ``traceroute`` would count, and is subtracted: the time of
``traceroute -V``, which is loaded, reads its arguments and ends. What both must do for a trace stays in: opening their
sockets and every probe. netlab, icmplib and scapy are timed inside one process that has loaded them; netlab's time
includes making the table. Probes have 60 bytes, 16 may be in flight, three go to each hop; nobody looks up names.
icmplib waits 50 ms between two probes unless it is told not to, so it is measured both ways.

On kernel routers the CPU time is told as well, of the process and of the routers' work for it: on a busy machine, where
a process also waits for the others, it says more than the time of day.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from benchmarks.common import PYTHON, Missing, interleave, need, spread, timed, verdict
from benchmarks.engine import line_of

TITLE = "Traceroute"
FIFTEEN = (4, 8, 11)
"""Of 15 hops, those that say nothing."""
THIRTY = (4, 9, 14, 19, 24)
"""Of 30."""
KERNELS = 12
BRANCHES = 16
ROUNDS_INSIDE = 21
TIMER = """
import subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=True)
print(time.perf_counter() - start)
print(done.stdout)
"""
UNPACED = "the same with interval=0"
"""icmplib without its pauses; it makes no table, keeps no packets and has no kernel stamps."""


def run() -> None:
    print(f"  load before: {os.getloadavg()[0]:.2g} (above {os.cpu_count()}, the CPUs, these figures say little)")
    for part in (lab, kernels, virtual, paths):
        try:
            part()
        except Missing as missing:
            print(f"  left out: {missing.what} is missing")


# ── in the lab ───────────────────────────────────────────────────────────────────────────────────────────────────


def lab() -> None:
    from netlab.errors import LabUnavailable

    traceroute, mtr = need("traceroute", "traceroute"), need("mtr", "mtr-tiny")
    import netlab
    from netlab.network.lab import LabNetwork

    world, to = silent_line(15, FIFTEEN)
    print(f"  in the lab, 15 hops of which {len(FIFTEEN)} say nothing")
    try:
        with LabNetwork(netlab.world(world)) as network:

            def inside(*argv: str) -> tuple[float, str]:
                """Seconds and output of a program, taken on the host itself: getting there is not its affair."""
                timer = [PYTHON, "-c", TIMER, *argv]
                done = network.run("laptop", timer, capture_output=True, text=True, check=True)
                seconds, _, text = str(done.stdout).partition("\n")
                return float(seconds), text

            found: dict[str, dict[int, str]] = {}

            def ours() -> float:
                frames = []
                seconds = timed(lambda: frames.append(netlab.traceroute(to, window=32, network=network)))
                found["netlab"] = path_of(frames[0])
                return seconds

            def classic() -> float:
                seconds, text = inside(traceroute, "-n", "-q3", "-N32", to)
                found["traceroute"] = {int(a): b for a, b in re.findall(r"^ *(\d+)  ([\d.]+)", text, re.MULTILINE)}
                return seconds

            def rounds() -> float:
                seconds, text = inside(mtr, "-n", "-r", "-c3", to)
                found["mtr"] = {int(a): b for a, b in re.findall(r"^ *(\d+)\.\|-- ([\d.]+) ", text, re.MULTILINE)}
                return seconds

            ours()
            times = interleave({"netlab, window=32": ours, "traceroute -n -q3 -N32": classic, "mtr -n -r -c3": rounds})
    except LabUnavailable as error:
        raise Missing(str(error)) from None
    for name, values in times.items():
        print(f"    {name}: {spread(values, 'ms', 1e3)}")
    mine, *others = times.values()
    for name, values in zip(list(times)[1:], others):
        print(verdict(f"netlab / {name}", median(mine) / median(values), 1))
    assert found["netlab"] == found["traceroute"] == found["mtr"], found
    print(f"    all found the same {len(found['netlab'])} hops")


# ── on real kernels ──────────────────────────────────────────────────────────────────────────────────────────────


def kernels() -> None:
    need("traceroute", "traceroute")
    from netlab.internet.world import from_dict
    from tests.support.kernelnet import KernelNet, Unavailable

    print(f"  {KERNELS} real kernel routers, none silent")
    world = from_dict(line_of(KERNELS))
    try:
        with KernelNet(world) as kernel:
            done = kernel.run("laptop", [PYTHON, "-m", "benchmarks.trace", server(KERNELS)], timeout=600)
    except Unavailable as error:
        raise Missing(str(error)) from None
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    told = json.loads(done.stdout)
    times: dict[str, list[float]] = told["times"]
    starts, whole = times.pop("start"), times.pop("traceroute -n -I")
    work = _without(starts, whole)
    cpu: dict[str, list[float]] = told["cpu"]
    cpu_work = _without(cpu["start"], cpu["traceroute -n -I"])
    print(f"    traceroute -n -I: {spread(whole, 'ms', 1e3)}, without its start {work * 1e3:.3g} ms")
    for name, values in times.items():
        print(f"    {name}: {spread(values, 'ms', 1e3)}")
    for name, package in told["missing"].items():
        print(f"    left out: {name} is missing (pip install {package})")
    mine = median(times["netlab"])
    if work > 0:
        print(verdict("netlab / traceroute -n -I without its start", mine / work, 3))
    else:
        print("    the machine is too busy: the start of traceroute took longer than the whole of it")
    mine_cpu = median(cpu["netlab"])
    print(
        f"    CPU time: netlab {mine_cpu * 1e3:.3g} ms, traceroute without its start {cpu_work * 1e3:.3g} ms, ", end=""
    )
    print(f"{mine_cpu / cpu_work:.3g} ×" if cpu_work > 0 else "which cannot be compared")
    for name in times:
        ratio = mine / median(times[name])
        if name == UNPACED:
            print(f"          netlab / {name}: {ratio:.4g} ×")
        elif name != "netlab":
            print(verdict(f"netlab / {name}", ratio, 1))


def _without(starts: list[float], whole: list[float]) -> float:
    """The median of what is left without the start of the same round, so that both had the same luck."""
    return median(one - other for one, other in zip(whole, starts))


def inside_kernels(to: str) -> None:
    """The subjects of `kernels`, in this very process, on the host where it runs; prints JSON."""
    import netlab
    from netlab.network.live import LiveNetwork

    network = LiveNetwork(raw=True)
    found: dict[str, Any] = {}
    """What the last round of each gave, as it gave it; what is in it is looked at when all is timed."""

    def ours() -> None:
        found["netlab"] = netlab.traceroute(to, network=network)

    def theirs(*options: str) -> None:
        subprocess.run(["traceroute", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    subjects: dict[str, Callable[[], object]] = {
        "traceroute -n -I": lambda: theirs("-n", "-I", to),
        "start": lambda: theirs("-V"),
        "netlab": ours,
    }
    missing = {}
    try:
        import icmplib
    except ImportError:
        missing["icmplib.traceroute"] = "icmplib"
    else:

        def icmp(**options: Any) -> None:
            found["icmplib"] = icmplib.traceroute(to, count=3, **options)

        subjects["icmplib.traceroute, 3 probes per hop"] = icmp
        subjects[UNPACED] = lambda: icmp(interval=0)
    try:
        from scapy.layers.inet import traceroute
    except ImportError:
        missing["scapy.traceroute"] = "scapy"
    else:

        def scapys() -> None:
            found["scapy"], _ = traceroute(to, maxttl=KERNELS + 1, timeout=2, verbose=0)

        subjects["scapy.traceroute, 1 probe per hop"] = scapys
    for subject in subjects.values():
        subject()
    cpu: dict[str, list[float]] = {name: [] for name in subjects}

    def once(name: str) -> float:
        before = _cpu_time()
        seconds = timed(subjects[name])
        cpu[name].append(_cpu_time() - before)
        return seconds

    times = interleave({name: partial(once, name) for name in subjects}, ROUNDS_INSIDE)
    path = path_of(found["netlab"])
    assert len(path) == KERNELS + 1, path
    assert path == {hop.distance: hop.address for hop in found.get("icmplib", ())} or "icmplib" not in found
    assert path == {sent.ttl: received.src for sent, received in found.get("scapy", ())} or "scapy" not in found
    print(json.dumps({"times": times, "cpu": cpu, "missing": missing}))


def _cpu_time() -> float:
    """Seconds that this process and its children that have ended spent, in the kernel, too."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


# ── in the virtual internet ──────────────────────────────────────────────────────────────────────────────────────


def virtual() -> None:
    import netlab

    description, to = silent_line(30, THIRTY)
    world = netlab.world(description)

    def ours() -> None:
        frame = netlab.traceroute(to, network=world)
        assert len(frame) == 90
        assert len(path_of(frame)) == 30 - len(THIRTY)

    ours()
    times = [timed(ours) for _ in range(ROUNDS_INSIDE)]
    print(f"  virtual, world {world.name}: 30 hops × 3 probes, {len(THIRTY)} silent: {spread(times, 'ms', 1e3)}")
    print(verdict("30 hops × 3 probes", median(times) * 1e3, 40, unit="ms"))


def paths() -> None:
    try:
        from netlab.api_multipath import multipath
    except ImportError:
        raise Missing("netlab.multipath") from None

    def ours() -> None:
        links = multipath("wide", network="multipath")
        assert (links["near_name"].str.startswith("fortaleza")).sum() == BRANCHES

    ours()
    times = [timed(ours) for _ in range(ROUNDS_INSIDE)]
    print(f"  virtual, world multipath: all paths to wide, {BRANCHES} routers side by side: {spread(times, 'ms', 1e3)}")
    print(verdict(f"MDA on {BRANCHES} branches", median(times), 1, unit="s"))


# ── what they share ──────────────────────────────────────────────────────────────────────────────────────────────


def silent_line(hops: int, silent: tuple[int, ...]) -> tuple[dict[str, object], str]:
    """A world with so many hops in a row, some of which send no ICMP, and its server's address."""
    world: dict[str, Any] = line_of(hops - 1)
    world["name"] = f"line{hops}"
    for number in silent:
        world["node"][f"r{number}"]["silent"] = True
    return world, server(hops - 1)


def server(routers: int) -> str:
    return f"198.51.100.{4 * routers + 2}"


def path_of(frame: Any) -> dict[int, str]:
    """The hops that answered, up to the end."""
    shown = frame[~frame["flags"].str.contains("beyond-end|last-ditch") & (frame["responder"] != "")]
    return dict(zip(shown["ttl"].tolist(), shown["responder"].tolist()))


if __name__ == "__main__":
    inside_kernels(sys.argv[1])
