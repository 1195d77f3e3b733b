"""Hold `netlab.multipath` against the truth: false links over many seeded worlds, and the success rates of its rule.

    python -m tools.multipath_rates            everything, on all processors
    python -m tools.multipath_rates 100 1      the first 100 worlds of each kind, in this process

*Success.* One router with 2, 4, 8 or 16 next hops, 400 seeds each: how often are all of them found? The stopping rule
has an exact chance for that (`netlab.probe.stopping.success`); a two-sided binomial test compares the two.

*False links.* A link is false when no packet to the destination can take it. Worlds of the kind ``flow`` have balancers
that go by flows, and stable routes: there must be no false link among those called certain. Worlds of the kind
``other`` may have balancers per packet and per destination as well, and in every fifth the route changes in between:
there it may be 1 %. A link with a silent end is true when a router that never answers stands there.

*The worlds.* A chain of 1 or 2 parts between a host and a server: a line of 1 or 2 routers, a diamond 2 to 4 wide whose
branches have 1 to 3 routers (in a third of them of unequal length), or a mesh of two rows of 2 or 3. Independent of
each other: loss of 0.5 to 5 % on all links (a third of the worlds), routers that never answer (each with 1/12), limits
on ICMP errors as in Linux (each with 1/20), a slow control plane that drops up to a fifth (1/20), answers from the
incoming interface (1/5). ICMP, UDP or TCP; IPv4 or IPv6.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from math import comb
from typing import Any, NamedTuple

from netlab.api_multipath import Measurement
from netlab.internet.engine import Engine
from netlab.internet.randomness import stream
from netlab.internet.world import from_dict
from netlab.network.virtual import VirtualNetwork
from netlab.probe.stopping import rule, success

WIDTHS = (2, 4, 8, 16)
RUNS = 400
WORLDS = 1000
SIGNIFICANCE = 0.001
"""Of each of the four tests. The seeds are fixed, so this is no game of chance: it passes always, or never."""
MOST_FALSE = 0.01


def main() -> int:
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1
    good = True
    print(f"Success of the stopping rule at 95 %, {RUNS} seeds each")
    for width in WIDTHS:
        found = sum(spread(partial(finds_all, width), range(RUNS), workers))
        chance = float(success(width, rule(0.95)))
        agrees = likely(found, RUNS, chance)
        good &= agrees
        print(f"  {width:2} next hops: {found / RUNS:.4f}, exact {chance:.5f}" + ("" if agrees else "  DISAGREES"))
    for kind, most in (("flow", 0.0), ("other", MOST_FALSE)):
        rates = total(spread(partial(judge_world, kind), range(worlds), workers))
        good &= rates.false <= most * rates.certain
        print(f"{worlds} worlds of the kind {kind}: {rates}")
    return 0 if good else 1


def spread(function: Any, seeds: Iterable[int], workers: int) -> list[Any]:
    if workers == 1:
        return [function(seed) for seed in seeds]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(function, seeds, chunksize=20))


def likely(found: int, runs: int, chance: float) -> bool:
    """Whether a two-sided binomial test at `SIGNIFICANCE` lets this pass."""
    chances = [comb(runs, k) * chance**k * (1 - chance) ** (runs - k) for k in range(runs + 1)]
    return min(sum(chances[: found + 1]), sum(chances[found:])) * 2 >= SIGNIFICANCE


# ── success ────────────────────────────────────────────────────────────────────────────────────────────────────


class Quick(VirtualNetwork):
    """A virtual network that remembers no packets, which nobody here wants to see."""

    def _start(self) -> Engine:
        self._engine = Engine(self.world, self.seed, capture=False)
        self._inboxes, self._identifiers = {}, 0
        return self._engine


def finds_all(width: int, seed: int) -> bool:
    """Whether all next hops of one router are found. What lies behind them is not explored: that takes more flows."""
    chain = Chain(6)
    chain.fan([[f"a{branch}"] for branch in range(width)], "flow", "joint")
    chain.end()
    network = Quick(from_dict(chain.world("fan")), seed)
    measurement = Measurement("server", network, first_ttl=2, max_ttl=2, neighbours=False)
    list(measurement.run())
    assert measurement.plan is not None
    last = measurement.plan.sightings.judge()[-1]
    return len(set().union(*last.located.values())) == width


# ── false links ────────────────────────────────────────────────────────────────────────────────────────────────


class Rates(NamedTuple):
    """Counts over one world or many."""

    certain: int
    false: int
    doubtful: int
    false_doubtful: int
    missed: int
    true: int
    probes: int

    def __str__(self) -> str:
        share = self.false / max(1, self.certain)
        return (
            f"{self.certain} certain links, {self.false} of them false ({share:.3%}); {self.doubtful} doubtful ones, "
            f"{self.false_doubtful} of them false; {self.missed} of {self.true} true links missed; "
            f"{self.probes} probes"
        )


def total(rates: Iterable[Rates]) -> Rates:
    return Rates(*(sum(column) for column in zip(*rates, strict=True)))


class Moving(Quick):
    """A virtual network in which a link goes down at some time, so that routes change; `edges` is before and after."""

    change: tuple[int, str] | None = None
    edges: set[tuple[str, str]]

    def begin(self) -> None:
        super().begin()
        self.edges = set(self.paths("server"))
        if self.change is not None:
            self._running().at(self.change[0], self._take_down)

    def _take_down(self) -> None:
        assert self.change is not None
        machines = list(self._running().machines.values())
        for machine in machines:
            for interface in machine.interfaces:
                if interface.link_name == self.change[1]:
                    interface.down = True
            for table in (machine.table, machine.fast, machine.several):
                table.clear()
        machines[0].routing.distances.clear()
        self.edges |= set(self.paths("server"))


def judge_world(kind: str, seed: int) -> Rates:
    """Measure one world and compare the links with the truth."""
    random = stream(seed, "multipath rates", kind)
    description = make_world(kind, seed)
    network = Moving(from_dict(description), seed)
    if kind == "other" and random.random() < 0.2:
        links = [link["name"] for link in description["link"][1:-1]]
        network.change = (int(random.random() * 2_000_000_000), links[int(random.random() * len(links))])
    measurement = Measurement("server", network, protocol=("udp", "icmp", "tcp")[seed % 3])
    rows = list(measurement.run())
    silent = {name for name, node in network.world.nodes.items() if node.silent}
    counts: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    for link in measurement.links(rows):
        near, far = name_of(network, link["near"]), name_of(network, link["far"])
        seen.add((near, far))
        fits = any(
            (a == near or (not near and a in silent)) and (b == far or (not far and b in silent))
            for a, b in network.edges
        )
        counts["certain" if link["certain"] else "doubtful"] += 1
        counts["false" if link["certain"] else "false doubtful"] += not fits
    true = {(a, b) for a, b in network.edges if not {a, b} & silent}
    words = ("certain", "false", "doubtful", "false doubtful")
    return Rates(*(counts[word] for word in words), len(true - seen), len(true), len(rows))


def name_of(network: VirtualNetwork, address: str) -> str:
    node = network.locate(address) if address else None
    return node.name if node else ""


def make_world(kind: str, seed: int) -> dict[str, Any]:
    """The world of a seed; see the module for the distribution."""
    random = stream(seed, "multipath world", kind)

    def pick(*choices: Any) -> Any:
        return choices[int(random.random() * len(choices))]

    def balance() -> str:
        return "flow" if kind == "flow" else str(pick("flow", "packet", "destination"))

    chain = Chain(pick(4, 6))
    for part in range(pick(1, 2)):
        shape = pick("line", "diamond", "diamond", "mesh")
        if shape == "line":
            chain.line([f"line{part}-{i}" for i in range(pick(1, 2))])
        elif shape == "diamond":
            longest, unequal = pick(1, 2, 3), random.random() < 1 / 3
            lengths = [pick(*range(1, longest + 1)) if unequal else longest for _ in range(pick(2, 3, 4))]
            branches = [[f"d{part}-{i}-{j}" for j in range(length)] for i, length in enumerate(lengths)]
            chain.fan(branches, balance(), f"joint{part}")
        else:
            rows = [[f"m{part}-{row}-{i}" for i in range(pick(2, 3))] for row in (1, 2)]
            chain.mesh(rows, [balance(), balance()], f"joint{part}")
    chain.end()
    loss = pick(0, 0, 0.005 + 0.045 * random.random())
    for link in chain.links:
        link["loss"] = loss
    for name, node in chain.nodes.items():
        chance = random.random()
        if node.get("kind") == "host" or name == chain.last:
            continue
        if chance < 1 / 12:
            node["silent"] = True
        elif chance < 1 / 12 + 1 / 20:
            node["icmp"] = {"limit": "linux"}
        elif chance < 1 / 12 + 2 / 20:
            node["control"] = {"delay_ms": 20, "jitter_ms": 100, "drop": 0.2 * random.random()}
        if random.random() < 0.2:
            node["answers_from"] = "incoming"
    return chain.world(f"{kind}-{seed}")


class Chain:
    """Builds a world from a host on, part by part; ``last`` is the router where the next part begins."""

    def __init__(self, family: int) -> None:
        self.family, self.last = family, "gate"
        self.nodes: dict[str, dict[str, Any]] = {"host": {"kind": "host", "address": []}, "gate": {"address": []}}
        self.links: list[dict[str, Any]] = []
        self.link("host", "gate")

    def link(self, near: str, far: str, cost: int = 1) -> None:
        """One more link, with addresses of its own."""
        number = len(self.links)
        for position, name in enumerate((near, far), 1):
            node = self.nodes.setdefault(name, {"address": []})
            v4 = (
                f"198.51.100.{4 * number + position}/30"
                if number < 64
                else f"192.0.2.{4 * (number - 64) + position}/30"
            )
            node["address"].append(v4 if self.family == 4 else f"2001:db8:0:{number + 1:x}::{position}/64")
        self.links.append({"ends": [near, far], "name": f"link{number}", "delay_ms": 1 + number % 7, "cost": cost})

    def line(self, names: list[str]) -> None:
        for name in names:
            self.link(self.last, name)
            self.last = name

    def fan(self, branches: list[list[str]], balance: str, joint: str) -> None:
        """A diamond. Branches of unequal length get equal costs."""
        self.nodes[self.last]["balance"] = balance
        longest = max(map(len, branches))
        for branch in branches:
            self.link(self.last, branch[0], cost=1 + longest - len(branch))
            for near, far in pairwise([*branch, joint]):
                self.link(near, far)
        self.last = joint

    def mesh(self, rows: list[list[str]], balances: list[str], joint: str) -> None:
        """Two rows of routers, each of the first linked with each of the second."""
        self.nodes[self.last]["balance"] = balances[0]
        for name in rows[0]:
            self.link(self.last, name)
            self.nodes[name]["balance"] = balances[1]
        for near in rows[0]:
            for far in rows[1]:
                self.link(near, far)
        for name in rows[1]:
            self.link(name, joint)
        self.last = joint

    def end(self) -> None:
        """The server, in a network with room for neighbours."""
        self.links.append({"ends": [self.last, "server"], "name": "last", "delay_ms": 1})
        here, there = ("203.0.113.1/24", "203.0.113.80/24")
        if self.family == 6:
            here, there = ("2001:db8:1::1/64", "2001:db8:1::80/64")
        self.nodes[self.last]["address"].append(here)
        self.nodes["server"] = {"kind": "host", "address": [there]}

    def world(self, name: str) -> dict[str, Any]:
        return {"name": name, "vantage": "host", "node": self.nodes, "link": self.links}


if __name__ == "__main__":
    sys.exit(main())
