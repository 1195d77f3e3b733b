"""`plot.to_dot`: the same links as `plot.path`, in a language that Graphviz reads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pandas import DataFrame

from netlab import frames, plot
from netlab.errors import UsageError
from netlab.plot.path_graph import graph_of
from tests.plot.test_path import LINKS, link
from tests.plot.traces import classic, diamond, plain, silent, table, thrice
from tests.support.tools import need


def read(text: str) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, str], dict[str, Any]]]:
    """Nodes and edges as Graphviz itself understands the text."""
    done = subprocess.run(
        [need("dot", "graphviz"), "-Tdot_json"], input=text, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    objects = [each for each in found.get("objects", ()) if "nodes" not in each]
    by_id = {each["_gvid"]: each for each in objects}
    edges = {(by_id[e["tail"]]["name"], by_id[e["head"]]["name"]): e for e in found.get("edges", ())}
    return {each["name"]: each for each in objects}, edges


def links_table(rows: list[dict[str, Any]]) -> DataFrame:
    return frames.table(rows, frames.LINKS)


TABLES = {
    "plain": plain(), "diamond": diamond(4, flows=8), "classic": classic(), "silent": silent(),
    "links": links_table(LINKS), "one hop": table(*thrice(1, "192.0.2.1", 1.0)),
}  # fmt: skip


@pytest.mark.parametrize("which", TABLES)
def test_graphviz_reads_the_links_that_path_draws(which: str) -> None:
    nodes, edges = read(plot.to_dot(TABLES[which]))
    graph = graph_of(TABLES[which]).graph
    assert set(nodes) == {f"{ttl} {address}" for ttl, address in graph}
    seen = {(f"{a[0]} {a[1]}", f"{b[0]} {b[1]}"): data for a, b, data in graph.edges(data=True)}
    assert set(edges) == set(seen)
    for ends, data in seen.items():
        assert edges[ends]["label"] == str(data["probes"])
        assert (edges[ends].get("style") == "dashed") is not data["certain"]
    widest = max(float(edge["penwidth"]) for edge in edges.values())
    assert widest == 5.0


def test_what_is_doubtful_is_dashed_and_the_end_stands_out() -> None:
    nodes, edges = read(plot.to_dot(links_table(LINKS)))
    assert [ends for ends, edge in edges.items() if edge.get("style") == "dashed"] == [
        ("2 198.51.100.2", "3 198.51.100.6")
    ]
    assert [name for name, node in nodes.items() if node.get("peripheries") == "2"] == ["4 203.0.113.80"]
    assert [name for name, node in nodes.items() if node["label"] == "*"] == ["3 *"]


def test_a_name_with_quotes_and_backslashes_stays_text() -> None:
    odd = 'a"]; evil [label="\\'
    text = plot.to_dot(links_table([link(1, "192.0.2.10", "192.0.2.1", far_name=odd)]))
    nodes, _ = read(text)
    assert set(nodes) == {"0 192.0.2.10", "1 192.0.2.1"}


def test_the_same_table_gives_the_same_text_in_any_order_of_its_rows(tmp_path: Path) -> None:
    text = plot.to_dot(links_table(LINKS), tmp_path / "paths.dot")
    assert (tmp_path / "paths.dot").read_text("utf-8") == text
    assert plot.to_dot(links_table(LINKS[::-1])) == text


def test_no_table_is_an_error_before_a_file_is_written(tmp_path: Path) -> None:
    for wrong in (None, DataFrame(), links_table([])):
        with pytest.raises(UsageError):
            plot.to_dot(wrong, tmp_path / "no.dot")  # type: ignore[arg-type]
    assert not (tmp_path / "no.dot").exists()
