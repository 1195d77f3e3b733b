"""`plot.hop_times`: boxes of all answers, the destination's line, and whether a jump carries through."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import plot
from netlab.errors import UsageError
from tests.plot.traces import mixed, named, plain, probe, silent, table, thrice


def series(figure: plot.Figure) -> dict[str, dict[Any, Any]]:
    return {each.label: dict(zip(each.x, each.y, strict=True)) for each in figure.series}


def slow_answers() -> Any:
    """Hop 2 answers late, what lies behind it does not."""
    return table(
        *thrice(1, "192.0.2.1", 1.0, **named("gateway")),
        *(probe(2, "198.51.100.2", time, **named("core")) for time in (40.0, 60.0, 100.0)),
        *thrice(3, "203.0.113.80", 8.0, "reply", **named("www")),
    )


def test_median_fastest_and_slowest_are_those_of_the_answers() -> None:
    found = series(plot.hop_times(slow_answers()))
    assert found["median"] == {1: 1.1, 2: 60.0, 3: 8.1}
    assert found["fastest"][2] == 40.0 and found["slowest"][2] == 100.0
    assert found["destination"] == {3: 8.1}


def test_a_silent_hop_is_an_asterisk_and_no_box() -> None:
    found = series(plot.hop_times(mixed()))
    assert found["no answer"] == {3: 0.0} and 3 not in found["median"]


def test_late_answers_are_answers() -> None:
    assert series(plot.hop_times(mixed()))["slowest"][4] == 16.0


def test_without_an_answering_destination_there_is_no_line() -> None:
    assert "destination" not in series(plot.hop_times(silent()))
    assert plot.hop_times(silent()).alt == "Fewer than two hops answered."


def test_alt_text_tells_whether_the_jump_carries_through() -> None:
    assert plot.hop_times(slow_answers()).alt == (
        "The largest jump is to hop 2, from 1.1 to 60 ms, and hop 3 behind it is faster again, 8.1 ms."
    )
    step = table(*thrice(1, "192.0.2.1", 1.0), *thrice(2, "198.51.100.2", 50.0), *thrice(3, "203.0.113.80", 50.0))
    assert plot.hop_times(step).alt.endswith("from 1.1 to 50.1 ms, and no hop behind it is faster.")
    assert plot.hop_times(plain()).alt == "The largest jump is to hop 3, from 3.9 to 8.1 ms."


def test_a_guess_is_drawn_and_compared_with_the_destination() -> None:
    figure = plot.hop_times(slow_answers(), prediction=60)
    assert series(figure)["your guess"] == {"all": 60.0}
    assert figure.alt.endswith("Your guess of 60 ms was 51.9 ms too high.")
    assert figure.axes[0].get_ylim()[1] > 60
    with pytest.raises(UsageError, match="prediction"):
        plot.hop_times(plain(), prediction="long")  # type: ignore[arg-type]
