"""Fragmentation and reassembly: as functions, and on the network."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.extension import walk
from netlab.internet.fragments import MOST_DATAGRAMS, Datagram, Reassembly, join, split
from netlab.internet.packet import Packet
from netlab.wire.ipv4 import IPv4
from netlab.wire.ipv6 import Fragment
from netlab.wire.packet import parse
from tests.internet.engine_worlds import FOREVER, MS, Run, echo, ip, line

OPTIONS = b"\x94\x04\0\0\x44\x08\x05\0\0\0\0\0"
"""Router alert (copied into every fragment) and a timestamp option (only in the first)."""


def reassemble(pieces: list[bytes]) -> tuple[Datagram, list[str]]:
    """Give fragments to a host; its datagram and what it said to each."""
    host, states = Reassembly(), []
    for number, raw in enumerate(pieces):
        packet = Packet(raw, number + 1)
        datagram, state = host.add(packet, walk(packet))
        states.append(state)
    return datagram, states


@given(
    size=st.integers(0, 4000), first=st.integers(68, 1500), second=st.integers(68, 1500),
    order=st.randoms(use_true_random=False), options=st.sampled_from((b"", OPTIONS)),
)  # fmt: skip
def test_ipv4_round_trip_in_any_order_also_cut_twice(
    size: int, first: int, second: int, order: Random, options: bytes
) -> None:
    payload = bytes(n & 255 for n in range(size))
    whole = IPv4("192.0.2.1", "192.0.2.2", 17, payload, identification=77, options=options, ttl=9, tos=4)
    pieces = split(whole.to_bytes(), first, 0) if len(whole.to_bytes()) > first else [whole.to_bytes()]
    assert all(len(piece) <= first for piece in pieces)
    pieces = [again for piece in pieces for again in (split(piece, second, 0) if len(piece) > second else [piece])]
    assert all(len(piece) <= max(second, 68) for piece in pieces)
    assert all(parse(piece).checksum is None for piece in pieces)
    if len(pieces) == 1:
        return
    order.shuffle(pieces)
    datagram, states = reassemble(pieces)
    assert states == ["first", *["waiting"] * (len(pieces) - 2), "complete"]
    assert join(datagram) == whole.to_bytes()


@given(size=st.integers(1, 5000), mtu=st.integers(1280, 1500), order=st.randoms(use_true_random=False))
@pytest.mark.parametrize("header", [b"", b"\x3c\0\x05\x02\0\0\x01\0", b"\x2b\0\x01\x04\0\0\0\0\x3c\0\x63\0\0\0\0\0"])
def test_ipv6_round_trip(header: bytes, size: int, mtu: int, order: Random) -> None:
    """Also behind a hop-by-hop header, and a hop-by-hop and a routing header: these stand in every fragment."""
    body = header + (b"\x11\0\x01\x04\0\0\0\0" if header else b"") + bytes(n & 255 for n in range(size))
    raw = ip("2001:db8::1", "2001:db8::2", 0 if header else 17, body)
    if len(raw) <= mtu:
        return
    pieces = split(raw, mtu, 0xDEADBEEF)
    assert all(len(piece) <= mtu for piece in pieces)
    order.shuffle(pieces)
    datagram, states = reassemble(pieces)
    assert states[-1] == "complete"
    assert join(datagram) == raw


def pieces_of(size: int = 1000, mtu: int = 300) -> list[bytes]:
    return split(ip("192.0.2.1", "192.0.2.2", 17, bytes(n & 255 for n in range(size)), identification=5), mtu, 0)


def test_a_repeated_fragment_is_ignored() -> None:
    pieces = pieces_of()
    _, states = reassemble([pieces[0], pieces[0], *pieces[1:]])
    assert states[1] == "waiting" and states[-1] == "complete"


def test_overlap_ends_the_datagram() -> None:
    pieces = pieces_of()
    changed = bytearray(pieces[0])
    changed[-1] ^= 1
    assert reassemble([pieces[0], bytes(changed)])[1] == ["first", "bad fragment"]
    shifted = bytearray(pieces[1])
    shifted[7] -= 1  # eight bytes earlier: over the end of the one before
    assert reassemble([pieces[0], bytes(shifted)])[1] == ["first", "bad fragment"]


def test_data_beyond_the_end_ends_the_datagram() -> None:
    pieces = pieces_of()
    end_at_144 = ip("192.0.2.1", "192.0.2.2", 17, bytes(8), identification=5, fragment_offset=136)
    end_at_8008 = ip("192.0.2.1", "192.0.2.2", 17, bytes(8), identification=5, fragment_offset=8000)
    assert reassemble([pieces[1], end_at_144])[1] == ["first", "bad fragment"]
    assert reassemble([pieces[-1], end_at_8008])[1] == ["first", "bad fragment"]


def test_ping_of_death() -> None:
    """A last fragment that would end beyond 65,535 bytes."""
    piece = ip("192.0.2.1", "192.0.2.2", 1, bytes(100), identification=5, fragment_offset=65528)
    assert reassemble([piece])[1] == ["bad fragment"]


def test_identification_source_and_protocol_keep_datagrams_apart() -> None:
    host = Reassembly()
    for source, protocol, identification in (
        ("192.0.2.1", 1, 1),
        ("192.0.2.3", 1, 1),
        ("192.0.2.1", 17, 1),
        ("192.0.2.1", 1, 2),
    ):
        packet = Packet(
            ip(source, "192.0.2.2", protocol, bytes(8), identification=identification, more_fragments=True), 1
        )
        assert host.add(packet, walk(packet))[1] == "first"
    assert len(host.waiting) == 4


def test_a_host_waits_for_a_limited_number_of_datagrams() -> None:
    host = Reassembly()
    for n in range(MOST_DATAGRAMS + 1):
        packet = Packet(ip("192.0.2.1", "192.0.2.2", 1, bytes(8), identification=n, more_fragments=True), 1)
        _, state = host.add(packet, walk(packet))
    assert state == "too many fragments"
    assert len(host.waiting) == MOST_DATAGRAMS


# ── on the network ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_router_cuts_and_host_puts_together() -> None:
    run = Run(line("a", "r1", "r2", "b", r1_r2={"mtu": 600}, r2_b={"mtu": 400}))
    at_b = run.engine.listen("b")
    request = echo("10.0.0.1", "10.0.2.2", size=1400, identification=3)
    run.send(request)
    _, message = run.answer()
    assert message.payload == bytes(n & 255 for n in range(1400))
    ((time, got),) = at_b
    assert got == echo("10.0.0.1", "10.0.2.2", size=1400, identification=3, ttl=62)
    assert time == 3 * MS
    sizes = [len(row["data"]) for row in run.engine.packets(link="r2-b") if row["at"] == "r2"]
    assert max(sizes) <= 400 and len(sizes) == 5
    delivered = [row for row in run.engine.packets(node="b") if row["action"] == "delivered"]
    assert len(delivered) == 5


@pytest.mark.parametrize("family", [4, 6])
def test_sender_cuts_for_its_own_link(family: int) -> None:
    source, destination = ("10.0.0.1", "10.0.1.2") if family == 4 else ("2001:db8::1", "2001:db8:1::2")
    run = Run(line("a", "r", "b"))
    run.send(echo(source, destination, size=4000))
    _, message = run.answer()
    assert len(message.payload) == 4000
    assert len([row for row in run.engine.packets(node="a") if row["action"] == "sent"]) == 3


def test_ipv6_router_does_not_cut_and_the_sender_learns() -> None:
    run = Run(line("a", "r1", "r2", "b", r1_r2={"mtu": 1280}))
    for n in range(3):
        run.send(echo("2001:db8::1", "2001:db8:2::2", n, size=1400), at=n * 100 * MS)
    kinds = [(type(message).__name__, getattr(message, "sequence", None)) for _, _, message in run.answers(1000 * MS)]
    assert kinds == [("PacketTooBig", None), ("EchoReply", 2)]  # the answer to number 1 was too long: now b knows too
    assert run.engine.machine("a").path_mtu == {b" \x01\r\xb8\0\x02" + bytes(9) + b"\x02": 1280}


def test_host_answers_in_pieces_that_its_path_can_take() -> None:
    """b must learn the path MTU before a big answer gets through: the first is lost, as in reality."""
    run = Run(line("a", "r1", "b", a_r1={"mtu": 1280}))
    for n in range(2):
        run.send(echo("2001:db8::1", "2001:db8:1::2", n, size=1400), at=n * 100 * MS)
    assert [message.sequence for _, _, message in run.answers(1000 * MS)] == [1]
    assert run.engine.losses() == {"too long": 1}


def test_one_lost_fragment_loses_the_datagram() -> None:
    run = Run(line("a", "r", "b", a_r={"loss": 0.1}, b={"silent": True}), seed=3)
    for n in range(100):
        run.send(echo("10.0.0.1", "10.0.1.2", n, size=7000, identification=n))
    run.engine.advance(FOREVER)
    losses = run.engine.losses()
    # five fragments: 1 - 0.9 ** 5 = 41 % of the datagrams
    assert 28 < losses["reassembly time exceeded"] < 54


def test_ipv6_fragment_of_a_wrong_length_is_a_parameter_problem() -> None:
    run = Run(line("a", "r", "b"))
    run.send(ip("2001:db8::1", "2001:db8:1::2", 44, Fragment(17, bytes(61), 0, True, 9).to_bytes()))
    _, message = run.answer()
    assert (message.type, message.code, message.pointer) == (4, 0, 4)


def test_ipv6_atomic_fragment_is_whole() -> None:
    """RFC 6946: a fragment header without a fragment."""
    inner = parse(echo("2001:db8::1", "2001:db8:1::2")).payload
    run = Run(line("a", "r", "b"))
    run.send(ip("2001:db8::1", "2001:db8:1::2", 44, Fragment(58, inner, 0, False, 9).to_bytes()))
    assert type(run.answer()[1]).__name__ == "EchoReply"


def test_ping_of_death_by_its_header() -> None:
    """65,528 bytes of payload are fine, with 20 bytes of header they are too many."""
    pieces = [
        ip("192.0.2.1", "192.0.2.2", 1, bytes(length), identification=5, fragment_offset=start, more_fragments=more)
        for start, length, more in ((0, 40_000, True), (40_000, 25_528, False))
    ]
    assert reassemble(pieces)[1] == ["first", "bad fragment"]
    assert reassemble(
        [pieces[0], ip("192.0.2.1", "192.0.2.2", 1, bytes(25_515), identification=5, fragment_offset=40_000)]
    )[1] == ["first", "complete"]


@given(st.binary(min_size=1, max_size=60), st.sampled_from((0x45, 0x4F, 0x44, 0x60)))
def test_long_packets_with_any_header_break_nothing(start: bytes, first: int) -> None:
    run = Run(line("a", "r", "b"))
    raw = bytearray(echo(*(("2001:db8::1", "2001:db8:1::2") if first == 0x60 else ("10.0.0.1", "10.0.1.2")), size=3000))
    offset = 6 if first == 0x60 else 20
    raw[0], raw[offset : offset + 1] = first, start[:1]
    raw[40 : 40 + len(start)] = start
    run.engine.inject("a", bytes(raw))
    run.engine.advance(FOREVER)
    assert run.engine.next_event() is None
