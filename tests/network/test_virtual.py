"""The virtual network: virtual time, one driver at a time, the same again, and the truth."""

import threading
import time
from itertools import pairwise

import pytest

from netlab import wire
from netlab.errors import NameNotFound, NetworkError, NoRoute, UsageError
from netlab.internet import EPOCH, build
from netlab.network import worlds
from netlab.network.base import Arrival, Network, Refused, Sent
from netlab.network.virtual import IDENTIFIERS, PORTS, VirtualNetwork
from netlab.probing import PingOptions, run_ping
from netlab.wire import icmpv4, pcapng

MS = 1_000_000
SECOND = 1000 * MS


def virtual(name="line", **options):
    return VirtualNetwork(worlds.load(name), **options)


def ping(network, destination="server", **options):
    return list(run_ping(destination, PingOptions(**options), network))


def echo(source, destination, identifier=7, sequence=1, size=56, **header):
    message = icmpv4.EchoRequest(identifier, sequence, bytes(size)).to_bytes()
    return wire.IPv4(source, destination, wire.PROTOCOL_ICMP, message, **header).to_bytes()


LAPTOP, SERVER = "192.0.2.10", "203.0.113.80"


# what it is


def test_it_is_a_network():
    network = virtual()
    assert isinstance(network, Network)
    assert (network.name, network.virtual, network.epoch) == ("virtual:line", True, EPOCH)
    assert (network.world.name, network.seed, network.vantage) == ("line", 1, "laptop")


def test_its_repr_is_one_fixed_line():
    assert repr(virtual("campus")) == "<netlab network: virtual:campus, seed 1, 9 nodes, time starts 2026-01-01>"


def test_another_vantage():
    network = virtual(vantage="server")
    assert network.vantage == "server"
    assert network.source_for(LAPTOP) == SERVER
    with pytest.raises(NameNotFound, match="did you mean 'server'"):
        virtual(vantage="servr")


# packets and time


def test_time_stands_still_but_in_receive():
    network = virtual()
    network.begin()
    assert network.now() == 0
    sent = network.send(echo(LAPTOP, SERVER))
    assert isinstance(sent, Sent) and sent.at == 0 and sent.packet == echo(LAPTOP, SERVER) and not sent.rebuilt
    time.sleep(0.002)
    assert network.now() == 0
    arrival = network.receive(SECOND)
    assert isinstance(arrival, Arrival) and arrival.at == network.now() == 22 * MS
    assert arrival.stamp is None and not arrival.rebuilt and arrival.number is None
    assert isinstance(wire.transport(wire.parse(arrival.packet)), icmpv4.EchoReply)
    assert network.receive(SECOND) is None
    assert network.now() == SECOND
    assert network.receive(SECOND - 1) is None  # never backwards
    assert network.now() == SECOND
    network.end()


def test_an_answer_at_the_very_end_of_the_time_still_comes():
    network = virtual()
    network.begin()
    network.send(echo(LAPTOP, SERVER))
    assert network.receive(22 * MS - 1) is None
    assert network.receive(22 * MS) is not None
    network.end()


def test_packets_that_came_at_the_same_time_come_one_by_one():
    network = virtual()
    network.begin()
    numbers = [network.send(echo(LAPTOP, SERVER, sequence=i)).number for i in range(3)]
    assert len(set(numbers)) == 3
    assert [network.receive(SECOND).at for _ in range(3)] == [22 * MS] * 3
    network.end()


def test_what_a_kernel_would_refuse_is_refused_with_its_reason():
    network = virtual()
    network.begin()
    too_long = network.send(echo(LAPTOP, SERVER, size=1473, dont_fragment=True))
    assert too_long == Refused("message too long", 1500)
    assert isinstance(network.send(echo(LAPTOP, SERVER, size=1473)), Sent)
    nonsense = network.send(echo(LAPTOP, "0.0.0.0"))
    assert isinstance(nonsense, Refused) and nonsense.reason and nonsense.mtu is None
    network.end()


def test_sending_needs_a_measurement():
    with pytest.raises(NetworkError, match="begin"):
        virtual().send(echo(LAPTOP, SERVER))
    with pytest.raises(NetworkError, match="begin"):
        virtual().receive(1)


# the same again


def test_the_same_measurement_twice_gives_the_same_rows():
    network = virtual("lossy")
    first = ping(network, "www", count=30)
    ping(network, "server", count=3)
    assert ping(network, "www", count=30) == first
    assert ping(virtual("lossy"), "www", count=30) == first
    assert ping(virtual("lossy", seed=2), "www", count=30) != first


def test_while_it_is_held_the_world_runs_on():
    network = virtual()
    with network as same:
        assert same is network
        first = ping(network, count=1)[0]
        second = ping(network, count=1)[0]
        assert second["sent_at"] > first["sent_at"]
        assert second["rtt_ms"] == first["rtt_ms"] == 22.0
        assert len([row for row in network.packets() if row["action"] == "sent"]) == 4
    assert len(network.packets()) > 0
    assert ping(network, count=1)[0]["sent_at"] == first["sent_at"]


def test_holding_starts_anew_and_nests():
    network = virtual()
    ping(network, count=1)
    network.hold()
    assert network.packets() == []
    assert ping(network, count=1)[0]["sent_at"] == EPOCH
    network.hold()
    network.release()
    assert ping(network, count=1)[0]["sent_at"] > EPOCH
    network.release()
    assert ping(network, count=1)[0]["sent_at"] == EPOCH


def test_a_new_measurement_does_not_see_what_came_before_it():
    network = virtual()
    with network:
        network.begin()
        network.send(echo(LAPTOP, SERVER))
        network.receive(1 * MS)
        network.end()
        network.begin()
        assert network.receive(SECOND) is not None  # what comes later it does see, as a raw socket would
        network.send(echo(LAPTOP, SERVER))
        network.source_for(LAPTOP, "server")
        assert network.receive(2 * SECOND) is not None  # the server hears the request, the laptop gets its answer
        assert network.receive(2 * SECOND) is None
        network.end()
        network.begin()
        assert network.receive(3 * SECOND) is None
        network.end()


# one driver at a time


def test_a_second_measurement_of_the_same_thread_is_told_at_once():
    network = virtual()
    rows = run_ping("server", PingOptions(count=3), network)
    next(rows)
    start = time.monotonic()
    with pytest.raises(NetworkError, match="another measurement is running on virtual:line"):
        ping(network)
    assert time.monotonic() - start < 1
    rows.close()
    assert len(ping(network)) == 4


def test_a_second_measurement_of_another_thread_waits_for_its_turn():
    network, results = virtual(), []
    network.begin()
    thread = threading.Thread(target=lambda: results.append(ping(network)))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive() and not results
    network.end()
    thread.join(10)
    assert len(results[0]) == 4


def test_a_second_measurement_of_another_thread_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr("netlab.network.virtual.PATIENCE", 0.01)
    network, errors = virtual(), []
    network.begin()

    def measure():
        try:
            ping(network)
        except NetworkError as error:
            errors.append(error)

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join(10)
    network.end()
    assert "a network of its own" in str(errors[0])


def test_a_measurement_may_end_in_another_thread():
    network = virtual()
    network.begin()
    thread = threading.Thread(target=network.end)
    thread.start()
    thread.join(10)
    assert len(ping(network)) == 4


def test_threads_with_one_network_get_the_rows_that_each_would_get_alone():
    network, results = virtual("lossy"), []
    alone = ping(network, "www", count=20)
    threads = [threading.Thread(target=lambda: results.append(ping(network, "www", count=20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [alone] * 4


def test_a_failed_start_leaves_the_network_free():
    network = virtual()
    with pytest.raises(NameNotFound):
        ping(network, "nobody")
    assert len(ping(network)) == 4
    network.end()  # once too often does no harm
    network.begin()
    network.close()
    network.begin()
    network.end()


# names and sources


def test_names():
    network = virtual("campus")
    assert network.resolve("www") == ["203.0.113.80", "2001:db8:3::80"]
    assert network.reverse("203.0.113.80") == "www.campus.example"
    assert network.locate("203.0.113.80").place == "Porto"
    assert network.locate("192.0.2.99") is None


@pytest.mark.parametrize("source", ["server", "server.line.example", SERVER])
def test_a_measurement_starts_at_another_host_when_the_source_says_so(source):
    network = virtual()
    (row,) = ping(network, "laptop", count=1, source=source)
    assert (row["source"], row["outcome"], row["rtt_ms"]) == (SERVER, "reply", 22.0)
    assert [entry["at"] for entry in network.packets()][:2] == ["server", "r3"]
    assert ping(network, count=1)[0]["source"] == LAPTOP  # for this measurement only


def test_a_source_in_the_other_family():
    (row,) = ping(virtual(), "laptop", count=1, source="server", family=6)
    assert row["source"] == "2001:db8:3::80"
    with pytest.raises(UsageError, match="same family"):
        ping(virtual(), "laptop", count=1, source=SERVER, family=6)


def test_the_source_of_a_router_is_the_address_on_the_way():
    network = virtual("campus", vantage="core")
    for destination, source in (("www", "203.0.113.1"), ("laptop", "198.51.100.2"), ("mirror", "198.51.100.9")):
        assert network.source_for(network.resolve(destination)[0]) == source
    assert network.source_for("203.0.113.80", "198.51.100.9") == "198.51.100.9"
    assert network.source_for("198.51.100.9") == "198.51.100.9"  # to itself


def test_sources_that_cannot_be():
    network = virtual()
    with pytest.raises(NameNotFound, match="'nobody' on virtual:line"):
        network.source_for(SERVER, "nobody")
    with pytest.raises(NameNotFound, match=r"192\.0\.2\.77"):
        network.source_for(SERVER, "192.0.2.77")


def test_no_route():
    only4 = build("four").host("a", "192.0.2.1/30").host("b", "192.0.2.2/30").link("a", "b", delay_ms=1).world()
    with pytest.raises(NoRoute, match="a has no IPv6 address"):
        VirtualNetwork(only4).source_for("2001:db8::1")
    with pytest.raises(NoRoute, match=r"no route to 192.0.2.10 from 203.0.113.34: mask knows no way there"):
        virtual("broken", vantage="mask").source_for(LAPTOP)


# identifiers


def test_identifiers_come_from_the_seed():
    def taken(seed):
        network = virtual(seed=seed)
        with network:
            network.begin()
            found = [network.identifier(protocol, 4) for protocol in ("icmp", "udp", "tcp") for _ in range(50)]
            network.end()
        return found

    assert taken(1) == taken(1) != taken(2)
    for found, allowed in zip(
        (taken(1)[:50], taken(1)[50:100], taken(1)[100:]), (IDENTIFIERS, PORTS, PORTS), strict=True
    ):
        assert set(found) <= set(allowed)
        assert len(set(found)) == 50


def test_identifiers_of_the_next_measurement_differ_in_a_held_world_only():
    network = virtual()

    def identifier():
        network.begin()
        try:
            return network.identifier("icmp", 4)
        finally:
            network.end()

    assert identifier() == identifier()
    with network:
        assert len({identifier() for _ in range(20)}) == 20


def test_unknown_protocols():
    with pytest.raises(UsageError, match="'icmp', 'udp' or 'tcp'"):
        virtual().identifier("sctp", 4)  # type: ignore[arg-type]


# the truth


def test_packets_tell_what_happened_everywhere():
    network = virtual()
    assert network.packets() == []
    ping(network, count=1)
    there = [(row["at"], row["action"], row["ttl"]) for row in network.packets()][:5]
    assert there == [
        ("laptop", "sent", 64),
        ("r1", "forwarded", 63),
        ("r2", "forwarded", 62),
        ("r3", "forwarded", 61),
        ("server", "delivered", 61),
    ]
    assert {row["at"] for row in network.packets(node="r2")} == {"r2"}
    assert {row["link"] for row in network.packets(link="r1-r2")} == {"r1-r2"}


def test_a_capture_file_holds_the_packets_with_their_virtual_times(tmp_path):
    network = virtual()
    ping(network, count=2)
    file = tmp_path / "all.pcapng"
    assert network.to_pcap(file) == len(network.packets()) == 20
    packets = pcapng.parse(file.read_bytes())
    assert [packet[0] for packet in packets] == [row["time"] for row in network.packets()]
    assert packets[0] == (EPOCH, network.packets()[0]["data"], "laptop: sent on laptop-r1")
    assert all(a[0] <= b[0] for a, b in pairwise(packets))
    assert network.to_pcap(file, node="server") == 4
    assert {comment.split(":")[0] for _, _, comment in pcapng.parse(file.read_bytes())} == {"server"}
    assert network.to_pcap(str(file), link="r1-r2") == 4


def test_dropped_packets_say_why_in_the_capture_file(tmp_path):
    network = virtual("broken")
    ping(network, "drop", count=1)
    network.to_pcap(tmp_path / "drop.pcapng")
    assert pcapng.parse((tmp_path / "drop.pcapng").read_bytes())[-1][2] == "wall: dropped (firewall)"


def test_capture_files_that_cannot_be(tmp_path):
    network = virtual()
    with pytest.raises(UsageError, match="did you mean 'r1'"):
        network.to_pcap(tmp_path / "x", node="R1x")
    with pytest.raises(UsageError, match="link='r1-r3'"):
        network.to_pcap(tmp_path / "x", link="r1-r3")
    with pytest.raises(UsageError, match="cannot be written: no such file"):
        network.to_pcap(tmp_path / "no" / "folder.pcapng")


def test_the_true_path_before_and_after_a_measurement():
    network = virtual()
    way = ["laptop", "r1", "r2", "r3", "server"]
    assert network.path("server") == way
    ping(network, count=1)
    assert network.path("2001:db8:3::80") == way
    assert network.path("laptop", source="server") == way[::-1]
    with pytest.raises(NameNotFound):
        network.path("nobody")


def test_the_truth_adds_up_to_the_round_trip_time():
    network = virtual("campus")
    assert network.truth() == [] and network.losses() == {}
    (row,) = ping(network, "www", count=1)
    assert sum(part["delay_ms"] for part in network.truth()) == pytest.approx(row["rtt_ms"], abs=1e-9)
    ping(network, "www", count=200)
    assert network.losses()["lost on the link"] > 0


def test_background_traffic_is_shown_on_request():
    network = virtual("bufferbloat")
    ping(network, "server", count=10)
    assert not any(row["source"] == "192.0.2.20" for row in network.packets())
    assert any(row["source"] == "192.0.2.20" for row in network.packets(background=True))


# speed


def test_a_thousand_probes_take_little_more_time_than_the_engine_needs():
    """Measured: 35 ms for a thousand round trips over four links, of which this layer is 3 ms."""
    network = virtual()
    packet = echo(LAPTOP, SERVER)
    times = []
    for _ in range(3):
        network.begin()
        start = time.process_time()
        for i in range(1000):
            network.send(packet)
            network.receive(i * SECOND + SECOND)
        times.append(time.process_time() - start)
        network.end()
    assert min(times) < 0.15, times
