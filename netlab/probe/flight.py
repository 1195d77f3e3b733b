"""One probe in flight, and what its answer tells when it is held against what was sent."""

from __future__ import annotations

from bisect import bisect_left

from netlab.probe.build import COOKIE_BYTES
from netlab.probe.matching import Answer
from netlab.probe.plan import Probe
from netlab.probe.rows import Row, add_flag

INITIAL_TTLS = (32, 64, 128, 255)
"""What systems start with; an answer's TTL tells how many hops it came from the next of these upwards."""


def return_hops(reply_ttl: int) -> int:
    """Guess how many hops an answer travelled: 1 for a neighbour, as in traceroute's count."""
    return INITIAL_TTLS[bisect_left(INITIAL_TTLS, reply_ttl)] - reply_ttl + 1


class Flight:
    """A probe that has been sent, with the row that it will yield."""

    __slots__ = (
        "cookie", "decided", "handle", "kernel_sent", "number", "packet", "probe", "received", "row", "sent_at",
        "timeout_at",
    )  # fmt: skip

    def __init__(self, probe: Probe, number: int, row: Row, mark: bytes) -> None:
        self.probe, self.number, self.row, self.cookie = probe, number, row, mark
        self.packet = b""
        self.sent_at = self.timeout_at = self.handle = 0
        self.kernel_sent: int | None = None
        self.received: tuple[int, int | None] | None = None  # our clock, kernel stamp
        self.decided = False


def compare_payload(flight: Flight, answer: Answer, protocol: str) -> None:
    """An echo must bring back what was sent: find the first byte that differs, and a reply cut short."""
    if answer.payload is None or protocol == "tcp":
        return
    sent = flight.packet[len(flight.packet) - flight.probe.size :] if flight.probe.size else b""
    back = answer.payload
    if protocol == "udp" and back[:COOKIE_BYTES] != sent[:COOKIE_BYTES]:
        return  # a service that does not echo
    if back != sent:
        wrong = next((i for i, (a, b) in enumerate(zip(sent, back, strict=False)) if a != b), None)
        if wrong is not None:
            flight.row["corrupt_at"] = wrong
            add_flag(flight.row, "corrupted")
        if len(back) < len(sent):
            add_flag(flight.row, "truncated")


def compare_quote(flight: Flight, answer: Answer, tos: int) -> None:
    """What the quoted packet looked like when the router had it, and whether somebody changed it on the way there."""
    row, quote = flight.row, answer.quoted
    assert quote is not None
    if row["flags"] and "rebuilt" in row["flags"].split():
        add_flag(row, "no-quote")
        return
    row["quoted_ttl"], row["quoted_tos"] = quote.ttl, quote.tos
    head = 20 if flight.packet[0] >> 4 == 4 else 40
    left = quote.payload
    changed = (
        quote.tos != tos
        or quote.source != row["source"].partition("%")[0]
        or left != flight.packet[head : head + len(left)]
    )
    if changed and not quote.fragment:
        add_flag(row, "quote-differs")


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are the same, whatever interface (``%eth0``) stands behind them."""
    return one == other or one.partition("%")[0] == other.partition("%")[0]
