"""Places and distances."""

import pytest

from netlab.internet import places


def test_case_and_accents_do_not_matter():
    assert places.find("sao  PAULO") == ("São Paulo", -23.55, -46.63)
    assert places.find("Atlantis") is None
    assert places.close_to("Lisboa")[0] == "Lisbon"


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        ("Lisbon", "New York", 5420),
        ("London", "Paris", 344),
        ("Tokyo", "Los Angeles", 8815),
        ("Lisbon", "Porto", 274),
        ("Sydney", "Singapore", 6300),
    ],
)
def test_known_distances(a, b, km):
    """Published great-circle distances, to 1 %."""
    assert places.distance_km(*places.PLACES[a], *places.PLACES[b]) == pytest.approx(km, rel=0.01)


def test_the_same_place_and_the_other_side_of_the_world():
    assert places.distance_km(10, 20, 10, 20) == 0
    assert places.distance_km(0, 0, 0, 180) == pytest.approx(20015, abs=1)


def test_delays_are_whole_microseconds():
    assert places.delay_of(300) == 1_500_000
    assert places.delay_of(0.33) == 2_000


def test_all_places_are_on_the_earth():
    assert len(places.PLACES) >= 60
    for latitude, longitude in places.PLACES.values():
        assert -90 <= latitude <= 90 and -180 <= longitude <= 180
