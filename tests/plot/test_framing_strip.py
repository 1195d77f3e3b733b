"""The framing strip: every byte in one part of one message, and what nobody can read is said."""

from __future__ import annotations

import pandas as pd
import pytest

import netlab
from netlab import plot
from netlab.errors import UsageError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_the_finding_is_what_each_message_consists_of() -> None:
    frames = {"right": netlab.teach.messages(ANSWER * 2, methods=["GET"])}
    frames["wrong"] = netlab.teach.messages(ANSWER.replace(b"5", b"4") + ANSWER, methods=["GET"])
    figure = plot.framing(frames)
    assert figure.alt == (
        "Right: message 1 has 38 bytes of head and 5 of content; message 2 has 38 bytes of head and 5 of content. "
        "wrong: message 1 has 38 bytes of head and 4 of content; message 2 is 44 bytes that nobody can read."
    )
    assert "wrong: 5 points (1 start line, 0+17)" in figure.fingerprint()


def test_a_frame_is_around_every_message() -> None:
    (ax,) = plot.framing(netlab.teach.messages(ANSWER * 2, methods=["GET"])).axes
    frames = [(patch.get_x(), patch.get_width()) for patch in ax.patches if patch.get_facecolor()[3] == 0]
    assert frames == [(0, 43), (43, 43)]
    assert [text.get_text() for text in ax.texts] == ["1", "2"]


def test_what_is_missing_is_said() -> None:
    table = netlab.teach.messages(ANSWER[:-2], methods=["GET"])
    assert plot.framing(table).alt == "Message 1 has 38 bytes of head and 3 of content, 2 are missing."


def test_no_bytes_and_another_table() -> None:
    assert plot.framing(netlab.teach.messages(b"")).alt == "No bytes, so 0 messages."
    with pytest.raises(UsageError, match="message"):
        plot.framing(pd.DataFrame({"part": ["x"]}))
