"""RTTs on the same path, by netlab's kernel clock and by iputils ping: loopback, and a veth pair between namespaces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from statistics import median

from benchmarks.common import PYTHON, command, interleave, need, spread, verdict
from netlab import stats

TITLE = "RTT: netlab's kernel clock against iputils ping, in µs"
PROBES = 300
INTERVAL = "0.01"

PAIR = {
    "name": "pair",
    "vantage": "laptop",
    "node": {
        "laptop": {"kind": "host", "address": ["192.0.2.10/24"]},
        "server": {"kind": "host", "address": ["192.0.2.80/24"]},
    },
    "link": [{"ends": ["laptop", "server"], "delay_ms": 0}],
}
"""Two namespaces and one pair of veth devices between them."""

Runner = Callable[[list[str]], str]


def netlab_rtts(run: Runner, address: str) -> list[float]:
    text = run([PYTHON, "-m", "netlab", "ping", f"-c{PROBES}", "-i", INTERVAL, "-t1", "--json", address])
    rows = [json.loads(line) for line in text.splitlines()]
    assert {row["clock"] for row in rows} == {"kernel"}, "only kernel stamps are compared"
    return [row["rtt_ms"] * 1000 for row in rows]


def iputils_rtts(run: Runner, address: str) -> list[float]:
    text = run(["ping", "-n", f"-c{PROBES}", "-i", INTERVAL, "-W1", address])
    return [float(value) * 1000 for value in re.findall(r"time=([\d.]+) ms", text)]


def compare(where: str, run: Runner, address: str) -> None:
    medians: dict[str, list[float]] = {}
    tails: dict[str, list[float]] = {}

    def subject(name: str, measured: Callable[[Runner, str], list[float]]) -> Callable[[], float]:
        def once() -> float:
            values = measured(run, address)
            medians.setdefault(name, []).append(median(values))
            tails.setdefault(name, []).append(stats.percentile(values, 99))
            return median(values)

        return once

    interleave({"netlab": subject("netlab", netlab_rtts), "iputils": subject("iputils", iputils_rtts)})
    for name in medians:
        print(f"  {where}, {name}: median {spread(medians[name], 'µs')}, p99 {spread(tails[name], 'µs')}")
    print(verdict(f"{where}: median, netlab / iputils", median(medians["netlab"]) / median(medians["iputils"]), 1))
    print(verdict(f"{where}: p99, netlab / iputils", median(tails["netlab"]) / median(tails["iputils"]), 1))


def run() -> None:
    need("ping", "iputils-ping")
    compare("loopback", command, "127.0.0.1")
    from netlab.internet.world import from_dict
    from tests.support.kernelnet import KernelNet

    with KernelNet(from_dict(PAIR)) as kernel:

        def inside(argv: list[str]) -> str:
            return str(kernel.run("laptop", argv).stdout)

        compare("veth pair", inside, "192.0.2.80")
