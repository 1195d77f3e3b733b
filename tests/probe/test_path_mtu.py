"""Path MTU against worlds whose links say what is true, with messages, without them, and with loss."""

import random

import pytest

from netlab import wire
from netlab.api_mtu import MtuSearch, path_mtu
from netlab.errors import UsageError
from netlab.internet.world import from_dict
from netlab.network.base import Arrival, Refused, Sent
from netlab.network.virtual import VirtualNetwork
from netlab.wire import icmpv4


def world(mtus, loss=0.0, **nodes):
    """A line of routers r1, r2, ... from ``pc`` to ``www``, one link per MTU; ``nodes`` adds keys to some of them."""
    names = ["pc", *(f"r{i}" for i in range(1, len(mtus))), "www"]
    described = {name: {"address": []} for name in names}
    described["pc"]["kind"] = described["www"]["kind"] = "host"
    links = []
    for number, (near, far, mtu) in enumerate(zip(names, names[1:], mtus)):
        for position, name in enumerate((near, far), 1):
            described[name]["address"] += [
                f"198.51.100.{4 * number + position}/30",
                f"2001:db8:{number + 1}::{position}/64",
            ]
        links.append({"ends": [near, far], "delay_ms": 1, "mtu": mtu, "loss": loss})
    for name, keys in nodes.items():
        described[name] |= keys
    return from_dict({"name": "narrow", "vantage": "pc", "node": described, "link": links})


HOLE = {"hides_too_big": True}
SILENT = {"silent": True}
EVERY = [(protocol, family) for protocol in ("udp", "icmp") for family in (4, 6)]


@pytest.fixture(params=EVERY, ids=lambda pair: f"{pair[0]}-IPv{pair[1]}")
def how(request):
    return {"protocol": request.param[0], "family": request.param[1]}


def test_every_narrower_link_is_found_where_it_is(how):
    table = path_mtu("www", network=world([1500, 1500, 1480, 1480, 1400, 1300]), **how)
    assert table["ttl"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert table["mtu"].tolist() == [1500, 1500, 1480, 1480, 1400, 1300, 1300]
    message = "too big message"
    assert table["evidence"].tolist() == ["interface", "search", message, "search", message, message, "search"]


def test_a_wider_link_behind_a_narrow_one_does_not_count(how):
    table = path_mtu("www", network=world([1400, 1500, 9000]), **how)
    assert table["mtu"].tolist() == [1400] * 4
    assert table["evidence"].tolist() == ["interface", "search", "search", "search"]


def test_large_packets_on_wide_links(how):
    assert path_mtu("www", network=world([9000, 9000, 4352]), **how)["mtu"].tolist() == [9000, 9000, 4352, 4352]


@pytest.mark.parametrize("narrow", [1280, 1281, 1399, 1400, 1401, 1477, 1499])
def test_a_black_hole_is_named_with_its_size(narrow, how):
    table = path_mtu("www", network=world([1500, 1500, narrow, 1500], r2=HOLE), **how)
    assert table["mtu"].tolist() == [1500, 1500, narrow, narrow, narrow]
    assert table["evidence"].tolist() == ["interface", "search", "black hole", "search", "search"]
    assert "behind this hop" in table["detail"][2]


def test_a_black_hole_far_below_ethernet():
    table = path_mtu("www", network=world([1500, 333, 1500], r1=HOLE), family=4)
    assert table["mtu"].tolist() == [1500, 333, 333, 333]


def test_a_black_hole_and_a_message_on_one_path(how):
    table = path_mtu("www", network=world([1500, 1450, 1400, 1300, 1500], r1=HOLE, r3=HOLE), **how)
    assert table["mtu"].tolist() == [1500, 1450, 1400, 1300, 1300, 1300]
    assert table["evidence"][1:4].tolist() == ["black hole", "too big message", "black hole"]


def test_a_hole_behind_a_silent_router_is_said_to_be_behind_the_last_that_answers(how):
    table = path_mtu("www", network=world([1500, 1500, 1400, 1500], r2=HOLE | SILENT), **how)
    assert table["responder"][2] == ""
    assert table["evidence"].tolist() == ["interface", "black hole", "search", "search", "search"]
    assert table["mtu"].tolist() == [1500, 1400, 1400, 1400, 1400]


@pytest.mark.parametrize("seed", range(12))
def test_loss_is_no_black_hole(seed):
    network = VirtualNetwork(world([1500, 1500, 1400, 1400], loss=0.08), seed)
    table = path_mtu("www", network=network)
    assert "black hole" not in set(table["evidence"])
    assert table["mtu"].iloc[-1] == 1400


@pytest.mark.parametrize("seed", range(6))
def test_a_black_hole_is_found_in_spite_of_loss(seed):
    network = VirtualNetwork(world([1500, 1500, 1400, 1400], loss=0.04, r2=HOLE), seed)
    assert path_mtu("www", network=network)["mtu"].tolist() == [1500, 1500, 1400, 1400, 1400]


def test_routers_that_limit_their_errors_do_not_look_like_black_holes(how):
    limited = {f"r{i}": {"icmp": {"limit": "linux"}} for i in (1, 2, 3)}
    table = path_mtu("www", network=world([1500, 1480, 1400, 1300], **limited), **how)
    assert table["mtu"].tolist() == [1500, 1480, 1400, 1300, 1300]
    assert set(table["evidence"]) == {"interface", "too big message", "search"}


def test_with_a_silent_destination_silence_proves_nothing(how):
    table = path_mtu("www", network=world([1500, 1500, 1400, 1400], r2=HOLE, www=SILENT), **how)
    assert table["ttl"].tolist() == [0, 1, 2, 3]
    assert "black hole" not in set(table["evidence"])
    assert table["mtu"].isna().tolist() == [False, False, True, True]
    assert "silent" in table["detail"][2]


def test_what_is_behind_the_last_hop_that_answers_is_not_known():
    table = path_mtu("www", network=world([1500, 1500, 1500], www=SILENT))
    assert table["mtu"].isna().tolist() == [False, False, True]


def test_nothing_leaves_fragmented(how):
    network = VirtualNetwork(world([1500, 1400, 1500]))
    list(MtuSearch("www", network, **how).run())
    for packet in network.packets():
        if packet["action"] == "sent" and packet["at"] == "pc":
            parsed = wire.parse(packet["data"])
            assert parsed.dont_fragment if parsed.source.count(".") else parsed.next_header != 44


# ── what no world does: a message without a size, a lie, a network that refuses ─────────────────────────────────


class Odd:
    """A virtual network whose "too big" messages are rewritten, or that refuses or loses packets its own way."""

    def __init__(self, network, mtu=None, refuses=None, loses=None):
        self._network, self._mtu, self._refuses, self._loses = network, mtu, refuses, loses

    def __getattr__(self, name):
        return getattr(self._network, name)

    def send(self, packet):
        if self._refuses is not None and len(packet) > self._refuses:
            return Refused("message too long")
        if self._loses is not None and len(packet) > self._loses:
            return Sent(0, packet, self._network.now())
        return self._network.send(packet)

    def receive(self, until):
        event = self._network.receive(until)
        if isinstance(event, Arrival) and self._mtu is not None:
            packet = wire.parse(event.packet)
            message = icmpv4.parse(packet.payload)
            if isinstance(message, icmpv4.DestinationUnreachable) and message.code == 4:
                told = icmpv4.DestinationUnreachable(4, message.original, mtu=self._mtu).to_bytes()
                back = wire.IPv4(packet.source, packet.destination, 1, told, ttl=packet.ttl)
                return event._replace(packet=back.to_bytes())
        return event


@pytest.mark.parametrize("told", [0, 20, 1500, 9000])
@pytest.mark.parametrize("narrow", [1492, 1400, 1006, 700, 68])
def test_a_message_that_does_not_say_what_fits_is_searched_by_plateaus(told, narrow):
    odd = Odd(VirtualNetwork(world([1500, narrow, 1500])), mtu=told)
    search = MtuSearch("www", odd)
    table = search.results(list(search.run()))
    assert [row["mtu"] for row in table] == [1500, narrow, narrow, narrow]
    assert table[1]["evidence"] == "too big message"
    assert sum(row["probes"] for row in table) < 60


def test_a_machine_that_refuses_without_a_size_is_asked_for_smaller_ones():
    odd = Odd(VirtualNetwork(world([1500, 1500])), refuses=1500)
    search = MtuSearch("www", odd)
    table = search.results(list(search.run()))
    assert [row["mtu"] for row in table] == [1500, 1500, 1500]
    assert table[0]["evidence"] == "interface"


def test_a_machine_that_sends_nothing_at_all():
    odd = Odd(VirtualNetwork(world([1500, 1500])), refuses=0)
    search = MtuSearch("www", odd)
    table = search.results(list(search.run()))
    assert [row["ttl"] for row in table] == [0] and table[0]["mtu"] is None


def test_ipv6_is_never_searched_below_1280():
    search = MtuSearch("www", Odd(VirtualNetwork(world([1500, 1500, 1500])), loses=1000), family=6)
    rows = list(search.run())
    assert min({row["packet_size"] for row in rows} - {80}) == 1280
    table = search.results(rows)
    assert [row["mtu"] for row in table][1:] == [None, None, None]
    assert "not even 1280 bytes" in table[1]["detail"]


def test_random_lines_of_links():
    luck = random.Random(5)
    for _ in range(25):
        mtus = [luck.choice([1280, 1300, 1400, 1420, 1492, 1500, 1500, 1500, 2000, 9000]) for _ in range(5)]
        holes = {f"r{i}": HOLE for i in range(1, 5) if luck.random() < 0.3}
        table = path_mtu("www", network=world(mtus, **holes), family=luck.choice([4, 6]))
        lowest = [min(mtus[: i + 1]) for i in range(5)]
        assert table["mtu"].tolist() == [*lowest, lowest[-1]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "tcp"},
        {"max_ttl": 0},
        {"timeout": 0},
        {"port": 0},
        {"family": 5},
        {"max_ttl": 256},
        {"names": "no"},
    ],
)
def test_wrong_arguments_are_told_before_anything_is_sent(wrong):
    network = VirtualNetwork(world([1500, 1500]))
    with pytest.raises(UsageError, match=next(iter(wrong))):
        path_mtu("www", network=network, **wrong)
    assert network.packets() == []


def test_the_table_has_its_columns():
    table = path_mtu("www", network=world([1500, 1500]))
    assert table.dtypes.astype(str).to_dict() == {
        "destination": "str", "ttl": "int64", "responder": "str", "responder_name": "str", "mtu": "Int32",
        "evidence": "str", "probes": "int64", "detail": "str", "network": "category", "address": "str",
    }  # fmt: skip
    assert table["responder_name"].tolist() == ["pc.narrow.example", "r1.narrow.example", "www.narrow.example"]
    assert set(table["network"]) == {"virtual:narrow"}
