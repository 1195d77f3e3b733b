"""What happened to every packet at every machine: the capture, and the true delays and losses in it.

A record is five values: the time, what happened, where, the packet, and its TTL at that moment. They are appended
to one flat list, because a million records then cost a million times five pointers and give the garbage collector
nothing to look at. Bytes, rows and summaries are made only when somebody reads.

*What happened* is ``sent``, ``forwarded``, ``delivered``, ``duplicated``, or a reason from `REASONS`: then the
packet was dropped. *Where* is an interface (so that machine and link are known) or a machine.

Every packet ends in exactly one ``delivered`` or ``dropped``, except one that was cut into fragments: there, its
fragments do. The second copy that a link makes is a packet of its own, and so is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from netlab.internet.extension import walk
from netlab.internet.model import EPOCH
from netlab.internet.packet import Packet
from netlab.wire.addresses import to_text
from netlab.wire.extensions import MplsLabel
from netlab.wire.packet import summary

SENT, FORWARDED, DELIVERED, DUPLICATED = "sent", "forwarded", "delivered", "duplicated"

REASONS = {
    # on a link
    "link down": "the link is down",
    "queue full": "more packets than the queue holds wait for the link",
    "lost on the link": "the link loses a share of its packets",
    # at any machine
    "node down": "the machine is off; its neighbours do not know",
    "truncated": "the packet is shorter than its header says",
    "bad IPv4 header checksum": "a bit of the IPv4 header is wrong (RFC 1812 section 5.2.2)",
    "bad header length": "an IPv4 header has at least 20 bytes",
    "bad total length": "a packet is at least as long as its header",
    "bad option": "an IPv4 option's length cannot be",
    "bad extension header": "an IPv6 extension header that cannot be",
    "unrecognised option": "an IPv6 option that must be known and is not",
    "option says discard": "an unknown IPv6 option whose type says: discard without a word",
    "incomplete header chain": "the first fragment does not hold all headers (RFC 7112)",
    "source route": "machines refuse source routes",
    "martian source": "the source is not the address of one host (RFC 1812 section 5.3.7)",
    "martian destination": "0.0.0.0, :: or a loopback address from outside",
    "broadcast or multicast": "nobody here listens to broadcasts, and routers do not forward them",
    "firewall": "a firewall drops it without a word",
    "prohibited": "a route or a firewall forbids it and says so",
    "network prohibited": "a firewall forbids it and says so",
    "host prohibited": "a firewall forbids it and says so",
    "source policy": "a firewall forbids it and says so",
    "reject route": "a firewall forbids it and says so",
    "port unreachable": "a firewall rejects it as if nobody listened",
    "reset by firewall": "a firewall answers a TCP segment with a reset",
    # at a router
    "ttl exceeded": "the TTL or hop limit would become 0",
    "network unreachable": "the router knows no way to the destination",
    "host unreachable": "nobody on the destination's network has the address",
    "unreachable route": "a route says: unreachable",
    "blackhole": "a route says: blackhole",
    "beyond scope": "a link-local address is good for one link only",
    "too long": "longer than the next link's MTU, and may not be fragmented",
    "MTU black hole": "too long, and the router does not say so",
    "no free port": "the NAT has lent all ports of its address for this destination",
    # at a host
    "not for this host": "hosts do not forward",
    "bad ICMP checksum": "a bit of the ICMP message is wrong",
    "bad UDP checksum": "a bit of the UDP datagram is wrong, or it has no checksum over IPv6",
    "bad TCP checksum": "a bit of the TCP segment is wrong",
    "bad fragment": "fragments that overlap or give more than 65,535 bytes (RFC 5722)",
    "reassembly time exceeded": "a fragment of the datagram did not come in time",
    "too many fragments": "the host waits for fragments of too many datagrams already",
}
"""Every reason for which a packet is dropped."""

PROTOCOLS = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp"}

FIELDS = 5
"""Values per record."""


class Place(Protocol):
    """A machine or one of its interfaces."""

    @property
    def node_name(self) -> str: ...

    @property
    def link_name(self) -> str: ...

    @property
    def peer_name(self) -> str: ...

    @property
    def delay(self) -> int: ...


class Parts(NamedTuple):
    """Of what the time on a link consists besides propagation, ns."""

    queueing: int = 0
    transmission: int = 0
    jitter: int = 0
    """The link's extra delay, and the wait for the packet in front (jitter never reorders)."""
    held: int = 0
    """How long the packet was held back to be overtaken."""


NO_PARTS = Parts()


class Record(NamedTuple):
    time: int
    what: str
    where: Place
    packet: Packet
    ttl: int


class Capture:
    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.values: list[Any] = []
        self.parts: dict[int, Parts] = {}
        """For the record that begins at this index of ``values``; none for links that only delay."""
        self.waited: dict[int, int] = {}
        """For the number of an answer: ns for which its sender's control plane held it back."""
        self.labels: dict[tuple[int, int, str], MplsLabel] = {}
        """The label in front of a packet, by the time, its number, and the node that sends it."""
        self.lost = dict.fromkeys(REASONS, 0)
        self.record: Callable[[tuple[int, str, Place, Packet, int]], None]
        self.record = self.values.extend if enabled else _ignore

    def drop(self, time: int, reason: str, where: Place, packet: Packet) -> None:
        self.lost[reason] += 1  # a KeyError here: the reason is missing in REASONS
        self.record((time, reason, where, packet, packet.ttl))

    def note(self, parts: Parts) -> None:
        """Keep what the last record's packet waited for on its link."""
        if self.enabled:
            self.parts[len(self.values) - FIELDS] = parts

    def label(self, time: int, packet: Packet, node: str, label: MplsLabel) -> None:
        """Keep the label with which a packet goes onto a link."""
        if self.enabled:
            self.labels[time, packet.number, node] = label

    def trim(self, kept: int) -> None:
        """Forget all but the latest ``kept`` records."""
        old = len(self.values) - kept * FIELDS
        if old > 0:
            del self.values[:old]
            self.parts = {index - old: parts for index, parts in self.parts.items() if index >= old}
            first, numbers = self.values[0], {record.packet.number for record in self}
            self.labels = {key: label for key, label in self.labels.items() if key[0] >= first}
            self.waited = {number: waited for number, waited in self.waited.items() if number in numbers}

    def processed(self, number: int, waited: int) -> None:
        """Keep how long the control plane took to make a packet."""
        if self.enabled and waited:
            self.waited[number] = waited

    def __iter__(self) -> Iterator[Record]:
        values = iter(self.values)
        return map(Record, values, values, values, values, values)

    def rows(self, node: str | None = None, link: str | None = None) -> list[dict[str, Any]]:
        """All records as rows of PACKETS with ``link`` and ``number``; see `Engine.packets`."""
        return [
            row(*record, self.labels.get((record.time, record.packet.number, record.where.node_name)))
            for record in self
            if (node is None or record.where.node_name == node)
            and (link is None or (record.where.link_name == link and record.what in (SENT, FORWARDED, DUPLICATED)))
        ]

    def truth(self) -> list[dict[str, Any]]:
        """One row per link that a delivered packet crossed; see `Engine.truth`."""
        delivered = {record.packet.number for record in self if record.what == DELIVERED}
        rows = []
        for index, (time, what, where, packet, _) in enumerate(self):
            if packet.number not in delivered or what not in (SENT, FORWARDED, DUPLICATED) or not where.link_name:
                continue
            parts = self.parts.get(index * FIELDS, NO_PARTS)
            processing = self.waited.get(packet.number, 0) if what == SENT else 0
            rows.append(
                {
                    "number": packet.number,
                    "parent": packet.parent,
                    "from": where.node_name,
                    "to": where.peer_name,
                    "link": where.link_name,
                    "time": EPOCH + time,
                    "size": packet.size,
                    "processing_ms": processing / 1e6,
                    "queueing_ms": parts.queueing / 1e6,
                    "transmission_ms": parts.transmission / 1e6,
                    "propagation_ms": where.delay / 1e6,
                    "jitter_ms": parts.jitter / 1e6,
                    "held_ms": parts.held / 1e6,
                    "delay_ms": (processing + where.delay + sum(parts)) / 1e6,
                }
            )
        return rows


def row(time: int, what: str, where: Place, packet: Packet, ttl: int, label: MplsLabel | None = None) -> dict[str, Any]:
    """One row of PACKETS, with the link, the numbers of the packet and its parent, and its MPLS label besides."""
    action, reason = what, ""
    if what == DUPLICATED:
        action, reason = FORWARDED, "the link made a second copy"
    elif what in REASONS:
        action, reason = "dropped", what
    data = packet.at(ttl)
    protocol = walk(packet).protocol
    return {
        "time": EPOCH + time,
        "at": where.node_name,
        "action": action,
        "reason": reason,
        "source": to_text(packet.source),
        "destination": to_text(packet.destination),
        "protocol": PROTOCOLS.get(protocol, str(protocol)),
        "ttl": ttl,
        "summary": summary(data),
        "data": data,
        "link": where.link_name,
        "number": packet.number,
        "parent": packet.parent,
        "mpls": str(label) if label else "",
    }


def _ignore(values: tuple[int, str, Place, Packet, int]) -> None:
    """Nobody wants the capture."""
