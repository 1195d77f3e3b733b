"""`plot.world_map`: hops where they are, the others in words, and nothing guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.text import Text

from netlab import plot
from netlab.errors import UsageError
from tests.plot.traces import (
    LISBON,
    LONDON,
    LOS_ANGELES,
    NEW_YORK,
    TOKYO,
    abroad,
    mixed,
    named,
    plain,
    probe,
    silent,
    table,
    thrice,
)
from tests.support.mmdb import database

SYDNEY, BRAGA = ("Sydney", -33.87, 151.21), ("Braga", 41.55, -8.42)
COIMBRA, PORTO = ("Coimbra", 40.21, -8.43), ("Porto", 41.15, -8.61)


def series(figure: plot.Figure, label: str) -> list[tuple[Any, Any]]:
    found = next(series for series in figure.series if series.label == label)
    return list(zip(found.x, found.y, strict=True))


def ways(figure: plot.Figure) -> list[Any]:
    return [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2]


def written(figure: plot.Figure) -> str:
    return "\n".join(text.get_text() for text in figure.axes[0].findobj(Text))


def test_stops_are_numbered_in_the_order_of_hops() -> None:
    figure = plot.world_map(abroad(LISBON, LISBON, LONDON, NEW_YORK))
    assert series(figure, "stops") == [("1–2", "Lisbon"), ("3", "London"), ("4", "New York")]
    assert figure.alt == "The way in order of its hops: Lisbon (hop 1–2), London (hop 3), New York (hop 4)."
    assert all(label in written(figure) for label in ("1–2 Lisbon", "3 London", "4 New York"))


def test_hops_without_a_place_are_listed_and_not_drawn() -> None:
    rows = [*thrice(1, "192.0.2.1", 1.0, place=LISBON), *thrice(2, "198.51.100.2", 2.0, **named("core")), *thrice(3)]
    figure = plot.world_map(table(*rows, *thrice(4, "203.0.113.80", 8.0, "reply", place=LONDON)))
    assert series(figure, "stops") == [("1", "Lisbon"), ("4", "London")]
    assert series(figure, "without a place") == [(2, "198.51.100.2"), (3, "no answer")]
    assert figure.alt.endswith("Without a known place: hop 2. Silent: hop 3.")
    assert "No place known: hop 2 core.sample.example (198.51.100.2)" in written(figure)
    assert "No answer: hop 3" in written(figure)


def test_a_line_over_unknown_hops_is_dashed() -> None:
    styles = [line.get_linestyle() for line in ways(plot.world_map(abroad(LISBON, None, LONDON, NEW_YORK)))]
    assert styles == ["--", "-"]


def test_a_place_visited_twice_is_two_stops() -> None:
    figure = plot.world_map(abroad(LISBON, LONDON, LISBON))
    assert series(figure, "stops") == [("1", "Lisbon"), ("2", "London"), ("3", "Lisbon")]
    assert "1, 3 Lisbon" in written(figure)


def test_several_places_at_one_hop_are_all_drawn() -> None:
    rows = [probe(1, "192.0.2.1", 1.0, place=LISBON), probe(2, "192.0.2.2", 1.0, place=LONDON)]
    figure = plot.world_map(
        table(*rows, probe(2, "192.0.2.3", 1.0, place=PORTO), probe(3, "192.0.2.4", 1.0, place=NEW_YORK))
    )
    assert series(figure, "stops") == [("1", "Lisbon"), ("2", "London"), ("2", "Porto"), ("3", "New York")]


@pytest.mark.parametrize("whole", [False, True])
def test_a_way_over_the_date_line_does_not_run_across_the_map(whole: bool) -> None:
    figure = plot.world_map(abroad(TOKYO, LOS_ANGELES, SYDNEY), whole=whole)
    west, east = figure.axes[0].get_xlim()
    for line in ways(figure):
        xs = line.get_xdata()
        assert abs(xs[1] - xs[0]) < 180
    if whole:
        assert (west, east) == (-180, 180)
        assert sum(max(line.get_xdata()) > 180 for line in ways(figure)) == 2, "leaves in the east"
        assert sum(min(line.get_xdata()) < -180 for line in ways(figure)) == 2, "comes back in the west"
    else:
        assert east > 180, "the map is moved"
        assert "150° W" in [text.get_text() for text in figure.axes[0].get_xticklabels()]


def test_the_map_shows_as_much_as_the_way_needs() -> None:
    def width(*stops: Any, **more: Any) -> float:
        west, east = plot.world_map(abroad(*stops), **more).axes[0].get_xlim()
        return float(east - west)

    assert width(LISBON, PORTO) == 36
    assert 36 < width(LISBON, NEW_YORK) < 180
    assert width(LISBON, PORTO, whole=True) == 360
    assert width(LISBON, SYDNEY, LOS_ANGELES, LONDON) == 360


@pytest.mark.parametrize("place", [("Alert", 82.5, -62.3), ("the pole", -89.9, 0.0)])
def test_places_near_the_poles_are_on_the_map(place: tuple[str, float, float]) -> None:
    for whole in (False, True):
        south, north = plot.world_map(abroad(place, place), whole=whole).axes[0].get_ylim()
        assert -90 <= south < place[1] < north <= 90


def test_labels_do_not_hide_each_other() -> None:
    figure = plot.world_map(abroad(LISBON, COIMBRA, PORTO, BRAGA, LONDON))
    figure.figure.draw_without_rendering()
    boxes = [text.get_bbox_patch().get_window_extent() for text in figure.axes[0].texts if text.get_zorder() == 6]  # type: ignore[union-attr]
    assert len(boxes) == 5
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])


def test_without_any_place_the_map_says_so() -> None:
    figure = plot.world_map(plain())
    assert figure.alt == "None of 3 hops has a known place, so the map is empty. Without a known place: hop 1, 2 and 3."
    assert "no hop has a place" in written(figure)


def test_without_any_answer_the_map_says_so() -> None:
    assert plot.world_map(silent(3)).alt == "No hop answered, so the map is empty."


def test_what_went_beyond_the_end_is_left_out() -> None:
    assert 7 not in [ttl for ttl, _ in series(plot.world_map(mixed()), "without a place")]


def test_places_of_a_database_replace_those_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "places.mmdb"
    record = {"city": {"names": {"en": "Sydney"}}, "location": {"latitude": -33.87, "longitude": 151.21}}
    path.write_bytes(database({"198.51.100.2/32": record}))
    figure = plot.world_map(abroad(LISBON, LONDON), database=path)
    assert series(figure, "stops") == [("2", "Sydney")]
    assert series(figure, "without a place") == [(1, "198.51.100.1")]
    assert "places from the database" in figure.caption


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text("192.0.2.1,Lisbon\n")
    with pytest.raises(UsageError, match="no file in MaxMind's format"):
        plot.world_map(plain(), database=str(path))


def test_a_long_list_is_cut_short_and_says_so() -> None:
    rows = [row for ttl in range(1, 29) for row in thrice(ttl, f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{ttl:x}", 1.0)]
    assert " more" in written(plot.world_map(table(*rows)))


def test_a_trace_of_the_virtual_internet_crosses_the_ocean() -> None:
    import netlab

    with netlab.use("transatlantic"):
        figure = plot.world_map(netlab.traceroute("archive"))
    assert figure.alt == (
        "The way in order of its hops: Lisbon (hop 1–2), London (hop 3), New York (hop 4), Chicago (hop 5–6)."
    )
