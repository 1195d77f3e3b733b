"""Every network that netlab has, behind one fixture: ``bench``. One that is not to be had here skips, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netlab.errors import LabUnavailable
from netlab.internet.model import World
from netlab.network.base import Network
from netlab.network.worlds import load
from tests.conformance.bench import Bench
from tests.support.kernelnet import KernelNet, kernel_net
from tests.support.tools import missing

WORLD = Path(__file__).with_name("world.toml")


@pytest.fixture(scope="session")
def world() -> World:
    return load(WORLD)


def _virtual(world: World) -> Iterator[Network]:
    from netlab.network.virtual import VirtualNetwork

    yield VirtualNetwork(world)


def _lab(world: World) -> Iterator[Network]:
    from netlab.network.lab import LabNetwork

    network = LabNetwork(world)
    try:
        network.start()
    except LabUnavailable as unavailable:
        missing(f"needs the lab: {unavailable}")
    with network:
        yield network


def _live(raw: bool | None, kernel: Callable[[], KernelNet]) -> Iterator[Network]:
    with kernel() as running:
        network = running.network(raw=raw)
        yield network
        network.close()


NETWORKS = ["virtual", "lab", "live-raw", "live-unprivileged"]


@pytest.fixture(scope="session", params=NETWORKS)
def network(request: pytest.FixtureRequest, world: World) -> Iterator[Network]:
    """A kernel network of its own for each: kernels remember path MTUs."""
    if request.param == "virtual":
        yield from _virtual(world)
    elif request.param == "lab":
        yield from _lab(world)
    else:
        yield from _live(request.param == "live-raw" or None, lambda: kernel_net(world))


@pytest.fixture(scope="session", params=[4, 6], ids=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def bench(network: Network, family: int) -> Iterator[Bench]:
    """A measurement that has begun."""
    network.begin()
    try:
        yield Bench(network, 4 if family == 4 else 6)
    finally:
        network.end()
