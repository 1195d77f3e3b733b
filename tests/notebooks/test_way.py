"""Notebook 05: its measurements hold in IPv6, too, and its text tells the numbers that its cells show."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.notebooks.book import SOLUTIONS, cells, is_test, nbgrader, outputs, source
from tests.notebooks.test_execution import executed

WAY = SOLUTIONS / "05-way.ipynb"


def shown(id: str) -> str:
    """Everything that a cell shows as plain text."""
    return "\n".join(text for cell, kind, text in outputs(WAY) if cell == id and kind in ("text/plain", "stdout"))


def told(id: str) -> str:
    return " ".join(next(source(cell) for cell in cells(WAY) if cell["id"] == id).split())


@pytest.mark.slow
def test_it_runs_in_ipv6_too() -> None:
    notebook = executed("05-way", change=("family = 4", "family = 6"))
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "family = 6" in code and code.count("family=family") >= 6
    by_id: dict[str, Any] = {cell.id: cell for cell in notebook.cells}
    for cell in notebook.cells:
        assert all(output.output_type != "error" for output in cell.get("outputs", [])), cell.id
        if is_test(cell):
            assert float(cell.outputs[-1].data["text/plain"]) == nbgrader(cell)["points"], cell.id
    trace = by_id["05-run-trace"].outputs[-1].data["text/plain"]
    assert len(re.findall(r"2001:db8:\S+ .* time-exceeded", trace)) == 5 and "192.0.2" not in trace
    explained = by_id["05-explain"].outputs[-1].data["text/plain"]
    assert re.search(r"quoted ICMPv6 .* sequence", explained) and "quoted IPv6" in explained
    assert "port unreachable" in by_id["05-modify"].outputs[-1].data["text/plain"]
    assert "2001:db8:5::140" in by_id["05-tool"].outputs[-1].text


def test_the_text_tells_what_the_cells_show() -> None:
    assert "5 have shown themselves" in shown("05-run-trace") and "all five routers" in told("05-recap")
    assert "6 of 6 hops answered" in shown("05-see-hops") and "six TTLs" in told("05-recap")
    rtts = [float(text) for text in re.findall(r"(\S+)\s+time-exceeded", shown("05-run-trace"))]
    assert round(rtts[3] - rtts[2]) == 60 and "the ocean: 60 ms" in told("05-see-text")
    assert "beyond-end" in shown("05-run-trace") and "13 probes went beyond the end" in shown("05-see-probes")
    assert "Chosen: newyork" in shown("05-see-map") and "`newyork` send" in told("05-explain-text")
    ttls = re.findall(r"(?:IPv4|quoted IPv4) +\d+ +ttl +(\d+)", shown("05-explain"))
    assert ttls == ["61", "1"] and "it left with 64, three routers ago" in told("05-explain-text")


def test_the_recorded_trace_is_of_the_same_way() -> None:
    recorded = re.findall(r"^ ?\d+  (\S+)", shown("05-compare-recorded"), flags=re.M)
    ours = re.findall(r"^ +\d+ +(\d+\.\S+)", shown("05-tool"), flags=re.M)
    assert recorded == ours and len(ours) == 6
