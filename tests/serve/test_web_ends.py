"""The web server at its ends: requests that lie in the sockets, functions that end Python, what is left behind."""

import errno
import gc
import os
import socket
import threading
import time
import weakref

import pytest

import netlab
from netlab.errors import AddressInUse
from netlab.http.paths import map_path

pytestmark = pytest.mark.network

ASK = b"GET /index.html HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("<p>Hello")
    return tmp_path


def answer(sock):
    """Everything up to the end of one answer with a content of 8 bytes, or up to the end of the connection."""
    data = b""
    while not data.endswith(b"<p>Hello"):
        piece = sock.recv(65_536)
        if not piece:
            break
        data += piece
    return data


def connected(server, count):
    """Connections that have had an answer and are idle."""
    socks = [socket.create_connection((server.host, server.port), 10) for _ in range(count)]
    for sock in socks:
        sock.sendall(ASK)
        assert answer(sock).startswith(b"HTTP/1.1 200 ")
    return socks


def test_requests_that_have_arrived_before_a_stop_are_answered_with_close(site):
    busy, go_on = threading.Event(), threading.Event()

    def slow(path):
        if path == b"/slow":
            busy.set()
            assert go_on.wait(10)
        return map_path(path)

    with netlab.WebServer(site, port=0, map_path=slow) as server:
        slow_one, *asking, silent = connected(server, 12)
        slow_one.sendall(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        assert busy.wait(10)
        for sock in asking:
            sock.sendall(ASK)
        stop = threading.Thread(target=server.stop)
        stop.start()
        time.sleep(0.1)
        go_on.set()
        for sock in asking:
            told = answer(sock)
            assert told.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in told
        assert silent.recv(1) == b""
        stop.join(10)
        assert server.log["status"].tolist() == [200] * 12 + [404] + [200] * 10
    for sock in (slow_one, *asking, silent):
        sock.close()


def test_clients_in_a_closed_loop_are_told_of_a_stop(site):
    ends = []

    def client(server):
        with socket.create_connection((server.host, server.port), 10) as sock:
            try:
                while True:
                    sock.sendall(ASK)
                    told = answer(sock)
                    if b"\r\nConnection: close\r\n" in told:
                        ends.append("told")
                        return
                    if not told:
                        ends.append("closed")
                        return
            except OSError as error:
                ends.append(type(error).__name__)

    with netlab.WebServer(site, port=0) as server:
        clients = [threading.Thread(target=client, args=(server,)) for _ in range(20)]
        for thread in clients:
            thread.start()
        while server.statuses.total() < 200:
            time.sleep(0.01)
        server.stop(10)
        for thread in clients:
            thread.join(10)
    assert len(ends) == 20 and ends.count("told") > 0


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ZeroDivisionError])
def test_a_learners_function_that_ends_python_ends_one_answer(site, error):
    def ends(path):
        if path == b"/end":
            raise error("bye")
        return map_path(path)

    with netlab.WebServer(site, port=0, map_path=ends) as server:
        with socket.create_connection((server.host, server.port), 10) as sock:
            sock.sendall(b"GET /end HTTP/1.1\r\nHost: h\r\n\r\n")
            assert sock.recv(1_000).startswith(b"HTTP/1.1 500 ")
        (sock,) = connected(server, 1)
        sock.close()
        assert server.log["status"].tolist() == [500, 200]
        assert f"{error.__name__}: bye" in server.log["error"][0]


@pytest.mark.parametrize("size", [8, 200_000])
def test_a_file_that_cannot_be_read_is_a_row_with_the_reason(site, monkeypatch, size):
    def broken(descriptor, *_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    monkeypatch.setattr(os, "sendfile", broken)
    (site / "index.html").write_bytes(bytes(size))
    with netlab.WebServer(site, port=0) as server:
        with socket.create_connection((server.host, server.port), 10) as sock:
            sock.sendall(ASK)
            while sock.recv(65_536):
                pass
        assert "Input/output error" in server.log["error"][0] and server.details(0)["keep_alive"] is False
        assert server.connections == 0


def test_nothing_is_kept_of_a_server_that_is_gone_nor_of_pages_made_anew(site):
    for number in range(300):
        (site / f"a file with a long name, so that the page is long {number}").touch()
    (site / "index.html").unlink()
    server = netlab.WebServer(site, port=0)
    for _ in range(10):
        with socket.create_connection((server.host, server.port), 10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert len(b"".join(iter(lambda sock=sock: sock.recv(65_536), b""))) > 30_000
    assert len(server.log) == 10
    assert sum(len(answer.content) for answer, *_ in server._site.heads) == 0
    with socket.create_connection((server.host, server.port), 10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        while sock.recv(65_536):
            pass
    assert all(len(words[2].content) < 10_000 for words, _ in server._log._waiting)
    server.stop()
    gone = weakref.ref(server), weakref.ref(server._log)
    del server
    gc.collect()
    assert [each() for each in gone] == [None, None]


def test_a_server_of_another_kind_does_not_push_one_from_its_port(site):
    with netlab.WebServer(site, port=0) as server:
        with pytest.raises(AddressInUse, match=r"a web server of this program: call its stop\(\)"):
            netlab.ProxyServer(port=server.port)
        (sock,) = connected(server, 1)
        sock.close()
        with netlab.WebServer(site, port=server.port) as again:
            (sock,) = connected(again, 1)
            sock.close()
        assert "stopped" in repr(server)
    with netlab.ProxyServer(port=server.port) as proxy:
        assert "running" in repr(proxy)
