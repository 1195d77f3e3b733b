"""Chance and queues on a link: in the right share, in the right order, and exactly as often as the truth says."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.faults import FULL, SECOND, Queue
from netlab.internet.model import Direction, Route
from tests.internet.engine_worlds import FOREVER, MS, Run, line, udp

PACKETS = 4000


def stream_of_packets(gap: int = MS, count: int = PACKETS, size: int = 100, **way: Any) -> Run:
    """a sends numbered packets over a link with faults; b listens (``run.inbox``)."""
    world = line("a", "r", "b", a_r={"forward": Direction(**{"delay": MS, **way})}, b={"silent": True})
    run = Run(world, seed=7)
    run.inbox = run.engine.listen("b")
    for n in range(count):
        run.send(udp("10.0.0.1", "10.0.1.2", 9, n.to_bytes(4, "big") + bytes(size - 32)), at=n * gap)
    run.engine.advance(FOREVER)
    return run


def numbers(run: Run) -> list[int]:
    return [int.from_bytes(packet[28:32], "big") for _, packet in run.inbox]


def within(count: int, share: float) -> bool:
    """Inside 3.5 standard deviations of the binomial distribution."""
    return abs(count - PACKETS * share) < 3.5 * math.sqrt(PACKETS * share * (1 - share))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5])
def test_loss(share: float) -> None:
    run = stream_of_packets(loss=share)
    lost = run.engine.losses()["lost on the link"]
    assert within(lost, share)
    assert len(run.inbox) == PACKETS - lost
    assert numbers(run) == sorted(set(numbers(run)))


def test_loss_of_everything_and_of_nothing() -> None:
    assert stream_of_packets(loss=1.0, count=50).engine.losses() == {"lost on the link": 50}
    assert stream_of_packets(loss=0.0, count=50).engine.losses() == {}


def test_lost_packets_are_recorded_as_sent_and_then_dropped() -> None:
    rows = stream_of_packets(loss=1.0, count=1).engine.packets()
    assert [(row["at"], row["action"], row["reason"], row["link"]) for row in rows] == [
        ("a", "sent", "", "a-r"),
        ("a", "dropped", "lost on the link", "a-r"),
    ]


def test_duplicates_come_together_with_the_original() -> None:
    run = stream_of_packets(duplicate=0.1)
    assert within(len(run.inbox) - PACKETS, 0.1)
    assert sorted(numbers(run)) == numbers(run)
    assert set(numbers(run)) == set(range(PACKETS))
    copies = [row for row in run.engine.packets(link="a-r") if row["reason"]]
    assert len(copies) == len(run.inbox) - PACKETS
    assert copies[0]["action"] == "forwarded" and copies[0]["parent"] != 0


def test_reordered_packets_are_held_back_and_overtaken() -> None:
    run = stream_of_packets(gap=MS // 10, reorder=0.1, reorder_delay=MS)
    found = numbers(run)
    overtaken = sum(later < earlier for earlier, later in itertools.pairwise(found))
    assert sorted(found) == list(range(PACKETS))
    assert within(sum(row["held_ms"] == 1 for row in run.engine.truth()), 0.1)
    assert overtaken > PACKETS * 0.08


def test_packets_far_apart_are_not_reordered() -> None:
    assert numbers(stream_of_packets(gap=2 * MS, reorder=0.1)) == list(range(PACKETS))


def test_corruption_flips_one_bit_behind_the_ip_header_and_is_noticed() -> None:
    run = stream_of_packets(corrupt=0.1)
    spoilt = run.engine.losses()
    assert set(spoilt) <= {"bad UDP checksum", "truncated"}  # a flip in the length field
    assert within(sum(spoilt.values()), 0.1)
    rows = {row["number"]: row["data"] for row in run.engine.packets(node="r")}
    sent = {row["number"]: row["data"] for row in run.engine.packets(node="a")}
    flips = [different_bits(sent[n][20:], rows[n][20:]) for n in sent if rows[n][20:] != sent[n][20:]]
    assert within(len(flips), 0.1)
    assert all(len(flip) == 1 for flip in flips)
    places = [place for (place,) in flips]
    assert min(places) < 20 and max(places) >= 8 * 80 - 20  # anywhere in the 80 bytes behind the IP header


def different_bits(one: bytes, other: bytes) -> list[int]:
    return [n for n in range(len(one) * 8) if (one[n >> 3] ^ other[n >> 3]) & 0x80 >> (n & 7)]


@pytest.mark.parametrize("gap", [MS // 100, 10 * MS])
def test_jitter_delays_and_never_reorders(gap: int) -> None:
    run = stream_of_packets(gap=gap, jitter=2 * MS)
    assert numbers(run) == list(range(PACKETS))
    extra = [time - n * gap - 2 * MS for n, (time, _) in enumerate(run.inbox)]
    assert 0 <= min(extra) and max(extra) <= 2 * MS
    assert len(set(extra)) > PACKETS / 4
    if gap > 2 * MS:
        assert abs(sum(extra) / PACKETS - 0.231 * 2 * MS) < 0.02 * MS


def test_changing_the_loss_does_not_change_which_packets_are_duplicated() -> None:
    def duplicated(**way: float) -> set[int]:
        rows = stream_of_packets(duplicate=0.2, count=1000, **way).engine.packets(link="a-r")
        return {int.from_bytes(row["data"][28:32], "big") for row in rows if row["reason"]}

    everything, survivors = duplicated(), duplicated(loss=0.5)
    assert survivors < everything and len(survivors) > 60


# ── queues ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 3000), st.integers(20, 1500)), max_size=60),
    rate=st.integers(10**6, 10**10),
    limit=st.integers(0, 5),
)
def test_queue_against_a_step_by_step_model(arrivals: list[tuple[int, int]], rate: int, limit: int) -> None:
    """The model keeps a list of packets and looks at it at every arrival; the queue only keeps starting times."""
    queue, now = Queue(rate, limit), 0
    accepted: list[tuple[int, int]] = []  # start and end of each accepted packet
    for gap, size in arrivals:
        now += gap
        waiting = sum(start > now for start, _ in accepted)
        free = accepted[-1][1] if accepted else 0
        start = queue.admit(now, size)
        if free > now and waiting >= limit:
            assert start == FULL
        else:
            assert start == max(now, free)
            accepted.append((start, start + (size * 8 * SECOND + rate // 2) // rate))
        assert queue.waiting(now) == sum(begin > now for begin, _ in accepted)
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(accepted))


def test_burst_into_a_queue() -> None:
    """1 Mbit/s, 125 bytes = 1 ms each: the first leaves at once, five wait, the other four are dropped."""
    run = stream_of_packets(gap=0, count=10, size=125, rate=1_000_000, queue=5)
    assert [time for time, _ in run.inbox] == [2 * MS + n * MS for n in range(1, 7)]
    assert run.engine.losses() == {"queue full": 4}
    rows = [row for row in run.engine.truth() if row["link"] == "a-r"]
    assert [row["queueing_ms"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert {row["transmission_ms"] for row in rows} == {1.0}


def test_bufferbloat() -> None:
    """Offered twice what the link carries, a long queue trades loss for delay."""
    delays = {}
    for queue in (10, 1000):
        run = stream_of_packets(gap=MS, count=1000, size=250, rate=1_000_000, queue=queue)
        delays[queue] = max(time - n * MS for (time, _), n in zip(run.inbox, numbers(run)))
        assert len(run.inbox) + run.engine.losses().get("queue full", 0) == 1000
    assert delays[10] == (2 + 2 + 10 * 2) * MS  # propagation, its own transmission, those of ten before it
    assert delays[1000] > 900 * MS


def test_dropped_by_a_full_queue_means_never_on_the_link() -> None:
    rows = stream_of_packets(gap=0, count=2, rate=1_000_000, queue=0).engine.packets(node="a")
    assert [(row["action"], row["reason"]) for row in rows] == [("sent", ""), ("dropped", "queue full")]


def test_copies_are_not_copied_again() -> None:
    """Else a packet in a routing loop with links that duplicate would become 2 ** 60 packets."""
    loop = {"r1": {"routes": (Route("192.0.2.0/24", "r2"),)}, "r2": {"routes": (Route("192.0.2.0/24", "r1"),)}}
    run = Run(line("a", "r1", "r2", "b", r1_r2={"duplicate": 1.0}, **loop))
    run.send(udp("10.0.0.1", "192.0.2.1", 9, ttl=62))
    run.engine.advance(FOREVER)
    assert run.engine.losses() == {"ttl exceeded": 62}  # one copy for each of the 61 times that it crossed the link
