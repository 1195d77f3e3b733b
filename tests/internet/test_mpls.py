"""MPLS tunnels: which packets enter, what TTLs and labels they have, what errors made inside say and when they come."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from netlab.internet.engine import Engine
from netlab.internet.model import EPOCH, World
from netlab.wire import icmpv4
from netlab.wire.extensions import MplsLabel, MplsStack
from netlab.wire.pcapng import to_pcapng
from tests.internet.engine_worlds import MS, Run, echo, udp
from tests.internet.feature_worlds import SERVER, SOURCE, address, chain, trace
from tests.support.tools import need

FAMILIES = pytest.mark.parametrize("family", [4, 6])
INNER = ("p1", "p2", "p3")
"""Between the ingress ``near`` and the egress ``far``."""


def tunnel(mode: str, routers: dict[str, Any] | None = None, **keys: Any) -> World:
    return chain(*INNER, **(routers or {})).tunnel("near", *INNER, "far", mode=mode, **keys).world()


def stacks(message: Any) -> list[MplsStack]:
    return [each for each in getattr(message, "extensions", ()) if isinstance(each, MplsStack)]


@FAMILIES
def test_uniform_shows_every_router_with_its_label_and_the_ttl_in_the_quote(family: int) -> None:
    rows = trace(tunnel("uniform", label=100), family, 6)
    assert [name for name, _, _ in rows] == ["near", *INNER, "far", "server"]
    labels = [stacks(message) for _, _, message in rows]
    assert labels == [
        [],
        [MplsStack((MplsLabel(100, 0, True, 1),))],
        [MplsStack((MplsLabel(101, 0, True, 1),))],
        [MplsStack((MplsLabel(102, 0, True, 1),))],
        [],
        [],
    ], "the last inner router takes the label off, so the egress sees none"
    at = 8 if family == 4 else 7
    quoted = [message.original[at] for _, _, message in rows[:-1]]
    assert quoted == [1, 1, 2, 3, 1], "the IP header is not touched inside: the TTL is that of the ingress"


@FAMILIES
def test_pipe_hides_the_inner_routers(family: int) -> None:
    rows = trace(tunnel("pipe"), family, 4)
    assert [name for name, _, _ in rows] == ["near", "far", "server", "server"]
    assert [time for _, time, _ in rows] == [2 * MS, 10 * MS, 12 * MS, 12 * MS]
    assert not any(stacks(message) for _, _, message in rows)


@FAMILIES
def test_without_labels_only_the_quoted_ttl_betrays_the_tunnel(family: int) -> None:
    rows = trace(tunnel("uniform", labels=False), family, 5)
    assert [name for name, _, _ in rows] == ["near", *INNER, "far"]
    assert not any(stacks(message) for _, _, message in rows)
    assert [message.original[8 if family == 4 else 7] for _, _, message in rows] == [1, 1, 2, 3, 1]


@FAMILIES
def test_errors_made_inside_go_on_to_the_egress_first(family: int) -> None:
    world = tunnel("uniform")
    rows = trace(world, family, 6)
    assert [time for _, time, _ in rows] == [2 * MS, 10 * MS, 10 * MS, 10 * MS, 10 * MS, 12 * MS]
    run = Run(world, node="laptop")
    run.send(echo(SOURCE[family], SERVER[family], ttl=2))
    run.answers()
    error = [row for row in run.engine.packets() if row["parent"] == 1]
    out = [("p1", 64), ("p2", 64), ("p3", 62), ("far", 61)]
    assert [(row["at"], row["ttl"]) for row in error[:4]] == out, "inside, the label counts"
    assert [row["at"] for row in error[4:]] == ["p3", "p2", "p1", "near", "laptop"]
    precedence = 6 if family == 4 else 0
    assert [row["mpls"] for row in error[:3]] == [f"24002/{precedence}/1/64", f"24003/{precedence}/1/63", ""]


@pytest.mark.parametrize(
    ("mode", "ttls"), [("uniform", [64, 63, 63, 63, 60, 59, 59]), ("pipe", [64, 63, 63, 63, 63, 62, 62])]
)
@FAMILIES
def test_what_the_ip_header_shows_on_the_way(mode: str, ttls: list[int], family: int) -> None:
    run = Run(tunnel(mode), node="laptop")
    run.send(echo(SOURCE[family], SERVER[family]))
    run.answers()
    rows = [row for row in run.engine.packets() if row["number"] == 1]
    assert [row["at"] for row in rows] == ["laptop", "near", *INNER, "far", "server"]
    assert [row["ttl"] for row in rows] == ttls
    first = 63 if mode == "uniform" else 255
    labels = ["", f"24001/0/1/{first}", f"24002/0/1/{first - 1}", f"24003/0/1/{first - 2}", "", "", ""]
    assert [row["mpls"] for row in rows] == labels


@FAMILIES
def test_packets_for_the_egress_itself_do_not_enter(family: int) -> None:
    """So its address shows what the pipe hides."""
    world = tunnel("pipe")
    assert Engine(world).path("laptop", address(world, "far", family)) == ["laptop", "near", *INNER, "far"]
    run = Run(world, node="laptop")
    run.send(echo(SOURCE[family], address(world, "far", family), ttl=3))
    packet, message = run.answer()
    assert packet.source in [text.partition("/")[0] for text in world.nodes["p2"].addresses]
    assert not stacks(message)


@FAMILIES
def test_packets_that_enter_later_or_go_elsewhere_are_plain_ip(family: int) -> None:
    builder = chain(*INNER).host("side").link("p2", "side", delay_ms=1)
    world = builder.tunnel("near", *INNER, "far").world()
    for node, there in (("p1", SERVER[family]), ("laptop", address(world, "side", family))):
        run = Run(world, node=node)
        run.send(echo(address(world, node, family), there))
        run.answers()
        requests = [row for row in run.engine.packets() if row["number"] == 1]
        assert len(requests) == 5 and not any(row["mpls"] for row in requests)


@FAMILIES
def test_packets_of_the_ingress_itself_enter(family: int) -> None:
    run = Run(tunnel("uniform"), node="near")
    run.send(echo(SOURCE[family].replace("10", "1"), SERVER[family]))
    run.answers()
    assert [row["mpls"] for row in run.engine.packets()][:3] == ["24001/0/1/64", "24002/0/1/63", "24003/0/1/62"]


def test_the_traffic_class_is_the_ip_precedence() -> None:
    for family, header in ((4, {"tos": 0xB8}), (6, {"traffic_class": 0xB8})):
        run = Run(tunnel("uniform"), node="laptop")
        run.send(echo(SOURCE[family], SERVER[family], ttl=2, **header))
        _, message = run.answer()
        assert stacks(message) == [MplsStack((MplsLabel(24001, 5, True, 1),))]


def test_a_tunnel_may_leave_the_shortest_path_and_the_truth_says_so() -> None:
    builder = chain("short").router("a").router("b").router("c")
    for left, right in pairwise(("near", "a", "b", "c", "far")):
        builder.link(left, right, delay_ms=1)
    world = builder.tunnel("near", "a", "b", "c", "far").world()
    engine = Engine(world)
    assert engine.path("laptop", SERVER[4]) == ["laptop", "near", "a", "b", "c", "far", "server"]
    assert ("near", "a") in engine.paths("laptop", SERVER[4])
    assert ("near", "short") not in engine.paths("laptop", SERVER[4])
    assert engine.path("server", SOURCE[4]) == ["server", "far", "short", "near", "laptop"]
    assert [name for name, _, _ in trace(world, 4, 6)] == ["near", "a", "b", "c", "far", "server"]


def test_a_tunnel_over_a_link_that_is_down_is_not_used() -> None:
    world = tunnel("pipe")
    spare = chain(*INNER).router("q1").router("q2").router("q3").router("q4")
    for left, right in pairwise(("near", "q1", "q2", "q3", "q4", "far")):
        spare.link(left, right, delay_ms=1)
    world = spare.tunnel("near", *INNER, "far", mode="pipe").world()
    next(link for link in world.links if link.name == "p1-p2").down = True
    assert [name for name, _, _ in trace(world, 4, 6)] == ["near", "q1", "q2", "q3", "q4", "far"]


def test_a_router_that_is_off_swallows_the_tunnel() -> None:
    run = Run(tunnel("uniform", {"p2": {"down": True}}), node="laptop")
    run.send(echo(SOURCE[4], SERVER[4]))
    assert run.answers() == []
    assert run.engine.losses() == {"node down": 1}
    assert run.engine.path("laptop", SERVER[4]) == ["laptop", "near", "p1", "p2"]


@FAMILIES
@pytest.mark.parametrize("mode", ["uniform", "pipe"])
def test_too_long_inside_is_told_with_labels_where_the_message_may_have_them(mode: str, family: int) -> None:
    world = tunnel(mode)
    next(link for link in world.links if link.name == "p1-p2").mtu = 1300
    run = Run(world, node="laptop")
    header = {"dont_fragment": True} if family == 4 else {}
    run.send(echo(SOURCE[family], SERVER[family], size=1400, **header))
    _packet, message = run.answer()
    assert (type(message).__name__, message.mtu) == (("DestinationUnreachable", "PacketTooBig")[family == 6], 1300)
    ttl = 63 if mode == "uniform" else 255
    assert stacks(message) == ([MplsStack((MplsLabel(24001, 0, True, ttl),))] if family == 4 else [])


def test_inner_routers_cut_packets_and_label_every_piece() -> None:
    world = tunnel("pipe")
    next(link for link in world.links if link.name == "p1-p2").mtu = 700
    run = Run(world, node="laptop")
    run.send(echo(SOURCE[4], SERVER[4], size=1400))
    assert isinstance(run.answer()[1], icmpv4.EchoReply)
    pieces = [row for row in run.engine.packets() if row["at"] == "p1" and row["link"] == "p1-p2" and row["mpls"]]
    assert [row["mpls"] for row in pieces] == ["24002/0/1/254"] * 3
    assert len({row["number"] for row in pieces}) == 3


@FAMILIES
def test_copies_and_flipped_bits_keep_the_label(family: int) -> None:
    world = tunnel("uniform")
    link = next(each for each in world.links if each.name == "near-p1")
    link.forward.duplicate = link.forward.corrupt = 1.0
    run = Run(world, node="laptop")
    run.send(udp(SOURCE[family], SERVER[family], 7, bytes(100)))
    run.answers()
    assert [row["mpls"] for row in run.engine.packets() if row["at"] == "p1"] == ["24002/0/1/62"] * 2
    assert sum(run.engine.losses().values()) == 2, "both are found out at the end"


def test_scapy_reads_the_label_stack() -> None:
    scapy = pytest.importorskip("scapy.all")
    mpls = pytest.importorskip("scapy.contrib.mpls")
    found = scapy.IP(error_inside())[scapy.ICMP].ext.payload
    label = mpls.MPLS(bytes(found)[4:8])
    assert (found.len, found.classnum, found.classtype) == (8, 1, 1)
    assert (label.label, label.cos, label.s, label.ttl) == (70_001, 3, 1, 1)


def test_tshark_reads_the_label_stack(tmp_path: Path) -> None:
    need("tshark", "tshark")
    file = tmp_path / "error.pcapng"
    file.write_bytes(to_pcapng([(EPOCH, error_inside())]))
    names = ["icmp.mpls.label", "icmp.mpls.exp", "icmp.mpls.s", "icmp.mpls.ttl", "icmp.ext.checksum.status"]
    columns = [word for name in names for word in ("-e", name)]
    output = subprocess.run(
        ["tshark", "-r", file, "-T", "fields", *columns], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert output.strip("\n").split("\t") in (["70001", "3", "1", "1", "1"], ["70001", "3", "True", "1", "1"])


def error_inside() -> bytes:
    """The error about a packet of precedence 3 that expires at the second inner router."""
    run = Run(tunnel("uniform", label=70_000), node="laptop")
    run.send(echo(SOURCE[4], SERVER[4], ttl=3, tos=0x60))
    run.answers()
    return run.inbox[0][1]
