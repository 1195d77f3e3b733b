"""The picture of a panel: live while a run lasts, afterwards a film of it that can be scrubbed.

A virtual run ends in milliseconds, so what can be watched is a replay. Its frames are made beforehand, as children
of a ``Stack``; slider, player and stack are linked in the browser, so scrubbing needs no Python. ipywidgets' `Play`
has buttons without names: it is hidden, and a labelled toggle button drives it. A replay starts paused, on the last
frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from netlab.widgets.words import say

FRAMES = 24
"""Frames of a replay; a longer run is sampled."""

PER_FRAME = 400
"""Milliseconds from one frame to the next: slow enough to read."""


class Replay(widgets.VBox):
    """One picture, or a film with a scrubber."""

    def __init__(self) -> None:
        self._pictures = [widgets.HTML()]
        self._stack = widgets.Stack(self._pictures, selected_index=0)
        # No readout: the sentence in each frame says which moment it is.
        self._slider = widgets.IntSlider(
            0,
            0,
            1,
            description=say("step"),
            readout=False,
            style={"description_width": "3em"},
            layout=widgets.Layout(width="min(620px, 90%)"),
        )
        self._play = widgets.Play(
            min=0, max=1, interval=PER_FRAME, show_repeat=False, layout=widgets.Layout(display="none")
        )
        self._toggle = widgets.ToggleButton(
            description=say("replay"), tooltip=say("replay tip"), layout=widgets.Layout(width="6em", flex="0 0 auto")
        )
        self._toggle.observe(self._name_toggle, "value")
        self.links = [
            widgets.jslink((self._play, "value"), (self._slider, "value")),
            widgets.jslink((self._slider, "value"), (self._stack, "selected_index")),
            widgets.jslink((self._toggle, "value"), (self._play, "playing")),
        ]
        self._scrubber = widgets.HBox(
            [self._toggle, self._slider, self._play], layout=widgets.Layout(visibility="hidden", align_items="center")
        )
        super().__init__([self._stack, self._scrubber])

    @property
    def html(self) -> str:
        """The picture shown, as HTML."""
        return str(self._pictures[self._stack.selected_index or 0].value)

    @property
    def frames(self) -> list[str]:
        """All pictures of the film (one, when there is no film)."""
        return [str(picture.value) for picture in self._stack.children]

    def show(self, html: str) -> None:
        """Show one picture and no scrubber."""
        self._play.playing = False
        self._scrubber.layout.visibility = "hidden"
        self._pictures[0].value = html
        if len(self._stack.children) > 1:
            self._stack.children = (self._pictures[0],)
        self._stack.selected_index = 0

    def film(self, frames: Sequence[str]) -> None:
        """Show a film, paused at its end. Widgets of an earlier film are used again."""
        while len(self._pictures) < len(frames):
            self._pictures.append(widgets.HTML())
        for picture, html in zip(self._pictures, frames, strict=False):
            picture.value = html
        last = len(frames) - 1
        self._play.playing = False
        self._stack.children = tuple(self._pictures[: len(frames)])
        for one in (self._slider, self._play):
            one.max = max(last, 1)
            one.value = last
        self._stack.selected_index = last
        self._scrubber.layout.visibility = "visible" if last > 0 else "hidden"

    def stop(self) -> None:
        """Pause."""
        self._play.playing = False

    def _name_toggle(self, change: Any) -> None:
        self._toggle.description = say("pause" if change["new"] else "replay")


def sampled(count: int, most: int = FRAMES) -> list[int]:
    """Which of ``count`` steps become frames: all, or ``most`` of them at equal distances, the last one included."""
    if count <= most:
        return list(range(1, count + 1))
    return [round((step + 1) * count / most) for step in range(most)]
