"""What a program does with a connection: send, receive, close, reset; when it is told of a change."""

from __future__ import annotations

import pytest

from netlab.errors import UsageError
from netlab.internet import tcp
from netlab.internet.tcp_segment import syn_options
from netlab.wire.tcp import TCP
from tests.internet.engine_worlds import MS, SECOND, line
from tests.internet.tcp_programs import PORT, A, B, Pair, Peer, clean, pattern

ACK = TCP.ACK


def test_our_reset_tells_the_other_side() -> None:
    pair = Pair(line("a", "r", "b"), ends=False).run(100 * MS)
    pair.here.reset()
    assert pair.here.state == "CLOSED" and pair.here.failed == ""
    pair.run(10 * MS)
    assert pair.there.failed == pair.server.failed == "reset"
    with pytest.raises(tcp.Reset, match="this side has closed"):
        pair.here.send(b"x")
    pair.here.close()  # nothing is left to close


def test_close_with_unread_data_resets() -> None:
    pair = Pair(line("a", "r", "b"), ends=False, connect=False)
    pair.client.reading = False
    pair.connect()
    pair.run(100 * MS)
    pair.there.send(b"nobody reads this")
    pair.run(10 * MS)
    pair.here.close()
    pair.run(10 * MS)
    assert pair.there.failed == "reset"


def test_half_close_lets_the_other_side_go_on() -> None:
    pair = Pair(line("a", "r", "b"), ends=False).run(100 * MS)
    pair.here.half_close()
    pair.run(100 * MS)
    assert (pair.here.state, pair.there.state) == ("FIN-WAIT-2", "CLOSE-WAIT")
    assert pair.there.receive(10) == b"" and pair.here.receive(10) is None
    with pytest.raises(UsageError, match="half_close"):
        pair.here.send(b"more")
    assert pair.there.send(pattern(50_000)) == 50_000
    pair.run(SECOND)
    assert bytes(pair.client.received) == pattern(50_000)
    pair.there.half_close()
    assert pair.there.state == "LAST-ACK"
    pair.run(SECOND)
    assert (pair.here.state, pair.there.state) == ("TIME-WAIT", "CLOSED")
    assert pair.client.finished_at is not None


def test_on_change_is_never_called_from_inside() -> None:
    pair = Pair(line("a", "r", "b"), connect=False)
    inside = [False]
    calls = []

    def change() -> None:
        assert not inside[0]
        calls.append(pair.engine.now)

    stream = pair.near.connect(B[4], PORT, change)
    pair.run(10 * MS)
    inside[0] = True
    stream.send(bytes(300_000))
    stream.receive(10)
    inside[0] = False
    pair.run(50 * MS)
    assert len(calls) > 1


def test_send_buffer_full_then_room() -> None:
    peer = Peer()
    stream = peer.accept(tcp.Options(send_buffer=3000), syn_options=syn_options(1000, None))
    assert (stream.send(bytes(5000)), stream.send(bytes(1))) == (3000, 0)
    assert len(peer.run()) == 3
    changes = peer.changes
    peer.acknowledgment += 1000
    peer.send(ACK)
    peer.run()
    assert peer.changes == changes + 1 and stream.send(bytes(5000)) == 1000
    assert (stream.bytes_acknowledged, stream.mss) == (1000, 1000)


def test_limit_must_be_positive() -> None:
    with pytest.raises(UsageError, match="limit=0"):
        Pair(clean()).run(SECOND).here.receive(0)


def test_stream_says_who_talks_with_whom() -> None:
    pair = Pair(clean()).run(MS)
    assert pair.here.remote == (B[4], PORT) and pair.here.local[0] == A[4]
    assert repr(pair.here) == f"<Stream 10.0.0.1 port {pair.here.local[1]} to 10.0.1.2 port 80, SYN-SENT>"
