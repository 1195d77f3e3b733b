"""Traceroute's plan: a ladder of TTLs, and when to get off it.

1. Probes go out TTL by TTL, ``attempts`` of each, as many at once as the session's window allows.
2. *The end* is told by the kind of answer and not by its address: a reply of the destination (echo reply, SYN-ACK, RST)
   or any Destination Unreachable, from whomever. Nothing beyond the smallest TTL with such an answer is sent any more;
   what was already in flight comes out flagged ``beyond-end``.
3. *The gap limit*: after so many silent hops in a row behind the last one that answered, going on is useless.
4. What ends without a word from the destination gets a *last-ditch* check: one more probe, ICMP if allowed, with TTL
   255 (see ``tracing.py``). An open UDP port, for one, is silent although it was reached.

`mark_path` adds what only the whole trace can tell: ``beyond-end``, ``repeated-hop`` and ``loop``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import index
from typing import Any

from netlab.errors import UsageError
from netlab.probe.plan import Probe, Target
from netlab.probe.rows import Row, add_flag
from netlab.probe.trace import answered

LAST_DITCH_TTL = 255
GAP_LIMIT = 5
"""Silent hops in a row, as in scamper: more than five routers in a row that never answer are rare."""

PlanFunction = Callable[[Sequence[Row]], Iterable[Any]]
"""A learner's own plan: ``plan(rows)`` yields TTLs, or (TTL, attempt); ``rows`` grows with what was answered."""


def is_final(row: Row) -> bool:
    """Whether this answer says that the probe got as far as it ever will."""
    return row["outcome"] in ("reply", "unreachable") or (
        row["outcome"] == "late" and row["icmp_type"] != TIME_EXCEEDED[6 if ":" in row["address"] else 4]
    )


TIME_EXCEEDED = {4: 11, 6: 3}
"""ICMP types (RFC 792, RFC 4443)."""


class Ladder:
    """The usual plan; a `Steering`."""

    def __init__(
        self,
        target: Target,
        first_ttl: int,
        max_ttl: int,
        attempts: int,
        size: int,
        gap_limit: int | None = GAP_LIMIT,
        round: int = 1,
        start: int = 0,
        spacing: int = 0,
        flow: int = 1,
    ) -> None:
        self._target, self._first, self._last, self._attempts = target, first_ttl, max_ttl, attempts
        self._size, self._gap_limit, self._round = size, gap_limit, round
        self._start, self._spacing, self._flow = start, spacing, flow
        self._count = 0
        self._silent: dict[int, int] = {}
        self._highest = first_ttl - 1
        self.end: int | None = None
        """The TTL at which the destination, or somebody who knows better, answered."""

    def __iter__(self) -> Iterator[Probe | None]:
        return self

    def __next__(self) -> Probe | None:
        step, attempt = divmod(self._count, self._attempts)
        ttl = self._first + step
        if ttl > self.highest_ttl:
            raise StopIteration
        self._count += 1
        at = self._start + (self._count - 1) * self._spacing
        return Probe(self._target, ttl, attempt + 1, at, self._size, flow=self._flow, round=self._round)

    @property
    def highest_ttl(self) -> int:
        """Nothing beyond is sent."""
        return self._last if self.end is None else min(self._last, self.end)

    def wants(self, probe: Probe) -> bool:
        return probe.ttl <= self.highest_ttl and not (self._silent and self.given_up)

    def needs(self, probe: Probe) -> bool:
        """Whether the answer of a probe in flight is worth waiting for."""
        return self.end is None or probe.ttl <= self.end

    @property
    def given_up(self) -> bool:
        """Whether the gap limit is reached."""
        if self._gap_limit is None or self.end is not None:
            return False
        gap = range(self._highest + 1, self._highest + 1 + self._gap_limit)
        return all(self._silent.get(ttl, 0) >= self._attempts for ttl in gap)

    def heard(self, row: Row) -> None:
        ttl = row["ttl"]
        if row["outcome"] in ("timeout", "not-sent"):
            self._silent[ttl] = self._silent.get(ttl, 0) + 1
        elif answered(row):
            self._highest = max(self._highest, ttl)
            if is_final(row):
                self.end = ttl if self.end is None else min(self.end, ttl)


class OwnPlan:
    """A learner's plan as a `Steering`: what it yields is sent, and nothing else is decided for it."""

    def __init__(self, function: PlanFunction, target: Target, size: int) -> None:
        self._rows: list[Row] = []
        self._target, self._size = target, size
        self._counts: dict[int, int] = {}
        plan = function(self._rows)
        if not hasattr(plan, "__iter__"):
            raise UsageError("plan", plan, "must be a function that yields TTLs, or pairs of TTL and attempt")
        self._items = iter(plan)

    def __iter__(self) -> Iterator[Probe | None]:
        return self

    def __next__(self) -> Probe | None:
        ttl, attempt = self._read(next(self._items))
        return Probe(self._target, ttl, attempt, 0, self._size, flow=1)

    def _read(self, item: Any) -> tuple[int, int]:
        try:
            ttl, attempt = item if isinstance(item, tuple) else (item, self._counts.get(item, 0) + 1)
            ttl, attempt = index(ttl), index(attempt)
        except (TypeError, ValueError):
            raise UsageError("plan", item, "must yield TTLs from 1 to 255, or pairs (TTL, attempt)") from None
        if not 1 <= ttl <= 255 or attempt < 1:
            raise UsageError("plan", item, "must yield TTLs from 1 to 255, or pairs (TTL, attempt from 1 on)")
        self._counts[ttl] = max(self._counts.get(ttl, 0), attempt)
        return ttl, attempt

    def wants(self, probe: Probe) -> bool:
        return True

    def heard(self, row: Row) -> None:
        if answered(row):
            self._rows.append(row)


def mark_path(rows: Sequence[Row]) -> None:
    """Flag what the whole trace shows: answers beyond its end, a hop that answers twice in a row, a loop.

    Each round, destination and flow mode is one path; a hop's addresses are those that answered any of its probes.
    """
    paths: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        paths.setdefault((row["address"], row["round"]), []).append(row)
    for path in paths.values():
        _mark_one(path)


def _mark_one(path: list[Row]) -> None:
    probed = [row for row in path if "last-ditch" not in row["flags"].split()]
    end = min((row["ttl"] for row in probed if is_final(row)), default=None)
    hops: dict[int, set[str]] = {}
    first: dict[str, int] = {}
    for row in probed:
        ttl, responder = row["ttl"], row["responder"]
        if end is not None and ttl > end:
            add_flag(row, "beyond-end")
        elif answered(row):
            hops.setdefault(ttl, set()).add(responder)
            first[responder] = min(first.get(responder, ttl), ttl)
    for row in probed:
        ttl, responder = row["ttl"], row["responder"]
        if not responder or "beyond-end" in row["flags"].split():
            continue
        if responder in hops.get(ttl - 1, ()):
            add_flag(row, "repeated-hop")
        elif first.get(responder, ttl) < ttl - 1:
            add_flag(row, "loop")
