"""monitor, verdict and investigate on the virtual network: the tables, the arguments, and what is refused unsent."""

from itertools import pairwise

import pandas as pd
import pytest

import netlab
from netlab import api, api_verdict, frames
from netlab.api_verdict import investigate, investigating, monitor, monitoring, verdict
from netlab.errors import NameNotFound, UsageError
from netlab.internet import build
from tests.support.fakenet import FakeNetwork


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(api, "_current", None)


def world(**faults):
    """laptop, r1, r2, r3, server; 10 ms per link; `faults`: keys of nodes (r2=...), of the link to one (to_r2=...)."""
    names = ["laptop", "r1", "r2", "r3", "server"]
    builder = build("test", "laptop")
    for name in names:
        (builder.host if name in ("laptop", "server") else builder.router)(name, **faults.get(name, {}))
    for near, far in pairwise(names):
        builder.link(near, far, delay_ms=10, **faults.get(f"to_{far}", {}))
    return builder.world()


def verdicts(**faults):
    frame = investigate("server", network=world(**faults))
    return frame["verdict"].tolist()


# -- monitor ------------------------------------------------------------------------------------------------------


def test_every_round_has_a_row_for_every_hop():
    frame = monitor("server", rounds=5, network="line")
    assert list(frame.columns) == list(frames.PROBES)
    seen = frame[~frame["flags"].str.contains("beyond-end")]
    assert seen.groupby("round")["ttl"].apply(list).tolist() == [[1, 2, 3, 4]] * 5
    later = frame[frame["round"] > 1]
    assert later["ttl"].max() == 4, "only the first round may go beyond the end"


def test_summary_of_all_rounds_has_a_row_per_hop():
    frame = monitor("server", rounds=5, network="line")
    table = netlab.summary(frame, by_round=False)
    assert table["ttl"].tolist() == [1, 2, 3, 4]
    assert table["sent"].tolist() == [5] * 4
    assert table["rtt_median_ms"].tolist() == [2.0, 6.0, 12.0, 22.0]


def test_a_hop_is_asked_once_per_interval():
    frame = monitor("server", rounds=6, interval=0.5, network="line")
    for _, hop in frame[(frame["round"] > 1)].groupby("ttl"):
        assert hop["sent_at"].diff().dropna().unique().tolist() == [pd.Timedelta(milliseconds=500)]


def test_attempts_share_the_interval():
    frame = monitor("server", rounds=3, interval=1.0, attempts=2, network="line")
    hop = frame[(frame["ttl"] == 1) & (frame["round"] > 1)]
    assert hop["attempt"].tolist() == [1, 2, 1, 2]
    assert hop["sent_at"].diff().dropna().unique().tolist() == [pd.Timedelta(milliseconds=500)]


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_all_protocols_are_monitored(protocol):
    frame = monitor("server", rounds=3, protocol=protocol, network="line")
    ends = frame[frame["ttl"] == 4]
    assert set(ends["outcome"]) == {"unreachable" if protocol == "udp" else "reply"}
    assert set(frame["protocol"]) == {protocol}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize("world", ["fan", "uneven"])
def test_with_flows_in_turn_every_round_is_a_true_way_and_another_one(world, protocol, family):
    network = netlab.use(world)
    frame = monitor("www", rounds=24, flows=12, protocol=protocol, family=family, network=network)
    links = {tuple(link) for link in network.paths("www")}
    ways = {}
    for number, one in frame[~frame["flags"].str.contains("beyond-end")].groupby("round"):
        assert one["flow"].unique().tolist() == [1 + (number - 1) % 12]
        assert not one["flags"].str.contains("loop|repeated").any()
        way = ("laptop", *one["responder_name"].str.split(".").str[0])
        assert way[-1] == "www" and set(pairwise(way)) <= links
        assert ways.setdefault((number - 1) % 12, way) == way, "a flow keeps its way"
    assert len(set(ways.values())) > 1
    assert {len(way) for way in ways.values()} == ({7} if world == "fan" else {6, 7})


def test_same_seed_same_table():
    pd.testing.assert_frame_equal(
        monitor("server", rounds=3, network="lossy"), monitor("server", rounds=3, network="lossy")
    )


def test_rows_come_as_they_are_decided_and_a_stop_ends_them():
    rows = []
    for row in monitoring("server", rounds=100, network="line", stop=lambda: len(rows) >= 10):
        rows.append(row)
    assert 10 <= len(rows) < 40
    assert rows[0]["responder_name"] != ""
    assert [row["sequence"] for row in sorted(rows, key=lambda row: row["sequence"])] == list(range(1, len(rows) + 1))


def test_an_abandoned_iterator_frees_the_network():
    network = api.use("line")
    rows = monitoring("server", network=network)
    next(rows)
    rows.close()
    assert len(monitor("server", rounds=2, network=network)) >= 8


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"rounds": 0}, "rounds"),
        ({"rounds": None}, "rounds"),
        ({"interval": 0}, "interval"),
        ({"interval": 0.0001}, "interval"),
        ({"max_ttl": 256}, "max_ttl"),
        ({"protocol": "sctp"}, "protocol"),
        ({"window": 3}, "window"),
        ({"names": "no"}, "names"),
        ({"flows": 0}, "flows"),
        ({"flows": 1001}, "flows"),
        ({"flows": 2, "flow": "classic"}, "flows"),
        ({"plan": lambda rows: [1]}, "plan"),
        ({"atempts": 2}, "atempts"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_sent(arguments, name):
    network = FakeNetwork()
    with pytest.raises(UsageError) as caught:
        monitor("www", network=network, **arguments)
    assert caught.value.argument == name
    assert network.sent == []


def test_a_real_network_is_not_asked_too_often():
    network = FakeNetwork(virtual=False, name="live")
    with pytest.raises(UsageError, match=r"0\.05"):
        monitor("www", rounds=1, interval=0.04, network=network)
    with pytest.raises(UsageError, match="probes to a real destination"):
        monitor("www", rounds=100_000, network=network)
    assert network.sent == []
    assert network.events[-1] == "end"


def test_an_unknown_name_is_said_to_be_unknown():
    with pytest.raises(NameNotFound):
        monitor("nowhere.example", network="line")


# -- verdict and investigate --------------------------------------------------------------------------------------


def test_a_clean_path():
    assert verdicts() == ["no loss"] * 4


def test_a_lossy_link():
    assert verdicts(to_r2={"loss": 0.1}) == ["no loss", "path loss", "path loss", "path loss"]


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_the_direction_of_a_loss_is_proved_by_the_packet_numbers(way):
    frame = investigate("server", network=world(to_r2={way: {"loss": 0.2}}))
    assert frame["direction"].tolist() == ["", way, way, way]


def test_in_ipv6_no_direction_is_proved():
    frame = investigate("server", network=world(to_r2={"forward": {"loss": 0.2}}), family=6)
    assert frame["verdict"].tolist() == ["no loss", "path loss", "path loss", "path loss"]
    assert set(frame["direction"]) == {""}


@pytest.mark.parametrize("limit", [{"limit": "linux"}, {"limit": "cisco"}, {"rate": 20, "burst": 6}])
def test_a_rate_limit(limit):
    assert verdicts(r2={"icmp": limit}) == ["no loss", "rate limit", "no loss", "no loss"]


def test_all_routers_limited_and_a_lossy_link_behind_the_first():
    limits = {name: {"icmp": {"limit": "linux"}} for name in ("r1", "r2", "r3")}
    assert verdicts(**limits)[:3] == ["rate limit"] * 3


def test_a_router_that_drops_answers():
    assert verdicts(r2={"control": {"drop": 0.2}}) == [
        "no loss", "loss of this router's answers only", "no loss", "no loss",
    ]  # fmt: skip


def test_a_silent_router():
    frame = investigate("server", network=world(r2={"silent": True}))
    assert frame["verdict"].tolist()[1] == "loss of this router's answers only"
    assert frame["responder"].tolist()[1] == ""
    assert frame["loss"].tolist()[1] == 1.0


@pytest.mark.parametrize("control", [{"delay_ms": 120}, {"delay_ms": 20, "jitter_ms": 60, "drop": 0.1}])
def test_a_slow_control_plane(control):
    assert verdicts(r2={"control": control}) == ["no loss", "slow control plane", "no loss", "no loss"]


def test_udp_and_its_limited_destination():
    frame = investigate("server", network=world(server={"icmp": {"limit": "linux"}}), protocol="udp")
    assert frame["verdict"].tolist()[:3] == ["no loss"] * 3
    assert frame["verdict"].tolist()[3] in ("rate limit", "cannot tell")


def test_the_table_of_verdicts_has_its_columns_and_dtypes():
    frame = investigate("server", network=world(to_r2={"loss": 0.1}))
    assert list(frame.columns) == list(frames.VERDICTS)
    assert frame["ttl"].tolist() == [1, 2, 3, 4]
    assert (frame["sent"] >= 100).all()
    assert frame["verdict"].dtype == "category"
    assert ((frame["loss_low"] <= frame["loss"]) & (frame["loss"] <= frame["loss_high"])).all()
    assert frame["sentence"].str.endswith(".").all()
    assert set(frame["network"]) == {"virtual:test"}


def test_investigate_is_verdict_of_its_probes():
    rows = list(investigating("server", network="lossy"))
    pd.testing.assert_frame_equal(verdict(frames.probes(rows)), investigate("server", network="lossy"))


def test_a_plain_traceroute_says_that_three_probes_are_too_few():
    frame = verdict(netlab.traceroute("server", network="line"))
    assert set(frame["verdict"]) == {"cannot tell"}
    assert set(frame["sentence"]) == {"3 probes are too few for a verdict."}


def test_a_monitored_path_is_judged_too():
    frame = verdict(monitor("server", rounds=200, interval=0.2, network=world(to_r3={"loss": 0.15})))
    assert frame["verdict"].tolist() == ["no loss", "no loss", "path loss", "path loss"]


def test_an_empty_table_has_no_verdicts():
    empty = monitor("server", rounds=1, network="line").head(0)
    assert len(verdict(empty)) == 0


def test_a_table_without_the_columns_is_refused():
    with pytest.raises(UsageError, match="lacks"):
        verdict(pd.DataFrame({"ttl": [1]}))


@pytest.mark.parametrize(("arguments", "name"), [({"probes": 10}, "probes"), ({"attempts": 3}, "attempts")])
def test_wrong_arguments_of_investigate(arguments, name):
    with pytest.raises(UsageError) as caught:
        investigate("server", network="line", **arguments)
    assert caught.value.argument == name


def test_ctrl_c_says_that_the_table_holds_what_there_is(capsys):
    api_verdict._say_interrupted()
    assert capsys.readouterr().out == "Interrupted: the table holds what was measured up to now.\n"
