"""Sliders that make a link of a virtual world better or worse, for the next run.

One link at a time is shown; what was changed is kept for each. The world itself is never touched: `Faults.applied`
gives a copy of it with the changes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets

from netlab.widgets.controls import button, decimal, dropdown, grid, refill, row
from netlab.widgets.words import say


@dataclass(frozen=True, slots=True)
class Fault:
    """One property of a link that a slider changes, both ways."""

    name: str
    high: float
    step: float
    scale: float
    """How many of the model's units one unit of the slider is."""
    low: float = 0.0


FAULTS = (
    Fault("loss", 50, 0.5, 0.01),
    Fault("delay", 300, 0.1, 1e6),
    Fault("jitter", 100, 0.1, 1e6),
    Fault("duplicate", 50, 0.5, 0.01),
    Fault("reorder", 50, 0.5, 0.01),
    Fault("corrupt", 50, 0.5, 0.01),
    Fault("rate", 1000, 0.1, 1e6),
    Fault("queue", 1000, 1, 1),
)
"""In the words of a world's link; slider units: %, ms, Mbit/s (0: unlimited), packets."""


class Faults(widgets.VBox):
    """Sliders for one link of a world at a time; the world itself is never changed.

    `applied` gives a copy of the world with all changes, for one run.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._world: Any = None
        self._changes: dict[tuple[str, str], float] = {}
        self._loading = False
        self._tell = changed
        self._link = dropdown("link", [])
        self._sliders = {fault.name: decimal(fault.name, 0, fault.low, fault.high, fault.step) for fault in FAULTS}
        self._link.observe(self._load, "value")
        for name, slider in self._sliders.items():
            slider.observe(lambda change, name=name: self._set(name, change["new"]), "value")
        hint = widgets.HTML(f'<span class="nl-quiet">{escape(say("faults hint"))}</span>')
        sliders = grid(list(self._sliders.values()))
        super().__init__([grid([self._link]), sliders, row([button("reset", self.reset), hint])])
        self.add_class("nl-area")

    @property
    def world(self) -> Any:
        return self._world

    @world.setter
    def world(self, world: Any) -> None:
        self._world = world
        self._changes.clear()
        refill(self._link, [link.name for link in world.links] if world is not None else [])
        self._load()

    def change(self, link: str, **values: float) -> None:
        """Move sliders from a program: ``change("core-www", loss=10)``, in the sliders' units."""
        self._link.value = link
        for name, value in values.items():
            self._sliders[name].value = value

    def reset(self) -> None:
        self._changes.clear()
        self._load()
        self._tell(say("no changes"))

    def applied(self) -> Any:
        """A copy of the world with the changes, or the world itself when there are none."""
        if not self._changes:
            return self._world
        world = copy.deepcopy(self._world)
        scales = {fault.name: fault.scale for fault in FAULTS}
        for link in world.links:
            for name, scale in scales.items():
                value = self._changes.get((link.name, name))
                if value is not None:
                    for direction in (link.forward, link.backward):
                        kind = type(getattr(direction, name))
                        setattr(direction, name, kind(round(value * scale, 9)))
        return world

    def _find(self) -> Any:
        return next((link for link in self._world.links if link.name == self._link.value), None)

    def _load(self, _: object = None) -> None:
        link = self._find() if self._world is not None else None
        if link is None:
            return
        self._loading = True
        try:
            for fault in FAULTS:
                value = self._changes.get((link.name, fault.name), getattr(link.forward, fault.name) / fault.scale)
                slider = self._sliders[fault.name]
                slider.max = max(fault.high, value)
                slider.value = value
        finally:
            self._loading = False

    def _set(self, name: str, value: float) -> None:
        if not self._loading and self._link.value is not None:
            self._changes[self._link.value, name] = value
            listed = "; ".join(f"{link} {say(key)} {number:g}" for (link, key), number in self._changes.items())
            self._tell(say("changes", changes=listed))
