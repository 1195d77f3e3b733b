"""The combined log format of Apache and nginx, with the milliseconds of each answer at the end of its line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from netlab.http.dates import EPOCH, MONTHS


def line(row: Mapping[str, Any]) -> str:
    """Give one line, without its end, for a row of a server's log; what is not known is ``-``."""
    at = EPOCH + timedelta(microseconds=row["started_at"] // 1000)
    month = MONTHS[at.month - 1].decode()
    stamp = f"{at.day:02}/{month}/{at.year:04}:{at.hour:02}:{at.minute:02}:{at.second:02} +0000"
    asked = f"{row['method']} {row['target']} {row['version']}" if row["method"] else "-"
    client = row["client"].rpartition(":")[0].strip("[]") or "-"
    size = row["response_bytes"] - (row["response_head_bytes"] or 0)
    return (
        f'{client} - - [{stamp}] "{asked}" {row["status"] or "-"} {size or "-"} "{row["referer"] or "-"}" '
        f'"{row["user_agent"] or "-"}" {row["total_ms"]:.3f}'
    )
