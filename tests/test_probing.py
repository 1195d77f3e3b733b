"""Wrong input is refused before anything is sent; right input gives one row per probe."""

import itertools
import math

import pytest

from netlab.errors import NameNotFound, UsageError
from netlab.probing import PingOptions, be_considerate, find_targets, run_ping
from tests.support.fakenet import FakeNetwork

WRONG = [
    ("count", 0),
    ("count", -1),
    ("count", 1.5),
    ("count", True),
    ("count", "4"),
    ("ttl", 0),
    ("ttl", 256),
    ("ttl", 300),
    ("size", 70_000),
    ("size", -1),
    ("size", []),
    ("size", ["x"]),
    ("timeout", 0),
    ("timeout", -1),
    ("timeout", math.nan),
    ("timeout", math.inf),
    ("timeout", "1"),
    ("timeout", None),
    ("interval", -0.1),
    ("interval", math.nan),
    ("deadline", 0),
    ("deadline", -2),
    ("tos", 256),
    ("tos", -1),
    ("flow_label", 1 << 20),
    ("protocol", "sctp"),
    ("protocol", "ICMP"),
    ("kind", "syn"),
    ("port", 80),
    ("family", 5),
    ("family", True),
    ("pattern", ""),
    ("pattern", b""),
    ("pattern", "xyz"),
    ("pattern", 5),
    ("checksum", 17),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_arguments_are_named_with_their_value(name, value):
    with pytest.raises(UsageError) as caught:
        PingOptions(**{name: value})
    assert caught.value.argument == name and repr(value).strip("[]") in str(caught.value)


def test_ports_belong_to_udp_and_tcp():
    with pytest.raises(UsageError, match="no ports"):
        PingOptions(port=80)
    for port in (0, 65_536, "80"):
        with pytest.raises(UsageError):
            PingOptions(protocol="tcp", port=port)


CALLS = [
    ({"destination": "nobody"}, NameNotFound),
    ({"destination": ["www", "nobody", "nowhere"]}, NameNotFound),
    ({"destination": []}, UsageError),
    ({"destination": ""}, UsageError),
    ({"destination": 7}, UsageError),
    ({"destination": None}, UsageError),
    ({"destination": b"www"}, UsageError),
    ({"destination": "www", "count": None}, UsageError),
    ({"destination": "www", "size": 65_508}, UsageError),
    ({"destination": "www", "checksum": lambda data: -1}, UsageError),
]


@pytest.mark.parametrize(("call", "error"), CALLS)
def test_nothing_is_sent_when_the_call_cannot_be(call, error):
    network = FakeNetwork()
    destination = call.pop("destination")
    with pytest.raises(error):
        list(run_ping(destination, PingOptions(**call), network))
    assert network.sent == []
    assert network.events in ([], ["begin", "end"]), "what was begun was ended"


def test_all_unknown_names_of_a_list_are_named_at_once():
    with pytest.raises(NameNotFound) as caught:
        find_targets(["www", "nobody", "nowhere"], FakeNetwork(), None, None)
    assert caught.value.names == ["nobody", "nowhere"]


def test_a_udp_probe_needs_room_for_its_number():
    for size in (0, 9, [56, 5]):
        with pytest.raises(UsageError, match="from 10 to"):
            PingOptions(protocol="udp", size=size)
    assert PingOptions(protocol="udp", size=10).sizes == [10]


def test_numbers_of_numpy_are_numbers():
    import numpy

    options = PingOptions(
        count=numpy.int64(2), interval=numpy.float32(0.5), size=numpy.array([56, 100]), ttl=numpy.uint8(9)
    )
    assert (options.count, options.interval, options.sizes, options.ttl) == (2, 0.5, [56, 100], 9)
    assert [type(value) for value in (options.count, options.interval, options.ttl)] == [int, float, int]


@pytest.mark.parametrize("answers", [True, False])
def test_an_adaptive_ping_of_a_real_host_keeps_its_distance(answers):
    network = FakeNetwork(delay=1_000_000, virtual=False, name="live")
    target = "www" if answers else "silent"
    rows = list(run_ping(target, PingOptions(count=20, interval=0.01, timeout=0.05, adaptive=True), network))
    sent = sorted(row["sent_at"] for row in rows)
    assert min(b - a for a, b in itertools.pairwise(sent)) >= 10_000_000
    with pytest.raises(UsageError, match=r"at least 0\.01"):
        list(run_ping(target, PingOptions(count=2, interval=0, adaptive=True), network))


def test_the_largest_payload_is_allowed():
    assert PingOptions(size=65_507).sizes == [65_507]


def test_rows_come_as_they_are_decided_and_the_network_is_ended():
    network = FakeNetwork()
    rows = list(run_ping("www", PingOptions(count=3), network))
    assert [(row["attempt"], row["outcome"], row["rtt_ms"]) for row in rows] == [(n, "reply", 22.0) for n in (1, 2, 3)]
    assert network.events == ["begin", "end"]


def test_many_destinations_are_probed_side_by_side():
    rows = list(run_ping(["www", "mail", "silent"], PingOptions(count=2, timeout=0.5), FakeNetwork()))
    rows.sort(key=lambda row: row["sequence"])
    assert [(row["destination"], row["attempt"]) for row in rows] == [
        ("www", 1),
        ("mail", 1),
        ("silent", 1),
        ("www", 2),
        ("mail", 2),
        ("silent", 2),
    ]
    assert [row["outcome"] for row in rows] == ["reply", "reply", "timeout"] * 2
    assert rows[0]["sent_at"] == rows[2]["sent_at"], "in flight together"


def test_a_size_sweep_takes_the_sizes_in_turn():
    rows = list(run_ping("www", PingOptions(count=3, size=[10, 100]), FakeNetwork()))
    assert [row["packet_size"] for row in rows] == [38, 128, 38]


def test_a_real_destination_is_not_flooded():
    live = FakeNetwork(virtual=False, name="live")
    targets = find_targets("www", live, None, None)
    with pytest.raises(UsageError, match=r"at least 0\.01"):
        be_considerate(PingOptions(interval=0.001), targets, live)
    with pytest.raises(UsageError, match="fewer"):
        be_considerate(PingOptions(count=200_000), targets, live)
    assert be_considerate(PingOptions(), targets, live) == 1_000_000
    assert be_considerate(PingOptions(interval=0), targets, FakeNetwork()) == 0, "a virtual network minds nothing"
