"""The table of hops: a row per TTL with everybody who answered and the time of each probe, as traceroute prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netlab.widgets import tables
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("hop", "responder", "name", "rtts", "outcome", "flags")
"""Columns; those with nothing in them are left out."""


def hops_table(frame: DataFrame, caption: str, ttl: int | None = None) -> str:
    """Give the hops of a trace as HTML, down to the end of the way; ``ttl``: of the hop to emphasise."""
    hops: dict[int, list[dict[str, Any]]] = {}
    for row in records(wanted(frame)):
        hops.setdefault(row["ttl"], []).append(row)
    lines = [_line(rows) for _, rows in sorted(hops.items())]
    shown = [column for column, _ in enumerate(COLUMNS) if any(line[column] for line in lines)]
    titles = [say(f"column {COLUMNS[column]}") for column in shown]
    picked = _hop(hops[ttl]) if ttl in hops else None
    return tables.rows_table([[line[column] for column in shown] for line in lines], titles, caption, picked)


def _line(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """One hop: several values of a column stand side by side, each once; the times are all there."""
    times = [f"{row['rtt_ms']:.3f} {row['mark']}".strip() if row["rtt_ms"] == row["rtt_ms"] else "*" for row in rows]
    texts = (
        [row["responder"] for row in rows],
        [row["responder_name"] for row in rows],
        [row["detail"] or str(row["outcome"]) for row in rows],
        [word for row in rows for word in row["flags"].split()],
    )
    address, name, outcome, flags = (", ".join(dict.fromkeys(text for text in column if text)) for column in texts)
    return _hop(rows), address or "*", name, "  ".join(times), outcome, flags


def _hop(rows: list[dict[str, Any]]) -> str:
    return say("last try") if all(has_flag(row["flags"], "last-ditch") for row in rows) else str(rows[0]["ttl"])


def records(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows as dicts."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def wanted(frame: DataFrame) -> DataFrame:
    """The rows without the probes that had left before the end of the way was known."""
    return frame[[not has_flag(flags, "beyond-end") for flags in frame["flags"]]]


def has_flag(flags: str, word: str) -> bool:
    return word in flags.split()
