"""Tables of probes made by hand, so that plots are tested without a network."""

from __future__ import annotations

from math import nan
from typing import Any

from netlab import frames
from netlab.internet.model import EPOCH, Direction, Link, Node, World


def row(number: int, rtt: float | None = 10.0, outcome: str = "reply", **more: Any) -> dict[str, Any]:
    """One probe, sent ``number`` seconds after the start; ``rtt`` None: no answer."""
    from netlab.probe.rows import EMPTY

    return {
        **EMPTY,
        "destination": "www",
        "attempt": number,
        "ttl": 64,
        "rtt_ms": nan if rtt is None else rtt,
        "outcome": outcome,
        "network": "virtual:sample",
        "sequence": number,
        "sent_at": EPOCH + number * 1_000_000_000,
        "waited_ms": 2000.0,
        "clock": "virtual",
        **more,
    }


def probes(*delays: float | str | None, **more: Any) -> Any:
    """A table from delays in ms; None is a lost probe, a text is an outcome without an answer."""
    rows = []
    for number, delay in enumerate(delays, start=1):
        if isinstance(delay, str):
            rows.append(row(number, None, delay, **more))
        else:
            rows.append(row(number, delay, "reply" if delay is not None else "timeout", **more))
    return frames.probes(rows)


def mixed() -> Any:
    """Five answered, one late, one lost, one pending, one that never left."""
    rows = [row(n, 10.0 + n) for n in range(1, 6)]
    rows += [row(6, 2100.0, "late"), row(7, None, "timeout"), row(8, None, "pending")]
    rows.append(row(9, None, "not-sent", sent_at=None))
    return frames.probes(rows)


def world(*links: tuple[str, str, float], hosts: str = "laptop www", name: str = "sample") -> World:
    """A world from (node, node, delay in ms)."""
    names = list(dict.fromkeys(end for a, b, _ in links for end in (a, b)))
    nodes = {each: Node(each, "host" if each in hosts.split() else "router") for each in names}
    made = [Link(f"{a}-{b}", (a, b), _delay(ms), _delay(ms)) for a, b, ms in links]
    return World(name, names[0], nodes, made)


def _delay(ms: float) -> Direction:
    return Direction(delay=int(ms * 1e6))


CHAIN = (("laptop", "gateway", 0.5), ("gateway", "core", 1.5), ("core", "www", 2.0))
