"""What errors of special routers look like: their source, how much they quote, what they tell of an interface."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.internet.complaints import source_towards
from netlab.internet.engine import Engine
from netlab.internet.model import World
from netlab.internet.packet import Packet
from netlab.wire import icmpv4, icmpv6
from netlab.wire.addresses import to_text
from netlab.wire.extensions import InterfaceInformation, MplsLabel, MplsStack
from tests.internet.engine_worlds import Run, echo, tcp, udp
from tests.internet.feature_worlds import SERVER, SOURCE, chain

FAMILIES = pytest.mark.parametrize("family", [4, 6])


def triangle(**mid: Any) -> World:
    """laptop - near - mid - far - server; answers from mid go back over ``around``, as that costs less."""
    builder = chain("mid", mid=mid).router("around")
    builder._data["link"][-2]["backward"] = {"cost": 9}
    return builder.link("mid", "around", delay_ms=1).link("around", "near", delay_ms=1).world()


def addresses(world: World, family: int) -> dict[str, str]:
    """By the name of its link, the address of ``mid`` there."""
    return {each.link_name: to_text(each.addresses[family]) for each in Engine(world).machine("mid").interfaces}


def expired(world: World, family: int, **packet: Any) -> tuple[Any, Any]:
    run = Run(world, node="laptop")
    run.send(echo(SOURCE[family], SERVER[family], ttl=2, **packet))
    return run.answer()


@FAMILIES
def test_linux_answers_from_where_the_answer_leaves(family: int) -> None:
    world = triangle()
    assert expired(world, family)[0].source == addresses(world, family)["mid-around"]


@FAMILIES
def test_others_answer_from_where_the_packet_came(family: int) -> None:
    world = triangle(answers_from="incoming")
    assert expired(world, family)[0].source == addresses(world, family)["near-mid"]


def test_and_some_always_from_one_address() -> None:
    plain = addresses(triangle(), 4)["mid-far"]
    builder = chain("mid").router("around")
    builder._data["node"]["mid"] |= {"address": (f"{plain}/31",), "answers_from": plain}
    builder._data["node"]["far"]["address"] += (str(plain)[:-1] + str(int(plain[-1]) ^ 1) + "/31",)
    world = builder.link("mid", "around", delay_ms=1).world()
    packet, _ = expired(world, 4)
    assert packet.source == plain
    packet, _ = expired(world, 6)
    assert packet.source == addresses(world, 6)["near-mid"], "it has no other family"


@FAMILIES
@pytest.mark.parametrize("answers_from", ["return", "incoming"])
def test_about_its_own_address_every_machine_answers_from_it(family: int, answers_from: str) -> None:
    world = triangle(answers_from=answers_from)
    asked = addresses(world, family)["mid-far"]
    run = Run(world, node="laptop")
    run.send(udp(SOURCE[family], asked, 33434))
    assert run.answer()[0].source == asked


@pytest.mark.parametrize(("family", "address"), [(4, "127.0.0.1"), (6, "::1")])
def test_so_it_is_with_loopback_addresses(family: int, address: str) -> None:
    run = Run(triangle(), node="laptop")
    run.send(udp(address, address, 33434))
    _, (_, packet, message) = run.answers()  # it hears the question, too
    assert (packet.source, packet.destination, message.type) == (address, address, 3 if family == 4 else 1)


def test_no_way_back_is_no_source() -> None:
    engine = Engine(triangle(routes=[{"to": "192.0.2.0/24", "via": "blackhole"}]))
    packet = Packet(echo(SOURCE[4], SERVER[4]), 1)
    assert source_towards(engine.machine("mid"), packet) is None


@FAMILIES
@pytest.mark.parametrize("quotes", [8, 20, 100, None])
def test_so_much_is_quoted(family: int, quotes: int | None) -> None:
    world = chain("mid", mid={} if quotes is None else {"quotes": quotes}).world()
    _, message = expired(world, family, size=200)
    header = 20 if family == 4 else 40
    assert len(message.original) == header + (208 if quotes is None else quotes)


def test_eight_bytes_of_tcp_have_no_checksum() -> None:
    run = Run(chain("mid", mid={"quotes": 8}).world(), node="laptop")
    run.send(tcp(SOURCE[4], SERVER[4], 80, ttl=2))
    _, message = run.answer()
    assert len(message.original) == 28
    assert message.original[20:] == tcp(SOURCE[4], SERVER[4], 80)[20:28]


@FAMILIES
@pytest.mark.parametrize("size", [0, 300])
def test_interface_information_is_that_of_the_incoming_link(family: int, size: int) -> None:
    world = chain("mid", mid={"interface_information": True}).world()
    world.links[2].mtu = 1400
    assert world.links[2].name == "near-mid"
    _, message = expired(world, family, size=size)
    expected = InterfaceInformation(0, 1, addresses(world, family)["near-mid"], "near-mid", 1400)
    assert message.extensions == (expected,)
    whole = (28 if family == 4 else 48) + size
    assert len(message.original) == min(128, whole)


def test_a_long_name_is_cut() -> None:
    world = chain("mid", mid={"interface_information": True}).world()
    world.links[2].name = "é" * 40
    _, message = expired(world, 4)
    assert message.extensions[0].name == "é" * 31


@FAMILIES
def test_messages_that_may_have_no_extensions_have_none(family: int) -> None:
    world = chain("mid", mid={"interface_information": True}).world()
    world.links[3].mtu = 1300
    run = Run(world, node="laptop")
    header = {"dont_fragment": True} if family == 4 else {}
    run.send(echo(SOURCE[family], SERVER[family], size=1400, **header))
    _, message = run.answer()
    if family == 4:
        assert isinstance(message, icmpv4.DestinationUnreachable) and len(message.extensions) == 1
        assert message.mtu == 1300
    else:
        assert isinstance(message, icmpv6.PacketTooBig) and len(message.original) == 1280 - 48


@FAMILIES
def test_labels_and_interface_stand_in_one_error(family: int) -> None:
    builder = chain("mid", mid={"interface_information": True, "quotes": 8})
    world = builder.tunnel("near", "mid", "far").world()
    _, message = expired(world, family)
    labels, interface = message.extensions
    assert labels == MplsStack((MplsLabel(24_001, 0, True, 1),))
    assert interface.name == "near-mid"
    quoted = 28 if family == 4 else 48
    assert message.original[:quoted] == echo(SOURCE[family], SERVER[family], ttl=1)[:quoted]
    assert not any(message.original[quoted:]), "the quote is filled up with zeros"
