"""A crowd panel: many clients come to one server, and the picture shows who waits and who is refused.

The server needs 10 ms for an answer. The crowd is `WebServer.load` on a host of the world that is in use; it is made
anew for each run, so that the same controls give the same crowd.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab import frames, plot, probing, stats
from netlab.errors import NameNotFound, UsageError
from netlab.plot import Figure
from netlab.servers import WebServer
from netlab.widgets import controls, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.networks import Networks
from netlab.widgets.runs import Row
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

SERVICE = 10.0
"""ms of the server's processor for each answer: one processor does 100 in a second."""
CONTENT = 16_000
"""Bytes of the answer, more than the server's buffer, so that a slow reader is noticed."""
BUFFER = 4096
SLOW_RATE = 1000
"""Bytes per second of a slow reader."""
PATIENCE = 10.0
"""Seconds after which a client gives up."""
RATES, COUNTS, WORKERS, SLOW = (5, 200), (50, 2000), (1, 16), (0, 50)
"""From where to where the sliders go."""
MODES = ("iterative", "threads", "loop")
SHARES = {"half": 50, "95 of 100": 95, "99 of 100": 99}
"""Percentiles in the words of the table."""


class CrowdPanel(Panel):
    """A panel that lets many clients come to a server.

    Parameters
    ----------
    host
        A host of the world in use.
    rate, count, mode, workers, slow, connections
        Where the controls stand at first: clients per second and in all, how the server works, with how many threads or
        processors, the percentage of slow readers, and how many may be inside (0: any number). Raises UsageError for a
        place where a control cannot stand.
    network
        As in `netlab.use`, a virtual one; None: the network in use now.

    Attributes
    ----------
    result
        What the clients saw, as `WebServer.load` gives it.
    queue
        The queue before the server, as `WebServer.queue` gives it; None before the first run.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("transatlantic")
    >>> netlab.widgets.CrowdPanel("near")
    <netlab panel: many clients of near>
    """

    children: Any

    def __init__(
        self,
        host: str,
        rate: int = 20,
        count: int = 500,
        mode: str = "loop",
        workers: int = 1,
        slow: int = 0,
        connections: int = 0,
        network: Any = None,
    ) -> None:
        self.networks, self.host = Networks(network), host
        _check_host(self.networks, host)
        rate = probing.whole("rate", rate, *RATES, of="clients per second")
        count = probing.whole("count", count, *COUNTS, of="clients")
        probing.one_of("mode", mode, MODES)
        workers = probing.whole("workers", workers, *WORKERS, of="workers")
        slow = probing.whole("slow", slow, *SLOW, of="slow readers in 100")
        connections = probing.whole("connections", connections, 0, 10_000, of="connections (0: any number)")
        self.queue: DataFrame | None = None
        self._crowd = frames.table([], frames.LOAD)
        self.rate = controls.whole("clients per second", rate, *RATES, 5)
        self.count = controls.whole("clients", count, *COUNTS, 50)
        self.mode = controls.choice("server", [(say(word), word) for word in MODES], mode)
        self.workers = controls.whole("workers", workers, *WORKERS)
        self.slow = controls.whole("slow readers", slow, *SLOW)
        inside = sorted({0, 2, 5, 10, 20, 50, 100, connections})
        options = [(str(number) if number else say("any"), number) for number in inside]
        self.connections = controls.choice("inside at most", options, connections)
        self.patience = controls.seconds("write_time", 10.0)
        moved = [self.rate, self.count, self.mode, self.workers, self.slow, self.connections, self.patience]
        super().__init__(f"many clients of {host}", top=[controls.grid(moved)])
        name = say("seeded", network=self.networks.name(""), seed=self.networks.seed)
        self.title.value = f'<div class="nl-title">{say("crowd")} <small>{name}</small></div>'
        for control in moved:
            control.observe(self._control_moved, "value")

    def _control_moved(self, change: Any) -> None:
        if not self.running:
            self.say(controls.spoken(change["owner"]))

    def task(self) -> Task:
        rate, count, slow = self.rate.value, self.count.value, self.slow.value / 100
        mode, workers = self.mode.value, 1 if self.mode.value == "iterative" else self.workers.value
        limits: dict[str, float] = {"write_time": self.patience.value}
        if self.connections.value:
            limits["connections"] = self.connections.value

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            network = self.networks.open("", self.networks.seed)
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "index.html").write_bytes(bytes(CONTENT))
                with WebServer(
                    folder, host=self.host, port=80, network=network, service_ms=SERVICE, mode=mode, workers=workers,
                    limits=limits, tcp={"send_buffer": BUFFER},
                ) as server:  # fmt: skip
                    crowd = server.load(rate, count=count, slow=slow, slow_rate=SLOW_RATE, timeout=PATIENCE)
                    self.queue = server.queue
            self._crowd = crowd
            yield from ({} for _ in range(len(crowd)))

        return Task(measure, count)

    def table(self, rows: Sequence[Row]) -> DataFrame:
        return self._crowd.head(len(rows))

    def draw(self, frame: DataFrame, total: int) -> Figure:
        queue = self.queue if self.queue is not None and len(frame) else frames.table([], frames.QUEUE)
        return plot.crowd(frame, queue)

    def finding(self, frame: DataFrame, figure: Figure) -> str:
        took = [float(time) for time in frame.loc[frame["status"] == 200, "latency_ms"] if time == time]
        if not took:
            return figure.alt
        half, most = (stats.percentile(took, share) for share in (50, 99))
        return say("crowd done", finding=figure.alt, median=f"{half:.0f}", p99=f"{most:.0f}")

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        if not len(frame):
            return ""
        rows = [[say(word), *self._times(frame, share)] for word, share in SHARES.items()]
        titles = [say("of the served"), say("column total_ms"), say("column queue_ms")]
        return tables.rows_table(rows, titles, say("crowd"))

    def _times(self, frame: DataFrame, share: int) -> list[str]:
        """A percentile of the whole time and of the wait, in ms, among those who were served."""
        served = frame[frame["status"] == 200]
        columns = ([float(time) for time in served[name] if time == time] for name in ("latency_ms", "queue_ms"))
        return [f"{stats.percentile(times, share):.1f}" if times else "" for times in columns]

    def close(self) -> None:
        super().close()
        self.networks.close()


def _check_host(networks: Networks, host: Any) -> None:
    """Refuse what is no host of a virtual world."""
    if not networks.virtual(""):
        raise UsageError("network", networks.name(""), 'must be a virtual one, such as netlab.use("transatlantic")')
    try:
        if isinstance(host, str):
            bound: Any = networks.bound
            bound.host(host)
            return
    except NameNotFound:
        pass
    hosts = networks.hosts("")
    raise UsageError("host", host, f"must be a host of this world: {', '.join(hosts)}")
