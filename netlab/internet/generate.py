"""A generator of worlds with known faults: the same seed gives the same world and the same truth, on every machine.

It is there to measure how often a verdict about a path is right (``docs/verdicts.md``). Its distribution, exactly:

*The path.* From ``laptop`` over routers ``r1``, ``r2`` … to ``server``, 4 to 14 hops: the smaller of two numbers, of
which each is equally likely. A link takes 0.2 to 3 ms (70 %), 3 to 20 ms (25 %) or 20 to 80 ms (5 %); 30 % of the links
have up to 2 ms of jitter. Routers begin with a TTL of 64 or 255. 80 % of the worlds are for ICMP probes, 20 % for UDP.

*A diamond* (40 %): two to four parallel branches of one or two routers, 0.2 to 2 ms per link. The router
where they part spreads packets by flow (50 %), by chance (25 %) or by destination (25 %); in half of the worlds the
one where they meet does the same on the way back.

*An asymmetric return* (40 %, unless it would overlap with the diamond): from some router on, packets go back over a
detour of 1 to 4 routers, which leaves out two to five links of the way there; its links take 0.2 to 20 ms.

*Faults*: none (15 %), one (60 %) or two (25 %). Each is

* path loss (30 %): of 1 to 30 % in both directions together, forward, backward or half each (a third each), on one
  link of the path that all flows share, or (a quarter of those in worlds with a detour) on the detour;
* a rate limit on ICMP errors (25 %): half like Linux, a token bucket with a burst of 6 and 1, 2, 5, 10, 20, 50 or 1000
  messages per second; half like Cisco, one message per 1000, 500, 200, 100, 50 or 2 ms;
* a machine that drops 1 to 30 % of its own answers (20 %);
* a slow control plane (15 %): 10 to 300 ms late, up to as much again of jitter (in a third none), in a third with a
  drop of 1 to 30 % besides;
* a silent machine (10 %).

The machine is any on the path, also in a branch that the probes may never see, and also the destination (a limit there
only where UDP is used: echo replies are not limited). No machine and no link has two faults. All addresses are from
documentation space.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

from netlab.internet.builder import Builder, build
from netlab.internet.model import World
from netlab.internet.randomness import stream
from netlab.internet.truth import Detour, Fault, LinkFault, Truth

T = TypeVar("T")

LINUX_RATES = (1, 2, 5, 10, 20, 50, 1000)
"""Messages per second; icmp_ratelimit is 1000 ms by default, 1000 per second is Linux's limit of all messages."""
CISCO_INTERVALS_MS = (1000, 500, 200, 100, 50, 2)
"""One message each; 500 ms is the default of IOS."""
FAR = 50
"""Cost of a link against the traffic: no way there or back takes it while there is another."""
DETOUR_COST = 20
"""Cost of the first link of a detour: less than going on straight, more than any stretch it leaves out."""


def generate(seed: int) -> tuple[World, Truth]:
    """Make the world of a seed, and what is true about each hop.

    Examples
    --------
    >>> from netlab.internet.generate import generate
    >>> world, truth = generate(4)
    >>> world.name, truth.protocol, len(truth.stages)
    ('generated-4', 'udp', 7)
    """
    return _Generator(seed).run()


class _Generator:
    """One world while it is made."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random: Random = stream(seed, "generated world")
        self.nodes: dict[str, dict[str, Any]] = {}
        self.links: list[dict[str, Any]] = []
        self.shared: dict[int, dict[str, Any]] = {}  # TTL → the link to it, where all flows take the same one

    # -- chance, from `random()` only -------------------------------------------------------------------------------

    def share(self, low: float, high: float) -> float:
        return low + (high - low) * self.random.random()

    def whole(self, low: int, high: int) -> int:
        return low + int((high - low + 1) * self.random.random())

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.whole(0, len(things) - 1)]

    def happens(self, chance: float) -> bool:
        return self.random.random() < chance

    # -- the steps ----------------------------------------------------------------------------------------------------

    def run(self) -> tuple[World, Truth]:
        hops = min(self.whole(4, 14), self.whole(4, 14))
        protocol = "icmp" if self.happens(0.8) else "udp"
        diamond = self._place_diamond(hops) if self.happens(0.4) else None
        detour = self._place_detour(hops, diamond) if self.happens(0.4) else None
        stages = self._lay_path(hops, diamond)
        per_packet = self._balance(stages, diamond)
        if detour:
            self._lay_detour(detour)
        truth = Truth(protocol, tuple(map(tuple, stages)), per_packet, detour)
        self._add_faults(truth)
        self._add_times(truth)
        return self._world(), truth

    def _place_diamond(self, hops: int) -> tuple[int, int]:
        """TTLs of the routers where branches part and meet."""
        start, length = self.whole(1, hops - 3), self.whole(1, 2)
        return start, min(start + length + 1, hops - 1)

    def _place_detour(self, hops: int, diamond: tuple[int, int] | None) -> Detour | None:
        start, length = self.whole(1, hops - 3), self.whole(2, 5)
        end = min(start + length, hops - 1)
        if diamond and start < diamond[1] and diamond[0] < end:
            return None
        return Detour(start, end, tuple(f"back{number}" for number in range(1, self.whole(1, 4) + 1)))

    def _lay_path(self, hops: int, diamond: tuple[int, int] | None) -> list[list[str]]:
        """The nodes at each TTL from 0 on, and the links between them."""
        stages = [["laptop"]]
        width = self.whole(2, 4)
        for ttl in range(1, hops):
            inside = diamond is not None and diamond[0] < ttl < diamond[1]
            stages.append([f"r{ttl}{letter}" for letter in "abcd"[:width]] if inside else [f"r{ttl}"])
        stages.append(["server"])
        for ttl, stage in enumerate(stages):
            for name in stage:
                self._node(name, "router" if 0 < ttl < hops else "host")
        for ttl in range(1, hops + 1):
            near, far = stages[ttl - 1], stages[ttl]
            if len(near) == len(far) == 1:
                self.shared[ttl] = self._link(near[0], far[0], self._delay())
                continue
            for number in range(max(len(near), len(far))):
                self._link(near[min(number, len(near) - 1)], far[min(number, len(far) - 1)], self.share(0.2, 2))
        return stages

    def _node(self, name: str, kind: str) -> None:
        self.nodes[name] = {"kind": kind}
        if kind == "router":
            self.nodes[name]["initial_ttl"] = self.one_of((64, 255))

    def _link(self, near: str, far: str, delay: float) -> dict[str, Any]:
        link: dict[str, Any] = {"ends": [near, far], "delay_ms": round(delay, 3), "forward": {}, "backward": {}}
        if self.happens(0.3):
            link["jitter_ms"] = round(self.share(0, 2), 3)
        self.links.append(link)
        return link

    def _delay(self) -> float:
        kind = self.random.random()
        return self.share(0.2, 3) if kind < 0.7 else self.share(3, 20) if kind < 0.95 else self.share(20, 80)

    def _balance(self, stages: list[list[str]], diamond: tuple[int, int] | None) -> frozenset[int]:
        """Set how the diamond spreads packets; gives the TTLs at which chance decides who answers."""
        if not diamond:
            return frozenset()
        kind = self.one_of(("flow", "flow", "packet", "destination"))
        self.nodes[stages[diamond[0]][0]]["balance"] = kind
        if self.happens(0.5):
            self.nodes[stages[diamond[1]][0]]["balance"] = kind
        return frozenset(range(diamond[0] + 1, diamond[1])) if kind == "packet" else frozenset()

    def _lay_detour(self, detour: Detour) -> None:
        """Links against the traffic are far, so that nobody goes there over the detour, or back past it."""
        names = [f"r{detour.start}", *detour.nodes, f"r{detour.end}"]
        for name in detour.nodes:
            self._node(name, "router")
        for near, far in pairwise(names):
            link = self._link(near, far, self.share(0.2, 20))
            link["forward"]["cost"] = FAR
            detour.links.append(link)
        detour.links[-1]["backward"]["cost"] = DETOUR_COST
        self.shared[detour.end]["backward"]["cost"] = FAR

    # -- faults -------------------------------------------------------------------------------------------------------

    def _add_faults(self, truth: Truth) -> None:
        number = self.random.random()
        free_nodes = [name for stage in truth.stages[1:] for name in stage]
        free_links: list[int | None] = [*self.shared, *([None] if truth.detour else [])]
        for _ in range(0 if number < 0.15 else 1 if number < 0.75 else 2):
            kind = self.random.random()
            if kind < 0.3:
                place = (
                    None
                    if None in free_links and self.happens(0.25)
                    else self.one_of([each for each in free_links if each is not None])
                )
                free_links.remove(place)
                self._lose(truth, place)
            else:
                limited = 0.3 <= kind < 0.55
                able = [name for name in free_nodes if not (limited and name == "server" and truth.protocol == "icmp")]
                name = self.one_of(able)
                free_nodes.remove(name)
                truth.faults[name] = self._fault(kind)
                self.nodes[name].update(truth.faults[name].keys)

    def _lose(self, truth: Truth, place: int | None) -> None:
        """Packet loss on the link to a TTL, or (None) on the detour, which is only used backward."""
        rate = round(self.share(0.01, 0.30), 4)
        way = self.one_of(("forward", "backward", "both"))
        if place is None:
            assert truth.detour is not None
            self.one_of(truth.detour.links)["backward"]["loss"] = rate
            truth.losses.append(LinkFault("detour", 0, rate))
            return
        half = round(1 - (1 - rate) ** 0.5, 4)
        for direction in ("forward", "backward"):
            if way in (direction, "both"):
                loss = half if way == "both" else rate
                self.shared[place][direction]["loss"] = loss
                truth.losses.append(LinkFault(direction, place, loss))

    def _fault(self, kind: float) -> Fault:
        if kind < 0.425:
            rate = self.one_of(LINUX_RATES)
            return Fault("limit", {"icmp": {"rate": rate, "burst": 6}}, rate=float(rate), burst=6)
        if kind < 0.55:
            interval = self.one_of(CISCO_INTERVALS_MS)
            window = {"icmp": {"count": 1, "interval_ms": interval}}
            return Fault("limit", window, rate=1000 / interval, burst=1, window=True)
        if kind < 0.75:
            drop = round(self.share(0.01, 0.30), 4)
            return Fault("drop", {"control": {"drop": drop}}, drop=drop)
        if kind < 0.9:
            delay = round(self.share(10, 300), 1)
            jitter = 0.0 if self.happens(1 / 3) else round(delay * self.random.random(), 1)
            drop = round(self.share(0.01, 0.30), 4) if self.happens(1 / 3) else 0.0
            keys: dict[str, Any] = {"control": {"delay_ms": delay, "jitter_ms": jitter, "drop": drop}}
            return Fault("slow", keys, drop=drop, delay_ms=delay, jitter_ms=jitter)
        return Fault("silent", {"silent": True}, drop=1.0)

    def _add_times(self, truth: Truth) -> None:
        """Tell the truth how long the links take; in a diamond the first branch stands for all."""
        between = {tuple(link["ends"]): link["delay_ms"] for link in self.links}
        for near, far in pairwise(truth.stages):
            truth.delays.append(between[near[0], far[0]])

    def _world(self) -> World:
        builder: Builder = build(f"generated-{self.seed}", "laptop", "A world of the generator, with known faults")
        for name, keys in self.nodes.items():
            kind = keys.pop("kind")
            (builder.host if kind == "host" else builder.router)(name, **keys)
        for link in self.links:
            near, far = link.pop("ends")
            builder.link(near, far, **{key: value for key, value in link.items() if value != {}})
        return builder.world()
