"""Source NAT: addresses, ports and identifiers there and back, quotes of errors, fragments, and who may not come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from netlab.internet.engine import Engine
from netlab.internet.model import Nat, World
from netlab.internet.nat import RANGES, Translator
from netlab.internet.packet import Packet
from netlab.wire import icmpv4
from netlab.wire.addresses import to_packed
from netlab.wire.packet import parse, transport
from netlab.wire.udp import UDP
from tests.internet.engine_worlds import SECOND, Run, echo, icmp, ip, module, tcp, udp
from tests.internet.feature_worlds import SERVER, SOURCE, home, home6

FAMILIES = pytest.mark.parametrize("family", [4, 6])
OUTSIDE = {4: "198.51.100.2", 6: "2001:db8:1::2"}
TABLET = {4: "192.0.2.11", 6: "2001:db8:a::11"}

Make = Callable[..., bytes]


def world_of(family: int, **nat: Any) -> World:
    return home(**nat) if family == 4 else home6()


def ping(source: str, destination: str, **header: Any) -> bytes:
    return echo(source, destination, size=30, **header)


def closed(source: str, destination: str, **header: Any) -> bytes:
    return udp(source, destination, 33434, **header)


def web(source: str, destination: str, **header: Any) -> bytes:
    return tcp(source, destination, 80, **header)


MAKES = pytest.mark.parametrize("make", [ping, closed, web])


def seen(run: Run, node: str) -> list[Any]:
    """The packets of the capture at a node."""
    return [parse(row["data"]) for row in run.engine.packets(node=node)]


@FAMILIES
@MAKES
def test_the_world_sees_one_address_and_every_checksum_is_right(family: int, make: Make) -> None:
    run = Run(world_of(family), node="laptop")
    run.send(make(SOURCE[family], SERVER[family]))
    packet, message = run.answer()
    assert (packet.source, packet.destination) == (SERVER[family], SOURCE[family])
    assert message.checksum is None
    for outside in seen(run, "isp"):
        assert OUTSIDE[family] in (outside.source, outside.destination)
        assert SOURCE[family] not in (outside.source, outside.destination)
        assert transport(outside).checksum is None


@pytest.mark.parametrize("make", [ping, closed, web])
def test_scapy_computes_the_same_checksums(make: Make) -> None:
    scapy = pytest.importorskip("scapy.all")
    run = Run(home(), node="laptop")
    run.send(make(SOURCE[4], SERVER[4], ttl=4))
    assert len(run.answers()) == 1
    for row in run.engine.packets():
        read = scapy.IP(row["data"])
        fresh = read.copy()
        for layer in (scapy.IP, scapy.ICMP, scapy.UDP, scapy.TCP):
            if layer in fresh:
                del fresh[layer].chksum
        assert bytes(scapy.IP(bytes(fresh))) == row["data"], row["summary"]


@FAMILIES
@MAKES
@pytest.mark.parametrize("ttl", [1, 2, 3])
def test_errors_quote_inside_what_was_sent_inside(family: int, make: Make, ttl: int) -> None:
    """Hops before and behind the translator look alike: as on Linux, a student sees nothing."""
    run = Run(world_of(family), node="laptop")
    sent = make(SOURCE[family], SERVER[family], ttl=ttl)
    run.send(sent)
    packet, message = run.answer()
    assert packet.destination == SOURCE[family] and message.checksum is None
    assert message.original == Packet(sent, 0).at(1)


@MAKES
def test_the_quote_is_another_outside(make: Make) -> None:
    run = Run(home(), node="laptop")
    run.send(make(SOURCE[4], SERVER[4], ttl=3))
    run.answers()
    (error,) = [transport(each) for each in seen(run, "isp") if each.destination == OUTSIDE[4]]
    quoted = parse(error.original)
    assert quoted.source == OUTSIDE[4] and quoted.checksum is None


@MAKES
def test_a_nat_that_does_not_fix_quotes_is_found_out(make: Make) -> None:
    for ttl, source in ((1, SOURCE[4]), (2, OUTSIDE[4]), (3, OUTSIDE[4])):
        run = Run(home(fix_quotes=False), node="laptop")
        sent = make(SOURCE[4], SERVER[4], ttl=ttl)
        run.send(sent)
        packet, message = run.answer()
        assert packet.destination == SOURCE[4] and message.checksum is None
        assert parse(message.original).source == source
        checksum = {ping: 22, closed: 26, web: 36}[make]
        changed = message.original[checksum : checksum + 2] != sent[checksum : checksum + 2]
        assert changed == (ttl > 1 and make is not ping), "an echo request has no address in its checksum"


@FAMILIES
@MAKES
def test_two_hosts_that_use_one_port_get_two(family: int, make: Make) -> None:
    run = Run(world_of(family), node="laptop")
    other = run.engine.listen("tablet")
    run.send(make(SOURCE[family], SERVER[family]))
    assert run.engine.inject("tablet", make(TABLET[family], SERVER[family])) == ""
    packet, message = run.answer()
    ((_, raw),) = other
    assert parse(raw).destination == TABLET[family]
    theirs = transport(parse(raw))
    field = {ping: "identifier", web: "destination_port"}.get(make)
    if field:
        assert getattr(message, field) == getattr(theirs, field), "inside, both have the port they chose"
        requests = [transport(each) for each in seen(run, "isp") if each.source == OUTSIDE[family]]
        own = {ping: "identifier", web: "source_port"}[make]
        assert len({getattr(each, own) for each in requests}) == 2, "outside, they differ"
    assert packet.destination == SOURCE[family]


def test_ports_of_different_destinations_are_kept() -> None:
    translator = Translator(Nat("192.0.2.0/24", OUTSIDE[4]), 1, "home")
    for source, destination in ((SOURCE[4], SERVER[4]), (TABLET[4], "203.0.113.81")):
        changed = translator.outward(Packet(udp(source, destination, 53), 0))
        assert changed is not None and transport(parse(changed.raw)).source_port == 40000


@pytest.mark.parametrize(("wanted", "low", "high"), [(80, *RANGES[0]), (700, *RANGES[1]), (5000, *RANGES[2])])
def test_a_port_is_replaced_by_one_of_its_range(wanted: int, low: int, high: int) -> None:
    translator = Translator(Nat("192.0.2.0/24", OUTSIDE[4]), 1, "home")
    ports = set()
    for host in range(2, 60):
        here = f"192.0.2.{host}"
        raw = ip(here, SERVER[4], 17, UDP(wanted, 53, b"x").to_bytes(here, SERVER[4]))
        changed = translator.outward(Packet(raw, 0))
        assert changed is not None
        ports.add(transport(parse(changed.raw)).source_port)
    assert len(ports) == 58 and wanted in ports
    assert min(ports) >= low and max(ports) <= high


def test_when_all_ports_are_lent_the_next_flow_is_dropped() -> None:
    world = home()
    run = Run(world, node="laptop")
    translator = run.engine.machine("home").translator
    assert translator is not None
    for port in range(600, 1024):
        for host in ("192.0.2.11", "192.0.2.12"):
            raw = ip(host, SERVER[4], 17, UDP(port, 53, b"x").to_bytes(host, SERVER[4]))
            translator.outward(Packet(raw, 0))
    here = SOURCE[4]
    run.send(ip(here, SERVER[4], 17, UDP(700, 53, b"x").to_bytes(here, SERVER[4])))
    assert run.answers() == []
    assert run.engine.losses() == {"no free port": 1}


def test_nobody_comes_in_uncalled() -> None:
    run = Run(home(), node="server")
    run.send(echo(SERVER[4], SOURCE[4]))
    packet, message = run.answer()
    assert (packet.source, message.type, message.code) == ("203.0.113.1", 3, 0), "nobody outside knows the way inside"
    run = Run(home(), node="server")
    run.send(echo(SERVER[4], OUTSIDE[4]))
    packet, message = run.answer()
    assert (packet.source, type(message)) == (OUTSIDE[4], icmpv4.EchoReply), "its own address, it answers itself"
    run = Run(home(), node="server")
    run.send(udp(SERVER[4], OUTSIDE[4], 40000))
    assert run.answer()[0].source == OUTSIDE[4]


def test_only_the_remote_port_that_was_written_to_comes_back() -> None:
    run = Run(home(), node="laptop")
    run.send(udp(SOURCE[4], SERVER[4], 7))
    run.answers(SECOND)
    for second, (port, count) in enumerate(((8, 0), (7, 1)), 2):
        run.inbox.clear()
        raw = ip(SERVER[4], OUTSIDE[4], 17, UDP(port, 40000, b"x").to_bytes(SERVER[4], OUTSIDE[4]))
        run.engine.inject("server", raw)
        assert len(run.answers(second * SECOND)) == count


@FAMILIES
def test_errors_from_inside_about_answers_from_outside(family: int) -> None:
    """The laptop's port is closed when the answer comes: the server hears of it from the outside address."""
    run = Run(world_of(family), node="laptop")
    outside = run.engine.listen("server")
    run.send(udp(SOURCE[family], SERVER[family], 7))
    run.engine.advance(10**10)
    _, (_, raw) = outside
    packet, message = parse(raw), transport(parse(raw))
    assert packet.source == OUTSIDE[family] and message.checksum is None
    assert message.type == (3 if family == 4 else 1)
    assert parse(message.original).destination == OUTSIDE[family]


@FAMILIES
@pytest.mark.parametrize("ttl", [2, 64])
def test_fragments_are_put_together_and_cut_as_they_came(family: int, ttl: int) -> None:
    here, there = SOURCE[family], SERVER[family]
    run = Run(world_of(family), node="laptop")
    run.send(icmp(here, there, module(there).EchoRequest(7, 1, bytes(3000)), ttl=ttl))
    _packet, message = run.answer()
    if ttl == 2:
        assert message.type == (11 if family == 4 else 3)
        assert Packet(message.original, 0).source == to_packed(here)
        return
    assert message == module(there).EchoReply(7, 1, bytes(3000))
    sizes = [
        [len(row["data"]) for row in run.engine.packets(node=node) if row["action"] in ("sent", "forwarded")]
        for node in ("laptop", "isp")
    ]
    assert sizes[1][:3] == sizes[0], "outside as inside"
    assert max(sizes[1]) <= 1500


def test_an_incomplete_datagram_ends_at_the_router_without_a_word() -> None:
    run = Run(home(), node="laptop")
    raw = ip(SOURCE[4], SERVER[4], 17, bytes(64), more_fragments=True)
    run.send(raw)
    assert run.answers() == []
    assert run.engine.losses() == {"reassembly time exceeded": 1}


@FAMILIES
def test_other_protocols_have_addresses_only(family: int) -> None:
    run = Run(world_of(family), node="laptop")
    sent = ip(SOURCE[family], SERVER[family], 132, b"12345678")
    run.send(sent)
    _, message = run.answer()
    assert (message.type, message.code) == ((3, 2) if family == 4 else (4, 1))
    assert parse(message.original).source == SOURCE[family]
    other = [(Packet(sent, 0), Packet(ip(TABLET[family], SERVER[family], 132, b"12345678"), 0))]
    translator = Run(world_of(family), node="laptop").engine.machine("home").translator
    assert translator is not None
    assert translator.outward(other[0][0]) and translator.outward(other[0][1]) is None, "there is no port to tell them"


def test_inside_of_the_network_nothing_is_translated() -> None:
    run = Run(home(), node="laptop")
    run.send(echo(SOURCE[4], TABLET[4]))
    assert run.answer()[0].source == TABLET[4]
    assert [each.source for each in seen(run, "tablet")] == [SOURCE[4], TABLET[4]]
    run = Run(home(), node="laptop")
    run.send(echo(SOURCE[4], "192.0.2.1"))
    run.send(echo(SOURCE[4], OUTSIDE[4]))
    assert [packet.source for _, packet, _ in run.answers()] == ["192.0.2.1", OUTSIDE[4]]


def test_the_other_family_is_routed_as_ever() -> None:
    run = Run(home(), node="laptop")
    run.send(echo(SOURCE[6], SERVER[6]))
    run.answers()
    assert {each.source for each in seen(run, "isp")} == {SOURCE[6], SERVER[6]}


def test_errors_with_a_wrong_checksum_or_too_short_a_quote_are_for_the_router() -> None:
    engine = Engine(home())
    outside = engine.machine("home").translator
    assert outside is not None
    flow = outside.outward(Packet(udp(SOURCE[4], SERVER[4], 9), 0))
    assert flow is not None
    good = icmp(SERVER[4], OUTSIDE[4], icmpv4.DestinationUnreachable(3, flow.raw))
    assert outside.inward(Packet(good, 0)) is not None
    for bad in (
        icmp(SERVER[4], OUTSIDE[4], icmpv4.DestinationUnreachable(3, flow.raw, checksum=1)),
        icmp(SERVER[4], OUTSIDE[4], icmpv4.DestinationUnreachable(3, flow.raw[:27])),
        icmp(SERVER[4], OUTSIDE[4], icmpv4.DestinationUnreachable(3, b"")),
        icmp(SERVER[4], OUTSIDE[4], icmpv4.DestinationUnreachable(3, udp(OUTSIDE[4], SERVER[4], 10))),
    ):
        assert outside.inward(Packet(bad, 0)) is None
