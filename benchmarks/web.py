"""The web server beside nginx (one worker), lighttpd, Python's http.server and aiohttp.

Each server has a CPU of its own, wrk the other; subjects take turns. Each logs every request in its usual way: the
others a line to a file, netlab a row of its table. All checks are on, and nothing is cached that could become stale.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.common import Missing, aim, need, verdict
from benchmarks.servers import (
    FIXED,
    SECONDS,
    Subject,
    ask,
    ceiling_of,
    config,
    figures,
    free_port,
    listening,
    resident,
    rounds,
    start_all,
    started,
    told_ceiling,
)

TITLE = "The web server: requests per second and latency (wrk), memory"
CONNECTIONS = (16, 64, 256, 1000)
IDLE = 10_000
ROWS = 100_000

NETLAB = """
import sys, threading, netlab
limits = {"idle_time": 600.0, "head_time": 600.0}
server = netlab.WebServer(sys.argv[1], port=int(sys.argv[2]), limits=limits)
threading.Event().wait()
"""
AIOHTTP = """
import logging, sys
from aiohttp import web
logging.basicConfig(filename=sys.argv[3], level=logging.INFO)
app = web.Application()
app.add_routes([web.static("/", sys.argv[1])])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None)
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 11000; }}
http {{
  include /etc/nginx/mime.types; access_log {folder}/access.log combined; sendfile on; tcp_nopush on;
  keepalive_requests 1000000000; keepalive_timeout 600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=1024; root {site}; }}
}}
"""
LIGHTTPD = """
server.document-root = "{site}"
server.port = {port}
server.bind = "127.0.0.1"
server.modules = ("mod_accesslog")
accesslog.filename = "{folder}/lighttpd.log"
server.max-keep-alive-requests = 1000000000
server.max-fds = 20000
mimetype.assign = (".html" => "text/html", ".bin" => "application/octet-stream")
"""


def run() -> None:
    wrk, nginx = need("wrk", "wrk"), need("nginx", "nginx-light")
    if (os.cpu_count() or 1) < 2:
        raise Missing("a second CPU")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        site = make_site(Path(folder))
        subjects = start_servers(stack, Path(folder), site, nginx)
        print(
            f"  {subprocess.run([nginx, '-v'], capture_output=True, text=True).stderr.strip()}; wrk for {SECONDS:g} s"
        )
        small_files(wrk, subjects)
        others(wrk, subjects)
    memory()
    the_log(wrk)


def make_site(folder: Path) -> Path:
    site = folder / "site"
    site.mkdir()
    (site / "small.html").write_bytes(b"x" * 1024)
    (site / "big.bin").write_bytes(os.urandom(10 << 20))
    folder.chmod(0o755)
    return site


def start_servers(stack: contextlib.ExitStack, folder: Path, site: Path, nginx: str) -> dict[str, Subject]:
    """Start every server that is there, each on the server's CPU."""
    python, log = sys.executable, str(folder / "python.log")
    commands: dict[str, Callable[[int], list[str]]] = {
        "netlab": lambda port: [python, "-c", NETLAB, str(site), str(port)],
        "nginx": lambda port: [nginx, "-p", str(folder), "-c", config(folder, "nginx", NGINX, port, site=site)],
        "http.server": lambda port: [
            python, "-m", "http.server", str(port), "-b", "127.0.0.1", "-p", "HTTP/1.1", "-d", str(site)
        ],
        "aiohttp": lambda port: [python, "-c", AIOHTTP, str(site), str(port), log],
        "fixed": lambda port: [python, "-c", FIXED, str(site), str(port)],
    }  # fmt: skip
    lighttpd = shutil.which("lighttpd")
    if lighttpd:
        commands["lighttpd"] = lambda port: [
            lighttpd, "-D", "-f", config(folder, "lighttpd", LIGHTTPD, port, site=site)
        ]  # fmt: skip
    return start_all(stack, folder, commands)


def small_files(wrk: str, subjects: dict[str, Subject]) -> None:
    """1 KiB, keep-alive."""
    ceiling = ceiling_of(wrk, subjects["fixed"])
    for connections in CONNECTIONS:
        print(f"  1 KiB, {connections} connections")
        names = ["netlab", "nginx", "lighttpd"]
        if connections == 64:
            names += ["http.server", "aiohttp"]
        results = rounds(wrk, subjects, names, connections, "/small.html")
        rate = figures(results)
        print(verdict(f"netlab/nginx at {connections}", rate["netlab"] / rate["nginx"], 0.6, at_most=False))
        print(aim(rate["netlab"] / rate["nginx"], 0.8))
        tail = {name: median(each.p99 for each in loads) for name, loads in results.items()}
        print(verdict(f"p99 netlab/nginx at {connections}", tail["netlab"] / tail["nginx"], 3.0))
        if "http.server" in rate:
            print(verdict("netlab/http.server", rate["netlab"] / rate["http.server"], 25, at_most=False))
        told_ceiling(ceiling, rate)


def others(wrk: str, subjects: dict[str, Subject]) -> None:
    names = ["netlab", "nginx", "lighttpd"]
    print("  10 MiB, 16 connections")
    rate = figures(rounds(wrk, subjects, names, 16, "/big.bin"))
    print(verdict("10 MiB: netlab/nginx", rate["netlab"] / rate["nginx"], 0.95, at_most=False))
    print("  404, 64 connections")
    rate = figures(rounds(wrk, subjects, names, 64, "/nothing.html"))
    print(verdict("404: netlab/nginx", rate["netlab"] / rate["nginx"], 0.6, at_most=False))
    print("  304, 64 connections")
    since = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    rate = figures(rounds(wrk, subjects, names, 64, "/small.html", f"If-Modified-Since: {since}"))
    print(verdict("304: netlab/nginx", rate["netlab"] / rate["nginx"], 0.6, at_most=False))


def memory() -> None:
    """Idle keep-alive connections: bytes each, and how fast somebody new is answered meanwhile."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(IDLE, hard - 500)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        site, port = make_site(Path(folder)), free_port()
        argv = [sys.executable, "-c", NETLAB, str(site), str(port)]
        process = stack.enter_context(started(argv, Path(folder) / "out"))
        if not listening(port, process):
            raise RuntimeError("netlab does not start")
        ask(port)
        before = resident(process.pid)
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            sock.sendall(b"GET /small.html HTTP/1.1\r\nHost: h\r\n\r\n")
            while sock.recv(65_536)[-1:] != b"x":
                pass
        each = (resident(process.pid) - before) / count
        slowest = max(ask(port) for _ in range(20))
        print(f"  {count:,} idle connections")
        print(verdict("memory of each", each / 1024, 8, unit="KiB"))
        print(verdict("slowest of 20 new requests", slowest * 1e3, 50, unit="ms"))


LOGGING = """
import os, sys, time, pandas, netlab
from netlab import frames
server = netlab.WebServer(sys.argv[1], port=int(sys.argv[2]), log_rows=int(sys.argv[3]))
server.log  # what a first table loads is no row's memory
for line in sys.stdin:
    begin = time.perf_counter()
    rows = len(server.log) if line == "table\\n" else 0
    print(server.statuses.total(), rows, time.perf_counter() - begin, flush=True)
"""
PAGES = """
local count = 0
request = function()
  count = count + 1
  return wrk.format("GET", "/small.html?page=" .. count % 5000)
end
"""
"""Five thousand different targets."""


def the_log(wrk: str) -> None:
    """A log of many real requests: bytes of each, seconds for its table."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        site, port, script = make_site(Path(folder)), free_port(), Path(folder) / "pages.lua"
        script.write_text(PAGES)
        argv = [sys.executable, "-c", LOGGING, str(site), str(port), str(ROWS)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(process.wait)
        stack.callback(process.kill)
        if not listening(port, process):
            raise RuntimeError("netlab does not start")

        def asked(word: str) -> list[float]:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(f"{word}\n")
            process.stdin.flush()
            return [float(each) for each in process.stdout.readline().split()]

        def loaded() -> None:
            url = f"http://127.0.0.1:{port}/"
            subprocess.run([wrk, "-t1", "-c16", "-d1s", "-s", str(script), url], capture_output=True, check=True)

        loaded()  # the connections and the heads of the latest requests are no row's memory either
        first, before = int(asked("count")[0]), resident(process.pid)
        while asked("count")[0] < ROWS:
            loaded()
        rows = min(ROWS, int(asked("count")[0])) - first
        each = (resident(process.pid) - before) / rows
        _, rows_in_table, seconds = asked("table")
        print(f"  a log of {int(rows_in_table):,} rows")
        print(verdict("memory of each", each, 400, unit="bytes"))
        print(verdict("its table", seconds, 1.0, unit="s"))
