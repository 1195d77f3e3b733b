"""The 24 hosts of exercise 04.5: networks made from a seed, three for each of eight causes, and what pings show.

Each host is examined in the same way as in the notebook: short pings, long ones that must not be fragmented, TCP, UDP,
and short pings from elsewhere. A few packets are lost by chance, so that one missing answer means nothing.

Two causes cannot be told apart from outside: a host that is down, and a firewall that drops everything without a word.
Both are ``silence``, and whoever calls them anything more precise claims to know what nobody can know.

Source: RFC 792, RFC 1812 sections 5.2.7.1 and 5.3.3, RFC 4443 section 3.1, RFC 1191.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from netlab.teach.checkers.building import unwatched
from netlab.teach.exercise import dice

if TYPE_CHECKING:
    from pandas import DataFrame

CAUSES = ("closed port", "no route", "prohibited", "loop", "black hole", "filtered", "way back", "silence")
LETTERS = dict(zip("ABCDEFGH", CAUSES, strict=True))
"""What belongs to the leaves of the decision tree (``netlab.plot.decisions``)."""

COLUMNS = ["vantage", "protocol", "packet_size", "address", "responder", "outcome", "detail", "icmp_type", "icmp_code"]
EXAMINATION: tuple[tuple[str, dict[str, Any]], ...] = (
    ("here", {}),
    ("here", {"size": 1472, "dont_fragment": True}),
    ("here", {"protocol": "tcp"}),
    ("here", {"protocol": "udp", "port": 7}),
    ("elsewhere", {"source": "other"}),
)
"""Vantage and arguments of the pings of one examination; the notebook has the same."""
PROBES = 3
LOSS = 0.04
VARIANTS = 3
"""Worlds per cause: each shows another side of it."""
TRIES = 50
"""Networks that are thrown until chance leaves the cause to be seen; nearly always the first."""

HOST, HERE = "203.0.113.", "192.0.2.0/25"


@dataclass(frozen=True, slots=True)
class Case:
    cause: str
    what: str
    """What is wrong there, for the verdict."""
    frame: DataFrame


@dataclass(slots=True)
class Plan:
    """A world to be, and the host to examine in it."""

    world: dict[str, Any]
    target: str
    what: str


@lru_cache(maxsize=8)
def cases(seed: str) -> tuple[Case, ...]:
    """The 24 cases of a seed, in mixed order."""
    with unwatched():
        return _made(seed)


def _made(seed: str) -> tuple[Case, ...]:
    made: list[tuple[str, str, list[Any]]] = []
    for cause in CAUSES:
        for variant in range(VARIANTS):
            made.append((cause, *_measured(cause, variant, dice("04.5", f"{seed}/{cause}/{variant}"))))
    order = dice("04.5", f"{seed}/order")
    made = [made[i] for i in sorted(range(len(made)), key=lambda i: (order.random(), i))]
    return tuple(Case(cause, what, _table(rows)) for cause, what, rows in made)


def _table(rows: list[tuple[str, Any]]) -> DataFrame:
    """The columns of PROBES that are needed, and the vantage in front."""
    import pandas as pd

    columns: dict[str, Any] = {"vantage": [vantage for vantage, _ in rows]}
    for name in COLUMNS[1:]:
        values = [row[name] for _, row in rows]
        columns[name] = pd.array(values, dtype="Int16") if name.startswith("icmp_") else values
    return pd.DataFrame(columns)


def _measured(cause: str, variant: int, random: Random) -> tuple[str, list[tuple[str, Any]]]:
    """What is wrong, and the rows of an examination with their vantages."""
    from netlab import api

    for _ in range(TRIES):
        plan = _plan(cause, variant, random)
        # One world for all five pings (that is what "with" does): building it anew takes most of the time.
        network: Any = api.network_for(api.world(plan.world), seed=random.getrandbits(24))
        with network:
            rows = [
                (vantage, row)
                for vantage, options in EXAMINATION
                for row in api.pinging(plan.target, network=network, count=PROBES, **options)
            ]
        if reading(rows) == cause:
            break
    return plan.what, rows


def _plan(cause: str, variant: int, random: Random) -> Plan:
    """A host behind an edge router, here and another host elsewhere; with one thing wrong."""
    number = 20 + random.getrandbits(6)
    target = f"{HOST}{number}"
    host: dict[str, Any] = {"kind": "host", "address": [f"{target}/25"], "open": ["tcp/80", "udp/7"]}
    core: dict[str, Any] = {"kind": "router", "address": ["198.51.100.2/30", "198.51.100.5/30", "198.51.100.9/30"]}
    edge: dict[str, Any] = {"kind": "router", "address": ["198.51.100.6/30", f"{HOST}1/25"]}
    gate: dict[str, Any] = {"kind": "router", "address": ["192.0.2.1/25", "198.51.100.1/30"]}
    gate["routes"] = [{"to": "0.0.0.0/0", "via": "core"}]
    inner: dict[str, Any] = {"ends": ["edge", "host"], "delay_ms": _ms(random)}
    outer: dict[str, Any] = {"ends": ["core", "edge"], "delay_ms": _ms(random)}
    alone = f"{target}/32"
    what = ""
    if cause == "closed port":
        host["open"] = [["tcp/80"], [], ["tcp/80", "udp/53"]][variant]
        what = "nothing listens on UDP port 7"
    elif cause == "no route" and variant == 0:
        outer["down"] = True
        what = "the line to its network is cut"
    elif cause == "no route" and variant == 1:
        edge["routes"] = [{"to": alone, "via": "unreachable"}]
        what = "a route says: unreachable"
    elif cause == "no route":
        target = f"{HOST}{number + 32}"
        what = "no machine has this address"
    elif cause == "prohibited":
        words = [("host-prohibited", "net-prohibited")[random.getrandbits(1)], "administratively-prohibited"]
        words.append("port-unreachable")
        edge["firewall"] = [{"action": "reject", "destination": alone, "reject_with": words[variant]}]
        what = f"a firewall refuses with {words[variant].replace('-', ' ')}"
    elif cause == "loop":
        bad, via = (edge, "core") if variant < 2 else (core, "gate")
        bad["routes"] = [{"to": alone, "via": via}]
        what = "two routers send its packets to and fro"
    elif cause == "black hole":
        inner["mtu"] = (1280, 1400, 1492)[variant]
        edge["hides_too_big"] = True
        what = f"a link of {inner['mtu']} bytes, and nobody says so"
    elif cause == "filtered" and variant == 0:
        host["answers_echo"] = False
        what = "the host answers no pings"
    elif cause == "filtered":
        edge["firewall"] = [{"action": "drop", "protocol": "icmp", "destination": alone}]
        what = "a firewall drops ICMP"
    elif cause == "way back":
        bad = edge if variant == 2 else host
        bad["routes"] = [{"to": HERE, "via": "blackhole"}]
        what = "answers to your network are lost"
    elif variant == 0 or (variant == 2 and random.getrandbits(1)):
        host["down"] = True
        what = "the host is down"
    else:
        edge["firewall"] = [{"action": "drop", "destination": alone}]
        what = "the host is up, a firewall drops everything"
    world = {
        "name": "unseen",
        "vantage": "here",
        "node": {
            "here": {"kind": "host", "address": [f"192.0.2.{2 + random.getrandbits(6)}/25"]},
            "gate": gate,
            "core": core,
            "edge": edge,
            "host": host,
            "other": {"kind": "host", "address": ["198.51.100.10/30"]},
        },
        "link": [
            {"ends": ["here", "gate"], "delay_ms": _ms(random), "loss": LOSS},
            {"ends": ["gate", "core"], "delay_ms": _ms(random)},
            outer,
            inner,
            {"ends": ["core", "other"], "delay_ms": _ms(random)},
        ],
    }
    return Plan(world, target, what)


def _ms(random: Random) -> float:
    return 0.5 + random.getrandbits(6) / 8


def reading(rows: list[tuple[str, Any]]) -> str:
    """The right diagnosis of an examination: the decision tree, read from top to bottom."""
    ours = [row for vantage, row in rows if vantage == "here"]
    for row in ours:
        if row["outcome"] in ("unreachable", "time-exceeded"):
            if row["outcome"] == "time-exceeded":
                return "loop"
            if row["responder"] == row["address"]:
                return "closed port"
            return "no route" if row["icmp_code"] in (0, 1) else "prohibited"
    answered = [row for row in ours if row["outcome"] == "reply"]
    if any(row["protocol"] == "icmp" for row in answered):
        return "black hole"
    if answered:
        return "filtered"
    elsewhere = [row for vantage, row in rows if vantage == "elsewhere" and row["outcome"] == "reply"]
    return "way back" if elsewhere else "silence"


def word_of(value: Any) -> str:
    """A learner's word as one of `CAUSES` would be written; ``""`` for anything that is no text."""
    return " ".join(value.lower().replace("-", " ").split()) if isinstance(value, str) else ""
