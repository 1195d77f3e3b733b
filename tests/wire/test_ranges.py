from __future__ import annotations

from dataclasses import dataclass

from netlab.wire.ranges import misfit


@dataclass
class Header:
    ttl: object = 64
    mtu: object = None
    payload: bytes = b"x"


BITS = {"ttl": 8, "mtu": 16, "absent": 4}


def test_the_field_that_does_not_fit_is_named_with_its_range() -> None:
    assert str(misfit(Header(ttl=256), BITS)) == "ttl=256: must be an integer from 0 to 255"
    assert str(misfit(Header(ttl="64"), BITS)) == "ttl='64': must be an integer from 0 to 255"
    assert str(misfit(Header(mtu=-1), BITS)) == "mtu=-1: must be an integer from 0 to 65535"


def test_when_all_fields_fit_the_payload_is_too_long() -> None:
    assert misfit(Header(), BITS).argument == "payload"
