"""Controls with a description, a unit and a fixed size.

A slider acts when it is let go (``continuous_update=False``). Times have a scale of round values in ratio steps,
because both 10 ms and 5 s must be easy to reach with the arrow keys. A slider moves what is out of its range to its end
without a word; where a control stands at first is therefore checked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import isfinite
from typing import Any

import ipywidgets as widgets

from netlab.errors import UsageError
from netlab.widgets.words import say

DESCRIPTION = "9.2em"
TIMES = (
    0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7,
    1.0, 1.5, 2.0, 3.0, 5.0, 10.0,
)  # fmt: skip
"""Seconds."""


def _look() -> dict[str, Any]:
    return {"style": {"description_width": DESCRIPTION}, "layout": widgets.Layout(width="auto", min_width="260px")}


def number_from(low: float, high: float, unit: str, name: str, value: Any) -> float:
    """Give an argument as a number in the range of its slider; raises UsageError. ``unit``: in the plural."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not good or not low <= value <= high:
        raise UsageError(name, value, f"must be a number of {unit}, from {low:g} to {high:g}")
    return float(value)


def whole(key: str, value: int, low: int, high: int, step: int = 1) -> Any:
    """A slider of whole numbers; its number can also be typed."""
    return widgets.IntSlider(value, low, high, step, description=say(key), continuous_update=False, **_look())


def decimal(key: str, value: float, low: float, high: float, step: float) -> Any:
    """A slider of numbers; its number can also be typed."""
    limits = {"min": low, "max": high, "step": step}
    return widgets.FloatSlider(
        value, description=say(key), continuous_update=False, readout_format=".4", **limits, **_look()
    )


def choice(key: str, options: Sequence[tuple[str, Any]], value: Any) -> Any:
    """A slider over a few named values."""
    return widgets.SelectionSlider(
        options=options, value=value, description=say(key), continuous_update=False, **_look()
    )


def seconds(key: str, value: float) -> Any:
    """A slider of times, 10 ms to 10 s; a value that is not on the scale is added to it."""
    scale = sorted({*TIMES, value})
    return choice(key, [(f"{time * 1000:g} ms" if time < 1 else f"{time:g} s", time) for time in scale], value)


def dropdown(key: str, options: Sequence[Any], value: Any = None) -> Any:
    return widgets.Dropdown(options=options, value=value, description=say(key), **_look())


def refill(dropdown: Any, options: Sequence[Any]) -> None:
    """Give a list other options, and choose the first (ipywidgets chooses none when none was chosen before)."""
    dropdown.options = list(options)
    dropdown.index = 0 if options else None


def text(key: str, value: str, hint: str, options: Iterable[str] = ()) -> Any:
    """A text field that proposes ``options``."""
    return widgets.Combobox(
        value=value, options=tuple(options), placeholder=say(hint), description=say(key), ensure_option=False, **_look()
    )


def number(key: str, value: int, low: int, high: int) -> Any:
    return widgets.BoundedIntText(value, min=low, max=high, description=say(key), **_look())


def button(key: str, act: Callable[[], None], look: str = "") -> Any:
    """A button; ``act`` takes no argument."""
    made = widgets.Button(description=say(key), tooltip=say(f"{key} tip"), layout=widgets.Layout(width="auto"))
    made.on_click(lambda _: act())
    if look:
        made.add_class(look)
    return made


def toggle(key: str, area: Any) -> Any:
    """A button that shows and hides ``area`` (ipywidgets' own accordion cannot be opened from the keyboard)."""
    made = widgets.ToggleButton(
        value=False, description=say(key), tooltip=say(f"{key} tip"), layout=widgets.Layout(width="auto")
    )
    area.layout.display = "none"

    def turned(change: Any) -> None:
        area.layout.display = "" if change["new"] else "none"

    made.observe(turned, "value")
    return made


def grid(children: Sequence[Any]) -> Any:
    """Controls side by side where there is room, below each other where there is not."""
    layout = widgets.Layout(
        align_items="center", grid_template_columns="repeat(auto-fit, minmax(360px, 1fr))", grid_gap="2px 24px"
    )
    return widgets.GridBox(list(children), layout=layout)


def row(children: Sequence[Any]) -> Any:
    return widgets.HBox(list(children), layout=widgets.Layout(flex_flow="row wrap", align_items="center"))


def status_html(sentence: str, alarm: bool = False) -> str:
    """A sentence that a screen reader speaks as soon as it changes."""
    look = "nl-status nl-alarm" if alarm else "nl-status"
    return f'<div role="status" aria-live="polite" class="{look}">{escape(sentence)}</div>'


def spoken(control: Any) -> str:
    """Name, value and unit of a control: a slider's label is not tied to its handle, so the status line says it."""
    value = control.value
    for option in getattr(control, "options", ()):
        if isinstance(option, tuple) and option[1] == value:
            value = option[0]
    return say("set", name=control.description, value=f"{value:g}" if isinstance(value, float) else value)
