"""The graph of all paths as text for Graphviz: for reports, and for layouts and sizes that a notebook cannot show.

The graph is that of ``plot.path``: the same links, solid or dashed, weighted by probes; one row of nodes per TTL. The
DOT language is Graphviz's (https://graphviz.org/doc/info/lang.html): everything that comes from a measurement is a
quoted string, in which only the quote and the backslash mean something.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.plot.compare import Key
from netlab.plot.path_graph import Trace, graph_of

if TYPE_CHECKING:
    from pandas import DataFrame

THINNEST, THICKEST = 1.0, 5.0
"""Points of a link crossed by no probe, and by as many as the busiest one."""


def to_dot(frame: DataFrame, path: str | os.PathLike[str] | None = None) -> str:
    """Give the graph of all paths seen as Graphviz DOT: the same table gives the same text.

    Parameters
    ----------
    frame
        As in `path`: a PROBES table from `traceroute`, or a LINKS table from `multipath`, of one destination.
    path
        A file to write it to, as UTF-8; None: only give it.

    Returns
    -------
    str
        A ``digraph``. Nodes are called ``TTL address``; links carry ``label`` (probes) and ``penwidth`` (points), and
        are dashed where they are not certain. A hop without an answer is a dashed ``*``; the destination, once it has
        answered, has a double border.

    Raises
    ------
    UsageError
        ``frame`` is neither kind of table, is empty, or has more than one destination.

    Examples
    --------
    >>> import netlab
    >>> _ = netlab.use("line")
    >>> print(to_dot(netlab.traceroute("server", max_ttl=2, attempts=1)).splitlines()[-2].strip())
    "1 192.0.2.1" -> "2 198.51.100.2" [label=1, penwidth=5.0];
    """
    text = _text(graph_of(frame))
    if path is not None:
        Path(path).write_text(text, "utf-8")
    return text


def _text(seen: Trace) -> str:
    graph = seen.graph
    lines = ["digraph paths {", "  node [shape=box];"]
    levels: dict[int, list[Key]] = {}
    for key in sorted(graph):
        levels.setdefault(key[0], []).append(key)
        lines.append(f"  {_name(key)} [{', '.join(_node(key, seen))}];")
    for keys in levels.values():
        lines.append(f"  {{ rank=same; {' '.join(f'{_name(key)};' for key in keys)} }}")
    most = max((probes for *_, probes in graph.edges(data="probes")), default=1) or 1
    for near, far, link in sorted(graph.edges(data=True), key=lambda edge: edge[:2]):
        width = THINNEST + (THICKEST - THINNEST) * link["probes"] / most
        dashed = "" if link["certain"] else ", style=dashed"
        lines.append(f"  {_name(near)} -> {_name(far)} [label={link['probes']}, penwidth={width:.1f}{dashed}];")
    return "\n".join([*lines, "}", ""])


def _node(key: Key, seen: Trace) -> list[str]:
    node = seen.graph.nodes[key]
    if not node["address"]:
        return ['label="*"', "style=dashed"]
    label = "\n".join(filter(None, [seen.labels.name(key[1]), key[1]]))
    return [f"label={_quoted(label)}", *(["peripheries=2"] if node.get("end") else [])]


def _name(key: Key) -> str:
    return _quoted(f"{key[0]} {key[1]}")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
