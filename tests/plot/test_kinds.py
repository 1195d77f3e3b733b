"""`plot.outcomes`: which hosts gave which kind of answer."""

from __future__ import annotations

import netlab
from netlab import plot
from tests.plot.sample import mixed, probes


def test_every_host_counts_once_by_its_first_answer() -> None:
    frames = {"a": probes(None, 5), "b": probes(None, None), "c": probes("unreachable"), "d": mixed()}
    figure = plot.outcomes(frames)
    assert {series.label: list(series.x) for series in figure.series} == {
        "reply": ["a", "d"], "unreachable": ["c"], "time exceeded": [], "no answer": ["b"],
    }  # fmt: skip


def test_the_broken_world() -> None:
    hosts = ["down", "noroute", "prohibited", "drop", "closed", "mtu", "loop", "mask"]
    with netlab.use("broken"):
        frame = netlab.ping(hosts, count=1)
    assert plot.outcomes(frame, prediction=8).alt == (
        "Of 8 hosts: 2 reply (closed, mtu); 2 unreachable (noroute, prohibited); 1 time exceeded (loop); "
        "3 no answer (down, drop, mask). Your guess of 8 was 5 too high."
    )


def test_the_guess_stands_in_the_row_of_silence() -> None:
    figure = plot.outcomes(probes(5), prediction=3)
    assert figure.series[-1].label == "your guess" and list(figure.series[-1].x) == [3]
    assert figure.axes[0].get_xlim()[1] > 3


def test_no_probes() -> None:
    figure = plot.outcomes(probes())
    assert figure.alt == "No probes, so nothing is known." and figure.png()
