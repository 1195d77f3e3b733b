"""Sliders for a link: the world stays as it is, a copy has the changes."""

from __future__ import annotations

import pytest

import netlab
from netlab.widgets.faults import FAULTS, Faults
from tests.plot.sample import CHAIN, world


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def faults(said: list[str]) -> Faults:
    made = Faults(said.append)
    made.world = world(*CHAIN)
    return made


def test_sliders_show_the_world(faults: Faults) -> None:
    assert faults._link.value == "laptop-gateway" and faults._sliders["delay"].value == 0.5
    faults._link.value = "core-www"
    assert faults._sliders["delay"].value == 2.0


def test_without_a_change_the_world_itself_is_used(faults: Faults) -> None:
    faults._link.value = "gateway-core"
    assert faults.applied() is faults.world


def test_changes_go_both_ways_into_a_copy(faults: Faults, said: list[str]) -> None:
    faults.change("gateway-core", loss=10, delay=20, rate=2, queue=5)
    made = faults.applied()
    link = next(link for link in made.links if link.name == "gateway-core")
    for direction in (link.forward, link.backward):
        assert (direction.loss, direction.delay, direction.rate, direction.queue) == (0.1, 20_000_000, 2_000_000, 5)
    original = next(link for link in faults.world.links if link.name == "gateway-core")
    assert original.forward.loss == 0 and made is not faults.world
    assert said[-1].startswith("Changed for the next run: gateway-core loss (%) 10")


def test_changes_of_several_links_are_kept_and_reset(faults: Faults) -> None:
    faults.change("gateway-core", loss=10)
    faults.change("core-www", jitter=3)
    faults._link.value = "gateway-core"
    assert faults._sliders["loss"].value == 10
    faults.reset()
    assert faults._sliders["loss"].value == 0 and faults.applied() is faults.world


def test_every_fault_is_a_property_of_a_link_with_its_type() -> None:
    made = Faults(lambda text: None)
    made.world = netlab.world("campus")
    link = made.world.links[0].name
    made.change(link, **{fault.name: 1 for fault in FAULTS})
    direction = made.applied().links[0].forward
    for fault in FAULTS:
        before, after = (getattr(each, fault.name) for each in (made.world.links[0].forward, direction))
        assert type(after) is type(before) and after == pytest.approx(fault.scale)


def test_a_changed_world_can_be_measured_on() -> None:
    made = Faults(lambda text: None)
    made.world = netlab.world("line")
    for link in made.world.links[:1]:
        made.change(link.name, loss=50)
    frame = netlab.ping("server", count=40, network=made.applied())
    assert (frame["outcome"] == "timeout").sum() > 10


def test_another_world_forgets_the_changes(faults: Faults) -> None:
    faults.change("gateway-core", loss=10)
    faults.world = world(*CHAIN)
    assert faults.applied() is faults.world
    faults.world = None
    assert faults.applied() is None
