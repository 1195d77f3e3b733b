"""Comparing the links that a trace has seen with the true ones.

A link is real when the truth has one between machines with the names or addresses of its two ends. One with a silent
end cannot be compared: it is neither real nor false, and the true links that it may stand for are not called missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netlab.errors import UsageError
from netlab.plot import trace

if TYPE_CHECKING:
    import networkx as nx

Key = tuple[int, str]
"""A node of the graph: TTL and address."""


def true_links(truth: Any) -> list[tuple[str, str]]:
    if {"near", "far"} <= set(getattr(truth, "columns", ())):
        return list(dict.fromkeys(zip(map(str, truth["near"]), map(str, truth["far"]), strict=True)))
    try:
        pairs = [(near, far) for near, far in truth]
    except (TypeError, ValueError):
        pairs = [("", 0)]
    if isinstance(truth, str) or not all(isinstance(end, str) for pair in pairs for end in pair):
        raise UsageError("truth", truth, "wanted: pairs (near, far) of names or addresses, or a table near, far")
    return list(dict.fromkeys(pairs))


@dataclass(frozen=True, slots=True)
class Verdicts:
    real: int
    false: list[tuple[Key, Key]]
    unknown: int
    missed: list[tuple[str, str]]


def compare(graph: nx.DiGraph, true: Sequence[tuple[str, str]], known: trace.Known) -> Verdicts:
    """Mark each link as real or not (None: one end is silent), and add the true ones that the trace missed."""
    starts = {near for near, _ in true} - {far for _, far in true}
    called = {key: known.called(data["address"]) for key, data in graph.nodes(data=True)}
    for key in graph:
        if key[0] == 0:
            called[key] |= starts
    wanted = set(true)
    found: set[tuple[str, str]] = set()
    for near, far, data in graph.edges(data=True):
        if not graph.nodes[near]["address"] or not graph.nodes[far]["address"]:
            data["real"] = None
            # The silent end may be any node: true links that it may stand for are not called missed.
            ends = called[near] | called[far]
            found |= {pair for pair in true if pair[0] in called[near] or pair[1] in called[far]} if ends else set()
            continue
        same = {(a, b) for a in called[near] for b in called[far]} & wanted
        data["real"] = bool(same)
        found |= same
    missed = [pair for pair in true if pair not in found]
    edges = list(graph.edges(data="real"))
    _add_missed(graph, missed, true, starts, called)
    verdicts = [real for _, _, real in edges]
    false = [(near, far) for near, far, real in edges if real is False]
    return Verdicts(verdicts.count(True), false, verdicts.count(None), missed)


def _add_missed(
    graph: nx.DiGraph,
    missed: Sequence[tuple[str, str]],
    true: Sequence[tuple[str, str]],
    starts: set[str],
    called: dict[Key, set[str]],
) -> None:
    """Add missed links, between nodes that were seen where possible, else with the node as the truth calls it."""
    import networkx as nx

    real = nx.DiGraph(list(true))
    depth: dict[str, int] = {}
    for start in sorted(starts):
        for node, distance in nx.single_source_shortest_path_length(real, start).items():
            depth[node] = min(distance, depth.get(node, distance))

    def places(node: str) -> list[Key]:
        seen = [key for key in graph if node in called.get(key, set())]
        if not seen:
            seen = [(depth.get(node, 0), f"truth {node}")]
            graph.add_node(seen[0], address="", end=False, ghost=node)
            called[seen[0]] = {node}
        return seen

    for near, far in missed:
        pairs = [(a, b) for a in places(near) for b in places(far)]
        a, b = min(pairs, key=lambda pair: (abs(pair[1][0] - pair[0][0] - 1), pair))
        graph.add_edge(a, b, probes=0, certain=True, missed=True)
