"""Exercise 01.5: a packet whose header fields are to be filled in, with a sentence for each wrong value.

Source: RFC 791, section 3.1 (the IPv4 header), RFC 792 (echo).
"""

from __future__ import annotations

from typing import Any

from netlab import wire
from netlab.teach.exercise import Verdict, Wrong, hexadecimal, same
from netlab.teach.guard import show

HIDDEN: dict[str, tuple[int, int]] = {
    "version": (0, 1),
    "header_length": (0, 1),
    "total_length": (2, 2),
    "ttl": (8, 1),
    "protocol": (9, 1),
    "type": (20, 1),
    "checksum": (22, 2),
    "sequence": (26, 2),
}
"""The fields that the puzzle hides: first byte and number of bytes. (Version and header length share byte 0.)"""

_IDENTIFIER, _SEQUENCE, _PAYLOAD = 0x2F1A, 3, b"netlab!\n"


def packet() -> bytes:
    """Make the puzzle's packet: the third echo request of a host."""
    echo = wire.icmpv4.EchoRequest(_IDENTIFIER, _SEQUENCE, _PAYLOAD)
    return wire.IPv4("192.0.2.10", "203.0.113.80", wire.PROTOCOL_ICMP, echo.to_bytes(), ttl=64).to_bytes()


def puzzle() -> str:
    """Write the packet as hexadecimal digits, the hidden fields as question marks."""
    hidden = {i for start, length in HIDDEN.values() for i in range(start, start + length)}
    digits = ["??" if i in hidden else f"{byte:02x}" for i, byte in enumerate(packet())]
    lines = [f"{i:2}  {' '.join(digits[i : i + 4])}" for i in range(0, len(digits), 4)]
    return "\n".join(lines)


def _field_mistakes() -> dict[str, dict[int, str]]:
    """What is wrong with a wrong value of a field: the values that known mistakes give."""
    whole = packet()
    icmp, header = whole[20:], whole[:20]
    # With its own checksum in place the IP header sums up to zero, so that it would not show in any other sum.
    unsummed = header[:10] + b"\x00\x00" + header[12:]
    zeroed = icmp[:2] + b"\x00\x00" + icmp[4:]
    right = wire.checksum(zeroed)
    return {
        "version": {0x45: ("that is the whole byte; the version is its left half (4 "
"bits)"), 6: "these are IPv4 addresses"},
        "header_length": {
            20: "it counts words of 4 bytes, not bytes",
            0x45: "that is the whole byte; the header length is its right half (4 bits)",
            28: "only the IP header counts, and in words of 4 bytes",
        },
        "total_length": {
            len(icmp): "the IP header belongs to the total length too",
            len(_PAYLOAD): "that is the payload of the echo alone; the two headers count too",
            len(header): "that is the IP header alone",
            len(header) + len(_PAYLOAD): "the 8 bytes of the ICMP header are missing",
        },
        "ttl": {255: "255 is usual too, but the text says 64", 128: "128 is usual too, but the text says 64"},
        "protocol": {
            17: "17 is UDP; ICMP is carried by IP directly, beside UDP and TCP",
            6: "6 is TCP; ICMP is carried by IP directly, beside UDP and TCP",
            58: "58 is ICMPv6, in IPv6 packets",
            8: "8 is the type of the message; the protocol number is in the IP header",
            4: "4 is IP inside IP",
        },
        "type": {0: "0 is the reply; this is the request", 128: "128 is the echo request of ICMPv6"},
        "checksum": {
            wire.checksum(unsummed + zeroed): "the ICMP checksum does not cover the IP header; only the ICMP message",
            wire.checksum(zeroed[:8]): "the payload counts too, not the ICMP header alone",
            wire.checksum(_PAYLOAD): "the ICMP header counts too, not the payload alone",
            0xFFFF - right: "that is the sum; its complement is sent",
            int.from_bytes(right.to_bytes(2, "big"), "little"): "the two bytes are the wrong way round",
            wire.checksum(unsummed): "that is the checksum of the IP header",
            0: "0 stands there only while the sum is made",
        },
        "sequence": {
            _SEQUENCE << 8: "the high byte comes first: 00 03",
            _SEQUENCE - 1: "the text says 3",
            _IDENTIFIER: "that is the identifier",
        },
    }  # fmt: skip


def _right_fields() -> dict[str, int]:
    whole = packet()
    right = {name: int.from_bytes(whole[start : start + length], "big") for name, (start, length) in HIDDEN.items()}
    return {**right, "version": whole[0] >> 4, "header_length": whole[0] & 15}


def examine(answer: Any, seed: str) -> Verdict:
    if not isinstance(answer, dict):
        raise Wrong(f"Your function returned {show(answer)}. Return the dictionary, with a number for each field.")
    mistakes, lines, found = _field_mistakes(), [], 0
    for name, right in _right_fields().items():
        value = answer.get(name)
        if same(value, right):
            found += 1
            lines.append(f"  {name:14} right")
        elif value is None:
            lines.append(f"  {name:14} still missing")
        elif isinstance(value, str):
            lines.append(f"  {name:14} write a number without quotes: 64 or 0x40, not {show(value)}")
        else:
            known = mistakes[name].get(value, "") if isinstance(value, int) else ""
            lines.append(
                f"  {name:14} {hexadecimal(value) if name == 'checksum' else show(value)} is not right"
                + (f": {known}" if known else "")
            )
    unknown = [str(show(name)) for name in answer if name not in HIDDEN]
    if unknown:
        lines.append(f"  no such field: {', '.join(unknown[:4])}")
    return Verdict(found / len(HIDDEN), "\n".join(lines))
