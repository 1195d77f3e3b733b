"""Notebook 03: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

import netlab
from netlab.teach.checkers import exercises, flight, rate

Answer = Callable[..., Any]


def bytes_in_flight(rate_mbps: float, rtt_ms: float) -> float:
    return rate_mbps * 125 * rtt_ms


def bits(small: Any, large: Any) -> float:
    return float(8 * (large["packet_size"].iloc[0] - small["packet_size"].iloc[0]))


def seconds(small: Any, large: Any, choose: str = "min") -> float:
    return float(getattr(large["rtt_ms"], choose)() - getattr(small["rtt_ms"], choose)()) / 1000


def bottleneck_rate(small: Any, large: Any) -> float:
    return 2 * bits(small, large) / seconds(small, large)


def whole(small: Any, large: Any) -> float:
    return 16 * float(large["packet_size"].iloc[0]) / (float(large["rtt_ms"].min()) / 1000)


RIGHT: dict[str, Answer] = {
    "03.1": lambda: "b",
    "03.2": lambda: "c",
    "03.3": lambda: "a",
    "03.4": bytes_in_flight,
    "03.5": bottleneck_rate,
}

WRONG: list[tuple[str, str, Answer]] = [
    ("03.4", "Those are bits. The question asks", lambda rate_mbps, rtt_ms: rate_mbps * 1000 * rtt_ms),
    ("03.4", "milliseconds for seconds: divide", lambda rate_mbps, rtt_ms: rate_mbps * 125_000 * rtt_ms),
    ("03.4", "Those are bits, and you take milliseconds", lambda rate_mbps, rtt_ms: rate_mbps * 1e6 * rtt_ms),
    ("03.4", "You take half of the time", lambda rate_mbps, rtt_ms: rate_mbps * 125 * rtt_ms / 2),
    ("03.4", "there and back already", lambda rate_mbps, rtt_ms: 2 * rate_mbps * 125 * rtt_ms),
    ("03.4", "times 1e6 is missing", lambda rate_mbps, rtt_ms: rate_mbps / 8 * rtt_ms / 1000),
    ("03.4", "Those are kilobytes", lambda rate_mbps, rtt_ms: rate_mbps * rtt_ms / 8),
    ("03.4", "but in no unit", lambda rate_mbps, rtt_ms: rate_mbps * rtt_ms),
    ("03.4", "in a whole second", lambda rate_mbps, rtt_ms: rate_mbps * 125_000),
    ("03.4", "the more is on it: multiply", lambda rate_mbps, rtt_ms: rate_mbps * 125_000 / (rtt_ms / 1000)),
    ("03.4", "Return a number of bytes", lambda rate_mbps, rtt_ms: f"{rate_mbps} MB"),
    ("03.4", "these arguments: rate_mbps, rtt_ms", lambda rate_mbps: 0),
    ("03.5", "Half of it. The bytes pass the line twice", lambda s, t: bottleneck_rate(s, t) / 2),
    ("03.5", "Those are bytes per second", lambda s, t: bottleneck_rate(s, t) / 8),
    ("03.5", "You count bytes, not bits, and one way only", lambda s, t: bottleneck_rate(s, t) / 16),
    ("03.5", "your result is in kbit/s", lambda s, t: bottleneck_rate(s, t) / 1000),
    ("03.5", "but in Mbit/s. Return bit/s", lambda s, t: bottleneck_rate(s, t) / 1e6),
    ("03.5", "twice, and milliseconds are thousandths", lambda s, t: bottleneck_rate(s, t) / 2000),
    ("03.5", "in Mbit/s, and one way only", lambda s, t: bottleneck_rate(s, t) / 2e6),
    ("03.5", "your result is negative", lambda s, t: -bottleneck_rate(s, t)),
    ("03.5", "with the mean in the place", lambda s, t: 2 * bits(s, t) / seconds(s, t, "mean")),
    ("03.5", "with the median in the place", lambda s, t: 2 * bits(s, t) / seconds(s, t, "median")),
    ("03.5", "with the mean (and of one way)", lambda s, t: bits(s, t) / seconds(s, t, "mean")),
    ("03.5", "with the median (and of one way)", lambda s, t: bits(s, t) / seconds(s, t, "median")),
    ("03.5", "with the slowest in the place", lambda s, t: 2 * bits(s, t) / seconds(s, t, "max")),
    ("03.5", "by the whole round-trip time", whole),
    ("03.5", "by the whole round-trip time", lambda s, t: whole(s, t) / 2),
    ("03.5", "returned nan", lambda s, t: math.nan),
    ("03.5", "Return a number of bit/s", lambda s, t: None),
    ("03.5", "Not within 5 % yet", lambda s, t: 12345.0),
]


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("03"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert netlab.check(id, RIGHT[id], points=4, seed=seed) == 4.0
    assert "right, 4 of 4 points" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [None, "spring"])
@pytest.mark.parametrize(("id", "message", "answer"), WRONG, ids=[f"{id} {message}" for id, message, _ in WRONG])
def test_a_known_wrong_answer_is_named(
    id: str, message: str, answer: Answer, seed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.process_time()
    score = netlab.check(id, answer, points=4, seed=seed)
    assert time.process_time() - began < 1
    out, err = capsys.readouterr()
    assert type(score) is float and 0 <= score < 4
    assert message in " ".join(out.split()), out
    assert err == "" and "could not handle" not in out


@pytest.mark.parametrize("id", ["03.1", "03.2", "03.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for letter in "abcd":
        score = netlab.check(id, letter, points=1)
        said[letter] = capsys.readouterr().out
        assert score == (1.0 if letter == RIGHT[id]() else 0.0)
    assert len({text.splitlines()[1] for text in said.values()}) == 4


def test_an_answer_for_one_line_of_three_gets_a_third() -> None:
    """5 % decide, line by line."""
    (first, pair), *_ = rate._lines("")

    def only_the_first(small: Any, large: Any) -> float:
        return first * 1.049 if len(small) and small.equals(pair[0]) else 1.0

    assert netlab.check("03.5", only_the_first, points=3) == 1.0
    assert netlab.check("03.5", lambda small, large: first * 1.3, points=3) < 3.0


def test_the_lines_have_traffic_that_fools_an_average_but_not_the_minimum() -> None:
    for seed in ("", "spring"):
        lines = rate._lines(seed)
        assert len(lines) == 3 and len({true for true, _ in lines}) > 1
        for true, (small, large) in lines:
            assert bottleneck_rate(small, large) == pytest.approx(true, rel=0.01)
            assert 2 * bits(small, large) / seconds(small, large, "mean") != pytest.approx(true, rel=0.1)
            assert small["rtt_ms"].isna().any() and large["rtt_ms"].isna().any()
            assert list(small.columns) == rate.COLUMNS


def test_a_learner_cannot_change_the_tables_for_the_next_check() -> None:
    def spoil(small: Any, large: Any) -> float:
        small["rtt_ms"] = 0.0
        return 0.0

    netlab.check("03.5", spoil)
    assert netlab.check("03.5", bottleneck_rate, points=2) == 2.0


def test_the_product_is_that_of_the_text() -> None:
    assert flight.product((5.0, 30.0)) == 18_750  # 12 packets of 1500 bytes
    assert flight.product((4.0, 63.0)) == bytes_in_flight(4.0, 63.0)
