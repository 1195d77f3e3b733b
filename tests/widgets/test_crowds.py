"""The crowd panel: the crowd that its controls describe, and what the status line says of it."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab.errors import UsageError
from netlab.widgets import CrowdPanel


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "1")
    netlab.use("transatlantic")


def test_a_quiet_server_keeps_nobody_waiting_long() -> None:
    panel = CrowdPanel("near", rate=5, count=50)
    panel.run()
    assert len(panel.result) == 50 and (panel.result["status"] == 200).all()
    assert panel.result["latency_ms"].median() < 20
    assert "Of 50 requests:" in panel.status.value and "half took at most" in panel.status.value
    assert panel.queue is not None and panel.queue["busy"].max() == 1
    assert repr(panel) == "<netlab panel: many clients of near>"
    panel.close()


def test_too_many_are_refused_where_there_is_a_limit() -> None:
    panel = CrowdPanel("near", rate=150, count=100)
    panel.run()
    without = panel.result
    panel.connections.value = 5
    panel.run()
    assert (without["status"] == 200).all() and (panel.result["status"] == 503).any()
    assert panel.result["latency_ms"].max() < without["latency_ms"].max()
    panel.close()


def test_slow_readers_hold_up_threads_but_not_the_loop() -> None:
    panel = CrowdPanel("near", rate=50, count=100, mode="threads", workers=2, slow=20)
    panel.run()
    held = panel.result[~panel.result["slow"]]["latency_ms"].quantile(0.9)
    panel.mode.value = "loop"
    panel.run()
    assert panel.result[~panel.result["slow"]]["latency_ms"].quantile(0.9) < 0.1 * held
    panel.close()


def test_the_same_controls_give_the_same_crowd() -> None:
    panel = CrowdPanel("near", rate=100, count=60)
    panel.run()
    first = panel.result
    panel.run()
    assert first.equals(panel.result)
    panel.close()


@pytest.mark.parametrize(
    ("places", "named", "message"),
    [
        (("nohost",), {}, "host='nohost': must be a host of this world: .*near"),
        ((3,), {}, "host=3: must be a host"),
        (("near",), {"network": "live"}, "network='live': must be a virtual one"),
        (("near",), {"rate": 1}, "rate=1: must be a whole number of clients per second, from 5 to 200"),
        (("near",), {"count": 10**6}, "count=1000000: must be a whole number of clients, from 50 to 2000"),
        (("near",), {"mode": "fast"}, "mode='fast': must be one of 'iterative', 'threads', 'loop'"),
        (("near",), {"workers": 0}, "workers=0: must be a whole number of workers, from 1 to 16"),
        (("near",), {"slow": 0.1}, "slow=0.1: must be a whole number of slow readers in 100, from 0 to 50"),
        (("near",), {"connections": -1}, "connections=-1: must be a whole number of connections"),
    ],
)
def test_where_no_control_can_stand_is_told(places: Any, named: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CrowdPanel(*places, **named)
