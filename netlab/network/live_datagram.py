"""What ping sockets and UDP sockets have in common: the kernel's headers, steered packet by packet.

The kernel makes the IP header, and control messages beside each packet say what must stand in it: TTL or hop limit, TOS
or traffic class, source address (ip(7), ipv6(7)). DF and the flow label have no control message: DF is an option of the
socket, set again whenever it changes, the flow label is part of the destination address. In IPv6 hop limit and traffic
class are set as options too: ping sockets ignored the control messages before Linux 5.18.
"""

from __future__ import annotations

import socket
import struct
import time
from abc import ABC, abstractmethod
from contextlib import suppress

from netlab import wire
from netlab.network import linux
from netlab.network.base import Arrival, Refused, Sent
from netlab.network.live_channel import Outgoing
from netlab.network.live_errqueue import ANCILLARY, LONGEST, Control, QueuedError, read_control
from netlab.network.live_hub import Hub, enlarge
from netlab.network.live_sender import STAMPED, Sender

IPV4_OPTIONS = [
    (linux.SOL_IP, option, 1)
    for option in (linux.IP_RECVERR, linux.IP_RECVERR_RFC4884, linux.IP_RECVTTL, linux.IP_RECVTOS, linux.IP_PKTINFO)
]
IPV6_OPTIONS = [
    (linux.SOL_IPV6, option, 1)
    for option in (
        *(linux.IPV6_V6ONLY, linux.IPV6_RECVERR, linux.IPV6_RECVERR_RFC4884, linux.IPV6_RECVHOPLIMIT),
        *(linux.IPV6_RECVTCLASS, linux.IPV6_RECVPKTINFO, linux.IPV6_FLOWINFO, linux.IPV6_FLOWINFO_SEND),
    )
] + [(linux.SOL_IPV6, linux.IPV6_AUTOFLOWLABEL, 0)]  # else the kernel fills in a flow label where ours is 0
INT = struct.Struct("=i")
INTERFACE = struct.Struct("=I")


class DatagramSocket(ABC):
    """One ping or UDP socket, bound, watched and ready to send."""

    def __init__(self, hub: Hub, version: int, protocol: int, port: int) -> None:
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._hub, self._version = hub, version
        options = [STAMPED, *(IPV4_OPTIONS if version == 4 else IPV6_OPTIONS)]
        opened = hub.open(family, socket.SOCK_DGRAM, protocol, options)
        try:
            opened.bind(("", port))
        except OSError:
            opened.close()
            raise
        enlarge(opened)
        self._sender = Sender(hub, opened, self._failed)
        self._fragment: bool | None = None
        self._ttl, self._tos = -1, -1
        self.port = int(opened.getsockname()[1])
        """The source port, or the identifier of a ping socket."""
        hub.watch(opened, self._ready)

    def transmit(self, outgoing: Outgoing, packet: bytes, payload: bytes, port: int) -> Sent | Refused:
        """Send ``payload``, so that it leaves as ``packet``."""
        sock = self._sender.socket
        fragment = not outgoing.dont_fragment
        if fragment is not self._fragment:
            self._fragment = fragment
            set_fragmenting(sock, self._version, fragment)
        where: tuple[str, int] | tuple[str, int, int, int] = (outgoing.destination, port)
        zone = 0
        if self._version == 6:
            zone = self._hub.zones.get(outgoing.destination, 0)
            where = (outgoing.destination, port, outgoing.flow_label, zone)
            self._sticky(outgoing)
        control = header_fields(outgoing, zone)
        return self._sender.send(packet, lambda: sock.sendmsg([payload], control, 0, where), rebuilt=True)

    def _sticky(self, outgoing: Outgoing) -> None:
        sock = self._sender.socket
        if outgoing.ttl != self._ttl:
            self._ttl = outgoing.ttl
            with suppress(OSError):  # 0 is not allowed here, but is in the control message
                sock.setsockopt(linux.SOL_IPV6, linux.IPV6_UNICAST_HOPS, outgoing.ttl)
        if outgoing.tos != self._tos:
            self._tos = outgoing.tos
            sock.setsockopt(linux.SOL_IPV6, linux.IPV6_TCLASS, outgoing.tos)

    def _ready(self, sock: socket.socket, events: int) -> None:
        """Take everything: errors and stamps first, so that a stamp mostly comes before the answer."""
        self._sender.drain()
        while True:
            try:
                data, control, _, name = sock.recvmsg(LONGEST, ANCILLARY, linux.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:  # a pending error: reading has cleared it, and its entry is on the error queue
                self._sender.drain()
                continue
            at = time.monotonic_ns()
            told = read_control(control)
            packet = self._answer(data, name[0].partition("%")[0], name[1], told)
            self._hub.inbox.append(Arrival(packet, at, told.stamp, rebuilt=True))

    @abstractmethod
    def _answer(self, data: bytes, source: str, port: int, told: Control) -> bytes:
        """The answer as a whole packet."""

    @abstractmethod
    def _failed(self, error: QueuedError) -> None:
        """An ICMP error came in: put it into the inbox as a packet."""

    def close(self) -> None:
        self._hub.forget(self._sender.socket)


def header_fields(outgoing: Outgoing, zone: int) -> list[tuple[int, int, bytes]]:
    """Control messages that tell the kernel what must stand in the IP header."""
    source = wire.to_packed(outgoing.source)
    if outgoing.version == 4:
        return [
            (linux.SOL_IP, linux.IP_TTL, INT.pack(outgoing.ttl)),
            (linux.SOL_IP, linux.IP_TOS, INT.pack(outgoing.tos)),
            (linux.SOL_IP, linux.IP_PKTINFO, bytes(4) + source + bytes(4)),
        ]
    return [
        (linux.SOL_IPV6, linux.IPV6_HOPLIMIT, INT.pack(outgoing.ttl)),
        (linux.SOL_IPV6, linux.IPV6_TCLASS, INT.pack(outgoing.tos)),
        (linux.SOL_IPV6, linux.IPV6_PKTINFO, source + INTERFACE.pack(zone)),
    ]


def set_fragmenting(sock: socket.socket, version: int, fragment: bool) -> None:
    """Whether packets that are too long are cut up or refused.

    The link's MTU decides, and a path MTU that the kernel remembers does not, or a search for it would find nothing.
    Only an IPv6 packet that may be cut up follows the path MTU: no router would cut it, so it could never arrive.
    """
    if version == 4:
        mode = linux.PMTUDISC_OMIT if fragment else linux.PMTUDISC_PROBE
        sock.setsockopt(linux.SOL_IP, linux.IP_MTU_DISCOVER, mode)
    else:
        mode = linux.PMTUDISC_DONT if fragment else linux.PMTUDISC_PROBE
        sock.setsockopt(linux.SOL_IPV6, linux.IPV6_MTU_DISCOVER, mode)
        sock.setsockopt(linux.SOL_IPV6, linux.IPV6_DONTFRAG, not fragment)
