"""TCP probes without any privilege: a non-blocking ``connect`` per probe, and its error queue.

The kernel makes the SYN and reads its answer; it tells only the outcome: connected (an open port), refused by a RST (a
closed one), or an ICMP error with the quoted TCP header. Each is turned into the packet that must have come, marked
``rebuilt``, with the number of the probe.

A connection must not stay, nor the kernel send a second SYN that nobody asked for: every socket is closed with linger
0, which resets what was accepted, at its answer or after `PATIENCE`. An answer that takes longer is not seen.

The kernel alone knows the sequence number and the options of its SYN; in ``Sent.packet``, answers and quotes stand the
caller's. Two probes in flight to one port cannot have one source port either: where the caller's is taken the kernel
chooses another, but the packets keep the caller's, so that they fit together. (`Arrival.number` says whose they are.)
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from dataclasses import dataclass, replace

from netlab import wire
from netlab.network import linux
from netlab.network.base import Arrival, Refused, Sent
from netlab.network.live_channel import Outgoing
from netlab.network.live_datagram import IPV4_OPTIONS, IPV6_OPTIONS
from netlab.network.live_errqueue import QueuedError, drain
from netlab.network.live_hub import Hub
from netlab.network.live_rebuild import header_length, icmp_error, tcp_answer

PATIENCE = 950_000_000
"""ns: Linux repeats a SYN after 1 s (RFC 6298 section 2)."""

MOST_OPEN = 512
"""Probes in flight: half of the file descriptors that a process usually may have."""

FREED_WITHIN, LOOK_AGAIN = 50_000_000, 0.0005
"""ns and s. In the lab another process opens the sockets; its copy of one may live a moment longer than ours, and the
port with it. A flow must not change for that."""

FLAGS_BYTE, TCP_HEADER = 13, 20
ECN = 0x03
"""The two low bits of TOS: on a TCP socket they are the kernel's (RFC 3168), and clear in a SYN."""

STAMPED = (linux.SOL_SOCKET, linux.SO_TIMESTAMPING, linux.STAMP_RECEIVED)
"""Without OPT_ID, which TCP refuses before it is connected; SYNs get no send stamp anyway."""
ONE_REPEAT = (socket.IPPROTO_TCP, linux.TCP_SYNCNT, 1)
"""In case that nobody asks for answers for a while; 0 would mean the system's number."""
REUSE = (linux.SOL_SOCKET, socket.SO_REUSEADDR, 1)
"""Probes to several destinations share a source port."""


@dataclass(slots=True)
class Attempt:
    """One connect under way."""

    number: int
    packet: bytes
    due: int


class TcpChannel:
    """TCP of one IP version."""

    def __init__(self, hub: Hub, version: int) -> None:
        self._hub, self._version = hub, version
        self._family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._options = [STAMPED, REUSE, ONE_REPEAT, *(IPV4_OPTIONS if version == 4 else IPV6_OPTIONS)]
        self._attempts: dict[socket.socket, Attempt] = {}
        """In the order in which they began, and so in that of their ends."""
        with hub.open(self._family, socket.SOCK_STREAM, 0, []) as probe:  # a free port; not held, the probes bind it
            probe.bind(("", 0))
            self._port = int(probe.getsockname()[1])

    def identifier(self, protocol: int) -> int:
        return self._port

    def send(self, outgoing: Outgoing) -> Sent | Refused:
        segment = outgoing.payload
        if not outgoing.plain or len(segment) < TCP_HEADER or segment[FLAGS_BYTE] != wire.TCP.SYN:
            return Refused("without privilege only plain SYNs can be sent")
        if len(segment) > (segment[12] >> 4) * 4:
            return Refused("without privilege a SYN cannot carry data")
        if len(self._attempts) >= MOST_OPEN:
            return Refused(f"{MOST_OPEN} connection attempts are in flight already")
        try:
            sock, result, at = self._connect(outgoing)
        except OSError as error:
            return Refused(linux.reason(error))
        attempt = Attempt(self._hub.number(), _as_left(outgoing), at + PATIENCE)
        self._attempts[sock] = attempt
        if result == errno.EINPROGRESS:
            self._hub.watch(sock, self._ready, select.EPOLLOUT)
        else:  # it was answered at once, as may be on loopback
            self._answered(sock, attempt, result, time.monotonic_ns())
        return Sent(attempt.number, attempt.packet, at, rebuilt=True)

    def _connect(self, outgoing: Outgoing) -> tuple[socket.socket, int, int]:
        """A connect that has begun: its socket, errno so far, and time. Raises OSError when it cannot begin."""
        port = int.from_bytes(outgoing.payload[:2], "big")
        patience = time.monotonic_ns() + FREED_WITHIN
        while True:
            try:
                return self._connect_from(outgoing, port)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                    raise
            if self._in_flight(outgoing) or time.monotonic_ns() > patience:
                return self._connect_from(outgoing, 0)
            time.sleep(LOOK_AGAIN)

    def _in_flight(self, outgoing: Outgoing) -> bool:
        """Whether a probe of ours has the same addresses and ports."""
        ends = _ends(outgoing.packet)
        return any(_ends(attempt.packet) == ends for attempt in self._attempts.values())

    def _connect_from(self, outgoing: Outgoing, port: int) -> tuple[socket.socket, int, int]:
        sock = self._hub.open(self._family, socket.SOCK_STREAM, 0, self._options)
        try:
            sock.setblocking(False)
            sock.setsockopt(linux.SOL_SOCKET, linux.SO_LINGER, linux.LINGER_RESET)
            where: tuple[str, int] | tuple[str, int, int, int] = (outgoing.destination, _destination_port(outgoing))
            if self._version == 4:
                discover = linux.PMTUDISC_DO if outgoing.dont_fragment else linux.PMTUDISC_DONT
                sock.setsockopt(linux.SOL_IP, linux.IP_MTU_DISCOVER, discover)
                sock.setsockopt(linux.SOL_IP, linux.IP_TTL, outgoing.ttl)
                sock.setsockopt(linux.SOL_IP, linux.IP_TOS, outgoing.tos)
                sock.bind((outgoing.source, port))
            else:
                sock.setsockopt(linux.SOL_IPV6, linux.IPV6_UNICAST_HOPS, outgoing.ttl)
                sock.setsockopt(linux.SOL_IPV6, linux.IPV6_TCLASS, outgoing.tos)
                zones = self._hub.zones
                sock.bind((outgoing.source, port, 0, zones.get(outgoing.source, zones.get(outgoing.destination, 0))))
                where = (*where[:2], outgoing.flow_label, zones.get(outgoing.destination, 0))
            at = time.monotonic_ns()
            result = sock.connect_ex(where)
            if result not in (0, errno.EINPROGRESS, errno.ECONNREFUSED):
                raise OSError(result, os.strerror(result))
        except OSError:
            sock.close()
            raise
        return sock, result, at

    def _ready(self, sock: socket.socket, events: int) -> None:
        at = time.monotonic_ns()
        attempt = self._attempts.get(sock)
        if attempt is None:
            return
        errors: list[QueuedError] = []
        drain(sock, _no_stamps, errors.append)
        if not errors:
            self._answered(sock, attempt, sock.getsockopt(linux.SOL_SOCKET, linux.SO_ERROR), at)
            return
        for error in errors[:1]:  # the connect has ended with the first
            packet = _error_packet(error, attempt.packet) if error.offender else None
            if packet is not None:
                self._hub.inbox.append(Arrival(packet, error.at, error.stamp, True, attempt.number))
        self._end(sock)

    def _answered(self, sock: socket.socket, attempt: Attempt, result: int, at: int) -> None:
        """The connect has ended without an ICMP error: by a SYN-ACK, a RST, or a fault of our own machine."""
        flags = 0
        if result == errno.ECONNREFUSED:
            flags = wire.TCP.RST | wire.TCP.ACK
        elif result == 0 and _connected(sock):  # 0 alone proves nothing: reading the error queue clears the errno
            flags = wire.TCP.SYN | wire.TCP.ACK
        self._end(sock)
        if flags:
            answer = tcp_answer(attempt.packet, flags)
            self._hub.inbox.append(Arrival(answer, at, None, True, attempt.number))

    def due(self) -> int | None:
        first = next(iter(self._attempts.values()), None)
        return first.due if first else None

    def expire(self, now: int) -> None:
        while self._attempts:
            sock, attempt = next(iter(self._attempts.items()))
            if attempt.due > now:
                return
            self._end(sock)

    def _end(self, sock: socket.socket) -> None:
        self._attempts.pop(sock, None)
        self._hub.forget(sock)

    def close(self) -> None:
        for sock in list(self._attempts):
            self._end(sock)


def _connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def _no_stamps(count: int, at: int) -> None:
    """SYNs are not stamped."""


def _ends(packet: bytes) -> tuple[bytes, bytes]:
    """What tells connections apart: both addresses and both ports."""
    start = header_length(packet)
    return packet[8:start] if packet[0] >> 4 == 6 else packet[12:20], packet[start : start + 4]


def _destination_port(outgoing: Outgoing) -> int:
    return int.from_bytes(outgoing.payload[2:4], "big")


def _as_left(outgoing: Outgoing) -> bytes:
    """The SYN as far as it is known: with the ECN bits and the checksum of a SYN of the kernel's."""
    source, destination = outgoing.source, outgoing.destination
    segment = wire.TCP.parse(outgoing.payload, source, destination)
    body = replace(segment, checksum=None).to_bytes(source, destination)
    ip = wire.parse(outgoing.packet)
    if isinstance(ip, wire.IPv4):
        return replace(ip, payload=body, tos=ip.tos & ~ECN).to_bytes()
    return replace(ip, payload=body, traffic_class=ip.traffic_class & ~ECN).to_bytes()


def _error_packet(error: QueuedError, sent: bytes) -> bytes:
    """The ICMP error, with the TCP header that we know in place of the kernel's."""
    segment = sent[header_length(sent) :]
    known = min(len(segment), error.extension or len(error.payload))
    return icmp_error(error, sent, segment[:known] + error.payload[known:])
