"""A figure that can be read aloud and compared: picture, alt text, caption and a fingerprint of its data.

Jupyter shows ``_repr_mimebundle_``: an HTML ``<figure>`` whose picture carries an alt text (the alt text of a
bare ``image/png`` output is lost), and a plain text made of the same sentence and a *fingerprint* of what is
plotted. Pixels differ between versions of matplotlib; the fingerprint does not, so a notebook test that compares
it checks the content of the plot. It is also what a reader without pictures gets.

`matplotlib.figure.Figure` only, never ``pyplot``: pyplot keeps global state, which threads corrupt. matplotlib
is not thread-safe even so (fonts and text layout are shared): whoever draws holds `LOCK`.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from html import escape
from os import PathLike
from typing import Any, ParamSpec, TypeVar
from zlib import crc32

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from PIL import Image

from netlab.plot.style import DOTS_PER_INCH, PIXELS_PER_INCH

LOCK = threading.RLock()
"""Held while anything is drawn, by every plot function and by `Figure.png`."""

SHORT = 12
"""A series of up to so many points is written out in the fingerprint; of a longer one the ends and a checksum."""

DATA = "data"
"""The gid of artists that show what was measured, see `Figure.uncovered`."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Series:
    """One plotted series, for the fingerprint: a name and pairs of values."""

    label: str
    x: Sequence[float | str]
    y: Sequence[float | str]

    def __str__(self) -> str:
        pairs = [f"({_rounded(x)}, {_rounded(y)})" for x, y in zip(self.x, self.y, strict=True)]
        count = f"{len(pairs)} point" + ("" if len(pairs) == 1 else "s")
        if len(pairs) > SHORT:
            shown = f"{' '.join(pairs[:2])} … {pairs[-1]}, crc32 {crc32(' '.join(pairs).encode()):08x}"
        else:
            shown = " ".join(pairs)
        return f"{self.label}: {count} {shown}".rstrip()


class Figure:
    """What every function of `netlab.plot` returns; the last line of a cell shows it.

    Attributes
    ----------
    figure
        The matplotlib figure, for anything that netlab does not offer.
    axes
        Its axes, as a list.
    alt
        One or two sentences that state the finding.
    caption
        What is plotted.
    """

    def __init__(self, axes: Sequence[Axes], alt: str, caption: str, series: Sequence[Series]) -> None:
        self.axes = list(axes)
        whole = self.axes[0].get_figure(root=True)
        assert whole is not None, "axes always belong to a figure here"
        self.figure: Canvas = whole
        self.alt, self.caption = alt, caption
        self.series = tuple(series)

    def __repr__(self) -> str:
        return f"<netlab figure: {self.alt}>"

    def fingerprint(self) -> str:
        """The plotted data as text: each series, then the titles and limits of the axes."""
        return "\n".join(["  " + str(series) for series in self.series] + ["  " + _limits(ax) for ax in self.axes])

    def png(self) -> bytes:
        """The picture, with a palette of 64 colours (a third of the bytes) and without any metadata."""
        with LOCK:
            return _encoded(_palette(self._pixels()))

    def uncovered(self, ends: Sequence[float]) -> list[bytes]:
        """Pictures of an unfinished measurement: everything measured is covered to the right of x = ``ends[i]``.

        For the replay of a finished run. Axes, legend and limits stay, so nothing jumps. The figure is drawn twice,
        with and without its data; each picture is put together from the two (x axis of the first axes).
        """
        with LOCK:
            whole = _palette(self._pixels())
            data = [artist for ax in self.axes for artist in ax.get_children() if artist.get_gid() == DATA]
            for artist in data:
                artist.set_visible(False)
            bare = self._pixels().quantize(palette=whole, dither=Image.Dither.NONE)
            for artist in data:
                artist.set_visible(True)
            columns = [int(self.axes[0].transData.transform((end, 0.0))[0]) for end in ends]
        pictures = []
        for column in columns:
            picture = bare.copy()
            picture.paste(whole.crop((0, 0, max(0, column), whole.height)), (0, 0))
            pictures.append(_encoded(picture))
        return pictures

    def html(self, png: bytes | None = None, alt: str | None = None) -> str:
        """The ``<figure>`` with alt text and caption; ``png`` and ``alt`` if it is to show another moment."""
        width, height = (round(inches * PIXELS_PER_INCH) for inches in self.figure.get_size_inches())
        data = base64.b64encode(self.png() if png is None else png).decode()
        return (
            f'<figure style="margin:0"><img alt="{escape(self.alt if alt is None else alt)}" width="{width}" '
            f'height="{height}" style="max-width:100%;height:auto" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the picture to a file; the ending of its name chooses the format (png, svg, pdf).

        The same data gives the same file, byte for byte, with the same version of matplotlib.
        """
        kind = str(path).rpartition(".")[2].lower()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {"Software": None})
        # The salt makes the ids inside an SVG the same each time; the setting is global, hence under the lock.
        with LOCK, rc_context({"svg.hashsalt": "netlab"}):
            self.figure.savefig(path, metadata=metadata)

    def _pixels(self) -> Image.Image:
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="rgba", dpi=DOTS_PER_INCH)
        width, height = (round(inches * DOTS_PER_INCH) for inches in self.figure.get_size_inches())
        return Image.frombytes("RGBA", (width, height), buffer.getvalue()).convert("RGB")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"{self!r}\n{self.fingerprint()}"}


def _palette(picture: Image.Image) -> Image.Image:
    reduced = picture.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    # The method's white is a shade too dark, which shows on a white page.
    reduced.putpalette([255 if level >= 253 else level for level in reduced.getpalette() or []])
    return reduced


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def drawing(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that draws: it holds `LOCK` while it runs."""

    @wraps(function)
    def locked(*args: P.args, **kwargs: P.kwargs) -> R:
        with LOCK:
            return function(*args, **kwargs)

    return locked


def _rounded(value: Any) -> str:
    """Six significant digits: enough to see any change of a measurement, too few to see rounding errors."""
    return value if isinstance(value, str) else f"{float(value):.6g}"


def _limits(ax: Axes) -> str:
    def one(title: str, limits: tuple[float, float]) -> str:
        return f"{title or '(no title)'} from {_rounded(limits[0])} to {_rounded(limits[1])}"

    if not ax.axison:
        return "a drawing without axes"
    return f"x: {one(ax.get_xlabel(), ax.get_xlim())}; y: {one(ax.get_ylabel(), ax.get_ylim())}"
