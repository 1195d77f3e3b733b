"""A machine's TCP: who listens, who is refused, what ICMP says, and what belongs to nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.errors import AddressInUse, UsageError
from netlab.internet import build, stack, tcp
from netlab.internet.engine import Engine
from netlab.internet.model import FirewallRule
from netlab.wire import icmpv4, icmpv6
from netlab.wire.tcp import TCP
from tests.internet import engine_worlds as worlds
from tests.internet.engine_worlds import MS, SECOND, Run, icmp, line
from tests.internet.tcp_programs import PORT, A, B, Pair, Peer, clean, mss_of, pattern, segments

SYN, ACK, RST = TCP.SYN, TCP.ACK, TCP.RST


def nothing() -> None:
    pass


def test_a_machine_has_one_tcp() -> None:
    engine = Engine(line("a", "r", "b"))
    machine = engine.machine("a")
    assert machine.handlers[4, 6] is stack.tcp
    assert tcp.host(machine) is tcp.host(machine) is machine.handlers[6, 6]


def test_a_real_kernel_has_a_tcp_of_its_own() -> None:
    engine = Engine(line("a", "r", "b"))
    engine.external("a", lambda time, raw: None)
    with pytest.raises(UsageError, match="a real kernel plays this host"):
        tcp.host(engine.machine("a"))


def test_open_port_without_a_listener_still_answers_probes() -> None:
    """The same answers with and without the fuller TCP."""
    answers = []
    for with_tcp in (False, True):
        run = Run(line("a", "r", "b", b={"open": (("tcp", 80),)}))
        if with_tcp:
            tcp.host(run.engine.machine("b"))
            tcp.host(run.engine.machine("a"))
        for port, flags in ((80, SYN), (81, SYN), (80, ACK), (81, ACK)):
            run.send(worlds.tcp(A[4], B[4], port, flags))
        answers.append([(time, segment) for time, _, segment in run.answers()])
    assert answers[0] == answers[1]
    assert [segment.flags for _, segment in answers[0]] == [SYN | ACK, RST | ACK, RST, RST]


def test_truncated_data_offset_is_dropped() -> None:
    peer = Peer()
    stream = peer.accept()
    for words in (4, 15):
        segment = TCP(peer.port, PORT, 1001, 1, ACK, data_offset=words).to_bytes(A[4], B[4])
        peer.engine.inject("a", worlds.ip(A[4], B[4], 6, segment))
        assert peer.run() == []
    assert stream.established


# ── listening ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_port_is_taken_once() -> None:
    pair = Pair(clean())
    with pytest.raises(AddressInUse, match="port 80 of b"):
        pair.far.listen(PORT, nothing)
    with pytest.raises(AddressInUse):
        pair.far.listen(PORT, nothing, address=B[6])
    assert pair.far.listen(81, nothing, address=B[6]).port == 81
    assert pair.far.listen(81, nothing, address=B[4]).port == 81
    pair.listener.close()
    assert pair.far.listen(PORT, nothing).port == PORT
    free = {pair.far.listen(0, nothing).port for _ in range(20)}
    assert len(free) == 20 and all(32_768 <= port <= 60_999 for port in free)


def test_listening_at_one_address_only() -> None:
    pair = Pair(clean(), connect=False)
    pair.far.listen(81, nothing, address=B[6])
    streams = [pair.near.connect(B[family], 81, nothing) for family in (4, 6)]
    pair.run(100 * MS)
    assert [each.failed for each in streams] == ["refused", ""] and streams[1].established


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"port": 65_536}, "port=65536"),
        ({"port": -1}, "port=-1"),
        ({"backlog": -1}, "backlog=-1"),
        ({"address": A[4]}, "is no address of b"),
        ({"options": tcp.Options(mss=0)}, "mss=0"),
        ({"options": tcp.Options(send_buffer=0)}, "send_buffer=0"),
        ({"options": tcp.Options(receive_buffer=1 << 31)}, "receive_buffer"),
        ({"options": tcp.Options(initial_window=0)}, "initial_window=0"),
        ({"options": tcp.Options(retries=-1)}, "retries=-1"),
    ],
)
def test_listening_that_cannot_be(arguments: dict[str, Any], says: str) -> None:
    pair = Pair(clean(), connect=False)
    with pytest.raises(UsageError, match=says):
        pair.far.listen(**{"port": 81, "on_ready": nothing, **arguments})
    assert len(pair.far.listeners) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"port": 0}, "port=0"),
        ({"address": "224.0.0.1"}, "between two hosts"),
        ({"address": "b"}, "must be an IPv4 or IPv6 address"),
        ({"source": B[4]}, "is no address of a"),
        ({"source": A[6]}, "same IP version"),
        ({"options": tcp.Options(syn_retries=-1)}, "syn_retries=-1"),
    ],
)
def test_connecting_that_cannot_be(arguments: dict[str, Any], says: str) -> None:
    pair = Pair(clean(), connect=False)
    with pytest.raises(UsageError, match=says):
        pair.near.connect(**{"address": B[4], "port": PORT, "on_change": nothing, **arguments})
    assert pair.near.streams == {} and pair.segments() == []


def test_backlog_overflow_drops_syns_as_linux_does() -> None:
    """One more than the backlog waits; later SYNs are dropped, and repeated by their senders after a second."""
    pair = Pair(clean(), connect=False)
    listener = pair.far.listen(81, nothing, backlog=2)
    streams = []
    for _ in range(5):
        streams.append(pair.near.connect(B[4], 81, nothing))
        pair.run(100 * MS)
    assert [each.established for each in streams] == [True, True, True, False, False]
    assert (listener.waiting, listener.refused) == (3, 2)
    assert listener.accept() and listener.accept() and listener.waiting == 1
    pair.run(SECOND)
    assert all(each.established for each in streams) and listener.waiting == 3 and listener.refused == 2
    assert [each.retransmissions for each in streams] == [0, 0, 0, 1, 1]
    assert listener.accept() and listener.accept() and listener.accept() and listener.accept() is None


def test_handshakes_that_are_not_finished_fill_the_backlog_too() -> None:
    peer = Peer()
    listener = peer.host.listen(PORT, peer.changed, backlog=3)
    for port in range(6):
        peer.port = 50_000 + port
        peer.send(SYN)
    assert len(peer.run()) == 4 and (listener.waiting, listener.refused) == (0, 2)
    peer.run(64 * SECOND)  # the half-open ones are forgotten
    peer.send(SYN)
    assert peer.one().flags == SYN | ACK


def test_last_segment_of_a_handshake_is_ignored_while_the_queue_is_full() -> None:
    """As Linux: the client believes that it is connected, and its request is answered when somebody accepts."""
    peer = Peer()
    listener = peer.host.listen(PORT, peer.changed, backlog=0)
    answers = []
    for port in (50_001, 50_000):  # two handshakes begin before the first is over
        peer.port = port
        peer.send(SYN)
    answers = peer.run()
    assert len(answers) == 1 and listener.refused == 1  # backlog 0: one at a time
    listener.close()
    peer.run(SECOND)

    listener = peer.host.listen(PORT, peer.changed, backlog=1)
    numbers = {}
    for port in (50_011, 50_012):
        peer.port = port
        peer.send(SYN)
        numbers[port] = peer.one().sequence + 1
    listener.backlog = 0
    for port in (50_011, 50_012):
        peer.port, peer.acknowledgment = port, numbers[port]
        peer.send(ACK, sequence=1001)
    assert peer.run() == [] and listener.waiting == 1
    peer.send(ACK, b"request", sequence=1001)
    assert peer.run() == [] and listener.waiting == 1
    assert listener.accept()
    assert [each.flags for each in peer.run(2 * SECOND)] == [SYN | ACK]
    peer.send(ACK, b"request", sequence=1001)
    peer.run()
    stream = listener.accept()
    assert stream and stream.receive(100) == b"request"


def test_on_ready_is_called_for_each_connection() -> None:
    pair = Pair(clean(), connect=False)
    ready = []
    listener = pair.far.listen(81, lambda: ready.append(listener.accept()))
    for _ in range(3):
        pair.near.connect(B[4], 81, nothing)  # all at the same moment
    pair.run(100 * MS)
    assert len(ready) == 3 and None not in ready and listener.waiting == 0


def test_closing_a_listener_resets_who_was_not_accepted() -> None:
    pair = Pair(clean(), connect=False)
    listener = pair.far.listen(81, nothing)
    stream = pair.near.connect(B[4], 81, nothing)
    pair.run(100 * MS)
    listener.close()
    pair.run(100 * MS)
    assert stream.failed == "reset" and pair.far.streams == {}
    late = pair.near.connect(B[4], 81, nothing)
    pair.run(100 * MS)
    assert late.failed == "refused"


# ── connecting ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", ["10.0.1.2", "2001:db8:1::2", "127.0.0.1", "::1"])
def test_a_host_talks_to_itself(address: str) -> None:
    pair = Pair(clean(), response=pattern(200_000), connect=False)
    pair.client.stream = pair.far.connect(address, PORT, pair.client)
    pair.run(SECOND)
    assert bytes(pair.client.received) == pattern(200_000)
    assert pair.here.local[0] == pair.here.remote[0] == address


def test_ports_are_lent_one_after_the_other_from_a_random_one() -> None:
    pair = Pair(clean(), connect=False)
    ports = [pair.near.connect(B[4], PORT, nothing).local[1] for _ in range(300)]
    assert ports == [32_768 + (ports[0] - 32_768 + n) % 28_232 for n in range(300)]
    other = Pair(clean(), connect=False, seed=2)
    assert other.near.connect(B[4], PORT, nothing).local[1] != ports[0]


def test_every_port_is_lent() -> None:
    pair = Pair(clean(), connect=False)
    stream = pair.near.connect(B[4], PORT, nothing)
    pair.near.streams = {
        stream.key[:-2] + port.to_bytes(2, "big"): stream for port in range(32_768, 61_000) if port != 40_000
    }
    assert pair.near.connect(B[4], PORT, nothing).local[1] == 40_000
    with pytest.raises(AddressInUse, match="every port of a"):
        pair.near.connect(B[4], PORT, nothing)
    assert pair.near.connect(B[4], 81, nothing)  # to another port there are all of them


def test_ports_begin_again_after_the_last() -> None:
    pair = Pair(clean(), connect=False)
    pair.near.next_port = 60_999 - 32_768
    assert [pair.near.connect(B[4], PORT, nothing).local[1] for _ in range(2)] == [60_999, 32_768]


def test_sequence_numbers_begin_at_a_clock() -> None:
    """RFC 9293 section 3.4.1: other flows begin elsewhere, the same flow again at a higher number."""
    pair = Pair(clean(), connect=False)
    firsts = []
    for port in (40_000, 40_001, 40_000):
        pair.near.next_port = port - 32_768
        stream = pair.near.connect(B[4], PORT, nothing)
        firsts.append(stream.first)
        stream.close()
        pair.run(SECOND)
    assert (firsts[2] - firsts[0]) & 0xFFFFFFFF == 2 * SECOND >> 6
    assert abs(firsts[1] - firsts[0]) > 1_000_000


def test_source_is_as_asked() -> None:
    pair = Pair(clean(), connect=False)
    stream = pair.near.connect(B[4], PORT, nothing, source=A[4])
    pair.run(SECOND)
    assert stream.local[0] == A[4] and stream.established


@pytest.mark.parametrize("family", [4, 6])
def test_no_way_is_known_at_once(family: int) -> None:
    pair = Pair(line("a", "r", "b", a={"down": True}), connect=False)
    pair.client.stream = pair.near.connect(B[family], PORT, pair.client)
    pair.run(0)
    assert pair.client.stream.failed == pair.client.failed == "unreachable"


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("rule", "failed"),
    [
        (FirewallRule("reject", "tcp"), "unreachable"),
        (FirewallRule("reject", "tcp", reject_with="port-unreachable"), "refused"),
        (FirewallRule("reject", "tcp", reject_with="tcp-reset"), "refused"),
        (FirewallRule("drop", "tcp"), ""),
    ],
)
def test_firewall_ends_an_attempt_to_connect(family: int, rule: FirewallRule, failed: str) -> None:
    pair = Pair(line("a", "r", "b", r={"firewall": (rule,)}), family=family).run(10 * MS)
    assert pair.here.failed == failed
    assert pair.client.failed == failed


def test_without_an_address_of_its_family_nothing_is_sent() -> None:
    engine = Engine(
        build("small").host("a", "192.0.2.1/24").host("b", "192.0.2.2/24").link("a", "b", delay_ms=1).world()
    )
    stream = tcp.host(engine.machine("a")).connect("2001:db8::9", PORT, nothing)
    assert stream.failed == "unreachable" and engine.packets() == []


def test_nobody_has_the_address() -> None:
    pair = Pair(line("a", "r", "b"), connect=False)
    stream = pair.near.connect("10.0.1.77", PORT, nothing)
    pair.run(10 * MS)
    assert stream.failed == "unreachable"


def quote(engine: Engine, family: int, **changes: int) -> bytes:
    """The packet that a sent last, with other numbers in its TCP header."""
    _, packet, segment = segments(engine, "a")[-1]
    return replace(packet, payload=replace(segment, checksum=None, **changes).to_bytes(A[family], B[family])).to_bytes()


@pytest.mark.parametrize("family", [4, 6])
def test_icmp_errors_that_end_nothing(family: int) -> None:
    """Errors about other segments, and any error once the handshake is over (RFC 5927)."""
    pair = Pair(line("a", "r", "b"), family=family, ends=False)
    router = "10.0.0.2" if family == 4 else "2001:db8::2"
    code = icmpv4.PORT_UNREACHABLE if family == 4 else icmpv6.PORT_UNREACHABLE
    module: Any = worlds.module(A[family])

    def tell(original: bytes) -> None:
        assert pair.engine.inject("r", icmp(router, A[family], module.DestinationUnreachable(code, original))) == ""
        pair.run(MS // 2 * 3)

    sequence = pair.segments("a")[0][2].sequence
    tell(quote(pair.engine, family, sequence=(sequence + 5) & 0xFFFFFFFF))
    tell(quote(pair.engine, family, source_port=1))
    tell(quote(pair.engine, family)[:27])
    assert pair.here.failed == ""
    pair.run(SECOND)
    tell(quote(pair.engine, family))
    assert pair.here.failed == "" and pair.here.established


@pytest.mark.parametrize("family", [4, 6])
def test_time_exceeded_ends_an_attempt_to_connect(family: int) -> None:
    pair = Pair(line("a", "r", "b", a={"initial_ttl": 1}), family=family).run(10 * MS)
    assert pair.here.failed == "unreachable"


# ── path MTU ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("family", "mss"), [(4, 1360), (6, 1340)])
def test_too_big_lowers_the_segment_size_and_sends_again(family: int, mss: int) -> None:
    """RFC 1191 section 6.4, RFC 8201 section 4: what was too long is sent again at once, in smaller segments."""
    world = line("a", "r", "s", "b", r_s={"mtu": 1400})
    pair = Pair(world, pattern(60_000), family=family).run(150 * MS)
    assert bytes(pair.server.received) == pattern(60_000)
    assert pair.here.mss == mss and pair.here.retransmissions >= 10 and pair.here.timeouts == 0
    sizes = [len(segment.payload) for _, _, segment in pair.segments("a")]
    first = 1460 if family == 4 else 1440
    assert sizes.count(first) == 10 and max(sizes[sizes.index(mss) :]) == mss
    assert mss_of(pair.segments("a")[0][2]) == first
    # What is known of the path, the next connection knows from its beginning; what it asks for is another matter.
    again = pair.connect()
    pair.run(10 * MS)
    syns = [segment for _, _, segment in pair.segments("a") if segment.flags == SYN]
    assert again.mss == mss and [mss_of(each) for each in syns] == [first, first]


def test_no_word_about_too_big_is_a_black_hole() -> None:
    pair = Pair(line("a", "r", "s", "b", r_s={"mtu": 1400}, r={"hides_too_big": True}), pattern(60_000))
    pair.run(30 * SECOND)
    assert pair.server.received == b"" and pair.here.timeouts > 3


def test_forged_too_big_is_ignored() -> None:
    """RFC 5927 section 7.2: a sequence number that is not on its way proves that the sender did not see a segment."""
    pair = Pair(line("a", "r", "b"), pattern(100), ends=False).run(SECOND)
    mss = pair.here.mss
    sequence = (pair.segments("a")[-1][2].sequence + 100_000) & 0xFFFFFFFF
    message = icmpv4.DestinationUnreachable(4, quote(pair.engine, 4, sequence=sequence), mtu=600)
    pair.engine.inject("r", icmp("10.0.0.2", A[4], message))
    pair.run(SECOND)
    assert pair.here.mss == mss


def test_same_seed_same_packets() -> None:
    def packets(seed: int) -> list[tuple[int, str, bytes]]:
        world = line("a", "r", "b", r_b={"loss": 0.05, "jitter": 3 * MS, "reorder": 0.05, "reorder_delay": 4 * MS})
        pair = Pair(world, pattern(50_000), pattern(90_000), seed=seed).run(200 * SECOND)
        return [(record.time, record.what, record.packet.raw) for record in pair.engine.capture]

    assert packets(3) == packets(3) != packets(4)
