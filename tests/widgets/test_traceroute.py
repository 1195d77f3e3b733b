"""The traceroute panel: what its controls mean, whole traces, single steps, and what it shows of them."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

import netlab
from netlab.widgets import TraceroutePanel
from netlab.widgets.runs import live

ENOUGH = 30.0


@pytest.fixture(autouse=True)
def line() -> Any:
    with netlab.use("line"):
        yield


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "0")


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "1")


def steps(panel: TraceroutePanel, count: int) -> None:
    for _ in range(count):
        panel.step()
        assert panel.wait(ENOUGH)


def said(panel: TraceroutePanel) -> str:
    return " ".join(re.sub("<[^>]+>", " ", panel.status.value).split())


def film(panel: TraceroutePanel, frames: int) -> list[str]:
    deadline = time.monotonic() + ENOUGH
    while len(panel.picture.frames) < frames:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return panel.picture.frames


# Whole traces ----------------------------------------------------------------------------------------------------


def test_the_result_is_what_the_call_gives() -> None:
    panel = TraceroutePanel("server")
    panel.run()
    assert_frame_equal(panel.result, netlab.traceroute("server", network=netlab.world("line")))
    assert not panel.partial and "server (203.0.113.80) answered as the destination, with hop 4" in said(panel)
    assert f"{len(panel.result) - 4 * 3} more probes had left before that was known" in said(panel)


def test_controls_become_arguments() -> None:
    panel = TraceroutePanel("server", protocol="udp", attempts=1, max_ttl=2, timeout=0.5, flow="classic", family=6)
    panel.run()
    frame = panel.result
    assert list(frame["ttl"]) == [1, 2, 255] and set(frame["protocol"]) == {"udp", "icmp"}
    assert set(frame["address"]) == {"2001:db8:3::80"} and frame["flow"][0] != frame["flow"][1]
    panel.protocol.value, panel.max_ttl.value, panel.family.value, panel.flow.value = "tcp", 30, 4, "paris"
    panel.run()
    assert set(panel.result["protocol"]) == {"tcp"} and set(panel.result["flow"]) == {1}


def test_further_arguments_go_to_the_tool() -> None:
    panel = TraceroutePanel("server", attempts=1, window=1, first_ttl=3)
    panel.run()
    assert list(panel.result["ttl"]) == [3, 4]


def test_own_pieces_can_be_tried_in_the_panel() -> None:
    panel = TraceroutePanel("server", plan=lambda rows: iter([2, 4]), match=lambda answer, requests: None)
    panel.run()
    assert list(panel.result["ttl"]) == [2, 4] and set(panel.result["outcome"]) == {"timeout"}


def test_it_stays_with_the_network_it_was_made_on_and_offers_others() -> None:
    panel = TraceroutePanel(attempts=1)
    assert panel.destination.value == "server"
    with netlab.use("campus"):
        panel.run()
    assert set(panel.result["network"]) == {"virtual:line"}
    panel.choice.value = "campus"
    assert panel.destination.value in panel.destination.options and "www" in panel.destination.options
    panel.run()
    assert set(panel.result["network"]) == {"virtual:campus"}
    panel.choice.value = "live"
    assert panel.destination.options == () and panel.seed.disabled and panel._fault_toggle.disabled


def test_changed_links_concern_the_panels_runs_only() -> None:
    panel = TraceroutePanel("server", attempts=10, max_ttl=4)
    panel.faults.change("r2-r3", loss=50)
    panel.run()
    lost = panel.result.query("outcome == 'timeout'")
    assert len(lost) and set(lost["ttl"]) <= {3, 4, 255}
    assert (netlab.traceroute("server", attempts=10, max_ttl=4)["outcome"] != "timeout").all()


@pytest.mark.parametrize(
    ("destination", "arguments", "words"),
    [("nowhere", {}, "cannot find"), (" ", {}, "no destination"), ("server", {"port": 7}, "ICMP has no ports")],
)
def test_mistakes_are_told_in_the_panel(destination: str, arguments: Any, words: str) -> None:
    panel = TraceroutePanel(destination, **arguments)
    for act in (panel.run, panel.step):
        act()
        assert panel.wait(ENOUGH)
        assert "Not done" in said(panel) and words in said(panel) and len(panel.result) == 0
        assert "Nothing was sent" in panel.picture.html or "Nothing measured yet" in panel.picture.html


def test_the_table_has_a_row_per_hop_and_ends_with_the_way() -> None:
    panel = TraceroutePanel("server")
    panel.run()
    assert panel.listing.value.count("<tr") == 1 + 4
    assert "2.000  2.000  2.000" in panel.listing.value and "beyond-end" not in panel.listing.value


def test_the_map_lights_the_machines_that_answered() -> None:
    panel = TraceroutePanel("server")
    panel.run()
    assert panel.picture.html.count('class="nl-heard"') == 4 and panel.picture.html.count('class="nl-badge"') == 4
    assert panel._map is not None and panel._map.sheet.rule in panel._sheets.value


def test_packets_can_be_looked_into() -> None:
    panel = TraceroutePanel("server", attempts=1, window=1)
    panel.run()
    labels = [label for label, _ in panel._packet.options]
    assert labels[:3] == ["TTL 1, probe 1: request", "TTL 1, probe 1: answer", "TTL 2, probe 1: request"]
    panel._packet.index = 3
    assert panel.bytes.packet == panel.result["answer"][1]


def test_moving_a_slider_says_name_value_and_unit() -> None:
    panel = TraceroutePanel("server")
    panel.timeout.value = 0.5
    assert "timeout: 500 ms" in said(panel)
    panel.max_ttl.value = 7
    assert "maximum TTL: 7" in said(panel)
    panel.flow.value = "classic"
    assert "probes: a flow each (classic)" in said(panel)


def test_repr_is_fixed() -> None:
    panel = TraceroutePanel("192.0.2.7")
    panel.destination.value = "server"
    panel.run()
    assert repr(panel) == "<netlab panel: traceroute 192.0.2.7>"
    assert panel._repr_mimebundle_()["text/plain"] == repr(panel)


# Step by step ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("watching", ["0", "1"])
def test_each_step_sends_one_probe(watching: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", watching)
    panel = TraceroutePanel("server", attempts=1)
    for ttl, name in enumerate(["r1", "r2", "r3"], 1):
        steps(panel, 1)
        assert list(panel.result["ttl"]) == list(range(1, ttl + 1)) and panel.partial
        assert f"Probe {ttl}, ICMP, left with TTL {ttl}. At {name}.line.example" in said(panel)
        assert 'class="nl-lit"' in panel.picture.html and 'class="nl-packet"' in panel.picture.html
        assert f'aria-current="true"><th scope="row" class="nl-left">{ttl}<' in panel.listing.value
    steps(panel, 1)
    assert "server.line.example (203.0.113.80) is the destination and replied after 22 ms" in said(panel)
    steps(panel, 1)
    assert "The trace has ended" in said(panel) and not panel.partial and len(panel.result) == 4
    steps(panel, 1)
    assert list(panel.result["ttl"]) == [1] and panel.partial
    panel.close()
    assert not live()


def test_stepped_and_whole_traces_agree() -> None:
    stepped, whole = (TraceroutePanel("server", attempts=2, window=1) for _ in range(2))
    steps(stepped, 9)
    whole.run()
    columns = ["ttl", "attempt", "responder", "rtt_ms", "outcome", "flags"]
    assert_frame_equal(stepped.result[columns], whole.result[columns])


def test_what_is_not_known_yet_is_not_said() -> None:
    panel = TraceroutePanel("server", attempts=1)
    steps(panel, 2)
    assert "did not answer" not in panel.picture.html and "did not answer" not in said(panel)
    assert "nl-veil" in panel.picture.html and "The hops up to TTL 2" in panel.picture.html


def test_a_changed_control_or_a_run_ends_the_steps() -> None:
    panel = TraceroutePanel("server", attempts=1)
    steps(panel, 2)
    panel.protocol.value = "udp"
    assert panel.partial and len(panel.result) == 2
    steps(panel, 1)
    assert list(panel.result["ttl"]) == [1] and set(panel.result["protocol"]) == {"udp"}
    panel.run()
    assert len(panel.result) > 4 and not panel.partial
    steps(panel, 1)
    assert list(panel.result["ttl"]) == [1]
    panel.faults.change("r1-r2", delay=50)
    steps(panel, 2)
    assert panel.result["rtt_ms"][1] == 102.0


def test_a_silent_hop_is_told_with_its_truth() -> None:
    panel = TraceroutePanel("server", attempts=1, timeout=0.5)
    panel.faults.change("r1-r2", loss=50)
    assert any(_silent_second(panel, seed) for seed in range(1, 60))
    assert "Nobody answered within 500 ms" in said(panel) and "What no tool can know" in said(panel)
    assert "lost on the link" in said(panel) and 'class="nl-gone"' in panel.picture.html


def _silent_second(panel: TraceroutePanel, seed: int) -> bool:
    panel.seed.value = seed
    steps(panel, 2)
    return panel.result["outcome"][1] == "timeout"


# Watched by somebody ---------------------------------------------------------------------------------------------


def test_a_run_becomes_a_film_of_its_probes(watched: None) -> None:
    panel = TraceroutePanel("server", attempts=2)
    panel.run()
    assert panel.wait(ENOUGH)
    frames = film(panel, 8)
    assert len(frames) == 8 and panel.picture._play.playing is False
    assert "Probe 3 of 8, ICMP, left with TTL 2. At r2.line.example" in frames[2]
    assert "nl-packet" in frames[2] and "nl-veil" in frames[2] and "nl-packet" not in frames[-1]
    assert sum(map(len, frames)) < 150_000, "the pictures are sent once, not with every frame"


def test_stepping_makes_a_film_at_the_end_only(watched: None) -> None:
    panel = TraceroutePanel("server", attempts=1)
    steps(panel, 4)
    assert len(panel.picture.frames) == 1
    steps(panel, 1)
    assert len(film(panel, 4)) == 4


def test_real_time_can_be_stopped(watched: None) -> None:
    panel = TraceroutePanel("www", network="transatlantic", attempts=10, window=1)
    panel.speed.value = 1.0
    panel.run()
    deadline = time.monotonic() + ENOUGH
    while len(panel.result) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    panel.stop()
    assert "Stopped" in panel.status.value and time.monotonic() - began < 0.2
    assert panel.wait(ENOUGH) and panel.partial and 3 <= len(panel.result) < 50
    assert "partial result" in said(panel) and "(partial)" in panel.listing.value


@pytest.mark.network
def test_live_a_step_that_waits_can_be_stopped(watched: None) -> None:
    panel = TraceroutePanel("127.0.0.1", network="live", attempts=1, timeout=10.0, match=lambda answer, requests: None)
    panel.step()
    deadline = time.monotonic() + ENOUGH
    while not panel.running and not len(panel.result):
        assert time.monotonic() < deadline
    time.sleep(0.2)
    if "Not done" in panel.status.value:
        pytest.skip(f"this machine lets nobody trace: {said(panel)}")
    began = time.monotonic()
    panel.stop()
    assert "Stopped" in panel.status.value and time.monotonic() - began < 0.2
    assert panel.wait(ENOUGH) and panel._run is not None and panel._run.join(ENOUGH)
    panel.run()  # the network is free again
    panel.stop()
    assert panel.wait(ENOUGH) and panel._run.join(ENOUGH)
    panel.close()
    assert not live()


@pytest.mark.network
def test_live_a_trace_has_a_map_of_what_answered(watched: None) -> None:
    panel = TraceroutePanel("127.0.0.1", network="live", attempts=1)
    for act in (panel.step, panel.run):
        act()
        assert panel.wait(ENOUGH)
        if "Not done" in panel.status.value:
            pytest.skip(f"this machine lets nobody trace: {said(panel)}")
        assert panel.picture.html.count("<figure") == 2 and set(panel.result["network"]) == {"live"}
        assert panel.result["outcome"][0] == "reply"
    panel.close()
