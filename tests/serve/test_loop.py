"""What handlers may ask of the loop for real sockets, one thing at a time."""

import socket
import threading
import time

import pytest

from netlab.serve.connection import LATER, DialFailed, Gone, Late, Move, Park, Receive, Send, Take
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
