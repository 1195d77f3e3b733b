"""Run in a network namespace of its own by test_tcp_kernel.py: netlab's TCP at host ``b``, Linux's at host ``a``.

``a`` is this namespace: its eth0 is a TUN, and the lab's own engine process (`lab_engine.EngineProcess`) runs the world
behind it on the real clock, for as long as the program lives that uses the kernel's sockets. Both sides say in JSON
what they saw.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from netlab.internet import tcp
from netlab.internet.engine import Engine
from netlab.network.lab_channel import Channel, pair
from netlab.network.lab_child import make_tun
from netlab.network.lab_device import Device
from netlab.network.lab_engine import EngineProcess
from tests.internet.engine_worlds import MS, line
from tests.internet.tcp_programs import PORT, Program, pattern

SIZE = 2 * 1024 * 1024
LARGE = 10 * 1024 * 1024
SETUP = """
ip link set lo up
ip address add 10.0.0.1/24 dev eth0
ip -6 address add 2001:db8::1/64 dev eth0 nodad
ip link set eth0 up
ip route add default via 10.0.0.2
ip -6 route add default via 2001:db8::2
"""
LOSSY = {"loss": 0.01}
BAD = {"loss": 0.01, "reorder": 0.02, "reorder_delay": 2 * MS, "duplicate": 0.02, "corrupt": 0.01}


class World:
    """The world with its programs at ``b``; ``run`` lets a kernel program talk with them."""

    def __init__(self, link: dict[str, Any]) -> None:
        self.engine = Engine(line("a", "r", "b", delay=MS // 2, r_b=link))
        self.host = tcp.host(self.engine.machine("b"))
        self.programs: list[Program] = []

    def serve(self, response: bytes, reading: bool = True, **options: Any) -> Program:
        """A program that waits for one connection."""
        program = Program(self.engine, response)
        program.reading = reading

        def ready() -> None:
            program.stream = stream = listener.accept()
            assert stream
            stream.on_change = program
            program()

        listener = self.host.listen(PORT, ready, options=tcp.Options(**options))
        return program

    def call(self, request: bytes, address: str, port: int) -> Program:
        """A program that connects as soon as the world runs, and again until somebody listens there."""
        program = Program(self.engine, request)

        def connect() -> None:
            program.failed = ""
            program.stream = self.host.connect(address, port, change)

        def change() -> None:
            program()
            if program.failed == "refused" and port == PORT:
                self.engine.at(self.engine.now + 50 * MS, connect)

        self.engine.at(0, connect)
        return program

    def run(self, kernel: str) -> dict[str, Any]:
        """Run a Python program in the kernel's world; what it prints is JSON."""
        process = subprocess.Popen([sys.executable, "-c", KERNEL + kernel], stdout=subprocess.PIPE)
        ours, theirs = pair()
        lab = EngineProcess(Channel(ours), os.pidfd_open(process.pid))
        lab.engine, lab.start = self.engine, time.monotonic_ns()
        device = Device("a", TUN, b"")
        self.engine.external("a", lab.deliver(device))
        lab.devices[TUN] = device
        lab.poller.register(TUN)
        lab.run()
        theirs.close()
        said = process.communicate()[0]
        assert process.returncode == 0, said
        return dict(json.loads(said))


KERNEL = """
import hashlib, json, socket, struct, sys, time
from pathlib import Path
def connect(address="10.0.1.2", port=80):
    return socket.create_connection((address, port), timeout=20)
def read_all(s):
    digest, size = hashlib.sha256(), 0
    while data := s.recv(1 << 20):
        digest.update(data)
        size += len(data)
    return {"size": size, "digest": digest.hexdigest()}
def pattern(size):
    return b"".join(i.to_bytes(4, "big") for i in range(size // 4 + 1))[:size]
def say(**what):
    print(json.dumps(what))
def linger(s):
    time.sleep(0.3)  # the process at the other end of the pipe ends the world when we end
"""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def download(size: int, family: int = 4, **link: Any) -> dict[str, Any]:
    world = World(link)
    program = world.serve(pattern(size))
    address = "10.0.1.2" if family == 4 else "2001:db8:1::2"
    said = world.run(
        f"t = time.monotonic(); s = connect({address!r}); s.shutdown(socket.SHUT_WR)\n"
        "say(**read_all(s), seconds=time.monotonic() - t); linger(s)"
    )
    stream = program.stream
    assert stream
    right = said["size"] == size and said["digest"] == digest(pattern(size))
    return {**said, "right": right, "retransmissions": stream.retransmissions, "mss": stream.mss, "state": stream.state}


def upload(**link: Any) -> dict[str, Any]:
    world = World(link)
    program = world.serve(b"thanks")
    program.waits = True
    said = world.run(
        f"t = time.monotonic(); s = connect(); s.sendall(pattern({SIZE})); s.shutdown(socket.SHUT_WR)\n"
        "say(**read_all(s), seconds=time.monotonic() - t); linger(s)"
    )
    return {**said, "right": bytes(program.received) == pattern(SIZE) and said["size"] == 6}


def fetch(family: int) -> dict[str, Any]:
    """netlab's client, Linux's server."""
    world = World(LOSSY)
    address = "10.0.0.1" if family == 4 else "2001:db8::1"
    program = world.call(pattern(1_000_000), address, PORT)
    said = world.run(
        f"l = socket.create_server(({address!r}, {PORT}), family=socket.AF_INET{'6' if family == 6 else ''})\n"
        f"s, _ = l.accept(); said = read_all(s); s.sendall(pattern({SIZE})); s.close(); time.sleep(1)\nsay(**said)"
    )
    right = bytes(program.received) == pattern(SIZE) and said["digest"] == digest(pattern(1_000_000))
    return {"right": right, "finished": program.finished_at is not None}


def kernel_does_not_read() -> dict[str, Any]:
    """Its window closes; ours probes it until it opens."""
    world = World({})
    program = world.serve(pattern(SIZE))
    said = world.run(
        "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000); s.connect(('10.0.1.2', 80))\n"
        "s.shutdown(socket.SHUT_WR); time.sleep(2); say(**read_all(s)); linger(s)"
    )
    stream = program.stream
    assert stream
    return {"right": said["digest"] == digest(pattern(SIZE)), "timeouts": stream.timeouts, "failed": stream.failed}


def we_do_not_read() -> dict[str, Any]:
    """Our window closes; Linux probes it until it opens."""
    world = World({})
    program = world.serve(b"", reading=False, receive_buffer=50_000)
    windows = []

    def read() -> None:
        assert program.stream
        windows.append(program.stream.receiving.edge - program.stream.receiving.next)
        program.reading = True
        program()

    world.engine.at(2_000_000_000, read)
    world.run("s = connect(); s.sendall(pattern(1_000_000)); s.close(); time.sleep(1); say()")
    return {"right": bytes(program.received) == pattern(1_000_000), "windows": windows}


def refused() -> dict[str, Any]:
    world = World({})
    program = world.call(b"", "10.0.0.1", 81)
    said = world.run(
        "try:\n    connect(port=82)\nexcept ConnectionRefusedError:\n    time.sleep(0.3); say(refused=True)"
    )
    return {**said, "ours": program.failed}


def resets() -> dict[str, Any]:
    """Linux resets our first connection by SO_LINGER; we reset the second because it sends what nobody reads."""
    world = World({})
    first, second = Program(world.engine, b"hello", ends=False), Program(world.engine, ends=False)
    second.reading = False
    free = [first, second]

    def ready() -> None:
        program = free.pop(0)
        program.stream = stream = listener.accept()
        assert stream
        stream.on_change = program
        program()
        if program is second:
            world.engine.at(world.engine.now + 300 * MS, stream.close)

    listener = world.host.listen(PORT, ready)
    said = world.run(
        "s = connect(); hello = s.recv(5).decode()\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()\n"
        "s = connect(); s.send(b'unread')\n"
        "try:\n    s.recv(1)\nexcept ConnectionResetError:\n    say(reset=True, hello=hello)"
    )
    return {**said, "ours": first.failed}


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    "download": lambda: download(LARGE, **LOSSY),
    "download6": lambda: download(SIZE, 6, **LOSSY),
    "download over a bad link": lambda: download(SIZE, **BAD),
    "download over a clean link": lambda: download(LARGE),
    "upload": lambda: upload(**LOSSY),
    "upload over a bad link": lambda: upload(**BAD),
    "fetch": lambda: fetch(4),
    "fetch6": lambda: fetch(6),
    "kernel does not read": kernel_does_not_read,
    "we do not read": we_do_not_read,
    "refused": refused,
    "resets": resets,
}

if __name__ == "__main__":
    TUN = make_tun("/dev/net/tun")
    for command in SETUP.strip().splitlines():
        subprocess.run(command.split(), check=True)
    print(json.dumps(SCENARIOS[sys.argv[1]]()))
