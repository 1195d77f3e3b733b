"""`plot.topology` and its layout: the same world, the same drawing, no node upon another."""

from __future__ import annotations

from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import plot
from netlab.errors import UsageError
from netlab.plot.layout import by_layer, by_place, positions
from tests.plot.sample import CHAIN, world


def test_alt_text_tells_the_path_and_its_delay() -> None:
    figure = plot.topology(world(*CHAIN), path=["laptop", "gateway", "core", "www"])
    assert figure.alt == (
        "2 hosts, 2 routers and 3 links; measured from laptop. The way from laptop to www is "
        "laptop – gateway – core – www: 3 links, 4 ms of propagation one way."
    )


def test_alt_text_tells_whether_the_way_back_is_another() -> None:
    there = ["laptop", "gateway", "core", "www"]
    assert plot.topology(world(*CHAIN), path=there, return_path=there[::-1]).alt.endswith("The way back is the same.")
    other = plot.topology(world(*CHAIN), path=there, return_path=["www", "core"])
    assert other.alt.endswith("The way back is www – core.")


def test_fingerprint_lists_nodes_links_and_path() -> None:
    text = plot.topology(world(*CHAIN), path=["laptop", "gateway"]).fingerprint()
    assert "(laptop, host)" in text and "(gateway-core, 1.5)" in text and "path: 2 points" in text


@pytest.mark.parametrize("wrong", [{"path": ["moon"]}, {"return_path": ["moon"]}, {"chosen": "moon"}])
def test_unknown_nodes_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="moon"):
        plot.topology(world(*CHAIN), **wrong)  # type: ignore[arg-type]


def test_a_chosen_link_is_possible() -> None:
    assert plot.topology(world(*CHAIN), chosen="core-www").alt.endswith("Chosen: core-www.")


@pytest.mark.parametrize("name", ["line", "campus", "transatlantic", "lossy", "loop", "broken", "bufferbloat"])
def test_every_world_of_the_package_is_drawn(name: str) -> None:
    import netlab

    figure = plot.topology(netlab.world(name))
    assert "measured from" in figure.alt and figure.png()


def test_columns_are_distances_from_the_start() -> None:
    points = by_layer(["a", "b", "c", "d"], [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")], "a")
    assert points["a"][0] == 0 and points["b"][0] == points["c"][0] == 0.5 and points["d"][0] == 1


def test_crossings_are_removed() -> None:
    links = [("a", "b"), ("a", "c"), ("b", "y"), ("c", "x")]
    points = by_layer(["a", "b", "c", "x", "y"], links, "a")
    assert (points["b"][1] > points["c"][1]) == (points["y"][1] > points["x"][1])


def test_what_is_not_connected_is_still_drawn() -> None:
    assert set(by_layer(["a", "b", "z"], [("a", "b")], "a")) == {"a", "b", "z"}


def test_places_are_used_when_nodes_keep_apart() -> None:
    points = by_place(["lisbon", "oslo"], {"lisbon": (38.7, -9.1), "oslo": (59.9, 10.7)})
    assert points is not None and points["lisbon"][0] < points["oslo"][0] and points["lisbon"][1] < points["oslo"][1]
    assert by_place(["a", "b"], {"a": (38.7, -9.1), "b": (38.7, -9.1)}) is None
    assert by_place(["a", "b"], {"a": (38.7, -9.1)}) is None


LINKS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1]), max_size=25)


@given(LINKS)
def test_any_graph_has_a_layout_without_coincidence(pairs: list[tuple[int, int]]) -> None:
    names = [f"n{number}" for number in range(12)]
    links = [(names[a], names[b]) for a, b in pairs]
    points = positions(names, links, "n0", {})
    assert points == positions(names, links, "n0", {})
    assert set(points) == set(names)
    listed = list(points.values())
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in listed)
    assert all(hypot(a[0] - b[0], a[1] - b[1]) > 0.01 for i, a in enumerate(listed) for b in listed[:i])
