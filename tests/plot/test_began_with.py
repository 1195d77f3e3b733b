"""`plot.initial_ttls`: what answers began with, and who begins with two values."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from pandas import DataFrame

import netlab
from netlab import frames, plot
from netlab.errors import UsageError
from netlab.probe.flight import INITIAL_TTLS, return_hops
from netlab.probe.rows import EMPTY


def answers(*pairs: tuple[str, int | None]) -> DataFrame:
    """Rows of responders and the TTLs that were left."""
    rows: list[dict[str, Any]] = []
    for number, (responder, left) in enumerate(pairs, 1):
        back = None if left is None else return_hops(left)
        rows.append({
            **EMPTY, "destination": "www", "address": "203.0.113.80", "ttl": number, "attempt": 1, "sequence": number,
            "responder": responder, "reply_ttl": left, "return_hops": back, "network": "virtual:sample",
            "protocol": "icmp", "clock": "virtual", "outcome": "time-exceeded" if responder else "timeout",
        })  # fmt: skip
    return frames.table(rows, frames.PROBES)


def seen(figure: plot.Figure) -> dict[int, dict[str, int]]:
    return {
        int(series.label.split()[-1]): dict(zip(map(str, series.x), map(int, series.y), strict=True))
        for series in figure.series
    }


def test_each_responder_stands_at_what_it_began_with_and_with_its_way_back() -> None:
    figure = plot.initial_ttls(
        answers(("192.0.2.1", 255), ("", None), ("198.51.100.2", 252), ("198.51.100.2", 252), ("203.0.113.80", 60))
    )
    assert seen(figure) == {32: {}, 64: {"203.0.113.80": 5}, 128: {}, 255: {"192.0.2.1": 1, "198.51.100.2": 4}}
    assert figure.alt == "Of 3 responders: 1 begins with 64 (203.0.113.80), 2 with 255 (192.0.2.1, 198.51.100.2)."


@pytest.mark.parametrize("initial", INITIAL_TTLS)
@pytest.mark.parametrize("hops", [1, 7, 30])
def test_every_value_of_the_probing_layer_has_its_bar(initial: int, hops: int) -> None:
    assert seen(plot.initial_ttls(answers(("192.0.2.1", initial - hops + 1))))[initial] == {"192.0.2.1": hops}


def test_a_responder_with_two_values_is_named() -> None:
    figure = plot.initial_ttls(answers(("192.0.2.1", 250), ("192.0.2.1", 60)))
    assert figure.alt == (
        "Of 1 responder: 1 begins with 64 (192.0.2.1), 1 with 255 (192.0.2.1). With more than one value: 192.0.2.1."
    )


def test_many_are_counted_and_the_first_are_named() -> None:
    figure = plot.initial_ttls(answers(*((f"192.0.2.{n}", 64) for n in range(1, 11))))
    assert len(seen(figure)[64]) == 10 and "and 6 more" in figure.alt
    assert figure.alt.startswith("Of 10 responders: 10 begin with 64 (192.0.2.1, ")


def test_without_answers_nothing_is_claimed() -> None:
    figure = plot.initial_ttls(answers(("", None)))
    assert figure.alt == "No answer shows its TTL, so nothing is known."
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text().strip()] == [
        "no answers that show their TTL"
    ]


def test_a_measurement_shows_routers_and_the_host_apart() -> None:
    world = tomllib.loads((files("netlab.internet") / "worlds" / "campus.toml").read_text("utf-8"))
    for router in ("gateway", "core"):
        world["node"][router]["initial_ttl"] = 255
    frame = netlab.traceroute("www", attempts=1, window=1, network=netlab.world(world))
    assert seen(plot.initial_ttls(frame)) == {
        32: {}, 64: {"203.0.113.80": 3}, 128: {}, 255: {"192.0.2.1": 1, "198.51.100.2": 2},
    }  # fmt: skip


def test_something_else_is_an_error() -> None:
    with pytest.raises(UsageError):
        plot.initial_ttls(DataFrame({"x": [1]}))
