"""When to send again: a timer that is cheap to set anew, and the retransmission timeout of RFC 6298.

Nearly every acknowledgement sets the timer anew. The engine cannot forget an event, so the timer leaves its event
where it is: when that comes too early, it goes on to the time that holds now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlab.internet.engine import Engine

SECOND = 1_000_000_000
NEVER = 1 << 63

FIRST_TIMEOUT = SECOND
"""Before a round-trip time is known (RFC 6298 section 2, rule 2.1)."""
AFTER_LOST_SYN = 3 * SECOND
"""The timeout with which data begins when a SYN had to be repeated (rule 5.7)."""
LEAST_MARGIN = SECOND // 5
"""RFC 6298 wants a timeout of at least 1 s, for the sake of coarse clocks. As Linux, we add at least 200 ms to the
round-trip time: more than any receiver delays its acknowledgement."""
LONGEST_TIMEOUT = 120 * SECOND
"""As Linux; rule 2.5 wants at least 60 s."""


class Timer:
    """Calls ``action`` at the time it was set to last."""

    __slots__ = ("action", "deadline", "engine", "event")

    def __init__(self, engine: Engine, action: Callable[[], None]) -> None:
        self.engine, self.action = engine, action
        self.deadline = self.event = NEVER

    @property
    def runs(self) -> bool:
        return self.deadline != NEVER

    def set(self, time: int) -> None:
        self.deadline = time
        if time < self.event:
            self.event = time
            self.engine.at(time, self._ring)

    def stop(self) -> None:
        self.deadline = NEVER

    def _ring(self) -> None:
        if self.engine.now < self.event or self.event == NEVER:
            return  # a later event took this one's place, or an earlier one did its work
        self.event = NEVER
        if self.deadline == NEVER:
            return
        if self.engine.now < self.deadline:
            self.set(self.deadline)
        else:
            self.deadline = NEVER
            self.action()


class RoundTrip:
    """The estimate of the round-trip time and the timeout that follows from it (RFC 6298 section 2)."""

    __slots__ = ("smoothed", "timeout", "variation")

    def __init__(self) -> None:
        self.smoothed = self.variation = 0
        """SRTT and RTTVAR, ns; 0: not known."""
        self.timeout = FIRST_TIMEOUT
        """RTO, ns."""

    def sample(self, time: int) -> None:
        """A segment that was sent once was acknowledged after ``time`` ns."""
        if self.smoothed:
            self.variation += (abs(self.smoothed - time) - self.variation) // 4
            self.smoothed += (time - self.smoothed) // 8
        else:
            self.smoothed, self.variation = max(time, 1), time // 2
        self.timeout = min(self.smoothed + max(LEAST_MARGIN, 4 * self.variation), LONGEST_TIMEOUT)

    def back_off(self) -> None:
        """The timer has expired; the longer timeout holds until there is a new sample (rule 5.5, Karn's algorithm)."""
        self.timeout = min(2 * self.timeout, LONGEST_TIMEOUT)
