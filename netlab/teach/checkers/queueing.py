"""A busy server as a model: workers, a queue before them, readers that hold a worker, and two limits.

Requests come when they come. A request takes a worker for the time of the service and for as long as its reader pauses
before it has taken the answer; without a free worker it waits, first come, first served. Two limits protect the rest:
beyond ``connections`` inside (waiting or at a worker) a newcomer is sent away with 503 at once, and a reader that takes
nothing for ``write_ms`` is cut off.

``netlab.WebServer`` does the same in the virtual internet with ``mode="threads"``, and a test holds the two against
each other.

Source: RFC 9110 sections 15.6.4 (503) and 10.2.3 (Retry-After); Little, Operations Research 9 (1961).
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import NamedTuple

from netlab import stats


class Workload(NamedTuple):
    """A server, and who comes to it."""

    workers: int
    service_ms: float
    reading_ms: float
    """The longest pause of a reader that is only far away; who pauses longer is a slow reader."""
    target_ms: float
    arrivals: Sequence[tuple[float, float]]
    """For each request: when it comes, and how long its reader pauses, in ms."""


class Outcome(NamedTuple):
    answer_ms: list[float]
    """Of each request let in: from its arrival until its answer begins."""
    refused: int
    cut: int
    """Readers that were only far away, and were cut off."""
    held: float
    """How many workers were held by slow readers, on average."""

    @property
    def p99_ms(self) -> float:
        return stats.percentile(self.answer_ms, 99) if self.answer_ms else 0.0

    @property
    def refused_share(self) -> float:
        return self.refused / (self.refused + len(self.answer_ms))


def arrivals(random: Random, rate: float, count: int, reading_ms: float, slow: float) -> list[tuple[float, float]]:
    """Let ``count`` requests come, ``rate`` per second, at random moments; a share ``slow`` pauses for 20 s."""
    at, found = 0.0, []
    for _ in range(count):
        at += random.expovariate(rate / 1000)
        pause = 20_000.0 if random.random() < slow else reading_ms * random.random()
        found.append((at, pause))
    return found


def run(load: Workload, connections: float = inf, write_ms: float = inf) -> Outcome:
    """Let everybody come, and see how they fare."""
    free = [0.0] * load.workers  # a heap: when each worker is free
    inside: list[float] = []  # a heap: when those inside leave
    answer_ms: list[float] = []
    refused = cut = 0
    held = 0.0
    for at, pause in load.arrivals:
        while inside and inside[0] <= at:
            heappop(inside)
        if len(inside) >= connections:
            refused += 1
            continue
        begin = max(at, heappop(free))
        answered = begin + load.service_ms
        answer_ms.append(answered - at)
        reads = min(pause, write_ms)
        if pause > load.reading_ms:
            held += reads
        elif pause > write_ms:
            cut += 1
        heappush(free, answered + reads)
        heappush(inside, answered + reads)
    return Outcome(answer_ms, refused, cut, held / load.arrivals[-1][0])


def least_refused(load: Workload) -> float:
    """The smallest share that must be refused so that 99 of 100 of the others are answered in time."""
    low, high = load.workers, load.workers * 64
    while low < high:  # more inside means fewer refused, and longer waits
        middle = (low + high + 1) // 2
        if run(load, middle, load.reading_ms).p99_ms <= load.target_ms:
            low = middle
        else:
            high = middle - 1
    return run(load, low, load.reading_ms).refused_share
