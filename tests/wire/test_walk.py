from __future__ import annotations

from netlab.wire.layouts import Field
from netlab.wire.walk import Walk

NIBBLE, WORD = Field("nibble", 4, "RFC 0"), Field("word", 16, "RFC 0", "a word")


def places(walk: Walk) -> list[tuple[object, ...]]:
    return [(row["layer"], row["offset"], row["bits"], row["field"], row["value"]) for row in walk.rows]


def test_fields_are_taken_bit_by_bit() -> None:
    walk = Walk(b"\x12\x34\x56")
    assert walk.header("head", (NIBBLE, WORD)) == {"nibble": 1, "word": 0x2345}
    assert places(walk) == [("head", 0, "0-3", "nibble", 1), ("head", 0, "4-19", "word", 0x2345)]
    assert [row["meaning"] for row in walk.rows] == ["", "a word"]


def test_a_field_that_does_not_fit_ends_its_layer_only() -> None:
    walk = Walk(b"\x12\x34\x56")
    with walk.within(3, "outer", "rest"):
        with walk.within(2, "inner", "rest"):
            walk.header("inner", (NIBBLE, WORD))
        walk.take("outer", NIBBLE)
    assert places(walk) == [
        ("inner", 0, "0-3", "nibble", 1),
        ("inner", 0, "4-15", "cut short", 0x234),
        ("outer", 2, "0-3", "nibble", 5),
        ("outer", 2, "4-7", "rest", 6),
    ]


def test_a_layer_never_ends_behind_the_layer_around_it() -> None:
    walk = Walk(bytes(8))
    with walk.within(4, "outer", "rest"), walk.within(100, "inner", "rest"):
        pass
    assert places(walk) == [("inner", 0, "0-31", "rest", bytes(4))]
    walk.bytes("outer", "payload", 100, "", "")
    assert places(walk)[1:] == [("outer", 4, "0-31", "payload", bytes(4))]
