"""`messages`: a stream cut into messages and parts, by our framing or by a learner's."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab.errors import UsageError
from netlab.teach import messages

GET = b"GET / HTTP/1.1\r\nHost: www\r\n\r\n"


def parts(data: bytes, **options: Any) -> list[tuple[int, str, int]]:
    table = messages(data, **options)
    assert b"".join(table["text"]) == data, "every byte is in one part"
    placed = table[table["part"] != "missing"]
    assert placed["first"].tolist() == [0, *placed["bytes"].cumsum().tolist()[:-1]][: len(placed)]
    return list(table[["message", "part", "bytes"]].itertuples(index=False, name=None))


def test_pipelined_requests() -> None:
    post = b"POST / HTTP/1.1\r\nHost: www\r\nContent-Length: 3\r\n\r\nabc"
    found = parts(GET + post + GET)
    assert [(number, part) for number, part, _ in found if part in ("start line", "content")] == [
        (1, "start line"), (2, "start line"), (2, "content"), (3, "start line"),
    ]  # fmt: skip


def test_answers_to_head_have_no_content() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    found = parts(answer + answer + b"abc", methods=["HEAD", "GET"])
    assert [piece for piece in found if piece[1] == "content"] == [(2, "content", 3)]


def test_chunks() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    found = parts(answer + b"HTTP/1.1 204 No Content\r\n\r\n", methods=["GET", "GET"])
    assert [part for _, part, _ in found] == [
        "start line", "fields", "empty line", "chunk size", "content", "chunk size", "chunk size", "chunk size",
        "start line", "empty line",
    ]  # fmt: skip


def test_up_to_the_end_of_the_connection() -> None:
    assert parts(b"HTTP/1.0 200 OK\r\n\r\nall of it", methods=["GET"])[-1] == (1, "content", 9)


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: w", b"hello\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n", b"\0" * 9]
)
def test_what_cannot_be_read(data: bytes) -> None:
    assert parts(data) == [(1, "unreadable", len(data))]


def test_chunks_that_cannot_be_read() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello"
    assert parts(data, methods=["GET"])[-1] == (1, "unreadable", 10)


def test_what_was_promised_and_is_missing() -> None:
    assert parts(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", methods=["GET"])[-2:] == [
        (1, "content", 3), (1, "missing", 6),
    ]  # fmt: skip


def test_a_learners_framing_cuts_where_it_says() -> None:
    asked: list[Any] = []

    def framing(fields: Any, status: Any, method: Any) -> Any:
        asked.append((list(fields), status, method))
        return 2

    data = b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\nabHTTP/1.1 200 OK\r\n\r\ncd"
    assert [piece for piece in parts(data, methods=["GET", "HEAD"], framing=framing) if piece[1] == "content"] == [
        (1, "content", 2), (2, "content", 2),
    ]  # fmt: skip
    assert asked == [([(b"X", b"1")], 200, b"GET"), ([], 200, b"HEAD")]


def test_the_real_server_sends_what_can_be_cut() -> None:
    site = netlab.teach.folder({"index.html": "Hello"})
    with netlab.use("line"), netlab.WebServer(site, host="server", port=80) as server:
        data = netlab.teach.converse(server.url, GET.replace(b"www", b"server") * 3)
    assert [piece for piece in parts(data, methods=["GET"] * 3) if piece[1] == "content"] == [
        (1, "content", 5), (2, "content", 5), (3, "content", 5),
    ]  # fmt: skip


def test_text_is_refused() -> None:
    with pytest.raises(UsageError, match="must be bytes"):
        messages("GET /")  # type: ignore[arg-type]
