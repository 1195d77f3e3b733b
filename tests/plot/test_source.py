"""What the package's source may not contain: pyplot, Output widgets, and prints from where threads work."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import netlab

PACKAGE = Path(netlab.__file__).parent
FORBIDDEN = {
    *("pyplot", "Output", "interact", "interact_manual", "interactive", "interactive_output"),
    *("clear_output", "update_display", "display"),
}
SILENT = ("plot", "widgets")


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_pyplot_no_output_widget_no_print(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {part for alias in node.names for part in alias.name.split(".")}
            names |= set((getattr(node, "module", None) or "").split("."))
            assert not names & FORBIDDEN, f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "widgets":
            assert node.attr not in FORBIDDEN, f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            assert file.parent.name not in SILENT, f"line {node.lineno}: threads must not print"
