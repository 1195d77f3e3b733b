"""All paths that a trace has seen, as a graph: TTL downwards, an arrow-less line per link, as thick as it is probed.

What makes a link? Two answers at neighbouring TTLs to probes of *one flow*: balancers send a flow one way, so the two
routers are really linked (solid). Where probes share no flow, as in a classic traceroute, or where one flow got several
answers at a TTL, two answers of the same attempt may have come along different ways: such a link is only *inferred*
(dashed). A table of links (multipath) says itself what is certain.

A node is what answered at one TTL, so a router that answers at two TTLs stands in both rows. A hop without an answer is
an empty node, one per node before it. With ``truth=`` each link is compared with the true ones.

Source: Augustin et al., "Avoiding traceroute anomalies with Paris traceroute", IMC 2006 (false links).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netlab.errors import UsageError
from netlab.plot import data as say
from netlab.plot import trace
from netlab.plot.compare import Key, Verdicts, compare, true_links
from netlab.plot.figure import Figure, Series, drawing
from netlab.plot.graph import draw, height_of, layered, width_of
from netlab.plot.style import canvas
from netlab.plot.trace import Row

if TYPE_CHECKING:
    import networkx as nx
    from pandas import DataFrame

LINKS = ("ttl", "near", "far", "near_name", "far_name", "probes", "certain", "destination", "network")
"""Columns that make a table one of links, as multipath gives it."""

SILENT = "*"
"""Begins the address of a node without one; what stands before it follows, so that branches keep apart."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What both kinds of table are turned into."""

    graph: nx.DiGraph
    """Nodes `Key` with ``address`` and ``end``; edges with ``probes``, ``certain``."""
    labels: trace.Labels
    doubt: str
    """How links that are not certain are called."""
    where: str
    last_try: str = ""
    """Who answered only to a last try with a large TTL: how far away is not known, so it is no node."""


@drawing
def path(frame: DataFrame, *, truth: Any = None, names: Any = None, ax: Axes | None = None) -> Figure:
    """Draw the graph of all paths that a traceroute or multipath has seen, links as thick as they were probed.

    Parameters
    ----------
    frame
        A PROBES table from `traceroute`, or a LINKS table from `multipath`, of one destination.
    truth
        The true links, from the start on: pairs (near, far), or a table with columns ``near`` and ``far``; nodes by
        address or by name, as a virtual network's ``paths(destination)`` gives them. Links that exist are underlaid
        in green, others called "not real", true ones that the trace missed are dotted. None: no comparison.
    names
        Which node an address belongs to: a dict of address and name, or a world or virtual network. Needed for a
        truth of names when the trace has no names of responders. None: a name of the truth is compared with the
        responder's name, whole or up to its first dot (``core`` is ``core.campus.example``).
    ax
        Axes to draw into; None: a figure of its own, as large as the graph.

    Returns
    -------
    Figure
        As in `rtt`.

    Raises
    ------
    UsageError
        ``frame`` is neither kind of table, is empty, or has more than one destination; ``truth`` is no list of pairs.

    Examples
    --------
    >>> import netlab
    >>> network = netlab.use("campus")
    >>> figure = path(netlab.traceroute("www"), truth=network.paths("www"), names=network)
    >>> print(figure.alt.partition("Compared with the truth, ")[2])
    3 of 3 links exist.

    Source
    ------
    Augustin et al., Avoiding traceroute anomalies with Paris traceroute, IMC 2006.
    """
    seen = graph_of(frame)
    known = trace.Known(seen.labels, names)
    verdicts = compare(seen.graph, true_links(truth), known) if truth is not None else None
    layers = layered(seen.graph)
    texts = {key: _text(key, seen, known) for key in seen.graph}
    axes = ax
    if axes is None:
        figure, (axes,) = canvas(height_of(seen.graph, layers, texts))
        figure.set_figwidth(width_of(layers))
    draw(axes, seen.graph, layers, texts, seen.doubt, verdicts is not None)
    series = _series(seen.graph, texts)
    caption = f"All paths seen{seen.where}; the thicker a link, the more probes crossed it.{seen.labels.told}"
    return Figure([axes], _alt(seen, verdicts), caption, series)


# Tables → graph --------------------------------------------------------------------------------------------


def graph_of(frame: Any) -> Trace:
    """The graph of a PROBES or a LINKS table."""
    return _links_table(frame) if {"near", "far"} <= set(getattr(frame, "columns", ())) else _probes_table(frame)


def _empty() -> nx.DiGraph:
    import networkx as nx  # 0.15 s, so only when a graph is wanted

    return nx.DiGraph()


def _links_table(frame: Any) -> Trace:
    missing = [column for column in LINKS if column not in frame.columns]
    wanted = "a table as netlab.multipath gives it, or as netlab.traceroute does"
    if missing:
        raise UsageError("frame", "DataFrame", f"has no column {', '.join(missing)}; wanted: {wanted}")
    if not len(frame):
        raise UsageError("frame", "DataFrame", f"has no rows; wanted: {wanted}, with at least one link")
    rows = frame[list(LINKS)].to_dict("records")
    destinations = list(dict.fromkeys(row["destination"] for row in rows))
    if len(destinations) > 1:
        choose = f'choose one: frame[frame["destination"] == "{destinations[0]}"]'
        raise UsageError("frame", "DataFrame", f"has links to {', '.join(destinations)}; {choose}")
    labels = trace.Labels((row[side], row[f"{side}_name"]) for row in rows for side in ("near", "far"))
    graph = _empty()
    for row in sorted(rows, key=lambda row: row["ttl"]):
        near, far = (row["ttl"] - 1, row["near"] or SILENT), (row["ttl"], row["far"] or SILENT)
        _link(graph, near, far, int(row["probes"]), bool(row["certain"]))
    addresses = set(frame["address"]) if "address" in frame.columns else set()
    for key in graph:
        graph.nodes[key]["end"] = key[1] in addresses
    return Trace(graph, labels, "doubtful", say.where(destinations[0], frame))


def _probes_table(frame: Any) -> Trace:
    everything = trace.traced(frame, beyond=False)
    rows = [row for row in everything if not trace.flagged(row, "last-ditch")]
    last_try = next((row["responder"] for row in everything if row not in rows and row["responder"]), "")
    labels = trace.labels_of(everything)
    graph = _empty()
    where = trace.frame_where(frame, everything)
    if not rows:
        return Trace(graph, labels, "inferred", where, last_try)
    first, last = rows[0]["ttl"], max((row["ttl"] for row in rows if row["responder"]), default=rows[0]["ttl"])
    ways = _ways(rows, first, last)
    for nodes, certain in ways:
        for near, far in pairwise(nodes):
            if near is not None and far is not None:
                _link(graph, near, far, 1, certain[far[0]])
    for row in rows:
        if row["responder"] and (row["ttl"], row["responder"]) not in graph:
            graph.add_node((row["ttl"], row["responder"]), address=row["responder"])
    for key in graph:
        graph.nodes[key]["end"] = False
    for row in rows:
        if trace.reached(row) and (row["ttl"], row["responder"]) in graph:
            graph.nodes[row["ttl"], row["responder"]]["end"] = True
    return Trace(graph, labels, "inferred", where, last_try)


def _ways(rows: Sequence[Row], first: int, last: int) -> Iterable[tuple[list[Key | None], dict[int, bool]]]:
    """The way of each train of probes, from the start on: a node or None per TTL, and whether its link is certain.

    A train is one attempt of one flow where flows are probed at several TTLs; else the probes of the same attempt.
    """
    flows: dict[Any, set[int]] = {}
    for row in rows:
        flows.setdefault(row["flow"], set()).add(row["ttl"])
    shared = first == last or any(len(ttls) > 1 for ttls in flows.values())
    answered: dict[Any, list[str]] = {}
    trains: dict[Any, dict[int, Row]] = {}
    for row in rows:
        if row["outcome"] in ("pending", "not-sent"):
            continue
        flow = row["flow"] if shared else 0
        trains.setdefault((flow, row["round"], row["attempt"]), {}).setdefault(row["ttl"], row)
        known = answered.setdefault((flow, row["ttl"]), [])
        if row["responder"] and row["responder"] not in known:
            known.append(row["responder"])
    for (flow, _, _), probed in trains.items():
        nodes: list[Key | None] = [(0, rows[0]["source"] or "start")] if first == 1 else []
        certain: dict[int, bool] = {}
        for ttl in range(first, last + 1):
            here, before = answered.get((flow, ttl), []), answered.get((flow, ttl - 1), [])
            nodes.append(_node(probed.get(ttl), here, ttl, nodes[-1] if nodes else None))
            certain[ttl] = ttl == 1 or (shared and len(here) < 2 and len(before) < 2)
            certain[ttl] &= bool(before) or certain.get(ttl - 1, True)  # what follows silence is as certain as it
        yield nodes, certain


def _node(row: Row | None, others: Sequence[str], ttl: int, before: Key | None) -> Key | None:
    """What stands at this TTL: who answered this probe, or the only one who answered others of its train; a star is an
    empty node of its own, told apart by what stands before it."""
    if row is None:
        return None
    if row["responder"]:
        return ttl, row["responder"]
    if others:
        return (ttl, others[0]) if len(others) == 1 else None
    return ttl, SILENT + (before[1] if before else "")


def _link(graph: nx.DiGraph, near: Key, far: Key, probes: int, certain: bool) -> None:
    for key in (near, far):
        if key not in graph:
            graph.add_node(key, address="" if key[1].startswith(SILENT) else key[1])
    old = graph.edges[near, far] if graph.has_edge(near, far) else {"probes": 0, "certain": False}
    graph.add_edge(near, far, probes=old["probes"] + probes, certain=old["certain"] or certain)


def _text(key: Key, seen: Trace, known: trace.Known) -> tuple[str, ...]:
    """What is written in a node: its name, if there is one, and its address."""
    ttl, address = key
    if seen.graph.nodes[key].get("ghost"):
        return (seen.graph.nodes[key]["ghost"],)
    if address.startswith(SILENT):
        return ()
    name = known.node(address) or seen.labels.name(address) or ("start" if ttl == 0 else "")
    return (name, address) if name and name != address else (address,)


# Words -----------------------------------------------------------------------------------------------------


def _series(graph: nx.DiGraph, texts: dict[Key, tuple[str, ...]]) -> list[Series]:
    def name(key: Key) -> str:
        return f"{key[0]} {' '.join(texts[key]) or '*'}"

    seen = [(near, far, data) for near, far, data in sorted(graph.edges(data=True), key=lambda edge: edge[:2])]
    lines = [Series("nodes", [key[0] for key in sorted(graph)], [" ".join(texts[key]) or "*" for key in sorted(graph)])]
    for label, chosen in (
        ("links", [edge for edge in seen if edge[2]["certain"] and not edge[2].get("missed")]),
        ("uncertain links", [edge for edge in seen if not edge[2]["certain"]]),
        ("not real", [edge for edge in seen if edge[2].get("real") is False]),
        ("missed", [edge for edge in seen if edge[2].get("missed")]),
    ):
        if chosen:
            lines.append(
                Series(label, [f"{name(a)} – {name(b)}" for a, b, _ in chosen], [d["probes"] for *_, d in chosen])
            )
    return lines


def _alt(seen: Trace, verdicts: Verdicts | None) -> str:
    graph = seen.graph
    edges = [data for _, _, data in graph.edges(data=True) if not data.get("missed")]
    answered = [key for key, data in graph.nodes(data=True) if data["address"] and key[0] > 0]
    if not answered:
        return "No hop answered, so no link is known."
    levels: dict[int, int] = {}
    for ttl, _ in answered:
        levels[ttl] = levels.get(ttl, 0) + 1
    text = (
        f"{trace.count(len(answered), 'answering address', 'answering addresses')} at {trace.count(len(levels), 'hop')}"
    )
    widest = max(levels, key=lambda ttl: levels[ttl])
    text += f", joined by {trace.count(len(edges), 'link')}"
    if levels[widest] == 1:
        text += "; at each hop one."
    else:
        text += f"; the widest is hop {widest} with {levels[widest]}."
    doubtful = sum(not data["certain"] for data in edges)
    if doubtful:
        text += f" {doubtful} of the links {'is' if doubtful == 1 else 'are'} only {seen.doubt}."
    silent = sorted({key[0] for key, data in graph.nodes(data=True) if not data["address"] and not data.get("ghost")})
    if silent:
        text += f" Without an answer: hop {say.listed(silent)}."
    ends = [key for key, data in graph.nodes(data=True) if data["end"]]
    text += " The destination answered." if ends else " The destination did not answer."
    if seen.last_try:
        text += f" {seen.labels.both(seen.last_try)} answered a last try with a large TTL; its distance is unknown."
    if verdicts is None:
        return text
    text += f" Compared with the truth, {verdicts.real} of {len(edges)} links exist"
    if verdicts.unknown:
        text += f", {verdicts.unknown} cannot be compared"
    text += f", {len(verdicts.false)} {'does' if len(verdicts.false) == 1 else 'do'} not." if verdicts.false else "."
    if verdicts.false:
        told = [" – ".join(_called(seen, key) for key in link) for link in verdicts.false]
        text += f" Not real: {_some(told)}."
    if verdicts.missed:
        text += f" Missed: {_some([' – '.join(pair) for pair in verdicts.missed])}."
    return text


def _called(seen: Trace, key: Key) -> str:
    return seen.labels.name(key[1]) or key[1]


def _some(words: list[str], most: int = 4) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
