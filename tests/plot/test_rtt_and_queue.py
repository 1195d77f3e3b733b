"""`plot.over_queue`: round-trip times, and the queue that made them."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab import plot
from netlab.errors import UsageError
from netlab.internet.model import EPOCH
from tests.plot.sample import probes

HOP = ("home", "provider")


def wait(second: float, ms: float, hop: tuple[str, str] = HOP) -> dict[str, Any]:
    return {"from": hop[0], "to": hop[1], "time": EPOCH + int(second * 1e9), "queueing_ms": ms}


def queue(figure: plot.Figure) -> list[tuple[Any, Any]]:
    found = next(series for series in figure.series if series.label.startswith("queue"))
    return list(zip(found.x, found.y, strict=True))


def test_a_wait_is_turned_into_packets() -> None:
    """2.4 ms at 5 Mbit/s are 12,000 bits: one packet of 1500 bytes."""
    truth = [wait(1, 0), wait(2, 2.4), wait(3, 24), wait(3, 99, ("provider", "home"))]
    figure = plot.over_queue(probes(10, 12.4, 34), truth, hop=HOP, rate_mbps=5)
    assert queue(figure) == [(0, 0), (1, pytest.approx(1)), (2, pytest.approx(10))]


def test_alt_text_states_the_longest_wait_and_the_guess() -> None:
    figure = plot.over_queue(probes(10, 34), [wait(1, 0), wait(2, 24)], hop=HOP, rate_mbps=5, prediction=30)
    assert figure.alt == (
        "The round-trip time goes from 10 to 34 ms, with the queue from home to provider: up to 10 packets wait there, "
        "for 24 ms at 5 Mbit/s. Your guess of 30 ms was 4 ms too low."
    )


def test_both_axes_have_the_same_time() -> None:
    upper, lower = plot.over_queue(probes(10, 34), [wait(1, 0), wait(2, 24)], hop=HOP, rate_mbps=5, limit=20).axes
    assert upper.get_xlim() == lower.get_xlim()
    assert lower.get_ylabel() == "queue (packets)" and lower.get_ylim()[1] > 20


def test_it_fits_what_a_network_measures() -> None:
    """Of every ping, what is above the fastest is what it waited."""
    with netlab.use("bufferbloat") as network:
        frame = netlab.ping("server", count=60, interval=0.1)
    figure = plot.over_queue(frame, network.truth(), hop=HOP, rate_mbps=5, limit=250)
    packets = [float(value) for _, value in queue(figure)]
    assert max(packets) > 50
    for delay, waiting in zip(frame["rtt_ms"], packets, strict=True):
        assert delay - frame["rtt_ms"].min() == pytest.approx(waiting * 2.4, abs=0.01)


def test_a_table_of_truth_does_as_well() -> None:
    from pandas import DataFrame

    rows = [wait(1, 0), wait(2, 24)]
    one, two = (plot.over_queue(probes(10, 34), each, hop=HOP, rate_mbps=5) for each in (rows, DataFrame(rows)))
    assert one.fingerprint() == two.fingerprint()


def test_an_empty_truth_is_drawn_as_such() -> None:
    assert plot.over_queue(probes(None), [], hop=HOP, rate_mbps=5).alt.startswith("No answer came")


def test_wrong_arguments_are_named() -> None:
    frame, truth = probes(10), [wait(1, 0)]
    with pytest.raises(UsageError, match="home → provider"):
        plot.over_queue(frame, truth, hop=("a", "b"), rate_mbps=5)
    with pytest.raises(UsageError, match="rate_mbps"):
        plot.over_queue(frame, truth, hop=HOP, rate_mbps=0)
    with pytest.raises(UsageError, match="queueing_ms"):
        plot.over_queue(frame, [{"from": "a", "to": "b", "time": 0}], hop=HOP, rate_mbps=5)
    with pytest.raises(UsageError, match="one destination"):
        plot.over_queue({"a": frame, "b": frame}, truth, hop=HOP, rate_mbps=5)  # type: ignore[arg-type]
