"""The tables: columns, dtypes and "nothing there", whatever comes in."""

import re

import numpy
import pandas as pd
import pytest

import netlab
from netlab import frames
from netlab.errors import UsageError
from netlab.probe import rows as probe_rows

DTYPES = {"time": "datetime64[ns, UTC]", "bytes": "object"}


def row(attempt, outcome="reply", rtt=10.0, **more):
    made = probe_rows.EMPTY | {
        "destination": "www",
        "ttl": 64,
        "attempt": attempt,
        "sequence": attempt,
        "outcome": outcome,
        "rtt_ms": rtt,
        "waited_ms": 1000.0 if rtt != rtt else rtt,
        "sent_at": 10**18 + attempt * 10**9,
        "responder": "" if rtt != rtt else "192.0.2.1",
    }
    return made | more


NAN = float("nan")


def test_a_row_has_exactly_the_columns_of_the_table():
    assert list(probe_rows.EMPTY) == list(frames.PROBES)
    assert probe_rows.OUTCOMES == frames.OUTCOMES


@pytest.mark.parametrize(
    "rows", [[], [row(1)], [row(1), row(2, "timeout", NAN), row(3, "not-sent", NAN, sent_at=None)]]
)
def test_probes_always_have_the_same_columns_and_dtypes(rows):
    frame = frames.probes(rows)
    assert list(frame.columns) == list(frames.PROBES)
    for name, dtype in frames.PROBES.items():
        found = str(frame[name].dtype)
        expected = "category" if dtype.startswith("category") else DTYPES.get(dtype, dtype)
        assert found == expected, name
    assert list(frame["outcome"].cat.categories) == list(frames.OUTCOMES)


def test_what_does_not_exist_is_nan_na_or_empty():
    frame = frames.probes([row(1, "timeout", NAN, sent_at=None)])
    assert numpy.isnan(frame["rtt_ms"][0])
    assert frame["port"][0] is pd.NA and frame["asn"][0] is pd.NA
    assert frame["responder"][0] == "" and frame["answer"][0] == b""
    assert frame["sent_at"].isna()[0]


def test_rows_are_sorted_by_their_number():
    assert frames.probes([row(3), row(1), row(2)])["attempt"].tolist() == [1, 2, 3]


def test_sent_at_keeps_nanoseconds():
    frame = frames.probes([row(1, sent_at=1_767_225_600_000_000_001)])
    assert frame["sent_at"][0].value == 1_767_225_600_000_000_001


def test_summary_counts_late_as_received_late_and_pending_as_neither():
    frame = frames.probes(
        [
            row(1),
            row(2, "timeout", NAN),
            row(3, "late", 3000.0),
            row(4, "pending", NAN),
            row(5, "not-sent", NAN),
            row(6, duplicates=2),
        ]
    )
    summary = frames.summary(frame)
    assert list(summary.columns) == list(frames.SUMMARY)
    (one,) = summary.to_dict("records")
    counts = [one[name] for name in ("sent", "received", "late", "lost", "pending", "duplicates")]
    assert counts == [5, 2, 1, 1, 1, 2]
    assert one["loss"] == 0.25
    assert one["rtt_max_ms"] == 3000.0, "late answers are in the RTT figures"
    assert one["longest_loss_run"] == 1 and one["responders"] == 1


def test_summary_gives_one_row_per_destination_protocol_ttl_and_round():
    rows = [row(1), row(2, destination="other"), row(3, ttl=3), row(4, round=2), row(5, protocol="udp")]
    assert len(frames.summary(frames.probes(rows))) == 5


def test_summary_of_nothing_is_an_empty_table():
    assert list(frames.summary(frames.probes([])).columns) == list(frames.SUMMARY)


def test_summary_of_only_losses_has_no_rtt_and_never_a_zero():
    (one,) = frames.summary(frames.probes([row(1, "timeout", NAN), row(2, "timeout", NAN)])).to_dict("records")
    assert one["loss"] == 1.0 and numpy.isnan(one["rtt_min_ms"]) and numpy.isnan(one["jitter_rfc3550_ms"])


def test_summary_of_a_filtered_table_works():
    frame = frames.probes([row(1), row(2), row(3)])
    assert frames.summary(frame[frame["attempt"] > 1])["sent"].tolist() == [2]


def test_ipg_and_pipe():
    rows = [row(1, rtt=1500.0), row(2, rtt=1500.0), row(3, rtt=10.0)]
    (one,) = frames.summary(frames.probes(rows)).to_dict("records")
    assert one["ipg_ms"] == 1000.0 and one["pipe"] == 2


def test_summary_needs_no_pandas_for_the_command():
    (one,) = frames.summary_rows([row(1), row(2, "timeout", NAN)])
    assert one["sent"] == 2 and one["loss"] == 0.5


def test_rounds_are_summarised_one_by_one_or_all_together():
    rows = [row(n, rtt=float(n), ttl=3, round=n) for n in range(1, 5)]
    frame = frames.probes(rows)
    assert frames.summary(frame)["round"].tolist() == [1, 2, 3, 4]
    together = frames.summary(frame, by_round=False)
    assert together[["round", "sent", "rtt_mean_ms"]].values.tolist() == [[0, 4, 2.5]]


def test_a_star_of_unknown_length_does_not_spoil_the_summary():
    frame = frames.probes([row(1), row(2, "timeout", float("nan"), waited_ms=float("nan"))])
    assert frames.summary(frame)[["sent", "lost", "pipe"]].values.tolist() == [[2, 1, 1]]


@pytest.mark.parametrize(
    ("take", "lacks"),
    [
        (netlab.summary, "destination, protocol, ttl, round, outcome and 6 more"),
        (netlab.quote_diff, "destination, ttl, attempt, responder, address and 6 more"),
        (netlab.to_atlas, "destination, ttl, responder, rtt_ms, outcome and 20 more"),
        (netlab.verdict, "destination, ttl, responder, rtt_ms, outcome and 10 more"),
        (lambda frame: netlab.to_pcap(frame, "never.pcapng"), "sent_at, request, answer"),
    ],
)
def test_a_wrong_table_is_told_who_gives_the_right_one(take, lacks):
    for wrong in (pd.DataFrame({"x": [1]}), "no table"):
        with pytest.raises(UsageError) as told:
            take(wrong)
        givers = "netlab.ping, netlab.traceroute, netlab.monitor or netlab.read_atlas"
        assert told.value.allowed == f"must be a table of {givers} with its columns; lacks {lacks}"


def test_a_table_of_something_else_is_told_what_it_is():
    summary = frames.summary(frames.probes([row(1)]))
    with pytest.raises(UsageError, match=r"netlab\.ping.* and this is one of netlab\.summary; lacks outcome"):
        netlab.summary(summary)
    with pytest.raises(UsageError, match=r"and this is one of the log of a WebServer or ProxyServer; lacks"):
        netlab.verdict(frames.table([], frames.EXCHANGES))


def test_columns_of_every_table_are_told_apart():
    """Whoever needs the columns of a table is told of its giver, and every giver named is a name that there is."""
    for giver, schema in frames.GIVEN_BY:
        with pytest.raises(UsageError) as told:
            frames.need_columns(pd.DataFrame(), list(schema))
        assert told.value.allowed.startswith(f"must be a table of {giver} with its columns; lacks ")
        for name in re.findall(r"netlab\.(\w+)|\b(WebServer)\.(\w+)", giver):
            found = getattr(netlab, name[0] or name[1])
            assert not name[2] or hasattr(found, name[2])


def test_a_probes_table_with_a_column_less_is_no_other_table():
    with pytest.raises(UsageError, match=r"with its columns; lacks flags$"):
        frames.summary(frames.probes([row(1)]).drop(columns="flags"))


def test_rows_that_lack_something_and_rows_that_lack_nothing_make_the_same_table():
    schema = {"name": "str", "ttl": "int64", "mtu": "Int32", "rtt_ms": "float64"}
    lacking = frames.table([{"name": "a", "ttl": 1}, {"name": "b", "mtu": 9}], schema)
    nan = float("nan")
    whole = [{"name": "a", "ttl": 1, "mtu": None, "rtt_ms": nan}, {"name": "b", "ttl": 0, "mtu": 9, "rtt_ms": nan}]
    pd.testing.assert_frame_equal(lacking, frames.table(whole, schema))
