"""The panel base: buttons, status line, partial results, threads. With a front end's threads, and without."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets
import pytest

import netlab
from netlab import frames, plot
from netlab.errors import UsageError
from netlab.plot import Figure
from netlab.widgets import ByteView, PingPanel, TopologyView
from netlab.widgets.base import Panel, Task
from netlab.widgets.faults import Faults
from netlab.widgets.replay import Replay
from netlab.widgets.runs import Row, live
from tests.plot.sample import row

ENOUGH = 20.0


class Slow(Panel):
    """A panel whose measurement a test steers: it gives a row for every `step`."""

    def __init__(self, total: int = 5, deaf: bool = False) -> None:
        self.total, self.deaf = total, deaf
        self.steps = threading.Semaphore(0)
        self.waiting = threading.Event()
        self.fail: Exception | None = None
        self.refuse: Exception | None = None
        self.drawn = 0
        super().__init__("slow", top=[])

    def task(self) -> Task:
        if self.refuse:
            raise self.refuse

        def measure(stop: Callable[[], bool]) -> Iterator[Row]:
            for number in range(1, self.total + 1):
                self.waiting.set()
                while not self.steps.acquire(timeout=0.01):
                    if stop() and not self.deaf:
                        yield row(number, None, "pending")
                        return
                yield row(number, 10.0)
            if self.fail:
                raise self.fail

        return Task(measure, self.total)

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self.steps.release()

    def table(self, rows: Sequence[Row]) -> Any:
        return frames.probes(rows)

    def draw(self, frame: Any, total: int) -> Figure:
        self.drawn += 1
        return plot.rtt(frame, limits=(1, total))

    def list_html(self, frame: Any, partial: bool) -> str:
        return f"{len(frame)} rows{', partial' if partial else ''}"


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a browser were there: runs go into threads."""
    monkeypatch.setenv("NETLAB_HEADLESS", "0")


def until(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + ENOUGH
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def test_run_returns_at_once_and_the_buttons_change(watched: None) -> None:
    panel = Slow()
    assert not panel.run_button.disabled and panel.stop_button.disabled
    panel.run()
    assert panel.run_button.disabled and not panel.stop_button.disabled and panel.running
    panel.step(5)
    assert panel.wait(ENOUGH) and not panel.partial
    assert not panel.run_button.disabled and panel.stop_button.disabled
    assert panel.progress.value == panel.progress.max == 5
    assert "Done. 5 of 5 answered" in panel.status.value and panel.listing.value == "5 rows"
    assert panel.picture.html.startswith("<figure")


def test_the_result_grows_while_it_runs(watched: None) -> None:
    panel = Slow()
    assert len(panel.result) == 0 and not panel.partial
    panel.run()
    panel.step(2)
    until(lambda: len(panel.result) == 2, "two rows")
    assert panel.partial
    until(lambda: panel.listing.value == "2 rows, partial", "the table follows")
    panel.stop()
    assert panel.wait(ENOUGH)


def test_stop_acts_within_200_ms_and_keeps_the_partial_result(watched: None) -> None:
    panel = Slow()
    panel.run()
    panel.step(2)
    until(lambda: len(panel.result) == 2, "two rows")
    began = time.monotonic()
    panel.stop()
    assert "Stopped after 2 of 5" in panel.status.value
    assert time.monotonic() - began < 0.2
    assert panel.wait(ENOUGH) and panel.partial
    assert list(panel.result["outcome"]) == ["reply", "reply", "pending"]
    assert "partial result" in panel.status.value and panel.listing.value == "3 rows, partial"
    assert not panel.run_button.disabled and panel.stop_button.disabled


def test_stop_shows_the_partial_result_even_if_the_measurement_does_not_listen(watched: None) -> None:
    panel = Slow(deaf=True)
    panel.run()
    panel.step(1)
    until(lambda: len(panel.result) == 1, "one row")
    panel.stop()
    assert panel.wait(ENOUGH) and live(), "shown, although the generator still runs"
    assert "partial result, 1 of 5" in panel.status.value
    panel.step(4)
    until(lambda: not live(), "the generator ends")


def test_run_again_stops_the_older_run(watched: None) -> None:
    panel = Slow(total=3)
    panel.run()
    first = panel._run
    assert first is not None and panel.waiting.wait(ENOUGH)
    panel.run()
    assert first.stopped and first.join(ENOUGH)
    panel.step(3)
    assert panel.wait(ENOUGH) and list(panel.result["outcome"]) == ["reply"] * 3
    assert "Done. 3 of 3" in panel.status.value, "the older run may not write any more"


def test_a_failure_on_the_way_keeps_the_rows(watched: None) -> None:
    panel = Slow(total=2)
    panel.fail = RuntimeError("the cable burns")
    panel.step(2)
    panel.run()
    assert panel.wait(ENOUGH)
    assert "RuntimeError: the cable burns" in panel.status.value and "2 of 2" in panel.status.value
    assert "nl-alarm" in panel.status.value and panel.partial and len(panel.result) == 2


def test_a_failure_at_the_start_is_told(watched: None) -> None:
    panel = Slow(total=0)
    panel.fail = UsageError("count", 0, "must be at least 1")
    panel.run()
    assert panel.wait(ENOUGH) and "Not done: count=0: must be at least 1" in panel.status.value
    assert not panel.run_button.disabled


def test_controls_that_do_not_fit_are_told_before_anything_runs() -> None:
    panel = Slow()
    panel.refuse = UsageError("destination", "", "type one")
    panel.run()
    assert "Not done: destination=" in panel.status.value and not panel.run_button.disabled and not live()


def test_a_fault_of_the_panel_itself_does_not_lock_it(watched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Slow(total=1)
    monkeypatch.setattr(panel, "draw", lambda frame, total: 1 / 0)
    panel.step()
    panel.run()
    assert panel.wait(ENOUGH) and "ZeroDivisionError" in panel.status.value
    assert not panel.run_button.disabled


def test_updates_are_coalesced(watched: None) -> None:
    panel = Slow(total=2000)
    began = time.monotonic()
    panel.run()
    panel.step(2000)
    assert panel.wait(ENOUGH)
    took = time.monotonic() - began
    assert panel.drawn <= 10 * took + 2 and len(panel.result) == 2000


def test_progress_is_said_a_few_times_only(watched: None) -> None:
    panel = Slow(total=40)
    said: list[str] = []
    panel.status.observe(lambda change: said.append(change["new"]), "value")
    panel.run()
    for _ in range(40):
        panel.step()
        time.sleep(0.01)
    assert panel.wait(ENOUGH)
    assert 2 <= len(said) <= 6


def test_headless_runs_are_done_when_run_returns() -> None:
    panel = Slow(total=3)
    panel.step(3)
    panel.run()
    assert len(panel.result) == 3 and not panel.partial and panel.drawn == 1
    assert "Done." in panel.status.value and threading.active_count() < 20


def test_closing_stops(watched: None) -> None:
    panel = Slow()
    panel.run()
    assert panel.waiting.wait(ENOUGH)
    run = panel._run
    panel.close()
    assert run is not None and run.join(ENOUGH) and run.stopped


def test_rows_that_change_later_are_shown_as_they_end(watched: None) -> None:
    """A late answer changes its row in place; the final table must have it."""

    class Late(Slow):
        def task(self) -> Task:
            def measure(stop: Callable[[], bool]) -> Iterator[Row]:
                changing = row(1, None, "timeout")
                yield changing
                self.waiting.set()
                self.steps.acquire()
                changing.update(outcome="late", rtt_ms=3000.0)

            return Task(measure, 1)

    panel = Late()
    panel.run()
    assert panel.waiting.wait(ENOUGH)
    until(lambda: list(panel.result["outcome"]) == ["timeout"], "first it seems lost")
    panel.step()
    assert panel.wait(ENOUGH) and list(panel.result["outcome"]) == ["late"]


def test_repr_is_short_and_fixed() -> None:
    panel = Slow()
    assert repr(panel) == "<netlab panel: slow>"
    panel._name = "x" * 200
    assert len(repr(panel)) == 110


@pytest.mark.parametrize("kind", [PingPanel, ByteView, TopologyView, Faults, Replay])
def test_no_name_hides_one_of_ipywidgets(kind: type) -> None:
    """`_send`, for instance, is a method of ipywidgets: hiding it breaks every message to the browser."""
    with netlab.use("line"):
        instance = Faults(print) if kind is Faults else kind()
    theirs = set(dir(ipywidgets.VBox))
    defined = {name for each in kind.__mro__ if each.__module__.startswith("netlab") for name in _functions(each)}
    assert defined & theirs <= {"__init__", "__repr__", "close"}
    assert set(vars(instance)) & theirs <= set(vars(ipywidgets.VBox()))


def _functions(kind: type) -> set[str]:
    return {name for name, value in vars(kind).items() if callable(value) or isinstance(value, property)}
