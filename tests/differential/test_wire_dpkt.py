"""Packets against dpkt: each side reads what the other wrote, with equal fields and equal bytes.

``NETLAB_DIFFERENTIAL`` is the number of packets per protocol (200 unless set).
"""

from __future__ import annotations

from typing import Any

import pytest

from netlab import wire
from netlab.wire import TCP, UDP, Fragment, IPv4, IPv6, icmpv4, icmpv6, to_packed
from tests.support.tools import need_module
from tests.wire import generate

KNOWN = [name for name in generate.PROTOCOLS if "extensions" not in name]
"""dpkt knows nothing of RFC 4884."""


@pytest.fixture(scope="module")
def dpkt() -> Any:
    need_module("dpkt")
    import dpkt

    return dpkt


@pytest.mark.parametrize("name", KNOWN)
def test_dpkt_reads_the_same_values_and_writes_the_same_bytes(
    dpkt: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for packet, message in generate.packets(name):
        ours = packet.to_bytes()
        read = dpkt.ip.IP(ours) if isinstance(packet, IPv4) else dpkt.ip6.IP6(ours)
        assert ip_values(read) == ip_expected(packet)
        if message is not None:
            assert message_values(read, message) == message_expected(message)
        clear(read, message)
        again = bytes(read)
        if isinstance(packet, IPv6) and isinstance(message, UDP) and ours[46:48] == b"\xff\xff":
            again = again[:46] + b"\xff\xff" + again[48:]  # see the test of this below
        assert again == ours
        assert wire.parse(again) == packet
        if not isinstance(message, Fragment):
            assert wire.transport(wire.parse(again)) == message
    generate.announce(capsys, f"dpkt {dpkt.__version__}, {name}: {generate.COUNT} packets agree")


def ip_values(read: Any) -> tuple[Any, ...]:
    if read.v == 4:
        return (read.src, read.dst, read.p, read.ttl, read.tos, read.id, read.df, read.mf, read.offset, read.opts)
    return (read.src, read.dst, read.nxt, read.hlim, read.fc, read.flow, read.plen)


def ip_expected(packet: IPv4 | IPv6) -> tuple[Any, ...]:
    ends = (to_packed(packet.source), to_packed(packet.destination))
    if isinstance(packet, IPv6):
        after = (packet.hop_limit, packet.traffic_class, packet.flow_label, len(packet.payload))
        return (*ends, packet.next_header, *after)
    flags = (packet.dont_fragment, packet.more_fragments, packet.fragment_offset // 8)
    return (*ends, packet.protocol, packet.ttl, packet.tos, packet.identification, *flags, packet.options)


def message_values(read: Any, message: object) -> tuple[Any, ...]:
    if isinstance(message, Fragment):
        header = read.all_extension_headers[0]
        return (header.nxt, header.frag_off, header.m_flag, header.id, bytes(read.data))
    data = read.data
    if isinstance(message, UDP):
        return (data.sport, data.dport, data.data)
    if isinstance(message, TCP):
        numbers = (data.sport, data.dport, data.seq, data.ack, data.flags, data.win, data.urp)
        return (*numbers, data.opts, data.data)
    body = data.data
    if isinstance(message, icmpv4.EchoRequest | icmpv4.EchoReply | icmpv6.EchoRequest | icmpv6.EchoReply):
        return (data.type, data.code, body.id, body.seq, body.data)
    if isinstance(message, icmpv4.DestinationUnreachable):
        return (data.type, data.code, body.mtu, bytes(body.ip))
    if isinstance(message, icmpv4.Redirect):
        return (data.type, data.code, body.gw.to_bytes(4, "big"), bytes(body.ip))
    if isinstance(message, icmpv4.TimeExceeded):
        return (data.type, data.code, bytes(body.ip))
    if isinstance(message, icmpv6.PacketTooBig):
        return (data.type, data.code, body.mtu, bytes(body.ip6))
    if isinstance(message, icmpv6.ParameterProblem):
        return (data.type, data.code, body.ptr, bytes(body.ip6))
    if isinstance(message, icmpv6.DestinationUnreachable | icmpv6.TimeExceeded):
        return (data.type, data.code, bytes(body.ip6))
    return (data.type, data.code)  # dpkt takes no other message apart


def message_expected(message: Any) -> tuple[Any, ...]:
    if isinstance(message, Fragment):
        place = (message.fragment_offset // 8, message.more_fragments)
        return (message.next_header, *place, message.identification, message.payload)
    if isinstance(message, UDP):
        return (message.source_port, message.destination_port, message.payload)
    if isinstance(message, TCP):
        numbers = (message.sequence, message.acknowledgment, message.flags, message.window, message.urgent)
        return (message.source_port, message.destination_port, *numbers, message.options, message.payload)
    head = (message.type, message.code)
    if hasattr(message, "payload") and not hasattr(message, "originate"):
        return (*head, message.identifier, message.sequence, message.payload)
    if isinstance(message, icmpv4.DestinationUnreachable | icmpv6.PacketTooBig):
        return (*head, message.mtu, message.original)
    if isinstance(message, icmpv4.Redirect):
        return (*head, to_packed(message.gateway), message.original)
    if isinstance(message, icmpv6.ParameterProblem):
        return (*head, message.pointer, message.original)
    if isinstance(message, icmpv4.TimeExceeded | icmpv6.DestinationUnreachable | icmpv6.TimeExceeded):
        return (*head, message.original)
    return head


def clear(read: Any, message: object) -> None:
    """Let dpkt compute the checksums of the packet itself (not of what it quotes)."""
    if read.v == 4:
        read.sum = 0
    if message is not None and hasattr(read.data, "sum"):
        read.data.sum = 0


def test_a_udp_sum_of_zero_over_ipv6_is_sent_as_all_ones_by_us_and_as_zero_by_dpkt(dpkt: Any) -> None:
    """RFC 8200 section 8.1 decides: a computed 0 is changed to 0xFFFF. (dpkt does so over IPv4 only.)"""
    ends = ("2001:db8::1", "2001:db8::2")
    missing = int.from_bytes(UDP(1, 2, b"\0\0").to_bytes(*ends)[6:8], "big")
    ours = IPv6(*ends, 17, UDP(1, 2, missing.to_bytes(2, "big")).to_bytes(*ends)).to_bytes()
    theirs = dpkt.ip6.IP6(ours)
    theirs.data.sum = 0
    assert (ours[46:48], bytes(theirs)[46:48]) == (b"\xff\xff", b"\0\0")
