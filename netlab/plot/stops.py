"""The way of a trace as stops on the earth, and the hops without a place in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan

from netlab.plot import trace
from netlab.plot.places import Place
from netlab.plot.trace import Row

COLUMNS, LINES = 86, 12
"""Characters of a line of the list of hops without a place, and its most lines."""

SILENT = "no answer"


@dataclass(slots=True)
class Stop:
    """A place on the way, with the hops that answered there one after the other."""

    place: Place
    ttls: list[int] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    x: float = 0.0
    """Its longitude, plus or minus 360 where the way goes on across the date line."""
    dashed: bool = False
    """Hops without a place lie before it."""
    apart: bool = False
    """Another address of a hop that also stands somewhere else: no line leads on from it."""

    @property
    def number(self) -> str:
        return range_of(self.ttls)


def places_of(rows: Sequence[Row]) -> dict[str, Place]:
    """Places from the table's own columns."""
    places: dict[str, Place] = {}
    for row in rows:
        latitude, longitude = row.get("latitude", float("nan")), row.get("longitude", float("nan"))
        if row["responder"] and not (isnan(latitude) or isnan(longitude)):
            places.setdefault(row["responder"], Place(float(latitude), float(longitude), row.get("place", "")))
    return places


def stops_of(rows: Sequence[Row], places: dict[str, Place]) -> tuple[list[Stop], list[tuple[int, str]]]:
    """The way in order; neighbouring hops at one place are one stop. And (TTL, address or SILENT) of the rest."""
    stops: list[Stop] = []
    lost: list[tuple[int, str]] = []
    here: Stop | None = None
    latest = 0
    for ttl, group in trace.by_ttl(rows).items():
        known = [address for address in trace.responders(group) if address in places]
        lost += [(ttl, address) for address in trace.responders(group) if address not in places]
        if not trace.responders(group):
            lost.append((ttl, SILENT))
        by_place: dict[Place, list[str]] = {}
        for address in known:
            by_place.setdefault(places[address], []).append(address)
        for index, (place, addresses) in enumerate(by_place.items()):
            if here is not None and here.place == place:
                stop = here
            else:
                stop = Stop(place, x=place.longitude, apart=index > 0)
                if here is not None:
                    stop.x += 360 * round((here.x - place.longitude) / 360)
                    stop.dashed = ttl > latest + 1 or len(by_place) > 1
                stops.append(stop)
            if ttl not in stop.ttls:
                stop.ttls.append(ttl)
            stop.addresses += [address for address in addresses if address not in stop.addresses]
            if not stop.apart:
                here, latest = stop, ttl
    return stops, lost


def listed(stops: Sequence[Stop], lost: Sequence[tuple[int, str]], labels: trace.Labels) -> list[str]:
    """The lines below the map: every hop without a place, silent ones last."""
    unplaced: dict[str, list[int]] = {}
    for ttl, address in lost:
        if address != SILENT:
            unplaced.setdefault(labels.fitting(address, 34), []).append(ttl)
    lines = _packed("No place known: ", [f"hop {range_of(ttls)} {address}" for address, ttls in unplaced.items()])
    silent = [ttl for ttl, address in lost if address == SILENT]
    return lines + ([f"No answer: hop {range_of(silent)}"] if silent else [])


def _packed(start: str, items: Sequence[str]) -> list[str]:
    """As many items to a line as fit."""
    lines = [start + items[0]] if items else []
    for count, item in enumerate(items[1:], start=1):
        if len(lines[-1]) + len(item) + 2 <= COLUMNS:
            lines[-1] += f", {item}"
        elif len(lines) < LINES:
            lines[-1] += ","
            lines.append(item)
        else:
            lines[-1] += f" and {len(items) - count} more"
            break
    return lines


def range_of(ttls: Sequence[int]) -> str:
    """ "1–3, 5"; a last-ditch try has TTL 255 and no place in the order."""
    parts: list[list[int]] = []
    for ttl in ttls:
        if parts and ttl == parts[-1][-1] + 1:
            parts[-1].append(ttl)
        else:
            parts.append([ttl])
    words = [f"{part[0]}–{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts]
    return ", ".join("last try" if word == "255" else word for word in words)
