"""How panels look: one style sheet, for the light and the dark theme, made from the palettes below.

Every pair of text and background in `LIGHT` and `DARK` has a contrast of at least 4.5:1, and every border that
carries a meaning 3:1 (WCAG 2.2, 1.4.3 and 1.4.11; a test computes them). JupyterLab marks its dark themes on
``body``, VS Code too. Sizes are fixed where content changes during a run, so that nothing jumps; columns wrap when
the window is narrow or the zoom is large. Nothing moves by itself, so there is nothing to switch off for reduced
motion.
"""

from __future__ import annotations

from importlib import resources

LIGHT = {
    "paper": "#FFFFFF",
    "ink": "#1A1A1A",
    "quiet": "#595959",
    "edge": "#767676",
    "band": "#F2F2F2",
    "run": "#00639C",
    "stop": "#A33B00",
    "on-button": "#FFFFFF",
    "off": "#E6E6E6",
    "on-off": "#5C5C5C",
    "focus": "#A33B00",
    "status": "#EAF3F9",
    "alarm": "#FBEAE2",
}
DARK = {
    "paper": "#111111",
    "ink": "#F0F0F0",
    "quiet": "#B8B8B8",
    "edge": "#8C8C8C",
    "band": "#222222",
    "run": "#7CC4EE",
    "stop": "#FFB27F",
    "on-button": "#111111",
    "off": "#333333",
    "on-off": "#B0B0B0",
    "focus": "#FFD166",
    "status": "#10293A",
    "alarm": "#3A1C0C",
}

READABLE = (
    ("ink", "paper"),
    ("quiet", "paper"),
    ("ink", "band"),
    ("on-button", "run"),
    ("on-button", "stop"),
    ("on-off", "off"),
    ("ink", "status"),
    ("ink", "alarm"),
)
"""Text and its background: at least 4.5:1 in both themes."""

VISIBLE = (("edge", "paper"), ("focus", "paper"), ("run", "paper"), ("stop", "paper"), ("run", "status"))
"""Borders and frames that carry a meaning: at least 3:1."""

FIELD_TINTS = ("#CFE6F5", "#FBE3B5", "#CDEBDF", "#F3DCE8", "#FBF6BF", "#E3E3E3")
"""Backgrounds of packet fields, one after the other: Okabe-Ito mixed with white."""

FIELD_INK, CHOSEN, CHANGED = "#000000", "#000000", "#8A2B00"
"""Text on a field, the frame of the chosen byte, the colour (with an underline) of a flipped byte."""

STRIPES = (
    "none",
    "repeating-linear-gradient(45deg, #0008 0 2px, transparent 2px 6px)",
    "radial-gradient(#0009 1.2px, transparent 1.6px)",
    "repeating-linear-gradient(90deg, #0008 0 2px, transparent 2px 7px)",
    "repeating-linear-gradient(-45deg, #0008 0 1px, transparent 1px 4px)",
    "repeating-linear-gradient(0deg, #0008 0 1px, transparent 1px 3px)",
)
"""The strip under a field's bytes: a pattern per field, for readers who cannot use the colours."""


def _variables(palette: dict[str, str]) -> str:
    return ";".join(f"--nl-{name}:{colour}" for name, colour in palette.items())


def _fields() -> str:
    rules = []
    for number, (tint, stripes) in enumerate(zip(FIELD_TINTS, STRIPES, strict=True)):
        size = "5px 5px" if "radial" in stripes else "auto"
        rules.append(f".netlab .nl-f{number}{{background-color:{tint}}}")
        rules.append(f".netlab .nl-f{number}::after{{background-image:{stripes};background-size:{size}}}")
    return "\n".join(rules)


_PALETTES = f"""
.netlab{{{_variables(LIGHT)}}}
body[data-jp-theme-light="false"] .netlab,.vscode-dark .netlab,.vscode-high-contrast .netlab{{{_variables(DARK)}}}
"""

_RULES = (resources.files("netlab.widgets") / "panel.css").read_text("utf-8")

CSS = "\n".join([_PALETTES, _RULES, _fields()])

STYLE = f"<style>{CSS}</style>"
