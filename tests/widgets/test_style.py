"""Panels in both themes: contrast computed, and a style sheet without loose ends."""

from __future__ import annotations

import re

import pytest

from netlab.widgets import style
from tests.plot.contrast import contrast

THEMES = {"light": style.LIGHT, "dark": style.DARK}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "background"), style.READABLE)
def test_text_can_be_read(theme: str, text: str, background: str) -> None:
    assert contrast(THEMES[theme][text], THEMES[theme][background]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("edge", "background"), style.VISIBLE)
def test_frames_can_be_seen(theme: str, edge: str, background: str) -> None:
    assert contrast(THEMES[theme][edge], THEMES[theme][background]) >= 3


@pytest.mark.parametrize("tint", style.FIELD_TINTS)
def test_bytes_can_be_read_on_every_field(tint: str) -> None:
    assert contrast(style.FIELD_INK, tint) >= 7
    assert contrast(style.CHANGED, tint) >= 4.5
    assert contrast(style.CHOSEN, tint) >= 3


def test_fields_differ_without_colour() -> None:
    assert len(set(style.STRIPES)) == len(style.STRIPES) == len(style.FIELD_TINTS)


def test_both_themes_name_the_same_colours() -> None:
    assert set(style.LIGHT) == set(style.DARK)


def test_every_colour_of_the_rules_is_in_the_palettes() -> None:
    used = set(re.findall(r"var\(--nl-([a-z-]+)", style.CSS))
    assert used <= set(style.LIGHT), used - set(style.LIGHT)
    assert set(style.LIGHT) <= used, "a colour that nobody uses"


def test_rules_concern_panels_only() -> None:
    plain = re.sub(r"/\*.*?\*/", "", style.CSS, flags=re.S)
    plain = re.sub(r"@keyframes nl-[a-z]+ \{(\s*[a-z0-9%]+ \{[^}]*\})*\s*\}", "", plain)  # a name of our own
    plain = re.sub(r"@media[^{]*\{(.*?\})\s*\}", r"\1", plain, flags=re.S)
    for selectors in re.findall(r"([^{}]+)\{", plain):
        for selector in selectors.split(","):
            assert ".netlab" in selector, f"{selector.strip()!r} would change other people's pages"


def test_focus_is_always_visible() -> None:
    rule = next(rule for rule in style.CSS.split("}") if ":focus-visible" in rule)
    for part in ("button", "input", "select", ".noUi-handle", ".widget-readout", ".nl-scroll"):
        assert re.search(re.escape(part) + r":focus", rule), part
    assert "outline: 3px" in rule


def test_dark_themes_of_lab_and_vscode_are_known() -> None:
    assert 'body[data-jp-theme-light="false"] .netlab' in style.CSS and ".vscode-dark .netlab" in style.CSS


def test_nothing_moves_where_motion_is_not_wanted() -> None:
    allowed = re.search(r"@media \(prefers-reduced-motion: no-preference\) \{(\s*[^{}]+\{[^}]*\})*\s*\}", style.CSS)
    assert allowed and "animation" in allowed[0]
    rest = style.CSS.replace(allowed[0], "")
    assert "animation" not in rest and "transition" not in rest
