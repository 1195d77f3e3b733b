"""A load on a server in a virtual world: lets the crowd of ``serve/load.py`` come, and makes rows of LOAD."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netlab.client_place import CLOSING
from netlab.errors import NetworkError, UsageError
from netlab.in_world import resolve
from netlab.probing import seconds, whole
from netlab.serve.load import SLOW_WINDOW, Visit, visitor, visits
from netlab.serve.virtual import QUICK, VirtualLoop
from netlab.server_world import WorldPlace

MOST = 100_000
"""Requests in one load."""


def run(
    place: WorldPlace,
    rate: float,
    length: float | None,
    count: int | None,
    target: str | Sequence[str],
    clients: str | Sequence[str] | None,
    slow: float,
    slow_rate: float,
    timeout: float,
    seed: int,
) -> tuple[list[Visit], int]:
    """Let a crowd come, until everybody is done; gives its visits and when it began, world time."""
    crowd = _crowd(place, rate, length, count, target, clients, slow, seed)
    limit, pace = seconds("timeout", timeout, above=0.0), _positive("slow_rate", slow_rate)
    world, port = place.world, place.port
    addresses = resolve(world, place.host, port)
    authority = place.host if port == 80 else f"{place.host}:{port}"
    left, done = len(crowd), deque[None]()

    def ended() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.append(None)

    faults: list[Exception] = []
    with world.driving() as engine:
        began = engine.now
        loops: dict[tuple[str, bool], VirtualLoop] = {}
        for visit in crowd:
            key = visit.client, visit.slow
            if key not in loops:
                options = QUICK._replace(receive_buffer=SLOW_WINDOW) if visit.slow else QUICK
                loops[key] = VirtualLoop(engine, visit.client, lambda host, port: addresses, options=options)
                loops[key].on_fault = lambda connection, fault: faults.append(fault)
            begin = visitor(visit, addresses, authority, limit, pace)
            engine.at(began + visit.at, lambda loop=loops[key], begin=begin: loop.start(begin, ended))  # type: ignore[misc]
        try:
            while not done and crowd:
                due = engine.next_event()
                if due is None:
                    raise NetworkError("nothing happens any more in this world, and not everybody is done")
                engine.advance(due + CLOSING, done)
        finally:
            for loop in loops.values():
                loop.stop()
        for loop in loops.values():
            loop.close_well(CLOSING)
    if faults:
        raise faults[0]
    return crowd, began


def _crowd(
    place: WorldPlace,
    rate: float,
    length: float | None,
    count: int | None,
    target: str | Sequence[str],
    clients: str | Sequence[str] | None,
    slow: float,
    seed: int,
) -> list[Visit]:
    """Check what was asked for, and decide who comes."""
    per_second = _positive("rate", rate)
    if length is not None and count is not None:
        raise UsageError("count", count, "give count or seconds, not both")
    number = None if count is None else whole("count", count, 1, MOST)
    duration = seconds("seconds", 10.0 if length is None else length, above=0.0)
    if number is None and per_second * duration > MOST:
        raise UsageError("rate", rate, f"that would be more than {MOST} requests")
    if isinstance(slow, bool) or not isinstance(slow, int | float) or not 0 <= slow <= 1:
        raise UsageError("slow", slow, "is the share of slow readers: from 0 to 1")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError("seed", seed, "must be a whole number; the same one gives the same crowd")
    targets = _texts("target", target)
    for each in targets:
        if not each.startswith("/") or not each.isascii() or not each.isprintable() or " " in each:
            raise UsageError("target", each, "must be a path such as /index.html")
    hosts = [place.world.host(name) for name in (_texts("clients", clients) if clients is not None else [None])]
    return visits(seed, per_second, number, int(duration * 1e9), hosts, targets, slow)


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e6:
        raise UsageError(name, value, "must be more than 0 and at most 1000000 per second")
    return float(value)


def _texts(name: str, value: str | Sequence[str]) -> list[str]:
    listed = [value] if isinstance(value, str) else list(value)
    if not listed or not all(isinstance(each, str) for each in listed):
        raise UsageError(name, value, "must be a text, or a list of some")
    return listed


def rows(
    crowd: Iterable[Visit], began: int, place: WorldPlace, log: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row per visit, with what the server's log knows of it."""
    known = {row["client"]: row for row in log}
    return [_row(visit, began, place, known.get(visit.local, {})) for visit in crowd]


def _row(visit: Visit, began: int, place: WorldPlace, known: Mapping[str, Any]) -> dict[str, Any]:
    connected, first = visit.connected, visit.first
    return {
        "at_ms": visit.at / 1e6,
        "client": visit.client,
        "target": visit.target,
        "slow": visit.slow,
        "outcome": visit.outcome,
        "status": visit.status,
        "connect_ms": None if connected is None else (connected - visit.began) / 1e6,
        "queue_ms": known.get("queue_ms"),
        "wait_ms": None if connected is None or first is None else (first - connected) / 1e6,
        "receive_ms": None if first is None else (visit.ended - first) / 1e6,
        "latency_ms": (visit.ended - visit.began) / 1e6,
        "bytes": visit.bytes,
        "connection": known.get("connection"),
        "error": visit.error,
        "started_at": place.world.epoch + began + visit.at,
        "network": place.network,
    }
