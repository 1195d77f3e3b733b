from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError
from netlab.wire.addresses import family, to_packed, to_packed4, to_packed6, to_text


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("192.0.2.1", "c0000201"),
        ("255.255.255.255", "ffffffff"),
        ("::", "00" * 16),
        ("2001:db8::1", "20010db8000000000000000000000001"),
        ("2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"),  # RFC 5952 section 4.2.2: one zero is not ::
        ("2001:db8::1:0:0:1", "20010db8000000000001000000000001"),  # section 4.2.3: the first of two equal runs
        ("::ffff:192.0.2.1", "00000000000000000000ffffc0000201"),  # section 5
    ],
)
def test_text_is_canonical_and_packed_is_what_goes_onto_the_wire(text: str, packed: str) -> None:
    assert to_packed(text) == bytes.fromhex(packed)
    assert to_text(bytes.fromhex(packed)) == text


def test_other_spellings_are_read_and_a_zone_is_dropped() -> None:
    assert to_packed("2001:DB8:0::0001") == to_packed("2001:db8::1")
    assert to_packed("fe80::1%eth0") == to_packed("fe80::1")


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
def test_text_and_packed_are_inverse_and_agree_with_the_standard_library(packed: bytes) -> None:
    text = to_text(packed)
    assert to_packed(text) == packed == ipaddress.ip_address(text).packed
    assert family(text) == (4 if len(packed) == 4 else 6)
    kind = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    if len(packed) == 4 or packed[:12] != bytes(12):  # glibc writes ::192.0.2.1 for the abandoned "compatible" ones
        assert text == socket.inet_ntop(kind, packed)


@pytest.mark.parametrize("text", ["", "www.example.org", "192.0.2", "192.0.2.256", "2001:db8:::1", "1.2.3.4:80", None])
def test_a_bad_address_is_a_usage_error_that_shows_it(text: str) -> None:
    with pytest.raises(UsageError, match="address="):
        to_packed(text)


def test_an_address_of_the_wrong_family_is_refused() -> None:
    with pytest.raises(UsageError, match="IPv4"):
        to_packed4("2001:db8::1")
    with pytest.raises(UsageError, match="IPv6"):
        to_packed6("192.0.2.1")
    with pytest.raises(UsageError, match="4 bytes"):
        to_text(b"123")
