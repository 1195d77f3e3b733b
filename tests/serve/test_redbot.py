"""REDbot asks again and again, with conditions, ranges and codings: of our web server, and of one behind our proxy."""

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

import netlab
from tests.support.tools import need_module

pytestmark = [pytest.mark.network, pytest.mark.slow]

BEFORE_THE_PROXY = {"age", "via", "cache-status", "connection", "date"}
"""Fields that a proxy may add, and those that change with time."""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("<!DOCTYPE html><title>A page</title><p>" + "Hello " * 500)
    (tmp_path / "dot.png").write_bytes(png())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one.txt").write_text("one")
    return tmp_path


def png():
    """A grey picture of 64 × 64."""

    def piece(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + bytes((x * y) % 256 for x in range(64)) for y in range(64))
    return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", head) + piece(b"IDAT", zlib.compress(lines)) + piece(b"IEND", b"")


def judged(url):
    """What REDbot says: its remarks by name with their levels, and the fields of the answer that it saw."""
    need_module("redbot", "bench")
    program = Path(sys.executable).with_name("redbot")
    done = subprocess.run([program, "-o", "har", url], capture_output=True, text=True, timeout=120)
    (entry,) = json.loads(done.stdout)["log"]["entries"][:1]
    remarks = {remark["note_id"]: remark["level"] for remark in entry["_red_messages"]}
    return remarks, {each["name"].lower(): each["value"] for each in entry["response"]["headers"]}


@contextlib.contextmanager
def gateway(proxy, origin):
    """Give a URL whose requests are put before the proxy in absolute form: REDbot itself knows of no proxies."""
    prefix = origin.removesuffix("/").encode()

    def carry(client):
        with client, socket.create_connection(("127.0.0.1", proxy.port), 10) as server:
            client.settimeout(10)
            data = b""
            while b"\r\n\r\n" not in data:
                piece = client.recv(65_536)
                if not piece:
                    return
                data += piece
            method, _, rest = data.partition(b" ")
            line, _, fields = rest.partition(b"\r\n")
            server.sendall(method + b" " + prefix + line + b"\r\nConnection: close\r\n" + fields)
            while answer := server.recv(65_536):
                client.sendall(answer)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("path", ["", "dot.png", "nothing", "folder/"])
def test_it_has_nothing_to_warn_of(site, path):
    with netlab.WebServer(site, port=0, gzip=True) as server:
        remarks, _ = judged(server.url + path)
        asked = len(server.log)
    assert {name: level for name, level in remarks.items() if level in ("WARN", "BAD")} == {}
    assert len(remarks) >= 4
    if path in ("", "dot.png"):
        assert asked >= 4 and {"INM_304", "RANGE_CORRECT"} <= set(remarks)


@pytest.mark.parametrize("path", ["", "dot.png"])
def test_behind_the_proxy_it_says_the_same_and_misses_no_field(site, path):
    with netlab.WebServer(site, port=0) as server, netlab.ProxyServer(port=0) as proxy:
        direct, fields = judged(server.url + path)
        with gateway(proxy, server.url) as url:
            through, passed_on = judged(url + path)
        assert len(proxy.log) >= 4
    assert {name: level for name, level in through.items() if level in ("WARN", "BAD")} == {}
    assert set(direct) - set(through) == set()
    kept = {name: value for name, value in fields.items() if name not in BEFORE_THE_PROXY}
    assert kept.items() <= passed_on.items() and set(passed_on) - set(fields) <= BEFORE_THE_PROXY
