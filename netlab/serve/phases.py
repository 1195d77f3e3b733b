"""Where the time of an exchange goes: one phase after the other without gaps, so that the parts add up to the whole."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

NAMES = ("queue", "dns", "connect", "send", "wait", "receive")


class Phases:
    """``now`` gives monotonic ns."""

    __slots__ = ("_at", "_current", "_now", "_spent")

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._spent: dict[str, int] = {}
        self._current, self._at = "", 0

    def start(self, at: int) -> None:
        """The first phase, queue, began then."""
        self._current, self._at = "queue", at

    @property
    def current(self) -> str:
        return self._current

    def begin(self, name: str, at: int = 0) -> None:
        """The phase before ends here, or has ended ``at`` some time; one that comes again goes on."""
        self._leave(at)
        self._current = name

    def _leave(self, at: int = 0) -> None:
        now = at or self._now()
        if self._current:
            self._spent[self._current] = self._spent.get(self._current, 0) + now - self._at
        self._at = now

    def end(self) -> tuple[float, ...]:
        """Give ms of all phases in the order of `NAMES`, nan for what did not happen, and their sum."""
        self._leave()
        self._current = ""
        spent = self._spent
        parts = tuple(spent[name] / 1e6 if name in spent else nan for name in NAMES)
        return (*parts, sum(part for part in parts if part == part))
