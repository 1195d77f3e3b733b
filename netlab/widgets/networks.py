"""Which network a panel measures on: the one in use when the panel was made, or another from its list.

A virtual network is made afresh for each run: two panels can then run at once, a run never depends on an earlier
one, and changed links concern that run only. A real one (live, the lab) is opened at the first run, in the run's
thread, because that may take a second, and closed with the panel.
"""

from __future__ import annotations

import threading
from typing import Any

from netlab import api
from netlab.widgets.words import say

WORLDS = (
    "line", "campus", "transatlantic", "lossy", "loop", "broken", "bufferbloat", "bottleneck", "refusals", "nat",
    "mpls", "asymmetric", "multipath", "ratelimit", "case1", "case2", "case3", "case4", "case5", "fan",
    "uneven",
)  # fmt: skip


class Networks:
    """The networks that a panel offers.

    Parameters
    ----------
    network
        As in `netlab.use`; None: the one in use now. It stays the panel's first choice.
    seed
        Of everything random in a virtual world; None: the network's own.
    """

    def __init__(self, network: Any = None, seed: int | None = None) -> None:
        self.bound = api.network_for(network, 1 if seed is None else seed)
        self._named = network is None or isinstance(network, str)
        own = getattr(self.bound, "seed", 1)
        self.seed = int(own if seed is None else seed)
        self._open: dict[str, Any] = {}
        self._lock = threading.Lock()

    def options(self) -> list[tuple[str, str]]:
        """Labels and values for a list; ``""`` is the network the panel was made with."""
        other = [*WORLDS, "lab:campus", "live"]
        return [(say("in use", name=self.bound.name), ""), *((name, name) for name in other)]

    def name(self, choice: str) -> str:
        """What tables call it."""
        if not choice:
            return str(self.bound.name)
        return choice if choice == "live" or ":" in choice else f"virtual:{choice}"

    def virtual(self, choice: str) -> bool:
        return self.name(choice).startswith("virtual:")

    def world(self, choice: str) -> Any:
        """The world of a choice; None for the real network."""
        if not choice:
            return getattr(self.bound, "world", None)
        return None if choice == "live" else api.world(choice.partition(":")[2] or choice)

    def hosts(self, choice: str) -> list[str]:
        """Names that can be measured to; empty on the real network, where any name may do."""
        world = self.world(choice)
        if world is None:
            return []
        return [name for name, node in world.nodes.items() if node.kind == "host" and name != world.vantage]

    def open(self, choice: str, seed: int, world: Any = None) -> Any:
        """The network to measure on. ``world``: the choice's world with changed links, on a virtual network."""
        if self.virtual(choice):
            return api.network_for(self.world(choice) if world is None else world, seed)
        if not choice and self._named and self.bound.name == "live":
            choice = "live"  # sockets of its own, so that two panels can ping at once
        if not choice:
            return self.bound
        with self._lock:
            if choice not in self._open:
                self._open[choice] = api.network_for(choice, seed)
            return self._open[choice]

    def close(self) -> None:
        with self._lock:
            for network in self._open.values():
                network.close()
            self._open.clear()
