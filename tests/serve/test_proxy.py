"""The proxy over real sockets on loopback, between Python's client and origins that behave, lie, trickle and die."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import netlab
from tests.support.proxying import ask, client_of, get, origin_that, read_answer, read_head, without_names

pytestmark = pytest.mark.network


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


@pytest.fixture
def web(tmp_path):
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 12_000)
    with netlab.WebServer(tmp_path, port=0) as server:
        yield server


@contextmanager
def origin(*answers, hold=False):
    """A server that answers each connection with the next bytes, whatever is asked; gives its address and requests."""

    def one(answer):
        def talk(sock, seen):
            seen.append(read_head(sock)[0])
            if answer is not None:
                sock.sendall(answer)
            if hold:
                sock.recv(1)

        return talk

    with origin_that(*map(one, answers)) as (where, asked):
        yield where, asked


def address(server):
    return f"127.0.0.1:{server.port}"


def test_every_byte_of_the_answer_comes_through(proxy, web, tmp_path):
    back = get(proxy, address(web), "/big.bin")
    assert back.startswith(b"HTTP/1.1 200 OK\r\n")
    assert back.partition(b"\r\n\r\n")[2] == (tmp_path / "big.bin").read_bytes()
    assert b"\r\nVia: 1.1 netlab\r\n" in back


def test_one_client_connection_serves_many_requests_to_several_origins(proxy, web):
    with origin(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") as (other, _):
        both = b"".join(
            f"GET http://{each}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode() for each in (address(web), other, address(web))
        )
        back = ask(proxy, both)
    assert back.count(b"<h1>Hello</h1>") == 2 and b"\r\n\r\nhi" in back
    log = proxy.log
    assert log["connection"].nunique() == 1 and log["status"].tolist() == [200, 200, 200]
    parts = log[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].sum(axis=1)
    assert parts.round(6).tolist() == log["total_ms"].round(6).tolist()
    assert log["upstream"].tolist() == [address(web), other, address(web)]


def test_the_origin_gets_origin_form_with_the_targets_host_and_no_fields_of_this_hop(proxy):
    with origin(b"HTTP/1.1 204 No Content\r\n\r\n") as (where, asked):
        ask(
            proxy,
            f"GET http://{where}/a?b HTTP/1.1\r\nHost: other.example\r\nConnection: X-Mine, close\r\nX-Mine: 1\r\n"
            f"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nCookie: c\r\n\r\n".encode(),
        )
    assert asked == [f"GET /a?b HTTP/1.1\r\nHost: {where}\r\nCookie: c\r\nVia: 1.1 netlab\r\n\r\n".encode()]


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_content_is_passed_on_framed_anew(proxy, coding):
    body = b"Content-Length: 5\r\n\r\nhello" if coding == "length" else (
        b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: t\r\n\r\n"
    )  # fmt: skip
    received = []

    def serve(listener):
        sock, _ = listener.accept()
        with sock:
            data = b""
            while not data.endswith((b"hello", b"0\r\nT: t\r\n\r\n")):
                data += sock.recv(65_536)
            received.append(data)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        back = ask(proxy, f"PUT http://{where}/ HTTP/1.1\r\nHost: h\r\n".encode() + body)
        thread.join()
    content = received[0].partition(b"\r\n\r\n")[2]
    assert back.startswith(b"HTTP/1.1 200 OK")
    assert content == (b"hello" if coding == "length" else b"2\r\nhe\r\n3\r\nllo\r\n0\r\nT: t\r\n\r\n")


def test_an_answer_without_length_is_chunked_for_1_1_and_ends_with_the_connection_for_1_0(proxy):
    with origin(*[b"HTTP/1.1 200 OK\r\n\r\nhello"] * 2) as (where, _):
        assert get(proxy, where).endswith(b"5\r\nhello\r\n0\r\n\r\n")
        assert get(proxy, where, version="1.0").endswith(b"Connection: close\r\n\r\nhello")


def test_interim_answers_go_to_1_1_clients_only(proxy):
    answer = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    with origin(answer, answer) as (where, _):
        assert get(proxy, where).startswith(b"HTTP/1.1 103 Early Hints\r\nLink: x")
        assert get(proxy, where, version="1.0").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", b"connection_terminated"),
        (b"SMTP ready\r\n\r\n", b"http_protocol_error"),
        (b"HTTP/1.1 200 OK\nX: y\n\n", b"http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", b"http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi", b"http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", b"http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", b"http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", b"http_response_header_section_size"),
    ],
)
def test_an_answer_that_breaks_a_rule_is_502_and_never_relayed(proxy, answer, kind):
    with origin(answer) as (where, _):
        back = get(proxy, where)
    assert back.startswith(b"HTTP/1.1 502 Bad Gateway\r\n") and b"Proxy-Status: netlab; error=" + kind in back
    assert proxy.log["error"].tolist() == [kind.decode()]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
def test_an_answer_that_breaks_off_never_looks_complete(proxy, answer):
    with origin(answer) as (where, _):
        back = get(proxy, where)
    assert b"hello" in back and not back.endswith(b"0\r\n\r\n")
    assert proxy.log["error"].tolist() == ["http_response_incomplete"]


def test_nobody_listening_is_502_and_an_unknown_name_too(proxy):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    back = get(proxy, f"127.0.0.1:{free}")
    assert back.startswith(b"HTTP/1.1 502 ") and b"error=connection_refused" in back and b"cannot connect" in back
    without_names(proxy)
    assert b"error=dns_error" in get(proxy, "no-such-host.invalid")


def test_an_origin_that_does_not_take_the_call_is_504_in_time():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:  # they fill the queue, and the next SYN gets no answer
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        with netlab.ProxyServer(port=0, connect_timeout=0.5) as proxy:
            began = time.monotonic()
            back = get(proxy, f"127.0.0.1:{listener.getsockname()[1]}")
            took = time.monotonic() - began
        for sock in waiting:
            sock.close()
    assert back.startswith(b"HTTP/1.1 504 Gateway Timeout") and b"within 0.5 seconds" in back
    assert b"error=connection_timeout" in back and 0.4 < took < 4


def test_an_origin_that_never_answers_is_504():
    limits = {"answer_time": 0.3}
    with origin(None, hold=True) as (where, _), netlab.ProxyServer(port=0, limits=limits) as proxy:
        assert b"error=http_response_timeout" in get(proxy, where)


def test_the_proxy_is_no_web_server(proxy):
    back = ask(proxy, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert back.startswith(b"HTTP/1.1 400 ") and b"curl -x 127.0.0.1" in back
    assert ask(proxy, b"GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 421 ")


def test_the_proxy_does_not_call_itself(proxy):
    back = get(proxy, address(proxy))
    assert back.startswith(b"HTTP/1.1 403 ") and b"it is this proxy itself" in back


def test_a_request_that_has_passed_here_before_is_a_loop(proxy):
    back = get(proxy, "127.0.0.1:9", fields="Via: 1.0 other, 1.1 Netlab\r\n")
    assert back.startswith(b"HTTP/1.1 508 ") and b"error=proxy_loop_detected" in back


def test_two_proxies_in_a_row_need_two_names(web):
    with netlab.ProxyServer(port=0) as outer, netlab.ProxyServer(port=0, pseudonym="second") as inner:
        with client_of(outer) as sock:
            # A proxy does not forward to a proxy by itself, so the request of the first is sent on by hand.
            sock.sendall(f"GET http://{address(web)}/ HTTP/1.1\r\nHost: h\r\nVia: 1.1 second\r\n\r\n".encode())
            assert read_answer(sock)[0].startswith(b"HTTP/1.1 200 ")
        assert get(inner, address(web), fields="Via: 1.1 netlab\r\n").startswith(b"HTTP/1.1 200 ")
        assert get(inner, address(web), fields="Via: 1.1 second\r\n").startswith(b"HTTP/1.1 508 ")
        assert outer.details(0)["via"] == "1.1 second"


@pytest.mark.parametrize("bad", ["Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Host: again\r\n", "A : b\r\n"])
def test_nothing_ambiguous_is_forwarded(proxy, bad):
    with origin(b"HTTP/1.1 200 OK\r\n\r\n") as (where, asked):
        assert get(proxy, where, fields=bad).startswith(b"HTTP/1.1 400 ")
        assert asked == []


def test_head_has_the_length_and_no_content(proxy, web):
    back = get(proxy, address(web), method="HEAD")
    assert b"Content-Length: 14" in back and back.endswith(b"\r\n\r\n")


def test_pythons_client_is_content(proxy, web):
    connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=10)
    for _ in range(3):
        connection.request("GET", f"http://{address(web)}/index.html")
        assert connection.getresponse().read() == b"<h1>Hello</h1>"
    connection.close()


def test_a_denied_address_is_403(proxy):
    back = get(proxy, "169.254.169.254")
    assert back.startswith(b"HTTP/1.1 403 ") and b"destination_ip_prohibited" in back and b"RFC 3927" in back


# -- the command --------------------------------------------------------------------------------------------------


def test_the_command_forwards_and_ends_with_totals(web):
    command = [sys.executable, "-m", "netlab", "proxy", "-p0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", f"http://{address(web)}/")
            assert connection.getresponse().read() == b"<h1>Hello</h1>"
            assert f'"GET http://{address(web)}/ HTTP/1.1" 200 ' in process.stdout.readline()
            connection.close()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "1 answers: 1 × 200\n", "")
