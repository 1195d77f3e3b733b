"""The traceroute panel: a trace as a whole or probe by probe, on a map, as a ladder of hops, and as a table.

*Run* measures as ``netlab.traceroute`` does; ``panel.result`` is that table. *Step* sends one probe per click: its way
is drawn on the map, an envelope travels along it, and the row is told in a sentence. Afterwards the probes can be
replayed, and their packets be looked into.

What is drawn on the map of a virtual network is the truth, as the simulator recorded it (`journeys`). On a real one
nobody knows it: there ``plot.path`` draws what the answers say.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets as widgets

from netlab import api, frames, plot
from netlab.errors import UsageError
from netlab.plot import Figure
from netlab.plot.style import canvas, note
from netlab.widgets import controls, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.bytegrid import ByteView
from netlab.widgets.faults import Faults
from netlab.widgets.hopmap import HopMap
from netlab.widgets.hoptable import hops_table, records, wanted
from netlab.widgets.journeys import Journey, journeys
from netlab.widgets.ladder import Ladder
from netlab.widgets.layers import style
from netlab.widgets.networks import Networks
from netlab.widgets.ping import SPEEDS, clock
from netlab.widgets.replay import sampled
from netlab.widgets.runs import Row, Run
from netlab.widgets.steps import Steps
from netlab.widgets.telling import tell
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame


class Picture(Figure):
    """A ladder with more around it, for a panel that shows one figure; its finding is the ladder's."""

    def __init__(self, ladder: Figure, html: str) -> None:
        super().__init__(ladder.axes, ladder.alt, ladder.caption, ladder.series)
        self._html = html

    def html(self, png: bytes | None = None, alt: str | None = None) -> str:
        return self._html


class TraceroutePanel(Panel):
    """A panel that traces.

    Parameters
    ----------
    destination
        Host name or address; None: a host of the world.
    network
        As in `netlab.use`; None: the network in use now. The panel stays with it, whatever is used later.
    protocol, max_ttl, attempts, timeout, flow, family
        Where the controls stand at first; meaning and unit as in `netlab.traceroute`.
    seed
        Of everything random in a virtual world; None: the network's own.
    most
        The right end of the slider for ``max_ttl``.
    arguments
        Further arguments of `netlab.traceroute`, such as ``port``, ``plan`` or ``match``.

    Attributes
    ----------
    result
        The table (PROBES) of the last run, in the order of sending.
    partial
        True when that run was stopped, failed, or still goes on, also step by step.
    network
        The network of the last run, for ``panel.network.packets()`` and ``panel.network.truth()``; None before it.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> netlab.widgets.TraceroutePanel("server")
    <netlab panel: traceroute server>
    """

    def __init__(
        self,
        destination: str | None = None,
        network: Any = None,
        *,
        protocol: Literal["icmp", "udp", "tcp"] = "icmp",
        max_ttl: int = 30,
        attempts: int = 3,
        timeout: float = 3.0,
        flow: Literal["paris", "classic"] = "paris",
        family: Literal[4, 6] | None = None,
        seed: int | None = None,
        most: int = 30,
        **arguments: Any,
    ) -> None:
        self.networks = Networks(network, seed)
        self.network: Any = None
        self._arguments = arguments
        self._steps: Steps | None = None
        self._stepping = self._broken_off = False
        self._map: HopMap | None = None
        self._sheets = widgets.HTML()
        hosts = self.networks.hosts("")
        target = destination if destination is not None else (hosts[-1] if hosts else "127.0.0.1")
        self.destination = controls.text("destination", target, "destination hint", hosts)
        self.choice = controls.dropdown("network", self.networks.options(), "")
        self.protocol = controls.choice("protocol", [(name.upper(), name) for name in frames.PROTOCOLS], protocol)
        self.flow = controls.choice("flow", [(say(name), name) for name in ("paris", "classic")], flow)
        self.family = controls.dropdown("family", [(say("either"), 0), ("IPv4", 4), ("IPv6", 6)], family or 0)
        self.max_ttl = controls.whole("max_ttl", max_ttl, 1, max(most, max_ttl))
        self.attempts = controls.whole("attempts", attempts, 1, max(10, attempts))
        self.timeout = controls.seconds("timeout", timeout)
        self.seed = controls.number("seed", self.networks.seed, 0, 1_000_000)
        self.speed = controls.choice("speed", [(say(key), value) for key, value in SPEEDS], 0.0)
        self.faults = Faults(self._fault_changed)
        self.bytes = ByteView()
        self._packet = controls.dropdown("packet", [])
        self._packet.observe(self._packet_chosen, "value")
        looking = widgets.VBox([controls.grid([self._packet]), self.bytes])
        looking.add_class("nl-area")
        first = [self.destination, self.choice, self.protocol, self.flow, self.family]
        second = [self.max_ttl, self.attempts, self.timeout, self.seed, self.speed]
        self._fault_toggle = controls.toggle("show faults", self.faults)
        self.step_button = controls.button("one probe", self.step, "netlab-step")
        super().__init__(
            f"traceroute {target}",
            top=[controls.grid(first + second)],
            toggles=[self.step_button, self._fault_toggle, controls.toggle("show bytes", looking)],
            middle=[self.faults, self._sheets],
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
        self.title.value = f'<div class="nl-title">{escape(say("traceroute"))} <small>{escape(name)}</small></div>'

    def _control_moved(self, change: Any) -> None:
        if change["owner"] is self.seed:
            self._show_title()
        if not self.running:
            self._end_steps()  # the next step begins a trace with the new value
            self.say(controls.spoken(change["owner"]))

    def _fault_changed(self, sentence: str) -> None:
        if not self.running:
            self._end_steps()
        self.say(sentence)

    def task(self) -> Task:
        self._broken_off = False
        if self._stepping and self._steps is not None:
            return Task(self._steps.one_more, len(self._steps.known) + 1, replay=True)
        name = self.destination.value.strip()
        if not name:
            raise UsageError("destination", self.destination.value, say("no destination"))
        choice, seed, speed = self.choice.value, self.seed.value, self.speed.value
        virtual = self.networks.virtual(choice)
        world = self.faults.applied() if virtual else self.networks.world(choice)
        if world is None or self._map is None or self._map.world is not world:
            self._map = None if world is None else HopMap(world)
        arguments: dict[str, Any] = {
            "protocol": self.protocol.value,
            "max_ttl": self.max_ttl.value,
            "attempts": self.attempts.value,
            "timeout": self.timeout.value,
            "flow": self.flow.value,
            "family": self.family.value or None,
            **self._arguments,
        }
        if self._stepping:
            arguments["window"] = 1

        def measure(stop: Callable[[], bool]) -> Generator[Row]:
            self.network = self.networks.open(choice, seed, world if virtual else None)
            yield from api.tracing(name, network=self.network, stop=stop, **arguments)

        if self._stepping:
            self._steps = Steps(measure)
            return Task(self._steps.one_more, 1, replay=True)
        due = clock(speed) if virtual and speed else None
        return Task(measure, self.attempts.value * self.max_ttl.value, True, due)

    # Running ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Trace the whole way, as the controls say."""
        self._end_steps()
        self._stepping = False
        super().run()

    def step(self) -> None:
        """Send one probe; the first step begins a trace, and the one after its last probe ends it."""
        if self.running:
            return
        if self._steps is not None and self._steps.ended:
            self._steps = None
        self._stepping = True
        super().run()

    @property
    def partial(self) -> bool:
        return super().partial or self._half_way or self._broken_off

    @property
    def _half_way(self) -> bool:
        return self._stepping and self._steps is not None and not self._steps.ended

    def _end_steps(self) -> None:
        if self._steps is not None:
            self._broken_off = self._half_way
            self._steps.close()
            self._steps = None

    def close(self) -> None:
        super().close()
        self._end_steps()
        self.networks.close()

    # The result ---------------------------------------------------------------------------------------------

    def table(self, rows: Sequence[Row]) -> DataFrame:
        return frames.probes(sorted(rows, key=lambda row: int(row["sequence"])))

    def draw(self, frame: DataFrame, total: int) -> Figure:
        if not len(frame):
            return _nothing()
        figure = plot.hops(frame)
        if self._half_way or self.running:  # what comes below the last rung is not known yet
            ladder = Ladder(figure)
            self._share(ladder)
            return Picture(figure, self._moment(frame) + ladder.at(int(frame["ttl"].max())))
        self._share()
        if self._map is None:
            return Picture(figure, plot.path(frame).html() + figure.html())
        return Picture(figure, self._map.whole(self._answered(frame), figure.alt) + figure.html())

    def film(self, frame: DataFrame, figure: Figure) -> list[str]:
        if self._half_way or not len(frame):
            return []
        frame = wanted(frame)
        ladder = Ladder(figure)
        self._share(ladder)
        known = self._journeys(frame)
        made = []
        for end in sampled(len(frame))[:-1]:
            part = frame.iloc[:end]
            told = self._told(part, len(frame), known)
            made.append(self._mapped(part, told, known) + _paragraph(told) + ladder.at(int(part["ttl"].iloc[-1])))
        return [*made, figure.html() + _paragraph(self._told(frame, len(frame), known))]

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        if not len(frame):
            return ""
        networks = ", ".join(dict.fromkeys(str(name) for name in frame["network"]))
        open_end = partial or self._half_way
        caption = f"{say('hops')}: {networks}" + (f" ({say('partial')})" if open_end else "")
        return hops_table(frame, caption, int(frame["ttl"].iloc[-1]) if self._half_way else None)

    def finding(self, frame: DataFrame, figure: Figure) -> str:
        if not len(frame):
            return say("nothing sent")
        more = len(frame) - len(wanted(frame))
        return figure.alt + (" " + say("told more", count=more) if more else "")

    def finished(self, frame: DataFrame) -> None:
        options = []
        for position in range(min(len(frame), tables.MOST)):
            row = frame.iloc[position]
            values = {"ttl": row["ttl"], "attempt": row["attempt"]}
            for column, label in (("request", "trace request"), ("answer", "trace answer")):
                if row[column]:
                    options.append((say(label, **values), (position, column)))
        controls.refill(self._packet, options)
        self._packet_chosen()

    def _say_end(self, run: Run, task: Task, frame: DataFrame, figure: Figure) -> None:
        if not self._stepping or run.error or run.stopped or not len(frame):
            super()._say_end(run, task, frame, figure)
        elif self._half_way:
            self.say(self._told(frame, None, self._journeys(frame)))
        else:
            self.say(say("trace ended", finding=figure.alt))

    # One moment ---------------------------------------------------------------------------------------------

    def _moment(self, frame: DataFrame) -> str:
        """What is known after the last probe: the map with its way (the status line says its row in a sentence)."""
        if self._map is None:
            return plot.path(frame).html()
        known = self._journeys(frame)
        return self._mapped(frame, self._told(frame, None, known), known)

    def _mapped(self, frame: DataFrame, told: str, known: dict[int, Journey]) -> str:
        """The map with the way of the last probe; nothing where there is no map."""
        if self._map is None:
            return ""
        row = frame.iloc[-1]
        lit = self._map.node(row["responder"]) if row["responder"] else ""
        return self._map.probe(self._answered(frame), lit, known.get(int(row["sequence"])), told)

    def _told(self, frame: DataFrame, total: int | None, known: dict[int, Journey]) -> str:
        row = records(frame.iloc[[-1]])[0]
        return tell(row, len(frame), total, known.get(int(row["sequence"])))

    def _share(self, ladder: Ladder | None = None) -> None:
        """Send the pictures that moments are drawn onto, if they are not there yet."""
        made = style(self._map.sheet if self._map is not None else None, ladder.sheet if ladder is not None else None)
        if self._sheets.value != made:
            self._sheets.value = made

    def _journeys(self, frame: DataFrame) -> dict[int, Journey]:
        """What really became of the probes; nothing on real networks, and while the simulator is at work."""
        if self.running or self.network is None or not self.network.virtual:
            return {}
        requests = dict(zip(map(int, frame["sequence"]), frame["request"], strict=True))
        return journeys(self.network.packets(), requests)

    def _answered(self, frame: DataFrame) -> dict[str, list[int]]:
        """The machines that answered, with the TTLs at which they did."""
        found: dict[str, list[int]] = {}
        for row in records(wanted(frame)):
            node = self._map.node(row["responder"]) if self._map is not None and row["responder"] else ""
            if node and row["ttl"] not in found.setdefault(node, []):
                found[node].append(row["ttl"])
        return found

    def _packet_chosen(self, _: object = None) -> None:
        chosen = self._packet.value
        packet = self.result[chosen[1]].iloc[chosen[0]] if chosen else b""
        if packet != self.bytes.packet:
            self.bytes.packet = packet


def _paragraph(sentence: str) -> str:
    return f'<p class="nl-moment">{escape(sentence)}</p>'


def _nothing() -> Figure:
    """A figure for a run that sent nothing."""
    axes = canvas(1.0)[1][0]
    axes.axis("off")
    note(axes, say("nothing sent"))
    return Figure([axes], say("nothing sent"), "", [])
