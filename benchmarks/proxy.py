"""The proxy beside squid, tinyproxy, proxy.py, and nginx set up as a forward proxy; nginx is the origin.

Each proxy has a CPU of its own; wrk and the origin share the other, which is the same for all. None caches, but where
it is said; each logs every request in its usual way. wrk asks in absolute form, as programs do that know of a proxy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks.common import ROUNDS, Missing, aim, interleave, need, spread, verdict
from benchmarks.servers import (
    CLIENT_CPU,
    FIXED,
    SECONDS,
    Load,
    Subject,
    ceiling_of,
    config,
    figures,
    free_port,
    listening,
    load,
    resident,
    rounds,
    start_all,
    started,
    told_ceiling,
)

TITLE = "The proxy: requests per second and latency (wrk), tunnels, memory"
CONNECTIONS = (16, 64, 256)
BIG, HUGE = 10 << 20, 4 << 30
TUNNELS, IN_TUNNEL = 2_000, 10
"""Idle tunnels; and how many large files go through the one whose speed is measured."""

NETLAB = """
import sys, threading, netlab
limits = {"idle_time": 600.0, "head_time": 600.0, "tunnel_time": 600.0}
proxy = netlab.ProxyServer(
    port=int(sys.argv[1]), connect_ports=[int(sys.argv[2])], cache=len(sys.argv) > 3, limits=limits
)
threading.Event().wait()
"""
WEB = """
import sys, threading, netlab
server = netlab.WebServer(sys.argv[1], port=int(sys.argv[2]))
threading.Event().wait()
"""
ORIGIN = """
daemon off; worker_processes 1; pid {folder}/origin.pid; error_log {folder}/origin-error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 11000; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 600;
  client_header_timeout 600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=1024; root {site};
    location /fresh {{ add_header Cache-Control "max-age=3600"; }}
  }}
}}
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/forward.pid; error_log {folder}/forward-error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 11000; }}
http {{
  access_log {folder}/forward.log combined; keepalive_requests 1000000000; keepalive_timeout 600;
  client_body_temp_path {folder}/body2; proxy_temp_path {folder}/proxy2; fastcgi_temp_path {folder}/fastcgi2;
  uwsgi_temp_path {folder}/uwsgi2; scgi_temp_path {folder}/scgi2;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ proxy_pass http://$http_host$request_uri; proxy_http_version 1.1; proxy_set_header Host $http_host; }}
  }}
}}
"""
SQUID = """
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
access_log stdio:{folder}/squid-access.log
cache_log {folder}/squid-cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
max_filedescriptors 16384
pinger_enable off
shutdown_lifetime 0 seconds
"""
TINYPROXY = """
User nobody
Port {port}
Listen 127.0.0.1
Timeout 600
LogFile "{folder}/tinyproxy.log"
LogLevel Connect
MaxClients 4000
Allow 127.0.0.1
"""
ABSOLUTE = """
local text
init = function()
  wrk.headers["Host"] = "127.0.0.1:{origin}"
  text = wrk.format("GET", "http://127.0.0.1:{origin}" .. wrk.path)
end
request = function() return text end
"""


def run() -> None:
    wrk, nginx, curl = need("wrk", "wrk"), need("nginx", "nginx-light"), need("curl", "curl")
    if (os.cpu_count() or 1) < 2:
        raise Missing("a second CPU")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        site, origin = make_site(folder), free_port()
        argv = [nginx, "-p", name, "-c", config(folder, "origin", ORIGIN, origin, site=site)]
        if not listening(origin, stack.enter_context(started(argv, folder / "origin.out", CLIENT_CPU))):
            raise RuntimeError("the origin does not start")
        script = folder / "absolute.lua"
        script.write_text(ABSOLUTE.format(origin=origin))
        subjects = start_proxies(stack, folder, nginx, origin)
        print(f"  {versions(nginx)}; wrk for {SECONDS:g} s")
        small(wrk, subjects, str(script))
        large(wrk, subjects, str(script))
        tunnels(subjects, origin)
        hits(wrk, stack, folder, site, origin, str(script))
    with tempfile.TemporaryDirectory() as name:
        memory(Path(name), nginx, curl)


def make_site(folder: Path) -> Path:
    site = folder / "site"
    site.mkdir()
    for each in ("small.html", "fresh.html"):
        (site / each).write_bytes(b"x" * 1024)
    (site / "big.bin").write_bytes(os.urandom(BIG))
    with open(site / "huge.bin", "wb") as huge:
        huge.truncate(HUGE)
    folder.chmod(0o777)  # squid and tinyproxy write their logs as somebody else
    return site


def start_proxies(stack: contextlib.ExitStack, folder: Path, nginx: str, origin: int) -> dict[str, Subject]:
    python = sys.executable
    commands: dict[str, Callable[[int], list[str]]] = {
        "netlab": lambda port: [python, "-c", NETLAB, str(port), str(origin)],
        "nginx": lambda port: [nginx, "-p", str(folder), "-c", config(folder, "forward", NGINX, port)],
        "fixed": lambda port: [python, "-c", FIXED, "", str(port)],
    }
    for name in ("squid", "tinyproxy"):
        if program := shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
            commands[name] = _peer(name, program, folder)
        else:
            print(f"  left out: {name} is missing (Debian package {name})")
    if find_spec("proxy"):
        commands["proxy.py"] = lambda port: [
            python, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port), "--num-workers", "1",
            "--num-acceptors", "1", "--log-file", str(folder / "proxy.py.log"),
        ]  # fmt: skip
    return start_all(stack, folder, commands)


def _peer(name: str, program: str, folder: Path) -> Callable[[int], list[str]]:
    if name == "squid":
        return lambda port: [program, "-N", "-n", f"netlab{port}", "-f", config(folder, name, SQUID, port)]
    return lambda port: [program, "-d", "-c", config(folder, name, TINYPROXY, port)]


def versions(nginx: str) -> str:
    said = [subprocess.run([nginx, "-v"], capture_output=True, text=True).stderr.strip()]
    for program in ("squid", "tinyproxy"):
        if path := shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            said.append(subprocess.run([path, "-v"], capture_output=True, text=True).stdout.splitlines()[0].strip())
    return ", ".join(said)


def small(wrk: str, subjects: dict[str, Subject], script: str) -> None:
    """1 KiB answers, keep-alive."""
    ceiling = ceiling_of(wrk, subjects["fixed"])
    for connections in CONNECTIONS:
        print(f"  1 KiB, {connections} connections")
        names = ["netlab", "squid", "tinyproxy", "nginx"] + (["proxy.py"] if connections == 64 else [])
        results = rounds(wrk, subjects, names, connections, "/small.html", script=script)
        rate = figures(results)
        _against(rate, f"at {connections}", {"squid": 1.5, "tinyproxy": 2.0}, {"squid": 2.5, "tinyproxy": 3.0})
        told_ceiling(ceiling, rate)


def large(wrk: str, subjects: dict[str, Subject], script: str) -> None:
    print("  10 MiB, 16 connections")
    rate = figures(rounds(wrk, subjects, ["netlab", "squid", "tinyproxy", "nginx"], 16, "/big.bin", script=script))
    _against(rate, "for 10 MiB", {"squid": 2.0, "tinyproxy": 1.5})


def _against(
    rate: dict[str, float], what: str, targets: dict[str, float], aims: dict[str, float] | None = None
) -> None:
    for name in rate:
        if name in targets:
            ratio = rate["netlab"] / rate[name]
            print(verdict(f"netlab/{name} {what}", ratio, targets[name], at_most=False))
            if aims:
                print(aim(ratio, aims[name]))
        elif name != "netlab":
            print(f"          netlab/{name} {what}: {rate['netlab'] / rate[name]:.4g} ×")


# -- tunnels --------------------------------------------------------------------------------------------------------


def tunnels(subjects: dict[str, Subject], origin: int) -> None:
    print(f"  CONNECT: {IN_TUNNEL} × 10 MiB through one tunnel")
    names = [name for name in ("netlab", "squid", "tinyproxy") if name in subjects]
    with on_cpu(CLIENT_CPU):
        seconds = interleave({name: lambda name=name: through_tunnel(subjects[name].port, origin) for name in names})
    rate = {}
    for name, each in seconds.items():
        speeds = [IN_TUNNEL * BIG / one / 1e6 for one in each]
        rate[name] = median(speeds)
        print(f"    {name:<12}{spread(speeds, 'MB/s')}")
    _against(rate, "in a tunnel", {"tinyproxy": 1.5})


def through_tunnel(port: int, origin: int) -> float:
    """Seconds for the files, after the tunnel is there."""
    with open_tunnel(port, origin) as sock:
        space = memoryview(bytearray(1 << 18))
        begin = time.perf_counter()
        for _ in range(IN_TUNNEL):
            sock.sendall(b"GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n")
            left = BIG - _behind_head(sock)
            while left:
                left -= sock.recv_into(space)
        return time.perf_counter() - begin


def open_tunnel(port: int, origin: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 30)
    sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin, origin))
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(4096)
        if not data:
            break
        answer += data
    if b" 200 " not in answer.partition(b"\r\n")[0]:
        raise RuntimeError(f"no tunnel: {answer!r}")
    return sock


def _behind_head(sock: socket.socket) -> int:
    """Read a head; gives how many bytes of content came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65_536)
    return len(data) - data.index(b"\r\n\r\n") - 4


@contextlib.contextmanager
def on_cpu(cpu: int) -> Iterator[None]:
    """Let this process run there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# -- the cache, and memory ------------------------------------------------------------------------------------------


def hits(wrk: str, stack: contextlib.ExitStack, folder: Path, site: Path, origin: int, script: str) -> None:
    print("  hits of the cache, 64 connections; beside netlab's own web server")
    python = sys.executable
    subjects = start_all(
        stack,
        folder,
        {
            "cache": lambda port: [python, "-c", NETLAB, str(port), str(origin), "cache"],
            "web": lambda port: [python, "-c", WEB, str(site), str(port)],
        },
    )
    results: dict[str, list[Load]] = {"cache": [], "web": []}
    for _ in range(ROUNDS):
        results["cache"].append(load(wrk, subjects["cache"].port, 64, "/fresh.html", script=script))
        results["web"].append(load(wrk, subjects["web"].port, 64, "/fresh.html"))
    rate = figures(results)
    print(verdict("hits/web server", rate["cache"] / rate["web"], 0.5, at_most=False))


def memory(folder: Path, nginx: str, curl: str) -> None:
    """While 4 GiB pass; and with idle tunnels."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(TUNNELS, (hard - 500) // 2)
    with contextlib.ExitStack() as stack:
        site, origin, port = make_site(folder), free_port(), free_port()
        argv = [nginx, "-p", str(folder), "-c", config(folder, "origin", ORIGIN, origin, site=site)]
        process = stack.enter_context(started(argv, folder / "origin.out", CLIENT_CPU))
        if not listening(origin, process):
            raise RuntimeError("the origin does not start")
        argv = [sys.executable, "-c", NETLAB, str(port), str(origin)]
        process = stack.enter_context(started(argv, folder / "out"))
        if not listening(port, process):
            raise RuntimeError("netlab does not start")
        ask_through(port, origin)
        before = resident(process.pid)
        begin = time.perf_counter()
        most = _most_while(process.pid, [curl, "-s", "-x", f"127.0.0.1:{port}", "-o", "/dev/null",
                                         f"http://127.0.0.1:{origin}/huge.bin"])  # fmt: skip
        print(f"  4 GiB in {time.perf_counter() - begin:.1f} s")
        print(verdict("memory growth while 4 GiB pass", (most - before) / (1 << 20), 4, unit="MiB"))
        before = resident(process.pid)
        for _ in range(count):
            stack.enter_context(open_tunnel(port, origin))
        each = (resident(process.pid) - before) / count
        slowest = max(ask_through(port, origin) for _ in range(20))
        print(f"  {count:,} idle tunnels")
        print(verdict("memory of each", each / 1024, 16, unit="KiB"))
        print(verdict("slowest of 20 new requests", slowest * 1e3, 50, unit="ms"))


def _most_while(pid: int, argv: list[str]) -> int:
    """Run a command; gives the most memory that a process had meanwhile."""
    most, ended = resident(pid), threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.05):
            most = max(most, resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        subprocess.run(argv, check=True, timeout=300)
    finally:
        ended.set()
        watcher.join()
    return most


def ask_through(port: int, origin: int) -> float:
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        here = b"127.0.0.1:%d" % origin
        sock.sendall(b"GET http://%b/small.html HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % (here, here))
        answer = b""
        while data := sock.recv(65_536):
            answer += data
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"no answer: {answer[:200]!r}")
    return time.perf_counter() - begin
