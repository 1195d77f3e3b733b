"""Comparing links with the truth."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError
from netlab.plot import trace
from netlab.plot.compare import compare, true_links


def graph(*links: tuple[str, str]) -> nx.DiGraph:
    """Ends are written as TTL and name, 1a; the name * is silence."""
    made = nx.DiGraph()
    for ends in links:
        keys = [(int(end[0]), end[1:]) for end in ends]
        for key in keys:
            made.add_node(key, address="" if key[1] == "*" else key[1], end=False)
        made.add_edge(*keys, probes=1, certain=True)
    return made


NOBODY = trace.Known(trace.Labels([]))


def test_links_are_real_false_or_unknown() -> None:
    seen = graph(("0s", "1a"), ("1a", "2x"), ("1a", "2*"), ("2*", "3z"))
    found = compare(seen, [("s", "a"), ("a", "b"), ("b", "z")], NOBODY)
    assert (found.real, found.unknown) == (1, 2)
    assert found.false == [((1, "a"), (2, "x"))] and found.missed == []
    assert [real for *_, real in seen.edges(data="real")] == [True, False, None, None]


def test_the_direction_counts() -> None:
    assert compare(graph(("1a", "2b")), [("b", "a")], NOBODY).false == [((1, "a"), (2, "b"))]


def test_missed_links_join_what_was_seen() -> None:
    seen = graph(("0s", "1a"), ("0s", "1b"), ("1a", "2c"))
    found = compare(seen, [("s", "a"), ("s", "b"), ("a", "c"), ("b", "c")], NOBODY)
    assert found.missed == [("b", "c")]
    assert seen.edges[(1, "b"), (2, "c")]["missed"]


def test_missed_nodes_stand_at_their_distance() -> None:
    seen = graph(("0s", "1a"))
    compare(seen, [("s", "a"), ("a", "b"), ("b", "c")], NOBODY)
    assert [key[0] for key, data in seen.nodes(data=True) if data.get("ghost")] == [2, 3]


def test_pairs_or_a_table() -> None:
    from pandas import DataFrame

    assert true_links([("a", "b"), ["b", "c"], ("a", "b")]) == [("a", "b"), ("b", "c")]
    assert true_links(DataFrame({"far": ["b"], "near": ["a"]})) == [("a", "b")]
    with pytest.raises(UsageError, match="truth"):
        true_links({"a": "b"}.items().__class__)


LINKS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=12)


@given(LINKS, LINKS)
def test_every_true_link_is_found_or_missed_and_every_seen_one_real_or_false(
    seen: list[tuple[str, str]], true: list[tuple[str, str]]
) -> None:
    seen_graph = graph(*((f"1{a}", f"2{b}") for a, b in seen))
    true = true_links(true)
    found = compare(seen_graph, true, NOBODY)
    assert found.real + len(found.false) == len(set(seen))
    assert set(found.missed) == set(true) - set(seen)
    assert {(near[1], far[1]) for near, far in found.false} == set(seen) - set(true)
