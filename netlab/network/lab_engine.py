"""The lab's engine process: the virtual internet on a real clock, between the devices of real hosts.

It is the same engine as in a virtual network. A packet that a host's kernel sends is read from the host's device and
injected; a packet that arrives at a host is written to its device when its time has come. World time is the
monotonic clock minus the start.

Strategy. One thread, one wait. The next event's time is set in a *timerfd*, which is exact to the microsecond where
epoll's own timeout waits whole milliseconds; it rings 60 µs early, and the rest is spent spinning (more would take
the processor from the programs that are measured: tried on 2 CPUs, the 99th percentile gets worse). Between two
packets from a device the engine looks at its events. A process of its own, because a busy notebook cell would hold
Python's global lock for milliseconds.

Questions (the capture, the truth, the lateness) are answered by a forked copy of the process, so that making 10,000
rows does not make packets late.

It ends when the parent ends, when the parent closes the channel, or when the lab's server ends: the devices that it
holds open would keep namespaces alive.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from importlib import import_module
from typing import Any

from netlab.internet.capture import FIELDS
from netlab.internet.engine import Engine
from netlab.network.lab_channel import Channel, close_all, pickled, unpickled
from netlab.network.lab_device import Device, Timer

BURST = 64
"""Packets read from one device before the others get their turn."""

SPIN = 60_000
"""ns; see the module."""

KEPT = 10_000
"""Rows of PACKETS that can be asked for."""

LATENESS_KEPT = 100_000

CATCH_UP, CATCH_UP_IDLE, BUSY = 10_000_000, 250_000_000, 2_000_000_000
"""ns between two looks at background traffic, which is simulated when somebody looks: left alone for an hour, it would
take seconds to catch up. Idle: no packet for `BUSY` ns."""


def main(control: int, parent: int) -> None:
    """``control`` is the channel's descriptor, ``parent`` the process to end with."""
    end = socket.socket(fileno=control)
    end.set_inheritable(False)
    watched = os.pidfd_open(parent)
    if os.getppid() != parent:
        return
    os.chdir("/")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # one descriptor per host
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forked copies are not waited for
    process = EngineProcess(Channel(end), watched)
    try:
        process.run()
    finally:
        process.leave()


class EngineProcess:
    def __init__(self, channel: Channel, parent: int) -> None:
        self.channel = channel
        self.parent = parent
        self.server = -1
        self.engine: Engine | None = None
        self.devices: dict[int, Device] = {}
        self.timer = Timer()
        self.start = 0
        self.lateness: deque[int] = deque(maxlen=LATENESS_KEPT)
        """ns between the moment at which a packet should have come to a real host and the write."""
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        """Packets that a host sent and that were dropped before we read them (veth; a TUN's host counts its own)."""
        self.last_packet = 0
        self.has_traffic = False
        self.next_catch_up = 0
        self.spins = len(os.sched_getaffinity(0)) > 1
        self.poller = select.epoll()
        for number in (self.parent, channel.socket.fileno(), self.timer.number):
            self.poller.register(number, select.EPOLLIN)

    def clock(self) -> int:
        """World time."""
        return time.monotonic_ns() - self.start

    def run(self) -> None:
        """Until the parent or the server ends."""
        control = self.channel.socket.fileno()
        while True:
            timeout = self.wait_for_events() if self.engine else -1
            if self.engine and len(self.engine.capture.values) > 4 * KEPT * FIELDS:
                self.trim()
            ready = [number for number, _ in self.poller.poll(timeout)]
            for number in ready:
                if number in self.devices:
                    self.read(self.devices[number])
                elif number == control:
                    if not self.answer():
                        return
                elif number == self.timer.number:
                    self.timer.ring()
                else:
                    return

    def wait_for_events(self) -> float:
        """Run what is due; gives how long epoll may wait for packets: not at all, or until the timer rings."""
        engine = self.engine
        assert engine
        now = self.clock()
        engine.advance(now)
        due = engine.next_event()
        if self.has_traffic:
            if now >= self.next_catch_up:
                engine.losses(background=True)  # simulates the traffic up to now
                self.next_catch_up = now + (CATCH_UP if now - self.last_packet < BUSY else CATCH_UP_IDLE)
            due = self.next_catch_up if due is None else min(due, self.next_catch_up)
        if due is None:
            self.timer.set(0)
            return -1
        left = due - self.clock()
        if self.spins and 0 < left <= SPIN:
            while self.clock() < due:
                pass
            left = 0
        if left <= 0:
            return 0
        self.timer.set(self.start + due - (SPIN if self.spins else 0))
        return -1

    # packets

    def read(self, device: Device) -> None:
        """What the host's kernel has sent."""
        engine = self.engine
        assert engine
        for _ in range(BURST):
            try:
                packet = device.read()
            except OSError:  # somebody has deleted eth0
                self.poller.unregister(device.number)
                return
            if not packet:
                return
            now = self.last_packet = self.clock()
            engine.advance(now)
            refused = engine.inject(device.host, packet)
            self.counts[f"refused: {refused}" if refused else "sent"] += 1

    def deliver(self, device: Device) -> Callable[[int, bytes], None]:
        """What the engine calls with a packet for the host."""

        def write(due: int, packet: bytes) -> None:
            self.lateness.append(self.clock() - due)
            self.counts["delivered"] += 1
            try:
                device.write(packet)
            except OSError:  # the host is gone, or its queue is full
                self.counts["not delivered"] += 1

        return write

    # requests

    def answer(self) -> bool:
        """One request of the parent's; False at the end."""
        request, descriptors = self.channel.receive()
        if request is None:
            close_all(descriptors)
            return False
        reply: dict[str, Any] = {"id": request["id"], "reply": "ok"}
        try:
            if request["do"] == "world":
                self.load(*descriptors)
                reply["start"] = self.start
            elif request["do"] == "devices":
                for about, number in zip(request["devices"], descriptors, strict=True):
                    self.add_device(about, number)
            elif request["do"] == "call":
                reply["value"] = self.call(request["function"], request["arguments"])
            else:
                close_all(descriptors)
                self.tell(reply, request)
                return True
        except Exception as error:  # the parent must hear of it, whatever it is
            reply = _failed(reply, request, error)
        self.channel.send(reply)
        return True

    def load(self, description: int, server: int) -> None:
        self.server = server
        self.poller.register(server, select.EPOLLIN)
        world, seed = unpickled(description)
        self.engine = engine = Engine(world, seed)
        self.has_traffic = bool(world.traffic)
        gc.collect()
        gc.freeze()
        self.start = time.monotonic_ns() - engine.now

    def add_device(self, about: dict[str, Any], number: int) -> None:
        assert self.engine
        device = Device(about["host"], number, bytes.fromhex(about.get("mac", "")))
        self.devices[number] = device
        self.engine.external(device.host, self.deliver(device))
        self.poller.register(number, select.EPOLLIN)

    def call(self, function: str, arguments: dict[str, Any]) -> Any:
        """Call a function with the engine, at the time that it is now: it lets programs run on hosts that the engine
        plays. It is found by its name, because what such programs are is no business of this layer."""
        assert self.engine
        self.engine.advance(self.clock())
        module, _, name = function.partition(":")
        return getattr(import_module(module), name)(self.engine, **arguments)

    def tell(self, reply: dict[str, Any], request: dict[str, Any]) -> None:
        """A forked copy answers, and the packets go on."""
        self.trim()
        for device in self.devices.values():
            if drops := device.drops():
                self.dropped[device.host] += drops
        if os.fork():
            return
        try:
            number = pickled(ANSWERS[request["do"]](self, request))
            self.channel.send(reply, [number])
        except Exception as error:
            self.channel.send(_failed(reply, request, error))
        finally:
            os._exit(0)

    def trim(self) -> None:
        """Forget the oldest of what the engine remembers; it would remember everything."""
        assert self.engine
        self.engine.capture.trim(KEPT)

    # what the forked copy says

    def packets(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        assert self.engine
        return self.engine.packets(request["background"], request["node"], request["link"])[-KEPT:]

    def truth(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        assert self.engine
        return self.engine.truth()

    def losses(self, request: dict[str, Any]) -> dict[str, int]:
        assert self.engine
        return self.engine.losses(request["background"])

    def how_late(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"late": sorted(self.lateness), "dropped": dict(self.dropped), "counts": dict(self.counts)}

    def leave(self) -> None:
        """Close the devices all at once: each waits some 28 ms for the kernel, together no longer than one."""
        closers = [threading.Thread(target=device.close) for device in self.devices.values()]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()


ANSWERS: dict[str, Callable[[EngineProcess, dict[str, Any]], Any]] = {
    "packets": EngineProcess.packets,
    "truth": EngineProcess.truth,
    "losses": EngineProcess.losses,
    "lateness": EngineProcess.how_late,
}


def _failed(reply: dict[str, Any], request: dict[str, Any], error: Exception) -> dict[str, Any]:
    text = f"{type(error).__name__}: {error}"
    return {"id": reply["id"], "reply": "error", "step": request["do"], "errno": 0, "message": text}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
