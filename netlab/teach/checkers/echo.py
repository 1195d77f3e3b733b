"""Notebook 01: an echo, byte by byte."""

from __future__ import annotations

from netlab.teach.checkers import checksum, header
from netlab.teach.exercise import Exercise, choice

EXERCISES: dict[str, Exercise] = {
    "01.1": choice(
        "01.1",
        "The port of a ping",
        "5f75d97fe08d",
        {
            "a": (
                "Port 7 is the echo service over UDP and TCP (RFC 862): another, older program. In the bytes "
                "above there is no port field at all."
            ),
            "b": (
                "80 is the web server's TCP port. The echo never reaches a program there: the system's IP "
                "code answers it."
            ),
            "c": "ICMP lies directly on IP and has no ports. Identifier and sequence number tell replies apart.",
            "d": (
                "The identifier helps to match replies, as a source port does, but nobody listens on it, and "
                "no destination port exists."
            ),
        },
        (
            "Look for the word in the table of fields.",
            "Which columns of a UDP header does the ICMP header have? Type, code, checksum, identifier, sequence.",
            "IP's protocol field says 1, ICMP. Ports belong to protocols 6 (TCP) and 17 (UDP). So the echo has none.",
        ),
    ),
    "01.2": choice(
        "01.2",
        "Who notices the flipped bit",
        "704d8148213a",
        {
            "a": (
                "A router looks at the IP header only; its checksum does not cover what IP carries. See "
                "which node dropped the second packet."
            ),
            "b": (
                "Each header is checked by whoever reads it: IPv4's by every router, ICMP's by the host that it is for."
            ),
            "c": "The sender does not see its packet again. Silence is all it gets.",
            "d": "The receiving host never sees the first packet: look at the column `at` of its drop.",
        },
        (
            "In both tables, look for the row with the action dropped.",
            "The column `at` says where it happened. Is it the same node in both tables?",
            (
                "The first bit was in the IPv4 header, which every router checks (RFC 1812, section 5.2.2). "
                "The second was in the ICMP message."
            ),
        ),
    ),
    "01.3": choice(
        "01.3",
        "What the checksum of ICMPv6 adds",
        "fed897baa22f",
        {
            "a": (
                "IPv6 has no header checksum, so ICMPv6's sum takes in a pseudo-header with both addresses "
                "(RFC 4443, section 2.3)."
            ),
            "b": "ICMP for IPv4 sums the message alone. For ICMPv6, compare the two sums of the cell above.",
            "c": "The hop limit changes at every router: a sum over it would be wrong after the first one.",
            "d": "ICMPv6's checksum is compulsory, and a host drops messages in which it is wrong.",
        },
        (
            "What protects the addresses of an IPv4 packet, and does IPv6 have it?",
            "Compare the rows of layer IPv6 with those of IPv4: one field is gone.",
            (
                "The header checksum is gone. So a wrong destination address could go unnoticed, unless an "
                "upper layer's sum covers it."
            ),
        ),
    ),
    "01.4": Exercise(
        "The Internet checksum",
        checksum.examine,
        (
            "Make words of two bytes, add them up, and look at what goes beyond 16 bits.",
            (
                "RFC 1071, section 1: pad an odd number of bytes with a zero at the end; add the carries "
                "back in; take the complement."
            ),
            "For 0001 f203 f4f5 f6f7 the plain sum is 0x2ddf0. Fold: 0xddf0 + 0x2 = 0xddf2. Complement: 0x220d.",
        ),
        takes=("data",),
        unseen=True,
    ),
    "01.5": Exercise(
        "Fill in the header",
        header.examine,
        (
            "Lay the bytes beside the table of fields from the beginning of the notebook: the layout is the same.",
            "Header length counts words of 4 bytes; total length counts everything from byte 0 to the end of the dump.",
            (
                "checksum: write the bytes from byte 20 to the end with 00 00 in bytes 22 and 23, and give "
                "them to your own function of 01.4."
            ),
        ),
    ),
}
