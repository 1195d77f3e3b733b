"""Starting and ending the lab's two processes, and what passes between them through this one.

::

    this process ──┬─ stage 1 ── server (pid 1 of the lab): makes hosts, gives the descriptors of their devices
                   └─ engine: is given the world and the devices

Both start at the same time. Each has its own session, so that neither CTRL+C nor CTRL+Z on a terminal reaches it, and
each ends by itself when this process is gone; the engine also when stage 1 is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab.internet.model import World
from netlab.network.lab_channel import Channel, close_all, memory_file, pair, pickled

CHILD = Path(__file__).with_name("lab_child.py")

ENGINE = (
    "import sys; sys.path.append(sys.argv[3]); from netlab.network.lab_engine import main; "
    "main(int(sys.argv[1]), int(sys.argv[2]))"
)

GRACE = 5.0
"""Seconds that a process has to end; the kernel needs one second to close 200 devices."""


@dataclass(slots=True)
class Process:
    """One of the two, and the channel to it."""

    channel: Channel
    popen: subprocess.Popen[bytes]

    def end(self) -> None:
        """Close the channel, which ends it, and wait."""
        self.channel.close()
        try:
            self.popen.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


@dataclass(slots=True)
class Processes:
    server: Process
    engine: Process
    ready: dict[str, Any] = field(default_factory=dict)
    """What the server said when it was ready: pid, device, warnings."""
    start: int = 0
    """Monotonic ns at which the world's time was 0."""
    hosts: set[str] = field(default_factory=set)
    """Those with a kernel of their own."""
    owner: int = field(default_factory=os.getpid)

    def add_host(self, host: Mapping[str, Any]) -> None:
        """Give one more host of the world a kernel of its own."""
        reply, descriptors = self.server.channel.ask("host", host=host)
        self.connect(reply, descriptors)

    def connect(self, reply: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        """Hand devices on to the engine, which then holds the only copies."""
        try:
            self.engine.channel.ask("devices", descriptors, devices=reply["devices"])
        finally:
            close_all(descriptors)
        self.hosts.update(device["host"] for device in reply["devices"])

    def end(self) -> None:
        """End both, and with them everything in the lab."""
        if os.getpid() != self.owner:  # a forked relative has only copies
            return
        self.engine.channel.close()
        self.server.end()
        self.engine.end()


def launch(world: World, seed: int, plan: Mapping[str, Any]) -> Processes:
    """Start both. Raises `Refusal` with the step that the kernel refused, `Ended` when a process died."""
    server = start_server()
    processes = Processes(server, start_engine())
    try:
        processes.ready = make_hosts(server.channel, plan)
        server_ends = os.pidfd_open(server.popen.pid)
        given = [pickled((world, seed)), server_ends]
        try:
            processes.start = processes.engine.channel.ask("world", given)[0]["start"]
        finally:
            close_all(given)
        while len(processes.hosts) < processes.ready["devices"]:
            processes.connect(*server.channel.more())
    except BaseException:
        processes.end()
        raise
    return processes


def make_hosts(server: Channel, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Send the plan; gives ``ready``. The devices follow, in as many replies as they need."""
    number = memory_file(json.dumps(plan).encode())
    try:
        return server.ask("plan", [number])[0]
    finally:
        os.close(number)


def start_server() -> Process:
    return _start("the lab's server", [str(CHILD), "serve"], [])


def start_engine() -> Process:
    return _start("the lab's engine", ["-c", ENGINE], [str(CHILD.parents[2])])


def enter(descriptors: Sequence[int], host: str, command: Sequence[str]) -> list[str]:
    """The command line of the wrapper that runs a command on a host."""
    return [*python(), str(CHILD), "enter", *map(str, descriptors), host, *command]


def python() -> list[str]:
    """Isolated, so that nothing of the user's is imported: not a ``random.py`` in the current directory either."""
    return [sys.executable, "-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]


def _start(who: str, program: list[str], arguments: list[str]) -> Process:
    ours, theirs = pair()
    with theirs:
        try:
            popen = subprocess.Popen(
                [*python(), *program, str(theirs.fileno()), str(os.getpid()), *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    return Process(Channel(ours, who), popen)
