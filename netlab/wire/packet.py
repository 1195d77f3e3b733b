"""Whole IP packets: which version, which transport, and one line that says what a packet is.

`parse` and `transport` are for code that wants values. `summary` is for eyes: one line for a capture or a table,
whatever the bytes are.
"""

from __future__ import annotations

from netlab.errors import PacketError
from netlab.wire import icmpv4, icmpv6
from netlab.wire.ip import parse
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import IPv6, upper_layer
from netlab.wire.names import code_name, protocol_name, tcp_flags, type_name
from netlab.wire.tcp import TCP
from netlab.wire.udp import UDP

__all__ = ["Transport", "parse", "summary", "transport"]

Transport = icmpv4.Message | icmpv6.Message | UDP | TCP


def transport(packet: IPv4 | IPv6, quoted: bool = False) -> Transport | None:
    """The ICMP message, UDP datagram or TCP segment that a packet carries.

    None when the protocol is another one, or the packet is a fragment other than the first. What is cut short, as in
    a first fragment or a quote, is read as a quote is. Raises `PacketError` when it is not what it claims.
    """
    protocol, payload, offset, whole = _carried(packet)
    if offset:
        return None
    quoted = quoted or not whole
    source, destination = packet.source, packet.destination
    if protocol == icmpv4.PROTOCOL and isinstance(packet, IPv4):
        return icmpv4.parse(payload, quoted)
    if protocol == icmpv6.PROTOCOL and isinstance(packet, IPv6):
        return icmpv6.parse(payload, source, destination, quoted)
    if protocol == 17:
        return UDP.parse(payload, source, destination, quoted)
    if protocol == 6:
        return TCP.parse(payload, source, destination, quoted)
    return None


def summary(data: bytes) -> str:
    """One line about a packet: ``192.0.2.10 > 203.0.113.80 ICMP echo request id=7 seq=1 ttl=64``; never raises."""
    try:
        packet = parse(data, quoted=True)
    except PacketError as error:
        return f"not an IP packet ({error})"
    ttl = packet.ttl if isinstance(packet, IPv4) else packet.hop_limit
    words = [packet.source, ">", packet.destination, _inside(packet), f"ttl={ttl}"]
    if isinstance(packet, IPv4) and packet.checksum is not None:
        words.append("bad-checksum")
    return " ".join(words)


def _inside(packet: IPv4 | IPv6) -> str:
    """What the packet carries, in words."""
    try:
        protocol, payload, offset, whole = _carried(packet)
        if offset:
            return f"{protocol_name(protocol)} fragment offset={offset} length={len(payload)}"
        message = transport(packet)
    except PacketError as error:
        return f"({error})"
    if message is None:
        return f"{protocol_name(protocol)} length={len(payload)}"
    # The checksum of what is not whole is kept as it was found, good or bad: nothing can be said of it.
    none_computed = isinstance(packet, IPv4) and isinstance(message, UDP) and message.checksum == 0
    bad = whole and message.checksum is not None and not none_computed
    return _describe(message) + (" bad-checksum" if bad else "")


def _carried(packet: IPv4 | IPv6) -> tuple[int, bytes, int, bool]:
    """Protocol, its bytes, the fragment offset, and whether the bytes are all that were sent."""
    if isinstance(packet, IPv4):
        whole = packet.total_length is None and not packet.more_fragments
        return packet.protocol, packet.payload, packet.fragment_offset, whole
    protocol, payload, fragment = upper_layer(packet)
    whole = packet.payload_length is None and not (fragment and fragment.more_fragments)
    return protocol, payload, fragment.fragment_offset if fragment else 0, whole


def _describe(message: Transport) -> str:
    if isinstance(message, UDP):
        return f"UDP {message.source_port} > {message.destination_port} length={len(message.payload)}"
    if isinstance(message, TCP):
        ports = f"TCP {message.source_port} > {message.destination_port} {tcp_flags(message.flags)}"
        numbers = f" seq={message.sequence}" + (f" ack={message.acknowledgment}" if message.flags & TCP.ACK else "")
        return ports + numbers + f" length={len(message.payload)}"
    version = 4 if type(message).__module__.startswith(icmpv4.__name__) else 6
    text = ("ICMP " if version == 4 else "ICMPv6 ") + type_name(version, message.type)
    reason = code_name(version, message.type, message.code)
    if reason:
        text += f" ({reason})"
    for name, word in (("identifier", "id"), ("sequence", "seq"), ("mtu", "mtu")):
        number = getattr(message, name, 0 if name == "mtu" else None)
        if number is not None and (number or name != "mtu"):
            text += f" {word}={number}"
    for extension in getattr(message, "extensions", ()):
        text += f" [{extension}]"
    original = getattr(message, "original", b"")
    return text + (f" about {_about(original)}" if original else "")


def _about(original: bytes) -> str:
    """The quoted datagram, short: its destination and protocol; never a quote within a quote."""
    try:
        packet = parse(original, quoted=True)
        protocol = packet.protocol if isinstance(packet, IPv4) else upper_layer(packet)[0]
    except PacketError:
        return f"{len(original)} bytes"
    return f"{protocol_name(protocol)} to {packet.destination}"
