"""Notebook 08: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import netlab
from netlab.teach.checkers import exercises, hostile_stream, read_exactly, read_until
from netlab.teach.checkers.hostile_stream import NeverStops, Waits

Answer = Callable[..., Any]
Recv = Callable[[int], bytes]


def exactly(recv: Recv, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = recv(count - len(data))
        if not piece:
            raise EOFError("the stream has ended too early")
        data += piece
    return data


def until(recv: Recv, end: bytes, have: bytes, limit: int) -> tuple[bytes, bytes]:
    data = have
    while end not in data:
        if len(data) > limit:
            raise ValueError("too long")
        piece = recv(4096)
        if not piece:
            raise EOFError("the stream has ended inside the head")
        data += piece
    head, _, rest = data.partition(end)
    return head, rest


# --- right in other ways -----------------------------------------------------------------------------------------


def exactly_byte_by_byte(recv: Recv, count: int) -> bytes:
    found = bytearray()
    for _ in range(count):
        piece = recv(1)
        if len(piece) == 0:
            raise EOFError
        found += piece
    return found


def exactly_by_recursion(recv: Recv, count: int) -> bytes:
    if count == 0:
        return b""
    piece = recv(count)
    if not piece:
        raise EOFError
    return piece + exactly_by_recursion(recv, count - len(piece))


def until_byte_by_byte(recv: Recv, end: bytes, have: bytes, limit: int) -> tuple[bytes, bytes]:
    """It takes no byte too many, so what follows stays in the socket."""
    if end in have:
        head, _, rest = have.partition(end)
        return head, rest
    data = bytearray(have)
    while not data.endswith(end):
        if len(data) > limit:
            raise ValueError
        piece = recv(1)
        if not piece:
            raise EOFError
        data += piece
    return bytes(data[: -len(end)]), b""


def until_by_find(recv: Recv, end: bytes, have: bytes, limit: int) -> tuple[bytes, bytes]:
    searched = 0
    while (place := have.find(end, max(0, searched - len(end) + 1))) < 0:
        searched = len(have)
        if searched > limit:
            raise ValueError
        more = recv(100)
        if more == b"":
            raise EOFError
        have = have + more
    return have[:place], have[place + len(end) :]


def until_by_index(recv: Recv, end: bytes, have: bytes, limit: int) -> tuple[bytes, bytes]:
    """The ValueError that is due is index's own."""
    while end not in have and len(have) <= limit:
        piece = recv(512)
        if not piece:
            raise EOFError
        have += piece
    place = have.index(end)
    return have[:place], have[place + len(end) :]


def until_one_more_than_the_limit(recv: Recv, end: bytes, have: bytes, limit: int) -> tuple[bytes, ...]:
    """It never asks for more than would be too much."""
    data = bytearray(have)
    while end not in data:
        if len(data) > limit:
            raise OverlongError
        piece = recv(limit + 1 - len(data))
        if piece == b"":
            raise EOFError
        data.extend(piece)
    return tuple(bytes(data).split(end, 1))


class OverlongError(ValueError):
    """An exception of the learner's own that is a ValueError, too."""


RIGHT: dict[str, list[Answer]] = {
    "08.1": [lambda: "c"],
    "08.2": [lambda: "b"],
    "08.3": [lambda: "d"],
    "08.4": [lambda: "a"],
    "08.5": [exactly, exactly_byte_by_byte, exactly_by_recursion],
    "08.6": [
        until,
        until_byte_by_byte,
        until_by_find,
        until_by_index,
        until_one_more_than_the_limit,
    ],
}


# --- wrong -------------------------------------------------------------------------------------------------------


def much(cut_off: bool) -> Answer:
    def answer(recv: Recv, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = recv(1024)
            if not piece:
                raise EOFError
            data += piece
        return data[:count] if cut_off else data

    return answer


def always_count(recv: Recv, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = recv(count)
        if not piece:
            raise EOFError
        data += piece
    return data


def at_the_end(give: Callable[[bytes], Any]) -> Answer:
    """`exactly`, but for what it does when the stream ends early."""

    def answer(recv: Recv, count: int) -> Any:
        data = b""
        while len(data) < count:
            piece = recv(count - len(data))
            if not piece:
                return give(data)
            data += piece
        return data

    return answer


def raising(error: Exception) -> Callable[[bytes], Any]:
    def give(data: bytes) -> Any:
        raise error

    return give


def deaf(recv: Recv, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += recv(count - len(data))
    return data


def asks_first(recv: Recv, count: int) -> bytes:
    data = recv(count)
    if not data:
        raise EOFError
    while len(data) < count:
        piece = recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def to_the_end(recv: Recv, count: int) -> bytes:
    data = b""
    while piece := recv(4096):
        data += piece
    if len(data) < count:
        raise EOFError
    return data


def zero_is_the_end(recv: Recv, count: int) -> bytes:
    data = b""
    while True:
        piece = recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece


def reader(
    found: Callable[[bytes, bytes, bytes], bool] = lambda data, piece, end: end in data,
    parts: Callable[[bytes, bytes], Any] = lambda data, end: (data.partition(end)[0], data.partition(end)[2]),
    early: Callable[[bytes], Any] | None = None,
    long: type[Exception] | None = ValueError,
    start: bool = True,
    first: bool = False,
    limit_first: bool = False,
) -> Answer:
    """`until` with parts exchanged."""

    def answer(recv: Recv, end: bytes, have: bytes, limit: int) -> Any:
        data = have if start else b""
        piece = data
        again = first
        while again or not found(data, piece, end):
            again = False
            if long is not None and len(data) > limit:
                raise long
            piece = recv(4096)
            if not piece:
                return (early or raising(EOFError()))(data)
            data += piece
            if limit_first and len(data) > limit:
                raise ValueError
        return parts(data, end)

    return answer


def deaf_until(recv: Recv, end: bytes, have: bytes, limit: int) -> Any:
    while end not in have:
        have += recv(4096)
        if len(have) > limit and end not in have:
            raise ValueError
    head, _, rest = have.partition(end)
    return head, rest


def one_recv(recv: Recv, end: bytes, have: bytes, limit: int) -> Any:
    data = have + recv(4096)
    head, _, rest = data.partition(end)
    return head, rest


def of_four(data: bytes, end: bytes) -> tuple[bytes, bytes]:
    place = data.index(end)
    return data[:place], data[place + 4 :]


def unpacked(data: bytes, end: bytes) -> tuple[bytes, bytes]:
    head, rest = data.split(end)
    return head, rest


def at_the_limit(recv: Recv, end: bytes, have: bytes, limit: int) -> Any:
    while end not in have:
        if len(have) >= limit:
            raise ValueError
        piece = recv(4096)
        if not piece:
            raise EOFError
        have += piece
    return have.partition(end)[::2]


def size_is_not_there(data: bytes, end: bytes) -> tuple[bytes, bytes]:
    head, _, rest = data.partition(end)
    return head, rest[: int(rest.decode())]


def all_at_once(recv: Recv, count: int) -> bytes:
    """It unpacks what came, so Python raises ValueError when more than one byte did."""
    data = b""
    while len(data) < count:
        (byte,) = recv(count - len(data))
        data += bytes([byte])
    return data


WRONG: list[tuple[str, str, Answer]] = [
    ("08.5", "ValueError (too many values to unpack (expected 1)) at this line: (byte,) = recv(", all_at_once),
    ("08.6", "You raise ValueError when exactly limit bytes have come", at_the_limit),
    ("08.6", "You go on behind four bytes, whatever the mark is", reader(parts=of_four)),
    ("08.6", "You look for the empty line", lambda recv, end, *rest: until(recv, b"\r\n\r\n", *rest)),
    ("08.6", "You split at every mark and expect two parts", reader(parts=unpacked)),
    ("08.6", "You split at every mark and expect two parts", reader(parts=unpacked, long=None)),
    (
        "08.6",
        "ValueError (invalid literal for int() with base 10: '') at this line:",
        reader(parts=size_is_not_there),
    ),
    ("08.6", "IndexError (index out of range) at this line: piece[0]", lambda recv, *rest: (piece := b"", piece[0])),
    ("08.6", "You call recv with a negative number", lambda recv, *rest: recv(-1)),
    ("08.5", "You call recv once", lambda recv, count: recv(count)),
    ("08.5", "return what belongs to the next message as well", much(cut_off=False)),
    ("08.5", "You take more than you need and throw it away", much(cut_off=True)),
    ("08.5", "You ask for count bytes each time", always_count),
    ("08.5", "you return what there is", at_the_end(lambda data: data)),
    ("08.5", "you return None", at_the_end(lambda data: None)),
    ("08.5", 'you return b""', at_the_end(lambda data: b"")),
    ("08.5", "raise EOFError: that is Python's name", at_the_end(raising(ConnectionError("gone")))),
    ("08.5", "your loop never ends", deaf),
    ("08.5", "You call recv before you look", asks_first),
    ("08.5", 'You leave the loop only at b""', to_the_end),
    ("08.5", "you call recv(0)", zero_is_the_end),
    ("08.5", "Return bytes", lambda recv, count: "GET"),
    ("08.5", "Return bytes", lambda recv, count: [recv(1) for _ in range(count)]),
    ("08.5", "none of the mistakes known here", lambda recv, count: b"?"),
    ("08.5", "these arguments: recv, count", lambda recv: b""),
    ("08.5", "TypeError", lambda recv, count: recv("all")),
    ("08.5", "negative number", lambda recv, count: recv(-1)),
    ("08.6", "You look for the mark in the last piece only", reader(lambda data, piece, end: end in piece)),
    ("08.6", "what has come ends with the mark", reader(lambda data, piece, end: data.endswith(end))),
    ("08.6", "the last piece ends with the mark", reader(lambda data, piece, end: piece.endswith(end))),
    ("08.6", "You throw away what has come behind", reader(parts=lambda data, end: (data.partition(end)[0], b""))),
    ("08.6", "You forget what was left over", reader(start=False)),
    ("08.6", "You call recv before you look at what you have", reader(first=True)),
    ("08.6", "You split at the last mark", reader(parts=lambda data, end: data.rpartition(end)[::2])),
    ("08.6", "You split at every mark", reader(parts=lambda data, end: tuple(data.split(end)[:2]))),
    ("08.6", "still has the mark at its end", reader(parts=lambda d, e: (d.partition(e)[0] + e, d.partition(e)[2]))),
    ("08.6", "Your rest begins with the mark", reader(parts=lambda d, e: (d.partition(e)[0], e + d.partition(e)[2]))),
    ("08.6", "Half a request must not be served", reader(early=lambda data: (data, b""))),
    ("08.6", "you return None", reader(early=lambda data: None)),
    ("08.6", "raise EOFError: that is Python's name", reader(early=raising(ConnectionError("gone")))),
    ("08.6", "your loop never ends", deaf_until),
    ("08.6", "fills your memory", reader(long=None)),
    ("08.6", "You compare with the limit before", reader(limit_first=True)),
    ("08.6", "When the limit is passed, raise ValueError", reader(long=MemoryError)),
    ("08.6", "fills your memory", reader(lambda data, piece, end: end in piece, long=None)),
    ("08.6", "in the last piece only", reader(lambda data, piece, end: end in piece, long=None)),
    ("08.6", "Return two things", lambda recv, end, have, limit: have),
    ("08.6", "Both must be bytes", lambda recv, end, have, limit: ("GET", "")),
    ("08.6", "You call recv once", one_recv),
    ("08.6", "none of the mistakes known here", lambda recv, end, have, limit: (b"?", b"!")),
    ("08.6", "these arguments: recv, end, have, limit", lambda recv, end: (b"", b"")),
    ("08.6", "AttributeError", lambda recv, end, have, limit: recv.read()),
]


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("08"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x", "ü"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    for answer in RIGHT[id]:
        began = time.process_time()
        assert netlab.check(id, answer, points=3, seed=seed) == 3.0, capsys.readouterr().out
        assert time.process_time() - began < 1
        out = capsys.readouterr().out
        told = "Visible checks passed; grading uses other networks." in out
        assert told == (exercises("08")[id].unseen and not seed)


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


@pytest.mark.parametrize("id", ["08.1", "08.2", "08.3", "08.4"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = set()
    for letter in "abcd":
        assert netlab.check(id, letter) == float(letter == RIGHT[id][0]())
        said.add(capsys.readouterr().out.splitlines()[1])
    assert len(said) == 4


def test_a_reader_that_stands_the_small_pieces_gets_some_points() -> None:
    assert 0 < netlab.check("08.5", at_the_end(lambda data: data), points=4) < 2
    assert netlab.check("08.5", lambda recv, count: recv(count), points=4) == 0.0
    assert 0 < netlab.check("08.6", reader(long=None), points=4) < 2
    assert netlab.check("08.6", one_recv, points=4) == 0.0


def test_the_verdict_shows_the_pieces_and_what_should_have_come(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("08.6", reader(lambda data, piece, end: end in piece))
    out = " ".join(capsys.readouterr().out.split())
    assert "one byte at a time" in out and r"b'G'; b'E'; b'T'" in out and "Yours: asks for more" in out


def test_an_exception_that_python_raised_is_shown_with_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("08.6", reader(parts=unpacked))
    out = " ".join(capsys.readouterr().out.split())
    assert "Yours: stops with ValueError (too many values to unpack (expected 2))." in out


def test_what_differs_is_seen_although_both_are_long(capsys: pytest.CaptureFixture[str]) -> None:
    for id, answer in (("08.5", much(cut_off=False)), ("08.5", always_count)):
        for seed in map(str, range(20)):
            netlab.check(id, answer, seed=seed)
            due, mine = " ".join(capsys.readouterr().out.split()).partition("should have: ")[2].split(". Yours: ")
            assert due.removesuffix(".") != mine.partition(", and has taken")[0] and due.startswith("gives ")
    data = b"GET / HTTP/1.1\r\n" * 20
    right = hostile_stream.told(("gives", (data, data)), ("gives", (data, data[:300] + b"?")))
    wrong = hostile_stream.told(("gives", (data, data[:300] + b"?")), ("gives", (data, data)))
    assert right.startswith("gives (b'GET / HTTP/1.1") and "… (320 bytes), b'HTTP/1.1" in right
    assert right.endswith("(behind the first 294 of 320 bytes))")
    assert wrong.endswith(r"b'HTTP/1?' (behind the first 294 of 301 bytes))")


# --- the streams -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", ["", "spring", *map(str, range(8))])
def test_the_cases_are_as_nasty_as_they_say(seed: str) -> None:
    marks = set()
    for case in read_until.cases(seed):
        end, have, limit = case.given
        marks.add(len(end))
        data = have + b"".join(case.pieces)
        if case.right[0] == "gives":
            head, rest = case.right[1]
            assert head + end + rest == data and end not in head
            assert len(head + end) <= limit + 1, (
                "whoever takes one byte at a time never has more than limit, and no mark"
            )
        else:
            assert end not in data
    assert {1, 4} < marks
    exactly = {case.told: case for case in read_until.cases(seed)}
    whole, last = exactly["exactly limit bytes have come, and the next one completes the mark"].pieces
    assert len(whole) == exactly["exactly limit bytes have come, and the next one completes the mark"].given[2]
    assert len(last) == 1
    split = {case.told: case for case in read_until.cases(seed)}["the mark itself is cut in two"]
    assert split.pieces[0].endswith(b"\r\n") and split.pieces[1] == b"\r\n"
    assert all(b"".join(case.pieces) for case in read_exactly.cases(seed) if case.given[0] and case.ending == "open")


def test_a_feed_is_like_a_socket() -> None:
    feed = hostile_stream.Feed([b"abc", b"d"], closed=True, most=100)
    assert [feed.recv(2), feed.recv(0), feed.recv(9), feed.recv(9), feed.recv(9), feed.recv(9)] == [
        b"ab", b"", b"c", b"d", b"", b"",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="negative"):
        feed.recv(-1)
    with pytest.raises(TypeError, match="number of bytes"):
        feed.recv("all")  # type: ignore[arg-type]
    with pytest.raises(NeverStops):
        for _ in range(1000):
            feed.recv(1)
    with pytest.raises(Waits):
        hostile_stream.Feed([], closed=False, most=100).recv(1)
