"""One thread, one selector, a generator per connection: the driver for real sockets.

The strategy:

1. Every connection has a handler (see ``connection.py``) that waits for one thing at a time. The loop asks the selector
   who can go on, does that one system call, and lets the handler run until it waits again.
2. What can be done at once is done at once: only a call that would block goes to the selector.
3. A socket stays registered with the selector (see ``watching.py``).
4. Answers of a round leave together, `TOGETHER` at most: a client's process is then woken once, not by each of them.
   None waits longer than `HELD` for the others.
5. *Fair*: a connection gets `TURN` such steps in a row, or sends one slice of a file; then it stands in line again.
6. *Bounded*: when there are too many connections, the oldest idle one is closed for a new one, and if none is idle the
   new one is told so.
7. *Deadlines are absolute*. A peer that sends a byte now and then moves none. Setting one costs nothing (see
   ``deadlines.py``).
8. Nothing here sleeps or blocks; what other threads want comes in as `Orders`.

An exception in a handler ends that connection and nothing else.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from netlab.errors import RemoteProtocolError
from netlab.serve.accepting import Entrance
from netlab.serve.connection import (
    LATER,
    Accept,
    Connection,
    DialFailed,
    Gone,
    Handler,
    Late,
    Receive,
    SendFile,
    Turn,
)
from netlab.serve.deadlines import Deadlines
from netlab.serve.dialing import LookUps, OpenSocket, Resolve, look_up
from netlab.serve.loop_asks import UNFINISHED, attempt, gone, wait_for
from netlab.serve.moving import Pipes
from netlab.serve.orders import Orders
from netlab.serve.peers import Peer
from netlab.serve.pool import IDLE_TIME, MOST, Pool
from netlab.serve.watching import READ, WRITE, Watch, Watching

TURN = 16
"""Steps of one connection before the others have theirs."""
TOGETHER, HELD = 32, 1_000_000
"""Answers that wait for each other, at most, and for how many ns: handlers can be slow."""


def _nothing() -> Handler:
    return
    yield


ENDED = _nothing()
"""In the place of a handler that has ended."""
ENDED.close()


class Loop:
    """See the module. ``run`` blocks until `stop`; all else is called in its thread, but for what stands under *from
    outside*, and `listen` and `start` before it runs."""

    def __init__(
        self,
        resolve: Resolve = look_up,
        most: int = 0,
        per_client: int = 0,
        context: ssl.SSLContext | None = None,
        open_socket: OpenSocket = socket.socket,
        pool: tuple[int, int] = (MOST, IDLE_TIME),
    ) -> None:
        self.open_socket = open_socket
        """For what is dialled."""
        self.sockets = Watching()
        self.orders = Orders()
        self.sockets.listen(self.orders.woken, None)
        self.look_ups = LookUps(resolve)
        self._entrance = Entrance(self, most, per_client, context)
        self._peers: dict[Peer, None] = {}
        """The open connections, the oldest first."""
        self.ready: list[Peer] = []
        """They have had their turn, and could go on at once."""
        self._answers: list[Peer] = []
        """They have an answer to send."""
        self._held_since = 0
        self._deadlines = Deadlines()
        self.at, self.keep_deadline = self._deadlines.at, self._deadlines.keep
        self._count = 0
        self.pool: Pool[Watch] = Pool(*pool)
        """Connections to origins that nobody uses just now."""
        self.sweep_at: int | None = None
        """When the pool is looked through."""
        self.pipes = Pipes()
        self._stop_at: int | None = None
        self._last_look = False
        """It has begun to stop; requests may still lie in the sockets."""
        self.on_fault: Callable[[Connection, BaseException], None] = _ignore
        """Told of an exception that a handler let out; its connection is closed already."""

    now = staticmethod(time.monotonic_ns)

    @property
    def open_connections(self) -> int:
        return len(self._peers)

    @property
    def stopping(self) -> bool:
        return bool(self.orders.stops) or self._stop_at is not None

    def listen(self, listener: socket.socket, accept: Accept) -> None:
        """Serve what comes in at a listening socket; ``accept`` makes the handler of each connection."""
        self._entrance.add(listener, accept)

    # -- from outside -----------------------------------------------------------------------------------------------

    def stop(self, grace: float = 3.0) -> None:
        """End `run`: accept nobody, let answers be finished for ``grace`` seconds, then close. From any thread, and
        again: somebody else may have less patience, but nobody puts off the end."""
        self.orders.stop(self.now() + int(grace * 1e9))

    def settle(self, patience: float = 1.0) -> None:
        """Wait until the loop has finished what it was doing: what a client has seen is then in the log."""
        self.orders.settle(patience)

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        select, orders = self.sockets.select, self.orders
        try:
            self._entrance.open()
            while self._stop_at is None or (self._peers and self.now() < self._stop_at):
                ready, self.ready = self.ready, []
                happened = select(self._patience(bool(ready or self._answers)))
                looked = self._held_since = self.now()
                for key, events in happened:
                    whose = key.data
                    if type(whose) is Watch:
                        if events == READ and whose.reader is not None:  # what nearly always happens
                            peer, whose.reader = whose.reader, None
                            self.step(peer)
                        else:
                            self._happened(whose, events)
                    elif whose is None:
                        orders.heard()
                    else:  # a listener's: who makes the handlers of what comes in there
                        self._entrance.accept(key.fileobj, whose)  # type: ignore[arg-type]
                    self._send_in_time()
                for peer in ready:
                    self.step(peer)
                while orders.found:
                    self.step(orders.found.popleft())
                self._send_answers()
                for what in self._deadlines.due(looked):  # not by now: what came meanwhile has come in time
                    if isinstance(what, Peer):
                        self._throw(what, Late())
                    else:
                        what()
                while orders.settling:
                    orders.settling.popleft().set()
                if self._last_look:
                    self._close_idle_ones()
                while orders.stops:
                    self._begin_to_stop(orders.stops.popleft())
        finally:
            self._close_all()

    def _patience(self, ready: bool) -> float | None:
        if ready or self._last_look:
            return 0.0
        times = [at for at in (self._deadlines.next_at, self._stop_at) if at is not None]
        return max(0, min(times) - self.now()) / 1e9 if times else None

    def _send_answers(self) -> None:
        answers, self._answers = self._answers, []
        for peer in answers:
            self.step(peer)

    def _send_in_time(self) -> None:
        """Send the answers if there are enough of them, or they have been held for long enough."""
        if self._answers and (len(self._answers) >= TOGETHER or self.now() - self._held_since > HELD):
            self._send_answers()
            self._held_since = self.now()

    def _happened(self, watch: Watch, events: int) -> None:
        """A socket can be read or written: go on with whoever waited for it."""
        if events & READ:
            reader, watch.reader = watch.reader, None
            if reader is None:
                self._nobody_waits(watch, READ)
            else:
                self.step(reader)
        if events & WRITE:
            writer, watch.writer = watch.writer, None
            if writer is None:
                self._nobody_waits(watch, WRITE)
            else:
                self.step(writer)

    def _nobody_waits(self, watch: Watch, event: int) -> None:
        """Something happened at a socket; if it is in the pool, the other side has closed it."""
        if watch in self.pool:
            self.pool.drop(watch)
            self.sockets.drop(watch)
        else:
            self.sockets.end(watch, event)

    def _begin_to_stop(self, at: int) -> None:
        self._entrance.shut()
        self._stop_at = at if self._stop_at is None else min(at, self._stop_at)
        self._last_look = True
        for peer in self._peers:
            peer.connection.stopping = True

    def _close_idle_ones(self) -> None:
        """Whoever has asked nothing by now, in the round after the server began to stop, gets no answer any more."""
        self._last_look = False
        for peer in list(self._peers):
            if peer.connection.idle:
                self._close(peer)

    # -- who comes --------------------------------------------------------------------------------------------------

    def new_connection(self, client: str, server: str) -> Connection:
        self._count += 1
        return Connection(self, self._count, client, server)

    def enter(self, peer: Peer) -> None:
        """Begin with a new connection."""
        self._add(peer)
        self.step(peer)
        self._send_in_time()

    def _add(self, peer: Peer) -> None:
        self._peers[peer] = None
        self._entrance.count(peer.address, 1)

    def close_an_idle_one(self) -> bool:
        """Close the oldest idle connection; gives whether there was one."""
        idle = next((peer for peer in self._peers if peer.connection.idle), None)
        if idle is not None:
            self._close(idle)
        return idle is not None

    def start(self, begin: Accept, on_end: Callable[[], None] | None = None) -> None:
        """Run a handler that nobody has connected to: a client, which dials. Before `run`, or in its thread."""
        connection = self.new_connection("", "")
        peer = Peer(None, "", connection, begin(connection))
        peer.on_end = on_end
        self._add(peer)
        self.ready.append(peer)

    # -- one connection ---------------------------------------------------------------------------------------------

    def step(self, peer: Peer) -> None:
        """Go on with a handler until it has to wait, or has had its turn."""
        if peer.closed:
            return
        wanted = peer.wanted
        try:
            if wanted is None:
                wanted = peer.wanted = peer.handler.send(None)
            for _ in range(TURN):
                try:
                    if wanted is LATER and not peer.shaking:
                        result: Any = peer.socket.recv(LATER.limit)
                    elif type(wanted) is bytes and not (peer.done or peer.shaking):
                        peer.done = peer.socket.send(wanted)
                        result = True if peer.done == len(wanted) else UNFINISHED
                    else:
                        result = attempt(self, peer, wanted)
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as block:
                    wait_for(self, peer, block)
                    return
                if result is UNFINISHED:
                    self.progress(peer)
                    if type(wanted) is SendFile:
                        break  # a slice is enough for one turn
                    continue
                peer.done = 0
                wanted = peer.wanted = peer.handler.send(result)
                if type(wanted) is bytes and type(result) is bytes:  # it has received something and answers that
                    self._answers.append(peer)
                    return
                if wanted is LATER and not peer.secure:
                    watch = peer.watch
                    watch.reader = peer
                    if not watch.events & READ:
                        self.sockets.begin(watch, READ)
                    self.keep_deadline(peer.main)
                    return
                if type(wanted) is Receive and wanted.later and not peer.secure:
                    self.wait_at(wanted.stream or peer.watch, READ, peer)
                    return
                if type(wanted) is Turn:
                    break
            self.keep_deadline(peer.main)
            self.ready.append(peer)
        except StopIteration:
            self._end(peer)
        except (DialFailed, Gone, RemoteProtocolError) as failure:
            self._throw(peer, failure)
        except OSError as error:  # EIO: it is not the other side, but the disk
            self._throw(peer, error if error.errno == errno.EIO else gone(peer))
        except (Exception, SystemExit) as fault:
            self._let_out(peer, fault)

    def progress(self, peer: Peer) -> None:
        """The other side has taken something."""
        patience = peer.connection.write_patience
        if patience is not None:
            peer.connection.deadline = self.now() + patience

    def wait_at(self, watch: Watch, event: int, peer: Peer) -> None:
        """Have the selector tell a peer, until its deadline."""
        self.sockets.wait(watch, event, peer)
        self.keep_deadline(peer.main)

    # -- ends -------------------------------------------------------------------------------------------------------

    def _throw(self, peer: Peer, error: BaseException) -> None:
        """What the handler waits for will not come."""
        if peer.closed:
            return
        self._give_up(peer)
        try:
            peer.wanted, peer.done = peer.handler.throw(error), 0
        except StopIteration:
            self._end(peer)
        except (Exception, SystemExit) as fault:
            self._let_out(peer, fault)
        else:
            self.ready.append(peer)
            self.keep_deadline(peer.main)

    def _give_up(self, peer: Peer) -> None:
        """End what goes on for a handler."""
        parts, peer.parts, peer.found = peer.parts or (), None, None
        for part in parts:
            part.closed = True
            self._give_up(part)
            part.handler.close()
        if peer.dialing is not None:
            peer.dialing.close()
            peer.dialing = None
        if peer.moving is not None:
            peer.moving.close()
            peer.moving = None

    def _let_out(self, peer: Peer, fault: BaseException) -> None:
        """A handler has ended by an exception."""
        if peer.parent is not None:
            peer.closed = True
            self._give_up(peer)
            if peer.parent.parts:
                peer.parent.parts.discard(peer)
            self._throw(peer.parent, fault)
            return
        self._close(peer)
        if not isinstance(fault, Late | Gone | DialFailed):
            self.on_fault(peer.connection, fault)

    def _end(self, peer: Peer) -> None:
        """A handler has come to its end."""
        if peer.parent is None:
            self._close(peer)
            return
        peer.closed, parts = True, peer.parent.parts
        if parts is not None:
            parts.discard(peer)
            if not parts:
                self.step(peer.parent)

    def _close(self, peer: Peer) -> None:
        if peer.closed:
            return
        peer.closed = True
        del self._peers[peer]
        self._entrance.count(peer.address, -1)
        self._give_up(peer)
        peer.handler.close()
        peer.handler = ENDED  # its deadline may lie in the heap for a while yet, and the peer with it
        for watch in (*peer.opened, *([peer.watch] if peer.watch else [])):
            self.sockets.drop(watch)
        if peer.on_end is not None:
            peer.on_end()

    def _close_all(self) -> None:
        for peer in list(self._peers):
            self._close(peer)
        for stream in self.pool.clear():
            self.sockets.drop(stream)
        self._entrance.close()
        self.pipes.close()
        self.sockets.close()
        self.orders.close()


def _ignore(connection: Connection, fault: BaseException) -> None:
    """Nobody asked to be told."""
