"""What a proxy changes in a message, and what it leaves alone."""

import pytest

from netlab.errors import LocalProtocolError, RemoteProtocolError
from netlab.http.events import Response
from netlab.http.forwarding import (
    came_from,
    end_to_end,
    filtered,
    forwarded,
    host_differs,
    inbound,
    length_without_content,
    max_forwards,
    outbound,
    reusable,
    trace_content,
    trailers,
    upgrade,
)
from netlab.http.framing import CHUNKED, CLOSE, NONE
from netlab.http.reader import request_head


def request(start, *lines):
    return request_head("\r\n".join([f"{start} HTTP/1.1", *lines]).encode())


def get(target="http://h/p", *lines, host="h"):
    return request(f"GET {target}", f"Host: {host}", *lines)


def response(*fields, status=200, version=(1, 1)):
    return Response(status, b"OK", version, fields)


# -- fields of one connection ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
        *("Proxy-Authorization", "Proxy-Authenticate", "Content-Length", "HTTP2-Settings"),
    ],
)
def test_fields_of_one_connection_end_there(name):
    assert end_to_end([(name.encode(), b"x"), (name.upper().encode(), b"x"), (b"X-Stays", b"1")]) == [
        (b"X-Stays", b"1")
    ]


def test_what_connection_names_ends_there_too():
    fields = [(b"Connection", b"X-A, x-b"), (b"connection", b"X-C"), (b"x-a", b"1"), (b"X-B", b"2"), (b"X-c", b"3")]
    assert end_to_end([*fields, (b"X-D", b"4")]) == [(b"X-D", b"4")]


@pytest.mark.parametrize("name", ["Host", "Authorization", "Via", "Cookie", "Content-Type", "Cache-Control", "Range"])
def test_connection_cannot_remove_what_changes_the_meaning(name):
    fields = [(b"Connection", name.encode()), (name.encode(), b"x")]
    assert end_to_end(fields) == [(name.encode(), b"x")]


def test_hundreds_of_options_are_an_attack():
    with pytest.raises(RemoteProtocolError, match="more than 20"):
        end_to_end([(b"Connection", b", ".join(b"x%d" % number for number in range(21)))])


def test_a_filter_of_one_s_own_is_used_and_watched():
    def keep_all(fields):
        return fields

    assert filtered([(b"X-A", b"1"), (b"Keep-Alive", b"x")], keep_all) == [(b"X-A", b"1"), (b"Keep-Alive", b"x")]
    for name in (b"content-length", b"Transfer-Encoding", b"Connection"):
        with pytest.raises(LocalProtocolError, match="belongs to one connection"):
            filtered([(name, b"3")], keep_all)
    with pytest.raises(LocalProtocolError, match="list of pairs"):
        filtered([(b"X-A", b"1")], lambda fields: dict(fields))


# -- requests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://h/p", b"h"), ("http://h:80/p", b"h"), ("http://H:8080/p", b"h:8080"),
        ("http://[2001:db8::1]:8080/p", b"[2001:db8::1]:8080"),
    ],
)  # fmt: skip
def test_host_comes_from_the_target(target, host):
    where, fields = outbound(get(target, host="lie"))
    assert (where, fields) == (b"/p", [(b"Host", host), (b"Via", b"1.1 netlab")])


@pytest.mark.parametrize(
    ("host", "differs"), [("h", False), ("H:80", False), ("other", True), ("h:81", True), ("", False)]
)
def test_a_host_that_differs_from_the_target_is_noticed(host, differs):
    assert host_differs(get(host=host)) is differs


def test_options_for_the_whole_server():
    assert outbound(request("OPTIONS http://h", "Host: h"))[0] == b"*"
    assert outbound(request("OPTIONS http://h/", "Host: h"))[0] == b"/"
    assert outbound(get("http://h"))[0] == b"/"
    assert outbound(get("http://h?q"))[0] == b"/?q"


def test_every_end_to_end_field_goes_on_in_its_order_and_spelling():
    lines = ["b: 1", "A: 2", "b: 3", "X-Odd: \xe9", "Cookie: c", "Authorization: Basic eA==", "Expect: 100-continue"]
    fields = outbound(get("http://h/", *lines))[1]
    expected = [tuple(line.encode().split(b": ")) for line in lines]
    assert fields == [(b"Host", b"h"), *expected, (b"Via", b"1.1 netlab")]


def test_an_expectation_of_an_http_1_0_client_is_none():
    old = request_head(b"PUT http://h/ HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1")
    assert outbound(old)[1] == [(b"Host", b"h"), (b"Via", b"1.0 netlab")]


def test_trailers_are_welcome_at_the_origin_if_they_are_at_the_client():
    fields = outbound(get("http://h/", "TE: trailers, deflate", "Connection: TE"))[1]
    assert fields == [(b"Host", b"h"), (b"TE", b"trailers"), (b"Connection", b"TE"), (b"Via", b"1.1 netlab")]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["Upgrade: websocket", "Connection: keep-alive, Upgrade"], b"websocket"),
        (["Upgrade: websocket"], b""),
        (["Upgrade: h2c, websocket", "Connection: upgrade"], b"websocket"),
        (["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"], b""),
    ],
)
def test_an_upgrade_goes_on_when_it_is_wanted_and_never_to_h2c(lines, wanted):
    assert upgrade(get("http://h/", *lines)) == wanted


def test_http_1_0_cannot_change_the_protocol():
    assert upgrade(request_head(b"GET http://h/ HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade")) == b""


def test_max_forwards_counts_down_for_trace_and_options_only():
    for method in ("TRACE", "OPTIONS"):
        asked = request(f"{method} http://h/", "Host: h", "Max-Forwards: 3")
        assert max_forwards(asked) == 3 and (b"Max-Forwards", b"2") in outbound(asked)[1]
    assert max_forwards(get("http://h/", "Max-Forwards: 0")) is None
    assert (b"Max-Forwards", b"0") in outbound(get("http://h/", "Max-Forwards: 0"))[1]


@pytest.mark.parametrize("lines", [["Max-Forwards: x"], ["Max-Forwards: +1"], ["Max-Forwards: 1", "Max-Forwards: 2"]])
def test_max_forwards_must_be_one_number(lines):
    with pytest.raises(RemoteProtocolError, match="no number"):
        max_forwards(request("TRACE http://h/", "Host: h", *lines))


def test_a_loop_is_told_by_the_pseudonym_alone():
    assert came_from(get("http://h/", "Via: 1.1 a", "via: 1.1 b, 1.1 netlab (x)"))
    assert not came_from(get("http://h/", "Via: 1.1 netlab2, 1.0 x"))


def test_forwarded_tells_adds_or_hides():
    fields = [(b"Forwarded", b"for=a"), (b"X-Forwarded-For", b"a"), (b"X-Real-IP", b"a"), (b"X", b"1")]
    assert forwarded(fields, "off", "192.0.2.1", b"h", b"netlab") == fields
    assert forwarded(fields, "delete", "192.0.2.1", b"h", b"netlab") == [(b"X", b"1")]
    on = forwarded(fields, "on", "2001:db8::1", b"h:81", b"netlab")
    assert on == [(b"X", b"1"), (b"Forwarded", b'for=a, for="[2001:db8::1]";host="h:81";proto=http;by=_netlab')]


def test_trace_does_not_echo_secrets():
    head = b"TRACE http://h/ HTTP/1.1\r\nHost: h\r\nCookie: c\r\nAuthorization: a\r\nProxy-Authorization: p\r\nX: 1"
    assert trace_content(head) == b"TRACE http://h/ HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n"


# -- responses ------------------------------------------------------------------------------------------------------


def test_an_answer_goes_back_with_via_and_without_framing():
    given = response(
        (b"Server", b"s"), (b"Content-Length", b"3"), (b"Connection", b"X-A"), (b"X-A", b"1"), version=(1, 0)
    )
    assert inbound(given, b"me") == [(b"Server", b"s"), (b"Via", b"1.0 me")]


def test_trailers_cannot_change_what_was_said():
    fields = [(b"X-Sum", b"1"), (b"Content-Length", b"0"), (b"Set-Cookie", b"a"), (b"Host", b"h"), (b"Location", b"/")]
    assert trailers([*fields, (b"Transfer-Encoding", b"chunked"), (b"Vary", b"x")]) == [(b"X-Sum", b"1")]


@pytest.mark.parametrize(
    ("fields", "status", "length"),
    [
        ([(b"Content-Length", b"5")], 200, [(b"Content-Length", b"5")]),
        ([(b"Content-Length", b"5")], 304, [(b"Content-Length", b"5")]),
        ([(b"Content-Length", b"5")], 204, []),
        ([(b"Content-Length", b"5"), (b"content-length", b"6")], 200, []),
        ([(b"Content-Length", b"5, 5")], 200, []),
        ([(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")], 200, []),
        ([], 200, []),
    ],
)
def test_a_length_without_content_goes_on_only_if_it_is_clear(fields, status, length):
    assert length_without_content(response(*fields, status=status)) == length


def test_when_a_connection_can_be_used_again():
    assert reusable(response(), NONE) and reusable(response(), CHUNKED) and not reusable(response(), CLOSE)
    assert not reusable(response((b"Connection", b"Close")), CHUNKED)
    assert not reusable(response(version=(1, 0)), NONE)
    assert reusable(response((b"Connection", b"keep-alive"), version=(1, 0)), NONE)
