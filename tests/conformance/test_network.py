"""What holds on every network: the virtual one, the lab, and the live one with and without privilege.

The same code runs on all of them, over IPv4 and IPv6; the world is ``world.toml``:

    laptop ── r1 ── r2 ──(MTU 1400)── r3 ── server
"""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab import wire
from netlab.errors import NameNotFound, NetlabError, NetworkError
from netlab.network.base import Arrival, Network
from tests.conformance.bench import SECOND, Bench, message, quoted, source, tos, ttl
from tests.support.tools import need_module

pytestmark = pytest.mark.network

# ── what it is ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_has_every_part_of_the_protocol(bench: Bench) -> None:
    assert isinstance(bench.network, Network)
    assert bench.network.name
    assert isinstance(bench.network.virtual, bool)


def test_the_epoch_is_wall_clock_time(bench: Bench) -> None:
    wall = bench.network.epoch + bench.network.now()
    assert 2020 < 1970 + wall / SECOND / 31_556_952 < 2200


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_resolves_to_the_addresses_of_the_family(bench: Bench) -> None:
    assert bench.network.resolve("server", bench.family) == [bench.truth.server, bench.truth.second]


def test_a_name_without_a_family_resolves_to_all_addresses(bench: Bench) -> None:
    assert bench.truth.server in bench.network.resolve("server")
    assert len(bench.network.resolve("server")) == 4


def test_an_address_resolves_to_itself(bench: Bench) -> None:
    assert bench.network.resolve(bench.truth.server) == [bench.truth.server]
    assert bench.network.resolve(bench.truth.server, bench.family) == [bench.truth.server]


def test_an_unknown_name_is_not_found(bench: Bench) -> None:
    with pytest.raises(NameNotFound, match="nobody"):
        bench.network.resolve("nobody.invalid")


def test_an_address_of_the_other_family_is_not_found(bench: Bench) -> None:
    with pytest.raises(NameNotFound):
        bench.network.resolve(bench.truth.server, 6 if bench.family == 4 else 4)


def test_an_address_has_its_name(bench: Bench) -> None:
    assert bench.network.reverse(bench.truth.server) == "server.conformance.example"


def test_an_address_without_a_name_has_an_empty_one(bench: Bench) -> None:
    assert bench.network.reverse(bench.truth.nowhere) == ""


def test_the_source_is_our_address_towards_the_destination(bench: Bench) -> None:
    assert bench.network.source_for(bench.truth.server) == bench.truth.laptop


def test_an_own_source_is_kept(bench: Bench) -> None:
    assert bench.network.source_for(bench.truth.server, bench.truth.laptop) == bench.truth.laptop


def test_the_address_of_nobody_is_no_source(bench: Bench) -> None:
    with pytest.raises(NetworkError):
        bench.network.source_for(bench.truth.server, bench.truth.nowhere)


def test_a_source_of_the_other_family_is_an_error(bench: Bench) -> None:
    with pytest.raises(NetlabError):
        bench.network.source_for(bench.truth.server, "2001:db8:1::10" if bench.family == 4 else "192.0.2.10")


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_an_identifier_fits_its_field(bench: Bench, protocol: str) -> None:
    assert 1 <= bench.network.identifier(protocol, bench.family) <= 65535  # type: ignore[arg-type]


# ── echo ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_echo_is_answered_by_its_destination(bench: Bench) -> None:
    identifier = bench.network.identifier("icmp", bench.family)
    answer = bench.ask(bench.echo(7, b"hello", identifier))
    assert source(answer) == bench.truth.server
    reply = message(answer.packet)
    assert isinstance(reply, wire.icmpv4.EchoReply | wire.icmpv6.EchoReply)
    assert (reply.identifier, reply.sequence, reply.payload) == (identifier, 7, b"hello")


def test_the_answer_is_addressed_to_us(bench: Bench) -> None:
    assert wire.parse(bench.ask(bench.echo()).packet).destination == bench.truth.laptop


@pytest.mark.parametrize("size", [0, 1, 8, 56, 255, 1000, 1352])
def test_a_payload_comes_back_as_it_was(bench: Bench, size: int) -> None:
    payload = bytes(index * 7 & 0xFF for index in range(size))
    assert message(bench.ask(bench.echo(1, payload)).packet).payload == payload


@pytest.mark.parametrize("size", [1400, 1472, 3000, 20_000])
def test_a_packet_longer_than_the_mtu_gets_through_in_fragments(bench: Bench, size: int) -> None:
    payload = bytes(index * 5 & 0xFF for index in range(size))
    identifier = bench.network.identifier("icmp", bench.family)
    replies: list[object] = []
    sequence = 0
    while not replies and sequence < 5:  # IPv6: the first packets there and back may be lost, and find the path MTU
        sequence += 1
        bench.send(bench.echo(sequence, payload, identifier))
        # Each fragment that was too long has an error of its own: take them all before the next try.
        while not replies and (answers := bench.answers(1, SECOND // 4)):
            found = [message(answer.packet) for answer in answers]
            replies = [reply for reply in found if isinstance(reply, wire.icmpv4.EchoReply | wire.icmpv6.EchoReply)]
    assert [getattr(reply, "payload", None) for reply in replies] == [payload]


def test_the_type_of_service_is_kept(bench: Bench) -> None:
    answer = bench.ask(bench.echo(tos=0xB8))
    assert tos(answer.packet) == 0xB8


def test_the_ttl_of_the_answer_counts_the_way_back(bench: Bench) -> None:
    assert ttl(bench.ask(bench.echo()).packet) == 64 - 3


def test_the_machine_itself_answers(bench: Bench) -> None:
    answer = bench.ask(bench.echo(destination=bench.truth.laptop))
    assert source(answer) == bench.truth.laptop
    assert ttl(answer.packet) == 64


def test_a_router_answers_echo_too(bench: Bench) -> None:
    assert source(bench.ask(bench.echo(destination=bench.truth.routers[1]))) == bench.truth.routers[1]


def test_many_in_flight_are_all_answered_once(bench: Bench) -> None:
    identifier = bench.network.identifier("icmp", bench.family)
    answers: list[Arrival] = []
    for sequence in range(1, 201):
        bench.send(bench.echo(sequence, b"%06d" % sequence, identifier))
        if sequence % 8 == 0:
            answers += bench.answers(200, within=0)
    answers += bench.answers(200 - len(answers))
    assert sorted(message(answer.packet).sequence for answer in answers) == list(range(1, 201))


def test_two_destinations_are_told_apart(bench: Bench) -> None:
    identifier = bench.network.identifier("icmp", bench.family)
    bench.send(bench.echo(1, identifier=identifier))
    bench.send(bench.echo(2, identifier=identifier, destination=bench.truth.second))
    found = {message(answer.packet).sequence: source(answer) for answer in bench.answers(2)}
    assert found == {1: bench.truth.server, 2: bench.truth.second}


# ── the TTL ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hop", [1, 2, 3])
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_each_router_says_that_the_ttl_is_used_up(bench: Bench, protocol: str, hop: int) -> None:
    packets = {
        "icmp": lambda: bench.echo(hop, ttl=hop),
        "udp": lambda: bench.udp(33434, ttl=hop),
        "tcp": lambda: bench.syn(80, ttl=hop),
    }
    answer = bench.ask(packets[protocol]())
    assert source(answer) == bench.truth.routers[hop - 1]
    assert isinstance(message(answer.packet), wire.icmpv4.TimeExceeded | wire.icmpv6.TimeExceeded)
    assert message(answer.packet).code == 0


def test_a_ttl_that_is_just_enough_reaches_the_destination(bench: Bench) -> None:
    assert source(bench.ask(bench.echo(ttl=4))) == bench.truth.server


def test_all_ttls_at_once_find_all_hops(bench: Bench) -> None:
    identifier = bench.network.identifier("icmp", bench.family)
    for hop in (1, 2, 3, 4):
        bench.send(bench.echo(hop, identifier=identifier, ttl=hop))
    assert [source(answer) for answer in bench.answers(4)] == [*bench.truth.routers, bench.truth.server]


def test_the_ttl_of_a_routers_answer_counts_the_way_back(bench: Bench) -> None:
    assert [ttl(bench.ask(bench.echo(hop, ttl=hop)).packet) for hop in (1, 2, 3)] == [64, 63, 62]


def test_an_error_quotes_the_echo_request(bench: Bench) -> None:
    identifier = bench.network.identifier("icmp", bench.family)
    header, rest = quoted(bench.ask(bench.echo(77, b"in the quote", identifier, ttl=2)))
    assert (header.source, header.destination) == (bench.truth.laptop, bench.truth.server)
    assert rest[0] == (8 if bench.family == 4 else 128)
    assert int.from_bytes(rest[4:6], "big") == identifier
    assert int.from_bytes(rest[6:8], "big") == 77
    assert rest[8:].startswith(b"in the quote")


def test_an_error_quotes_the_ports_and_the_checksum_of_udp(bench: Bench) -> None:
    port = bench.network.identifier("udp", bench.family)
    packet = bench.udp(40_000, b"in the quote", port, ttl=2)
    _, rest = quoted(bench.ask(packet))
    assert rest[:8] == packet[-20:-12]
    assert rest[8:].startswith(b"in the quote")


def test_udp_probes_to_one_port_are_told_apart_by_their_quotes(bench: Bench) -> None:
    port = bench.network.identifier("udp", bench.family)
    packets = [bench.udp(40_000, b"probe %d" % hop, port, ttl=hop) for hop in (1, 2, 3)]
    for packet in packets:
        bench.send(packet)
    found = {source(answer): quoted(answer)[1][:8] for answer in bench.answers(3)}
    assert found == {router: packet[-15:-7] for router, packet in zip(bench.truth.routers, packets)}


def test_an_error_quotes_the_ports_and_the_sequence_number_of_tcp(bench: Bench) -> None:
    port = bench.network.identifier("tcp", bench.family)
    _, rest = quoted(bench.ask(bench.syn(80, 123_456_789, port, ttl=2)))
    syn = wire.TCP.parse(rest, "", "", quoted=True)
    assert (syn.source_port, syn.destination_port, syn.sequence) == (port, 80, 123_456_789)


def test_the_quoted_ttl_is_used_up(bench: Bench) -> None:
    header, _ = quoted(bench.ask(bench.echo(ttl=2)))
    assert (header.ttl if isinstance(header, wire.IPv4) else header.hop_limit) == 1


def test_the_flow_label_and_the_type_of_service_arrive(bench: Bench) -> None:
    header, _ = quoted(bench.ask(bench.echo(ttl=3, tos=0x28, flow_label=0x12345)))
    if isinstance(header, wire.IPv4):
        assert header.tos == 0x28
    else:
        assert (header.traffic_class, header.flow_label) == (0x28, 0x12345)


# ── UDP and TCP ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_closed_udp_port_is_unreachable(bench: Bench) -> None:
    answer = bench.ask(bench.udp(33434))
    assert source(answer) == bench.truth.server
    error = message(answer.packet)
    assert isinstance(error, wire.icmpv4.DestinationUnreachable | wire.icmpv6.DestinationUnreachable)
    assert error.code == (3 if bench.family == 4 else 4)


def test_a_udp_service_answers(bench: Bench) -> None:
    port = bench.network.identifier("udp", bench.family)
    answer = bench.ask(bench.udp(7, b"echo this", port))
    assert source(answer) == bench.truth.server
    datagram = message(answer.packet)
    assert (datagram.source_port, datagram.destination_port, datagram.payload) == (7, port, b"echo this")


def test_many_closed_udp_ports_all_answer(bench: Bench) -> None:
    """An answer that has come in must not keep the next packet from being sent."""
    port = bench.network.identifier("udp", bench.family)
    for number in range(40):
        bench.send(bench.udp(34_000 + number, b"", port))
    ports = [int.from_bytes(quoted(answer)[1][2:4], "big") for answer in bench.answers(40)]
    assert sorted(ports) == list(range(34_000, 34_040))


def test_two_source_ports_are_kept_apart(bench: Bench) -> None:
    first = bench.network.identifier("udp", bench.family)
    second = first - 1 if first > 50_000 else first + 1
    for port in (first, second):
        bench.send(bench.udp(33434, b"%d" % port, port))
    found = {int.from_bytes(quoted(answer)[1][:2], "big") for answer in bench.answers(2)}
    assert found == {first, second}


def test_an_open_tcp_port_accepts(bench: Bench) -> None:
    port = bench.network.identifier("tcp", bench.family)
    answer = bench.ask(bench.syn(80, 5000, port))
    assert source(answer) == bench.truth.server
    segment = message(answer.packet)
    assert segment.flags == wire.TCP.SYN | wire.TCP.ACK
    assert (segment.source_port, segment.destination_port, segment.acknowledgment) == (80, port, 5001)


def test_a_closed_tcp_port_resets(bench: Bench) -> None:
    port = bench.network.identifier("tcp", bench.family)
    segment = message(bench.ask(bench.syn(81, 5000, port)).packet)
    assert segment.flags == wire.TCP.RST | wire.TCP.ACK
    assert (segment.source_port, segment.destination_port, segment.acknowledgment) == (81, port, 5001)


def test_many_syns_to_one_port_are_all_answered(bench: Bench) -> None:
    """Also by those systems that must open a connection for each, and cannot use one source port for all."""
    port = bench.network.identifier("tcp", bench.family)
    for ttl_of_probe in (1, 2, 3, 4, 5, 6):
        bench.send(bench.syn(81, ttl_of_probe, port, ttl=ttl_of_probe))
    found = [source(answer) for answer in bench.answers(6)]
    assert sorted(found) == sorted([*bench.truth.routers, *[bench.truth.server] * 3])


# ── what does not arrive ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_unreachable_route_says_so(bench: Bench) -> None:
    answer = bench.ask(bench.echo(destination=bench.truth.unreachable))
    assert source(answer) == bench.truth.routers[1]
    error = message(answer.packet)
    assert isinstance(error, wire.icmpv4.DestinationUnreachable | wire.icmpv6.DestinationUnreachable)
    assert error.code in ((1,) if bench.family == 4 else (0, 6))  # Linux says "no route", RFC 4443 "reject route"


def test_a_prohibiting_route_says_so(bench: Bench) -> None:
    answer = bench.ask(bench.udp(33434, destination=bench.truth.prohibited))
    assert source(answer) == bench.truth.routers[1]
    assert message(answer.packet).code == (13 if bench.family == 4 else 1)


def test_a_router_without_a_route_says_so(bench: Bench) -> None:
    answer = bench.ask(bench.syn(80, destination=bench.truth.nowhere))
    assert source(answer) == bench.truth.routers[0]
    error = message(answer.packet)
    assert isinstance(error, wire.icmpv4.DestinationUnreachable | wire.icmpv6.DestinationUnreachable)
    assert error.code == 0


def test_a_blackhole_is_silent(bench: Bench) -> None:
    bench.send(bench.echo(destination=bench.truth.blackhole))
    assert bench.silence() == []


def test_a_packet_too_long_for_the_path_comes_back_with_the_mtu(bench: Bench) -> None:
    """IPv4 with DF; in IPv6 routers never fragment."""
    size = 1500 - (28 if bench.family == 4 else 48)
    answer = bench.ask(bench.echo(1, bytes(size), destination=bench.truth.second, dont_fragment=True))
    assert source(answer) == bench.truth.routers[1]
    error = message(answer.packet)
    assert isinstance(error, wire.icmpv6.PacketTooBig) or (error.type, error.code) == (3, 4)
    assert error.mtu == 1400


def test_a_packet_longer_than_the_first_link_is_refused_if_it_says_that_it_may_not_be_cut(bench: Bench) -> None:
    packet = bench.echo(1, bytes(1473), dont_fragment=True)
    if bench.family == 6:  # it has no way to say so
        bench.send(packet)
    else:
        refused = bench.refuse(packet)
        assert (refused.reason, refused.mtu) == ("message too long", 1500)


def test_bytes_that_are_no_packet_are_refused(bench: Bench) -> None:
    assert bench.refuse(b"not a packet").reason.startswith("invalid argument")
    assert bench.refuse(b"").reason.startswith("invalid argument")


def test_a_refused_packet_does_not_disturb_the_next(bench: Bench) -> None:
    identifier = bench.network.identifier("icmp", bench.family)
    bench.refuse(b"not a packet")
    assert message(bench.ask(bench.echo(3, identifier=identifier)).packet).sequence == 3


# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_numbers_of_packets_are_all_different(bench: Bench) -> None:
    numbers = [bench.send(bench.echo(sequence)).number for sequence in range(1, 6)]
    numbers += [bench.send(bench.udp(33434)).number, bench.send(bench.syn(80)).number]
    assert len(set(numbers)) == 7


def test_the_packet_as_it_left_is_told(bench: Bench) -> None:
    packet = bench.echo(9, b"as it left", ttl=33, tos=0x10)
    sent = bench.send(packet).packet
    assert len(sent) == len(packet)
    assert (ttl(sent), tos(sent)) == (33, 0x10)
    assert source(sent) == bench.truth.laptop
    request = message(sent)
    assert (request.sequence, request.payload) == (9, b"as it left")


def test_the_identifier_that_was_asked_for_is_the_one_that_leaves(bench: Bench) -> None:
    identifier = bench.network.identifier("icmp", bench.family)
    assert message(bench.send(bench.echo(1, identifier=identifier)).packet).identifier == identifier


def test_stamps_are_about_packets_that_were_sent(bench: Bench) -> None:
    sent = {}
    for sequence in (1, 2, 3):
        one = bench.send(bench.echo(sequence))
        sent[one.number] = one
    bench.answers(3)
    bench.silence()
    for stamp in bench.stamps:
        left = stamp.at - bench.network.epoch - sent[stamp.number].at
        assert -SECOND < left < SECOND


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_clock_never_goes_back(bench: Bench) -> None:
    times = [bench.network.now()]
    for sequence in range(1, 11):
        bench.ask(bench.echo(sequence))
        times.append(bench.network.now())
    assert times == sorted(times)


def test_an_answer_comes_after_its_question(bench: Bench) -> None:
    before = bench.network.now()
    sent = bench.send(bench.echo())
    (answer,) = bench.answers(1)
    assert before <= sent.at < answer.at <= bench.network.now()


def test_waiting_ends_in_time(bench: Bench) -> None:
    until = bench.network.now() + 20_000_000
    assert bench.network.receive(until) is None
    late = bench.network.now() - until
    assert 0 <= late < SECOND / 2
    assert late == 0 or not bench.network.virtual


def test_a_wait_until_now_does_not_wait(bench: Bench) -> None:
    now = bench.network.now()
    assert bench.network.receive(now) is None
    assert bench.network.receive(now - SECOND) is None
    assert bench.network.now() - now < SECOND / 2


def test_an_answer_that_is_there_is_given_without_waiting(bench: Bench) -> None:
    bench.send(bench.echo(1))
    bench.send(bench.echo(2))
    assert len(bench.answers(1)) == 1
    bench.network.receive(bench.network.now() + 10_000_000)
    assert bench.answers(2, within=0) == []


# ── what was seen ────────────────────────────────────────────────────────────────────────────────────────────────


def test_packets_sent_and_delivered_are_listed(bench: Bench) -> None:
    mark = b"in the list of IPv%d" % bench.family
    bench.ask(bench.echo(5, mark))
    rows = [row for row in bench.network.packets() if row["data"].endswith(mark)]
    assert {row["action"] for row in rows} >= {"sent", "delivered"}
    sent = next(row for row in rows if row["action"] == "sent")
    assert (sent["source"], sent["destination"]) == (bench.truth.laptop, bench.truth.server)
    assert sent["protocol"] == "icmp"
    assert "echo request" in sent["summary"]


def test_a_row_has_every_column_of_packets(bench: Bench) -> None:
    bench.ask(bench.echo())
    columns = {"time", "at", "action", "reason", "source", "destination", "protocol", "ttl", "summary", "data"}
    assert all(columns <= set(row) for row in bench.network.packets())


def test_packets_are_listed_in_the_order_of_their_times(bench: Bench) -> None:
    for sequence in (1, 2, 3):
        bench.ask(bench.echo(sequence))
    times = [row["time"] for row in bench.network.packets()]
    assert times == sorted(times)


def test_the_capture_is_a_pcapng_file(bench: Bench, tmp_path: Path) -> None:
    bench.ask(bench.echo(6, b"captured"))
    path = tmp_path / "capture.pcapng"
    count = bench.network.to_pcap(path)
    packets = wire.pcapng.parse(path.read_bytes())
    assert len(packets) == count > 0
    assert sum(packet[1].endswith(b"captured") for packet in packets) >= 2


def test_scapy_reads_the_capture(bench: Bench, tmp_path: Path) -> None:
    need_module("scapy")
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import rdpcap

    bench.ask(bench.echo(6, b"captured"))
    path = tmp_path / "capture.pcapng"
    count = bench.network.to_pcap(path)
    packets = rdpcap(str(path))
    assert len(packets) == count
    assert any((IP if bench.family == 4 else IPv6) in packet for packet in packets)


# ── measurements ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_measurement_starts_afresh(bench: Bench) -> None:
    bench.send(bench.echo(1))
    bench.network.end()
    bench.network.begin()
    assert bench.silence() == []
    assert source(bench.ask(bench.echo(2))) == bench.truth.server


def test_what_was_seen_can_be_asked_for_after_the_end(bench: Bench) -> None:
    bench.ask(bench.echo(4, b"before the end"))
    bench.network.end()
    try:
        assert any(row["data"].endswith(b"before the end") for row in bench.network.packets())
    finally:
        bench.network.begin()


def test_ending_twice_does_no_harm(bench: Bench) -> None:
    bench.network.end()
    bench.network.end()
    bench.network.begin()
    assert source(bench.ask(bench.echo())) == bench.truth.server


def test_a_second_measurement_at_the_same_time_is_an_error(bench: Bench) -> None:
    with pytest.raises(NetworkError, match="another measurement"):
        bench.network.begin()
