"""The fetch box of a proxy's panel: what is fetched, on which ways, and what came on each of them.

Who fetches is the panel's business; here is only what is asked and shown.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets

from netlab.ways import NAMES
from netlab.widgets import controls, tables
from netlab.widgets.words import say

if TYPE_CHECKING:
    from pandas import DataFrame

METADATA = "http://169.254.169.254/"
"""Where clouds tell machines their secrets: a target that the guard refuses."""
WAYS = {"direct": "way direct", "proxy": "way proxy", "connect": "way connect"}
"""What each is called."""
COLUMNS = (
    "way", "status", "content_bytes", "promised_bytes", "same", "total_ms", "connects_to", "asks_for", "error",
)  # fmt: skip
"""Of the three ways, as shown."""


class FetchBox(widgets.VBox):
    """The controls, and the table below them.

    Parameters
    ----------
    url
        What the box proposes to fetch.
    fetch
        Called without arguments when Fetch is pressed.

    Attributes
    ----------
    url, way
        The controls; the value of ``way`` is what `netlab.ways.three_ways` takes as ``ways``.
    answers
        The table of what came.
    """

    def __init__(self, url: str, fetch: Callable[[], None]) -> None:
        paths = ["/", "/long.txt", "/picture.png", "/nothing", METADATA]
        self.url = controls.text("fetch url", url, "fetch url hint", paths)
        each = [(say(WAYS[way]), (way,)) for way in NAMES]
        self.way = controls.dropdown("way", [(say("all ways"), NAMES), *each], NAMES)
        self.answers = widgets.HTML()
        title = widgets.HTML(f'<p class="nl-caption">{escape(say("fetch box"))}</p>')
        buttons = controls.row([controls.button("fetch", fetch, "netlab-send")])
        buttons.add_class("nl-buttons")
        super().__init__([title, controls.grid([self.url, self.way]), buttons, self.answers])
        self.add_class("nl-area")

    def show(self, made: DataFrame) -> tuple[str, bool]:
        """Show what came on each way; gives a sentence about it, and whether somebody should be alarmed."""
        shown = made.assign(way=[say(WAYS[way]) for way in made["way"]])
        shown["same"] = shown["same"].map({True: say("yes"), False: say("no")}).fillna("")
        names = [name for name in COLUMNS if name not in ("error", "same") or any(shown[name] != "")]
        self.answers.value = tables.table(shown, {name: say(f"column {name}") for name in names}, say("ways"))
        return _sentence(made)


def _sentence(made: DataFrame) -> tuple[str, bool]:
    """What came on each way, and whether somebody should be alarmed."""
    from pandas import NA

    told = []
    for row in made.to_dict("records"):
        way, promised = say(WAYS[row["way"]]), row["promised_bytes"]
        if row["status"] is NA:
            told.append(say("came nothing", way=way, error=row["error"]))
            continue
        cut = row["error"] and promised is not NA and promised != row["content_bytes"]
        count = say("of promised", count=row["content_bytes"], promised=promised) if cut else row["content_bytes"]
        told.append(say("came", way=way, status=row["status"], count=count, time=f"{row['total_ms']:.1f}"))
    different = bool((~made["same"]).fillna(False).any())
    return "; ".join(told) + "." + (" " + say("not the same") if different else ""), different
