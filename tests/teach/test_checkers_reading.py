"""Notebook 06: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import netlab
from netlab.teach.checkers import carried, evidence, exercises

Answer = Callable[..., Any]


def carries_through(losses: Any) -> list[float]:
    return [min(losses[hop:]) for hop in range(len(losses))]


def causes() -> dict[int, tuple[str, int]]:
    return {place: (trace.cause, evidence.proof(trace)[-1]) for place, trace in enumerate(evidence.traces(), start=1)}


def place_of(cause: str) -> int:
    return next(place for place, trace in enumerate(evidence.traces(), start=1) if trace.cause == cause)


def but(cause: str, said: Any) -> Answer:
    """The right answer, with something else for the first trace of a cause."""
    return lambda: causes() | {place_of(cause): said}


RIGHT: dict[str, Answer] = {
    "06.1": lambda: "c",
    "06.2": lambda: "a",
    "06.3": lambda: "d",
    "06.4": carries_through,
    "06.5": causes,
}

WRONG: list[tuple[str, str, Answer]] = [
    ("06.4", "as they were measured", lambda losses: losses),
    ("06.4", "go on to the end", lambda losses: [max(losses[: hop + 1]) for hop in range(len(losses))]),
    ("06.4", "Packets to a later hop pass this one", lambda losses: [min(losses[: i + 1]) for i in range(len(losses))]),
    ("06.4", "You look at the next hop only", lambda losses: [min(losses[i : i + 2]) for i in range(len(losses))]),
    ("06.4", "the smallest loss of all", lambda losses: [min(losses)] * len(losses)),
    ("06.4", "the loss of the destination", lambda losses: [losses[-1]] * len(losses)),
    ("06.4", "with the destination only", lambda losses: [min(loss, losses[-1]) for loss in losses]),
    ("06.4", "You leave the hop itself out", lambda losses: [*carries_through(losses)[1:], losses[-1]]),
    ("06.4", "the largest of the later hops", lambda losses: [max(losses[i:]) for i in range(len(losses))]),
    ("06.4", "in the wrong order", lambda losses: carries_through(losses)[::-1]),
    ("06.4", "in percent", lambda losses: [100 * share for share in carries_through(losses)]),
    ("06.4", "There is '?' in your list", lambda losses: ["?"] * len(losses)),
    ("06.4", "Not right yet", lambda losses: [0.5] * len(losses)),
    ("06.4", "with a number for each hop", lambda losses: min(losses)),
    ("06.4", "Return one for each hop", lambda losses: carries_through(losses)[1:]),
    ("06.4", "these arguments: losses", lambda: [0.0]),
    ("06.5", "Return a dictionary", lambda: ["tunnel"] * 10),
    ("06.5", "There is no trace 11", lambda: {11: ("tunnel", 4)}),
    ("06.5", "Give a cause and a hop", lambda: {1: "tunnel"}),
    ("06.5", "none of the five causes", but("tunnel", ("distance", 4))),
    ("06.5", "Still open: 2, 3, 4, 5, 6, 7, 8, 9, 10", lambda: {1: causes()[1]}),
    ("06.5", "the cause is right, but row 1 does not prove it", but("congestion", ("congestion", 1))),
    ("06.5", "is no case of slow answers. Are the hops behind it slow", but("way back", ("slow answers", 5))),
    ("06.5", "is no case of rate limit. Is it the answers", but("slow answers", ("rate limit", 5))),
    ("06.5", "is no case of way back. Compare return_hops", but("tunnel", ("way back", 4))),
    ("06.5", "is no case of congestion. In a queue", but("way back", ("congestion", 5))),
    ("06.5", "is no case of tunnel. Is there a label", but("way back", ("tunnel", 4))),
]


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("06"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    evidence.traces()  # measured here and not inside the answer, where a check would watch every line of it
    assert netlab.check(id, RIGHT[id], points=4, seed=seed) == 4.0
    assert "right, 4 of 4 points" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [None, "spring"])
@pytest.mark.parametrize(("id", "message", "answer"), WRONG, ids=[f"{id} {message}" for id, message, _ in WRONG])
def test_a_known_wrong_answer_is_named(
    id: str, message: str, answer: Answer, seed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence.traces()  # the first check also measures them
    began = time.process_time()
    score = netlab.check(id, answer, points=4, seed=seed)
    assert time.process_time() - began < 1
    out, err = capsys.readouterr()
    assert type(score) is float and 0 <= score < 4
    assert message in " ".join(out.split()), out
    assert err == "" and "could not handle" not in out


@pytest.mark.parametrize("id", ["06.1", "06.2", "06.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for letter in "abcd":
        score = netlab.check(id, letter, points=1)
        said[letter] = capsys.readouterr().out
        assert score == (1.0 if letter == RIGHT[id]() else 0.0)
    assert len({text.splitlines()[1] for text in said.values()}) == 4


# --- what carries through ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["", "spring", "autumn"])
def test_no_known_mistake_is_right_on_any_of_the_later_paths(seed: str) -> None:
    for losses in carried._paths(seed)[1:]:
        assert all(list(mistake.gives(losses)) != carries_through(losses) for mistake in carried._MISTAKES)


def test_the_evidence_names_a_hop_that_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("06.4", lambda losses: losses)
    out = " ".join(capsys.readouterr().out.split())
    losses = carried._paths("")[0]
    assert f"hop {len(losses)} loses only 0.00, and its packets pass hop 4" in out


def test_a_numpy_array_is_as_good_as_a_list() -> None:
    import numpy

    answer = lambda losses: numpy.array(carries_through(losses))  # noqa: E731
    assert netlab.check("06.4", answer, points=3) == 3.0


# --- the ten traces ----------------------------------------------------------------------------------------------


def reading(table: Any, accused: int) -> str:
    """The causes read from a table by other rules than the checker's: as the notebook says it."""
    here, behind = table.loc[accused], table[table.index > accused]
    if here["labels"]:
        return "tunnel"
    if here["answered"] < here["sent"] / 2 and (behind["answered"] == behind["sent"]).all():
        return "rate limit"
    if behind["median_ms"].min() < here["fastest_ms"]:
        return "slow answers"
    return "way back" if here["return_hops"] > accused else "congestion"


@pytest.mark.parametrize("seed", ["", "spring", "autumn"])
def test_there_are_ten_traces_two_of_each_cause_and_each_can_be_read(seed: str) -> None:
    found = evidence.traces(seed)
    assert Counter(trace.cause for trace in found) == dict.fromkeys(evidence.CAUSES, 2)
    for trace in found:
        assert reading(trace.table, trace.accused) == trace.cause
        assert evidence.proof(trace) and 255 not in trace.table.index


def test_measuring_all_of_them_is_quick() -> None:
    import pandas  # noqa: F401

    began = time.process_time()
    evidence.traces("a new one")
    assert time.process_time() - began < 2.5


def test_the_accused_hop_itself_proves_only_what_its_own_row_can_prove() -> None:
    for trace in evidence.traces():
        own = trace.accused in evidence.proof(trace)
        assert own == (trace.cause in ("way back", "tunnel"))


def test_cause_and_row_count_the_same() -> None:
    rows = {place: ("tunnel", hop) for place, (_, hop) in causes().items()}
    assert netlab.check("06.5", lambda: rows, points=10) == 2.0, "without its cause a row is a number"
    guesses = {place: (cause, 99) for place, (cause, _) in causes().items()}
    assert netlab.check("06.5", lambda: guesses, points=10) == 5.0


def test_spelling_is_forgiven() -> None:
    loud = {place: [cause.upper().replace(" ", "-"), float(hop)] for place, (cause, hop) in causes().items()}
    assert netlab.check("06.5", lambda: loud, points=5) == 5.0


def test_the_sheet_shows_all_that_the_answer_needs(capsys: pytest.CaptureFixture[str]) -> None:
    evidence.sheet()
    out = capsys.readouterr().out
    assert out.count("somebody writes.") == 10 and out.count("labels\n") == 10
    assert "hop 3 answers seldom" in out or "hop 4 answers seldom" in out
    assert len(out.splitlines()) == 20 + sum(len(trace.table) for trace in evidence.traces())
