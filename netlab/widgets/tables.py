"""Tables as HTML, with header cells and a caption, short enough to read and never wider than needed.

DataFrames come in; the panel keeps the whole frame in ``panel.result``, the table shows the columns that matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 200
"""Rows shown; of a longer table the first and last hundred."""

LONG = 30
"""Characters; a longer text may take several lines."""


def table(frame: DataFrame, columns: Mapping[str, str], caption: str, picked: int | None = None) -> str:
    """Give some columns of a frame as an HTML table.

    Parameters
    ----------
    columns
        Name of the column and the title shown; the first one heads its row.
    picked
        The position of a row to emphasise.
    """
    total = len(frame)
    positions = list(range(total)) if total <= MOST else [*range(MOST // 2), *range(total - MOST // 2, total)]
    # What does not exist is NaN, NaT or <NA> in a frame; here it is None.
    values = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in columns}
    left = {name for name in columns if frame[name].dtype.kind not in "iufM"}
    head = "".join(f'<th scope="col"{_side(name, left)}>{escape(title)}</th>' for name, title in columns.items())
    body = []
    for step, position in enumerate(positions):
        if step and position != positions[step - 1] + 1:
            text = say("more rows", first=positions[step - 1] + 2, last=position, total=total)
            body.append(f'<tr><td class="nl-left" colspan="{len(columns)}">{escape(text)}</td></tr>')
        cells = []
        for column, name in enumerate(columns):
            tag, scope = ("th", ' scope="row"') if column == 0 else ("td", "")
            cells.append(f"<{tag}{scope}{_side(name, left)}>{escape(text_of(values[name][position]))}</{tag}>")
        emphasis = ' class="nl-picked" aria-current="true"' if position == picked else ""
        body.append(f"<tr{emphasis}>{''.join(cells)}</tr>")
    # A region that scrolls must be reachable by keyboard, and then needs a name.
    return (
        f'<div class="nl-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="nl-data"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def rows_table(rows: Sequence[Sequence[str]], titles: Sequence[str], caption: str, picked: str | None = None) -> str:
    """Give rows of texts as an HTML table; ``picked`` is the first cell of the row to emphasise."""
    head = "".join(f'<th scope="col" class="nl-left">{escape(title)}</th>' for title in titles)
    body = []
    for row in rows:
        emphasis = ' class="nl-picked" aria-current="true"' if row[0] == picked else ""
        first = f'<th scope="row" class="nl-left">{escape(row[0])}</th>'
        rest = "".join(
            f'<td class="nl-left{" nl-long" if len(text) > LONG else ""}">{escape(text)}</td>' for text in row[1:]
        )
        body.append(f"<tr{emphasis}>{first}{rest}</tr>")
    return (
        f'<div class="nl-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="nl-data"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def text_of(value: Any) -> str:
    """A value as a reader wants it: nothing for what does not exist, three decimals for a float."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


def _side(name: str, left: set[str]) -> str:
    return ' class="nl-left"' if name in left else ""
