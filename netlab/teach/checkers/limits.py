"""Exercise 11.5: limits with which 99 of 100 are answered in time, although some read slowly.

The answer is tried on three workloads made from the seed: one that the server could just manage, two that are too much
for it. Right is what keeps the target, cuts off nobody who is only far away, and refuses hardly more than must be.

Source: RFC 9110 section 15.6.4 (503); RFC 9293 section 3.8.6 (a window that stays shut).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import inf, isinf
from typing import Any, NamedTuple

from netlab.teach.checkers.building import unwatched
from netlab.teach.checkers.queueing import Outcome, Workload, arrivals, least_refused, run
from netlab.teach.exercise import Verdict, Wrong, dice, number
from netlab.teach.guard import show

COUNT = 1500
"""Requests of each workload."""
LOADS = (0.85, 1.15, 1.3)
"""Of what the server manages when slow readers are cut off in time."""
SPARE = 0.05
"""The share of requests that may be refused beyond what must be."""
LONGER = 1.1
"""Times the longest honest pause: who waits longer than that for a reader is told so, before anything else."""
NAMES = ("connections", "write_time")


class Case(NamedTuple):
    load: Workload
    percent: int
    slow: float
    """The share of slow readers."""
    least: float
    """The share that must be refused."""


@lru_cache(maxsize=8)
def _cases(seed: str) -> tuple[Case, ...]:
    with unwatched():
        return tuple(_case(f"{seed}/{index}", part) for index, part in enumerate(LOADS))


def _case(seed: str, part: float) -> Case:
    random = dice("11.5", seed)
    workers = 5 + random.getrandbits(3)
    service, reading = float(5 + random.getrandbits(4)), 10.0 * (4 + random.getrandbits(3))
    target = service + (2 + random.random()) * (service + reading)
    slow = (2 + random.getrandbits(2)) / 100
    held = service + (1 - slow) * reading / 2 + slow * reading  # ms that a request holds a worker, on average
    load = Workload(
        workers, service, reading, float(round(target)),
        arrivals(random, part * 1000 * workers / held, COUNT, reading, slow),
    )  # fmt: skip
    return Case(load, round(100 * part), slow, least_refused(load))


def examine(answer: Callable[..., Any], seed: str) -> Verdict:
    cases = _cases(seed)
    chosen = [_read(answer(load.workers, load.service_ms, load.reading_ms, load.target_ms)) for load, *_ in cases]
    with unwatched():
        outcomes = [run(case.load, *limits) for case, limits in zip(cases, chosen, strict=True)]
    faults = [_fault(case, limits, outcome) for case, limits, outcome in zip(cases, chosen, outcomes, strict=True)]
    told = "\n".join(map(_row, cases, chosen, outcomes))
    kept = faults.count("")
    if kept == len(cases):
        return Verdict(1.0, "All three in time, nobody cut off who is only far away, hardly anybody refused.", told)
    return Verdict(round(0.25 * kept, 2), next(filter(None, faults)), told)


def _read(given: Any) -> tuple[float, float]:
    """Take the two numbers out of what the learner returned; the second in ms."""
    if not isinstance(given, Mapping) or set(given) != set(NAMES):
        raise Wrong(
            f'Your function returned {show(given)}. Return a dict of two limits: {{"connections": …, "write_time": …}}.'
        )
    connections, seconds = (number(given[name]) for name in NAMES)
    if connections is None or connections < 1 or (not isinf(connections) and connections != connections // 1):
        raise Wrong(f"connections is {show(given['connections'])}: it must be a whole number, 1 or more.")
    if seconds is None or seconds <= 0:
        raise Wrong(f"write_time is {show(given['write_time'])}: it must be a number of seconds, more than 0.")
    return connections, 1000 * seconds


def _fault(case: Case, limits: tuple[float, float], outcome: Outcome) -> str:
    """What is wrong with these limits; ``""`` when nothing is."""
    load, (connections, write_ms) = case.load, limits
    if outcome.cut:
        return (
            f"You cut off {outcome.cut} readers that were only far away: they pause for up to {load.reading_ms:g} ms, "
            f"and you allow {write_ms:g}. write_time must be at least the longest honest pause."
        )
    late, many = outcome.p99_ms > load.target_ms, outcome.refused_share > case.least + SPARE
    if (late or many) and write_ms > LONGER * load.reading_ms:
        return _patient(load, write_ms, outcome)
    if late:
        if isinf(connections) or connections > 4 * _room(load):
            return (
                "Nobody is refused, so everybody waits. When more come than can be served, only a limit keeps the "
                "queue short: connections."
            )
        return (
            f"With {connections:g} inside the last one waits too long: {connections - load.workers:g} are before it, "
            f"and the {load.workers} workers need up to {load.service_ms + load.reading_ms:g} ms for a round of them."
        )
    if many:
        if connections <= load.workers:
            return (
                "You refuse everybody who would have to wait, even for a moment. That many workers are sometimes busy "
                "by chance, and free at once. Let some wait: as many as can be served within the target."
            )
        return (
            f"In time, but you refuse {100 * outcome.refused_share:.1f} % of all, {100 * case.least:.1f} % would do. "
            "More may wait, and are still answered in time."
        )
    return ""


def _patient(load: Workload, write_ms: float, outcome: Outcome) -> str:
    """What to say to somebody who waits too long for a reader.

    It comes before every word on ``connections``: as long as slow readers hold the workers, hardly any number of
    connections is right, and "more may wait" and "the last one waits too long" would follow each other for ever.
    """
    if 1000 * load.reading_ms <= write_ms < inf:
        return (
            f"write_time is in seconds: {write_ms / 1000:g} would be {write_ms / 60_000:.3g} minutes. The pause of "
            f"{load.reading_ms:g} ms is {load.reading_ms / 1000:g} s."
        )
    if outcome.held > 0.25 * load.workers:
        return (
            f"Slow readers hold {outcome.held:.1f} of the {load.workers} workers, on average. Do not wait for them "
            "longer than an honest reader can need."
        )
    waits = "for ever" if isinf(write_ms) else f"{write_ms:g} ms"
    return (
        f"You wait {waits} for a reader; honest ones pause for at most {load.reading_ms:g} ms. The rest of that time a "
        "slow reader holds a worker, and others wait or are refused. Choose write_time first, then connections."
    )


def _room(load: Workload) -> float:
    """How many may be inside when every pause is the longest honest one."""
    return load.workers * (1 + (load.target_ms - load.service_ms) / (load.service_ms + load.reading_ms))


def _row(case: Case, limits: tuple[float, float], outcome: Outcome) -> str:
    load = case.load
    server = f"{load.workers} workers, service {load.service_ms:g} ms, pauses up to {load.reading_ms:g} ms"
    chosen = f"connections {limits[0]:g}, write_time {limits[1] / 1000:g} s"
    return (
        f"  load {case.percent} %, {server}, {100 * case.slow:g} % slow: {chosen}: p99 {outcome.p99_ms:.0f} ms (target "
        f"{load.target_ms:g}), {100 * outcome.refused_share:.1f} % refused, {outcome.cut} cut off"
    )
