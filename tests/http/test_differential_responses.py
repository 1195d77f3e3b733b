"""Our reader of responses beside h11 and llhttp (httptools), as ``test_differential.py`` does it for requests.

A proxy that reads an answer in another way than its clients do can be made to give one client the answer for another.
So the three read generated and mutated answers to a GET (h11 and we also to a HEAD): interim answers, status, reason,
fields, content and trailers are the same, or the difference is one of `STRICTER` (we refuse) or of `LAXER` (we accept),
or the test fails.
"""

import h11
import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netlab.errors import HTTPError
from netlab.http.events import Data, EndOfMessage, Response
from netlab.http.reader import Reader
from tests.http.test_differential import plain, tidy

# -- three readers ------------------------------------------------------------------------------------------------


def by_netlab(pieces, method=b"GET"):
    """Give the answers up to the final one, and the rule that ended it or None."""
    reader, messages, current = Reader("client"), [], None
    try:
        for piece in [*pieces, b""]:
            reader.feed(piece)
            while (event := reader.next_event(method)) is not None:
                if isinstance(event, Response):
                    current = [event.status, event.reason, plain(event.fields), b"", []]
                    if event.status == 101:
                        return [*messages, tuple(current)], None
                elif isinstance(event, Data):
                    current[3] += event.data
                elif isinstance(event, EndOfMessage):
                    current[4] = plain(event.trailers)
                    messages.append(tuple(current))
                    if current[0] >= 200:
                        return messages, None
                    reader.next_message()
    except HTTPError as fault:
        return messages, f"{fault.rule}: {fault}"
    return messages, None


def by_h11(data, method=b"GET"):
    connection, messages, current = h11.Connection(h11.CLIENT), [], None
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
    connection.send(h11.EndOfMessage())
    try:
        for piece in [data, b""]:
            connection.receive_data(piece)
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.InformationalResponse | h11.Response):
                    current = [event.status_code, event.reason, plain(event.headers.raw_items()), b"", []]
                    if isinstance(event, h11.InformationalResponse):
                        messages.append(tuple(current))
                        if event.status_code == 101:
                            return messages, None
                elif isinstance(event, h11.Data):
                    current[3] += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    current[4] = plain(event.headers.raw_items())
                    return [*messages, tuple(current)], None
                else:
                    return messages, None
    except h11.RemoteProtocolError as fault:
        return messages, str(fault)
    return messages, None


class Said:
    """What llhttp calls back with."""

    def __init__(self):
        self.messages, self.open, self.fields = [], False, []

    def on_message_begin(self):
        self.reason, self.fields, self.content, self.trailers, self.open = b"", [], b"", [], False

    def on_status(self, part):
        self.reason += part

    def on_header(self, name, value):
        (self.trailers if self.open else self.fields).append((name, value))

    def on_headers_complete(self):
        self.open, self.status = True, self.parser.get_status_code()

    def on_body(self, part):
        self.content += part

    def on_message_complete(self):
        self.open = False
        self.messages.append((self.status, self.reason, plain(self.fields), self.content, plain(self.trailers)))


def by_llhttp(data):
    said = Said()
    said.parser = httptools.HttpResponseParser(said)
    fault = None
    try:
        said.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        fault = f"{type(error).__name__}: {error}"
    lengths = [name for name, _ in plain(said.fields) if name in (b"content-length", b"transfer-encoding")]
    if fault is None and said.open and not lengths:
        said.on_message_complete()  # httptools has no way to tell it that the connection has ended
    final = [number for number, message in enumerate(said.messages) if message[0] >= 200 or message[0] == 101]
    return (said.messages[: final[0] + 1], None) if final else (said.messages, fault)


# -- the differences that are meant -------------------------------------------------------------------------------

STRICTER = {
    "h11": {
        "a line ends in a bare LF": "two readers that differ here can be played off",
        "a folded field line": "obsolete, and joined in several ways",
        "a bare CR or LF in a field": "h11 takes a bare LF for a line's end",
        "field line": "control characters in a value",
        "both Transfer-Encoding and Content-Length": "h11 lets Transfer-Encoding win, others the length: smuggling",
        "more than one Content-Length field": "h11 joins equal ones",
        "is not 1 to 18 digits": "lists of equal lengths",
        "chunk size": "blanks behind the size; zeros in front of it, beyond 16 digits",
        "this is HTTP/1.1": "h11 reads any version of one digit, dot, digit",
        "Transfer-Encoding does not exist in HTTP/1.0": "RFC 9112 6.1",
        "status line": "a status from 600 on, control characters in the reason, a bare LF",
    },
    "llhttp": {
        "field line": "a status line behind an empty line is none",
        "is not 1 to 18 digits": "zeros in front",
        "chunk size": "zeros in front, beyond 16 digits",
        "this is HTTP/1.1": "llhttp reads HTTP/2.0 in this form",
        "Transfer-Encoding does not exist in HTTP/1.0": "RFC 9112 6.1",
        "transfer coding": "a coding that is not known here",
        "more than one Transfer-Encoding field": "one reader takes the first, another the last",
        "status line": "llhttp takes any status of three digits, and control characters in the reason",
        "no start line": "line ends in front",
    },
}

LAXER = ("Content-Length", "Transfer-Encoding")
"""In answers that have no content, whatever their fields say (RFC 9112 section 6.3, rule 1), h11 and llhttp still judge
the fields of the framing; we do not, as browsers do not. Nothing hangs on it: there is nothing to frame."""


# -- inputs -------------------------------------------------------------------------------------------------------

token = st.text("abcXYZ09-_!", min_size=1, max_size=6)
value = st.text('abc 09;=,/"é', max_size=8).map(str.strip)
BYTES = [bytes([byte]) for byte in b'\0\x01\t\n\v\r "#%,-/0:;=@A[_aex{\x7f\x80\xff']
FIELDS = [
    b"Content-Length: 3", b"Content-Length: 3, 3", b"Content-Length: +3", b"Content-Length: 0", b"Content-Length:",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: identity", b"Transfer-Encoding:\x0bchunked", b" folded", b"X : y", b"X: a\0b",
]  # fmt: skip


@st.composite
def responses(draw):
    """One valid response, perhaps with an interim one in front."""
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0"]))
    status, reason = draw(st.sampled_from([(200, "OK"), (204, "No Content"), (304, "Not Modified"), (404, "No")]))
    lines = [f"HTTP/{version} {status} {reason}", "X-One: 1"]
    lines += [f"X-{name}: {text}" for name, text in draw(st.lists(st.tuples(token, value), max_size=3))]
    content, body = draw(st.binary(max_size=12)), b""
    how = draw(st.sampled_from(["close", "length", "chunked" if version == "1.1" else "length"]))
    if status in (204, 304):
        how = "none"
    if how == "length":
        lines.append(f"Content-Length: {len(content)}")
    elif how == "chunked":
        lines.append("Transfer-Encoding: chunked")
        cut = draw(st.integers(0, len(content)))
        for part in (content[:cut], content[cut:]):
            if part:
                body += b"%x\r\n%s\r\n" % (len(part), part)
        body += b"0\r\n" + (b"X-End: yes\r\n" if draw(st.booleans()) else b"") + b"\r\n"
    if how in ("close", "length"):
        body = content
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"]))
    return interim + "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@st.composite
def mutated(draw):
    """A response with up to three faults."""
    data = draw(responses())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["change", "insert", "delete", "double", "field", "lf"]))
        if kind == "change" and at < len(data):
            data = data[:at] + draw(st.sampled_from(BYTES)) + data[at + 1 :]
        elif kind == "insert":
            data = data[:at] + draw(st.sampled_from(BYTES)) + data[at:]
        elif kind == "delete" and at < len(data):
            data = data[:at] + data[at + 1 :]
        elif kind == "double":
            lines = data.split(b"\r\n")
            line = draw(st.integers(0, len(lines) - 1))
            data = b"\r\n".join([*lines[: line + 1], *lines[line:]])
        elif kind == "field":
            data = data.replace(b"X-One: 1\r\n", b"X-One: 1\r\n" + draw(st.sampled_from(FIELDS)) + b"\r\n", 1)
        else:
            data = data.replace(b"\r\n", b"\n", 1) if at % 2 else data.replace(b"\r\n", b"\r", 1)
    return data


# -- the tests ----------------------------------------------------------------------------------------------------


def compare(data, peer, theirs, why, ours, rule):
    same = min(len(ours), len(theirs))
    if peer == "h11":
        ours, theirs = [list(map(without_length, messages)) for messages in (ours, theirs)]
    assert [tidy(message) for message in ours[:same]] == [tidy(message) for message in theirs[:same]], (peer, data)
    if rule and not why and len(theirs) > len(ours):
        assert [part for part in STRICTER[peer] if part in rule], f"we refuse ({rule}) what {peer} accepts: {data!r}"
    if why and not rule and len(theirs) < len(ours):
        assert ours[-1][3] == b"" and any(part in why for part in LAXER), f"{peer} refuses ({why}), we do not: {data!r}"


def without_length(message):
    """h11 makes one of equal lengths; what they mean shows in the content."""
    status, reason, fields, *rest = message
    return status, reason, [field for field in fields if field[0] != b"content-length"], *rest


@given(mutated())
@example(b"HTTP/1.1 200\r\nX-One: 1\r\n\r\nabc")
def test_every_difference_has_a_name(data):
    compare(data, "h11", *by_h11(data), *by_netlab([data]))
    compare(data, "llhttp", *by_llhttp(data), *by_netlab([data]))


@given(mutated())
def test_an_answer_to_head_has_no_content_for_anybody(data):
    compare(data, "h11", *by_h11(data, b"HEAD"), *by_netlab([data], b"HEAD"))


@given(mutated())
def test_however_the_bytes_are_cut_they_mean_the_same(data):
    messages, rule = by_netlab([data])
    for pieces in ([bytes([byte]) for byte in data], *([data[:cut], data[cut:]] for cut in range(1, len(data)))):
        same, fault = by_netlab(pieces)
        assert same == messages and bool(fault) == bool(rule)  # which of two faults is seen first may differ


OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NONE, END = b"Content-Length: 0\r\n\r\n", b"0\r\n\r\n"
NAMED = [
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "accepts", "refuses", "RFC 9112 2.2"),
    ("bare LF behind a field", OK + b"X: a\nY: b\r\n" + NONE, "accepts", "refuses", "RFC 9112 2.2"),
    ("fold", OK + b"X: a\r\n b\r\n" + NONE, "accepts", "refuses", "RFC 9112 5.2"),
    ("control character in a value", OK + b"X: a\x01b\r\n" + NONE, "accepts", "refuses", "RFC 9112 5"),
    ("coding with length", OK + b"Transfer-Encoding: chunked\r\n" + NONE + END, "accepts", "refuses", "RFC 9112 6.1"),
    ("equal lengths", OK + b"Content-Length: 0\r\n" + NONE, "accepts", "refuses", "RFC 9112 6.3"),
    ("list of lengths", OK + b"Content-Length: 3, 3\r\n\r\nabc", "accepts", "refuses", "RFC 9110 8.6"),
    ("length of 20 digits", OK + b"Content-Length: %020d\r\n\r\nabc" % 3, "accepts", "accepts", "RFC 9110 8.6"),
    ("blank behind a chunk size", CHUNKED + b"3 \r\nabc\r\n" + END, "accepts", "refuses", "RFC 9112 7.1"),
    ("chunk size of 20 digits", CHUNKED + b"%020d\r\nabc\r\n" % 3 + END, "accepts", "accepts", "RFC 9112 7.1"),
    ("version 2.0", b"HTTP/2.0 200 OK\r\n" + NONE, "accepts", "accepts", "RFC 9110 15.6.6"),
    ("coding in HTTP/1.0", CHUNKED.replace(b"/1.1", b"/1.0") + END, "accepts", "accepts", "RFC 9112 6.1"),
    ("two codings", CHUNKED.replace(b"chunked", b"gzip, chunked") + END, "refuses", "accepts", "RFC 9112 6.1"),
    ("status 600", b"HTTP/1.1 600 X\r\n" + NONE, "accepts", "accepts", "RFC 9112 4"),
    ("empty line in front", b"\r\n" + OK + NONE, "refuses", "accepts", "RFC 9112 5"),
    ("no reason", b"HTTP/1.1 200\r\n" + NONE, "accepts", "accepts", ""),
    ("version 1.2", b"HTTP/1.2 200 OK\r\n" + NONE, "accepts", "refuses", ""),
    ("a length where there is no content", b"HTTP/1.1 204 x\r\nContent-Length:\r\n\r\n", "refuses", "refuses", ""),
]


@pytest.mark.parametrize(("name", "data", "h11_does", "llhttp_does", "rule"), NAMED, ids=[each[0] for each in NAMED])
def test_differences_by_name(name, data, h11_does, llhttp_does, rule):
    """The list of what is known; it also tells when a new version of a peer changes its mind."""
    for read, does in ((by_h11, h11_does), (by_llhttp, llhttp_does)):
        messages, why = read(data)
        assert ("accepts" if messages and not why else "refuses") == does, (read.__name__, why, messages)
    messages, fault = by_netlab([data])
    assert (fault or "").partition(":")[0] == rule and bool(messages) is not bool(rule)
