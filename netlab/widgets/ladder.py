"""The hop ladder of a moment: drawn once, with a layer that hides what lies below the TTL of the moment.

One picture for all moments of a film takes a tenth of a second; one for each would take three.
"""

from __future__ import annotations

from netlab.plot import Figure
from netlab.widgets.layers import Sheet
from netlab.widgets.words import say

TITLE = 24
"""Pixels at the left that the title of the axis needs; it is never hidden."""


class Ladder:
    """A figure of ``plot.hops``, shown as far as one TTL."""

    def __init__(self, figure: Figure) -> None:
        self.sheet = Sheet(figure)
        self._caption = figure.caption
        self._rungs: dict[int, tuple[float, float]] = {}
        """Upper and lower edge of each TTL's lines, pixels."""
        ttls = next(series.x for series in figure.series if series.label == "hops")
        for ttl, line in zip(ttls, figure.axes[0].get_yticks(), strict=True):
            edges = [self.sheet.pixel(0.0, line + side)[1] for side in (-0.5, 0.5)]
            edges += self._rungs.get(int(ttl), ())
            self._rungs[int(ttl)] = min(edges), max(edges)

    def at(self, ttl: int) -> str:
        """The ladder as HTML down to the rung of this TTL, which has a frame; what comes below is not known yet."""
        reached = max((rung for rung in self._rungs if rung <= ttl), default=min(self._rungs))
        top, bottom = self._rungs[reached]
        width, hidden = self.sheet.width, self.sheet.bottom - 1 - bottom
        layer = ""
        if hidden > 0:
            veil = f'x="{TITLE}" y="{bottom:.1f}" width="{width - TITLE:.0f}" height="{hidden:.1f}"'
            layer = f'<rect class="nl-veil" {veil}/>'
        frame = f'x="2" y="{top:.1f}" width="{width - 4:.0f}" height="{bottom - top:.1f}" rx="4"'
        layer += f'<rect class="nl-rung" {frame}/>'
        return self.sheet.html(layer, say("ladder so far", ttl=ttl), self._caption)
