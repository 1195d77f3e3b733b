"""The promises of multipath over many seeds, as `python -m tools.multipath_rates` prints them."""

import os

import pytest

from netlab.probe.stopping import rule, success
from tools import multipath_rates as rates

WORKERS = os.cpu_count() or 1


@pytest.mark.rates
@pytest.mark.slow
@pytest.mark.parametrize("width", rates.WIDTHS)
def test_success_agrees_with_its_exact_probability(width):
    found = sum(rates.spread(rates.partial(rates.finds_all, width), range(rates.RUNS), WORKERS))
    assert rates.likely(found, rates.RUNS, float(success(width, rule(0.95))))


def test_the_comparison_can_fail():
    chance = float(success(2, rule(0.95)))
    assert rates.likely(388, 400, chance)
    assert not rates.likely(400, 400, chance) and not rates.likely(370, 400, chance)


@pytest.mark.rates
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "worlds", "most"), [("flow", 300, 0.0), ("other", rates.WORLDS, rates.MOST_FALSE)])
def test_false_links(kind, worlds, most):
    total = rates.total(rates.spread(rates.partial(rates.judge_world, kind), range(worlds), WORKERS))
    print(f"{worlds} worlds of the kind {kind}: {total}")
    assert total.false <= most * total.certain
    assert total.certain > total.doubtful, "most links must be certain, or the rate says nothing"
    assert total.missed < 0.05 * total.true


def test_the_worlds_are_those_described():
    worlds = [rates.make_world("other", seed) for seed in range(60)]
    balances = {node.get("balance") for world in worlds for node in world["node"].values()}
    assert balances == {None, "flow", "packet", "destination"}
    assert any(node.get("silent") for world in worlds for node in world["node"].values())
    assert any(link.get("loss") for world in worlds for link in world["link"])
    only_flow = [rates.make_world("flow", seed) for seed in range(60)]
    assert {node.get("balance") for world in only_flow for node in world["node"].values()} == {None, "flow"}
