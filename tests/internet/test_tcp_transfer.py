"""Whole transfers: through any bad link the bytes arrive; over a clean one after exactly the time that theory says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.internet import tcp
from netlab.internet.model import Direction
from netlab.wire.packet import parse, transport
from netlab.wire.pcapng import to_pcapng
from netlab.wire.tcp import TCP
from tests.internet.engine_worlds import MS, SECOND, line
from tests.internet.tcp_programs import Pair, pattern
from tests.support.tools import need

OVER = {"CLOSED", "TIME-WAIT"}
MSS, PACKET = 1460, 1500

bad_link = st.builds(
    Direction,
    delay=st.sampled_from([0, MS, 30 * MS]),
    loss=st.sampled_from([0.0, 0.02, 0.25]),
    duplicate=st.sampled_from([0.0, 0.2]),
    reorder=st.sampled_from([0.0, 0.2]),
    reorder_delay=st.just(7 * MS),
    corrupt=st.sampled_from([0.0, 0.1]),
    jitter=st.sampled_from([0, 5 * MS]),
    rate=st.sampled_from([0, 2_000_000]),
    queue=st.sampled_from([3, 50]),
)
some_options = st.builds(
    tcp.Options,
    mss=st.sampled_from([None, 1, 100, 536]),
    nagle=st.booleans(),
    delayed_ack=st.booleans(),
    send_buffer=st.sampled_from([1, 5000, 262_144]),
    receive_buffer=st.sampled_from([1, 700, 5000, 262_144]),
    initial_window=st.sampled_from([1, 10]),
    window_scale=st.booleans(),
    syn_retries=st.just(50),
    retries=st.just(50),
)
some_bytes = st.integers(0, 2000) | st.integers(0, 40_000)


@settings(max_examples=60, deadline=None)
@given(
    ways=st.tuples(bad_link, bad_link),
    sizes=st.tuples(some_bytes, some_bytes),
    options=st.tuples(some_options, some_options),
    pieces=st.tuples(st.sampled_from([7, 1000, 1 << 20]), st.sampled_from([13, 3000, 1 << 20])),
    seed=st.integers(0, 1000),
)
def test_whatever_the_link_does_the_bytes_arrive(
    ways: tuple[Direction, Direction],
    sizes: tuple[int, int],
    options: tuple[tcp.Options, tcp.Options],
    pieces: tuple[int, int],
    seed: int,
) -> None:
    """Any loss, order and repetition, any sizes of writes, reads, buffers and segments, both ways at once."""
    small = any(each.mss == 1 or 1 in (each.send_buffer, each.receive_buffer) for each in options)
    request, response = (pattern(min(size, 100) if small else size) for size in sizes)
    world = line("a", "r", "b", r_b={"forward": ways[0], "backward": ways[1]})
    pair = Pair(world, request, response, 4, seed, *options, write=pieces[0], read=pieces[1])
    for _ in range(4000):
        pair.run(50 * SECOND)
        if pair.here.state in OVER and pair.server.stream and pair.there.state in OVER:
            break
    assert bytes(pair.server.received) == request
    assert bytes(pair.client.received) == response
    assert pair.here.state in OVER and pair.there.state in OVER
    for _, _, segment in pair.segments():
        assert segment.checksum is None, "a wrong checksum"


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("mbps", [10, 100])
@pytest.mark.parametrize("delay_ms", [5, 40])
@pytest.mark.parametrize("segments", [1, 10, 11, 35, 200, 2000])
def test_slow_start_takes_the_time_of_the_closed_formula(
    segments: int, delay_ms: int, mbps: int, delayed: bool
) -> None:
    """A path with a delay d each way and a bottleneck that sends a segment in T.

    The handshake takes 2d. Then windows of 10, 20, 40 … segments leave, one for each round: from the first segment of a
    window to that of the next one passes the time until it is acknowledged, 2d + T; with delayed acknowledgements until
    the second one has come too, 2d + 2T. While a window takes less time to send than that, the bottleneck idles. From
    the first window on that does not, it is never idle again. With P rounds that idle, and 10 (2^P - 1) segments sent
    in them, the last of N segments arrives d after the bottleneck has sent the others:

        2d + P (2d + T or 2T) + d + (N - 10 (2^P - 1)) T
    """
    delay, rate = delay_ms * MS, mbps * 1_000_000
    transmission, syn = PACKET * 8 * SECOND // rate, 48 * 8 * SECOND // rate
    a_round = 2 * delay + transmission * (2 if delayed else 1)
    idle = 0
    while 10 * 2**idle * transmission < a_round and 10 * (2 ** (idle + 1) - 1) < segments:
        idle += 1
    formula = 2 * delay + syn + idle * a_round + delay + (segments - 10 * (2**idle - 1)) * transmission

    ways = {"forward": Direction(delay=0, rate=rate, queue=10_000), "backward": Direction(delay=0)}
    options = tcp.Options(delayed_ack=delayed, send_buffer=1 << 24, receive_buffer=1 << 24)
    pair = Pair(line("a", "r", "b", a_r={"delay": delay}, r_b=ways), pattern(segments * MSS), options=options)
    pair.run(60 * SECOND)
    assert pair.server.finished_at is not None and bytes(pair.server.received) == pattern(segments * MSS)
    assert abs(pair.server.finished_at - formula) <= transmission
    assert pair.here.retransmissions == 0


def test_full_queue_halves_the_window_and_the_link_stays_busy() -> None:
    """One slow-start overshoot, then the sawtooth: with all that, 80 % of it carry data."""
    ways = {"forward": Direction(delay=0, rate=10_000_000, queue=20), "backward": Direction(delay=0)}
    size = 4_000_000
    pair = Pair(line("a", "r", "b", a_r={"delay": 10 * MS}, r_b=ways), pattern(size)).run(60 * SECOND)
    assert bytes(pair.server.received) == pattern(size) and pair.server.finished_at
    assert pair.here.fast_retransmits >= 3
    assert pair.server.finished_at < size * 8 * 100 / 0.8


def test_throughput_with_random_loss_is_that_of_the_square_root_formula() -> None:
    """Mathis et al. 1997: MSS/RTT x 1.22/sqrt(p) without delayed acknowledgements; within a third."""
    ways = {"forward": Direction(delay=0, loss=0.001), "backward": Direction(delay=0)}
    size, rtt = 10_000_000, 0.02
    options = tcp.Options(delayed_ack=False, send_buffer=1 << 22, receive_buffer=1 << 22)
    pair = Pair(line("a", "r", "b", a_r={"delay": 10 * MS}, r_b=ways), pattern(size), options=options)
    pair.run(100 * SECOND)
    assert bytes(pair.server.received) == pattern(size) and pair.server.finished_at
    expected = size / (MSS / rtt * 1.22 / 0.001**0.5)
    assert 0.67 < pair.server.finished_at / 1e9 / expected < 1.5


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_tshark_finds_no_fault(tmp_path: Path, family: int, loss: float) -> None:
    """Checksums and lengths are right, and without loss there is nothing for an expert to say."""
    tshark = need("tshark", "tshark")
    world = line("a", "r", "b", delay=10 * MS, r_b={"loss": loss})
    pair = Pair(world, pattern(30_000), pattern(150_000), family).run(200 * SECOND)
    assert bytes(pair.client.received) == pattern(150_000) and (pair.there.retransmissions > 0) == (loss > 0)
    file = tmp_path / "a.pcapng"
    file.write_bytes(to_pcapng([(each["time"], each["data"]) for each in pair.engine.packets(node="a")]))

    def ask(*words: str) -> str:
        checks = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-n", "-r", str(file))
        return subprocess.run([tshark, *checks, *words], capture_output=True, text=True, check=True, timeout=60).stdout

    assert ask("-Y", '_ws.malformed or tcp.checksum.status == "Bad" or ip.checksum.status == "Bad"') == ""
    assert len(ask("-Y", 'tcp.checksum.status == "Good"').splitlines()) == len(pair.engine.packets(node="a")) > 150
    assert "Errors" not in ask("-q", "-z", "expert")
    if not loss:
        assert ask("-q", "-z", "expert,warn").strip() == ""
        assert ask("-Y", "tcp.analysis.flags and not tcp.analysis.window_update") == ""


def test_every_captured_segment_can_be_read() -> None:
    pair = Pair(line("a", "r", "s", "b", r_s={"loss": 0.05, "mtu": 1300}), pattern(50_000), pattern(50_000))
    pair.run(99 * SECOND)
    rows = pair.engine.packets()
    assert {each["protocol"] for each in rows} == {"tcp", "icmp"} and len(rows) > 300
    for each in rows:
        message = transport(parse(each["data"]))
        assert message is not None and message.checksum is None
        if isinstance(message, TCP):
            assert "tcp" in each["summary"].lower() and 62 <= each["ttl"] <= 64
