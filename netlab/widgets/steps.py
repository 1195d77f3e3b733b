"""A trace that waits after every probe until it is asked for the next one.

The trace is one generator; each click on Step is a run of its own (`runs.Run`) that gives the rows known so far and
one more. So nothing waits in a thread between two clicks, and Stop acts on the probe that is on its way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from netlab.widgets.runs import Row


class Steps:
    """One trace, probe by probe.

    Parameters
    ----------
    begin
        Gives the generator of the trace's rows; its argument says whether to stop. With a window of one probe, asking
        for a row sends one probe.
    """

    def __init__(self, begin: Callable[[Callable[[], bool]], Generator[Row]]) -> None:
        self.known: list[Row] = []
        self.ended = False
        """Whether the trace is over: there was no further row, it was stopped, or it failed."""
        self._stop: Callable[[], bool] = lambda: False
        self._rows = begin(lambda: self._stop())

    def one_more(self, stop: Callable[[], bool]) -> Iterator[Row]:
        """The rows known so far, then the next one; for `base.Task`."""
        self._stop = stop
        yield from list(self.known)
        try:
            row = _elsewhere(lambda: next(self._rows, None))
            if row is None or stop():
                self.ended = True
        except BaseException:
            self.ended = True
            raise
        if row is not None:
            self.known.append(row)
            yield row
        if self.ended:
            self.close()

    def close(self) -> None:
        """Give the network free."""
        self.ended = True
        try:
            self._rows.close()
        except ValueError:  # a run is inside it just now; it was told to stop, and closes it itself
            self._stop = lambda: True


def _elsewhere(ask: Callable[[], Row | None]) -> Row | None:
    """Ask outside the main thread: a measurement there takes over CTRL+C until it ends, and this one is held open."""
    if threading.current_thread() is not threading.main_thread():
        return ask()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()
