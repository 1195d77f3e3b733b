"""What a program may choose about its TCP connections, and how they fail."""

from __future__ import annotations

from typing import NamedTuple

from netlab.errors import UsageError

LEAST_BUFFER, LARGEST_BUFFER = 1, 1 << 30
"""Bytes; more cannot be told even with the largest window scale (RFC 7323 section 2.3)."""


class Options(NamedTuple):
    """How one side of a connection behaves; the defaults are those of Linux where it has such a switch."""

    mss: int | None = None
    """Largest payload of a segment, bytes, sent and asked for; None: what the MTU of the first link allows."""
    nagle: bool = True
    """Hold back a small segment while another is not acknowledged (RFC 9293 section 3.7.4; off: TCP_NODELAY)."""
    delayed_ack: bool = True
    """Acknowledge every second segment, or after 40 ms (RFC 9293 section 3.8.6.3); off: every segment at once."""
    send_buffer: int = 262_144
    """Bytes that `Stream.send` takes before they are acknowledged."""
    receive_buffer: int = 262_144
    """Bytes that wait to be read; what is free of it is the window that the other side is told."""
    initial_window: int = 10
    """Segments that may leave before the first acknowledgement (RFC 6928)."""
    window_scale: bool = True
    """Whether to offer windows of more than 64 KiB (RFC 7323 section 2)."""
    syn_retries: int = 6
    """How often a SYN is sent again before connecting fails: after 127 s with 6 (Linux's tcp_syn_retries)."""
    retries: int = 15
    """How often in a row a segment is sent again before the connection fails (Linux's tcp_retries2)."""

    def checked(self) -> Options:
        """These options; raises `UsageError` for one that cannot be."""
        if self.mss is not None and not 1 <= self.mss <= 65_495:
            raise UsageError("mss", self.mss, "a segment carries from 1 to 65495 bytes")
        for name in ("send_buffer", "receive_buffer"):
            if not LEAST_BUFFER <= getattr(self, name) <= LARGEST_BUFFER:
                raise UsageError(name, getattr(self, name), f"from {LEAST_BUFFER} to {LARGEST_BUFFER} bytes")
        if not 1 <= self.initial_window <= 1000:
            raise UsageError("initial_window", self.initial_window, "from 1 to 1000 segments")
        for name in ("syn_retries", "retries"):
            if not 0 <= getattr(self, name) <= 100:
                raise UsageError(name, getattr(self, name), "from 0 to 100 times")
        return self


DEFAULTS = Options()


class Reset(Exception):
    """The connection is no more: ``reason`` is "reset", "timeout", "refused", "unreachable" or "closed" (by us)."""

    def __init__(self, reason: str) -> None:
        super().__init__(TEXTS[reason])
        self.reason = reason


TEXTS = {
    "reset": "the other side has reset the connection",
    "timeout": "the other side does not answer any more",
    "refused": "the other side has nobody who listens at this port",
    "unreachable": "the network says that the other side cannot be reached",
    "closed": "this side has closed the connection",
}
"""Why a connection is no more."""
