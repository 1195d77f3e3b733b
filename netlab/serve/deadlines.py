"""What is to be done at some time: a heap of deadlines.

A connection's deadline moves with every request, and mostly passes unused. So only its earliest entry stands in the
heap; when that comes up and the deadline has moved meanwhile, it is put back. Setting a deadline costs nothing then.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import count

from netlab.serve.peers import Peer


class Deadlines:
    """Times are monotonic ns."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Peer | Callable[[], None]]] = []
        self._entries = count()
        """What is entered first is done first, of two with the same time."""

    @property
    def next_at(self) -> int | None:
        """When to call `due`; None: nothing is to be done."""
        return self._heap[0][0] if self._heap else None

    def at(self, at: int, do: Callable[[], None]) -> None:
        """Have something called."""
        heapq.heappush(self._heap, (at, next(self._entries), do))

    def keep(self, main: Peer) -> None:
        """See to it that a connection's deadline is noticed."""
        deadline = main.connection.deadline
        if deadline is not None and (main.heap_at is None or deadline < main.heap_at):
            main.heap_at = deadline
            heapq.heappush(self._heap, (deadline, next(self._entries), main))

    def due(self, now: int) -> Iterator[Peer | Callable[[], None]]:
        """Take out what is to be done by now: who is too late, and what is to be called."""
        while self._heap and self._heap[0][0] <= now:
            at, _, what = heapq.heappop(self._heap)
            if not isinstance(what, Peer):
                yield what
                continue
            if what.closed or at != what.heap_at:
                continue  # it was put forward
            what.heap_at = None
            deadline = what.connection.deadline
            if deadline is not None and deadline <= now:
                what.connection.deadline = None
                yield what
            else:
                self.keep(what)
