"""Ranges of bytes: what is ignored, what is joined, what is 416, and framing that adds up."""

from __future__ import annotations

import email.parser
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.http.ranges import MOST_PARTS, Part, content_range, multipart, select


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (b"bytes=0-0", [(0, 0)]),
        (b"bytes=-5", [(95, 99)]),
        (b"bytes=5-", [(5, 99)]),
        (b"bytes=0-999", [(0, 99)]),
        (b"bytes=0-99999999999999999999", [(0, 99)]),
        (b"bytes=99999999999999999999-", []),
        (b"bytes=-999", [(0, 99)]),
        (b"BYTES=1-2", [(1, 2)]),
        (b"bytes=0-1,4-5", [(0, 1), (4, 5)]),
        (b"bytes= 0-1 ,\t4-5,", [(0, 1), (4, 5)]),
        (b"bytes=4-5,0-1", [(4, 5), (0, 1)]),
        (b"bytes=0-4,2-8", [(0, 8)]),
        (b"bytes=0-4,5-8", [(0, 8)]),
        (b"bytes=50-60,0-1,55-70", [(50, 70), (0, 1)]),
        (b"bytes=0-1,200-300", [(0, 1)]),
        (b"bytes=100-", []),
        (b"bytes=-0", []),
        (b"bytes=200-300,-0", []),
    ],
)
def test_what_is_asked_for(value: bytes, parts: list[tuple[int, int]]) -> None:
    assert select([value], 100) == [Part(*each) for each in parts]


@pytest.mark.parametrize(
    "value",
    [
        b"bytes=5-4", b"bytes=", b"bytes", b"bytes=a-b", b"bytes=1", b"bytes=--1", b"bytes=1-2-3", b"lines=1-2",
        b"bytes=0x1-2", b"bytes=1_0-20", b"bytes=+1-2", b"bytes=1-2;3-4", b"bytes=0-1 4-5", b"bytes=\xd9\xa3-4",
        b"bytes=" + b"1" * 1_001 + b"-",
        b"bytes=" + b",".join(b"%d-%d" % (n * 3, n * 3) for n in range(MOST_PARTS + 1)),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_ignored(value: bytes) -> None:
    assert select([value], 100) is None


def test_two_fields_or_none_are_ignored() -> None:
    assert select([], 100) is None
    assert select([b"bytes=0-1", b"bytes=0-1"], 100) is None


def test_an_empty_file_has_no_part() -> None:
    assert select([b"bytes=0-"], 0) == [] and select([b"bytes=-1"], 0) == []


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 40)), min_size=1, max_size=MOST_PARTS), st.integers(1, 100)
)
def test_the_parts_are_disjoint_in_the_file_and_all_that_was_asked_for(asked: list[tuple[int, int]], size: int) -> None:
    value = b"bytes=" + b",".join(b"%d-%d" % (first, first + more) for first, more in asked)
    parts = select([value], size)
    assert parts is not None
    covered = [byte for part in parts for byte in range(part.first, part.last + 1)]
    wanted = {byte for first, more in asked for byte in range(first, first + more + 1) if byte < size}
    assert len(covered) == len(set(covered)) and set(covered) == wanted
    assert sum(part.length for part in parts) <= size


def test_content_range() -> None:
    assert content_range(Part(0, 4), 10) == (b"Content-Range", b"bytes 0-4/10")
    assert content_range(None, 10) == (b"Content-Range", b"bytes */10")


def test_several_parts_are_a_mime_message_of_exactly_the_promised_length() -> None:
    data = bytes(range(100))
    parts = select([b"bytes=0-4,50-59,90-"], len(data))
    assert parts
    framed = multipart(parts, len(data), b"application/octet-stream", b"THE-BOUNDARY")
    content = b"".join(head + data[part.first : part.last + 1] for head, part in zip(framed.heads, parts, strict=True))
    content += framed.end
    assert len(content) == framed.length
    head = b"Content-Type: multipart/byteranges; boundary=THE-BOUNDARY\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
    assert [part["content-range"] for part in message.iter_parts()] == [
        "bytes 0-4/100", "bytes 50-59/100", "bytes 90-99/100",
    ]  # fmt: skip
    assert [part.get_payload(decode=True) for part in message.iter_parts()] == [data[:5], data[50:60], data[90:]]
