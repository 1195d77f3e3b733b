"""The words for numbers: protocols, ICMP types and codes, TCP flags.

Only the numbers that a measurement meets; every other number is shown as itself. The words are those of the IANA
registries "Protocol Numbers", "ICMP Parameters" and "ICMPv6 Parameters", in lower case.
"""

from __future__ import annotations

PROTOCOLS = {
    0: "Hop-by-Hop Options",
    1: "ICMP",
    2: "IGMP",
    4: "IPv4",
    6: "TCP",
    17: "UDP",
    33: "DCCP",
    41: "IPv6",
    43: "Routing",
    44: "Fragment",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    59: "no next header",
    60: "Destination Options",
    89: "OSPF",
    132: "SCTP",
    136: "UDP-Lite",
}

TYPES_V4 = {
    0: "echo reply",
    3: "destination unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    9: "router advertisement",
    10: "router solicitation",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp request",
    14: "timestamp reply",
}

TYPES_V6 = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "multicast listener query",
    131: "multicast listener report",
    132: "multicast listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
    143: "multicast listener report v2",
}

CODES_V4 = {
    (3, 0): "network unreachable",
    (3, 1): "host unreachable",
    (3, 2): "protocol unreachable",
    (3, 3): "port unreachable",
    (3, 4): "fragmentation needed",
    (3, 5): "source route failed",
    (3, 6): "network unknown",
    (3, 7): "host unknown",
    (3, 8): "source host isolated",
    (3, 9): "network prohibited",
    (3, 10): "host prohibited",
    (3, 11): "network unreachable for this type of service",
    (3, 12): "host unreachable for this type of service",
    (3, 13): "administratively prohibited",
    (3, 14): "host precedence violation",
    (3, 15): "precedence cutoff in effect",
    (5, 0): "for the network",
    (5, 1): "for the host",
    (5, 2): "for the type of service and network",
    (5, 3): "for the type of service and host",
    (11, 0): "ttl exceeded in transit",
    (11, 1): "fragment reassembly time exceeded",
    (12, 0): "pointer indicates the error",
    (12, 1): "missing a required option",
    (12, 2): "bad length",
}

CODES_V6 = {
    (1, 0): "no route to destination",
    (1, 1): "administratively prohibited",
    (1, 2): "beyond scope of source address",
    (1, 3): "address unreachable",
    (1, 4): "port unreachable",
    (1, 5): "source address failed policy",
    (1, 6): "reject route to destination",
    (3, 0): "hop limit exceeded in transit",
    (3, 1): "fragment reassembly time exceeded",
    (4, 0): "erroneous header field",
    (4, 1): "unrecognized next header type",
    (4, 2): "unrecognized option",
}

FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
"""TCP's flags, the lowest bit first."""

ECN = ("not ECN-capable", "ECN-capable, ECT(1)", "ECN-capable, ECT(0)", "congestion experienced")
"""RFC 3168 section 5."""


def protocol_name(number: int) -> str:
    return PROTOCOLS.get(number, f"protocol {number}")


def type_name(version: int, kind: int) -> str:
    return (TYPES_V4 if version == 4 else TYPES_V6).get(kind, f"type {kind}")


def code_name(version: int, kind: int, code: int) -> str:
    """What the code of an ICMP message says; ``""`` where it says nothing (a code of 0 that stands for none)."""
    known = (CODES_V4 if version == 4 else CODES_V6).get((kind, code))
    return known if known is not None else f"code {code}" if code else ""


def tcp_flags(flags: int) -> str:
    """``SYN,ACK``; ``none`` when no flag is set."""
    return ",".join(name for bit, name in enumerate(FLAGS) if flags >> bit & 1) or "none"
