"""`plot.delays`: the parts of the delay, per hop and in sum."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import frames, plot
from netlab.errors import UsageError
from netlab.plot.parts import MOST


def hop(source: str, target: str, propagation: float = 1.0, queueing: float = 0.0) -> dict[str, Any]:
    parts = {"propagation_ms": propagation, "transmission_ms": 0.1, "queueing_ms": queueing, "processing_ms": 0.0}
    return {"packet": 1, "from": source, "to": target, **parts}


def values(figure: plot.Figure, part: str) -> dict[Any, Any]:
    found = next(series for series in figure.series if series.label == part)
    return dict(zip(found.x, found.y, strict=True))


def test_parts_are_means_per_hop_in_order() -> None:
    figure = plot.delays([hop("a", "b", 1), hop("b", "c", 2, 8), hop("a", "b", 3)])
    assert values(figure, "propagation") == {"a → b": 2, "b → c": 2, "whole way": 4}
    assert values(figure, "queueing") == {"a → b": 0, "b → c": 8, "whole way": 8}


def test_alt_text_names_the_largest_part() -> None:
    assert plot.delays([hop("a", "b", 1), hop("b", "c", 2, 8)]).alt == (
        "The whole way takes 11.2 ms: propagation 3 ms, transmission 0.2 ms, queueing 8 ms. "
        "The largest single part is queueing on b → c, 8 ms (71 %)."
    )


def test_guess_is_compared_with_the_whole_way() -> None:
    figure = plot.delays([hop("a", "b", 0.9)], prediction=2)
    assert figure.alt.endswith("Your guess of 2 ms was 1 ms too high.")


def test_a_table_does_as_well_as_rows() -> None:
    from pandas import DataFrame

    rows = [hop("a", "b"), hop("b", "a")]
    assert plot.delays(DataFrame(rows)).fingerprint() == plot.delays(rows).fingerprint()


def test_long_ways_are_shortened() -> None:
    figure = plot.delays([hop(f"r{n}", f"r{n + 1}") for n in range(60)])
    assert len(values(figure, "propagation")) == MOST + 1
    assert values(figure, "propagation")["whole way"] == pytest.approx(60)


def test_missing_columns_are_named() -> None:
    with pytest.raises(UsageError, match="queueing_ms"):
        plot.delays([{"from": "a", "to": "b", "propagation_ms": 1, "transmission_ms": 1, "processing_ms": 0}])


def test_truth_of_the_virtual_internet_fits() -> None:
    """The real thing: the rows that a virtual network hands out are what this function takes."""
    from netlab import api

    network: Any = api.network_for("line")
    rows = list(api.pinging("server", network=network, count=1))
    figure = plot.delays(network.truth())
    whole = sum(values(figure, part)["whole way"] for part in ("propagation", "transmission", "queueing", "processing"))
    assert whole == pytest.approx(frames.probes(rows)["rtt_ms"][0])
