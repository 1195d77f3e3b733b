"""A picture of a panel that many moments share, and the layers of SVG above it.

A film of 24 moments would send its picture 24 times, and a Jupyter server cuts a kernel off that sends more than about
3 MB in 3 s. So the picture is sent once, as a rule of a style sheet (`Sheet.rule`), and each moment is a few hundred
bytes of SVG above it.
"""

from __future__ import annotations

import base64
from html import escape
from uuid import uuid4

from netlab.plot import Figure
from netlab.plot.figure import LOCK
from netlab.plot.style import DOTS_PER_INCH, PIXELS_PER_INCH

Pixel = tuple[float, float]


class Sheet:
    """A drawn figure: its picture, and where in it the points of its first axes are.

    Attributes
    ----------
    width, height
        Pixels, as it is shown at 100 %.
    rule
        What a ``<style>`` on the page must hold for `html` to show the picture.
    """

    def __init__(self, figure: Figure) -> None:
        with LOCK:
            self.width, self.height = (float(size) * PIXELS_PER_INCH for size in figure.figure.get_size_inches())
            data = base64.b64encode(figure.png()).decode()  # drawing also fixes where everything is
        # Notebooks of several kernels may be on one page, so a count would not do as a name.
        self._name = f"nl-sheet-{uuid4().hex[:12]}"
        self.rule = f".{self._name}{{background-image:url(data:image/png;base64,{data})}}"
        self._to_dots = figure.axes[0].transData.transform
        self.bottom = self._down(float(figure.axes[0].bbox.y0))

    def pixel(self, x: float, y: float) -> Pixel:
        """Where a point in the axes' units is, from the upper left corner of the shown picture."""
        across, up = self._to_dots((x, y))
        return float(across) * PIXELS_PER_INCH / DOTS_PER_INCH, self._down(float(up))

    def html(self, layer: str, alt: str, caption: str) -> str:
        """The picture as a ``<figure>`` with a layer above it; both are scaled together."""
        size = f"max-width:{self.width:.0f}px;aspect-ratio:{self.width:.0f}/{self.height:.0f}"
        return (
            f'<figure><div class="nl-sheet {self._name}" role="img" aria-label="{escape(alt)}" style="{size}">'
            f'<svg viewBox="0 0 {self.width:.0f} {self.height:.0f}" aria-hidden="true">{layer}</svg></div>'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    def _down(self, dots: float) -> float:
        return self.height - dots * PIXELS_PER_INCH / DOTS_PER_INCH


def style(*sheets: Sheet | None) -> str:
    """The style sheet that the moments of these sheets need."""
    return f"<style>{''.join(sheet.rule for sheet in sheets if sheet is not None)}</style>"
