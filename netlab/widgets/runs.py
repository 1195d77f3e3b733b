"""Runs: a measurement goes through a generator in a thread, and can be stopped at any moment.

A panel hands over a function that gives a generator of rows. Two drivers exhaust it: a daemon thread
(`Run.start`), or the caller itself (`Run.drive_now`, for kernels that no front end watches). A run knows nothing of
widgets: whoever shows it reads ``rows``, and waits for ``over``, which is set when the run has ended *or* was told to
stop. So the reader of a panel sees a stopped run at once, also when a generator takes its time to notice.

Drawing happens in another thread than measuring: a picture takes 100 ms, and a probe must not wait for it.

Strategy for leftovers: every live run is in a registry. A cell that is run again stops the runs of the panels that its
older execution made, and the interpreter's exit stops all.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from netlab.errors import NetlabError

Row = dict[str, Any]
Measure = Callable[[Callable[[], bool]], Iterator[Row]]
"""Takes a function that says whether to stop; gives the rows as they become final."""

_live: set[Run] = set()
_registry = threading.Lock()


def headless() -> bool:
    """True where nobody can press a button: in tests of notebooks and under nbgrader."""
    return os.environ.get("NETLAB_HEADLESS", "") not in ("", "0") or "NBGRADER_EXECUTION" in os.environ


class Run:
    """One measurement on its way.

    Parameters
    ----------
    measure
        Gives the generator of rows.
    due
        The moment at which a row may be shown, in seconds after the start: it paces a simulated measurement as if its
        clock were real. None: rows come as fast as they are made.
    place
        Where in the notebook the panel was made, see `cell`.
    """

    def __init__(self, measure: Measure, due: Callable[[Row], float] | None = None, place: Any = None) -> None:
        self.rows: list[Row] = []
        self.error = ""
        self.stopped = False
        self.over = threading.Event()
        """Set when the run has ended or was told to stop."""
        self.ended = threading.Event()
        """Set when the generator is exhausted and closed."""
        self.place = place
        self._measure, self._due = measure, due
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Measure in a thread of its own, and return at once."""
        self._thread = threading.Thread(target=self.drive_now, name="netlab run", daemon=True)
        with _registry:
            _live.add(self)
        self._thread.start()

    def drive_now(self) -> None:
        """Measure to the end, here and now. Whatever goes wrong is kept as text in ``error``."""
        begin = time.monotonic()
        try:
            rows = self._measure(self._stop.is_set)
            for row in rows:
                if self._due is not None and self._stop.wait(max(0.0, self._due(row) - (time.monotonic() - begin))):
                    rows.close()  # type: ignore[attr-defined]  # a generator; what was not due has not happened
                    break
                self.rows.append(row)
        except NetlabError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self.ended.set()
            self.over.set()
            with _registry:
                _live.discard(self)

    def stop(self) -> None:
        """Tell the run to end; does not wait for it. A run that has ended stays as it is."""
        if not self.ended.is_set():
            self.stopped = True
            self._stop.set()
            self.over.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the generator is closed; False when it took longer than ``timeout`` seconds."""
        return self.ended.wait(timeout)


def cell() -> tuple[str, int] | None:
    """The id of the notebook cell that runs now and the number of its execution; None outside a notebook."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    try:
        metadata = shell.get_parent()["metadata"]  # type: ignore[union-attr]
        return str(metadata["cellId"]), int(shell.execution_count)  # type: ignore[union-attr]
    except Exception:
        return None  # another front end, or none: nothing to tell cells apart by


def supersede(place: tuple[str, int] | None) -> None:
    """Stop the runs of panels that an older execution of the same cell made."""
    if place is not None:
        for run in live():
            if run.place is not None and run.place[0] == place[0] and run.place[1] != place[1]:
                run.stop()


def live() -> list[Run]:
    """The runs whose threads are still at work."""
    with _registry:
        return list(_live)


@atexit.register
def stop_all() -> None:
    """Stop every run and give each a moment to close its sockets."""
    runs = live()
    for run in runs:
        run.stop()
    for run in runs:
        run.join(0.5)
