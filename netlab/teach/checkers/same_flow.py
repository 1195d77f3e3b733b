"""Exercise 07.4: which packets does a per-flow balancer send the same way?

A balancer looks at the source, the destination, the protocol, and the first four bytes behind the IP header: the ports
of UDP and TCP; of an ICMP message type, code and checksum. Pairs of packets are made that differ in exactly one thing.

Source: RFC 2992 (hash-based ECMP), RFC 791 section 3.1 (where the fields are), Augustin et al., IMC 2006.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from netlab.teach.exercise import Mistake, Verdict, Wrong, dice, recognise
from netlab.teach.guard import show

Pair = tuple[bytes, bytes]

ICMP, TCP, UDP = 1, 6, 17
NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP"}


def behind(packet: bytes) -> int:
    """Where the IP header ends."""
    return (packet[0] & 0x0F) * 4


def key(packet: bytes) -> bytes:
    """The right way: what the hash is made of."""
    start = behind(packet)
    return packet[12:20] + packet[9:10] + packet[start : start + 4]


def _packet(random: Random, **but: Any) -> bytes:
    """An IPv4 packet; ``but`` replaces single values."""
    values: dict[str, Any] = {
        "protocol": UDP,
        "source": f"192.0.2.{10 + random.getrandbits(5)}",
        "destination": f"203.0.113.{10 + random.getrandbits(5)}",
        "ports": bytes([0x80 | random.getrandbits(6), random.getrandbits(8), 0x82, random.getrandbits(8)]),
        "ttl": 1 + random.getrandbits(3),
        "identification": random.getrandbits(16),
        "options": 0,
        "rest": random.randbytes(16),
    }
    values |= but
    header = bytearray(20 + 4 * values["options"])
    header[0] = 0x40 | len(header) // 4
    header[2:4] = (len(header) + 4 + len(values["rest"])).to_bytes(2, "big")
    header[4:6] = values["identification"].to_bytes(2, "big")
    header[8], header[9] = values["ttl"], values["protocol"]
    header[12:16] = bytes(map(int, values["source"].split(".")))
    header[16:20] = bytes(map(int, values["destination"].split(".")))
    header[20:] = b"\x01" * (4 * values["options"])  # option 1: no operation
    return bytes(header) + bytes(values["ports"]) + bytes(values["rest"])


@lru_cache(maxsize=8)
def _pairs(seed: str) -> tuple[tuple[str, Pair], ...]:
    """What the two packets of a pair differ in, and the two."""
    random = dice("07.4", seed)
    found: list[tuple[str, Pair]] = []

    def pair(told: str, change: dict[str, Any], **both: Any) -> None:
        same: dict[str, Any] = {
            "source": f"192.0.2.{10 + random.getrandbits(5)}",
            "destination": f"203.0.113.{10 + random.getrandbits(5)}",
            "ports": bytes([0x80 | random.getrandbits(6), random.getrandbits(8), 0x82, 40 + random.getrandbits(4)]),
            "ttl": 3,
            "identification": random.getrandbits(16),
            "rest": random.randbytes(16),
        } | both
        found.append((told, (_packet(random, **same), _packet(random, **(same | change)))))

    for options in (0, 1 + random.getrandbits(1)):
        ports = bytes([0x90, random.getrandbits(8), 0x82, 7])
        words = "" if not options else ", both with IP options"
        pair(f"the TTL{words}", {"ttl": 4}, options=options)
        pair(f"the identification{words}", {"identification": 7}, options=options)
        pair(f"the bytes behind the ports{words}", {"rest": bytes(16)}, options=options)
        pair(f"the destination port{words}", {"ports": ports[:3] + b"\x08"}, ports=ports, options=options)
        pair(f"the source port{words}", {"ports": b"\x91" + ports[1:]}, ports=ports, options=options)
        pair(f"the destination{words}", {"destination": "203.0.113.99"}, options=options)
        pair(f"the source{words}", {"source": "192.0.2.99"}, options=options)
        pair(f"the protocol, UDP or TCP{words}", {"protocol": TCP}, options=options)
    pair("nothing: it is twice the same", {})
    pair("options in the IP header of one", {"options": 1})
    echo = b"\x08\x00" + random.randbytes(2)
    pair(
        "the checksum of two ICMP echoes",
        {"ports": echo[:2] + bytes([echo[2] ^ 1, echo[3]])},
        protocol=ICMP,
        ports=echo,
    )
    pair("the sequence number of two ICMP echoes, checksums kept equal", {"rest": bytes(16)}, protocol=ICMP, ports=echo)
    random.shuffle(found)
    return tuple(found)


def _by(parts: Callable[[bytes], Any], message: str) -> Mistake:
    return Mistake(lambda pair: parts(pair[0]) == parts(pair[1]), message)


def _ports(packet: bytes) -> bytes:
    return packet[behind(packet) : behind(packet) + 4]


_MISTAKES = [
    _by(
        lambda packet: packet[12:20] + packet[9:10] + packet[20:24],
        "You look for the ports at byte 20. With options the IP header is longer: its length is in its first byte, "
        "in words of 4 bytes.",
    ),
    _by(lambda packet: packet, "You compare whole packets. TTL, identification, payload do not belong to the flow."),
    _by(
        lambda packet: packet[8:10] + packet[12:20] + _ports(packet),
        "You compare the TTL, too. Each probe of a traceroute had a flow of its own. The protocol is byte 9 alone.",
    ),
    _by(lambda packet: packet[12:20] + _ports(packet), "You leave the protocol out. UDP and TCP have the same ports."),
    _by(lambda packet: packet[12:20], "You compare the addresses only. That is balancing per pair of hosts."),
    _by(lambda packet: packet[16:20], "You compare the destination only. That is balancing per destination."),
    _by(
        lambda packet: packet[12:20] + packet[9:10], "You leave the ports out: the first four bytes behind the header."
    ),
    _by(_ports, "You compare the ports only. Two hosts may use the same ports, and are two flows."),
    _by(
        lambda packet: packet[9:10] + _ports(packet),
        "You leave the addresses out. Two hosts may use the same ports, and are two flows.",
    ),
    _by(
        lambda packet: packet[16:20] + packet[9:10] + _ports(packet),
        "You leave the source out. Two hosts that talk to the same server are two flows.",
    ),
    _by(
        lambda packet: packet[12:16] + packet[9:10] + _ports(packet),
        "You leave the destination out. A host that talks to two servers has two flows.",
    ),
    _by(
        lambda packet: packet[12:20] + packet[9:10] + _ports(packet)[:2],
        "You take two bytes behind the header. Four count: source port and destination port.",
    ),
    _by(
        lambda packet: packet[12:20] + packet[9:10] + _ports(packet)[2:],
        "You take the destination port only. The first four bytes count: source port and destination port.",
    ),
    _by(
        lambda packet: packet[12:20] + packet[9:10] + packet[behind(packet) : behind(packet) + 8],
        "You take eight bytes behind the header. Only four count: behind the ports comes UDP's length and checksum.",
    ),
    Mistake(lambda pair: key(pair[0]) != key(pair[1]), "You have it the wrong way round: True means the same flow."),
    Mistake(lambda pair: True, "You call every pair the same flow."),
    Mistake(lambda pair: False, "You call every pair two flows."),
]


def examine(answer: Callable[[Any, Any], Any], seed: str) -> Verdict:
    pairs = _pairs(seed)
    given = [answer(*pair) for _, pair in pairs]
    for value in given:
        if not _is_truth(value):
            raise Wrong(f"Your function returned {show(value)}. Return True or False.")
    said = [bool(value) for value in given]
    right = [word == (key(pair[0]) == key(pair[1])) for word, (_, pair) in zip(said, pairs, strict=True)]
    if all(right):
        return Verdict(1.0, "Source, destination, protocol, and four bytes behind the header: that is a flow.")
    message = recognise(_MISTAKES, [pair for _, pair in pairs], said)
    place = right.index(False)
    told, pair = pairs[place]
    word = "two flows" if not said[place] else "one flow"
    evidence = f"These two {NAMES[pair[0][9]]} packets differ in {told}. You say {word}."
    evidence += f"\n  {_bytes(pair[0])}\n  {_bytes(pair[1])}"
    # A function that guesses is right half of the time: no points for that.
    return Verdict(0.25 if sum(right) >= 0.8 * len(pairs) else 0.0, message or "Not right yet.", evidence)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")


def _bytes(packet: bytes) -> str:
    start = behind(packet)
    return f"{packet[:start].hex(' ', 4)} | {packet[start : start + 8].hex(' ', 4)} …"
