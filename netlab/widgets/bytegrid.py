"""A packet as a grid of bytes: each field has its name, a colour and a pattern, and can be chosen.

Eight bytes stand in a row, as in the figures of the RFCs but twice as wide. `byte_grid` makes the HTML; `ByteView`
is the widget: choose a byte or a field by slider or list, read what it means and which RFC says so, flip a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets

from netlab import api
from netlab.widgets import controls, tables
from netlab.widgets.style import FIELD_TINTS, STYLE
from netlab.widgets.words import say

PER_ROW = 8
MOST_BYTES = 512
"""Bytes shown of a longer packet: a payload has nothing more to tell."""

LONGEST_VALUE = 60
"""Characters of a value that is read aloud; the grid has the rest."""

Field = dict[str, Any]
"""A row of FIELDS."""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that share bytes, such as version and header length."""

    first: int
    last: int
    fields: tuple[int, ...]
    """Positions in the list of fields; empty: bytes that no field covers."""


def bits_of(field: Field) -> tuple[int, int]:
    """The first and last bit of a field, counted from the beginning of the packet."""
    low, _, high = str(field["bits"]).partition("-")
    start = 8 * int(field["offset"])
    return start + int(low), start + int(high or low)


def groups(fields: Sequence[Field], length: int) -> list[Group]:
    """Cut ``length`` bytes into runs that belong together, in order, without gaps."""
    spans = []
    for position, field in enumerate(fields):
        first, last = (bit // 8 for bit in bits_of(field))
        if last < length:
            spans.append((first, last, position))
    made: list[Group] = []
    for first, last, position in sorted(spans):
        if made and first <= made[-1].last:
            made[-1] = Group(made[-1].first, max(made[-1].last, last), (*made[-1].fields, position))
            continue
        if first > (end := made[-1].last + 1 if made else 0):
            made.append(Group(end, first - 1, ()))
        made.append(Group(first, last, (position,)))
    end = made[-1].last + 1 if made else 0
    return [*made, Group(end, length - 1, ())] if end < length else made


def byte_grid(
    packet: bytes,
    fields: Sequence[Field],
    chosen: int | None = None,
    field: int | None = None,
    changed: Collection[int] = (),
) -> str:
    """Give a packet as an HTML table.

    Parameters
    ----------
    fields
        Rows of FIELDS, as `netlab.explain` lists them.
    chosen
        The offset of a byte to emphasise.
    field
        The position in ``fields`` of a field to emphasise.
    changed
        Offsets of bytes that are not as they were.
    """
    shown = packet[:MOST_BYTES]
    cells: dict[int, list[str]] = {}
    for number, group in enumerate(groups(fields, len(shown))):
        names = _names([fields[position] for position in group.fields])
        picked = " nl-picked" if field in group.fields else ""
        for row in range(group.first // PER_ROW, group.last // PER_ROW + 1):
            first, last = max(group.first, row * PER_ROW), min(group.last, row * PER_ROW + PER_ROW - 1)
            hexes = "".join(_byte(shown[at], at == chosen, at in changed) for at in range(first, last + 1))
            look = f"nl-f{number % len(FIELD_TINTS)}{picked}"
            cells.setdefault(row, []).append(
                f'<td colspan="{last - first + 1}" class="{look}" title="{escape(names)}">'
                f'<div class="nl-name">{escape(names) or "&nbsp;"}</div><div class="nl-hex">{hexes}</div></td>'
            )
    head = "".join(f'<th scope="col">{column}</th>' for column in range(PER_ROW))
    body = "".join(f'<tr><th scope="row">{row * PER_ROW}</th>{"".join(cells[row])}</tr>' for row in sorted(cells))
    caption = escape(say("grid", count=len(packet)))
    return (
        f'<table class="nl-bytes"><caption>{caption}</caption><thead><tr><td class="nl-corner"></td>'
        f"{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _rows(packet: bytes) -> Iterator[Field]:
    for row in api.explain(packet).to_dict("records"):
        yield {str(name): value for name, value in row.items()}


def _names(fields: Sequence[Field]) -> str:
    """The names of fields that share bytes; single bits are called flags."""
    widths = [last - first + 1 for first, last in map(bits_of, fields)]
    names = ["flags" if width == 1 else str(field["field"]) for field, width in zip(fields, widths, strict=True)]
    return " · ".join(dict.fromkeys(names))


def _byte(value: int, chosen: bool, changed: bool) -> str:
    classes = " ".join(name for name, on in (("nl-chosen", chosen), ("nl-changed", changed)) if on)
    current = ' aria-current="true"' if chosen else ""
    return f'<span class="{classes}"{current}>{value:02x}</span>' if classes else f"<span>{value:02x}</span>"


class ByteView(widgets.VBox):
    """Look into a packet: choose a byte or a field, read its meaning, flip a bit.

    Parameters
    ----------
    packet
        A whole IP packet, such as a ``request`` or ``answer`` of a PROBES table.
    send
        A function that takes the packet's bytes, sends them and gives a table of what became of it; None: no button.

    Attributes
    ----------
    packet
        The packet as it is now, with the flipped bits; set it to look at another one.
    """

    def __init__(self, packet: bytes = b"", send: Callable[[bytes], Any] | None = None) -> None:
        self._original = self._packet = b""
        self._fields: list[Field] = []
        self._busy = False
        self._grid = widgets.HTML()
        self._detail = widgets.HTML()
        self._sent = widgets.HTML()
        self._field = controls.dropdown("field", [])
        self._byte = controls.whole("byte", 0, 0, 1)
        self._bit = controls.whole("bit", 0, 0, 7)
        self._flip = controls.button("flip", self.flip_chosen)
        self._restore = controls.button("restore", self.restore)
        buttons = [self._flip, self._restore]
        if send is not None:
            self.send_button = controls.button("send", lambda: self._show_sent(send))
            buttons.append(self.send_button)
        self._field.observe(self._field_chosen, "value")
        self._byte.observe(self._byte_chosen, "value")
        super().__init__(
            [
                widgets.HTML(STYLE),
                controls.grid([self._field, self._byte, self._bit]),
                controls.row(buttons),
                self._detail,
                self._grid,
                self._sent,
            ]
        )
        self.add_class("netlab")
        self.packet = packet

    def __repr__(self) -> str:
        return f"<netlab panel: {len(self._packet)} bytes of a packet>"

    @property
    def packet(self) -> bytes:
        return self._packet

    @packet.setter
    def packet(self, packet: bytes) -> None:
        self._original = bytes(packet)
        self._load(self._original)

    @property
    def offset(self) -> int:
        """The offset of the chosen byte."""
        return int(self._byte.value)

    def choose(self, offset: int) -> None:
        """Choose a byte, and with it the field it belongs to."""
        self._byte.value = offset

    def flip(self, offset: int, bit: int) -> None:
        """Flip a bit: ``bit`` 0 is the leftmost of the byte, as in the RFCs."""
        packet = bytearray(self._packet)
        packet[offset] ^= 0x80 >> bit
        self._load(bytes(packet))

    def flip_chosen(self) -> None:
        if self._packet:
            self.flip(self.offset, self._bit.value)

    def restore(self) -> None:
        """Undo all flipped bits."""
        self._load(self._original)

    def changed(self) -> list[tuple[int, int]]:
        """(byte, bit) of every flipped bit."""
        return [
            (offset, bit)
            for offset, (now, before) in enumerate(zip(self._packet, self._original, strict=False))
            for bit in range(8)
            if (now ^ before) & (0x80 >> bit)
        ]

    def _load(self, packet: bytes) -> None:
        self._packet = packet
        self._fields = list(_rows(packet))
        self._busy = True
        try:
            self._byte.max = max(0, min(len(packet), MOST_BYTES) - 1)
            labels = [f"{field['offset']}: {field['layer']}, {field['field']}" for field in self._fields]
            controls.refill(self._field, [(label, position) for position, label in enumerate(labels)])
        finally:
            self._busy = False
        self._byte_chosen()

    def _byte_chosen(self, _: object = None) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            inside = [
                position
                for position, field in enumerate(self._fields)
                if bits_of(field)[0] // 8 <= self.offset <= bits_of(field)[1] // 8
            ]
            if inside and self._field.value not in inside:
                self._field.value = inside[0]
        finally:
            self._busy = False
        self._show()

    def _field_chosen(self, _: object = None) -> None:
        if self._busy or self._field.value is None:
            return
        self._busy = True
        try:
            self._byte.value = min(bits_of(self._fields[self._field.value])[0] // 8, self._byte.max)
        finally:
            self._busy = False
        self._show()

    def _show(self) -> None:
        if not self._packet:
            self._grid.value = f'<p class="nl-empty">{escape(say("no bytes"))}</p>'
            self._detail.value = ""
            return
        flipped = self.changed()
        position = self._field.value
        self._grid.value = byte_grid(
            self._packet, self._fields, self.offset, position, {offset for offset, _ in flipped}
        )
        value = self._packet[self.offset]
        text = say("byte is", offset=self.offset, hex=f"0x{value:02x}", binary=f"{value >> 4:04b} {value & 15:04b}")
        sentences = [text, self._meaning(position)]
        if flipped:
            bits = ", ".join(say("one bit", byte=offset, bit=bit) for offset, bit in flipped)
            sentences.append(say("bits flipped", bits=bits))
        self._detail.value = controls.status_html(" ".join(sentences))

    def _meaning(self, position: int | None) -> str:
        if position is None or position >= len(self._fields):
            return say("no field")
        field = self._fields[position]
        meaning = f"{field['meaning']}." if field["meaning"] else ""
        value = str(field["value"])
        value = value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "…"
        key = "field is" if field["defined_in"] else "field is bare"
        return say(
            key,
            layer=field["layer"],
            field=field["field"],
            value=value,
            meaning=meaning,
            source=field["defined_in"],
        ).strip()

    def _show_sent(self, send: Callable[[bytes], Any]) -> None:
        try:
            frame = send(self._packet)
            columns = {name: name for name in frame.columns if name not in ("data", "request", "answer")}
            nothing = controls.status_html(say("nothing came of it"))
            self._sent.value = tables.table(frame, columns, say("results")) if len(frame) else nothing
        except Exception as error:  # a learner's function may fail in any way; the panel says how
            self._sent.value = controls.status_html(say("failed", reason=str(error)), alarm=True)
