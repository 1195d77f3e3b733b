"""A trace that waits between two probes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest

import netlab
from netlab import api
from netlab.widgets.runs import Row
from netlab.widgets.steps import Steps


def counting(closed: list[bool], last: int = 3) -> Callable[[Callable[[], bool]], Generator[Row]]:
    def begin(stop: Callable[[], bool]) -> Generator[Row]:
        try:
            for number in range(1, last + 1):
                yield {"sequence": number}
                if stop():
                    return
        finally:
            closed.append(True)

    return begin


def numbers(steps: Steps, stop: bool = False) -> list[int]:
    return [row["sequence"] for row in steps.one_more(lambda: stop)]


def test_each_time_one_more() -> None:
    closed: list[bool] = []
    steps = Steps(counting(closed))
    assert [numbers(steps) for _ in range(4)] == [[1], [1, 2], [1, 2, 3], [1, 2, 3]]
    assert steps.ended and closed == [True]


def test_stop_ends_the_trace_and_keeps_what_there_is() -> None:
    closed: list[bool] = []
    steps = Steps(counting(closed))
    assert numbers(steps) == [1] and not steps.ended
    assert numbers(steps, stop=True) == [1]
    assert steps.ended and closed == [True]


def test_close_gives_the_network_free() -> None:
    closed: list[bool] = []
    steps = Steps(counting(closed))
    numbers(steps)
    steps.close()
    steps.close()
    assert steps.ended and closed == [True]


def test_a_failure_ends_it() -> None:
    def failing(stop: Callable[[], bool]) -> Generator[Row]:
        yield {"sequence": 1}
        raise OSError("gone")

    steps = Steps(failing)
    assert numbers(steps) == [1]
    with pytest.raises(OSError, match="gone"):
        numbers(steps)
    assert steps.ended


def test_close_while_a_step_waits_tells_it_to_stop() -> None:
    entered, closed = threading.Event(), []

    def waiting(stop: Callable[[], bool]) -> Generator[Row]:
        try:
            entered.set()
            while not stop():
                pass
            yield {"sequence": 1}
        finally:
            closed.append(True)

    steps = Steps(waiting)
    thread = threading.Thread(target=lambda: numbers(steps))
    thread.start()
    assert entered.wait(10)
    steps.close()
    thread.join(10)
    assert not thread.is_alive() and closed == [True]


def test_interrupts_are_left_alone_between_two_steps() -> None:
    def begin(stop: Callable[[], bool]) -> Any:
        return api.tracing("server", network=netlab.api.network_for("line"), attempts=1, window=1, stop=stop)

    before = signal.getsignal(signal.SIGINT)
    steps = Steps(begin)
    numbers(steps)
    assert signal.getsignal(signal.SIGINT) is before
    steps.close()
    assert signal.getsignal(signal.SIGINT) is before
