"""What the incident board keeps of a measurement, and what it compares it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pandas import DataFrame


class Reading(NamedTuple):
    """What one table shows."""

    tool: str
    about: str
    """What the tool was pointed at."""
    shows: str
    """The figures that count, as a sentence."""
    findings: frozenset[str]
    """Short words for what is unlike Monday; see `board.SPEAKS_FOR`."""


@dataclass(frozen=True, slots=True)
class Monday:
    """What was measured when nobody complained; ms."""

    small_ms: dict[str, float]
    """Fastest ping, by host."""
    large_ms: dict[str, float]
    """The same with 1472 bytes."""
    address: dict[str, str]
    way: dict[str, frozenset[str]]
    """Addresses of all that answer a traceroute, by host."""
    receive_ms: float
    """Of the photo, from the first byte to the last."""
    figures: tuple[tuple[str, float], ...]

    @property
    def table(self) -> DataFrame:
        import pandas as pd

        return pd.DataFrame(self.figures, columns=["Monday", "ms"]).set_index("Monday")
