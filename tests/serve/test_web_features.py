"""What the web server can do besides handing out files: parts, conditions, codings, limits, hooks, and its log."""

import contextlib
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import warnings

import pytest
import trustme

import netlab
from netlab import frames
from netlab.errors import RemoteProtocolError, UsageError
from netlab.http.events import Request
from netlab.http.paths import Path
from netlab.http.reader import request_head
from netlab.serve import files
from netlab.serve.files import plain_on_windows
from tests.support.asking import ask, get

pytestmark = pytest.mark.network

LONG_AGO, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 01 Oct 2090 00:00:00 GMT"
YEAR_2090 = 3_786_912_000
GET = b"GET /index.html HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


@pytest.fixture
def data(site):
    """A file whose bytes tell where they are."""
    content = b"".join(b"%07d\n" % n for n in range(0, 80_000, 8))
    (site / "data.bin").write_bytes(content)
    return content


# -- methods ------------------------------------------------------------------------------------------------------


def test_options_says_what_is_allowed(server):
    for target in (b"*", b"/index.html"):
        back = ask(server, b"OPTIONS %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % target)
        assert back.startswith(b"HTTP/1.1 204 ") and b"Allow: GET, HEAD, OPTIONS\r\n" in back
        assert b"Content-Length" not in back


def test_only_100_continue_can_be_expected_and_nobody_is_kept_waiting(server):
    upload = b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    back = ask(server, upload, end=False)  # the content is never sent, and the answer does not wait for it
    assert back.startswith(b"HTTP/1.1 405 ") and b"Connection: close" in back and b"100 Continue" not in back
    assert ask(server, GET.replace(b"\r\n\r\n", b"\r\nExpect: tea\r\n\r\n")).startswith(b"HTTP/1.1 417 ")
    assert ask(server, GET.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


def test_absolute_form_is_taken_for_http_and_refused_for_https(server):
    assert ask(server, GET.replace(b"/index", b"http://h/index")).startswith(b"HTTP/1.1 200 ")
    assert ask(server, GET.replace(b"/index", b"https://h/index")).startswith(b"HTTP/1.1 421 ")


# -- parts of files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("0-0", 0, 0), ("-5", 79_995, 79_999), ("5-", 5, 79_999), ("70000-99999999", 70_000, 79_999)],
)  # fmt: skip
def test_a_part_of_a_file(server, data, wanted, first, last):
    status, headers, content = get(server, "/data.bin", Range=f"bytes={wanted}")
    assert status == 206 and headers["Content-Range"] == f"bytes {first}-{last}/80000"
    assert content == data[first : last + 1] and headers["Content-Length"] == str(len(content))


def test_several_parts_are_framed_exactly(server, data):
    status, headers, content = get(server, "/data.bin", Range="bytes=0-7, 100-107, -8")
    assert status == 206 and int(headers["Content-Length"]) == len(content)
    boundary = re.fullmatch("multipart/byteranges; boundary=(.+)", headers["Content-Type"])[1].encode()
    before, *parts, after = content.split(b"--" + boundary)
    assert before == b"" and after == b"--\r\n"
    got = [part.removesuffix(b"\r\n").partition(b"\r\n\r\n")[2] for part in parts]
    assert got == [data[:8], data[100:108], data[-8:]]
    assert b"Content-Range: bytes 100-107/80000" in parts[1]
    large = get(server, "/big.bin", Range="bytes=0-99999,200000-299999")[2]
    whole = get(server, "/big.bin")[2]
    assert whole[:100_000] in large and whole[200_000:300_000] in large


def test_a_part_outside_is_416_and_a_wish_that_is_none_gets_all(server, data):
    status, headers, _ = get(server, "/data.bin", Range="bytes=99999-")
    assert status == 416 and headers["Content-Range"] == "bytes */80000"
    for wanted in ("bytes=9-3", "lines=1-2", "bytes=a-b", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 40, 2))):
        assert get(server, "/data.bin", Range=wanted)[0] == 200
    assert get(server, "/data.bin", "HEAD", Range="bytes=0-3")[0] == 200


def test_if_range_gives_the_part_only_of_the_file_that_is_meant(server, site, data):
    os.utime(site / "data.bin", (86_400, 86_400))
    headers = get(server, "/data.bin")[1]
    for validator, status in (
        (headers["ETag"], 206),
        (headers["Last-Modified"], 206),
        ('"x"', 200),
        ("W/" + headers["ETag"], 200),
    ):
        assert get(server, "/data.bin", Range="bytes=0-3", **{"If-Range": validator})[0] == status


def test_if_range_with_the_date_of_this_very_second_gives_all_of_the_file(server, site, data):
    """It may change again before the second is over. (From the future: changed when it is sent.)"""
    os.utime(site / "data.bin", (YEAR_2090, YEAR_2090))
    date = get(server, "/data.bin")[1]["Last-Modified"]
    assert get(server, "/data.bin", Range="bytes=0-3", **{"If-Range": date})[0] == 200


# -- conditions ---------------------------------------------------------------------------------------------------


def test_a_condition_that_does_not_hold_is_412(server):
    tag = get(server, "/index.html")[1]["ETag"]
    assert get(server, "/index.html", **{"If-Match": tag})[0] == 200
    assert get(server, "/index.html", **{"If-Match": '"x"'})[0] == 412
    assert get(server, "/index.html", **{"If-Unmodified-Since": LONG_AGO})[0] == 412
    assert [server.details(n)["conditional_result"] for n in range(4)] == ["", "", "failed", "failed"]


def test_a_304_says_no_more_than_it_must(server):
    headers = get(server, "/index.html")[1]
    status, small, content = get(server, "/index.html", **{"If-None-Match": headers["ETag"]})
    assert (status, content) == (304, b"") and small["ETag"] == headers["ETag"]
    assert small["Vary"] == headers["Vary"] and small["Last-Modified"] is None and small["Content-Type"] is None


def test_a_time_that_tells_nothing_makes_no_tag(server, site):
    os.utime(site / "index.html", (1, 1))
    headers = get(server, "/index.html")[1]
    assert headers["ETag"] is None and headers["Last-Modified"] is None


def test_a_tag_from_the_content_changes_with_it_and_only_with_it(site):
    with netlab.WebServer(site, port=0, etag="content") as server:
        first = get(server, "/index.html")[1]["ETag"]
        os.utime(site / "index.html", (1, 1))
        assert get(server, "/index.html")[1]["ETag"] == first
        assert first.strip('"') == hashlib.sha256(b"<h1>Hello</h1>").hexdigest()[:32]
        (site / "index.html").write_text("<h1>Other</h1>")
        assert get(server, "/index.html")[1]["ETag"] != first
        assert get(server, "/big.bin", **{"If-None-Match": get(server, "/big.bin")[1]["ETag"]})[0] == 304


# -- codings ------------------------------------------------------------------------------------------------------


@pytest.fixture
def coded(site):
    """A page, and two compressed copies beside it."""
    text = b"<p>" + b"Hello " * 1000
    (site / "page.html").write_bytes(text)
    (site / "page.html.gz").write_bytes(gzip.compress(text))
    (site / "page.html.br").write_bytes(b"brotli, for all we know")
    return text


def test_a_compressed_copy_is_sent_to_who_asks(server, coded):
    plain = get(server, "/page.html")[1]
    status, headers, content = get(server, "/page.html", **{"Accept-Encoding": "gzip"})
    assert status == 200 and gzip.decompress(content) == coded and headers["Content-Encoding"] == "gzip"
    assert headers["Content-Type"] == "text/html; charset=utf-8" and headers["ETag"] != plain["ETag"]
    assert plain["Vary"] == headers["Vary"] == "Accept-Encoding"
    assert get(server, "/page.html", **{"Accept-Encoding": "gzip, br"})[1]["Content-Encoding"] == "br"
    assert get(server, "/page.html", **{"Accept-Encoding": "gzip;q=0, identity"})[1]["Content-Encoding"] is None
    part = get(server, "/page.html", Range="bytes=0-1", **{"Accept-Encoding": "gzip"})
    assert part[0] == 206 and part[2] == b"\x1f\x8b"


def test_a_copy_older_than_its_file_is_not_sent(server, site, coded):
    later = time.time() + 10
    os.utime(site / "page.html", (later, later))
    assert get(server, "/page.html", **{"Accept-Encoding": "gzip, br"})[1]["Content-Encoding"] is None


def test_a_copy_that_leads_out_of_the_folder_is_not_sent(server, site):
    (site / "a.txt").write_text("inside")
    (site.parent / "outside.gz").write_bytes(b"outside")
    (site / "a.txt.gz").symlink_to(site.parent / "outside.gz")
    assert get(server, "/a.txt", **{"Accept-Encoding": "gzip"})[2] == b"inside"


def test_text_is_compressed_on_its_way_when_asked(site):
    text = b"".join(b"line %d\n" % n for n in range(50_000))
    (site / "long.txt").write_bytes(text)
    with netlab.WebServer(site, port=0, gzip=True) as server:
        plain = get(server, "/long.txt")[1]
        _, headers, content = get(server, "/long.txt", **{"Accept-Encoding": "gzip"})
        assert gzip.decompress(content) == text and len(content) < len(text) / 3
        assert headers["Transfer-Encoding"] == "chunked" and headers["ETag"] != plain["ETag"]
        old = ask(server, b"GET /long.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        assert gzip.decompress(old.partition(b"\r\n\r\n")[2]) == text
        assert get(server, "/big.bin", **{"Accept-Encoding": "gzip"})[1]["Content-Encoding"] is None
        row = server.details(1)
        assert row["framing"] == "chunked" and row["response_bytes"] > len(content)


# -- folders ------------------------------------------------------------------------------------------------------


def test_a_listing_is_sorted_as_asked_and_a_table_and_json(server, site):
    (site / "sub" / "small.bin").write_bytes(b"xx")
    (site / "sub" / "Folder").mkdir()
    os.utime(site / "sub" / "small.bin", (86_400, 86_400))

    def names(query, **fields):
        return re.findall(r'<a href="([^?"]+)"', get(server, "/sub/" + query, **fields)[2].decode())

    assert names("") == ["a%20%3Cb%3E.txt", "Folder/", "small.bin"]
    assert names("?sort=modified")[-1] == "small.bin" and names("?sort=size")[1:] != names("")[1:]
    status, headers, content = get(server, "/sub/", Accept="application/json")
    assert status == 200 and headers["Content-Type"] == "application/json" and headers["Vary"] == "Accept"
    entries = json.loads(content)
    assert [entry["name"] for entry in entries] == ["a <b>.txt", "Folder", "small.bin"]
    assert entries[2] == {
        "name": "small.bin", "kind": "file", "size": 2, "modified": "1970-01-02T00:00:00Z",
        "media_type": "application/octet-stream", "url": "small.bin",
    }  # fmt: skip
    table = server.listing("/sub/")
    assert list(table.columns) == list(frames.LISTING) and table["kind"].tolist() == ["folder", "file", "file"]
    assert table["size"].tolist()[1:] == [1, 2] and table["modified"][2].year == 1970
    assert "index.html" in server.listing()["name"].tolist() and ".secret" not in server.listing()["name"].tolist()
    for wrong in ("/index.html", "/no", "/../", "sub/", "../", 5):
        with pytest.raises(UsageError, match="path"):
            server.listing(wrong)


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"If-Match": "*"}, 200), ({"If-Match": '"x"'}, 412), ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200), ({"If-Match": '"x"', "If-None-Match": "*"}, 412),
        ({"If-Modified-Since": LATER}, 200), ({"If-Unmodified-Since": LONG_AGO}, 200),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_listing_is_there_for_a_star_and_has_no_tag_and_no_date(server, method, conditions, status):
    """RFC 9110 sections 13.1.1 to 13.1.4."""
    got, headers, content = get(server, "/sub/", method, **conditions)
    assert got == status and bool(content) == (method == "GET" and status != 304)
    if status == 304:
        assert (headers["Cache-Control"], headers["Vary"]) == ("no-store", "Accept")
        assert headers["ETag"] is None and headers["Content-Type"] is None


def test_a_condition_does_not_hide_that_a_folder_cannot_be_read(server, monkeypatch):
    """RFC 9110 section 13.2.1: it counts only where the answer would be 200."""

    def broken(folder):
        raise files.Refusal(500, "the disk could not be read")

    monkeypatch.setattr(files.Folder, "entries", broken)
    assert get(server, "/sub/", **{"If-Match": '"x"'})[0] == 500


def test_names_that_are_not_utf_8_can_be_opened_by_their_link(server, site):
    name = os.path.join(os.fsencode(site), b"sub", b"\xff.txt")
    try:
        with open(name, "wb") as file:
            file.write(b"odd")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    page = get(server, "/sub/")[2]
    link = re.search(rb'href="(%ED[^"]+)"', page)[1].decode()
    assert get(server, "/sub/" + link)[2] == get(server, "/sub/%FF.txt")[2] == b"odd"
    assert b"listing for /sub/?x=\xef\xbf\xbd" in get(server, "/sub/?x=%bb")[2]


def test_links_are_followed_when_allowed(site):
    with netlab.WebServer(site, port=0, follow_symlinks=True) as server:
        assert get(server, "/link.txt")[2] == b"outside"
    (site / "inner").symlink_to(site / "sub")
    (site / "page").symlink_to(site / "index.html")
    with netlab.WebServer(site, port=0) as server:
        assert get(server, "/link.txt")[0] == 404
        assert get(server, "/page")[0] == 200 and get(server, "/inner/a%20%3Cb%3E.txt")[0] == 200


def test_a_listing_tells_nothing_of_what_links_outside_lead_to(site):
    (site / "page").symlink_to(site / "index.html")
    (site / "home").symlink_to(site)
    (site / "broken").symlink_to(site / "nowhere")
    (site.parent / f"{site.name}-beside").mkdir()
    (site / "beside").symlink_to(site.parent / f"{site.name}-beside")
    (site / "index.html").rename(site / "start.html")
    (site / "page").unlink()
    (site / "page").symlink_to(site / "start.html")
    with netlab.WebServer(site, port=0) as server:
        page = get(server, "/")[2].decode()
        assert server.listing()["name"].tolist() == ["big.bin", "broken", "home", "page", "start.html", "sub"]
    assert "page" in page and "link.txt" not in page and "beside" not in page
    with netlab.WebServer(site, port=0, follow_symlinks=True) as server:
        assert {"link.txt", "beside"} <= set(server.listing()["name"])


def test_what_is_no_file_is_not_opened(server, site):
    os.mkfifo(site / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(site / "sock"))
        assert get(server, "/pipe")[0] == 403 and get(server, "/sock")[0] == 404


@contextlib.contextmanager
def as_somebody_else():
    """Not as root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_403_and_what_may_not_be_seen_404():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for closed, mode in (("locked", 0o600), ("blind", 0o711)):
            (folder / closed).mkdir()
            (folder / closed / "index.html").write_text("within")
            (folder / closed).chmod(mode if os.geteuid() == 0 else mode & 0o166)
        (folder / "page.html").write_text("mine")
        (folder / "page.html").chmod(0)
        folder.chmod(0o755)
        with netlab.WebServer(folder, port=0) as server, as_somebody_else():
            found = {path: get(server, path)[0] for path in ("/locked/", "/locked/index.html", "/page.html", "/blind/")}
        assert found == {"/locked/": 404, "/locked/index.html": 404, "/page.html": 403, "/blind/": 200}
        folder.chmod(0o600)
        with as_somebody_else(), pytest.raises(UsageError, match="may not enter this folder"):
            netlab.WebServer(folder, port=0)
        for each in (folder, folder / "locked", folder / "blind"):
            each.chmod(0o755)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("index.html", True), ("a~b.txt", True), ("console.txt", True), ("a.txt:stream", False), ("C:", False),
        ("PROGRA~1", False), ("secret~1.txt", False), ("nul", False), ("CON.txt", False), ("a. ", False), ("a.", False),
    ],
)  # fmt: skip
def test_on_windows_a_name_is_what_it_says(name, plain, site, monkeypatch):
    assert plain_on_windows(name) is plain
    monkeypatch.setattr(files, "WINDOWS", True)
    (site / name).write_text("x")
    with netlab.WebServer(site, port=0) as server:
        assert get(server, "/" + urllib.parse.quote(name))[0] == (200 if plain else 404)


def test_a_folder_called_index_html_is_listed(server, site):
    (site / "odd" / "index.html").mkdir(parents=True)
    assert b"Directory listing for /odd/" in get(server, "/odd/")[2]


# -- own fields, hooks, faults ------------------------------------------------------------------------------------


def test_own_fields_stand_in_every_answer(site):
    with netlab.WebServer(site, port=0, headers={"X-Course": "netlab", "cache-control": "max-age=5"}) as server:
        for path in ("/index.html", "/nothing"):
            headers = get(server, path)[1]
            assert headers["X-Course"] == "netlab" and headers.get_all("Cache-Control") == ["max-age=5"]


def test_other_origins_may_read_when_asked(site):
    with netlab.WebServer(site, port=0, cors=True) as server:
        assert get(server, "/index.html")[1]["Access-Control-Allow-Origin"] == "*"
        assert "Range" in get(server, "/index.html", "OPTIONS")[1]["Access-Control-Allow-Headers"]
    with netlab.WebServer(site, port=0, cors="http://a.example:8000") as server:
        headers = get(server, "/index.html")[1]
        assert headers["Access-Control-Allow-Origin"] == "http://a.example:8000" and "Origin" in headers.get_all("Vary")


def test_learners_own_parts_are_used_and_their_faults_are_answers(site):
    def only_index(target):
        return Path(("index.html",), False, b"")

    def own_head(head):
        if b"fault" in head:
            raise KeyError("no such thing")
        if b"refuse" in head:
            raise RemoteProtocolError("I do not like it", 400, "my own rule")
        if b"nothing" in head:
            return None
        return request_head(head)

    with netlab.WebServer(site, port=0, map_path=only_index, parse_head=own_head) as server:
        assert get(server, "/whatever")[2] == b"<h1>Hello</h1>"
        status, _, page = get(server, "/fault")
        assert status == 500 and b"fault 2.1" in page and b"KeyError" not in page
        assert get(server, "/refuse")[0] == 400 and get(server, "/nothing")[0] == 500
        errors = server.log["error"].tolist()
        assert "KeyError: 'no such thing'" in errors[1] and "test_web_features.py" in errors[1]
        assert server.log["rule"][2] == "my own rule" and "NoneType" in errors[3]
        assert isinstance(own_head(b"GET / HTTP/1.0"), Request)
    for outside in (("..",), ("..", "outside.txt"), ("sub", "..", "..", "outside.txt")):
        with netlab.WebServer(site, port=0, map_path=lambda target, names=outside: Path(names, False, b"")) as server:
            assert get(server, "/")[0] in (301, 404) and b"outside" not in get(server, "/")[2]
            with netlab.WebServer(
                site, port=0, map_path=lambda target, names=outside: Path(names, True, b"")
            ) as listing:
                assert get(listing, "/")[0] == 404


# -- limits -------------------------------------------------------------------------------------------------------


def test_a_full_server_says_so_and_closes_idle_connections_first(site):
    with netlab.WebServer(site, port=0, limits={"connections": 2}) as server:
        busy = socket.create_connection((server.host, server.port), timeout=10)
        idle = socket.create_connection((server.host, server.port), timeout=10)
        with busy, idle:
            idle.sendall(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert idle.recv(1000).startswith(b"HTTP/1.1 200")
            busy.sendall(b"GET / HT")
            assert get(server, "/")[0] == 200 and idle.recv(1000) == b""
            with socket.create_connection((server.host, server.port), timeout=10) as other:
                other.sendall(b"GET /")
                time.sleep(0.05)
                status, headers, _ = get(server, "/")
                assert status == 503 and headers["Retry-After"] == "1"
        log = server.log
        assert log[log["status"] == 503]["error"].tolist() == ["too many connections"] and server.connections <= 2


def test_one_address_can_be_limited_and_others_get_in(site):
    with netlab.WebServer(site, port=0, limits={"per_client": 2}) as server:
        address = (server.host, server.port)
        with socket.create_connection(address), socket.create_connection(address):
            assert get(server, "/")[0] == 503
            with socket.create_connection(address, 10, source_address=("127.0.0.2", 0)) as other:
                other.sendall(GET)
                assert other.recv(1000).startswith(b"HTTP/1.1 200")
        for _ in range(100):
            if get(server, "/")[0] == 200:
                break
            time.sleep(0.02)
        else:
            pytest.fail("the address never gets in again")


def test_who_takes_nothing_is_given_up_and_who_takes_slowly_is_not(site):
    """The slow one takes something a hundred times in the time that it may take nothing, and all together longer."""
    patience, size = 1.5, 60_000_000
    os.truncate(site / "big.bin", size)
    with netlab.WebServer(site, port=0, limits={"write_time": patience}) as server:
        with socket.create_connection((server.host, server.port), timeout=20) as sock:
            sock.sendall(b"GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n")
            began = time.monotonic()
            while not server.log["error"].tolist() and time.monotonic() - began < 20:
                time.sleep(0.1)
        assert server.log["error"].tolist() == ["the client took nothing of it for too long"]
        with socket.socket() as sock:
            sock.settimeout(20)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # so that what it takes is felt at once
            sock.connect((server.host, server.port))
            sock.sendall(b"GET /big.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            got, began = 0, time.monotonic()
            while time.monotonic() - began < 1.5 * patience:
                got += len(sock.recv(65_536))
                time.sleep(0.01)
            assert got < size / 2, "the server is not done yet"
            while piece := sock.recv(1 << 20):
                got += len(piece)
        assert got > size


def test_slow_content_is_given_up(site):
    limits = {"body_time": 0.3, "body_rate": 100_000.0}
    with netlab.WebServer(site, port=0, limits=limits) as server:
        with socket.create_connection((server.host, server.port), timeout=10) as sock:
            sock.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
            began = time.monotonic()
            with pytest.raises(OSError):
                while True:
                    sock.sendall(b"x")
                    if time.monotonic() - began > 5:
                        break
                    time.sleep(0.02)
            assert time.monotonic() - began < 4
        row = server.details(0)
        assert (row["status"], row["keep_alive"], row["rule"]) == (408, False, "RFC 9110 15.5.9")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"limits": {"head_tmie": 3}}, "head_tmie"), ({"limits": {"head_time": "x"}}, "head_time"),
        ({"limits": {"fields": 2.5}}, "fields"), ({"limits": {"idle_time": 0}}, "idle_time"), ({"limits": 3}, "limits"),
        ({"etag": "md5"}, "etag"), ({"headers": {"A B": "c"}}, "headers"), ({"headers": {"A": "b\r\nc: d"}}, "headers"),
        ({"headers": {"Content-Length": "3"}}, "headers"), ({"headers": ["x"]}, "headers"),
        ({"cors": "a.example"}, "cors"),
        ({"host": "0.0.0.0"}, "host"), ({"host": ""}, "host"), ({"parse_head": 3}, "parse_head"),
        ({"listener": 3}, "listener"), ({"headers": 3}, "headers"), ({"headers": "A: b"}, "headers"),
        ({"ssl_context": 3}, "ssl_context"), ({"on_row": 3}, "on_row"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(arguments, named, site):
    with pytest.raises(UsageError, match=named):
        netlab.WebServer(site, **{"port": 0, **arguments})


# -- where it listens ---------------------------------------------------------------------------------------------


def test_localhost_is_both_addresses_of_this_machine(site):
    with netlab.WebServer(site, host="localhost", port=0) as server:
        assert server.url == f"http://localhost:{server.port}/"
        for host in ("127.0.0.1", *(["::1"] if socket.has_ipv6 else [])):
            with socket.create_connection((host, server.port), timeout=10) as sock:
                sock.sendall(GET)
                assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert {client.rpartition(":")[0] for client in server.log["client"]} >= {"127.0.0.1"}


def test_others_get_in_only_when_asked_and_with_a_warning(site):
    with (
        pytest.warns(UserWarning, match="others can reach"),
        netlab.WebServer(site, host="", port=0, public=True) as server,
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
            sock.sendall(GET)
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        netlab.WebServer(site, host="127.0.0.3", port=0).stop()


def test_a_listener_can_be_handed_in_and_be_a_unix_socket(site, tmp_path_factory):
    place = str(tmp_path_factory.mktemp("unix") / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()
    with netlab.WebServer(site, listener=listener) as server, socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(place)
        sock.sendall(GET)
        assert sock.recv(100).startswith(b"HTTP/1.1 200") and place in repr(server)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def test_https(site, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    whole = (site / "big.bin").read_bytes()
    with netlab.WebServer(site, host="localhost", port=0, ssl_context=context) as server:
        assert server.url.startswith("https://localhost:")
        client = http.client.HTTPSConnection("localhost", server.port, context=trusting, timeout=10)
        for path, content in (
            ("/index.html", b"<h1>Hello</h1>"),
            ("/big.bin", whole),
            ("/index.html", b"<h1>Hello</h1>"),
        ):
            client.request("GET", path)
            assert client.getresponse().read() == content
        client.close()
        with socket.create_connection(("localhost", server.port), timeout=10) as plain:
            plain.sendall(GET)
            told = plain.recv(1000)
            assert told.startswith(b"HTTP/1.1 400 ") and b"use https://" in told
        with trusting.wrap_socket(
            socket.create_connection(("localhost", server.port), 10), server_hostname="localhost"
        ) as tls:
            tls.sendall(GET.replace(b"/index", b"http://h/index"))
            assert tls.recv(100).startswith(b"HTTP/1.1 421")
        assert server.log["status"].tolist() == [200, 200, 200, 400, 421]


def test_the_command_speaks_https_too(site, authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cert")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    command = [sys.executable, "-m", "netlab", "web", str(site), "-p0", "--cert", str(folder / "both.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "https://127.0.0.1:" in process.stdout.readline()
        finally:
            process.terminate()
    wrong = subprocess.run([*command[:-1], str(site / "index.html")], capture_output=True, text=True, timeout=20)
    assert wrong.returncode == 2 and "--cert" in wrong.stderr
    wrong = subprocess.run([*command[:-2], "--host", "0.0.0.0"], capture_output=True, text=True, timeout=20)
    assert wrong.returncode == 2 and "--public" in wrong.stderr


# -- the log ------------------------------------------------------------------------------------------------------


def test_everything_about_a_row(server):
    get(server, "/index.html", **{"User-Agent": "test", "Referer": "http://r/", "Range": "bytes=0-3"})
    row = server.details(0)
    assert row["status"] == 206 and row["user_agent"] == "test" and row["referer"] == "http://r/"
    assert row["range"] == "bytes=0-3" and row["framing"] == "length" and row["keep_alive"] is True
    assert row["request_head"].startswith(b"GET /index.html HTTP/1.1\r\n") and b"206 Partial" in row["response_head"]
    assert row["response_bytes"] - row["response_head_bytes"] == 4 and row["request_head_bytes"] == row["request_bytes"]
    assert row["head_ms"] >= 0 and row["head_ms"] + row["handler_ms"] == pytest.approx(row["wait_ms"])
    assert (row["reason"], row["response_body_bytes"], row["request_body_bytes"]) == ("Partial Content", 4, 0)
    assert row["first_byte_ms"] == row["wait_ms"]
    assert row["throughput_bytes_s"] * row["receive_ms"] == pytest.approx(row["response_bytes"] * 1e3)
    assert server.details(-1) == row
    for wrong in (1, -2, "x", True):
        with pytest.raises(UsageError, match="the log has 1 rows"):
            server.details(wrong)


def test_the_log_in_other_forms(server):
    get(server, "/index.html", **{"User-Agent": "test", "Cookie": "secret", "Authorization": "secret"})
    get(server, "/nothing?a=b&c")
    first, second = server.to_clf().splitlines()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
        r'"GET /index.html HTTP/1.1" 200 14 "-" "test" [\d.]+', first
    ) and '" 404 ' in second  # fmt: skip
    rows = json.loads(server.to_json())
    assert [row["status"] for row in rows] == [200, 404] and rows[0]["user_agent"] == "test"
    archive = json.loads(json.dumps(server.to_har()))
    assert archive["log"]["version"] == "1.2" and "secret" not in json.dumps(archive)
    one, two = archive["log"]["entries"]
    assert two["request"]["queryString"] == [{"name": "a", "value": "b"}, {"name": "c", "value": ""}]
    assert one["response"]["content"] == {"size": 14, "mimeType": "text/html; charset=utf-8"}
    timings = one["timings"]
    parts = sum(value for name, value in timings.items() if name != "ssl" and value != -1)
    assert parts == pytest.approx(one["time"]) and min(timings.values()) >= -1 and timings["dns"] == -1


def test_a_log_is_no_bigger_than_asked_and_keeps_the_latest(site):
    with netlab.WebServer(site, port=0, log_rows=300) as server:
        client = http.client.HTTPConnection(server.host, server.port, timeout=10)
        for n in range(1000):
            client.request("HEAD", f"/{n}")
            client.getresponse().read()
        client.close()
        assert server.log["target"].tolist() == [f"/{n}" for n in range(700, 1000)]
        assert server.details(0)["target"] == "/700" and server.statuses == {404: 1000}
        assert server.log["request"].tolist()[-1] == 1000 and server.log["reused"].all()
