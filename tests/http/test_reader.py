"""The reader: what it makes of good bytes however they are cut, and which bad ones it refuses, with which rule."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import RemoteProtocolError
from netlab.http import Data, EndOfMessage, Limits, Reader, Request, Response
from netlab.http.reader import request_head

GET = b"GET /a?b=c HTTP/1.1\r\nHost: www.example\r\nX: one\r\nx: two \r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"PUT /f HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b'5;name="v;\\""\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: t\r\n\r\n'
)


def read(data, role="server", method=b"", cuts=(), end=False, limits=None):
    """All events of all messages in ``data``, fed in pieces; content that comes in a row is put together."""
    reader = Reader(role, limits)
    events = []
    places = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(places)]
    for piece in [*filter(None, pieces), *([b""] if end else [])]:
        reader.feed(piece)
        while (event := reader.next_event(method)) is not None:
            if isinstance(event, Data) and events and isinstance(events[-1], Data):
                event = Data(events.pop().data + event.data)
            events.append(event)
            if isinstance(event, EndOfMessage):
                reader.next_message()
    return events


def test_a_request_keeps_its_fields_in_order_and_doubled():
    request, end = read(GET)
    assert isinstance(request, Request) and end == EndOfMessage()
    assert (request.method, request.target, request.version) == (b"GET", b"/a?b=c", (1, 1))
    assert request.fields == ((b"Host", b"www.example"), (b"X", b"one"), (b"x", b"two"))
    assert request.all(b"x") == [b"one", b"two"] and request.get(b"host") == b"www.example"


def test_content_by_length_and_in_chunks():
    assert read(POST)[1:] == [Data(b"hello"), EndOfMessage()]
    assert read(CHUNKED)[1:] == [Data(b"hello world"), EndOfMessage(((b"Trailer", b"t"),))]


def test_pipelined_requests_wait_for_next_message():
    reader = Reader("server")
    reader.feed(GET + POST)
    assert isinstance(reader.next_event(), Request) and isinstance(reader.next_event(), EndOfMessage)
    assert reader.next_event() is None and reader.done
    reader.next_message()
    assert reader.next_event().method == b"POST"


@given(cuts=st.lists(st.integers(0, len(GET + CHUNKED + POST)), max_size=12))
def test_however_it_is_cut_the_events_are_the_same(cuts):
    data = GET + CHUNKED + b"\r\n" + POST
    assert read(data, cuts=cuts) == read(data)


def test_cut_at_every_place():
    for place in range(len(CHUNKED)):
        assert read(CHUNKED, cuts=[place]) == read(CHUNKED)


@pytest.mark.parametrize("long", [GET.replace(b"one", b"1" * 200), CHUNKED.replace(b"r: t", b"r: " + b"t" * 200)])
def test_a_short_head_behind_something_long_that_was_cut_is_found(long):
    data = long + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    whole = read(data)
    assert len(whole) >= 4
    for cuts in ([len(long) - 1], [len(long) - 1, len(long)], range(len(long) + 1), range(len(data))):
        assert read(data, cuts=cuts) == whole


@given(st.binary(max_size=200))
def test_any_bytes_give_events_or_a_protocol_error(data):
    for role in ("server", "client"):
        try:
            read(data, role, end=True)
        except RemoteProtocolError as error:
            assert error.status_hint >= 400


@given(place=st.integers(0, len(CHUNKED) - 1), byte=st.integers(0, 255))
def test_one_changed_byte_gives_events_or_a_protocol_error(place, byte):
    data = CHUNKED[:place] + bytes([byte]) + CHUNKED[place + 1 :]
    try:
        read(data, end=True)
    except RemoteProtocolError as error:
        assert error.status_hint in (400, 414, 431, 501, 505)


HOST = b"\r\nHost: h\r\n"


@pytest.mark.parametrize(
    ("data", "status", "rule"),
    [
        (b"GET / HTTP/1.1\nHost: h\n\n", 400, "RFC 9112 2.2"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n X: folded\r\n\r\n", 400, "RFC 9112 5.2"),
        (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400, "RFC 9112 5.1"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400, "RFC 9112 5"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400, "RFC 9112 2.2"),
        (b"GET  / HTTP/1.1" + HOST + b"\r\n", 400, "RFC 9112 3"),
        (b"GET /" + HOST + b"\r\n", 400, "RFC 9112 3"),
        (b"GET / HTTP/2.0" + HOST + b"\r\n", 505, "RFC 9110 15.6.6"),
        (b"GET dir HTTP/1.1" + HOST + b"\r\n", 400, "RFC 9112 3.2"),
        (b"GET /a#b HTTP/1.1" + HOST + b"\r\n", 400, "RFC 9112 3.2"),
        (b"GET * HTTP/1.1" + HOST + b"\r\n", 400, "RFC 9112 3.2.4"),
        (b"CONNECT / HTTP/1.1" + HOST + b"\r\n", 400, "RFC 9112 3.2.3"),
        (b"CONNECT h:99999 HTTP/1.1" + HOST + b"\r\n", 400, "RFC 9110 4.2"),
        (b"GET http://u@h/ HTTP/1.1" + HOST + b"\r\n", 400, "RFC 9110 4.2"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "RFC 9112 3.2"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "RFC 9112 3.2"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "RFC 9112 3.2"),
        (b"POST / HTTP/1.1" + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400, "RFC 9112 6.3"),
        (b"POST / HTTP/1.1" + HOST + b"Content-Length: 3, 3\r\n\r\n", 400, "RFC 9110 8.6"),
        (b"POST / HTTP/1.1" + HOST + b"Content-Length: +3\r\n\r\n", 400, "RFC 9110 8.6"),
        (b"POST / HTTP/1.1" + HOST + b"Content-Length: 1_0\r\n\r\n", 400, "RFC 9110 8.6"),
        (b"POST / HTTP/1.1" + HOST + b"Content-Length: 1234567890123456789\r\n\r\n", 400, "RFC 9110 8.6"),
        (b"POST / HTTP/1.1" + HOST + b"Content-Length:\r\n\r\n", 400, "RFC 9110 8.6"),
        (b"POST / HTTP/1.1" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "RFC 9112 6.1"),
        (b"POST / HTTP/1.0" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", 400, "RFC 9112 6.1"),
        (b"POST / HTTP/1.1" + HOST + b"Transfer-Encoding: chunked,\r\n\r\n", 400, "RFC 9112 6.1"),
        (b"POST / HTTP/1.1" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 400, "RFC 9112 6.1"),
        (b"POST / HTTP/1.1" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400, "RFC 9112 6.1"),
        (b"POST / HTTP/1.1" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "RFC 9112 6.1"),
        (CHUNKED.replace(b"5;", b"5 ;"), 400, "RFC 9112 7.1"),
        (CHUNKED.replace(b"6\r\n", b"0x6\r\n"), 400, "RFC 9112 7.1"),
        (CHUNKED.replace(b"6\r\n", b"\r\n"), 400, "RFC 9112 7.1"),
        (CHUNKED.replace(b"6\r\n", b"00000000000000006\r\n"), 400, "RFC 9112 7.1"),
        (CHUNKED.replace(b"6\r\n", b"5\r\n"), 400, "RFC 9112 7.1"),
        (CHUNKED.replace(b"6\r\n", b"6\n"), 400, "RFC 9112 7.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "RFC 9112 2.2"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(data, status, rule):
    with pytest.raises(RemoteProtocolError) as caught:
        read(data)
    assert (caught.value.status_hint, caught.value.rule) == (status, rule)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"GET http://ada:s3cret@h/ HTTP/1.1\r\nHost: h\r\n\r\n", "b'(left out)@h' is no host"),
        (b"GET http://ada:s3cret@h/ nothing\r\n\r\n", "request line b'GET http://(left out)@h/ nothing'"),
        (b"CONNECT ada:s3cret@h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT wants host:port, not b'(left out)@h:443'"),
        (b"GET /a@b HTTP/1.1\r\nHost: ada:s3cret@h\r\n\r\n", "Host b'(left out)@h' is no host"),
        (b"GET / HTTP/1.1\r\nCookie: s3cret\0\r\n\r\n", "field line b'Cookie: (left out)'"),
        (b"GET / HTTP/1.1\r\nproxy-AUTHORIZATION: s3cret\0\r\n\r\n", "field line b'proxy-AUTHORIZATION: (left out)'"),
        (b"GET / HTTP/1.1\r\nX: a@b\0\r\n\r\n", "field line b'X: a@b\\x00'"),
    ],
)
def test_no_reason_quotes_a_password(data, told):
    with pytest.raises(RemoteProtocolError) as refused:
        read(data)
    assert told in str(refused.value)


def test_an_error_is_final():
    reader = Reader("server")
    reader.feed(b"nonsense\r\n\r\n" + GET)
    for _ in range(3):
        with pytest.raises(RemoteProtocolError):
            reader.next_event()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 9000, 414),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 40_000, 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: a\r\n" * 100 + b"\r\n", 431),
        (CHUNKED.replace(b"6\r\n", b"6;" + b"a" * 300 + b"\r\n"), 400),
        (CHUNKED.replace(b"Trailer: t", b"Trailer: " + b"t" * 40_000), 431),
    ],
)
def test_limits(data, status):
    with pytest.raises(RemoteProtocolError) as caught:
        read(data)
    assert caught.value.status_hint == status


def test_chunk_extensions_are_limited_all_together():
    chunks = b"1;aaaa=bbbb\r\nx\r\n" * 10
    with pytest.raises(RemoteProtocolError, match="extensions"):
        read(CHUNKED.partition(b"5;")[0] + chunks, limits=Limits(extensions=50))


def test_chunk_extensions_are_counted_anew_for_each_message():
    message = CHUNKED.partition(b"5;")[0] + b"1;aaaa=bbbb\r\nx\r\n" * 3 + b"0\r\n\r\n"
    assert len(read(message * 4, limits=Limits(extensions=50))) == 4 * 3


AT_ITS_LIMIT = {
    "the first line": (b"GET /%s HTTP/1.1" % (b"a" * 86) + b"\r\nHost: h\r\n\r\n", b"a HTTP", 414),
    "the head": (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 172 + b"\r\n\r\n", b"a\r\n", 431),
    "a chunk line": (CHUNKED.replace(b"6\r\n", b"6;" + b"a" * 48 + b"\r\n"), b"a\r\n", 400),
    "the trailers": (CHUNKED.replace(b"r: t", b"r: " + b"t" * 191), b"t\r\n", 431),
}
LOW = Limits(line=100, head=200, chunk_line=50)


@pytest.mark.parametrize("what", AT_ITS_LIMIT)
def test_what_is_as_long_as_its_limit_is_taken_however_it_is_cut_and_one_byte_more_is_not(what):
    data, behind, status = AT_ITS_LIMIT[what]
    whole = read(data, limits=LOW)
    assert all(read(data, cuts=[cut], limits=LOW) == whole for cut in range(len(data)))
    assert read(data, cuts=range(len(data)), limits=LOW) == whole
    longer = data.replace(behind, b"a" + behind)
    for cuts in ([], range(len(longer))):
        with pytest.raises(RemoteProtocolError, match="longer") as caught:
            read(longer, cuts=cuts, limits=LOW)
        assert caught.value.status_hint == status


class Watched(bytearray):
    """Counts how many of its bytes are looked through."""

    looked = 0

    def find(self, what, start=0, end=None):
        self.looked += max(0, min(len(self), len(self) if end is None else end) - start)
        return super().find(what, start, len(self) if end is None else end)

    def count(self, what, start=0):
        self.looked += len(self) - start
        return super().count(what, start)

    def __contains__(self, what):
        self.looked += len(self)
        return super().__contains__(what)


@pytest.mark.parametrize("before", [b"GET / HTTP/1.1\r\nHost: h\r\n", CHUNKED[: CHUNKED.index(b"Trailer")]])
def test_who_sends_byte_by_byte_makes_nobody_search_all_of_it_again_each_time(before):
    """Searched anew with each byte, this would be hundreds of millions."""
    reader, watched = Reader("server"), Watched()
    reader._buffer = watched
    fields = (b"X: " + b"x" * 330 + b"\r\n") * 97
    for byte in before + fields:
        reader.feed(bytes([byte]))
        while reader.next_event():
            pass
    assert not reader.done and watched.looked < 12 * len(before + fields)
    reader.feed(b"\r\n")
    while reader.next_event():
        pass
    assert reader.done


@pytest.mark.parametrize("before", [b"GET / HTTP/1.1\r\nHost: h\r\n", CHUNKED[: CHUNKED.index(b"Trailer")]])
@pytest.mark.parametrize("line", [b"X: y\n", b"X\n", b"\n", b"X: y\r\n\n", b"X: y\r\n\rZ\n"])
def test_a_bare_lf_is_refused_as_soon_as_it_comes(before, line):
    reader = Reader("server")
    for byte in before + line[:-1]:
        reader.feed(bytes([byte]))
        while reader.next_event():
            pass
    reader.feed(b"\n")
    with pytest.raises(RemoteProtocolError, match="bare LF"):
        reader.next_event()


@pytest.mark.parametrize("data", [GET[:20], POST[:-2], CHUNKED[:-3], CHUNKED[:70]])
def test_an_end_in_the_middle_is_an_error(data):
    with pytest.raises(RemoteProtocolError, match="ended inside"):
        read(data, end=True)


def test_http_1_2_is_read_as_1_1_and_1_0_needs_no_host():
    assert read(b"GET / HTTP/1.2\r\nHost: h\r\n\r\n")[0].version == (1, 1)
    assert read(b"get / HTTP/1.0\r\n\r\n")[0].method == b"get"


@pytest.mark.parametrize(
    ("target", "method", "parts"),
    [
        (b"/a/b?c", b"GET", ("origin", b"", b"", None, b"/a/b?c")),
        (b"http://Www.Example:8080/x", b"GET", ("absolute", b"http", b"www.example", 8080, b"/x")),
        (b"http://[2001:db8::1]?q", b"GET", ("absolute", b"http", b"[2001:db8::1]", None, b"/?q")),
        (b"h:443", b"CONNECT", ("authority", b"", b"h", 443, b"")),
        (b"*", b"OPTIONS", ("asterisk", b"", b"", None, b"*")),
    ],
)
def test_the_four_forms_of_a_target(target, method, parts):
    assert read(method + b" " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")[0].parts == parts


# -- what was read before -----------------------------------------------------------------------------------------

SEEN = b"GET /seen HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n"


@pytest.fixture
def seen():
    """What a reader with the usual limits has read, and would know again."""
    (request, _) = read(SEEN)
    assert Reader("server").again(SEEN) == request
    return SEEN


@pytest.mark.parametrize(
    ("limits", "status"), [(Limits(fields=2), 431), (Limits(line=17), 414), (Limits(head=38), 431)]
)
def test_what_a_lenient_reader_has_read_does_not_pass_a_strict_one(seen, limits, status):
    assert Reader("server", limits).again(seen) is None
    with pytest.raises(RemoteProtocolError) as caught:
        read(seen, limits=limits)
    assert caught.value.status_hint == status


def test_a_parser_of_ones_own_is_asked_also_for_what_was_read_before(seen):
    own = Reader("server", parse=lambda head: request_head(head.replace(b"/seen", b"/mine")))
    assert own.again(seen) is None
    own.feed(seen)
    assert own.next_event().target == b"/mine"


def test_only_a_whole_head_at_its_place_is_known_again(seen):
    assert Reader("server").again(seen[:-1]) is None
    begun = Reader("server")
    begun.feed(b"P")
    assert begun.again(seen) is None
    waiting = Reader("server")
    assert waiting.again(seen) and waiting.again(seen) is None  # the first is not at its end
    assert isinstance(waiting.next_event(), EndOfMessage)
    waiting.next_message()
    assert waiting.again(seen)


# -- responses ----------------------------------------------------------------------------------------------------


def test_a_response_without_length_lasts_until_the_end():
    events = read(b"HTTP/1.1 200 OK\r\n\r\nhello", "client", b"GET", end=True)
    assert isinstance(events[0], Response) and events[1:] == [Data(b"hello"), EndOfMessage()]


@pytest.mark.parametrize(
    ("status", "method"), [(b"204", b"GET"), (b"304", b"GET"), (b"100", b"GET"), (b"200", b"HEAD")]
)
def test_responses_that_never_have_content(status, method):
    events = read(b"HTTP/1.1 " + status + b" x\r\nContent-Length: 5\r\n\r\n", "client", method)
    assert events[1:] == [EndOfMessage()]


@pytest.mark.parametrize(("status", "method"), [(b"101", b"GET"), (b"200", b"CONNECT")])
def test_a_tunnel_has_no_message_behind_its_head(status, method):
    reader = Reader("client")
    reader.feed(b"HTTP/1.1 " + status + b" x\r\n\r\nraw bytes")
    assert isinstance(reader.next_event(method), Response)
    assert reader.next_event() is None and reader.rest() == b"raw bytes"


def test_a_reason_may_be_missing_or_in_any_language():
    assert read(b"HTTP/1.1 204\r\n\r\n", "client", b"GET")[0].reason == b""
    assert read("HTTP/1.0 204 D'accord, é\r\n\r\n".encode(), "client", b"GET")[0].version == (1, 0)
