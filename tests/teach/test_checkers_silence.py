"""Notebook 04: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import netlab
from netlab.plot.tree import DIAGNOSIS, Branch
from netlab.teach.checkers import examination, exercises

Answer = Callable[..., Any]


def diagnose(df: Any) -> str:
    here = df[df["vantage"] == "here"]
    errors = here[here["outcome"].isin(["unreachable", "time-exceeded"])]
    if len(errors):
        error = errors.iloc[0]
        if error["outcome"] == "time-exceeded":
            return "loop"
        if error["responder"] == error["address"]:
            return "closed port"
        return "no route" if error["icmp_code"] in (0, 1) else "prohibited"
    replies = here[here["outcome"] == "reply"]
    if len(replies):
        return "black hole" if (replies["protocol"] == "icmp").any() else "filtered"
    elsewhere = df[df["vantage"] == "elsewhere"]
    return "way back" if (elsewhere["outcome"] == "reply").any() else "silence"


def but(**changes: str) -> Answer:
    """The right function, with one word for another (blanks are written as underscores)."""
    words = {cause.replace("_", " "): word for cause, word in changes.items()}
    return lambda df: words.get(diagnose(df), diagnose(df))


def by_detail(df: Any) -> str:
    """Believes every "port unreachable", whoever says it."""
    return "closed port" if (df["detail"] == "port unreachable").any() else diagnose(df)


def first_row(df: Any) -> str:
    """Looks at one probe only, and takes its loss for silence."""
    return "silence" if df["outcome"].iloc[0] == "timeout" else diagnose(df)


RIGHT: dict[str, Answer] = {
    "04.1": lambda: "d",
    "04.2": lambda: "b",
    "04.3": lambda: "a",
    "04.4": lambda: dict(examination.LETTERS),
    "04.5": diagnose,
}

WRONG: list[tuple[str, str, Answer]] = [
    ("04.4", "Return a dictionary", lambda: list(examination.CAUSES)),
    ("04.4", "has no leaf 'I'", lambda: {"I": "loop"}),
    ("04.4", "Still open: B, C, D, E, F, G, H", lambda: {"A": "closed port"}),
    ("04.4", "'down' is none of the eight words", lambda: examination.LETTERS | {"H": "down"}),
    ("04.4", "Where is the answer to you lost", lambda: examination.LETTERS | {"G": "filtered"}),
    ("04.5", "Return one of these words", lambda df: None),
    ("04.5", "Return one of these words", lambda df: "down"),
    ("04.5", "a firewall speaks in its name", by_detail),
    ("04.5", "from outside you cannot tell", but(silence="down")),
    ("04.5", "a host that is down does not do that", but(filtered="down")),
    ("04.5", "pings get no answer, but TCP does", but(filtered="silence")),
    ("04.5", "only your answers are lost", but(way_back="silence")),
    ("04.5", "only long ones are not", but(black_hole="filtered")),
    ("04.5", "Nobody forbids it", but(no_route="prohibited")),
    ("04.5", "all others that somebody does not want it", but(prohibited="no route")),
    ("04.5", "two routers send its packets to and fro", but(loop="no route")),
    ("04.5", "'???' is none of the eight words", but(loop="???")),
    ("04.5", "these arguments: df", lambda: "loop"),
]


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("04"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    examination.cases(seed or "")
    assert netlab.check(id, RIGHT[id], points=4, seed=seed) == 4.0
    assert "right, 4 of 4 points" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [None, "spring"])
@pytest.mark.parametrize(("id", "message", "answer"), WRONG, ids=[f"{id} {message}" for id, message, _ in WRONG])
def test_a_known_wrong_answer_is_named(
    id: str, message: str, answer: Answer, seed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    examination.cases(seed or "")  # the first check of a seed also builds its networks
    began = time.process_time()
    score = netlab.check(id, answer, points=4, seed=seed)
    assert time.process_time() - began < 1
    out, err = capsys.readouterr()
    assert type(score) is float and 0 <= score < 4
    assert message in " ".join(out.split()), out
    assert err == "" and "could not handle" not in out


@pytest.mark.parametrize("id", ["04.1", "04.2", "04.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for letter in "abcd":
        score = netlab.check(id, letter, points=1)
        said[letter] = capsys.readouterr().out
        assert score == (1.0 if letter == RIGHT[id]() else 0.0)
    assert len({text.splitlines()[1] for text in said.values()}) == 4


# --- the cases ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["", "spring", "autumn"])
def test_there_are_24_worlds_three_of_each_cause_and_each_can_be_told(seed: str) -> None:
    found = examination.cases(seed)
    assert Counter(case.cause for case in found) == dict.fromkeys(examination.CAUSES, 3)
    for case in found:
        assert list(case.frame.columns) == examination.COLUMNS
        assert len(case.frame) == examination.PROBES * len(examination.EXAMINATION)
        assert diagnose(case.frame) == case.cause, case.what


def test_building_all_of_them_is_quick() -> None:
    import pandas  # noqa: F401

    began = time.process_time()
    examination.cases("a new one")
    assert time.process_time() - began < 1


def test_single_probes_are_lost_here_and_there() -> None:
    """Else a function that looks at one row only would pass."""
    lines = [case.frame[case.frame["vantage"] == "here"] for case in examination.cases("") if case.cause == "loop"]
    assert any((frame["outcome"] == "timeout").any() for frame in lines)
    assert all((frame["outcome"] == "time-exceeded").any() for frame in lines)
    assert netlab.check("04.5", first_row, points=8) < 8


def test_silence_holds_a_host_that_is_down_and_one_that_is_up() -> None:
    what = {case.what for case in examination.cases("") if case.cause == "silence"}
    assert what == {"the host is down", "the host is up, a firewall drops everything"}


def test_one_firewall_says_port_unreachable_in_the_name_of_the_host() -> None:
    (case,) = [case for case in examination.cases("") if case.what.endswith("with port unreachable")]
    row = case.frame[case.frame["outcome"] == "unreachable"].iloc[0]
    assert row["detail"] == "port unreachable" and row["responder"] != row["address"]


# --- points ------------------------------------------------------------------------------------------------------


def test_points_are_given_cause_by_cause() -> None:
    """A cause counts when its three worlds, and they only, are called by its name."""
    assert netlab.check("04.5", but(loop="no route"), points=8) == 6.0
    assert netlab.check("04.5", but(loop="I do not know"), points=8) == 7.0
    assert netlab.check("04.5", lambda df: "silence", points=8) == 0.0


def test_spelling_is_forgiven() -> None:
    assert netlab.check("04.5", lambda df: diagnose(df).upper().replace(" ", "-"), points=2) == 2.0
    leaves = {letter.lower(): f" {cause} " for letter, cause in examination.LETTERS.items()}
    assert netlab.check("04.4", lambda: leaves, points=2) == 2.0


def test_the_confusion_matrix_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("04.5", but(loop="no route", silence="down"))
    out = capsys.readouterr().out
    assert "  D loop           .  3  .  .  .  .  .  .      ." in out
    assert "  H silence        .  .  .  .  .  .  .  .      3" in out
    assert "  B no route       .  3  .  .  .  .  .  .      ." in out


def test_the_evidence_has_a_row_for_each_kind_of_probe(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("04.5", but(filtered="silence"))
    out = capsys.readouterr().out
    for kind in ("here, icmp, 84 bytes", "here, icmp, 1500 bytes", "here, tcp, 40 bytes", "elsewhere, icmp, 84 bytes"):
        assert kind in out


def test_the_tree_has_a_leaf_for_every_letter() -> None:
    def leaves(branch: Branch) -> list[str]:
        if isinstance(branch.leads, str):
            return [branch.leads]
        return [letter for each in branch.leads for letter in leaves(each)]

    assert leaves(DIAGNOSIS) == list(examination.LETTERS)
    assert netlab.check("04.4", lambda: examination.LETTERS | {"A": "loop", "D": "closed port"}, points=8) == 6.0
