"""`netlab.teach.converse`: any bytes to a server, on this machine and in a world."""

import socket
import threading

import pytest

import netlab
from netlab.errors import NetworkError, UsageError
from netlab.teach import converse

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text("<p>Hello")
    return tmp_path


@pytest.mark.network
def test_a_good_request_and_a_wrong_one_over_real_sockets(folder):
    with netlab.WebServer(folder, port=0) as server:
        good, wrong = converse(server.url, GET), converse(server.url, b"GET / HTTP/1.1\nHost: h\n\n")
        assert good.startswith(b"HTTP/1.1 200 OK\r\n") and good.endswith(b"<p>Hello")
        assert wrong.startswith(b"HTTP/1.1 400 ")
        assert server.log["rule"].tolist() == ["", "RFC 9112 2.2"]


def test_in_a_world_it_takes_no_time_of_ours_and_is_in_the_capture(folder):
    with netlab.use("line") as network, netlab.WebServer(folder, host="server", port=80) as server:
        answer = converse("http://server/", GET + GET)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert server.log["network"].tolist() == ["virtual:line"] * 2
        assert any(GET in row["data"] for row in network.packets())


def test_a_server_that_is_kept_waiting_answers_with_408_at_its_deadline(folder):
    with netlab.use("line"), netlab.WebServer(folder, host="server", port=80) as server:
        answer = converse("http://server/", b"GET / HT", finish=False, timeout=60)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert server.log["status"].tolist() == [408]


def test_a_start_elsewhere_is_seen_in_the_log(folder):
    with netlab.use("campus"), netlab.WebServer(folder, host="www", port=8080) as server:
        converse(server.url, GET)
        converse(server.url, GET, source="gateway")
        first, second = server.log["client"]
        assert first.rpartition(":")[0] != second.rpartition(":")[0]


@pytest.mark.network
def test_a_silent_server_costs_the_timeout_and_gives_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert converse(f"http://127.0.0.1:{silent.getsockname()[1]}/", GET, timeout=0.2) == b""


@pytest.mark.network
def test_a_reset_ends_the_answer_and_is_no_exception():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset():
            sock, _ = listener.accept()
            sock.recv(10)  # the rest is unread, so closing resets
            sock.sendall(b"half")
            sock.close()

        thread = threading.Thread(target=reset)
        thread.start()
        answer = converse(f"http://127.0.0.1:{listener.getsockname()[1]}/", GET * 100)
        thread.join()
        assert answer in (b"half", b"")


@pytest.mark.network
def test_nobody_there_is_an_error_that_says_so():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with pytest.raises(NetworkError, match="connection_refused"):
        converse(f"http://127.0.0.1:{port}/", GET)
    with netlab.use("line"), pytest.raises(NetworkError, match="dns_error"):
        converse("http://nowhere/", GET)


@pytest.mark.parametrize(
    ("url", "data", "timeout", "message"),
    [
        ("www", GET, 1, "must begin with http"),
        ("http://127.0.0.1:1/", "GET /", 1, "must be bytes"),
        ("http://127.0.0.1:1/", GET, 0, "timeout"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(url, data, timeout, message):
    with pytest.raises(UsageError, match=message):
        converse(url, data, timeout=timeout)
