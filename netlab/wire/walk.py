"""The cursor that ``fields.py`` moves over a packet, bit by bit.

Taking a field adds its row and moves the cursor on, and nothing else moves it: so every bit is in exactly one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netlab.wire.addresses import to_text
from netlab.wire.layouts import Field, Meaning

Row = dict[str, object]


class CutShort(Exception):
    """A field does not fit into what is left of its layer."""


class Walk:
    """The packet, the cursor, where the present layer ends (a byte), and the rows so far."""

    def __init__(self, data: bytes) -> None:
        self.data, self.bit, self.end = data, 0, len(data)
        self.rows: list[Row] = []

    @property
    def place(self) -> int:
        return self.bit // 8

    @property
    def left(self) -> bytes:
        """What the present layer has left."""
        return self.data[self.place : self.end]

    @contextmanager
    def within(self, end: int, layer: str, field: str, meaning: str = "", defined_in: str = "") -> Iterator[None]:
        """A layer up to byte ``end``; whatever is not taken in it becomes one row with this field and meaning."""
        outer, self.end = self.end, max(self.place, min(end, self.end))
        try:
            yield
        except CutShort as cut:
            self._add(layer, "cut short", self.end * 8 - self.bit, f"the {cut} does not fit", defined_in)
        self._add(layer, field, self.end * 8 - self.bit, meaning, defined_in)
        self.end = outer

    def take(self, layer: str, field: Field, meaning: Meaning | None = None) -> int:
        """One field; gives its number."""
        if self.bit + field.bits > self.end * 8:
            raise CutShort(field.name)
        number = self.number(field.bits)
        text = field.meaning if meaning is None else meaning
        self._add(
            layer,
            field.name,
            field.bits,
            text if isinstance(text, str) else text(number),
            field.defined_in,
            to_text(number.to_bytes(field.bits // 8, "big")) if field.address else number,
        )
        return number

    def header(self, layer: str, layout: tuple[Field, ...], meanings: dict[str, str] | None = None) -> dict[str, int]:
        """All fields of a layout; ``meanings`` replaces those that depend on more than the number."""
        meanings = meanings or {}
        return {field.name: self.take(layer, field, meanings.get(field.name)) for field in layout}

    def number(self, bits: int) -> int:
        """The next bits, without taking them."""
        last = self.bit + bits
        return int.from_bytes(self.data[self.place : -(-last // 8)], "big") >> -last % 8 & (1 << bits) - 1

    def bytes(self, layer: str, field: str, size: int, meaning: str, defined_in: str, value: object = None) -> None:
        """Some whole bytes as one row; fewer when the layer ends before."""
        size = min(size, self.end - self.place)
        self._add(layer, field, size * 8, meaning, defined_in, value)

    def _add(self, layer: str, field: str, bits: int, meaning: str, defined_in: str, value: object = None) -> None:
        if bits <= 0:
            return
        first = self.bit % 8
        if value is None:
            aligned = first == 0 and bits % 8 == 0
            value = self.data[self.place : self.place + bits // 8] if aligned else self.number(bits)
        self.rows.append(
            {
                "layer": layer,
                "offset": self.place,
                "bits": f"{first}-{first + bits - 1}",
                "field": field,
                "value": value,
                "meaning": meaning,
                "defined_in": defined_in,
            }
        )
        self.bit += bits
