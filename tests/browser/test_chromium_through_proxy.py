"""Chromium browses through our proxy: pages, https through a tunnel, a WebSocket, a large download, a seek.

Chromium goes straight to loopback addresses unless it is told not to; so each test looks for its rows in the proxy's
log, or it would prove nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import ssl
import struct
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import netlab
from tests.browser.test_chromium_loads import SEEK, loaded, png, ranges, until, write_page
from tests.support.tools import need_module
from tests.support.webm import noise, webm

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.slow]

MIB = 1 << 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[netlab.WebServer]:
    with netlab.WebServer(tmp_path, port=0) as made:
        yield made


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """Makes profiles of Chromium that use a proxy, with nothing in their caches; gives a page of one.

    As ``--proxy-server`` does, but what Chromium does in the background stays out of the log.
    """
    with ExitStack() as stack:

        def start(proxy: netlab.ProxyServer, **settings: Any) -> Any:
            made = chromium.new_context(proxy={"server": proxy.url.rstrip("/"), "bypass": "<-loopback>"}, **settings)
            stack.callback(made.close)
            return made.new_page()

        yield start


def rows(proxy: netlab.ProxyServer, method: str, target: str) -> Any:
    """The rows of the log for this, when there are some: one comes when its exchange has ended."""

    def found() -> Any:
        log = proxy.log
        return log[(log["method"] == method) & (log["target"] == target)]

    until(lambda: len(found()))
    return found()


def test_a_page_with_pictures(browser: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "".join(f"<img src={number}.png>" for number in range(20)))
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(png(10 + number))
    with netlab.ProxyServer(port=0) as proxy:
        page = browser(proxy)
        page.goto(server.url)
        widths = page.locator("img").evaluate_all("nodes => nodes.map(node => node.naturalWidth)")
        assert widths == [10 + number for number in range(20)]
        log = proxy.log
        assert log["target"].tolist()[0] == server.url and set(log["status"]) == {200}
        assert sorted(log["target"]) == sorted([server.url, *(f"{server.url}{n}.png" for n in range(20))])
        assert set(log["upstream_ip"]) == {"127.0.0.1"} and (log["error"] == "").all()
        assert all(b"Via: 1.1 netlab" in server.details(row)["request_head"] for row in range(len(server.log)))
        assert log["connection"].nunique() < 21, "the browser uses its connections to the proxy again"
        assert server.log["connection"].nunique() < 21, "and the proxy those to the origin"


def test_reloading_asks_the_cache(browser: Any, tmp_path: Path) -> None:
    write_page(tmp_path, "<img src=a.png>")
    (tmp_path / "a.png").write_bytes(png(40))
    headers = {"Cache-Control": "max-age=60"}
    with netlab.WebServer(tmp_path, port=0, headers=headers) as server, netlab.ProxyServer(port=0, cache=True) as proxy:
        for _ in range(2):
            page = browser(proxy)
            page.goto(server.url)
            assert page.locator("img").evaluate("node => node.naturalWidth") == 40
        assert proxy.log["cache"].tolist() == ["stored", "stored", "hit", "hit"]
        assert server.log["target"].tolist() == ["/", "/a.png"]
        # A reload says max-age=0: the origin is asked, and confirms. Ages are whole seconds, and 0 would do.
        time.sleep(1.1)
        page.reload()
        assert page.locator("img").evaluate("node => node.naturalWidth") == 40
        until(lambda: "validated" in proxy.log["cache"].tolist())
        assert 304 in server.log["status"].tolist()


def test_what_the_proxy_says_is_shown(browser: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    with netlab.ProxyServer(port=0) as proxy:
        page = browser(proxy)
        answer = page.goto(nobody)
        assert answer.status == 502 and "502" in page.locator("h1").inner_text()
        assert rows(proxy, "GET", nobody)["error"].tolist()[0] == "connection_refused"


def test_https_goes_through_a_tunnel(browser: Any, tmp_path: Path) -> None:
    need_module("trustme", "test")
    import trustme

    write_page(tmp_path, "<p>secret<img src=a.png>")
    (tmp_path / "a.png").write_bytes(png(40))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with (
        netlab.WebServer(tmp_path, port=0, ssl_context=context) as server,
        netlab.ProxyServer(port=0, connect_ports=[server.port]) as proxy,
    ):
        page = browser(proxy, ignore_https_errors=True)
        page.goto(server.url)
        assert page.locator("p").inner_text() == "secret"
        assert page.locator("img").evaluate("node => node.naturalWidth") == 40
        log = server.log
        assert set(log["target"][log["status"] == 200]) == {"/", "/a.png"}
        # Chromium refuses the certificate first, and comes again when it has been told to ignore that.
        assert log["error"][log["status"] != 200].str.startswith("the TLS handshake failed: ").all()
        page.context.close()
        tunnels = rows(proxy, "CONNECT", f"127.0.0.1:{server.port}")
        assert set(tunnels["status"]) == {200} and set(proxy.log["method"]) == {"CONNECT"}
        assert (tunnels["tunnel_up_bytes"] > 100).all() and tunnels["tunnel_down_bytes"].sum() > 500
        told = str(proxy.log.to_dict("records")) + str([proxy.details(row) for row in range(len(proxy.log))])
        assert "a.png" not in told and "secret" not in told, "the proxy sees nothing of what is inside"


def test_https_to_a_port_that_is_no_tunnels(browser: Any) -> None:
    from playwright.sync_api import Error

    with netlab.ProxyServer(port=0) as proxy:
        page = browser(proxy)
        with pytest.raises(Error, match="ERR_TUNNEL_CONNECTION_FAILED"):
            page.goto("https://127.0.0.1:8443/")
        refused = rows(proxy, "CONNECT", "127.0.0.1:8443")
        assert set(refused["status"]) == {403} and set(refused["upstream_ip"]) == {""}


def test_a_large_download_is_whole(browser: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    block = bytes(range(256)) * (MIB // 256)
    write_page(tmp_path, "<a href=big.bin download>big</a>")
    digest = hashlib.sha256()
    with (tmp_path / "big.bin").open("wb") as file:
        for number in range(200):
            piece = number.to_bytes(4, "big") + block[4:]
            file.write(piece)
            digest.update(piece)
    with netlab.ProxyServer(port=0) as proxy:
        page = browser(proxy)
        page.goto(server.url)
        with page.expect_download(timeout=60_000) as caught:
            page.locator("a").click()
        saved = Path(caught.value.path())
        with saved.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").digest() == digest.digest()
        row = rows(proxy, "GET", server.url + "big.bin").iloc[-1]
        assert row["status"] == 200 and row["response_bytes"] > 200 * MIB and row["error"] == ""


def test_an_upload_arrives(browser: Any, tmp_path: Path) -> None:
    """The web server takes no content, but reads as much as it may: it answers 405 when all of it is there."""
    write_page(tmp_path, "<p>page")
    limits = {"drain": 1_000_000}
    with netlab.WebServer(tmp_path, port=0, limits=limits) as server, netlab.ProxyServer(port=0) as proxy:
        page = browser(proxy)
        page.goto(server.url)
        status = page.evaluate("() => fetch('/', {method: 'POST', body: 'x'.repeat(300000)}).then(got => got.status)")
        assert status == 405
        row = rows(proxy, "POST", server.url).iloc[0]
        assert row["status"] == 405 and row["request_bytes"] > 300_000


def test_seeking_in_a_sound(browser: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "<audio src=s.wav preload=metadata></audio>")
    with wave.open(str(tmp_path / "s.wav"), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(44_100)
        for _ in range(120):
            sound.writeframesraw(bytes(4 * 44_100))
    with netlab.ProxyServer(port=0) as proxy:
        page = browser(proxy)
        page.goto(server.url)
        assert loaded(page, "audio") == pytest.approx(120, abs=0.1)
        assert page.locator("audio").evaluate(SEEK % 100) == pytest.approx(100, abs=0.1)
        page.context.close()
        assert {206} <= set(rows(proxy, "GET", server.url + "s.wav")["status"]) <= {206, 304}
        until(lambda: max(ranges(server), default=0) > (tmp_path / "s.wav").stat().st_size / 2)


def test_seeking_in_a_video(browser: Any, server: netlab.WebServer, tmp_path: Path) -> None:
    write_page(tmp_path, "<video src=v.webm preload=metadata muted></video>")
    with netlab.ProxyServer(port=0) as proxy:
        page = browser(proxy)
        page.goto(server.url + "nothing")  # some page of 127.0.0.1, which may then encode
        size = (tmp_path / "v.webm").write_bytes(webm(noise(page), 90))
        page.goto(server.url)
        assert loaded(page, "video") == 90
        assert page.locator("video").evaluate(SEEK % 80.5) == 80.5
        assert page.locator("video").evaluate("node => node.readyState") >= 2
        page.context.close()
        until(lambda: proxy.connections == 0 and server.connections == 0)
        seen = rows(proxy, "GET", server.url + "v.webm")
        assert {206} <= set(seen["status"]) <= {206, 304}
        assert max(ranges(server)) > size / 2 and int(server.log["response_bytes"].sum()) < size


# -- a WebSocket ----------------------------------------------------------------------------------------------------


@contextmanager
def echo_server() -> Iterator[int]:
    """A WebSocket server that says back what it hears (RFC 6455), one connection after the other; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, sock.makefile("rb") as file:
                sock.settimeout(20)
                try:
                    talk(sock, file)
                except (OSError, struct.error):
                    pass  # the browser has gone

    thread = threading.Thread(target=serve, name="echo", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)


def talk(sock: socket.socket, file: Any) -> None:
    head = b""
    while (line := file.readline()) not in (b"\r\n", b""):
        head += line
    key = re.search(rb"(?im)^sec-websocket-key: *(\S+)", head)
    if key is None:
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<p>web"
        )
        return
    accept = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    while True:
        first, size = struct.unpack("!BB", file.read(2))
        size &= 0x7F
        if size >= 126:
            form, count = ("!H", 2) if size == 126 else ("!Q", 8)
            (size,) = struct.unpack(form, file.read(count))
        mask = file.read(4) * (size // 4 + 1)
        data = bytes(left ^ right for left, right in zip(file.read(size), mask, strict=False))
        if size < 126:
            length = struct.pack("!B", size)
        else:
            length = struct.pack("!BH", 126, size) if size < 65_536 else struct.pack("!BQ", 127, size)
        sock.sendall(bytes([first]) + length + data)
        if first & 0x0F == 8:  # close
            return


SOCKET = """([url, messages]) => new Promise((done, fail) => {
    setTimeout(() => fail(new Error('no echo')), 15000);
    const socket = new WebSocket(url), heard = [];
    socket.onerror = () => fail(new Error('the socket failed'));
    socket.onopen = () => messages.forEach(text => socket.send(text));
    socket.onmessage = event => { heard.push(event.data); if (heard.length == messages.length) socket.close(); };
    socket.onclose = event => done([heard, event.wasClean]);
})"""
MESSAGES = ["hello", "Grüße", "y" * 70_000, "z" * 1_000]


def test_a_websocket_through_the_proxy(browser: Any) -> None:
    """Chromium opens a tunnel for it, as for https."""
    with echo_server() as port, netlab.ProxyServer(port=0, connect_ports=[port]) as proxy:
        page = browser(proxy)
        page.goto(f"http://127.0.0.1:{port}/")
        heard, clean = page.evaluate(SOCKET, [f"ws://127.0.0.1:{port}/echo", MESSAGES])
        assert heard == MESSAGES and clean
        row = rows(proxy, "CONNECT", f"127.0.0.1:{port}").iloc[0]
        assert row["status"] == 200 and row["tunnel_up_bytes"] > 71_000 and row["tunnel_down_bytes"] > 71_000
        assert rows(proxy, "GET", f"http://127.0.0.1:{port}/")["status"].tolist() == [200]
