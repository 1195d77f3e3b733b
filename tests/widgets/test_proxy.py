"""The proxy panel: Start, one fetch on three ways, both sides of an exchange, real and virtual, and nothing left."""

from __future__ import annotations

import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import netlab
from netlab import frames
from netlab.http.cache import SIZE
from netlab.widgets import ProxyPanel, runs
from netlab.widgets.fetchbox import METADATA
from netlab.widgets.proxy import LINES, SIZES

pytestmark = pytest.mark.network

ENOUGH = 20.0
LONG = 67 * LINES


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "0")


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    runs.stop_all()
    until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith(("netlab web", "netlab p"))]
    )


def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + ENOUGH
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def text(html: str) -> str:
    return re.sub(" +", " ", re.sub("<[^>]*>", " ", html)).strip()


def said(panel: ProxyPanel) -> str:
    return text(panel.status.value)


def fetch(panel: ProxyPanel, url: str, way: str = "all three") -> Any:
    """Fetch by the box, and wait for what comes; gives the three ways."""
    panel.box.url.value = url
    panel.box.way.label = way
    panel.ways = None
    panel.fetch()
    until(lambda: panel.ways is not None and "Fetching" not in said(panel))
    return panel.ways


def started(panel: ProxyPanel) -> str:
    panel.run()
    assert panel.opened(ENOUGH)
    return str(panel.server.url)


# -- headless -------------------------------------------------------------------------------------------------------


def test_headless_start_fetches_on_three_ways_and_stops() -> None:
    with netlab.use("campus"):
        panel = ProxyPanel(host="dns", origin_host="www")
    panel.run()
    assert panel.ways is not None and panel.ways["same"].tolist() == [True] * 3
    assert panel.ways["content_bytes"].tolist() == [LONG] * 3
    assert panel.result["method"].tolist() == ["GET", "CONNECT"] and not panel.running and not panel.partial
    assert list(panel.result.columns) == list(frames.EXCHANGES)
    assert set(panel.result["network"]) == {"virtual:campus"}
    assert said(panel).startswith("Stopped: the port is free again. Requests: 2,")
    assert panel.origin == "http://www/"


def test_a_world_gives_the_same_each_time() -> None:
    made = []
    for _ in range(2):
        panel = ProxyPanel(network="campus", host="dns", cache=True)
        panel.run()
        made.append((panel.result.to_csv(), panel.ways.to_csv(), panel.picture.html + panel.heads.value))
    assert made[0] == made[1]


def test_without_a_start_there_is_an_empty_log() -> None:
    panel = ProxyPanel()
    assert len(panel.result) == 0 and list(panel.result.columns) == list(frames.EXCHANGES)
    assert said(panel) == "Ready. Choose the values, then press Start." and panel.ways is None
    panel.stop()
    assert said(panel).startswith("Ready")


def test_a_proxy_that_passes_on_one_recv_is_found_out() -> None:
    panel = ProxyPanel(network="campus", host="dns")
    panel.relay.label = "only the first recv"
    panel.run()
    assert panel.ways["same"].tolist() == [True, False, False]
    assert panel.ways["content_bytes"].iloc[1] < 2000 and panel.ways["status"].tolist() == [200] * 3
    assert panel.result["rule"].iloc[0] == "RFC 9112 6.3"
    assert "the connection ended inside the content" in panel.box.answers.value


def test_on_this_machine_too() -> None:
    with netlab.use("live"):
        panel = ProxyPanel()
    panel.relay.label = "only the first recv"
    panel.run()
    assert panel.ways["same"].tolist() == [True, False, False] and set(panel.result["network"]) == {"live"}
    assert panel.ways["content_bytes"].iloc[1] == pytest.approx(65_536, abs=1000), "one recv asks for 64 KiB"


def test_a_relay_of_ones_own_is_the_first_choice() -> None:
    def relay(source: Any, sink: Any) -> Iterator[Any]:
        while data := (yield from source.receive()):
            yield from sink.send(data.upper())

    panel = ProxyPanel(network="campus", host="dns", relay=relay)
    panel.run()
    assert b"THIS IS LINE" in panel.ways["answer"].iloc[1]
    panel.relay.label = "everything"
    panel.run()
    assert panel.ways["same"].tolist() == [True] * 3


# -- while it runs --------------------------------------------------------------------------------------------------


def test_start_proxies_until_stop(watched: None) -> None:
    with netlab.use("live"):
        panel = ProxyPanel()
    url = started(panel)
    until(lambda: f"The proxy listens at {url}; behind it is {panel.origin}." in said(panel))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": url}))
    with opener.open(panel.origin, timeout=ENOUGH) as answer:
        assert b"A small site" in answer.read() and answer.headers["Via"] == "1.1 netlab"
    until(lambda: "Requests: 1," in panel.counts.value and "200: 1" in panel.counts.value)
    until(lambda: panel.origin in panel.listing.value and "<img alt=" in panel.picture.html)
    assert panel.partial and panel.running

    began = time.monotonic()
    panel.stop()
    assert "Stopped" in said(panel) and time.monotonic() - began < 0.2
    assert panel.wait(ENOUGH) and not panel.partial
    assert panel.result["target"].tolist() == [panel.origin]
    with pytest.raises(OSError):
        opener.open(panel.origin, timeout=ENOUGH)
    with pytest.raises(OSError):
        urllib.request.urlopen(panel.origin, timeout=ENOUGH)  # the origin is gone, too


def test_the_second_fetch_is_a_hit(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns", origin_host="www", cache=65_536)
    assert panel.cache_size.label == "64 KiB"
    started(panel)
    for _ in range(2):
        assert fetch(panel, "/picture.png", "through the proxy")["status"].tolist() == [200]
    until(lambda: "Cache: 1 of 2 without the origin (50 %), 0 more" in panel.counts.value)
    assert panel.result["cache"].tolist() == ["stored", "hit"]
    until(lambda: ">cache</th>" in panel.listing.value and ">hit</td>" in panel.listing.value)
    fetch(panel, "/long.txt", "through the proxy")
    fetch(panel, "/long.txt", "through the proxy")
    assert "hit" not in panel.result["cache"].tolist()[2:], "it is larger than the cache"
    panel.stop()


def test_what_the_origin_says_decides(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns", cache=True)
    panel.saying.value = "no-cache"
    started(panel)
    for _ in range(2):
        fetch(panel, "/", "through the proxy")
    assert panel.result["cache"].tolist() == ["stored", "validated"]
    until(lambda: "Cache: 0 of 2 without the origin (0 %), 1 more that the origin confirmed" in panel.counts.value)
    panel.saying.value = "no-store"
    started(panel)
    for _ in range(2):
        fetch(panel, "/", "through the proxy")
    assert panel.result["cache"].tolist() == ["miss", "miss"]
    panel.close()


def test_fetch_starts_the_proxy(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns", origin_host="www")
    assert fetch(panel, "/").shape[0] == 3 and panel.running
    assert said(panel).startswith("direct: 200, 382 bytes in ")
    panel.close()


def test_what_came_has_the_last_word_however_quickly_it_came(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns", origin_host="www")
    told: list[str] = []
    panel.status.observe(lambda _: told.append(said(panel)), "value")
    fetch(panel, "/")
    panel.stop()
    assert panel.wait(ENOUGH)
    words = [sentence.split()[0] for sentence in told]
    assert words[words.index("Starting.") :] == ["Starting.", "The", "Fetching.", "direct:", *["Stopped:"] * 2], told


def test_tunnels_to_443_only(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns")
    panel.tunnels.label = "443 only"
    ways = fetch(panel, "/")
    assert ways["status"].tolist() == [200, 200, 403]
    until(lambda: "That is not what came directly." in said(panel))
    panel.close()


def test_what_nobody_may_reach_is_told_with_its_rule_unless_it_is_allowed(watched: None) -> None:
    with netlab.use("live"):
        panel = ProxyPanel()
    assert fetch(panel, METADATA, "through the proxy")["status"].tolist() == [403]
    until(lambda: "destination_ip_prohibited" in panel.listing.value)
    # The unspecified address leads to this machine, too; nobody may say so.
    unspecified = panel.origin.replace("127.0.0.1", "0.0.0.0")
    assert fetch(panel, unspecified, "through the proxy")["status"].tolist() == [403]
    panel.allow_targets.value = "intranet.example, 0.0.0.0"
    started(panel)
    unspecified = panel.origin.replace("127.0.0.1", "0.0.0.0")
    assert fetch(panel, unspecified, "through the proxy")["status"].tolist() == [200]
    panel.allow_targets.value = "a b/c"
    panel.run()
    assert panel.wait(ENOUGH)
    assert said(panel).startswith("Not done: allow_targets=") and not panel.run_button.disabled


def test_clients_that_may_not_use_it(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns", allow_clients=["203.0.113.0/24"])
    assert fetch(panel, "/", "through the proxy")["status"].tolist() == [403]
    panel.close()


def test_what_is_no_url_is_told(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns")
    started(panel)
    panel.box.url.value = "https://www/"
    panel.fetch()
    until(lambda: "is https" in said(panel))
    panel.close()


def test_a_fault_of_ours_becomes_a_sentence(watched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = ProxyPanel(network="campus", host="dns")
    started(panel)
    monkeypatch.setattr("netlab.widgets.proxy.three_ways", lambda *given, **named: 1 / 0)
    panel.fetch()
    until(lambda: said(panel) == "Not done: ZeroDivisionError: division by zero")
    panel.close()


# -- one exchange ---------------------------------------------------------------------------------------------------


def test_an_exchange_is_shown_from_both_sides(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns", origin_host="www", cache=True)
    started(panel)
    fetch(panel, "/", "through the proxy")
    until(lambda: panel.chooser.index == 0 and "proxy sends 2 to www:80" in panel.picture.html)
    shown = text(panel.heads.value)
    assert r"request changed GET http://www/ HTTP/1.1\r\n GET / HTTP/1.1\r\n" in shown
    assert r"request removed Connection: close\r\n" in shown and r"request added Via: 1.1 netlab\r\n" in shown
    assert r"answer passed on HTTP/1.1 200 OK\r\n HTTP/1.1 200 OK\r\n" in shown

    fetch(panel, "/", "through the proxy")
    until(lambda: panel.chooser.index == 1 and "www:80 sends" not in panel.picture.html)  # it was in the cache
    assert r"request kept to itself GET http://www/ HTTP/1.1\r\n" in text(panel.heads.value)

    panel.chooser.control.value = 0  # an older one, and it stays chosen
    assert r"GET / HTTP/1.1\r\n" in text(panel.heads.value) and "proxy sends 2" in panel.picture.html
    fetch(panel, "/picture.png", "through the proxy")
    until(lambda: len(panel.chooser.control.options) == 3)
    assert panel.chooser.index == 0
    panel.stop()
    assert panel.wait(ENOUGH) and panel.chooser.index == 0
    started(panel)  # a new log: the newest one again
    fetch(panel, "/notes.txt", "direct")
    fetch(panel, "/notes.txt", "through CONNECT")
    until(lambda: "CONNECT www:80" in text(panel.heads.value))
    panel.close()


def test_the_segments_of_an_exchange_are_those_of_its_two_connections(watched: None) -> None:
    panel = ProxyPanel(network="campus", host="dns", origin_host="www")
    panel.segments_button.value = True
    started(panel)
    fetch(panel, "/")
    until(lambda: "CONNECT www:80" in text(panel.heads.value))
    panel.chooser.control.value = 0
    alt = re.search('alt="([^"]*)"', panel.segments.value)[1]
    assert "laptop sends" in alt and "dns sends" in alt and "www sends" in alt and "begins with SYN" in alt
    panel.chooser.control.value = 1
    assert panel.segments.value.count("<img") == 1 and alt not in panel.segments.value
    panel.close()


def test_a_real_machine_shows_no_segments(watched: None) -> None:
    with netlab.use("live"):
        panel = ProxyPanel()
    fetch(panel, "/")
    panel.segments_button.value = True
    assert "Only a virtual world" in until(lambda: panel.segments.value)
    panel.close()


# -- an origin that is given ----------------------------------------------------------------------------------------


def test_an_origin_of_ones_own_in_a_world(watched: None) -> None:
    site = netlab.teach.folder({"index.html": "<p>Mine"})
    with netlab.use("campus"), netlab.WebServer(site, host="www", port=80) as server:
        panel = ProxyPanel(server, host="dns")
        assert panel.saying.disabled
        ways = fetch(panel, "/")
        assert ways["content_bytes"].tolist() == [7] * 3 and panel.origin == server.url
        panel.stop()
        assert panel.wait(ENOUGH)
        assert len(server.log) == 3, "the panel stops only what it has started"
        assert netlab.fetch(server.url)["status"].iloc[-1] == 200


def test_an_origin_given_as_a_url() -> None:
    site = netlab.teach.folder({"index.html": "<p>Mine"})
    with netlab.use("live"), netlab.WebServer(site, port=0) as server:
        panel = ProxyPanel(server.url)
        panel.run()
        assert panel.ways["same"].tolist() == [True] * 3 and len(server.log) == 3


# -- nothing is left ------------------------------------------------------------------------------------------------


def test_a_cell_that_is_run_again_frees_the_port(watched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with netlab.use("live"):
        monkeypatch.setattr(runs, "cell", lambda: ("12-run", 1))
        old = ProxyPanel()
        started(old)
        monkeypatch.setattr(runs, "cell", lambda: ("12-run", 2))
        new = ProxyPanel(port=old.server.port)
    assert old.wait(ENOUGH) and not old.running
    started(new)
    assert new.server.port == old.server.port
    new.close()


def test_two_starts_after_each_other_use_the_same_port(watched: None) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with netlab.use("live"):
        panel = ProxyPanel(port=port)
    started(panel)
    first = panel.server
    panel.run()  # while the first one runs
    until(lambda: panel.server is not first and panel.opened(ENOUGH))
    assert fetch(panel, "/", "through the proxy")["status"].tolist() == [200] and len(panel.result) == 1
    panel.close()


def test_a_port_that_is_taken_is_told(watched: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, netlab.use("live"):
        panel = ProxyPanel(port=other.getsockname()[1])
        panel.run()
        assert panel.wait(ENOUGH) and not panel.opened(0.0)
    assert said(panel).startswith("Not done: 127.0.0.1:") and "in use" in said(panel)
    assert not panel.run_button.disabled


def test_closing_the_panel_stops_the_proxy(watched: None) -> None:
    with netlab.use("live"):
        panel = ProxyPanel()
    started(panel)
    panel.close()
    until(lambda: "stopped" in repr(panel.server))


# -- the controls ---------------------------------------------------------------------------------------------------


def test_the_world_in_use_gives_the_hosts() -> None:
    with netlab.use("campus"):
        panel = ProxyPanel()
    assert panel.at_host.value != "127.0.0.1" and panel.port.value == 8000
    assert "virtual:campus, seed 1" in panel.title.value
    panel.at_host.value = "127.0.0.1"
    assert panel.port.value == 0 and "live" in panel.title.value


def test_moving_a_control_says_name_value_and_unit() -> None:
    panel = ProxyPanel()
    panel.connect_timeout.value = 0.5
    assert said(panel) == "connect timeout: 500 ms"
    panel.cache_size.value = 65_536
    assert said(panel) == "cache size: 64 KiB"
    panel.relay.label = "only the first recv"
    assert said(panel) == "it passes on: only the first recv"


def test_the_largest_size_is_what_a_proxy_takes_without_being_told() -> None:
    assert SIZES[-1] == SIZE


def test_repr_is_fixed() -> None:
    panel = ProxyPanel(network="campus", host="dns")
    assert repr(panel) == "<netlab panel: proxy on dns>"
    panel.run()
    assert repr(panel) == "<netlab panel: proxy on dns>"
