"""What a live network has sent and received: the last 10,000 packets, as rows of PACKETS and as pcapng.

Kept as bytes and times only; the rows are made when somebody asks.
"""

from __future__ import annotations

from collections import deque
from os import PathLike
from typing import Any

from netlab import wire
from netlab.errors import PacketError, UsageError
from netlab.network.files import write

KEPT = 10_000
"""Packets: some 15 MB when all of them are full."""

HERE = "here"
"""The only node whose packets a live network sees: this machine."""


class Capture:
    """The packets of one network."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._seen: deque[tuple[int, str, bytes]] = deque(maxlen=KEPT)

    def sent(self, at: int, packet: bytes) -> None:
        self._seen.append((at, "sent", packet))

    def delivered(self, at: int, packet: bytes) -> None:
        self._seen.append((at, "delivered", packet))

    def rows(self) -> list[dict[str, Any]]:
        """Rows of PACKETS, in the order of their times."""
        return [_row(at, action, packet) for at, action, packet in self._in_order()]

    def write(self, path: str | PathLike[str], node: str | None, link: str | None) -> int:
        """A pcapng file; gives how many packets are in it."""
        if node not in (None, HERE):
            raise UsageError("node", node, f"must be None or {HERE!r}: {self._network} sees this machine's packets")
        if link is not None:
            raise UsageError("link", link, f"must be None: {self._network} does not see links")
        seen = [(at, packet) for at, _, packet in self._in_order()]
        write(path, wire.pcapng.to_pcapng(seen, interface=self._network))
        return len(seen)

    def _in_order(self) -> list[tuple[int, str, bytes]]:
        return sorted(self._seen, key=lambda seen: seen[0])


def _row(at: int, action: str, packet: bytes) -> dict[str, Any]:
    source = destination = ""
    protocol: int = 0
    ttl = 0
    try:
        ip = wire.parse(packet, quoted=True)
        source, destination = ip.source, ip.destination
        protocol, ttl = (ip.protocol, ip.ttl) if isinstance(ip, wire.IPv4) else (ip.next_header, ip.hop_limit)
    except PacketError:
        pass
    return {
        "time": at,
        "at": HERE,
        "action": action,
        "reason": "",
        "source": source,
        "destination": destination,
        "protocol": NAMES.get(protocol, str(protocol)),
        "ttl": ttl,
        "summary": wire.summary(packet),
        "data": packet,
        "link": "",
    }


NAMES = {
    wire.PROTOCOL_ICMP: "icmp",
    wire.PROTOCOL_ICMPV6: "icmp",
    wire.PROTOCOL_UDP: "udp",
    wire.PROTOCOL_TCP: "tcp",
}
"""As in the column ``protocol`` of PROBES; others by their number."""
