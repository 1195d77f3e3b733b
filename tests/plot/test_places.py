"""Places of addresses from a file in MaxMind's format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from netlab.errors import UsageError
from netlab.plot.places import Place, reader
from tests.plot.traces import probe
from tests.support.mmdb import database

LISBON = {
    "city": {"names": {"en": "Lisbon", "pt-BR": "Lisboa"}},
    "country": {"names": {"en": "Portugal"}},
    "location": {"latitude": 38.72, "longitude": -9.14},
}
SOMEWHERE = {"country": {"names": {"en": "Iceland"}}, "location": {"latitude": 65.0, "longitude": -18.0}}
UNNAMED = {"location": {"latitude": -33.9, "longitude": 151.2}}
NOWHERE = {"country": {"names": {"en": "Norway"}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "places.mmdb"
    records = {"192.0.2.0/26": LISBON, "198.51.100.0/24": SOMEWHERE, "203.0.113.0/24": NOWHERE}
    path.write_bytes(database({**records, "2001:db8:1::/48": LISBON, "2001:db8:2::/48": UNNAMED}))
    return path


def looked_up(path: Any, *addresses: str) -> dict[str, Place]:
    return reader(path)([probe(1, address, 1.0) for address in addresses])


def test_addresses_of_both_families_have_the_place_of_their_prefix(file: Path) -> None:
    lisbon = Place(38.72, -9.14, "Lisbon")
    assert looked_up(file, "192.0.2.7", "2001:db8:1::9") == {"192.0.2.7": lisbon, "2001:db8:1::9": lisbon}


def test_a_record_without_a_city_is_called_by_its_country(file: Path) -> None:
    assert looked_up(file, "198.51.100.1")["198.51.100.1"].text == "Iceland"


def test_a_record_without_names_is_called_by_its_coordinates(file: Path) -> None:
    assert looked_up(file, "2001:db8:2::1")["2001:db8:2::1"].text == "33.9° S 151.2° E"


def test_nothing_is_guessed(file: Path) -> None:
    # A country without a location, a prefix that is not in the file, a star.
    assert looked_up(file, "203.0.113.1", "192.0.2.200", "") == {}


def test_an_address_of_the_other_family_has_no_place(tmp_path: Path) -> None:
    path = tmp_path / "old.mmdb"
    path.write_bytes(database({"192.0.2.0/24": LISBON}, version=4))
    assert list(looked_up(path, "192.0.2.1", "2001:db8:1::9")) == ["192.0.2.1"]


@pytest.mark.parametrize("location", [{"latitude": 91.0, "longitude": 0.0}, {"latitude": "x", "longitude": 0.0}, {}])
def test_an_impossible_location_is_no_place(tmp_path: Path, location: dict[str, Any]) -> None:
    path = tmp_path / "odd.mmdb"
    path.write_bytes(database({"192.0.2.0/24": {"location": location}}))
    assert looked_up(path, "192.0.2.1") == {}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.mmdb.*no such file"):
        looked_up(tmp_path / "nowhere.mmdb", "192.0.2.1")


@pytest.mark.parametrize("content", [b"", b"address,place\n192.0.2.1,Lisbon\n", b"\xff" * 4000])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.mmdb"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no file in MaxMind's format"):
        looked_up(path, "192.0.2.1")


def test_a_damaged_file_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    start = whole.index(bytes(16))
    file.write_bytes(whole[: start + 16] + b"\xff" * 20 + whole[start + 36 :])
    with pytest.raises(UsageError, match="damaged"):
        looked_up(file, "192.0.2.1")


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(UsageError, match="the path of a file"):
        reader(42)  # type: ignore[arg-type]


def test_without_the_package_the_remedy_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(UsageError, match=r"netlab-workbook\[maps\]"):
        looked_up(file, "192.0.2.1")
