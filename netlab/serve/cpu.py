"""What a virtual host needs to answer: workers, a processor, and the queues in front of both.

A host of a world computes in no time at all, so that a request costs nothing. A real one is busy for a while with each
request, and then others wait. Three ways to build a server differ in who waits where:

=============  ==============================  ==============================================
mode           connections that are served     who waits
=============  ==============================  ==============================================
``iterative``  one                             all others, in the system's accept queue
``threads``    as many as there are workers    the next ones, in the accept queue
``loop``       all                             requests, for the processor
=============  ==============================  ==============================================

A worker belongs to a connection until that ends, however slow the client is; each works as if it had a processor of its
own. The loop has ``workers`` processors for the requests of all connections, and waits for no client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MODES = ("iterative", "threads", "loop")
KEPT = 100_000
"""Moments that are remembered."""

Service = Callable[[str], int]
"""From a request's target to the ns that it keeps a processor busy."""


class Moment(NamedTuple):
    """How many waited and how many were served at some time."""

    time: int
    waiting: int
    """Connections in the accept queue and for a worker, and requests for a processor."""
    busy: int
    """Workers with a connection; of a loop, processors with a request."""
    refused: int
    """So far: connections that found the accept queue full, or were told that the server is."""


def no_time(target: str) -> int:
    return 0


@dataclass(slots=True, eq=False)
class Cpu:
    """The workers and processors of one server."""

    mode: str = "loop"
    workers: int = 1
    service: Service = no_time
    served: int = 0
    """Connections that have a worker."""
    working: int = 0
    """Requests that have a processor."""
    requests: deque[tuple[Any, str, int]] = field(default_factory=deque)
    """Those that wait for one: whose, the target, since when."""
    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def has_worker(self) -> bool:
        """Whether one more connection can be served."""
        return self.mode == "loop" or self.served < self.workers

    @property
    def has_processor(self) -> bool:
        return self.mode != "loop" or self.working < self.workers

    @property
    def busy(self) -> int:
        return self.working if self.mode == "loop" else self.served

    def note(self, now: int, waiting: int, refused: int) -> None:
        """Remember this moment, the last one of its time."""
        moment = Moment(now, waiting + len(self.requests), self.busy, refused)
        if self.moments and self.moments[-1].time == now:
            self.moments.pop()
        if not self.moments or self.moments[-1][1:] != moment[1:]:
            self.moments.append(moment)
