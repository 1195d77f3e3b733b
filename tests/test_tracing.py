"""Traceroute against a path that the test plays: what is sent, what is waited for, and the rows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlab
from netlab import wire
from netlab.errors import NameNotFound, PermissionNeeded, UsageError
from netlab.network.virtual import VirtualNetwork
from netlab.network.worlds import load
from netlab.probe.trace import answered
from netlab.tracing import TraceOptions, run_trace
from tests.support.fakepath import MS, THERE, FakePath, hops


def trace(network, **options):
    rows = list(run_trace("www", TraceOptions(**options), network))
    return sorted(rows, key=lambda row: row["sequence"])


def flags(row):
    return row["flags"].split()


def shown(rows):
    """The rows up to the end: what a reader looks at."""
    return [row for row in rows if "beyond-end" not in flags(row)]


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_every_hop_is_found_with_its_exact_rtt(protocol):
    rows = shown(trace(FakePath(hops(6)), protocol=protocol, attempts=2))
    assert [(row["ttl"], row["attempt"]) for row in rows] == [(ttl, n) for ttl in range(1, 7) for n in (1, 2)]
    assert [row["rtt_ms"] for row in rows] == [2.0 * row["ttl"] for row in rows]
    assert [row["responder"] for row in rows[::2]] == [*(f"198.51.100.{ttl}" for ttl in range(1, 6)), THERE]
    assert {row["outcome"] for row in rows[:-2]} == {"time-exceeded"}
    assert rows[-1]["outcome"] == ("unreachable" if protocol == "udp" else "reply")


def test_never_more_than_the_window_is_in_flight():
    for window in (1, 3, 16):
        network = FakePath(hops(12))
        trace(network, window=window)
        assert network.most_in_flight == window


def test_with_a_window_of_one_nothing_is_sent_beyond_the_end():
    network = FakePath(hops(5))
    rows = trace(network, window=1)
    assert len(network.sent) == 15 and not any("beyond-end" in flags(row) for row in rows)


def test_paris_keeps_what_balancers_hash_and_classic_changes_it():
    for protocol in ("icmp", "udp", "tcp"):
        seen = {}
        for flow in ("paris", "classic"):
            network = FakePath(hops(6))
            rows = trace(network, protocol=protocol, flow=flow)
            seen[flow] = {packet[20:24] for _, packet in network.sent}
            assert {row["flow"] for row in rows} == ({1} if flow == "paris" else {row["sequence"] for row in rows})
        assert len(seen["paris"]) == 1
        assert len(seen["classic"]) == len(network.sent)


def test_all_checksums_are_right_in_every_mode():
    for protocol in ("icmp", "udp", "tcp"):
        for flow in ("paris", "classic"):
            network = FakePath(hops(4))
            trace(network, protocol=protocol, flow=flow, size=33)
            for _, packet in network.sent:
                assert wire.transport(wire.parse(packet)).checksum is None


def test_classic_udp_counts_the_port_up_from_33434():
    network = FakePath(hops(3))
    rows = trace(network, protocol="udp", flow="classic", attempts=1, window=1)
    assert [row["port"] for row in rows] == [33434, 33435, 33436]


# -- waiting ------------------------------------------------------------------------------------------------------


def test_a_silent_hop_is_given_up_at_ten_times_the_rtt_of_the_next():
    path = hops(4)
    path[1]["answer"] = False
    rows = trace(FakePath(path), attempts=1)
    silent = rows[1]
    assert (silent["outcome"], flags(silent)) == ("timeout", ["early"])
    assert silent["waited_ms"] == 10 * 6 + 1


def test_a_silent_hop_before_a_very_fast_one_is_waited_for_some_milliseconds_all_the_same():
    path = hops(4, delay=MS // 50)
    path[1]["answer"] = False
    assert trace(FakePath(path), attempts=1)[1]["waited_ms"] == 10 * 1 + 1


def test_a_lost_probe_of_a_hop_that_answers_is_given_up_at_three_times_its_rtt():
    path = hops(4)
    path[1]["answer"] = lambda number: number != 5
    rows = trace(FakePath(path))
    lost = next(row for row in rows if row["sequence"] == 5)
    assert (lost["ttl"], lost["outcome"], lost["waited_ms"]) == (2, "timeout", 3 * (4 + 1))


def test_an_answer_after_a_shortened_wait_is_late_and_keeps_its_rtt():
    path = hops(4)
    path[1]["delay"] = 150 * MS
    rows = trace(FakePath(path), attempts=1)
    assert (rows[1]["outcome"], rows[1]["rtt_ms"], rows[1]["responder"]) == ("late", 150.0, "198.51.100.2")
    assert "early" in flags(rows[1])


@given(delays=st.lists(st.integers(1, 2999), min_size=2, max_size=8))
@settings(max_examples=60)
def test_whoever_answers_within_the_timeout_is_never_a_star(delays):
    """On a virtual clock every answer within the timeout is kept, however far apart the hops' delays are."""
    path = hops(len(delays))
    for hop, delay in zip(path, delays):
        hop["delay"] = delay * MS
    rows = shown(trace(FakePath(path), attempts=2))
    assert all(answered(row) for row in rows)
    assert [row["rtt_ms"] for row in rows] == [float(delays[row["ttl"] - 1]) for row in rows]


def test_a_real_clock_waits_for_a_late_answer_a_moment_but_not_the_whole_timeout():
    path = hops(4)
    path[1]["delay"] = 150 * MS
    network = FakePath(path, virtual=False, name="live")
    rows = trace(network, attempts=1)
    assert rows[1]["outcome"] == "late"
    path[1]["answer"] = False
    network = FakePath(path, virtual=False, name="live")
    trace(network, attempts=1)
    assert network.time <= 210 * MS  # linger of 0.2 s from the sending


def test_a_trace_without_losses_ends_at_once_on_a_real_clock():
    network = FakePath(hops(4), virtual=False, name="live")
    trace(network)
    assert network.time == 8 * MS


# -- the end ------------------------------------------------------------------------------------------------------


def test_an_unreachable_from_a_router_ends_the_trace():
    path = hops(8)
    path[3]["code"] = 1
    path[4:] = [{"address": "198.51.100.4", "delay": 8 * MS, "code": 1}] * 4
    rows = trace(FakePath(path), window=3)
    assert max(row["ttl"] for row in shown(rows)) == 4
    assert {row["mark"] for row in shown(rows) if row["ttl"] == 4} == {"!H"}


def test_time_exceeded_from_the_destinations_own_address_is_not_the_end():
    path = hops(5)
    path[2]["address"] = THERE
    rows = shown(trace(FakePath(path), attempts=1))
    assert [row["ttl"] for row in rows] == [1, 2, 3, 4, 5]


def test_five_silent_hops_end_it_and_a_last_try_is_made():
    path = hops(20)
    for hop in path[3:-1]:
        hop["answer"] = False
    network = FakePath(path)
    rows = trace(network, window=3)
    assert max(row["ttl"] for row in rows[:-1]) == 8
    assert (rows[-1]["ttl"], rows[-1]["outcome"], flags(rows[-1])) == (255, "reply", ["last-ditch"])
    assert len({row["sequence"] for row in rows}) == len(rows)


def test_without_a_gap_limit_silence_is_walked_through():
    path = hops(12)
    for hop in path[1:-1]:
        hop["answer"] = False
    rows = shown(trace(FakePath(path), gap_limit=None, attempts=1))
    assert rows[-1]["ttl"] == 12 and rows[-1]["outcome"] == "reply"


def test_an_open_udp_port_is_found_by_icmp_in_the_end():
    path = hops(3)
    path[2]["answer"] = lambda number: number > 2 + 5  # nothing answers UDP there
    rows = trace(FakePath(path), protocol="udp", attempts=1, window=1)
    assert (rows[-1]["protocol"], rows[-1]["outcome"], rows[-1]["port"]) == ("icmp", "reply", None)


def test_where_icmp_is_forbidden_the_last_try_keeps_its_protocol():
    path = hops(3)
    path[2]["answer"] = False
    rows = trace(FakePath(path, forbidden=("icmp",)), protocol="udp", attempts=1, window=1)
    assert (rows[-1]["protocol"], rows[-1]["outcome"], flags(rows[-1])) == ("udp", "timeout", ["last-ditch"])


def test_a_destination_that_answered_gets_no_last_try():
    assert all(row["ttl"] != 255 for row in trace(FakePath(hops(3))))


# -- quotes that are too short ------------------------------------------------------------------------------------


def test_eight_byte_quotes_make_it_go_one_at_a_time_and_nobody_is_confused():
    path = hops(6)
    for hop in path:
        hop["quote"] = 8
    rows = trace(FakePath(path, rebuilt=True, hide_number=True), protocol="udp", attempts=2)
    given_up = [row for row in rows if row["outcome"] == "pending"]
    good = [row for row in shown(rows) if row["outcome"] != "pending"]
    assert given_up and all("no-quote" in flags(row) for row in given_up)
    assert {(row["ttl"], row["attempt"]) for row in good} == {(ttl, n) for ttl in range(1, 7) for n in (1, 2)}
    for row in good:
        assert row["responder"] == path[row["ttl"] - 1]["address"]
        assert "one-at-a-time" in flags(row)
        assert row["rtt_ms"] == 2.0 * row["ttl"]


def test_one_short_quote_among_long_ones_is_no_reason_to_guess():
    path = hops(6)
    path[2]["quote"] = 8
    rows = trace(FakePath(path, rebuilt=True, hide_number=True), protocol="udp")
    for row in rows:
        if row["responder"]:
            assert row["responder"] == path[min(row["ttl"], 6) - 1]["address"]


def test_unprivileged_tcp_has_one_probe_per_flow_in_flight():
    network = FakePath(hops(5), rebuilt=True)
    rows = trace(network, protocol="tcp")
    assert network.most_in_flight == 1
    assert all("one-at-a-time" in flags(row) for row in rows)
    network = FakePath(hops(5), rebuilt=True)
    trace(network, protocol="tcp", flow="classic")
    assert network.most_in_flight == 15 or network.most_in_flight == 16


# -- own parts ----------------------------------------------------------------------------------------------------


def test_an_own_plan_decides_what_is_sent():
    def plan(rows):
        for ttl in range(1, 30):
            yield ttl
            if any(row["outcome"] == "reply" for row in rows):
                return

    rows = trace(FakePath(hops(4)), plan=plan, window=1)
    assert [row["ttl"] for row in rows] == [1, 2, 3, 4]


def test_a_right_own_match_changes_nothing_and_a_wrong_one_shows():
    def right(answer, requests):
        quoted = wire.transport(wire.parse(answer))
        if hasattr(quoted, "original"):
            number = int.from_bytes(quoted.original[26:28], "big")
        else:
            number = quoted.sequence
        return next((n for n in requests if n & 0xFFFF == number), None)

    arrivals = iter(range(1, 1000))

    def by_arrival(answer, requests):
        return next(arrivals)

    same = [(row["ttl"], row["responder"], row["rtt_ms"]) for row in trace(FakePath(hops(4)))]
    assert [(row["ttl"], row["responder"], row["rtt_ms"]) for row in trace(FakePath(hops(4)), match=right)] == same
    path = hops(4)
    path[1]["answer"] = False
    wrong = trace(FakePath(path), match=by_arrival, gap_limit=None)
    assert any(row["responder"] not in ("", path[min(row["ttl"], 4) - 1]["address"]) for row in wrong)


def test_a_match_that_finds_nothing_leaves_stars():
    rows = trace(FakePath(hops(3)), match=lambda answer, requests: None, attempts=1, gap_limit=2)
    assert {row["outcome"] for row in rows if row["ttl"] < 255} == {"timeout"}


# -- the invariant, and wrong input -------------------------------------------------------------------------------


@given(
    silent=st.sets(st.integers(1, 10)),
    length=st.integers(1, 12),
    attempts=st.integers(1, 4),
    window=st.integers(1, 20),
    protocol=st.sampled_from(["icmp", "udp", "tcp"]),
    quote=st.sampled_from([None, 8]),
    virtual=st.booleans(),
    rebuilt=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_every_probe_sent_yields_exactly_one_row_and_nobody_is_confused(
    silent, length, attempts, window, protocol, quote, virtual, rebuilt
):
    path = hops(length)
    for ttl in silent:
        if ttl <= length:
            path[ttl - 1]["answer"] = False
    for hop in path:
        hop["quote"] = quote
    network = FakePath(path, virtual=virtual, rebuilt=rebuilt, hide_number=rebuilt and protocol == "udp")
    rows = trace(network, protocol=protocol, attempts=attempts, window=window)
    assert len(rows) == len(network.sent) == len({row["sequence"] for row in rows})
    for row in rows:
        if row["responder"]:
            assert row["responder"] == path[min(row["ttl"], length) - 1]["address"]


def test_what_the_machine_refuses_is_a_row():
    network = FakePath(hops(3))
    network.refuse = lambda packet: "network is down" if packet[8] == 2 else None
    rows = trace(network, attempts=1)
    assert [row["outcome"] for row in rows][:3] == ["time-exceeded", "not-sent", "reply"]


def test_stop_ends_it_and_what_is_in_flight_is_pending():
    path = hops(30)
    for hop in path[2:]:
        hop["answer"] = False
    network = FakePath(path)
    count = iter(range(1000))
    rows = list(run_trace("www", TraceOptions(), network, stop=lambda: next(count) > 4))
    assert any(row["outcome"] == "pending" for row in rows)
    assert all(row["ttl"] < 255 for row in rows)
    assert network.events == ["begin", "end"]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("first_ttl", 0), ("max_ttl", 256), ("max_ttl", 0), ("attempts", 0), ("attempts", 2.5), ("timeout", 0),
        ("timeout", "1"), ("window", 0), ("protocol", "sctp"), ("protocol", ["icmp"]), ("flow", "dublin"), ("size", 9),
        ("size", 65528), ("port", 0), ("port", 80), ("tos", 256), ("family", 5), ("dont_fragment", 1), ("source", 3),
        ("gap_limit", 0), ("plan", 3), ("match", "x"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named_before_anything_is_sent(argument, value):
    with pytest.raises(UsageError, match=argument):
        TraceOptions(**{argument: value})


@pytest.mark.parametrize("argument", ["names", "as_numbers"])
def test_no_in_words_is_no_yes(argument):
    network = VirtualNetwork(load("line"))
    with pytest.raises(UsageError, match=argument):
        netlab.traceroute("server", network=network, **{argument: "no"})
    assert network.packets() == []


def test_first_and_max_ttl_must_fit_together():
    with pytest.raises(UsageError, match="first_ttl"):
        TraceOptions(first_ttl=5, max_ttl=4)


@pytest.mark.parametrize("destination", ["", "   ", None, ["www"], 3])
def test_a_destination_is_one_name(destination):
    network = FakePath(hops(3))
    with pytest.raises(UsageError, match="destination"):
        list(run_trace(destination, TraceOptions(), network))
    assert network.sent == [] and network.events == ["begin", "end"]


def test_names_that_do_not_resolve_and_protocols_that_are_not_allowed_send_nothing():
    network = FakePath(hops(3), forbidden=("tcp",))
    with pytest.raises(NameNotFound):
        list(run_trace("nobody", TraceOptions(), network))
    with pytest.raises(PermissionNeeded):
        list(run_trace("www", TraceOptions(protocol="tcp"), network))
    assert network.sent == []
