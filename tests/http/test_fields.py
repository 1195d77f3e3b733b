"""The field map of HTTP: every byte has a row, faults stand where the strict reader refuses, and with its rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import RemoteProtocolError
from netlab.http.events import EndOfMessage
from netlab.http.field_meanings import MEANINGS
from netlab.http.fields import fields, is_http
from netlab.http.reader import Reader

GET = b"GET /a?b HTTP/1.1\r\nHost: www\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                b"GET / HTTP/1.1",
                b"HTTP/1.1 200 OK",
                b"HEAD",
                b" ",
                b"/",
                b"\r\n",
                b"\n",
                b"\r",
                b"Host: a",
                b"Host : a",
            ),
            *(
                b"Content-Length: 3",
                b"Content-Length: 3x",
                b"Transfer-Encoding: chunked",
                b"\r\n\r\n",
                b"3",
                b"3\r\nabc",
            ),
            *(b"0\r\n\r\n", b"abc", b"HTTP/1.0", b"\x16\x03", b"\x00", b"\xff", b":", b"CONNECT a:1 HTTP/1.1"),
        ]
    ),
    max_size=14,
).map(b"".join)


def told(data: bytes, **more: Any) -> list[tuple[int, str, Any]]:
    return [(row["offset"], row["field"], row["value"]) for row in fields(data, **more)]


def last(data: bytes) -> tuple[str, str]:
    """Meaning and section of the row where the reader refused."""
    return next((row["meaning"], row["defined_in"]) for row in fields(data) if row["meaning"].startswith("refused"))


def test_a_request_field_by_field() -> None:
    assert told(GET) == [
        (0, "method", "GET"),
        (4, "target", "/a?b"),
        (9, "version", "HTTP/1.1"),
        (19, "Host", "www"),
        (30, "end of head", r"\r\n"),
    ]


def test_a_chunked_response_with_a_trailer() -> None:
    assert told(CHUNKED) == [
        (0, "version", "HTTP/1.1"),
        (9, "status code", "200"),
        (13, "reason phrase", "OK"),
        (17, "Transfer-Encoding", "chunked"),
        (45, "end of head", r"\r\n"),
        (47, "chunk size", "5"),
        (50, "chunk", b"hello"),
        (57, "chunk size", "0"),
        (60, "trailer X", "y"),
        (66, "end of message", r"\r\n"),
    ]


def test_messages_one_after_the_other_have_numbers() -> None:
    assert list(dict.fromkeys(row["layer"] for row in fields(GET + GET))) == ["HTTP request", "HTTP request 2"]


def test_an_answer_to_head_has_no_content_whatever_it_says() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert fields(answer + CHUNKED, [b"HEAD"])[-1]["field"] == "end of message"
    assert fields(answer + b"hello", [b"GET"])[-1]["value"] == b"hello"


def test_content_that_has_not_all_come_says_so() -> None:
    row = fields(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")[-1]
    assert row["meaning"] == "5 bytes, as Content-Length says; 2 of them have not come"


def test_content_until_the_close() -> None:
    assert told(b"HTTP/1.1 200 OK\r\n\r\nhello")[-1] == (19, "content", b"hello")


@pytest.mark.parametrize(
    ("data", "why", "section"),
    [
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "whitespace before the colon", "RFC 9112 5.1"),
        (b"GET / HTTP/1.1\r\n\r\n", "exactly one Host", "RFC 9112 3.2"),
        (b"GET / HTTP/1.1\nHost: a\n\n", "bare LF", "RFC 9112 2.2"),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "request line", "RFC 9112 3"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both",
            "RFC 9112 6.1",
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello", "chunk size", "RFC 9112 7.1"),
        (b"GET / HTTP/1.1\r\nHost", "ended inside a head", "RFC 9112 8"),
        (b"\x16\x03\x01\x02\x00\x01", "looks like TLS", "RFC 9112 2.2"),
    ],
)
def test_a_fault_stands_where_the_reader_refuses(data: bytes, why: str, section: str) -> None:
    meaning, defined_in = last(data)
    assert why in meaning and defined_in == section


def test_nothing_is_explained_behind_a_fault() -> None:
    rows = fields(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + GET)
    assert (rows[-1]["field"], rows[-1]["value"]) == ("not read", b"\r\n" + GET)


@given(PIECES | st.binary(max_size=80))
def test_every_byte_has_one_row(data: bytes) -> None:
    at = 0
    for row in fields(data):
        first, _, end = row["bits"].partition("-")
        assert row["offset"] == at and first == "0" and (int(end) + 1) % 8 == 0
        at += (int(end) + 1) // 8
    assert at == len(data)


@given(PIECES)
def test_it_refuses_what_the_reader_refuses(data: bytes) -> None:
    reader = Reader("client" if data.lstrip(b"\r\n").startswith(b"HTTP/") else "server")
    reader.feed(data)
    reader.feed(b"")
    refused = False
    try:
        while (event := reader.next_event(b"GET")) is not None and not isinstance(event, EndOfMessage):
            pass
    except RemoteProtocolError:
        refused = True
    first = [row for row in fields(data) if row["layer"].split()[-1] in ("request", "response")]
    assert refused == any(row["meaning"].startswith("refused") for row in first)


@pytest.mark.parametrize(
    ("data", "http"),
    [
        (GET, True),
        (CHUNKED, True),
        (b"\r\n" + GET, True),
        (b"E\x00\x00\x1c", False),
        (b"hello there", False),
        (b"", False),
    ],
)
def test_what_begins_like_http(data: bytes, http: bool) -> None:
    assert is_http(data) is http


def test_names_are_in_lower_case_and_sections_are_told() -> None:
    assert all(name == name.lower() and meaning for name, (meaning, _) in MEANINGS.items())
