"""What hosts and routers answer: echo, timestamp, UDP, TCP; what they learn; what they ignore."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.internet import stack
from netlab.internet.model import EPOCH, World
from netlab.internet.packet import Packet
from netlab.wire import icmpv4, icmpv6
from netlab.wire.ipv4 import IPv4
from netlab.wire.packet import parse
from netlab.wire.tcp import TCP
from netlab.wire.udp import UDP
from tests.internet import engine_worlds as worlds
from tests.internet.engine_worlds import MS, SECOND, Run, echo, ip, line, tcp, udp

A = {4: "10.0.0.1", 6: "2001:db8::1"}
B = {4: "10.0.1.2", 6: "2001:db8:1::2"}


def chain(**changes: Any) -> World:
    return line("a", "r", "b", **changes)


@given(
    payload=st.binary(max_size=200),
    identifier=st.integers(0, 0xFFFF),
    sequence=st.integers(0, 0xFFFF),
    code=st.integers(0, 255),
)
@pytest.mark.parametrize("family", [4, 6])
def test_echo_reply_has_the_right_checksum_whatever_was_sent(
    family: int, payload: bytes, identifier: int, sequence: int, code: int
) -> None:
    module = worlds.module(A[family])
    request = module.Unknown(
        128 if family == 6 else 8, code, identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big") + payload
    )
    run = Run(chain())
    run.send(worlds.icmp(A[family], B[family], request))
    packet, message = run.answer()
    assert message == module.EchoReply(identifier, sequence, payload)
    assert (packet.source, packet.destination) == (B[family], A[family])


@pytest.mark.parametrize("family", [4, 6])
def test_answers_keep_the_type_of_service(family: int) -> None:
    run = Run(chain(b={"open": (("udp", 7),)}))
    field = "tos" if family == 4 else "traffic_class"
    run.send(echo(A[family], B[family], **{field: 0xB8}))
    run.send(udp(A[family], B[family], 7, **{field: 0x10}))
    assert [getattr(packet, field) for _, packet, _ in run.answers()] == [0xB8, 0x10]


def test_timestamp_reply_counts_from_midnight() -> None:
    run = Run(chain())
    run.send(worlds.icmp(A[4], B[4], icmpv4.TimestampRequest(7, 3, 1234, 5, 6)), at=90_000 * SECOND)
    _, message = run.answer()
    assert message == icmpv4.TimestampReply(7, 3, 1234, 3_600_002, 3_600_002)
    assert EPOCH % (86_400 * SECOND) == 0


@pytest.mark.parametrize("family", [4, 6])
def test_udp_echo_and_silent_open_port(family: int) -> None:
    run = Run(chain(b={"open": (("udp", 7), ("udp", 53))}))
    run.send(udp(A[family], B[family], 53))
    run.send(udp(A[family], B[family], 7, b"hello"))
    packet, message = run.answer()
    assert message == UDP(7, 40000, b"hello", checksum=None, length=message.length)
    assert packet.source == B[family]


def test_udp_without_a_checksum() -> None:
    """Allowed over IPv4 (RFC 768), not over IPv6 (RFC 8200 section 8.1)."""
    run = Run(chain())
    for family in (4, 6):
        run.send(ip(A[family], B[family], 17, UDP(1, 33434, b"x", checksum=0).to_bytes(A[family], B[family])))
    packet, _ = run.answer()
    assert packet.source == B[4]
    assert run.engine.losses() == {"bad UDP checksum": 1}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", ["echo", "udp", "tcp"])
def test_a_damaged_message_is_dropped_and_says_why(kind: str, family: int) -> None:
    make: Any = {"echo": echo, "udp": lambda *a: udp(*a, 33434), "tcp": lambda *a: tcp(*a, 80)}[kind]
    raw = bytearray(make(A[family], B[family]))
    raw[-1] ^= 0x10
    run = Run(chain())
    run.send(bytes(raw))
    assert run.answers() == []
    name = "ICMP" if kind == "echo" else kind.upper()
    assert run.engine.losses() == {f"bad {name} checksum": 1}


@pytest.mark.parametrize("family", [4, 6])
def test_messages_that_are_cut_short_are_dropped(family: int) -> None:
    run = Run(chain())
    icmp = 1 if family == 4 else 58
    for protocol, body in (
        (icmp, b"\x08\0"),
        (icmp, b""),
        (17, b"\0\1\0\2\0\x30\0\0"),
        (17, b"\0\1\0\2\0\4\0\0"),
        (6, bytes(19)),
    ):
        run.send(ip(A[family], B[family], protocol, body))
    assert run.answers() == []
    assert run.engine.losses() == {"truncated": 5}


@pytest.mark.parametrize("family", [4, 6])
def test_tcp_open_port_answers_a_syn(family: int) -> None:
    run = Run(chain(b={"open": (("tcp", 80),)}))
    run.send(tcp(A[family], B[family], 80))
    run.send(tcp(A[family], B[family], 80), at=SECOND)
    (_, packet, message), (_, _, again) = run.answers()
    assert (packet.source, message.source_port, message.destination_port) == (B[family], 80, 40000)
    assert (message.flags, message.acknowledgment) == (TCP.SYN | TCP.ACK, 1001)
    assert message.sequence == again.sequence != 0
    assert family == 6 or packet.dont_fragment


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("flags", "answer"), [
    (TCP.SYN, (0, 1001, TCP.RST | TCP.ACK)),
    (TCP.ACK, (2000, 0, TCP.RST)),
    (TCP.SYN | TCP.ACK, (2000, 0, TCP.RST)),
    (TCP.FIN, (0, 1001, TCP.RST | TCP.ACK)),
    (0, (0, 1000, TCP.RST | TCP.ACK)),
    (TCP.RST, None),
    (TCP.RST | TCP.ACK, None),
])  # fmt: skip
def test_tcp_closed_port_resets(flags: int, answer: tuple[int, int, int] | None, family: int) -> None:
    """RFC 9293 section 3.10.7.1."""
    run = Run(chain())
    run.send(tcp(A[family], B[family], 81, flags))
    found = [(message.sequence, message.acknowledgment, message.flags) for _, _, message in run.answers()]
    assert found == ([] if answer is None else [answer])


def test_another_tcp_can_take_the_place() -> None:
    run = Run(chain())
    seen: list[tuple[str, int, int]] = []
    run.engine.machine("b").handlers[4, 6] = lambda machine, packet, start: seen.append(
        (machine.name, packet.ttl, start)
    )
    run.send(tcp(A[4], B[4], 80))
    assert run.answers() == []
    assert seen == [("b", 63, 20)]
    assert run.engine.machine("a").handlers[4, 6] is stack.tcp


@pytest.mark.parametrize("family", [4, 6])
def test_protocols_of_the_other_family_are_unknown(family: int) -> None:
    run = Run(chain())
    run.send(ip(A[family], B[family], 58 if family == 4 else 1, bytes(8)))
    _, message = run.answer()
    assert (message.type, message.code) == ((3, 2) if family == 4 else (4, 1))


def test_no_next_header_is_delivered_to_nobody() -> None:
    run = Run(chain())
    run.send(ip(A[6], B[6], 59, b""))
    assert run.answers() == []
    assert run.engine.losses() == {}


def test_routers_answer_for_all_their_addresses() -> None:
    run = Run(chain())
    for address in ("10.0.0.2", "10.0.1.1", "2001:db8::2", "2001:db8:1::1"):
        run.send(echo(A[6] if ":" in address else A[4], address))
    assert [packet.source for _, packet, _ in run.answers()] == ["10.0.0.2", "10.0.1.1", "2001:db8::2", "2001:db8:1::1"]


def too_long(mtu: int, source: str, destination: str, family: int) -> bytes:
    original = echo(source, destination)
    if family == 4:
        return worlds.icmp("10.0.0.2", A[4], icmpv4.DestinationUnreachable(4, original, mtu=mtu))
    return worlds.icmp("2001:db8::2", A[6], icmpv6.PacketTooBig(mtu, original))


@pytest.mark.parametrize(("family", "told", "known"), [(4, 900, 900), (4, 10, 68), (6, 1300, 1300), (6, 600, 1280)])
def test_path_mtu_is_remembered_within_reason(family: int, told: int, known: int) -> None:
    run = Run(chain())
    run.engine.inject("r", too_long(told, A[family], B[family], family))
    run.engine.inject("r", too_long(1450, A[family], B[family], family))
    run.engine.inject("r", too_long(1400, B[family], A[family], family))  # about somebody else's packet
    run.engine.advance(SECOND)
    assert list(run.engine.machine("a").path_mtu.values()) == [known]


def test_dont_fragment_ignores_the_remembered_path_mtu() -> None:
    """As a raw socket on Linux: a program that sets DF does its own path MTU discovery."""
    run = Run(chain())
    run.engine.inject("r", too_long(900, A[4], B[4], 4))
    run.engine.advance(MS)
    run.inbox.clear()
    run.send(echo(A[4], B[4], 1, 1200, dont_fragment=True, identification=1))
    run.send(echo(A[4], B[4], 2, 1200, identification=2))
    assert len(run.answers()) == 2
    sizes = [len(row["data"]) for row in run.engine.packets(node="a") if row["action"] == "sent"]
    assert sizes == [1228, 900, 348]


@given(st.binary(max_size=120))
def test_any_bytes_behind_an_ip_header_break_nothing(body: bytes) -> None:
    run = Run(chain(b={"open": (("tcp", 80), ("udp", 7))}))
    for protocol in (0, 1, 6, 17, 43, 44, 50, 58, 60):
        for family in (4, 6):
            run.send(ip(A[family], B[family], protocol, body))
            run.send(ip(A[family], B[family], protocol, body[:3], ttl=1))
    run.engine.advance(200 * SECOND)
    assert run.engine.next_event() is None
    assert all(len(ends) == 1 for ends in run.ends().values())


@given(st.binary(min_size=1, max_size=120), st.sampled_from((0x45, 0x4F, 0x46, 0x60)))
def test_any_bytes_at_all_break_nothing(body: bytes, first: int) -> None:
    run = Run(chain())
    refusal = run.engine.inject("a", bytes((first,)) + body)
    run.engine.advance(200 * SECOND)
    assert run.engine.next_event() is None
    assert (refusal != "") == (run.engine.packets() == [])


def test_checksum_fault_of_a_whole_packet() -> None:
    raw = echo(A[4], B[4])
    packet = Packet(raw, 1)
    from netlab.internet.extension import walk

    assert stack.checksum_fault(packet, walk(packet)) == ""
    assert isinstance(parse(raw), IPv4)
