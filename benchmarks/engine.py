"""The virtual internet: packet-hops per second, loading a large world, and a thousand pings to a DataFrame."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from benchmarks.common import ROUNDS, spread, timed, verdict

TITLE = "The virtual internet"
ROUTERS = 10
ECHOES = 5_000


def line_of(routers: int) -> dict[str, object]:
    """A world: laptop, so many routers in a row, server; every link 1 ms."""
    names = ["laptop", *(f"r{i}" for i in range(1, routers + 1)), "server"]
    addresses: dict[str, list[str]] = {name: [] for name in names}
    links = []
    for number, (a, b) in enumerate(pairwise(names)):
        addresses[a].append(f"198.51.100.{4 * number + 1}/30")
        addresses[b].append(f"198.51.100.{4 * number + 2}/30")
        links.append({"ends": [a, b], "delay_ms": 1})
    kinds = {"laptop": "host", "server": "host"}
    nodes = {name: {"kind": kinds.get(name, "router"), "address": addresses[name]} for name in names}
    return {"name": "line10", "vantage": "laptop", "node": nodes, "link": links}


def hops_per_second() -> float:
    """Echo requests and replies through the line, capture on: every link that a packet crosses is one packet-hop."""
    from netlab import wire
    from netlab.internet.engine import Engine
    from netlab.internet.world import from_dict
    from netlab.wire import icmpv4

    engine = Engine(from_dict(line_of(ROUTERS)), seed=1, capture=True)
    source, destination = "198.51.100.1", f"198.51.100.{4 * ROUTERS + 2}"
    packets = [
        wire.IPv4(source, destination, 1, icmpv4.EchoRequest(7, n & 0xFFFF, bytes(56)).to_bytes()).to_bytes()
        for n in range(ECHOES)
    ]
    heard = engine.listen("laptop")

    def work() -> None:
        for number, packet in enumerate(packets):
            engine.advance(number * 10_000)
            engine.inject("laptop", packet)
        engine.advance(10**12)

    seconds = timed(work)
    assert len(heard) == ECHOES, f"only {len(heard)} replies"
    return 2 * (ROUTERS + 1) * ECHOES / seconds


def load_thousand() -> float:
    from netlab.internet.builder import tree
    from netlab.internet.engine import Engine
    from netlab.internet.world import parse, to_toml

    text = to_toml(tree(1000))

    def work() -> None:
        Engine(parse(text), seed=1)

    return timed(work)


def thousand_pings() -> float:
    import netlab

    def work() -> None:
        frame = netlab.ping("www", count=1000, network="campus")
        assert len(frame) == 1000

    return timed(work)


def run() -> None:
    import pandas  # noqa: F401 (its import is not what is measured)

    thousand_pings()
    rates = [hops_per_second() for _ in range(ROUNDS)]
    print(f"  packet-hops, line with {ROUTERS} routers, capture on: {spread(rates, 'per s')}")
    print(verdict("packet-hops per second", median(rates), 200_000, at_most=False, unit="per s"))
    loads = [load_thousand() for _ in range(ROUNDS)]
    print(f"  a world of 1,000 nodes, TOML to engine: {spread(loads, 'ms', 1e3)}")
    print(verdict("loading 1,000 nodes", median(loads), 1, unit="s"))
    pings = [thousand_pings() for _ in range(ROUNDS)]
    print(f"  ping(count=1000) in campus, to DataFrame: {spread(pings, 'ms', 1e3)}")
    print(verdict("1,000 pings", median(pings) * 1e3, 150, unit="ms"))
