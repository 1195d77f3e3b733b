"""One end of a link: its order of things, its MTU, and what the capture says about it."""

from __future__ import annotations

from netlab.internet.model import Direction
from tests.internet.engine_worlds import FOREVER, MS, Run, echo, line, udp


def test_a_link_that_only_delays_is_plain_and_others_are_not() -> None:
    world = line("a", "r1", "r2", "b", r1_r2={"forward": Direction(delay=MS, rate=10**6)}, r2_b={"down": True})
    engine = Run(world).engine
    plain = [each.plain for machine in engine.machines.values() for each in machine.interfaces]
    assert plain == [True, True, False, True, False, False]


def test_both_ways_are_separate() -> None:
    run = Run(line("a", "r", "b", a_r={"forward": Direction(delay=3), "backward": Direction(delay=5, loss=1.0)}))
    run.send(echo("10.0.0.1", "10.0.1.2"))
    assert run.answers() == []
    assert run.engine.losses() == {"lost on the link": 1}
    times = [row["propagation_ms"] for row in run.engine.truth()]
    assert times == [3e-6, 1.0]


def test_ipv6_is_never_refused_below_1280_bytes() -> None:
    """RFC 8200 section 5: such a link cuts and joins IPv6 packets below IP."""
    run = Run(line("a", "r", "b", r_b={"mtu": 600}))
    run.send(echo("2001:db8::1", "2001:db8:1::2", size=1280 - 48))
    run.send(echo("2001:db8::1", "2001:db8:1::2", 2, size=1281 - 48))
    kinds = sorted(type(message).__name__ for _, _, message in run.answers())
    assert kinds == ["EchoReply", "PacketTooBig"]


def test_interface_mtu_counts_the_whole_ip_packet() -> None:
    run = Run(line("a", "r", "b", r_b={"mtu": 1000}))
    run.send(echo("10.0.0.1", "10.0.1.2", 1, size=972, dont_fragment=True))
    run.send(echo("10.0.0.1", "10.0.1.2", 2, size=973, dont_fragment=True))
    assert [message.type for _, _, message in run.answers()] == [3, 0]


def test_black_hole_drops_what_is_too_long_and_says_nothing() -> None:
    run = Run(line("a", "r", "b", r={"hides_too_big": True}, r_b={"mtu": 1280}))
    run.send(echo("10.0.0.1", "10.0.1.2", 1, size=1400, dont_fragment=True))
    run.send(echo("2001:db8::1", "2001:db8:1::2", 2, size=1400))
    run.send(echo("10.0.0.1", "10.0.1.2", 3, size=1400))  # may be cut: not too long
    assert [message.sequence for _, _, message in run.answers()] == [3]
    assert run.engine.losses() == {"MTU black hole": 2}


def test_queue_and_jitter_together_keep_the_order() -> None:
    run = Run(line("a", "r", "b", a_r={"rate": 1_000_000, "jitter": 20 * MS}, b={"silent": True}))
    box = run.engine.listen("b")
    for n in range(200):
        run.send(udp("10.0.0.1", "10.0.1.2", 9, n.to_bytes(2, "big")))
    run.engine.advance(FOREVER)
    assert [int.from_bytes(packet[28:30], "big") for _, packet in box] == list(range(200))
    rows = [row for row in run.engine.truth() if row["link"] == "a-r"]
    assert all(row["jitter_ms"] >= 0 and row["queueing_ms"] >= 0 for row in rows)


def test_a_link_that_is_down_drops_what_background_or_fixed_routes_put_on_it() -> None:
    run = Run(line("a", "r", "b", r_b={"down": True}))
    run.engine.machine("r").table[b"\x0a\0\1\2"] = run.engine.machine("r").interfaces[1]
    run.send(echo("10.0.0.1", "10.0.1.2"))
    assert run.answers() == []
    assert run.engine.losses() == {"link down": 1}
