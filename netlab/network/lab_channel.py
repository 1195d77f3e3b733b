"""How the lab's parent talks to the lab's two processes: JSON datagrams that may carry descriptors.

A SOCK_SEQPACKET socket pair keeps message boundaries, cannot mix up the descriptors of two messages, and reads as
empty when the other side has died. What does not fit a datagram travels as a memory file whose descriptor is sent
along. Every request has an ``id``, and replies that nobody waits for any more (the wait was interrupted) are
thrown away. The other end of the server's channel is in ``lab_child.py``, which must not import anything of netlab.

`socket.recv_fds` is not used: in Python 3.11 it ignores MSG_CMSG_CLOEXEC, and descriptors that every later
subprocess inherits would keep devices and namespaces alive.
"""

from __future__ import annotations

import array
import json
import os
import pickle
import socket
import threading
from collections.abc import Iterable
from typing import Any

from netlab.errors import NetworkError

LONGEST = 65536
"""A message; longer things are memory files."""

DESCRIPTORS = 253
"""In one message: SCM_MAX_FD of the kernel."""

PATIENCE = 60.0
"""Seconds until a process that does not answer is given up: 200 hosts take 0.3 s on an idle machine."""


class Ended(NetworkError):
    """The process at the other end is gone."""


class Refusal(NetworkError):
    """The other side could not do it: ``step`` is what failed there."""

    def __init__(self, step: str, number: int, message: str) -> None:
        super().__init__(number, message)
        self.step, self.message = step, message

    def __str__(self) -> str:
        return self.message


class Channel:
    """One end. The parent uses `ask` and `more`, a process `receive` and `send`."""

    def __init__(self, end: socket.socket, who: str = "the lab") -> None:
        self.socket, self.who = end, who
        self._lock = threading.Lock()
        self._last = 0

    def ask(self, do: str, descriptors: Iterable[int] = (), **fields: Any) -> tuple[dict[str, Any], list[int]]:
        """Send a request and wait for its reply: the reply and the descriptors that came with it (ours to close).

        Raises `Refusal` when the other side says no, `Ended` when it is gone.
        """
        with self._lock:
            self._last += 1
            try:
                self.socket.settimeout(PATIENCE)
                self.send({"id": self._last, "do": do, **fields}, descriptors)
            except OSError:
                pass  # it has ended, but may have said why
            return self._reply()

    def more(self) -> tuple[dict[str, Any], list[int]]:
        """A further reply to the same request."""
        with self._lock:
            return self._reply()

    def _reply(self) -> tuple[dict[str, Any], list[int]]:
        reset = False
        while True:
            try:
                message, descriptors = self.receive()
            except ConnectionResetError:  # told once, before what the other side said last
                if reset:
                    raise Ended(f"{self.who} has ended") from None
                reset = True
                continue
            except TimeoutError:
                raise Ended(f"{self.who} has not answered for {PATIENCE:.0f} s") from None
            except OSError as error:
                raise Ended(f"{self.who} has ended") from error
            if message is None:
                raise Ended(f"{self.who} has ended")
            if message.get("id", self._last) != self._last:  # the answer to a question that was interrupted
                close_all(descriptors)
                continue
            if message["reply"] == "error":
                close_all(descriptors)
                raise Refusal(message["step"], message["errno"], message["message"])
            return message, descriptors

    def send(self, message: dict[str, Any], descriptors: Iterable[int] = ()) -> None:
        numbers = array.array("i", descriptors)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if numbers else []
        self.socket.sendmsg([json.dumps(message).encode()], rights)

    def receive(self) -> tuple[dict[str, Any] | None, list[int]]:
        """The next message, None at the end, and its descriptors, which no subprocess inherits."""
        room = socket.CMSG_SPACE(4 * DESCRIPTORS)
        data, ancillary, flags, _ = self.socket.recvmsg(LONGEST, room, socket.MSG_CMSG_CLOEXEC)
        numbers = array.array("i")
        for level, kind, body in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers.frombytes(body[: len(body) - len(body) % numbers.itemsize])
        if flags & socket.MSG_CTRUNC:  # this process has no room for more descriptors
            close_all(numbers)
            raise NetworkError(f"{self.who} sent more descriptors than this process may open (see ulimit -n)")
        return (json.loads(data) if data else None), list(numbers)

    def close(self) -> None:
        self.socket.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends: ours, and the other process's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def memory_file(data: bytes) -> int:
    """A descriptor of a file in memory with this in it; ours to close."""
    number = os.memfd_create("netlab")
    with os.fdopen(os.dup(number), "wb") as file:
        file.write(data)
    return number


def read_memory_file(number: int) -> bytes:
    """What is in it; the descriptor is closed."""
    with os.fdopen(number, "rb") as file:
        file.seek(0)
        return file.read()


def pickled(value: Any) -> int:
    """A value in a memory file. Only the lab's own processes ever read it."""
    return memory_file(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def unpickled(number: int) -> Any:
    return pickle.loads(read_memory_file(number))


def close_all(descriptors: Iterable[int]) -> None:
    for number in descriptors:
        os.close(number)
