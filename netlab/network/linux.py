"""Linux's numbers for probing: socket options, ICMP error entries, filters, and the words for its errno values.

Python's ``socket`` module lacks many of these names, so they stand here as numbers, taken from the kernel's
``include/uapi`` headers. Nothing is called on import: the module loads on every system.
"""

from __future__ import annotations

import errno
import struct

SOL_IP, SOL_IPV6, SOL_RAW, SOL_ICMPV6, SOL_SOCKET = 0, 41, 255, 58, 1

# linux/in.h
IP_TOS, IP_TTL, IP_PKTINFO, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS = 1, 2, 8, 10, 11, 12, 13
IP_RECVERR_RFC4884 = 26
"""Tell where the extension starts in a quote (Linux 5.9 and later)."""

# linux/in6.h
IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_V6ONLY, IPV6_RECVERR_RFC4884 = 16, 23, 25, 26, 31
IPV6_MTU = 24
IPV6_FLOWINFO, IPV6_FLOWINFO_SEND = 11, 33
IPV6_RECVPKTINFO, IPV6_PKTINFO, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 49, 50, 51, 52
IPV6_DONTFRAG, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_AUTOFLOWLABEL = 62, 66, 67, 70

PMTUDISC_DONT, PMTUDISC_DO, PMTUDISC_PROBE, PMTUDISC_OMIT = 0, 2, 3, 5
"""Values of ``MTU_DISCOVER``. PROBE: DF is set, and only the link's MTU counts, not a path MTU that the kernel
remembers. OMIT: DF is clear, and the kernel fragments what is longer than the link's MTU. DONT: the same, but
the path MTU counts. DO: DF is set, and the path MTU counts (what TCP knows; it takes PROBE for a clear DF)."""

TCP_SYNCNT = 7
"""linux/tcp.h: how often a SYN is repeated."""

# linux/net_tstamp.h. The option in its form with 64-bit times: the same bytes on every machine.
SO_TIMESTAMPING = 65
TX_SOFTWARE, RX_SOFTWARE, SOFTWARE, OPT_ID, OPT_TSONLY = 2, 8, 16, 128, 2048
STAMP_RECEIVED = RX_SOFTWARE | SOFTWARE
STAMP_BOTH = STAMP_RECEIVED | TX_SOFTWARE | OPT_ID | OPT_TSONLY
TIMESTAMPS = struct.Struct("=6q")
"""Three times of seconds and nanoseconds: software, (unused), hardware."""
TIMESTAMP = struct.Struct("=2q")
"""The first of them."""

MSG_DONTWAIT, MSG_ERRQUEUE = 0x40, 0x2000
"""linux/socket.h. Python has them, as flags whose ``|`` takes as long as the call that they are for."""

SO_ATTACH_FILTER, SO_LINGER, SO_ERROR, SO_RCVBUF, SO_RCVBUFFORCE = 26, 13, 4, 8, 33
LINGER_RESET = struct.pack("=ii", 1, 0)
"""``SO_LINGER`` with 0 seconds: closing resets the connection instead of saying goodbye."""

ICMP_FILTER, ICMPV6_FILTER = 1, 1
"""On Linux a set bit blocks its type (in the IPv6 filter of BSD and macOS it passes it)."""

EXTENDED_ERROR = struct.Struct("=IBBBBIHBB")
"""sock_extended_err: errno, origin, type, code, pad, info, then the last four bytes, which for an ICMP error are the
offset of its extension (16 bits), flags and reserved (RFC 4884), and for a stamp one 32-bit number."""
OFFENDER = EXTENDED_ERROR.size
"""Where the sockaddr of the machine that sent the ICMP error follows."""

ORIGIN_LOCAL, ORIGIN_ICMP, ORIGIN_ICMP6, ORIGIN_STAMP = 1, 2, 3, 4
EXTENSION_INVALID = 1

PING_GROUP_RANGE = "/proc/sys/net/ipv4/ping_group_range"

REASONS = {
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.EMSGSIZE: "message too long",
    errno.EACCES: "prohibited",
    errno.EPERM: "not permitted (a local firewall)",
    errno.ENOBUFS: "the machine's own queue is full",
    errno.ENETDOWN: "network down",
    errno.EADDRNOTAVAIL: "address not available",
    errno.EAFNOSUPPORT: "this machine does not speak that version of IP",
    errno.EINVAL: "the kernel does not accept this packet",
}


def reason(error: OSError) -> str:
    """Why the kernel did not send a packet, in the words of ``ip route`` and of netlab's tables."""
    return REASONS.get(error.errno or 0, (error.strerror or str(error)).lower())


def ping_groups() -> str:
    """The value of ``net.ipv4.ping_group_range`` as ``"first last"``; ``""`` when the system has none."""
    try:
        with open(PING_GROUP_RANGE, encoding="ascii") as file:
            return " ".join(file.read().split())
    except OSError:
        return ""


def only_ports(ports: list[int], from_ip_header: bool) -> bytes:
    """A classic BPF program that lets segments to these destination ports through, and nothing else.

    Raw sockets get a copy of everything that comes in; with this the kernel drops what is not ours before it costs
    anything. IPv4 raw sockets hand the filter the packet with its IP header, IPv6 ones without.
    """
    load = [_step(0xB1, 0), _step(0x48, 2)] if from_ip_header else [_step(0x28, 2)]  # X = 4·IHL; A = 16 bits at X + 2
    accept = [step for port in ports for step in (_step(0x15, port, 0, 1), _step(0x06, 0x40000))]  # equal: whole packet
    return b"".join([*load, *accept, _step(0x06, 0)])


NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""A BPF program that lets nothing through."""


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
