"""What the proxy lets through and to whom: passwords, hosts, methods, loops, and attempts to smuggle a request."""

import base64
import socket
import warnings

import pytest

import netlab
from netlab.errors import UsageError
from tests.support.proxying import always, ask, client_of, get, origin_that, read_all, read_answer, read_head

pytestmark = pytest.mark.network

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


# -- passwords ------------------------------------------------------------------------------------------------------


def basic(pair):
    return f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"


USERS = {"ada": "l0velace", "émile": "pässword"}


@pytest.mark.parametrize("pair", ["ada:l0velace", "émile:pässword"])
def test_who_knows_the_password_comes_through_and_it_goes_no_further(pair):
    with origin_that(always(OK)) as (address, seen), netlab.ProxyServer(port=0, users=USERS) as proxy:
        assert get(proxy, address, fields=basic(pair)).endswith(b"hi")
        secret = basic(pair).split()[-1]
        everything = repr(proxy.details(0)) + repr(proxy.inspect(0)) + repr(proxy) + proxy.to_json()
        everything += repr(proxy.to_har()) + proxy.to_clf() + proxy.log.to_string()
    assert b"roxy-Auth" not in seen[0] and secret not in everything and "left out" in everything


@pytest.mark.parametrize(
    "fields",
    [
        "", basic("ada:wrong"), basic("nobody:l0velace"), basic("ada:l0velace")[:-4] + "\r\n",
        "Proxy-Authorization: Basic\r\n",
        "Proxy-Authorization: Bearer x\r\n", basic("ada:l0velace") * 2, "Authorization: Basic YWRhOmwwdmVsYWNl\r\n",
    ],
)  # fmt: skip
def test_who_does_not_is_asked_for_it(fields):
    with origin_that(always(OK)) as (address, seen), netlab.ProxyServer(port=0, users=USERS) as proxy:
        back = get(proxy, address, fields=fields)
        assert back.startswith(b"HTTP/1.1 407 ") and b'\r\nProxy-Authenticate: Basic realm="netlab"' in back
        assert proxy.log[["status", "error"]].values.tolist() == [[407, "http_request_denied"]]
    assert seen == []


def test_the_connection_lasts_so_that_the_client_can_try_again():
    with (
        origin_that(always(OK)) as (address, _),
        netlab.ProxyServer(port=0, users=USERS) as proxy,
        client_of(proxy) as sock,
    ):
        for fields, status in (("", b"407"), (basic("ada:l0velace"), b"200")):
            sock.sendall(f"GET http://{address}/ HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode())
            assert read_answer(sock)[0].split()[1] == status


def test_tunnels_want_the_password_too():
    with netlab.ProxyServer(port=0, users=USERS) as proxy:
        assert ask(proxy, b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 407 ")


@pytest.mark.parametrize("users", [{"a:b": "c"}, {"a": ""}, {"": "b"}, {"a": 5}, ["a"], {5: "a"}, {}])
def test_users_that_cannot_be(users):
    with pytest.raises(UsageError, match="users"):
        netlab.ProxyServer(port=0, users=users)


# -- never an open proxy --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1"])
def test_others_cannot_reach_it_unless_it_is_said_who(host):
    with pytest.raises(UsageError, match="allow_clients"):
        netlab.ProxyServer(host=host, port=0)


def test_then_there_is_a_warning():
    with pytest.warns(UserWarning, match="others can reach this proxy"):
        proxy = netlab.ProxyServer(host="0.0.0.0", port=0, allow_clients=["192.0.2.0/24"])
    with proxy, origin_that(always(OK)) as (address, _):
        with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
            sock.sendall(f"GET http://{address}/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            assert read_all(sock).endswith(b"hi")
            # It listens at every address, so every address of this machine with its port is itself.
        with socket.create_connection(("127.0.0.1", proxy.port)) as sock:
            sock.sendall(b"GET http://127.0.0.1:%d/ HTTP/1.0\r\n\r\n" % proxy.port)
            assert b"it is this proxy itself" in read_all(sock)


def test_a_loopback_host_needs_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        netlab.ProxyServer(host="localhost", port=0).stop()


# -- Host, Forwarded, Max-Forwards ----------------------------------------------------------------------------------


def test_a_host_that_differs_is_replaced_and_marked(proxy):
    with origin_that(always(OK)) as (address, seen):
        ask(proxy, f"GET http://{address}/ HTTP/1.1\r\nHost: other.example\r\n\r\n".encode())
        get(proxy, address)
    assert all(f"\r\nHost: {address}\r\n".encode() in head and b"other" not in head for head in seen)
    assert proxy.log["rule"].tolist() == ["Host replaced by the target's (RFC 9112 3.2.2)", ""]
    assert proxy.log["error"].tolist() == ["", ""]


def test_strict_refuses_it():
    with origin_that(always(OK)) as (address, seen), netlab.ProxyServer(port=0, strict=True) as proxy:
        back = ask(proxy, f"GET http://{address}/ HTTP/1.1\r\nHost: other.example\r\n\r\n".encode())
        assert back.startswith(b"HTTP/1.1 400 ") and b"RFC 9112 3.2.2" in back and seen == []
        assert get(proxy, address).endswith(b"hi")


@pytest.mark.parametrize(
    ("mode", "gets"), [("off", b"X-Forwarded-For: a"), ("on", b"Forwarded: for=127.0.0.1;"), ("delete", b"")]
)
def test_forwarded_is_as_asked_for(mode, gets):
    with origin_that(always(OK)) as (address, seen), netlab.ProxyServer(port=0, forwarded=mode) as proxy:
        get(proxy, address, fields="X-Forwarded-For: a\r\n")
    assert gets in seen[0] and (b"orwarded" in seen[0]) is bool(gets)


@pytest.mark.parametrize(
    "options",
    [{"forwarded": "maybe"}, {"pseudonym": "two words"}, {"pseudonym": ""}, {"filter_fields": 5}, {"relay": 5}],
)
def test_options_that_cannot_be(options):
    with pytest.raises(UsageError):
        netlab.ProxyServer(port=0, **options)


def test_trace_and_options_that_may_go_no_further_are_answered_here(proxy):
    with origin_that(always(OK)) as (address, seen):
        back = get(proxy, address, method="TRACE", fields="Max-Forwards: 0\r\nCookie: c\r\nX: 1\r\n")
        assert b"\r\nContent-Type: message/http\r\n" in back and b"Cookie" not in back
        assert back.endswith(
            f"TRACE http://{address}/ HTTP/1.1\r\nHost: {address}\r\nMax-Forwards: 0\r\nX: 1\r\n\r\n".encode()
        )
        back = get(proxy, address, method="OPTIONS", fields="Max-Forwards: 0\r\n")
        assert back.startswith(b"HTTP/1.1 204 ") and b"\r\nAllow: GET" in back
        assert ask(proxy, b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 204 ")
        assert seen == []
        assert get(proxy, address, method="TRACE", fields="Max-Forwards: 1\r\n").endswith(b"hi")
        assert seen[0].startswith(b"TRACE / HTTP/1.1") and b"Max-Forwards: 0" in seen[0]
        assert get(proxy, address, method="TRACE", fields="Max-Forwards: x\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "FOO", "get"])
def test_every_method_goes_through(proxy, method):
    with origin_that(always(OK)) as (address, seen):
        assert get(proxy, address, method=method).endswith(b"hi")
    assert seen[0].startswith(method.encode() + b" / HTTP/1.1\r\n")


# -- smuggling ------------------------------------------------------------------------------------------------------

CHUNKED = "Transfer-Encoding: chunked\r\n"
EVIL = "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        CHUNKED + "Content-Length: 5\r\n", "Content-Length: 5\r\n" + CHUNKED,
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n", "Content-Length: 5_0\r\n", "Content-Length: 0x5\r\n",
        "Content-Length: \r\n", "Content-Length : 5\r\n", " Content-Length: 5\r\n", "Content-Length: 5\n",
        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked,\r\n", "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        CHUNKED * 2, "X: a\rb\r\n", "X: a\x00b\r\n", "X:\r\n folded\r\n", "Host: again\r\n", "Host: a, b\r\n",
        "Connection: " + ", ".join(f"x{number}" for number in range(30)) + "\r\n",
    ],
)  # fmt: skip
def test_a_request_that_two_could_read_differently_goes_nowhere(proxy, fields):
    with origin_that(always(OK)) as (address, seen):
        data = f"POST http://{address}/ HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n0\r\n\r\n{EVIL}".encode("latin-1")
        back = ask(proxy, data)
        assert back.startswith(b"HTTP/1.1 400 ") and back.count(b"HTTP/1.1 ") == 1
    assert seen == [] and proxy.log["status"].tolist() == [400]


def test_a_chunked_request_of_http_1_0_goes_nowhere(proxy):
    with origin_that(always(OK)) as (address, seen):
        assert get(proxy, address, fields=CHUNKED, version="1.0").startswith(b"HTTP/1.1 400 ")
    assert seen == []


@pytest.mark.parametrize("named", ["Content-Length", "Transfer-Encoding", "Host", "close, Content-Length"])
def test_connection_cannot_take_the_framing_away(proxy, named):
    def talk(sock, seen):
        head, rest = read_head(sock)
        while len(rest) < 5 and (piece := sock.recv(100)):
            rest += piece
        seen.append((head, rest))
        sock.sendall(OK)

    with origin_that(talk) as (address, seen), client_of(proxy) as sock:
        sock.sendall(
            f"POST http://{address}/ HTTP/1.1\r\nHost: h\r\nConnection: {named}\r\n".encode()
            + b"Content-Length: 5\r\n\r\nhello"
        )
        assert read_answer(sock)[1] == b"hi"
    head, content = seen[0]
    assert b"\r\nContent-Length: 5\r\n" in head and b"\r\nHost: 127" in head and content == b"hello"


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: 2, 2\r\n", b"Content-Length: -2\r\n", b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: \x0bchunked\r\n", b"X: a\x00b\r\n",
        b"X: a\rb\r\n",
        b"X:\r\n folded\r\n", b" X: 1\r\n", b"X : 1\r\n", b"X: 1\n", b": 1\r\n", b"X\r\n",
        b"Connection: " + b", ".join(b"x%d" % number for number in range(30)) + b"\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_two_could_read_differently_is_502(proxy, fields):
    def talk(sock, seen):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nhi")
        read_all(sock)

    with origin_that(talk) as (address, _):
        back = get(proxy, address)
        assert back.startswith(b"HTTP/1.1 502 ") and back.count(b"HTTP/1.1 ") == 1
        assert proxy.log["error"].tolist() == ["http_protocol_error"] and proxy.log["rule"].tolist() != [""]


def test_transfer_encoding_of_an_http_1_0_origin_is_502(proxy):
    with origin_that(always(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")) as (address, _):
        assert get(proxy, address).startswith(b"HTTP/1.1 502 ")


def test_tls_on_the_plain_port_is_told_what_it_is(proxy):
    back = ask(proxy, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200))
    assert back.startswith(b"HTTP/1.1 400 ") and b"looks like TLS" in back
    assert proxy.log["status"].tolist() == [400]
