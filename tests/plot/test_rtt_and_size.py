"""`plot.over_size`: the slope is the rate, the intercept the distance."""

from __future__ import annotations

import pytest

import netlab
from netlab import plot
from netlab.plot.rtt_and_size import fitted
from tests.plot.sample import probes


def test_the_line_goes_through_the_fastest_of_each_size() -> None:
    line = fitted([(100, 9.0), (100, 5.0), (1100, 9.0), (1100, 30.0), (600, 7.0)])
    assert line is not None
    assert line.start == pytest.approx(4.6) and line.slope == pytest.approx(0.004)
    assert line.rate_mbps == pytest.approx(4)


def test_one_size_gives_no_line() -> None:
    assert fitted([(100, 5.0), (100, 6.0)]) is None
    assert plot.over_size(probes(5, 6, packet_size=100)).alt.startswith("There are not two sizes")


def test_a_real_line_gives_its_rate_and_its_length() -> None:
    with netlab.use("bottleneck"):
        frames = {host: netlab.ping(host, count=6, size=[56, 800, 1472]) for host in ("near", "far")}
    figure = plot.over_size(frames, prediction=10)
    assert figure.alt == (
        "near: the line begins at 3 ms and rises by 4 µs per byte, which is 4 Mbit/s there and back. "
        "far: the line begins at 63 ms and rises by 4 µs per byte, which is 4 Mbit/s there and back. "
        "Your guess of 10 Mbit/s was 6 Mbit/s too high."
    )
    lines = {series.label: list(series.y) for series in figure.series if series.label.endswith("line")}
    assert lines["near line"] == [pytest.approx(3), pytest.approx(9)]
    assert lines["far line"] == [pytest.approx(63), pytest.approx(69, abs=0.01)]


def test_lost_probes_are_left_out() -> None:
    frame = probes(5, None, 6)
    frame["packet_size"] = [100, 100, 200]
    (points, _) = plot.over_size(frame).series
    assert list(points.x) == [100, 200]


def test_no_answers_at_all() -> None:
    figure = plot.over_size(probes(None, None))
    assert figure.series == () and figure.png()


def test_a_line_that_falls_has_no_rate() -> None:
    frame = probes(6, 5)
    frame["packet_size"] = [100, 200]
    assert "no rate" in plot.over_size(frame).alt
