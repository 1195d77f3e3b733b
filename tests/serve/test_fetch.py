"""`netlab.fetch` and `netlab.fetch_page` over real sockets of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from itertools import pairwise

import pytest

import netlab
from netlab.errors import UsageError

ORDER = ["dns", "connect", "send", "wait", "receive"]


@pytest.fixture(autouse=True)
def nothing_in_use(monkeypatch):
    """What a test chooses is not there any more after it."""
    monkeypatch.setattr("netlab.api._current", None)


@pytest.fixture
def page(tmp_path):
    """A page with four objects, one of them elsewhere."""
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="style.css"><link rel="next" href="next.html"><img src="a.png"><img src="a.png">'
        '<script src="/code.js"></script><img src="http://other.example/b.png"><a href="more.html">more</a>'
    )
    (tmp_path / "style.css").write_text("p {}")
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "code.js").write_text("1")
    return tmp_path


@contextlib.contextmanager
def saying(answer: bytes, hang: bool = False):
    """A server that says this to everybody, whatever they ask, and keeps what they asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []
    ended = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                with accepted:
                    asked.append(accepted.recv(65_536))
                    accepted.sendall(answer)
                    if hang:
                        ended.wait(5)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", asked
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def last(phases):
    return phases.iloc[-1]


# -- phases ---------------------------------------------------------------------------------------------------------


def test_the_phases_follow_each_other_and_sum_up(server):
    phases = netlab.fetch(server.url)
    assert phases["phase"].tolist() == ORDER
    assert phases["start_ms"][0] == 0
    for before, after in pairwise(phases.itertuples()):
        assert 0 <= after.start_ms - before.end_ms < 50  # between two phases there is only our own work
    assert (phases["duration_ms"] >= 0).all()
    assert phases["duration_ms"].sum() <= last(phases)["end_ms"] + 1e-9
    assert set(phases["network"]) == {"live"}


def test_every_byte_is_there(server):
    phases = netlab.fetch(server.url)
    request, answer = phases["request"][2], phases["answer"][4]
    assert request.startswith(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:") and request.endswith(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\n<h1>Hello</h1>")
    assert phases["bytes"].tolist()[2::2] == [len(request), len(answer)]
    assert server.log["request_bytes"].tolist() == [len(request)]
    assert server.log["response_bytes"].tolist() == [len(answer)]


def test_a_large_answer_comes_whole(server):
    answer = last(netlab.fetch(server.url + "big.bin"))["answer"]
    assert answer.partition(b"\r\n\r\n")[2] == bytes(range(256)) * 12_000


def test_an_error_of_http_is_an_answer_like_any_other(server):
    phases = netlab.fetch(server.url + "nothing")
    assert phases["phase"].tolist() == ORDER
    assert set(phases["status"]) == {404} and set(phases["error"]) == {""}


def test_method_fields_and_content_are_sent():
    with saying(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n") as (url, asked):
        phases = netlab.fetch(url, method="PUT", headers={"X-One": "1"}, content=b"some")
    assert asked[0].startswith(b"PUT / HTTP/1.1\r\n") and asked[0].endswith(b"Content-Length: 4\r\n\r\nsome")
    assert b"X-One: 1\r\n" in asked[0]
    assert set(phases["status"]) == {201} and set(phases["method"]) == {"PUT"}


def test_an_answer_without_a_length_ends_with_its_connection():
    with saying(b"HTTP/1.0 200 OK\r\n\r\nall of it") as (url, _):
        assert last(netlab.fetch(url))["answer"].endswith(b"all of it")


def test_interim_answers_are_kept_and_passed_over():
    said = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with saying(said) as (url, _):
        phases = netlab.fetch(url)
    assert last(phases)["status"] == 200 and last(phases)["answer"] == said


# -- redirects ------------------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_only_when_asked(server):
    assert netlab.fetch(server.url + "sub")["status"].tolist() == [301] * 5
    phases = netlab.fetch(server.url + "sub", follow=True)
    assert phases.groupby("object")["status"].max().tolist() == [301, 200]
    assert phases["url"].iloc[-1] == server.url + "sub/"
    again = phases[phases["object"] == 1]
    assert again["phase"].tolist() == ["send", "wait", "receive"] and again["reused"].all()


def test_a_circle_of_redirects_ends():
    with saying(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as (url, asked):
        phases = netlab.fetch(url, follow=True)
    assert phases["object"].max() == 10 and len(asked) == 11


def test_content_goes_on_only_with_307_and_308():
    moved = b"HTTP/1.1 %d Moved\r\nLocation: /there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    for status, method in ((303, b"GET"), (308, b"POST")):
        with saying(moved % status) as (url, asked):
            netlab.fetch(url, method="POST", content=b"data", follow=True)
        assert asked[1].startswith(method + b" /there ") and asked[1].endswith(b"data") == (method == b"POST")


def test_a_redirect_that_leads_nowhere_is_told():
    with saying(b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n") as (url, _):
        phases = netlab.fetch(url, follow=True)
    assert "https" in last(phases)["error"] and last(phases)["status"] == 302


# -- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_refused_connection_is_a_row():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    phases = netlab.fetch(f"http://127.0.0.1:{port}/")
    assert phases["phase"].tolist() == ["dns", "connect"]
    assert last(phases)["error"].startswith("connection_refused: 127.0.0.1")
    assert phases["status"].isna().all() and phases["reused"].isna().all()


def test_a_name_that_nobody_has_is_a_row(monkeypatch):
    def nobody(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "nobody has it")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)  # no test asks a resolver outside
    phases = netlab.fetch("http://nobody.invalid/", timeout=10)
    assert phases["phase"].tolist() == ["dns"]
    assert last(phases)["error"].startswith("dns_error")


def test_a_silent_server_is_given_up():
    with saying(b"", hang=True) as (url, _):
        phases = netlab.fetch(url, timeout=0.3)
    assert phases["phase"].tolist() == ["dns", "connect", "send", "wait"]
    assert last(phases)["error"] == "not done within 0.3 s"
    assert last(phases)["end_ms"] == pytest.approx(300, abs=250)


def test_what_came_of_a_broken_answer_is_kept():
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with saying(said) as (url, _):
        phases = netlab.fetch(url)
    assert last(phases)["phase"] == "receive" and last(phases)["error"] and last(phases)["answer"] == said


def test_an_answer_that_breaks_a_rule_names_it():
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab") as (url, _):
        error = last(netlab.fetch(url))["error"]
    assert "breaks a rule" in error and "RFC 9112" in error


def test_a_closed_connection_without_an_answer_is_told():
    with saying(b"") as (url, _):
        phases = netlab.fetch(url)
    assert last(phases)["error"] == "the connection was reset"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1/", "plain http"),
        ("ftp://127.0.0.1/", "must begin with http://"),
        ("127.0.0.1:80", "must begin with http://"),
        ("http://", "must begin with http://"),
        ("http://127.0.0.1:99999/", "no URL"),
        ("http://user:secret@127.0.0.1/", "user's name"),
        ("http://127.0.0.1/a b", "percent-encoded"),
        ("http://127.0.0.1/a\r\nX: 1", "percent-encoded"),
        (80, "must be a URL"),
    ],
)
def test_a_url_that_cannot_be_is_refused_before_anything_is_sent(url, says):
    with pytest.raises(UsageError, match=says):
        netlab.fetch(url)


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "GET THIS"},
        {"method": "CONNECT"},
        {"content": "text"},
        {"headers": {"Host": "other"}},
        {"headers": {"X": "1\r\nY: 2"}},
        {"headers": ["X"]},
        {"timeout": 0},
        {"proxy": "somewhere"},
        {"source": "www"},
        {"tcp": {"mss": 536}},
        {"network": "nowhere-at-all", "url": "http://www/"},
    ],
)
def test_arguments_that_cannot_be_are_refused(server, arguments):
    with pytest.raises(UsageError):
        netlab.fetch(**{"url": server.url, **arguments})
    assert len(server.log) == 0


# -- pages ----------------------------------------------------------------------------------------------------------


def test_a_page_comes_with_its_objects_each_once(page):
    with netlab.WebServer(page, port=0) as server:
        phases = netlab.fetch_page(server.url)
        paths = phases.groupby("object")["url"].first().str.removeprefix(server.url.rstrip("/")).tolist()
    assert paths == ["/", "/style.css", "/a.png", "/code.js"]
    assert set(phases["status"]) == {200}


def test_keep_alive_uses_connections_again(page):
    with netlab.WebServer(page, port=0) as server:
        one = netlab.fetch_page(server.url, connections=1)
        each = netlab.fetch_page(server.url, connections=1, keep_alive=False)
        log = server.log
    assert one["connection"].max() == 1 and one.groupby("object")["number"].max().tolist() == [1, 2, 3, 4]
    assert each.groupby("object")["connection"].max().tolist() == [1, 2, 3, 4]
    assert not each["reused"].any()
    assert log["connection"].tolist() == [1, 1, 1, 1, 2, 3, 4, 5]


def test_no_more_connections_are_used_than_allowed(page):
    with netlab.WebServer(page, port=0) as server:
        phases = netlab.fetch_page(server.url, connections=2)
    assert phases["connection"].max() <= 2  # one may be so quick that nothing is left for the other
    assert (phases[phases["object"] > 0].groupby("object")["phase"].first() == "queue").all()
    assert not (phases[phases["object"] == 0]["phase"] == "queue").any()


def test_a_page_that_is_no_page_has_no_objects(server):
    assert set(netlab.fetch_page(server.url + "big.bin")["object"]) == {0}


@pytest.mark.parametrize("arguments", [{"connections": 0}, {"connections": 1.5}, {"timeout": -1}])
def test_a_page_with_wrong_arguments_is_refused(server, arguments):
    with pytest.raises(UsageError):
        netlab.fetch_page(server.url, **arguments)


# -- a proxy, and where things are ----------------------------------------------------------------------------------


def test_a_proxy_is_gone_through(server):
    with netlab.ProxyServer(port=0) as proxy:
        phases = netlab.fetch(server.url, proxy=proxy.url)
        assert phases["request"][2].startswith(b"GET " + server.url.encode() + b" HTTP/1.1\r\n")
        assert b"\r\nVia: 1.1 netlab" in last(phases)["answer"]
        assert proxy.log["status"].tolist() == [200] == server.log["status"].tolist()


def test_this_machine_is_meant_also_while_a_world_is_in_use(server):
    with netlab.use("line"):
        phases = netlab.fetch(server.url)
        assert netlab.WebServer("tests", port=0).stop() is None
    assert set(phases["network"]) == {"live"} and last(phases)["status"] == 200


def test_nothing_is_left_behind(server):
    before = threading.active_count()
    for _ in range(3):
        netlab.fetch(server.url)
    assert threading.active_count() == before


def test_a_proxy_with_a_user_s_name_is_refused_with_what_to_do_instead():
    with pytest.raises(UsageError, match=r"Proxy-Authorization"):
        netlab.fetch("http://127.0.0.1:1/", proxy="http://ada:secret@127.0.0.1:2/")
