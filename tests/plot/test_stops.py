"""The way as stops: what is joined, what is told apart, and what has no place."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.plot import trace
from netlab.plot.stops import COLUMNS, LINES, Stop, listed, places_of, range_of, stops_of
from tests.plot.traces import LISBON, LONDON, LOS_ANGELES, TOKYO, abroad, probe, table, thrice


def way(frame: Any) -> list[Stop]:
    rows = trace.traced(frame)
    return stops_of(rows, places_of(rows))[0]


def test_neighbouring_hops_at_one_place_are_one_stop() -> None:
    (lisbon, london) = way(abroad(LISBON, LISBON, LONDON))
    assert (lisbon.number, london.number) == ("1–2", "3")
    assert lisbon.addresses == ["198.51.100.1", "198.51.100.2"]


def test_a_hop_without_a_place_between_them_does_not_part_two_hops_at_one_place() -> None:
    (lisbon,) = way(abroad(LISBON, None, LISBON))
    assert lisbon.number == "1, 3"


@pytest.mark.parametrize(
    ("stops", "xs"), [((TOKYO, LOS_ANGELES), (139.69, 241.76)), ((LOS_ANGELES, TOKYO), (-118.24, -220.31))]
)
def test_the_shorter_way_leads_over_the_date_line(stops: Any, xs: Any) -> None:
    assert tuple(stop.x for stop in way(abroad(*stops))) == pytest.approx(xs)


def test_of_several_places_at_one_hop_the_first_leads_on() -> None:
    rows = [probe(1, "192.0.2.1", 1.0, place=LISBON), probe(1, "192.0.2.2", 1.0, place=LONDON)]
    stops = way(table(*rows, probe(2, "192.0.2.3", 1.0, place=TOKYO)))
    assert [(stop.place.name, stop.apart) for stop in stops] == [("Lisbon", False), ("London", True), ("Tokyo", False)]


@pytest.mark.parametrize(
    ("ttls", "text"), [([], ""), ([3], "3"), ([1, 2, 3, 5], "1–3, 5"), ([4, 255], "4, last try"), ([1, 3], "1, 3")]
)
def test_ranges(ttls: list[int], text: str) -> None:
    assert range_of(ttls) == text


def test_the_list_is_no_wider_and_no_longer_than_it_may_be() -> None:
    frame = table(
        *(row for ttl in range(1, 31) for row in thrice(ttl, f"2001:db8:aaaa:bbbb:cccc:dddd:eeee:{ttl:x}", 1.0))
    )
    rows = trace.traced(frame)
    lines = listed(*stops_of(rows, {}), trace.labels_of(rows))
    assert len(lines) <= LINES + 1 and all(len(line) <= COLUMNS + len(" and 30 more") for line in lines)
    assert sum(line.count("2001:db8") for line in lines) + int(lines[-1].split()[-2]) == 30
