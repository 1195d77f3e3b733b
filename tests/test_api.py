"""The façade on the virtual network: choosing, measuring, explaining, and the same table every time."""

import os
import subprocess
import sys

import pandas as pd
import pytest

import netlab
from netlab import api, frames
from netlab.errors import NameNotFound, NoRoute, UsageError, WorldError
from netlab.network.base import Network


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(api, "_current", None)


def test_use_acts_at_once_and_prints_nothing(capsys):
    network = netlab.use("campus", seed=7)
    assert isinstance(network, Network) and api.current() is network
    assert capsys.readouterr().out == ""
    text = repr(network)
    assert "campus" in text and "7" in text and "\n" not in text and " at 0x" not in text


def test_with_use_restores_what_was_before():
    outer = netlab.use("line")
    with netlab.use("campus") as inner:
        assert api.current() is inner
    assert api.current() is outer


def test_nested_uses_of_one_network_restore_what_was_before():
    campus = netlab.use("campus")
    line = netlab.use("line")
    with netlab.use(campus):
        with netlab.use(campus):
            pass
        assert api.current() is campus
    assert api.current() is line


def test_an_empty_environment_variable_is_none(monkeypatch):
    monkeypatch.setenv("NETLAB_NETWORK", "")
    assert api.current().name == "live"


def test_what_is_no_table_is_told_so(tmp_path):
    netlab.use("line")
    frame = netlab.ping("server", count=1)
    for wrong in (None, frame[["destination"]], [1, 2]):
        with pytest.raises(UsageError, match="table of netlab"):
            netlab.summary(wrong)
    with pytest.raises(UsageError, match="lacks"):
        netlab.to_pcap(frame[["destination"]], tmp_path / "x")
    with pytest.raises(UsageError, match="cannot be written"):
        netlab.to_pcap(frame, tmp_path / "nowhere" / "x.pcapng")


def test_the_environment_variable_is_the_default(monkeypatch):
    monkeypatch.setenv("NETLAB_NETWORK", "line")
    assert api.current().name == "virtual:line"


def test_an_unknown_network_lists_those_there_are():
    with pytest.raises(UsageError, match="campus"):
        netlab.use("campsu")


def test_ping_gives_the_whole_table():
    netlab.use("line")
    frame = netlab.ping("server", count=3)
    assert list(frame.columns) == list(frames.PROBES) and len(frame) == 3
    assert frame["outcome"].tolist() == ["reply"] * 3
    assert set(frame["clock"]) == {"virtual"} and set(frame["network"]) == {"virtual:line"}
    assert frame["responder_name"][0].startswith("server")
    assert frame["sent_at"].diff().dropna().dt.total_seconds().tolist() == [1.0, 1.0]


def test_the_same_call_gives_the_same_table_whatever_ran_before():
    netlab.use("lossy", seed=3)
    first = netlab.ping("server", count=30, interval=0.1)
    netlab.ping("server", count=5)
    again = netlab.ping("server", count=30, interval=0.1)
    pd.testing.assert_frame_equal(first, again)
    netlab.use("lossy", seed=4)
    other = netlab.ping("server", count=30, interval=0.1)
    assert not first["rtt_ms"].equals(other["rtt_ms"])


def test_inside_with_one_world_runs_on():
    with netlab.use("line"):
        first = netlab.ping("server", count=1)
        second = netlab.ping("server", count=1)
    assert second["sent_at"][0] > first["sent_at"][0]


@pytest.mark.parametrize(
    "environment", [{"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu"}, {"PYTHONHASHSEED": "2", "LC_ALL": "C"}]
)
def test_the_same_table_in_every_process(environment):
    code = "import netlab; netlab.use('lossy', seed=3); print(netlab.ping('server', count=20).to_csv())"
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    netlab.use("lossy", seed=3)
    assert run.stdout.strip() == netlab.ping("server", count=20).to_csv().strip()


def test_both_families():
    netlab.use("line")
    for family, colon in ((4, False), (6, True)):
        frame = netlab.ping("server", count=1, family=family)
        assert (":" in frame["address"][0]) is colon and frame["outcome"][0] == "reply"


def test_ttl_exceeded_is_a_row():
    netlab.use("line")
    frame = netlab.ping("server", count=1, ttl=1)
    assert (frame["outcome"][0], frame["icmp_type"][0], frame["quoted_ttl"][0]) == ("time-exceeded", 11, 1)
    assert frame["responder_name"][0].startswith("r1")


def test_a_checksum_of_ones_own_runs_in_the_real_tool():
    from netlab.wire import checksum

    netlab.use("line")
    assert netlab.ping("server", count=1, checksum=lambda data: checksum(data))["outcome"][0] == "reply"
    with netlab.use("line") as network:
        wrong = netlab.ping("server", count=1, timeout=0.5, checksum=lambda data: 0x1234)
        reasons = {row["reason"] for row in network.packets() if row["action"] == "dropped"}
    assert wrong["outcome"][0] == "timeout" and any("checksum" in reason for reason in reasons)


def test_udp_and_tcp_find_closed_ports():
    netlab.use("line")
    udp = netlab.ping("server", count=1, protocol="udp")
    assert (udp["outcome"][0], udp["detail"][0]) == ("unreachable", "port unreachable")
    tcp = netlab.ping("server", count=1, protocol="tcp", port=9)
    assert (tcp["outcome"][0], tcp["detail"][0]) == ("reply", "closed (RST)")


def test_wrong_input_is_refused_before_anything_is_sent():
    with netlab.use("line") as network:
        for call, error in [
            ({"destination": "nobody"}, NameNotFound),
            ({"destination": "server", "count": 0}, UsageError),
            ({"destination": "server", "ttl": 300}, UsageError),
            ({"destination": "server", "size": 70_000}, UsageError),
            ({"destination": "server", "timeout": -1}, UsageError),
            ({"destination": "server", "source": "203.0.113.99"}, (NoRoute, UsageError, NameNotFound)),
        ]:
            with pytest.raises(error):
                netlab.ping(**call)
        assert len(network.packets()) == 0


def test_pinging_gives_rows_one_by_one_and_stops_when_told():
    netlab.use("line")
    rows = []
    for row in api.pinging("server", count=50, stop=lambda: len(rows) >= 3):
        rows.append(row)
    assert 3 <= len(rows) < 50 and rows[0]["responder_name"]
    assert list(frames.probes(rows).columns) == list(frames.PROBES)


def test_explain_takes_http_apart_and_says_what_breaks_a_rule():
    fields = netlab.explain(b"GET /a HTTP/1.1\r\nHost: www\r\n\r\n")
    assert fields["value"].tolist()[:3] == ["GET", "/a", "HTTP/1.1"] and set(fields["layer"]) == {"HTTP request"}
    wrong = netlab.explain(b"GET /a HTTP/1.1\r\nHost : www\r\n\r\n")
    why = ["refused (400): whitespace before the colon of a field", "RFC 9112 5.1"]
    assert wrong.loc[3, ["meaning", "defined_in"]].tolist() == why


def test_explain_takes_requests_and_answers():
    netlab.use("line")
    frame = netlab.ping("server", count=1)
    fields = netlab.explain(frame["answer"][0])
    assert list(fields.columns) == list(frames.FIELDS)
    assert "ttl" in " ".join(fields["field"]).lower() or "time to live" in " ".join(fields["field"]).lower()
    assert len(netlab.explain(b"")) == 0
    with pytest.raises(UsageError, match="bytes"):
        netlab.explain("45 00")


def test_to_pcap_writes_what_was_sent_and_answered(tmp_path):
    from netlab.wire import pcapng

    netlab.use("line")
    frame = netlab.ping("server", count=2)
    assert netlab.to_pcap(frame, tmp_path / "ping.pcapng") == 4
    packets = pcapng.parse((tmp_path / "ping.pcapng").read_bytes())
    assert [packet for _, packet, _ in packets][:2] == [frame["request"][0], frame["answer"][0]]
    assert packets[1][0] - packets[0][0] == round(frame["rtt_ms"][0] * 1e6)


def test_alive_says_why():
    netlab.use("line")
    assert api.alive(netlab.ping("server", count=1))[0]
    good, why = api.alive(netlab.ping("server", count=1, ttl=1))
    assert not good and "TTL exceeded" in why
    assert api.alive(netlab.ping("server", count=1, protocol="udp"))[0], "port unreachable: the host is there"


def test_a_world_that_cannot_be_built_says_where():
    with pytest.raises(WorldError):
        netlab.world({"name": "x", "vantage": "nobody", "node": {}})


def test_everything_promised_is_there():
    for name in netlab.__all__:
        assert getattr(netlab, name) is not None
    with pytest.raises(AttributeError, match="offers"):
        netlab.pnig  # noqa: B018
