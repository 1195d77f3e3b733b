"""Packets that are put together must be right in every length and checksum, whatever they are made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import wire
from netlab.network import linux, live_rebuild
from netlab.network.live_errqueue import QueuedError
from tests.network.live_bench import FAMILIES, LAPTOP, ROUTERS, SERVER, echo, syn, udp

families = st.sampled_from([4, 6])
words = st.integers(0, 65535)


def error(family: int, kind: int, code: int, payload: bytes, info: int = 0, extension: int = 0) -> QueuedError:
    return QueuedError(
        errno=113,
        origin=linux.ORIGIN_ICMP if family == 4 else linux.ORIGIN_ICMP6,
        type=kind,
        code=code,
        info=info,
        extension=extension,
        offender=ROUTERS[family][0],
        destination=SERVER[family],
        port=0,
        payload=payload,
        ttl=64,
        tos=0xC0,
        stamp=None,
        at=0,
    )


@given(families, words, words, st.binary(max_size=100))
def test_an_echo_request_with_the_kernels_identifier_is_right(
    family: int, wanted: int, given_by_the_kernel: int, payload: bytes
) -> None:
    left = live_rebuild.echo_as_left(echo(family, wanted, 7, payload), given_by_the_kernel)
    assert left == echo(family, given_by_the_kernel, 7, payload)


@given(families, st.binary(max_size=120), st.binary(max_size=40))
def test_a_time_exceeded_quotes_what_was_sent(family: int, payload: bytes, cut: bytes) -> None:
    sent = udp(family, 5000, 33434, payload)
    start = live_rebuild.header_length(sent)
    quoted = sent[start : len(sent) - len(cut)] if len(cut) < len(payload) else sent[start:]
    rebuilt = wire.parse(live_rebuild.icmp_error(error(family, 11 if family == 4 else 3, 0, b""), sent, quoted))
    assert (rebuilt.source, rebuilt.destination) == (ROUTERS[family][0], LAPTOP[family])
    message: Any = wire.transport(rebuilt)
    assert isinstance(message, wire.icmpv4.TimeExceeded | wire.icmpv6.TimeExceeded)
    assert message.checksum is None
    original = wire.parse(message.original, quoted=True)
    assert (original.source, original.destination) == (LAPTOP[family], SERVER[family])
    assert original.payload == quoted
    assert (original.ttl if isinstance(original, wire.IPv4) else original.hop_limit) == live_rebuild.QUOTED_TTL
    assert not isinstance(original, wire.IPv4) or original.checksum is None


@pytest.mark.parametrize("family", FAMILIES)
def test_the_mtu_of_a_packet_that_was_too_long_is_there(family: int) -> None:
    sent = udp(family, 5000, 33434, bytes(1400))
    kind, code = (3, 4) if family == 4 else (2, 0)
    rebuilt = live_rebuild.icmp_error(error(family, kind, code, b"", info=1400), sent, sent[40:80])
    message: Any = wire.transport(wire.parse(rebuilt))
    assert message.mtu == 1400


def test_a_parameter_problem_has_its_pointer() -> None:
    for family, kind in ((4, 12), (6, 4)):
        sent = udp(family, 5000, 33434)
        rebuilt = live_rebuild.icmp_error(error(family, kind, 0, b"", info=20), sent, sent[40:])
        message: Any = wire.transport(wire.parse(rebuilt))
        assert message.pointer == 20


@given(families, words, words, st.integers(0, 2**32 - 1))
def test_the_answer_to_a_syn_acknowledges_it(family: int, source_port: int, port: int, sequence: int) -> None:
    sent = syn(family, source_port, port, sequence)
    rebuilt = wire.parse(live_rebuild.tcp_answer(sent, wire.TCP.SYN | wire.TCP.ACK))
    assert (rebuilt.source, rebuilt.destination) == (SERVER[family], LAPTOP[family])
    answer: Any = wire.transport(rebuilt)
    assert answer.checksum is None
    assert (answer.source_port, answer.destination_port) == (port, source_port)
    assert answer.acknowledgment == (sequence + 1) % 2**32


@pytest.mark.parametrize("family", FAMILIES)
def test_a_packet_knows_its_ends(family: int) -> None:
    assert live_rebuild.addresses(udp(family, 1, 2)) == (LAPTOP[family], SERVER[family])
