"""The packet filter: which rule fits, what it does, and where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.errors import WorldError
from netlab.internet.firewall import CAUSES, Firewall, network
from netlab.internet.model import FirewallRule
from netlab.internet.packet import Packet
from netlab.wire.addresses import to_packed
from netlab.wire.ipv6 import Fragment
from tests.internet.engine_worlds import Run, echo, ip, line, tcp, udp

A, B = "10.0.0.1", "10.0.1.2"
A6, B6 = "2001:db8::1", "2001:db8:1::2"


def says(packet: bytes, *rules: FirewallRule) -> str:
    return Firewall(rules).reason(Packet(packet, 1))


@pytest.mark.parametrize(("rule", "fits"), [
    (FirewallRule("drop"), {"icmp", "udp", "tcp"}),
    (FirewallRule("drop", "icmp"), {"icmp"}),
    (FirewallRule("drop", "udp"), {"udp"}),
    (FirewallRule("drop", "tcp"), {"tcp"}),
    (FirewallRule("drop", port=53), {"udp"}),
    (FirewallRule("drop", "tcp", port=53), set()),
    (FirewallRule("drop", source="10.0.0.0/24"), {"icmp", "udp", "tcp"}),
    (FirewallRule("drop", source="10.0.1.0/24"), set()),
    (FirewallRule("drop", "tcp", 80, "10.0.0.1/32", "10.0.1.0/24"), {"tcp"}),
    (FirewallRule("drop", destination="2001:db8::/32"), set()),
])  # fmt: skip
def test_what_a_rule_fits(rule: FirewallRule, fits: set[str]) -> None:
    packets = {"icmp": echo(A, B), "udp": udp(A, B, 53), "tcp": tcp(A, B, 80)}
    assert {name for name, packet in packets.items() if says(packet, rule)} == fits


def test_icmp_means_both_versions_and_looks_behind_extension_headers() -> None:
    rule = FirewallRule("drop", "icmp")
    assert says(echo(A6, B6), rule) == "firewall"
    inner = echo(A6, B6)[40:]
    assert says(ip(A6, B6, 60, b"\x3a\0\x01\x04\0\0\0\0" + inner), rule) == "firewall"
    assert says(udp(A6, B6, 53), FirewallRule("drop", port=53, destination="2001:db8:1::/48")) == "firewall"


def test_the_first_rule_that_fits_decides() -> None:
    rules = FirewallRule("accept", source="10.0.0.1/32"), FirewallRule("drop", "udp")
    assert says(udp(A, B, 53), *rules) == ""
    assert says(udp("10.0.0.9", B, 53), *rules) == "firewall"
    assert says(udp("10.0.0.9", B, 53), *reversed(rules)) == "firewall"


def test_later_fragments_have_no_port() -> None:
    rule = FirewallRule("drop", port=53)
    assert says(ip(A, B, 17, bytes(16), fragment_offset=64), rule) == ""
    assert says(ip(A6, B6, 44, Fragment(17, bytes(16), 64, False, 1).to_bytes()), rule) == ""
    assert says(ip(A, B, 17, b"\0\1"), rule) == ""  # too short for ports


def test_prefixes() -> None:
    assert network("192.0.2.0/25").holds(to_packed("192.0.2.127"))
    assert not network("192.0.2.0/25").holds(to_packed("192.0.2.128"))
    assert network("0.0.0.0/0").holds(to_packed("10.0.0.1"))
    assert not network("0.0.0.0/0").holds(to_packed("2001:db8::1"))
    assert network("2001:db8::/32").holds(to_packed("2001:db8:ffff::1"))


def test_unknown_rejection_is_an_error_of_the_world() -> None:
    with pytest.raises(WorldError, match="one of administratively-prohibited"):
        Firewall((FirewallRule("reject", reject_with="nicely"),))
    assert len(set(CAUSES.values())) == len(CAUSES)


def firewalled(**changes: Any) -> Run:
    return Run(line("a", "r", "b", **changes))


def test_router_firewall_shows_up_in_a_trace_as_a_hop() -> None:
    run = firewalled(r={"firewall": (FirewallRule("drop"),)})
    run.send(udp(A, B, 33434, ttl=1))
    run.send(udp(A, B, 33434, ttl=2))
    assert [message.type for _, _, message in run.answers()] == [11]
    assert run.engine.losses() == {"ttl exceeded": 1, "firewall": 1}


def test_host_firewall_stands_before_its_stack_and_its_sockets() -> None:
    run = firewalled(b={"firewall": (FirewallRule("drop", "icmp"), FirewallRule("reject", "udp"))})
    box = run.engine.listen("b")
    run.send(echo(A, B))
    run.send(udp(A, B, 33434))
    packet, message = run.answer()
    assert (packet.source, message.type, message.code) == (B, 3, 13)
    assert not box


def test_a_node_may_send_what_it_would_not_take() -> None:
    run = firewalled(a={"firewall": (FirewallRule("drop", "udp"),)})
    run.send(udp(A, B, 33434))
    _, message = run.answer()
    assert (message.type, message.code) == (3, 3)


def test_reset_is_for_tcp_only() -> None:
    run = firewalled(r={"firewall": (FirewallRule("reject", reject_with="tcp-reset"),)})
    run.send(udp(A, B, 33434))
    _, message = run.answer()
    assert (message.type, message.code) == (3, 13)
