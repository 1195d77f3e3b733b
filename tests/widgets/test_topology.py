"""The map panel: choosing without clicking on the picture."""

from __future__ import annotations

import pytest

import netlab
from netlab.widgets import TopologyView


@pytest.fixture
def view() -> TopologyView:
    return TopologyView("campus")


def test_nodes_and_links_are_listed(view: TopologyView) -> None:
    world = netlab.world("campus")
    for name in world.nodes:
        assert f">{name}</th>" in view._nodes.value
    for link in world.links:
        assert f">{link.name}</th>" in view._links.value


def test_a_chosen_node_is_marked_in_table_and_on_the_map(view: TopologyView) -> None:
    view.node.value = "core"
    assert view.chosen == "core" and "Chosen: core." in view._status.value
    assert 'aria-current="true"' in view._nodes.value and 'aria-current="true"' not in view._links.value


def test_node_and_link_exclude_each_other(view: TopologyView) -> None:
    view.node.value = "core"
    link = netlab.world("campus").links[0].name
    view.link.value = link
    assert view.chosen == link and view.node.value == ""
    assert f"Chosen: {link}." in view._status.value
    view.link.value = ""
    assert view.chosen is None


def test_the_way_is_the_true_one(view: TopologyView) -> None:
    view.way.value = "www"
    assert view.path == ["laptop", "gateway", "core", "www"]
    assert "laptop – gateway – core – www" in view._status.value
    view.way.value = ""
    assert view.path is None


def test_a_path_can_be_given(view: TopologyView) -> None:
    view.path = ["laptop", "gateway"]
    assert "laptop – gateway: 1 link" in view._status.value


def test_the_network_in_use_is_shown_by_default() -> None:
    with netlab.use("line"):
        assert repr(TopologyView()) == "<netlab panel: map of line>"


def test_a_real_network_has_no_map() -> None:
    view = TopologyView("live")
    assert repr(view) == "<netlab panel: map of live>" and "virtual" in view._status.value


@pytest.mark.parametrize("name", ["line", "transatlantic", "broken", "bufferbloat", "loop", "lossy"])
def test_every_world_has_a_map(name: str) -> None:
    view = TopologyView(name)
    for node in view.world.nodes:
        view.node.value = node
        break
    assert "data:image/png" in view._picture.value
