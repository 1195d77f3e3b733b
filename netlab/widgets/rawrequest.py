"""A raw request: edit its bytes, send them, and see side by side what the server reads and what it answers.

The left table is `netlab.http.fields`, so it says what the strict reader of every netlab server says; the right one
is nothing but the bytes that came back. Who sends, and where to, is the panel's business.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from netlab.errors import NetlabError
from netlab.http.fields import fields
from netlab.widgets import controls, tables
from netlab.widgets.rawbytes import to_bytes, to_text
from netlab.widgets.samples import SAMPLES
from netlab.widgets.words import say

COLUMNS = ("offset", "field", "value", "meaning", "defined_in")
LONGEST = 40
"""Characters of a value in the table of fields."""
MOST = 4_000
"""Bytes of an answer that are shown."""


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
        self.text.observe(self._text_changed, "value")
        self._make_room()
        self._show_read()

    @property
    def data(self) -> bytes:
        """The bytes that the text means; raises UsageError when it means none."""
        return to_bytes(self.text.value)

    def load(self, data: bytes, finish: bool = True) -> None:
        """Put bytes into the editor."""
        self.text.value, self.finish.value = to_text(data), finish

    def show(self, sent: bytes, answer: bytes, method: bytes = b"") -> str:
        """Show what came back; gives a sentence about it."""
        self._show_fields(sent)
        title = say("answer view", count=len(answer))
        self._answer.value = _bytes_html(answer, title)
        return _sentence(sent, answer)

    def _make_room(self) -> None:
        """As long as there is no answer, its half belongs to what is read."""
        self._answer.layout.display = "" if self._answer.value else "none"

    def _sample_chosen(self, _: object = None) -> None:
        chosen = SAMPLES[self.sample.value]
        self.text.value, self.finish.value = chosen.text, chosen.finish

    def _text_changed(self, _: object = None) -> None:
        self._answer.value = ""  # it answers other bytes
        self._show_read()

    def _show_read(self) -> None:
        try:
            self._show_fields(self.data)
        except NetlabError as error:
            self._read.value = controls.status_html(str(error), alarm=True)

    def _show_fields(self, data: bytes) -> None:
        rows, refused = [], None
        for row in fields(data, ended=self.finish.value):
            cells = [str(row["offset"]), row["field"], _value(row["value"]), row["meaning"], row["defined_in"]]
            refused = cells[0] if row["meaning"].startswith("refused") else refused
            rows.append(cells)
        titles = [say(f"column {name}") for name in COLUMNS]
        self._read.value = tables.rows_table(rows, titles, say("parsed view", count=len(data)), refused)


def _value(value: Any) -> str:
    text = to_text(value).replace("\n", "") if isinstance(value, bytes) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _bytes_html(data: bytes, title: str) -> str:
    text = escape(to_text(data, MOST)).replace(r"\r\n", '<span class="nl-quiet">\\r\\n</span>')
    return (
        f'<div class="nl-scroll nl-answer-bytes" tabindex="0" role="region" aria-label="{escape(title)}">'
        f'<p class="nl-caption">{escape(title)}</p><pre>{text}</pre></div>'
    )


def _sentence(sent: bytes, answer: bytes) -> str:
    """The statuses of the answer, and why the request was refused, if it was."""
    rows = fields(answer, _methods(sent)) if answer else []
    statuses = [
        f"{row['value']} {row['meaning'].partition(':')[0]}".strip() for row in rows if row["field"] == "status code"
    ]
    key = "answered nothing" if not statuses else "answered" if len(statuses) == 1 else "answered several"
    said = say(key, number=len(statuses), status=", ".join(statuses), count=len(answer))
    fault = next((row for row in fields(sent) if row["meaning"].startswith("refused")), None)
    if fault is not None:
        said += " " + say("refused by", why=fault["meaning"].partition(": ")[2], rule=fault["defined_in"])
    return said


def _methods(sent: bytes) -> list[bytes]:
    """What the answers answer."""
    return [str(row["value"]).encode("latin-1") for row in fields(sent) if row["field"] == "method"]
