"""The web server over real sockets on loopback, spoken to byte by byte and by Python's own client."""

import gc
import gzip
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import netlab
from netlab import frames
from netlab.errors import AddressInUse, UsageError
from netlab.http.dates import read_date, write_date
from netlab.http.media import media_type
from tests.support.asking import ask, get

pytestmark = pytest.mark.network


def test_an_index_a_file_and_nothing(server, site):
    assert get(server, "/")[0] == 200
    status, headers, content = get(server, "/index.html")
    assert (status, content) == (200, b"<h1>Hello</h1>")
    assert headers["Content-Type"] == "text/html; charset=utf-8" and headers["Content-Length"] == "14"
    assert get(server, "/big.bin")[2] == (site / "big.bin").read_bytes()
    status, headers, content = get(server, "/nothing")
    assert status == 404 and b"<h1>404 Not Found</h1>" in content and b"spelt right" in content


def test_head_is_get_without_content(server):
    _, with_content, _ = get(server, "/index.html")
    status, without, content = get(server, "/index.html", "HEAD")
    assert (status, content) == (200, b"")
    assert {k: v for k, v in without.items() if k != "Date"} == {k: v for k, v in with_content.items() if k != "Date"}


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/link.txt",
        "/.secret",
        "/a%00b",
        "/a%5cb",
        "/index.html/",
    ],
)
def test_nothing_outside_and_nothing_hidden(server, path):
    back = ask(server, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert (
        back.startswith(b"HTTP/1.1 404 ")
        and b"outside\n" not in back
        and b"hidden" not in back.partition(b"\r\n\r\n")[0]
    )


def test_a_folder_without_its_slash_is_elsewhere_and_never_on_another_host(server):
    assert get(server, "/sub?x=1")[1]["Location"] == "/sub/?x=1"
    for path in ("//sub", "///sub"):
        assert get(server, path)[1]["Location"] == "/sub/"


def test_a_listing_is_escaped(server):
    status, _, content = get(server, "/sub/")
    assert status == 200 and b"Directory listing for /sub/" in content
    assert b'href="a%20%3Cb%3E.txt"' in content and b"a &lt;b&gt;.txt" in content


def test_methods(server):
    assert get(server, "/", "OPTIONS")[1]["Allow"] == "GET, HEAD, OPTIONS"
    status, headers, _ = get(server, "/", "DELETE")
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert get(server, "/", "BREW")[0] == 501


def test_what_a_client_has_already_is_not_sent_again(server):
    _, headers, _ = get(server, "/index.html")
    assert get(server, "/index.html", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert get(server, "/index.html", **{"If-None-Match": f'"x", W/{headers["ETag"]}'})[0] == 304
    assert get(server, "/index.html", **{"If-None-Match": "*"})[0] == 304
    assert get(server, "/index.html", **{"If-None-Match": '"x"'})[0] == 200
    assert get(server, "/index.html", **{"If-Modified-Since": headers["Last-Modified"]})[0] == 304
    assert get(server, "/index.html", **{"If-Modified-Since": "Sun Nov  6 08:49:37 1994"})[0] == 200


def test_one_connection_carries_many_requests_also_sent_at_once(server):
    request = b"GET /index.html HTTP/1.1\r\nHost: h\r\n\r\n"
    back = ask(server, request * 3)
    assert back.count(b"HTTP/1.1 200 OK") == 3 and back.count(b"<h1>Hello</h1>") == 3
    log = server.log
    assert log["connection"].nunique() == 1 and log["request"].tolist() == [1, 2, 3]
    assert log["reused"].tolist() == [False, True, True]


def test_content_nobody_wants_is_read_and_the_connection_lives_on(server):
    upload = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    back = ask(server, upload + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert back.startswith(b"HTTP/1.1 405 ") and b"HTTP/1.1 200 OK" in back


def test_too_much_of_it_ends_the_connection(server):
    back = ask(server, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 200_000)
    assert back.startswith(b"HTTP/1.1 405 ") and b"Connection: close" in back


def test_http_1_0_closes_unless_asked_to_stay(server):
    assert b"Connection: close" in ask(server, b"GET / HTTP/1.0\r\n\r\n", end=False)
    back = ask(server, b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" * 2)
    assert back.count(b"Connection: keep-alive") == 2


def test_a_refused_request_gets_its_rule_and_a_row(server):
    back = ask(server, b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", end=False)
    assert (
        back.startswith(b"HTTP/1.1 400 ")
        and b"RFC 9112 3.2" in back
        and back.count(b"HTTP/1.1") == 1 + back.count(b"speaks HTTP/1.1")
    )
    row = server.log.iloc[-1]
    assert (row["status"], row["rule"]) == (400, "RFC 9112 3.2")
    assert row["error"] == "a request has exactly one Host field"


@pytest.mark.parametrize(
    ("data", "line", "kept"),
    [
        (b"PUT /a HTTP/1.1\r\nHost : h\r\n\r\n", ("PUT", "/a", "HTTP/1.1"), b"PUT /a HTTP/1.1\r\nHost : h"),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", ("GET", "/", "HTTP/2.0"), b"GET / HTTP/2.0\r\nHost: h"),
        (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", ("", "", ""), b"GET  / HTTP/1.1\r\nHost: h"),
        (b"GET / HTTP/1.1\nHost: h\n\n", ("", "", ""), b"GET / HTTP/1.1\nHost: h\n\n"),
        (b"\x16\x03\x01", ("", "", ""), b"\x16\x03\x01"),
    ],
)
def test_the_row_of_a_refused_request_shows_what_it_was(server, data, line, kept):
    get(server, "/index.html")  # whose head must not be taken for that of the next
    ask(server, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + data, end=False)
    row = server.details(2)
    assert (row["method"], row["target"], row["version"]) == line and row["status"] in (400, 505)
    assert row["request_head"] == kept and row["request_bytes"] == len(data)
    assert row["user_agent"] == "" and row["reason"] in ("Bad Request", "HTTP Version Not Supported")


def test_a_target_that_is_too_long_is_cut_off_in_the_log(server):
    ask(server, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", end=False)
    row = server.log.iloc[0]
    assert (row["status"], row["target"], row["request_bytes"]) == (414, "/" + "a" * 1_023 + "…", 20_027)


def test_a_head_that_stops_in_the_middle_is_in_its_row(site):
    with netlab.WebServer(site, port=0, limits={"head_time": 0.2}) as server:
        ask(server, b"GET /index.html HTTP/1.1\r\nHos", end=False)
        row = server.details(0)
    assert (row["status"], row["target"], row["request_head"][-3:]) == (408, "/index.html", b"Hos")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"0x3\r\nabc\r\n0\r\n\r\n", "RFC 9112 7.1"), (b"3 \r\nabc\r\n0\r\n\r\n", "RFC 9112 7.1"),
        (b"3\nabc\r\n0\r\n\r\n", "RFC 9112 7.1"), (b"3\r\nabcd\r\n0\r\n\r\n", "RFC 9112 7.1"),
        (b"3;" + b"x" * 300 + b"\r\nabc\r\n0\r\n\r\n", "RFC 9112 7.1.1"),
        (b"0\r\na : b\r\n\r\n", "RFC 9112 5.1"), (b"ffffffffffffffff0\r\n", "RFC 9112 7.1"),
    ],
)  # fmt: skip
def test_content_that_breaks_a_rule_is_refused_with_it_and_nothing_behind_it_is_read(server, content, rule):
    head = b"%s / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    for method in (b"POST", b"GET"):
        back = ask(server, head % method + content + b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", end=False)
        assert back.startswith(b"HTTP/1.1 400 ") and back.count(b"HTTP/1.1 ") == 1 and rule.encode() in back
    log = server.log
    assert log["status"].tolist() == [400, 400] and log["rule"].tolist() == [rule, rule]
    assert log["method"].tolist() == ["POST", "GET"]


def test_a_tunnel_is_refused_at_once_and_its_bytes_are_no_requests(server):
    began = time.monotonic()
    back = ask(server, b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", end=False)
    assert time.monotonic() - began < 5
    assert back.startswith(b"HTTP/1.1 405 ") and b"\r\nAllow: GET, HEAD, OPTIONS\r\n" in back
    assert server.log["target"].tolist() == ["h:443"] and b"Connection: close" in back


def test_https_on_the_plain_port_is_recognised(server):
    assert b"looks like TLS" in ask(server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", end=False)


def test_the_log_is_a_table_and_its_parts_sum_up(server):
    get(server, "/index.html")
    get(server, "/nothing")
    log = server.log
    assert list(log.columns) == list(frames.EXCHANGES)
    assert log["status"].tolist() == [200, 404] and log["target"].tolist() == ["/index.html", "/nothing"]
    assert (log["wait_ms"] + log["receive_ms"]).tolist() == log["total_ms"].tolist()
    assert server.statuses == {200: 1, 404: 1}


def test_the_log_cannot_be_forged(server):
    ask(server, b'GET /a"\\\xe9 HTTP/1.1\r\nHost: h\r\n\r\n')
    ask(server, b'GET /a" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
    assert server.log["target"].tolist() == ["", "/a\\x22"]


def test_the_log_keeps_the_latest_rows_and_counts_all(site):
    with netlab.WebServer(site, port=0, log_rows=2) as server:
        for name in "abc":
            get(server, f"/{name}")
        assert server.log["target"].tolist() == ["/b", "/c"] and server.statuses[404] == 3


def test_silent_connections_block_nobody(server):
    silent = [socket.create_connection((server.host, server.port)) for _ in range(20)]
    for sock in silent[:10]:
        sock.sendall(b"GET /")
    try:
        assert get(server, "/")[0] == 200
    finally:
        for sock in silent:
            sock.close()


def test_a_slow_head_has_one_deadline_whatever_trickles_in(site):
    limits = {"head_time": 0.4}
    with (
        netlab.WebServer(site, port=0, limits=limits) as server,
        socket.create_connection((server.host, server.port)) as sock,
    ):
        sock.settimeout(5)
        stop = threading.Event()

        def trickle():
            for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 100:
                if stop.wait(0.05):
                    return
                try:
                    sock.send(bytes([byte]))
                except OSError:
                    return

        writer = threading.Thread(target=trickle)
        began = time.monotonic()
        writer.start()
        answer = sock.recv(1000)
        stop.set()
        writer.join()
        assert answer.startswith(b"HTTP/1.1 408 ") and time.monotonic() - began < 3
        assert server.log["status"].tolist() == [408]


def test_an_idle_connection_is_closed_without_a_word(site):
    limits = {"idle_time": 0.2}
    with (
        netlab.WebServer(site, port=0, limits=limits) as server,
        socket.create_connection((server.host, server.port)) as sock,
    ):
        sock.settimeout(5)
        sock.sendall(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert sock.recv(1000) == b"" and len(server.log) == 1


def test_a_file_that_shrinks_ends_the_connection_and_is_never_padded(server, site):
    sparse, promised = site / "sparse.bin", 200_000_000
    sparse.touch()
    os.truncate(sparse, promised)
    with socket.create_connection((server.host, server.port)) as sock:
        sock.settimeout(10)
        sock.sendall(b"GET /sparse.bin HTTP/1.1\r\nHost: h\r\n\r\n")
        first = sock.recv(1000)
        os.truncate(sparse, 1_000_000)
        got = len(first)
        while piece := sock.recv(1 << 20):
            got += len(piece)
    assert b"Content-Length: 200000000" in first and got < promised
    assert server.log["error"].tolist() == ["the file became shorter while it was sent"]


def test_stop_frees_the_port_and_may_be_called_twice(site):
    server = netlab.WebServer(site, port=0)
    port = server.port
    assert get(server, "/")[0] == 200 and "running" in repr(server)
    server.stop()
    server.stop()
    assert "stopped" in repr(server)
    with netlab.WebServer(site, port=port) as again:
        assert get(again, "/")[0] == 200


def test_an_answer_that_stop_cuts_off_has_its_row(site):
    (site / "huge.bin").write_bytes(bytes(30_000_000))
    with netlab.WebServer(site, port=0) as server, socket.create_connection((server.host, server.port)) as slow:
        slow.sendall(b"GET /huge.bin HTTP/1.1\r\nHost: h\r\n\r\n")
        assert slow.recv(1)
        server.stop(grace=0.1)
    row = server.log.iloc[0]
    assert (row["target"], row["status"], row["error"]) == ("/huge.bin", 200, "the server was stopped")


def test_running_a_cell_again_replaces_its_server(site):
    first = netlab.WebServer(site, port=0)
    with netlab.WebServer(site, port=first.port) as second:
        assert get(second, "/")[0] == 200 and "stopped" in repr(first)


def test_a_taken_port_names_its_owner(site):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUse, match=rf"127.0.0.1:{port} is in use by .*\(process {os.getpid()}\)"):
            netlab.WebServer(site, port=port)


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="only Linux tells who has a port")
def test_a_port_of_this_very_program_is_not_told_as_that_of_another(site):
    """Nobody can "stop that program" when it is the one that he is in."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # A child that has inherited the socket is not the one to look at.
        wait = [sys.executable, "-c", "input()"]
        with subprocess.Popen(wait, stdin=subprocess.PIPE, pass_fds=[taken.fileno()]) as child:
            with pytest.raises(AddressInUse) as told:
                netlab.WebServer(site, port=port)
            child.communicate(b"\n")
    assert told.value.owner == f"this program itself (process {os.getpid()})"
    assert str(told.value).endswith(
        "close that socket, or stop() the server that has it, or take another port; 0 is any free one"
    )


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="only Linux tells who has a port")
def test_a_port_of_another_program_is_told_with_its_name(site):
    text = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        with pytest.raises(AddressInUse, match=rf"\(process {other.pid}\): stop that program") as told:
            netlab.WebServer(site, port=port)
        other.communicate(b"\n")
    assert "this program itself" not in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"directory": "/no/such/folder"}, "directory"), ({"port": 70_000}, "port"), ({"port": "x"}, "port"),
        ({"host": 3}, "host"), ({"host": "no such host"}, "host"), ({"log_rows": -1}, "log_rows"),
        ({"map_path": 3}, "map_path"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(arguments, name, site):
    with pytest.raises(UsageError, match=name):
        netlab.WebServer(**{"directory": site, "port": 0, **arguments})


def test_no_threads_or_descriptors_are_left(site):
    gc.collect()
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    for _ in range(3):
        with netlab.WebServer(site, port=0) as server:
            get(server, "/big.bin")
            ask(server, b"nonsense\r\n\r\n", end=False)
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before


# -- the command --------------------------------------------------------------------------------------------------


def test_the_command_serves_logs_and_ends_with_totals(site):
    command = [sys.executable, "-m", "netlab", "web", str(site), "-p0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            port = int(line.partition("127.0.0.1:")[2].partition("/")[0])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            for path, status in (("/index.html", 200), ("/missing.html", 404)):
                connection.request("GET", path, headers={"User-Agent": "test"})
                answer = connection.getresponse()
                answer.read()
                assert answer.status == status
                assert f'"GET {path} HTTP/1.1" {status} ' in process.stdout.readline()
            connection.close()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "2 answers: 1 × 200, 1 × 404\n", "")


def test_a_taken_port_is_exit_code_2(site):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "netlab", "web", str(site), f"-p{taken.getsockname()[1]}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "is in use by" in done.stderr and "another port" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "192.0.2.1", "--public"], "netlab: 192.0.2.1 is no address of this machine"),
        (["--header", "nonsense"], "a name, a colon and a value"), (["--header", "Date: now"], "this field"),
        (["--key", "k.pem"], "goes with --cert"), (["-p65536"], "from 0 to 65535"),
    ],
)  # fmt: skip
def test_the_command_says_what_is_wrong(site, arguments, says):
    command = [sys.executable, "-m", "netlab", "web", str(site), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "") and says in done.stderr and "Errno" not in done.stderr


def test_the_command_sends_own_fields_and_compresses_and_ends_when_it_is_killed(site):
    command = [
        sys.executable, "-m", "netlab", "web", str(site), "-p0", "--gzip", "--cors",
        "--header", "X-One: a: b", "--header", "Cache-Control: max-age=60",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/index.html", headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            assert gzip.decompress(answer.read()) == b"<h1>Hello</h1>"
            assert (answer.headers["X-One"], answer.headers["Cache-Control"]) == ("a: b", "max-age=60")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            connection.close()
            process.terminate()
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, out.splitlines()[-1], err) == (0, "1 answers: 1 × 200", "")


def test_the_command_ends_at_once_when_it_is_told_twice(site):
    (site / "huge.bin").write_bytes(bytes(30_000_000))
    command = [sys.executable, "-m", "netlab", "web", str(site), "-p0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
            with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
                slow.sendall(b"GET /huge.bin HTTP/1.1\r\nHost: h\r\n\r\n")
                assert slow.recv(1)
                process.send_signal(signal.SIGINT)
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.3)  # it lets answers be finished
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "") and " answers" in out.splitlines()[-1]


# -- small parts --------------------------------------------------------------------------------------------------


def test_dates_are_read_in_three_forms_and_written_in_one():
    now = 1_767_225_600
    for text in (b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"):
        assert read_date(text, now) == 784_111_777
    assert write_date(784_111_777) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    for text in (b"", b"yesterday", b"Sun, 31 Feb 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 CET"):
        assert read_date(text, now) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.HTML", b"text/html; charset=utf-8"), ("a.png", b"image/png"), ("a", b"application/octet-stream"),
        ("a.xyz", b"application/octet-stream"),
    ],
)  # fmt: skip
def test_media_types(name, kind):
    assert media_type(name) == kind
