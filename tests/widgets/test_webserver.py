"""The web server panel: Start, Stop, the log as it grows, raw requests, real and virtual, and nothing left behind."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import netlab
from netlab import frames
from netlab.serve.bounds import Bounds
from netlab.servers import WebServer
from netlab.widgets import WebServerPanel, runs
from netlab.widgets.samples import SAMPLES
from netlab.widgets.webserver import DEADLINES

pytestmark = pytest.mark.network

ENOUGH = 20.0


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_HEADLESS", "0")


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    runs.stop_all()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("netlab web server")])


def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + ENOUGH
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def said(panel: WebServerPanel) -> str:
    return re.sub("<[^>]*>", "", panel.status.value)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=ENOUGH) as answer:
        return bytes(answer.read())


def send(panel: WebServerPanel, key: str) -> bytes:
    panel.raw.sample.value = [sample.key for sample in SAMPLES].index(key)
    panel.answer = b""
    panel.send()
    until(lambda: panel.answer and "Sent" not in said(panel))
    return panel.answer


def test_headless_start_sends_the_request_and_stops() -> None:
    panel = WebServerPanel()
    panel.run()
    assert panel.answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"A small site" in panel.answer
    assert panel.result["status"].tolist() == [200] and not panel.running
    assert said(panel).startswith("Stopped: the port is free again. 1 request (1 × 200)")
    assert list(panel.result.columns) == list(frames.EXCHANGES)


def test_without_a_start_there_is_an_empty_log() -> None:
    panel = WebServerPanel()
    assert len(panel.result) == 0 and list(panel.result.columns) == list(frames.EXCHANGES)
    assert said(panel) == "Ready. Choose the values, then press Start."
    panel.stop()
    assert said(panel).startswith("Ready")


def test_start_serves_until_stop(watched: None, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    panel = WebServerPanel(str(tmp_path))
    panel.run()
    assert panel.opened(ENOUGH) and panel.server is not None
    url = panel.server.url
    until(lambda: url in said(panel) and url in panel.link.value)
    assert get(url + "a.txt") == b"hello"
    until(lambda: "Requests: 1," in panel.counts.value and "200: 1" in panel.counts.value)
    until(lambda: "/a.txt" in panel.listing.value and "<img alt=" in panel.picture.html)
    assert panel.partial and panel.running

    began = time.monotonic()
    panel.stop()
    assert "Stopped" in said(panel) and time.monotonic() - began < 0.2
    assert panel.wait(ENOUGH) and not panel.partial
    assert panel.result["target"].tolist() == ["/a.txt"] and panel.link.value == ""
    with pytest.raises(OSError):
        get(url)


def test_two_starts_after_each_other_use_the_same_port(watched: None) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    panel = WebServerPanel(port=port)
    panel.run()
    assert panel.opened(ENOUGH)
    first = panel.server
    get(f"http://127.0.0.1:{port}/")
    panel.run()  # while the first one runs
    until(lambda: panel.server is not first and panel.opened(ENOUGH))
    assert get(f"http://127.0.0.1:{port}/notes.txt").startswith(b"0123456789")
    assert panel.result["target"].tolist() == ["/notes.txt"], "a log is that of one server"
    panel.close()


def test_a_cell_that_is_run_again_stops_the_older_server(watched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "cell", lambda: ("09-run", 1))
    old = WebServerPanel()
    old.run()
    assert old.opened(ENOUGH) and old.server is not None
    monkeypatch.setattr(runs, "cell", lambda: ("09-run", 2))
    new = WebServerPanel(port=old.server.port)
    assert old.wait(ENOUGH) and not old.running
    new.run()
    assert new.opened(ENOUGH) and new.server is not None and new.server.port == old.server.port
    new.close()


def test_a_port_that_is_taken_is_told_with_its_owner(watched: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        panel = WebServerPanel(port=other.getsockname()[1])
        panel.run()
        assert panel.wait(ENOUGH) and not panel.opened(0.0)
        assert said(panel).startswith(f"Not done: 127.0.0.1:{panel.port.value} is in use")
        owner = f"(process {os.getpid()})"
        assert owner in said(panel) or not Path("/proc/net/tcp").exists()
        panel.send()  # that cannot start it either
        until(lambda: panel.wait(ENOUGH) and "in use" in said(panel))
    assert not panel.run_button.disabled and panel.answer == b""


def test_an_older_log_does_not_pass_for_that_of_a_start_that_failed(watched: None, tmp_path: Path) -> None:
    panel = WebServerPanel()
    send(panel, "sample get")
    panel.stop()
    assert panel.wait(ENOUGH) and len(panel.result) == 1 and "Requests: 1" in panel.counts.value
    panel.folder.value = str(tmp_path / "nowhere")
    panel.run()
    assert panel.wait(ENOUGH) and "must be a folder that exists" in said(panel)
    assert panel.server is None and len(panel.result) == 0
    assert panel.counts.value == panel.listing.value == "" and "Nothing measured yet" in panel.picture.html


@pytest.mark.parametrize("folder", ["/nowhere/at/all", ""])
def test_a_folder_that_does_not_exist_is_told(folder: str) -> None:
    panel = WebServerPanel(folder)
    panel.run()
    assert "must be a folder that exists" in said(panel)


def test_send_starts_the_server_and_shows_both_sides(watched: None) -> None:
    panel = WebServerPanel()
    assert send(panel, "sample get").startswith(b"HTTP/1.1 200 OK")
    assert said(panel).startswith("Answer: 200 OK, ")
    assert "&lt;title&gt;A small site" in panel.raw._answer.value
    assert send(panel, "sample no host").startswith(b"HTTP/1.1 400")
    assert said(panel).endswith("Refused: a request has exactly one Host field (RFC 9112 3.2).")
    until(lambda: "RFC 9112 3.2" in panel.listing.value)
    panel.stop()
    assert panel.wait(ENOUGH) and panel.result["status"].tolist() == [200, 400]


class HeldUp(threading.Event):
    """The thread that says that something has happened is held up right afterwards, while others go on."""

    def set(self) -> None:
        super().set()
        time.sleep(0.3)


def test_the_answer_has_the_last_word_however_quickly_it_comes(watched: None) -> None:
    panel = WebServerPanel()
    panel._opened = HeldUp()
    told: list[str] = []
    panel.status.observe(lambda _: told.append(said(panel)), "value")
    send(panel, "sample get")
    until(lambda: any(sentence.startswith("Answer: 200 OK") for sentence in told))
    panel.stop()
    assert panel.wait(ENOUGH)
    words = [sentence.split()[0] for sentence in told]
    assert words[words.index("Starting.") :] == ["Starting.", "The", "Sent", "Answer:", "Stopped:", "Stopped:"], told


def test_a_stop_while_it_opens_has_the_last_word(watched: None, monkeypatch: pytest.MonkeyPatch) -> None:
    opening, stopped = threading.Event(), threading.Event()

    class Slow(WebServer):
        def __init__(self, *given: Any, **named: Any) -> None:
            opening.set()
            stopped.wait(ENOUGH)
            super().__init__(*given, **named)

    monkeypatch.setattr("netlab.widgets.webserver.WebServer", Slow)
    panel = WebServerPanel()
    panel.send()
    assert opening.wait(ENOUGH)
    panel.stop()
    stopped.set()
    assert panel.wait(ENOUGH) and not panel.opened(0.0) and panel.answer == b""
    assert said(panel).startswith("Stopped: the port is free again. No requests") and panel.link.value == ""


def test_an_unfinished_head_is_answered_when_its_time_is_over(watched: None) -> None:
    panel = WebServerPanel(limits={"head_time": 0.2})
    assert send(panel, "sample unfinished").startswith(b"HTTP/1.1 408")
    panel.close()


def test_text_that_means_no_bytes_is_not_sent(watched: None) -> None:
    panel = WebServerPanel()
    panel.raw.text.value = r"GET \q"
    panel.send()
    assert "a backslash begins" in said(panel) and not panel.running


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.key)
def test_in_a_world_every_sample_is_answered_at_once(sample: Any) -> None:
    panel = WebServerPanel(network="line", host="server")
    panel.raw.sample.value = SAMPLES.index(sample)
    panel.run()
    assert panel.answer.startswith(b"HTTP/1.1 ")
    assert set(panel.result["network"]) == {"virtual:line"}
    refused = "refused" in panel.raw._read.value
    assert not refused or panel.result["status"].iloc[-1] >= 400


def test_a_world_gives_the_same_each_time() -> None:
    logs = []
    for _ in range(2):
        panel = WebServerPanel(network="line", host="server")
        panel.run()
        logs.append(panel.result.to_csv() + repr(panel.answer))
    assert logs[0] == logs[1]


def test_in_a_world_the_panels_server_can_be_asked_from_other_cells(watched: None) -> None:
    panel = WebServerPanel(network="line", host="server")
    panel.run()
    assert panel.opened(ENOUGH) and panel.server is not None
    phases = netlab.fetch(panel.server.url + "notes.txt", network=panel.network)
    assert phases["status"].iloc[-1] == 200 and phases["end_ms"].max() == 44.0
    until(lambda: "/notes.txt" in panel.listing.value)
    assert panel.link.value == "", "no browser gets there"
    panel.stop()
    assert panel.wait(ENOUGH) and len(panel.result) == 1


def test_the_world_in_use_gives_the_host() -> None:
    with netlab.use("line"):
        panel = WebServerPanel()
    assert panel.at_host.value == "server" and panel.port.value == 80 and "virtual:line, seed 1" in panel.title.value
    panel.at_host.value = "127.0.0.1"
    assert panel.port.value == 0 and "live" in panel.title.value


def test_arguments_go_to_the_server() -> None:
    def parse_head(head: bytes) -> Any:
        raise ValueError("not written yet")

    panel = WebServerPanel(parse_head=parse_head)
    panel.run()
    assert panel.answer.startswith(b"HTTP/1.1 500") and panel.result["status"].tolist() == [500]


def test_moving_a_slider_says_name_value_and_unit() -> None:
    panel = WebServerPanel()
    panel.deadlines["head_time"].value = 0.5
    assert said(panel) == "time for a head: 500 ms"


def test_repr_is_fixed() -> None:
    panel = WebServerPanel()
    assert repr(panel) == "<netlab panel: web server on 127.0.0.1>"
    panel.run()
    assert repr(panel) == "<netlab panel: web server on 127.0.0.1>"


def test_deadlines_stand_where_the_servers_are() -> None:
    usual = Bounds()
    assert DEADLINES == {name: getattr(usual, name) for name in DEADLINES}


def test_closing_the_panel_stops_the_server(watched: None) -> None:
    panel = WebServerPanel()
    panel.run()
    assert panel.opened(ENOUGH) and panel.server is not None
    panel.close()
    until(lambda: "stopped" in repr(panel.server))
