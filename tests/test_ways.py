"""One fetch on three ways: what each says and to whom, and that an answer which is not the same is found out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import netlab
from netlab.errors import UsageError
from netlab.ways import NAMES, WAYS, three_ways

SIZE = 100_000
URL = "http://www/long.txt"


def only_first(source: Any, sink: Any) -> Iterator[Any]:
    yield from sink.send((yield from source.receive()))


@pytest.fixture
def site() -> str:
    return netlab.teach.folder({"index.html": "<p>Hello", "long.txt": b"x" * SIZE})


def in_campus(site: str, url: str = URL, **arguments: Any) -> Any:
    arguments.setdefault("connect_ports", [80])
    with netlab.use("campus"), netlab.WebServer(site, host="www", port=80):
        with netlab.ProxyServer(host="dns", **arguments) as proxy:
            return three_ways(url, proxy.url), proxy.log


def test_the_same_comes_on_three_ways(site: str) -> None:
    ways, log = in_campus(site)
    assert list(ways.columns) == list(WAYS) and ways["way"].tolist() == list(NAMES)
    assert ways["connects_to"].tolist() == ["www:80", "dns:8000", "dns:8000"]
    assert ways["asks_for"].tolist() == [
        "GET /long.txt HTTP/1.1", f"GET {URL} HTTP/1.1", "CONNECT www:80 HTTP/1.1, GET /long.txt HTTP/1.1",
    ]  # fmt: skip
    assert ways["status"].tolist() == [200] * 3 and ways["same"].tolist() == [True] * 3
    assert ways["content_bytes"].tolist() == [SIZE] * 3 == ways["promised_bytes"].tolist()
    assert set(ways["error"]) == {""} and set(ways["network"]) == {"virtual:campus"}
    assert [b"\r\nVia: " in answer for answer in ways["answer"]] == [False, True, True]
    assert ways["answer"].iloc[2].startswith(b"HTTP/1.1 200 Connection established\r\n")
    assert log["method"].tolist() == ["GET", "CONNECT"], "the proxy sees two of them"
    # dns is 1 ms away, www is further: the times are those of different connections.
    assert ways["connect_ms"].tolist()[1:] == [1.0, 1.0] and ways["connect_ms"].iloc[0] > 5
    assert (ways["total_ms"] > ways["connect_ms"]).all()


def test_the_world_gives_the_same_each_time(site: str) -> None:
    assert in_campus(site)[0].to_csv() == in_campus(site)[0].to_csv()


def test_on_this_machine(site: str) -> None:
    with netlab.WebServer(site, port=0) as web, netlab.ProxyServer(port=0, connect_ports=[web.port]) as proxy:
        ways = three_ways(web.url, proxy.url)
    assert ways["same"].tolist() == [True] * 3 and set(ways["network"]) == {"live"}
    assert web.log["status"].tolist() == [200] * 3


def test_a_relay_that_passes_on_one_recv_is_found_out(site: str) -> None:
    ways, _ = in_campus(site, relay=only_first)
    assert ways["same"].tolist() == [True, False, False]
    assert ways["status"].tolist() == [200] * 3, "a status says nothing about the content"
    assert (ways["content_bytes"].iloc[1:] < 2000).all() and (ways["promised_bytes"] == SIZE).all()
    assert all("ended inside the content" in error for error in ways["error"].iloc[1:])


def test_a_tunnel_that_is_refused_is_told_with_its_status(site: str) -> None:
    ways, _ = in_campus(site, connect_ports=[443])
    last = ways.iloc[2]
    assert last["status"] == 403 and last["error"] == "the proxy opens no tunnel" and not last["same"]
    assert last["asks_for"] == "CONNECT www:80 HTTP/1.1"


def test_an_origin_that_closes_without_a_word(site: str) -> None:
    ways, _ = in_campus(site, "http://mirror/")  # its port is open, and nobody speaks HTTP there
    assert ways["status"].isna().tolist() == [True, False, True], "a proxy says 502, a tunnel says nothing of its own"
    assert ways["status"].iloc[1] == 502 and ways["same"].tolist() == [True, False, True]
    assert ways["error"].iloc[2] == "the connection was closed without an answer"


def test_an_origin_that_is_not_there(site: str) -> None:
    ways, _ = in_campus(site, "http://mirror:81/", connect_ports=[81])
    assert ways["status"].isna().tolist() == [True, False, False] and ways["status"].tolist()[1:] == [502, 502]
    assert ways["error"].iloc[0].startswith("connection_refused") and ways["error"].iloc[1] == ""
    assert ways["total_ms"].isna().tolist() == [True, False, False]


def test_one_way_alone_is_compared_with_nothing(site: str) -> None:
    with netlab.WebServer(site, port=0) as web, netlab.ProxyServer(port=0) as proxy:
        ways = three_ways(web.url, proxy.url, ways=["proxy"])
        assert ways["way"].tolist() == ["proxy"] and ways["same"].isna().all()
        assert web.log["status"].tolist() == [200]


@pytest.mark.parametrize("wrong", [[], ["direkt"], "proxy"])
def test_ways_that_do_not_exist(wrong: Any) -> None:
    with pytest.raises(UsageError, match="direct, proxy, connect"):
        three_ways("http://127.0.0.1/", "http://127.0.0.1:8000/", ways=wrong)


@pytest.mark.parametrize(("url", "proxy"), [("https://a/", "http://b/"), ("http://a/", "b"), ("x", "http://b/")])
def test_what_is_no_url_is_refused(url: str, proxy: str) -> None:
    with pytest.raises(UsageError):
        three_ways(url, proxy)
