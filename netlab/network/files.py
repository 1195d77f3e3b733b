"""Captures on disk: the one place where a network writes a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from netlab.errors import UsageError


def write(path: str | PathLike[str], data: bytes) -> None:
    """Write a file; raises UsageError that says why it cannot be written."""
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise UsageError("path", str(path), f"cannot be written: {(error.strerror or str(error)).lower()}") from None


def write_packets(path: str | PathLike[str], rows: Sequence[Mapping[str, Any]], interface: str) -> int:
    """Write rows of PACKETS as pcapng, each with a comment that says where it was seen; gives how many they are."""
    from netlab.wire.pcapng import to_pcapng

    write(path, to_pcapng(((row["time"], row["data"], _comment(row)) for row in rows), interface))
    return len(rows)


def _comment(row: Mapping[str, Any]) -> str:
    where = f"{row['at']}: {row['action']}" + (f" on {row['link']}" if row["link"] else "")
    return where + (f" ({row['reason']})" if row["reason"] else "")
