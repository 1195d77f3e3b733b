"""RIPE Atlas results: what each key becomes, what goes back, and what is refused by name."""

from __future__ import annotations

import bz2
import gzip
import importlib
import json
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from itertools import pairwise
from math import isnan, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlab
from netlab import wire
from netlab.api_formats import read_atlas, to_atlas
from netlab.errors import UsageError
from netlab.formats.atlas import rows_of
from netlab.formats.atlas_json import results_of
from netlab.formats.atlas_write import results_from
from netlab.probe.matching import UNREACHABLE_V4, UNREACHABLE_V6
from netlab.probe.rows import EMPTY, FLAGS
from tests.support.tools import need_module

WORDS = {4: UNREACHABLE_V4, 6: UNREACHABLE_V6}
EXAMPLE = Path(__file__).parents[2] / "notebooks" / "data" / "atlas-example.json"
FLOWS = EXAMPLE.with_name("atlas-flows.json")
DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
X = {"x": "*"}


def ping(*entries, **more):
    head = {"type": "ping", "fw": 5080, "af": 4, "dst_name": "www", "dst_addr": "203.0.113.80", "proto": "ICMP"}
    head |= {"src_addr": "192.0.2.10", "timestamp": 1_767_312_000, "size": 48, "ttl": 60, "msm_id": 1, "prb_id": 2}
    return head | {"result": list(entries)} | more


def trace(*hops, **more):
    """Hops as lists of entries, numbered from 1; a dict is a hop as it stands."""
    numbered = [hop if isinstance(hop, dict) else {"hop": ttl, "result": hop} for ttl, hop in enumerate(hops, 1)]
    head = {"type": "traceroute", "proto": "UDP", "size": 40, "paris_id": 3, "endtime": 1_767_312_009}
    return ping() | head | {"result": numbered} | more


def hop(who="198.51.100.2", rtt=1.5, **more):
    return {"from": who, "rtt": rtt, "ttl": 254, "size": 28} | more


def rows(*results):
    return rows_of(results, WORDS)


def only(result):
    (row,) = rows(result)
    return row


# Ping ------------------------------------------------------------------------------------------------------------


def test_a_ping_becomes_one_row_per_probe():
    first, second, third = rows(ping({"rtt": 1.5}, X, {"rtt": 2, "ttl": 59}))
    assert first == {
        "destination": "www",
        "address": "203.0.113.80",
        "source": "192.0.2.10",
        "protocol": "icmp",
        "network": "atlas",
        "clock": "user",
        "flow": 0,
        "flags": "",
        "packet_size": 76,
        "sent_at": 1_767_312_000 * 10**9,
        "ttl": 0,
        "attempt": 1,
        "round": 1,
        "sequence": 1,
        "outcome": "reply",
        "responder": "203.0.113.80",
        "rtt_ms": 1.5,
        "rtt_user_ms": 1.5,
        "waited_ms": 1.5,
        "reply_ttl": 60,
        "icmp_type": 0,
        "icmp_code": 0,
    }
    assert (second["outcome"], second["attempt"], second["sequence"]) == ("timeout", 2, 2)
    assert "rtt_ms" not in second and "responder" not in second
    assert (third["rtt_ms"], third["reply_ttl"]) == (2.0, 59)


def test_what_ping_could_not_send_never_left():
    row = only(ping({"error": "sendto failed: Network is unreachable"}))
    assert (row["outcome"], row["detail"]) == ("not-sent", "sendto failed: Network is unreachable")
    assert row["sent_at"] is None


def test_a_name_that_was_not_resolved_has_no_address():
    row = only(ping({"error": "dns resolution failed: non-recoverable failure in name resolution"}, dst_addr=None))
    assert (row["destination"], row["address"], row["outcome"]) == ("www", "", "not-sent")


def test_pings_duplicates_are_counted_and_right_behind_a_star_they_are_late():
    first, second, third = rows(ping({"rtt": 1.0}, {"dup": 1, "rtt": 2.0}, {"dup": 1}, X, {"dup": 1, "rtt": 1200}, X))
    assert (first["duplicates"], first["flags"], first["rtt_ms"]) == (2, "duplicate", 1.0)
    assert (second["outcome"], second["rtt_ms"], second["reply_ttl"]) == ("late", 1200.0, 60)
    assert "waited_ms" not in second, "how long the probe was waited for is not told"
    assert third["outcome"] == "timeout"


@pytest.mark.parametrize(
    ("firmware", "size", "packet"), [(5080, 48, 76), (4570, 48, 76), (4569, 56, 76), (4460, 56, 76), (4459, 56, 0)]
)
def test_the_size_of_a_ping_by_firmware(firmware, size, packet):
    assert only(ping(X, fw=firmware, size=size))["packet_size"] == packet


def test_firmware_4400_has_other_keys():
    old = {"fw": 4400, "mode": "ICMP6", "addr": "2001:db8::80", "name": "www", "srcaddr": "2001:db8::10", "avg": 2.0}
    row = only(old | {"timestamp": 7, "ttl": 60, "result": [{"rtt": 2.0}], "sent": 1})
    assert (row["address"], row["destination"], row["source"]) == ("2001:db8::80", "www", "2001:db8::10")
    assert (row["protocol"], row["icmp_type"], row["reply_ttl"]) == ("icmp", 129, 60)
    first, second = rows(
        {
            "fw": 4400,
            "pf": 4,
            "addr": "203.0.113.80",
            "mode": "UDP",
            "paris-id": 4,
            "result": [{"hop": 1, "result": [X, hop()]}],
        }
    )
    assert (first["flow"], first["protocol"], first["outcome"], second["outcome"]) == (
        4,
        "udp",
        "timeout",
        "time-exceeded",
    )


# Traceroute --------------------------------------------------------------------------------------------------------


def test_a_traceroute_becomes_one_row_per_probe_hop_by_hop():
    found = rows(trace([hop(rtt=1.0), X], [hop("203.0.113.80", 2.0)], {"hop": 255, "result": [X]}))
    assert [(row["ttl"], row["attempt"], row["sequence"]) for row in found] == [
        (1, 1, 1),
        (1, 2, 2),
        (2, 1, 3),
        (255, 1, 4),
    ]
    assert [row["outcome"] for row in found] == ["time-exceeded", "timeout", "unreachable", "timeout"]
    assert [row["flags"] for row in found] == ["", "", "", "last-ditch"]
    assert all(row["flow"] == 3 and row["packet_size"] == 68 for row in found)
    assert (found[0]["responder"], found[0]["reply_ttl"], found[0]["quoted_ttl"]) == ("198.51.100.2", 254, 1)
    assert found[0]["quoted_tos"] is None


END = "203.0.113.80"
MESSAGES = [
    # protocol, af, entry → outcome, detail, mark, ICMP type, code
    ("UDP", 4, hop(), "time-exceeded", "TTL exceeded", "", 11, 0),
    ("UDP", 6, hop("2001:db8::1"), "time-exceeded", "hop limit exceeded", "", 3, 0),
    ("UDP", 4, hop(END), "unreachable", "port unreachable", "", 3, 3),
    ("UDP", 6, hop("2001:db8::80"), "unreachable", "port unreachable", "", 1, 4),
    ("UDP", 4, hop(err="p"), "unreachable", "port unreachable", "", 3, 3),
    ("ICMP", 4, hop(END), "reply", "", "", 0, 0),
    ("ICMP", 6, hop("2001:db8::80"), "reply", "", "", 129, 0),
    ("ICMP", 4, hop(END, ittl=2), "time-exceeded", "TTL exceeded", "", 11, 0),
    ("TCP", 4, hop(END, flags="SA"), "reply", "open (SYN-ACK)", "", None, None),
    ("TCP", 4, hop(END, flags="RA"), "reply", "closed (RST)", "", None, None),
    ("TCP", 4, hop(END, flags="R"), "reply", "closed (RST)", "", None, None),
    ("TCP", 4, hop(END), "reply", "", "", None, None),
    ("UDP", 4, hop(err="N"), "unreachable", "network unreachable", "!N", 3, 0),
    ("UDP", 4, hop(err="H"), "unreachable", "host unreachable", "!H", 3, 1),
    ("UDP", 4, hop(err="P"), "unreachable", "protocol unreachable", "!P", 3, 2),
    ("UDP", 4, hop(err="A"), "unreachable", "administratively prohibited", "!X", 3, 13),
    ("UDP", 4, hop(err=10), "unreachable", *UNREACHABLE_V4[10], 3, 10),
    ("UDP", 4, hop(err="10"), "unreachable", *UNREACHABLE_V4[10], 3, 10),
    ("UDP", 4, hop(err=99), "unreachable", "unreachable, code 99", "!99", 3, 99),
    ("ICMP", 6, hop("2001:db8::1", err="N"), "unreachable", "no route", "!N", 1, 0),
    ("ICMP", 6, hop("2001:db8::1", err="A"), "unreachable", "administratively prohibited", "!X", 1, 1),
    ("ICMP", 6, hop("2001:db8::1", err="H"), "unreachable", "address unreachable", "!H", 1, 3),
    ("ICMP", 6, hop("2001:db8::1", err=6), "unreachable", "route rejected", "!X", 1, 6),
    ("UDP", 4, hop(mtu=1400), "unreachable", "fragmentation needed, mtu=1400", "!F-1400", 3, 4),
    ("UDP", 4, hop(mtu=0), "unreachable", "fragmentation needed", "!F", 3, 4),
    ("UDP", 4, hop(err=4, mtu=1400), "unreachable", "fragmentation needed, mtu=1400", "!F-1400", 3, 4),
    ("UDP", 6, hop("2001:db8::1", mtu=1280), "unreachable", "packet too big, mtu=1280", "!F-1280", 2, 0),
]


@pytest.mark.parametrize(("protocol", "family", "entry", "outcome", "detail", "mark", "kind", "code"), MESSAGES)
def test_which_message_an_answer_was(protocol, family, entry, outcome, detail, mark, kind, code):
    address = END if family == 4 else "2001:db8::80"
    row = only(trace([entry], proto=protocol, af=family, dst_addr=address, src_addr=None))
    assert (row["outcome"], row["detail"], row.get("mark", "")) == (outcome, detail, mark)
    assert (row["icmp_type"], row["icmp_code"]) == (kind, code)
    assert row["mtu"] == (entry.get("mtu") or None)


def test_what_the_quote_says():
    row = only(trace([hop(ittl=0, itos=8, edst="203.0.113.99")]))
    assert (row["quoted_ttl"], row["quoted_tos"], row["flags"]) == (0, 8, "quote-differs")
    assert row["detail"] == "TTL exceeded, quoted destination 203.0.113.99"


def test_a_reply_quotes_nothing():
    row = only(trace([hop(END)], proto="ICMP"))
    assert "quoted_ttl" not in row and "quoted_tos" not in row


def test_label_stacks_are_written_as_in_the_table_and_other_objects_passed_over():
    labels = [{"label": 24001, "exp": 1, "s": 0, "ttl": 3}, {"label": 17, "exp": 0, "s": 1, "ttl": 1}]
    other = {"class": 2, "type": 4}
    extension = {"version": 2, "rfc4884": 1, "obj": [other, {"class": 1, "type": 1, "mpls": labels}]}
    assert only(trace([hop(icmpext=extension)]))["mpls"] == "24001/1/0/3 17/0/1/1"
    assert only(trace([hop(icmpext=extension | {"obj": [other]})]))["mpls"] == ""


@pytest.mark.parametrize(
    ("entries", "which"),
    [
        ([X, {"late": 1} | hop(), hop()], 0),  # it came while the second probe was waited for
        ([X, X, {"late": 2} | hop(), X], 0),
        ([X, hop(), {"late": 1} | hop()], 0),  # and in the moment after the second one's answer
        ([X, {"late": 0} | hop()], 0),
        ([hop(), X, {"late": 1} | hop(), hop()], 1),
    ],
)
def test_a_late_answer_finds_its_star(entries, which):
    found = rows(trace(entries))
    assert [row["outcome"] == "late" for row in found] == [place == which for place in range(len(found))]
    assert (found[which]["responder"], found[which]["detail"]) == ("198.51.100.2", "TTL exceeded")
    assert all(row.get("duplicates", 0) == 0 for row in found)


def test_a_late_answer_may_be_about_a_probe_of_the_hop_before_and_have_no_rtt():
    entry = {"late": 2, "from": "198.51.100.2", "ttl": 254, "size": 28}
    first, second, _ = rows(trace([X, X], [entry, X]))
    assert (first["outcome"], second["outcome"]) == ("late", "timeout")
    assert isnan(first["rtt_ms"]) and first["ttl"] == 1


def test_a_second_answer_to_an_answered_probe_is_a_duplicate_however_late():
    first, second = rows(trace([hop(), {"late": 1} | hop("198.51.100.9"), hop()]))
    assert (first["duplicates"], first["responder"], first["flags"]) == (1, "198.51.100.2", "duplicate")
    assert second.get("duplicates", 0) == 0


@pytest.mark.parametrize("mark", [True, 1])
def test_duplicates_of_a_traceroute(mark):
    first, second = rows(trace([hop(), {"dup": mark} | hop(rtt=9.0), hop()]))
    assert (first["duplicates"], first["rtt_ms"]) == (1, 1.5)
    assert second["attempt"] == 2


def test_a_hop_that_failed():
    sent, failed = rows(trace([hop()], {"hop": 2, "error": "connect failed: Network is unreachable"}))
    assert (failed["ttl"], failed["outcome"]) == (2, "not-sent")
    assert (sent["outcome"], failed["detail"]) == ("time-exceeded", "connect failed: Network is unreachable")
    assert only(trace([{"error": "bind failed: Invalid argument"}]))["outcome"] == "not-sent"
    assert only(trace({"error": "name resolution failed: nothing"}, dst_addr=None))["ttl"] == 0


def test_results_are_numbered_through_and_rounds_count_them_by_destination():
    found = rows(ping(X), ping(X, X), trace([X]), ping(X, dst_name="other"))
    assert [row["sequence"] for row in found] == [1, 2, 3, 4, 5]
    assert [row["round"] for row in found] == [1, 2, 2, 1, 1]


def test_addresses_are_written_as_everywhere_in_netlab():
    row = only(trace([hop("2001:DB8:0:0::1")], af=6, dst_addr="2001:0db8::0080", src_addr="fe80::1%eth0"))
    assert (row["responder"], row["address"], row["source"]) == ("2001:db8::1", "2001:db8::80", "fe80::1")


def test_a_ttl_that_the_system_did_not_tell():
    assert only(trace([hop(ttl=-42)]))["reply_ttl"] is None


# What is refused ---------------------------------------------------------------------------------------------------

REFUSED = [
    (ping(type="dns"), "results[1].type='dns'", "'ping' and 'traceroute'"),
    (ping(type="sslcert"), "results[1].type='sslcert'", "'ping' and 'traceroute'"),
    (ping(type=None, result=[]), "results[1].type=None", "'ping' and 'traceroute'"),
    (ping(type=7), "results[1].type=7", "text"),
    (7, "results[1]=7", "JSON object"),
    (ping(result="traceroute to …"), "results[1].result=", "firmware 1"),
    (ping(result=None), "results[1].result=None", "firmware 1"),
    (ping(result={}), "results[1].result={}", "list"),
    (ping(7), "results[1].result[0]=7", "JSON object"),
    (ping(X, {}), "results[1].result[1].rtt=None", "no x (no answer) and no error"),
    (ping({"rtt": "fast"}), "results[1].result[0].rtt='fast'", "number"),
    (ping({"rtt": True}), "results[1].result[0].rtt=True", "number"),
    (ping({"rtt": nan}), "results[1].result[0].rtt=nan", "number"),
    (ping({"dup": 1, "rtt": 1.0}), "results[1].result[0].dup=1", "no probe before it"),
    (ping(dst_name=None, dst_addr=None), "results[1].dst_name=None", "missing"),
    (ping(dst_addr="203.0.113.800"), "results[1].dst_addr='203.0.113.800'", "IPv4 or IPv6 address"),
    (ping(af=5), "results[1].af=5", "4 or 6"),
    (ping(proto="UDP"), "results[1].proto='UDP'", "must be 'ICMP'"),
    (ping(timestamp="today"), "results[1].timestamp='today'", "whole number"),
    (ping(size=-1), "results[1].size=-1", "whole number"),
    (trace(proto="SCTP"), "results[1].proto='SCTP'", "'UDP' or 'TCP'"),
    (trace(proto=None), "results[1].proto=None", "'UDP' or 'TCP'"),
    (trace({"result": [X]}), "results[1].result[0].hop=None", "from 1 to 255"),
    (trace({"hop": 256, "result": [X]}), "results[1].result[0].hop=256", "from 1 to 255"),
    (trace({"hop": 1}), "results[1].result[0].result=None", "list"),
    (trace([X], [{"rtt": 1.0}]), "results[1].result[1].result[0].from=None", "no x"),
    (trace([hop("nobody")]), "results[1].result[0].result[0].from='nobody'", "address"),
    (trace([hop(err="Z")]), "results[1].result[0].result[0].err='Z'", "N, H, P, p, A"),
    (trace([hop(err=256)]), "results[1].result[0].result[0].err=256", "code"),
    (trace([hop(ttl=300)]), "results[1].result[0].result[0].ttl=300", "whole number"),
    (trace([{"late": 1} | hop()]), "results[1].result[0].result[0].late=1", "no probe was sent so many probes ago"),
    (trace([{"dup": True} | hop()]), "results[1].result[0].result[0].dup=True", "no probe before it"),
    (trace([hop(icmpext=[])]), "results[1].result[0].result[0].icmpext=[]", "JSON object"),
    (
        trace([hop(icmpext={"obj": [{"class": 1, "type": 1, "mpls": [{"label": 1 << 20}]}]})]),
        "results[1].result[0].result[0].icmpext.obj[0].mpls[0].label=1048576",
        "whole number",
    ),
    (
        trace([hop(icmpext={"obj": [{"class": 1, "type": 1, "mpls": [{"label": 5, "exp": 0, "s": 1}]}]})]),
        "results[1].result[0].result[0].icmpext.obj[0].mpls[0].ttl=None",
        "missing",
    ),
]


@pytest.mark.parametrize(("result", "where", "allowed"), REFUSED)
def test_strange_results_are_refused_by_place(result, where, allowed):
    with pytest.raises(UsageError) as caught:
        rows(ping(X), result)
    assert where in str(caught.value)
    assert allowed in str(caught.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-300, 300) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
KEYS = [
    *(
        "type",
        "fw",
        "af",
        "dst_name",
        "dst_addr",
        "src_addr",
        "proto",
        "size",
        "ttl",
        "timestamp",
        "result",
        "paris_id",
    ),
    *("hop", "error", "x", "from", "rtt", "dup", "late", "err", "mtu", "ittl", "itos", "edst", "icmpext", "flags"),
]


@given(
    st.sampled_from([ping({"rtt": 1.0}, X), trace([X, hop()], [hop(END)])]),
    st.dictionaries(st.sampled_from(KEYS), anything, max_size=2),
    st.dictionaries(st.sampled_from(KEYS), anything, max_size=2),
)
def test_whatever_stands_in_a_result_it_becomes_rows_or_is_refused(result, change, inner):
    changed = json.loads(json.dumps(result)) | change
    if isinstance(changed["result"], list) and changed["result"] and isinstance(changed["result"][0], dict):
        changed["result"][0] |= inner
    try:
        found = rows(changed)
    except UsageError:
        return
    assert len(netlab.frames.probes(EMPTY | row for row in found)) == len(found)


# There and back ----------------------------------------------------------------------------------------------------

CARRIED = [
    *("destination", "ttl", "attempt", "responder", "rtt_ms", "outcome", "detail", "mark", "address", "source"),
    *("protocol", "flow", "round", "packet_size", "reply_ttl", "icmp_type", "icmp_code", "quoted_ttl", "quoted_tos"),
    *("mtu", "mpls", "duplicates"),
]
"""Columns that the format has a key for."""

addresses = {
    4: st.integers(1, 250).map("198.51.100.{}".format),
    6: st.integers(1, 250).map("2001:db8:7::{:x}".format),
}
ENDS = {4: ("192.0.2.10", "203.0.113.80"), 6: ("2001:db8:1::10", "2001:db8:3::80")}
delays = st.floats(0.001, 9999, allow_nan=False)
labels = st.tuples(st.integers(0, (1 << 20) - 1), st.integers(0, 7), st.integers(0, 1), st.integers(0, 255))
stacks = st.lists(labels.map(lambda label: "/".join(map(str, label))), max_size=3).map(" ".join)


@st.composite
def answers(draw, family, protocol):
    """The columns of an answer, with the words that `netlab.probe.matching` has for them."""
    end = ENDS[family][1]
    words, names = WORDS[family], {4: "TTL exceeded", 6: "hop limit exceeded"}
    found = {
        "responder": draw(addresses[family]),
        "rtt_ms": draw(delays),
        "reply_ttl": draw(st.integers(0, 255) | st.none()),
    }
    kind = draw(st.sampled_from(["expired", "unreachable", "too big", "end"]))
    if kind == "end" and protocol != "udp":
        details = st.sampled_from(["open (SYN-ACK)", "closed (RST)", ""]) if protocol == "tcp" else st.just("")
        number = None if protocol == "tcp" else {4: 0, 6: 129}[family]
        code = None if protocol == "tcp" else 0
        return found | {
            "responder": end,
            "outcome": "reply",
            "detail": draw(details),
            "icmp_type": number,
            "icmp_code": code,
        }
    found |= {"quoted_ttl": draw(st.integers(0, 255)), "quoted_tos": draw(st.integers(0, 255) | st.none())}
    found["mpls"] = draw(stacks)
    if kind == "expired":
        if protocol != "udp" and draw(st.booleans()):
            found["responder"] = end
        number = {4: 11, 6: 3}[family]
        return found | {"outcome": "time-exceeded", "detail": names[family], "icmp_type": number, "icmp_code": 0}
    found["outcome"] = "unreachable"
    if kind == "too big":
        mtu = draw(st.integers(68, 65535) | st.none())
        detail = words[4][0] if family == 4 else "packet too big"
        number, code = (3, 4) if family == 4 else (2, 0)
        found |= {"mtu": mtu, "detail": detail + (f", mtu={mtu}" if mtu else ""), "mark": f"!F-{mtu}" if mtu else "!F"}
        return found | {"icmp_type": number, "icmp_code": code}
    code = draw(st.integers(0, 15).filter(lambda code: (family, code) != (4, 4)))
    found["detail"], found["mark"] = words.get(code, (f"unreachable, code {code}", f"!{code}"))
    if draw(st.booleans()) or kind == "end":
        found["responder"] = end
    return found | {"icmp_type": {4: 3, 6: 1}[family], "icmp_code": code}


@st.composite
def measurements(draw):
    """Rows of PROBES as of one traceroute."""
    family, protocol = draw(st.sampled_from([4, 6])), draw(st.sampled_from(["icmp", "udp", "tcp"]))
    source, end = ENDS[family]
    flow, ttls = draw(st.integers(0, 16)), draw(st.sets(st.integers(1, 20), min_size=1, max_size=5))
    common = EMPTY | {"destination": "www", "address": end, "source": source, "protocol": protocol, "flow": flow}
    common["packet_size"] = (
        {4: 20, 6: 40}[family] + {"icmp": 8, "udp": 8, "tcp": 20}[protocol] + draw(st.integers(0, 99))
    )
    found = []
    for ttl in sorted(ttls):
        for attempt in range(1, draw(st.integers(1, 3)) + 1):
            row = common | {"ttl": ttl, "attempt": attempt, "sequence": len(found) + 1, "sent_at": 7 * 10**9}
            row["outcome"] = draw(st.sampled_from(["answered", "answered", "late", "timeout", "not-sent"]))
            if row["outcome"] in ("answered", "late"):
                answer = draw(answers(family, protocol))
                row |= answer | {"duplicates": draw(st.sampled_from([0, 0, 1, 3]))}
                row["outcome"] = "late" if row["outcome"] == "late" else answer["outcome"]
            elif row["outcome"] == "not-sent":
                row |= {"detail": draw(st.text(min_size=1, max_size=9)), "sent_at": None}
            found.append(row)
    return found


def same(one, other):
    return one == other or (isinstance(one, float) and isinstance(other, float) and isnan(one) and isnan(other))


@given(measurements())
def test_rows_come_back_as_they_went(sent):
    back = [EMPTY | row for row in rows(*json.loads(json.dumps(results_from(sent))))]
    assert len(back) == len(sent)
    for before, after in zip(sent, back, strict=True):
        wrong = {key: (before[key], after[key]) for key in CARRIED if not same(before[key], after[key])}
        assert not wrong


@given(
    st.lists(st.sampled_from(["reply", "late", "timeout", "not-sent"]), min_size=1, max_size=6),
    st.lists(st.tuples(delays, st.integers(0, 255), st.integers(0, 2)), min_size=6, max_size=6),
)
def test_pings_come_back_as_they_went(outcomes, figures):
    sent = []
    for place, (outcome, (delay, ttl, again)) in enumerate(zip(outcomes, figures, strict=False)):
        row = EMPTY | {"destination": "www", "address": END, "source": "192.0.2.10", "packet_size": 84, "ttl": 64}
        row |= {"outcome": outcome, "attempt": place + 1, "sequence": place + 1, "sent_at": 9 * 10**9}
        if outcome in ("reply", "late"):
            row |= {"responder": END, "rtt_ms": delay, "reply_ttl": ttl, "duplicates": again}
            row |= {"icmp_type": 0, "icmp_code": 0}
        elif outcome == "not-sent":
            row |= {"detail": "message too long", "sent_at": None}
        sent.append(row)
    if not any(outcome == "reply" for outcome in outcomes):
        # The TTL of late answers alone: a ping's result names one TTL, that of its replies.
        assert all("ttl" not in result for result in results_from(sent))
    (result,) = results_from(sent)
    assert result["type"] == "ping"
    back = [EMPTY | row for row in rows(json.loads(json.dumps(result)))]
    for before, after in zip(sent, back, strict=True):
        wrong = {key: (before[key], after[key]) for key in CARRIED if not same(before[key], after[key])}
        assert set(wrong) <= {"ttl"}, wrong


WORLDS = [
    ("line", "server"),
    ("campus", "www"),
    ("transatlantic", "archive"),
    *(("broken", name) for name in ("noroute", "prohibited", "drop", "closed", "loop")),
]


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize(("world", "destination"), WORLDS)
def test_a_trace_of_a_world_comes_back(world, destination, protocol):
    with netlab.use(world):
        frame = netlab.traceroute(destination, protocol=protocol)
    back = read_atlas(to_atlas(frame))
    before = frame.sort_values(["ttl", "attempt"], kind="stable").reset_index(drop=True)
    for column in CARRIED:
        assert before[column].astype(object).equals(back[column].astype(object)), column
    assert (back["network"] == "atlas").all() and (back["clock"] == "user").all()
    assert back["return_hops"].equals(before["return_hops"])


def test_what_an_atlas_probe_would_not_have_heard_is_a_star():
    row = EMPTY | {"destination": "www", "address": END, "source": "192.0.2.10", "sequence": 1, "ttl": 3, "attempt": 1}
    row |= {"responder": END, "rtt_ms": 1.0, "sent_at": 0}
    unheard = [
        row | {"protocol": "udp", "outcome": "reply"},
        row | {"protocol": "udp", "outcome": "unreachable", "icmp_type": 12, "icmp_code": 0},
    ]
    for each in unheard:
        assert results_from([each])[0]["result"] == [{"hop": 3, "result": [X]}]
    assert results_from([row | {"outcome": "pending"}]) == []


def test_each_round_destination_and_flow_is_a_result_and_classic_probes_share_one():
    row = EMPTY | {"destination": "www", "address": END, "source": "192.0.2.10", "outcome": "timeout", "sent_at": 0}
    paris = [row | {"sequence": n, "ttl": 1 + n % 2, "flow": 1 + n // 4, "round": 1 + n // 2 % 2} for n in range(8)]
    found = results_from(paris)
    assert [(result["paris_id"], result["msm_id"]) for result in found] == [(1, 1), (2, 2), (1, 1), (2, 2)]
    classic = [row | {"sequence": n, "ttl": n, "flow": n} for n in range(1, 5)]
    assert [result["paris_id"] for result in results_from(classic)] == [0]


# Documented keys and types; "Measurement Result Format", version 5000.
NUMBER = (int, float)
PING = {
    "af": int, "avg": NUMBER, "dst_addr": str, "dst_name": str, "dup": int, "from": str, "fw": int, "lts": int,
    "max": NUMBER, "min": NUMBER, "msm_id": int, "msm_name": str, "prb_id": int, "proto": str, "rcvd": int,
    "result": list, "sent": int, "size": int, "src_addr": str, "timestamp": int, "ttl": int, "type": str,
}  # fmt: skip
PING_ENTRY = {"x": str, "error": str, "rtt": float, "ttl": int, "dup": int}
TRACE = {
    "af": int, "dst_addr": str, "dst_name": str, "endtime": int, "from": str, "fw": int, "lts": int, "msm_id": int,
    "msm_name": str, "paris_id": int, "prb_id": int, "proto": str, "result": list, "size": int, "src_addr": str,
    "timestamp": int, "type": str,
}  # fmt: skip
TRACE_ENTRY = {
    "x": str, "error": str, "err": (str, int), "from": str, "ittl": int, "itos": int, "edst": str, "late": int,
    "mtu": int, "rtt": float, "size": int, "ttl": int, "dup": bool, "flags": str, "icmpext": dict,
}  # fmt: skip


def fits(found, documented):
    for key, value in found.items():
        assert isinstance(value, documented[key]), (key, value)
        assert isinstance(value, bool) == (documented[key] is bool), key


@given(measurements())
def test_a_traceroute_has_the_documented_keys_and_types(sent):
    (result,) = results_from(sent)
    assert result.keys() == TRACE.keys()
    fits(result, TRACE)
    for step in result["result"]:
        assert step.keys() == {"hop", "result"}
        for entry in step["result"]:
            fits(entry, TRACE_ENTRY)


def test_a_ping_has_the_documented_keys_and_types():
    with netlab.use("campus"):
        (result,) = to_atlas(netlab.ping("www", count=3))
    assert result.keys() == PING.keys()
    fits(result, PING)
    for entry in result["result"]:
        fits(entry, PING_ENTRY)
    assert (result["sent"], result["rcvd"], result["dup"], result["size"]) == (3, 3, 0, 56)
    delays = [entry["rtt"] for entry in result["result"]]
    assert (result["min"], result["max"]) == (min(delays), max(delays))


def test_a_traceroute_tells_the_size_of_its_answers():
    with netlab.use("line"):
        frame = netlab.traceroute("server", attempts=1)
    entry = to_atlas(frame)[0]["result"][0]["result"][0]
    quoted = wire.transport(wire.parse(frame["answer"][0])).original
    assert entry["size"] == len(quoted), "what stands behind the ICMP header"


# The tools of the RIPE NCC read it the same way ----------------------------------------------------------------------


def sagan():
    need_module("ripe")
    return importlib.import_module("ripe.atlas.sagan").Result


def read_by_sagan(result):
    return sagan().get(result, on_error=1, on_malformation=3)


@given(measurements())
def test_sagan_reads_the_same_traceroute(sent):
    (result,) = results_from(sent)
    theirs = read_by_sagan(json.loads(json.dumps(result)))
    assert (theirs.type, theirs.protocol, theirs.af) == ("traceroute", sent[0]["protocol"].upper(), result["af"])
    assert (theirs.destination_address, theirs.source_address) == (sent[0]["address"], sent[0]["source"])
    assert [step.index for step in theirs.hops] == sorted({row["ttl"] for row in sent})
    for step in theirs.hops:
        ours = [row for row in sent if row["ttl"] == step.index]
        packets = [packet for packet in step.packets if not packet.raw_data.get("dup")]
        assert len(packets) == len(ours)
        for row, packet in zip(ours, packets, strict=True):
            heard = row["outcome"] in ("reply", "time-exceeded", "unreachable")
            assert packet.origin == (row["responder"] if heard else None)
            assert packet.rtt == (round(row["rtt_ms"], 3) if heard else None)
            assert packet.ttl == (row["reply_ttl"] if heard else None)
            if heard and row["quoted_ttl"] is not None:
                assert packet.internal_ttl == row["quoted_ttl"]
            if heard and row["mpls"]:
                assert len(packet.icmp_header.objects[0]["mpls"]) == len(row["mpls"].split())


def test_sagan_reads_the_same_ping():
    result = json.loads(EXAMPLE.read_text())[0]
    theirs, ours = read_by_sagan(result), rows(result)
    assert (theirs.packets_sent, theirs.packets_received, theirs.packet_size) == (6, 4, 48)
    heard = [row for row in ours if row["outcome"] == "reply"]
    assert [packet.rtt for packet in theirs.packets if packet.rtt and not packet.dup] == [
        row["rtt_ms"] for row in heard
    ]
    assert [packet.ttl for packet in theirs.packets if packet.rtt and not packet.dup] == [
        row["reply_ttl"] for row in heard
    ]


def test_sagan_reads_the_example():
    for result in json.loads(EXAMPLE.read_text()):
        assert read_by_sagan(result).type == result["type"]


# Files -------------------------------------------------------------------------------------------------------------


def test_one_object_a_list_and_one_object_per_line_are_the_same():
    two = [ping(X), trace([hop()])]
    for text in (json.dumps(two), json.dumps(two, indent=1), "\n".join(map(json.dumps, two)) + "\n\n"):
        assert results_of(text) == two
    assert results_of(json.dumps(two[0], indent=1)) == two[:1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{oops", "Expecting property name"),
        ('{"type": "ping"}\n{oops', "line 2"),
        ("[1, 2\n", "line 2 column 1"),
        ("", "is empty"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_refused_with_its_line(text, reason):
    with pytest.raises(UsageError, match="data=") as caught:
        results_of(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["plain.json", "packed.json.gz", "packed.json.bz2"])
def test_a_path_of_a_plain_or_packed_file(tmp_path, name):
    text = json.dumps([ping({"rtt": 1.0})]).encode()
    content = {"json": bytes, "gz": gzip.compress, "bz2": bz2.compress}[name.rpartition(".")[2]](text)
    path = tmp_path / name
    path.write_bytes(content)
    assert read_atlas(path)["rtt_ms"].tolist() == read_atlas(str(path))["rtt_ms"].tolist() == [1.0]


@pytest.mark.parametrize("name", ["results.json", "results.json.gz"])
def test_a_file_written_is_read_again(tmp_path, name):
    with netlab.use("line"):
        frame = netlab.ping(["server", "192.0.2.1"], count=2)
    path = tmp_path / name
    assert to_atlas(frame, path) == 2
    assert read_atlas(path).equals(read_atlas(to_atlas(frame)))
    again = tmp_path / f"again-{name}"
    to_atlas(frame, again)
    assert again.read_bytes() == path.read_bytes(), "the same table makes the same file"


def test_text_and_dicts_are_read_too():
    one = ping({"rtt": 1.0})
    for data in (json.dumps(one), "\n" + json.dumps([one]), one, [one], (one,)):
        assert read_atlas(data)["rtt_ms"].tolist() == [1.0]
    assert len(read_atlas([])) == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("no-such-file.json", "cannot be read: no such file"),
        (7, "path, JSON text, or results"),
        (b"[]", "path, JSON text, or results"),
        ([7], "JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused(data, reason):
    with pytest.raises(UsageError, match=reason):
        read_atlas(data)


@pytest.mark.parametrize("content", [b"\x1f\x8bnot really packed", b"\xff\xfe\x00", gzip.compress(b"[1", mtime=0)[:-3]])
def test_a_broken_file_is_refused(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="broken"):
        read_atlas(path)


def test_to_atlas_wants_a_table_of_probes(tmp_path):
    import pandas as pd

    with pytest.raises(UsageError, match="lacks destination"):
        to_atlas(pd.DataFrame({"rtt": [1]}))
    with netlab.use("line"):
        frame = netlab.ping("server", count=1)
    with pytest.raises(UsageError, match="cannot be written"):
        to_atlas(frame, tmp_path / "missing" / "file.json")


def test_the_table_is_a_table_of_probes():
    with netlab.use("line"):
        frame = netlab.ping("server", count=1)
    for table in (read_atlas([]), read_atlas(EXAMPLE)):
        assert list(table.columns) == list(frame.columns)
        assert {name: str(kind) for name, kind in table.dtypes.items() if name != "network"} == {
            name: str(kind) for name, kind in frame.dtypes.items() if name != "network"
        }
        assert set(" ".join(table["flags"]).split()) <= set(FLAGS)


# The example -------------------------------------------------------------------------------------------------------


def strings(value) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("example", [EXAMPLE, FLOWS], ids=["example", "flows"])
def test_the_examples_are_small_and_have_documentation_addresses_only(example):
    assert example.stat().st_size < 40_000
    for text in strings(json.loads(example.read_text())):
        try:
            address = ip_address(text)
        except ValueError:
            continue
        assert any(address in network for network in DOCUMENTATION), text


def test_the_example_shows_what_there_is_to_see():
    table = read_atlas(EXAMPLE)
    assert table.groupby(["destination", "protocol"], observed=True, sort=False).size().to_dict() == {
        ("archive.example", "icmp"): 6,
        ("archive", "icmp"): 18,
        ("www", "udp"): 9,
        ("server.example", "udp"): 33,
    }
    assert {"reply", "time-exceeded", "unreachable", "late", "timeout"} == set(table["outcome"])
    assert table["duplicates"].sum() == 2 and set(table["mark"]) == {"", "!X"}
    assert {"24001/0/1/1", "24077/0/1/1"} <= set(table["mpls"])
    assert {0, 1, 2} == set(table["quoted_ttl"].dropna())
    # An ocean lies between hop 3 and 4 of the way to the archive.
    archive = table[table["destination"] == "archive"].groupby("ttl")["rtt_ms"].median()
    assert archive[4] - archive[3] > 50


def test_the_example_with_six_flows_shows_true_ways_of_the_fan_and_not_all_of_them():
    """As notebook 07 says: every flow is a way that exists, and the three that are seen are not the four there are."""
    table, fan = read_atlas(FLOWS), netlab.use("fan")
    assert table["flow"].unique().tolist() == [1, 2, 3, 4, 5, 6]
    ways = set()
    for _, trace in table.groupby("flow"):
        hops = [set(map(node_of(fan), hop["responder"])) for _, hop in trace.groupby("ttl")]
        assert all(len(hop) == 1 for hop in hops), "a Paris trace"
        ways.add(("laptop", *(hop.pop() for hop in hops)))
    links = {tuple(link) for link in fan.paths("www")}
    assert all(set(pairwise(way)) <= links for way in ways)
    assert len(ways) == 3 and {way[3] for way in ways} < {"a1", "a2", "a3", "a4"}


def node_of(network):
    return lambda address: network.locate(address).name
