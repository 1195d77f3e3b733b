"""Places: where some sixty cities are, and how long light in a fibre takes between two points.

Coordinates are those of the city centres to about a kilometre, in degrees (north and east positive). Light in
glass covers 200 km in a millisecond, two thirds of its speed in a vacuum, because the refractive index of
fibre is about 1.5. Distances go through the mathematical library of the machine, whose last digit may differ
between machines: so a delay made from a distance is rounded to a whole microsecond (200 m).
"""

from __future__ import annotations

import unicodedata
from difflib import get_close_matches
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt

NS_PER_KM = 5_000
"""5 µs per km: 200 km per ms."""

EARTH_RADIUS_KM = 6371.0
"""Mean radius; the earth is taken for a sphere, which is right to 0.5 %."""

PLACES: dict[str, tuple[float, float]] = {
    # Europe
    "Amsterdam": (52.37, 4.90), "Athens": (37.98, 23.73), "Barcelona": (41.39, 2.17), "Berlin": (52.52, 13.40),
    "Braga": (41.55, -8.42), "Brussels": (50.85, 4.35), "Bucharest": (44.43, 26.10), "Budapest": (47.50, 19.04),
    "Coimbra": (40.21, -8.43), "Copenhagen": (55.68, 12.57), "Dublin": (53.35, -6.26), "Faro": (37.02, -7.93),
    "Frankfurt": (50.11, 8.68), "Funchal": (32.65, -16.91), "Geneva": (46.20, 6.14), "Helsinki": (60.17, 24.94),
    "Istanbul": (41.01, 28.98), "Kyiv": (50.45, 30.52), "Lisbon": (38.72, -9.14), "London": (51.51, -0.13),
    "Madrid": (40.42, -3.70), "Marseille": (43.30, 5.37), "Milan": (45.46, 9.19), "Oslo": (59.91, 10.75),
    "Paris": (48.86, 2.35), "Ponta Delgada": (37.74, -25.67), "Porto": (41.15, -8.61), "Prague": (50.08, 14.44),
    "Reykjavik": (64.15, -21.94), "Rome": (41.90, 12.50), "Stockholm": (59.33, 18.07), "Vienna": (48.21, 16.37),
    "Warsaw": (52.23, 21.01), "Zurich": (47.37, 8.54),
    # Africa and the Middle East
    "Cairo": (30.04, 31.24), "Cape Town": (-33.92, 18.42), "Casablanca": (33.57, -7.59), "Dakar": (14.72, -17.47),
    "Dubai": (25.20, 55.27), "Johannesburg": (-26.20, 28.05), "Lagos": (6.52, 3.38), "Luanda": (-8.84, 13.23),
    "Maputo": (-25.97, 32.57), "Nairobi": (-1.29, 36.82), "Praia": (14.93, -23.51), "Tel Aviv": (32.09, 34.78),
    # The Americas
    "Ashburn": (39.04, -77.49), "Atlanta": (33.75, -84.39), "Boston": (42.36, -71.06), "Buenos Aires": (-34.60, -58.38),
    "Chicago": (41.88, -87.63), "Dallas": (32.78, -96.80), "Denver": (39.74, -104.99), "Fortaleza": (-3.73, -38.53),
    "Los Angeles": (34.05, -118.24), "Mexico City": (19.43, -99.13), "Miami": (25.76, -80.19),
    "Montreal": (45.50, -73.57), "New York": (40.71, -74.01), "Rio de Janeiro": (-22.91, -43.17),
    "San Francisco": (37.77, -122.42), "Santiago": (-33.45, -70.67), "São Paulo": (-23.55, -46.63),
    "Seattle": (47.61, -122.33), "Toronto": (43.65, -79.38),
    # Asia and Oceania
    "Auckland": (-36.85, 174.76), "Beijing": (39.90, 116.41), "Dili": (-8.56, 125.57), "Hong Kong": (22.32, 114.17),
    "Macau": (22.20, 113.54), "Mumbai": (19.08, 72.88), "Seoul": (37.57, 126.98), "Shanghai": (31.23, 121.47),
    "Singapore": (1.35, 103.82), "Sydney": (-33.87, 151.21), "Tokyo": (35.68, 139.69),
}  # fmt: skip


def find(name: str) -> tuple[str, float, float] | None:
    """The place as this table spells it, with latitude and longitude; None when it is not here.

    Case and accents do not matter: ``sao paulo`` is São Paulo.
    """
    spelling = _by_plain_name().get(_plain(name))
    return (spelling, *PLACES[spelling]) if spelling else None


def close_to(name: str) -> list[str]:
    """Places that are spelt nearly like this, the closest first."""
    names = _by_plain_name()
    return [names[found] for found in get_close_matches(_plain(name), names, n=3, cutoff=0.6)]


def distance_km(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Length of the great circle between two points, by the haversine formula."""
    a, b = radians(latitude_a), radians(latitude_b)
    half_north, half_east = (b - a) / 2, radians(longitude_b - longitude_a) / 2
    chord = sin(half_north) ** 2 + cos(a) * cos(b) * sin(half_east) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))


def delay_of(km: float) -> int:
    """Nanoseconds that light takes in so much fibre, rounded to 1 µs."""
    return round(km * NS_PER_KM / 1000) * 1000


@lru_cache(maxsize=1)
def _by_plain_name() -> dict[str, str]:
    return {_plain(name): name for name in PLACES}


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())
