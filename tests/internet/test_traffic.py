"""Background traffic: its rate, its effect on queues, and that looking more often changes nothing."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest

from netlab.internet.engine import Engine
from netlab.internet.model import Traffic
from netlab.internet.randomness import stream
from netlab.internet.traffic import LONGEST, WARM_UP, arrivals
from tests.internet.engine_worlds import MS, SECOND, Run, echo, line

Kind = Literal["constant", "poisson", "on-off"]


def first(traffic: Traffic, seconds: int, seed: int = 1) -> list[int]:
    times = arrivals(traffic, stream(seed, "test"))
    return list(itertools.takewhile(lambda time: time < seconds * SECOND - WARM_UP, times))


@pytest.mark.parametrize(
    ("kind", "share", "tolerance"), [("constant", 1.0, 1e-4), ("poisson", 1.0, 0.02), ("on-off", 0.25, 0.06)]
)
def test_rate(kind: Kind, share: float, tolerance: float) -> None:
    traffic = Traffic(("a", "b"), kind, rate=12_000_000, on=5 * MS, off=15 * MS)
    times = first(traffic, 40)
    assert times == sorted(times) and times[0] >= -WARM_UP
    assert len(times) == pytest.approx(40 * 1000 * share, rel=tolerance)


def test_constant_traffic_keeps_its_distance_exactly() -> None:
    times = first(Traffic(("a", "b"), "constant", rate=7_000_000, size=1499), 3)
    gaps = {later - earlier for earlier, later in itertools.pairwise(times)}
    assert gaps == {1499 * 8 * SECOND // 7_000_000, 1499 * 8 * SECOND // 7_000_000 + 1}


def test_poisson_gaps_are_exponential() -> None:
    times = first(Traffic(("a", "b"), "poisson", rate=12_000_000), 20)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert sum(gap > MS for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.015)


def test_on_off_is_as_often_on_at_the_start_as_at_any_time() -> None:
    traffic = Traffic(("a", "b"), "on-off", rate=12_000_000, on=100 * MS, off=300 * MS)
    started = sum(first(traffic, 1, seed)[:1] <= [MS - WARM_UP] for seed in range(400))
    assert 70 < started < 130


def loaded(**changes: object) -> Run:
    traffic = [Traffic(("r1", "r2"), "poisson", rate=8_000_000)]
    return Run(line("a", "r1", "r2", "b", traffic=traffic, r1_r2={"rate": 10_000_000, **changes}))


def test_traffic_fills_the_queue_that_a_probe_meets() -> None:
    run = loaded()
    for n in range(500):
        run.send(echo("10.0.0.1", "10.0.2.2", n), at=n * 10 * MS)
    run.engine.advance(10 * SECOND)
    waits = [row["queueing_ms"] for row in run.engine.truth() if row["link"] == "r1-r2" and row["from"] == "r1"]
    back = [row["queueing_ms"] for row in run.engine.truth() if row["link"] == "r1-r2" and row["from"] == "r2"]
    # M/D/1 at a load of 0.8 (and a little): mean wait = load / (2 (1 - load)) * 1.2 ms = 2.4 ms
    assert 1.8 < sum(waits) / len(waits) < 3.2
    assert set(back) == {0.0}  # traffic goes one way
    assert run.engine.losses() == {}


def test_looking_more_often_changes_nothing() -> None:
    """Packets that need no time on the loaded link do not disturb it, so the others meet the same queue."""

    def wait_at_the_end(looks: int) -> float:
        run = loaded()
        for n in range(looks):
            run.send(echo("10.0.2.2", "10.0.0.1"), at=n * SECOND // 50)
            for background in run.engine._backgrounds:
                background.catch_up(run.engine.now)
        run.send(echo("10.0.0.1", "10.0.2.2", 999), at=2 * SECOND)
        run.engine.advance(3 * SECOND)
        return next(row["queueing_ms"] for row in reversed(run.engine.truth()) if row["from"] == "r1")

    assert wait_at_the_end(0) == wait_at_the_end(1) == wait_at_the_end(60)


def test_overload_drops_and_counts() -> None:
    traffic = [Traffic(("r1", "r2"), "constant", rate=20_000_000)]
    engine = Engine(line("a", "r1", "r2", "b", traffic=traffic, r1_r2={"rate": 10_000_000, "queue": 10}))
    engine.advance(SECOND)
    lost = engine.losses(background=True)["queue full"]
    assert lost == pytest.approx(2 * 20e6 / 12000 / 2, rel=0.02)  # half of two seconds, warm-up included
    assert engine.losses() == {}


def test_queues_are_settled_at_time_0() -> None:
    run = Run(
        line(
            "a",
            "r1",
            "r2",
            "b",
            traffic=[Traffic(("r1", "r2"), rate=20_000_000)],
            r1_r2={"rate": 10_000_000, "queue": 50},
        )
    )
    run.send(echo("10.0.0.1", "10.0.2.2"))
    run.engine.advance(SECOND)
    dropped = run.engine.losses()
    waits = [row["queueing_ms"] for row in run.engine.truth() if row["from"] == "r1"]
    assert dropped == {"queue full": 1} or waits[0] > 50


def test_traffic_costs_no_events_and_nothing_while_nobody_looks() -> None:
    run = loaded()
    run.engine.advance(5 * SECOND)
    assert run.engine.next_event() is None
    assert len(run.engine._background_kept) == 0
    run.send(echo("10.0.0.1", "10.0.0.2"))  # the first router: not over the loaded link
    run.engine.advance(6 * SECOND)
    assert len(run.engine._background_kept) == 0


def test_after_a_long_sleep_only_the_last_seconds_are_simulated() -> None:
    run = loaded()
    run.engine.advance(3600 * SECOND)
    run.send(echo("10.0.0.1", "10.0.2.2"))
    run.engine.advance(3601 * SECOND)
    assert len(run.inbox) == 1
    kept = run.engine._background_kept
    assert 0 < len(kept) < 10_000
    assert kept[0].time > 3599 * SECOND - LONGEST
    assert kept[-1].time > 3600 * SECOND


def test_traffic_crosses_several_queues_and_links_without_a_rate() -> None:
    traffic = [Traffic(("a", "r1", "r2", "b"), "constant", rate=1_200_000, size=1500)]
    world = line("a", "r1", "r2", "b", traffic=traffic, a_r1={"rate": 10_000_000}, r2_b={"rate": 5_000_000})
    engine = Engine(world)
    engine.advance(50 * MS)
    rows = engine.packets(background=True)
    at = {name: [row["time"] for row in rows if row["at"] == name] for name in ("a", "r2")}
    assert {later - earlier for earlier, later in itertools.pairwise(at["a"])} == {10 * MS}
    # 1.2 ms to be sent at 10 Mbit/s, then two links of 1 ms
    assert {(time - 3_200_000) % (10 * MS) for time in at["r2"]} == {at["a"][0] % (10 * MS)}
    assert next(row["action"] for row in rows if row["at"] == "r2") == "forwarded"
    assert {row["ttl"] for row in rows if row["at"] == "r2"} == {62}
    assert rows[0]["summary"].startswith("10.0.0.1 > 10.0.2.2 UDP")
    assert len(rows[0]["data"]) == 1500


def test_streams_that_meet_share_a_background_and_others_do_not() -> None:
    names = ("a", "r1", "r2", "r3", "b")
    traffic = [Traffic(("r1", "r2")), Traffic(("r3", "b")), Traffic(("r2", "r3")), Traffic(("r1", "r2", "r3"))]
    rated = {f"{x}_{y}": {"rate": 10**7} for x, y in itertools.pairwise(names)}
    engine = Engine(line(*names, traffic=traffic, **rated))
    groups = sorted([stream.number for stream in each.streams] for each in engine._backgrounds)
    assert groups == [[0, 2, 3], [1]]


def test_traffic_over_a_link_that_is_down_stops_there() -> None:
    traffic = [Traffic(("a", "r1", "r2", "b"), "constant")]
    rated = {"rate": 10**7}
    world = line("a", "r1", "r2", "b", traffic=traffic, a_r1=rated, r1_r2={"down": True, **rated}, r2_b=rated)
    engine = Engine(world)
    engine.advance(SECOND // 10)
    assert {row["at"] for row in engine.packets(background=True)} == {"a"}
