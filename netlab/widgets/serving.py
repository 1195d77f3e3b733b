"""What panels with a server share: Start and Stop, a log that grows while the server runs, counters.

Start is a run like a measurement's: a generator in a thread of its own, which holds the server open until it is told to
stop. What it yields are only signs that the log has grown; the log is the server's. Where nobody can press a button,
Start does what the panel's own button would do once, and stops.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from netlab import frames
from netlab.plot import Figure
from netlab.widgets import runs, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.runs import Row, Run
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

LOOK = 0.05
"""Seconds after which a server that nobody asks looks whether it is to stop."""
PAUSE = 0.15
"""Seconds between two looks at a log that grows."""
LATELY = 10.0
"""Seconds over which requests per second are counted."""
LOOPBACK = "127.0.0.1"
SIGN: Row = {}
"""What the run yields for each row of the log."""


class ServerPanel(Panel):
    """A panel that runs a server.

    Attributes
    ----------
    result
        The log (EXCHANGES) of the server since the last Start.
    server
        The server; None before the first Start.
    network
        The virtual network it is on; None on a real one.
    """

    children: Any
    columns: tuple[str, ...] = ()
    """Of the log, as shown."""
    rare: tuple[str, ...] = ()
    """Columns shown only when something is in them."""

    def __init__(self, name: str, top: Sequence[Any], middle: Sequence[Any] = (), below: Sequence[Any] = ()) -> None:
        self.network: Any = None
        self.server: Any = None
        self._opened, self._arrived = threading.Event(), threading.Event()
        self._acting = threading.Lock()
        self._lately: deque[int] = deque(maxlen=100_000)
        self.counts = widgets.HTML()
        super().__init__(name, top=top, middle=[self.counts, *middle], below=below)
        self.run_button.description, self.run_button.tooltip = say("start"), say("start tip")
        self.stop_button.tooltip = say("stop server tip")
        self.progress.layout.display = "none"  # a server has no end that one could come nearer to
        above = self.children.index(self.counts)
        rest = [part for part in self.children[above:] if part is not self.status]
        self.children = (*self.children[:above], self.status, *rest)  # near Start and Stop, not below the rest
        self.say(say("server ready"))

    # What such a panel fills in -------------------------------------------------------------------------------

    def listening(self, url: str) -> str:
        """A sentence for the status line, when the server has opened."""
        raise NotImplementedError

    def once(self) -> None:
        """What is done with the server where nobody can press a button."""
        raise NotImplementedError

    def counters(self) -> str:
        """A sentence about all requests so far."""
        raise NotImplementedError

    # Start and Stop -------------------------------------------------------------------------------------------

    def hold(self, server: Any, network: Any, stop: Callable[[], bool]) -> Iterator[Row]:
        """Keep an open server until it is time to stop; for the generator of a `Task`."""
        self.server, self.network = server, network
        if runs.headless():
            self._opened.set()
            self.once()
            yield from self._signs(lambda: True)
        else:
            with self._showing:
                if not stop():
                    self.say(self.listening(server.url))
            self._opened.set()  # now others may say something
            yield from self._signs(stop)
        server.stop(grace=0)

    def _signs(self, stop: Callable[[], bool]) -> Iterator[Row]:
        """One for each row of the log, until it is time to stop; the counts are kept up to date meanwhile."""
        server = self.server
        seen, shown, at = 0, 0, 0.0
        while True:
            self._arrived.clear()
            total = server.statuses.total()
            for _ in range(seen, total):
                yield SIGN
            seen = total
            if stop():
                return
            now = time.monotonic()
            if now - at > (1.0 if total == shown else PAUSE):
                self._count()
                if total != shown:
                    self.listing.value = self.list_html(server.log, True)
                shown, at = total, now
            self._arrived.wait(LOOK)

    def on_row(self, row: dict[str, Any]) -> None:
        """Called by the server, in its thread, for every row of its log."""
        self._lately.append(row["started_at"])
        self._arrived.set()

    def run(self) -> None:
        """Start the server, as the controls say. One that runs is stopped first."""
        self.counts.value = ""
        self._opened.clear()
        self._lately.clear()
        super().run()
        with self._showing:
            if self.running and not self._opened.is_set():
                self.say(say("server starting"))

    def stop(self) -> None:
        """Stop the server now; its log stays in ``result``."""
        with self._showing:
            if self._run is not None and not self._run.over.is_set():
                self._run.stop()
                self._arrived.set()
                self.say(say("server stopped", finding="").strip(), alarm=True)

    def opened(self, timeout: float = 10.0) -> bool:
        """Wait until the server listens (for programs and tests); False after ``timeout`` seconds, or if it failed."""
        deadline = time.monotonic() + timeout
        while not self._opened.wait(LOOK):
            if time.monotonic() > deadline or not self.running:
                return self._opened.is_set()
        return True

    @property
    def partial(self) -> bool:
        return self.running

    def act(self, what: Callable[[], None]) -> None:
        """Do something with the server, which is started if it does not run; in a thread, one after the other."""
        if not self.running:
            self.run()
            if runs.headless():
                return  # that has done it
        threading.Thread(target=self._act_when_open, args=(what,), name="netlab client", daemon=True).start()

    def _act_when_open(self, what: Callable[[], None]) -> None:
        with self._acting:  # so that what is shown is what came of the last one
            if not self.opened():
                return
            server = self.server
            try:
                what()
            except Exception as error:  # a thread has nobody else to tell
                self.tell(server, say("failed", reason=f"{type(error).__name__}: {error}"), alarm=True)

    def tell(self, server: Any, sentence: str, alarm: bool = False) -> None:
        """Say something about a server, if it is still the one that runs."""
        with self._showing:
            if self.running and server is self.server:
                self.say(sentence, alarm)

    # The log --------------------------------------------------------------------------------------------------

    def table(self, rows: Sequence[Row]) -> DataFrame:
        return self.server.log if self.server is not None else frames.table([], frames.EXCHANGES)

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        if not len(frame):
            return ""
        newest = frame.iloc[: -tables.MOST - 1 : -1].reset_index(drop=True)
        newest["started_at"] = newest["started_at"].dt.strftime("%H:%M:%S.%f").str[:-3]
        shown = [name for name in self.columns if name not in self.rare or _said(newest[name])]
        networks = ", ".join(dict.fromkeys(str(name) for name in frame["network"]))
        return tables.table(newest, self.titles(shown), f"{say('log')}: {networks}")

    def titles(self, columns: Sequence[str]) -> Mapping[str, str]:
        return {name: say(f"column {name}") for name in columns}

    def rate(self) -> str:
        """Requests per second lately, of the world's time in a world."""
        lately = list(self._lately)
        now = time.time_ns() if self.network is None else max(lately, default=0)
        recent = sum(started > now - LATELY * 1e9 for started in lately)
        span = min(LATELY, max((now - lately[0]) / 1e9, 1.0)) if lately else 1.0
        return f"{recent / span:.3g}"

    def statuses(self) -> str:
        """How many answers of each status there were."""
        told = [
            f"{status}: {count}" if status else say("without answer", count=count)
            for status, count in sorted(self.server.statuses.items())
        ]
        return ", ".join(told) or say("no answers")

    def _count(self) -> None:
        """As one line that is not read aloud each time."""
        html = f'<p class="nl-moment">{escape(self.counters())}</p>'
        if self.counts.value != html:
            self.counts.value = html

    def _show_progress(self, run: Run, task: Task, count: int) -> None:
        if not count:
            return  # nobody has asked yet
        picture = self.draw(self.table(()), task.total).html()  # the table is shown by the run: it takes no time
        with self._showing:
            if run is self._run and not run.over.is_set():
                self.picture.show(picture)

    def _say_end(self, run: Run, task: Task, frame: DataFrame, figure: Figure) -> None:
        if self.server is not None:
            self._count()
        if run.error and not self._opened.is_set():
            self.say(say("failed", reason=run.error), alarm=True)
        elif run.error:
            self.say(say("server failed", reason=run.error, finding=self.finding(frame, figure)), alarm=True)
        else:
            self.say(say("server stopped", finding=self.finding(frame, figure)))


def _said(column: Any) -> bool:
    """Whether a column says anything."""
    return any(value != "" for value in column[column.notna()])
