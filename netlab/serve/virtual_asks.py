"""What handlers ask of a virtual host, one function each: its answer, or `WAIT` while that is not there yet.

A `Task` is a handler and what it waits for; a `Peer` is a connection with one task, and with more while that one runs
some side by side; a `Line` is a TCP stream as a handler knows it. Whoever got `WAIT` is asked again when anything has
changed, so each function begins by looking how far things have come: ``task.state`` and ``task.done`` say so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netlab.errors import NetworkError, UsageError
from netlab.internet import tcp
from netlab.serve.connection import (
    Connection,
    Dial,
    DialFailed,
    Gone,
    HalfClose,
    Handler,
    HangUp,
    LookUp,
    Move,
    Park,
    Receive,
    Send,
    SendFile,
    Take,
    Together,
    Turn,
    Work,
)

if TYPE_CHECKING:
    from netlab.serve.virtual import VirtualLoop

SLICE = 64 * 1024
"""Bytes that are read of a file at once."""
KINDS = {
    "refused": "connection_refused",
    "reset": "connection_refused",
    "timeout": "connection_timeout",
    "unreachable": "destination_ip_unroutable",
}
"""How a connection fails, in the words of RFC 9209 section 2.3."""
WAIT = object()


class Line:
    """A TCP stream, and what is to be sent over it."""

    __slots__ = ("out", "stream")

    def __init__(self, stream: tcp.Stream) -> None:
        self.stream = stream
        self.out = b""
        """What TCP has not taken yet."""

    @property
    def local(self) -> str:
        """Our address and port."""
        return text_of(self.stream.local)

    def flush(self) -> int:
        """Hand over as much as TCP takes; gives how many bytes that was."""
        taken = 0
        while self.out:
            now = self.stream.send(self.out)
            if not now:
                break
            self.out, taken = self.out[now:], taken + now
        return taken

    def close(self) -> None:
        try:
            self.flush()
            self.stream.close()
        except tcp.Reset:
            pass


class Task:
    """A handler, and what it waits for."""

    __slots__ = ("children", "done", "ended", "handler", "on_list", "parent", "peer", "state", "wanted")

    def __init__(self, peer: Peer, handler: Handler, parent: Task | None = None) -> None:
        self.peer, self.handler, self.parent = peer, handler, parent
        self.wanted: Any = None
        self.state: Any = None
        """How far what it waits for has come; None: it has not begun."""
        self.done = 0
        """Bytes of it that are done."""
        self.children: list[Task] = []
        self.ended = self.on_list = False


class Peer:
    """A connection, and its handler."""

    __slots__ = ("address", "closed", "connection", "line", "on_end", "opened", "task", "timer_at")

    def __init__(self, connection: Connection, stream: tcp.Stream | None) -> None:
        self.connection = connection
        self.line = Line(stream) if stream is not None else None
        """None: a client, which only has what it dials."""
        self.address = stream.remote[0] if stream is not None else ""
        self.opened: dict[Line, None] = {}
        """What its handler dialled, in this order."""
        self.closed = False
        self.on_end: Callable[[], None] | None = None
        self.timer_at: int | None = None
        self.task: Task

    def put_off(self, now: int) -> None:
        """The other side has taken something: it has so much time again."""
        if self.connection.write_patience is not None:
            self.connection.deadline = now + self.connection.write_patience

    def flush(self, line: Line, now: int) -> None:
        if line.flush() and line.out:
            self.put_off(now)


class Dialing:
    """An attempt to connect to one address after the other."""

    __slots__ = ("fault", "left", "stream", "tell")

    def __init__(self, wanted: Dial) -> None:
        self.left, self.tell = deque(wanted.addresses), wanted.tell
        self.stream: tcp.Stream | None = None
        self.fault = DialFailed("dns_error", "there is no address")


def try_for(loop: VirtualLoop, task: Task, wanted: Any) -> Any:
    """Do what a handler waits for. Raises Gone and DialFailed, which are for the handler."""
    return ASKS[type(wanted)](loop, task, wanted)


def _line(task: Task, stream: Any) -> Line:
    """The stream that is meant."""
    line = stream if stream is not None else task.peer.line
    assert isinstance(line, Line)
    return line


def _gone(task: Task, line: Line) -> Gone:
    gone = Gone()
    gone.stream = None if line is task.peer.line else line
    return gone


# -- bytes ----------------------------------------------------------------------------------------------------------


def receive(loop: VirtualLoop, task: Task, wanted: Receive) -> Any:
    if wanted.stream is None and task.peer.line is None:
        return WAIT  # a client has no connection of its own: this is how it waits for its deadline
    line = _line(task, wanted.stream)
    try:
        line.flush()
        data = line.stream.receive(wanted.limit)
    except tcp.Reset:
        raise _gone(task, line) from None
    return WAIT if data is None else data


def send_bytes(loop: VirtualLoop, task: Task, wanted: bytes) -> Any:
    return send(loop, task, Send(wanted))


def send(loop: VirtualLoop, task: Task, wanted: Send) -> Any:
    line = _line(task, wanted.stream)
    if task.state is None:
        task.state = "begun"
        line.out += wanted.data
        if wanted.more and len(line.out) <= SLICE:
            return True  # it leaves with what follows
    return _flushed(loop, task, line)


def send_file(loop: VirtualLoop, task: Task, wanted: SendFile) -> Any:
    """The head that was kept leaves with the first piece of the file, so that its segment is a full one."""
    line = _line(task, None)
    while not (task.done and _flushed(loop, task, line) is WAIT):
        left = min(wanted.length - task.done, SLICE)
        piece = loop.read(wanted.descriptor, left, wanted.offset + task.done) if left > 0 else b""
        if not piece:
            return WAIT if _flushed(loop, task, line) is WAIT else task.done
        line.out += piece
        task.done += len(piece)
    return WAIT


def half_close(loop: VirtualLoop, task: Task, wanted: HalfClose) -> Any:
    line = _line(task, wanted.stream)
    if _flushed(loop, task, line) is WAIT:
        return WAIT
    line.stream.half_close()
    return True


def _flushed(loop: VirtualLoop, task: Task, line: Line) -> Any:
    """Hand what is to be sent over to TCP, as far as it takes it."""
    try:
        task.peer.flush(line, loop.now())
    except tcp.Reset:
        raise _gone(task, line) from None
    return WAIT if line.out else True


def move(loop: VirtualLoop, task: Task, wanted: Move) -> Any:
    """Receive and send, until so much is moved or the source has ended."""
    source, sink = _line(task, wanted.source), _line(task, wanted.sink)
    while True:
        before = len(sink.out)
        waits = _flushed(loop, task, sink) is WAIT
        if wanted.tell is not None and before > len(sink.out):
            wanted.tell(before - len(sink.out))
        if waits:
            _tell_who(wanted, True)
            return WAIT
        if task.state == "ended" or task.done >= wanted.limit:
            return task.done
        try:
            data = source.stream.receive(min(wanted.limit - task.done, SLICE))
        except tcp.Reset:
            raise _gone(task, source) from None
        if data is None:
            _tell_who(wanted, False)
            return WAIT
        if not data:
            task.state = "ended"
            continue
        sink.out, task.done = data, task.done + len(data)
        task.peer.put_off(loop.now())


def _tell_who(wanted: Move, full: bool) -> None:
    if wanted.waits is not None:
        wanted.waits(full)


# -- connections ----------------------------------------------------------------------------------------------------


def look_up(loop: VirtualLoop, task: Task, wanted: LookUp) -> Any:
    try:
        found = loop.resolve(wanted.host, wanted.port)
    except OSError:  # NameNotFound is one
        found = []
    if not found:
        raise DialFailed("dns_error", f"there is no address for {wanted.host}")
    return found


def dial(loop: VirtualLoop, task: Task, wanted: Dial) -> Any:
    """Connect to one address after the other, as long as the deadline allows."""
    if task.state is None:
        task.state = Dialing(wanted)
    dialing: Dialing = task.state
    while True:
        stream = dialing.stream
        if stream is None:
            if not dialing.left:
                raise dialing.fault
            address, port = dialing.left.popleft()[1][:2]
            if dialing.tell is not None:
                dialing.tell(address)
            try:
                dialing.stream = loop.tcp.connect(address, port, lambda: loop.soon(task), loop.options)
            except (NetworkError, UsageError) as failure:
                dialing.fault = DialFailed("destination_ip_unroutable", str(failure))
        elif stream.failed:
            text = f"{stream.remote[0]} port {stream.remote[1]}: {stream.failed}"
            dialing.fault = DialFailed(KINDS.get(stream.failed, "connection_refused"), text)
            dialing.stream = None
        elif stream.established:
            if task.peer.line is None:
                loop.dialled.append(stream)
            return adopt(loop, task.peer, Line(stream)), stream.remote[0]
        else:
            return WAIT


def adopt(loop: VirtualLoop, peer: Peer, line: Line) -> Line:
    """A stream belongs to this connection from now on."""
    line.stream.on_change = lambda: loop.wake(peer)
    peer.opened[line] = None
    return line


def hang_up(loop: VirtualLoop, task: Task, wanted: HangUp) -> Any:
    task.peer.opened.pop(wanted.stream, None)
    wanted.stream.close()
    return True


def park(loop: VirtualLoop, task: Task, wanted: Park) -> Any:
    line: Line = wanted.stream
    task.peer.opened.pop(line, None)
    loop.keep(line, wanted.key)
    return True


def take(loop: VirtualLoop, task: Task, wanted: Take) -> Any:
    while (line := loop.parked.take(wanted.key)) is not None:
        if line.stream.state == "ESTABLISHED":  # else the other side has closed it at this very moment
            return adopt(loop, task.peer, line)
        line.close()
    return None


# -- the rest -------------------------------------------------------------------------------------------------------


def together(loop: VirtualLoop, task: Task, wanted: Together) -> Any:
    if task.state is None:
        task.state = "begun"
        task.children = [Task(task.peer, handler, task) for handler in wanted.handlers]
        for child in task.children:
            loop.soon(child)
    return WAIT if task.children else True


def turn(loop: VirtualLoop, task: Task, wanted: Turn) -> Any:
    return True


def work(loop: VirtualLoop, task: Task, wanted: Work) -> Any:
    """The processor works on it, at once or when it is free; its state becomes the ns that this was waited for."""
    if task.state is None:
        if loop.cpu.has_processor:
            begin_work(loop, task, wanted.target, loop.now())
        else:
            task.state = "waits"
            loop.cpu.requests.append((task, wanted.target, loop.now()))
        loop.note()
    return task.state if type(task.state) is int else WAIT


def begin_work(loop: VirtualLoop, task: Task, target: str, since: int) -> None:
    cpu, waited = loop.cpu, loop.now() - since
    until = loop.now() + cpu.service(target)
    cpu.working += 1
    task.state = "works"

    def done() -> None:
        cpu.working -= 1
        if task.wanted is not None and task.state == "works":
            task.state = waited
            loop.soon(task)
        if cpu.requests and cpu.has_processor:
            begin_work(loop, *cpu.requests.popleft())
        loop.note()

    loop.engine.at(until, done)


def give_up(loop: VirtualLoop, task: Task) -> None:
    """Nobody waits any more for what this handler has begun."""
    for child in task.children:
        child.ended = True
        give_up(loop, child)
        child.handler.close()
    task.children = []
    if isinstance(task.state, Dialing) and task.state.stream is not None:
        task.state.stream.on_change = nothing
        task.state.stream.reset()
    elif task.state == "waits":
        loop.cpu.requests = deque(each for each in loop.cpu.requests if each[0] is not task)
    task.state = None


ASKS: dict[type, Callable[[VirtualLoop, Task, Any], Any]] = {
    bytes: send_bytes,
    Receive: receive,
    Send: send,
    SendFile: send_file,
    HalfClose: half_close,
    HangUp: hang_up,
    Turn: turn,
    LookUp: look_up,
    Dial: dial,
    Together: together,
    Move: move,
    Park: park,
    Take: take,
    Work: work,
}


def nothing() -> None:
    """Nobody waits any more."""


def text_of(address: tuple[str, int]) -> str:
    """``192.0.2.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
