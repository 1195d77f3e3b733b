"""The plan of rounds: who is asked when, how far a round goes, and how it learns where the path ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.api_verdict import run_rounds
from netlab.probe.build import Builder
from netlab.probe.plan import Target
from netlab.probe.rounds import END_MEMORY, PAUSE, SPACINGS, PacedSession, Phase, Rounds, mark_beyond, three_spacings
from netlab.probe.rows import EMPTY
from netlab.probe.trace import CONNECT_ENDS
from netlab.tracing import TraceOptions
from tests.support.fakepath import FakePath, hops

TARGET = Target("www", "203.0.113.80", "192.0.2.10")
SECOND = 1_000_000_000


def answer(probe, hops, outcome=None):
    """The row of a probe on a path of so many hops."""
    reached = probe.ttl >= hops
    outcome = outcome or ("reply" if reached else "time-exceeded")
    kind = {"reply": 0, "time-exceeded": 11, "unreachable": 3}.get(outcome)
    row = EMPTY | {"ttl": probe.ttl, "round": probe.round, "outcome": outcome, "icmp_type": kind}
    return row | {"address": TARGET.address, "responder": "" if outcome == "timeout" else "198.51.100.1"}


def run(plan, hops, outcome=lambda probe: None):
    """Send everything that is wanted, and answer at once."""
    sent = []
    for probe in plan:
        if plan.wants(probe):
            sent.append(probe)
            plan.heard(answer(probe, hops, outcome(probe)))
    return sent


def ttls(sent, number):
    return [probe.ttl for probe in sent if probe.round == number]


@given(hops=st.integers(1, 30), rounds=st.integers(1, 6), attempts=st.integers(1, 3))
def test_every_round_asks_every_hop_up_to_the_end(hops, rounds, attempts):
    sent = run(Rounds(TARGET, 1, 30, [Phase(rounds, SECOND)], attempts=attempts), hops)
    for number in range(1, rounds + 1):
        assert ttls(sent, number) == list(range(1, hops + 1)) * attempts
    assert [probe.attempt for probe in sent if probe.round == 1 and probe.ttl == 1] == list(range(1, attempts + 1))


@given(hops=st.integers(1, 14), count=st.integers(3, 8), spacing=st.sampled_from(SPACINGS))
def test_the_probes_of_a_hop_are_exactly_one_spacing_apart_from_the_second_round_on(hops, count, spacing):
    sent = run(Rounds(TARGET, 1, 30, [Phase(count, spacing)]), hops)
    for ttl in range(1, hops + 1):
        times = [probe.at for probe in sent if probe.ttl == ttl and probe.round > 1]
        assert {b - a for a, b in pairwise(times)} == {spacing}
    assert [probe.at for probe in sent] == sorted(probe.at for probe in sent)


def test_a_round_is_spread_over_the_spacing():
    sent = run(Rounds(TARGET, 1, 30, [Phase(2, SECOND)]), 4)
    assert [probe.at - SECOND for probe in sent if probe.round == 2] == [0, SECOND // 4, SECOND // 2, 3 * SECOND // 4]


def test_no_two_probes_come_closer_than_the_least_step():
    sent = run(Rounds(TARGET, 1, 30, [Phase(3, 10_000_000)], least_step=1_000_000), 20)
    assert min(b.at - a.at for a, b in pairwise(sent)) == 1_000_000
    assert {b.at - a.at for a, b in pairwise([probe for probe in sent if probe.ttl == 1])} >= {20_000_000}


def test_behind_a_silent_end_rounds_go_a_gap_beyond_the_last_answer():
    silent = lambda probe: "timeout" if probe.ttl > 7 else "time-exceeded"  # noqa: E731
    sent = run(Rounds(TARGET, 1, 30, [Phase(3, SECOND)], gap_limit=5), 99, silent)
    assert [max(ttls(sent, number)) for number in (1, 2, 3)] == [30, 12, 12]
    sent = run(Rounds(TARGET, 1, 30, [Phase(2, SECOND)], gap_limit=None), 99, silent)
    assert max(ttls(sent, 2)) == 30


def test_a_first_round_that_loses_the_final_answer_is_corrected_by_the_next():
    lost = lambda probe: "timeout" if (probe.round, probe.ttl) == (1, 4) else None  # noqa: E731
    sent = run(Rounds(TARGET, 1, 30, [Phase(3, SECOND)]), 4, lost)
    assert ttls(sent, 1) == [1, 2, 3, 4, 5]
    assert ttls(sent, 2) == [1, 2, 3, 4], "TTL 4 answered finally before 5 was sent"
    assert ttls(sent, 3) == [1, 2, 3, 4]


def test_one_unreachable_from_a_router_hides_the_path_for_some_rounds_only():
    moody = lambda probe: "unreachable" if (probe.round, probe.ttl) == (3, 2) else None  # noqa: E731
    sent = run(Rounds(TARGET, 1, 30, [Phase(20, SECOND)]), 5, moody)
    assert max(ttls(sent, 2)) == 5
    assert max(ttls(sent, 4)) == 2
    assert max(ttls(sent, 3 + END_MEMORY)) > 2
    assert ttls(sent, 20) == [1, 2, 3, 4, 5]


def test_a_path_that_becomes_longer_is_followed():
    plan = Rounds(TARGET, 1, 30, [Phase(3 * END_MEMORY, SECOND)])
    sent = []
    for probe in plan:
        if plan.wants(probe):
            sent.append(probe)
            plan.heard(answer(probe, 4 if probe.round < 5 else 6))
    assert ttls(sent, 3 * END_MEMORY) == [1, 2, 3, 4, 5, 6]


def test_flows_take_turns_and_each_has_an_end_of_its_own():
    """Flow 1 and 3 have a way of 4 hops, flow 2 one of 6."""
    plan = Rounds(TARGET, 1, 30, [Phase(9, SECOND)], flows=3)
    sent = []
    for probe in plan:
        if plan.wants(probe):
            sent.append(probe)
            plan.heard(answer(probe, 6 if probe.flow == 2 else 4))
    assert [{probe.flow for probe in sent if probe.round == number} for number in range(1, 7)] == [{1}, {2}, {3}] * 2
    assert [max(ttls(sent, number)) for number in range(1, 10)] == [4, 6, 4] * 3
    assert [plan.end_of(number) for number in (1, 2, 3, 4)] == [4, 6, 4, 4]


def test_three_spacings_divide_the_probes():
    assert three_spacings(100) == [Phase(20, SECOND), Phase(30, SECOND // 10), Phase(50, SECOND // 100)]
    assert sum(phase.rounds for phase in three_spacings(137)) == 137


def test_phases_are_a_pause_apart():
    sent = run(Rounds(TARGET, 1, 30, [Phase(1, SECOND), Phase(1, SECOND)]), 2)
    assert [probe.at for probe in sent if probe.ttl == 1] == [0, SECOND + PAUSE]


def test_what_was_sent_beyond_the_end_is_flagged():
    rows = [answer(probe, 4) for probe in (next(iter(Rounds(TARGET, ttl, 30, [Phase(1, 1)]))) for ttl in (4, 5))]
    mark_beyond(rows, lambda number: 4)
    assert [row["flags"] for row in rows] == ["", "beyond-end"]
    mark_beyond(rows, lambda number: None)
    assert rows[0]["flags"] == ""


@pytest.mark.parametrize("rounds", [1, 1000])
def test_endless_phases_go_on(rounds):
    plan = Rounds(TARGET, 1, 3, [Phase(None, SECOND)])
    for _ in range(3 * rounds):
        last = next(plan)
    assert last is not None and last.round == rounds


def paced(phases, hops):
    """A session of rounds over a path of so many hops, whose answers the test gives through `heard`."""
    plan = Rounds(TARGET, 1, hops, phases)
    builder = Builder("icmp", {4: 4711}, 1, flows="paris")
    session = PacedSession(
        plan, builder, timeout=SECOND, network="live", epoch=0, virtual=False, window=1000, adaptive=False
    )
    session.begin(0)
    return session


def send_all(session, late):
    """Send everything, `late(n)` ns after it is due; gives (ttl, when) of all."""
    times, now = [], 0
    while not session.finished:
        due = session.next_probe(now)
        if due is None:
            now = session.next_deadline()
            session.expire(now)
            session.take_rows()
            continue
        now += late(len(times))
        number, packet = due
        session.sent(number, packet, number, now)
        times.append((packet[8], now))
    return times


def test_a_machine_that_is_late_does_not_catch_up_in_a_burst():
    stall = {7: 300_000_000, 12: 40_000_000}
    times = send_all(paced([Phase(10, 50_000_000)], 2), lambda number: stall.get(number, 0))
    assert len(times) == 20
    for ttl in (1, 2):
        own = [at for hop, at in times if hop == ttl]
        assert min(b - a for a, b in pairwise(own)) >= 50_000_000
    assert times[-1][1] == 10 * 50_000_000 - 25_000_000 + 340_000_000


def test_without_delays_probes_leave_when_they_are_planned():
    times = send_all(paced([Phase(3, 50_000_000)], 2), lambda number: 0)
    assert [at for _, at in times] == [0, 25_000_000, 50_000_000, 75_000_000, 100_000_000, 125_000_000]


# -- without root: one probe of a flow in flight --------------------------------------------------------------------


def sends(network):
    """ns from one send to the next."""
    return [after - before for (before, _), (after, _) in pairwise(network.sent)]


@pytest.mark.parametrize("lost", [{5}, {5, 11, 14}])
def test_a_lost_connect_costs_its_own_time_and_not_the_pace_of_the_later_ones(lost):
    path = hops(3)
    path[1]["answer"] = lambda number: number not in lost
    network = FakePath(path, virtual=False, rebuilt=True, name="lab:fake")
    rows = list(run_rounds("www", [Phase(10, 60_000_000)], TraceOptions("tcp", attempts=1), network))
    assert network.most_in_flight == 1
    stars = [row for row in rows if row["outcome"] == "timeout"]
    assert {row["sequence"] for row in stars} == lost
    assert all(row["waited_ms"] == CONNECT_ENDS / 1e6 for row in stars), "the connect was ended, nothing can come"
    gaps = sends(network)
    assert len(gaps) == 29
    long = [gap for gap in gaps if gap > 20_000_000]
    # The first round learns how long the path is; it spreads 30 TTLs over the spacing and waits for the next round.
    waited = [gap for gap in long if gap >= CONNECT_ENDS]
    assert len(waited) == len(lost) and len(long) - len(waited) <= 1
    assert min(gaps[3:]) == 20_000_000, "nobody catches up"


def test_short_quotes_cost_their_time_once_and_the_pace_is_kept():
    """UDP whose answers do not tell whose they are: what was in flight is sent again, one at a time."""
    path = hops(3, delay=30_000_000)
    for hop in path:
        hop["quote"] = 8
    network = FakePath(path, virtual=False, rebuilt=True, hide_number=True, name="lab:fake")
    rows = list(run_rounds("www", [Phase(12, 60_000_000)], TraceOptions("udp", attempts=1), network))
    assert any(row["outcome"] == "pending" for row in rows)
    decided = [row for row in rows if row["outcome"] != "pending"]
    assert {(row["ttl"], row["round"]) for row in decided} >= {(ttl, n) for ttl in (1, 2, 3) for n in range(2, 13)}
    assert all(row["outcome"] != "timeout" for row in decided)
    late = sends(network)[-20:]
    assert max(late) <= 90_000_000 and min(late) >= 20_000_000
