"""Connections to origins that nobody uses just now, for the next one who needs them (RFC 9112 section 9.3).

Whoever comes next gets the one that was used last: it is the least likely to be closed already. Up to `MOST` of a kind
stay for `IDLE_TIME`; what is more stays only for a moment, so that a burst of requests need not connect each time.
No sockets and no clock in here: a driver asks what to close and when.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from netlab.serve.connection import SECOND, Key

MOST = 8
"""Idle connections of one kind."""
IDLE_TIME = 10 * SECOND
MOMENT = SECOND // 10

S = TypeVar("S")


class Pool(Generic[S]):
    """Streams by key; ``now`` is monotonic ns. Where ``most`` is 0, nothing is to be put in."""

    def __init__(self, most: int = MOST, idle_time: int = IDLE_TIME) -> None:
        self.most, self._idle_time = most, idle_time
        self._by_key: dict[Key, dict[S, int]] = {}
        """The streams of a key with the times they came at, the oldest first."""
        self._key_of: dict[S, Key] = {}
        self.next_at: int | None = None
        """When to call `expired`; None: there is nothing in here."""

    def __len__(self) -> int:
        return len(self._key_of)

    def __contains__(self, stream: S) -> bool:
        return stream in self._key_of

    def put(self, key: Key, stream: S, now: int) -> None:
        self._key_of[stream] = key
        streams = self._by_key.setdefault(key, {})
        streams[stream] = now
        until = now + (MOMENT if len(streams) > self.most else self._idle_time)
        if self.next_at is None or until < self.next_at:
            self.next_at = until

    def take(self, key: Key) -> S | None:
        """Give the one of this key that was used last; it is no longer in here."""
        streams = self._by_key.get(key)
        if not streams:
            return None
        stream, _ = streams.popitem()
        self._forget(key, stream)
        return stream

    def drop(self, stream: S) -> None:
        """It is closed."""
        key = self._key_of[stream]
        del self._by_key[key][stream]
        self._forget(key, stream)

    def _forget(self, key: Key, stream: S) -> None:
        del self._key_of[stream]
        if not self._by_key[key]:
            del self._by_key[key]

    def expired(self, now: int) -> list[S]:
        """Take out what has been here for too long, and what is too many of a kind."""
        gone, times = [], []
        for key in list(self._by_key):
            streams = self._by_key[key]
            excess = len(streams) - self.most
            for number, (stream, since) in enumerate(list(streams.items())):
                until = since + (MOMENT if number < excess else self._idle_time)
                if until <= now:
                    gone.append(stream)
                    self.drop(stream)
                else:
                    times.append(until)
        self.next_at = min(times, default=None)
        return gone

    def clear(self) -> list[S]:
        """Take all of them out."""
        streams = list(self._key_of)
        self._by_key.clear()
        self._key_of.clear()
        self.next_at = None
        return streams
