"""The lab: how late its engine delivers packets, at a relaxed and at a busy pace, and what an echo pays for that."""

from __future__ import annotations

from statistics import median

from benchmarks.common import Missing, verdict
from netlab import stats
from netlab.errors import LabUnavailable

TITLE = "The lab: lateness of deliveries"
WORLD = "line"


def run() -> None:
    import netlab
    from netlab.network.lab import LabNetwork
    from netlab.network.worlds import load

    world = load(WORLD)
    exact = float(netlab.ping("server", count=1, network=WORLD)["rtt_ms"][0])
    medians, lateness = [], []
    for interval, count in ((0.05, 100), (0.01, 500), (0.001, 3000)):
        try:
            with LabNetwork(world) as lab:
                frame = netlab.ping("server", count=count, interval=interval, timeout=1, network=lab)
                late = lab.lateness()
        except LabUnavailable as error:
            raise Missing(str(error)) from None
        excess = [(rtt - exact) * 1000 for rtt in frame["rtt_ms"].dropna()]
        medians.append(median(excess))
        lateness.append(late["median_ms"] * 1000)
        figures = ", ".join(f"{name} {value}" for name, value in late.items())
        print(f"  {1 / interval:.0f} probes/s: engine {figures}")
        print(
            f"    RTT above {exact:g} ms: median {median(excess):.0f} µs, p99 {stats.percentile(excess, 99):.0f} µs, "
            f"{len(excess)} of {count} answered"
        )
    print(verdict("lateness at 100 probes/s, median", lateness[1], 100, unit="µs"))
    print(verdict("RTT excess at 100 probes/s, median", medians[1], 500, unit="µs"))
