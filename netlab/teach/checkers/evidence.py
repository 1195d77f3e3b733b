"""Exercise 06.5: ten traces that accuse a hop. What is the cause, and which row proves it?

The traces are measured here, two for each of five causes, on paths that have nothing in common with those of the
notebook. A cause without its evidence is a guess, and evidence without its cause is a number: each is worth half of a
trace. Which rows count as evidence follows from the table itself (`proof`), so any row that proves it will do.

Source: RFC 1812 section 4.3.2.8 (routers limit their errors), RFC 4950 (labels in ICMP errors), Steenbergen's guide.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

from netlab.probe.rows import Row
from netlab.teach.checkers.building import unwatched
from netlab.teach.exercise import Verdict, Wrong, dice, number
from netlab.teach.guard import show

if TYPE_CHECKING:
    from pandas import DataFrame

CAUSES = ("slow answers", "rate limit", "way back", "congestion", "tunnel")
VARIANTS = 2
PROBES = 16
TIMEOUT = 0.3
"""s; nothing takes longer here, and it is the pace of the rounds in which an answer is missing."""
TRIES = 50
"""Paths that are thrown until the table shows what it is about; nearly always the first or second."""

FASTER = 0.8
"""A hop counts as faster than the accused one when its median is at most this share of it."""
WAITING = 8.0
"""ms between the fastest and the middle answer from which a queue is seen; the lines themselves vary by less than 1."""
JUMP = 12.0
"""ms that the accused hop takes longer than the one before it, so that somebody would accuse it."""


@dataclass(frozen=True, slots=True)
class Trace:
    accused: int
    """The hop that a careless reader blames."""
    cause: str
    table: DataFrame


def sheet() -> None:
    """Print the ten traces of the exercise, one line per hop."""
    for place, trace in enumerate(traces(), start=1):
        told = "answers seldom" if trace.table["answered"].loc[trace.accused] < PROBES / 2 else "is slow"
        print(f"trace {place}: hop {trace.accused} {told}, somebody writes.")
        print("  hop  sent answered   fastest  median slowest ms   return_hops  labels")
        for hop, row in trace.table.iterrows():
            times = "".join(f"{row[name]:8.1f}" for name in ("fastest_ms", "median_ms", "slowest_ms"))
            text = f"  {hop:3}  {row['sent']:4} {row['answered']:8}  {times}   {row['return_hops']:13}  {row['labels']}"
            print(text.rstrip())


@lru_cache(maxsize=2)
def traces(seed: str = "") -> tuple[Trace, ...]:
    """The ten traces in mixed order; the index of each table is the hop."""
    with unwatched():
        made = [
            _measured(cause, dice("06.5", f"{seed}/{cause}/{variant}"))
            for cause in CAUSES
            for variant in range(VARIANTS)
        ]
    dice("06.5", f"{seed}/order").shuffle(made)
    return tuple(made)


# --- the paths ---------------------------------------------------------------------------------------------------


def _measured(cause: str, random: Random) -> Trace:
    from netlab import api

    for _ in range(TRIES):
        accused, description = _path(cause, random)
        hops = sum(name.startswith("r") for name in description["node"]) + 1
        # Round after round in one world, as mtr does, so that all hops see the same queue.
        held: Any = api.network_for(api.world(description), seed=random.getrandbits(24))
        with held:
            arguments: dict[str, Any] = {"attempts": 1, "max_ttl": hops, "timeout": TIMEOUT, "network": held}
            rows = [row for _ in range(PROBES) for row in api.tracing("there", **arguments)]
        trace = Trace(accused, cause, _table(rows))
        if _looks_guilty(trace) and proof(trace):
            break
    return trace


def _path(cause: str, random: Random) -> tuple[int, dict[str, Any]]:
    """The accused hop, and a path of 6 to 8 routers with this cause at it."""
    routers = 6 + random.getrandbits(1) + random.getrandbits(1)
    accused = 3 + random.getrandbits(1)
    nodes: dict[str, dict[str, Any]] = {"here": {"kind": "host", "address": []}}
    nodes |= {f"r{hop}": {"kind": "router", "address": []} for hop in range(1, routers + 1)}
    nodes["there"] = {"kind": "host", "address": []}
    names = list(nodes)
    links: list[dict[str, Any]] = []

    def link(near: str, far: str, delay_ms: float, **more: Any) -> dict[str, Any]:
        net = 4 * len(links)
        nodes[near]["address"].append(f"198.51.100.{net + 1}/30")
        nodes[far]["address"].append(f"198.51.100.{net + 2}/30")
        links.append({"ends": [near, far], "delay_ms": delay_ms, "jitter_ms": 0.4, **more})
        return links[-1]

    ocean = random.randrange(accused + 1, routers)  # a long line somewhere behind the accused hop
    for place, (near, far) in enumerate(pairwise(names)):
        long = place == ocean and cause in ("slow answers", "rate limit", "tunnel")
        link(near, far, 20.0 + random.getrandbits(4) if long else 0.5 + random.getrandbits(5) / 8)
    world: dict[str, Any] = {"name": "unseen", "vantage": "here", "node": nodes, "link": links}
    router, before = nodes[f"r{accused}"], f"r{accused - 1}"
    if cause == "slow answers":
        router["control"] = {"delay_ms": 60 + random.getrandbits(5), "jitter_ms": 60}
    elif cause == "rate limit":
        router["icmp"] = {"count": 1, "interval_ms": 900 + 100 * random.getrandbits(2)}
    elif cause == "way back":
        links[accused - 1]["backward"] = {"cost": 60}
        detour = [f"r{accused}", *(f"d{number}" for number in range(1, 3 + random.getrandbits(1))), "r1"]
        for name in detour[1:-1]:
            nodes[name] = {"kind": "router", "address": []}
        for near, far in pairwise(detour):
            link(near, far, 8.0 + random.getrandbits(3), cost=15)
    elif cause == "congestion":
        links[accused - 1]["forward"] = {"rate_mbps": 20, "queue": 60 + random.getrandbits(5)}
        path = [before, f"r{accused}"]
        world["traffic"] = [
            {"path": path, "kind": "poisson", "rate_mbps": 12},
            {"path": path, "kind": "on-off", "rate_mbps": 15.5, "on_ms": 40, "off_ms": 40},
        ]
    else:
        world["tunnel"] = [{"path": [f"r{hop}" for hop in range(accused - 1, ocean + 2)], "mode": "uniform"}]
    return accused, world


def _table(probes: list[Row]) -> DataFrame:
    """One row per hop, as an honest tool would print it."""
    import pandas as pd

    hops: dict[int, list[Row]] = {}
    for probe in probes:
        if "last-ditch" not in probe["flags"]:
            hops.setdefault(probe["ttl"], []).append(probe)
    rows = []
    for hop, group in sorted(hops.items()):
        times = [probe["rtt_ms"] for probe in group if probe["responder"]] or [math.nan]
        back = [probe["return_hops"] for probe in group if probe["return_hops"]]
        labels = [probe["mpls"] for probe in group if probe["mpls"]]
        rows.append(
            {
                "hop": hop,
                "sent": len(group),
                "answered": sum(bool(probe["responder"]) for probe in group),
                "fastest_ms": min(times),
                "median_ms": statistics.median(times),
                "slowest_ms": max(times),
                "return_hops": back[0] if back else 0,
                "labels": labels[0].split("/")[0] if labels else "",
            }
        )
    return pd.DataFrame(rows).set_index("hop")


def _looks_guilty(trace: Trace) -> bool:
    """Whether a careless reader would blame this hop: most answers missing, or a jump."""
    here, before = trace.table.loc[trace.accused], trace.table.loc[trace.accused - 1]
    if not (trace.table["answered"] > 0).all():
        return False
    if trace.cause == "rate limit":
        return bool(here["answered"] < PROBES / 2)
    return bool(here["median_ms"] - before["median_ms"] > JUMP and here["answered"] > PROBES / 2)


def proof(trace: Trace) -> list[int]:
    """The hops whose rows prove the cause; see `_WHY`."""
    table, here = trace.table, trace.table.loc[trace.accused]
    behind = table[table.index > trace.accused]
    if trace.cause == "slow answers":
        rows = behind[behind["median_ms"] <= FASTER * here["median_ms"]]
    elif trace.cause == "rate limit":
        rows = behind[behind["answered"] == behind["sent"]]
    elif trace.cause == "way back":
        rows = table[(table.index >= trace.accused) & (table["return_hops"] > table.index) & (table["labels"] == "")]
    elif trace.cause == "congestion":
        rows = behind[behind["median_ms"] - behind["fastest_ms"] >= WAITING]
    else:
        rows = table[table["labels"] != ""]
    return [int(hop) for hop in rows.index]


# --- the verdict -------------------------------------------------------------------------------------------------

_WHY = {
    "slow answers": "a hop behind it answers sooner, and packets to that hop pass the accused one",
    "rate limit": "a hop behind it answers every probe, so the accused one forwards them all",
    "way back": "more return_hops than the hop has itself: the answer took another, longer way",
    "congestion": "a hop behind it waits just as much: the fastest answer far below the median",
    "tunnel": "a label: inside a tunnel an error first travels to the far end, and only then back",
}
_NOT = {
    "slow answers": "Are the hops behind it slow, too? Then it is not its answers alone.",
    "rate limit": "Is it the answers that are missing, or are they slow?",
    "way back": "Compare return_hops with the hop's own number, in every row. Labels explain such numbers, too.",
    "congestion": "In a queue some packets wait and some do not. How far is the fastest answer below the median?",
    "tunnel": "Is there a label?",
}


def examine(answer: Any, seed: str) -> Verdict:
    found = traces()
    if not isinstance(answer, Mapping):
        raise Wrong(f'Your function returned {show(answer)}. Return a dictionary such as {{1: ("tunnel", 4)}}.')
    strange = [key for key in answer if number(key) not in range(1, len(found) + 1)]
    if strange:
        raise Wrong(f"There is no trace {show(strange[0])}. They have the numbers 1 to {len(found)}.")
    points, told, missing = 0, [], []
    for place, trace in enumerate(found, start=1):
        if place not in answer:
            missing.append(place)
            continue
        said = answer[place]
        if not isinstance(said, tuple | list) or len(said) != 2:
            raise Wrong(f'For trace {place} you gave {show(said)}. Give a cause and a hop, such as ("tunnel", 4).')
        cause, hop = _word(said[0]), number(said[1])
        row_fits = hop in proof(trace)
        if cause == trace.cause:
            points += 1 + row_fits
            if not row_fits:
                told.append(
                    f"Trace {place}: the cause is right, but row {show(said[1])} does not prove it. {_row(trace, hop)}"
                )
        elif cause not in CAUSES:
            told.append(f"Trace {place}: {show(said[0])} is none of the five causes: {', '.join(CAUSES)}.")
        else:
            told.append(f"Trace {place} is no case of {cause}. {_NOT[cause]} {_row(trace, hop)}")
    if missing:
        told.append(f"Still open: {', '.join(map(str, missing))}.")
    done = "Ten causes, and for each a row that proves it:\n" + "\n".join(f"  {c}: {why}." for c, why in _WHY.items())
    return Verdict(points / (2 * len(found)), "\n".join(told[:4]) if told else done)


def _row(trace: Trace, hop: float | None) -> str:
    """What stands in the row that was named, beside that of the accused hop."""
    if hop not in trace.table.index:
        return f"It has hops 1 to {len(trace.table)}."
    told = []
    for place in dict.fromkeys([trace.accused, int(hop or 0)]):
        row = trace.table.loc[place]
        label = f", label {row['labels']}" if row["labels"] else ""
        told.append(
            f"  hop {place}: {row['answered']} of {row['sent']} answered, fastest {row['fastest_ms']:.1f}, median "
            f"{row['median_ms']:.1f} ms, return_hops {row['return_hops']}{label}"
        )
    return "\n" + "\n".join(told)


def _word(value: Any) -> str:
    return " ".join(value.lower().replace("-", " ").split()) if isinstance(value, str) else ""
