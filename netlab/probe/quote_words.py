"""What a change of a header field on the way mostly means, in words: for ``quotes.py``.

The words are for the common cause, and a packet cannot say who changed it or why. One change explains another: when an
address was rewritten, the checksum that covers it had to follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netlab.wire.names import ECN

Changes = Mapping[str, tuple[Any, Any]]
"""Field → what was sent, what the quote has; None: there is no such field."""

TTL = ("ttl", "hop limit")
MSS = "option: maximum segment size"
ENDPOINTS = {"source", "destination", "source port", "destination port", "identifier"}
"""What translators rewrite."""
NOT_COVERED = {*TTL, "DSCP", "ECN", "identification", "don't fragment", "flow label", "header length"}
"""Fields of the IP header that no transport's checksum covers."""

MEANINGS = {
    "source": "NAT: a translator gave the packet another source address",
    "destination": "destination NAT: the packet was sent on to another address",
    "source port": "NAT: a translator gave the packet another source port",
    "destination port": "redirection: the packet was sent on to another port",
    "identifier": "NAT: a translator gave the echo another identifier",
    "identification": "the identification was rewritten, as some translators and firewalls do",
    "flow label": "the flow label was rewritten (RFC 6437 lets it pass unchanged, once it is set)",
    "protocol": "the packet was turned into one of another protocol",
    "next header": "an extension header was put in or taken out, or the protocol changed",
    "window": "the TCP window was rewritten, by a firewall or a proxy",
    "sequence": "the sequence number was rewritten, by a firewall that hides predictable ones or by a proxy",
    "payload": "the payload was edited",
    "header length": "the header has another length: options were put in or taken out",
    "data offset": "the header has another length: options were put in or taken out",
    "fragment offset": "the packet was fragmented",
    "more fragments": "the packet was fragmented",
    "option: window scale": "window scaling was changed",
    "option: SACK permitted": "selective acknowledgment was changed",
    "option: timestamps": "TCP timestamps were changed",
}
"""Field → what a change of it mostly means; those whose meaning depends on more are in `meaning`."""


def meaning(changed: Changes, name: str) -> str:
    """Say what this change means; the other changes of the same packet may explain it."""
    sent, quoted = changed[name]
    if name in TTL:
        return _ttl_meaning(quoted)
    if name == "DSCP":
        return "bleaching: the DSCP was reset to 0" if quoted == 0 else "the DSCP was set to another class of service"
    if name == "ECN":
        return _ecn_meaning(sent, quoted)
    if name == "don't fragment":
        return f"DF {'cleared: routers may now' if sent else 'set: routers may no longer'} fragment the packet"
    if name in ("ECE", "CWR"):
        return f"ECN negotiation {'suppressed: the TCP flag ' + name + ' was cleared' if sent else 'added: ' + name}"
    if name in ("total length", "payload length", "UDP length"):
        return _length_meaning(changed, sent, quoted)
    if name == MSS:
        return _mss_meaning(sent, quoted)
    if name.endswith("checksum"):
        return _checksum_meaning(changed, name)
    if name.startswith("option") and (sent is None or quoted is None):
        return f"the {name.replace('option: ', 'option ')} was {'put in' if sent is None else 'taken out'}"
    if name in ("SYN", "ACK", "FIN", "RST", "PSH", "URG"):
        return f"the TCP flag {name} was {'cleared' if sent else 'set'}"
    return MEANINGS.get(name, f"the {name} was rewritten")


def _ttl_meaning(quoted: int) -> str:
    if quoted == 0:
        return "zero-TTL forwarding: the router before passed the packet on with TTL 0, so it has no hop of its own"
    return f"hidden hops: the TTL was still {quoted}; another counter ran out, as that of a label in an MPLS tunnel"


def _ecn_meaning(sent: int, quoted: int) -> str:
    if quoted == 0:
        return "ECN cleared: routers behind can only drop packets, not mark them"
    if quoted == 3 and sent:
        return "congestion experienced: a router marked the packet instead of dropping it (RFC 3168)"
    return f"ECN rewritten to {ECN[quoted]}"


def _mss_meaning(sent: bytes | None, quoted: bytes | None) -> str:
    if sent is None or quoted is None:
        return f"the MSS option was {'put in' if sent is None else 'taken out'}"
    if quoted[2:] < sent[2:]:
        return "MSS clamp: a router lowered it, so that segments fit into a tunnel or PPPoE behind it"
    return "the MSS was raised"


def _length_meaning(changed: Changes, sent: int, quoted: int) -> str:
    if {"more fragments", "fragment offset"} & set(changed):
        return "the packet was fragmented"
    if quoted == (sent & 0xFF) << 8 | sent >> 8:
        return "the router that quotes swapped the two bytes: its mistake, not a change on the way"
    return f"the packet was made {'longer' if quoted > sent else 'shorter'} on the way"


def _checksum_meaning(changed: Changes, name: str) -> str:
    sent, quoted = changed[name]
    others = set(changed) - {name} - NOT_COVERED
    if name == "UDP checksum" and quoted == 0:
        return "the checksum was taken out (0: none computed)"
    if others & ENDPOINTS:
        return "adjusted to the rewritten address, port or identifier"
    if others:
        return "adjusted to what else was changed"
    number = f"0x{(quoted - sent) % 0xFFFF:04x}"
    return f"NAT: an address, port or identifier was rewritten and put back in the quote, not in its checksum; {number}"
