"""The engine process, in parts that need no namespace: its timer, its devices, its memory."""

from __future__ import annotations

import os
import select
import socket
import sys
import time

import pytest

from netlab import wire
from netlab.internet.engine import Engine
from netlab.network.worlds import load
from tests.support.lab import PAIR

if not sys.platform.startswith("linux"):
    pytest.skip("the lab needs Linux", allow_module_level=True)

from netlab.network import lab_engine
from netlab.network.lab_channel import Channel, pair, pickled, unpickled
from netlab.network.lab_device import ETHERNET, Device, Timer
from netlab.network.lab_engine import EngineProcess


def test_the_timer_rings_once_and_not_early() -> None:
    timer = Timer()
    due = time.monotonic_ns() + 3_000_000
    timer.set(due)
    assert select.select([timer.number], [], [], 5)[0]
    assert time.monotonic_ns() >= due
    timer.ring()
    assert not select.select([timer.number], [], [], 0)[0]
    timer.set(time.monotonic_ns() + 1_000_000)
    timer.set(0)
    assert not select.select([timer.number], [], [], 0.01)[0]
    os.close(timer.number)


def test_a_veth_device_adds_and_takes_off_the_ethernet_header() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with theirs:
        device = Device("alice", ours.detach(), b"\x02alice")
        for packet, kind in ((b"\x45 four", b"\x08\x00"), (b"\x60 six", b"\x86\xdd")):
            device.write(packet)
            frame = theirs.recv(100)
            assert (frame[:6], frame[12:ETHERNET], frame[ETHERNET:]) == (b"\x02alice", kind, packet)
            theirs.send(b"\x08\x06".rjust(ETHERNET, b"\0") + b"an ARP message is left out")
            theirs.send(frame)
            assert device.read() == packet
            assert device.read() == b""
        device.close()


@pytest.fixture
def process() -> EngineProcess:
    ours, theirs = pair()
    process = EngineProcess(Channel(theirs), os.pidfd_open(os.getpid()))
    process.near = Channel(ours)  # type: ignore[attr-defined]
    return process


def _ask(process: EngineProcess, do: str, descriptors: list[int] | None = None, **fields: object) -> object:
    near: Channel = process.near  # type: ignore[attr-defined]
    near.send({"id": 1, "do": do, **fields}, descriptors or [])
    assert process.answer()
    reply, numbers = near.receive()
    assert reply and reply["reply"] == "ok", reply
    return unpickled(numbers[0]) if numbers else reply


def test_it_carries_packets_in_the_worlds_time_and_says_how_late(process: EngineProcess) -> None:
    """Two hosts on socket pairs instead of devices: a packet from alice reaches bob 10 ms later."""
    _ask(process, "world", [pickled((load(PAIR), 1)), os.pidfd_open(os.getpid())])
    far = {}
    for host in ("alice", "bob"):
        near, far[host] = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        near.setblocking(False)
        _ask(process, "devices", [near.fileno()], devices=[{"host": host, "kind": "tun"}])
        near.close()
    message = wire.icmpv4.EchoRequest(7, 1, b"x").to_bytes()
    packet = wire.IPv4("192.0.2.1", "192.0.2.2", wire.PROTOCOL_ICMP, message).to_bytes()
    far["alice"].send(packet)
    process.read(next(each for each in process.devices.values() if each.host == "alice"))
    started = time.monotonic()
    far["bob"].setblocking(False)
    while time.monotonic() < started + 5:
        wait = process.wait_for_events()
        try:
            assert far["bob"].recv(100) == packet
            break
        except BlockingIOError:
            process.poller.poll(wait)
            process.timer.ring()
    assert 0.009 < time.monotonic() - started < 1
    counts = _ask(process, "lateness")
    assert isinstance(counts, dict)
    assert (len(counts["late"]), counts["counts"], counts["dropped"]) == (1, {"sent": 1, "delivered": 1}, {})
    assert [row["action"] for row in _ask(process, "packets", background=False, node=None, link=None)] == [  # type: ignore[attr-defined]
        "sent", "delivered"]  # fmt: skip
    assert _ask(process, "losses", background=False) == {}
    for each in far.values():
        each.close()
    process.leave()


def test_it_forgets_all_but_the_last_rows(process: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The truth of those that are left stays right: it is kept beside the rows, by their place."""
    monkeypatch.setattr(lab_engine, "KEPT", 10)
    world = load(PAIR.replace("delay_ms = 10", "delay_ms = 10\nrate_mbps = 1"))
    process.engine = engine = Engine(world)
    for number in range(50):
        message = wire.icmpv4.EchoRequest(7, number, b"x").to_bytes()
        engine.inject("alice", wire.IPv4("192.0.2.1", "192.0.2.2", wire.PROTOCOL_ICMP, message).to_bytes())
        engine.advance(engine.now + 100_000_000)
    rows, truth = engine.packets(), engine.truth()
    process.trim()
    assert engine.packets() == rows[-10:]
    left = engine.truth()
    assert left and left == truth[-len(left) :]
    assert engine.losses() == {}
