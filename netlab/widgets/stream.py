"""The byte-stream panel: a client writes three times, a server reads, and TCP lies between them.

It draws what ``netlab.teach.talk`` gives: which bytes each recv returned, how far the bytes were by when, and, if asked
for, the segments between the two hosts. ``panel.result`` is the table of all calls. It works on virtual networks only:
a real TCP does not let itself be looked into like that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from netlab import frames, plot, probing
from netlab.errors import UsageError
from netlab.plot import Figure
from netlab.streams import AT_ONCE, CALLS, DAY, MOST, MOST_ASKED, Talk, talk
from netlab.widgets import controls, tables
from netlab.widgets.base import Panel, Task
from netlab.widgets.networks import Networks
from netlab.widgets.runs import Row
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

LARGEST = 3_000
"""Bytes of one write on the sliders."""
ETHERNET = 1_460
"""The largest segment that fits into an Ethernet frame, bytes."""
SMALLEST_MSS = 64
LIMITS = (50, 100, 200, 500, 1_000, 5_000, AT_ONCE)
"""What one recv may ask for, bytes."""
EVERY = (0, 5, 10, 20, 50, 100, 200, 500, 1_000)
"""ms from one recv to the next; 0: whenever something is there."""
COLUMNS = ("time_ms", "who", "call", "asked", "bytes", "of_writes", "result")
WRITES = ("first write", "second write", "third write")


class Pictures(Figure):
    """Two figures as one, for a panel that shows one; the finding is the first one's."""

    def __init__(self, first: Figure, second: Figure) -> None:
        super().__init__(first.axes, first.alt, first.caption, first.series)
        self._html = first.html() + second.html()

    def html(self, png: bytes | None = None, alt: str | None = None) -> str:
        return self._html


class StreamPanel(Panel):
    """A panel in which a client writes and a server reads; ``WebServerPanel(view="stream")`` makes one.

    Parameters
    ----------
    to
        The host that listens; None: the last one of the world.
    network
        As in `netlab.use`, a virtual one; None: the network in use now, or "line" if that is a real one.
    writes
        Sizes of the three writes, bytes.
    mss, nagle, delayed_ack, pause_ms, read_limit, read_every_ms
        Where the controls stand at first; meaning and unit as in ``netlab.teach.talk``.
    seed
        Of everything random in the world; None: the network's own.
    arguments
        Further arguments of ``netlab.teach.talk``, such as ``receive_buffer`` or ``server``.

    Attributes
    ----------
    result
        The table of all calls (``talk.calls``) of the last run.
    talk
        Everything about the last run; None before it.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> netlab.widgets.WebServerPanel(view="stream")
    <netlab panel: a byte stream to server>
    """

    def __init__(
        self,
        to: str | None = None,
        network: Any = None,
        *,
        writes: Sequence[int] = (200, 200, 200),
        mss: int = ETHERNET,
        nagle: bool = True,
        delayed_ack: bool = True,
        pause_ms: int = 0,
        read_limit: int = AT_ONCE,
        read_every_ms: int = 0,
        seed: int | None = None,
        **arguments: Any,
    ) -> None:
        self.networks = Networks(network, seed)
        if not self.networks.virtual(""):
            self.networks = Networks("line", seed)
        self.talk: Talk | None = None
        self._arguments = arguments
        if isinstance(writes, str | bytes) or not isinstance(writes, Sequence) or len(writes) != len(WRITES):
            raise UsageError("writes", writes, f"must be {len(WRITES)} sizes in bytes")
        writes = [probing.whole("writes", size, 1, MOST, of="bytes") for size in writes]
        hosts = self.networks.hosts("")
        if to is not None:
            probing.one_of("to", to, hosts)
        mss = probing.whole("mss", mss, SMALLEST_MSS, 65_535, of="bytes")
        probing.yes_or_no("nagle", nagle)
        probing.yes_or_no("delayed_ack", delayed_ack)
        pause_ms = probing.whole("pause_ms", pause_ms, 0, DAY, of="milliseconds")
        read_limit = probing.whole("read_limit", read_limit, 1, MOST_ASKED, of="bytes")
        read_every_ms = probing.whole("read_every_ms", read_every_ms, 0, DAY, of="milliseconds")
        self.to = controls.dropdown("listens", hosts, to if to is not None else hosts[-1])
        self.writes = [
            controls.whole(key, size, 1, max(LARGEST, size)) for key, size in zip(WRITES, writes, strict=True)
        ]
        self.pause = controls.whole("pause_ms", pause_ms, 0, max(200, pause_ms), 5)
        self.mss = controls.whole("mss", mss, SMALLEST_MSS, max(ETHERNET, mss))
        yes_no = [(say("on"), True), (say("off"), False)]
        self.nagle = controls.choice("nagle", yes_no, nagle)
        self.delayed_ack = controls.choice("delayed_ack", yes_no, delayed_ack)
        self.limit = controls.choice(
            "read_limit", [(str(each), each) for each in _with(LIMITS, read_limit)], read_limit
        )
        every = [(f"{each} ms" if each else say("at once"), each) for each in _with(EVERY, read_every_ms)]
        self.every = controls.choice("read_every", every, read_every_ms)
        self.segments = widgets.HTML()
        area = widgets.VBox([self.segments])
        area.add_class("nl-area")
        moved = [
            self.to, *self.writes, self.pause, self.mss, self.nagle, self.delayed_ack, self.limit, self.every,
        ]  # fmt: skip
        super().__init__(
            f"a byte stream to {self.to.value}",
            top=[controls.grid(moved)],
            toggles=[controls.toggle("show segments", area)],
            below=[area],
        )
        for control in moved:
            control.observe(self._control_moved, "value")
        name = say("seeded", network=self.networks.name(""), seed=self.networks.seed)
        self.title.value = f'<div class="nl-title">{escape(say("stream"))} <small>{escape(name)}</small></div>'

    def _control_moved(self, change: Any) -> None:
        if not self.running:
            self.say(controls.spoken(change["owner"]))

    def task(self) -> Task:
        writes, to, seed = [control.value for control in self.writes], self.to.value, self.networks.seed
        arguments: dict[str, Any] = {
            "pause_ms": self.pause.value,
            "mss": self.mss.value,
            "nagle": self.nagle.value,
            "delayed_ack": self.delayed_ack.value,
            "read_limit": self.limit.value,
            "read_every_ms": self.every.value,
            **self._arguments,
        }
        self.talk = None

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            made = talk(writes, to, network=self.networks.open("", seed), **arguments)
            self.talk = made
            yield from made.rows

        return Task(measure, len(writes))

    def close(self) -> None:
        super().close()
        self.networks.close()

    # The result ---------------------------------------------------------------------------------------------

    def table(self, rows: Sequence[Row]) -> DataFrame:
        return frames.table(rows, CALLS)

    def draw(self, frame: DataFrame, total: int) -> Figure:
        made = self.talk
        reads = frame[(frame["call"] == "recv") & (frame["who"] == (made.server if made is not None else ""))]
        figure = plot.reads(reads)
        return figure if made is None else Pictures(figure, plot.progress(made.progress))

    def list_html(self, frame: DataFrame, partial: bool) -> str:
        if not len(frame):
            return ""
        columns = {name: say(f"column {name}") for name in COLUMNS if name != "result" or any(frame[name] != "")}
        return tables.table(frame, columns, f"{say('calls')}: {self.networks.name('')}")

    def finished(self, frame: DataFrame) -> None:
        self.segments.value = "" if self.talk is None else plot.sequence(self.talk.packets).html()


def _with(scale: tuple[int, ...], value: int) -> list[int]:
    return sorted({*scale, value})
