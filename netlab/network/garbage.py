"""Fewer collections of garbage while a world is driven.

Python 3.11 looks for garbage whenever 700 more objects have been made than went away, and looks at old ones, too,
again and again. What a world makes, packets and connections and rows, is nearly all in use: looking finds nothing, and
was 40 % of a crowd's time (8,000 requests took 9.6 s, and 5.9 s with `RARELY`; the memory was the same).
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = 50_000
"""New objects before the next look."""


class _Rarely:
    """Several worlds may be driven side by side: the first one changes what holds for all of Python, the last one puts
    it back."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._before = gc.get_threshold()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = first, *others = gc.get_threshold()
                if 0 < first < RARELY:  # 0: somebody wants none at all
                    gc.set_threshold(RARELY, *others)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    gc.set_threshold(*self._before)


rare_collections = _Rarely()
