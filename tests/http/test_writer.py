"""The writer: what it makes is read back as it was, and nothing can be put into a message through a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import LocalProtocolError
from netlab.http import Data, EndOfMessage, Reader, writer
from netlab.http.writer import REASONS, status_line

NAMES = st.text("ABCxyz019-_", min_size=1, max_size=8).map(str.encode)
VALUES = st.binary(max_size=12).map(lambda data: bytes(b for b in data if b >= 0x20 and b != 0x7F).strip(b" \t"))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_what_is_written_is_read_back(fields):
    fields = [(name, value) for name, value in fields if name.lower() not in (b"host",)]
    reader = Reader("client")
    reader.feed(writer.response_head(204, fields))
    response = reader.next_event(b"GET")
    assert (response.status, list(response.fields)) == (204, fields)
    reader = Reader("server")
    reader.feed(writer.request_head(b"GET", b"/", [(b"Host", b"h"), *fields]))
    assert list(reader.next_event().fields) == [(b"Host", b"h"), *fields]


@pytest.mark.parametrize("bad", [b"a\r\nSet-Cookie: x", b"a\nb", b"a\rb", b"a\0b", b" a", b"a ", b"\x7f", b"\x1b[31m"])
def test_no_value_can_end_its_line(bad):
    with pytest.raises(LocalProtocolError):
        writer.response_head(200, [(b"X", bad)])


@pytest.mark.parametrize("bad", [b"", b"a b", b"a:", b"a\r\n", b"\xe9"])
def test_no_name_is_anything_but_a_token(bad):
    with pytest.raises(LocalProtocolError):
        writer.field_lines([(bad, b"v")])


@pytest.mark.parametrize(("method", "target"), [(b"GET", b"/a b"), (b"G T", b"/"), (b"GET", b"/\r\n"), (b"GET", b"")])
def test_no_request_line_but_a_good_one(method, target):
    with pytest.raises(LocalProtocolError):
        writer.request_head(method, target, [])


@pytest.mark.parametrize(
    ("status", "phrase"),
    [(413, b"Content Too Large"), (414, b"URI Too Long"), (416, b"Range Not Satisfiable")],
)
def test_phrases_are_those_of_rfc_9110(status, phrase):
    assert status_line(status, REASONS[status], (1, 1)).startswith(b"HTTP/1.1 %d %s" % (status, phrase))


@pytest.mark.parametrize(("status", "reason"), [(99, b""), (600, b""), (200, b"a\r\nb")])
def test_no_status_line_but_a_good_one(status, reason):
    with pytest.raises(LocalProtocolError):
        writer.response_head(status, [], reason=reason)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_chunks_are_read_back(pieces):
    reader = Reader("client")
    reader.feed(writer.response_head(200, [(b"Transfer-Encoding", b"chunked")]))
    reader.feed(b"".join(map(writer.chunk, pieces)) + writer.last_chunk([(b"X", b"y")]))
    reader.next_event(b"GET")
    content = b""
    while isinstance(event := reader.next_event(), Data):
        content += event.data
    assert content == b"".join(pieces) and event == EndOfMessage(((b"X", b"y"),))
