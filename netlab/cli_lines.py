"""Lines for people, written by a thread of their own: nobody who has something to say waits for the one who reads.

A pipe that is full, and a terminal that is held by CTRL+S, block whoever writes; a server would answer nobody as long
as that lasts. So lines stand in a queue, and this is its strategy:

1. The queue is bounded (`MOST`). When it is full, lines are dropped and counted, and the next line that finds room
   again has a line before it that says how many are missing.
2. What waits is written together, up to `PIECE` bytes: a pipe takes so much as a whole or not at all (POSIX, write),
   so that it is always known how many lines have been taken.
3. The bytes go straight to the descriptor. The buffer of ``sys.stdout`` has a lock, and Python aborts at its end
   when a thread that is blocked holds it.
4. When nothing can be written any more (``| head`` has seen enough, the disk is full), that is told by `over`.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Self, TextIO

MOST = 2 << 20
"""Bytes that wait: some 15,000 lines."""
PIECE = getattr(select, "PIPE_BUF", 512)
"""Bytes; 512 is what POSIX promises everywhere."""
PATIENCE = 0.5
"""s that the last lines have to be taken, when all has been said."""


class Lines:
    """A queue of lines, and the thread that writes them once `begin` was called.

    Parameters
    ----------
    stream
        ``sys.stdout`` or ``sys.stderr``; None, as Python has it for one that was closed from the start: nowhere.
    most
        How many bytes may wait.
    """

    def __init__(self, stream: TextIO | None, most: int = MOST) -> None:
        self._stream, self._most = stream, most
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._last = b""
        # Of these, the first are changed by whoever says something, and the second by whoever writes: one thread each.
        self._put = self._put_bytes = self._dropped = self._noted = 0
        self._written = self._written_bytes = 0
        self.over = threading.Event()
        """Nothing is written any more."""
        self.fault: OSError | None = None
        """Why, if not everything was written."""
        self._thread = threading.Thread(target=self._write_all, name="netlab lines", daemon=True)

    def begin(self, first: str | None = None) -> Self:
        """Begin to write: a first line, and then what has been said meanwhile."""
        stream = self._stream
        self._first = b"" if first is None else self._encoded(first)
        self._file = open(os.devnull if stream is None else stream.fileno(), "wb", 0, closefd=stream is None)
        self._thread.start()
        return self

    @property
    def missing(self) -> int:
        """How many lines have not been taken so far, dropped ones included."""
        return self._dropped + self._put - self._written

    def say(self, text: str) -> None:
        """Have a line written, unless too many wait already; never blocks. From one thread at a time."""
        if self.over.is_set() or self._put_bytes - self._written_bytes > self._most:
            self._dropped += 1
            return
        line = self._with_note(text)
        self._put += 1
        self._put_bytes += len(line)
        self._queue.put(line)

    def _with_note(self, text: str) -> bytes:
        """The bytes of a line, behind another one if lines before it were dropped."""
        if self._dropped > self._noted:
            count, self._noted = self._dropped - self._noted, self._dropped
            text = f"({missing_lines(count)} here: they came faster than they were taken)\n{text}"
        return self._encoded(text)

    def _encoded(self, text: str) -> bytes:
        encoding = "utf-8" if self._stream is None else self._stream.encoding
        return f"{text}\n".replace("\n", os.linesep).encode(encoding, "backslashreplace")

    def finish(self, last: str, patience: float = PATIENCE) -> bool:
        """Write what still waits and a last line; gives whether all that was taken in time."""
        self._last = self._with_note(last)
        self._queue.put(None)
        try:
            if self._thread.is_alive():
                self._thread.join(patience)
        except KeyboardInterrupt:
            pass  # who ends a command once more does not want to wait for it
        return self.over.is_set() and self.fault is None

    def _write_all(self) -> None:
        try:
            self._write(self._first)
            for piece in self._pieces():
                data = b"".join(piece)
                self._write(data)
                self._written += len(piece)
                self._written_bytes += len(data)
            self._write(self._last)
        except OSError as error:
            self.fault = error
        finally:
            self.over.set()

    def _pieces(self) -> Iterator[list[bytes]]:
        """Give the lines as they come, those together that wait, until the None behind them."""
        piece: list[bytes] = []
        size = 0
        while True:
            if piece and self._queue.empty():
                yield piece
                piece, size = [], 0
            line = self._queue.get()
            if piece and (line is None or size + len(line) > PIECE):
                yield piece
                piece, size = [], 0
            if line is None:
                return
            piece.append(line)
            size += len(line)

    def _write(self, data: bytes) -> None:
        while data:
            taken = self._file.write(data)
            if taken is None:  # whoever shares the terminal or the pipe has made it one that does not block
                select.select([], [self._file], [])
            data = data[taken or 0 :]


def missing_lines(count: int) -> str:
    """``1 line is missing``."""
    return f"{count} line{' is' if count == 1 else 's are'} missing"
