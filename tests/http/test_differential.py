"""Our reader beside h11 and llhttp (httptools): where they differ, the difference has a name and a reason.

Requests are made from the grammar and then mutated: a byte changed, put in or taken out, a line doubled, framing fields
added. The three read them; for requests that all accept, method, target, fields, content and trailers are the same.
Where one refuses what another accepts, the difference is one of `STRICTER` (we refuse) or of `laxer` (we accept), or
the test fails.
"""

import re

import h11
import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netlab.errors import HTTPError
from netlab.http.events import Data, EndOfMessage, Request
from netlab.http.reader import Reader

REFUSED = "refused"


# -- three readers ------------------------------------------------------------------------------------------------


def by_netlab(pieces):
    """Give complete messages, and the rule that ended it or None."""
    reader, messages, current = Reader("server"), [], None
    try:
        for piece in pieces:
            reader.feed(piece)
            while (event := reader.next_event()) is not None:
                if isinstance(event, Request):
                    current = [event.method, event.target, plain(event.fields), b"", []]
                elif isinstance(event, Data):
                    current[3] += event.data
                elif isinstance(event, EndOfMessage):
                    current[4] = plain(event.trailers)
                    messages.append(tuple(current))
                    if messages[-1][0] == b"CONNECT":
                        return messages, None
                    reader.next_message()
            if reader.framing.kind == "tunnel" and current and current[0] == b"CONNECT":
                return [*messages, tuple(current)], None
    except HTTPError as fault:
        return messages, f"{fault.rule}: {fault}"
    return messages, None


def by_h11(data):
    connection, messages, current = h11.Connection(h11.SERVER), [], None
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return messages, None
            if event is h11.PAUSED:
                if current and current[0] == b"CONNECT":
                    return [*messages, tuple(current)], None
                if connection.our_state is not h11.DONE:
                    return messages, None
                connection.start_next_cycle()
            elif isinstance(event, h11.Request):
                current = [event.method, event.target, plain(event.headers.raw_items()), b"", []]
                if event.method == b"CONNECT":
                    return [*messages, tuple(current)], None
            elif isinstance(event, h11.Data):
                current[3] += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                current[4] = plain(event.headers.raw_items())
                messages.append(tuple(current))
                connection.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return messages, "closes"
                connection.start_next_cycle()
            else:
                return messages, None
    except h11.RemoteProtocolError as fault:
        return messages, str(fault)
    except h11.LocalProtocolError as fault:
        return messages, f"ours: {fault}"


class Said:
    """What llhttp calls back with."""

    def __init__(self):
        self.messages, self.in_content = [], False

    def on_message_begin(self):
        self.target, self.fields, self.content, self.trailers, self.in_content = b"", [], b"", [], False

    def on_url(self, part):
        self.target += part

    def on_header(self, name, value):
        (self.trailers if self.in_content else self.fields).append((name, value))

    def on_headers_complete(self):
        self.in_content = True
        self.method = self.parser.get_method()

    def on_body(self, part):
        self.content += part

    def on_message_complete(self):
        message = (self.method, self.target, plain(self.fields), self.content, plain(self.trailers))
        self.messages.append(message)


def by_llhttp(data):
    said = Said()
    said.parser = httptools.HttpRequestParser(said)
    try:
        said.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        return said.messages, None
    except httptools.HttpParserError as fault:
        return said.messages, f"{type(fault).__name__}: {fault}"
    return said.messages, None


def plain(fields):
    return [(bytes(name).lower(), bytes(value)) for name, value in fields]


# -- the differences that are meant -------------------------------------------------------------------------------

# We refuse, the other accepts: a part of our reason, and why.
STRICTER = {
    "h11": {
        "a line ends in a bare LF": "RFC 9112 2.2 lets one accept it; two readers that differ here can be played off",
        "a folded field line": "obsolete, and joined in several ways",
        "a bare CR or LF in a field": "h11 takes a bare LF for a line's end",
        "field line": "control characters in a value",
        "both Transfer-Encoding and Content-Length": "h11 lets Transfer-Encoding win, others the length: smuggling",
        "more than one Content-Length field": "h11 joins equal ones",
        "is not 1 to 18 digits": "lists of equal lengths, and numbers beyond any disk",
        "chunk size": "blanks behind the size, bare LF",
        "no CRLF behind a chunk": "bare LF",
        "has none of the four forms": "RFC 9112 3.2",
        "is no host": "RFC 9110 4.2",
        "there is no port": "RFC 9110 4.2",
        "the target * goes with OPTIONS only": "RFC 9112 3.2.4",
        "CONNECT wants host:port": "RFC 9112 3.2.3",
        "CONNECT with content": "nobody agrees what that means",
        "this is HTTP/1.1": "h11 reads any version of one digit, dot, digit",
        "Transfer-Encoding does not exist in HTTP/1.0": "RFC 9112 6.1",
        "no start line": "h11 skips more than CRLF in front of a request",
        "request line": "h11 takes a bare LF for a line's end, and a lone CR in front of it",
        "a chunk line is longer than": "ours ends at 256 bytes",
        "whitespace before the colon": "RFC 9112 5.1",
    },
    "llhttp": {
        "has none of the four forms": "a fragment (#) in the target, RFC 9112 3.2",
        "is no host": "RFC 9112 3.2: Host is host and port, and nothing else",
        "exactly one Host field": "RFC 9112 3.2: llhttp leaves that to its user",
        "Transfer-Encoding does not exist in HTTP/1.0": "RFC 9112 6.1",
        "chunk size": "zero-padded beyond 16 digits, or an extension that is none",
        "request line": "more than one blank, or HTTP/0.9, which has no version",
        "this is HTTP/1.1": "llhttp reads HTTP/2.0 in this form",
        "transfer coding": "a coding that is not known here: 501",
        "does not end in chunked": "RFC 9112 6.1",
        "more than one Transfer-Encoding field": "one reader takes the first, another the last",
        "CONNECT with content": "nobody agrees what that means",
        "CONNECT wants host:port": "RFC 9112 3.2.3",
        "the target * goes with OPTIONS only": "RFC 9112 3.2.4",
        "there is no port": "RFC 9110 4.2",
        "is not 1 to 18 digits": "numbers beyond any disk, but within 64 bits",
        "both Transfer-Encoding and Content-Length": "an empty or odd value, which llhttp does not count",
        "no start line": "a blank in front",
        "field line": "llhttp lets some characters pass in names and values",
        "a bare CR or LF in a field": "llhttp ends a line there",
        "a line ends in a bare LF": "llhttp lets it pass in a few places",
        "more than one Content-Length field": "llhttp counts it only where it matters",
        "a chunk line is longer than": "ours ends at 256 bytes",
    },
}


def laxer(peer, data, messages, why):
    """Why it is right that we accept what the other refuses; None: there is no reason."""
    if peer == "h11":
        if data.startswith(b"\r\n") or re.search(rb"\r\n\r\n\r\n", data):
            return "empty lines before a request: RFC 9112 2.2"
        if why == "closes" or "MUST_CLOSE" in why:
            return "h11 ends the connection by itself; here the server does"
        return None
    if "InvalidMethod" in why or "Invalid method" in why:
        return "any token is a method; unknown ones get 501"
    if "Data after `Connection: close`" in why:
        return "llhttp refuses bytes behind a request with Connection: close; the server ignores them"
    if "Invalid HTTP version" in why and re.search(rb"HTTP/1\\.[2-9]", data):
        return "HTTP/1.2 is read as 1.1"
    if "Invalid characters in url" in why or "Unexpected char in url" in why or "Invalid characters in" in why:
        return "browsers send some visible characters unencoded; both leave it at that in other places"
    return None


# -- inputs -------------------------------------------------------------------------------------------------------

NAMES = ["Host", "X", "Accept", "Cookie", "Connection", "Content-Type", "Te"]
token = st.text("abcXYZ09-_!", min_size=1, max_size=6)
value = st.text('abc 09;=,/"é', max_size=8).map(str.strip)


@st.composite
def requests(draw):
    """One valid request."""
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE"]))
    target = draw(st.sampled_from(["/", "/a/b?c=d", "/%20x", "http://h/", "http://h:80/x?y", "/a;b=c&d"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0"]))
    lines = [f"{method} {target} HTTP/{version}", "Host: h"]
    lines += [f"X-{name}: {text}" for name, text in draw(st.lists(st.tuples(token, value), max_size=3))]
    content = draw(st.binary(max_size=12))
    how = draw(st.sampled_from(["none", "length", "chunked" if version == "1.1" else "none"]))
    body = b""
    if how == "length":
        lines.append(f"Content-Length: {len(content)}")
        body = content
    elif how == "chunked":
        lines.append("Transfer-Encoding: chunked")
        cut = draw(st.integers(0, len(content)))
        for part in (content[:cut], content[cut:]):
            if part:
                body += b"%x\r\n%s\r\n" % (len(part), part)
        body += b"0\r\n" + (b"X-End: yes\r\n" if draw(st.booleans()) else b"") + b"\r\n"
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@st.composite
def mutated(draw):
    """One or two requests, with up to three faults."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=2)))
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
            data = data.replace(b"Host: h\r\n", b"Host: h\r\n" + draw(st.sampled_from(FIELDS)) + b"\r\n", 1)
        else:
            data = data.replace(b"\r\n", b"\n", 1) if at % 2 else data.replace(b"\r\n", b"\r", 1)
    return data


BYTES = [bytes([byte]) for byte in b'\0\x01\t\n\v\r "#%,-/0:;=@A[_aex{\x7f\x80\xff']
FIELDS = [
    b"Content-Length: 3", b"Content-Length: 3, 3", b"Content-Length: +3", b"Content-Length: 0", b"Content-Length:",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\x0bchunked", b"Host: other", b" folded", b"X : y", b"X: a\0b",
]  # fmt: skip


# -- the tests ----------------------------------------------------------------------------------------------------


def compare(data):
    ours, rule = by_netlab([data])
    for peer, read in (("h11", by_h11), ("llhttp", by_llhttp)):
        theirs, why = read(data)
        same = min(len(ours), len(theirs))
        assert [tidy(message) for message in ours[:same]] == [tidy(message) for message in theirs[:same]], (peer, data)
        if rule and not why:
            known = [part for part in STRICTER[peer] if part in rule]
            assert known, f"we refuse ({rule}) what {peer} accepts: {data!r}"
        if why and not rule and len(theirs) < len(ours):
            assert laxer(peer, data, ours, why), f"{peer} refuses ({why}) what we accept: {data!r}"


def tidy(message):
    method, target, fields, content, trailers = message
    return method, target, [(name, text.strip(b" \t")) for name, text in fields], content, trailers


@given(mutated())
@example(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")
def test_every_difference_has_a_name(data):
    compare(data)


@given(mutated())
def test_however_the_bytes_are_cut_they_mean_the_same(data):
    messages, rule = by_netlab([data])
    for pieces in ([bytes([byte]) for byte in data], *([data[:cut], data[cut:]] for cut in range(1, len(data), 7))):
        same, fault = by_netlab(pieces)
        assert same == messages and bool(fault) == bool(rule)  # which of two faults is seen first may differ


LENGTH, CHUNKED = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"
GET, POST, END = b"GET / HTTP/1.1\r\nHost: h\r\n", b"POST / HTTP/1.1\r\nHost: h\r\n", b"0\r\n\r\n"
NAMED = [
    ("bare LF", b"GET / HTTP/1.1\nHost: h\n\n", "accepts", "refuses", 400),
    ("fold", GET + b"X: a\r\n b\r\n\r\n", "accepts", "refuses", 400),
    ("control character in a value", GET + b"X: a\x01b\r\n\r\n", "accepts", "refuses", 400),
    ("target without slash", b"GET a HTTP/1.1\r\nHost: h\r\n\r\n", "accepts", "refuses", 400),
    ("length with coding", POST + LENGTH + CHUNKED + b"\r\n" + END, "accepts", "refuses", 400),
    ("equal lengths", POST + LENGTH + LENGTH + b"\r\nabc", "accepts", "refuses", 400),
    ("list of lengths", POST + b"Content-Length: 3, 3\r\n\r\nabc", "accepts", "refuses", 400),
    ("blank behind a chunk size", POST + CHUNKED + b"\r\n3 \r\nabc\r\n" + END, "accepts", "refuses", 400),
    ("chunk size of 17 digits", POST + CHUNKED + b"\r\n10000000000000000\r\n", "accepts", "refuses", 400),
    ("fragment", b"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "accepts", "accepts", 400),
    ("Host with a blank", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "accepts", "accepts", 400),
    ("coding on HTTP/1.0", b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n" + END, "closes", "accepts", 400),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", "refuses", "accepts", 400),
    ("two Hosts", GET + b"Host: b\r\n\r\n", "refuses", "accepts", 400),
    ("two blanks", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "refuses", "accepts", 400),
    ("no version", b"GET /\r\n\r\n", "refuses", "accepts", 400),
    ("empty lines in front", b"\r\n\r\n" + GET + b"\r\n", "refuses", "accepts", None),
    ("unknown method", b"FOO / HTTP/1.1\r\nHost: h\r\n\r\n", "accepts", "refuses", None),
    ("small letters", b"get / HTTP/1.1\r\nHost: h\r\n\r\n", "accepts", "refuses", None),
    ("version 1.2", b"GET / HTTP/1.2\r\nHost: h\r\n\r\n", "accepts", "refuses", None),
    ("version 2.0", b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "accepts", "accepts", 505),
    ("chunk size of 20 digits", POST + CHUNKED + b"\r\n%020d\r\nabc\r\n" % 3 + END, "accepts", "accepts", 400),
    ("length in a trailer", POST + CHUNKED + b"\r\n0\r\n" + LENGTH + b"\r\n", "accepts", "refuses", None),
    ("HTTP/1.0 kept alive", 2 * b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "closes", "accepts", None),
    ("bytes behind a close", 2 * (GET + b"Connection: close\r\n\r\n"), "closes", "refuses", None),
    ("another coding", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END, "refuses", "accepts", 501),
]


@pytest.mark.parametrize(("name", "data", "h11_does", "llhttp_does", "status"), NAMED, ids=[each[0] for each in NAMED])
def test_differences_by_name(name, data, h11_does, llhttp_does, status):
    """The list of what is known; it also tells when a new version of a peer changes its mind."""
    for read, does in ((by_h11, h11_does), (by_llhttp, llhttp_does)):
        messages, why = read(data)
        # Without complete content there is no message yet, and no fault either.
        done = why if why == "closes" else "refuses" if why else "accepts"
        assert done == does and (messages or why or b"10000" in data), (read.__name__, why, messages)
    reader = Reader("server")
    reader.feed(data)
    try:
        while (event := reader.next_event()) is not None and not isinstance(event, EndOfMessage):
            pass
        assert status is None
    except HTTPError as fault:
        assert fault.status_hint == status


@given(st.lists(st.binary(max_size=40), max_size=6), st.sampled_from(["server", "client"]))
def test_any_bytes_give_events_or_an_error_of_ours(pieces, role):
    reader = Reader(role)
    try:
        for piece in [*pieces, b""]:
            reader.feed(piece)
            for _ in range(100):
                event = reader.next_event(b"GET")
                if event is None:
                    break
                if isinstance(event, EndOfMessage):
                    reader.next_message()
    except HTTPError as fault:
        assert fault.status_hint >= 400
