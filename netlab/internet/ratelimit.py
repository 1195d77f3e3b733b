"""How often a machine sends ICMP errors (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 (f)).

Two limits that real routers have. ``bucket`` is Linux's: one token comes in per ``1 / rate`` seconds, ``burst``
tokens fit, the bucket is full at first, a message costs one token. With its defaults, 40 probes 20 ms apart get 6
answers, then one per second (measured on Linux 6.18). ``window`` is as on many hardware routers: at most ``burst``
messages in ``burst / rate`` seconds, counted from the first; 1 per 500 ms is ``rate = 2, burst = 1``.

All arithmetic is in integer nanoseconds.
"""

from __future__ import annotations

from netlab.internet.model import RateLimit

SECOND = 1_000_000_000


class Limiter:
    """The limit of one machine: of all its errors, or of those to each destination."""

    def __init__(self, limit: RateLimit) -> None:
        self.per_destination = limit.per_destination
        self.bucket = limit.kind == "bucket"
        self.cost = max(1, round(SECOND / limit.rate)) if limit.rate > 0 else 0
        """ns of waiting that one message costs; 0: there is never another token."""
        self.burst = limit.burst
        self.buckets: dict[bytes, tuple[int, int]] = {}
        self.windows: dict[bytes, tuple[int, int]] = {}

    def allow(self, now: int, destination: bytes) -> bool:
        """Whether an error may be sent to this destination now; if so, it counts."""
        key = destination if self.per_destination else b""
        return self._take(now, key) if self.bucket else self._count(now, key)

    def _take(self, now: int, key: bytes) -> bool:
        unit = self.cost or 1
        filled, since = self.buckets.get(key, (self.burst * unit, now))
        if self.cost:
            filled = min(filled + now - since, self.burst * unit)
        allowed = filled >= unit
        self.buckets[key] = (filled - unit if allowed else filled, now)
        return allowed

    def _count(self, now: int, key: bytes) -> bool:
        start, count = self.windows.get(key, (now, 0))
        if self.cost and now >= start + self.cost * self.burst:
            start, count = now, 0
        if count >= self.burst:
            return False
        self.windows[key] = (start, count + 1)
        return True
