"""Options and extension headers: the walk, what is unknown, what cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet.extension import Fragment, Problem, hop_by_hop, options4, walk
from netlab.internet.packet import Packet
from netlab.wire.ipv6 import Fragment as FragmentHeader
from netlab.wire.ipv6 import IPv6, upper_layer
from tests.internet.engine_worlds import Run, echo, ip, line, udp

V4, V6 = ("10.0.0.1", "10.0.1.2"), ("2001:db8::1", "2001:db8:1::2")
PADDING = b"\x01\x04\0\0\0\0"
"""Six bytes of options that say nothing."""


def header(following: int, body: bytes = PADDING) -> bytes:
    return bytes((following, (len(body) + 2) // 8 - 1)) + body


def v6(first: int, *parts: bytes) -> Packet:
    return Packet(ip(*V6, first, b"".join(parts)), 1)


def test_ipv4_has_no_extension_headers() -> None:
    assert walk(Packet(udp(*V4, 9), 1))[:3] == (17, 20, 9)
    assert walk(Packet(udp(*V4, 9, options=b"\1\1\1\1"), 1))[:3] == (17, 24, 9)
    packet = Packet(ip(*V4, 17, bytes(8), fragment_offset=64, identification=5), 1)
    assert walk(packet).fragment == Fragment(64, False, 5)


def test_a_long_walk() -> None:
    packet = v6(0, header(60), header(43), header(60, b"\x63\0" + bytes(4)), header(17), b"udp here")
    layers = walk(packet)
    assert (layers.protocol, layers.offset, layers.named, layers.problem) == (17, 72, 64, None)


@given(st.lists(st.sampled_from((60, 43, 44)), max_size=5), st.sampled_from((6, 17, 58, 59)))
def test_the_walk_agrees_with_wire(kinds: list[int], last: int) -> None:
    parts = []
    for kind, following in zip(kinds, [*kinds[1:], last]):
        parts.append(header(following, b"\x63\0" + bytes(4) if kind == 43 else PADDING) if kind != 44 else
                     FragmentHeader(following, b"", 0, False, 7).to_bytes())  # fmt: skip
    packet = v6(kinds[0] if kinds else last, *parts, bytes(24))
    layers = walk(packet)
    protocol, payload, _ = upper_layer(IPv6.parse(packet.raw))
    assert (layers.protocol, packet.raw[layers.offset :]) == (protocol, payload)
    assert layers.problem is None


@pytest.mark.parametrize(("packet", "problem"), [
    (v6(60, header(0), header(59)), Problem("protocol unreachable", 40)),
    (v6(60, header(59, b"\x80\x04\0\0\0\0")), Problem("unrecognised option", 42)),
    (v6(60, header(59, b"\0\0\xc1\x02\0\0")), Problem("unrecognised option", 44)),
    (v6(60, header(59, b"\x41\x04\0\0\0\0")), Problem("option says discard", 42)),
    (v6(60, header(59, b"\x01\x09\0\0\0\0")), Problem("bad extension header", 42)),
    (v6(60, header(59, b"\x01\x03\0\0\0\x01")), Problem("bad extension header", 47)),
    (v6(43, header(59, b"\x63\x02\0\0\0\0")), Problem("bad extension header", 42)),
    (v6(60, b"\x3b\x05" + PADDING), Problem("truncated")),
    (v6(60, b"\x3b"), Problem("truncated")),
    (v6(60), Problem("truncated")),
    (v6(44, FragmentHeader(60, b"\x3b\x05" + PADDING, 0, True, 1).to_bytes()), Problem("incomplete header chain")),
    (v6(44, FragmentHeader(17, b"\0\1", 0, True, 1).to_bytes()), Problem("incomplete header chain")),
    (v6(44, FragmentHeader(17, b"\0\1", 64, True, 1).to_bytes()), None),
    (v6(50, b"\0\1"), None),
])  # fmt: skip
def test_problems(packet: Packet, problem: Problem | None) -> None:
    assert walk(packet).problem == problem


@pytest.mark.parametrize(("options", "problem"), [
    (b"\x01\x01\x01\x00", None),
    (b"\x07\x07\x04\0\0\0\0\0", None),
    (b"\x07\x01\x04\0", Problem("bad option", 20)),
    (b"\x01\x07\x04\0", Problem("bad option", 21)),
    (b"\x01\x01\x01\x07", Problem("bad option", 23)),
    (b"\x83\x07\x04\x0a\0\0\1\0", Problem("source route")),
    (b"\x89\x07\x04\x0a\0\0\1\0", Problem("source route")),
    (b"\x00\x83\x07\x04", None),
])  # fmt: skip
def test_ipv4_options(options: bytes, problem: Problem | None) -> None:
    assert options4(Packet(udp(*V4, 9, options=options), 1)) == problem


@given(st.integers(0, 255), st.binary(max_size=80), st.sampled_from((0, 43, 44, 60)))
def test_any_bytes_can_be_walked(first: int, body: bytes, kind: int) -> None:
    walk(v6(kind, body))
    hop_by_hop(v6(kind, body))
    walk(v6(kind, bytes((first, 0)), body))


def test_routers_read_hop_by_hop_options_and_nothing_else() -> None:
    for kind, answers in ((0, "2001:db8::2"), (60, V6[1])):
        run = Run(line("a", "r", "b"))
        run.send(ip(*V6, kind, header(59, b"\x80\x04\0\0\0\0")))
        packet, message = run.answer()
        assert (packet.source, message.type, message.code, message.pointer) == (answers, 4, 2, 42)


def test_options_that_are_fine_pass() -> None:
    run = Run(line("a", "r1", "r2", "b"))
    destination = "2001:db8:2::2"
    inner = echo(V6[0], destination)[40:]
    run.send(ip(V6[0], destination, 0, header(58, b"\x05\x02\0\0\x01\0") + inner))
    run.send(echo("10.0.0.1", "10.0.2.2", options=b"\x94\x04\0\0"))
    assert len(run.answers()) == 2


def test_source_routes_are_refused_without_a_word() -> None:
    run = Run(line("a", "r1", "r2", "b"))
    run.send(echo("10.0.0.1", "10.0.2.2", options=b"\x83\x07\x04\x0a\0\1\2\0"))
    assert run.answers() == []
    assert run.engine.losses() == {"source route": 1}
