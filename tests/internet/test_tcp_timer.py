"""The timer that is set anew cheaply, and the timeout of RFC 6298."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.engine import Engine
from netlab.internet.tcp_timer import FIRST_TIMEOUT, LONGEST_TIMEOUT, RoundTrip, Timer
from tests.internet.engine_worlds import FOREVER, MS, SECOND, line

STEPS = st.lists(st.tuples(st.integers(0, 50), st.none() | st.integers(0, 100)), max_size=30)


@given(STEPS)
def test_it_rings_once_at_the_time_set_last(steps: list[tuple[int, int | None]]) -> None:
    """Waiting and setting it (None: stopping it) in any order, it rings when a list of one deadline says so."""
    engine = Engine(line("a", "b"))
    rung: list[int] = []
    timer = Timer(engine, lambda: rung.append(engine.now))
    expected: list[int] = []
    deadline: int | None = None
    for wait, delay in (*steps, (1000, None)):
        if deadline is not None and deadline <= engine.now + wait:
            expected.append(deadline)
            deadline = None
        engine.advance(engine.now + wait)
        assert rung == expected and timer.runs == (deadline is not None)
        deadline = None if delay is None else engine.now + delay
        if deadline is None:
            timer.stop()
        else:
            timer.set(deadline)


def test_setting_it_later_again_and_again_costs_no_events() -> None:
    engine = Engine(line("a", "b"))
    timer = Timer(engine, lambda: None)
    for delay in range(1000):
        timer.set(SECOND + delay)
    assert len(engine.events) == 1


def test_it_can_be_set_while_it_rings() -> None:
    engine = Engine(line("a", "b"))
    rung: list[int] = []

    def ring() -> None:
        rung.append(engine.now)
        if len(rung) < 3:
            timer.set(engine.now + MS)

    timer = Timer(engine, ring)
    timer.set(MS)
    engine.advance(FOREVER)
    assert rung == [MS, 2 * MS, 3 * MS]


def test_estimate_as_in_rfc_6298() -> None:
    """Rules 2.2 and 2.3: R, R/2, then 7/8 and 1/8, 3/4 and 1/4."""
    time = RoundTrip()
    assert (time.timeout, time.smoothed) == (FIRST_TIMEOUT, 0)
    time.sample(400 * MS)
    assert (time.smoothed, time.variation, time.timeout) == (400 * MS, 200 * MS, 1200 * MS)
    time.sample(800 * MS)
    assert (time.smoothed, time.variation, time.timeout) == (450 * MS, 250 * MS, 1450 * MS)
    for _ in range(100):
        time.sample(50 * MS)
    assert time.timeout == pytest.approx(250 * MS, rel=0.01)  # the least margin is 200 ms


def test_back_off_doubles_up_to_two_minutes() -> None:
    time = RoundTrip()
    timeouts = []
    for _ in range(10):
        timeouts.append(time.timeout // SECOND)
        time.back_off()
    assert timeouts == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120] and time.timeout == LONGEST_TIMEOUT
    time.sample(MS)
    assert time.timeout < SECOND
