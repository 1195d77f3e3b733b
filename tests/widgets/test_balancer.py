"""The fan and its panel: as wide as asked, per flow or per packet, and measured as the controls say."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab.errors import UsageError
from netlab.network.worlds import load
from netlab.widgets import FanPanel, fan


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "1")


def answering(frame: Any, ttl: int) -> set[str]:
    return {name.split(".")[0] for name in frame[frame["ttl"] == ttl]["responder_name"]}


@pytest.mark.parametrize("width", range(1, 9))
def test_a_fan_is_as_wide_as_asked(width: int) -> None:
    world = fan(width)
    network = netlab.use(world)
    wanted = {(f"a{way}", f"b{way}") for way in range(1, width + 1)}
    assert {pair for pair in network.paths("www") if pair[0][0] == "a"} == wanted
    for family in (4, 6):
        assert netlab.ping("www", count=1, family=family)["outcome"].tolist() == ["reply"]


def test_the_world_of_the_package_is_the_fan_of_four() -> None:
    assert load("fan") == fan(4)


def test_what_cannot_be_a_fan_is_refused() -> None:
    for width in (0, 9, True, "4"):
        with pytest.raises(UsageError, match="from 1 to 8"):
            fan(width)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'flow' or 'packet'"):
        fan(4, "destination")  # type: ignore[arg-type]


def test_the_panel_traces_the_fan_that_its_controls_describe() -> None:
    panel = FanPanel(8, flow="classic", protocol="udp", attempts=10)
    panel.run()
    assert len(answering(panel.result, 3)) > 4
    panel.width.value = 1
    panel.run()
    assert answering(panel.result, 3) == {"a1"}
    panel.close()


def test_paris_probes_stay_together_per_flow_and_not_per_packet() -> None:
    panel = FanPanel(8, protocol="udp", attempts=6)
    panel.run()
    assert len(answering(panel.result, 3)) == 1
    panel.per.value = "packet"
    panel.run()
    assert len(answering(panel.result, 3)) > 1
    panel.close()


def test_moving_a_control_is_spoken_and_chooses_the_fan_again() -> None:
    panel = FanPanel(4)
    panel.choice.value = "line"
    panel.width.value = 6
    assert panel.choice.value == "" and "width (next hops): 6" in panel.status.value
    assert "a6" in panel.networks.world("").nodes
    assert repr(panel) == "<netlab panel: traceroute www>"
    panel.close()
