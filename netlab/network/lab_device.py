"""What the lab's engine waits on: the other ends of the hosts' devices, and a timer.

A TUN gives one IP packet per read and takes one per write (Documentation/networking/tuntap.rst of the kernel); a packet
socket on a veth pair does the same with an Ethernet header in front (packet(7)). The timer is a descriptor too
(timerfd_create(2)), so that one epoll waits for both.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct

LONGEST = 65_600
"""An IP packet and an Ethernet header."""

ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
OWN_MAC = b"\x02netlb"
"""Locally administered (bit 1 of the first byte): the engine's address on a veth pair."""
ETHERNET = 14

SOL_PACKET, PACKET_STATISTICS = 263, 6
CLOCK_MONOTONIC, TFD_NONBLOCK_CLOEXEC, TFD_TIMER_ABSTIME = 1, 0o2004000, 1


class Device:
    """The engine's side of a host's eth0: a TUN, or a packet socket on a veth pair (then ``mac`` is eth0's)."""

    def __init__(self, host: str, number: int, mac: bytes) -> None:
        self.host, self.number = host, number
        self.headers = {version: mac + OWN_MAC + kind for version, kind in ETHERTYPE.items()} if mac else {}

    def read(self) -> bytes:
        """The next IP packet that the host has sent; nothing when there is none now."""
        while True:
            try:
                data = os.read(self.number, LONGEST)
            except BlockingIOError:
                return b""
            except OSError as error:
                if error.errno == errno.ENETDOWN:  # somebody has set eth0 down, and may set it up again
                    return b""
                raise
            if not self.headers:
                return data
            if data[12:ETHERNET] in self.headers_of_ip:
                return data[ETHERNET:]

    headers_of_ip = frozenset(ETHERTYPE.values())

    def write(self, packet: bytes) -> None:
        os.write(self.number, self.headers[packet[0] >> 4] + packet if self.headers else packet)

    def drops(self) -> int:
        """How many packets were dropped since the last question, because we read too slowly."""
        if not self.headers:
            return 0
        with socket.socket(fileno=os.dup(self.number)) as packet_socket:
            return int(struct.unpack("=II", packet_socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1])

    def close(self) -> None:
        os.close(self.number)


class Timer:
    """A timerfd: a descriptor that becomes readable at a time of the monotonic clock."""

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.number = self.libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK_CLOEXEC)
        if self.number < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self.at = 0

    def set(self, at: int) -> None:
        """Ring at this time, ns; 0: never. Only a change costs a system call."""
        if at != self.at:
            self.at = at
            setting = struct.pack("@4q", 0, 0, *divmod(at, 10**9))  # no interval; seconds and nanoseconds
            self.libc.timerfd_settime(self.number, TFD_TIMER_ABSTIME, setting, None)

    def ring(self) -> None:
        """It has rung, or has just been set anew."""
        self.at = 0
        try:
            os.read(self.number, 8)
        except BlockingIOError:
            pass
