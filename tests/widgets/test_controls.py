"""Controls: named, with units, acting when let go, reachable by keyboard."""

from __future__ import annotations

import pytest

from netlab.widgets import controls
from netlab.widgets.replay import FRAMES, Replay, sampled


def test_sliders_act_when_they_are_let_go() -> None:
    for slider in (
        controls.whole("count", 4, 1, 10),
        controls.decimal("loss", 1, 0, 10, 0.5),
        controls.choice("protocol", [("ICMP", "icmp")], "icmp"),
        controls.seconds("timeout", 1.0),
    ):
        assert slider.continuous_update is False and slider.description


def test_times_are_round_and_named_with_their_unit() -> None:
    slider = controls.seconds("timeout", 0.05)
    assert slider.label == "50 ms" and slider.value == 0.05
    assert controls.seconds("timeout", 2.0).label == "2 s"


def test_a_time_that_is_not_on_the_scale_is_added() -> None:
    slider = controls.seconds("timeout", 0.123)
    assert slider.label == "123 ms" and list(slider._options_values) == sorted(slider._options_values)


@pytest.mark.parametrize(
    ("control", "text"),
    [
        (controls.whole("count", 4, 1, 10), "count (probes): 4"),
        (controls.seconds("timeout", 0.05), "timeout: 50 ms"),
        (controls.choice("protocol", [("ICMP", "icmp")], "icmp"), "protocol: ICMP"),
        (controls.decimal("loss", 1, 0, 10, 0.5), "loss (%): 1"),
    ],
)
def test_a_control_can_be_said_aloud(control: object, text: str) -> None:
    assert controls.spoken(control) == text


def test_toggles_show_and_hide() -> None:
    import ipywidgets

    area = ipywidgets.VBox()
    toggle = controls.toggle("show bytes", area)
    assert area.layout.display == "none"
    toggle.value = True
    assert area.layout.display == ""
    toggle.value = False
    assert area.layout.display == "none"


def test_status_is_a_live_region_and_escaped() -> None:
    html = controls.status_html("<b>")
    assert 'role="status"' in html and 'aria-live="polite"' in html and "&lt;b&gt;" in html


def test_a_refilled_list_has_a_choice() -> None:
    dropdown = controls.dropdown("link", [])
    controls.refill(dropdown, ["a", "b"])
    assert dropdown.value == "a"
    controls.refill(dropdown, [])
    assert dropdown.value is None


@pytest.mark.parametrize("count", [0, 1, 5, FRAMES, FRAMES + 1, 1000])
def test_samples_end_with_the_last(count: int) -> None:
    steps = sampled(count)
    assert len(steps) == min(count, FRAMES) == len(set(steps))
    assert not steps or steps[-1] == count


def test_a_film_starts_paused_at_its_end_and_is_linked_in_the_browser() -> None:
    replay = Replay()
    replay.film(["one", "two", "three"])
    assert replay.frames == ["one", "two", "three"] and replay.html == "three"
    assert replay._play.playing is False and replay._slider.value == 2
    assert replay._play.layout.display == "none", "its buttons have no names"
    pairs = {(link.source[1], link.target[1]) for link in replay.links}
    assert pairs == {("value", "value"), ("value", "selected_index"), ("value", "playing")}
    assert all(
        type(link).__name__ == "Link" and type(link).__module__.startswith("ipywidgets") for link in replay.links
    )


def test_a_live_picture_follows_a_film_and_back() -> None:
    replay = Replay()
    replay.film(["one", "two", "three"])
    replay.show("live")
    assert replay.html == "live" and replay._scrubber.layout.visibility == "hidden"
    replay.film(["a", "b"])
    assert replay.frames == ["a", "b"] and replay._scrubber.layout.visibility == "visible"
    assert replay._slider.max == 1


def test_the_toggle_says_what_it_does() -> None:
    replay = Replay()
    assert replay._toggle.description == "Replay"
    replay._toggle.value = True
    assert replay._toggle.description == "Pause"
