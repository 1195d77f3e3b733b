"""Make netlab/plot/coastlines.txt, the land that `netlab.plot.world_map` draws, from Natural Earth.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python tools/coastlines.py package/land-110m.json

The package world-atlas carries Natural Earth's layer "land", 1:110m, version 4.1.0, as TopoJSON: arcs of quantized
points, each the difference to the one before, and polygons as lists of arcs (~n is arc n backwards). Natural Earth is
in the public domain. What happens here: arcs become rings; rings that cross the date line are unrolled, so that
longitudes go on beyond 180° instead of jumping; Antarctica, whose coast goes once around the earth, is closed along
the south pole; points nearer than TOLERANCE to the line without them are left out (Ramer, Douglas and Peucker); the
rest is rounded to hundredths of a degree.
"""

import json
import sys
from itertools import pairwise
from math import hypot
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "netlab" / "plot" / "coastlines.txt"
TOLERANCE = 0.05
"""Degrees: less than a pixel of the closest view. Natural Earth's own generalisation at 1:110m is much coarser."""

HEAD = """\
# Land for netlab.plot.world_map: Natural Earth, layer "land" at 1:110m, version 4.1.0, naturalearthdata.com.
# Natural Earth is in the public domain: "No permission is needed to use Natural Earth." Made with Natural Earth.
# Simplified and rounded by tools/coastlines.py from the copy in the package world-atlas 2.0.2.
# One ring a line: longitude and latitude of its first point, then the steps from point to point, all in hundredths of
# a degree. Longitudes go on beyond 180 where land crosses the date line. "hole": a sea inside the ring before it.
"""


def main(source):
    atlas = json.loads(Path(source).read_text(encoding="utf-8"))
    arcs = [points_of(arc, **atlas["transform"]) for arc in atlas["arcs"]]
    lines = []
    for shape in atlas["objects"]["land"]["geometries"]:
        polygons = [shape["arcs"]] if shape["type"] == "Polygon" else shape["arcs"]
        for polygon in polygons:
            for number, ring in enumerate(polygon):
                points = rounded(simplified(closed(unrolled(joined(ring, arcs)))))
                if len(points) >= 3:
                    lines.append(("hole " if number else "land ") + steps(points))
    TARGET.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(lines)} rings, {TARGET.stat().st_size} bytes")


def points_of(arc, scale, translate):
    """Undo the quantization of one arc: (longitude, latitude) in degrees."""
    x = y = 0
    points = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        points.append((x * scale[0] + translate[0], y * scale[1] + translate[1]))
    return points


def joined(ring, arcs):
    points = []
    for number in ring:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc[1:] if points else arc
    return points


def unrolled(points):
    """Let longitudes go on beyond the date line: no step is longer than half of the way around."""
    result = [points[0]]
    for longitude, latitude in points[1:]:
        before = result[-1][0]
        result.append((longitude + 360 * round((before - longitude) / 360), latitude))
    return result


def closed(points):
    """Close a ring that goes around the pole: its ends are 360° apart."""
    if abs(points[-1][0] - points[0][0]) > 180:
        points = [*points, (points[-1][0], -90.0), (points[0][0], -90.0)]
    elif points[0] == points[-1]:
        points = points[:-1]
    west = min(longitude for longitude, _ in points)
    return [(longitude - 360 * ((west + 180) // 360), latitude) for longitude, latitude in points]


def simplified(points):
    """Leave out what nobody sees, each half of the ring for itself: a ring has no ends."""
    middle = len(points) // 2
    return thinned(points[: middle + 1])[:-1] + thinned([*points[middle:], points[0]])[:-1]


def thinned(points):
    if len(points) < 3:
        return points
    (x1, y1), (x2, y2) = points[0], points[-1]
    length = hypot(x2 - x1, y2 - y1)

    def off(point):
        if not length:
            return hypot(point[0] - x1, point[1] - y1)
        return abs((x2 - x1) * (point[1] - y1) - (y2 - y1) * (point[0] - x1)) / length

    farthest = max(range(1, len(points) - 1), key=lambda index: off(points[index]))
    if off(points[farthest]) <= TOLERANCE:
        return [points[0], points[-1]]
    return thinned(points[: farthest + 1])[:-1] + thinned(points[farthest:])


def rounded(points):
    whole = [(round(100 * longitude), round(100 * latitude)) for longitude, latitude in points]
    return [point for index, point in enumerate(whole) if point != whole[index - 1]]


def steps(points):
    words = list(points[0])
    for (x1, y1), (x2, y2) in pairwise(points):
        words += [x2 - x1, y2 - y1]
    return " ".join(map(str, words))


if __name__ == "__main__":
    main(*sys.argv[1:])
