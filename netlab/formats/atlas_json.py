"""The JSON around RIPE Atlas results: text → results, and reading a result's keys so that a mistake can be named.

Files come in three shapes: one result, a list of results (downloads), or one result per line (streams, daily dumps).
A key with the value null counts as absent: that is how the archive fills keys that older firmware did not have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from netlab.errors import UsageError
from netlab.wire import to_packed, to_text


def results_of(text: str) -> list[Any]:
    """Give the results in a JSON text: one object, a list of them, or one object per line."""
    try:
        found = json.loads(text)
    except ValueError as error:
        return _lines(text, error)
    except RecursionError:
        raise UsageError("data", text, "is nested too deeply to be RIPE Atlas results") from None
    return found if isinstance(found, list) else [found]


def _lines(text: str, error: ValueError) -> list[Any]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError) as wrong:
            # When not even the first line is JSON, the text was meant as a whole.
            reason = f"line {number}: {wrong}" if found else str(error)
            raise UsageError("data", text, f"is not JSON ({reason})") from None
    if not found:
        raise UsageError("data", text, "is empty: there is no result in it")
    return found


@dataclass(frozen=True, slots=True)
class Item:
    """One JSON object and its place in the data, for messages that say where something is wrong."""

    place: str
    data: Mapping[str, Any]

    @classmethod
    def of(cls, place: str, data: Any) -> Item:
        if not isinstance(data, Mapping):
            raise UsageError(place, data, "must be a JSON object {…}")
        return cls(place, data)

    def wrong(self, key: str, allowed: str) -> UsageError:
        return UsageError(f"{self.place}.{key}", self.data.get(key), allowed)

    def has(self, *keys: str) -> bool:
        return any(self.data.get(key) is not None for key in keys)

    def whole(self, key: str, low: int, high: int) -> int | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, f"must be a whole number from {low} to {high}")
        return value

    def number(self, key: str) -> float:
        value = self.data.get(key)
        if value is None:
            return nan
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self.wrong(key, "must be a number")
        return float(value)

    def text(self, *keys: str) -> str:
        """The text under the first of these keys that is there."""
        for key in keys:
            value = self.data.get(key)
            if value is not None and not isinstance(value, str):
                raise self.wrong(key, "must be a text")
            if value:
                return str(value)
        return ""

    def address(self, *keys: str) -> str:
        text = self.text(*keys)
        try:
            return to_text(to_packed(text)) if text else ""
        except UsageError:
            key = next(key for key in keys if self.data.get(key))
            raise self.wrong(key, "must be an IPv4 or IPv6 address") from None

    def items(self, key: str) -> list[Item]:
        value = self.data.get(key)
        if not isinstance(value, list):
            raise self.wrong(key, "must be a list […]")
        return [Item.of(f"{self.place}.{key}[{place}]", each) for place, each in enumerate(value)]
