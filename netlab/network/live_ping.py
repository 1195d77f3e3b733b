"""Ping sockets: ICMP echo without privilege, where ``net.ipv4.ping_group_range`` lets this user's group.

``SOCK_DGRAM`` with ``IPPROTO_ICMP`` or ``IPPROTO_ICMPV6`` (icmp(7)) sends echo requests and nothing else. The kernel
puts in the identifier, one per socket, and the checksum, and delivers the answers to this identifier only, without
their IP header. The kernel chooses the identifier, because two sockets may bind the same one without any error.
Time Exceeded and the other errors come on the error queue, from the quoted ICMP header on.
"""

from __future__ import annotations

from netlab import wire
from netlab.network.base import Arrival, Refused, Sent
from netlab.network.live_channel import Outgoing
from netlab.network.live_datagram import DatagramSocket
from netlab.network.live_errqueue import Control, QueuedError
from netlab.network.live_hub import Hub
from netlab.network.live_rebuild import echo_as_left, icmp_error
from netlab.network.live_rebuild import packet as ip_packet

ECHO_REQUEST, ECHO_REQUEST_V6 = 8, 128


class PingChannel(DatagramSocket):
    """ICMP echo of one IP version. Opening raises PermissionError when the group is not allowed."""

    def __init__(self, hub: Hub, version: int) -> None:
        self._protocol = wire.PROTOCOL_ICMP if version == 4 else wire.PROTOCOL_ICMPV6
        self._request = ECHO_REQUEST if version == 4 else ECHO_REQUEST_V6
        self._sent: dict[bytes, bytes] = {}
        """The last packet sent with each sequence number: what an error with this number is about."""
        super().__init__(hub, version, self._protocol, 0)

    def identifier(self, protocol: int) -> int:
        return self.port

    def send(self, outgoing: Outgoing) -> Sent | Refused:
        message = outgoing.payload
        if not outgoing.plain or len(message) < 8 or message[0] != self._request or message[1]:
            return Refused("without privilege only plain echo requests can be sent")
        packet = echo_as_left(outgoing.packet, self.port)
        self._sent[message[6:8]] = packet  # before it leaves: on loopback an error may be there at once
        return self.transmit(outgoing, packet, message, 0)

    def _answer(self, data: bytes, source: str, port: int, told: Control) -> bytes:
        return ip_packet(source, told.local, self._protocol, data, told.ttl, told.tos, told.flow_label)

    def _failed(self, error: QueuedError) -> None:
        sent = self._sent.get(error.payload[6:8])
        if sent is None or not error.offender:
            return
        packet = icmp_error(error, sent, error.payload)
        self._hub.inbox.append(Arrival(packet, error.at, error.stamp, rebuilt=True))

    def due(self) -> int | None:
        return None

    def expire(self, now: int) -> None:
        """Nothing here ends by itself."""
