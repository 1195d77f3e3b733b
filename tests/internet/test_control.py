"""Slow control planes: late, in order, sometimes never; what is forwarded is not touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.control import ControlPlane
from netlab.internet.model import Control
from tests.internet.engine_worlds import MS, SECOND, Run, echo, line, udp

TO = {4: ("10.0.0.1", "10.0.1.2"), 6: ("2001:db8::1", "2001:db8:1::2")}


@pytest.mark.parametrize("family", [4, 6])
def test_errors_and_echo_replies_are_late_and_what_passes_is_not(family: int) -> None:
    world = line("a", "r", "b", r={"control": Control(delay=50 * MS)})
    run = Run(world)
    router = "10.0.0.2" if family == 4 else "2001:db8::2"
    for packet, expected in (
        (echo(*TO[family]), 4 * MS),
        (echo(*TO[family], ttl=1), 52 * MS),
        (echo(TO[family][0], router), 52 * MS),
        (udp(TO[family][0], router, 33434), 52 * MS),
    ):
        run.inbox.clear()
        start = run.engine.now
        run.send(packet)
        ((time, _, _),) = run.answers(start + SECOND)
        assert time - start == expected


def test_the_wait_is_part_of_the_truth() -> None:
    run = Run(line("a", "r", "b", r={"control": Control(delay=50 * MS, jitter=10 * MS)}))
    for n in range(5):
        run.send(echo(*TO[4], n, ttl=1), at=n * SECOND)
    times = [time for time, _, _ in run.answers()]
    rows = run.engine.truth()
    assert len(rows) == 5, "the requests end at the router"
    for n, (row, time) in enumerate(zip(rows, times, strict=True)):
        assert row["from"] == "r" and row["processing_ms"] >= 50
        assert row["delay_ms"] == pytest.approx((time - n * SECOND) / MS - 1)


@given(
    gaps=st.lists(st.integers(0, 20 * MS), min_size=1, max_size=60),
    delay=st.integers(0, 100 * MS),
    jitter=st.integers(0, 100 * MS),
)
def test_messages_keep_their_order_within_delay_and_jitter(gaps: list[int], delay: int, jitter: int) -> None:
    plane = ControlPlane(Control(delay, jitter), 1, "r")
    now, latest = 0, 0
    for gap in gaps:
        now += gap
        time = plane.leaves(now)
        assert time is not None and now + delay <= time <= now + delay + jitter
        assert time >= latest
        latest = time


def test_a_share_is_never_said_and_counted() -> None:
    run = Run(line("a", "r", "b", r={"control": Control(drop=0.25)}))
    for n in range(2000):
        run.send(echo(*TO[4], n, ttl=1), at=n * MS)
    answers = len(run.answers())
    assert 1400 < answers < 1600  # 1500, with a standard deviation of 19
    assert run.engine.withheld() == {("r", "slow control plane"): 2000 - answers}
    assert run.engine.losses() == {"ttl exceeded": 2000}


def test_dropping_does_not_change_the_delays_of_the_others() -> None:
    """Each kind of chance has a stream of its own."""
    delays = []
    for drop in (0.0, 0.5):
        plane = ControlPlane(Control(0, MS, drop), 1, "r")
        delays.append([plane.leaves(n * SECOND) for n in range(50)])
    assert [time for time in delays[1] if time is not None] == [
        time for time, other in zip(*delays, strict=True) if other is not None
    ]
