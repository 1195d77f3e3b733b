"""Bytes from one socket to another: through a pipe in the kernel where the system has `splice`, else through here.

`Splicing` never brings the bytes into the process. The pipe is the buffer (64 KiB): what is in it goes out before more
comes in, so a slow sink holds a fast source back. With SPLICE_F_NONBLOCK the same BlockingIOError means "nothing there"
and "no room"; since the pipe is empty whenever the source is asked, it is clear which. A pipe costs two descriptors and
is taken only while bytes are on their way; when there are none left, or for TLS, `Copying` does the same.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress
from typing import Any

CAN_SPLICE = hasattr(os, "splice")
"""Linux, from Python 3.10 on."""
PIECE = 65_536
AT_ONCE = 4 * PIECE
"""Bytes before others have their turn."""
KEPT = 16
"""Empty pipes that wait to be used again."""

Pipe = tuple[int, int]


class Pipes:
    """Pipes that are not in use."""

    def __init__(self) -> None:
        self._free: list[Pipe] = []

    def take(self) -> Pipe | None:
        """Give an empty pipe; None: there are no descriptors left."""
        if self._free:
            return self._free.pop()
        try:
            pipe = os.pipe()
        except OSError:
            return None
        for end in pipe:
            os.set_blocking(end, False)
        return pipe

    def give(self, pipe: Pipe, empty: bool) -> None:
        if empty and len(self._free) < KEPT:
            self._free.append(pipe)
        else:
            for end in pipe:
                os.close(end)

    def close(self) -> None:
        while self._free:
            self.give(self._free.pop(), empty=False)


class Copying:
    """At most ``limit`` bytes from source to sink. `go` moves some; after a BlockingIOError, ``full`` says whether it
    is the sink that has no room."""

    def __init__(self, source: Any, sink: Any, limit: int) -> None:
        self._source, self._sink, self._left = source, sink, limit
        self._held = memoryview(b"")
        self.moved = 0

    @property
    def full(self) -> bool:
        return bool(self._held)

    def go(self) -> bool:
        """Gives whether that was all: the limit is reached, or the source has ended."""
        if not self._held and self._left:
            self._held = memoryview(self._source.recv(min(self._left, PIECE)))
            self._left -= len(self._held)
            if not self._held:
                return True
        if self._held:
            sent = self._sink.send(self._held)
            self._held = self._held[sent:]
            self.moved += sent
        return not self._held and not self._left

    def close(self) -> None:
        """It is over, or given up."""


class Splicing:
    """As `Copying`, with a pipe."""

    def __init__(self, source: socket.socket, sink: socket.socket, limit: int, pipes: Pipes) -> None:
        self._source, self._sink, self._left, self._pipes = source, sink, limit, pipes
        self._pipe: Pipe | None = None
        self._inside = 0
        self.moved = 0
        self._plain: Copying | None = None

    @property
    def full(self) -> bool:
        return self._plain.full if self._plain else self._inside > 0

    def go(self) -> bool:
        if self._plain is None and self._pipe is None:
            self._pipe = self._pipes.take()
            if self._pipe is None:
                self._plain = Copying(self._source, self._sink, self._left)
        if self._plain is not None:
            before = self._plain.moved
            try:
                return self._plain.go()
            finally:
                self.moved += self._plain.moved - before
        return self._splice()

    def _splice(self) -> bool:
        assert self._pipe is not None
        out, into = self._pipe
        for _ in range(AT_ONCE // PIECE):
            if not self._inside and self._left:
                try:
                    self._inside = os.splice(
                        self._source.fileno(), into, min(self._left, PIECE), flags=os.SPLICE_F_NONBLOCK
                    )
                except BlockingIOError:
                    self.close()  # nothing is on its way: others may have the pipe
                    raise
                self._left -= self._inside
                if not self._inside:
                    return True
            if self._inside:
                sent = os.splice(out, self._sink.fileno(), self._inside, flags=os.SPLICE_F_NONBLOCK)
                self._inside -= sent
                self.moved += sent
            if not self._inside and not self._left:
                return True
        return False

    def close(self) -> None:
        if self._pipe is not None:
            with suppress(OSError):
                self._pipes.give(self._pipe, empty=not self._inside)
            self._pipe = None


def moving(source: Any, sink: Any, limit: int, pipes: Pipes) -> Copying | Splicing:
    """Choose."""
    if CAN_SPLICE and not isinstance(source, ssl.SSLSocket) and not isinstance(sink, ssl.SSLSocket):
        return Splicing(source, sink, limit, pipes)
    return Copying(source, sink, limit)
