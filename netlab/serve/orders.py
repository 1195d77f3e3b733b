"""What other threads want of the loop: that it ends, that it says when it has come round, that it goes on with one.

They put it down here and wake the selector through a pair of sockets; the loop looks when it comes round. Nothing here
needs a lock, because appending to a deque and taking from it is one step each.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlab.serve.peers import Peer


class Orders:
    """What is wanted, and the sockets that wake the selector. The loop takes out what others put in."""

    def __init__(self) -> None:
        self._wake, self.woken = socket.socketpair()
        """``woken`` can be read when there is an order."""
        for end in (self._wake, self.woken):
            end.setblocking(False)
        self.settling: deque[threading.Event] = deque()
        """Set when everything that went on has been done."""
        self.stops: deque[int] = deque()
        """When somebody wants the loop to end; the earliest counts."""
        self.found: deque[Peer] = deque()
        """A look-up of theirs has ended."""

    def stop(self, at: int) -> None:
        self.stops.append(at)
        self._ring()

    def settle(self, patience: float) -> None:
        """Wait until the loop has come round, if it still runs."""
        done = threading.Event()
        self.settling.append(done)
        if self._ring():
            done.wait(patience)

    def go_on(self, peer: Peer) -> None:
        self.found.append(peer)
        self._ring()

    def _ring(self) -> bool:
        """Wake the selector; gives False when the loop has ended."""
        try:
            self._wake.send(b"\0")
        except BlockingIOError:
            pass  # it is told already
        except OSError:
            return False
        return True

    def heard(self) -> None:
        """Take the bytes that woke the loop."""
        try:
            while self.woken.recv(4096):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Nobody need wait any more: the loop has ended."""
        self._wake.close()
        self.woken.close()
        while self.settling:
            self.settling.popleft().set()
