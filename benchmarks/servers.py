"""What the benchmarks of the servers share: starting them on a CPU of their own, and loading them with wrk."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.common import ROUNDS, spread

SECONDS = float(os.environ.get("NETLAB_BENCH_SECONDS") or 2)
"""Of each run of wrk."""
SERVER_CPU, CLIENT_CPU = 0, 1


FIXED = """
import socket, select, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=1024)
listener.setblocking(False)
poll, socks = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"
while True:
    for number, _ in poll.poll():
        if number == listener.fileno():
            sock, _ = listener.accept()
            socks[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN)
            continue
        try:
            if socks[number].recv(65536):
                socks[number].send(answer)
                continue
        except OSError:
            pass
        socks.pop(number).close()
"""
"""Reads nothing of a request: what wrk itself can do."""


class Load(NamedTuple):
    """What wrk reports."""

    per_second: float
    p99: float
    """s"""


class Subject(NamedTuple):
    port: int
    process: subprocess.Popen[bytes]


def config(folder: Path, name: str, text: str, port: int, **values: Any) -> str:
    """Write a server's configuration, and give its path."""
    place = folder / f"{name}.conf"
    place.write_text(text.format(folder=folder, port=port, **values))
    return str(place)


@contextlib.contextmanager
def started(argv: list[str], out: Path, cpu: int = SERVER_CPU) -> Iterator[subprocess.Popen[bytes]]:
    with open(out, "wb") as sink:
        process = subprocess.Popen(["taskset", "-c", str(cpu), *argv], stdout=sink, stderr=sink)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def listening(port: int, process: subprocess.Popen[Any]) -> bool:
    for _ in range(200):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def load(wrk: str, port: int, connections: int, path: str, *fields: str, script: str = "") -> Load:
    """One run of wrk; ``fields`` are header lines, ``script`` is a file in Lua."""
    argv = ["taskset", "-c", str(CLIENT_CPU), wrk, "-t1", f"-c{connections}", f"-d{SECONDS:g}s", "--latency"]
    for each in fields:
        argv += ["-H", each]
    if script:
        argv += ["-s", script]
    said = subprocess.run([*argv, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    per_second = re.search(r"Requests/sec:\s+([\d.]+)", said)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if not per_second or not tail:
        raise RuntimeError(f"wrk said {said}")
    return Load(float(per_second[1]), float(tail[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[tail[2]])


def rounds(
    wrk: str,
    subjects: dict[str, Subject],
    names: list[str],
    connections: int,
    path: str,
    *fields: str,
    script: str = "",
) -> dict[str, list[Load]]:
    results: dict[str, list[Load]] = {name: [] for name in names if name in subjects}
    for _ in range(ROUNDS):
        for name in results:
            results[name].append(load(wrk, subjects[name].port, connections, path, *fields, script=script))
    return results


def start_all(
    stack: contextlib.ExitStack, folder: Path, commands: Mapping[str, Callable[[int], list[str]]], cpu: int = SERVER_CPU
) -> dict[str, Subject]:
    """Start every server, each at a free port; those that do not start are said to be left out."""
    subjects: dict[str, Subject] = {}
    for name, argv in commands.items():
        port = free_port()
        process = stack.enter_context(started(argv(port), folder / f"{name}.out", cpu))
        if listening(port, process):
            subjects[name] = Subject(port, process)
        else:
            print(f"  left out: {name} does not start here")
    return subjects


def ceiling_of(wrk: str, fixed: Subject) -> float:
    """How many answers of a server that does nothing wrk can take."""
    ceiling = median(load(wrk, fixed.port, 64, "/").per_second for _ in range(ROUNDS))
    print(f"  a fixed reply: {ceiling / 1000:.4g} k/s")
    return ceiling


def told_ceiling(ceiling: float, rate: Mapping[str, float]) -> None:
    """Say so when it is wrk that limits the fastest."""
    fastest = max(rate.values())
    if ceiling < 1.5 * fastest:
        print(f"    wrk does only {ceiling / fastest:.2f} × the fastest: it holds that one back")


def figures(results: dict[str, list[Load]]) -> dict[str, float]:
    for name, loads in results.items():
        tails = spread([each.p99 for each in loads], "ms", 1e3)
        print(f"    {name:<12}{spread([each.per_second / 1000 for each in loads], 'k/s')}; p99 {tails}")
    return {name: median(each.per_second for each in loads) for name, loads in results.items()}


def resident(process: int) -> int:
    """Bytes that a process has in memory."""
    with open(f"/proc/{process}/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ask(port: int) -> float:
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(b"GET /small.html HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        while sock.recv(65_536):
            pass
    return time.perf_counter() - begin
