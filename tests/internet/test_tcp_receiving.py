"""The receiving half: order, duplicates, the window, and when to acknowledge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet import tcp
from netlab.internet.tcp_receiving import Receiving
from netlab.internet.tcp_segment import syn_options
from netlab.wire.tcp import TCP
from tests.internet.engine_worlds import MS
from tests.internet.tcp_programs import Peer, pattern

ACK, FIN, PSH = TCP.ACK, TCP.FIN, TCP.PSH


def begun(**options: int | bool) -> Receiving:
    receiving = Receiving(tcp.Options(**options))  # type: ignore[arg-type]
    receiving.begin(1000)
    receiving.told()
    return receiving


@given(data=st.data(), size=st.integers(1, 200))
def test_any_order_overlap_and_repetition_gives_the_same_bytes(data: st.DataObject, size: int) -> None:
    """However the stream is cut, and in whatever order the pieces come, once all have come it is whole."""
    text = pattern(size)
    receiving = begun()
    cut = st.tuples(st.integers(0, size), st.integers(0, size)).map(sorted)
    pieces = data.draw(st.lists(cut, max_size=20))
    covering = data.draw(st.permutations([(start, min(start + 17, size)) for start in range(0, size, 17)]))
    for start, end in (*pieces, *covering, *data.draw(st.permutations(pieces))):
        before = receiving.next
        receiving.take(1000 + start, text[start:end], end == size)
        assert receiving.next >= before
        assert bytes(receiving.buffer) == text[: receiving.next - 1000]
        receiving.told()
    assert bytes(receiving.buffer) == text and receiving.finished and receiving.pieces == []
    assert receiving.next == 1000 + size + 1


@given(
    steps=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 2000)), max_size=60), capacity=st.integers(1, 5000)
)
def test_the_right_edge_never_goes_back_and_the_buffer_never_overflows(
    steps: list[tuple[int, int]], capacity: int
) -> None:
    receiving = begun(receive_buffer=capacity)
    for write, read in steps:
        edge = receiving.edge
        receiving.take(receiving.next, bytes(write), False)
        receiving.told()
        assert receiving.edge >= edge and len(receiving.buffer) <= capacity
        receiving.read(read)
    assert receiving.edge - receiving.next + len(receiving.buffer) <= capacity


def test_what_is_beyond_the_window_is_cut_off() -> None:
    receiving = begun(receive_buffer=100)
    assert receiving.take(1000, bytes(250), True)
    assert len(receiving.buffer) == 100 and not receiving.finished and receiving.told() == 0


def test_the_window_stays_while_a_piece_is_missing_though_the_program_reads() -> None:
    """RFC 5681 section 2: with another window an acknowledgement is no duplicate, and nothing is sent again early."""
    receiving = begun(receive_buffer=10_000)
    receiving.take(1000, bytes(1000), False)
    receiving.told()
    receiving.take(3000, bytes(1000), False)  # 2000 to 2999 are missing
    windows = [receiving.told()]
    receiving.read(1000)
    receiving.take(4000, bytes(1000), False)
    windows.append(receiving.told())
    assert windows == [9000, 9000] and not receiving.worth_telling()
    receiving.take(2000, bytes(1000), False)
    receiving.read(3000)
    assert receiving.told() == 10_000 and receiving.next == 5000


@pytest.mark.parametrize("early", [(), (101, 110), (103, 106), (110, 120)])
def test_what_is_behind_a_fin_is_ignored(early: tuple[int, ...]) -> None:
    """RFC 9293 section 3.10.7.4, seventh. Only somebody hostile sends that; the order must not matter."""
    text = pattern(130)
    receiving = begun()
    if early:
        receiving.take(1000 + early[0], text[slice(*early)], False)
    assert receiving.take(1100, text[100:103], True) and not receiving.finished
    receiving.take(1000, text[:120], True)  # goes on behind the FIN, and has one of its own
    assert receiving.finished and receiving.pieces == [] and bytes(receiving.buffer) == text[:103]
    assert receiving.take(1104, text[104:], True), "an acknowledgement says where we are"
    assert receiving.next == 1104 and bytes(receiving.buffer) == text[:103]


def test_a_fin_in_front_of_what_has_come_is_none() -> None:
    receiving = begun()
    receiving.take(1000, b"hello", False)
    receiving.take(1002, b"", True)
    receiving.take(1005, b"!", True)
    assert bytes(receiving.buffer) == b"hello!" and receiving.finished and receiving.next == 1007


def test_repeated_early_pieces_take_no_more_room() -> None:
    receiving = begun()
    for size in (10, 5, 10, 20, 20):
        receiving.take(1100, bytes(size), False)
    assert receiving.pieces == [(1100, bytes(20))]


def test_every_second_segment_is_acknowledged_or_the_first_after_40_ms() -> None:
    peer = Peer()
    stream = peer.accept()
    for count, answers in ((1, 0), (2, 1), (3, 1), (4, 2)):
        peer.sequence += 0
        for number in range(count):
            peer.send(ACK, bytes(100), sequence=peer.sequence + 100 * number)
        peer.sequence += 100 * count
        assert len(peer.run(30 * MS)) == answers
        late = peer.run(20 * MS)
        assert [each.acknowledgment for each in late] == ([peer.sequence] if count % 2 else [])
    assert stream.receive(10_000) == bytes(1000)


def test_delayed_acknowledgement_comes_exactly_40_ms_later() -> None:
    peer = Peer()
    peer.accept()
    start = peer.engine.now
    peer.send(ACK | PSH, b"x")
    peer.engine.advance(start + 100 * MS)
    ((time, _),) = peer.inbox
    assert time - start == 2 * MS + 40 * MS + 2 * MS


def test_without_delayed_acknowledgements_every_segment_has_its_own() -> None:
    peer = Peer()
    peer.accept(tcp.Options(delayed_ack=False))
    for number in range(3):
        peer.send(ACK, b"x", sequence=peer.sequence + number)
    assert [each.acknowledgment - peer.sequence for each in peer.run()] == [1, 2, 3]


def test_an_answer_takes_the_acknowledgement_along() -> None:
    peer = Peer()
    stream = peer.accept()
    peer.send(ACK | PSH, b"ping")
    peer.run()
    stream.send(b"pong")
    answer = peer.one(100 * MS)
    assert (answer.payload, answer.acknowledgment) == (b"pong", peer.sequence + 4)


def test_out_of_order_and_repeated_segments_are_acknowledged_at_once() -> None:
    """RFC 5681 section 4.2: so that the sender counts duplicates; so is the segment that fills the gap."""
    peer = Peer()
    stream = peer.accept()
    for number in (1, 2, 3):
        peer.send(ACK, bytes(100), sequence=peer.sequence + 100 * number)
    came = peer.run()
    assert [each.acknowledgment for each in came] == [peer.sequence] * 3
    assert len({each.window for each in came}) == 1
    assert stream.receive(10) is None
    peer.send(ACK, bytes(100))
    assert peer.one().acknowledgment == peer.sequence + 400
    peer.send(ACK, bytes(100))
    assert peer.one().acknowledgment == peer.sequence + 400


def test_window_closes_as_nobody_reads_and_opens_when_somebody_does() -> None:
    peer = Peer()
    stream = peer.accept(tcp.Options(receive_buffer=4000), syn_options=syn_options(1000, None))
    windows = []
    for number in range(4):
        peer.send(ACK, bytes(1000), sequence=peer.sequence + 1000 * number)
        windows += [each.window for each in peer.run(50 * MS)]
    peer.sequence += 4000
    assert windows == [3000, 2000, 1000, 0]
    assert stream.receive(500) == bytes(500) and peer.run() == []  # not worth a segment
    stream.receive(600)
    update = peer.one()
    assert (update.flags, update.window) == (ACK, 1100)
    peer.send(ACK, bytes(1000), sequence=peer.sequence - 1)  # a window probe as old as BSD
    assert peer.one().acknowledgment == peer.sequence + 999


def test_zero_window_probes_are_answered() -> None:
    """That of Linux has an old number, that of RFC 9293 section 3.8.6.1 one new byte."""
    peer = Peer()
    peer.accept(tcp.Options(receive_buffer=1000))
    peer.send(ACK, bytes(1000))
    peer.sequence += 1000
    assert peer.one(50 * MS).window == 0
    peer.send(ACK, sequence=peer.sequence - 1)
    assert (peer.one().acknowledgment, peer.acknowledgment) == (peer.sequence, peer.acknowledgment)
    peer.send(ACK, b"x")
    answer = peer.one()
    assert (answer.acknowledgment, answer.window) == (peer.sequence, 0)


def test_acknowledgements_count_while_our_window_is_closed() -> None:
    """RFC 9293 section 3.10.7.4: special allowance for valid ACKs."""
    peer = Peer()
    stream = peer.accept(tcp.Options(receive_buffer=1000))
    peer.send(ACK, bytes(1000))
    peer.sequence += 1000
    peer.run(50 * MS)
    stream.send(b"answer")
    peer.run()
    peer.send(ACK, bytes(10), acknowledgment=peer.acknowledgment + 6)
    peer.run()
    assert stream.bytes_acknowledged == 6


def test_fin_before_the_data_waits_for_it() -> None:
    peer = Peer()
    stream = peer.accept()
    peer.send(ACK | FIN, b"world", sequence=peer.sequence + 6)
    assert peer.one().acknowledgment == peer.sequence and stream.state == "ESTABLISHED"
    peer.send(ACK, b"hello ")
    assert peer.one().acknowledgment == peer.sequence + 12
    assert stream.state == "CLOSE-WAIT" and stream.receive(100) == b"hello world" and stream.receive(1) == b""
