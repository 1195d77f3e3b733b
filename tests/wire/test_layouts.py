from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest

from netlab.wire import icmp_layouts, icmpv4, icmpv6, ipv4, ipv6, layouts, tcp, udp
from netlab.wire.layouts import Field


def _class(module: ModuleType, kind: int) -> Any:
    """The class of a type: ICMPv4 names its classes and reads them when they are needed."""
    known = module.KINDS[kind]
    return getattr(module, known) if isinstance(known, str) else known


TABLES = {
    "IPv4": (layouts.IPV4, ipv4.HEADER_LENGTH),
    "IPv6": (layouts.IPV6, ipv6.HEADER_LENGTH),
    "Fragment": (layouts.FRAGMENT, ipv6.FRAGMENT_LENGTH),
    "UDP": (layouts.UDP, udp.HEADER_LENGTH),
    "TCP": (layouts.TCP, tcp.HEADER_LENGTH),
    "extension structure": (icmp_layouts.EXTENSION_HEAD, 4),
    "extension object": ((*icmp_layouts.OBJECT_HEAD, icmp_layouts.C_TYPE), 4),
    "interface object": ((*icmp_layouts.OBJECT_HEAD, *icmp_layouts.INTERFACE_TYPE), 4),
    "MPLS label": (icmp_layouts.LABEL, 4),
    "ICMP head": (icmp_layouts.icmp_head(4, 8), 4),
} | {
    f"{module.__name__} type {kind}": (table[kind], _class(module, kind).least - 4)
    for module, table in ((icmpv4, icmp_layouts.ICMPV4), (icmpv6, icmp_layouts.ICMPV6))
    for kind in table
}


@pytest.mark.parametrize(("fields", "size"), TABLES.values(), ids=TABLES)
def test_a_table_is_as_long_as_its_header(fields: tuple[Field, ...], size: int) -> None:
    assert sum(field.bits for field in fields) == size * 8


@pytest.mark.parametrize("fields", [fields for fields, _ in TABLES.values()], ids=TABLES)
def test_every_field_is_defined_in_an_rfc_and_every_number_has_a_meaning(fields: tuple[Field, ...]) -> None:
    for field in fields:
        assert re.match(r"RFC \d+( section [\d.]+|, [A-Z]|$)", field.defined_in), field
        if callable(field.meaning):
            numbers = range(1 << field.bits) if field.bits <= 8 else (0, 1, 33434, (1 << field.bits) - 1)
            assert all(isinstance(field.meaning(number), str) for number in numbers)


def test_every_message_that_is_parsed_has_a_table() -> None:
    assert set(icmp_layouts.ICMPV4) == set(icmpv4.KINDS)
    assert set(icmp_layouts.ICMPV6) == set(icmpv6.KINDS)


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "default"), (46, "EF"), (48, "CS6"), (10, "AF11"), (38, "AF43"), (1, "no standard"), (44, "no standard")],
)
def test_dscp_names(number: int, name: str) -> None:
    assert layouts.dscp(number).startswith(name)


@pytest.mark.parametrize(
    ("ttl", "said"),
    [
        (0, "the next router drops it"),
        (1, "the next router drops it"),
        (2, "may pass 1 more router"),
        (64, "may pass 63 more routers"),
    ],
)
def test_what_a_ttl_means(ttl: int, said: str) -> None:
    assert layouts.hops_left(ttl) == said


def test_timestamps_are_times_of_the_day_unless_marked_otherwise() -> None:
    assert icmp_layouts.milliseconds(45_296_789) == "12:34:56.789 UT"
    assert icmp_layouts.milliseconds(1 << 31) == "not milliseconds since midnight UT"
