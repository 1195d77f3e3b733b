"""The shorter way of what was seen before, byte for byte: it must lead to the same place as the long one."""

import time

import pytest

import netlab
from netlab.serve.access import Access
from netlab.serve.guard import Guard
from netlab.serve.origin import Origins
from netlab.serve.proxy import Proxy, forward
from netlab.serve.proxy_log import rows_of
from tests.support.playbook import Play, Script
from tests.support.proxying import always, client_of, origin_that, read_all, read_answer, read_head

pytestmark = pytest.mark.network

DATE = b"Date: Sat, 28 Nov 2026 16:06:22 GMT\r\n"
OK = b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 2\r\nX: 1\r\n\r\nhi"
HEAD, BODY = OK[:-2], OK[-2:]


@pytest.fixture
def proxy():
    with netlab.ProxyServer(port=0) as proxy:
        yield proxy


def request(address):
    return f"GET http://{address}/a HTTP/1.1\r\nHost: {address}\r\nCookie: c\r\n\r\n".encode()


def talk_with(*answers):
    """One connection: each request gets the next answer, a list of pieces with pauses; None: it closes."""

    def talk(sock, seen):
        rest = b""
        for answer in answers:
            head, rest = read_head(sock, rest)
            if not head:
                return
            seen.append(head)
            if answer is None:
                return
            for piece in answer if isinstance(answer, list) else [answer]:
                sock.sendall(piece)
                time.sleep(0.005 if isinstance(answer, list) else 0)
        read_all(sock)

    return talk


def asked(proxy, address, times):
    with client_of(proxy) as sock:
        found = []
        for _ in range(times):
            sock.sendall(request(address))
            found.append(read_answer(sock)[:2])
        return found


def short_ways(proxy):
    """How many exchanges have gone the shorter way: only they have no connection phase and no reading of a head."""
    return sum(proxy.details(row)["head_ms"] == 0.0 for row in range(len(proxy.log)))


def test_repeated_exchanges_are_all_alike(proxy):
    with origin_that(always(OK)) as (address, seen):
        answers = asked(proxy, address, 10)
        assert len(set(answers)) == 1 and len(set(seen)) == 1 and len(seen) == 10
        assert short_ways(proxy) == 9
        rows, details = proxy.log, [proxy.details(row) for row in (0, 5)]
    assert (
        answers[0][0]
        == HEAD[:-2].replace(b"Content-Length: 2\r\n", b"") + b"Via: 1.1 netlab\r\nContent-Length: 2\r\n\r\n"
    )
    different = {name for name in details[0] if details[0][name] != details[1][name]}
    timed = {name for name in details[0] if name.endswith(("_ms", "_at", "_s"))}
    assert different - timed == {"request", "reused"}
    parts = rows[["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]].sum(axis=1)
    assert parts.round(6).tolist() == rows["total_ms"].round(6).tolist()
    assert proxy.inspect(0)["sent"].tolist() == proxy.inspect(9)["sent"].tolist()


def test_another_second_another_date(proxy):
    other = OK.replace(b":22 GMT", b":23 GMT")
    with origin_that(talk_with(OK, OK, other, other)) as (address, _):
        assert [b":23 GMT" in head for head, _ in asked(proxy, address, 4)] == [False, False, True, True]


def test_an_answer_in_pieces(proxy):
    pieces = [bytes([byte]) for byte in OK]
    with origin_that(talk_with(OK, pieces, [HEAD, BODY], [HEAD[:20], HEAD[20:] + BODY[:1], BODY[1:]])) as (address, _):
        answers = asked(proxy, address, 4)
    assert len(set(answers)) == 1


def test_another_content_and_another_length(proxy):
    longer = HEAD.replace(b": 2\r\n", b": 5\r\n") + b"hello"
    with origin_that(talk_with(OK, HEAD + b"yo", longer, longer)) as (address, _):
        assert [content for _, content in asked(proxy, address, 4)] == [b"hi", b"yo", b"hello", b"hello"]


def test_a_stale_connection_is_replaced(proxy):
    with origin_that(talk_with(OK, None), talk_with(OK, OK)) as (address, seen):
        assert [content for _, content in asked(proxy, address, 3)] == [b"hi"] * 3
    assert len(seen) == 4 and [proxy.details(row)["attempt"] for row in range(3)] == [1, 2, 1]
    assert proxy.log["error"].tolist() == ["", "", ""]


def test_an_answer_that_breaks_off_is_told(proxy):
    def breaks_off(sock, seen):
        for answer in (OK, HEAD + b"h"):
            read_head(sock)
            sock.sendall(answer)

    with origin_that(breaks_off) as (address, _), client_of(proxy) as sock:
        sock.sendall(request(address))
        assert read_answer(sock)[1] == b"hi"
        sock.sendall(request(address))
        assert read_all(sock).endswith(b"\r\n\r\nh")
        assert proxy.log["error"].tolist() == ["", "http_response_incomplete"]


def test_more_than_the_length_goes_no_further(proxy):
    with origin_that(talk_with(OK, OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), always(OK)) as (
        address,
        seen,
    ):
        answers = asked(proxy, address, 4)
    assert [content for _, content in answers] == [b"hi"] * 4 and len(seen) == 4


def test_a_silent_origin_is_504():
    with netlab.ProxyServer(port=0, limits={"answer_time": 0.2}) as proxy:
        with origin_that(talk_with(OK, [])) as (address, _):
            answers = asked(proxy, address, 2)
        assert answers[1][0].startswith(b"HTTP/1.1 504 ") and proxy.log["error"].tolist() == [
            "",
            "http_response_timeout",
        ]


def test_a_client_that_goes_away_is_told(proxy):
    with origin_that(talk_with(OK, [HEAD, b"", b"", b"", b"", b"", b"", b"", b"", b"", BODY])) as (address, _):
        with client_of(proxy) as sock:
            sock.sendall(request(address))
            read_answer(sock)
            sock.sendall(request(address))
        end = time.monotonic() + 5
        while len(proxy.log) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert len(proxy.log) == 2


def test_a_stop_makes_a_repeated_answer_the_last():
    with origin_that(always(OK)) as (address, _), netlab.ProxyServer(port=0) as proxy, client_of(proxy) as sock:
        for _ in range(3):
            sock.sendall(request(address))
            read_answer(sock)
        proxy.stop()
        assert sock.recv(1) == b""


ASK = b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"


def played(play, proxy, times=3):
    return play.run(lambda connection: forward(connection, proxy), *[ASK] * times)


def test_it_leads_nobody_to_where_he_may_not_go():
    rows = []
    proxy = Proxy(
        lambda record, *heads: rows.append(record), lambda: 0, Origins(Guard(), 5.0), Access(["198.51.100.0/24"])
    )
    near = Play({"a.test": ["10.0.0.1"]}, [Script(OK, OK, OK)])
    assert played(near, proxy).count(b"\r\n\r\nhi") == 3 and near.dialled == [("10.0.0.1", 80)]
    for client in ("198.51.100.7:5", "203.0.113.7:5"):  # may use the proxy, but not reach this; may not use it
        far = Play({"a.test": ["10.0.0.1"]}, [Script(OK, OK, OK)], client=client, server="192.0.2.9:8000")
        far.parked = near.parked
        back = played(far, proxy)
        assert back.count(b"HTTP/1.1 403 ") == 3 and far.dialled == []
    made = list(rows_of(rows))
    assert [row[5] for row in made] == [200] * 3 + [403] * 6


@pytest.mark.parametrize("again", [1, 2])
def test_a_name_that_points_elsewhere_is_looked_up_again_in_time(again):
    proxy = Proxy(lambda *_: None, lambda: 0, Origins(Guard(), 5.0))
    play = Play({"a.test": ["192.0.2.1"]}, [Script(OK, OK, OK), Script(OK, OK, OK)])
    played(play, proxy, again)
    play.names["a.test"] = ["192.0.2.2"]
    play.time += 6_000_000_000
    assert played(play, proxy, again).count(b"\r\n\r\nhi") == again
    assert play.dialled == [("192.0.2.1", 80), ("192.0.2.2", 80)]
