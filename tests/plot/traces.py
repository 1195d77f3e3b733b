"""Tables of traceroutes made by hand, so that hop maps are tested without a network."""

from __future__ import annotations

from math import nan
from typing import Any

from netlab import frames
from netlab.internet.model import EPOCH
from netlab.probe.rows import EMPTY

LISBON, LONDON, NEW_YORK = ("Lisbon", 38.72, -9.14), ("London", 51.51, -0.13), ("New York", 40.71, -74.01)
TOKYO, LOS_ANGELES = ("Tokyo", 35.68, 139.69), ("Los Angeles", 34.05, -118.24)


def probe(ttl: int, responder: str = "", rtt: float | None = None, outcome: str = "", **more: Any) -> dict[str, Any]:
    """One probe; without a responder a star. ``place`` may be (name, latitude, longitude)."""
    usual = "time-exceeded" if responder else "timeout"
    at = more.pop("place", None)
    if at:
        more |= {"place": at[0], "latitude": at[1], "longitude": at[2]}
    kinds = {"time-exceeded": (11, 0, "TTL exceeded"), "reply": (0, 0, ""), "unreachable": (3, 1, "host unreachable")}
    kind, code, detail = kinds.get(outcome or usual, (None, None, ""))
    return {
        **EMPTY, "destination": "www", "address": "203.0.113.80", "source": "192.0.2.10", "ttl": ttl, "attempt": 1,
        "responder": responder, "rtt_ms": nan if rtt is None else rtt, "outcome": outcome or usual, "flow": 1,
        "network": "virtual:sample", "sent_at": EPOCH, "waited_ms": 3000.0, "clock": "virtual", "icmp_type": kind,
        "icmp_code": code, "detail": detail, **more,
    }  # fmt: skip


def table(*rows: dict[str, Any]) -> Any:
    """A PROBES table; probes are numbered in the order given, and per TTL as attempts."""
    attempts: dict[int, int] = {}
    for number, row in enumerate(rows, start=1):
        attempts[row["ttl"]] = attempts.get(row["ttl"], 0) + 1
        row["sequence"], row["attempt"] = number, attempts[row["ttl"]]
        row["sent_at"] = EPOCH + number * 1_000_000
    return frames.probes(rows)


def thrice(ttl: int, responder: str = "", rtt: float = 0.0, outcome: str = "", **more: Any) -> list[dict[str, Any]]:
    return [probe(ttl, responder, rtt + 0.1 * n if responder else None, outcome, **more) for n in range(3)]


def named(node: str) -> dict[str, str]:
    return {"responder_name": f"{node}.sample.example"}


def plain() -> Any:
    """Three hops, all answered: laptop – gateway – core – www."""
    return table(
        *thrice(1, "192.0.2.1", 0.8, **named("gateway")),
        *thrice(2, "198.51.100.2", 3.8, **named("core")),
        *thrice(3, "203.0.113.80", 8.0, "reply", **named("www")),
    )


def mixed() -> Any:
    """All that may happen: two addresses, silence, late, early, marks, answers beyond the end."""
    return table(
        *thrice(1, "192.0.2.1", 0.8),
        probe(2, "198.51.100.2", 4.0),
        probe(2, "198.51.100.6", 4.6),
        probe(2, "198.51.100.2", 4.2),
        *thrice(3),
        probe(4, "198.51.100.14", 9.0),
        probe(4, flags="early"),
        probe(4, "198.51.100.14", 16.0, "late", icmp_type=11, icmp_code=0, detail="TTL exceeded"),
        probe(5, "203.0.113.1", 12.0, "unreachable", mark="!H"),
        probe(5, "203.0.113.1", 12.4),
        probe(5, outcome="pending"),
        *thrice(6, "203.0.113.80", 13.0, "reply"),
        *thrice(7, "203.0.113.80", 13.2, "reply", flags="beyond-end"),
    )


def silent(hops: int = 5) -> Any:
    return table(*(row for ttl in range(1, hops + 1) for row in thrice(ttl)))


def long(hops: int = 30) -> Any:
    """A long way with long names of routers."""
    rows = []
    for ttl in range(1, hops):
        name = f"ae-{ttl}.r{ttl % 4}.a-rather-long-city-name{ttl:02}.backbone.provider.example"
        rows += thrice(ttl, f"198.51.100.{ttl}", 2.0 * ttl + (ttl % 3), responder_name=name) if ttl % 7 else thrice(ttl)
    return table(*rows, *thrice(hops, "203.0.113.80", 61.0, "reply", responder_name="www.sample.example"))


def diamond(width: int = 4, flows: int | None = None) -> Any:
    """A way that splits into ``width`` and joins again, probed with one flow per branch."""
    rows = []
    for flow in range(1, (flows or width) + 1):
        branch = 10 + (flow - 1) % width
        rows += [
            probe(1, "192.0.2.1", 1.0, flow=flow, **named("gateway")),
            probe(2, f"198.51.100.{branch}", 2.0 + 0.1 * branch, flow=flow, **named(f"b{branch - 9}")),
            probe(3, "203.0.113.1", 5.0, flow=flow, **named("join")),
            probe(4, "203.0.113.80", 6.0, "reply", flow=flow, **named("www")),
        ]
    return table(*rows)


def classic() -> Any:
    """Every probe has a flow of its own: the two branches of a diamond two hops long are mixed up.

    Really a1 – b1 and a2 – b2.
    """
    rows, flow = [], 0
    for ttl, responders in enumerate(["g g g", "a1 a2 a1", "b1 b1 b2", "j j j", "www www www"], start=1):
        for node in responders.split():
            flow += 1
            number = {"g": 1, "a1": 11, "a2": 12, "b1": 21, "b2": 22, "j": 31, "www": 80}[node]
            outcome = "reply" if node == "www" else ""
            rows.append(probe(ttl, f"198.51.100.{number}", 2.0 * ttl, outcome, flow=flow, **named(node)))
    return table(*rows)


CLASSIC_TRUTH = [
    ("laptop", "g"), ("g", "a1"), ("g", "a2"), ("a1", "b1"), ("a2", "b2"), ("b1", "j"), ("b2", "j"), ("j", "www"),
]  # fmt: skip


def abroad(*stops: tuple[str, float, float] | None) -> Any:
    """One hop per stop; None: a hop without a place."""
    rows = []
    for ttl, stop in enumerate(stops, start=1):
        outcome = "reply" if ttl == len(stops) else ""
        rows += thrice(ttl, f"198.51.100.{ttl}", 20.0 * ttl, outcome, place=stop)
    return table(*rows)
