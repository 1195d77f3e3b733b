"""How the loop does what a handler may ask for; the two most frequent ways of receiving and sending it has itself.

Each way gives the answer, or UNFINISHED when a part of it is done, or raises BlockingIOError when it has to wait; then
`wait_for` sees to it that somebody tells, or the way itself has done so.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netlab.errors import RemoteProtocolError
from netlab.serve.connection import (
    Dial,
    DialFailed,
    Gone,
    HalfClose,
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
)
from netlab.serve.dialing import Dialing, written_out
from netlab.serve.moving import moving
from netlab.serve.peers import NOT_TLS, Peer, prepared, speaks_plainly
from netlab.serve.watching import READ, WRITE, Watch

if TYPE_CHECKING:
    from netlab.serve.loop import Loop

SLICE = 2 << 20
"""Bytes of a file in one system call, and in one turn: as much as nginx sends then."""
MORE = getattr(socket, "MSG_MORE", 0)

UNFINISHED = object()
"""What was wanted is done in part, and goes on."""


def attempt(loop: Loop, peer: Peer, wanted: Any) -> Any:
    """Do what the handler waits for."""
    if peer.shaking:
        _shake_hands(loop, peer)
    if type(wanted) is bytes:
        wanted = Send(wanted)
    return WAYS[type(wanted)](loop, peer, wanted)


def wait_for(loop: Loop, peer: Peer, block: Exception) -> None:
    """Have the selector tell when the handler can go on."""
    wanted: Any = peer.wanted
    kind = type(wanted)
    if isinstance(block, ssl.SSLError):  # with TLS, a read can have to write
        loop.wait_at(peer.watch, READ if isinstance(block, ssl.SSLWantReadError) else WRITE, peer)
    elif peer.shaking or kind is Receive:
        loop.wait_at(getattr(wanted, "stream", None) or peer.watch, READ, peer)
    elif kind is Move:
        full = peer.moving is not None and peer.moving.full
        if wanted.waits is not None:
            wanted.waits(full)
        loop.wait_at((wanted.sink if full else wanted.source) or peer.watch, WRITE if full else READ, peer)
    elif kind in (bytes, Send, SendFile):
        loop.wait_at(getattr(wanted, "stream", None) or peer.watch, WRITE, peer)
    else:  # something else tells
        loop.keep_deadline(peer.main)


def gone(peer: Peer) -> Gone:
    """Say which side is gone."""
    end, wanted = Gone(), peer.wanted
    if type(wanted) is Move:
        end.stream = wanted.sink if peer.moving is not None and peer.moving.full else wanted.source
    else:
        end.stream = getattr(wanted, "stream", None)
    return end


def _shake_hands(loop: Loop, peer: Peer) -> None:
    """Go on with the handshake of TLS. Whoever speaks plain HTTP instead is answered plainly, by an exception; whoever
    cannot agree with us, or does not trust us, is gone, and the exception says why."""
    if not speaks_plainly(peer.socket):
        try:
            peer.socket.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLEOFError):
            raise  # it goes on, or the other side has left
        except ssl.SSLError as error:
            why = (error.reason or str(error)).replace("_", " ").lower()
            raise Gone(f"the TLS handshake failed: {why}") from error
        peer.shaking = False
        return
    watch = peer.watch
    loop.sockets.end(watch, READ | WRITE)
    watch.socket = peer.socket = prepared(socket.socket(fileno=watch.socket.detach()))
    peer.secure = peer.shaking = False
    raise RemoteProtocolError("this is plain HTTP, and the port speaks TLS: use https://", 400, NOT_TLS)


def _receive(loop: Loop, peer: Peer, wanted: Receive) -> bytes:
    data: bytes = (wanted.stream or peer.watch).socket.recv(wanted.limit)
    return data


def _send(loop: Loop, peer: Peer, wanted: Send) -> Any:
    data = memoryview(wanted.data)[peer.done :] if peer.done else wanted.data
    flags = MORE if wanted.more and not peer.secure else 0
    peer.done += (wanted.stream or peer.watch).socket.send(data, flags)
    return True if peer.done >= len(wanted.data) else UNFINISHED


def _send_slice(loop: Loop, peer: Peer, wanted: SendFile) -> Any:
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
    return peer.done if sent == 0 or peer.done >= wanted.length else UNFINISHED


def _half_close(loop: Loop, peer: Peer, wanted: HalfClose) -> bool:
    if peer.secure and wanted.stream is None:
        try:
            peer.socket.unwrap()  # close_notify (RFC 8446 section 6.1)
        except (OSError, ValueError):
            pass  # the other side has not said it yet, and need not
        return True
    (wanted.stream or peer.watch).socket.shutdown(socket.SHUT_WR)
    return True


def _move(loop: Loop, peer: Peer, wanted: Move) -> Any:
    if peer.moving is None:
        source, sink = (wanted.source or peer.watch), (wanted.sink or peer.watch)
        peer.moving = moving(source.socket, sink.socket, wanted.limit, loop.pipes)
    before = peer.moving.moved
    try:
        over = peer.moving.go()
    finally:
        if peer.moving.moved > before:
            loop.progress(peer)
            if wanted.tell is not None:
                wanted.tell(peer.moving.moved - before)
    if not over:
        return UNFINISHED
    moved = peer.moving.moved
    peer.moving.close()
    peer.moving = None
    return moved


def _together(loop: Loop, peer: Peer, wanted: Together) -> bool:
    if peer.parts is None:
        peer.parts = {peer.part(handler) for handler in wanted.handlers}
        loop.ready.extend(sorted(peer.parts, key=lambda part: wanted.handlers.index(part.handler)))
    if peer.parts:
        raise BlockingIOError
    peer.parts = None
    return True


def _look_up(loop: Loop, peer: Peer, wanted: LookUp) -> Any:
    if peer.found is None:
        if addresses := written_out(*wanted):
            return addresses
        peer.found = found = []

        def tell(result: Any) -> None:  # in the side thread
            found.append(result)
            loop.orders.go_on(peer)

        loop.look_ups.ask(wanted, tell)
    if not peer.found:
        raise BlockingIOError
    result, peer.found = peer.found[0], None
    if isinstance(result, DialFailed):
        raise DialFailed(result.kind, str(result))
    return result


def _dial(loop: Loop, peer: Peer, wanted: Dial) -> Any:
    if peer.dialing is None:
        peer.attempts = {}
        peer.dialing = Dialing(
            wanted.addresses,
            lambda each: loop.sockets.drop(peer.attempts.get(each) or Watch(each)),
            loop.open_socket,
            wanted.tell,
        )
    dialing, attempts = peer.dialing, peer.attempts
    won = dialing.go(loop.now())
    if won is None:
        for sock in dialing.racing:
            loop.wait_at(attempts.setdefault(sock, Watch(sock)), WRITE, peer)
        if dialing.next_at is not None:
            loop.at(dialing.next_at, lambda: loop.step(peer))
        raise BlockingIOError
    stream = attempts.get(won[0]) or Watch(won[0])
    peer.dialing, peer.attempts = None, {}
    peer.opened.add(stream)
    return stream, won[1]


def _hang_up(loop: Loop, peer: Peer, wanted: HangUp) -> bool:
    peer.opened.discard(wanted.stream)
    loop.sockets.drop(wanted.stream)
    return True


def _park(loop: Loop, peer: Peer, wanted: Park) -> bool:
    stream: Watch = wanted.stream
    peer.opened.discard(stream)
    if not loop.pool.most:
        loop.sockets.drop(stream)
        return True
    loop.pool.put(wanted.key, stream, loop.now())
    _plan_sweep(loop)
    if not stream.events & READ:
        loop.sockets.begin(stream, READ)
    return True


def _plan_sweep(loop: Loop) -> None:
    """See to it that the pool is looked through in time."""
    at = loop.pool.next_at
    if at is not None and (loop.sweep_at is None or at < loop.sweep_at):
        loop.sweep_at = at
        loop.at(at, lambda: _sweep(loop, at))


def _sweep(loop: Loop, at: int) -> None:
    """Close what has been in the pool for too long."""
    if at != loop.sweep_at:
        return  # it was put forward
    loop.sweep_at = None
    for stream in loop.pool.expired(loop.now()):
        loop.sockets.drop(stream)
    _plan_sweep(loop)


def _take(loop: Loop, peer: Peer, wanted: Take) -> Watch | None:
    """The selector has told of those that were closed, but for those that were closed this very moment."""
    while (stream := loop.pool.take(wanted.key)) is not None:
        if not wanted.sure or _is_silent(stream.socket):
            peer.opened.add(stream)
            return stream
        loop.sockets.drop(stream)
    return None


def _is_silent(sock: socket.socket) -> bool:
    """Whether nothing has come, not even the end."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


WAYS: dict[type, Callable[[Loop, Peer, Any], Any]] = {
    Receive: _receive,
    Send: _send,
    SendFile: _send_slice,
    Move: _move,
    HalfClose: _half_close,
    HangUp: _hang_up,
    Together: _together,
    LookUp: _look_up,
    Dial: _dial,
    Park: _park,
    Take: _take,
    Turn: lambda loop, peer, wanted: True,
}
