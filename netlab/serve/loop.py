"""One thread, one selector, a generator per connection: the driver for real sockets.

The strategy:

1. Every connection has a handler (see ``connection.py``) that waits for one thing at a time. The loop asks the selector
   who can go on, does that one system call, and lets the handler run until it waits again.
2. What can be done at once is done at once: only a call that would block goes to the selector.
3. *Fair*: a connection gets `TURN` such steps in a row, and a file goes out in slices; then it stands in line again.
4. *Bounded*: when there are too many connections, the oldest idle one is closed for a new one, and if none is idle the
   new one is told so.
5. *Deadlines are absolute*. A peer that sends a byte now and then moves none. They stand in a heap; an entry that
   was moved meanwhile is put back when it comes up, so that setting a deadline costs nothing.
6. Nothing here sleeps or blocks; `stop` wakes the selector through a pair of sockets.

An exception in a handler ends that connection and nothing else.
"""

from __future__ import annotations

import errno
import heapq
import os
import selectors
import socket
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from netlab.serve.connection import (
    LATER,
    Connection,
    Dial,
    DialFailed,
    Gone,
    HalfClose,
    Handler,
    HangUp,
    Late,
    Receive,
    Send,
    SendFile,
    Turn,
    Wanted,
)
from netlab.serve.dialing import Dialing, Resolve, look_up

TURN = 16
"""Steps of one connection before the others have theirs."""
SLICE = 1 << 20
"""Bytes of a file in one system call."""
ACCEPTED_AT_ONCE = 64
RESERVE = 64
"""Descriptors that are kept for files, and for telling people that the server is full."""
FROM_ELSEWHERE = 64
"""Connections at once from one address of another machine."""
PAUSE = 50_000_000
"""ns without accepting, when the process has no descriptors left."""
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
MORE = getattr(socket, "MSG_MORE", 0)
HANDSHAKE_TIME = 10.0
"""s for a TLS handshake."""
MOST_DESCRIPTORS = 65_536
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Accept = Callable[[Connection], Handler]


class Peer:
    """A connection, its socket, its handler, and what the handler waits for."""

    __slots__ = (
        "address", "closed", "connection", "dialing", "done", "events", "handler", "heap_at", "opened", "secure",
        "shaking", "socket", "wanted", "watched",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, address: str, connection: Connection, handler: Handler) -> None:
        self.socket, self.address, self.connection, self.handler = sock, address, connection, handler
        self.secure = self.shaking = isinstance(sock, ssl.SSLSocket)
        """TLS; and its handshake is not over."""
        self.wanted: Wanted | None = None
        self.done = 0
        self.watched: socket.socket | None = None
        """The one socket that the selector watches for this connection, and for what."""
        self.events = 0
        self.closed = False
        self.opened: set[socket.socket] = set()
        """What its handler dialled."""
        self.dialing: Dialing | None = None
        self.heap_at: int | None = None


class Loop:
    """See the module. ``run`` blocks until `stop`; everything else is called in its thread, but for `stop`."""

    def __init__(
        self,
        resolve: Resolve = look_up,
        most: int = 0,
        per_client: int = 0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._resolve = resolve
        self._most, self._per_client, self._context = most or most_connections(), per_client, context
        self._from: Counter[str] = Counter()
        """How many connections each address has."""
        self._resolved: deque[Peer] = deque()
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._selector.register(self._woken, READ, None)
        self._listeners: list[tuple[socket.socket, Accept]] = []
        self._accepting = False
        self._resume_at: int | None = None
        self._peers: dict[Peer, None] = {}
        """The open connections, the oldest first."""
        self._ready: list[Peer] = []
        """They have had their turn, and could go on at once."""
        self._heap: list[tuple[int, int, Peer]] = []
        self._count = 0
        self._settling: deque[threading.Event] = deque()
        self._grace: float | None = None
        self._stop_at: int | None = None
        self.on_fault: Callable[[Connection, Exception], None] = _ignore
        """Told of an exception that a handler let out; its connection is closed already."""

    now = staticmethod(time.monotonic_ns)

    @property
    def open_connections(self) -> int:
        return len(self._peers)

    def listen(self, listener: socket.socket, accept: Accept) -> None:
        """Serve what comes in at a listening socket; ``accept`` makes the handler of each connection."""
        listener.setblocking(False)
        self._listeners.append((listener, accept))

    # -- from outside -----------------------------------------------------------------------------------------------

    def stop(self, grace: float = 3.0) -> None:
        """End `run`: accept nobody, let answers be finished for ``grace`` seconds, then close. From any thread."""
        self._grace = grace
        try:
            self._wake.send(b"\0")
        except OSError:
            pass  # it is awake, or has ended

    def settle(self, patience: float = 1.0) -> None:
        """Wait until the loop has finished what it was doing: what a client has seen is then in the log."""
        done = threading.Event()
        self._settling.append(done)
        try:
            self._wake.send(b"\0")
        except OSError:
            return  # it has ended
        done.wait(patience)

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            self._accept_again()
            while self._stop_at is None or (self._peers and self.now() < self._stop_at):
                ready, self._ready = self._ready, []
                for key, _ in self._selector.select(self._patience(bool(ready))):
                    peer = key.data
                    if type(peer) is Peer:
                        self._step(peer)
                    elif peer is None:
                        self._drain_wake()
                    else:
                        self._accept(key.fileobj, peer)  # type: ignore[arg-type]
                for peer in ready:
                    self._step(peer)
                self._expire()
                while self._resolved:
                    self._step(self._resolved.popleft())
                while self._settling:
                    self._settling.popleft().set()
                if self._grace is not None and self._stop_at is None:
                    self._begin_to_stop()
        finally:
            self._close_all()

    def _patience(self, ready: bool) -> float | None:
        if ready:
            return 0.0
        times = [self._heap[0][0]] if self._heap else []
        times += [at for at in (self._resume_at, self._stop_at) if at is not None]
        return max(0, min(times) - self.now()) / 1e9 if times else None

    def _drain_wake(self) -> None:
        try:
            while self._woken.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _begin_to_stop(self) -> None:
        self._stop_accepting()
        self._stop_at = self.now() + int((self._grace or 0.0) * 1e9)
        for peer in list(self._peers):
            peer.connection.stopping = True
            if peer.connection.idle:
                self._close(peer)

    # -- accepting --------------------------------------------------------------------------------------------------

    def _accept_again(self) -> None:
        self._resume_at = None
        if not self._accepting:
            self._accepting = True
            for listener, accept in self._listeners:
                self._selector.register(listener, READ, accept)

    def _stop_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            for listener, _ in self._listeners:
                self._selector.unregister(listener)

    def _accept(self, listener: socket.socket, accept: Accept) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in NO_DESCRIPTORS:  # a busy loop would be the alternative
                    self._stop_accepting()
                    self._resume_at = self.now() + PAUSE
                    return
                continue  # that one gave up while it waited
            self._open(sock, address, accept)

    def _open(self, sock: socket.socket, address: Any, accept: Accept) -> None:
        sock.setblocking(False)
        try:
            if sock.family != getattr(socket, "AF_UNIX", None):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = _text(sock.getsockname())
            if self._context:
                sock = self._context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
                )
        except OSError:
            sock.close()
            return
        client = address[0] if isinstance(address, tuple) else ""
        full = self._is_full(client)
        if full and len(self._peers) >= self._most + RESERVE // 2:
            sock.close()  # there is no room to explain it
            return
        self._count += 1
        connection = Connection(self, self._count, _text(address), server)
        connection.full = full
        peer = Peer(sock, client, connection, accept(connection))
        self._peers[peer] = None
        self._from[client] += 1
        if peer.secure:
            connection.within(HANDSHAKE_TIME)
        self._step(peer)

    def _is_full(self, client: str) -> bool:
        """Whether a new connection is one too many, even after the oldest idle one has been closed for it."""
        allowed = self._per_client or (FROM_ELSEWHERE if client and not _is_here(client) else 0)
        if allowed and self._from[client] >= allowed:
            return True
        if len(self._peers) >= self._most:
            idle = next((peer for peer in self._peers if peer.connection.idle), None)
            if idle is None:
                return True
            self._close(idle)
        return False

    # -- one connection ---------------------------------------------------------------------------------------------

    def _step(self, peer: Peer) -> None:
        """Go on with a connection until it has to wait, or has had its turn."""
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
                    else:
                        result = self._try(peer, wanted)
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as block:
                    self._wait(peer, *self._watched(peer, block))
                    return
                if result is None:
                    self._progress(peer)
                    continue  # a part of it is done
                peer.done = 0
                wanted = peer.wanted = peer.handler.send(result)
                if wanted is LATER and not peer.secure:
                    self._wait(peer, peer.socket, READ)
                    return
                if type(wanted) is Turn:
                    break
            self._keep_deadline(peer)
            self._ready.append(peer)
        except StopIteration:
            self._close(peer)
        except DialFailed as failure:
            self._throw(peer, failure)
        except OSError:
            self._throw(peer, Gone())
        except Exception as fault:
            self._close(peer)
            self.on_fault(peer.connection, fault)

    def _try(self, peer: Peer, wanted: Any) -> Any:
        """Do what the handler waits for: its answer, or None when there is more to do. Raises BlockingIOError."""
        if peer.shaking:
            peer.socket.do_handshake()  # type: ignore[attr-defined]
            peer.shaking = False
        kind = type(wanted)
        if kind is Receive:
            return (wanted.stream or peer.socket).recv(wanted.limit)
        if kind is bytes:
            if not peer.done:
                peer.done = peer.socket.send(wanted)
                return True if peer.done == len(wanted) else None
            wanted, kind = Send(wanted), Send
        if kind is Send:
            data = wanted.data
            if peer.done:
                data = memoryview(data)[peer.done :]
            flags = MORE if wanted.more and not peer.secure else 0
            peer.done += (wanted.stream or peer.socket).send(data, flags)
            return True if peer.done >= len(wanted.data) else None
        if kind is SendFile:
            return self._send_slice(peer, wanted)
        if kind is Dial:
            return self._dial(peer, wanted)
        if kind is HangUp:
            self._forget(peer, wanted.stream)
            return True
        if kind is Turn:
            return True
        assert kind is HalfClose
        if peer.secure and wanted.stream is None:
            return self._say_goodbye(peer)
        (wanted.stream or peer.socket).shutdown(socket.SHUT_WR)
        return True

    def _say_goodbye(self, peer: Peer) -> bool:
        """Close the sending side of TLS with its close_notify (RFC 8446 section 6.1)."""
        try:
            peer.socket.unwrap()  # type: ignore[attr-defined]
        except (OSError, ValueError):
            pass  # the other side has not said it yet, and need not
        return True

    def _progress(self, peer: Peer) -> None:
        """The other side has taken something."""
        patience = peer.connection.write_patience
        if patience is not None:
            peer.connection.deadline = self.now() + patience

    def _dial(self, peer: Peer, wanted: Dial) -> Any:
        """Look up in a side thread, then connect to one address after the other, as long as the deadline allows."""
        if peer.dialing is None:
            peer.dialing = Dialing(wanted, self._resolve, lambda: self._found(peer))
        stream = peer.dialing.connected()  # BlockingIOError while it goes on, DialFailed at its end
        address, peer.dialing = peer.dialing.address, None
        peer.opened.add(stream)
        return stream, address

    def _found(self, peer: Peer) -> None:
        """In the side thread: the name is looked up."""
        self._resolved.append(peer)
        try:
            self._wake.send(b"\0")
        except OSError:
            pass

    def _watched(self, peer: Peer, block: Exception) -> tuple[socket.socket | None, int]:
        """What the selector shall watch until the connection can go on; with TLS, a read can have to write."""
        if isinstance(block, ssl.SSLError):
            return peer.socket, READ if isinstance(block, ssl.SSLWantReadError) else WRITE
        if isinstance(peer.wanted, Dial):
            return (peer.dialing.socket, WRITE) if peer.dialing and peer.dialing.socket else (None, 0)
        sock = getattr(peer.wanted, "stream", None) or peer.socket
        return sock, READ if isinstance(peer.wanted, Receive) else WRITE

    def _forget(self, peer: Peer, stream: socket.socket) -> None:
        if peer.watched is stream:
            self._unwatch(peer)
        peer.opened.discard(stream)
        stream.close()

    def _send_slice(self, peer: Peer, wanted: SendFile) -> int | None:
        left = wanted.length - peer.done
        if left <= 0:
            return peer.done
        offset = wanted.offset + peer.done
        if hasattr(os, "sendfile") and not peer.secure:
            sent = os.sendfile(peer.socket.fileno(), wanted.descriptor, offset, min(left, SLICE))
        else:
            data = os.pread(wanted.descriptor, min(left, 65_536), offset)
            sent = peer.socket.send(data) if data else 0
        peer.done += sent
        return peer.done if sent == 0 or peer.done >= wanted.length else None

    def _wait(self, peer: Peer, sock: socket.socket | None, events: int) -> None:
        """Watch this socket for this, and nothing else of the connection; None: no socket, a side thread will tell."""
        if sock is not peer.watched or events != peer.events:
            if sock is None:
                self._unwatch(peer)
            elif sock is peer.watched:
                self._selector.modify(sock, events, peer)
            else:
                self._unwatch(peer)
                self._selector.register(sock, events, peer)
            peer.watched, peer.events = sock, events
        self._keep_deadline(peer)

    def _keep_deadline(self, peer: Peer) -> None:
        deadline = peer.connection.deadline
        if deadline is not None and (peer.heap_at is None or deadline < peer.heap_at):
            peer.heap_at = deadline
            heapq.heappush(self._heap, (deadline, id(peer), peer))

    def _unwatch(self, peer: Peer) -> None:
        if peer.watched:
            self._selector.unregister(peer.watched)
            peer.watched, peer.events = None, 0

    def _expire(self) -> None:
        now = self.now()
        if self._resume_at is not None and self._resume_at <= now and self._stop_at is None:
            self._accept_again()
        while self._heap and self._heap[0][0] <= now:
            at, _, peer = heapq.heappop(self._heap)
            if peer.closed or at != peer.heap_at:
                continue
            peer.heap_at = None
            deadline = peer.connection.deadline
            if deadline is None:
                continue
            if deadline <= now:
                peer.connection.deadline = None
                self._throw(peer, Late())
            else:
                self._keep_deadline(peer)

    def _throw(self, peer: Peer, error: Exception) -> None:
        if peer.closed:
            return
        self._end_dialing(peer)
        try:
            peer.wanted, peer.done = peer.handler.throw(error), 0
        except (StopIteration, Late, Gone, DialFailed):
            self._close(peer)
        except Exception as fault:
            self._close(peer)
            self.on_fault(peer.connection, fault)
        else:
            self._ready.append(peer)
            self._keep_deadline(peer)

    def _end_dialing(self, peer: Peer) -> None:
        if peer.dialing is not None:
            self._unwatch(peer)
            peer.dialing.close()
            peer.dialing = None

    def _close(self, peer: Peer) -> None:
        if peer.closed:
            return
        peer.closed = True
        del self._peers[peer]
        self._from[peer.address] -= 1
        if not self._from[peer.address]:
            del self._from[peer.address]
        self._unwatch(peer)
        self._end_dialing(peer)
        peer.handler.close()
        for stream in (peer.socket, *peer.opened):
            stream.close()

    def _close_all(self) -> None:
        self._stop_accepting()
        for peer in list(self._peers):
            self._close(peer)
        for listener, _ in self._listeners:
            listener.close()
        self._selector.close()
        self._wake.close()
        self._woken.close()


def most_connections() -> int:
    """How many connections this process can have: its descriptors, as many as it may raise them to, less a reserve."""
    try:
        import resource
    except ImportError:  # Windows: select() takes 512 sockets
        return 512 - RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if wanted > soft != resource.RLIM_INFINITY:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):
            pass  # macOS has a limit of its own below the one it tells
    most = MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    return max(16, most - RESERVE - _descriptors_in_use())


def _descriptors_in_use() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return RESERVE


def _is_here(address: str) -> bool:
    """Whether an address is one of this machine's loopback."""
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def _ignore(connection: Connection, fault: Exception) -> None:
    """Nobody asked to be told."""


def _text(address: Any) -> str:
    """``192.0.2.1:80`` or ``[2001:db8::1]:80``."""
    if not isinstance(address, tuple):
        return str(address or "unix")
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
