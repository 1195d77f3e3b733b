"""Notebook 07: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import netlab
from netlab.internet.balance import flow
from netlab.internet.packet import Packet
from netlab.probe.stopping import rule, success
from netlab.teach.checkers import exercises, fan_rule, same_flow

Answer = Callable[..., Any]


def ports(packet: bytes) -> bytes:
    start = 4 * (packet[0] & 15)
    return packet[start : start + 4]


def by(key: Callable[[bytes], Any]) -> Answer:
    return lambda first, second: key(first) == key(second)


def enough(found: int) -> int:
    hops, probes = found + 1, 1
    while hops * (found / hops) ** probes > 0.05:
        probes += 1
    return probes


RIGHT: dict[str, Answer] = {
    "07.1": lambda: "b",
    "07.2": lambda: "d",
    "07.3": lambda: "a",
    "07.4": by(lambda packet: (packet[12:20], packet[9], ports(packet))),
    "07.5": enough,
}

WRONG: list[tuple[str, str, Answer]] = [
    ("07.4", "You look for the ports at byte 20", by(lambda p: (p[12:20], p[9], p[20:24]))),
    ("07.4", "You compare whole packets", by(lambda p: p)),
    ("07.4", "You compare the TTL, too", by(lambda p: (p[8:10], p[12:20], ports(p)))),
    ("07.4", "You leave the protocol out", by(lambda p: (p[12:20], ports(p)))),
    ("07.4", "You compare the addresses only", by(lambda p: p[12:20])),
    ("07.4", "You compare the destination only", by(lambda p: p[16:20])),
    ("07.4", "You leave the ports out", by(lambda p: (p[12:20], p[9]))),
    ("07.4", "You compare the ports only", by(ports)),
    ("07.4", "You leave the addresses out", by(lambda p: (p[9], ports(p)))),
    ("07.4", "You leave the source out", by(lambda p: (p[16:20], p[9], ports(p)))),
    ("07.4", "You leave the destination out", by(lambda p: (p[12:16], p[9], ports(p)))),
    ("07.4", "You take two bytes behind the header", by(lambda p: (p[12:20], p[9], ports(p)[:2]))),
    ("07.4", "the destination port only", by(lambda p: (p[12:20], p[9], ports(p)[2:]))),
    ("07.4", "the wrong way round", lambda first, second: not RIGHT["07.4"](first, second)),
    ("07.4", "every pair the same flow", lambda first, second: True),
    ("07.4", "every pair two flows", lambda first, second: False),
    ("07.4", "Return True or False", lambda first, second: None),
    ("07.4", "these arguments: first, second", lambda packet: True),
    ("07.5", "You stop as soon as", lambda found: found),
    ("07.5", "You stop as soon as", lambda found: 1),
    ("07.5", "Rule out one *more*", lambda found: rule(0.95)(found - 1) if found > 1 else 1),
    ("07.5", "*one given* next hop", lambda found: 11),
    ("07.5", "Too early: not yet 95 %. For example with 3 found", lambda found: 15),
    ("07.5", "how often would 4 probes miss one of 2", lambda found: 4 * found),
    ("07.5", "far too many probes", lambda found: 1000),
    ("07.5", "Return a whole number", lambda found: 16.5),
    ("07.5", "Return a whole number", lambda found: "16"),
    ("07.5", "Return a whole number", lambda found: -1),
]


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("07"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert netlab.check(id, RIGHT[id], points=4, seed=seed) == 4.0
    assert "right, 4 of 4 points" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [None, "spring"])
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


@pytest.mark.parametrize("id", ["07.1", "07.2", "07.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for letter in "abcd":
        score = netlab.check(id, letter, points=1)
        said[letter] = capsys.readouterr().out
        assert score == (1.0 if letter == RIGHT[id]() else 0.0)
    assert len({text.splitlines()[1] for text in said.values()}) == 4


# --- the same flow -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["", "spring"])
def test_the_right_answer_is_what_the_simulated_balancers_do(seed: str) -> None:
    for told, (first, second) in same_flow._pairs(seed):
        same = flow(Packet(first, 1)) == flow(Packet(second, 2))
        assert (same_flow.key(first) == same_flow.key(second)) == same, told


def test_the_evidence_shows_both_packets(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("07.4", by(lambda p: (p[12:20], ports(p))))
    out = capsys.readouterr().out
    assert "differ in the protocol, UDP or TCP" in out and out.count(" | ") == 2


def test_a_numpy_truth_counts() -> None:
    import numpy

    assert netlab.check("07.4", lambda a, b: numpy.bool_(RIGHT["07.4"](a, b)), points=2) == 2.0


# --- the stopping rule -------------------------------------------------------------------------------------------


def test_200_fans_are_simulated_and_each_seed_has_its_own() -> None:
    assert len(fan_rule._fans("")) == 200
    assert len({*fan_rule._fans(""), *fan_rule._fans("spring")}) == 400


@pytest.mark.parametrize("probes", [11, 13, 16, 20])
def test_the_simulations_agree_with_the_exact_chance(probes: int) -> None:
    """3000 fans: four standard deviations are at most 2.4 %."""
    outcomes = [fan_rule.run(hops, lambda found: probes) for i in range(15) for hops in fan_rule._fans(f"test {i}")]
    share = sum(outcome.found == 4 for outcome in outcomes) / len(outcomes)
    assert abs(share - float(success(4, lambda found: probes))) < 0.025


def test_a_run_asks_the_rule_after_every_flow() -> None:
    assert fan_rule.run("AABAC", lambda found: 2 * found) == (1, 2, "AA")
    assert fan_rule.run("ABBAC", lambda found: 2 * found) == (2, 4, "ABBA")
    assert fan_rule.run("AABAC", lambda found: 2) == (1, 2, "AA")


def test_sixteen_is_the_least_constant_that_will_do() -> None:
    assert netlab.check("07.5", lambda found: 16, points=4) == 4.0
    assert netlab.check("07.5", lambda found: 15, points=4) == 1.0


def test_the_verdict_tells_how_many_fans_were_found_whole(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("07.5", lambda found: 12)
    out = " ".join(capsys.readouterr().out.split())
    assert (
        "In 200 simulated fans all four next hops were found in 1" in out
        and "The exact chance, which decides, is" in out
    )
    assert "then your rule was content" in out
