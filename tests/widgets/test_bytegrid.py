"""The byte grid: every byte once, in its field; and the view that chooses and flips."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab import api, wire
from netlab.widgets import ByteView, byte_grid
from netlab.widgets.bytegrid import MOST_BYTES, bits_of, groups
from tests.widgets.test_tables import Reader

REQUEST = wire.IPv4(
    "192.0.2.10", "203.0.113.80", 1, wire.icmpv4.EchoRequest(7, 1, bytes(range(24))).to_bytes()
).to_bytes()


def fields(packet: bytes) -> list[dict[str, Any]]:
    return api.explain(packet).to_dict("records")  # type: ignore[return-value]


@settings(max_examples=40)
@given(st.binary(max_size=120) | st.binary(max_size=60).map(lambda tail: REQUEST[:28] + tail))
def test_groups_cover_every_byte_once(packet: bytes) -> None:
    covered = [offset for group in groups(fields(packet), len(packet)) for offset in range(group.first, group.last + 1)]
    assert covered == list(range(len(packet)))


@settings(max_examples=40)
@given(st.binary(max_size=700))
def test_any_bytes_give_a_grid(packet: bytes) -> None:
    reader = Reader(byte_grid(packet, fields(packet)))
    shown = [text for text in reader.text if len(text) == 2 and all(digit in "0123456789abcdef" for digit in text)]
    assert sum(reader.count("span") for _ in [0]) == min(len(packet), MOST_BYTES)
    assert len(shown) >= min(len(packet), MOST_BYTES)


def test_cells_have_name_colour_and_pattern() -> None:
    html = byte_grid(REQUEST, fields(REQUEST))
    for name in ("total length", "flags · fragment offset", "ttl", "identifier", "payload"):
        assert f'<div class="nl-name">{name}</div>' in html
    assert 'class="nl-f0"' in html and 'class="nl-f1"' in html
    assert "52 bytes" in html


def test_chosen_and_changed_bytes_are_marked_not_only_by_colour() -> None:
    html = byte_grid(REQUEST, fields(REQUEST), chosen=8, changed={9})
    assert '<span class="nl-chosen" aria-current="true">40</span>' in html
    assert '<span class="nl-changed">01</span>' in html


def test_bits_count_from_the_packets_beginning() -> None:
    assert bits_of({"offset": 6, "bits": "3-15"}) == (51, 63)
    assert bits_of({"offset": 6, "bits": "0"}) == (48, 48)


@pytest.fixture
def view() -> ByteView:
    return ByteView(REQUEST)


def detail(view: ByteView) -> str:
    return str(view._detail.value)


def test_choosing_a_byte_chooses_its_field(view: ByteView) -> None:
    view.choose(8)
    assert "Byte 8 is 0x40 (binary 0100 0000). IPv4, ttl: 64." in detail(view)
    assert "RFC 791" in detail(view) and 'role="status"' in detail(view)


def test_choosing_a_field_chooses_its_first_byte(view: ByteView) -> None:
    position = next(index for index, field in enumerate(view._fields) if field["field"] == "sequence")
    view._field.value = position
    assert view.offset == 26 and "ICMP, sequence: 1." in detail(view)


def test_a_byte_inside_the_chosen_field_keeps_the_field(view: ByteView) -> None:
    view._field.value = 1  # header length shares byte 0 with the version
    assert view.offset == 0 and "header length" in detail(view)
    view.choose(1)
    view.choose(0)
    assert "version" in detail(view)


def test_a_flipped_bit_breaks_the_checksum_and_is_said(view: ByteView) -> None:
    view.flip(8, 0)
    assert view.packet[8] == 0xC0 and view.changed() == [(8, 0)]
    assert "Flipped: byte 8 bit 0." in detail(view)
    checksum = next(field for field in view._fields if field["field"] == "header checksum")
    assert "correct" != checksum["meaning"]
    view.restore()
    assert view.packet == REQUEST and view.changed() == []


def test_the_buttons_flip_the_chosen_bit(view: ByteView) -> None:
    view.choose(27)
    view._bit.value = 7
    view._flip.click()
    assert view.packet[27] == REQUEST[27] ^ 1
    view._restore.click()
    assert view.packet == REQUEST


def test_another_packet_may_be_shorter(view: ByteView) -> None:
    view.choose(50)
    view.packet = REQUEST[:20]
    assert view.offset <= 19
    view.packet = b""
    assert "no packet" in view._grid.value


def test_sending_shows_what_became_of_it() -> None:
    seen: list[bytes] = []

    def send(packet: bytes) -> Any:
        from netlab import frames

        seen.append(packet)
        return frames.packets([{"at": "gateway", "action": "dropped", "reason": "bad checksum", "data": packet}])

    view = ByteView(REQUEST, send=send)
    view.send_button.click()
    assert seen == [REQUEST] and "bad checksum" in view._sent.value


def test_sending_in_vain_is_told() -> None:
    from netlab import frames

    view = ByteView(REQUEST, send=lambda packet: frames.packets([]))
    view.send_button.click()
    assert "did not leave" in view._sent.value


def test_long_values_are_cut() -> None:
    view = ByteView(bytes(range(200, 256)) * 5)
    assert len(detail(view)) < 400


def test_a_failing_function_of_the_learner_is_told() -> None:
    def send(packet: bytes) -> Any:
        raise ValueError("I broke it")

    view = ByteView(REQUEST, send=send)
    view.send_button.click()
    assert "I broke it" in view._sent.value


def test_repr_is_one_fixed_line(view: ByteView) -> None:
    assert repr(view) == "<netlab panel: 52 bytes of a packet>"
