"""The line of counts of a panel with a server: while it serves, and afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from netlab.widgets.webserver import WebServerPanel

pytestmark = pytest.mark.network

ENOUGH = 20.0


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENOUGH
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_after_stop_nothing_is_per_second_or_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETLAB_HEADLESS")
    panel = WebServerPanel()
    panel.send()
    until(lambda: "Requests: 1, " in panel.counts.value and "per second now. Open connections" in panel.counts.value)
    panel.stop()
    assert panel.wait(ENOUGH)
    until(lambda: panel.counts.value == '<p class="nl-moment">Requests: 1, answers: 200: 1.</p>')


def test_where_nobody_can_press_a_button_it_has_stopped_too() -> None:
    panel = WebServerPanel()
    panel.run()
    assert panel.counts.value == '<p class="nl-moment">Requests: 1, answers: 200: 1.</p>'
