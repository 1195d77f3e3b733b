"""Where to draw the nodes of a world: by their places when that works, else in layers from the vantage host.

Layers: a breadth-first walk puts every node in the column of its distance from the vantage; inside a column nodes
are ordered by the mean row of their neighbours one column to the left, then one to the right, which removes most
crossings. The same world always gives the same drawing: no random numbers, ties broken by the world's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import cos, hypot, radians

Point = tuple[float, float]

TOO_CLOSE = 0.08
"""Nodes nearer than this share of the drawing hide each other: then places are not used."""

SWEEPS = 4


def positions(
    names: Sequence[str], links: Iterable[tuple[str, str]], start: str, places: Mapping[str, Point]
) -> dict[str, Point]:
    """Give each node a point in the unit square; ``places`` are (latitude, longitude) where known."""
    return by_place(names, places) or by_layer(names, list(links), start)


def by_place(names: Sequence[str], places: Mapping[str, Point]) -> dict[str, Point] | None:
    """Put nodes on a map (equirectangular); None when a place is unknown or two nodes would hide each other."""
    if len(names) < 2 or any(name not in places for name in names):
        return None
    middle = sum(places[name][0] for name in names) / len(names)
    flat = {name: (places[name][1] * cos(radians(middle)), places[name][0]) for name in names}
    left, right = min(x for x, _ in flat.values()), max(x for x, _ in flat.values())
    bottom, top = min(y for _, y in flat.values()), max(y for _, y in flat.values())
    width, height = right - left or 1.0, top - bottom or 1.0
    square = {
        name: ((x - left) / width, (y - bottom) / height if top > bottom else 0.5) for name, (x, y) in flat.items()
    }
    points = list(square.values())
    for index, (x, y) in enumerate(points):
        if any(hypot(x - other_x, y - other_y) < TOO_CLOSE for other_x, other_y in points[:index]):
            return None
    # Room for the names below the lowest node and the delays above the highest.
    return {name: (x, 0.16 + 0.72 * y) for name, (x, y) in square.items()}


def by_layer(names: Sequence[str], links: Sequence[tuple[str, str]], start: str) -> dict[str, Point]:
    """Put nodes in columns by their distance from ``start``; what is not connected stands in a last column."""
    neighbours: dict[str, list[str]] = {name: [] for name in names}
    for a, b in links:
        neighbours[a].append(b)
        neighbours[b].append(a)
    columns = _columns(names, neighbours, start)
    for sweep in range(SWEEPS):
        _untangle(columns, neighbours, leftwards=sweep % 2 == 1)
    widest = max(len(columns) - 1, 1)
    return {
        name: (column / widest, 1 - (row + 0.5) / len(members))
        for column, members in enumerate(columns)
        for row, name in enumerate(members)
    }


def _columns(names: Sequence[str], neighbours: Mapping[str, Sequence[str]], start: str) -> list[list[str]]:
    columns, seen = [], {start}
    column = [start] if start in neighbours else []
    while column:
        columns.append(column)
        following: list[str] = []
        for name in column:
            following += [other for other in dict.fromkeys(neighbours[name]) if other not in seen]
            seen.update(following)
        column = list(dict.fromkeys(following))
    left_over = [name for name in names if name not in seen]
    return [*columns, left_over] if left_over else columns


def _untangle(columns: list[list[str]], neighbours: Mapping[str, Sequence[str]], leftwards: bool) -> None:
    order = range(len(columns) - 2, -1, -1) if leftwards else range(1, len(columns))
    for index in order:
        fixed = columns[index + 1 if leftwards else index - 1]
        rows = {name: (row + 0.5) / len(fixed) for row, name in enumerate(fixed)}
        members = columns[index]
        wish = {}
        for row, name in enumerate(members):
            near = [rows[other] for other in neighbours[name] if other in rows]
            wish[name] = sum(near) / len(near) if near else (row + 0.5) / len(members)
        members.sort(key=wish.__getitem__)
