"""URLs of `netlab.fetch` and `netlab.fetch_page` that hold more than a request line may: as browsers ask for them."""

from __future__ import annotations

import socket

import pytest

import netlab
from netlab.errors import UsageError
from tests.support.proxying import answering, nobody, origin_that

NAMES = ["日本.png", "a b.png", "é.png", "100%.png", "q&a.png"]
PAGE = """<meta charset="utf-8"><img src="日本.png"><img src="a b.png"><img src="http://[x/"><img src=" é.png ">
<img src="%C3%A9.png"><img src="100%25.png"><img src="q&amp;a.png"><img src="http://[::1/"><img src="data:,é">
<img src="//127.0.0.1:0/"><img src="//127.0.0.1:99999/"><img src="http://例え.jp/x.png"><img src="https://www/x.png">
<img src="http://ada:secret@www/x.png"><![foo[x]]><img src="日本.png#part">"""
"""Five objects; the others are no URLs, somewhere else, not for plain http, or there already."""
ASKED = ["", "%E6%97%A5%E6%9C%AC.png", "a%20b.png", "%C3%A9.png", "100%25.png", "q&a.png"]


@pytest.fixture(autouse=True)
def nothing_in_use(monkeypatch):
    """What a test chooses is not there any more after it."""
    monkeypatch.setattr("netlab.api._current", None)


@pytest.fixture
def album(tmp_path):
    """A page with names that people give to pictures."""
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    for name in NAMES:
        (tmp_path / name).write_text(name, encoding="utf-8")
    return tmp_path


@pytest.fixture
def no_names(monkeypatch):
    """No test asks a resolver outside: gives the names that were looked for."""
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "nobody has it")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def moved(location: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


# -- in a page ------------------------------------------------------------------------------------------------------


def check_page(phases, url):
    objects = phases.groupby("object")
    assert objects["url"].first().tolist() == [url + path for path in ASKED]
    assert set(phases["status"]) == {200} and set(phases["error"]) == {""}
    contents = [answer.partition(b"\r\n\r\n")[2].decode() for answer in objects["answer"].last()]
    assert contents == [PAGE, *NAMES]


def test_a_page_comes_with_objects_of_every_name(album):
    with netlab.WebServer(album, port=0) as server:
        check_page(netlab.fetch_page(server.url), server.url)


def test_a_page_of_a_virtual_world_does_too(album):
    with netlab.use("line"), netlab.WebServer(album, host="server", port=80):
        check_page(netlab.fetch_page("http://server/"), "http://server/")


def test_a_page_comes_through_a_proxy_too(album):
    with netlab.WebServer(album, port=0) as server, netlab.ProxyServer(port=0) as proxy:
        check_page(netlab.fetch_page(server.url, proxy=proxy.url), server.url)


def test_the_same_server_is_the_same_however_it_is_written(tmp_path):
    page = '<img src="http://SERVER/a.png"><img src="http://server:80/b.png"><img src="http://server:8080/c.png">'
    (tmp_path / "index.html").write_text(page + '<img src="a.png">')
    with netlab.use("line"), netlab.WebServer(tmp_path, host="server", port=80) as server:
        netlab.fetch_page("http://server/")
        assert server.log["target"].tolist() == ["/", "/a.png", "/b.png"]


# -- from the user --------------------------------------------------------------------------------------------------


def test_a_url_may_be_pasted_from_a_browser(album):
    with netlab.WebServer(album, port=0) as server:
        phases = netlab.fetch(server.url + "日本.png?größe=1#oben")
        assert phases["request"][2].startswith(b"GET /%E6%97%A5%E6%9C%AC.png?gr%C3%B6%C3%9Fe=1 HTTP/1.1\r\n")
        assert phases["answer"].iloc[-1].endswith("\r\n\r\n日本.png".encode())


@pytest.mark.parametrize("path", ['/a"b|c{d}^', "/%zz", "/a\\b", "/%2e%2e/x"])
def test_what_is_ascii_is_sent_as_it_was_written(path):
    with origin_that(answering(OK)) as (authority, seen):
        netlab.fetch(f"http://{authority}{path}")
    assert seen[0].startswith(b"GET %s HTTP/1.1\r\n" % path.encode())


def test_a_host_is_looked_for_as_dns_knows_it(no_names):
    phases = netlab.fetch("http://例え.jp/")
    assert no_names == ["xn--r8jz45g.jp"]
    assert phases["error"].iloc[-1].startswith("dns_error")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:0/", "port 0"),
        ("http://straße.example/", "as DNS has it"),
        (f"http://{'ü' * 64}/", "as DNS has it"),
        ("http://a b/", "host that cannot be"),
        ("http://a..b/", "host that cannot be"),
        (f"http://{'a' * 64}/", "host that cannot be"),
        ("http://[x/", "no URL"),
        ("http://[fe80::1%é]/", "as DNS has it"),
        ("http://127.0.0.1/\ud800", "no URL"),
        ("http://127.0.0.1/日 本", "percent-encoded"),
    ],
)
@pytest.mark.parametrize("argument", ["url", "proxy"])
def test_a_url_that_cannot_be_is_refused_with_what_to_do(url, says, argument, no_names):
    if argument == "proxy":
        if says == "percent-encoded":
            return  # the path of a proxy's URL is never sent
        with pytest.raises(UsageError, match=f"(?s)^proxy=.*{says}"):
            netlab.fetch("http://127.0.0.1:9/", proxy=url)
    for get in (netlab.fetch, netlab.fetch_page):
        with pytest.raises(UsageError, match=f"(?s)^url=.*{says}"):
            get(url)
    assert not no_names


# -- in a Location --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/日本".encode(), b"/%E6%97%A5%E6%9C%AC"),
        ("é?ü".encode(), b"/%C3%A9?%C3%BC"),
        (b"/\xe9", b"/%E9"),
        (b"/a b\tc", b"/a%20bc"),
        (b"/x#part two", b"/x"),
        (b"", b"/"),
    ],
)
def test_a_redirect_is_followed_to_names_of_every_kind(location, target):
    with origin_that(answering(moved(location)), answering(OK)) as (authority, seen):
        phases = netlab.fetch(f"http://{authority}/", follow=True)
    assert seen[1].startswith(b"GET %s HTTP/1.1\r\n" % target)
    assert phases["url"].iloc[-1] == f"http://{authority}{target.decode()}"
    assert phases["status"].iloc[-1] == 200 and set(phases["error"]) == {""}


@pytest.mark.parametrize(
    "location",
    [
        b"http://[x/",
        b"//[zz]/",
        b"http://h:99999/",
        b"http://h:0/",
        b"http://a b/",
        b"http://a..b/",
        b"http://" + b"a" * 30_000 + b"/",
        b"http://a" + b".a" * 20_000 + b"/",
        "http://straße.example/".encode(),
        b"http://\xe9\xff/",
        "http://\x9b31m/".encode(),
        b"//" + "℀".encode() * 10_000,
        b"http://ada:secret@127.0.0.1/",
        b"https://127.0.0.1/",
        b"mailto:ada@example",
        b"data:," + b"x" * 30_000,
    ],
)
def test_a_redirect_to_what_cannot_be_asked_ends_there_and_says_so(location, no_names):
    with origin_that(answering(moved(location)), answering(OK)) as (authority, seen):
        phases = netlab.fetch(f"http://{authority}/", follow=True)
    error = phases["error"].iloc[-1]
    assert error.startswith("sends on to '") and ": " in error and len(error) < 500
    assert error.isprintable()
    assert set(phases["object"]) == {0} and set(phases["status"]) == {302} and len(seen) == 1
    assert phases["answer"].iloc[-1] == moved(location)
    assert (phases["error"].iloc[:-1] == "").all()


def test_a_redirect_to_nobody_is_told_by_its_own_rows():
    with nobody() as (gone, _), origin_that(answering(moved(f"http://{gone}/".encode()))) as (authority, _):
        phases = netlab.fetch(f"http://{authority}/", follow=True)
    assert phases["object"].max() == 1 and phases["error"].iloc[-1].startswith("connection_refused")
