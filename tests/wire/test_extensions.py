from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError
from netlab.wire import icmpv4, icmpv6
from netlab.wire.checksum import checksum
from netlab.wire.extensions import (
    InterfaceInformation,
    MplsLabel,
    MplsStack,
    UnknownObject,
    join,
    objects,
    parse_object,
    split,
    structure,
)
from tests.wire import golden, strategies

STACK = MplsStack((MplsLabel(24001, 0, True, 1),))
QUOTE = golden.ECHO_REQUEST


def error(place: int, length_words: int, extension: bytes) -> bytes:
    """A Time Exceeded whose structure stands at this byte of the quote, whatever its length field says."""
    head = bytes([11, 0, 0, 0, 0, length_words, 0, 0])
    data = head + QUOTE + bytes(place - len(QUOTE)) + extension
    return data[:2] + checksum(data).to_bytes(2, "big") + data[4:]


def test_a_label_stack_from_the_figures_of_rfc_4884_and_rfc_4950() -> None:
    data = golden.octets(
        """
        20 00 4f 0e   # version 2; reserved; checksum
        00 0c 01 01   # length 12; class 1, MPLS label stack; C-Type 1, incoming
        05 dc 10 fe   # label 24001; TC 0; not the bottom; TTL 254
        00 02 0b 01   # label 32; TC 5; bottom of stack; TTL 1
        """
    )
    stack = MplsStack((MplsLabel(24001, 0, False, 254), MplsLabel(32, 5, True, 1)))
    data = data[:2] + checksum(data[:2] + b"\0\0" + data[4:]).to_bytes(2, "big") + data[4:]
    assert structure((stack,)) == data
    assert [parse_object(*each[1:]) for each in objects(data)] == [stack]
    assert str(stack) == "24001/0/0/254 32/5/1/1"


def test_interface_information_from_the_figures_of_rfc_5837() -> None:
    data = golden.octets(
        """
        00 24 02 0f          # length 36; class 2; role 0, and index, address, name, MTU follow
        00 00 00 07          # index 7
        00 01 00 00          # address family IPv4; reserved
        c0 00 02 01          # 192.0.2.1
        0c 47 69 67 45 31 2f 30 2f 31 00 00   # 12 bytes with this one: GigE1/0/1
        00 00 05 dc          # MTU 1500
        """
    )[:36]
    interface = InterfaceInformation(0, 7, "192.0.2.1", "GigE1/0/1", 1500)
    assert interface.to_bytes() == bytes([0, len(data)]) + data[2:]
    assert parse_object(2, 0x0F, data[4:]) == interface
    assert str(interface) == "incoming GigE1/0/1 192.0.2.1 index 7 mtu 1500"


@pytest.mark.parametrize("role", range(4))
def test_every_part_of_interface_information_may_be_missing(role: int) -> None:
    for interface in (
        InterfaceInformation(role),
        InterfaceInformation(role, index=0),
        InterfaceInformation(role, address="2001:db8::1"),
        InterfaceInformation(role, name="é" * 31),
        InterfaceInformation(role, mtu=0),
    ):
        data = interface.to_bytes()
        assert len(data) % 4 == 0
        assert parse_object(2, data[3], data[4:]) == interface


@given(strategies.extensions)
def test_objects_are_read_again(extensions: tuple[object, ...]) -> None:
    data = structure(extensions)  # type: ignore[arg-type]
    assert tuple(parse_object(*each[1:]) for each in objects(data)) == extensions


@given(st.integers(0, 3), strategies.number(8), st.binary(max_size=80))
def test_every_object_is_a_value_that_is_written_again_byte_for_byte(kind: int, c_type: int, data: bytes) -> None:
    assert parse_object(kind, c_type, data).to_bytes()[4:] == data


@pytest.mark.parametrize(
    ("kind", "c_type", "data"),
    [
        (1, 1, ""),  # a stack without labels
        (1, 1, "000001"),  # not whole labels
        (1, 2, "00000101"),  # not the incoming stack
        (2, 0x04, "0003 0000 c0000201"),  # no such address family
        (2, 0x04, "0002 0000 c0000201"),  # IPv6, but too short
        (2, 0x02, "ff414243"),  # name longer than the data
        (2, 0x02, "0480ff00"),  # name not UTF-8
        (2, 0x08, "0001"),  # index cut short
        (2, 0x01, "00000578 00000000"),  # bytes left over
        (3, 1, "65746830"),  # RFC 8335: not taken apart
    ],
)
def test_what_is_not_as_its_rfc_says_is_an_unknown_object(kind: int, c_type: int, data: str) -> None:
    assert parse_object(kind, c_type, bytes.fromhex(data)) == UnknownObject(kind, c_type, bytes.fromhex(data))


def test_the_quote_is_filled_up_to_128_bytes_and_the_length_is_told() -> None:
    data = icmpv4.TimeExceeded(0, QUOTE, (STACK,)).to_bytes()
    assert data[5] == 128 // 4
    assert data[8:136] == QUOTE + bytes(128 - len(QUOTE))
    assert data[136] == 0x20
    long = icmpv4.TimeExceeded(0, bytes(149), (STACK,)).to_bytes()
    assert long[5] == 152 // 4 and long[8 + 152] == 0x20
    six = icmpv6.TimeExceeded(0, bytes(149), (STACK,)).to_bytes("::1", "::2")
    assert six[4] == 152 // 8 and six[8 + 152] == 0x20


def test_the_structure_is_found_where_the_length_field_says() -> None:
    message = icmpv4.parse(error(128, 32, structure((STACK,))))
    assert message == icmpv4.TimeExceeded(0, QUOTE, (STACK,))
    assert icmpv4.parse(error(200, 50, structure((STACK,)))).extensions == (STACK,)  # type: ignore[union-attr]


@pytest.mark.parametrize("length_words", [0, 17, 40, 255])
def test_the_structure_is_found_at_byte_128_when_the_length_field_is_wrong(length_words: int) -> None:
    """0: routers older than RFC 4884; 17: seen in https://github.com/secdev/scapy/issues/4281."""
    data = error(128, length_words, structure((STACK, InterfaceInformation(0, 3))))
    message = icmpv4.parse(data)
    assert isinstance(message, icmpv4.TimeExceeded)
    assert message.length_words == length_words
    assert message.extensions == (STACK, InterfaceInformation(0, 3))
    assert message.to_bytes() == data


def test_the_structure_is_found_at_a_short_quote_that_was_told() -> None:
    data = error(80, 20, structure((STACK,)))
    message = icmpv4.parse(data)
    assert message.extensions == (STACK,)  # type: ignore[union-attr]
    assert message.to_bytes() == data


@pytest.mark.parametrize(
    "extension",
    [
        b"\x10" + structure((STACK,))[1:],  # version 1
        structure((STACK,))[:-1] + b"\xff",  # checksum wrong
        b"\x20\0\xdf\xff",  # no object at all
        b"\x20\0\xdf\xff" + bytes(4),  # an object of length 0
    ],
)
@pytest.mark.parametrize("length_words", [0, 32])
def test_what_is_not_a_structure_stays_part_of_the_quote(extension: bytes, length_words: int) -> None:
    data = error(128, length_words, extension)
    message = icmpv4.parse(data)
    assert isinstance(message, icmpv4.TimeExceeded)
    assert message.extensions == ()
    assert message.original == data[8:]
    assert message.to_bytes() == data


def test_no_checksum_is_believed_only_at_the_place_that_was_told() -> None:
    extension = structure((STACK,))
    extension = extension[:2] + b"\0\0" + extension[4:]
    assert icmpv4.parse(error(128, 32, extension)).extensions == (STACK,)  # type: ignore[union-attr]
    assert icmpv4.parse(error(128, 0, extension)).extensions == ()  # type: ignore[union-attr]
    assert icmpv4.parse(error(80, 20, extension)).extensions == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("length", [0, 1, 3, 13, 65535])
def test_an_object_with_an_impossible_length_ends_the_reading(length: int) -> None:
    good = STACK.to_bytes()
    data = b"\x20\0\0\0" + good + length.to_bytes(2, "big") + b"\x01\x01" + bytes(8)
    assert [each[0] for each in objects(data)] == [4]


@given(st.binary(max_size=300), st.integers(0, 255), st.sampled_from([4, 8]))
def test_any_quote_can_be_split_and_joined_again(quote: bytes, length_words: int, unit: int) -> None:
    original, extensions, words = split(quote, length_words, unit)
    assert join(original, extensions, words, unit) == (length_words, quote)


@given(strategies.originals4, strategies.extensions, st.sampled_from([4, 8]))
def test_extensions_come_back_with_the_quote_as_it_was(
    original: bytes, extensions: tuple[MplsStack, ...], unit: int
) -> None:
    length, quote = join(original, extensions, None, unit)
    assert split(quote, length, unit) == (original, extensions, None)


@pytest.mark.parametrize(
    ("extension", "named"),
    [
        (MplsStack((MplsLabel(1 << 20),)), "label"),
        (MplsStack((MplsLabel(1, 8),)), "tc"),
        (MplsStack((MplsLabel(1, ttl=256),)), "ttl"),
        (InterfaceInformation(4), "role"),
        (InterfaceInformation(-1), "role"),
        (InterfaceInformation(index=-1), "index"),
        (InterfaceInformation(mtu=1 << 32), "mtu"),
        (InterfaceInformation(name="x" * 64), "name"),
        (InterfaceInformation(address="router"), "address"),
        (UnknownObject(256, 0), "extension"),
        (UnknownObject(9, 0, bytes(65532)), "extension"),
    ],
)
def test_a_value_that_does_not_fit_is_named(extension: MplsStack, named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named}="):
        extension.to_bytes()
