"""The six networks of notebook 05's exercises: one clean, five that break a trace which takes something for granted.

Each is a chain of routers whose length, delays and troublesome place come from the seed. They are traced here once with
the real tool, and what was sent and what came back is kept: a learner's function is then tried on these packets.

Source: RFC 792 and RFC 4443 (what an error quotes), RFC 1812, section 4.3.2 (when a router sends one).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any

from netlab.teach.exercise import dice

Row = dict[str, Any]

MOST = 30
"""The largest TTL of a trace."""
ROUTERS = (4, 5, 6)
LEAST_QUOTE = 8
"""Bytes behind the IP header that RFC 792 promises; two of the worlds quote no more."""


@dataclass(frozen=True, slots=True)
class Way:
    """One network and what a trace through it is about."""

    name: str
    told: str
    """What is special, for a verdict."""
    world: Mapping[str, Any]
    family: int = 4
    protocol: str = "icmp"
    """Of the trace that `stopping` replays."""


@dataclass(frozen=True, slots=True)
class Question:
    """A packet that came in, the requests that had left until then, and which of them it answers."""

    answer: bytes
    requests: Mapping[int, bytes]
    right: int | None


def ways(random: Random) -> list[Way]:
    """Make the six networks."""
    made = []
    for name, told in (
        ("clean", "a way on which everybody answers"),
        ("silent", "a way with a router that never answers"),
        ("refused", "a way that ends early, at a router that refuses to pass packets on"),
        ("loop", "a way on which two routers send packets back and forth"),
        ("elsewhere", "a way with a router that answers late, and from another of its addresses"),
        ("six", "a clean way in IPv6"),
    ):
        count = random.choice(ROUTERS)
        world = _chain(name, count, random)
        _trouble(name, world, count, random)
        made.append(Way(name, told, world, 6 if name == "six" else 4, "udp" if name == "elsewhere" else "icmp"))
    return made


def _chain(name: str, count: int, random: Random) -> dict[str, Any]:
    """here – r1 – r2 – … – there, with addresses of both families."""
    names = ["here", *(f"r{number}" for number in range(1, count + 1)), "there"]
    addresses: dict[str, list[str]] = {node: [] for node in names}
    links = []
    for number, pair in enumerate(pairwise(names)):
        for node, own in zip(pair, (1, 2), strict=True):
            host = 80 if node == "there" else own
            net = "203.0.113" if number == count else "198.51.100"
            last = host if number == count else 16 * number + own
            addresses[node] += [f"{net}.{last}/{24 if number == count else 28}", f"2001:db8:{number + 1}::{host}/64"]
        links.append({"ends": list(pair), "delay_ms": round(1 + 9 * random.random(), 3)})
    nodes = {
        node: {"kind": "host" if node in ("here", "there") else "router", "address": addresses[node]} for node in names
    }
    return {"name": name, "vantage": "here", "node": nodes, "link": links}


def _trouble(name: str, world: dict[str, Any], count: int, random: Random) -> None:
    nodes = world["node"]
    place = random.randint(2, count - 1)
    router = nodes[f"r{place}"]
    if name == "silent":
        router["silent"] = True
        nodes[f"r{place + 1}"]["quotes"] = LEAST_QUOTE
    elif name == "refused":
        router["firewall"] = [{"action": "reject", "destination": "203.0.113.0/24"}]
        router["quotes"] = LEAST_QUOTE
    elif name == "loop":
        router["routes"] = [{"to": "203.0.113.0/24", "via": f"r{place - 1}"}]
    elif name == "elsewhere":
        router["answers_from"] = router["address"][2].split("/")[0]
        router["control"] = {"delay_ms": 40}


@lru_cache(maxsize=8)
def traces(seed: str) -> tuple[tuple[Way, tuple[Row, ...]], ...]:
    """For each network the rows of a trace with every TTL up to `MOST`, one probe each."""
    from netlab import api

    random = dice("05.5", seed)
    found = []
    for way in ways(random):
        frame_rows = api.tracing(
            "there", network=_network(way, random), protocol=way.protocol, family=way.family,
            plan=lambda rows: iter(range(1, MOST + 1)), window=MOST, timeout=1.0,
        )  # fmt: skip
        found.append((way, tuple(sorted(frame_rows, key=lambda row: int(row["ttl"])))))
    return tuple(found)


@lru_cache(maxsize=8)
def questions(seed: str) -> tuple[tuple[Way, tuple[Question, ...]], ...]:
    """For each network the packets that came in while a trace ran, in order, with a stranger's between them."""
    from netlab import api

    random = dice("05.4", seed)
    found = []
    for way in ways(random):
        came: list[Question] = []
        head = 20 if way.family == 4 else 40

        def match(
            answer: bytes, requests: Mapping[int, bytes], came: list[Question] = came, head: int = head
        ) -> int | None:
            number = _meant(answer, requests, head)
            came.append(Question(answer, dict(requests), number))
            return number

        list(
            api.tracing(
                "there", network=_network(way, random), family=way.family, attempts=2, max_ttl=9, timeout=1.0,
                match=match,
            )
        )  # fmt: skip
        found.append((way, tuple(_with_strangers(came, head, random))))
    return tuple(found)


def _network(way: Way, random: Random) -> Any:
    from netlab import api

    return api.network_for(api.world(way.world), seed=random.getrandbits(24))


def _meant(answer: bytes, requests: Mapping[int, bytes], head: int) -> int | None:
    """The probe that an answer is about, by identifier and sequence number, its own or the quoted ones."""
    start = head if answer[head] in (0, 129) else 2 * head + 8
    for number, request in requests.items():
        if request[head + 4 : head + 8] == answer[start + 4 : start + 8]:
            return number
    return None


def _with_strangers(came: list[Question], head: int, random: Random) -> list[Question]:
    """Put between the answers some that belong to another program of this machine: same numbers, other identifier."""
    mixed = []
    for place, question in enumerate(came):
        mixed.append(question)
        if place % 3 == 1:
            start = head if question.answer[head] in (0, 129) else 2 * head + 8
            other = bytearray(question.answer)
            other[start + 4] ^= 1 + random.getrandbits(6)
            mixed.append(Question(bytes(other), question.requests, None))
    return mixed
