"""Sending through one socket, so that no packet is lost on the way into it and every send stamp finds its packet.

The pending-error trap: an ICMP error that came in for an earlier packet makes the *next* send fail once, with that
error's errno, and the packet of that call is not sent (icmp(7), ``IP_RECVERR`` in ip(7)). In a traceroute nearly every
send hits it. Code that ignores it reports its own unsent packets as lost by the network. So a refused send reads the
error queue and tries again; only a refusal that comes without an ICMP error is about this packet.

The count of stamps: the kernel numbers the packets of a socket 0, 1, 2 … (``OPT_ID``) and puts the number into the
stamp. A refused packet takes no number, as far as `NEVER_COUNTED` goes; after any other refusal both sides start again.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from netlab.network import linux
from netlab.network.base import Refused, Sent, Stamp
from netlab.network.live_errqueue import QueuedError, drain
from netlab.network.live_hub import Hub

STAMPED = (linux.SOL_SOCKET, linux.SO_TIMESTAMPING, linux.STAMP_BOTH)
"""The option that makes a socket's packets stamped, on the way out and in."""

TRIES = 200
"""Pending errors that one send is let through: more than a socket's queue holds, so an end is always reached."""

WAITING = 8192
"""Packets whose stamp is waited for; the kernel's queue holds fewer."""

NEVER_COUNTED = frozenset(
    {errno.EMSGSIZE, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.ECONNREFUSED, errno.EINVAL}
    | {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTO, errno.EOPNOTSUPP, errno.ENOPROTOOPT}
)
"""Refusals that come before the kernel has numbered the packet (checked on Linux 6.18)."""


class Sender:
    """One socket, its send stamps and its pending errors. ``failed`` gets the ICMP errors of its error queue."""

    def __init__(self, hub: Hub, sock: socket.socket, failed: Callable[[QueuedError], None]) -> None:
        self.socket = sock
        self._hub, self._failed = hub, failed
        self._next = 0
        self._waiting: dict[int, int] = {}
        self._mtu: int | None = None

    def send(self, packet: bytes, call: Callable[[], object], rebuilt: bool) -> Sent | Refused:
        """Hand a packet over by ``call``; ``packet`` is what it is known to look like outside."""
        at = time.monotonic_ns()
        try:
            call()
        except OSError as error:
            at, refusal = self._past_errors(call, error)
            if refusal is not None:
                if refusal.errno not in NEVER_COUNTED:
                    self._count_again()
                mtu = self._mtu if refusal.errno == errno.EMSGSIZE else None
                return Refused(linux.reason(refusal), mtu)
        number = self._hub.number()
        self._waiting[self._next] = number
        self._waiting.pop(self._next - WAITING, None)
        self._next = (self._next + 1) & 0xFFFFFFFF
        return Sent(number, packet, at, rebuilt)

    def _past_errors(self, call: Callable[[], object], refusal: OSError) -> tuple[int, OSError | None]:
        """Send again until no pending error is in the way: the time of the last try, and what refused it.

        A pending error without an entry is possible once (its entry was read before); twice, and it is a refusal.
        """
        cleared = True
        for _ in range(TRIES):
            found = self.drain() > 0
            if not found and not cleared:
                break
            cleared = found
            at = time.monotonic_ns()
            try:
                call()
                return at, None
            except OSError as error:
                refusal = error
        return 0, refusal

    def drain(self) -> int:
        """Read the error queue until it is empty; gives how many ICMP errors there were."""
        return drain(self.socket, self._stamped, self._error)

    def ready(self, sock: socket.socket, events: int) -> None:
        """For the hub, on a socket that only sends: whatever is there is on the error queue."""
        if events & select.EPOLLERR:
            self.drain()
            sock.getsockopt(linux.SOL_SOCKET, linux.SO_ERROR)  # an error without an entry would wake us for ever

    def _stamped(self, count: int, at: int) -> None:
        number = self._waiting.pop(count, None)
        if number is not None:
            self._hub.inbox.append(Stamp(number, at))

    def _error(self, error: QueuedError) -> None:
        if error.origin != linux.ORIGIN_LOCAL:
            self._failed(error)
        elif error.errno == errno.EMSGSIZE:
            self._mtu = error.info

    def _count_again(self) -> None:
        """A firewall or a full queue refuses a packet that may already have its number.

        Going on, every later stamp could be credited to the packet before; so the count begins anew at 0.
        """
        self._waiting.clear()
        self._next = 0
        for flags in (linux.STAMP_BOTH & ~linux.OPT_ID, linux.STAMP_BOTH):
            with suppress(OSError):
                self.socket.setsockopt(linux.SOL_SOCKET, linux.SO_TIMESTAMPING, flags)
