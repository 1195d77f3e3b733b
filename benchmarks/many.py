"""A thousand loopback addresses, one probe each: netlab unpaced, table included, against fping."""

from __future__ import annotations

from statistics import median

from benchmarks.common import command, interleave, need, spread, timed, verdict

TITLE = "1,000 loopback addresses, one probe each"
ADDRESSES = [f"127.0.{i // 250}.{i % 250 + 1}" for i in range(1000)]


def run() -> None:
    need("fping", "fping")
    import netlab

    def ours() -> None:
        frame = netlab.ping(ADDRESSES, count=1, network="live")
        answered = int((frame["outcome"] == "reply").sum())
        assert answered == len(ADDRESSES), f"only {answered} of {len(ADDRESSES)} answered"

    def fping(pause: str) -> None:
        command(["fping", "-q", "-i", pause, "-C1", *ADDRESSES])

    ours()  # loads pandas
    times = interleave(
        {
            "netlab": lambda: timed(ours),
            "fping -i 1": lambda: timed(lambda: fping("1")),
            "fping -i 0": lambda: timed(lambda: fping("0")),
        }
    )
    for name, values in times.items():
        print(f"  {name}: {spread(values, 'ms', 1e3)}")
    print(verdict("netlab / fping -i 1", median(times["netlab"]) / median(times["fping -i 1"]), 2))
    print(f"          netlab / fping -i 0: {median(times['netlab']) / median(times['fping -i 0']):.4g} ×")
