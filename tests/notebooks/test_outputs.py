"""What is stored in the outputs: nothing that differs from run to run, nobody's real address, figures that speak."""

from __future__ import annotations

import html
import ipaddress
import re
from pathlib import Path

import pytest

from tests.notebooks.book import FORMS, cells, label, outputs, source, tags

every_notebook = pytest.mark.parametrize("path", FORMS, ids=label)

MOST_BYTES = 300_000
"""Of a notebook with its outputs; three figures need about 120 kB."""
EPOCH_DAY = "2026-01-01"
"""The day on which virtual time starts."""

HTTP_DATE = re.compile(r"(Thu, 01 Jan 2026|Wed, 31 Dec 2025) \d\d:\d\d:\d\d GMT")
"""Virtual time in the fields of HTTP messages, and the time of the files that virtual servers serve."""

DOCUMENTATION = [
    ipaddress.ip_network(block)
    for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
]
"""RFC 5737, RFC 3849, RFC 9637."""
NAMED_RANGES = {"192.168.0.0"}
"""Addresses of whole ranges that a text may name."""
AS_NUMBERS = [range(64496, 64512), range(65536, 65552)]
"""RFC 5398."""

PICTURE = re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+")
CHART_WORDS = r"^(a |an |the )?(plot|chart|graph|figure|histogram|line|scatter|picture|image)\b"


def stored(path: Path) -> list[tuple[str, str, str]]:
    """All stored texts without their pictures."""
    return [(id, kind, PICTURE.sub("data:image", text)) for id, kind, text in outputs(path)]


@every_notebook
def test_nothing_differs_from_run_to_run(path: Path) -> None:
    for id, kind, told in stored(path):
        text = HTTP_DATE.sub("a virtual time", told)
        assert not re.search(r"\bat 0x[0-9a-f]+", text), f"{id}: a memory address"
        assert not re.search(r"(?<![\w.])/(home|root|tmp|usr|Users|work|opt|var)/", text), f"{id}: an absolute path"
        assert "\x1b" not in text, f"{id}: ANSI colours"
        for date in re.findall(r"\b\d{4}-\d\d-\d\d\b", text):
            assert date == EPOCH_DAY, f"{id}: {date} is no virtual day"
        clocks = re.findall(r"\b\d{1,2}:\d\d:\d\d\b", re.sub(rf"{EPOCH_DAY}[ T]\d\d:\d\d:\d\d[.\d]*\+00:00", "", text))
        assert not clocks, f"{id}: a time of day {clocks}"
        assert "vnd.jupyter" not in kind, f"{id}: a widget's random number"


@every_notebook
def test_there_is_no_error_and_nothing_on_stderr(path: Path) -> None:
    marked = {cell["id"] for cell in cells(path, "code") if "raises-exception" in tags(cell)}
    for id, kind, text in stored(path):
        assert kind != "stderr", f"{id}: {text}"
        assert kind != "error" or id in marked, f"{id}: {text}"
        assert "Traceback (most recent call last)" not in text, id


@every_notebook
def test_no_bare_picture_and_not_too_large(path: Path) -> None:
    for id, kind, _ in stored(path):
        assert not kind.startswith("image/"), f"{id}: a bare picture has no alt text; end the cell with a netlab figure"
    assert path.stat().st_size < MOST_BYTES


@every_notebook
def test_every_figure_says_what_it_shows(path: Path) -> None:
    plain = {id: text for id, kind, text in stored(path) if kind == "text/plain"}
    figures = [(id, text) for id, kind, text in stored(path) if kind == "text/html" and "<figure" in text]
    assert figures or path.stem == "01-echo", "a notebook without a figure"
    for id, text in figures:
        alt = html.unescape(re.search(r'<img alt="([^"]*)"', text).group(1))  # type: ignore[union-attr]
        assert len(alt) > 20 and re.search(r"\d", alt), f"{id}: the alt text states no finding: {alt!r}"
        assert not re.match(CHART_WORDS, alt.lower()), f"{id}: the alt text names the chart type: {alt!r}"
        assert re.search(r"<figcaption>[^<]{10,}</figcaption>", text), f"{id}: no caption"
        first, *fingerprint = plain[id].splitlines()
        assert first == f"<netlab figure: {alt}>", id
        assert sum(bool(re.search(r": \d+ points? ", line)) for line in fingerprint) >= 1, f"{id}: no fingerprint"


@every_notebook
def test_every_panel_has_a_fixed_repr(path: Path) -> None:
    plain = {id: text for id, kind, text in stored(path) if kind == "text/plain"}
    panels = [cell["id"] for cell in cells(path, "code") if "netlab.widgets." in source(cell)]
    assert panels
    for id in panels:
        assert re.fullmatch(r"<netlab panel: .{3,90}>", plain[id]), f"{id}: {plain[id]}"


def texts(path: Path) -> list[tuple[str, str]]:
    return [(cell["id"], source(cell)) for cell in cells(path)] + [(id, text) for id, _, text in stored(path)]


@every_notebook
def test_every_address_belongs_to_nobody(path: Path) -> None:
    for id, text in texts(path):
        for found in re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)", text):
            assert allowed(found), f"{id}: {found}"
        for found in re.findall(r"(?<![\w:])(?:[0-9a-f]{1,4}:){1,7}(?::?[0-9a-f]{1,4}|:)(?![\w:])", text.lower()):
            try:
                ipaddress.IPv6Address(found)
            except ValueError:
                continue  # a time of day, or bytes with colons
            assert allowed(found), f"{id}: {found}"


def allowed(text: str) -> bool:
    address = ipaddress.ip_address(text)
    special = address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast
    return special or text in NAMED_RANGES or any(address in block for block in DOCUMENTATION)


@every_notebook
def test_every_as_number_belongs_to_nobody(path: Path) -> None:
    for id, text in texts(path):
        for found in re.findall(r"\bAS ?(\d+)\b", text):
            assert any(int(found) in block for block in AS_NUMBERS), f"{id}: AS {found}"


def test_the_guard_knows_a_stranger_when_it_sees_one() -> None:
    assert not allowed("8.8.8.8") and not allowed("192.168.1.1") and not allowed("2a00:1450::1")
    assert allowed("203.0.113.80") and allowed("127.0.0.1") and allowed("2001:db8::1") and allowed("fe80::1")
