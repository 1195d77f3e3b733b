"""Bleaching, changed addresses and ports: checksums that were right stay right, wrong ones stay wrong by as much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet import rewrite
from netlab.internet.extension import walk
from netlab.internet.packet import Packet
from netlab.wire.addresses import to_packed
from netlab.wire.packet import parse, transport
from netlab.wire.udp import UDP
from tests.internet.engine_worlds import Run, echo, ip, tcp, udp
from tests.internet.feature_worlds import SERVER, SOURCE, chain

FAMILIES = pytest.mark.parametrize("family", [4, 6])
OTHER = {4: "198.51.100.7", 6: "2001:db8:ffff::7"}


@FAMILIES
@pytest.mark.parametrize("tos", [0, 0x48, 255])
def test_what_a_bleaching_router_forwards_and_what_it_quotes(family: int, tos: int) -> None:
    world = chain("mid", "next", mid={"tos": tos}).world()
    header = {"tos": 0xB9} if family == 4 else {"traffic_class": 0xB9, "flow_label": 0x12345}
    field = "tos" if family == 4 else "traffic_class"
    quoted = []
    for ttl in (1, 2, 3, 4):
        run = Run(world, node="laptop")
        run.send(echo(SOURCE[family], SERVER[family], ttl=ttl, **header))
        _, message = run.answer()
        inner = parse(message.original)
        quoted.append(getattr(inner, field))
        assert family == 4 or inner.flow_label == 0x12345
        assert family == 6 or inner.checksum is None
    assert quoted == [0xB9, 0xB9, tos, tos], "the router itself sees what was sent"


def test_what_a_bleaching_router_says_itself_is_not_touched() -> None:
    run = Run(chain("mid", mid={"tos": 0}).world(), node="laptop")
    run.send(echo(SOURCE[4], SERVER[4], ttl=2))
    assert run.answer()[0].tos == 0xC0


@given(
    family=st.sampled_from((4, 6)),
    make=st.sampled_from((echo, udp, tcp)),
    port=st.integers(0, 65_535),
    source=st.booleans(),
    wrong=st.integers(0, 65_535),
)
def test_checksums_are_as_right_or_wrong_as_before(
    family: int, make: object, port: int, source: bool, wrong: int
) -> None:
    """``wrong`` is added to a word of the packet that nothing here changes."""
    here, there = SOURCE[family], SERVER[family]
    raw = echo(here, there) if make is echo else udp(here, there, 9) if make is udp else tcp(here, there, 80)
    packet = Packet(raw, 0)
    layers = walk(packet)
    data = bytearray(raw)
    place = layers.offset + {echo: 6, udp: 8, tcp: 4}[make]
    spoilt = (int.from_bytes(data[place : place + 2], "big") + wrong) % 65_536
    data[place : place + 2] = spoilt.to_bytes(2, "big")
    before = transport(parse(bytes(data)))
    rewrite.address(data, 0, layers.offset, layers.protocol, to_packed(OTHER[family]), source)
    rewrite.port(data, layers.offset, layers.protocol, port, source)
    changed = parse(bytes(data))
    after = transport(changed)
    assert (changed.source if source else changed.destination) == OTHER[family]
    assert family == 6 or changed.checksum is None
    assert (before is None) == (after is None)
    if before is not None:
        assert (before.checksum is None) == (after.checksum is None)


def test_a_udp_checksum_that_was_not_computed_stays_0() -> None:
    raw = ip(SOURCE[4], SERVER[4], 17, UDP(40000, 9, b"x", checksum=0).to_bytes(SOURCE[4], SERVER[4]))
    data = bytearray(raw)
    rewrite.address(data, 0, 20, 17, to_packed(OTHER[4]), True)
    rewrite.port(data, 20, 17, 7, True)
    assert data[26:28] == b"\0\0"


def test_a_udp_checksum_never_becomes_0() -> None:
    """RFC 768: a computed 0 is sent as ffff. One of all source ports makes it 0."""
    raw = udp(SOURCE[4], SERVER[4], 9)
    seen = set()
    for port in range(65_536):
        data = bytearray(raw)
        rewrite.port(data, 20, 17, port, True)
        seen.add(bytes(data[26:28]))
    assert b"\0\0" not in seen and b"\xff\xff" in seen


def test_a_quote_without_a_checksum_is_changed_as_far_as_it_goes() -> None:
    data = bytearray(tcp(SOURCE[4], SERVER[4], 80)[:28])
    rewrite.address(data, 0, 20, 6, to_packed(OTHER[4]), True)
    rewrite.port(data, 20, 6, 7, True)
    assert len(data) == 28 and data[20:22] == b"\0\x07"
    assert Packet(bytes(data), 0).source == to_packed(OTHER[4])
