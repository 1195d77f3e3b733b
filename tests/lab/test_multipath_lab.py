"""Multipath and path MTU with the kernel's packets: the lab finds what the virtual world has."""

import pytest

from netlab.api_mtu import path_mtu
from netlab.api_multipath import multipath
from netlab.internet.world import from_dict
from netlab.network.lab import LabNetwork
from netlab.network.virtual import VirtualNetwork
from tests.support.lab import need_lab
from tools.multipath_rates import Chain

pytestmark = pytest.mark.lab


def world(family):
    chain = Chain(family)
    chain.fan([[f"b{i}-{j}" for j in range(2)] for i in range(4)], "flow", "joint")
    chain.line(["narrow"])
    chain.links[-1]["mtu"] = 1400
    chain.end()
    return from_dict(chain.world("fan"))


@pytest.mark.parametrize("family", [4, 6])
def test_all_paths_and_the_narrow_link(family):
    need_lab()
    described = world(family)
    true = set(VirtualNetwork(described).paths("server"))
    network = LabNetwork(described)
    with network:
        for protocol in ("icmp", "udp", "tcp"):
            table = multipath("server", protocol=protocol, network=network)
            near, far = (table[side].str.partition(".")[0] for side in ("near_name", "far_name"))
            assert set(zip(near, far)) == true, protocol
            assert table["certain"].all(), protocol
        sizes = path_mtu("server", network=network)
        assert sizes["mtu"].iloc[[0, -1]].tolist() == [1500, 1400]
        assert sizes["evidence"].tolist()[4] == "too big message"
