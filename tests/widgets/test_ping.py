"""The ping panel: what its controls mean, on which network it measures, and what it shows."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

import netlab
from netlab.network import worlds
from netlab.widgets import PingPanel
from netlab.widgets.networks import WORLDS
from netlab.widgets.runs import live

ENOUGH = 30.0


@pytest.fixture(autouse=True)
def line() -> Any:
    with netlab.use("line"):
        yield


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "0")


def test_the_result_is_what_the_call_gives() -> None:
    panel = PingPanel("server", count=6)
    panel.run()
    assert_frame_equal(panel.result, netlab.ping("server", count=6, network=netlab.world("line")))


def test_controls_become_arguments() -> None:
    panel = PingPanel("server", count=3, interval=0.1, timeout=0.5, size=200, protocol="udp", family=4, ttl=9)
    panel.run()
    frame = panel.result
    assert len(frame) == 3 and set(frame["protocol"]) == {"udp"} and set(frame["ttl"]) == {9}
    assert set(frame["packet_size"]) == {228}
    assert (frame["sent_at"].diff().dropna().dt.total_seconds() == 0.1).all()
    panel.count.value, panel.protocol.value = 5, "icmp"
    panel.run()
    assert len(panel.result) == 5 and set(panel.result["protocol"]) == {"icmp"}


def test_several_destinations() -> None:
    panel = PingPanel("server, laptop", count=2)
    panel.run()
    assert set(panel.result["destination"]) == {"server", "laptop"} and len(panel.result) == 4
    assert "destination" in panel.listing.value


def test_same_seed_same_result_and_another_seed_another() -> None:
    first, second, third = (PingPanel("www", network="campus", seed=seed) for seed in (1, 1, 2))
    for panel in (first, second, third):
        panel.run()
    assert_frame_equal(first.result, second.result)
    assert list(first.result["rtt_ms"]) != list(third.result["rtt_ms"])
    assert "seed 2" in third.title.value


def test_it_stays_with_the_network_it_was_made_on() -> None:
    panel = PingPanel("server", count=1)
    with netlab.use("campus"):
        panel.run()
    assert set(panel.result["network"]) == {"virtual:line"}


def test_another_network_brings_its_hosts() -> None:
    panel = PingPanel(count=1)
    assert panel.destination.value == "server" and "server" in panel.destination.options
    panel.choice.value = "campus"
    assert "www" in panel.destination.options and panel.destination.value in panel.destination.options
    panel.run()
    assert set(panel.result["network"]) == {"virtual:campus"}
    panel.choice.value = "live"
    assert panel.destination.options == () and panel.seed.disabled and panel._fault_toggle.disabled


def test_all_worlds_are_offered() -> None:
    assert sorted(WORLDS) == sorted(worlds.names())


def test_changed_links_concern_the_panels_runs_only() -> None:
    panel = PingPanel("server", count=30)
    panel.faults.change(panel.faults.world.links[0].name, loss=40)
    panel.run()
    assert (panel.result["outcome"] == "timeout").any()
    assert "lost" in panel.status.value
    assert (netlab.ping("server", count=30)["outcome"] == "reply").all()


def test_moving_a_slider_says_name_value_and_unit() -> None:
    panel = PingPanel("server")
    panel.timeout.value = 0.05
    assert "timeout: 50 ms" in panel.status.value
    panel.count.value = 7
    assert "count (probes): 7" in panel.status.value


def test_without_a_destination_nothing_runs() -> None:
    panel = PingPanel("server")
    panel.destination.value = " , "
    panel.run()
    assert "Not done" in panel.status.value and len(panel.result) == 0


@pytest.mark.parametrize(("destination", "said"), [("nowhere", "cannot find"), ("server", "ttl=999")])
def test_mistakes_are_told_in_the_panel(destination: str, said: str) -> None:
    panel = PingPanel(destination, **({"ttl": 999} if destination == "server" else {}))
    panel.run()
    assert "Not done" in panel.status.value and said in panel.status.value


def test_packets_can_be_looked_into() -> None:
    panel = PingPanel("server", count=2)
    panel.run()
    labels = [label for label, _ in panel._packet.options]
    assert labels == ["probe 1: request", "probe 1: answer", "probe 2: request", "probe 2: answer"]
    assert panel.bytes.packet == panel.result["request"][0]
    panel._packet.index = 3
    assert panel.bytes.packet == panel.result["answer"][1]


def test_a_lost_answer_is_not_offered() -> None:
    panel = PingPanel("server", count=1)
    panel.faults.change(panel.faults.world.links[0].name, loss=50)
    panel.seed.value = next(seed for seed in range(1, 50) if _lost(panel, seed))
    assert [label for label, _ in panel._packet.options] == ["probe 1: request"]


def _lost(panel: PingPanel, seed: int) -> bool:
    panel.seed.value = seed
    panel.run()
    return bool((panel.result["outcome"] == "timeout").all())


def test_rare_columns_appear_when_they_have_something_to_say() -> None:
    panel = PingPanel("server", count=1)
    panel.run()
    assert "detail" not in panel.listing.value
    panel._arguments["ttl"] = 1
    panel.run()
    assert "detail" in panel.listing.value and "time-exceeded" in panel.listing.value


def test_repr_is_fixed() -> None:
    panel = PingPanel("192.0.2.7")
    assert repr(panel) == "<netlab panel: ping 192.0.2.7>"
    panel.destination.value = "other"
    panel.run()
    assert repr(panel) == "<netlab panel: ping 192.0.2.7>"
    assert panel._repr_mimebundle_()["text/plain"] == "<netlab panel: ping 192.0.2.7>"


def test_the_guess_is_drawn() -> None:
    panel = PingPanel("server", prediction=30.0)
    panel.run()
    assert "Your guess of 30 ms" in panel.status.value and "Your guess" in panel.picture.html


def test_a_virtual_run_becomes_a_film(watched: None) -> None:
    panel = PingPanel("server", count=5)
    panel.run()
    assert panel.wait(ENOUGH)
    deadline = time.monotonic() + ENOUGH
    while len(panel.picture.frames) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "Probe 1 of 5, sent after 0 s: reply, 22 ms. So far 1 answered, 0 lost." in panel.picture.frames[0]
    assert all('alt="' in frame for frame in panel.picture.frames)
    assert panel.picture._play.playing is False


def test_real_time_shows_rows_when_they_happen_and_can_be_stopped(watched: None) -> None:
    panel = PingPanel("server", count=50, interval=0.1)
    panel.speed.value = 1.0
    panel.run()
    deadline = time.monotonic() + ENOUGH
    while len(panel.result) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    panel.stop()
    assert panel.wait(ENOUGH) and panel.partial
    assert 3 <= len(panel.result) < 50 and "partial result" in panel.status.value


def test_two_panels_run_at_once(watched: None) -> None:
    panels = [PingPanel("server", count=30, interval=0.02), PingPanel("www", network="campus", count=30, interval=0.02)]
    for panel in panels:
        panel.speed.value = 1.0
        panel.run()
    assert all(panel.running for panel in panels)
    assert all(panel.wait(ENOUGH) for panel in panels)
    assert [len(panel.result) for panel in panels] == [30, 30]
    assert [set(panel.result["network"]) for panel in panels] == [{"virtual:line"}, {"virtual:campus"}]
    assert not live()


@pytest.mark.network
def test_live_run_is_stopped_within_200_ms(watched: None) -> None:
    panel = PingPanel("127.0.0.1", network="live", count=100, interval=0.05)
    panel.run()
    deadline = time.monotonic() + ENOUGH
    while len(panel.result) < 3 and panel.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if "may not" in panel.status.value or "Not done" in panel.status.value:
        pytest.skip(f"this machine lets nobody ping: {panel.status.value}")
    began = time.monotonic()
    panel.stop()
    assert "Stopped" in panel.status.value and time.monotonic() - began < 0.2
    assert panel.wait(ENOUGH) and panel.partial and set(panel.result["network"]) == {"live"}
    assert panel._run is not None and panel._run.join(ENOUGH)


@pytest.mark.network
def test_two_live_panels_run_at_once(watched: None) -> None:
    with netlab.use("live"):
        panels = [PingPanel("127.0.0.1", count=10, interval=0.02) for _ in range(2)]
    for panel in panels:
        panel.run()
    assert all(panel.wait(ENOUGH) for panel in panels)
    if any("Not done" in panel.status.value for panel in panels):
        pytest.skip(f"this machine lets nobody ping: {panels[0].status.value}")
    assert [len(panel.result) for panel in panels] == [10, 10]
    assert panels[0].network is not panels[1].network
