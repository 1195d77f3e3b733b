"""The coastlines: they say where they come from, are small, and are where they should be."""

from __future__ import annotations

from importlib.resources import files

import pytest
from matplotlib.path import Path

from netlab.plot.land import land

FILE = files("netlab.plot").joinpath("coastlines.txt")


def test_the_file_names_its_source_and_terms() -> None:
    head = [line for line in FILE.read_text("utf-8").splitlines() if line.startswith("#")]
    assert "Natural Earth" in head[0] and "1:110m" in head[0]
    assert any("public domain" in line for line in head)


def test_the_file_is_small() -> None:
    assert len(FILE.read_bytes()) < 60_000


def is_land(latitude: float, longitude: float) -> bool:
    """Inside an odd number of rings; `Path.contains_point` knows no holes."""
    rings = [Path(ring) for ring in land().to_polygons()]
    return sum(ring.contains_point((longitude, latitude)) for ring in rings) % 2 == 1


@pytest.mark.parametrize(
    ("name", "latitude", "longitude"),
    [
        ("Madrid", 40.42, -3.70), ("Nairobi", -1.29, 36.82), ("Denver", 39.74, -104.99), ("Brasília", -15.79, -47.88),
        ("Moscow", 55.76, 37.62), ("Alice Springs", -23.70, 133.88), ("the south pole", -89.0, 0.0),
        ("Chukotka", 66.0, 181.5),
    ],
)  # fmt: skip
def test_what_is_land_is_land(name: str, latitude: float, longitude: float) -> None:
    assert is_land(latitude, longitude), name


@pytest.mark.parametrize(
    ("name", "latitude", "longitude"),
    [
        ("the Atlantic", 40.0, -35.0), ("the Pacific", 0.0, -150.0), ("the Indian Ocean", -25.0, 80.0),
        ("the Caspian Sea", 42.0, 51.0), ("the Mediterranean", 34.5, 20.0), ("the North Sea", 56.0, 3.0),
    ],
)  # fmt: skip
def test_what_is_sea_is_sea(name: str, latitude: float, longitude: float) -> None:
    assert not is_land(latitude, longitude), name


def test_a_sea_inside_land_is_a_hole_for_the_painter_too() -> None:
    # What is filled has a winding number other than 0, so a hole must run the other way round than the land around it.
    def area(ring: list[list[float]]) -> float:
        return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2

    around = [ring.tolist() for ring in land().to_polygons() if Path(ring).contains_point((51.0, 42.0))]
    assert len(around) == 2 and area(around[0]) * area(around[1]) < 0


def test_no_line_runs_across_the_map() -> None:
    for ring in land().to_polygons():
        steps = abs(ring[1:, 0] - ring[:-1, 0])
        # Only along the south pole, where Antarctica is closed, and on its last stretch back.
        assert max(steps[ring[1:, 1] > -80]) < 20


def test_latitudes_and_longitudes_are_possible() -> None:
    vertices = land().vertices
    assert vertices[:, 1].min() >= -90 and 83 < vertices[:, 1].max() < 84
    assert vertices[:, 0].min() >= -180 and vertices[:, 0].max() < 200
