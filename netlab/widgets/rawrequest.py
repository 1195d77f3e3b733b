"""A raw request: edit its bytes, send them, and see side by side what the server reads and what it answers.

The left table is `netlab.http.fields`, so it says what the strict reader of every netlab server says; the right one
is nothing but the bytes that came back. Who sends, and where to, is the panel's business.

What a head without its end means depends on the connection: when our direction is closed behind it, nothing can follow
and it is refused at once (RFC 9112 section 8); when it is kept open, the server waits until its deadline, and then says
408 (RFC 9110 section 15.5.9). So the table follows the checkbox as it follows the text.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from netlab.errors import NetlabError
from netlab.http.fields import Row, fields
from netlab.widgets import controls, tables
from netlab.widgets.rawbytes import to_bytes, to_text
from netlab.widgets.samples import SAMPLES
from netlab.widgets.words import say

COLUMNS = ("offset", "field", "value", "meaning", "defined_in")
LONGEST = 40
"""Characters of a value in the table of fields."""
MOST = 4_000
"""Bytes of an answer that are shown."""
END = "end of head"
"""The field that every whole head has."""
TIMEOUT = "408"
LATE = f"refused ({TIMEOUT}) when its time is over: the head did not arrive within its time"
"""What becomes of a head whose end never comes; in the words of the servers' log."""


class RawRequest(widgets.VBox):
    """The editor, and below it what became of the bytes.

    Parameters
    ----------
    send
        Called without arguments when Send is pressed.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        names = [(say(sample.key), number) for number, sample in enumerate(SAMPLES)]
        self.sample = controls.dropdown("sample", names, 0)
        self.text = widgets.Textarea(
            SAMPLES[0].text, description=say("request text"), rows=6, continuous_update=False,
            style={"description_width": controls.DESCRIPTION}, layout=widgets.Layout(width="100%"),
        )  # fmt: skip
        self.text.add_class("nl-raw")
        self.finish = widgets.Checkbox(SAMPLES[0].finish, description=say("finish"), indent=False)
        self.send_button = controls.button("send request", send, "netlab-send")
        self._read, self._answer = widgets.HTML(), widgets.HTML()
        self._answer.observe(lambda _: self._make_room(), "value")
        beside = widgets.HBox([self._read, self._answer])
        beside.add_class("nl-beside")
        title = widgets.HTML(f'<p class="nl-caption">{escape(say("raw request"))}</p>')
        hint = widgets.HTML(f'<p class="nl-quiet nl-moment">{escape(say("raw hint"))}</p>')
        buttons = controls.row([self.send_button, self.finish])
        buttons.add_class("nl-buttons")
        super().__init__([title, controls.grid([self.sample]), self.text, hint, buttons, beside])
        self.add_class("nl-area")
        self.sample.observe(self._sample_chosen, "value")
        for control in (self.text, self.finish):
            control.observe(self._changed, "value")
        self._make_room()
        self._show_read()

    @property
    def data(self) -> bytes:
        """The bytes that the text means; raises UsageError when it means none."""
        return to_bytes(self.text.value)

    def load(self, data: bytes, finish: bool = True) -> None:
        """Put bytes into the editor."""
        self.finish.value, self.text.value = finish, to_text(data)

    def show(self, sent: bytes, answer: bytes, finish: bool | None = None) -> str:
        """Show what came back; gives a sentence about it.

        ``finish``: whether our direction was closed behind what was sent; None: as the checkbox says.
        """
        read = _read(sent, self.finish.value if finish is None else finish)
        self._show_rows(read, len(sent))
        title = say("answer view", count=len(answer))
        self._answer.value = _bytes_html(answer, title)
        return _sentence(read, answer)

    def _make_room(self) -> None:
        """As long as there is no answer, its half belongs to what is read."""
        self._answer.layout.display = "" if self._answer.value else "none"

    def _sample_chosen(self, _: object = None) -> None:
        chosen = SAMPLES[self.sample.value]
        self.finish.value, self.text.value = chosen.finish, chosen.text

    def _changed(self, _: object = None) -> None:
        self._answer.value = ""  # it answers other bytes, or the same on a connection that ended otherwise
        self._show_read()

    def _show_read(self) -> None:
        try:
            data = self.data
        except NetlabError as error:
            self._read.value = controls.status_html(str(error), alarm=True)
        else:
            self._show_rows(_read(data, self.finish.value), len(data))

    def _show_rows(self, read: list[Row], count: int) -> None:
        rows, refused = [], None
        for row in read:
            cells = [str(row["offset"]), row["field"], _value(row["value"]), row["meaning"], row["defined_in"]]
            refused = cells[0] if _refuses(row) else refused
            rows.append(cells)
        titles = [say(f"column {name}") for name in COLUMNS]
        self._read.value = tables.rows_table(rows, titles, say("parsed view", count=count), refused)


def _read(sent: bytes, finish: bool) -> list[Row]:
    """The fields of what is sent, and what becomes of a head that is kept waiting for its end."""
    rows = fields(sent, ended=finish)
    last = [row for row in rows if row["layer"] == rows[-1]["layer"]]
    if finish or not rows or any(row["field"] == END or _refuses(row) for row in last):
        return rows
    waits = {"offset": len(sent), "field": END, "value": "", "meaning": LATE, "defined_in": "RFC 9110 15.5.9"}
    return [*rows, waits]


def _refuses(row: Row) -> bool:
    return bool(row["meaning"].startswith("refused"))


def _value(value: Any) -> str:
    text = to_text(value).replace("\n", "") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _bytes_html(data: bytes, title: str) -> str:
    text = escape(to_text(data, MOST)).replace(r"\r\n", '<span class="nl-quiet">\\r\\n</span>')
    return (
        f'<div class="nl-scroll nl-answer-bytes" tabindex="0" role="region" aria-label="{escape(title)}">'
        f'<p class="nl-caption">{escape(title)}</p><pre>{text}</pre></div>'
    )


def _sentence(read: list[Row], answer: bytes) -> str:
    """The statuses of the answer, and why the request was refused, if it was."""
    rows = fields(answer, _methods(read)) if answer else []
    statuses = [
        f"{row['value']} {row['meaning'].partition(':')[0]}".strip() for row in rows if row["field"] == "status code"
    ]
    key = "answered nothing" if not statuses else "answered" if len(statuses) == 1 else "answered several"
    said = say(key, number=len(statuses), status=", ".join(statuses), count=len(answer))
    fault = next(filter(_refuses, read), None)
    # Before the deadline nobody has refused what only waits, and another server may not have one.
    if fault is not None and (fault["meaning"] != LATE or (statuses and statuses[-1].startswith(TIMEOUT))):
        said += " " + say("refused by", why=fault["meaning"].partition(": ")[2], rule=fault["defined_in"])
    return said


def _methods(read: list[Row]) -> list[bytes]:
    """What the answers answer."""
    return [str(row["value"]).encode("latin-1") for row in read if row["field"] == "method"]
