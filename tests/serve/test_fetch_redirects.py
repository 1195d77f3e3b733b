"""What goes on to where a redirect leads: method, content and fields (RFC 9110 section 15.4)."""

from __future__ import annotations

import contextlib

import pytest

import netlab
from netlab.fetching import redirected, wish_for
from netlab.http.events import Response
from tests.support.proxying import origin_that, read_head

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
GIVEN = {
    "Authorization": "Basic YWRhOnNlY3JldA==",
    "cookie": "a=1",
    "Proxy-Authorization": "Basic cHJveHk=",
    "Content-Type": "text/plain",
    "content-language": "en",
    "Content-Encoding": "identity",
    "Content-Location": "/x",
    "Digest": "sha-256=x",
    "Accept": "text/html",
    "X-Own": "1",
}
SECRETS = {"authorization", "cookie", "proxy-authorization"}
OF_CONTENT = {
    *("content-type", "content-language", "content-encoding", "content-location", "digest", "content-length"),
}


def moved(status: int, location: str) -> bytes:
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return head.encode()


def saying(answer: bytes):
    """A conversation: one request with its content, and this."""

    def talk(sock, seen):
        head, content = read_head(sock)
        length = int(fields(head).get("content-length", "0"))
        while len(content) < length:
            content += sock.recv(65_536)
        seen.append((head, content))
        sock.sendall(answer)

    return talk


def fields(head: bytes) -> dict[str, str]:
    lines = (line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if line)
    return {name.lower(): value for name, value in lines}


def method_of(head: bytes) -> str:
    return head.split(b" ")[0].decode()


@contextlib.contextmanager
def a_redirect(status: int, elsewhere: bool):
    """An origin that sends on, to itself or to another one; gives its URL and what the second request was."""
    if not elsewhere:
        with origin_that(saying(moved(status, "/there")), saying(OK)) as (authority, seen):
            yield f"http://{authority}/", lambda: seen[1]
        return
    with origin_that(saying(OK)) as (other, seen):
        with origin_that(saying(moved(status, f"http://{other}/there"))) as (authority, _):
            yield f"http://{authority}/", lambda: seen[0]


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        *((301, method, then) for method, then in [("POST", "GET"), ("PUT", "PUT"), ("DELETE", "DELETE")]),
        *((302, method, then) for method, then in [("POST", "GET"), ("PATCH", "PATCH"), ("HEAD", "HEAD")]),
        *((303, method, then) for method, then in [("POST", "GET"), ("PUT", "GET"), ("DELETE", "GET")]),
        *((303, method, method) for method in ("GET", "HEAD")),
        *((307, method, method) for method in ("POST", "DELETE")),
        *((308, method, method) for method in ("POST", "HEAD")),
    ],
)
def test_the_method_changes_as_the_rfc_has_it(status, method, then):
    with a_redirect(status, elsewhere=False) as (url, second):
        phases = netlab.fetch(url, method=method, content=b"" if method in ("GET", "HEAD") else b"data", follow=True)
        head, content = second()
    assert method_of(head) == then and phases["method"].iloc[-1] == then
    assert content == (b"data" if then == method and method not in ("GET", "HEAD") else b"")


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(("status", "method"), [(301, "POST"), (303, "PUT"), (302, "PUT"), (307, "POST")])
def test_fields_go_on_but_secrets_stay_with_their_server_and_others_with_their_content(status, method, elsewhere):
    with a_redirect(status, elsewhere) as (url, second):
        netlab.fetch(url, method=method, headers=GIVEN, content=b"data", follow=True)
        head, _ = second()
    expected = {name.lower() for name in GIVEN} | {"host", "user-agent", "content-length"}
    if elsewhere:
        expected -= SECRETS
    if method_of(head) != method:
        expected -= OF_CONTENT
    assert set(fields(head)) == expected
    assert fields(head)["accept"] == "text/html"


def test_secrets_do_not_come_back_with_a_redirect_back():
    with origin_that(saying(OK)) as (back, seen):
        with origin_that(saying(moved(302, f"http://{back}/"))) as (between, _):
            with origin_that(saying(moved(302, f"http://{between}/"))) as (first, _):
                netlab.fetch(f"http://{first}/", headers=GIVEN, follow=True)
    assert not SECRETS & set(fields(seen[0][0]))


@pytest.mark.parametrize(
    ("location", "goes_on"),
    [("http://SERVER:80/there", True), ("http://server:8080/", False), ("http://server.other/", False)],
)
def test_another_port_is_another_server_and_another_way_to_write_it_is_not(location, goes_on):
    wish = wish_for("http://server/", "GET", {"Authorization": "Basic YTpi"}, b"", None)
    wish.status, wish.response = 302, Response(302, b"Found", (1, 1), [(b"Location", location.encode())])
    (further,) = redirected(wish, None)
    assert (b"Authorization" in dict(further.fields)) == goes_on


def test_the_proxys_own_name_and_password_go_on_to_the_proxy():
    """All requests go through the proxy, which takes them away; to origins they never come."""
    with origin_that(saying(OK)) as (other, _):
        sends_on = saying(moved(302, f"http://{other}/"))
        with origin_that(sends_on, saying(OK)) as (proxy, seen):
            netlab.fetch("http://192.0.2.1/", headers=GIVEN, proxy=f"http://{proxy}/", follow=True)
    (_, _), (head, _) = seen
    assert head.startswith(f"GET http://{other}/ HTTP/1.1\r\n".encode())
    assert SECRETS & set(fields(head)) == {"proxy-authorization"}


@pytest.mark.parametrize(
    ("method", "length"), [("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("GET", None), ("HEAD", None), ("DELETE", None)]
)
def test_no_content_is_said_where_content_is_expected(method, length):
    with origin_that(saying(OK)) as (authority, seen):
        netlab.fetch(f"http://{authority}/", method=method)
    assert fields(seen[0][0]).get("content-length") == length
