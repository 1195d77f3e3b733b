"""Contents through the proxy, both ways: every framing, any size, slow, dying and hasty origins and clients."""

import contextlib
import hashlib
import os
import random
import resource
import socket
import threading
import time

import pytest

import netlab
from tests.support.proxying import ask, client_of, get, origin_that, read_all, read_answer, read_head

pytestmark = pytest.mark.network

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


@pytest.fixture(params=[True, False], ids=["splice", "copy"])
def splicing(request, monkeypatch):
    if request.param and not hasattr(os, "splice"):
        pytest.skip("needs os.splice: Linux")
    monkeypatch.setattr("netlab.serve.moving.CAN_SPLICE", request.param)


def request(address, method="GET", fields="", version="1.1"):
    return f"{method} http://{address}/ HTTP/{version}\r\nHost: {address}\r\n{fields}\r\n".encode()


def read_to(sock, end, data=b""):
    while not data.endswith(end):
        piece = sock.recv(65_536)
        if not piece:
            break
        data += piece
    return data


def dechunked(data):
    """Undo the chunked coding, strictly; gives content and trailers."""
    content = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return content, data
        content, crlf, data = content + data[:length], data[length : length + 2], data[length + 2 :]
        assert crlf == b"\r\n"


# -- answers --------------------------------------------------------------------------------------------------------

BIG = random.Random(1).randbytes(3_000_000)


def framed(how, content):
    if how == "length":
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
    if how == "close":
        return b"HTTP/1.1 200 OK\r\n\r\n" + content
    pieces = [content[:1_000_000], content[1_000_000:1_000_010], content[1_000_010:]]
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Sum: 1\r\nHost: no\r\n\r\n"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("how", ["length", "chunked", "close"])
def test_a_large_content_arrives_whole_however_it_is_framed(proxy, splicing, how, version):
    def talk(sock, seen):
        read_head(sock)
        sock.sendall(framed(how, BIG))

    with origin_that(talk) as (address, _):
        back = get(proxy, address, version=version)
        log = proxy.log
    head, _, content = back.partition(b"\r\n\r\n")
    if version == "1.1" and how != "length":
        content, rest = dechunked(content)
        assert b"Transfer-Encoding: chunked" in head
        assert rest == (b"X-Sum: 1\r\n\r\n" if how == "chunked" else b"\r\n")
    assert hashlib.sha256(content).digest() == hashlib.sha256(BIG).digest()
    assert b"ext=1" not in back
    assert log["response_bytes"].tolist() == [len(back)] and log["error"].tolist() == [""]


def test_a_slow_reader_costs_no_memory(proxy, splicing):
    """The origin has to wait: neither pipe nor process takes what the client does not."""
    size = 200_000_000
    sent = []

    def talk(sock, seen):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = bytes(1_000_000)
        for _ in range(size // len(piece)):
            sock.sendall(piece)
            sent.append(len(piece))

    with origin_that(talk) as (address, _), client_of(proxy) as sock:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sock.sendall(request(address))
        sock.recv(1000)
        for _ in range(20):
            proxy.log  # noqa: B018 - waits until the loop has done what it can
        assert sum(sent) < size // 2
        received = 0
        while received < size - 1000:
            piece = sock.recv(1 << 20)
            if not piece:
                break
            received += len(piece)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert received >= size - 1000 and grown < 16_000  # KiB, this test's own pieces included


def test_a_client_that_takes_nothing_is_let_go(splicing):
    def talk(sock, seen):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n")
        while True:
            sock.sendall(bytes(1_000_000))

    limits = {"write_time": 0.3, "body_time": 0.3}
    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0, limits=limits) as proxy:
        with client_of(proxy) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(request(address))
            wait_for_rows(proxy, 1)
        assert proxy.log["error"].tolist() == ["the client took nothing of the answer for too long"]


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_client_that_took_too_long_gets_no_other_answer_behind_half_of_one(splicing, how):
    def talk(sock, seen):
        _, rest = read_head(sock)
        sock.sendall(framed(how, bytes(30_000_000)))
        while read_head(sock, rest)[0]:
            rest = b""
            sock.sendall(OK)

    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0, limits={"write_time": 0.3}) as proxy:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(15)
            sock.connect((proxy.host, proxy.port))
            sock.sendall(request(address) * 2)
            wait_for_rows(proxy, 1)
            back = read_all(sock)
        assert back.count(b"HTTP/1.1 ") == 1 and b"\r\n\r\n" in back
        assert proxy.log["error"].tolist() == ["the client took nothing of the answer for too long"]


def test_an_answer_that_stops_coming_is_told_of_the_origin(splicing):
    def talk(sock, seen):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + bytes(200_000))
        sock.recv(1)

    limits = {"body_time": 0.3}
    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0, limits=limits) as proxy:
        assert len(get(proxy, address)) > 200_000
        assert proxy.log["error"].tolist() == ["http_response_incomplete"]
        assert proxy.details(0)["close_reason"] == "the origin has sent nothing more of its answer for too long"


def test_a_client_that_trickles_an_upload_is_cut_off_whatever_is_still_to_come(splicing):
    """Each byte comes in time; all together are too slow."""

    def talk(sock, seen):
        read_head(sock)
        read_all(sock)

    limits = {"body_time": 0.5, "body_rate": 1e6}
    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0, limits=limits) as proxy:
        with client_of(proxy) as sock:
            sock.sendall(request(address, "PUT", "Content-Length: 900000000\r\n") + bytes(100_000))
            back, end = b"", time.monotonic() + 8
            sock.settimeout(0.05)
            while not back and time.monotonic() < end:
                sock.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    back = sock.recv(65_536)
        assert back.startswith(b"HTTP/1.1 408 ")
        assert proxy.log["status"].tolist() == [408]


def test_the_time_that_an_origin_takes_is_not_the_client_s(splicing):
    content, taken = bytes(12_000_000), threading.Event()

    def talk(sock, seen):
        _, rest = read_head(sock)
        threading.Event().wait(1.5)  # meanwhile all buffers are full
        count = len(rest)
        while count < len(content) + 5:
            count += len(sock.recv(1 << 20))
            if count == len(content):
                taken.set()
        sock.sendall(OK)

    limits = {"body_time": 0.7, "body_rate": 1e9}
    with (
        origin_that(talk) as (address, _),
        netlab.ProxyServer(port=0, limits=limits) as proxy,
        client_of(proxy) as sock,
    ):
        sock.sendall(request(address, "PUT", f"Content-Length: {len(content) + 5}\r\n") + content)
        assert taken.wait(10)
        threading.Event().wait(0.1)
        sock.sendall(b"later")
        assert read_answer(sock)[0].startswith(b"HTTP/1.1 200 ")


def test_an_upload_that_the_origin_does_not_take_is_told_of_the_origin(splicing):
    taken = threading.Event()

    def talk(sock, seen):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        read_head(sock)
        taken.wait(10)

    limits = {"body_time": 0.4, "write_time": 0.4, "answer_time": 0.4}
    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0, limits=limits) as proxy:
        with client_of(proxy) as sock:
            sock.sendall(request(address, "PUT", "Content-Length: 900000000\r\n"))
            sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                while True:
                    sock.sendall(bytes(100_000))
            sock.settimeout(10)
            back = read_head(sock)[0]
        taken.set()
        assert back.startswith(b"HTTP/1.1 504 ") and b"error=http_response_timeout" in back


def wait_for_rows(proxy, count):
    for _ in range(500):
        if len(proxy.log) >= count:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(proxy.log)} rows, {count} were expected")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n", "http_protocol_error"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n", "http_protocol_error"),
    ],
)
def test_a_content_that_breaks_a_rule_at_once_is_502(proxy, answer, kind):
    def talk(sock, seen):
        read_head(sock)
        sock.sendall(answer)
        read_all(sock)

    with origin_that(talk) as (address, _):
        back = get(proxy, address)
        assert back.startswith(b"HTTP/1.1 502 ") and b"hello" not in back
        assert proxy.log["error"].tolist() == [kind]


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_large_content_that_breaks_off_never_looks_complete(proxy, splicing, how):
    cut = 100_000

    def talk(sock, seen):
        read_head(sock)
        sock.sendall(framed(how, BIG)[:cut])

    with origin_that(talk) as (address, _):
        back = get(proxy, address)
        assert 0 < len(back) < 110_000 and not back.endswith(b"0\r\n\r\n")
        assert proxy.log["error"].tolist() == ["http_response_incomplete"] and proxy.log["status"].tolist() == [200]
        assert not proxy.details(0)["keep_alive"]


def test_an_origin_that_trickles_a_head_is_cut_off():
    def talk(sock, seen):
        read_head(sock)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100:
            sock.send(bytes([byte]))
            if seen_end.wait(0.02):
                return

    seen_end = threading.Event()
    with origin_that(talk) as (address, _), netlab.ProxyServer(port=0, limits={"answer_time": 0.4}) as proxy:
        back = get(proxy, address)
        seen_end.set()
        assert back.startswith(b"HTTP/1.1 504 ") and b"error=http_response_timeout" in back


def test_interim_answers_are_passed_on_in_their_order_but_not_without_end(proxy):
    def hints(count):
        def talk(sock, seen):
            read_head(sock)
            for number in range(count):
                sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: <%d>\r\nConnection: X\r\nX: 1\r\n\r\n" % number)
            sock.sendall(OK)

        return talk

    with origin_that(hints(3), hints(1000)) as (address, _):
        back = get(proxy, address)
        assert [back.count(b"Link: <%d>" % number) for number in range(4)] == [1, 1, 1, 0]
        assert back.endswith(b"hi") and b"X: 1" not in back
        assert b"HTTP/1.1 502 " in get(proxy, address)


def test_head_and_304_have_the_length_of_what_they_stand_for(proxy):
    def talk(sock, seen):
        rest = b""
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", b"HTTP/1.1 304 N\r\nContent-Length: 7\r\n\r\n"):
            _, rest = read_head(sock, rest)
            sock.sendall(answer)

    with origin_that(talk) as (address, _), client_of(proxy) as sock:
        for method in ("HEAD", "GET"):
            sock.sendall(request(address, method))
            head, rest = read_head(sock)
            assert b"\r\nContent-Length: 7\r\n" in head and rest == b""


def test_an_answer_without_date_gets_one(proxy):
    def talk(sock, seen):
        read_head(sock)
        sock.sendall(OK)

    with origin_that(talk) as (address, _):
        assert b"\r\nDate: " in get(proxy, address)


# -- requests -------------------------------------------------------------------------------------------------------


def takes(sock, seen):
    """Reads a request with its content, whatever its framing, and answers."""
    head, rest = read_head(sock)
    seen.append(head)
    if not head:
        return
    if b"chunked" in head:
        seen.append(read_to(sock, b"0\r\n\r\n", rest))
    else:
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        while len(rest) < length and (piece := sock.recv(65_536)):
            rest += piece
        seen.append(rest)
    sock.sendall(OK)
    read_all(sock)


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_large_upload_arrives_whole(proxy, splicing, how):
    with origin_that(takes) as (address, seen), client_of(proxy) as sock:
        if how == "length":
            sock.sendall(request(address, "PUT", f"Content-Length: {len(BIG)}\r\n") + BIG)
        else:
            sock.sendall(request(address, "PUT", "Transfer-Encoding: chunked\r\n"))
            for at in range(0, len(BIG), 100_000):
                piece = BIG[at : at + 100_000]
                sock.sendall(b"%X;a=b\r\n%s\r\n" % (len(piece), piece))
            sock.sendall(b"0\r\n\r\n")
        assert read_answer(sock)[1] == b"hi"
    head, content = seen
    if how == "chunked":
        assert b";a=b" not in content
        content, _ = dechunked(content)
        assert b"\r\nTransfer-Encoding: chunked\r\n" in head
    assert content == BIG
    assert proxy.log["error"].tolist() == [""] and proxy.log["request_bytes"].tolist()[0] > len(BIG)


def test_trailers_of_a_request_go_on_but_for_those_that_may_not(proxy):
    def once(sock, seen):
        seen.append(read_to(sock, b"X-T: 1\r\n\r\n"))
        sock.sendall(OK)
        read_all(sock)

    body = b"2\r\nhi\r\n0\r\nContent-Length: 9\r\nAuthorization: a\r\nX-T: 1\r\n\r\n"
    with origin_that(once) as (address, seen), client_of(proxy) as sock:
        sock.sendall(request(address, "POST", "Transfer-Encoding: chunked\r\n") + body)
        assert read_answer(sock)[1] == b"hi"
    assert seen[0].endswith(b"2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n")


def test_100_continue_is_the_origin_s_to_say(proxy):
    def talk(sock, seen):
        head, rest = read_head(sock)
        seen.append((head, rest))
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        seen.append(sock.recv(100))
        sock.sendall(OK)
        read_all(sock)

    with origin_that(talk) as (address, seen), client_of(proxy) as sock:
        sock.sendall(request(address, "PUT", "Expect: 100-continue\r\nContent-Length: 5\r\n"))
        head, rest = read_head(sock)
        assert head.startswith(b"HTTP/1.1 100 Continue\r\n") and rest == b""
        sock.sendall(b"hello")
        assert read_answer(sock)[1] == b"hi"
    assert b"Expect: 100-continue" in seen[0][0] and seen[0][1] == b"" and seen[1] == b"hello"


def test_an_origin_that_refuses_instead_of_continuing(proxy):
    def talk(sock, seen):
        seen.append(read_head(sock))
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        read_all(sock)

    with origin_that(talk) as (address, _), client_of(proxy) as sock:
        sock.sendall(request(address, "PUT", "Expect: 100-continue\r\nContent-Length: 5\r\n"))
        head, *_ = read_answer(sock)
        assert head.startswith(b"HTTP/1.1 403 ") and b"Connection: close" in head and sock.recv(1) == b""
    assert proxy.details(0)["close_reason"] == "the answer came before the end of the request"


def test_an_early_answer_gets_through_while_the_client_is_still_sending(proxy):
    """413, say: the rest of the upload is nobody's business any more."""

    def talk(sock, seen):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)

    with origin_that(talk) as (address, _), client_of(proxy) as sock:
        sock.sendall(request(address, "POST", "Content-Length: 1000000\r\n") + b"x" * 1000)
        assert read_answer(sock)[1] == b"large"


def test_an_origin_that_closes_in_the_middle_of_an_upload(proxy):
    def talk(sock, seen):
        read_head(sock)

    with origin_that(talk) as (address, _), client_of(proxy) as sock:
        sock.sendall(request(address, "POST", "Content-Length: 100000\r\n") + b"x" * 1000)
        assert b"error=connection_terminated" in read_head(sock)[0]


def test_a_client_that_stops_in_the_middle_of_an_upload_is_408():
    with (
        origin_that(takes) as (address, _),
        netlab.ProxyServer(port=0, limits={"body_time": 0.3}) as proxy,
        client_of(proxy) as sock,
    ):
        sock.sendall(request(address, "POST", "Content-Length: 100\r\n") + b"x")
        assert read_head(sock)[0].startswith(b"HTTP/1.1 408 ")


def test_a_client_that_ends_in_the_middle_of_an_upload_is_400_and_the_origin_sees_no_whole_request(proxy):
    with origin_that(takes) as (address, seen), client_of(proxy) as sock:
        sock.sendall(request(address, "POST", "Transfer-Encoding: chunked\r\n") + b"5\r\nhel")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).startswith(b"HTTP/1.1 400 ")
    assert not any(each.endswith(b"0\r\n\r\n") for each in seen)


@pytest.mark.parametrize(
    "body", [b"5\r\nhelloX", b"zz\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"5\nhello\n0\n\n", b"-1\r\n"]
)
def test_a_chunk_that_breaks_a_rule_is_400_and_goes_no_further(proxy, body):
    with origin_that(takes) as (address, seen):
        back = ask(proxy, request(address, "POST", "Transfer-Encoding: chunked\r\n") + body, end=False)
        assert back.startswith(b"HTTP/1.1 400 ") and back.count(b"HTTP/1.1") == 1
    assert not any(each.endswith(b"0\r\n\r\n") for each in seen)


# -- somebody's own part --------------------------------------------------------------------------------------------


def talk_hello(sock, seen):
    read_head(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    read_all(sock)


def test_a_relay_of_one_s_own_passes_the_content_on():
    def relay(source, sink):
        while data := (yield from source.receive()):
            yield from sink.send(data.upper())

    with origin_that(talk_hello) as (address, _), netlab.ProxyServer(port=0, relay=relay) as proxy:
        assert get(proxy, address).endswith(b"\r\n\r\nHELLO")


@pytest.mark.parametrize(
    ("relay", "says"),
    [
        (lambda source, sink: iter(()), "relay has passed on 0 of 5 bytes"),
        (lambda source, sink: sink.send(b"hello and more"), "relay sends more than the 5 bytes"),
        (lambda source, sink: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_wrong_relay_fails_in_the_table_and_leads_nobody_astray(relay, says):
    with origin_that(talk_hello) as (address, _), netlab.ProxyServer(port=0, relay=relay) as proxy:
        back = get(proxy, address)
        details = proxy.details(0)
    assert b"more" not in back.partition(b"\r\n\r\n")[2].replace(b"log says more", b"")
    assert says in details["error"] + details["close_reason"] and not details["keep_alive"]


def test_a_wrong_filter_is_a_fault_in_the_table():
    ok = {"filter_fields": lambda fields: [(name, value) for name, value in fields if name != b"Cookie"]}
    bad = {"filter_fields": lambda fields: fields}
    with origin_that(talk_hello) as (address, _):
        for options, fields in ((ok, "Cookie: a\r\n"), (bad, "Connection: close\r\n")):
            with netlab.ProxyServer(port=0, **options) as proxy:
                back = get(proxy, address, fields=fields)
                status, error = proxy.log.loc[0, ["status", "error"]]
                assert back.startswith(b"HTTP/1.1 %d " % status)
        assert status == 500 and "belongs to one connection" in error
