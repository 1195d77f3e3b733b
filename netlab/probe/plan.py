"""Plans: which probes to send, in which order, and when.

A plan is an iterator of `Probe`; nothing else. Ping is one TTL and many attempts, traceroute a ladder of
TTLs. A plan may be endless: the session takes the next probe only when it is about to be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count as count_from
from typing import NamedTuple


class Target(NamedTuple):
    """Somebody to probe: what the user typed, and what it came to."""

    destination: str
    address: str
    source: str


class Probe(NamedTuple):
    """One packet to be sent, in words; `Builder` turns it into bytes."""

    target: Target
    ttl: int
    attempt: int
    at: int
    """When it should leave, ns after the start of the measurement."""
    size: int = 56
    """Bytes of payload."""
    flow: int = 0
    """Flow identifier; 0: not controlled."""
    round: int = 1
    on_answer: bool = False
    """Adaptive: leave as soon as nothing of this target is unanswered, at the latest ``at`` ns after the probe
    before."""
    least_gap: int = 0
    """Adaptive: but not sooner than this many ns after the probe before."""


def ping_plan(
    targets: Sequence[Target],
    count: int | None,
    interval: int,
    ttl: int,
    sizes: Sequence[int],
    adaptive: bool = False,
    spacing: int = 0,
    least_gap: int = 0,
) -> Iterator[Probe]:
    """Give ``count`` probes per target (None: without end), ``interval`` ns apart, all targets side by side.

    ``spacing`` (ns) keeps the targets of one attempt apart, so that a thousand of them are no burst;
    ``least_gap`` (ns) is what an adaptive plan keeps between two probes of one target, however fast the answers come.

    With several sizes every attempt uses the next one, round and round: a size sweep.
    """
    gap = max(interval, spacing * len(targets))
    for attempt in count_from(1) if count is None else range(1, count + 1):
        for position, target in enumerate(targets):
            yield Probe(
                target,
                ttl,
                attempt,
                at=gap if adaptive and attempt > 1 else (attempt - 1) * gap + position * spacing,
                size=sizes[(attempt - 1) % len(sizes)],
                on_answer=adaptive and attempt > 1,
                least_gap=least_gap,
            )
