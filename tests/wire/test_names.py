from __future__ import annotations

import pytest

from netlab.wire import icmpv4, icmpv6
from netlab.wire.names import code_name, protocol_name, tcp_flags, type_name


@pytest.mark.parametrize("number", range(256))
def test_every_number_has_words(number: int) -> None:
    assert protocol_name(number) and type_name(4, number) and type_name(6, number)


def test_what_is_not_known_is_shown_as_its_number() -> None:
    assert protocol_name(253) == "protocol 253"
    assert type_name(4, 42) == "type 42"
    assert code_name(4, 11, 9) == "code 9"
    assert code_name(4, 8, 0) == ""


def test_the_codes_that_traceroute_meets() -> None:
    assert code_name(4, 3, icmpv4.PORT_UNREACHABLE) == "port unreachable"
    assert code_name(4, 3, icmpv4.FRAGMENTATION_NEEDED) == "fragmentation needed"
    assert code_name(4, 3, icmpv4.PROHIBITED) == "administratively prohibited"
    assert code_name(6, 1, icmpv6.PORT_UNREACHABLE) == "port unreachable"
    assert code_name(6, 1, icmpv6.PROHIBITED) == "administratively prohibited"


def test_flags_are_written_in_words() -> None:
    assert (tcp_flags(0x12), tcp_flags(0), tcp_flags(0xC0)) == ("SYN,ACK", "none", "ECE,CWR")
