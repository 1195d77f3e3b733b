"""What panels with a server share: Start and Stop, a log that grows while the server runs, counters.

Start is a run like a measurement's: a generator in a thread of its own, which holds the server open until it is told to
stop. What it yields are only signs that the log has grown; the log is the server's. Where nobody can press a button,
Start does what the panel's own button would do once, and stops.

Many threads may speak in the status line: the kernel's (Start, Stop), the run's (the server listens) and that of a
client (what came). What one of them finds out, and says, is one step under ``_showing``: so nobody says that a server
listens after something has been answered, or after it was stopped.
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
from netlab.widgets import controls, runs, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.networks import Networks
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


def hosts_of(networks: Networks) -> list[str]:
    """The hosts of the world that a server may be on; none on a real network."""
    return networks.hosts("") if networks.virtual("") else []


class ServerPanel(Panel):
    """A panel that runs a server.

    Attributes
    ----------
    result
        The log (EXCHANGES) of the server since the last Start.
    server
        The server; None before the first Start, and after one that failed.
    network
        The virtual network it is on; None on a real one.
    """

    children: Any
    kind = ""
    """What the server is called, in the repr and (as a key of `words`) in the title."""
    usual_port = 0
    """Of a host in a world; on this machine it is any free one."""
    columns: tuple[str, ...] = ()
    """Of the log, as shown."""
    rare: tuple[str, ...] = ()
    """Columns shown only when something is in them."""

    def __init__(
        self,
        networks: Networks,
        host: str,
        port: int | None,
        before: Sequence[Any] = (),
        after: Sequence[Any] = (),
        toggles: Sequence[Any] = (),
        middle: Sequence[Any] = (),
    ) -> None:
        """Build the panel; ``before`` and ``after`` are the controls around those of host and port."""
        self.networks = networks
        self.network: Any = None
        self.server: Any = None
        self._opened, self._arrived = threading.Event(), threading.Event()
        self._acting = threading.Lock()
        self._lately: deque[int] = deque(maxlen=100_000)
        hosts = hosts_of(networks)
        places = [*((name, name) for name in hosts), (say("this machine"), LOOPBACK)]
        self.at_host = controls.dropdown("at host", places, host if host in hosts else LOOPBACK)
        self.port = controls.number("port", self._port_at(self.at_host.value) if port is None else port, 0, 65_535)
        self.counts = widgets.HTML()
        moved = [*before, self.at_host, self.port, *after]
        super().__init__(
            f"{self.kind} on {self.at_host.value}",
            top=[controls.grid(moved)],
            toggles=toggles,
            middle=[self.counts, *middle],
        )
        self.run_button.description, self.run_button.tooltip = say("start"), say("start tip")
        self.stop_button.tooltip = say("stop server tip")
        self.progress.layout.display = "none"  # a server has no end that one could come nearer to
        above = self.children.index(self.counts)
        rest = [part for part in self.children[above:] if part is not self.status]
        self.children = (*self.children[:above], self.status, *rest)  # near Start and Stop, not below the rest
        self.say(say("server ready"))
        for control in moved:
            control.observe(self._control_moved, "value")
        self.at_host.observe(self._host_chosen, "value")
        self._show_title()

    # What such a panel fills in -------------------------------------------------------------------------------

    def listening(self, url: str) -> str:
        """A sentence for the status line, when the server has opened."""
        raise NotImplementedError

    def once(self, server: Any) -> None:
        """What is done with the server where nobody can press a button."""
        raise NotImplementedError

    def show_url(self, url: str) -> None:
        """Called with the URL of a server that has opened, and with ``""`` when nobody listens there any more."""

    def counters(self) -> str:
        """A sentence about all requests so far."""
        if not self.running:  # nothing is per second, or open, any more
            return say("counts ended", count=self.server.statuses.total(), statuses=self.statuses())
        return say(
            "counts", count=self.server.statuses.total(), rate=self.rate(), open=self.server.connections,
            statuses=self.statuses(),
        )  # fmt: skip

    # The controls ---------------------------------------------------------------------------------------------

    def _port_at(self, host: str) -> int:
        return 0 if host == LOOPBACK else self.usual_port

    def _show_title(self) -> None:
        virtual = self.at_host.value != LOOPBACK
        name = say("seeded", network=self.networks.name(""), seed=self.networks.seed) if virtual else "live"
        self.title.value = f'<div class="nl-title">{escape(say(self.kind))} <small>{escape(name)}</small></div>'

    def _host_chosen(self, change: Any) -> None:
        if (change["old"] == LOOPBACK) != (change["new"] == LOOPBACK):
            self.port.value = self._port_at(change["new"])
        self._show_title()

    def _control_moved(self, change: Any) -> None:
        if not self.running:
            self.say(controls.spoken(change["owner"]))

    # Start and Stop -------------------------------------------------------------------------------------------

    def hold(self, server: Any, network: Any, stop: Callable[[], bool]) -> Iterator[Row]:
        """Keep an open server until it is time to stop; for the generator of a `Task`."""
        with self._showing:
            if not stop():
                self.server, self.network = server, network
                if not runs.headless():
                    self.say(self.listening(server.url))
                    self.show_url(server.url)
                self._opened.set()  # now others may say something
        if runs.headless():
            self.once(server)
            yield from self._signs(server, lambda: True)
        else:
            yield from self._signs(server, stop)
        server.stop(grace=0)

    def _signs(self, server: Any, stop: Callable[[], bool]) -> Iterator[Row]:
        """One for each row of the log, until it is time to stop; the counts are kept up to date meanwhile."""
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
                self._show_log(server, stop, grown=total != shown)
                shown, at = total, now
            self._arrived.wait(LOOK)

    def _show_log(self, server: Any, stop: Callable[[], bool], grown: bool) -> None:
        """Show the counts and, when it has grown, the log, unless the server has been told to stop meanwhile."""
        with self._showing:
            if not stop():
                self._count()
        if grown:
            listing = self.list_html(server.log, True)  # takes a while, which nobody has to wait for
            with self._showing:
                if not stop():
                    self.listing.value = listing

    def on_row(self, row: dict[str, Any]) -> None:
        """Called by the server, in its thread, for every row of its log."""
        self._lately.append(row["started_at"])
        self._arrived.set()

    def run(self) -> None:
        """Start the server, as the controls say. One that runs is stopped first."""
        # The status line is shown when all has been said: what `Panel.run` says of measuring is not for a server.
        with self._showing, self.status.hold_sync():
            self.server, self.network = None, None  # an older log must not pass for that of a Start that fails
            self.counts.value = ""
            self.show_url("")
            self._opened.clear()
            self._lately.clear()
            super().run()
            if self.running:
                self.say(say("server starting"))

    def stop(self) -> None:
        """Stop the server now; its log stays in ``result``."""
        with self._showing:
            if self._run is not None and not self._run.over.is_set():
                self._run.stop()
                self._arrived.set()
                self.show_url("")
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

    def close(self) -> None:
        super().close()
        self.networks.close()

    # Clients --------------------------------------------------------------------------------------------------

    def act(self, what: Callable[[Any], None]) -> None:
        """Do something with the server, which is started if it does not run; in a thread, one after the other."""
        if not self.running:
            self.run()
            if runs.headless():
                return  # that has done it
        threading.Thread(target=self._act_when_open, args=(what,), name="netlab client", daemon=True).start()

    def _act_when_open(self, what: Callable[[Any], None]) -> None:
        with self._acting:  # so that what is shown is what came of the last one
            if not self.opened() or (server := self.server) is None:
                return
            try:
                what(server)
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
        self.show_url("")
        if self.server is not None:
            self._count()
        if run.error and not self._opened.is_set():
            self.say(say("failed", reason=run.error), alarm=True)
        elif run.error:
            self.say(say("server failed", reason=run.error, finding=self.finding(frame, figure)), alarm=True)
        else:
            self.say(say("server stopped", finding=self.finding(frame, figure)))

    def finished(self, frame: DataFrame) -> None:
        if self.server is None:
            self.clear()  # it never opened: empty axes would say less


def _said(column: Any) -> bool:
    """Whether a column says anything."""
    return any(value != "" for value in column[column.notna()])
