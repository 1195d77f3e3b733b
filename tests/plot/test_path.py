"""`plot.path`: what is a link, what is only inferred, and how a truth is compared."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas import DataFrame

from netlab import frames, plot
from netlab.errors import UsageError
from netlab.plot.path_graph import graph_of
from tests.plot.traces import (
    CLASSIC_TRUTH,
    classic,
    diamond,
    long,
    mixed,
    named,
    plain,
    probe,
    silent,
    table,
    thrice,
)


def links(figure: plot.Figure, label: str = "links") -> dict[str, float]:
    """Links by the last parts of their ends: addresses, or * for silence."""
    found = next((series for series in figure.series if series.label == label), None)
    if found is None:
        return {}
    ends = [[end.split()[-1] for end in str(link).split(" – ")] for link in found.x]
    return {" – ".join(pair): float(y) for pair, y in zip(ends, found.y, strict=True)}


def link(ttl: int, near: str, far: str, probes: int = 6, certain: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "destination": "www", "ttl": ttl, "near": near, "far": far, "near_name": "", "far_name": "", "flows": probes,
        "probes": probes, "balancer": "flow", "certain": certain, "network": "virtual:sample",
        "address": "203.0.113.80", "protocol": "udp", **more,
    }  # fmt: skip


LINKS = [
    link(1, "192.0.2.10", "192.0.2.1", 12),
    link(2, "192.0.2.1", "198.51.100.1"),
    link(2, "192.0.2.1", "198.51.100.2"),
    link(3, "198.51.100.1", "", 6),
    link(3, "198.51.100.2", "198.51.100.6", 6, certain=False),
    link(4, "", "203.0.113.80", 6),
    link(4, "198.51.100.6", "203.0.113.80", 6),
]


# From probes ------------------------------------------------------------------------------------------------


def test_answers_of_one_flow_are_linked() -> None:
    figure = plot.path(plain())
    assert links(figure) == {
        "192.0.2.10 – 192.0.2.1": 3, "192.0.2.1 – 198.51.100.2": 3, "198.51.100.2 – 203.0.113.80": 3,
    }  # fmt: skip
    assert figure.alt == (
        "3 answering addresses at 3 hops, joined by 3 links; at each hop one. The destination answered."
    )


def test_a_diamond_probed_by_flow_has_its_real_links_and_no_other() -> None:
    figure = plot.path(diamond(4, flows=8))
    assert links(figure, "uncertain links") == {}
    assert len(links(figure)) == 1 + 4 + 4 + 1
    assert links(figure)["192.0.2.1 – 198.51.100.10"] == 2
    assert "the widest is hop 2 with 4" in figure.alt


def test_probes_without_a_common_flow_are_only_inferred() -> None:
    figure = plot.path(classic())
    assert list(links(figure)) == ["192.0.2.10 – 198.51.100.1"], "every first answer is linked with the start"
    assert len(links(figure, "uncertain links")) == 8
    assert "8 of the links are only inferred." in figure.alt


def test_one_flow_with_several_answers_at_a_hop_is_only_inferred_there() -> None:
    rows = [*thrice(1, "192.0.2.1", 1.0), probe(2, "192.0.2.2", 2.0), probe(2, "192.0.2.3", 2.0)]
    figure = plot.path(table(*rows, *thrice(3, "192.0.2.4", 3.0), *thrice(4, "192.0.2.5", 4.0)))
    assert set(links(figure)) == {"192.0.2.10 – 192.0.2.1", "192.0.2.4 – 192.0.2.5"}
    assert set(links(figure, "uncertain links")) == {
        "192.0.2.1 – 192.0.2.2", "192.0.2.1 – 192.0.2.3", "192.0.2.2 – 192.0.2.4", "192.0.2.3 – 192.0.2.4",
    }  # fmt: skip


def test_a_silent_hop_is_an_empty_node_and_no_shortcut() -> None:
    figure = plot.path(table(*thrice(1, "192.0.2.1", 1.0), *thrice(2), *thrice(3, "192.0.2.3", 3.0, "reply")))
    assert set(links(figure)) == {"192.0.2.10 – 192.0.2.1", "192.0.2.1 – *", "* – 192.0.2.3"}
    assert "Without an answer: hop 2." in figure.alt


def test_silent_hops_of_two_branches_are_two_nodes() -> None:
    rows = []
    for flow, branch in ((1, 11), (2, 12)):
        rows += [probe(1, "192.0.2.1", 1.0, flow=flow), probe(2, f"192.0.2.{branch}", 2.0, flow=flow)]
        rows += [probe(3, flow=flow), probe(4, f"192.0.2.{branch + 10}", 4.0, flow=flow)]
    figure = plot.path(table(*rows))
    nodes = next(series for series in figure.series if series.label == "nodes")
    assert list(nodes.y).count("*") == 2


def test_a_star_among_answers_is_no_node() -> None:
    rows = [*thrice(1, "192.0.2.1", 1.0), probe(2, "192.0.2.2", 2.0), probe(2), probe(2, outcome="pending")]
    figure = plot.path(table(*rows, *thrice(3, "192.0.2.3", 3.0, "reply")))
    assert "Without an answer" not in figure.alt
    assert "192.0.2.2 – 192.0.2.3" in links(figure)


def test_silence_behind_the_last_answer_is_not_drawn() -> None:
    figure = plot.path(table(*thrice(1, "192.0.2.1", 1.0), *thrice(2), *thrice(3)))
    assert set(links(figure)) == {"192.0.2.10 – 192.0.2.1"}
    assert figure.alt.endswith("The destination did not answer.")


def test_without_any_answer_it_says_so() -> None:
    assert plot.path(silent(3)).alt == "No hop answered, so no link is known."


def test_beyond_the_end_there_are_no_links() -> None:
    assert not any("7 " in str(series.x) for series in plot.path(mixed()).series)


def test_a_trace_that_begins_later_has_no_start() -> None:
    figure = plot.path(table(*thrice(4, "192.0.2.4", 1.0), *thrice(5, "192.0.2.5", 2.0, "reply")))
    assert set(links(figure)) == {"192.0.2.4 – 192.0.2.5"}


def test_a_last_try_is_told_and_is_no_node() -> None:
    rows = [*thrice(1, "192.0.2.1", 1.0), probe(255, "203.0.113.80", 8.0, "reply", flags="last-ditch")]
    figure = plot.path(table(*rows))
    assert set(links(figure)) == {"192.0.2.10 – 192.0.2.1"}
    assert "203.0.113.80 answered a last try with a large TTL; its distance is unknown." in figure.alt


def test_a_loop_is_drawn_hop_by_hop() -> None:
    rows = [row for ttl in range(1, 7) for row in thrice(ttl, f"192.0.2.{1 + ttl % 2}", 1.0)]
    assert len(links(plot.path(table(*rows)))) == 1 + 2, "the same pairs of addresses, told apart by TTL only"
    assert "6 links" in plot.path(table(*rows)).alt


@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(1, 3), st.integers(1, 2)), min_size=1, max_size=30
    )
)
def test_any_trace_gives_links_between_neighbouring_hops_only(probes: list[tuple[int, int, int, int]]) -> None:
    rows = [
        probe(ttl, f"192.0.2.{10 * ttl + node}" if node else "", 1.0 if node else None, flow=flow, round=number)
        for ttl, node, flow, number in probes
    ]
    graph = graph_of(table(*rows)).graph
    answered = {(row["ttl"], row["responder"]) for row in rows if row["responder"]}
    assert answered <= set(graph)
    assert all(far[0] == near[0] + 1 for near, far in graph.edges)
    assert all(data["address"] in (key[1], "") for key, data in graph.nodes(data=True))


# From links -------------------------------------------------------------------------------------------------


def test_a_table_of_links_is_drawn_as_it_is() -> None:
    figure = plot.path(DataFrame(LINKS))
    assert links(figure)["192.0.2.10 – 192.0.2.1"] == 12 and links(figure)["198.51.100.1 – *"] == 6
    assert links(figure, "uncertain links") == {"198.51.100.2 – 198.51.100.6": 6}
    assert "1 of the links is only doubtful." in figure.alt and "The destination answered." in figure.alt
    written = {text.get_text() for text in figure.axes[0].texts}
    assert "doubtful" in written


def test_the_frames_of_multipath_are_drawn_the_same() -> None:
    assert plot.path(frames.table(LINKS, frames.LINKS)).fingerprint() == plot.path(DataFrame(LINKS)).fingerprint()


def test_thickness_follows_the_probes() -> None:
    widths = {line.get_linewidth() for line in plot.path(DataFrame(LINKS)).axes[0].lines if len(line.get_xdata()) == 2}
    assert len(widths) == 2 and max(widths) / min(widths) > 1.4


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "has no column"),
        ([{"near": "a", "far": "b"}], "has no column ttl"),
        ([link(1, "a", "b"), link(1, "a", "c", destination="ftp")], r'frame\[frame\["destination"\] == "www"\]'),
    ],
)
def test_other_tables_are_refused(rows: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plot.path(DataFrame(rows))


def test_an_empty_table_of_links_is_refused() -> None:
    with pytest.raises(UsageError, match="has no rows"):
        plot.path(DataFrame(LINKS).iloc[:0])


# The truth --------------------------------------------------------------------------------------------------


def test_false_links_are_told_from_real_and_missed_ones() -> None:
    figure = plot.path(classic(), truth=CLASSIC_TRUTH)
    assert set(links(figure, "not real")) == {"198.51.100.11 – 198.51.100.22", "198.51.100.12 – 198.51.100.21"}
    assert set(links(figure, "missed")) == {"198.51.100.12 – 198.51.100.22"}
    assert figure.alt.endswith(
        "Compared with the truth, 7 of 9 links exist, 2 do not. Not real: a1 – b2, a2 – b1. Missed: a2 – b2."
    )
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written.count("not real") == 2 and written.count("missed") == 1


def test_a_truth_may_be_a_table_or_addresses() -> None:
    as_table = DataFrame(CLASSIC_TRUTH, columns=["near", "far"])
    expected = plot.path(classic(), truth=CLASSIC_TRUTH)
    assert plot.path(classic(), truth=as_table).alt == expected.alt
    addresses = {name: f"198.51.100.{number}" for name, number in
                 {"g": 1, "a1": 11, "a2": 12, "b1": 21, "b2": 22, "j": 31, "www": 80}.items()}  # fmt: skip
    addresses["laptop"] = "192.0.2.10"
    numbers = [(addresses[near], addresses[far]) for near, far in CLASSIC_TRUTH]
    assert links(plot.path(classic(), truth=numbers), "not real") == links(expected, "not real")


def test_names_match_a_truth_where_the_trace_has_none() -> None:
    frame = table(*thrice(1, "192.0.2.1", 1.0), *thrice(2, "203.0.113.80", 2.0, "reply"))
    truth = [("laptop", "gateway"), ("gateway", "www")]
    assert "0 of 2 links exist, 2 do not" in plot.path(frame, truth=truth).alt
    names = {"192.0.2.1": "gateway", "203.0.113.80": "www"}
    assert "2 of 2 links exist." in plot.path(frame, truth=truth, names=names).alt


def test_two_addresses_of_one_node_are_the_same_node_for_the_truth() -> None:
    rows = [probe(1, "192.0.2.1", 1.0, flow=1), probe(1, "192.0.2.2", 1.0, flow=2)]
    rows += [probe(2, "203.0.113.80", 2.0, "reply", flow=flow) for flow in (1, 2)]
    names = {"192.0.2.1": "gateway", "192.0.2.2": "gateway", "203.0.113.80": "www"}
    figure = plot.path(table(*rows), truth=[("laptop", "gateway"), ("gateway", "www")], names=names)
    assert "4 of 4 links exist." in figure.alt


def test_a_silent_hop_is_neither_false_nor_missed() -> None:
    frame = table(*thrice(1, "192.0.2.1", 1.0, **named("gateway")), *thrice(2),
                  *thrice(3, "203.0.113.80", 2.0, "reply", **named("www")))  # fmt: skip
    figure = plot.path(frame, truth=[("laptop", "gateway"), ("gateway", "core"), ("core", "www")])
    assert figure.alt.endswith("1 of 3 links exist, 2 cannot be compared.")
    assert links(figure, "missed") == {}


def test_a_missed_node_is_added_where_it_belongs() -> None:
    truth = [("laptop", "gateway"), ("gateway", "core"), ("gateway", "other"), ("core", "www"), ("other", "www")]
    figure = plot.path(plain(), truth=truth)
    nodes = next(series for series in figure.series if series.label == "nodes")
    assert (2, "other") in list(zip(nodes.x, nodes.y, strict=True))
    assert "Missed: gateway – other, other – www." in figure.alt


def test_nothing_seen_and_a_truth_that_goes_round_in_a_circle_is_still_a_figure() -> None:
    figure = plot.path(silent(2), truth=[("a", "b"), ("b", "a")])
    assert figure.alt.startswith("No hop answered") and figure.png()


@pytest.mark.parametrize("wrong", ["ab", [("a", "b", "c")], [1], 5, [("a", 2)]])
def test_a_truth_of_another_form_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"truth=.*pairs \(near, far\)"):
        plot.path(plain(), truth=wrong)


def test_long_and_wide_graphs_are_drawn() -> None:
    assert plot.path(long()).figure.get_size_inches()[1] < 30
    assert plot.path(diamond(16)).figure.get_size_inches()[0] == 7
    assert plot.path(diamond(40)).figure.get_size_inches()[0] > 7


@pytest.mark.parametrize(("world", "destination"), [("campus", "www"), ("transatlantic", "archive")])
def test_a_trace_of_the_virtual_internet_finds_only_real_links(world: str, destination: str) -> None:
    import netlab

    with netlab.use(world) as network:
        frame = netlab.traceroute(destination)
        true = network.path(destination)
        figure = plot.path(frame, truth=list(pairwise(true)), names=network)
    assert f"{len(true) - 1} of {len(true) - 1} links exist." in figure.alt and "Missed" not in figure.alt
