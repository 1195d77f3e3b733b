"""Congestion control by itself: the windows that RFC 5681 and RFC 6582 prescribe, step by step."""

from __future__ import annotations

import pytest

from netlab.internet.tcp_congestion import UNLIMITED, Congestion

MSS = 1000


def congestion(segments: int = 10) -> Congestion:
    return Congestion(MSS, segments, 0)


@pytest.mark.parametrize(("mss", "window"), [(536, 5360), (1460, 14_600), (2000, 14_600), (8960, 17_920)])
def test_initial_window(mss: int, window: int) -> None:
    """RFC 6928 section 2, equation 1."""
    assert Congestion(mss, 10, 0).window == window


@pytest.mark.parametrize("every", [1, 2])
def test_slow_start_doubles_in_a_round_trip(every: int) -> None:
    """Whether every segment is acknowledged or every second (RFC 3465 section 2.3, L = 2)."""
    control, una = congestion(), 0
    for expected in (20, 40, 80):
        flight = control.window
        control.sent(una, una + flight)
        for _ in range(flight // (every * MSS)):
            una += every * MSS
            control.acknowledged(una, every * MSS, flight)
        assert control.window == expected * MSS


def test_one_acknowledgement_for_much_opens_by_two_segments() -> None:
    control = congestion()
    control.sent(0, 10_000)
    control.acknowledged(10_000, 10_000, 10_000)
    assert control.window == 12_000


def test_after_a_timeout_an_acknowledgement_opens_by_one_segment() -> None:
    control = congestion(20)
    control.sent(0, 20_000)
    control.expired(0, 20_000, again=False)
    control.acknowledged(2000, 2000, 20_000)
    assert control.window == 2000
    control.acknowledged(19_000, 17_000, 18_000)
    assert control.window == 3000
    control.acknowledged(21_000, 2000, 4000)
    assert control.window == 5000


def test_congestion_avoidance_adds_one_segment_in_a_round_trip() -> None:
    control, una = congestion(), 0
    control.threshold = 10_000
    for expected in (11, 12, 13):
        flight = control.window
        control.sent(una, una + flight)
        for _ in range(flight // MSS):
            una += MSS
            control.acknowledged(una, MSS, flight)
        assert control.window == expected * MSS


def test_a_window_that_is_not_used_does_not_grow() -> None:
    control = congestion()
    control.sent(0, 4 * MSS)
    control.acknowledged(MSS, MSS, 4 * MSS)
    assert control.window == 10 * MSS
    control.sent(MSS, 6 * MSS)
    control.acknowledged(2 * MSS, MSS, 5 * MSS)
    assert control.window == 11 * MSS


def test_all_of_a_flight_counts_although_it_drains() -> None:
    """What is left of it at its last acknowledgement is one segment; it has filled the window all the same."""
    control = congestion()
    control.sent(0, 10 * MSS)
    for arrived in range(1, 11):
        control.acknowledged(arrived * MSS, MSS, (11 - arrived) * MSS)
    assert control.window == 20 * MSS


def test_what_was_once_on_its_way_counts_for_one_round_trip() -> None:
    """A flight of ten segments, and then little: it is its own ten that open the window, and nobody else."""
    control = congestion()
    control.sent(0, 10 * MSS)
    control.acknowledged(9 * MSS, 2 * MSS, 10 * MSS)
    assert control.window == 12 * MSS
    control.sent(9 * MSS, 11 * MSS)  # less, while the last of the ten is still on its way: that is the same round trip
    control.acknowledged(10 * MSS, MSS, 2 * MSS)
    assert control.window == 13 * MSS
    control.sent(10 * MSS, 12 * MSS)
    control.acknowledged(12 * MSS, 2 * MSS, 2 * MSS)
    assert control.window == 13 * MSS


def test_fast_retransmit_halves_and_recovery_ends_at_half() -> None:
    control = congestion(20)
    assert control.threshold == UNLIMITED
    assert [control.duplicate(0, 20_000) for _ in range(4)] == [False, False, True, False]
    assert (control.threshold, control.window, control.recovering) == (10_000, 14_000, True)
    assert control.acknowledged(5000, 5000, 20_000)  # partial: 5 segments have left, one is sent again
    assert control.window == 10_000
    assert control.acknowledged(5100, 100, 20_000)  # less than a segment: nothing is added back
    assert control.window == 9900
    assert not control.acknowledged(20_000, 14_900, 24_000)
    assert (control.window, control.recovering) == (10_000, False)


def test_full_acknowledgement_makes_no_burst() -> None:
    """RFC 6582 section 3.2 step 3, option 1: with little on its way the window is that and a segment."""
    control = congestion(20)
    for _ in range(3):
        control.duplicate(0, 20_000)
    control.acknowledged(20_000, 20_000, 23_000)
    assert control.window == 4000


def test_limited_transmit() -> None:
    control = congestion()
    limits = []
    for _ in range(3):
        limits.append(control.limit)
        control.duplicate(0, 10_000)
    assert limits == [10_000, 11_000, 12_000] and control.limit == control.window


def test_timeout_begins_again_with_one_segment() -> None:
    control = congestion(20)
    control.expired(0, 20_000, again=False)
    assert (control.window, control.threshold) == (MSS, 10_000)
    control.expired(0, 1000, again=True)  # the same segment: half of nothing would be too little
    assert control.threshold == 10_000
    control.expired(0, 1000, again=False)
    assert control.threshold == 2 * MSS


def test_timeout_within_a_recovery_keeps_the_threshold() -> None:
    control = congestion(20)
    for _ in range(3):
        control.duplicate(0, 20_000)
    control.expired(2000, 60_000, again=False)
    assert (control.window, control.threshold, control.recovering) == (MSS, 10_000, False)


def test_duplicates_of_what_was_sent_before_a_timeout_tell_nothing() -> None:
    """RFC 6582 section 4: everything is sent again after a timeout, so there are duplicates without a new loss."""
    control = congestion(20)
    control.expired(0, 20_000, again=False)
    assert not any(control.duplicate(10_000, 20_000) for _ in range(5))
    control.acknowledged(20_000, 10_000, 20_000)
    assert not any(control.duplicate(20_000, 30_000) for _ in range(5))
    control.acknowledged(21_000, 1000, 10_000)
    assert [control.duplicate(21_000, 31_000) for _ in range(3)] == [False, False, True]


def test_the_segment_after_a_recovery_may_be_lost_too() -> None:
    control = congestion(20)
    for _ in range(3):
        control.duplicate(0, 20_000)
    control.acknowledged(20_000, 20_000, 25_000)
    assert [control.duplicate(20_000, 25_000) for _ in range(3)] == [False, False, True]
