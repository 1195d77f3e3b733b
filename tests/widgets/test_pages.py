"""The page panel: gets the page that its controls describe, in the time that the model of notebook 10 gives."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab.errors import UsageError
from netlab.teach.checkers.page import page_ms
from netlab.widgets import PagePanel


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "1")


@pytest.mark.parametrize(("connections", "keep_alive"), [(1, True), (1, False), (3, True), (6, False)])
def test_the_page_takes_as_long_as_the_model_says(connections: int, keep_alive: bool) -> None:
    panel = PagePanel(8, size=1000, rtt_ms=100.0, connections=connections, keep_alive=keep_alive)
    panel.run()
    assert panel.result["end_ms"].max() == pytest.approx(page_ms(8, 100.0, 5.0, connections, keep_alive), rel=0.002)
    assert panel.result["connection"].nunique() == (connections if keep_alive else 9)
    panel.close()


def test_every_control_changes_the_next_run() -> None:
    panel = PagePanel(4)
    panel.run()
    before = panel.result["end_ms"].max()
    panel.slow.value = 400
    panel.run()
    assert panel.result["end_ms"].max() == pytest.approx(before + 395, abs=0.1)
    panel.objects.value, panel.size_.value, panel.rate.value = 1, 100_000, 1
    panel.run()
    assert set(panel.result["object"]) == {0, 1}
    assert panel.result["end_ms"].max() > 800, "100,000 bytes at 1 Mbit/s"
    panel.close()


def test_a_page_without_objects() -> None:
    panel = PagePanel(0)
    panel.run()
    assert set(panel.result["object"]) == {0} and "Done." in panel.status.value
    panel.close()


def test_the_picture_is_a_waterfall_and_the_table_has_a_row_for_each_object() -> None:
    panel = PagePanel(3)
    panel.run()
    assert "4 objects over 1 connection" in panel.status.value
    assert panel.listing.value.count("<tr>") == 5
    assert repr(panel) == "<netlab panel: page with 3 objects>"
    panel.close()


def test_the_network_in_use_stays_as_it_is() -> None:
    network = netlab.use("line")
    panel = PagePanel(2)
    panel.run()
    assert netlab.ping("server", count=1)["network"].tolist() == [network.name]
    panel.close()


@pytest.mark.parametrize(
    ("places", "named", "message"),
    [
        (("x",), {}, "objects='x': must be a whole number of objects, from 0 to 24"),
        ((-1,), {}, "objects=-1: must be a whole number of objects, from 0 to 24"),
        ((25,), {}, "objects=25: "),
        ((True,), {}, "objects=True: "),
        ((), {"size": 3}, "size=3: must be a whole number of bytes, from 500 to 200000"),
        ((), {"rtt_ms": 0}, "rtt_ms=0: must be a number of milliseconds, from 1 to 300"),
        ((), {"rtt_ms": float("nan")}, "rtt_ms=nan: "),
        ((), {"connections": 0}, "connections=0: must be a whole number of connections, from 1 to 24"),
        ((), {"keep_alive": "no"}, "keep_alive='no': must be True or False"),
        ((), {"slow_ms": -5}, "slow_ms=-5: must be a whole number of milliseconds, from 0 to 2000"),
    ],
)
def test_where_no_control_can_stand_is_told(places: Any, named: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PagePanel(*places, **named)
