"""Notebook 12: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import netlab
from netlab.errors import RemoteProtocolError
from netlab.http.forwarding import HOP_BY_HOP, PROTECTED, end_to_end
from netlab.http.framing import framing
from netlab.teach.checkers import exercises, hop_fields, relay_ends, relay_loop, through_proxy

Answer = Callable[..., Any]
Pairs = list[tuple[bytes, bytes]]


def fields_that_go_on(fields: Pairs) -> Pairs:
    names = [name.lower() for name, value in fields]
    if names.count(b"content-length") > 1 or {b"content-length", b"transfer-encoding"} <= set(names):
        raise netlab.teach.refuse(400, "two ways")
    named = set()
    for name, value in fields:
        if name.lower() == b"connection":
            named |= {each.strip().lower() for each in value.split(b",")}
    ends_here = hop_fields.OF_ONE_HOP | (named - hop_fields.FOR_EVERYBODY)
    return [(name, value) for name, value in fields if name.lower() not in ends_here]


def pass_on(source: Any, sink: Any) -> Iterator[Any]:
    while True:
        data = yield from source.receive()
        if not data:
            return
        yield from sink.send(data)


RIGHT: dict[str, Answer] = {
    "12.1": lambda: "d", "12.2": lambda: "b", "12.3": lambda: "c", "12.4": fields_that_go_on, "12.5": pass_on,
}  # fmt: skip


# --- wrong, written as learners write it -------------------------------------------------------------------------


def by_a_dict(fields: Pairs) -> Pairs:
    """What most people write first."""
    kept = dict(fields)
    for name in kept.get(b"Connection", b"").split(b","):
        kept.pop(name.strip(), None)
    kept.pop(b"Connection", None)
    return list(kept.items())


def with_lists_in_it(fields: Pairs) -> Any:
    return [list(pair) for pair in fields_that_go_on(fields)]


def first_recv(source: Any, sink: Any) -> Iterator[Any]:
    data = yield from source.receive()
    yield from sink.send(data)


def no_generator(source: Any, sink: Any) -> None:
    sink.send(b"".join([]))


def nobody_waits(source: Any, sink: Any) -> Iterator[Any]:
    data = source.receive()
    yield from sink.send(data)


def yield_alone(source: Any, sink: Any) -> Iterator[Any]:
    data = yield source.receive()
    yield sink.send(data)


def until_a_short_one(source: Any, sink: Any) -> Iterator[Any]:
    data = b"x" * 65_536
    while len(data) == 65_536:
        data = yield from source.receive()
        yield from sink.send(data)


def all_at_once(source: Any, sink: Any) -> Iterator[Any]:
    pieces = []
    while data := (yield from source.receive()):
        pieces.append(data)
    yield from sink.send(b"".join(pieces))


def a_thousand_times(source: Any, sink: Any) -> Iterator[Any]:
    for _ in range(500):
        data = yield from source.receive()
        if not data:
            return
        yield from sink.send(data)


def without_end(source: Any, sink: Any) -> Iterator[Any]:
    while True:
        data = yield from source.receive()
        yield from sink.send(data)


def never_asks(source: Any, sink: Any) -> Iterator[Any]:
    while True:
        pass
    yield from source.receive()


def in_quarters(source: Any, sink: Any) -> Iterator[Any]:
    """Right: nobody has said that a piece must stay a piece."""
    while data := (yield from source.receive()):
        for start in range(0, len(data), 16_384):
            yield from sink.send(memoryview(data)[start : start + 16_384])


def kinds(module: Any, id: str) -> list[tuple[str, str, Answer]]:
    """Each kind of mistake of a checker, with the beginning of what must be said of it."""
    return [(id, message[:60], module.variant({what: how})) for what, how, message in module.KINDS]


WRONG: list[tuple[str, str, Answer]] = [
    *kinds(hop_fields, "12.4"),
    *kinds(relay_loop, "12.5"),
    ("12.4", "Not right yet in", by_a_dict),
    ("12.4", "A field is a pair: (name, value)", with_lists_in_it),
    ("12.4", "Return a list of fields", lambda fields: None),
    ("12.4", "Return a list of fields", lambda fields: dict(fields)),
    ("12.4", "Return a list of fields", lambda fields: (pair for pair in fields)),
    ("12.4", "You drop only what Connection names", hop_fields.variant({"always": "named only", "both": "unchecked"})),
    ("12.4", "KeyError", lambda fields: [pair for pair in fields if dict(fields)[b"Connection"] != pair[1]]),
    ("12.4", "these arguments: fields", lambda: None),
    ("12.5", "That is the bug of the textbooks", first_recv),
    ("12.5", "has no yield from in it", no_generator),
    ("12.5", "nobody has waited for", nobody_waits),
    ("12.5", "write yield from, before source.receive()", yield_alone),
    ("12.5", "You stop after a piece that is shorter", until_a_short_one),
    ("12.5", "You gather everything and send it at the end", all_at_once),
    ("12.5", "passes on the first", a_thousand_times),
    ("12.5", "your loop never ends", without_end),
    ("12.5", "You call receive once", relay_loop.variant({"loop": "once", "errors": "swallowed"})),
    ("12.5", "these arguments: source, sink", lambda source: None),
]


@pytest.fixture(scope="module", autouse=True)
def everything_is_imported() -> None:
    """So that a check's time is its own."""
    through_proxy.tried("")


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("12"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x", "ü"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.process_time()
    assert netlab.check(id, RIGHT[id], points=3, seed=seed) == 3.0, capsys.readouterr().out
    assert time.process_time() - began < 1
    out = capsys.readouterr().out
    assert ("Visible checks passed; grading uses other networks." in out) == (exercises("12")[id].unseen and not seed)


@pytest.mark.parametrize("seed", [None, "spring"])
@pytest.mark.parametrize(("id", "message", "answer"), WRONG, ids=[f"{id} {message}" for id, message, _ in WRONG])
def test_a_known_wrong_answer_is_named(
    id: str, message: str, answer: Answer, seed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    score = netlab.check(id, answer, points=4, seed=seed)
    out, err = capsys.readouterr()
    assert type(score) is float and 0 <= score < 4
    assert " ".join(message.split()) in " ".join(out.split()), out
    assert err == "" and "could not handle" not in out


@pytest.mark.parametrize("id", ["12.1", "12.2", "12.3"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = set()
    for letter in "abcd":
        assert netlab.check(id, letter) == float(letter == RIGHT[id]())
        said.add(capsys.readouterr().out.splitlines()[1])
    assert len(said) == 4


def test_who_passes_on_everything_or_nothing_gets_nothing() -> None:
    assert netlab.check("12.4", lambda fields: fields, points=4) == 0.0
    assert netlab.check("12.4", lambda fields: [], points=4) == 0.0
    assert netlab.check("12.5", first_recv, points=4) == 0.0


def test_a_relay_that_never_ends_by_itself_is_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    assert netlab.check("12.5", never_asks) == 0.0
    assert "Does its loop ever end?" in capsys.readouterr().out


def test_a_relay_may_cut_the_pieces_anew() -> None:
    assert netlab.check("12.5", in_quarters) == 1.0


def test_the_evidence_is_the_input_and_both_results(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("12.4", hop_fields.variant({"needed": "dropped"}))
    out = " ".join(capsys.readouterr().out.split())
    assert "Connection: close, cookie" in out and "Right: ((b'Host', b'www'), (b'Cookie'" in out
    netlab.check("12.5", first_recv)
    out = " ".join(capsys.readouterr().out.split())
    assert "two pieces" in out and "then it ends. Yours:" in out


# --- the corpora and the real proxy ------------------------------------------------------------------------------

SEEDS = ["", "spring", *map(str, range(6))]


def test_the_lists_of_the_notebook_are_parts_of_the_real_ones() -> None:
    assert hop_fields.OF_ONE_HOP <= HOP_BY_HOP and hop_fields.FOR_EVERYBODY <= PROTECTED


@pytest.mark.parametrize("seed", SEEDS)
def test_the_real_filter_agrees_with_the_corpus_of_fields(seed: str) -> None:
    """Framing is judged by the reader, before the filter; together they decide as the exercise asks."""
    for case in hop_fields.cases(seed):
        (fields,) = case.given
        try:
            framing(netlab.teach.request(b"POST", b"/", b"HTTP/1.1", fields))
            found: tuple[Any, ...] = ("passed on", tuple(end_to_end(fields)))
        except RemoteProtocolError as refusal:
            found = "refused", refusal.status_hint
        assert found in case.right, case.told


@pytest.mark.parametrize("seed", SEEDS)
def test_the_megabyte_is_one_and_its_pieces_are_small(seed: str) -> None:
    pieces = next(case.pieces for case in relay_loop.cases(seed) if "1 MB" in case.told)
    assert sum(map(len, pieces)) == 1_000_000 and max(map(len, pieces)) <= 1460 and len(pieces) > 600


def test_an_end_that_is_no_end_is_told_apart() -> None:
    broken = relay_ends.Case("broken", (b"half",), "broken")
    assert relay_ends.run(pass_on, broken) == broken.right == ("raises", "BrokenOff", b"half", False)
    waits = relay_ends.Case("open", (b"half",), "open")
    assert relay_ends.run(pass_on, waits) == waits.right == ("waits", "", b"half", False)
    gone = relay_ends.Case("gone", (b"half", b"more"), most=5)
    assert relay_ends.run(pass_on, gone) == gone.right == ("raises", "BrokenOff", b"half", False)


@pytest.mark.parametrize("seed", ["", "spring", "1"])
@pytest.mark.parametrize("parts", [{}, {"filter_fields": fields_that_go_on, "relay": pass_on}], ids=["ours", "theirs"])
def test_the_real_proxy_passes_every_trial(parts: dict[str, Answer], seed: str) -> None:
    checks = through_proxy.tried(seed, **parts)
    assert len(checks) == 6 and all(right for _, right, _ in checks), checks


def test_the_trials_in_the_proxy_can_fail() -> None:
    def failed(**parts: Answer) -> list[bool]:
        return [right for _, right, _ in through_proxy.tried("", **parts)]

    assert failed(relay=first_recv) == [True, False, True, True, False, True]
    assert failed(filter_fields=lambda fields: fields)[0] is False
    assert failed(filter_fields=lambda fields: [])[0] is False


def test_a_part_that_is_right_only_outside_the_proxy_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """It behaves as long as it is only tried: a filter that stops working after so many calls."""
    calls = []

    def tired(fields: Pairs) -> Pairs:
        calls.append(1)
        return fields_that_go_on(fields) if len(calls) <= len(hop_fields.cases("")) else fields

    assert netlab.check("12.4", tired, points=4) == 3.0
    out = " ".join(capsys.readouterr().out.split())
    assert "not in the real proxy" in out and "Tried: fields of one connection end there" in out


def test_nothing_is_left_open_behind_a_trial() -> None:
    with netlab.use("line"):
        netlab.check("12.5", pass_on)
        with netlab.ProxyServer(host="server", port=8000):
            assert netlab.teach.converse("http://server:8000/", b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
