"""The web server panel: a real server with Start and Stop, its log as it grows, and a raw request to try it with.

Start is a run like a measurement's: a generator in a thread of its own, which holds the server open until it is told to
stop. What it yields are only signs that the log has grown; the log is the server's (`netlab.WebServer`). On a virtual
network the server is on a host of the world, and the raw request comes from the world's vantage: then nothing here is
real but the bytes. Where nobody can press a button, Start sends the request that the editor holds, and stops.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from netlab import frames, plot
from netlab.api_raw import converse
from netlab.errors import NetlabError, UsageError
from netlab.plot import Figure
from netlab.servers import WebServer
from netlab.widgets import controls, runs, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.networks import Networks
from netlab.widgets.rawrequest import RawRequest
from netlab.widgets.runs import Row, Run
from netlab.widgets.stream import StreamPanel
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

LOOK = 0.05
"""Seconds after which a server that nobody asks looks whether it is to stop."""
PAUSE = 0.15
"""Seconds between two looks at a log that grows."""
LATELY = 10.0
"""Seconds over which requests per second are counted."""
PATIENCE = 1.5
"""Seconds that the raw request waits longer than the server's own deadline, so that a 408 is still seen."""
COLUMNS = (
    "started_at", "method", "target", "status", "rule", "error", "response_bytes", "total_ms", "connection", "request",
    "client",
)  # fmt: skip
RARE = ("rule", "error")
"""Columns shown only when something is in them."""
DEADLINES = {"head_time": 10.0, "idle_time": 5.0, "write_time": 20.0}
"""Seconds, as a server has them without being told."""
LOOPBACK = "127.0.0.1"
SIGN: Row = {}
"""What the run yields for each row of the log."""


class WebServerPanel(Panel):
    """A panel with a web server.

    Parameters
    ----------
    view
        ``"server"``, or ``"stream"``: instead of this a `StreamPanel`, which shows what TCP gives a server.
    directory
        The folder to serve; None: a small site that comes with netlab.
    network
        As in `netlab.use`; None: the network in use now. On a virtual one the server is on a host of its world.
    host
        A host of the world, or 127.0.0.1; None: the world's last host, or 127.0.0.1 where there is no world.
    port
        None: 80 on a host of a world, any free one on this machine.
    seed
        Of everything random in a virtual world; None: the network's own.
    limits
        As in `netlab.WebServer`; ``head_time``, ``idle_time`` and ``write_time`` are where the sliders stand at first.
    arguments
        Further arguments of `netlab.WebServer`, such as ``parse_head``, ``map_path`` or ``service_ms``.

    Attributes
    ----------
    result
        The log (EXCHANGES) of the server since the last Start.
    server
        The `netlab.WebServer`; None before the first Start.
    network
        The virtual network it is on, for ``netlab.fetch(panel.server.url, network=panel.network)``; None on a real one.
    answer
        The bytes that came back for the last raw request.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("campus")
    >>> netlab.widgets.WebServerPanel(host="www")
    <netlab panel: web server on www>
    """

    children: Any

    def __new__(cls, *arguments: Any, view: str = "server", **named: Any) -> Any:
        if view not in ("server", "stream"):
            raise UsageError("view", view, 'must be "server" or "stream"')
        # A StreamPanel is no WebServerPanel, so Python does not call __init__ of this class for it.
        return super().__new__(cls) if view == "server" else StreamPanel(*arguments, **named)

    def __init__(
        self,
        directory: str | None = None,
        network: Any = None,
        *,
        host: str | None = None,
        port: int | None = None,
        seed: int | None = None,
        limits: dict[str, Any] | None = None,
        view: str = "server",
        **arguments: Any,
    ) -> None:
        self.networks = Networks(network, seed)
        self.network: Any = None
        self.server: WebServer | None = None
        self.answer = b""
        self._limits, self._arguments = dict(limits or {}), arguments
        self._opened, self._arrived = threading.Event(), threading.Event()
        self._sending = threading.Lock()
        self._lately: deque[int] = deque(maxlen=100_000)
        hosts = self.networks.hosts("") if self.networks.virtual("") else []
        chosen = host if host is not None else hosts[-1] if hosts else LOOPBACK
        site = str(resources.files("netlab.widgets") / "site") if directory is None else str(directory)
        self.folder = controls.text("folder", site, "folder hint")
        places = [*((name, name) for name in hosts), (say("this machine"), LOOPBACK)]
        self.at_host = controls.dropdown("at host", places, chosen if chosen in hosts else LOOPBACK)
        if port is None:
            port = 80 if chosen in hosts else 0
        self.port = controls.number("port", port, 0, 65_535)
        first = {name: float(self._limits.get(name, usual)) for name, usual in DEADLINES.items()}
        self.deadlines = {name: controls.seconds(name, first[name]) for name in DEADLINES}
        self.counts, self.link = widgets.HTML(), widgets.HTML()
        self.raw = RawRequest(self.send)
        moved = [self.folder, self.at_host, self.port, *self.deadlines.values()]
        super().__init__(
            f"web server on {self.at_host.value}",
            top=[controls.grid(moved)],
            toggles=[self.link],
            middle=[self.counts, self.raw],
        )
        self.run_button.description, self.run_button.tooltip = say("start"), say("start tip")
        self.stop_button.tooltip = say("stop server tip")
        self.progress.layout.display = "none"  # a server has no end that one could come nearer to
        above = self.children.index(self.counts)
        rest = [part for part in self.children[above:] if part is not self.status]
        self.children = (*self.children[:above], self.status, *rest)  # near Start and Stop, not below the editor
        self.say(say("server ready"))
        for control in moved:
            control.observe(self._control_moved, "value")
        self.at_host.observe(self._host_chosen, "value")
        self._show_title()

    # The controls -------------------------------------------------------------------------------------------

    def _show_title(self) -> None:
        virtual = self.at_host.value != LOOPBACK
        name = say("seeded", network=self.networks.name(""), seed=self.networks.seed) if virtual else "live"
        self.title.value = f'<div class="nl-title">{escape(say("web server"))} <small>{escape(name)}</small></div>'

    def _host_chosen(self, change: Any) -> None:
        if (change["old"] == LOOPBACK) != (change["new"] == LOOPBACK):
            self.port.value = 0 if change["new"] == LOOPBACK else 80
        self._show_title()

    def _control_moved(self, change: Any) -> None:
        if not self.running:
            self.say(controls.spoken(change["owner"]))

    # Start and Stop -----------------------------------------------------------------------------------------

    def task(self) -> Task:
        host, port, folder = self.at_host.value, self.port.value, self.folder.value
        limits = {**self._limits, **{name: control.value for name, control in self.deadlines.items()}}
        seed = self.networks.seed
        self._opened.clear()
        self._lately.clear()
        if not folder:
            raise UsageError("directory", folder, "must be a folder that exists")

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            network = self.networks.open("", seed) if host != LOOPBACK else None
            with WebServer(
                folder, host=host, port=port, limits=limits, network=network, on_row=self._on_row, **self._arguments
            ) as server:
                self.server, self.network = server, network
                self._opened.set()
                if runs.headless():
                    self._exchange(self.raw.data, self.raw.finish.value)
                    yield from self._signs(lambda: True)
                else:
                    self._say_open(server, stop)
                    yield from self._signs(stop)
                server.stop(grace=0)

        return Task(measure, 1)

    def _signs(self, stop: Callable[[], bool]) -> Iterator[Row]:
        """One for each row of the log, until it is time to stop; the counts are kept up to date meanwhile."""
        server = self.server
        assert server is not None
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
                self._count(server)
                if total != shown:
                    self.listing.value = self.list_html(server.log, True)
                shown, at = total, now
            self._arrived.wait(LOOK)

    def _on_row(self, row: dict[str, Any]) -> None:
        self._lately.append(row["started_at"])
        self._arrived.set()

    def run(self) -> None:
        """Start the server, as the controls say. One that runs is stopped first."""
        self.link.value = self.counts.value = ""
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
                self.link.value = ""
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

    # The raw request ----------------------------------------------------------------------------------------

    def send(self) -> None:
        """Send the bytes of the editor to the server, which is started if it does not run."""
        try:
            data = self.raw.data
        except NetlabError as error:
            self.say(say("failed", reason=str(error)), alarm=True)
            return
        if not self.running:
            self.run()
            if runs.headless():
                return  # that sent them
        self.say(say("sending", count=len(data)))
        arguments = data, self.raw.finish.value
        threading.Thread(target=self._send_when_open, args=arguments, name="netlab raw request", daemon=True).start()

    def _send_when_open(self, data: bytes, finish: bool) -> None:
        with self._sending:  # one after the other, so that the answer shown is that of the last one
            if self.opened():
                self._exchange(data, finish)

    def _exchange(self, data: bytes, finish: bool) -> None:
        """Send, wait for the answer, show it; the result of everything is a sentence."""
        server = self.server
        if server is None:
            return
        patience = self.deadlines["head_time"].value + PATIENCE
        try:
            self.answer = converse(server.url, data, finish=finish, timeout=patience, network=self.network)
            sentence, alarm = self.raw.show(data, self.answer), False
        except NetlabError as error:
            sentence, alarm = say("failed", reason=str(error)), True
        with self._showing:
            if self.running and server is self.server:
                self.say(sentence, alarm)

    # The log ------------------------------------------------------------------------------------------------

    def table(self, rows: Sequence[Row]) -> DataFrame:
        return self.server.log if self.server is not None else frames.table([], frames.EXCHANGES)

    def draw(self, frame: DataFrame, total: int) -> Figure:
        return plot.exchanges(frame)

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        if not len(frame):
            return ""
        newest = frame.iloc[: -tables.MOST - 1 : -1].reset_index(drop=True)
        newest["started_at"] = newest["started_at"].dt.strftime("%H:%M:%S.%f").str[:-3]
        columns = {name: say(f"column {name}") for name in COLUMNS if name not in RARE or any(newest[name] != "")}
        networks = ", ".join(dict.fromkeys(str(name) for name in frame["network"]))
        return tables.table(newest, columns, f"{say('log')}: {networks}")

    def _count(self, server: WebServer) -> None:
        """Requests per second and statuses, as one line that is not read aloud each time."""
        lately = list(self._lately)
        now = time.time_ns() if self.network is None else max(lately, default=0)
        recent = sum(started > now - LATELY * 1e9 for started in lately)
        span = min(LATELY, max((now - lately[0]) / 1e9, 1.0)) if lately else 1.0
        statuses = [
            f"{status}: {count}" if status else say("without answer", count=count)
            for status, count in sorted(server.statuses.items())
        ]
        said = say(
            "counts", count=server.statuses.total(), rate=f"{recent / span:.3g}", open=server.connections,
            statuses=", ".join(statuses) or say("no answers"),
        )  # fmt: skip
        html = f'<p class="nl-moment">{escape(said)}</p>'
        if self.counts.value != html:
            self.counts.value = html

    def _say_open(self, server: WebServer, stop: Callable[[], bool]) -> None:
        with self._showing:
            if stop():
                return
            real = self.network is None
            self.say(say("server listens" if real else "server listens there", url=server.url))
            if real:
                text = escape(say("open page", url=server.url))
                self.link.value = f'<a href="{escape(server.url)}" target="_blank" rel="noopener">{text}</a>'

    def _show_progress(self, run: Run, task: Task, count: int) -> None:
        if not count:
            return  # nobody has asked yet
        picture = self.draw(self.table(()), task.total).html()  # the table is shown by the run: it takes no time
        with self._showing:
            if run is self._run and not run.over.is_set():
                self.picture.show(picture)

    def _say_end(self, run: Run, task: Task, frame: DataFrame, figure: Figure) -> None:
        self.link.value = ""
        if self.server is not None:
            self._count(self.server)
        if run.error and not self._opened.is_set():
            self.say(say("failed", reason=run.error), alarm=True)
        elif run.error:
            self.say(say("server failed", reason=run.error, finding=figure.alt), alarm=True)
        else:
            self.say(say("server stopped", finding=figure.alt))
