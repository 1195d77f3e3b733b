"""The byte-stream panel: the controls become arguments of talk, and the pictures are those of its tables."""

from __future__ import annotations

from typing import Any

import pytest
from pandas.testing import assert_frame_equal

import netlab
from netlab.errors import UsageError
from netlab.streams import talk
from netlab.widgets import StreamPanel, WebServerPanel


@pytest.fixture(autouse=True)
def line() -> Any:
    with netlab.use("line"):
        yield


def test_the_result_is_what_the_call_gives() -> None:
    panel = StreamPanel("server")
    panel.run()
    said = talk([200, 200, 200], "server", mss=1460, network=netlab.world("line"))
    assert_frame_equal(panel.result, said.calls)
    assert not panel.partial and "2 calls gave 200 and 400 bytes." in panel.status.value


def test_controls_become_arguments() -> None:
    panel = StreamPanel(writes=[100, 300, 500], mss=200, nagle=False, read_limit=150, read_every_ms=20)
    panel.delayed_ack.value = False
    panel.run()
    said = talk(
        [100, 300, 500], "server", mss=200, nagle=False, delayed_ack=False, read_limit=150, read_every_ms=20,
        network=netlab.world("line"),
    )  # fmt: skip
    assert_frame_equal(panel.result, said.calls)
    panel.mss.value, panel.nagle.value = 1000, True
    panel.run()
    assert len(panel.result) != len(said.calls)


def test_reads_progress_and_segments_are_drawn() -> None:
    panel = StreamPanel()
    panel.run()
    html = panel.picture.html
    assert html.count("<img alt=") == 2 and "acknowledged by" in html
    assert "it begins with SYN" in panel.segments.value
    assert "of writes" in panel.listing.value and "200 of 2, 200 of 3" in panel.listing.value


def test_the_web_servers_panel_has_it_as_a_view() -> None:
    panel = WebServerPanel(view="stream", writes=[1, 2, 3])
    assert isinstance(panel, StreamPanel) and [control.value for control in panel.writes] == [1, 2, 3]
    assert repr(panel) == "<netlab panel: a byte stream to server>"
    assert isinstance(WebServerPanel(view="server"), WebServerPanel)
    with pytest.raises(UsageError, match="view"):
        WebServerPanel(view="map")


def test_further_arguments_go_to_talk() -> None:
    panel = StreamPanel(server="leaves")
    panel.run()
    assert "reset" in panel.result["result"].tolist() and "reset" in panel.listing.value


def test_mistakes_are_told() -> None:
    with pytest.raises(UsageError, match="3 sizes"):
        StreamPanel(writes=[1])
    for wrong, message in (
        ({"writes": 3}, "writes=3: must be 3 sizes in bytes"),
        ({"writes": [1, 2, "x"]}, "writes='x': must be a whole number of bytes, from 1 to 200000"),
        ({"to": "nohost"}, "to='nohost': must be one of 'server"),
        ({"mss": 1}, "mss=1: must be a whole number of bytes, from 64"),
        ({"nagle": 1}, "nagle=1: must be True or False"),
        ({"pause_ms": -1}, "pause_ms=-1: must be a whole number of milliseconds, from 0"),
        ({"read_limit": 0}, "read_limit=0: must be a whole number of bytes, from 1"),
        ({"read_every_ms": -1}, "read_every_ms=-1: must be a whole number of milliseconds, from 0"),
    ):
        with pytest.raises(UsageError, match=message):
            StreamPanel(**wrong)
    panel = StreamPanel(server="sings")
    panel.run()
    assert "Not done" in panel.status.value and "must be one of" in panel.status.value
    assert len(panel.result) == 0


def test_on_a_real_network_it_takes_a_world() -> None:
    with netlab.use("live"):
        panel = StreamPanel()
    panel.run()
    assert "virtual:line" in panel.title.value and len(panel.result)


def test_moving_a_slider_says_name_value_and_unit() -> None:
    panel = StreamPanel()
    panel.every.value = 50
    assert "recv every: 50 ms" in panel.status.value
    panel.mss.value = 500
    assert "MSS (bytes): 500" in panel.status.value
