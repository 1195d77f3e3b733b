"""Packets of our own: captured on a Linux 6.18 kernel, in documentation address space, with every field annotated.

The host is 192.0.2.10 and 2001:db8:1::10, its router 192.0.2.1 and 2001:db8:1::1, and behind it a link with an MTU of
1400 bytes. The probes were sent by iputils ping; the errors come from the router's kernel.
"""

from __future__ import annotations

HOST4, ROUTER4, TARGET4 = "192.0.2.10", "192.0.2.1", "203.0.113.80"
HOST6, ROUTER6, TARGET6 = "2001:db8:1::10", "2001:db8:1::1", "2001:db8:3::80"


def octets(text: str) -> bytes:
    """The bytes of annotated hex: ``#`` begins a comment."""
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in text.splitlines()))


PING_PAYLOAD = octets("f2 51 03 6b 00 00 00 00  bc bf 06 00 00 00 00 00")  # ping's time of sending

ECHO_REQUEST = octets(
    """
    45 00 00 2c   # version 4, header 5 words; TOS; total length 44
    cb ed 40 00   # identification; don't fragment
    01 01 af 88   # ttl 1; protocol ICMP; header checksum
    c0 00 02 0a   # source 192.0.2.10
    cb 00 71 50   # destination 203.0.113.80
    08 00 0a 9a   # echo request; code 0; checksum
    34 e8 00 01   # identifier; sequence 1
    f2 51 03 6b 00 00 00 00  bc bf 06 00 00 00 00 00
    """
)

TIME_EXCEEDED = (
    octets(
        """
    45 c0 00 48   # TOS: CS6, internetwork control; total length 72
    07 6c 00 00
    40 01 ee 7d   # ttl 64; ICMP
    c0 00 02 01   # source 192.0.2.1
    c0 00 02 0a   # destination 192.0.2.10
    0b 00 f4 ff   # time exceeded; in transit; checksum
    00 00 00 00   # unused
    """
    )
    + ECHO_REQUEST
)

FRAGMENTATION_NEEDED_HEAD = octets(
    """
    45 c0 02 40   # total length 576: as much of the original as RFC 1812 allows
    07 6d 00 00
    40 01 ec 84
    c0 00 02 01
    c0 00 02 0a
    03 04 0e 51   # destination unreachable; fragmentation needed; checksum
    00 00 05 78   # unused; next-hop MTU 1400
    45 00 05 94   # quote: total length 1428
    00 00 40 00   # quote: don't fragment
    40 01 37 0e
    c0 00 02 0a
    cb 00 71 50
    08 00 69 40   # quote: echo request
    34 ea 00 01
    f2 51 03 6b 00 00 00 00  f2 fa 06 00 00 00 00 00
    """
)
FRAGMENTATION_NEEDED = FRAGMENTATION_NEEDED_HEAD + bytes(each % 256 for each in range(0x10, 0x10 + 504))[:504]

ECHO_REQUEST_6 = octets(
    """
    60 0e cb 1a   # version 6; traffic class 0; flow label 0xecb1a
    00 18 3a 01   # payload length 24; next header ICMPv6; hop limit 1
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 10   # source 2001:db8:1::10
    20 01 0d b8 00 03 00 00 00 00 00 00 00 00 00 80   # destination 2001:db8:3::80
    80 00 e7 13   # echo request; code 0; checksum
    34 e9 00 01   # identifier; sequence 1
    f2 51 03 6b 00 00 00 00  0b ec 06 00 00 00 00 00
    """
)

TIME_EXCEEDED_6 = (
    octets(
        """
    60 01 e8 b8
    00 48 3a 40   # payload length 72; ICMPv6; hop limit 64
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 01
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 10
    03 00 3c 08   # time exceeded; hop limit; checksum
    00 00 00 00   # unused
    """
    )
    + ECHO_REQUEST_6
)

NEIGHBOR_SOLICITATION = octets(
    """
    60 00 00 00  00 20 3a ff
    fe 80 00 00 00 00 00 00 c8 96 f7 ff fe 12 90 20
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 10
    87 00 7c fa   # neighbor solicitation: a type that netlab does not take apart
    00 00 00 00
    20 01 0d b8 00 01 00 00 00 00 00 00 00 00 00 10
    01 01 ca 96 f7 12 90 20
    """
)

UDP_UNFINISHED = octets(
    """
    45 00 00 22  79 73 40 00  40 11 c3 55   # on loopback the kernel leaves the UDP checksum to the "hardware"
    7f 00 00 01
    7f 00 00 01
    9c 41 82 9a   # port 40001 to 33434
    00 0e fe 21   # length 14; only the pseudo-header's sum: wrong
    6e 65 74 6c 61 62   # "netlab"
    """
)

TCP_RESET = octets(
    """
    45 00 00 28  00 00 40 00  40 06 3c ce
    7f 00 00 01
    7f 00 00 01
    82 9b 9c 42   # port 33435 to 40002
    00 00 00 00   # sequence 0
    6f 66 7a e6   # acknowledgment
    50 14 00 00   # data offset 5; flags ACK and RST; window 0
    a8 a3 00 00   # checksum; urgent pointer
    """
)

TCP_SYN_6 = octets(
    """
    60 07 55 02  00 28 06 40   # payload length 40; TCP; hop limit 64
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
    9c 42 82 9b  6a 27 f2 d7  00 00 00 00
    a0 02 ff c4   # data offset 10; SYN; window 65476
    00 30 00 00   # checksum left to the "hardware", too
    02 04 ff c4   # option: maximum segment size 65476
    04 02         # option: SACK permitted
    08 0a bf 1d 1d e9 00 00 00 00   # option: timestamps
    01            # option: no operation
    03 03 0a      # option: window scale 10
    """
)

WHOLE = {
    "echo request": ECHO_REQUEST,
    "time exceeded": TIME_EXCEEDED,
    "fragmentation needed": FRAGMENTATION_NEEDED,
    "echo request, v6": ECHO_REQUEST_6,
    "time exceeded, v6": TIME_EXCEEDED_6,
    "neighbor solicitation": NEIGHBOR_SOLICITATION,
    "udp, checksum unfinished": UDP_UNFINISHED,
    "tcp reset": TCP_RESET,
    "tcp syn, v6": TCP_SYN_6,
}
