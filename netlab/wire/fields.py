"""The field map of a packet, behind ``netlab.explain``: see `netlab.wire.dissect` for how it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlab.wire.walk import Row


def fields(packet: bytes) -> list[Row]:
    """Rows of FIELDS, in the order of the bytes.

    ``offset`` is the byte of the packet in which the field begins, and ``bits`` its first and last bit counted from
    the start of that byte: the header length of IPv4 is at offset 0, bits ``4-7``; the total length at offset 2, bits
    ``0-15``. ``value`` is an int, a str for addresses and names, or bytes for payloads and options. Any bytes give
    rows.
    """
    from netlab.wire.dissect import dissect  # read on first use: nobody pings with it

    return dissect(packet)
