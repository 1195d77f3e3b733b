"""One exchange of a proxy, from both sides: the bytes of its heads, line by line, as they were before and behind it.

`ProxyServer.inspect` says what came in and what went out. Here the same lines stand where the diagram above them has
the two conversations: on the left what client and proxy said to each other, on the right what proxy and origin did.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.errors import UsageError
from netlab.widgets import controls, tables
from netlab.widgets.rawbytes import to_text
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

CHOICE = 50
"""Exchanges that can be chosen, the latest ones."""
LONGEST = 64
"""Characters of a line."""
MESSAGES = {"request": "message request", "answer": "message answer"}
CHANGES = {
    "kept": "change kept", "changed": "change changed", "removed": "change removed", "added": "change added",
    "refused": "change refused", "answered": "change refused",
}  # fmt: skip


class ExchangeChooser:
    """A list of the latest exchanges. It follows the newest one until somebody chooses another.

    Parameters
    ----------
    chosen
        Called when somebody has chosen.
    """

    def __init__(self, chosen: Any) -> None:
        self.control = controls.dropdown("exchange", [(say("none yet"), -1)], -1)
        self._follow, self._filling, self._chosen = True, False, chosen
        self.control.observe(self._changed, "value")

    @property
    def index(self) -> int:
        """The row of the log; -1: there is none."""
        return int(self.control.value)

    def fill(self, log: DataFrame) -> None:
        """Offer the rows of a log."""
        first = max(0, len(log) - CHOICE)
        options = [(_label(row, log), row) for row in range(len(log) - 1, first - 1, -1)] or [(say("none yet"), -1)]
        before = self.control.value
        kept = not self._follow and any(row == before for _, row in options)
        self._filling = True
        try:
            if tuple(options) != tuple(self.control.options):
                self.control.options = options
            self.control.value = before if kept else options[0][1]
        finally:
            self._filling = False

    def follow(self) -> None:
        """Go with the newest one again."""
        self._follow = True

    def _changed(self, change: Any) -> None:
        if not self._filling:
            self._follow = change["new"] == self.control.options[0][1]
            self._chosen()


def _label(row: int, log: DataFrame) -> str:
    method, target, status = (log[name].iloc[row] for name in ("method", "target", "status"))
    return f"{row}: {method} {target} {'' if status is None or status != status else status}"[:80]


def both_sides(inspected: DataFrame) -> str:
    """Give the table of `ProxyServer.inspect` as HTML, with a column for each side of the proxy."""
    rows: list[Sequence[str]] = []
    for message, received, sent, change in zip(
        *(inspected[name] for name in ("message", "received", "sent", "change")), strict=True
    ):
        client, origin = (received, sent) if message == "request" else (sent, received)
        rows.append([say(MESSAGES[message]), say(CHANGES[change]), _line(client), _line(origin)])
    titles = [say("column message"), say("column change"), say("client side"), say("origin side")]
    return tables.rows_table(rows, titles, say("both sides"))


def bytes_of_both_sides(server: Any, index: int) -> str:
    """The same for a row of a proxy's log; a sentence when the row has no heads any more."""
    try:
        return both_sides(server.inspect(index))
    except UsageError as error:
        return controls.status_html(str(error))


def _line(data: bytes) -> str:
    text = to_text(data).replace("\n", "")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


PORTS = re.compile(r" TCP (\d+) > (\d+) ")

Connection = frozenset[tuple[str, str]]
"""Address and port of both ends."""


def segments_of(packets: Iterable[Mapping[str, Any]], row: Any) -> list[Mapping[str, Any]]:
    """Give the segments of one exchange: those of the client's connection, and of the one to the origin meanwhile.

    Parameters
    ----------
    packets
        All packets of the world, as ``network.packets()`` gives them.
    row
        The exchange, a row of the proxy's log.
    """
    begin = row["started_at"].value
    end = begin + int(row["total_ms"] * 1e6)
    client, _, client_port = row["client"].rpartition(":")
    wanted = (client, client_port)
    origin = (row["upstream_ip"], row["upstream"].rpartition(":")[2])
    connected = [(packet, _connection(packet)) for packet in packets]
    busy = Counter(
        each for packet, each in connected if origin in each and wanted not in each and begin <= packet["time"] <= end
    )
    # The proxy may have several connections to this origin: the one that was busy meanwhile is meant.
    behind = busy.most_common(1)[0][0] if busy else None
    return [
        packet for packet, each in connected if wanted in each or (each == behind and begin <= packet["time"] <= end)
    ]


def _connection(packet: Mapping[str, Any]) -> Connection:
    found = PORTS.search(packet["summary"])
    if found is None:
        return frozenset()
    return frozenset({(packet["source"], found[1]), (packet["destination"], found[2])})
