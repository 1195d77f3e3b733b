"""The proxy panel: a real proxy with Start and Stop, its log as it grows, and one exchange of it seen from both sides.

Behind the proxy there is an origin: a small site that the panel serves itself, on another host of the world or on
another port of this machine, or whatever the teacher gives. The fetch box asks for one thing on three ways
(`netlab.ways`): directly, through the proxy, through a tunnel of the proxy. Then the log tells what the proxy saw.

One switch makes the proxy wrong: it passes on only what its first recv gave, as in many a textbook. The page arrives
cut off, and the client can tell, because the head had promised more.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import ipywidgets as widgets

from netlab import plot
from netlab.errors import NetlabError
from netlab.plot import Figure
from netlab.servers import ProxyServer, WebServer
from netlab.ways import three_ways
from netlab.widgets import controls
from netlab.widgets.base import Task
from netlab.widgets.exchange import ExchangeChooser, bytes_of_both_sides, segments_of
from netlab.widgets.fetchbox import FetchBox
from netlab.widgets.networks import Networks
from netlab.widgets.runs import Row
from netlab.widgets.serving import LOOPBACK, ServerPanel, hosts_of
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

KIB = 1024
SIZES = (2 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 1024 * KIB, 8192 * KIB, 65_536 * KIB)
"""Of the cache, bytes; the last one is what a proxy takes without being told."""
SAYINGS = ("max-age=60", "no-cache", "no-store", "private, max-age=60", "max-age=0, stale-while-revalidate=60")
"""Cache-Control of the panel's own origin."""
LINES = 1_600
"""Of long.txt, 67 bytes each: more than one recv gives."""
PATIENCE = 3.0
"""Seconds that a client waits longer than the proxy tries to connect, so that a 504 is still seen."""


def only_first(source: Any, sink: Any) -> Generator[Any, Any, None]:
    """Pass on what the first recv gives, and nothing that follows: wrong, for TCP is a stream."""
    yield from sink.send((yield from source.receive()))


class ProxyPanel(ServerPanel):
    """A panel with a forward proxy, and an origin behind it.

    Parameters
    ----------
    origin
        What the fetch box asks, as a URL or a `netlab.WebServer` that runs; None: a small site that the panel serves.
    network
        As in `netlab.use`; None: the network in use now. On a virtual one everything is on hosts of its world; with an
        ``origin`` of yours, the proxy runs in the same world as that.
    host, origin_host
        Hosts of the world, or 127.0.0.1, for the proxy and for the panel's own origin; None: two hosts of the world
        (the last one is the origin's), or 127.0.0.1 where there is no world.
    port
        None: 8000 on a host of a world, any free one on this machine.
    connect_timeout, cache, allow_clients, allow_targets
        Where the controls stand at first; as in `netlab.ProxyServer`.
    seed
        Of everything random in a virtual world; None: the network's own.
    arguments
        Further arguments of `netlab.ProxyServer`, such as ``relay`` or ``filter_fields``.

    Attributes
    ----------
    result
        The log (EXCHANGES) of the proxy since the last Start.
    server
        The `netlab.ProxyServer`; None before the first Start, and after one that failed.
    network
        The virtual network it is on, for ``netlab.fetch(url, proxy=panel.server.url, network=panel.network)``; None on
        a real one.
    origin
        The URL of the origin; ``""`` before the first Start.
    ways
        What came of the last fetch, as ``netlab.teach.three_ways`` gives it; None before it.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("campus")
    >>> netlab.widgets.ProxyPanel(host="dns")
    <netlab panel: proxy on dns>
    """

    kind = "proxy"
    usual_port = 8000
    columns = (
        "started_at", "method", "target", "status", "cache", "upstream", "rule", "error", "response_bytes",
        "tunnel_up_bytes", "tunnel_down_bytes", "total_ms", "connect_ms", "reused", "client", "upstream_ip",
    )  # fmt: skip
    rare = ("cache", "rule", "error", "tunnel_up_bytes", "tunnel_down_bytes")

    def __init__(
        self,
        origin: str | WebServer | None = None,
        network: Any = None,
        *,
        host: str | None = None,
        origin_host: str | None = None,
        port: int | None = None,
        connect_timeout: float = 5.0,
        cache: bool | int = False,
        allow_clients: Iterable[str] = (),
        allow_targets: Iterable[str] = (),
        seed: int | None = None,
        **arguments: Any,
    ) -> None:
        self.origin = ""
        self.ways: DataFrame | None = None
        self._given = origin.url if isinstance(origin, WebServer) else origin
        self._arguments, self._outcomes = arguments, Counter[str]()
        networks = Networks(network, seed)
        hosts = hosts_of(networks)
        self._origin_host = origin_host or [LOOPBACK, *hosts][-1]
        if host is None:
            host = next((name for name in hosts if name != self._origin_host), [*hosts, LOOPBACK][0])
        self.connect_timeout = controls.seconds("connect timeout", float(connect_timeout))
        size = cache if cache and cache is not True else SIZES[-1]
        self.cache = controls.choice("cache", [(say("off"), False), (say("on"), True)], bool(cache))
        self.cache_size = controls.choice("cache size", [(_size(each), each) for each in sorted({*SIZES, size})], size)
        self._relays = {"relay all": None, "relay first": only_first}
        if (own := arguments.pop("relay", None)) is not None:
            self._relays = {"relay own": own, **self._relays}
        self.relay = controls.dropdown("relay", [(say(key), key) for key in self._relays], next(iter(self._relays)))
        tunnels = [(say("tunnels to origin"), True), (say("tunnels to 443"), False)]
        self.tunnels = controls.dropdown("tunnels", tunnels, True)
        self.allow_clients = controls.text("allow_clients", ", ".join(_listed(allow_clients)), "clients hint")
        self.allow_targets = controls.text("allow_targets", ", ".join(_listed(allow_targets)), "targets hint")
        self.saying = controls.dropdown(
            "origin says", [(f"Cache-Control: {each}", each) for each in SAYINGS], SAYINGS[0]
        )
        self.saying.disabled = self._given is not None
        after = [
            self.connect_timeout, self.relay, self.cache, self.cache_size, self.tunnels,
            self.saying, self.allow_clients, self.allow_targets,
        ]  # fmt: skip
        self.box = FetchBox("/long.txt" if self._given is None else "/", self.fetch)
        self.chooser = ExchangeChooser(self._show_exchange)
        self.heads, self.segments = widgets.HTML(), widgets.HTML()
        area = widgets.VBox([self.segments])
        area.add_class("nl-area")
        self.segments_button = controls.toggle("show segments", area)
        super().__init__(networks, host, port, after=after, middle=[self.box])
        # The log first, then the exchange that is chosen from it.
        self.children = (
            *(part for part in self.children if part is not self.picture),
            controls.grid([self.chooser.control]), self.picture, self.heads, controls.row([self.segments_button]), area,
        )  # fmt: skip
        self.segments_button.observe(lambda _: self._show_segments(), "value")

    # Start and Stop -----------------------------------------------------------------------------------------

    def task(self) -> Task:
        host, port, seed, given = self.at_host.value, self.port.value, self.networks.seed, self._given
        clients, targets = _words(self.allow_clients.value), _words(self.allow_targets.value)
        saying, to_origin = self.saying.value, self.tunnels.value
        arguments: dict[str, Any] = {
            "connect_timeout": self.connect_timeout.value,
            "cache": self.cache.value and self.cache_size.value,
            "relay": self._relays[self.relay.value],
            "allow_clients": clients,
            "allow_targets": targets,
            **self._arguments,
        }
        self._outcomes.clear()
        self.chooser.follow()
        self.box.answers.value = self.segments.value = ""

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            network: Any = None
            if host != LOOPBACK:
                network = self.networks.bound if given else self.networks.open("", seed)
            with ExitStack() as stack:
                url = given or self._open_origin(stack, network, saying)
                if to_origin:
                    arguments.setdefault("connect_ports", (443, _port_of(url)))
                server = ProxyServer(host=host, port=port, network=network, on_row=self.on_row, **arguments)
                stack.callback(server.stop, grace=0)
                self.origin = url
                yield from self.hold(server, network, stop)

        return Task(measure, 1)

    def _open_origin(self, stack: ExitStack, network: Any, saying: str) -> str:
        """Serve the small site; gives its URL."""
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="netlab-"))
        _write_site(Path(folder))
        host, port = (LOOPBACK, 0) if network is None else (self._origin_host, 80)
        server = WebServer(folder, host=host, port=port, network=network, headers={"Cache-Control": saying})
        stack.callback(server.stop, grace=0)
        return server.url

    def listening(self, url: str) -> str:
        return say("proxy listens", url=url, origin=self.origin)

    def once(self, server: ProxyServer) -> None:
        self._fetch(server, self.box.url.value, self.box.way.value)

    def on_row(self, row: dict[str, Any]) -> None:
        self._outcomes[row["cache"]] += 1
        super().on_row(row)

    def counters(self) -> str:
        said, outcomes = super().counters(), self._outcomes
        asked = sum(count for outcome, count in outcomes.items() if outcome)
        if asked:
            hits = outcomes["hit"] + outcomes["stale"]
            said += " " + say(
                "hit ratio", hits=hits, asked=asked, percent=f"{100 * hits / asked:.0f}", valid=outcomes["validated"]
            )
        return said

    # Fetching -----------------------------------------------------------------------------------------------

    def fetch(self) -> None:
        """Fetch what the box says, on the ways it says; the proxy is started if it does not run."""
        url, ways = self.box.url.value, self.box.way.value
        self.act(lambda server: self._fetch(server, url, ways))

    def _fetch(self, server: ProxyServer, url: str, ways: tuple[str, ...]) -> None:
        self.tell(server, say("fetching"))
        patience = self.connect_timeout.value + PATIENCE
        try:
            made = three_ways(
                urljoin(self.origin, url.strip()), server.url, ways=ways, timeout=patience, network=self.network
            )
        except NetlabError as error:
            self.tell(server, say("failed", reason=str(error)), alarm=True)
            return
        self.tell(server, *self.box.show(made))
        self.ways = made

    # One exchange -------------------------------------------------------------------------------------------

    def draw(self, frame: DataFrame, total: int) -> Figure:
        """The picture is that of the exchange that is chosen, at first the newest one; its bytes stand below it."""
        self.chooser.fill(frame)
        index = self.chooser.index
        known = 0 <= index < len(frame)
        self.heads.value = bytes_of_both_sides(self.server, index) if known else ""
        if self.segments_button.value:
            self._show_segments()
        return plot.sequence(frame.iloc[[index]] if known else frame.iloc[:0])

    def finding(self, frame: DataFrame, figure: Figure) -> str:
        return self.counters() if self.server is not None else ""

    def _show_exchange(self) -> None:
        self.picture.show(self.draw(self.table(()), 0).html())

    def _show_segments(self) -> None:
        """Draw the segments of the two connections, which only a virtual world knows."""
        frame, index = self.table(()), self.chooser.index
        if not self.segments_button.value or not 0 <= index < len(frame):
            self.segments.value = ""
            return
        if self.network is None:
            self.segments.value = controls.status_html(say("no segments"))
            return
        self.segments.value = plot.sequence(segments_of(self.network.packets(), frame.iloc[index])).html()


def _write_site(folder: Path) -> None:
    """The small site that comes with netlab, and a text that does not fit into one recv."""
    shutil.copytree(str(resources.files("netlab.widgets") / "site"), folder, dirs_exist_ok=True)
    lines = (
        f"This is line {number:4d} of {LINES} of a text that needs more than one recv.\n" for number in range(LINES)
    )
    (folder / "long.txt").write_text("".join(lines), "ascii")


def _size(count: int) -> str:
    if count < KIB or count % KIB:
        return f"{count} bytes"
    return f"{count // KIB} KiB" if count < KIB * KIB else f"{count / KIB / KIB:g} MiB"


def _port_of(url: str) -> int:
    authority = url.split("/")[2]
    port = authority.rpartition("]")[2].rpartition(":")[2] if ":" in authority.rpartition("]")[2] else "80"
    return int(port)


def _listed(given: Iterable[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
