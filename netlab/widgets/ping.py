"""The ping panel: every argument of ping that has a slider, on any network, with the packets to look into.

It draws what ``netlab.ping`` would return, by ``netlab.plot.rtt``; ``panel.result`` is that table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets as widgets

from netlab import api, frames, plot
from netlab.errors import UsageError
from netlab.plot import Figure
from netlab.widgets import controls, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.bytegrid import ByteView
from netlab.widgets.faults import Faults
from netlab.widgets.networks import Networks
from netlab.widgets.replay import sampled
from netlab.widgets.runs import Row
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("attempt", "responder", "rtt_ms", "outcome", "detail", "reply_ttl", "flags")
"""Columns of the result table; the destination stands before them when there are several."""

RARE = ("detail", "flags")
"""Columns shown only when something is in them."""

SPEEDS: tuple[tuple[str, float], ...] = (("at once", 0.0), ("ten times", 10.0), ("real time", 1.0))
"""How fast a virtual run is shown: how many virtual seconds go into a real one; 0: all at once."""

LARGEST = 1472
"""Payload that fills an Ethernet frame (1500 - 28): larger ones can be typed as ``PingPanel(size=…)``."""


class PingPanel(Panel):
    """A panel that pings.

    Parameters
    ----------
    destination
        Host name or address, or several with commas between; None: a host of the world.
    network
        As in `netlab.use`; None: the network in use now. The panel stays with it, whatever is used later.
    count, interval, timeout, size, protocol, family
        Where the controls stand at first; meaning and unit as in `netlab.ping`.
    seed
        Of everything random in a virtual world; None: the network's own.
    most
        The right end of the slider for ``count``.
    prediction
        Your guess of the round-trip time in ms, drawn as a dashed line; None: no line.
    arguments
        Further arguments of `netlab.ping`, such as ``ttl`` or ``checksum``.

    Attributes
    ----------
    result
        The table (PROBES) of the last run.
    partial
        True when that run was stopped, failed, or still goes on.
    network
        The network of the last run, for ``panel.network.packets()`` and ``panel.network.truth()``; None before it.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> netlab.widgets.PingPanel("server")
    <netlab panel: ping server>
    """

    def __init__(
        self,
        destination: str | None = None,
        network: Any = None,
        *,
        count: int = 10,
        interval: float = 1.0,
        timeout: float = 2.0,
        size: int = 56,
        protocol: Literal["icmp", "udp", "tcp"] = "icmp",
        family: Literal[4, 6] | None = None,
        seed: int | None = None,
        most: int = 100,
        prediction: float | None = None,
        **arguments: Any,
    ) -> None:
        self.networks = Networks(network, seed)
        self.network: Any = None
        self.prediction = prediction
        self._arguments = arguments
        hosts = self.networks.hosts("")
        target = destination if destination is not None else (hosts[-1] if hosts else "127.0.0.1")
        self.destination = controls.text("destination", target, "destination hint", hosts)
        self.choice = controls.dropdown("network", self.networks.options(), "")
        self.protocol = controls.choice("protocol", [(name.upper(), name) for name in frames.PROTOCOLS], protocol)
        self.family = controls.dropdown("family", [(say("either"), 0), ("IPv4", 4), ("IPv6", 6)], family or 0)
        self.count = controls.whole("count", count, 1, max(most, count))
        self.interval = controls.seconds("interval", interval)
        self.timeout = controls.seconds("timeout", timeout)
        self.size = controls.whole("size", size, 0, max(LARGEST, size))
        self.seed = controls.number("seed", self.networks.seed, 0, 1_000_000)
        self.speed = controls.choice("speed", [(say(key), value) for key, value in SPEEDS], 0.0)
        self.faults = Faults(self.say)
        self.bytes = ByteView()
        self._packet = controls.dropdown("packet", [])
        self._packet.observe(self._packet_chosen, "value")
        looking = widgets.VBox([controls.grid([self._packet]), self.bytes])
        looking.add_class("nl-area")
        first = [self.destination, self.choice, self.protocol, self.family]
        second = [self.count, self.interval, self.timeout, self.size, self.seed, self.speed]
        self._fault_toggle = controls.toggle("show faults", self.faults)
        super().__init__(
            f"ping {target}",
            top=[controls.grid(first + second)],
            toggles=[self._fault_toggle, controls.toggle("show bytes", looking)],
            middle=[self.faults],
            below=[looking],
        )
        self.choice.observe(self._network_chosen, "value")
        for control in first + second:
            control.observe(self._control_moved, "value")
        self._network_chosen()

    # The controls -------------------------------------------------------------------------------------------

    def _network_chosen(self, _: object = None) -> None:
        choice = self.choice.value
        hosts = self.networks.hosts(choice)
        if hosts and self.destination.value not in hosts and self.destination.value in self.destination.options:
            self.destination.value = hosts[-1]  # a host of the world chosen before
        self.destination.options = tuple(hosts)
        virtual = self.networks.virtual(choice)
        self.faults.world = self.networks.world(choice) if virtual else None
        for control in (self.seed, self.speed, self._fault_toggle):
            control.disabled = not virtual
        self._show_title()

    def _show_title(self) -> None:
        choice = self.choice.value
        name = self.networks.name(choice)
        if self.networks.virtual(choice):
            name = say("seeded", network=name, seed=self.seed.value)
        self.title.value = f'<div class="nl-title">{escape(say("ping"))} <small>{escape(name)}</small></div>'

    def _control_moved(self, change: Any) -> None:
        if change["owner"] is self.seed:
            self._show_title()
        if not self.running:
            self.say(controls.spoken(change["owner"]))

    def _destinations(self) -> list[str]:
        return [name for name in re.split(r"[\s,;]+", self.destination.value) if name]

    def task(self) -> Task:
        names = self._destinations()
        if not names:
            raise UsageError("destination", self.destination.value, say("no destination"))
        choice, seed, speed = self.choice.value, self.seed.value, self.speed.value
        world = self.faults.applied() if self.networks.virtual(choice) else None
        arguments = {
            "count": self.count.value,
            "interval": self.interval.value,
            "timeout": self.timeout.value,
            "size": self.size.value,
            "protocol": self.protocol.value,
            "family": self.family.value or None,
            **self._arguments,
        }

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            self.network = self.networks.open(choice, seed, world)
            target = names if len(names) > 1 else names[0]
            yield from api.pinging(target, network=self.network, stop=stop, **arguments)

        virtual = self.networks.virtual(choice)
        due = clock(speed) if virtual and speed else None
        return Task(measure, self.count.value * len(names), virtual, due)

    def close(self) -> None:
        super().close()
        self.networks.close()

    # The result ---------------------------------------------------------------------------------------------

    def table(self, rows: Sequence[Row]) -> DataFrame:
        return frames.probes(rows)

    def draw(self, frame: DataFrame, total: int) -> Figure:
        first = float(frame["sequence"].min()) if len(frame) else 1.0
        return plot.rtt(frame, prediction=self.prediction, limits=(first, first + max(total - 1, 0)))

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        if not len(frame):
            return ""
        names = COLUMNS if frame["destination"].nunique() == 1 else ("destination", *COLUMNS)
        columns = {name: say(f"column {name}") for name in names if name not in RARE or any(frame[name] != "")}
        networks = ", ".join(dict.fromkeys(str(name) for name in frame["network"]))
        caption = f"{say('results')}: {networks}" + (f" ({say('partial')})" if partial else "")
        return tables.table(frame, columns, caption)

    def film(self, frame: DataFrame, figure: Figure) -> list[str]:
        ends = sampled(len(frame))
        numbers = [float(number) for number in frame["sequence"]]
        pictures = figure.uncovered([numbers[end - 1] + 0.5 for end in ends])
        made = []
        for end, picture in zip(ends, pictures, strict=True):
            moment = _moment(frame, end)
            alt = figure.alt if end == len(frame) else moment
            made.append(figure.html(picture, alt) + f'<p class="nl-moment">{escape(moment)}</p>')
        return made

    def finding(self, frame: DataFrame, figure: Figure) -> str:
        return figure.alt if len(frame) else say("nothing sent")

    def finished(self, frame: DataFrame) -> None:
        options = []
        for position in range(min(len(frame), tables.MOST)):
            for column in ("request", "answer"):
                if frame[column].iloc[position]:
                    options.append((say(column, number=position + 1), (position, column)))
        controls.refill(self._packet, options)
        self._packet_chosen()

    def _packet_chosen(self, _: object = None) -> None:
        chosen = self._packet.value
        packet = self.result[chosen[1]].iloc[chosen[0]] if chosen else b""
        if packet != self.bytes.packet:
            self.bytes.packet = packet


def clock(speed: float) -> Callable[[Row], float]:
    """When a virtual row may be shown, in real seconds after the start."""
    start: list[int] = []

    def due(row: Row) -> float:
        if row["sent_at"] is None:
            return 0.0
        if not start:
            start.append(row["sent_at"])
        took = row["rtt_ms"] if row["rtt_ms"] == row["rtt_ms"] else row["waited_ms"]
        return float(((row["sent_at"] - start[0]) / 1e9 + took / 1e3) / speed)

    return due


def _moment(frame: DataFrame, end: int) -> str:
    """What was known after the first ``end`` probes."""
    part = frame.iloc[:end]
    last = part.iloc[-1]
    outcomes = [str(word) for word in part["outcome"]]
    fate = outcomes[-1] if last["rtt_ms"] != last["rtt_ms"] else f"{outcomes[-1]}, {last['rtt_ms']:.3g} ms"
    sent, start = last["sent_at"], frame["sent_at"].min()
    time = f"{(sent - start).total_seconds():.3g} s" if sent == sent else "-"
    lost = outcomes.count("timeout")
    silent = lost + outcomes.count("pending") + outcomes.count("not-sent")
    return say("probe", number=end, total=len(frame), time=time, fate=fate, answered=len(outcomes) - silent, lost=lost)
