"""The page panel: gets the page that its controls describe, in the time that the model of notebook 10 gives."""

from __future__ import annotations

import pytest

import netlab
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
