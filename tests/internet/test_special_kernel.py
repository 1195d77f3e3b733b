"""NAT and load balancers of the engine against those of Linux: nftables and multipath routes in real kernels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from netlab.internet.extension import FRAGMENT
from netlab.internet.fragments import split
from netlab.internet.model import World
from netlab.wire.udp import UDP
from tests.differential.test_engine_kernel import Answer, Summary, Twins, summary
from tests.internet.engine_worlds import icmp, ip, module, tcp
from tests.internet.feature_worlds import SERVER, SOURCE, address, fan, home, home6
from tests.support.kernelnet import KernelNet, kernel_net
from tests.support.tools import need

pytestmark = pytest.mark.network

NEAR = {4: "192.0.2.1", 6: "2001:db8:a::1"}
RULES = """
table ip nat { chain out { type nat hook postrouting priority srcnat;
    ip saddr 192.0.2.0/24 ip daddr != 192.0.2.0/24 snat to 198.51.100.2; }; }
table ip6 nat { chain out { type nat hook postrouting priority srcnat;
    ip6 saddr 2001:db8:a::/64 ip6 daddr != 2001:db8:a::/64 snat to 2001:db8:1::2; }; }
"""

PACKETS = 150
"""Per family."""


def command(kernel: KernelNet, node: str, *words: str) -> None:
    done = kernel.run(node, words)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def translating() -> Iterator[Twins]:
    need("nft", "nftables")
    with kernel_net(home()) as kernel:
        command(kernel, "home", "nft", RULES)
        both = Twins(kernel, NEAR, SERVER)
        try:
            yield both
        finally:
            both.close()


@pytest.mark.parametrize("family", [4, 6])
def test_a_nat_answers_and_quotes_as_linux_does(family: int, translating: Twins) -> None:
    """Every probe of a traceroute with any protocol, every answer of the server, and fragments."""
    world: World = home() if family == 4 else home6()
    translating.simulate(world)
    chance = random.Random(f"nat {family}")
    here, there = SOURCE[family], SERVER[family]
    seen: Counter[str] = Counter()
    wrong = []
    for number in range(PACKETS):
        ttl, payload = chance.choice((1, 2, 3, 4, 64)), chance.randbytes(chance.choice((0, 30, 500, 1300, 2500)))
        source_port, kind = 1024 + number, chance.choice(("echo", "closed", "tcp", "open"))
        if kind == "echo":
            packet = icmp(here, there, module(there).EchoRequest(number, 1, payload), ttl=ttl)
        elif kind == "tcp":
            packet = tcp(here, there, 80 + number % 2, ttl=ttl)
        elif kind == "closed":
            packet = ip(here, there, 17, UDP(source_port, 33434, payload).to_bytes(here, there), ttl=ttl)
        else:  # an answer that is longer than a link would be cut in ways of its own
            packet = ip(here, there, 17, UDP(source_port, 7, payload[:1000]).to_bytes(here, there), ttl=ttl)
        packets = [packet] if len(packet) <= 1500 else split(packet, 1500, number + 1)
        kernel, engine = (Counter(map(_summary, answers)) for answers in translating.ask(packets))
        seen.update(says for _, says, _ in engine)
        if kernel != engine:
            wrong.append(f"{number}: {kind}, ttl {ttl}: the kernels say {dict(kernel)}, the engine {dict(engine)}")
    assert not wrong, "\n".join(wrong[:5])
    assert len(seen) >= 5, seen


def _summary(answer: Answer) -> Summary:
    """Without the identification of an IPv6 fragment in a quote: whoever cuts the packet again chooses another."""
    quoted = answer.get("quoted", b"")
    if quoted[:1] == b"`" and quoted[6] == FRAGMENT:
        answer = answer | {"quoted": quoted[:44] + quoted[48:]}
    return summary(answer)


def test_linux_spreads_flows_over_the_same_routers() -> None:
    """Its hash is another, but the same flow keeps its way, and many flows find every router."""
    need("ip", "iproute2")
    world = fan(4)
    with kernel_net(world) as kernel:
        words = ["ip", "route", "replace", "203.0.113.0/24"]
        for number in range(4):
            words += ["nexthop", "via", address(world, f"m{number}", 4)]
        command(kernel, "near", *words)
        kernel.sysctl("near", "ipv4/fib_multipath_hash_policy", "1")  # ports, too
        twins = Twins(kernel, NEAR, SERVER)
        try:
            ways: list[dict[int, set[str]]] = [{}, {}]
            for number in range(48 * 2):
                port = 1024 + number % 48
                body = UDP(port, 33434, b"").to_bytes(SOURCE[4], SERVER[4])
                for way, answers in zip(ways, twins.ask([ip(SOURCE[4], SERVER[4], 17, body, ttl=2)]), strict=True):
                    way.setdefault(port, set()).update(answer["responder"] for answer in answers)
        finally:
            twins.close()
    for way in ways:
        assert all(len(found) == 1 for found in way.values()), "a flow has one way"
    assert set.union(*ways[0].values()) == set.union(*ways[1].values()), "all four routers"
    assert len(set.union(*ways[1].values())) == 4
