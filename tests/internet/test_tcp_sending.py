"""The sending half: windows, Nagle, retransmission by timer and by duplicates, zero-window probes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from netlab.internet import tcp
from netlab.internet.tcp_segment import syn_options
from netlab.wire.tcp import TCP
from tests.internet.engine_worlds import MS, SECOND
from tests.internet.tcp_programs import Pair, Peer, clean, pattern

ACK, FIN, PSH = TCP.ACK, TCP.FIN, TCP.PSH
KIB = syn_options(1000, None)
MSS = 1460


def connected(window: int = 65_535, **options: int | bool) -> tuple[Peer, tcp.Stream, int]:
    """A peer that takes segments of 1,000 bytes, the stream to it, and the number of its first byte."""
    peer = Peer()
    stream = peer.accept(tcp.Options(**options), window, KIB)  # type: ignore[arg-type]
    return peer, stream, peer.acknowledgment


def offsets(segments: list[TCP], first: int) -> list[tuple[int, int]]:
    """Where the segments begin, and how much they carry."""
    return [((each.sequence - first) & 0xFFFFFFFF, len(each.payload)) for each in segments]


def test_initial_window_then_two_segments_for_each_acknowledged() -> None:
    peer, stream, first = connected()
    stream.send(bytes(100_000))
    assert offsets(peer.run(), first) == [(n * 1000, 1000) for n in range(10)]
    peer.send(ACK, acknowledgment=first + 2000)
    assert offsets(peer.run(), first) == [(n * 1000, 1000) for n in range(10, 14)]
    assert stream.congestion_window == 12_000


def test_no_more_than_the_receivers_window() -> None:
    peer, stream, first = connected(window=2500)
    stream.send(bytes(10_000))
    assert offsets(peer.run(), first) == [(0, 1000), (1000, 1000)]  # and no 500 bytes: RFC 9293 section 3.8.6.2.1
    peer.send(ACK, window=2500, acknowledgment=first + 2000)
    assert offsets(peer.run(), first) == [(2000, 1000), (3000, 1000)]


def test_a_receiver_with_a_small_buffer_gets_small_segments() -> None:
    peer, stream, first = connected(window=600)
    stream.send(bytes(2000))
    assert offsets(peer.run(), first) == [(0, 600)]
    peer.send(ACK, window=200, acknowledgment=first + 600)
    assert peer.run() == []  # less than half of the largest window
    peer.send(ACK, window=300, acknowledgment=first + 600)
    assert offsets(peer.run(), first) == [(600, 300)]


def test_an_old_segment_does_not_change_the_window() -> None:
    """SND.WL1 and SND.WL2."""
    peer, stream, _ = connected(window=3000)
    peer.send(ACK | PSH, b"abc", window=1000)
    peer.run()
    peer.sequence += 3
    peer.send(ACK, window=3000)
    peer.send(ACK | PSH, b"abc", window=9000, sequence=peer.sequence - 3)
    peer.run()
    stream.send(bytes(9000))
    assert len(peer.run()) == 3


@pytest.mark.parametrize(("nagle", "sizes"), [(True, [1, 3]), (False, [1, 1, 1, 1])])
def test_nagle_gathers_small_writes(nagle: bool, sizes: list[int]) -> None:
    peer, stream, first = connected(nagle=nagle)
    for _ in range(4):
        stream.send(b"x")
    came = peer.run()
    if nagle:
        peer.send(ACK, acknowledgment=first + 1)
        came += peer.run()
    assert [len(each.payload) for each in came] == sizes


def test_nagle_and_delayed_acknowledgements_wait_for_each_other() -> None:
    """The well-known 40 ms: a request in two small writes; either switch, turned off, saves them."""

    def time(nagle: bool, delayed: bool) -> int:
        pair = Pair(clean(), ends=False, options=tcp.Options(nagle=nagle, delayed_ack=delayed))
        pair.run(SECOND)
        pair.here.send(b"head")
        pair.here.send(b"body")
        start = pair.engine.now
        while len(pair.server.received) < 8:
            pair.run(MS)
        return (pair.engine.now - start) // MS

    assert time(True, True) == 10 + 40 + 20
    assert time(False, True) == time(False, False) == 10
    assert time(True, False) == 10 + 20


def test_fin_goes_with_the_last_data_if_it_can() -> None:
    peer, stream, first = connected()
    stream.send(bytes(10_500))
    assert len(peer.run()) == 10
    stream.half_close()
    assert peer.run() == []
    peer.send(ACK, acknowledgment=first + 1000)
    assert [(each.flags, len(each.payload)) for each in peer.run()] == [(ACK | PSH | FIN, 500)]


def test_timeout_backs_off_and_gives_up() -> None:
    """The times at which a segment leaves that nobody acknowledges: RTO, then twice as much each time, up to 120 s."""
    peer, stream, _ = connected(retries=11)
    rtt = 2 * MS
    assert stream.smoothed_rtt_ns == pytest.approx(rtt + 3 * MS)  # the peer took 3 ms of its 5 to answer
    start = peer.engine.now
    timeout = stream.sending.round_trip.timeout
    stream.send(b"x")
    peer.engine.advance(start + 2000 * SECOND)
    times = [time - start - 2 * MS for time, _ in peer.inbox]
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps == [min(timeout << n, 120 * SECOND) for n in range(11)]
    assert timeout == stream.smoothed_rtt_ns + 200 * MS
    assert (stream.failed, stream.timeouts, stream.retransmissions) == ("timeout", 11, 11)
    assert stream.congestion_window == 1000 and stream.slow_start_threshold == 2000
    assert peer.changes == 1


def test_nothing_new_is_sent_when_a_small_segment_is_sent_again() -> None:
    """More than the receiver's window would never be acknowledged."""
    peer, stream, first = connected(window=1)
    stream.send(bytes(100))
    assert offsets(peer.run(), first) == [(0, 1)]
    assert offsets(peer.run(300 * MS), first) == [(0, 1)]


def test_karn_the_long_timeout_stays_until_a_fresh_segment_is_acknowledged() -> None:
    peer, stream, first = connected()
    timeout, smoothed = stream.sending.round_trip.timeout, stream.smoothed_rtt_ns
    stream.send(b"x")
    peer.run(timeout + 10 * MS)
    peer.send(ACK, acknowledgment=first + 1)
    peer.run()
    assert stream.sending.round_trip.timeout == 2 * timeout and stream.smoothed_rtt_ns == smoothed
    stream.send(b"y")
    peer.run(10 * MS)
    peer.send(ACK, acknowledgment=first + 2)
    peer.run()
    assert stream.sending.round_trip.timeout < 2 * timeout and stream.smoothed_rtt_ns > smoothed


def test_after_a_timeout_everything_is_sent_again_in_slow_start() -> None:
    peer, stream, first = connected()
    stream.send(bytes(10_000))
    assert len(peer.run()) == 10
    assert offsets(peer.run(SECOND // 2), first)[0] == (0, 1000)
    assert stream.congestion_window == 1000 and stream.slow_start_threshold == 5000
    peer.send(ACK, acknowledgment=first + 1000)
    assert offsets(peer.run(), first) == [(1000, 1000), (2000, 1000)]
    peer.send(ACK, acknowledgment=first + 8000)  # the others had arrived
    assert offsets(peer.run(), first) == [(8000, 1000), (9000, 1000)]


def test_three_duplicates_send_the_first_segment_again() -> None:
    """RFC 5681 section 3.2 step by step, with limited transmit (RFC 3042) for the first two."""
    peer, stream, first = connected()
    stream.send(bytes(100_000))
    assert len(peer.run()) == 10
    for number in (0, 1):
        peer.send(ACK, acknowledgment=first)
        assert offsets(peer.run(), first) == [((10 + number) * 1000, 1000)]
    peer.send(ACK, acknowledgment=first)
    assert offsets(peer.run(), first) == [(0, 1000)]
    assert (stream.fast_retransmits, stream.duplicate_acks, stream.retransmissions) == (1, 3, 1)
    assert stream.slow_start_threshold == 6000  # half of the 12 segments on their way
    assert stream.congestion_window == 9000  # and 3 that have left the network
    for extra in range(4):
        peer.send(ACK, acknowledgment=first)
        came = offsets(peer.run(), first)
        assert came == ([] if extra < 3 else [(12_000, 1000)])  # the window grows to 10, 11, 12, 13 segments
    peer.send(ACK, acknowledgment=first + 12_000)
    peer.run()
    assert stream.congestion_window == 2000 and stream.timeouts == 0  # min(ssthresh, FlightSize + SMSS)


def test_partial_acknowledgement_repairs_the_next_hole() -> None:
    """RFC 6582: two of ten segments are lost; each costs a round trip, and the window is halved once."""
    peer, stream, first = connected()
    stream.send(bytes(10_000))
    peer.run()
    for _ in range(3):
        peer.send(ACK, acknowledgment=first)
    assert offsets(peer.run(), first) == [(0, 1000)]
    peer.send(ACK, acknowledgment=first + 4000)
    assert offsets(peer.run(), first) == [(4000, 1000)]
    peer.send(ACK, acknowledgment=first + 10_000)
    peer.run()
    assert (stream.fast_retransmits, stream.retransmissions, stream.slow_start_threshold) == (1, 2, 5000)


@pytest.mark.parametrize(
    "what", [{"window": 60_000}, {"payload": b"data"}, {"flags": ACK | FIN}], ids=["window", "data", "fin"]
)
def test_what_is_no_duplicate(what: dict[str, object]) -> None:
    peer, stream, first = connected()
    stream.send(bytes(10_000))
    peer.run()
    for number in range(5):
        window = 60_000 - number if "window" in what else 65_535
        payload = b"data" if "payload" in what else b""
        peer.send(ACK | FIN if "flags" in what else ACK, payload, window, acknowledgment=first)
    peer.run()
    assert (stream.duplicate_acks, stream.fast_retransmits) == (0, 0)


def test_zero_window_is_probed_ever_more_rarely_and_for_ever() -> None:
    peer, stream, first = connected(window=1000, retries=3)
    stream.send(bytes(3000))
    assert len(peer.run()) == 1
    peer.send(ACK, acknowledgment=first + 1000, window=0)
    peer.run(0)
    start, times = peer.engine.now + 1 * MS, []
    for _ in range(12):
        while not peer.inbox:
            peer.engine.advance(peer.engine.now + 10 * MS)
        ((time, probe),) = peer.inbox
        peer.inbox.clear()
        times.append(time - start)
        assert (offsets([probe], first), probe.flags) == ([(999, 0)], ACK)
        peer.send(ACK, acknowledgment=first + 1000, window=0)
    gaps = [after - before for before, after in pairwise(times)]
    for before, after in pairwise(gaps):
        assert after == min(2 * before, 120 * SECOND)
    assert stream.failed == "" and stream.timeouts == 0
    peer.send(ACK, acknowledgment=first + 1000, window=5000)
    assert offsets(peer.run(), first) == [(1000, 1000), (2000, 1000)]
    timeout = stream.sending.round_trip.timeout
    assert timeout < SECOND  # the probes have not made it longer


def test_zero_window_without_any_answer_times_out() -> None:
    peer, stream, first = connected(window=1000, retries=3)
    stream.send(bytes(3000))
    peer.run()
    peer.send(ACK, acknowledgment=first + 1000, window=0)
    peer.run(100 * SECOND)
    assert stream.failed == "timeout"


def test_fin_waits_for_the_window() -> None:
    peer, stream, first = connected(window=1000)
    stream.send(bytes(1000))
    stream.half_close()
    assert [each.flags for each in peer.run()] == [ACK | PSH]
    peer.send(ACK, acknowledgment=first + 1000, window=0)
    assert [each.flags for each in peer.run(SECOND // 2)] == [ACK]
    peer.send(ACK, acknowledgment=first + 1000, window=1)
    assert [each.flags for each in peer.run()] == [ACK | FIN]


def test_lost_window_update_is_made_good_by_a_probe() -> None:
    """The receiver reads, but the segment that says so is lost: without probes both would wait for ever."""
    pair = Pair(clean(), pattern(50_000), connect=False, server_options=tcp.Options(receive_buffer=8000))
    pair.server.reading = False
    pair.connect()
    pair.run(2 * SECOND)
    assert pair.here.sending.probing and pair.there.receiving.next == pair.there.receiving.edge
    link = pair.engine.machine("b").interfaces[0]
    link.down, link.plain = True, False
    pair.server.reading = True
    pair.server()
    link.down, link.plain = False, True
    pair.run(60 * SECOND)
    assert bytes(pair.server.received) == pattern(50_000)


def test_idle_connection_begins_with_the_initial_window_again() -> None:
    """RFC 5681 section 4.1."""
    pair = Pair(clean(), ends=False)
    pair.client.data = pattern(200_000)
    pair.run(2 * SECOND)
    assert pair.here.congestion_window > 100_000
    pair.here.send(b"x")
    assert pair.here.congestion_window == 14_600


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("segments", [10, 11, 29, 55, 69])
def test_what_came_once_in_slow_start_comes_again_in_one_go(segments: int, delayed: bool) -> None:
    """Every acknowledged segment has opened the window by one, those of the last flight too: 10 + N.

    So N more take one round trip, as with Linux: RFC 5681 section 3.1, and `Congestion.sent` for what is used.
    """
    pair = Pair(clean(), ends=False, options=tcp.Options(delayed_ack=delayed))
    pair.client.data = pattern(segments * MSS)
    pair.run(180 * MS)  # less than a timeout: then it would begin with the initial window again
    assert len(pair.server.received) == segments * MSS
    assert pair.here.congestion_window == (10 + segments) * MSS
    before = pair.engine.now
    assert pair.here.send(pattern(segments * MSS)) == segments * MSS
    pair.run(9 * MS)  # less than one way
    left = [len(segment.payload) for time, _, segment in pair.segments("a") if time >= before]
    assert left == [MSS] * segments


def test_small_answers_do_not_open_the_window_further_than_twice_what_they_use() -> None:
    """A thousand requests of six segments each, on one connection: the window ends at 12 segments, and not at 6,000."""
    pair = Pair(clean(), ends=False).run(SECOND)
    for _ in range(1000):
        pair.here.send(pattern(6 * MSS))
        pair.run(25 * MS)
    assert 12 * MSS <= pair.here.congestion_window <= 14 * MSS


def test_a_program_that_writes_little_learns_nothing_about_the_path() -> None:
    pair = Pair(clean(), ends=False).run(SECOND)
    for _ in range(100):
        pair.here.send(b"x")
        pair.run(25 * MS)
    assert pair.here.congestion_window == 14_600


@pytest.mark.parametrize(("lost", "window"), [(0, 14_600), (1, 14_600), (2, 1460)])
def test_several_lost_syns_make_the_first_window_one_segment(lost: int, window: int) -> None:
    """RFC 6928 section 2: one lost SYN may be an accident."""
    pair = Pair(clean(), connect=False)
    server = pair.engine.machine("b")
    server.down = True
    stream = pair.connect()
    pair.run(((1 << lost) - 1) * SECOND - MS if lost else 0)
    server.down = False
    pair.run(50 * MS)
    assert (stream.retransmissions, stream.congestion_window) == (lost, window)
