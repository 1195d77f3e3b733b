"""A socket's error queue: the kernel's send stamps and the ICMP errors that came back, without any privilege.

With ``IP_RECVERR`` Linux keeps for every socket a queue of its own, read with ``MSG_ERRQUEUE``. Two kinds of entry
matter. *Stamps* say when a packet really left (``SO_TIMESTAMPING``; each carries the running number of the send).
*Errors* are ICMP messages of routers and hosts on the way: the kernel has taken off the headers and left type, code,
who sent it, its TTL, and the quoted bytes from the transport header or payload on (with the extension of RFC 4884).
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from netlab import wire
from netlab.network import linux

LONGEST = 65_600
"""Room for any IP packet."""

ANCILLARY = 512
"""Room for all the control messages asked for: stamp 64, error 48, addresses, TTL and TOS 24 to 40 each."""

INT = struct.Struct("=i")
STAMP_COUNT = struct.Struct("=I")
ERRORS_AT_ONCE = linux.MSG_ERRQUEUE | linux.MSG_DONTWAIT
ENTRIES = {(linux.SOL_IP, linux.IP_RECVERR), (linux.SOL_IPV6, linux.IPV6_RECVERR)}
"""Level and kind of the control message that every entry of an error queue has."""

Ancillary = list[tuple[int, int, bytes]]
"""Control messages, as `recvmsg` gives them: level, kind, data."""


@dataclass(slots=True, eq=False, repr=False)
class Control:
    """What came beside a message; 0, None or ``""``: the kernel did not say."""

    stamp: int | None = None
    """Wall-clock ns."""
    ttl: int = 0
    tos: int = 0
    flow_label: int = 0
    local: str = ""
    """The address that the message was sent to: ours."""
    error: bytes | None = None
    """The extended error, in a message from the error queue."""


class QueuedError(NamedTuple):
    """One ICMP error, or a local refusal (``origin`` 1), as the queue tells it."""

    errno: int
    origin: int
    type: int
    code: int
    info: int
    """The MTU, in an error about a packet that is too long."""
    extension: int
    """Where in ``payload`` the extension of RFC 4884 starts; 0: none, or the kernel is too old to tell."""
    offender: str
    """Who sent it; ``""`` for a local refusal."""
    destination: str
    """Where our packet was going, and ``port`` with it."""
    port: int
    payload: bytes
    ttl: int
    tos: int
    stamp: int | None
    at: int


def drain(sock: socket.socket, stamped: Callable[[int, int], None], failed: Callable[[QueuedError], None]) -> int:
    """Read the queue until it is empty: ``stamped(count, wall ns)`` and ``failed(error)`` get what was in it.

    Gives the number of ICMP errors. Reading them clears the socket's pending error.
    """
    errors = 0
    while True:
        try:
            payload, control, _, name = sock.recvmsg(LONGEST, ANCILLARY, ERRORS_AT_ONCE)
        except OSError:  # it is empty (EAGAIN)
            return errors
        error = _entry(control)
        if error is None:
            continue
        if error[4] == linux.ORIGIN_STAMP:
            wall = stamp_in(control)
            if wall is not None:
                stamped(STAMP_COUNT.unpack_from(error, 12)[0], wall)
            continue
        at = time.monotonic_ns()
        errors += error[4] != linux.ORIGIN_LOCAL
        failed(_queued(error, read_control(control), payload, name, at))


def _entry(control: Ancillary) -> bytes | None:
    """The extended error in a message's control data."""
    for level, kind, data in control:
        if (level, kind) in ENTRIES:
            return data
    return None


def stamp_in(control: Ancillary) -> int | None:
    """The stamp (wall-clock ns) in a message's control data, where nothing else matters."""
    for level, kind, data in control:
        if kind == linux.SO_TIMESTAMPING and level == linux.SOL_SOCKET:
            seconds, nanoseconds = linux.TIMESTAMP.unpack_from(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return None


def read_control(control: Ancillary) -> Control:
    """A message's control data as values."""
    told = Control()
    for level, kind, data in control:
        if level == linux.SOL_SOCKET:
            if kind == linux.SO_TIMESTAMPING:
                seconds, nanoseconds = linux.TIMESTAMP.unpack_from(data)
                told.stamp = seconds * 1_000_000_000 + nanoseconds
        elif level == linux.SOL_IP:
            if kind == linux.IP_TTL:
                told.ttl = INT.unpack(data)[0]
            elif kind == linux.IP_TOS:
                told.tos = data[0]
            elif kind == linux.IP_RECVERR:
                told.error = data
            elif kind == linux.IP_PKTINFO:
                told.local = wire.to_text(data[8:12])
        elif kind == linux.IPV6_HOPLIMIT:
            told.ttl = INT.unpack(data)[0]
        elif kind == linux.IPV6_TCLASS:
            told.tos = INT.unpack(data)[0]
        elif kind == linux.IPV6_FLOWINFO:
            told.flow_label = int.from_bytes(data, "big") & 0xFFFFF
        elif kind == linux.IPV6_RECVERR:
            told.error = data
        elif kind == linux.IPV6_PKTINFO:
            told.local = wire.to_text(data[:16])
    return told


def _queued(error: bytes, told: Control, payload: bytes, name: Any, at: int) -> QueuedError:
    number, origin, kind, code, _, info, offset, flags, _ = linux.EXTENDED_ERROR.unpack_from(error)
    if flags & linux.EXTENSION_INVALID or origin == linux.ORIGIN_LOCAL:
        offset = 0
    destination, port = (name[0].partition("%")[0], name[1]) if name else ("", 0)
    return QueuedError(
        errno=number,
        origin=origin,
        type=kind,
        code=code,
        info=info,
        extension=offset,
        offender=_offender(error),
        destination=destination,
        port=port,
        payload=payload,
        ttl=told.ttl,
        tos=told.tos,
        stamp=told.stamp,
        at=at,
    )


def _offender(error: bytes) -> str:
    """The sockaddr that follows the error."""
    if len(error) < linux.OFFENDER + 8:
        return ""
    (family,) = struct.unpack_from("=H", error, linux.OFFENDER)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, error[linux.OFFENDER + 4 : linux.OFFENDER + 8])
    if family == socket.AF_INET6 and len(error) >= linux.OFFENDER + 24:
        return socket.inet_ntop(family, error[linux.OFFENDER + 8 : linux.OFFENDER + 24])
    return ""
