"""The web server panel: a real server with Start and Stop, its log as it grows, and a raw request to try it with.

Start is a run like a measurement's: a generator in a thread of its own, which holds the server open until it is told to
stop. What it yields are only signs that the log has grown; the log is the server's (`netlab.WebServer`). On a virtual
network the server is on a host of the world, and the raw request comes from the world's vantage: then nothing here is
real but the bytes. Where nobody can press a button, Start sends the request that the editor holds, and stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from netlab import plot
from netlab.api_raw import converse
from netlab.errors import NetlabError, UsageError
from netlab.plot import Figure
from netlab.servers import WebServer
from netlab.widgets import controls
from netlab.widgets.base import Task
from netlab.widgets.networks import Networks
from netlab.widgets.rawrequest import RawRequest
from netlab.widgets.runs import Row
from netlab.widgets.serving import LOOPBACK, ServerPanel, hosts_of
from netlab.widgets.stream import StreamPanel
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

PATIENCE = 1.5
"""Seconds that the raw request waits longer than the server's own deadline, so that a 408 is still seen."""
DEADLINES = {"head_time": 10.0, "idle_time": 5.0, "write_time": 20.0}
"""Seconds, as a server has them without being told."""


class WebServerPanel(ServerPanel):
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
        The `netlab.WebServer`; None before the first Start, and after one that failed.
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

    kind = "web server"
    usual_port = 80
    columns = (
        "started_at", "method", "target", "status", "rule", "error", "response_bytes", "total_ms", "connection",
        "request", "client",
    )  # fmt: skip
    rare = ("rule", "error")

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
        self.answer = b""
        self._limits, self._arguments = dict(limits or {}), arguments
        networks = Networks(network, seed)
        if host is None:
            host = [LOOPBACK, *hosts_of(networks)][-1]
        site = str(resources.files("netlab.widgets") / "site") if directory is None else str(directory)
        self.folder = controls.text("folder", site, "folder hint")
        first = {name: float(self._limits.get(name, usual)) for name, usual in DEADLINES.items()}
        self.deadlines = {name: controls.seconds(name, first[name]) for name in DEADLINES}
        self.link = widgets.HTML()
        self.raw = RawRequest(self.send)
        after = list(self.deadlines.values())
        super().__init__(networks, host, port, [self.folder], after, toggles=[self.link], middle=[self.raw])

    # Start and Stop -----------------------------------------------------------------------------------------

    def task(self) -> Task:
        host, port, folder = self.at_host.value, self.port.value, self.folder.value
        limits = {**self._limits, **{name: control.value for name, control in self.deadlines.items()}}
        seed = self.networks.seed

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            network = self.networks.open("", seed) if host != LOOPBACK else None
            with WebServer(
                folder, host=host, port=port, limits=limits, network=network, on_row=self.on_row, **self._arguments
            ) as server:
                yield from self.hold(server, network, stop)

        return Task(measure, 1)

    def listening(self, url: str) -> str:
        return say("server listens" if self.network is None else "server listens there", url=url)

    def show_url(self, url: str) -> None:
        """A browser gets to a server of this machine only."""
        text = escape(say("open page", url=url))
        link = f'<a href="{escape(url)}" target="_blank" rel="noopener">{text}</a>'
        self.link.value = link if url and self.network is None else ""

    # The raw request ----------------------------------------------------------------------------------------

    def send(self) -> None:
        """Send the bytes of the editor to the server, which is started if it does not run."""
        try:
            data = self.raw.data
        except NetlabError as error:
            self.say(say("failed", reason=str(error)), alarm=True)
            return
        finish = self.raw.finish.value
        self.act(lambda server: self._exchange(server, data, finish))

    def once(self, server: WebServer) -> None:
        self._exchange(server, self.raw.data, self.raw.finish.value)

    def _exchange(self, server: WebServer, data: bytes, finish: bool) -> None:
        """Send, wait for the answer, show it; the result of everything is a sentence."""
        self.tell(server, say("sending", count=len(data)))
        patience = self.deadlines["head_time"].value + PATIENCE
        try:
            self.answer = converse(server.url, data, finish=finish, timeout=patience, network=self.network)
        except NetlabError as error:
            self.tell(server, say("failed", reason=str(error)), alarm=True)
            return
        self.tell(server, self.raw.show(data, self.answer, finish))

    # The log ------------------------------------------------------------------------------------------------

    def draw(self, frame: DataFrame, total: int) -> Figure:
        return plot.exchanges(frame)
