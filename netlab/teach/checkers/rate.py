"""Exercise 03.5: the rate of the slowest link, from pings of two sizes.

The tables are measured here, on three lines made from the seed. Other traffic is on them, and more of it when the large
pings are sent than when the small ones are: whoever takes an average takes the traffic for the line.

Source: RFC 5136 section 2.3 (capacity), RFC 2681 (round-trip delay).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from netlab.teach.checkers.building import unwatched
from netlab.teach.exercise import Mistake, Verdict, Wrong, as_float, dice, number, recognise
from netlab.teach.guard import show

if TYPE_CHECKING:
    from pandas import DataFrame

Pair = tuple["DataFrame", "DataFrame"]
"""Small pings, large pings."""

COLUMNS = ["attempt", "packet_size", "outcome", "rtt_ms"]
LINES = 3
COUNT = 30
TOLERANCE = 0.05
TRIES = 50
"""Lines that are thrown until one can be measured well and an average is clearly wrong; nearly always the first."""


def estimate(small: DataFrame, large: DataFrame) -> float:
    """The right way."""
    more_bits = 8 * (int(large["packet_size"].iloc[0]) - int(small["packet_size"].iloc[0]))
    seconds = (float(large["rtt_ms"].min()) - float(small["rtt_ms"].min())) / 1000
    return 2 * more_bits / seconds


@lru_cache(maxsize=8)
def _lines(seed: str) -> tuple[tuple[float, Pair], ...]:
    """The true rate of each line in bit/s, and what was measured on it."""
    with unwatched():
        return tuple(_measure(dice("03.5", f"{seed}/{line}")) for line in range(LINES))


def _measure(random: Random) -> tuple[float, Pair]:
    for _ in range(TRIES):
        rate_mbps = (8 + random.getrandbits(6)) / 8  # 1 to 9 Mbit/s
        delays = [round(1 + 20 * random.random(), 1) for _ in range(3)]
        sizes = 40 + random.getrandbits(6), 1200 + random.getrandbits(8)
        small = _ping(rate_mbps, delays, 0.1, sizes[0], random)
        large = _ping(rate_mbps, delays, 0.65, sizes[1], random)
        rate = rate_mbps * 1e6
        if (
            abs(estimate(small, large) / rate - 1) < 0.01
            and all(abs(way(small, large) / rate - 1) > 2 * TOLERANCE for way in (_by_mean, _by_median))
            and all((frame["outcome"] == "timeout").any() for frame in (small, large))
        ):
            break
    return rate, (small, large)


def _ping(rate_mbps: float, delays: list[float], load: float, size: int, random: Random) -> DataFrame:
    from netlab import api

    world = {
        "name": "unseen",
        "vantage": "here",
        "node": {
            "here": {"kind": "host", "address": ["192.0.2.10/24"]},
            "first": {"kind": "router", "address": ["192.0.2.1/24", "198.51.100.1/30"]},
            "second": {"kind": "router", "address": ["198.51.100.2/30", "203.0.113.1/24"]},
            "there": {"kind": "host", "address": ["203.0.113.80/24"]},
        },
        "link": [
            {"ends": ["here", "first"], "delay_ms": delays[0], "rate_mbps": 10000, "loss": 0.03},
            {"ends": ["first", "second"], "delay_ms": delays[1], "rate_mbps": rate_mbps},
            {"ends": ["second", "there"], "delay_ms": delays[2], "rate_mbps": 10000},
        ],
        "traffic": [{"path": ["first", "second"], "kind": "poisson", "rate_mbps": rate_mbps * load}],
    }
    network = api.network_for(api.world(world), seed=random.getrandbits(24))
    return api.ping("there", count=COUNT, size=size, interval=0.06, network=network)[COLUMNS]


def _by(choose: Callable[[Any], Any]) -> Callable[[DataFrame, DataFrame], float]:
    """The same calculation with something else than the minimum."""

    def calculate(small: DataFrame, large: DataFrame) -> float:
        more = int(large["packet_size"].iloc[0]) - int(small["packet_size"].iloc[0])
        return 16000 * more / (float(choose(large["rtt_ms"])) - float(choose(small["rtt_ms"])))

    return calculate


_by_mean, _by_median = _by(lambda delays: delays.mean()), _by(lambda delays: delays.median())

_WAITING = (
    "That is the rate with {} in the place of the fastest answer. Other traffic was on the line, and packets waited "
    "behind it: an average has the waiting in it. Only the fastest answers did not wait."
)


def _times(factor: float, message: str) -> Mistake:
    return Mistake(lambda pair: factor * estimate(*pair), message)


_MISTAKES = [
    _times(0.5, "Half of it. The bytes pass the line twice: the echo comes back as long as it went."),
    _times(1 / 8, "Those are bytes per second. A byte has 8 bits, and rates are counted in bits."),
    _times(1 / 16, "You count bytes, not bits, and one way only: the bytes pass the line twice."),
    _times(1e-3, "Milliseconds are thousandths of a second: your result is in kbit/s. Return bit/s."),
    _times(1e-6, "The rate is right, but in Mbit/s. Return bit/s."),
    _times(0.5e-3, "The bytes pass the line twice, and milliseconds are thousandths of a second."),
    _times(0.5e-6, "That is in Mbit/s, and one way only: the bytes pass the line twice. Return bit/s."),
    _times(-1, "Large minus small, in both places: your result is negative."),
    Mistake(lambda pair: _by_mean(*pair), _WAITING.format("the mean")),
    Mistake(lambda pair: _by_median(*pair), _WAITING.format("the median")),
    Mistake(lambda pair: _by_mean(*pair) / 2, _WAITING.format("the mean (and of one way)")),
    Mistake(lambda pair: _by_median(*pair) / 2, _WAITING.format("the median (and of one way)")),
    Mistake(lambda pair: _by(lambda delays: delays.max())(*pair), _WAITING.format("the slowest")),
    Mistake(lambda pair: _by(lambda delays: delays.iloc[0])(*pair), _WAITING.format("the first")),
    Mistake(
        lambda pair: 16000 * int(pair[1]["packet_size"].iloc[0]) / float(pair[1]["rtt_ms"].min()),
        "You divide the size by the whole round-trip time. Most of that is distance. Take the difference of two sizes: "
        "the distance is the same in both.",
    ),
    Mistake(
        lambda pair: 8000 * int(pair[1]["packet_size"].iloc[0]) / float(pair[1]["rtt_ms"].min()),
        "You divide the size by the whole round-trip time. Most of that is distance. Take the difference of two sizes: "
        "the distance is the same in both.",
    ),
]


def examine(answer: Callable[[Any, Any], Any], seed: str) -> Verdict:
    lines = _lines(seed)
    answers = [answer(small.copy(), large.copy()) for _, (small, large) in lines]
    off = [abs(as_float(value) / rate - 1) for value, (rate, _) in zip(answers, lines, strict=True)]
    fits = [one <= TOLERANCE for one in off]
    if all(fits):
        return Verdict(1.0, "All three within 5 %, through other people's traffic.", _table(lines, answers))
    first = answers[fits.index(False)]
    if first is None or number(first) is None:
        if first is not None and first != first:
            raise Wrong("Your function returned nan. A lost ping has no time: in pandas, min() leaves it out.")
        raise Wrong(f"Your function returned {show(first)}. Return a number of bit/s.")
    message = recognise(_MISTAKES, [pair for _, pair in lines], [as_float(value) for value in answers])
    return Verdict(sum(fits) / LINES, message or "Not within 5 % yet.", _table(lines, answers))


def _table(lines: tuple[tuple[float, Pair], ...], answers: list[Any]) -> str:
    rows = []
    for line, ((rate, (small, large)), value) in enumerate(zip(lines, answers, strict=True), start=1):
        sizes = f"{small['packet_size'].iloc[0]} and {large['packet_size'].iloc[0]} bytes"
        fastest = f"fastest {small['rtt_ms'].min():.3f} and {large['rtt_ms'].min():.3f} ms"
        said = f"{as_float(value) / 1e6:.4g}" if number(value) is not None else show(value, 20)
        rows.append(f"  line {line}: {sizes}, {fastest}: {rate / 1e6:.4g} Mbit/s, you gave {said}")
    return "\n".join(rows)
