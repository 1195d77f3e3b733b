"""Notebook 05: the right answers get all points, every known wrong one its own message, on packets of six networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import pytest

import netlab
from netlab.teach.checkers import exercises, six_ways

Answer = Callable[..., Any]


def match(answer: bytes, requests: Mapping[int, bytes]) -> int | None:
    head = 20 if answer[0] >> 4 == 4 else 40
    start = head + 4 if answer[head] in (0, 129) else 2 * head + 12
    for number, request in requests.items():
        if request[head + 4 : head + 8] == answer[start : start + 4]:
            return number
    return None


def plan(rows: Any) -> Iterator[int]:
    for ttl in range(1, 31):
        yield ttl
        if any(row["outcome"] in ("reply", "unreachable") for row in rows):
            return


def matching(head: Any = None, reply: int | None = 4, quoted: int = 12, first: int = 4, last: int = 8) -> Answer:
    """A function like `match` with other offsets; ``reply`` None: replies are not looked at."""

    def found(answer: bytes, requests: Mapping[int, bytes]) -> int | None:
        size = head or (20 if answer[0] >> 4 == 4 else 40)
        is_reply = answer[size] in (0, 129)
        if is_reply and reply is None:
            return None
        start = size + (reply or 0) - 4 if is_reply else 2 * size + quoted - 4
        for number, request in requests.items():
            if request[size + first : size + last] == answer[start + first : start + last]:
                return number
        return None

    return found


def own_header(answer: bytes, requests: Mapping[int, bytes]) -> int | None:
    head = 20 if answer[0] >> 4 == 4 else 40
    return next(
        (n for n, request in requests.items() if request[head + 4 : head + 8] == answer[head + 4 : head + 8]), None
    )


def v4_types(answer: bytes, requests: Mapping[int, bytes]) -> int | None:
    head = 20 if answer[0] >> 4 == 4 else 40
    return match(answer, requests) if answer[head] in (0, 3, 11) else None


def more_than_promised(answer: bytes, requests: Mapping[int, bytes]) -> int | None:
    head = 20 if answer[0] >> 4 == 4 else 40
    if answer[head] in (0, 129):
        return match(answer, requests)
    return next((n for n, request in requests.items() if request[head:] == answer[2 * head + 8 :]), None)


def by_address(answer: bytes, requests: Mapping[int, bytes]) -> int | None:
    source, target = (slice(12, 16), slice(16, 20)) if answer[0] >> 4 == 4 else (slice(8, 24), slice(24, 40))
    return next((n for n, request in requests.items() if request[target] == answer[source]), None)


def by_arrival() -> Answer:
    arrived = count(1)
    return lambda answer, requests: next(arrived)


def stopping(final: Callable[[Any], bool], first: int = 1, last: int = 30, late: bool = False) -> Answer:
    def own(rows: Any) -> Iterator[int]:
        for ttl in range(first, last + 1):
            ended = late and any(map(final, rows))
            yield ttl
            if ended or (not late and any(map(final, rows))):
                return

    return own


def is_end(row: Any) -> bool:
    return row["outcome"] in ("reply", "unreachable")


def at_silence(rows: Any) -> Iterator[int]:
    for ttl in range(1, 31):
        yield ttl
        if len(rows) < ttl or any(map(is_end, rows)):
            return


def at_loop(rows: Any) -> Iterator[int]:
    for ttl in range(1, 31):
        yield ttl
        seen = [row["responder"] for row in rows]
        if len(set(seen)) < len(seen) or any(map(is_end, rows)):
            return


def never_ending(rows: Any) -> Iterator[int]:
    while True:
        yield from (1, 2)


def echoing_zero(rows: Any) -> Iterator[int]:
    yield 0
    yield from plan(rows)


RIGHT: dict[str, Answer] = {
    "05.1": lambda: "c", "05.2": lambda: "a", "05.3": lambda: "d", "05.4": match, "05.5": plan,
}  # fmt: skip

WRONG: list[tuple[str, str, Answer]] = [
    ("05.4", "You compare the sequence number alone", matching(first=6)),
    ("05.4", "You compare the identifier alone", matching(last=6)),
    ("05.4", "Echo replies find their probe, errors never do", own_header),
    ("05.4", "an echo reply quotes nothing", matching(reply=None)),
    ("05.4", "errors never do", matching(quoted=8)),
    ("05.4", "errors never do", lambda a, r: _short(a, r)),
    ("05.4", "An IPv6 header has 40 bytes", matching(head=20)),
    ("05.4", "ICMPv6 has other types", v4_types),
    ("05.4", "You look for your whole request", lambda a, r: next((n for n, q in r.items() if q in a), None)),
    ("05.4", "You compare more than is promised", more_than_promised),
    ("05.4", "You compare addresses", by_address),
    ("05.4", "the position of the request", lambda a, r: None if match(a, r) is None else [*r].index(match(a, r))),
    ("05.4", "You return None each time", lambda a, r: None),
    ("05.4", "You take the oldest request", lambda a, r: next(iter(r))),
    ("05.4", "You take the oldest request", lambda a, r: min(r)),
    ("05.4", "You take the request that left last", lambda a, r: max(r)),
    ("05.4", "in the order in which answers arrive", by_arrival()),
    ("05.4", "Return its key in the dictionary", lambda a, r: next(iter(r.values()))),
    ("05.4", "Return a sequence number, or None", lambda a, r: "7"),
    ("05.4", "Return a sequence number, or None", lambda a, r: True),
    ("05.4", "none of the mistakes known here", lambda a, r: 4711),
    ("05.4", "IndexError", lambda a, r: a[4711]),
    ("05.4", "these arguments: answer, requests", lambda a: 1),
    ("05.5", "when the destination's own address answers", stopping(lambda row: row["responder"] == row["address"])),
    ("05.5", 'You stop at "reply" only', stopping(lambda row: row["outcome"] == "reply")),
    ("05.5", 'You stop at "unreachable" only', stopping(lambda row: row["outcome"] == "unreachable")),
    ("05.5", "never stops before TTL 30", lambda rows: iter(range(1, 31))),
    ("05.5", "You stop at the first answer", stopping(lambda row: True)),
    ("05.5", "You stop at the first silent hop", at_silence),
    ("05.5", "range(1, 30) ends with 29", stopping(is_end, last=29)),
    ("05.5", "You send one TTL too many", stopping(is_end, late=True)),
    ("05.5", "Your first TTL is 2", stopping(is_end, first=2)),
    ("05.5", "Your first TTL is 0", echoing_zero),
    ("05.5", "You stop when an address comes back", at_loop),
    ("05.5", "Your plan yields nothing", lambda rows: iter(())),
    ("05.5", "Make it a generator", lambda rows: 7),
    ("05.5", "Your function returned None", lambda rows: None),
    ("05.5", "Yield a TTL, a whole number", lambda rows: iter(["1"])),
    ("05.5", "Yield a TTL, a whole number", lambda rows: iter([(1, 1)])),
    ("05.5", "Stop at 30", never_ending),
    ("05.5", "none of the mistakes known here", lambda rows: iter([3, 1])),
]


def _short(answer: bytes, requests: Mapping[int, bytes]) -> int | None:
    head = 20 if answer[0] >> 4 == 4 else 40
    start = head + 4 if answer[head] in (0, 129) else head + 12
    return next((n for n, q in requests.items() if q[head + 4 : head + 8] == answer[start : start + 4]), None)


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("05"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x", "ü"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.process_time()
    assert netlab.check(id, RIGHT[id], points=3, seed=seed) == 3.0
    assert time.process_time() - began < 1
    out = capsys.readouterr().out
    assert ("Visible checks passed; grading uses other networks." in out) == (exercises("05")[id].unseen and not seed)


@pytest.mark.parametrize("seed", [None, "spring"])
@pytest.mark.parametrize(("id", "message", "answer"), WRONG, ids=[f"{id} {message}" for id, message, _ in WRONG])
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


@pytest.mark.parametrize("id", ["05.1", "05.2", "05.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = set()
    for letter in "abcd":
        assert netlab.check(id, letter) == float(letter == RIGHT[id]())
        said.add(capsys.readouterr().out.splitlines()[1])
    assert len(said) == 4


def test_some_networks_are_worth_some_points(capsys: pytest.CaptureFixture[str]) -> None:
    score = netlab.check("05.4", matching(head=20), points=4)
    assert 0 < score <= 2 and "Right in 5 of 6 networks" in capsys.readouterr().out
    score = netlab.check("05.5", stopping(lambda row: row["outcome"] == "reply"), points=4)
    assert 0 < score <= 2 and "Right in" in capsys.readouterr().out
    assert netlab.check("05.5", lambda rows: iter(range(1, 31)), points=4) == 0.0


def test_the_evidence_is_a_packet_or_the_rows_of_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("05.4", lambda answer, requests: None)
    assert "ICMP" in (out := capsys.readouterr().out) and "answers probe 1; your function said None" in out
    netlab.check("05.5", stopping(lambda row: row["responder"] == row["address"]))
    assert "TTL  1  198.51.100.2" in (out := capsys.readouterr().out) and "unreachable" in out


# --- the six networks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["", "spring", *map(str, range(12))])
def test_each_network_shows_what_it_is_for(seed: str) -> None:
    traces = {way.name: rows for way, rows in six_ways.traces(seed)}
    assert list(traces) == ["clean", "silent", "refused", "loop", "elsewhere", "six"]
    ends = {name: next((row["ttl"] for row in rows if is_end(row)), None) for name, rows in traces.items()}
    assert all(len(rows) == six_ways.MOST for rows in traces.values())
    silent = [row["ttl"] for row in traces["silent"][: ends["silent"]] if not row["responder"]]
    assert len(silent) == 1
    refusal = traces["refused"][ends["refused"] - 1]
    assert refusal["outcome"] == "unreachable" and refusal["responder"] != refusal["address"]
    assert ends["loop"] is None and len({row["responder"] for row in traces["loop"]}) <= 5
    assert traces["elsewhere"][ends["elsewhere"] - 1]["detail"] == "port unreachable"
    assert all(":" in row["address"] for row in traces["six"])
    assert [row["outcome"] for row in traces["clean"][: ends["clean"]]] == ["time-exceeded"] * (ends["clean"] - 1) + [
        "reply"
    ]


@pytest.mark.parametrize("seed", ["", "spring", *map(str, range(6))])
def test_the_questions_are_what_a_trace_meets(seed: str) -> None:
    late = 0
    for way, questions in six_ways.questions(seed):
        rights = [question.right for question in questions]
        assert None in rights and len({right for right in rights if right}) >= 6, way.name
        known = [right for right in rights if right is not None]
        late += known != sorted(known)
        for question in questions:
            assert match(question.answer, question.requests) == question.right
    assert late >= 1, "somewhere answers must overtake each other"


def test_some_errors_quote_as_little_as_is_allowed() -> None:
    shortest = {
        way.name: min(len(question.answer) for question in questions) for way, questions in six_ways.questions("")
    }
    assert shortest["silent"] == shortest["refused"] == 20 + 8 + 20 + six_ways.LEAST_QUOTE < shortest["clean"]


def test_both_pieces_run_in_the_real_tool() -> None:
    for world, destination, family in (
        ("transatlantic", "archive", 4),
        ("transatlantic", "archive", 6),
        ("loop", "lost", 4),
    ):
        network = netlab.world(world)
        own = netlab.traceroute(destination, plan=plan, match=match, window=1, family=family, network=network)
        tool = netlab.traceroute(destination, attempts=1, window=1, family=family, network=network)
        assert list(own["responder"]) == list(tool["responder"][: len(own)])
        assert list(own["outcome"]) == list(tool["outcome"][: len(own)])
