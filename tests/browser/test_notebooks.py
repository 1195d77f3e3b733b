"""Every notebook in a real browser: it opens without a question, and runs from top to bottom without an error."""

from __future__ import annotations

import json

import pytest

from tests.browser.conftest import ROOT, Browsing

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all_cells(browsing: Browsing, path) -> None:  # type: ignore[no-untyped-def]
    cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    raising = sum("raises-exception" in cell["metadata"].get("tags", []) for cell in cells)
    browsing.page.set_viewport_size({"width": 1280, "height": 20_000})
    browsing.open(browsing.lab.copy(path))
    browsing.page.get_by_text("Run", exact=True).first.click()
    browsing.page.get_by_text("Run All Cells", exact=True).click()
    browsing.wait_until_run(len(cells))
    errors = browsing.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
    assert errors.count() <= raising, errors.first.inner_text()[-600:]
    assert browsing.dialogs() == 0 and browsing.refused == []
