"""Bytes from one socket to another, with the kernel's pipe and without: the same, to the byte."""

import os
import socket
import ssl

import pytest

from netlab.serve.moving import KEPT, Copying, Pipes, Splicing, moving

pytestmark = pytest.mark.network


@pytest.fixture(params=["splice", "no pipes left", "copy"])
def make(request, monkeypatch):
    if request.param != "copy" and not hasattr(os, "splice"):
        pytest.skip("needs os.splice: Linux")
    monkeypatch.setattr("netlab.serve.moving.CAN_SPLICE", request.param != "copy")
    pipes = Pipes()
    if request.param == "no pipes left":
        monkeypatch.setattr(Pipes, "take", lambda self: None)
    yield lambda source, sink, limit: moving(source, sink, limit, pipes)
    pipes.close()


@pytest.fixture
def pairs():
    pairs = [socket.socketpair() for _ in range(2)]
    for pair in pairs:
        for sock in pair:
            sock.setblocking(False)
    yield pairs[0][0], pairs[0][1], pairs[1][0], pairs[1][1]
    for pair in pairs:
        for sock in pair:
            sock.close()


def received(sock):
    data = b""
    try:
        while piece := sock.recv(65_536):
            data += piece
    except BlockingIOError:
        pass
    return data


def go(work):
    """Go on until it is over or has to wait; gives over, and whether it waits for room."""
    try:
        while not work.go():
            pass
    except BlockingIOError:
        return False, work.full
    return True, False


def test_all_of_it_until_the_source_ends(make, pairs):
    writer, source, sink, reader = pairs
    work = make(source, sink, 1 << 40)
    assert go(work) == (False, False) and work.moved == 0
    writer.sendall(b"hello, ")
    assert go(work) == (False, False)
    writer.sendall(b"world")
    writer.shutdown(socket.SHUT_WR)
    assert go(work) == (True, False) and work.moved == 12 and received(reader) == b"hello, world"


def test_never_more_than_the_limit(make, pairs):
    writer, source, sink, reader = pairs
    writer.sendall(b"one message, and the next")
    work = make(source, sink, 11)
    assert go(work) == (True, False) and work.moved == 11
    assert received(reader) == b"one message" and received(source) == b", and the next"


def test_nothing_at_all(make, pairs):
    _, source, sink, reader = pairs
    assert go(make(source, sink, 0)) == (True, False) and received(reader) == b""


def test_a_full_sink_holds_the_source_back_and_nothing_is_lost(make, pairs):
    writer, source, sink, reader = pairs
    data, sent, back = os.urandom(3_000_000), 0, b""
    work = make(source, sink, len(data))
    while True:
        try:
            sent += writer.send(data[sent : sent + 65_536])
        except BlockingIOError:
            over, full = go(work)
            if full:
                break
    taken_without_a_reader = work.moved
    assert not over and taken_without_a_reader < sent <= taken_without_a_reader + 2_000_000
    while not over:
        back += received(reader)
        try:
            sent += writer.send(data[sent : sent + 65_536])
        except BlockingIOError:
            pass
        over, _ = go(work)
    assert back + received(reader) == data and work.moved == len(data)


def test_a_sink_that_is_gone_is_an_error(make, pairs):
    writer, source, sink, reader = pairs
    reader.close()
    writer.sendall(b"x")
    with pytest.raises(OSError):
        go(make(source, sink, 10))


@pytest.mark.skipif(not hasattr(os, "splice"), reason="needs os.splice: Linux")
def test_a_pipe_is_held_only_while_bytes_are_on_their_way(pairs):
    writer, source, sink, _ = pairs
    pipes = Pipes()
    before = len(os.listdir("/proc/self/fd"))
    work = Splicing(source, sink, 100, pipes)
    assert go(work) == (False, False) and len(pipes._free) == 1  # it has been given back
    writer.sendall(b"x")
    assert go(work) == (False, False) and len(pipes._free) == 1
    work.close()
    pipes.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_so_many_empty_pipes_are_kept_and_none_with_bytes():
    pipes = Pipes()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    taken = [pipes.take() for _ in range(KEPT + 3)]
    for pipe in taken:
        pipes.give(pipe, empty=True)
    assert len(pipes._free) == KEPT
    pipe = pipes.take()
    pipes.give(pipe, empty=False)
    assert len(pipes._free) == KEPT - 1
    pipes.close()
    assert before is None or len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("place", [0, 1])
def test_tls_is_copied(pairs, place):
    ends = [pairs[0], pairs[3]]
    ends[place] = ssl.SSLSocket.__new__(ssl.SSLSocket)
    assert isinstance(moving(*ends, 1, Pipes()), Copying)
