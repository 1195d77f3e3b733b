"""The plan of a traceroute: its order, its end, its gap limit, and the flags that need the whole path."""

import pytest

from netlab.errors import UsageError
from netlab.probe.ladder import Ladder, OwnPlan, is_final, mark_path
from netlab.probe.plan import Target
from netlab.probe.rows import EMPTY

TARGET = Target("www", "203.0.113.80", "192.0.2.10")


def row(ttl, outcome="time-exceeded", responder="", attempt=1, **more):
    kinds = {"time-exceeded": 11, "reply": 0, "unreachable": 3}
    return {
        **EMPTY,
        "ttl": ttl,
        "attempt": attempt,
        "outcome": outcome,
        "responder": responder or (f"198.51.100.{ttl}" if outcome != "timeout" else ""),
        "address": TARGET.address,
        "icmp_type": kinds.get(outcome),
        **more,
    }


def test_probes_come_ttl_by_ttl():
    probes = list(Ladder(TARGET, 2, 4, 2, 32))
    assert [(probe.ttl, probe.attempt) for probe in probes] == [(2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 2)]
    assert {(probe.size, probe.flow, probe.round, probe.at) for probe in probes} == {(32, 1, 1, 0)}


@pytest.mark.parametrize("outcome", ["reply", "unreachable"])
def test_nothing_beyond_the_first_final_answer_is_wanted(outcome):
    ladder = Ladder(TARGET, 1, 30, 1, 32)
    probes = [next(ladder) for _ in range(6)]
    ladder.heard(row(5, outcome))
    assert [ladder.wants(probe) for probe in probes] == [True] * 5 + [False]
    ladder.heard(row(3, outcome))
    assert [ladder.wants(probe) for probe in probes] == [True] * 3 + [False] * 3
    with pytest.raises(StopIteration):
        next(ladder)


def test_the_kind_of_answer_decides_and_not_its_address():
    time_exceeded_by_the_destination = row(4, "time-exceeded", TARGET.address)
    assert not is_final(time_exceeded_by_the_destination)
    assert is_final(row(4, "unreachable", "198.51.100.99"))
    assert is_final(row(4, "reply", "198.51.100.99"))
    assert is_final(row(4, "late", TARGET.address, icmp_type=0))
    assert not is_final(row(4, "late", "198.51.100.4", icmp_type=11))
    assert not is_final(row(4, "late", "2001:db8::4", icmp_type=3, address="2001:db8::80"))
    assert is_final(row(4, "late", TARGET.address, icmp_type=3))


def test_the_gap_limit_counts_whole_silent_hops_behind_the_last_that_answered():
    ladder = Ladder(TARGET, 1, 30, 2, 32, gap_limit=2)
    probe = next(ladder)
    ladder.heard(row(1, attempt=1))
    for ttl in (2, 3):
        ladder.heard(row(ttl, "timeout", attempt=1))
    assert ladder.wants(probe)  # the second attempts are still out
    ladder.heard(row(2, "timeout", attempt=2))
    assert ladder.wants(probe)
    ladder.heard(row(3, "timeout", attempt=2))
    assert ladder.given_up and not ladder.wants(probe)
    ladder.heard(row(3, "late", attempt=1, responder="198.51.100.3", icmp_type=11))
    assert ladder.wants(probe)  # a late answer closes the gap


def test_without_a_gap_limit_it_goes_on():
    ladder = Ladder(TARGET, 1, 30, 1, 32, gap_limit=None)
    for ttl in range(1, 20):
        ladder.heard(row(ttl, "timeout"))
    assert not ladder.given_up


def test_a_loop_and_a_repeated_hop_are_flagged():
    rows = [
        row(1, responder="198.51.100.1"),
        row(2, responder="198.51.100.2"),
        row(3, responder="198.51.100.2"),
        row(4, responder="198.51.100.4"),
        row(5, responder="198.51.100.1"),
        row(6, "timeout"),
    ]
    mark_path(rows)
    assert [each["flags"] for each in rows] == ["", "", "repeated-hop", "", "loop", ""]


def test_what_lies_beyond_the_end_is_flagged_and_never_a_loop():
    rows = [row(1), row(2, "reply", TARGET.address), row(3, "reply", TARGET.address), row(4, "reply", TARGET.address)]
    mark_path(rows)
    assert [each["flags"] for each in rows] == ["", "", "beyond-end", "beyond-end"]


def test_rounds_are_paths_of_their_own():
    rows = [row(1, responder="198.51.100.7", round=1), row(3, responder="198.51.100.7", round=2)]
    mark_path(rows)
    assert [each["flags"] for each in rows] == ["", ""]


def test_a_last_try_does_not_decide_where_the_end_is():
    rows = [row(1), row(2, "timeout"), row(255, "reply", TARGET.address, flags="last-ditch")]
    mark_path(rows)
    assert [each["flags"] for each in rows] == ["", "", "last-ditch"]


def test_an_own_plan_yields_ttls_or_pairs_and_hears_answers():
    heard = []

    def plan(rows):
        yield 3
        yield 3
        yield (5, 4)
        heard.extend(rows)

    own = OwnPlan(plan, TARGET, 32)
    assert [(probe.ttl, probe.attempt) for probe in (next(own), next(own), next(own))] == [(3, 1), (3, 2), (5, 4)]
    own.heard(row(3))
    own.heard(row(5, "timeout"))
    with pytest.raises(StopIteration):
        next(own)
    assert [each["ttl"] for each in heard] == [3]


@pytest.mark.parametrize("item", [0, 256, "3", None, (1,), (1, 0), 2.5])
def test_an_own_plan_that_yields_nonsense_is_told_so(item):
    with pytest.raises(UsageError, match="plan"):
        next(OwnPlan(lambda rows: iter([item]), TARGET, 32))


def test_an_own_plan_that_yields_nothing_at_all_is_told_so():
    with pytest.raises(UsageError, match="yields"):
        OwnPlan(lambda rows: 3, TARGET, 32)
