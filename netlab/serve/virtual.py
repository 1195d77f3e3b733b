"""The driver for hosts of a virtual world: the same handlers as on real sockets, on the world's own TCP and clock.

The strategy:

1. Nothing runs by itself. Whoever drives the world (a virtual network, or the lab's engine process on a real clock)
   lets the engine advance; TCP then tells that something has changed, and the handler that waits for it is put on the
   engine's list of events for this very moment. So handlers never call each other, and equal times keep their order.
2. A handler takes no time. What a real one would take is said by the host's `Cpu` (``cpu.py``): a connection may have
   to wait for a worker, and a request for the processor.
3. Deadlines are events, too. One that was moved meanwhile is looked at again when it comes up.
4. Names are found in the world at once: it has no name servers that could take time.

What a handler may ask for is in ``connection.py``, how it is done in ``virtual_asks.py``.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from netlab.internet import tcp
from netlab.internet.engine import Engine
from netlab.serve.connection import Accept, Connection, DialFailed, Gone, Key, Late, Turn
from netlab.serve.cpu import Cpu
from netlab.serve.dialing import Resolve
from netlab.serve.pool import IDLE_TIME, Pool
from netlab.serve.pool import MOST as POOLED
from netlab.serve.virtual_asks import WAIT, Line, Peer, Task, give_up, nothing, text_of, try_for

TURN = 16
"""Steps of one handler before the others have theirs."""
MOST = 10_000
"""Connections at once."""
QUICK = tcp.Options(nagle=False, receive_buffer=1 << 20)
"""As the loop for real sockets has it: what a handler sends leaves at once. With room for four times as much as the
other side may have on its way, it is never the receiver that holds the sender back."""

ReadFile = Callable[[int, int, int], bytes]
"""Descriptor, bytes, offset."""


def read_file(descriptor: int, size: int, offset: int) -> bytes:
    return os.pread(descriptor, size, offset)


class VirtualLoop:
    """See the module.

    Parameters
    ----------
    engine, node
        The world that runs, and which of its hosts this is.
    resolve
        Finds the addresses of a name.
    cpu
        What the host can do; None: anything in no time.
    options
        Of TCP, for what comes in and for what is dialled.
    most, per_client
        Connections at once, in all and from one address; 0: `MOST`, and any number.
    pool
        Idle connections that are kept to one origin, and for how many ns.
    """

    def __init__(
        self,
        engine: Engine,
        node: str,
        resolve: Resolve,
        *,
        cpu: Cpu | None = None,
        options: tcp.Options = QUICK,
        most: int = 0,
        per_client: int = 0,
        read: ReadFile = read_file,
        pool: tuple[int, int] = (POOLED, IDLE_TIME),
    ) -> None:
        self.engine, self.tcp = engine, tcp.host(engine.machine(node))
        self.resolve, self.read, self.options = resolve, read, options
        self._most, self._per_client = most, per_client
        self.cpu, self._works = cpu or Cpu(), cpu is not None
        self._listener: tcp.Listener | None = None
        self._accept: Accept | None = None
        self._ready: deque[int] = deque()
        """When the connections in the accept queue came there."""
        self._inside: deque[tuple[tcp.Stream, int]] = deque()
        """Accepted connections that wait for a worker, and since when."""
        self._peers: dict[Peer, None] = {}
        self._from: Counter[str] = Counter()
        """How many connections each address has."""
        self.parked: Pool[Line] = Pool(*pool)
        self._pool_at: int | None = None
        self.dialled: list[tcp.Stream] = []
        """By clients."""
        self._count = self._told_full = 0
        self._stopping = False
        self.on_fault: Callable[[Connection, Exception], None] = _ignore
        """Told of an exception that a handler let out; its connection is closed already."""

    def now(self) -> int:
        """World time, ns."""
        return self.engine.now

    @property
    def open_connections(self) -> int:
        return len(self._peers) + len(self._inside)

    # -- from outside -----------------------------------------------------------------------------------------------

    def listen(self, port: int, accept: Accept, backlog: int = 128) -> int:
        """Serve what comes in at a port, 0: a free one; gives the port. ``backlog``: how many may wait to be accepted.

        Raises AddressInUse.
        """
        self._listener = self.tcp.listen(port, self._one_more, backlog, self.options)
        self._accept = accept
        return self._listener.port

    def start(self, begin: Accept, on_end: Callable[[], None] | None = None) -> None:
        """Run a handler that nobody has connected to: a client, which dials."""
        if self._stopping:
            return
        self._count += 1
        peer = Peer(Connection(self, self._count, "", ""), None)
        peer.on_end = on_end
        self._run(peer, begin)

    def stop(self, grace: float = 0.0) -> None:
        """Accept nobody; let answers be finished for ``grace`` seconds of world time, then close."""
        if not self._stopping:
            self._stopping = True
            if self._listener is not None:
                self._listener.close()
            for line in self.parked.clear():
                line.close()
            while self._inside:
                self._inside.popleft()[0].reset()
            for peer in list(self._peers):
                peer.connection.stopping = True
                if peer.connection.idle:
                    self._close(peer)
        if grace > 0:
            self.engine.at(self.engine.now + int(grace * 1e9), self._close_all)
        else:
            self._close_all()

    def close_well(self, limit: int) -> None:
        """Let time pass, at most ``limit`` ns, until what clients have dialled is closed on both sides."""
        engine, began = self.engine, self.engine.now
        while any(stream.state not in ("TIME-WAIT", "CLOSED") for stream in self.dialled):
            due = engine.next_event()
            if due is None or due > began + limit:
                return
            engine.advance(due)
        engine.advance(2 * engine.now - began)  # so that the last acknowledgement arrives

    def _close_all(self) -> None:
        for peer in list(self._peers):
            self._close(peer)

    # -- accepting --------------------------------------------------------------------------------------------------

    def _one_more(self) -> None:
        """A connection is complete, and waits in the accept queue."""
        assert self._listener is not None
        while len(self._ready) < self._listener.waiting:
            self._ready.append(self.engine.now)
        self._let_in()

    def _let_in(self) -> None:
        """Give those who wait a worker, as far as there are any.

        Without a limit on connections they wait in TCP's accept queue. With one they are accepted at once, so that
        those who are too many can be told.
        """
        listener = self._listener
        if listener is None or self._stopping:
            return
        while self._inside and self.cpu.has_worker:
            stream, since = self._inside.popleft()
            self._open(stream, self.engine.now - since)
        while self._most or self.cpu.has_worker:
            new = listener.accept()
            if new is None:
                break
            since = self._ready.popleft() if self._ready else self.engine.now
            full = self._is_full(new.remote[0])
            if full or self.cpu.has_worker:
                self._open(new, self.engine.now - since, full)
            else:
                self._inside.append((new, since))
        self.note()

    def _is_full(self, client: str) -> bool:
        """Whether a new connection is one too many, even after an idle one has been closed for it."""
        if self._per_client and self._from[client] >= self._per_client:
            return True
        if self.open_connections < (self._most or MOST):
            return False
        idle = next((peer for peer in self._peers if peer.connection.idle), None)
        if idle is not None:
            self._close(idle)
        return idle is None

    def _open(self, stream: tcp.Stream, waited: int, full: bool = False) -> None:
        assert self._accept is not None
        self._count += 1
        connection = Connection(self, self._count, text_of(stream.remote), text_of(stream.local))
        connection.full, connection.works, connection.waited = full, self._works, waited
        peer = Peer(connection, stream)
        stream.on_change = lambda: self.wake(peer)
        if full:
            self._told_full += 1
        else:
            self.cpu.served += 1
        self._run(peer, self._accept)

    def _run(self, peer: Peer, begin: Accept) -> None:
        self._peers[peer] = None
        self._from[peer.address] += 1
        peer.task = Task(peer, begin(peer.connection))
        self.soon(peer.task)

    def note(self) -> None:
        """Remember how busy the host is now."""
        if self._works:
            waiting, refused = len(self._inside), self._told_full
            if self._listener is not None:
                waiting, refused = waiting + self._listener.waiting, refused + self._listener.refused
            self.cpu.note(self.engine.now, waiting, refused)

    # -- handlers ---------------------------------------------------------------------------------------------------

    def wake(self, peer: Peer) -> None:
        """Something has happened on one of a connection's streams."""
        if not peer.closed:
            for task in peer.task.children or (peer.task,):
                self.soon(task)

    def soon(self, task: Task) -> None:
        """Look at a handler again, at this very moment but after what is on the list for it already."""
        if not (task.on_list or task.ended):
            task.on_list = True
            self.engine.at(self.engine.now, lambda: self._step(task))

    def _step(self, task: Task) -> None:
        """Go on with a handler until it has to wait, or has had its turn."""
        task.on_list = False
        if task.ended or (task.wanted is None and not self._go_on(task)):
            return
        for _ in range(TURN):
            try:
                result = try_for(self, task, task.wanted)
            except (DialFailed, Gone) as failure:
                self._throw(task, failure)
                return
            if result is WAIT:
                self._keep_deadline(task.peer)
                return
            if not self._go_on(task, result):
                return
            if type(task.wanted) is Turn:
                break
        self._keep_deadline(task.peer)
        self.soon(task)

    def _go_on(self, task: Task, value: Any = None, error: Exception | None = None) -> bool:
        """Let the handler run until it waits again; False: it has ended."""
        task.state, task.done = None, 0
        try:
            task.wanted = task.handler.throw(error) if error is not None else task.handler.send(value)
            return True
        except StopIteration:
            self._end(task, None)
        except Exception as fault:
            self._end(task, fault)
        return False

    def _end(self, task: Task, fault: Exception | None) -> None:
        """A handler has ended; ``fault``: what it let out."""
        task.ended = True
        parent, peer = task.parent, task.peer
        if parent is None:
            self._close(peer)
            if fault is not None and not isinstance(fault, (Late, Gone, DialFailed)):
                self.on_fault(peer.connection, fault)
            return
        parent.children.remove(task)
        if fault is not None:
            self._throw(parent, fault)
        elif not parent.children:
            self.soon(parent)

    def _throw(self, task: Task, error: Exception) -> None:
        """Wake a handler with an exception instead of what it waits for."""
        give_up(self, task)
        if self._go_on(task, error=error):
            self._keep_deadline(task.peer)
            self.soon(task)

    # -- streams that are kept for others -----------------------------------------------------------------------------

    def keep(self, line: Line, key: Key) -> None:
        if not self.parked.most:
            line.close()
            return
        line.stream.on_change = lambda: self._drop(line)
        self.parked.put(key, line, self.engine.now)
        self._watch_pool()

    def _drop(self, line: Line) -> None:
        """The other side of a kept stream says something: nobody waits for that, and it cannot be used again."""
        if line in self.parked:
            self.parked.drop(line)
            line.close()

    def _watch_pool(self) -> None:
        at = self.parked.next_at
        if at is not None and (self._pool_at is None or at < self._pool_at):
            self._pool_at = at
            self.engine.at(max(at, self.engine.now), self._look_at_pool)

    def _look_at_pool(self) -> None:
        self._pool_at = None
        for line in self.parked.expired(self.engine.now):
            line.close()
        self._watch_pool()

    # -- deadlines and ends -----------------------------------------------------------------------------------------

    def _keep_deadline(self, peer: Peer) -> None:
        deadline = peer.connection.deadline
        if deadline is not None and not peer.closed and (peer.timer_at is None or deadline < peer.timer_at):
            peer.timer_at = deadline
            self.engine.at(max(deadline, self.engine.now), lambda: self._expire(peer, deadline))

    def _expire(self, peer: Peer, at: int) -> None:
        if peer.closed or peer.timer_at != at:
            return
        peer.timer_at = None
        deadline = peer.connection.deadline
        if deadline is not None and deadline <= self.engine.now:
            peer.connection.deadline = None
            self._throw(peer.task, Late())
        else:
            self._keep_deadline(peer)

    def _close(self, peer: Peer) -> None:
        if peer.closed:
            return
        peer.closed = peer.task.ended = True
        del self._peers[peer]
        self._from[peer.address] -= 1
        if not self._from[peer.address]:
            del self._from[peer.address]
        give_up(self, peer.task)
        peer.task.handler.close()
        for line in (*peer.opened, *([peer.line] if peer.line else [])):
            line.stream.on_change = nothing
            line.close()
        if peer.line is not None and not peer.connection.full:
            self.cpu.served -= 1
            self.engine.at(self.engine.now, self._let_in)
        if peer.on_end is not None:
            peer.on_end()


def _ignore(connection: Connection, fault: Exception) -> None:
    """Nobody asked to be told."""
