"""Background traffic: what fills the queues that measurements meet.

It is simulated packet by packet, but lazily: nothing happens until a packet that somebody sent comes to a queue
which background traffic uses too. Only then `Background.catch_up` lets the traffic up to that moment pass, in order
of time, through all queues that are connected with this one by streams of traffic; others stay asleep. So traffic
costs nothing while nobody looks, and gives the same queues as if somebody had looked all the time. After more than
`LONGEST` without a look it goes on from where it stood: all its processes are stationary, so one moment of them is as
good as another.

Every stream starts one second before time 0, so that a measurement meets queues as they usually are; on-off streams
are then on or off as likely as at any time. Packets of background traffic meet queues, rates and delays; loss and
the other faults are for packets that were sent on purpose, and their streams of chance do not see traffic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from random import Random
from typing import NamedTuple

from netlab.internet.capture import FORWARDED, SENT
from netlab.internet.faults import FULL, SECOND
from netlab.internet.interface import Interface
from netlab.internet.model import Traffic
from netlab.internet.randomness import exponential, stream

WARM_UP = SECOND
"""How long before time 0 the traffic starts: more than most queues need to fill or to settle."""

LONGEST = 10 * SECOND
"""How much of the time in which nobody looked is simulated: a program that sleeps for a day waits for this only."""

KEPT = 10_000
"""Records of background packets that the capture keeps: the latest. A second at 1 Gbit/s has eight times as many."""


class Hop(NamedTuple):
    interface: Interface
    before: int
    """ns from the queue before to this one, without waiting there: propagation over links without a rate."""
    number: int
    """0: the first machine of the path."""


class Event(NamedTuple):
    """Something that happened to a packet of background traffic."""

    time: int
    what: str
    interface: Interface
    stream: int
    hop: int


@dataclass(slots=True)
class Stream:
    """One [[traffic]] of the world."""

    number: int
    traffic: Traffic
    arrivals: Iterator[int]
    hops: list[Hop]
    """The interfaces with a queue, in order."""


class Background:
    """Streams that meet each other in queues, directly or through others."""

    def __init__(self, streams: list[Stream], kept: deque[Event], lost: list[int]) -> None:
        self.streams = streams
        self.kept = kept
        self.lost = lost
        """Packets lost in full queues, per stream of the world."""
        self.order = count()
        self.coming: list[tuple[int, int, Stream, int]] = []
        """A heap of what comes next: the time, a tie-breaker, the stream, the place in its ``hops``."""
        for each in streams:
            time = next(each.arrivals) + each.hops[0].before
            self.coming.append((time, next(self.order), each, 0))
        heapify(self.coming)
        self.looked = -WARM_UP
        self.skipped = 0
        """ns that were left out because nobody looked."""

    def catch_up(self, now: int) -> None:
        """Let all traffic pass that comes to a queue at or before ``now``."""
        if now - self.looked > LONGEST:
            self._skip(now - self.looked - LONGEST)
        self.looked = now
        coming = self.coming
        while coming[0][0] <= now:
            time, _, stream, place = coming[0]
            hop = stream.hops[place]
            if place == 0:
                heapreplace(coming, (next(stream.arrivals) + self.skipped + hop.before, next(self.order), stream, 0))
            else:
                heappop(coming)
            queue = hop.interface.queue
            assert queue is not None
            start = queue.admit(time, stream.traffic.size)
            what = FORWARDED if hop.number else SENT
            if start == FULL:
                self.lost[stream.number] += 1
                what = "queue full"
            elif place + 1 < len(stream.hops):
                following = stream.hops[place + 1]
                left = start + queue.transmission(stream.traffic.size)
                heappush(coming, (left + following.before, next(self.order), stream, place + 1))
            self.kept.append(Event(time, what, hop.interface, stream.number, hop.number))

    def _skip(self, time: int) -> None:
        """Put everything off: what is on its way, and what waits in the queues."""
        self.skipped += time
        self.coming = [(when + time, order, stream, place) for when, order, stream, place in self.coming]
        for queue in {id(hop.interface): hop.interface.queue for each in self.streams for hop in each.hops}.values():
            if queue:
                queue.put_off(time)


def arrivals(traffic: Traffic, random: Random) -> Iterator[int]:
    """When a stream sends its packets, ns; the first soon after the start of the warm-up, and so on for ever."""
    gap = max(1, (traffic.size * 8 * SECOND + (traffic.rate >> 1)) // traffic.rate)
    time = -WARM_UP
    if traffic.kind == "poisson":
        while True:
            time += exponential(random, gap)
            yield time
    if traffic.kind == "constant":
        phase = time + (random.getrandbits(32) * gap >> 32)
        for number in count():
            yield phase + number * traffic.size * 8 * SECOND // traffic.rate
    on = random.getrandbits(32) * (traffic.on + traffic.off) >> 32 < traffic.on
    due = 0  # of the time that is on, how much passes before the next packet
    while True:
        end = time + exponential(random, traffic.on if on else traffic.off)
        if on:
            time += due
            while time < end:
                yield time
                time += gap
            due = time - end
        time, on = end, not on


def connect(
    paths: list[tuple[Traffic, list[Interface]]], seed: int, kept: deque[Event]
) -> tuple[list[Background], list[int]]:
    """The backgrounds of a world, one per group of streams that share queues; and the loss counts, per stream."""
    lost = [0] * len(paths)
    streams = []
    for number, (traffic, interfaces) in enumerate(paths):
        random = stream(seed, "traffic", str(number), *traffic.path)
        hops = list(_hops(interfaces))
        if hops:
            streams.append(Stream(number, traffic, arrivals(traffic, random), hops))
    backgrounds = []
    for group in _groups(streams):
        background = Background(group, kept, lost)
        backgrounds.append(background)
        for each in group:
            for hop in each.hops:
                hop.interface.background = background
    return backgrounds, lost


def _hops(interfaces: list[Interface]) -> Iterator[Hop]:
    before = 0
    for number, interface in enumerate(interfaces):
        if interface.down or interface.machine.down:
            return
        if interface.queue:
            yield Hop(interface, before, number)
            before = 0
        before += interface.delay


def _groups(streams: list[Stream]) -> list[list[Stream]]:
    """Streams in the same group share an interface, directly or through others of the group."""
    groups: list[tuple[set[int], list[Stream]]] = []
    for each in streams:
        mine, members = {id(hop.interface) for hop in each.hops}, [each]
        for other in [group for group in groups if group[0] & mine]:
            groups.remove(other)
            mine |= other[0]
            members = other[1] + members
        groups.append((mine, members))
    return [sorted(members, key=lambda each: each.number) for _, members in groups]
