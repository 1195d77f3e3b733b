"""How far bytes are over time, as a figure: five staircases."""

from __future__ import annotations

import pandas as pd
import pytest

from netlab import plot
from netlab.errors import UsageError

COLUMNS = ["time_ms", "written", "sent", "arrived", "acknowledged", "read"]


def test_the_finding_is_when_each_of_them_had_all() -> None:
    frame = pd.DataFrame([(0, 0, 0, 0, 0, 0), (10, 900, 500, 0, 0, 0), (20, 900, 900, 900, 500, 100)], columns=COLUMNS)
    figure = plot.progress(frame)
    assert figure.alt == (
        "900 bytes: written by 10 ms, sent by 20 ms, arrived by 20 ms, only 500 of them acknowledged, by 20 ms, "
        "only 100 of them read, by 20 ms."
    )
    assert "sent: 3 points (0, 0) (10, 500) (20, 900)" in figure.fingerprint()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == COLUMNS[1:]


def test_each_curve_has_a_line_and_a_marker_of_its_own() -> None:
    frame = pd.DataFrame([(0, 0, 0, 0, 0, 0), (1, 9, 9, 9, 9, 9)], columns=COLUMNS)
    lines = plot.progress(frame).axes[0].get_lines()
    markers = [line.get_marker() for line in lines if line.get_marker() not in ("None", None, "")]
    assert len(set(markers)) == len(markers) == 5


def test_nothing_written_and_nothing_read_are_said() -> None:
    assert plot.progress(pd.DataFrame([(0, 0, 0, 0, 0, 0)], columns=COLUMNS)).alt == "0 bytes were written."
    frame = pd.DataFrame([(0, 600, 600, 600, 600, 0)], columns=COLUMNS)
    assert plot.progress(frame).alt.endswith("none read.")


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="acknowledged"):
        plot.progress(pd.DataFrame({"time_ms": [1.0]}))
