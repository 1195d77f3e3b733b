"""The states of a connection: handshake, end and resets, by hand-made segments and between two hosts."""

from __future__ import annotations

import pytest

from netlab.internet import tcp
from netlab.internet.tcp_segment import syn_options
from netlab.wire.ipv4 import IPv4
from netlab.wire.tcp import TCP
from tests.internet.engine_worlds import MS, SECOND, line
from tests.internet.tcp_programs import PORT, A, B, Pair, Peer, clean, pattern

SYN, ACK, FIN, RST, PSH = TCP.SYN, TCP.ACK, TCP.FIN, TCP.RST, TCP.PSH


@pytest.mark.parametrize("family", [4, 6])
def test_three_way_handshake_data_and_end(family: int) -> None:
    """RFC 9293 figure 6, then 5 bytes there and 7 back, and the end of figure 12; every number and time."""
    pair = Pair(line("a", "r", "b"), b"hello", b"welcome", family).run(70 * SECOND)
    assert (bytes(pair.server.received), bytes(pair.client.received)) == (b"hello", b"welcome")
    sent = pair.segments()
    first = {A[family]: sent[0][2].sequence, B[family]: sent[1][2].sequence}
    seen = []
    for time, packet, segment in sent:
        assert segment.checksum is None, "a wrong checksum"
        sequence = (segment.sequence - first[packet.source]) & 0xFFFFFFFF
        ack = (segment.acknowledgment - first[packet.destination]) & 0xFFFFFFFF if segment.flags & ACK else 0
        seen.append((time // MS, packet.source == A[family], segment.flags, sequence, ack, segment.payload))
    assert seen == [
        (0, True, SYN, 0, 0, b""),
        (2, False, SYN | ACK, 0, 1, b""),
        (4, True, ACK, 1, 1, b""),
        (4, True, ACK | PSH, 1, 1, b"hello"),
        (4, True, ACK | FIN, 6, 1, b""),
        (6, False, ACK, 1, 7, b""),
        (6, False, ACK | PSH, 1, 7, b"welcome"),
        (6, False, ACK | FIN, 8, 7, b""),
        (8, True, ACK, 7, 9, b""),
    ]
    mss = 1460 if family == 4 else 1440
    assert sent[0][2].options == sent[1][2].options == syn_options(mss, 3)
    assert pair.engine.machine("a").handlers[4, 6] is pair.near
    assert (pair.here.state, pair.there.state) == ("CLOSED", "CLOSED")


def test_a_syn_as_it_is_on_the_wire() -> None:
    """Annotated golden bytes: IP header, TCP header, MSS 1460, no-operation, window scale 3."""
    pair = Pair(line("a", "r", "b"), connect=False)
    pair.near.connect(B[4], PORT, lambda: None)
    (record,) = pair.engine.capture
    port, sequence = 32_768 + 2642, 0x0DAD74E3
    header = "4500 0030 0000 4000 4006 25c6 0a000001 0a000102"  # 48 bytes, don't fragment, TTL 64
    raw = record.packet.raw
    assert raw[:20] == bytes.fromhex(header)
    assert raw[20:24] == port.to_bytes(2, "big") + b"\x00\x50"
    assert raw[24:28] == sequence.to_bytes(4, "big")
    assert raw[28:32] == bytes(4)  # acknowledges nothing
    assert raw[32:36] == bytes.fromhex("7002 ffff")  # 7 words, SYN, window 65535
    assert raw[38:] == bytes.fromhex("0000 020405b4 01 030303")
    assert TCP.parse(raw[20:], A[4], B[4]).checksum is None


def test_lost_syn_and_lost_syn_ack_are_repeated_after_1_and_2_seconds() -> None:
    peer = Peer()
    stream, syn = peer.call()
    times = []
    for _ in range(3):
        peer.engine.advance(peer.engine.now + 5 * SECOND)
        times += [time for time, _ in peer.inbox]
        assert all(again == syn for _, again in peer.inbox)
        peer.inbox.clear()
    assert [time - 2 * MS for time in times] == [1 * SECOND, 3 * SECOND, 7 * SECOND, 15 * SECOND]
    assert stream.retransmissions == 4

    peer = Peer()
    peer.host.listen(PORT, peer.changed)
    peer.send(SYN)
    peer.engine.advance(100 * SECOND)
    times = [time for time, _ in peer.inbox]
    assert [time - times[0] for time in times] == [0, SECOND, 3 * SECOND, 7 * SECOND, 15 * SECOND, 31 * SECOND]
    assert peer.host.streams == {} and peer.changes == 0


@pytest.mark.parametrize(("retries", "seconds"), [(0, 1), (2, 7), (6, 127)])
def test_connect_times_out(retries: int, seconds: int) -> None:
    peer = Peer()
    stream, _ = peer.call(tcp.Options(syn_retries=retries))
    start = 0
    peer.engine.advance(start + seconds * SECOND - 1)
    assert stream.failed == "" and stream.state == "SYN-SENT"
    peer.engine.advance(start + seconds * SECOND)
    assert (stream.failed, stream.state, stream.established) == ("timeout", "CLOSED", False)
    assert peer.changes == 1
    with pytest.raises(tcp.Reset, match="does not answer") as caught:
        stream.receive(1)
    assert caught.value.reason == "timeout"


def test_repeated_syn_gets_the_same_syn_ack() -> None:
    peer = Peer()
    peer.host.listen(PORT, peer.changed)
    peer.send(SYN)
    first = peer.one()
    peer.send(SYN)
    assert peer.one() == first


def test_first_data_after_a_repeated_syn_has_a_timeout_of_3_seconds() -> None:
    """RFC 6298 rule 5.7, and Karn: the round trip of a repeated SYN is not known."""
    peer = Peer()
    stream, _ = peer.call()
    assert len(peer.run(SECOND)) == 1
    peer.send(SYN | ACK, sequence=7)
    peer.sequence = 8
    peer.run()
    assert stream.established and stream.smoothed_rtt_ns == 0
    stream.send(b"x")
    began = peer.engine.now
    peer.engine.advance(began + 4 * SECOND)
    assert [time - began - 2 * MS for time, _ in peer.inbox] == [0, 3 * SECOND]


def test_simultaneous_open() -> None:
    """RFC 9293 figure 7."""
    peer = Peer()
    stream, syn = peer.call()
    peer.send(SYN)
    answer = peer.one()
    assert (answer.flags, answer.sequence, answer.acknowledgment) == (SYN | ACK, syn.sequence, 1001)
    assert stream.state == "SYN-RECEIVED"
    peer.send(SYN | ACK)  # ours, sent when we had b's SYN
    peer.sequence += 1
    assert peer.one().flags == ACK
    peer.send(ACK)
    peer.run()
    assert stream.state == "ESTABLISHED"


def test_simultaneous_close() -> None:
    """RFC 9293 figure 13: both in FIN-WAIT-1, CLOSING, TIME-WAIT."""
    pair = Pair(line("a", "r", "b"), ends=False).run(100 * MS)
    pair.here.half_close()
    pair.there.half_close()
    states = []
    for _ in range(5):
        states.append((pair.here.state, pair.there.state))
        pair.run(1 * MS)
    assert states[0] == ("FIN-WAIT-1", "FIN-WAIT-1")
    assert states[2:] == [("CLOSING", "CLOSING")] * 2 + [("TIME-WAIT", "TIME-WAIT")]
    pair.run(60 * SECOND)
    assert (pair.here.state, pair.there.state) == ("CLOSED", "CLOSED")
    assert pair.near.streams == pair.far.streams == {}


def test_time_wait_acknowledges_a_repeated_fin_and_begins_anew() -> None:
    peer = Peer()
    stream = peer.accept()
    stream.half_close()
    assert peer.one().flags == FIN | ACK
    peer.acknowledgment += 1
    peer.send(FIN | ACK)
    assert peer.one().flags == ACK
    assert stream.state == "TIME-WAIT"
    peer.run(50 * SECOND)
    peer.send(FIN | ACK)
    assert peer.one().acknowledgment == peer.sequence + 1
    peer.run(50 * SECOND)
    assert stream.state == "TIME-WAIT"
    peer.send(RST, sequence=peer.sequence + 1)  # RFC 1337
    peer.run(5 * SECOND)
    assert stream.state == "TIME-WAIT"
    peer.run(10 * SECOND)
    assert stream.state == "CLOSED" and peer.host.streams == {}


def test_time_wait_gives_way_to_a_new_connection() -> None:
    peer = Peer()
    stream = peer.accept()
    stream.half_close()
    peer.run()
    peer.acknowledgment += 1
    peer.send(FIN | ACK)
    peer.run()
    assert stream.state == "TIME-WAIT"
    peer.send(SYN, sequence=peer.sequence)  # an old one
    assert peer.one().flags == ACK
    peer.send(SYN, sequence=peer.sequence + 1000)
    assert peer.one().flags == SYN | ACK
    assert stream.state == "CLOSED" and len(peer.host.streams) == 1


def test_refused_by_a_reset() -> None:
    """Nobody listens at b's port 81: its machine answers with a reset."""
    pair = Pair(line("a", "r", "b"), connect=False)
    stream = pair.near.connect(B[4], 81, pair.client)
    pair.client.stream = stream
    pair.run(4 * MS)
    assert (stream.failed, stream.state, pair.client.failed) == ("refused", "CLOSED", "refused")
    with pytest.raises(tcp.Reset, match="nobody who listens"):
        stream.send(b"x")


def test_reset_with_a_wrong_acknowledgement_refuses_nothing() -> None:
    peer = Peer()
    stream, syn = peer.call()
    peer.send(RST | ACK, acknowledgment=syn.sequence)
    assert peer.run() == [] and stream.state == "SYN-SENT"
    peer.send(SYN | ACK, acknowledgment=syn.sequence)  # half-open, RFC 9293 figure 9
    answer = peer.one()
    assert (answer.flags, answer.sequence) == (RST, syn.sequence) and stream.state == "SYN-SENT"
    peer.send(RST | ACK)
    assert peer.run() == [] and stream.failed == "refused"


def test_reset_ends_the_connection_but_not_what_was_received() -> None:
    peer = Peer()
    stream = peer.accept()
    peer.send(ACK | PSH, b"last words")
    peer.send(RST, sequence=peer.sequence + 10)
    peer.run()
    assert (stream.failed, stream.state) == ("reset", "CLOSED")
    assert stream.receive(100) == b"last words"
    with pytest.raises(tcp.Reset, match="has reset"):
        stream.receive(100)
    with pytest.raises(tcp.Reset):
        stream.send(b"x")


@pytest.mark.parametrize("flags", [RST, SYN, SYN | ACK])
def test_reset_or_syn_within_the_window_is_questioned(flags: int) -> None:
    """RFC 5961 sections 3 and 4: a blind attacker hits the window, but not the exact number."""
    peer = Peer()
    stream = peer.accept()
    peer.send(flags, sequence=peer.sequence + 500)
    challenge = peer.one()
    assert (challenge.flags, challenge.acknowledgment) == (ACK, peer.sequence)
    assert stream.state == "ESTABLISHED"


def test_reset_outside_the_window_is_ignored() -> None:
    peer = Peer()
    stream = peer.accept()
    for distance in (-1, 300_000, 1 << 31):
        peer.send(RST, sequence=peer.sequence + distance)
        assert peer.run() == [] and stream.established


def test_data_after_close_is_answered_with_a_reset() -> None:
    peer = Peer()
    stream = peer.accept()
    stream.close()
    assert peer.one().flags == FIN | ACK
    peer.acknowledgment += 1
    peer.send(ACK | PSH, b"too late")
    answer = peer.one()
    assert (answer.flags, answer.sequence) == (RST, peer.acknowledgment)
    assert stream.state == "CLOSED"


def test_closed_side_waits_a_minute_for_the_other_fin() -> None:
    peer = Peer()
    stream = peer.accept()
    stream.close()
    peer.run()
    peer.acknowledgment += 1
    peer.send(ACK)
    peer.run()
    assert stream.state == "FIN-WAIT-2"
    peer.run(59 * SECOND)
    assert stream.state == "FIN-WAIT-2"
    peer.run(2 * SECOND)
    assert stream.state == "CLOSED"
    peer.send(ACK)
    assert peer.one().flags == RST


def test_close_after_half_close_begins_the_minute() -> None:
    peer = Peer()
    stream = peer.accept()
    stream.half_close()
    peer.run()
    peer.acknowledgment += 1
    peer.send(ACK)
    peer.run(1000 * SECOND)
    assert stream.state == "FIN-WAIT-2"  # somebody may still read
    stream.close()
    stream.close()
    peer.run(60 * SECOND)
    assert stream.state == "CLOSED" and stream.failed == ""


def test_segment_without_acknowledgement_is_dropped() -> None:
    peer = Peer()
    stream = peer.accept()
    peer.send(PSH, b"data")
    assert peer.run() == [] and stream.receive(10) is None


def test_close_while_connecting_forgets_the_attempt() -> None:
    peer = Peer()
    stream, _ = peer.call()
    stream.close()
    assert stream.state == "CLOSED" and peer.host.streams == {}
    peer.send(SYN | ACK)
    assert peer.one().flags == RST


def test_data_written_before_the_handshake_goes_with_its_last_segment() -> None:
    peer = Peer()
    stream, _ = peer.call()
    assert stream.send(b"early") == 5
    stream.half_close()
    peer.send(SYN | ACK, sequence=7)
    assert [(each.flags, each.payload) for each in peer.run()] == [(ACK | PSH | FIN, b"early")]
    assert stream.state == "FIN-WAIT-1"


def test_acknowledgement_of_what_was_never_sent_is_questioned() -> None:
    peer = Peer()
    stream = peer.accept()
    peer.send(ACK | PSH, b"data", acknowledgment=peer.acknowledgment + 1)
    challenge = peer.one()
    assert (challenge.flags, challenge.acknowledgment) == (ACK, peer.sequence)
    assert stream.receive(10) is None


def test_wrong_acknowledgement_of_a_syn_ack_is_reset() -> None:
    peer = Peer()
    peer.host.listen(PORT, peer.changed)
    peer.send(SYN)
    answer = peer.one()
    peer.send(ACK, sequence=1001, acknowledgment=answer.sequence + 7)
    assert (peer.one().flags, peer.changes) == (RST, 0)


def test_reset_during_the_handshake_forgets_the_attempt() -> None:
    peer = Peer()
    peer.host.listen(PORT, peer.changed)
    peer.send(SYN)
    peer.run()
    peer.send(RST, sequence=1001)
    assert peer.run() == [] and peer.host.streams == {} and peer.changes == 0


def test_peer_without_options_gets_small_segments_and_small_windows() -> None:
    """No MSS: 536 bytes (RFC 9293 section 3.7.1); no window scale: no more than 65,535 either way (RFC 7323)."""
    peer = Peer()
    stream = peer.accept()
    stream.send(bytes(10 * 536))
    came = peer.run()
    assert [len(each.payload) for each in came] == [536] * 10 and {each.window for each in came} == {65_535}


def test_window_scale_is_understood_both_ways() -> None:
    peer = Peer()
    stream = peer.accept(window=65_535, syn_options=syn_options(100, 0))
    peer.send(ACK, window=5)
    stream.send(bytes(50))
    assert [len(each.payload) for each in peer.run(MS * 1)] == []
    peer = Peer()
    stream = peer.accept(window=5, syn_options=syn_options(100, 4))
    stream.send(bytes(1000))
    came = peer.run()
    assert sum(len(each.payload) for each in came) == 80 and came[0].window << 3 == 262_144


def test_segments_are_never_fragmented() -> None:
    pair = Pair(clean(), pattern(10_000)).run(SECOND)
    packets = [packet for _, packet, _ in pair.segments()]
    assert all(isinstance(each, IPv4) and each.dont_fragment and each.identification == 0 for each in packets)
