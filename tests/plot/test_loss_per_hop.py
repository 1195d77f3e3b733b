"""`plot.hop_loss`: the staircase of losses, and what of it carries through."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import plot
from netlab.errors import UsageError
from tests.plot.traces import mixed, plain, probe, silent, table


def series(figure: plot.Figure) -> dict[str, dict[Any, Any]]:
    return {each.label: dict(zip(each.x, each.y, strict=True)) for each in figure.series}


def staircase(*lost: int) -> Any:
    """Hops of ten probes each, of which so many are lost."""
    rows = []
    for ttl, number in enumerate(lost, start=1):
        outcome = "reply" if ttl == len(lost) else ""
        rows += [probe(ttl) if n < number else probe(ttl, f"198.51.100.{ttl}", 5.0, outcome) for n in range(10)]
    return table(*rows)


def carried(losses: list[float]) -> list[float]:
    return [min(losses[hop:]) for hop in range(len(losses))]


def test_losses_are_shares_of_the_decided_probes() -> None:
    assert series(plot.hop_loss(staircase(0, 6, 0)))["loss"] == {1: 0, 2: 60, 3: 0}
    found = series(plot.hop_loss(mixed()))["loss"]
    assert found[3] == 100 and found[5] == 0, "a probe in flight is not lost"
    assert found[4] == pytest.approx(100 / 3), "and a late answer is an answer"


def test_the_interval_is_wilsons() -> None:
    high = series(plot.hop_loss(staircase(0, 1)))["high"]
    assert high[2] == pytest.approx(40.4, abs=0.1)


def test_a_learners_function_gets_shares_and_is_drawn_in_percent() -> None:
    given: list[list[float]] = []

    def function(losses: list[float]) -> list[float]:
        given.append(list(losses))
        return carried(losses)

    found = series(plot.hop_loss(staircase(0, 6, 1, 1), carried=function))
    assert given == [[0.0, 0.6, 0.1, 0.1]]
    assert found["carries through"] == {1: 0, 2: 10, 3: 10, 4: 10}
    assert "carries through" not in series(plot.hop_loss(plain()))


@pytest.mark.parametrize("answer", [None, [0.0], ["a", "b"], 3])
def test_anything_else_than_a_number_per_hop_is_refused(answer: Any) -> None:
    with pytest.raises(UsageError, match="a list of 2 numbers for 2 losses"):
        plot.hop_loss(staircase(0, 1), carried=lambda losses: answer)


def test_alt_text_tells_whether_it_carries_through() -> None:
    assert plot.hop_loss(plain()).alt == "No hop loses anything."
    assert plot.hop_loss(staircase(0, 6, 0)).alt == (
        "Hop 2 loses most, 60 %; hop 3, the last, loses 0 %: nothing carries through."
    )
    assert plot.hop_loss(staircase(0, 6, 1)).alt.endswith("hop 3, the last, loses 10 %: some of it may carry through.")
    assert plot.hop_loss(staircase(0, 0, 2)).alt == "Hop 3 loses most, 20 %."
    assert plot.hop_loss({"a": plain(), "b": silent(1)}).alt == (
        "2 measurements. a: no hop loses anything. b: hop 1 loses most, 100 %."
    )
