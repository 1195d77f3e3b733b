"""The objects of a page, as a table of phases tells them: what each went through, over which connection, how it ended.

Source: RFC 9112 section 9 (connection management).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from netlab.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

NEEDS = ("url", "object", "phase", "start_ms", "end_ms", "status", "connection", "reused", "error")
LONGEST = 24
"""Characters of a name."""


@dataclass(slots=True)
class Item:
    """One object: its phases with start and end, and how it ended."""

    name: str
    phases: list[tuple[str, float, float]] = field(default_factory=list)
    status: int | None = None
    connection: int | None = None
    reused: bool = False
    error: str = ""

    @property
    def start(self) -> float:
        return min((start for _, start, _ in self.phases), default=0.0)

    @property
    def end(self) -> float:
        return max((end for _, _, end in self.phases), default=0.0)

    @property
    def took(self) -> float:
        """ms on the network: without the wait for a connection."""
        return self.end - min((start for phase, start, _ in self.phases if phase != "queue"), default=self.end)


def items_by_name(phases: Any) -> dict[str, list[Item]]:
    named = dict(phases) if isinstance(phases, Mapping) else {"": phases}
    for frame in named.values():
        missing = [column for column in NEEDS if column not in getattr(frame, "columns", ())]
        if missing:
            wanted = "a table of netlab.fetch or netlab.fetch_page, or a dict of name and table"
            raise UsageError("phases", type(frame).__name__, f"has no column {', '.join(missing)}; wanted: {wanted}")
    return {str(name): _items(frame) for name, frame in named.items()}


def _items(frame: DataFrame) -> list[Item]:
    """The objects, in the order of the table; objects of several calls in one table stay apart by their URL."""
    found: dict[tuple[int, str], Item] = {}
    for row in frame[list(NEEDS)].to_dict("records"):
        item = found.setdefault((row["object"], row["url"]), Item(named(row["url"])))
        item.phases.append((str(row["phase"]), float(row["start_ms"]), float(row["end_ms"])))
        item.status = _whole(row["status"]) or item.status
        item.connection = _whole(row["connection"]) or item.connection
        item.reused = item.reused or row["reused"] is True or str(row["reused"]) == "True"
        item.error = row["error"] or item.error
    return list(found.values())


def _whole(value: Any) -> int | None:
    return int(value) if value == value and str(value) not in ("<NA>", "None") else None


def named(url: str) -> str:
    """What an object is called in a picture: its path, or the end of a long one."""
    parts = urlsplit(url)
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return text if len(text) <= LONGEST else "…" + text[1 - LONGEST :]
