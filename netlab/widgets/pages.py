"""A page panel: how a browser gets a page with its objects from a server that may be near or far away.

The world is three machines in a row, made anew for each run, so that the sliders for distance and rate need no list of
links. The measurement is one call of `netlab.fetch_page`; the picture is its waterfall.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab import api, frames, plot, probing
from netlab.api_fetch import fetch_page
from netlab.plot import Figure
from netlab.servers import WebServer
from netlab.widgets import controls, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.runs import Row
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 24
"""Objects and connections."""
SIZES = 500, 200_000
"""Bytes of an object."""
DISTANCES = 1.0, 300.0
"""ms to the server and back."""
SLOWEST = 2000
"""ms that the server may take for the first object."""
RATES = (1, 2, 4, 10, 20, 50, 100, 1000)
"""Mbit/s of the way to the server."""
COLUMNS = ("object", "connection", "number", "start_ms", "end_ms")


def distant(rtt_ms: float, rate_mbps: float) -> Any:
    """Make a world with a `laptop` and a server `www`, so far apart."""
    way = {"ends": ["gateway", "www"], "delay_ms": rtt_ms / 2 - 0.1, "rate_mbps": rate_mbps, "queue": 100}
    return api.world(
        {
            "name": "distant",
            "vantage": "laptop",
            "description": f"A server {rtt_ms:g} ms away.",
            "node": {
                "laptop": {"kind": "host", "address": ["192.0.2.10/24"]},
                "gateway": {"kind": "router", "address": ["192.0.2.1/24", "203.0.113.1/24"]},
                "www": {"kind": "host", "address": ["203.0.113.80/24"], "open": ["tcp/80"]},
            },
            "link": [{"ends": ["laptop", "gateway"], "delay_ms": 0.1}, way],
        }
    )


class PagePanel(Panel):
    """A panel that gets a page, with sliders for everything that its time depends on.

    Parameters
    ----------
    objects, size, rtt_ms, connections, keep_alive, slow_ms
        Where the controls stand at first: objects of the page, bytes of each, ms to the server and back, connections at
        once, whether they are kept, and how many ms the server takes for the first object. Raises UsageError for a
        place where a control cannot stand.

    Attributes
    ----------
    result
        PHASES, as `netlab.fetch_page` gives them.

    Examples
    --------
    >>> import netlab
    >>> netlab.widgets.PagePanel(8)
    <netlab panel: page with 8 objects>
    """

    children: Any

    def __init__(
        self,
        objects: int = 8,
        size: int = 6000,
        rtt_ms: float = 80.0,
        connections: int = 1,
        keep_alive: bool = True,
        slow_ms: int = 5,
    ) -> None:
        objects = probing.whole("objects", objects, 0, MOST, of="objects")
        size = probing.whole("size", size, *SIZES, of="bytes")
        rtt_ms = controls.number_from(*DISTANCES, "milliseconds", "rtt_ms", rtt_ms)
        connections = probing.whole("connections", connections, 1, MOST, of="connections")
        probing.yes_or_no("keep_alive", keep_alive)
        slow_ms = probing.whole("slow_ms", slow_ms, 0, SLOWEST, of="milliseconds")
        self._phases = frames.table([], frames.PHASES)
        self.objects = controls.whole("objects", objects, 0, MOST)
        self.size_ = controls.whole("object size", size, *SIZES, 500)
        self.rtt = controls.decimal("round trip", rtt_ms, *DISTANCES, 1.0)
        self.rate = controls.choice("line rate", [(f"{rate} Mbit/s", rate) for rate in RATES], RATES[-1])
        self.connections = controls.whole("connections", connections, 1, MOST)
        kinds = [(say("kept"), True), (say("new each time"), False)]
        self.keep_alive = controls.choice("connections are", kinds, keep_alive)
        self.slow = controls.whole("first object takes", slow_ms, 0, SLOWEST, 5)
        moved = [self.objects, self.size_, self.rtt, self.rate, self.connections, self.keep_alive, self.slow]
        super().__init__(f"page with {objects} objects", top=[controls.grid(moved)])
        self.title.value = f'<div class="nl-title">{say("page")} <small>virtual:distant</small></div>'
        for control in moved:
            control.observe(self._control_moved, "value")

    def _control_moved(self, change: Any) -> None:
        if not self.running:
            self.say(controls.spoken(change["owner"]))

    def task(self) -> Task:
        count, size, slow = self.objects.value, self.size_.value, self.slow.value
        world = distant(self.rtt.value, self.rate.value)
        connections, kept = self.connections.value, self.keep_alive.value

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            network = api.network_for(world, 1)
            names = [f"object{number}" for number in range(1, count + 1)]
            with tempfile.TemporaryDirectory() as folder:
                html = "".join(f'<img src="{name}">' for name in names)
                Path(folder, "index.html").write_text(html, encoding="utf-8")
                for name in names:
                    Path(folder, name).write_bytes(bytes(size))
                service = {"/object1": slow, **{f"/{name}": 5 for name in names[1:]}, "/": 5}
                with WebServer(
                    folder, host="www", port=80, network=network, service_ms=service, workers=MOST
                ) as server:
                    phases = fetch_page(server.url, connections=connections, keep_alive=kept, network=network)
            self._phases = phases
            yield from ({} for _ in range(len(phases)))

        return Task(measure, 1)

    def table(self, rows: Sequence[Row]) -> DataFrame:
        return self._phases.head(len(rows))

    def draw(self, frame: DataFrame, total: int) -> Figure:
        return plot.waterfall(frame)

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        busy = frame[frame["phase"] != "queue"]
        if not len(busy):
            return ""
        ends = busy.groupby("object", as_index=False).agg(
            {"connection": "first", "number": "first", "start_ms": "min", "end_ms": "max"}
        )
        return tables.table(ends, {name: say(f"column {name}") for name in COLUMNS}, say("page"))
