"""What a link does to packets besides delaying them: a queue before it, chance on it.

`Queue` is a link with a finite rate: one packet is being sent, up to ``limit`` packets wait, one more is dropped
(drop-tail). It needs no event of its own: when a packet comes, the time at which its last bit leaves is known at
once.

`Faults` is chance: loss, duplication, reordering, corruption and jitter, each with a random stream of its own. All
streams advance with every packet that the link carries, so changing the loss does not change which packets are
duplicated. A copy is not copied again: in a routing loop, copies of copies would grow without bounds. Background
traffic takes part in queues only.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from netlab.internet.model import Direction
from netlab.internet.packet import Packet
from netlab.internet.randomness import jitter, stream

SECOND = 1_000_000_000


class Queue:
    """The sending side of a link with a rate."""

    __slots__ = ("free_at", "limit", "rate", "starts")

    def __init__(self, rate: int, limit: int) -> None:
        self.rate = rate
        self.limit = limit
        self.free_at = -(1 << 62)
        """When the last packet accepted so far will have left."""
        self.starts: deque[int] = deque()
        """When each waiting packet will begin to be sent, in order."""

    def transmission(self, size: int) -> int:
        """How long ``size`` bytes take, ns, rounded to the nearest."""
        return (size * 8 * SECOND + (self.rate >> 1)) // self.rate

    def admit(self, now: int, size: int) -> int:
        """Take a packet: the time at which it begins to be sent, or `FULL`."""
        start = self.free_at
        if start <= now:
            self.starts.clear()
            self.free_at = now + (size * 8 * SECOND + (self.rate >> 1)) // self.rate
            return now
        starts = self.starts
        while starts and starts[0] <= now:
            starts.popleft()
        if len(starts) >= self.limit:
            return FULL
        starts.append(start)
        self.free_at = start + (size * 8 * SECOND + (self.rate >> 1)) // self.rate
        return start

    def put_off(self, time: int) -> None:
        """Let everything that waits wait longer."""
        self.free_at += time
        self.starts = deque(start + time for start in self.starts)

    def waiting(self, now: int) -> int:
        """How many packets wait, without the one that is being sent."""
        return sum(start > now for start in self.starts)


FULL = -(1 << 63)
"""Answer of `Queue.admit`: no room. (Background traffic begins before time 0, so -1 is a time.)"""


class Fate(NamedTuple):
    """What chance does to one packet."""

    lost: bool
    duplicated: bool
    flipped: int
    """Number of the flipped bit within the IP payload; -1: none."""
    jitter: int
    held: int
    """ns for which the packet is held back, so that later ones overtake it."""


class Faults:
    """The chances of one direction of a link."""

    def __init__(self, direction: Direction, seed: int, link: str, way: str) -> None:
        self.direction = direction
        self.losses = stream(seed, "link", link, way, "loss")
        self.duplications = stream(seed, "link", link, way, "duplicate")
        self.reorderings = stream(seed, "link", link, way, "reorder")
        self.corruptions = stream(seed, "link", link, way, "corrupt")
        self.flips = stream(seed, "link", link, way, "bit")
        self.jitters = stream(seed, "link", link, way, "jitter")

    def fate(self, packet: Packet) -> Fate:
        """What happens to this packet, the next one on the link."""
        what = self.direction
        lost = what.loss > 0 and self.losses.random() < what.loss
        duplicated = what.duplicate > 0 and self.duplications.random() < what.duplicate
        held = what.reorder_delay if what.reorder > 0 and self.reorderings.random() < what.reorder else 0
        extra = jitter(self.jitters, what.jitter) if what.jitter else 0
        flipped = -1
        if what.corrupt > 0:
            bit = self.flips.getrandbits(32)
            if self.corruptions.random() < what.corrupt and packet.size > packet.offset:
                flipped = bit * (packet.size - packet.offset) * 8 >> 32
        return Fate(lost, duplicated, flipped, extra, held)


def flip(packet: Packet, bit: int) -> Packet:
    """The same packet with one bit of its payload the other way round."""
    raw = bytearray(packet.now())
    raw[packet.offset + (bit >> 3)] ^= 0x80 >> (bit & 7)
    return packet.copy(bytes(raw))
