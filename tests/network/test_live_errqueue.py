"""What the kernel puts beside a message, read as values."""

from __future__ import annotations

import socket
import struct

import pytest

from netlab.network import linux
from netlab.network.live_errqueue import QueuedError, drain, read_control

NUMBER = struct.Struct("=i")


class Queue:
    """A socket whose error queue holds these entries."""

    def __init__(self, *entries: tuple[bytes, list[tuple[int, int, bytes]], object]) -> None:
        self.entries = list(entries)

    def recvmsg(self, *_: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        if not self.entries:
            raise BlockingIOError
        data, control, name = self.entries.pop(0)
        return data, control, 0, name


def extended(origin: int, kind: int = 11, code: int = 0, offset: int = 0, flags: int = 0, info: int = 0) -> bytes:
    return linux.EXTENDED_ERROR.pack(113, origin, kind, code, 0, info, offset, flags, 0)


def ipv4(address: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def ipv6(address: str) -> bytes:
    return struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, address), 0)


def read(*entries: tuple[bytes, list[tuple[int, int, bytes]], object]) -> tuple[int, list[object], list[QueuedError]]:
    stamps: list[object] = []
    errors: list[QueuedError] = []
    count = drain(Queue(*entries), lambda *stamp: stamps.append(stamp), errors.append)  # type: ignore[arg-type]
    return count, stamps, errors


def test_an_empty_queue_gives_nothing() -> None:
    assert read() == (0, [], [])


def test_a_stamp_has_its_count_and_its_time() -> None:
    error = extended(linux.ORIGIN_STAMP)[:12] + struct.pack("=I", 70_000)
    times = linux.TIMESTAMPS.pack(5, 7, 0, 0, 0, 0)
    control = [(linux.SOL_SOCKET, linux.SO_TIMESTAMPING, times), (linux.SOL_IP, linux.IP_RECVERR, error)]
    assert read((b"", control, None)) == (0, [(70_000, 5_000_000_007)], [])


@pytest.mark.parametrize(
    ("level", "option", "offender", "address", "ttl"),
    [
        (linux.SOL_IP, linux.IP_RECVERR, ipv4("192.0.2.1"), "192.0.2.1", linux.IP_TTL),
        (linux.SOL_IPV6, linux.IPV6_RECVERR, ipv6("2001:db8::1"), "2001:db8::1", linux.IPV6_HOPLIMIT),
    ],
)
def test_an_error_has_all_that_is_known_of_it(level: int, option: int, offender: bytes, address: str, ttl: int) -> None:
    error = extended(linux.ORIGIN_ICMP, 3, 4, offset=100, info=1400) + offender
    control = [(level, ttl, NUMBER.pack(250)), (level, option, error)]
    count, _, (found,) = read((b"quoted", control, ("fe80::9%eth0", 33434, 0, 2)))
    assert count == 1
    assert (found.type, found.code, found.info, found.extension) == (3, 4, 1400, 100)
    assert (found.offender, found.ttl, found.payload) == (address, 250, b"quoted")
    assert (found.destination, found.port) == ("fe80::9", 33434)


def test_an_extension_that_the_kernel_found_invalid_is_none() -> None:
    error = extended(linux.ORIGIN_ICMP, offset=100, flags=linux.EXTENSION_INVALID) + ipv4("192.0.2.1")
    _, _, (found,) = read((b"", [(linux.SOL_IP, linux.IP_RECVERR, error)], ("192.0.2.9", 1)))
    assert found.extension == 0


def test_a_local_refusal_is_no_icmp_error() -> None:
    error = extended(linux.ORIGIN_LOCAL, info=1400) + ipv4("192.0.2.1")[:4] + bytes(12)
    count, _, (found,) = read((b"", [(linux.SOL_IP, linux.IP_RECVERR, error)], ("192.0.2.9", 1)))
    assert count == 0
    assert found.origin == linux.ORIGIN_LOCAL


@pytest.mark.parametrize("length", range(28))
def test_an_offender_that_is_cut_short_is_nobody(length: int) -> None:
    error = extended(linux.ORIGIN_ICMP6) + ipv6("2001:db8::1")[:length]
    _, _, (found,) = read((b"", [(linux.SOL_IPV6, linux.IPV6_RECVERR, error)], None))
    assert found.offender in ("", "2001:db8::1")
    assert (found.destination, found.port) == ("", 0)


def test_control_messages_that_nobody_asked_for_do_no_harm() -> None:
    told = read_control([(1, 999, b""), (linux.SOL_IP, 999, b"x"), (linux.SOL_IPV6, 999, b"x"), (77, 1, b"")])
    assert (told.stamp, told.ttl, told.tos, told.local, told.error) == (None, 0, 0, "", None)


def test_addresses_and_labels_are_read() -> None:
    packed = socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    told = read_control(
        [
            (linux.SOL_IPV6, linux.IPV6_PKTINFO, packed + bytes(4)),
            (linux.SOL_IPV6, linux.IPV6_FLOWINFO, (0x0B91_2345).to_bytes(4, "big")),
            (linux.SOL_IPV6, linux.IPV6_TCLASS, NUMBER.pack(0xB9)),
        ]
    )
    assert (told.local, told.flow_label, told.tos) == ("2001:db8::7", 0x12345, 0xB9)
    assert read_control([(linux.SOL_IP, linux.IP_PKTINFO, bytes(8) + b"\xc0\0\2\7")]).local == "192.0.2.7"
