"""Chromium loads pages from our web server: pictures, connections used again, conditional requests, seeking by range.

What the browser shows is one half of each test; what the server's log says about it is the other.
"""

from __future__ import annotations

import re
import struct
import time
import wave
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import netlab
from tests.support.webm import noise, webm

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.slow]

MOST_CONNECTIONS = 6
"""Chromium opens so many to one host with HTTP/1.1."""
PAGE = "<!doctype html><title>t</title><link rel=icon href='data:,'>"
"""A page that asks for no icon."""
ENOUGH = 20.0


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[netlab.WebServer]:
    with netlab.WebServer(tmp_path, port=0) as made:
        yield made


def until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + ENOUGH
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def png(side: int, colour: bytes = b"\xe6\x9f\x00") -> bytes:
    """A square of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + colour * side) * side)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def write_page(folder: Path, body: str) -> None:
    (folder / "index.html").write_text(PAGE + body)


def ranges(server: netlab.WebServer) -> list[int]:
    """Where the parts begin that were asked for, in the order of the log."""
    found = (re.match(r"bytes=(\d+)-", str(server.details(row)["range"])) for row in range(len(server.log)))
    return [int(each[1]) for each in found if each]


def test_pictures_are_shown_and_a_missing_one_is_not(page: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "<img id=here src=a.png><img id=gone src=b.png>")
    (tmp_path / "a.png").write_bytes(png(40))
    page.goto(server.url)
    assert page.locator("#here").evaluate("node => [node.complete, node.naturalWidth]") == [True, 40]
    assert page.locator("#gone").evaluate("node => node.naturalWidth") == 0
    log = server.log.set_index("target")["status"]
    assert (log["/"], log["/a.png"], log["/b.png"]) == (200, 200, 404)


def test_a_page_that_does_not_exist_explains_itself(page: Any, server: netlab.WebServer) -> None:
    answer = page.goto(server.url + "nothing")
    assert answer.status == 404 and "404" in page.locator("h1").inner_text()
    assert "/nothing" in server.log["target"].tolist()


def test_thirty_objects_come_over_a_few_connections(page: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "".join(f"<img src={number}.png>" for number in range(30)))
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(png(10 + number))
    page.goto(server.url)
    widths = page.locator("img").evaluate_all("nodes => nodes.map(node => node.naturalWidth)")
    assert widths == [10 + number for number in range(30)]
    log = server.log
    assert len(log) == 31 and set(log["status"]) == {200}
    assert 1 <= log["connection"].nunique() <= MOST_CONNECTIONS
    assert log["reused"].sum() == len(log) - log["connection"].nunique()


def test_a_server_that_closes_idle_connections_at_once_harms_nobody(page: Any, tmp_path: Path) -> None:
    write_page(tmp_path, "".join(f"<img src={number}.png>" for number in range(5)))
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(png(10))
    with netlab.WebServer(tmp_path, port=0, limits={"idle_time": 0.001}) as hasty:
        page.goto(hasty.url)
        assert page.locator("img").evaluate_all("nodes => nodes.every(node => node.naturalWidth == 10)")
        assert set(hasty.log["status"]) == {200}, "a connection closed in between is no fault that anybody sees"


def test_what_has_not_changed_is_not_sent_again(page: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "<p>one")
    page.goto(server.url)
    page.reload()
    assert page.locator("p").inner_text() == "one"
    assert server.log["status"].tolist() == [200, 304]
    write_page(tmp_path, "<p>another one")
    page.reload()
    assert page.locator("p").inner_text() == "another one" and server.log["status"].tolist()[-1] == 200


def test_a_style_sheet_and_a_script_have_their_types(page: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "<link rel=stylesheet href=s.css><script type=module src=m.mjs></script><p>text")
    (tmp_path / "s.css").write_text("p { color: rgb(0, 114, 178) }")
    (tmp_path / "m.mjs").write_text("document.body.dataset.ran = 'yes'")
    page.goto(server.url)
    assert page.locator("p").evaluate("node => getComputedStyle(node).color") == "rgb(0, 114, 178)"
    assert page.locator("body").get_attribute("data-ran") == "yes", "a module runs only with a script's type"


def test_names_with_blanks_and_letters_of_all_kinds(page: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    (tmp_path / "größe & 50 %.html").write_text(PAGE + "<p>found")
    page.goto(server.url)  # no index.html: the listing
    page.get_by_role("link", name="größe & 50 %.html").click()
    assert page.locator("p").inner_text() == "found"


SEEK = """node => new Promise((done, fail) => {
    setTimeout(() => fail(new Error('the seek does not end')), 15000);
    node.addEventListener('seeked', () => done(node.currentTime), {once: true});
    node.currentTime = %s;
})"""


def loaded(page: Any, tag: str) -> float:
    """Wait until a medium knows its length; gives it."""
    page.wait_for_function(f"document.querySelector('{tag}').readyState >= 1", timeout=15_000)
    assert page.locator(tag).evaluate("node => node.error") is None
    return float(page.locator(tag).evaluate("node => node.duration"))


def test_seeking_in_a_video_asks_for_ranges(page: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "<video src=v.webm preload=metadata muted></video>")
    page.goto(server.url + "nothing")  # some page of 127.0.0.1, which may then encode
    size = (tmp_path / "v.webm").write_bytes(webm(noise(page), 90))
    assert size > 20_000_000, "too small: the browser would have it all before it seeks"
    page.goto(server.url)
    assert loaded(page, "video") == 90
    assert page.locator("video").evaluate("node => [node.videoWidth, node.videoHeight]") == [320, 180]
    assert page.locator("video").evaluate(SEEK % 80.5) == 80.5
    log = server.log
    log = log[log["target"] == "/v.webm"]
    # 304: a part that the browser has in its cache, and asks about.
    assert {206} <= set(log["status"]) <= {206, 304}
    begins = ranges(server)
    assert begins[0] == 0 and max(begins) > size / 2, "it read on instead of asking for the part"
    # The browser has seen a frame of that moment, and has not fetched everything before it.
    assert page.locator("video").evaluate("node => node.readyState") >= 2
    page.close()
    until(lambda: server.connections == 0)
    assert int(server.log["response_bytes"].sum()) < size


def test_seeking_in_a_sound_asks_for_ranges(page: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "<audio src=s.wav preload=metadata></audio>")
    with wave.open(str(tmp_path / "s.wav"), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(44_100)
        for _ in range(120):
            sound.writeframesraw(bytes(4 * 44_100))
    page.goto(server.url)
    assert loaded(page, "audio") == pytest.approx(120, abs=0.1)
    assert page.locator("audio").evaluate(SEEK % 100) == pytest.approx(100, abs=0.1)
    assert {206} <= set(server.log.loc[server.log["target"] == "/s.wav", "status"]) <= {206, 304}
    assert max(ranges(server)) > (tmp_path / "s.wav").stat().st_size / 2
