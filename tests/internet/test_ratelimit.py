"""Token bucket and window, against plain models of both."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.model import RateLimit
from netlab.internet.ratelimit import SECOND, Limiter

GAPS = st.lists(st.integers(0, 3 * SECOND), max_size=60)


@given(gaps=GAPS, rate=st.integers(1, 20), burst=st.integers(1, 10))
def test_bucket(gaps: list[int], rate: int, burst: int) -> None:
    """The model counts tokens as exact fractions."""
    limiter = Limiter(RateLimit("bucket", rate, burst))
    cost = round(SECOND / rate)
    tokens, now = Fraction(burst), 0
    for gap in gaps:
        now += gap
        tokens = min(Fraction(burst), tokens + Fraction(gap, cost))
        assert limiter.allow(now, b"") == (tokens >= 1)
        tokens -= tokens >= 1


@given(gaps=GAPS, rate=st.integers(1, 20), burst=st.integers(1, 10))
def test_window(gaps: list[int], rate: int, burst: int) -> None:
    limiter = Limiter(RateLimit("window", rate, burst))
    length, start, sent, now = round(SECOND / rate) * burst, None, 0, 0
    for gap in gaps:
        now += gap
        if start is None or now >= start + length:
            start, sent = now, 0
        assert limiter.allow(now, b"") == (sent < burst)
        sent += sent < burst


def test_share_of_answers_at_a_fixed_spacing() -> None:
    """R(spacing) = min(1, burst / N + spacing x rate), the formula behind the rate-limit test."""
    for spacing in (10_000_000, 100_000_000, 500_000_000, SECOND):
        limiter = Limiter(RateLimit())
        answers = sum(limiter.allow(n * spacing, b"") for n in range(40))
        assert abs(answers - min(40, 6 + 40 * spacing / SECOND)) <= 1


def test_rate_zero_gives_the_burst_and_never_more() -> None:
    for kind in ("bucket", "window"):
        limiter = Limiter(RateLimit(kind, 0, 2))  # type: ignore[arg-type]
        assert [limiter.allow(n * 3600 * SECOND, b"") for n in range(4)] == [True, True, False, False]


def test_destinations_have_their_own_bucket_when_asked() -> None:
    for shared, expected in ((False, [True, False]), (True, [True, True])):
        limiter = Limiter(RateLimit(burst=1, per_destination=shared))
        assert [limiter.allow(0, b"\1"), limiter.allow(0, b"\2")] == expected
