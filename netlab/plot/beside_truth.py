"""What a trace seems to show, and what is really there: two graphs side by side.

On the left the links that follow from a trace; those that do not exist are dashed, crossed out and called "not real".
On the right all links that packets may take. Nodes are written by their short names, because two graphs must fit.

Source: Augustin et al., "Avoiding traceroute anomalies with Paris traceroute", IMC 2006 (false links).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure as Canvas

from netlab.errors import UsageError
from netlab.plot import trace
from netlab.plot.compare import Key, compare, true_links
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.graph import Layers, Texts, draw, height_of, layered, width_of
from netlab.plot.path_graph import Trace, graph_of
from netlab.plot.style import INK, TEXT, canvas

if TYPE_CHECKING:
    import networkx as nx
    from pandas import DataFrame

LETTERS = 12
"""Characters of a name: two graphs share the width of one."""


@drawing
def beside_truth(frame: DataFrame, *, truth: Any, names: Any = None) -> Figure:
    """Draw the graph that follows from a trace, links that are not real crossed out, and the true graph beside it.

    Parameters
    ----------
    frame
        As in `path`.
    truth
        The true links, as in `path`; a virtual network's ``paths(destination)`` gives them.
    names
        As in `path`.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        As in `path`; also when ``truth`` has no links.

    Source
    ------
    Augustin et al., IMC 2006.
    """
    true = true_links(truth)
    if not true:
        raise UsageError("truth", truth, "has no links; wanted: pairs (near, far), as network.paths() gives them")
    seen = graph_of(frame)
    known = trace.Known(seen.labels, names)
    verdicts = compare(seen.graph, true, known)
    _without_missed(seen.graph)
    real = _true_graph(true)
    left: Texts = {key: _text(key, seen, known) for key in seen.graph}
    right: Texts = {key: (trace.trimmed(key[1], LETTERS),) for key in real}
    graphs: list[tuple[Any, Layers, Texts]] = [(seen.graph, layered(seen.graph), left), (real, layered(real), right)]
    height = 0.3 + max(height_of(*graph) for graph in graphs)
    figure, axes = canvas(height, columns=2)
    figure.set_figwidth(max(width_of(layers) for _, layers, _ in graphs))
    for each, title, (graph, layers, texts) in zip(
        axes, ("what the trace shows", "what is there"), graphs, strict=True
    ):
        draw(each, graph, layers, texts, seen.doubt, True)
        each.set_title(title, fontsize=TEXT, color=INK, loc="left")
    _one_legend(figure)
    false = [f"{left[near][0]} – {left[far][0]}" for near, far in verdicts.false]
    links = seen.graph.number_of_edges()
    alt = f"The trace seems to show {trace.count(links, 'link')}; "
    alt += f"{len(false)} of them {'is' if len(false) == 1 else 'are'} not real" if false else "all of them exist"
    alt += f": {_listed(false)}." if false else "."
    missed = len(verdicts.missed)
    were = "was" if missed == 1 else "were"
    alt += f" Really there are {trace.count(len(true), 'link')}; {missed} of them {were} not seen."
    series = [
        Series("links", [f"{left[a][0]} – {left[b][0]}" for a, b in sorted(seen.graph.edges)], [""] * links),
        Series("not real", false, [""] * len(false)),
        Series("true links", [f"{near} – {far}" for near, far in true], [""] * len(true)),
    ]
    caption = f"The links that a trace seems to show{seen.where}, and beside it the true ones."
    return Figure(axes, alt, caption, series)


def _without_missed(graph: nx.DiGraph) -> None:
    """The left side shows what was seen; what was missed is on the right."""
    graph.remove_edges_from([(a, b) for a, b, missed in graph.edges(data="missed") if missed])
    graph.remove_nodes_from([key for key, ghost in graph.nodes(data="ghost") if ghost])


def _true_graph(true: Sequence[tuple[str, str]]) -> nx.DiGraph:
    """The true links as a graph; each node in the row of its greatest distance from the start."""
    import networkx as nx

    plain = nx.DiGraph(list(true))
    depth = dict.fromkeys(plain, 0)
    for _ in range(len(plain)):  # a path has no more links than there are nodes, even where routers send in circles
        for near, far in true:
            depth[far] = max(depth[far], min(depth[near] + 1, len(plain)))
    graph = nx.DiGraph()
    for node in plain:
        graph.add_node((depth[node], node), address=node, end=plain.out_degree(node) == 0)
    for near, far in true:
        graph.add_edge((depth[near], near), (depth[far], far), probes=1, certain=True, real=True)
    return graph


def _text(key: Key, seen: Trace, known: trace.Known) -> tuple[str, ...]:
    ttl, address = key
    if not seen.graph.nodes[key]["address"]:
        return ()
    name = known.node(address) or seen.labels.name(address) or ("start" if ttl == 0 else address)
    return (trace.trimmed(name, LETTERS),)


def _one_legend(figure: Canvas) -> None:
    """Each graph brought a legend of its own; the left one has all that the right one has."""
    for spare in figure.legends[1:]:
        spare.remove()


def _listed(words: list[str], most: int = 4) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
