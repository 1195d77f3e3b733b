"""The checks of notebook 13: right answers, known mistakes and what is said about them, odd answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import netlab
from netlab.http.cache_rules import decide
from netlab.teach import cases
from netlab.teach.checkers import exercises, freshness

Answer = Callable[..., Any]


def reuse(wanted: Any, given: Any, age: int, lifetime: int, can_ask: bool) -> str:
    otherwise = "validate" if can_ask else "miss"
    if "no-cache" in wanted or "no-cache" in given:
        return otherwise
    fresh = lifetime > age
    if age > wanted.get("max-age", age) and not (fresh and "immutable" in given):
        return otherwise
    if fresh and lifetime - age >= wanted.get("min-fresh", 0):
        return "hit"
    if "max-stale" in wanted and "must-revalidate" not in given and age - lifetime <= wanted["max-stale"]:
        return "hit"
    return otherwise


def but(mistake: str) -> Answer:
    return lambda *case: freshness._rules(*case, but=mistake)


RIGHT: dict[str, Answer] = {"13.1": lambda: "b", "13.2": lambda: "c", "13.3": lambda: "d", "13.4": reuse}
WRONG = [
    ("13.1", "That is no-store", lambda: "a"),
    ("13.2", "Only a hit saves the way", lambda: "b"),
    ("13.3", "looks just like this from far away", lambda: "a"),
    *(("13.4", message[:60], but(mistake)) for mistake, message in freshness.MISTAKES.items()),
    ("13.4", "You return 'hit' whatever comes", lambda *case: "hit"),
    ("13.4", 'Return "hit", "validate" or "miss"', lambda *case: "fresh"),
    ("13.4", 'Return "hit", "validate" or "miss"', lambda *case: None),
    ("13.4", "KeyError", lambda wanted, given, age, lifetime, can_ask: wanted["nothing"]),
    ("13.4", "these arguments: wanted, given, age", lambda wanted: "hit"),
]


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert netlab.check(id, RIGHT[id], points=4, seed=seed) == 4.0
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
    assert message in " ".join(out.replace("-\n", "-").split()), out
    assert err == "" and "could not handle" not in out


@pytest.mark.parametrize("id", ["13.1", "13.2", "13.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for letter in "abcd":
        score = netlab.check(id, letter, points=1)
        said[letter] = capsys.readouterr().out
        assert score == (1.0 if letter == RIGHT[id]() else 0.0)
    assert len({text.splitlines()[1] for text in said.values()}) == 4


def test_every_exercise_is_tested_here() -> None:
    assert {*RIGHT, "13.5"} == set(exercises("13"))


# --- hit, validate or miss ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["", "spring", "autumn", "x", "winter 2031"])
def test_the_twenty_cases_tell_every_mistake_from_the_rules(seed: str) -> None:
    listed = freshness.cases(seed)
    assert len(listed) == 20 and {freshness.right(case) for case in listed} == set(freshness.WORDS)
    right = [freshness.right(case) for case in listed]
    assert [freshness._rules(*case) for case in listed] == right, "the rules once more are the proxy's"
    given = {mistake: tuple(freshness._rules(*case, but=mistake) for case in listed) for mistake in freshness.MISTAKES}
    assert len(set(given.values())) == len(given), "no two mistakes look alike"
    assert tuple(right) not in given.values()


def test_the_sheet_shows_all_that_the_function_is_given() -> None:
    sheet = freshness.sheet()
    assert sheet.shape == (20, 5) and sheet.index.tolist() == list(range(1, 21))
    assert sheet["lifetime"].tolist() == [case.lifetime for case in freshness.cases("")]


def test_the_learners_function_decides_as_the_proxys_own() -> None:
    """The adapter hands over what the messages say."""
    decision = netlab.teach.cache_decision(reuse)
    for case in freshness.cases("adapter"):
        request, stored = freshness._request(case.wanted), freshness._stored(case)
        assert decision(request, stored, 1000) == decide(request, stored, 1000), case.told()
    seen: list[Any] = []
    case = freshness.Case({"max-stale": math.inf}, {"max-age": 5, "immutable": True}, 3, 5, True)

    def remember(*given: Any) -> str:
        seen.append(given)
        return "hit"

    netlab.teach.cache_decision(remember)(freshness._request(case.wanted), freshness._stored(case), 1000)
    assert seen == [({"max-stale": math.inf}, {"max-age": 5, "immutable": True}, 3, 5, True)]


# --- the case ----------------------------------------------------------------------------------------------------


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> Iterator[cases.Incident]:
    """A case with a long way back, and three pieces on its board: a ping and a trace that show it, and another ping."""
    monkeypatch.setattr(cases, "cause_of", lambda _: "way back")
    opened = netlab.teach.incident("Ada")
    for table in (netlab.ping("www", count=30, interval=0.1), netlab.traceroute("www"), netlab.ping("proxy", count=5)):
        opened.board.add(table)
    yield opened
    opened.close()


VERDICTS = [
    (("way back", ["E1", "E2"]), 6.0, "Well proved"),
    (("Way  Back", ("E2", "E1", "E3")), 6.0, "Well proved"),
    (("way back", []), 3.0, "None of your pieces of evidence speak for it"),
    (("way back", ["E1"]), 4.5, "1 of your pieces of evidence speaks for it"),
    (("way back", ["E1", "E3"]), 4.5, "2 of different tools are needed"),
    (("detour", ["E1", "E2"]), 0.0, "It is not detour. Pings of www would all be slower, and the trace would show"),
    (("black hole", []), 0.0, "It is not black hole. Small pings"),
    (("way back", ["E1", "E9"]), 0.0, "There is no 'E9' on the board. It has E1, E2, E3."),
    (("gremlins", ["E1"]), 0.0, "is none of the causes. They are: packet loss, congestion"),
    (("way back", "E1"), 0.0, "Give a list of ids"),
    ("way back", 0.0, "Return a cause and the ids of your evidence"),
    (None, 0.0, "Return a cause and the ids of your evidence"),
    (("way back", 7), 0.0, "Give a list of ids"),
]


@pytest.mark.parametrize(("answer", "points", "said"), VERDICTS, ids=[str(answer) for answer, _, _ in VERDICTS])
def test_the_verdict_and_its_evidence(
    answer: Any, points: float, said: str, case: cases.Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    assert netlab.check("13.5", lambda: answer, points=6) == points
    out, err = capsys.readouterr()
    assert said in " ".join(out.replace("-\n", "-").split()), out
    assert err == "" and "could not handle" not in out
    if points == 0:
        assert "way back" not in out.replace("('way back'", "").replace("'way back'", "") or "They are" in out


def test_evidence_that_fits_other_causes_is_not_enough(
    case: cases.Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slow ping and slow rounds are two tools, and both fit any longer way."""
    case.board.entries.pop("traceroute www")
    reading = case.board.entries["ping www"].reading
    case.board.entries["monitor"] = type(case.board.entries["ping www"])("E2", reading._replace(tool="monitor"))
    assert netlab.check("13.5", ("way back", ["E1", "E2"]), points=4) == 3.0
    assert "fits other causes as well" in capsys.readouterr().out


def test_without_a_case_or_a_board_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cases.current() is None
    assert netlab.check("13.5", ("way back", ["E1"])) == 0.0
    assert "There is no open case" in capsys.readouterr().out
    opened = netlab.teach.incident("Ada")
    try:
        assert netlab.check("13.5", ("way back", ["E1"])) == 0.0
        assert "The board is empty" in capsys.readouterr().out
    finally:
        opened.close()
