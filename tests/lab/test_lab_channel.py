"""Messages between the lab's processes: descriptors that nobody inherits, big things, and the end of the other side."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from netlab.network.lab_channel import (
    DESCRIPTORS,
    Channel,
    Ended,
    Refusal,
    close_all,
    memory_file,
    pair,
    pickled,
    read_memory_file,
    unpickled,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs Linux")


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = pair()
    with ours, theirs:
        yield Channel(ours, "the other side"), Channel(theirs)


def test_no_subprocess_inherits_received_descriptors(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    with open(os.devnull) as file:
        theirs.send({"id": 1}, [file.fileno()] * DESCRIPTORS)
        message, numbers = ours.receive()
    try:
        assert (message, len(numbers)) == ({"id": 1}, DESCRIPTORS)
        assert [each for each in numbers if os.get_inheritable(each)] == []
    finally:
        close_all(numbers)


def test_a_reply_belongs_to_its_request(ends: tuple[Channel, Channel]) -> None:
    """The answer to a question that was interrupted is thrown away, with its descriptors."""
    ours, theirs = ends
    before = len(os.listdir("/proc/self/fd"))
    with open(os.devnull) as file:
        theirs.send({"id": 0, "reply": "ok", "of": "an older question"}, [file.fileno()])
    theirs.send({"id": 1, "reply": "ok", "of": "this one"})
    assert ours.ask("something", colour="blue")[0]["of"] == "this one"
    assert theirs.receive() == ({"id": 1, "do": "something", "colour": "blue"}, [])
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_refusal_names_the_step(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    theirs.send({"id": 1, "reply": "error", "step": "open tun", "errno": 13, "message": "open tun: no"})
    with pytest.raises(Refusal, match="open tun: no") as caught:
        ours.ask("host")
    assert (caught.value.step, caught.value.errno) == ("open tun", 13)


def test_the_end_of_the_other_side_is_noticed(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    waiting = threading.Timer(0.05, theirs.socket.shutdown, [socket.SHUT_RDWR])
    waiting.start()
    with pytest.raises(Ended, match="the other side has ended"):
        ours.ask("anything")
    waiting.join()
    with pytest.raises(Ended, match="the other side has ended"):
        ours.ask("anything")


@pytest.mark.parametrize("asked_before", [True, False])
def test_the_last_words_of_a_process_are_heard(ends: tuple[Channel, Channel], asked_before: bool) -> None:
    """It says what is wrong and ends, without reading what it was sent or before it was sent anything."""
    ours, theirs = ends
    theirs.send({"reply": "error", "step": "unshare user", "errno": 28, "message": "unshare user: no"})
    if asked_before:
        ours.send({"id": 0, "do": "never read"})
    theirs.close()
    with pytest.raises(Refusal, match="unshare user: no"):
        ours.ask("plan")
    with pytest.raises(Ended):
        ours.ask("plan")


def test_big_things_travel_as_memory_files() -> None:
    data = bytes(range(256)) * 4096
    assert read_memory_file(memory_file(data)) == data
    assert unpickled(pickled({"rows": [1, b"two"]})) == {"rows": [1, b"two"]}
