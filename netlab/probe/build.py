"""From a probe in words to the bytes of an IP packet.

How an answer finds its probe again (see also ``matching.py``): every probe has a number that never repeats
within a measurement, and the wire carries its low 16 bits where every answer must bring them back (RFC 792 and
RFC 4443 quote at least 8 bytes behind the IP header):

==========  ==============================================================================================
ICMP echo   the sequence number
UDP         the checksum: two payload bytes are chosen so that the checksum comes out as the number
TCP         the sequence number of the segment
==========  ==============================================================================================

Over IPv4 the identification field carries it too, which no NAT changes and no balancer looks at.

*Flows.* Balancers hash addresses, protocol and the first four bytes behind the IP header, where the ports are; of an
ICMP message these are type, code and checksum (and of IPv6 the flow label). ``paris`` keeps them all constant: each
flow has its own port or ICMP checksum, and two payload bytes make up for what changes elsewhere. ``classic`` is what
the first traceroutes did: every probe changes them, so every probe is a flow of its own. ``free``: ping, where the
probes of one destination differ in the ICMP checksum only.

==========  ====================================  =====================================
flow        paris                                 classic
==========  ====================================  =====================================
ICMP echo   the checksum                          sequence number, and so the checksum
UDP         the destination port                  the destination port
TCP         the source port                       the source port
==========  ====================================  =====================================

In front of the payload lies a cookie: random bytes that only we know, other ones for every probe. They settle
who is meant when 16 bits are not enough. No time is ever put into the payload: the other side could change it.

The first probe of a flow is put together header by header (`compose`), those after it from its copy (``template.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from netlab import wire
from netlab.errors import UsageError
from netlab.probe.plan import Probe
from netlab.probe.template import AFTER_COOKIE, ICMP_CHECKSUM, Template
from netlab.wire import icmpv4

ChecksumFunction = Callable[[bytes], int]

COOKIE_BYTES = 8
_MIX = 0x9E3779B97F4A7C15  # odd, so that multiplying by it gives every number another cookie
_MASK = (1 << 64) - 1
IPV6_HEADER, IPV4_HEADER = 40, 20
HEADER_BYTES = {"icmp": 8, "udp": 8, "tcp": 20}
FLOW_CHECKSUM = 0x5A00
"""ICMP Paris: flow 1 has this checksum, flow 2 the next; far from 0 and 0xFFFF, which are one number in its sum."""
SPREAD = 16_384
"""Ports that the flows of a measurement use; 0xA5FF ICMP checksums lie above `FLOW_CHECKSUM`."""
MIDDLE_PORT = 40_000
"""Source ports from here are counted down, so that they stay between 1024 and 65,535."""
FlowMode = Literal["free", "paris", "classic"]


def cookie(key: int, number: int) -> bytes:
    """Give the cookie of probe ``number`` in a measurement with the secret ``key`` (64 bits)."""
    return cookie_number(key, number).to_bytes(COOKIE_BYTES, "big")


def cookie_number(key: int, number: int) -> int:
    """Give the same as a number of 64 bits."""
    return key ^ (number * _MIX & _MASK)


@dataclass(slots=True, eq=False, repr=False)
class Builder:
    """Everything about the packets of one measurement that is the same for all its probes."""

    protocol: Literal["icmp", "udp", "tcp"]
    identifier: dict[int, int]
    """By family (4, 6): the ICMP identifier, or our port."""
    key: int
    port: int = 33434
    pattern: bytes = b"\x00"
    tos: int = 0
    flow_label: int = 0
    dont_fragment: bool = False
    kind: Literal["echo", "timestamp", "syn", "ack"] = "echo"
    checksum: ChecksumFunction | None = None
    """A learner's own checksum, called with the message whose checksum field is 0 (ICMPv6, UDP, TCP: behind the
    pseudo-header)."""
    flows: FlowMode = "free"
    _fill: dict[int, bytes] = field(default_factory=dict)
    _first: dict[tuple[str, str, int, int], bytes] = field(default_factory=dict)
    """The first packet of each source, destination, size and flow."""
    _templates: dict[tuple[str, str, int, int], Template] = field(default_factory=dict)
    """Made when a second packet of its kind is asked for: many measurements send one."""

    @property
    def spread(self) -> int:
        """How many ports an answer may be about."""
        return 1 if self.flows == "free" else SPREAD

    def flow(self, probe: Probe, number: int) -> int:
        """The flow that the probe belongs to: in classic mode each its own."""
        return number if self.flows == "classic" else probe.flow

    def ports(self, version: int, probe: Probe, number: int) -> tuple[int, int]:
        """Source and destination port of a probe; of ICMP, the identifier and 0."""
        own = self.identifier[version]
        if self.protocol == "icmp":
            return own, 0
        offset = 0 if self.flows == "free" else (self.flow(probe, number) - 1) % SPREAD
        if self.protocol == "udp":
            return own, self.port + offset % min(SPREAD, 65_536 - self.port)
        return (own - offset if own >= MIDDLE_PORT else own + offset), self.port

    def payload(self, number: int, size: int) -> bytes:
        """Give ``size`` bytes: the cookie (as much as fits), then the pattern over and over."""
        fill = self._fill.get(size)
        if fill is None:
            fill = self._fill[size] = (self.pattern * (size // len(self.pattern) + 1))[: max(0, size - COOKIE_BYTES)]
        return cookie(self.key, number)[:size] + fill

    def build(self, probe: Probe, number: int) -> bytes:
        """Give the whole IP packet of probe ``number``."""
        kind = (probe.target.source, probe.target.address, probe.size, probe.flow)
        template = self._templates.get(kind)
        if template is not None:
            return template.packet(probe.ttl, number, cookie_number(self.key, number))
        first = self._first.get(kind)
        if first is not None:
            template = self._templates[kind] = self._template(first)
            return template.packet(probe.ttl, number, cookie_number(self.key, number))
        packet = self.compose(probe, number)
        if self._differ_in_numbers_only(probe):
            self._first[kind] = packet
        return packet

    def _differ_in_numbers_only(self, probe: Probe) -> bool:
        """Whether the probes of a kind are alike enough for a template."""
        if self.checksum is not None or self.flows == "classic" or self.kind not in ("echo", "syn"):
            return False
        return self.protocol == "tcp" or probe.size >= COOKIE_BYTES + 2

    def _template(self, packet: bytes) -> Template:
        balance = ICMP_CHECKSUM if self.protocol == "icmp" and self.flows == "free" else AFTER_COOKIE
        return Template(packet, self.protocol != "tcp", balance, never_zero=self.protocol == "udp")

    def compose(self, probe: Probe, number: int) -> bytes:
        """Give the same as `build`, put together header by header."""
        source, destination = probe.target.source, probe.target.address
        version = 6 if ":" in destination else 4
        if self.protocol == "icmp":
            message = self._icmp(version, probe, number)
        elif self.protocol == "udp":
            message = self._udp(version, probe, number)
        else:
            message = self._tcp(version, probe, number)
        if version == 4:
            return wire.IPv4(
                source,
                destination,
                {"icmp": wire.PROTOCOL_ICMP, "udp": wire.PROTOCOL_UDP, "tcp": wire.PROTOCOL_TCP}[self.protocol],
                message,
                ttl=probe.ttl,
                tos=self.tos,
                identification=number & 0xFFFF,
                dont_fragment=self.dont_fragment,
            ).to_bytes()
        return wire.IPv6(
            source,
            destination,
            {"icmp": wire.PROTOCOL_ICMPV6, "udp": wire.PROTOCOL_UDP, "tcp": wire.PROTOCOL_TCP}[self.protocol],
            message,
            hop_limit=probe.ttl,
            traffic_class=self.tos,
            flow_label=self.flow_label,
        ).to_bytes()

    def _icmp(self, version: int, probe: Probe, number: int) -> bytes:
        identifier, sequence = self.identifier[version], number & 0xFFFF
        source, destination = probe.target.source, probe.target.address
        if self.flows == "paris" and probe.size >= COOKIE_BYTES + 2:
            body = self._with_flow_checksum(version, probe, number)
        elif self.kind == "timestamp":
            body = icmpv4.TimestampRequest(identifier, sequence, originate=0, receive=0, transmit=0).to_bytes()
        elif version == 4:
            body = icmpv4.EchoRequest(identifier, sequence, self.payload(number, probe.size)).to_bytes()
        else:
            echo = wire.icmpv6.EchoRequest(identifier, sequence, self.payload(number, probe.size))
            body = echo.to_bytes(source, destination)
        if self.checksum is not None:
            body = self._with_own_checksum(body, 2, source, destination, version == 6, wire.PROTOCOL_ICMPV6)
        return body

    def _with_flow_checksum(self, version: int, probe: Probe, number: int) -> bytes:
        """An echo request whose checksum is its flow's: the trick of `_udp`, with the flow in the payload word."""
        source, destination = probe.target.source, probe.target.address
        payload = bytearray(self.payload(number, probe.size))
        wanted = FLOW_CHECKSUM + (probe.flow - 1) % SPREAD
        payload[COOKIE_BYTES : COOKIE_BYTES + 2] = wanted.to_bytes(2, "big")
        arguments = (self.identifier[version], number & 0xFFFF, bytes(payload))
        if version == 4:
            body = bytearray(icmpv4.EchoRequest(*arguments).to_bytes())
        else:
            body = bytearray(wire.icmpv6.EchoRequest(*arguments).to_bytes(source, destination))
        word = HEADER_BYTES["icmp"] + COOKIE_BYTES
        body[2:4], body[word : word + 2] = body[word : word + 2], body[2:4]
        return bytes(body)

    def _udp(self, version: int, probe: Probe, number: int) -> bytes:
        source, destination = probe.target.source, probe.target.address
        payload = bytearray(self.payload(number, probe.size))
        head = self.ports(version, probe, number)
        if len(payload) >= COOKIE_BYTES + 2:
            # Paris: with the wanted checksum in the payload word, the sum of the datagram with that word is what the
            # checksum would have been; swapping the two leaves the ones' complement sum as it is.
            wanted = number & 0xFFFF
            payload[COOKIE_BYTES : COOKIE_BYTES + 2] = wanted.to_bytes(2, "big")
            plain = wire.UDP(*head, bytes(payload)).to_bytes(source, destination)
            word = int.from_bytes(plain[6:8], "big")
            payload[COOKIE_BYTES : COOKIE_BYTES + 2] = word.to_bytes(2, "big")
        datagram = wire.UDP(*head, bytes(payload)).to_bytes(source, destination)
        if self.checksum is not None:
            datagram = self._with_own_checksum(datagram, 6, source, destination, True, wire.PROTOCOL_UDP)
        return datagram

    def _tcp(self, version: int, probe: Probe, number: int) -> bytes:
        source, destination = probe.target.source, probe.target.address
        # The cookie's upper half and the number: 16 bits that only we know, 16 bits that say which probe.
        sequence = (self.key >> 48 << 16) | (number & 0xFFFF)
        flags = wire.TCP.ACK if self.kind == "ack" else wire.TCP.SYN
        segment = wire.TCP(
            *self.ports(version, probe, number),
            sequence=sequence,
            acknowledgment=sequence if self.kind == "ack" else 0,
            flags=flags,
        ).to_bytes(source, destination)
        if self.checksum is not None:
            segment = self._with_own_checksum(segment, 16, source, destination, True, wire.PROTOCOL_TCP)
        return segment

    def _with_own_checksum(
        self, body: bytes, offset: int, source: str, destination: str, pseudo: bool, protocol: int
    ) -> bytes:
        assert self.checksum is not None
        zeroed = body[:offset] + b"\x00\x00" + body[offset + 2 :]
        head = wire.pseudo_header(source, destination, protocol, len(body)) if pseudo else b""
        value = self.checksum(head + zeroed)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFFFF:
            raise UsageError("checksum", value, "the function must return a whole number from 0 to 65535 (16 bits)")
        return zeroed[:offset] + value.to_bytes(2, "big") + zeroed[offset + 2 :]


def packet_size(protocol: str, version: int, size: int, kind: str = "echo") -> int:
    """Give the bytes of the IP packet that a probe with ``size`` bytes of payload makes."""
    if protocol == "tcp":
        size = 0
    if kind == "timestamp":
        size = 12
    return (IPV4_HEADER if version == 4 else IPV6_HEADER) + HEADER_BYTES[protocol] + size
