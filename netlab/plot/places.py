"""Places of addresses from a file in MaxMind's format (``.mmdb``), which the user brings.

Such a file maps prefixes to records. Of those netlab reads ``location`` (latitude, longitude) and the English name of
``city``, else of ``country``. A record without a location gives no place: the middle of a country is a guess.

Source: the MaxMind DB file format specification, version 2.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from netlab.errors import UsageError
from netlab.plot.trace import Row, responders

REMEDY = "needs the package maxminddb: pip install 'netlab-workbook[maps]', or pip install maxminddb"


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the earth, degrees, and its name, ``""`` where none is known."""

    latitude: float
    longitude: float
    name: str = ""

    @property
    def text(self) -> str:
        if self.name:
            return self.name
        north, east = "N" if self.latitude >= 0 else "S", "E" if self.longitude >= 0 else "W"
        return f"{abs(self.latitude):.1f}° {north} {abs(self.longitude):.1f}° {east}"


def reader(path: str | PathLike[str]) -> Callable[[Iterable[Row]], dict[str, Place]]:
    """Give a function that looks up the responders of rows; the file is opened and closed each time."""
    try:
        import maxminddb
    except ImportError:
        raise UsageError("database", str(path), REMEDY) from None
    if not isinstance(path, str | PathLike):
        raise UsageError("database", path, "the path of a file in MaxMind's format (.mmdb)")
    if not Path(path).is_file():
        raise UsageError("database", fspath(path), "there is no such file; wanted: one in MaxMind's format (.mmdb)")

    def places(rows: Iterable[Row]) -> dict[str, Place]:
        try:
            with maxminddb.open_database(fspath(path)) as database:
                found = {address: _place(_record(database, address)) for address in responders(rows)}
        except (maxminddb.InvalidDatabaseError, OSError, UnicodeDecodeError) as problem:
            told = f"is no file in MaxMind's format (.mmdb), or a damaged one: {problem}"
            raise UsageError("database", fspath(path), told) from None
        return {address: place for address, place in found.items() if place is not None}

    return places


def _record(database: Any, address: str) -> Any:
    try:
        return database.get(address)
    except ValueError:
        return None  # an IPv6 address in a file for IPv4


def _place(record: Any) -> Place | None:
    location = record.get("location") if isinstance(record, Mapping) else None
    if not isinstance(location, Mapping):
        return None
    latitude, longitude = location.get("latitude"), location.get("longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    names = [record.get(part, {}).get("names", {}).get("en", "") for part in ("city", "country")]
    return Place(float(latitude), float(longitude), next(filter(None, names), ""))
