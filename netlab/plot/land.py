"""The coastlines of the package: land as rings of longitudes and latitudes.

The file beside this one says where it comes from: Natural Earth, which is in the public domain.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from itertools import accumulate

from matplotlib.path import Path

HUNDREDTHS = 0.01
"""The file counts in hundredths of a degree."""


@lru_cache(maxsize=1)
def land() -> Path:
    """All land as one path in degrees; seas inside land are holes of it. Longitudes may go beyond 180."""
    text = files("netlab.plot").joinpath("coastlines.txt").read_text(encoding="utf-8")
    rings = [_ring(line) for line in text.splitlines() if not line.startswith("#")]
    return Path.make_compound_path(*rings)


def _ring(line: str) -> Path:
    _, *words = line.split()
    steps = [int(word) for word in words]
    longitudes, latitudes = accumulate(steps[0::2]), accumulate(steps[1::2])
    points = [(HUNDREDTHS * x, HUNDREDTHS * y) for x, y in zip(longitudes, latitudes, strict=True)]
    return Path([*points, points[0]], closed=True)
