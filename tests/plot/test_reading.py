"""What each recv gave, as a figure: edges where calls ended, fillings where writes did."""

from __future__ import annotations

import pandas as pd
import pytest

from netlab import plot
from netlab.errors import UsageError


def table(*rows: tuple[int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["bytes", "of_writes"])


def test_the_finding_is_how_many_bytes_each_call_gave() -> None:
    frames = {
        "quick": table((600, "600 of 1"), (600, "600 of 2"), (0, "")),
        "slow": table((1200, "600 of 1, 600 of 2")),
    }
    figure = plot.reads(frames, prediction=2)
    assert figure.alt == (
        "Quick: 2 calls gave 600 and 600 bytes; slow: one call gave 1200 bytes. Your guess of 2 was right in 1 of 2."
    )
    assert "quick: 2 points (1, 600 (600 of 1)) (2, 600 (600 of 2))" in figure.fingerprint()


def test_a_call_with_bytes_of_two_writes_is_one_frame_with_two_fillings() -> None:
    (ax,) = plot.reads(table((500, "100 of 1, 400 of 2"))).axes
    bars = [(patch.get_x(), patch.get_width(), patch.get_facecolor()) for patch in ax.patches]
    assert [bar[:2] for bar in bars] == [(0, 100), (100, 400), (0, 500)]
    assert bars[0][2] != bars[1][2] and bars[2][2][3] == 0  # the frame is not filled
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["write 1", "write 2"]


def test_many_calls_are_summed_up() -> None:
    assert "7 calls gave 70 bytes together, 10 to 10 each" in plot.reads(table(*[(10, "10 of 1")] * 7)).alt


def test_nothing_read_is_said() -> None:
    assert plot.reads(table((0, ""))).alt == "No call gave anything."


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="of_writes"):
        plot.reads(pd.DataFrame({"bytes": [1]}))
