"""What the web server does in odd moments: times that tell nothing or lie ahead, nothing left to open files with, large
folders, arguments that cannot be, listeners of one's own."""

import contextlib
import errno
import gc
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

import pytest

import netlab
from netlab.errors import UsageError
from netlab.http import pages
from netlab.http.dates import read_date
from netlab.http.events import Request, Target
from netlab.http.paths import Path
from netlab.http.ranges import Part, select
from netlab.serve import answers, files
from netlab.serve.answers import Answer
from netlab.serve.connection import Turn
from netlab.server_listen import check_host, check_listener, place_of
from tests.support.asking import ask, get

pytestmark = pytest.mark.network

YEAR_2090 = 3_786_912_000
GET = b"GET /index.html HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def date(headers, name):
    return read_date(headers[name].encode(), int(time.time()))


# -- times of files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_time_that_tells_nothing_is_not_told_and_no_date_is_compared_with_it(server, site, seconds):
    os.utime(site / "index.html", (seconds, seconds))
    headers = get(server, "/index.html")[1]
    assert headers["Last-Modified"] is None and headers["ETag"] is None
    (site / "index.html").write_text("<h1>New!!</h1>")  # of the same length
    os.utime(site / "index.html", (seconds, seconds))
    then, later = "Thu, 01 Jan 1970 00:00:01 GMT", "Sat, 28 Nov 2026 00:00:00 GMT"
    for conditions in (
        {"If-Modified-Since": then}, {"If-Modified-Since": later}, {"If-Unmodified-Since": then},
        {"If-Range": then, "Range": "bytes=0-3"}, {"If-None-Match": '"x"', "If-Unmodified-Since": later},
    ):  # fmt: skip
        status, _, content = get(server, "/index.html", **conditions)
        assert (status, content) == (200, b"<h1>New!!</h1>"), conditions
    both = {"If-Match": '"x"', "If-Unmodified-Since": later}
    assert get(server, "/index.html", **both)[0] == 412  # tags are compared as ever


def test_a_tag_made_of_the_content_stays_when_the_time_tells_nothing(site):
    os.utime(site / "index.html", (1, 1))
    with netlab.WebServer(site, port=0, etag="content") as server:
        headers = get(server, "/index.html")[1]
        assert headers["Last-Modified"] is None
        assert get(server, "/index.html", **{"If-None-Match": headers["ETag"]})[0] == 304
        part = get(server, "/index.html", Range="bytes=0-3", **{"If-Range": headers["ETag"]})
        assert part[0] == 206 and part[2] == b"<h1>"


def test_a_file_from_the_future_was_changed_when_it_is_sent(server, site):
    os.utime(site / "index.html", (YEAR_2090, YEAR_2090))
    headers = get(server, "/index.html")[1]
    now = date(headers, "Date")
    assert now - 1 <= date(headers, "Last-Modified") <= now and headers["ETag"]
    before, ahead = "Fri, 27 Nov 2020 00:00:00 GMT", "Fri, 01 Jan 2088 00:00:00 GMT"
    assert get(server, "/index.html", **{"If-Modified-Since": before})[0] == 200
    assert get(server, "/index.html", **{"If-Unmodified-Since": before})[0] == 412
    assert get(server, "/index.html", **{"If-Unmodified-Since": ahead})[0] == 200  # 2090 would be later than that
    assert get(server, "/index.html", **{"If-None-Match": headers["ETag"]})[0] == 304


# -- nothing left to open a file with -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"),
    [(errno.EMFILE, 503), (errno.ENFILE, 503), (errno.ENOMEM, 503), (errno.EIO, 500), (errno.ENAMETOOLONG, 404)],
)
@pytest.mark.parametrize("path", ["/index.html", "/", "/sub/"])
def test_a_file_that_cannot_be_opened_now_is_not_said_to_be_missing(server, monkeypatch, number, status, path):
    real = os.open

    def refuse(where, *arguments, **named):
        if str(where).startswith(str(server._site.directory.root)) and not os.path.isdir(where):
            raise OSError(number, os.strerror(number))
        return real(where, *arguments, **named)

    def refuse_folder(where):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "open", refuse)
    monkeypatch.setattr(files.os, "scandir", refuse_folder)
    got, headers, content = get(server, path)
    assert got == status and headers["Retry-After"] == ("1" if status == 503 else None)
    assert (b"spelt right" in content) == (status == 404)
    assert headers["Connection"] == ("close" if status == 503 else None)  # one descriptor less
    monkeypatch.undo()
    assert get(server, path)[0] == 200


@pytest.mark.skipif(sys.platform != "linux", reason="lowers RLIMIT_NOFILE of a process of its own")
def test_a_server_without_descriptors_says_503(site):
    code = """if True:
        import os, resource, socket, sys, netlab
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        with netlab.WebServer(sys.argv[1], port=0) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
                sock.sendall(b"HEAD /index.html HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
                first, held = sock.recv(65_536), []
                assert len(server.log) == 1  # so it has closed that file, too
                try:
                    while True:
                        held.append(os.open(os.devnull, os.O_RDONLY))
                except OSError:
                    pass
                sock.sendall(b"GET /index.html HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
                second = sock.recv(65_536)
                for each in held:
                    os.close(each)
        print(first.split()[1].decode(), second.split()[1].decode(), b"Retry-After: 1" in second)
    """
    done = subprocess.run([sys.executable, "-c", code, str(site)], capture_output=True, text=True, timeout=30)
    assert done.stdout == "200 503 True\n", done.stderr


# -- large folders --------------------------------------------------------------------------------------------------


class ManyEntries:
    """A folder of files that nobody had to create."""

    def __init__(self, count):
        self.count = count

    def entries(self):
        for number in range(self.count):
            mixed = number * 7_919 % self.count
            yield files.Entry(f"File {mixed:05d} é.txt", False, mixed % 100, mixed * 1_000_000_000)


def steps(work):
    """Run a handler that only takes turns: how long each took, s of this thread's processor, and its answer."""
    times = []
    gc.collect()
    while True:
        began = time.thread_time()
        try:
            wanted = next(work)
        except StopIteration as end:
            return [*times, time.thread_time() - began], end.value
        times.append(time.thread_time() - began)
        assert isinstance(wanted, Turn)


def asking(target=b"/", accept=b"*/*"):
    return Request(b"GET", target, Target("origin", b"", b"", None, target), (1, 1), [(b"Accept", accept)])


@pytest.mark.parametrize("accept", [b"*/*", b"application/json"])
def test_a_large_listing_is_made_in_many_small_steps(server, accept):
    times, answer = steps(answers.listing(server._site, asking(accept=accept), ManyEntries(40_000)))
    assert isinstance(answer, Answer) and answer.status == 200
    assert answer.content.count(b"File ") == 40_000 or answer.content.count(b'"name": "File ') == 40_000
    assert len(times) >= 2 * 40_000 / pages.LINES
    # About 5 ms at most on a quiet machine; all in one step it would be some hundreds.
    assert sorted(times)[-2] < 0.1 and sum(times) > 5 * sorted(times)[-2]


@pytest.mark.parametrize("count", [0, 1, 500, 1_700])
def test_a_listing_made_in_steps_is_the_same_as_one_made_at_once(server, count):
    folder = ManyEntries(count)
    for query, (key, backwards) in pages.SORTS.items():
        rows = [pages.listing_row(entry) for entry in sorted(folder.entries(), key=key, reverse=backwards)]
        _, answer = steps(answers.listing(server._site, asking(b"/?" + query, b"application/json"), folder))
        assert answer.content == json.dumps(rows, ensure_ascii=False, indent=1).encode()
        _, answer = steps(answers.listing(server._site, asking(b"/?" + query), folder))
        links = re.findall(rb'<td><a href="([^"]*)">', answer.content)
        assert links == [row["url"].encode() for row in rows]
        assert answer.content.startswith(b"<!DOCTYPE html>") and answer.content.endswith(b"</table></body></html>\n")


def test_others_are_answered_while_a_large_listing_is_written(server, monkeypatch):
    began, small, listed, latest = threading.Event(), [], [], time.monotonic() + 20

    def page(path, entries):
        """Is not done before the small one was answered."""
        while not small and time.monotonic() < latest:
            began.set()
            yield b"."

    monkeypatch.setattr(answers, "listing_page", page)
    thread = threading.Thread(target=lambda: listed.append(get(server, "/sub/")))
    thread.start()
    assert began.wait(10)
    small.append(get(server, "/index.html")[0])
    thread.join(30)
    assert small == [200] and listed[0][0] == 200
    assert server.log["target"].tolist() == ["/index.html", "/sub/"]


# -- arguments that cannot be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [None, 5, True, b".", [], 2.5])
def test_a_folder_is_a_name(folder):
    with pytest.raises(UsageError, match=r"directory=.*as text or a pathlib.Path"):
        netlab.WebServer(folder, port=0)


def test_a_file_is_no_folder_and_is_not_said_to_be_missing(site):
    with pytest.raises(UsageError, match="is a file; give the folder"):
        netlab.WebServer(site / "index.html", port=0)
    with pytest.raises(UsageError, match="must be a folder that exists"):
        netlab.WebServer(site / "nowhere", port=0)


@pytest.mark.parametrize("name", ["public", "gzip", "follow_symlinks"])
@pytest.mark.parametrize("value", ["no", None, 1, []])
def test_no_is_not_yes(site, name, value):
    with pytest.raises(UsageError, match=f"{name}=.*True or False"):
        netlab.WebServer(site, port=0, **{name: value})


@pytest.mark.parametrize("grace", ["x", None, float("nan"), -1, float("inf"), True, [], 1e9])
def test_a_grace_that_cannot_be_stops_nothing(server, grace):
    with pytest.raises(UsageError, match="grace"):
        server.stop(grace)
    assert "running" in repr(server) and get(server, "/index.html")[0] == 200
    server.stop(0)
    assert "stopped" in repr(server)


@pytest.mark.parametrize("given", [None, "index.html", ("index.html",)])
def test_what_an_own_map_path_must_give_is_said(site, given):
    with netlab.WebServer(site, port=0, map_path=lambda target: given) as server:
        assert get(server, "/index.html")[0] == 500
        error = server.log["error"].iloc[-1]
    assert f"map_path gave {type(given).__name__}, not a netlab.http.paths.Path" in error
    with netlab.WebServer(site, port=0, map_path=lambda target: Path(("index.html",), False, b"")) as server:
        assert get(server, "/elsewhere")[2] == b"<h1>Hello</h1>"


@pytest.mark.parametrize("seconds", [15_000_000_000, 99_999_999_999_999, -99_999_999_999_999])
def test_a_file_of_another_age_is_listed(server, site, monkeypatch, seconds):
    entry = files.Entry("old.txt", False, 3, seconds * 1_000_000_000)  # not every file system can store these
    monkeypatch.setattr(files.Folder, "entries", lambda folder: iter([entry]))
    table = server.listing("/sub/")
    assert table["name"].tolist() == ["old.txt"] and table["modified"].isna().all()
    status, _, page = get(server, "/sub/")
    assert status == 200 and b"old.txt" in page and (b"2445-" in page) == (seconds == 15_000_000_000)


# -- listeners of one's own -----------------------------------------------------------------------------------------


def test_a_listener_must_listen(site):
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    closed = socket.create_server(("127.0.0.1", 0))
    closed.close()
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    with contextlib.closing(bound), contextlib.closing(datagrams), socket.socket() as fresh:
        for wrong in (bound, closed, datagrams, fresh, None.__class__, "127.0.0.1:80"):
            with pytest.raises(UsageError, match=r"listener=.*must be a socket that listens"):
                netlab.WebServer(site, listener=wrong)


@pytest.mark.parametrize("host", ["127.evil.example", "127.0.0.1.example", "::ffff:10.0.0.1", "", "127."])
def test_a_name_that_begins_like_loopback_is_not(site, host):
    with pytest.raises(UsageError, match="public=True"):
        netlab.WebServer(site, host=host, port=0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_listener_that_others_can_reach_is_public(site, host):
    if host == "::" and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    family = socket.AF_INET6 if host == "::" else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        with pytest.raises(UsageError, match=r"listener=.*public=True"):
            netlab.WebServer(site, listener=listener)
        with pytest.warns(UserWarning, match=f"others can reach this server at {host}") as caught:
            server = netlab.WebServer(site, listener=listener, public=True)
        server.stop()
        assert caught[0].filename == __file__  # the line that the warning shows is that of who made the server


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_listener_that_only_this_machine_reaches_needs_no_word(site, host, recwarn):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        if ":" in host:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        listener.listen()
        check_listener(listener)
        check_host(place_of(listener)[0], False)
        assert not recwarn.list


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def test_the_url_of_a_unix_socket_tells_the_truth_and_curl_asks_it_as_the_docs_say(site, tmp_path_factory):
    place = str(tmp_path_factory.mktemp("unix") / "u.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen()
        with netlab.WebServer(site, listener=listener) as server:
            assert server.url == f"http+unix://{place.replace('/', '%2F')}/"
            assert f"at the Unix socket {place}, running" in repr(server)
            with pytest.raises(UsageError, match="must begin with http://"):
                netlab.fetch(server.url)
            try:
                command = ["curl", "-s", "--unix-socket", place, "http://localhost/"]
                done = subprocess.run(command, capture_output=True, timeout=20)
            except FileNotFoundError:
                pytest.skip("there is no curl here")
            assert done.stdout == b"<h1>Hello</h1>"
    docs = pathlib.Path(__file__).parents[2].joinpath("docs/serving.md").read_text(encoding="utf-8")
    for text in (docs, netlab.WebServer.__doc__):
        assert "curl --unix-socket PATH http://localhost/" in text


# -- words of the command -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "0.0.0.0"], "netlab: --host='0.0.0.0': others could reach the server there; say --public if"),
        (["--header", "Date: now"], "netlab: --header='Date': only the server itself can know this field"),
        (["--header", "A B: c"], "netlab: --header='A B: c': must be a name and a value"),
        (["-p65536"], "netlab: --port=65536: must be"),
    ],
)
def test_the_command_calls_things_what_its_user_calls_them(site, arguments, says):
    command = [sys.executable, "-m", "netlab", "web", str(site), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(says)


def test_the_command_says_that_a_file_is_no_folder(site):
    command = [sys.executable, "-m", "netlab", "web", str(site / "index.html"), "-p0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and done.stderr.startswith("netlab: the folder='") and "is a file" in done.stderr


# -- enormous numbers, and URLs that are not what they look like ----------------------------------------------------


def test_a_position_far_behind_the_end_is_one(server):
    nines = "9" * 20
    status, headers, content = get(server, "/index.html", Range=f"bytes=0-{nines}")
    assert (status, headers["Content-Range"], content) == (206, "bytes 0-13/14", b"<h1>Hello</h1>")
    assert get(server, "/index.html", Range=f"bytes=-{nines}")[0] == 206
    assert get(server, "/index.html", Range=f"bytes={nines}-")[0] == 416
    assert get(server, "/index.html", Range=f"bytes={nines}-{nines[1:]}")[0] == 200  # the last is before the first
    assert select([b"bytes=0-" + b"9" * 1_000], 10) == [Part(0, 9)]
    assert select([b"bytes=0-" + b"9" * 1_001], 10) is None


@pytest.mark.parametrize("odd", ["\r\n", "\n", "\t", "\0", "\x7f", "\x1f"])
def test_a_url_with_control_characters_is_refused(server, odd):
    for url in (f"http://h{odd}/", f"{server.url}{odd}", f"ht{odd}tp://h/", f"{server.url}a{odd}b"):
        with pytest.raises(UsageError, match=r"url=.*control character"):
            netlab.fetch(url)
        with pytest.raises(UsageError, match=r"url=.*control character"):
            netlab.fetch_page(url)
    with pytest.raises(UsageError, match=r"proxy=.*control character"):
        netlab.fetch(server.url, proxy=f"http://127.0.0.1{odd}:1/")
    assert server.log.empty
    assert ask(server, GET).startswith(b"HTTP/1.1 200")
