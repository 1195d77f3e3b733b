"""Notebook 11: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import netlab
from netlab.teach.checkers import exercises, limits, queueing

Answer = Callable[..., Any]
Limits = dict[str, float]


def occupied(rate: float, quick_ms: float, slow_share: float, slow_ms: float) -> float:
    return rate * ((1 - slow_share) * quick_ms + slow_share * slow_ms) / 1000


def chosen(workers: int, service_ms: float, reading_ms: float, target_ms: float) -> Limits:
    rounds = (target_ms - service_ms) / (service_ms + reading_ms)
    return {"connections": workers + int(workers * rounds), "write_time": reading_ms / 1000}


def but(**changes: Callable[[int, float, float, float], float]) -> Answer:
    """The right limits, one of them replaced."""
    return lambda *server: {**chosen(*server), **{name: change(*server) for name, change in changes.items()}}


def by_places(workers: int, service_ms: float, reading_ms: float, target_ms: float) -> Limits:
    """As many as the workers manage within the target, a place at a time, and a little patience."""
    places = workers
    while (places + 1 - workers) * (service_ms + reading_ms) / workers + service_ms <= target_ms:
        places += 1
    return {"connections": places, "write_time": 1.05 * reading_ms / 1000}


RIGHT: dict[str, list[Answer]] = {
    "11.1": [lambda: "c"],
    "11.2": [lambda: "b"],
    "11.3": [lambda: "d"],
    "11.4": [
        occupied,
        lambda rate, quick, share, slow: rate / 1000 * (quick + share * (slow - quick)),
        lambda rate, quick, share, slow: sum(
            r * ms / 1000 for r, ms in ((rate * share, slow), (rate - rate * share, quick))
        ),
    ],
    "11.5": [
        chosen,
        by_places,
        lambda w, s, r, target: {"connections": int(w * target / (s + r)), "write_time": 1.1 * r / 1000},
    ],
}

WRONG: list[tuple[str, str, Answer]] = [
    ("11.4", "divide by 1000", lambda r, q, share, slow: 1000 * occupied(r, q, share, slow)),
    ("11.4", "You leave out the slow readers", lambda r, q, share, slow: r * q / 1000),
    ("11.4", "You take the middle of both", lambda r, q, share, slow: r * (q + slow) / 2000),
    ("11.4", "You add both times", lambda r, q, share, slow: r * (q + slow) / 1000),
    ("11.4", "the quick ones are only 1 - slow_share", lambda r, q, share, slow: r * (q + share * slow) / 1000),
    ("11.4", "Those are the slow ones only", lambda r, q, share, slow: r * share * slow / 1000),
    ("11.4", "The shares are the wrong way round", lambda r, q, share, slow: occupied(r, q, 1 - share, slow)),
    ("11.4", "how long a request takes on average", lambda r, q, share, slow: occupied(1, q, share, slow)),
    ("11.4", "how many requests one thread does", lambda r, q, share, slow: 1 / occupied(1, q, share, slow)),
    ("11.4", "arrivals per second times seconds", lambda r, q, share, slow: 8),
    ("11.4", "Return a number of threads", lambda r, q, share, slow: "many"),
    ("11.5", "Nobody is refused, so everybody waits", but(connections=lambda *server: math.inf)),
    ("11.5", "Nobody is refused, so everybody waits", but(connections=lambda *server: 100_000)),
    ("11.5", "the last one waits too long", but(connections=lambda w, *rest: 3 * chosen(w, *rest)["connections"])),
    ("11.5", "You refuse everybody who would have to wait", but(connections=lambda w, *rest: w)),
    ("11.5", "You refuse everybody who would have to wait", but(connections=lambda *server: 1)),
    ("11.5", "honest ones pause for at most", but(write_time=lambda w, s, reading, t: 3 * reading / 1000)),
    (
        "11.5",
        "honest ones pause for at most",
        but(
            write_time=lambda w, s, reading, t: 3 * reading / 1000,
            connections=lambda w, *rest: 5 * chosen(w, *rest)["connections"] // 4,
        ),
    ),
    ("11.5", "In time, but you refuse", but(connections=lambda w, *rest: w + 1)),
    ("11.5", "of the", but(write_time=lambda *server: 20.0)),
    ("11.5", "Do not wait for them longer", but(write_time=lambda *server: 20.0)),
    ("11.5", "Do not wait for them longer", but(write_time=lambda *server: math.inf)),
    ("11.5", "write_time is in seconds", but(write_time=lambda w, s, reading, t: reading)),
    ("11.5", "only far away", but(write_time=lambda w, s, reading, t: reading / 2000)),
    ("11.5", "only far away", but(write_time=lambda w, s, reading, t: s / 1000)),
    ("11.5", "Return a dict of two limits", lambda *server: (10, 0.1)),
    ("11.5", "Return a dict of two limits", lambda *server: {"backlog": 10}),
    ("11.5", "must be a whole number, 1 or more", but(connections=lambda *server: 12.5)),
    ("11.5", "must be a whole number, 1 or more", but(connections=lambda *server: 0)),
    ("11.5", "must be a number of seconds", but(write_time=lambda *server: -1)),
    ("11.5", "must be a number of seconds", but(write_time=lambda *server: "short")),  # type: ignore[arg-type, return-value]
    ("11.5", "these arguments: workers, service_ms", lambda workers: {}),
]


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("11"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    for answer in RIGHT[id]:
        assert netlab.check(id, answer, points=4, seed=seed) == 4.0, capsys.readouterr().out
        assert "right, 4 of 4 points" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [None, "spring", "autumn"])
@pytest.mark.parametrize(
    ("id", "message", "answer"), WRONG, ids=[f"{number} {id} {said}" for number, (id, said, _) in enumerate(WRONG)]
)
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


@pytest.mark.parametrize("id", ["11.1", "11.2", "11.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for letter in "abcd":
        score = netlab.check(id, letter, points=1)
        said[letter] = capsys.readouterr().out
        assert score == (1.0 if letter == RIGHT[id][0]() else 0.0)
    assert len({text.splitlines()[1] for text in said.values()}) == 4


def test_the_feedback_of_11_1_is_the_formula_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Pollaczek and Khinchine for equal services of 10 ms; a crowd of some hundred clients measures less."""
    netlab.check("11.1", "c")
    out = " ".join(capsys.readouterr().out.split())
    assert "By the formula, so in the long run, the mean wait is" in out
    told = re.findall(r"(\d+) ms at (\d+) %", out)
    assert len(told) == 4
    for wait, load in told:
        assert float(wait) == pytest.approx(10 * float(load) / 100 / (2 * (1 - float(load) / 100)))


# --- the model of the server -------------------------------------------------------------------------------------


def workload(arrivals: list[tuple[float, float]], workers: int = 1, service_ms: float = 10.0) -> queueing.Workload:
    return queueing.Workload(workers, service_ms, 50.0, 100.0, arrivals)


def test_a_queue_by_hand() -> None:
    """Three come at once to one worker of 10 ms; the fourth comes when the second has just begun."""
    outcome = queueing.run(workload([(1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (12.0, 0.0)]))
    assert outcome.answer_ms == [10.0, 20.0, 30.0, 29.0] and outcome.refused == 0
    assert queueing.run(workload([(1.0, 0.0)] * 3, workers=2)).answer_ms == [10.0, 10.0, 20.0]


def test_a_limit_refuses_those_who_come_too_many() -> None:
    outcome = queueing.run(workload([(1.0, 0.0)] * 3 + [(11.0, 0.0)]), connections=2)
    assert outcome.answer_ms == [10.0, 20.0, 20.0] and outcome.refused == 1, "who has left makes room"
    assert outcome.refused_share == 0.25


def test_a_reader_holds_its_worker_until_it_is_cut_off() -> None:
    slow = [(1.0, 1000.0), (2.0, 0.0)]
    assert queueing.run(workload(slow)).answer_ms[1] == 1019.0
    assert queueing.run(workload(slow), write_ms=100.0).answer_ms[1] == 119.0
    assert queueing.run(workload([(1.0, 40.0)]), write_ms=30.0).cut == 1
    assert queueing.run(workload([(1.0, 40.0)]), write_ms=40.0).cut == 0


def test_the_mean_wait_is_that_of_queueing_theory() -> None:
    """One worker, Poisson arrivals, equal services: Pollaczek and Khinchine say load * service / (2 * (1 - load))."""
    for load in (0.5, 0.8):
        come = queueing.arrivals(Random(f"theory {load}"), 100 * load, 200_000, 0.0, 0.0)
        outcome = queueing.run(workload(come))
        wait = sum(outcome.answer_ms) / len(outcome.answer_ms) - 10
        assert wait == pytest.approx(10 * load / (2 * (1 - load)), rel=0.05)


# --- the limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["", "spring", "autumn", "x", "winter 2031"])
def test_every_workload_can_be_mastered_and_no_default_masters_it(seed: str) -> None:
    assert len(limits._cases(seed)) == 3
    for load, percent, slow, least in limits._cases(seed):
        right = chosen(load.workers, load.service_ms, load.reading_ms, load.target_ms)
        outcome = queueing.run(load, right["connections"], 1000 * right["write_time"])
        assert outcome.p99_ms <= load.target_ms and outcome.cut == 0
        assert outcome.refused_share <= least + limits.SPARE / 2, "not at the edge of what is allowed"
        assert queueing.run(load).p99_ms > 5 * load.target_ms
        assert queueing.run(load, right["connections"], 20_000.0).p99_ms > load.target_ms
        assert (least == 0) == (percent < 100) and slow > 0


def test_a_workload_of_three_gives_a_quarter_each_until_all_are_kept() -> None:
    """No limit on connections is good enough as long as there are few: one workload of three."""
    score = netlab.check("11.5", but(connections=lambda *server: 100_000), points=4)
    assert score == 1.0


def test_the_verdict_shows_what_happened_in_each_workload(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("11.5", but(write_time=lambda *server: 20.0))
    out = " ".join(capsys.readouterr().out.split())
    assert out.count("p99 ") == 3 and "load 130 %" in out and "(target " in out


@pytest.mark.parametrize("seed", ["", "spring", "autumn", "x"])
def test_whoever_waits_too_long_for_readers_is_never_sent_from_more_to_fewer_and_back(
    seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With three times the honest pause nothing may be said about the number of connections, be it few or many."""
    for part in (0.8, 1.0, 1.25, 1.5):
        answer = but(
            connections=lambda w, *rest, part=part: int(part * chosen(w, *rest)["connections"]),  # type: ignore[misc]
            write_time=lambda w, s, reading, t: 3 * reading / 1000,
        )
        assert netlab.check("11.5", answer, seed=seed) < 1.0
        out = capsys.readouterr().out
        assert "honest ones pause" in out and "More may wait" not in out and "the last one waits too long" not in out


# --- the model and the virtual internet --------------------------------------------------------------------------


def crowd(rate: float, count: int, **server: Any) -> Any:
    site = netlab.teach.folder({"index.html": 1000})
    with netlab.use("line"), netlab.WebServer(site, host="server", port=80, service_ms=10, **server) as web:
        return web.load(rate, count=count, seed=5)


@pytest.mark.parametrize(("rate", "workers"), [(95, 1), (350, 4)])
def test_the_queue_is_that_of_the_virtual_server(rate: float, workers: int) -> None:
    """The same arrivals, an event loop: nobody waits for a reader, so the model must agree with every single wait."""
    clients = crowd(rate, 300, mode="loop", workers=workers)
    outcome = queueing.run(workload([(at, 0.0) for at in clients["at_ms"]], workers))
    waits = [answer - 10 for answer in outcome.answer_ms]
    assert waits == pytest.approx(clients["queue_ms"].tolist(), abs=1e-3) and max(waits) > 15


def test_threads_are_held_and_newcomers_refused_as_in_the_model() -> None:
    """A thread is held for the service and 22 ms of the way, until the client has closed.

    The server's queue is a little shorter: who is refused is inside, too, until that connection is closed.
    """
    clients = crowd(300, 400, mode="threads", workers=8, limits={"connections": 20})
    outcome = queueing.run(workload([(at, 22.0) for at in clients["at_ms"]], 8), connections=20)
    refused = int((clients["status"] == 503).sum())
    assert refused > 50 and outcome.refused == pytest.approx(refused, rel=0.15)
    waits = clients[clients["status"] == 200]["queue_ms"]
    mean = sum(outcome.answer_ms) / len(outcome.answer_ms) - 10
    assert mean == pytest.approx(waits.mean(), rel=0.25)
