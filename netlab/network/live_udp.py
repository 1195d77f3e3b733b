"""UDP probes without any privilege: a plain UDP socket per source port, and its error queue.

Answers come as payloads with their addresses, ICMP errors on the error queue with what the router quoted after the UDP
header. The quoted IP and UDP headers are hidden, so they are taken from the packet that we sent; which one that was,
its destination, its port and the quoted payload tell. When a router quotes no payload (RFC 792 asks for 8 bytes, which
are the UDP header) and several packets went to the same port, nobody can tell: then the UDP header in the rebuilt quote
has only its ports, and 0 for length and checksum. Plans that change the destination port do not have this problem.
"""

from __future__ import annotations

from collections import deque

from netlab import wire
from netlab.network.base import Arrival, Refused, Sent
from netlab.network.live_channel import Outgoing
from netlab.network.live_datagram import DatagramSocket
from netlab.network.live_errqueue import Control, QueuedError
from netlab.network.live_hub import Hub
from netlab.network.live_rebuild import UDP_HEADER, header_length, icmp_error
from netlab.network.live_rebuild import packet as ip_packet

REMEMBERED = 1 << 14
"""Packets kept to recognise in errors; more than can be in flight."""


class UdpChannel:
    """UDP of one IP version; a socket is opened for each source port that packets have."""

    def __init__(self, hub: Hub, version: int) -> None:
        self._hub, self._version = hub, version
        first = UdpSocket(hub, version, 0)
        self._first = first.port
        self._sockets: dict[int, UdpSocket] = {first.port: first}

    def identifier(self, protocol: int) -> int:
        return self._first

    def send(self, outgoing: Outgoing) -> Sent | Refused:
        if not outgoing.plain or len(outgoing.payload) < UDP_HEADER:
            return Refused("without privilege only plain UDP datagrams can be sent")
        port = int.from_bytes(outgoing.payload[:2], "big")
        own = self._sockets.get(port)
        if own is None:
            try:
                own = self._sockets[port] = UdpSocket(self._hub, self._version, port)
            except OSError:
                return Refused(f"source port {port} is in use")
        return own.send(outgoing)

    def due(self) -> int | None:
        return None

    def expire(self, now: int) -> None:
        """Nothing here ends by itself."""

    def close(self) -> None:
        for own in self._sockets.values():
            own.close()


class UdpSocket(DatagramSocket):
    """One source port."""

    def __init__(self, hub: Hub, version: int, port: int) -> None:
        self._sent: dict[tuple[str, int], list[bytes]] = {}
        self._order: deque[tuple[str, int]] = deque()
        super().__init__(hub, version, wire.PROTOCOL_UDP, port)

    def send(self, outgoing: Outgoing) -> Sent | Refused:
        payload = outgoing.payload[UDP_HEADER:]
        port = int.from_bytes(outgoing.payload[2:4], "big")
        source, destination = outgoing.source, outgoing.destination
        header = wire.UDP(self.port, port, payload).to_bytes(source, destination)
        packet = outgoing.packet[: -len(outgoing.payload)] + header  # the length and the checksum are the kernel's
        self._remember((destination, port), packet)
        return self.transmit(outgoing, packet, payload, port)

    def _remember(self, key: tuple[str, int], packet: bytes) -> None:
        """Before it leaves: on loopback an error may be there at once."""
        self._sent.setdefault(key, []).append(packet)
        self._order.append(key)
        if len(self._order) > REMEMBERED:
            oldest = self._order.popleft()
            del self._sent[oldest][0]
            if not self._sent[oldest]:
                del self._sent[oldest]

    def _answer(self, data: bytes, source: str, port: int, told: Control) -> bytes:
        datagram = wire.UDP(port, self.port, data).to_bytes(source, told.local)
        return ip_packet(source, told.local, wire.PROTOCOL_UDP, datagram, told.ttl, told.tos, told.flow_label)

    def _failed(self, error: QueuedError) -> None:
        if not error.offender:
            return
        quoted = error.payload[: error.extension] if error.extension else error.payload
        sent = self._sent.get((error.destination, error.port), [])
        fitting = [packet for packet in sent if _fits(packet[header_length(packet) + UDP_HEADER :], quoted)]
        alike = {packet[header_length(packet) :] for packet in fitting}
        if not fitting:
            return
        packet = fitting[-1]
        start = header_length(packet)
        header = packet[start : start + UDP_HEADER]
        if len(alike) > 1:
            header = header[:4] + bytes(4)
        if error.extension:
            error = error._replace(extension=error.extension + UDP_HEADER)
        rebuilt = icmp_error(error, packet, header + error.payload)
        self._hub.inbox.append(Arrival(rebuilt, error.at, error.stamp, rebuilt=True))


def _fits(payload: bytes, quoted: bytes) -> bool:
    """Whether a quote may be of this payload: the shorter one is the start of the other (a quote may be padded)."""
    length = min(len(payload), len(quoted))
    return payload[:length] == quoted[:length]
