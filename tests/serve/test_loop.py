"""What handlers may ask of the loop for real sockets, one thing at a time."""

import errno
import select
import socket
import threading
import time
from itertools import pairwise

import pytest

from netlab.serve import loop_asks
from netlab.serve.accepting import Entrance
from netlab.serve.connection import (
    LATER,
    Connection,
    DialFailed,
    Gone,
    Late,
    Move,
    Park,
    Receive,
    Send,
    SendFile,
    Take,
)
from netlab.serve.loop import TOGETHER, Loop

pytestmark = pytest.mark.network


def no_names(host, port):
    raise OSError("these tests ask nobody")


def run(handler):
    """Run one handler of a client to its end; gives what it returned or raised by way of a list."""
    loop, found = Loop(no_names), []

    def whole(connection):
        try:
            found.append((yield from handler(connection)))
        except Exception as error:
            found.append(error)

    loop.start(whole, lambda: loop.stop(0))
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    return found[0]


@pytest.fixture
def echo():
    """The address of something that sends back what it gets, and ends when the other side does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(sock):
            with sock:
                while data := sock.recv(65_536):
                    sock.sendall(data)

        def accept():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(sock,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.fixture
def serving():
    """Serves with a handler; gives the address."""
    loops = []

    def serve(handler):
        loop, listener = Loop(no_names), socket.create_server(("127.0.0.1", 0))
        loop.listen(listener, handler)
        thread = threading.Thread(target=loop.run, daemon=True)
        thread.start()
        loops.append((loop, thread))
        return listener.getsockname()

    yield serve
    for loop, thread in loops:
        loop.stop(0)
        thread.join(5)
        assert not thread.is_alive()


def test_together_ends_when_all_have_ended(echo):
    def part(connection, stream, text, said):
        yield from stream.send(text)
        said.append((yield from stream.receive()))

    def handler(connection):
        connection.within(5)
        streams = []
        for _ in range(3):
            streams.append((yield from connection.dial(*echo)))
        said = []
        yield from connection.together(*(part(connection, each, b"%d" % n, said) for n, each in enumerate(streams)))
        return sorted(said)

    assert run(handler) == [b"0", b"1", b"2"]


def test_what_a_part_lets_out_ends_the_others_and_is_thrown(echo):
    ended = []

    def waits(connection, stream):
        try:
            yield from stream.receive()
        finally:
            ended.append("waits")

    def fails(stream):
        yield from stream.send(b"")
        raise KeyError("mine")

    def handler(connection):
        connection.within(5)
        stream = yield from connection.dial(*echo)
        yield from connection.together(waits(connection, stream), fails(stream))

    assert isinstance(run(handler), KeyError) and ended == ["waits"]


def test_the_deadline_ends_all_parts(echo):
    ended = []

    def waits(stream):
        try:
            yield from stream.receive()
        except Late:
            ended.append("late")  # it is the one that waits for the parts who is told
            raise
        finally:
            ended.append("end")

    def handler(connection):
        connection.within(5)
        streams = [(yield from connection.dial(*echo)), (yield from connection.dial(*echo))]
        connection.within(0.05)
        try:
            yield from connection.together(*map(waits, streams))
        except Late:
            connection.within(5)
            yield from streams[0].send(b"still there")
            return (yield from streams[0].receive())

    assert run(handler) == b"still there" and ended == ["end", "end"]


def test_a_part_may_have_no_parts_left_to_wait_for(echo):
    def handler(connection):
        connection.within(5)
        yield from connection.together()
        return "done"

    assert run(handler) == "done"


def test_move_tells_of_every_piece(echo):
    told = []

    def handler(connection):
        connection.within(5)
        first, second = (yield from connection.dial(*echo)), (yield from connection.dial(*echo))
        yield from first.send(b"x" * 100_000)
        moved = yield Move(first.stream, second.stream, 100_000, told.append)
        back = b""
        while len(back) < moved:
            back += yield Receive(65_536, second.stream)
        yield from first.half_close()
        return moved, (yield Move(first.stream, second.stream, 5)), back

    assert run(handler) == (100_000, 0, b"x" * 100_000) and sum(told) == 100_000


def test_gone_says_which_stream(echo):
    def handler(connection):
        connection.within(5)
        stream = yield from connection.dial(*echo)
        stream.stream.socket.shutdown(socket.SHUT_WR)
        try:
            yield Send(b"x", False, stream.stream)
        except Gone as gone:
            return gone.stream is stream.stream

    assert run(handler) is True


def test_what_is_parked_is_taken_by_its_key_and_not_when_it_is_closed(echo):
    def handler(connection):
        connection.within(5)
        stream = yield from connection.dial(*echo)
        yield Park(stream.stream, "key")
        none, same = (yield Take("other")), (yield Take("key", True))
        again = yield Take("key")
        yield Park(same, "key")
        same.socket.shutdown(socket.SHUT_WR)  # the echo closes, too
        other = yield from connection.dial(*echo)
        yield from other.send(b"x")
        yield from other.receive()
        return none, same is stream.stream, again, (yield Take("key", True))

    none, same, again, closed = run(handler)
    assert (none, same, again, closed) == (None, True, None, None)


def test_names_that_do_not_exist_and_ports_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def handler(connection):
        connection.within(5)
        kinds = []
        for host in ("127.0.0.1", "a.test"):
            try:
                yield from connection.dial(host, port)
            except DialFailed as failed:
                kinds.append(failed.kind)
        return kinds

    assert run(handler) == ["connection_refused", "dns_error"]


def test_many_answers_of_one_round_all_leave(serving):
    """More than leave together, asked for while the loop was busy elsewhere; each client gets its own."""

    def handler(connection):
        while data := (yield LATER):
            if data == b"wait":
                time.sleep(0.3)  # so that all others are there in the next round
            yield b"<" + data + b">"

    address = serving(handler)
    socks = [socket.create_connection(address, 10) for _ in range(3 * TOGETHER + 1)]
    try:
        for round_ in range(3):
            socks[0].sendall(b"wait")
            time.sleep(0.05)
            for number, sock in enumerate(socks[1:]):
                sock.sendall(b"%d.%d" % (round_, number))
            assert socks[0].recv(100) == b"<wait>"
            for number, sock in enumerate(socks[1:]):
                assert sock.recv(100) == b"<%d.%d>" % (round_, number)
    finally:
        for sock in socks:
            sock.close()


def test_an_answer_that_is_ready_while_answers_leave_does_not_wait_for_another_event(serving):
    """The second request is there already when the first answer has left; nothing else will ever happen."""

    def handler(connection):
        first = yield Receive(1)
        yield b"first " + first
        second = yield Receive(1)
        yield b", then " + second
        yield LATER

    with socket.create_connection(serving(handler), 10) as sock:
        sock.sendall(b"ab")
        answer = b""
        while len(answer) < len(b"first a, then b"):
            answer += sock.recv(100)
        assert answer == b"first a, then b"


def test_no_answer_waits_for_the_slow_handlers_of_others(serving):
    """When the third handler runs, the first answer has left long ago: each takes longer than answers are held."""
    socks, seen, ended = [], [], threading.Event()

    def handler(connection):
        data = yield LATER
        if data == b"wait":
            time.sleep(0.2)  # so that all others are there in the next round
        else:
            time.sleep(0.005)
            seen.append(len(select.select(socks, [], [], 0)[0]))
        if len(seen) == 8:
            ended.set()
        yield b"answer"
        yield LATER

    address = serving(handler)
    first = socket.create_connection(address, 10)
    socks += [socket.create_connection(address, 10) for _ in range(8)]
    try:
        first.sendall(b"wait")
        time.sleep(0.05)
        for sock in socks:
            sock.sendall(b"go")
        assert ended.wait(10)
        for sock in (first, *socks):
            assert sock.recv(100) == b"answer"
    finally:
        for sock in (first, *socks):
            sock.close()
    assert seen == list(range(8))


def test_files_go_out_slice_by_slice_in_turn(serving, tmp_path, monkeypatch):
    """Neither of two downloads sends two slices while the other could send one."""
    turns, send_slice = [], loop_asks.WAYS[SendFile]

    def noted(loop, peer, wanted):
        turns.append(wanted.descriptor)
        return send_slice(loop, peer, wanted)

    monkeypatch.setattr(loop_asks, "SLICE", 1_000)
    monkeypatch.setitem(loop_asks.WAYS, SendFile, noted)
    (tmp_path / "file").write_bytes(bytes(20_000))

    def handler(connection):
        if (yield LATER) == b"wait":
            time.sleep(0.2)
            return
        with open(tmp_path / "file", "rb") as file:
            assert (yield SendFile(file.fileno(), 0, 20_000)) == 20_000

    address = serving(handler)
    with (
        socket.create_connection(address, 10) as first,
        socket.create_connection(address, 10) as one,
        socket.create_connection(address, 10) as other,
    ):
        first.sendall(b"wait")
        time.sleep(0.05)
        one.sendall(b"go")
        other.sendall(b"go")
        for sock in (one, other):
            assert len(b"".join(iter(lambda sock=sock: sock.recv(65_536), b""))) == 20_000
    assert len(set(turns)) == 2 and len(turns) == 40
    assert all(before != after for before, after in pairwise(turns))


def test_who_asked_in_time_is_answered_even_if_the_loop_was_busy_elsewhere(serving):
    def handler(connection):
        connection.within(0.2)
        data = yield LATER
        if data == b"busy":
            time.sleep(0.4)
        connection.within(10)
        yield b"answer"

    address = serving(handler)
    with socket.create_connection(address, 10) as one, socket.create_connection(address, 10) as other:
        one.sendall(b"busy")
        time.sleep(0.05)
        other.sendall(b"in time")
        assert other.recv(100) == b"answer"


def test_a_handler_that_wants_to_end_python_ends_only_itself(serving):
    def handler(connection):
        if (yield LATER) == b"exit":
            raise SystemExit(1)
        yield b"answer"

    address = serving(handler)
    with socket.create_connection(address, 10) as one, socket.create_connection(address, 10) as other:
        one.sendall(b"exit")
        assert one.recv(100) == b""
        other.sendall(b"hello")
        assert other.recv(100) == b"answer"


class OutOfDescriptors:
    """A listening socket of a process that has no descriptors left, until it is told that there are."""

    def __init__(self):
        self.left, self.asked = 0, 0
        self.waiting = [socket.socketpair()[1]]

    def setblocking(self, flag):
        pass

    def accept(self):
        self.asked += 1
        if not self.waiting:
            raise BlockingIOError
        if not self.left:
            raise OSError(errno.EMFILE, "Too many open files")
        return self.waiting.pop(), ("127.0.0.1", 1)


class Entered:
    """What an entrance needs of a loop, and of its sockets."""

    stopping, open_connections = False, 0

    def __init__(self, listener, idle):
        self.listener, self.idle, self.entered, self.later, self.watched = listener, idle, [], [], False
        self.sockets = self

    def listen(self, listener, accept):
        self.watched = True

    def listen_no_more(self, listener):
        self.watched = False

    def now(self):
        return 0

    def at(self, when, do):
        self.later.append(do)

    def close_an_idle_one(self):
        if self.idle:
            self.idle -= 1
            self.listener.left += 1
            return True
        return False

    def new_connection(self, client, server):
        return Connection(self, 1, client, server)

    def enter(self, peer):
        self.entered.append(peer)


@pytest.mark.parametrize("idle", [1, 0])
def test_without_descriptors_an_idle_connection_is_closed_or_nobody_accepted_for_a_moment(idle):
    listener = OutOfDescriptors()
    loop = Entered(listener, idle)
    entrance = Entrance(loop, 10, 0, None)
    entrance.add(listener, lambda connection: iter(()))
    entrance.open()
    entrance.accept(listener, lambda connection: iter(()))
    if idle:
        assert len(loop.entered) == 1 and loop.watched
        assert loop.entered[0].socket.close() is None
        return
    assert not loop.entered and not loop.watched and listener.asked == 1
    listener.left = 1
    loop.later[0]()
    assert loop.watched
    listener.waiting.pop().close()
