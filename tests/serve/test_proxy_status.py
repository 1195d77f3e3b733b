"""The whole status map: what can go wrong, and the status, word of RFC 9209, page and row that it becomes."""

import base64
import contextlib
import html
import re
import time

import pytest

import netlab
from netlab.http.proxy_status import STATUS
from netlab.serve.access import Access
from netlab.serve.failure import MEANING
from netlab.serve.guard import Guard
from netlab.serve.origin import Origins
from netlab.serve.proxy import Proxy, forward
from tests.support.playbook import Play
from tests.support.proxying import (
    answering,
    ask,
    client_of,
    full,
    no_route,
    nobody,
    origin_that,
    read_answer,
    without_names,
)

pytestmark = pytest.mark.network

HERE = 2, ("127.0.0.1", 9)
END = b"\r\n\r\n"


def url(address):
    return f"GET http://{address}/ HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()


def saying(text):
    return lambda: origin_that(answering(text))


def silence():
    return origin_that(lambda sock, seen: sock.recv(1_000_000) and sock.recv(1))


@contextlib.contextmanager
def named(name="a.test"):
    yield name, []


def slow_names(proxy):
    proxy._place._loop.look_ups._resolve = lambda host, port: time.sleep(1) or [HERE]


def nothing(proxy):
    pass


WRONG = b"Proxy-Authorization: Basic %s\r\n\r\n" % base64.b64encode(b"ada:wrong")

MAP = {
    "bad syntax": ({}, nobody, nothing, lambda at: b"GET / HTTP/1.1\r\nA : b" + END, 400, "http_request_error"),
    "a first line that is too long": (
        {}, nobody, nothing, lambda at: url("h/" + "x" * 9_000), 414, "http_request_error"
    ),
    "too many fields": (
        {}, nobody, nothing, lambda at: url(at)[:-2] + b"A: b\r\n" * 101 + b"\r\n", 431, "http_request_error"
    ),
    "a head that does not come": (
        {"limits": {"head_time": 0.2}}, nobody, nothing, lambda at: b"GET http:", 408, "http_request_error"
    ),
    "a content that does not come": (
        {"limits": {"body_time": 0.2}}, silence, nothing,
        lambda at: url(at).replace(b"GET", b"PUT")[:-2] + b"Content-Length: 9\r\n\r\n", 408, "http_request_error",
    ),
    "an unknown coding": (
        {}, nobody, nothing, lambda at: url(at)[:-2] + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
        "http_request_error",
    ),
    "an unknown version": ({}, nobody, nothing, lambda at: b"GET http://h/ HTTP/2.0" + END, 505, "http_request_error"),
    "hosts that differ": (
        {"strict": True}, nobody, nothing, lambda at: b"GET http://h/ HTTP/1.1\r\nHost: i" + END, 400,
        "http_request_error",
    ),
    "a TRACE with content": (
        {}, nobody, nothing, lambda at: b"TRACE http://h/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 400,
        "http_request_error",
    ),
    "content for the proxy": (
        {}, nobody, nothing, lambda at: b"OPTIONS * HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 400,
        "http_request_error",
    ),
    "https without a tunnel": (
        {}, nobody, nothing, lambda at: b"GET https://h/ HTTP/1.1\r\nHost: h" + END, 421, "http_request_denied"
    ),
    "wrong form": ({}, nobody, nothing, lambda at: b"GET / HTTP/1.1\r\nHost: h" + END, 400, "http_request_error"),
    "no password": ({"users": {"ada": "l"}}, nobody, nothing, url, 407, "http_request_denied"),
    "a wrong password": (
        {"users": {"ada": "l"}}, nobody, nothing, lambda at: url(at)[:-2] + WRONG, 407, "http_request_denied"
    ),
    "a port for no tunnel": (
        {}, nobody, nothing, lambda at: b"CONNECT h:25 HTTP/1.1\r\nHost: h:25\r\n\r\n", 403, "http_request_denied"
    ),
    "an address for nobody": ({}, lambda: named("169.254.169.254"), nothing, url, 403, "destination_ip_prohibited"),
    "it was here before": (
        {}, nobody, nothing, lambda at: url(at)[:-2] + b"Via: 1.1 netlab\r\n\r\n", 508, "proxy_loop_detected"
    ),
    "no such name": ({}, named, without_names, url, 502, "dns_error"),
    "slow names": ({"connect_timeout": 0.2}, named, slow_names, url, 504, "dns_timeout"),
    "refused": ({}, nobody, nothing, url, 502, "connection_refused"),
    "no route": ({}, nobody, no_route, url, 502, "destination_ip_unroutable"),
    "no answer to a call": ({"connect_timeout": 0.3}, full, nothing, url, 504, "connection_timeout"),
    "closed without a head": ({}, saying(b""), nothing, url, 502, "connection_terminated"),
    "a head that breaks a rule": ({}, saying(b"HTTP/1.1 OK\r\n\r\n"), nothing, url, 502, "http_protocol_error"),
    "a head that is too long": (
        {}, saying(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n"), nothing, url, 502,
        "http_response_header_section_size",
    ),
    "no head in time": ({"limits": {"answer_time": 0.2}}, silence, nothing, url, 504, "http_response_timeout"),
    "a change unasked for": (
        {}, saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), nothing, url, 502,
        "http_upgrade_failed",
    ),
    "a fault of a learner": (
        {"filter_fields": lambda fields: 1 / 0}, nobody, nothing, url, 500, "proxy_internal_error"
    ),
    "only out of the cache": (
        {"cache": True}, nobody, nothing, lambda at: url(at)[:-2] + b"Cache-Control: only-if-cached\r\n\r\n", 504,
        "cache_miss",
    ),
}  # fmt: skip


def says_who_is_meant(page):
    """Every sentence but the rule names one of the three; "the server" could be two of them."""
    said = [html.unescape(each) for each in re.findall("<p>(.*?)</p>", page.decode())]
    named = [re.search("this (is a )?proxy|the origin|your client|The rule:", each, re.IGNORECASE) for each in said]
    return len(said) > 1 and all(named) and not re.search("the server|this server", str(said))


@pytest.mark.parametrize(("options", "place", "prepare", "request_to", "status", "word"), MAP.values(), ids=MAP)
def test_what_goes_wrong_becomes_a_status_a_word_a_page_and_a_row(options, place, prepare, request_to, status, word):
    with place() as (address, _), netlab.ProxyServer(port=0, **options) as proxy:
        prepare(proxy)
        with client_of(proxy) as sock:
            sock.sendall(request_to(address))
            head, page, _ = read_answer(sock)
        log = proxy.log
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nProxy-Status: netlab; error=%s\r\n" % word.encode() in head
    assert b"\r\nContent-Type: text/html; charset=utf-8\r\n" in head and b"%d" % status in page
    assert log["status"].tolist() == [status]
    assert log["error"].tolist() == [word] or (status == 500 and "ZeroDivisionError" in log["error"].iloc[0])
    assert (status == 407) == (b"\r\nProxy-Authenticate: Basic " in head)
    assert says_who_is_meant(page), page


def test_a_content_that_is_cut_short_is_closed_and_logged():
    """The status is out already."""
    with origin_that(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as (address, _):
        with netlab.ProxyServer(port=0) as proxy:
            back = ask(proxy, url(address))
            assert proxy.log["error"].tolist() == ["http_response_incomplete"]
    assert back.startswith(b"HTTP/1.1 200 ") and back.endswith(b"\r\n\r\nhalf")


def test_too_many_clients_are_503_and_may_come_back():
    with netlab.ProxyServer(port=0, limits={"connections": 1}) as proxy:
        with client_of(proxy) as busy:
            busy.sendall(b"GET")
            end = time.monotonic() + 5
            while proxy.connections < 1 and time.monotonic() < end:
                time.sleep(0.01)
            with client_of(proxy) as sock:
                head, page, _ = read_answer(sock)
        assert proxy.log["status"].iloc[0] == 503 and proxy.log["error"].iloc[0] == "connection_limit_reached"
        assert says_who_is_meant(page), page
        assert head.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in head
        assert b"\r\nProxy-Status: netlab; error=connection_limit_reached\r\n" in head


def test_a_client_that_may_not_come_is_403():
    rows = []
    proxy = Proxy(lambda record, *heads: rows.append(record), lambda: 0, Origins(Guard(), 5.0), Access())
    play = Play({"a.test": ["93.184.216.34"]}, client="198.51.100.7:5000")
    back = play.run(lambda connection: forward(connection, proxy), url("a.test"))
    assert back.startswith(b"HTTP/1.1 403 ") and b"error=http_request_denied" in back
    assert b"this proxy is not for clients at 198.51.100.7" in back
    assert play.looked_up == [] == play.dialled and "http_request_denied" in rows[0]


def test_no_word_is_left_out():
    here = {word for *_, word in MAP.values()} | {"http_response_incomplete", "connection_limit_reached"}
    assert here == set(STATUS) == set(MEANING)
