"""Verdicts on hand-made rows: what each pattern of losses and delays is taken for, and what nobody can know."""

import random

import pytest

from netlab.probe.rows import EMPTY
from netlab.probe.verdict import DOUBT, LEAST_PROBES, SURE, judge
from netlab.probe.verdict_evidence import contradiction, direction, persistence, rate_limit, slowness
from netlab.probe.verdict_hops import gather
from netlab.probe.verdict_words import ANSWERS_ONLY, CANNOT_TELL, CLASSES, NO_LOSS, PATH_LOSS, RATE_LIMIT, SLOW

END = "203.0.113.80"
SECOND = 1_000_000_000
SPACINGS = [SECOND] * 20 + [SECOND // 10] * 30 + [SECOND // 100] * 50


def ipv4(identification):
    return bytes([0x45, 0, 0, 28, *identification.to_bytes(2, "big")]) + bytes(22)


def hop(ttl, lost=(), delay=None, *, end=False, spacings=SPACINGS, returns=None, counter=None, silent=False):
    """Rows of one hop: `lost` says which probes have no answer (a set of places, or a function of the place)."""
    is_lost = lost if callable(lost) else (lambda place: place in set(lost))
    rows, at = [], ttl * 1_000_000
    for place, gap in enumerate(spacings):
        at += gap
        gone = silent or is_lost(place)
        rtt = delay(place) if callable(delay) else 10.0 * ttl if delay is None else delay
        rows.append(
            EMPTY
            | {
                "destination": "www",
                "address": END,
                "network": "virtual:test",
                "ttl": ttl,
                "round": place + 1,
                "sequence": place * 100 + ttl,
                "sent_at": at,
                "outcome": "timeout" if gone else "reply" if end else "time-exceeded",
                "responder": "" if gone else END if end else f"198.51.100.{ttl}",
                "rtt_ms": float("nan") if gone else rtt,
                "icmp_type": None if gone else 0 if end else 11,
                "return_hops": None if gone else (ttl if returns is None else returns),
                "answer": b"" if gone or counter is None else ipv4(counter(place)),
            }
        )
    return rows


def path(*hops):
    return [row for rows in hops for row in rows]


def classes(rows):
    return [verdict["verdict"] for verdict in judge(rows)]


def some(count, seed, of=100):
    """So many of the places, by chance."""
    return set(random.Random(seed).sample(range(of), count))


def test_a_clean_path_has_no_loss():
    verdicts = judge(path(hop(1), hop(2), hop(3, end=True)))
    assert [verdict["verdict"] for verdict in verdicts] == [NO_LOSS] * 3
    assert verdicts[0]["loss_high"] == pytest.approx(0.037, abs=0.001)
    assert [verdict["ttl"] for verdict in verdicts] == [1, 2, 3]
    assert verdicts[2]["responder"] == END


def test_loss_that_all_later_hops_have_is_path_loss():
    rows = path(hop(1), hop(2, some(20, 2)), hop(3, some(24, 3)), hop(4, some(18, 4), end=True))
    verdicts = judge(rows)
    assert [verdict["verdict"] for verdict in verdicts] == [NO_LOSS, PATH_LOSS, PATH_LOSS, PATH_LOSS]
    assert verdicts[1]["loss"] == 0.20
    assert verdicts[1]["loss_after"] == 0.21
    assert "hop 4: 18 of 100 lost" in verdicts[1]["evidence"]
    assert {verdict["direction"] for verdict in verdicts} == {""}, "a lost answer looks like a lost probe"


def test_loss_that_no_later_hop_has_is_the_routers_own():
    rows = path(hop(1), hop(2, some(15, 2)), hop(3), hop(4, end=True))
    assert classes(rows) == [NO_LOSS, ANSWERS_ONLY, NO_LOSS, NO_LOSS]


def test_a_router_that_never_answers_but_forwards_loses_its_own_answers_only():
    verdicts = judge(path(hop(1), hop(2, silent=True), hop(3, end=True)))
    assert verdicts[1]["verdict"] == ANSWERS_ONLY
    assert verdicts[1]["responder"] == ""
    assert verdicts[1]["sentence"] == "This router never answers, but it forwards: later hops do answer."


def test_loss_that_begins_at_the_destination_may_be_its_own():
    assert classes(path(hop(1), hop(2), hop(3, some(30, 3), end=True))) == [NO_LOSS, NO_LOSS, CANNOT_TELL]


def test_behind_a_silent_destination_nothing_is_said_about_the_path():
    rows = path(hop(1, some(20, 1)), hop(2, some(21, 2)), hop(3, silent=True), hop(4, silent=True))
    assert classes(rows) == [CANNOT_TELL] * 4
    sentences = [verdict["sentence"] for verdict in judge(rows)]
    assert "destination is silent" in sentences[0]
    assert "Nobody beyond" in sentences[1]
    assert "Nobody answers here or beyond" in sentences[2]


def test_what_never_answers_behind_a_silent_destination_is_told_in_a_few_words():
    beyond = [hop(ttl, silent=True, spacings=SPACINGS[:1]) for ttl in range(5, 31)]
    rows = path(hop(1, some(20, 1)), hop(2, some(21, 2)), hop(3, some(20, 3)), hop(4, silent=True), *beyond)
    verdicts = judge(rows)
    evidence = verdicts[0]["evidence"]
    assert evidence.endswith("; hop 2: 21 of 100 lost; hop 3: 20 of 100 lost; hops 4 to 30: all 126 lost")
    assert verdicts[-1]["evidence"] == "hop 30: 1 of 1 lost (21 % to 100 %)"
    assert verdicts[-1]["sentence"] == "1 probe is too few for a verdict."
    assert all(len(verdict["evidence"]) < 120 for verdict in verdicts)


def test_a_later_router_that_answers_more_exonerates_even_before_a_silent_destination():
    assert classes(path(hop(1, some(40, 1)), hop(2), hop(3, silent=True)))[0] == ANSWERS_ONLY


def bucket(rate, burst):
    """Places that a token bucket does not answer."""
    tokens, lost = float(burst), set()
    for place, gap in enumerate(SPACINGS):
        tokens = min(burst, tokens + gap / SECOND * rate)
        if tokens >= 1:
            tokens -= 1
        else:
            lost.add(place)
    return lost


@pytest.mark.parametrize("rate", [1, 2, 5, 20, 50])
def test_loss_that_rises_with_the_rate_of_the_probes_is_a_rate_limit(rate):
    verdicts = judge(path(hop(1), hop(2, bucket(rate, 6)), hop(3), hop(4, end=True)))
    assert [verdict["verdict"] for verdict in verdicts] == [NO_LOSS, RATE_LIMIT, NO_LOSS, NO_LOSS]
    assert "1 s: 0 of 20 lost" in verdicts[1]["evidence"]


def test_a_chain_of_routers_with_the_same_limit_is_limited_all_along():
    rows = path(*(hop(ttl, bucket(1, 6)) for ttl in (1, 2, 3)), hop(4, end=True))
    assert classes(rows) == [RATE_LIMIT, RATE_LIMIT, RATE_LIMIT, NO_LOSS]


def test_one_spacing_is_enough_when_the_answers_come_like_clockwork():
    each_fifth = hop(2, lambda place: place % 5 != 0, spacings=[SECOND // 10] * 100)
    steady = [hop(ttl, spacings=[SECOND // 10] * 100, end=ttl == 3) for ttl in (1, 3)]
    assert classes(path(steady[0], each_fifth, steady[1])) == [NO_LOSS, RATE_LIMIT, NO_LOSS]


def test_a_congested_link_is_not_taken_for_a_limit():
    """More loss of closer packets, here and at all later hops, without a regular pattern."""

    def congested(seed):
        chance = random.Random(seed)
        rolls = [chance.random() for _ in SPACINGS]
        return lambda place: place >= 50 and rolls[place] < 0.5

    found = classes(path(hop(1), hop(2, congested(2)), hop(3, congested(3)), hop(4, congested(4), end=True)))
    assert RATE_LIMIT not in found
    assert found[0] == NO_LOSS


def test_a_limited_destination_is_no_witness_of_a_path_loss():
    """With it as the only later hop, a router that drops answers would look like path loss (a known mistake)."""
    limited = hop(3, lambda place: place >= 50 and place % 5 != 0, end=True)
    for row in limited:
        if row["outcome"] == "reply":
            row["outcome"], row["icmp_type"] = "unreachable", 3
    assert classes(path(hop(1), hop(2, some(20, 2)), limited))[1] == CANNOT_TELL


def test_a_destination_that_may_be_limited_is_no_witness_either():
    """Its answers are too few for a pattern, so it may be a congested link as well."""
    chance = random.Random(9)
    rolls = [chance.random() for _ in SPACINGS]
    limited = hop(3, lambda place: place >= 50 and rolls[place] < 0.6, end=True)
    assert classes(path(hop(1), hop(2, some(20, 2)), limited)) == [NO_LOSS, CANNOT_TELL, CANNOT_TELL]


def test_an_answer_later_than_those_of_later_hops_is_a_slow_control_plane():
    verdicts = judge(path(hop(1), hop(2, delay=150.0), hop(3), hop(4, end=True)))
    assert [verdict["verdict"] for verdict in verdicts] == [NO_LOSS, SLOW, NO_LOSS, NO_LOSS]
    assert "median RTT 150.0 ms, but hop 3 answers after 30.0 ms" in verdicts[1]["evidence"]


def test_a_longer_way_back_explains_a_late_answer_as_well():
    assert classes(path(hop(1), hop(2, delay=150.0, returns=9), hop(3), hop(4, end=True)))[1] == NO_LOSS


def test_scattered_answers_show_a_slow_control_plane_on_any_way_back():
    chance = random.Random(5)
    scattered = [chance.random() * 90 for _ in SPACINGS]
    rows = path(hop(1), hop(2, delay=lambda place: 20 + scattered[place], returns=9), hop(3, delay=200.0, end=True))
    assert classes(rows) == [NO_LOSS, SLOW, NO_LOSS]


def test_jitter_that_later_hops_share_belongs_to_the_path():
    chance = random.Random(6)
    jitter = [chance.random() * 90 for _ in range(300)]
    rows = path(
        hop(1),
        hop(2, delay=lambda place: 20 + jitter[place]),
        hop(3, delay=lambda place: 30 + jitter[100 + place]),
        hop(4, delay=lambda place: 40 + jitter[200 + place], end=True),
    )
    assert classes(rows) == [NO_LOSS] * 4


def test_few_probes_give_no_verdict():
    three = [SECOND] * 3
    assert (
        classes(path(hop(1, spacings=three), hop(2, {0}, spacings=three), hop(3, spacings=three, end=True)))
        == [CANNOT_TELL] * 3
    )
    assert LEAST_PROBES == 20


def test_one_loss_in_a_hundred_tells_nothing():
    assert classes(path(hop(1, {50}), hop(2), hop(3, end=True))) == [CANNOT_TELL, NO_LOSS, NO_LOSS]


def test_late_answers_were_not_lost_and_unsent_probes_do_not_count():
    rows = path(hop(1), hop(2, end=True))
    for row in rows[:10]:
        row["outcome"], row["rtt_ms"] = "late", 2500.0
    for row in rows[10:20]:
        row["outcome"], row["responder"] = "pending", ""
    for row in rows[20:25]:
        row["outcome"], row["responder"] = "not-sent", ""
    first = judge(rows)[0]
    assert (first["sent"], first["received"], first["verdict"]) == (85, 85, NO_LOSS)


def test_probes_beyond_the_end_and_the_last_ditch_are_not_judged():
    rows = path(hop(1), hop(2, end=True), hop(3, end=True), hop(255, end=True))
    for row in rows[200:300]:
        row["flags"] = "beyond-end"
    for row in rows[300:]:
        row["flags"] = "last-ditch"
    assert [verdict["ttl"] for verdict in judge(rows)] == [1, 2]


# -- direction ---------------------------------------------------------------------------------------------------


def lossy_path(counter_of):
    """10 to 20 % loss from hop 2 on; ``counter_of(lost)`` makes the function place → identification."""
    lost = {ttl: some(20, ttl) for ttl in (2, 3)}
    return path(
        hop(1),
        hop(2, lost[2], counter=counter_of(lost[2])),
        hop(3, lost[3], counter=counter_of(lost[3]), end=True),
    )


def never_answered(lost):
    return lambda place: 65_500 + place - sum(other < place for other in lost) & 0xFFFF


def answered_in_vain(lost):
    return lambda place: 65_500 + place & 0xFFFF


def test_a_counter_that_stood_still_proves_a_loss_on_the_way_there():
    verdicts = judge(lossy_path(never_answered))
    assert [verdict["direction"] for verdict in verdicts] == ["", "forward", "forward"]
    assert "packet numbers: 20 lost before the responder answered, 0 after" in verdicts[1]["evidence"]


def test_a_counter_that_went_on_proves_a_loss_on_the_way_back():
    assert [verdict["direction"] for verdict in judge(lossy_path(answered_in_vain))] == ["", "backward", "backward"]


def test_random_numbers_prove_nothing():
    chance = random.Random(1)
    verdicts = judge(lossy_path(lambda lost: lambda place: chance.getrandbits(16)))
    assert [verdict["verdict"] for verdict in verdicts] == [NO_LOSS, PATH_LOSS, PATH_LOSS]
    assert {verdict["direction"] for verdict in verdicts} == {""}


def test_numbers_that_netlab_put_there_prove_nothing():
    rows = lossy_path(never_answered)
    for row in rows:
        row["flags"] = "rebuilt"
    assert {verdict["direction"] for verdict in judge(rows)} == {""}


def test_losses_on_both_ways_have_no_direction():
    def half(lost):
        before = sorted(lost)[::2]
        return lambda place: 1000 + place - sum(other < place for other in before)

    verdicts = judge(lossy_path(half))
    assert {verdict["direction"] for verdict in verdicts} == {""}
    assert "packet numbers: 10 lost before the responder answered, 10 after" in verdicts[1]["evidence"]


# -- the tests behind the verdicts --------------------------------------------------------------------------------


def facts(*hops):
    return gather(path(*hops))[0].hops


def test_the_error_rates_of_the_tests_hold_under_the_null_hypothesis():
    """Equal 20 % loss everywhere, 300 times: contradictions and limits are "found" at most as often as promised."""
    contradicted = limited = 0
    chance = random.Random(1)
    for _ in range(300):
        hops = facts(*(hop(ttl, lambda place: chance.random() < 0.2) for ttl in (1, 2, 3)))
        contradicted += contradiction(hops[0], hops[1:]).p < DOUBT
        found = rate_limit(hops[0])
        limited += found.by_spacing < DOUBT or found.regular < DOUBT
    assert contradicted <= DOUBT * 300
    assert 0 < limited <= 2 * DOUBT * 300  # two tests


def test_persistence_rejects_later_hops_that_lose_next_to_nothing():
    lossy, same, clean = facts(hop(1, some(20, 1)), hop(2, some(20, 2)), hop(3, {7}))
    assert persistence(lossy, [same]) < SURE
    assert persistence(lossy, [clean]) > DOUBT
    assert persistence(lossy, []) == 1.0


def test_slowness_needs_enough_answers():
    few, end = facts(hop(1, delay=200.0, spacings=[SECOND] * 9), hop(2, spacings=[SECOND] * 9, end=True))
    assert slowness(few, [end]).p == 1.0


def test_direction_reads_over_the_wrap_of_16_bits():
    found = direction(facts(hop(1, {40}, counter=lambda place: (65_530 + place) & 0xFFFF))[0])
    assert (found.forward, found.backward) == (0, 1)


def test_each_path_is_judged_by_itself():
    first, second = path(hop(1), hop(2, end=True)), path(hop(1, some(30, 1)), hop(2, end=True))
    for row in second:
        row["destination"] = "mail"
    verdicts = judge(first + second)
    assert [(verdict["destination"], verdict["verdict"]) for verdict in verdicts] == [
        ("www", NO_LOSS), ("www", NO_LOSS), ("mail", ANSWERS_ONLY), ("mail", NO_LOSS),
    ]  # fmt: skip


def test_every_row_has_every_column_of_the_table():
    from netlab.frames import VERDICT_CLASSES, VERDICTS

    rows = path(hop(1), hop(2, some(20, 2)), hop(3, some(24, 3)), hop(4, some(18, 4), end=True))
    for verdict in judge(rows):
        assert list(verdict) == list(VERDICTS)
    assert CLASSES == VERDICT_CLASSES
