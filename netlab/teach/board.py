"""The incident board of notebook 13: tables of the learner's own measurements, and what each of them shows.

The board takes the tables as the tools give them, and recognises them by their columns. It writes down the figures that
count, compares them with Monday's, and keeps the *findings*: short words for what is unlike Monday. It draws no
conclusion. Which findings speak for which cause is `SPEAKS_FOR`; the check of exercise 13.5 uses it.

A second measurement of the same thing replaces the first and keeps its id, so a cell may be run again.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from netlab.errors import UsageError
from netlab.teach import readings_http as http
from netlab.teach import readings_network as network
from netlab.teach.reading import Monday, Reading

if TYPE_CHECKING:
    from pandas import DataFrame

WIDTH = 110
"""Characters of a line of text."""

SPEAKS_FOR = {
    "packet loss": {"loss"},
    "congestion": {"waiting"},
    "narrow link": {"large ones slower", "slow receiving"},
    "detour": {"another way", "farther"},
    "way back": {"another way back", "farther"},
    "black hole": {"large ones lost", "stalled"},
    "far replica": {"another machine", "farther"},
    "far proxy": {"another proxy", "proxy farther"},
    "slow origin": {"thinking"},
    "one at a time": {"one at a time", "queueing"},
    "short backlog": {"refused", "SYN repeated"},
    "no keep-alive": {"new connections", "says close"},
    "small window": {"slow receiving", "little in flight", "large ones as on Monday"},
    "never kept": {"never kept", "says: do not keep"},
    "always asked": {"asked each time", "says: ask each time"},
    "kept apart": {"kept again and again", "says: differs"},
}
"""Cause → findings that speak for it."""
DECIDES = {
    "narrow link": {"large ones slower"},
    "detour": {"another way"},
    "way back": {"another way back"},
    "black hole": {"large ones lost"},
    "far replica": {"another machine"},
    "far proxy": {"another proxy", "proxy farther"},
    "small window": {"slow receiving", "little in flight"},
}
"""Where findings of several causes are alike: one of these must be among the evidence."""


READINGS: tuple[tuple[set[str], Callable[[Any, Monday], Reading]], ...] = (
    ({"verdict", "direction", "loss_after"}, network.verdicts),
    ({"evidence", "mtu", "probes"}, network.path_mtu),
    ({"phase", "object", "answer"}, http.phases),
    ({"upstream", "cache", "queue_ms"}, http.exchanges),
    ({"latency_ms", "slow", "outcome"}, http.load),
    ({"waiting", "busy", "refused"}, http.queue),
    ({"action", "at", "data"}, network.packets),
    ({"destination", "ttl", "rtt_ms", "outcome"}, network.probes),
)
"""Columns by which a table is recognised, and who reads it."""


class Entry(NamedTuple):
    """One measurement on the board."""

    id: str
    reading: Reading


class Board:
    """See the module; ``monday`` gives what to compare with."""

    def __init__(self, monday: Callable[[], Monday]) -> None:
        self._monday = monday
        self.entries: dict[str, Entry] = {}
        """By the tool and what it was pointed at."""

    def add(self, table: DataFrame) -> str:
        """Put a table on the board; gives its id, such as ``"E1"``.

        Parameters
        ----------
        table
            As it came from `ping`, `traceroute`, `monitor`, `investigate`, `path_mtu`, `fetch`, `fetch_page`,
            ``case.visits()``, ``case.crowd()`` (its two tables one by one), ``case.web.log``, ``case.web.queue``,
            ``case.cache.log``, or ``netlab.frames.packets(case.network.packets(node="www"))``.

        Raises
        ------
        UsageError
            When it is no such table, or it is empty.
        """
        columns = set(getattr(table, "columns", ()))
        for needs, read in READINGS:
            if columns and needs <= columns and len(table):
                reading = read(table, self._monday())
                key = f"{reading.tool} {reading.about}"
                id = self.entries[key].id if key in self.entries else f"E{len(self.entries) + 1}"
                self.entries[key] = Entry(id, reading)
                return id
        raise UsageError("table", type(table).__name__, "must be a table of one of netlab's tools, with rows in it")

    def __repr__(self) -> str:
        lines = ["<netlab incident board>"]
        for id, reading in self.entries.values():
            text = f"{id:4}{reading.tool} ({reading.about}): {reading.shows}"
            lines += textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        head = "".join(f'<th scope="col" {left}>{name}</th>' for name in ("id", "tool", "about", "shows"))
        rows = []
        for id, reading in self.entries.values():
            cells = "".join(f"<td {left}>{escape(text)}</td>" for text in reading[:3])
            rows.append(f'<tr><th scope="row" {left}>{id}</th>{cells}</tr>')
        return f"<table><caption {left}>Incident board</caption><tr>{head}</tr>{''.join(rows)}</table>"

    @property
    def table(self) -> DataFrame:
        """The board: ``id``, ``tool``, ``about``, ``shows`` (all str)."""
        import pandas as pd

        rows = [(each.id, *each.reading[:3]) for each in self.entries.values()]
        return pd.DataFrame(rows, columns=["id", "tool", "about", "shows"]).set_index("id")

    def find(self, id: object) -> Reading | None:
        """What is on the board under an id; None: nothing."""
        return next((each.reading for each in self.entries.values() if each.id == id), None)
