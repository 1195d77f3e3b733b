"""A writer of small files in MaxMind's format, for tests of `netlab.plot.places`.

Source: the MaxMind DB file format specification, version 2.0: a binary tree over the bits of addresses, 16 zero bytes,
the data that its leaves point to, and a map of metadata behind a marker.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"
STRING, DOUBLE, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 3, 5, 6, 7, 9, 11


def database(records: Mapping[str, Any], version: int = 6, kind: str = "Test-City") -> bytes:
    """A file with one record per prefix; in a tree for IPv6, IPv4 addresses are those of ::/96."""
    nodes: list[list[Any]] = [[None, None]]
    for prefix, record in records.items():
        _put(nodes, _bits(prefix, version), record)
    data, offsets = b"", {}
    for node in nodes:
        for record in node:
            if isinstance(record, Mapping) and id(record) not in offsets:
                offsets[id(record)] = len(data)
                data += encoded(record)
    tree = b"".join(_number(side, len(nodes), offsets).to_bytes(3, "big") for node in nodes for side in node)
    metadata = encoded({
        "binary_format_major_version": (UINT16, 2), "binary_format_minor_version": (UINT16, 0),
        "build_epoch": (UINT64, 1_700_000_000), "database_type": kind, "description": {"en": "made by a test"},
        "ip_version": (UINT16, version), "languages": ["en"], "node_count": (UINT32, len(nodes)),
        "record_size": (UINT16, 24),
    })  # fmt: skip
    return tree + bytes(16) + data + MARKER + metadata


def _bits(prefix: str, version: int) -> str:
    network = ip_network(prefix)
    number, length = int(network.network_address), network.prefixlen
    if network.version == 4 and version == 6:
        return ("0" * 96 + f"{number:032b}")[: 96 + length]
    return f"{number:0{network.max_prefixlen}b}"[:length]


def _put(nodes: list[list[Any]], bits: str, record: Any) -> None:
    at = 0
    for bit in map(int, bits[:-1]):
        if nodes[at][bit] is None:
            nodes.append([None, None])
            nodes[at][bit] = len(nodes) - 1
        at = nodes[at][bit]
    nodes[at][int(bits[-1])] = record


def _number(side: Any, count: int, offsets: Mapping[int, int]) -> int:
    if side is None:
        return count
    return side if isinstance(side, int) else count + 16 + offsets[id(side)]


def encoded(value: Any) -> bytes:
    """One value of the data section; ``(type, number)`` for whole numbers."""
    if isinstance(value, Mapping):
        return _control(MAP, len(value)) + b"".join(encoded(key) + encoded(item) for key, item in value.items())
    if isinstance(value, list):
        return _control(ARRAY, len(value)) + b"".join(map(encoded, value))
    if isinstance(value, str):
        return _control(STRING, len(value.encode())) + value.encode()
    if isinstance(value, float):
        return _control(DOUBLE, 8) + struct.pack(">d", value)
    kind, number = value
    size = (number.bit_length() + 7) // 8
    return bytes(_control(kind, size)) + number.to_bytes(size, "big")


def _control(kind: int, size: int) -> bytes:
    """The control byte: type and size; types from 8 on and sizes from 29 on take another byte."""
    first, extended = (kind << 5, b"") if kind < 8 else (0, bytes([kind - 7]))
    if size < 29:
        return bytes([first | size]) + extended
    return bytes([first | 29]) + extended + bytes([size - 29])
