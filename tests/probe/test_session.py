"""Playbooks for the session: what is sent, what comes in, and the row that must come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab import wire
from netlab.probe.build import Builder
from netlab.probe.flight import return_hops
from netlab.probe.plan import Target, ping_plan
from netlab.probe.rows import EMPTY, FLAGS, OUTCOMES
from netlab.probe.session import ProbeSession
from netlab.wire import icmpv4, icmpv6

MS = 1_000_000
HERE, THERE, ROUTER = "192.0.2.10", "203.0.113.80", "198.51.100.2"
HERE6, THERE6, ROUTER6 = "2001:db8:1::10", "2001:db8:3::80", "2001:db8:2::2"


class Play:
    """A measurement against nobody: the test plays the network."""

    def __init__(
        self, protocol="icmp", count=1, timeout=1000 * MS, interval=1000 * MS, v6=False, virtual=True, **options
    ):
        self.there, self.here, self.router = (THERE6, HERE6, ROUTER6) if v6 else (THERE, HERE, ROUTER)
        sizes, adaptive = options.pop("sizes", [56]), options.pop("adaptive", False)
        deadline = options.pop("deadline", None)
        self.builder = Builder(protocol, {4: 4711, 6: 4711}, key=0x0123456789ABCDEF, **options)
        target = Target("www", self.there, self.here)
        plan = ping_plan([target], count, interval, 64, sizes, adaptive)
        self.told = []
        self.session = ProbeSession(
            plan, self.builder, timeout=timeout, network="test", epoch=10**18, virtual=virtual, deadline=deadline,
            notice=lambda word, row: self.told.append(word),
        )  # fmt: skip
        self.session.begin(0)

    def send(self, at):
        """Send what is due now; gives the packet."""
        number, packet = self.session.next_probe(at)
        self.session.sent(number, packet, handle=number + 1000, at=at)
        return packet

    def rows(self, now):
        self.session.expire(now)
        return self.session.take_rows()

    def ip(self, source, body, protocol=None, ttl=61):
        if ":" in source:
            return wire.IPv6(source, self.here, protocol or 58, body, hop_limit=ttl).to_bytes()
        return wire.IPv4(source, self.here, protocol or 1, body, ttl=ttl).to_bytes()

    def reply(self, packet, source=None, change=lambda data: data, ttl=61, checksum=None):
        """The echo reply to a request."""
        request = wire.transport(wire.parse(packet))
        source = source or self.there
        if ":" in source:
            body = icmpv6.EchoReply(request.identifier, request.sequence, change(request.payload)).to_bytes(
                source, self.here
            )
        else:
            body = icmpv4.EchoReply(request.identifier, request.sequence, change(request.payload), checksum).to_bytes()
        return self.ip(source, body, ttl=ttl)

    def error(self, packet, message=icmpv4.TimeExceeded, code=0, quote=None, **fields):
        """An ICMP error of the router about a packet."""
        original = packet if quote is None else packet[:quote]
        module = icmpv6 if ":" in self.router else icmpv4
        built = getattr(module, message.__name__)(code, original=original, **fields)
        body = built.to_bytes(self.router, self.here) if module is icmpv6 else built.to_bytes()
        return self.ip(self.router, body, ttl=254)


def test_a_reply_makes_a_row_with_the_exact_rtt():
    play = Play()
    packet = play.send(0)
    play.session.receive(play.reply(packet), at=22 * MS)
    (row,) = play.rows(22 * MS)
    assert (row["outcome"], row["rtt_ms"], row["responder"], row["clock"]) == ("reply", 22.0, THERE, "virtual")
    assert (row["reply_ttl"], row["return_hops"], row["icmp_type"], row["icmp_code"]) == (61, 4, 0, 0)
    assert row["sent_at"] == 10**18 and row["request"] == packet and row["packet_size"] == 84
    assert list(row) == list(EMPTY)


def test_a_virtual_session_lingers_and_then_ends():
    play = Play()
    play.session.receive(play.reply(play.send(0)), at=22 * MS)
    play.rows(22 * MS)
    assert not play.session.finished
    assert play.session.next_deadline() == 222 * MS, "at least 0.2 s"
    play.session.expire(222 * MS)
    assert play.session.finished and play.session.next_deadline() is None


def test_a_real_session_with_all_answers_ends_at_once():
    play = Play(virtual=False)
    play.session.receive(play.reply(play.send(0)), at=22 * MS)
    play.rows(22 * MS)
    assert play.session.finished


def test_a_real_session_with_a_loss_lingers():
    play = Play(virtual=False)
    play.send(0)
    assert [row["outcome"] for row in play.rows(1000 * MS)] == ["timeout"]
    assert not play.session.finished
    assert play.session.next_deadline() == 1200 * MS


def test_the_linger_is_never_longer_than_the_timeout():
    play = Play(timeout=50 * MS)
    play.send(0)
    play.rows(50 * MS)
    assert play.session.next_deadline() == 100 * MS


def test_no_answer_is_a_timeout_without_an_rtt():
    play = Play()
    play.send(0)
    assert play.rows(999 * MS) == []
    (row,) = play.rows(1000 * MS)
    assert row["outcome"] == "timeout" and row["rtt_ms"] != row["rtt_ms"] and row["waited_ms"] == 1000.0


def test_a_late_answer_turns_the_timeout_into_late_and_keeps_its_rtt():
    play = Play()
    packet = play.send(0)
    (row,) = play.rows(1000 * MS)
    play.session.receive(play.reply(packet), at=1100 * MS)
    assert (row["outcome"], row["rtt_ms"], row["waited_ms"]) == ("late", 1100.0, 1000.0)
    assert play.rows(1100 * MS) == [], "one row per probe, changed in place"
    assert play.told == ["sent", "late"]


def test_a_second_answer_is_a_duplicate_and_leaves_the_rtt_alone():
    play = Play()
    packet = play.send(0)
    play.session.receive(play.reply(packet), at=22 * MS)
    (row,) = play.rows(22 * MS)
    play.session.receive(play.reply(packet), at=40 * MS)
    play.session.receive(play.reply(packet), at=41 * MS)
    assert (row["rtt_ms"], row["duplicates"], row["flags"]) == (22.0, 2, "duplicate")


def test_a_reply_from_another_address_is_flagged():
    play = Play()
    play.session.receive(play.reply(play.send(0), source=ROUTER), at=1)
    (row,) = play.rows(1)
    assert (row["outcome"], row["responder"], row["flags"]) == ("reply", ROUTER, "foreign-address")


def test_a_corrupted_payload_is_found_byte_by_byte():
    play = Play()
    play.session.receive(play.reply(play.send(0), change=lambda data: data[:20] + b"\xff" + data[21:]), at=1)
    (row,) = play.rows(1)
    assert (row["outcome"], row["corrupt_at"], row["flags"]) == ("reply", 20, "corrupted")


def test_a_truncated_reply_still_counts():
    play = Play(sizes=[1000])
    play.session.receive(play.reply(play.send(0), change=lambda data: data[:68]), at=1)
    (row,) = play.rows(1)
    assert (row["outcome"], row["flags"], row["corrupt_at"]) == ("reply", "truncated", None)


def test_a_reply_with_a_wrong_checksum_is_told_but_not_believed():
    play = Play()
    packet = play.send(0)
    play.session.receive(play.reply(packet, change=lambda data: b"\x55" + data[1:], checksum=0xBAD), at=5 * MS)
    assert play.rows(5 * MS) == []
    (row,) = play.rows(1000 * MS)
    assert (row["outcome"], row["flags"], row["corrupt_at"]) == ("timeout", "bad-checksum corrupted", 0)
    assert play.told == ["sent", "bad-checksum"]


def test_a_good_reply_after_a_bad_one_counts():
    play = Play()
    packet = play.send(0)
    play.session.receive(play.reply(packet, checksum=0xBAD), at=5 * MS)
    play.session.receive(play.reply(packet), at=9 * MS)
    (row,) = play.rows(9 * MS)
    assert (row["outcome"], row["rtt_ms"]) == ("reply", 9.0)
    assert play.session.take_rows() == []


@pytest.mark.parametrize("stranger", ["identifier", "sequence", "cookie", "request"])
def test_what_is_not_ours_is_ignored(stranger):
    play = Play()
    packet = play.send(0)
    request = wire.transport(wire.parse(packet))
    identifier, sequence, payload = request.identifier, request.sequence, request.payload
    if stranger == "request":
        play.session.receive(packet, at=1)  # loopback: our own request comes in too
    else:
        if stranger == "identifier":
            identifier += 1
        elif stranger == "sequence":
            sequence += 1
        else:
            payload = bytes(8) + payload[8:]
        body = icmpv4.EchoReply(identifier, sequence, payload).to_bytes()
        play.session.receive(play.ip(THERE, body), at=1)
    assert play.rows(1) == []
    assert [row["outcome"] for row in play.rows(1000 * MS)] == ["timeout"]


@given(st.binary(max_size=120))
def test_any_bytes_are_taken_and_never_credited(junk):
    play = Play()
    play.send(0)
    play.session.receive(junk, at=1)
    assert play.rows(1) == []


def test_overtaken_replies_are_flagged_as_reordered():
    play = Play(count=2, interval=0)
    first, second = play.send(0), play.send(0)
    play.session.receive(play.reply(second), at=10)
    play.session.receive(play.reply(first), at=20)
    rows = play.rows(20)
    assert [(row["attempt"], row["flags"]) for row in rows] == [(2, ""), (1, "reordered")]


@pytest.mark.parametrize("v6", [False, True])
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_time_exceeded_finds_its_probe_by_the_quote(protocol, v6):
    play = Play(protocol, count=3, interval=0, v6=v6, port=80 if protocol != "icmp" else 0)
    packets = [play.send(0) for _ in range(3)]
    head = 40 if v6 else 20
    play.session.receive(play.error(packets[1], quote=head + 8), at=7 * MS)
    (row,) = play.rows(7 * MS)
    assert (row["outcome"], row["attempt"], row["responder"]) == ("time-exceeded", 2, play.router)
    assert row["detail"] == ("hop limit exceeded" if v6 else "TTL exceeded")
    assert (row["quoted_ttl"], row["quoted_tos"], row["flags"]) == (64, 0, "")


V4_CODES = [(0, "!N"), (1, "!H"), (2, "!P"), (3, ""), (5, "!S"), (13, "!X"), (14, "!V"), (15, "!C"), (99, "!<99>")]


@pytest.mark.parametrize(("code", "mark"), V4_CODES)
def test_unreachable_codes_have_traceroutes_marks(code, mark):
    play = Play()
    play.session.receive(play.error(play.send(0), icmpv4.DestinationUnreachable, code), at=1)
    (row,) = play.rows(1)
    assert (row["outcome"], row["mark"], row["icmp_type"], row["icmp_code"]) == ("unreachable", mark, 3, code)
    assert row["detail"]


def test_fragmentation_needed_gives_the_mtu():
    play = Play()
    play.session.receive(play.error(play.send(0), icmpv4.DestinationUnreachable, 4, mtu=1400), at=1)
    (row,) = play.rows(1)
    assert (row["mtu"], row["mark"], row["detail"]) == (1400, "!F-1400", "fragmentation needed, mtu=1400")


def test_packet_too_big_gives_the_mtu():
    play = Play(v6=True)
    body = icmpv6.PacketTooBig(1280, play.send(0)).to_bytes(ROUTER6, HERE6)
    play.session.receive(play.ip(ROUTER6, body), at=1)
    (row,) = play.rows(1)
    assert (row["outcome"], row["mtu"], row["mark"]) == ("unreachable", 1280, "!F-1280")


def test_a_changed_tos_in_the_quote_is_flagged():
    play = Play(tos=0xB8)
    packet = bytearray(play.send(0))
    packet[1] = 0
    play.session.receive(play.error(bytes(packet)), at=1)
    (row,) = play.rows(1)
    assert (row["quoted_tos"], row["flags"]) == (0, "quote-differs")


def test_an_error_about_somebody_elses_destination_is_ignored():
    play = Play()
    packet = wire.IPv4(HERE, ROUTER, 1, play.send(0)[20:]).to_bytes()
    play.session.receive(play.error(packet), at=1)
    assert play.rows(1) == []


def test_udp_answers_are_matched_by_the_cookie_or_the_oldest():
    play = Play("udp", count=2, interval=0, port=7)
    first, second = play.send(0), play.send(0)
    assert int.from_bytes(first[26:28], "big") == 1, "the checksum is the number"
    assert wire.transport(wire.parse(first)).checksum is None, "and it is right"
    echoed = wire.UDP(7, 4711, second[28:]).to_bytes(THERE, HERE)
    play.session.receive(play.ip(THERE, echoed, 17), at=5)
    other = wire.UDP(7, 4711, b"who are you?").to_bytes(THERE, HERE)
    play.session.receive(play.ip(THERE, other, 17), at=9)
    rows = play.rows(9)
    assert [(row["attempt"], row["outcome"], row["rtt_ms"]) for row in rows] == [
        (2, "reply", 5 / MS),
        (1, "reply", 9 / MS),
    ]


@pytest.mark.parametrize(("flags", "detail"), [(0x12, "open (SYN-ACK)"), (0x14, "closed (RST)")])
def test_tcp_answers_say_open_or_closed(flags, detail):
    play = Play("tcp", port=80)
    probe = wire.transport(wire.parse(play.send(0)))
    answer = wire.TCP(80, 4711, sequence=99, acknowledgment=probe.sequence + 1, flags=flags).to_bytes(THERE, HERE)
    play.session.receive(play.ip(THERE, answer, 6), at=1)
    (row,) = play.rows(1)
    assert (row["outcome"], row["detail"], row["port"]) == ("reply", detail, 80)


def test_kernel_stamps_give_the_rtt_even_when_the_send_stamp_comes_last():
    play = Play(virtual=False)
    packet = play.send(0)
    play.session.receive(play.reply(packet), at=30_000, stamp=10**18 + 9_000)
    assert play.rows(30_000) == [], "it waits for the stamp"
    play.session.stamp(1001, 10**18 + 2_000)
    (row,) = play.rows(31_000)
    assert (row["clock"], row["rtt_ms"], row["rtt_user_ms"], row["sent_at"]) == ("kernel", 0.007, 0.03, 10**18 + 2_000)


def test_without_a_send_stamp_our_own_clock_counts_after_5_ms():
    play = Play(virtual=False)
    packet = play.send(0)
    play.session.receive(play.reply(packet), at=30_000, stamp=10**18)
    assert play.session.next_deadline() == 30_000 + 5 * MS
    (row,) = play.rows(30_000 + 5 * MS)
    assert (row["clock"], row["rtt_ms"], row["flags"]) == ("user", 0.03, "warm-up")


@pytest.mark.parametrize("step", [-10 * MS, 10 * MS])
def test_a_stepped_wall_clock_is_not_believed(step):
    play = Play(virtual=False)
    packet = play.send(0)
    play.session.stamp(1001, 10**18)
    play.session.receive(play.reply(packet), at=30_000, stamp=10**18 + 20_000 + step)
    (row,) = play.rows(30_000)
    assert (row["clock"], row["rtt_ms"]) == ("user", 0.03)


def test_stop_makes_what_is_in_flight_pending():
    play = Play(count=3, interval=100 * MS)
    first = play.send(0)
    play.send(100 * MS)
    play.session.receive(play.reply(first), at=120 * MS)
    play.session.stop(150 * MS)
    rows = play.session.take_rows()
    assert sorted((row["attempt"], row["outcome"]) for row in rows) == [(1, "reply"), (2, "pending")]
    assert play.session.finished and play.session.next_probe(10**12) is None


def test_the_deadline_ends_everything():
    play = Play(count=None, interval=100 * MS, deadline=250 * MS)
    for at in (0, 100 * MS, 200 * MS):
        play.send(at)
    assert play.session.next_deadline() == 250 * MS
    assert [row["outcome"] for row in play.rows(250 * MS)] == ["pending"] * 3
    assert play.session.finished


def test_a_refused_probe_is_a_row_that_was_not_sent():
    play = Play(count=2, interval=0)
    number, packet = play.session.next_probe(0)
    play.session.refused(number, packet, "message too long", 1500)
    play.session.receive(play.reply(play.send(0)), at=1)
    rows = play.rows(1)
    assert [(row["outcome"], row["detail"], row["mtu"]) for row in rows] == [
        ("not-sent", "message too long", 1500),
        ("reply", "", None),
    ]
    assert rows[0]["sent_at"] is None


def test_adaptive_sends_on_the_answer_or_after_the_interval():
    play = Play(count=3, adaptive=True)
    first = play.send(0)
    assert play.session.next_probe(10 * MS) is None
    play.session.receive(play.reply(first), at=22 * MS)
    play.send(22 * MS)
    assert play.session.next_deadline() == 1022 * MS, "nothing came: the interval counts"
    assert play.session.next_probe(1021 * MS) is None
    play.send(1022 * MS)


def test_sixteen_bits_are_used_again_only_when_they_are_free():
    play = Play(count=70_000, interval=0, timeout=10 * MS)
    for _ in range(65_535):
        play.send(0)
    assert play.session.next_probe(5 * MS) is None, "all 65,535 numbers are in flight"
    assert len(play.rows(10 * MS)) == 65_535
    number, packet = play.session.next_probe(20 * MS)
    assert number == 65_537, "0 is left out: it cannot travel in a UDP checksum"
    assert wire.transport(wire.parse(packet)).sequence == 1


def test_a_late_answer_is_never_credited_to_a_later_probe_with_the_same_16_bits():
    play = Play(count=70_000, interval=0, timeout=1 * MS)
    old = play.send(0)
    for _ in range(65_534):
        play.send(0)
    play.rows(1 * MS)
    play.send(10 * MS)
    play.session.receive(play.reply(old), at=11 * MS - 1)
    assert play.rows(11 * MS - 1) == []


def test_return_hops_guess():
    assert [return_hops(ttl) for ttl in (64, 61, 255, 250, 128, 30, 1)] == [1, 4, 1, 6, 1, 3, 32]


outcomes = st.sampled_from(["answer", "twice", "late", "error", "never", "refused"])


@given(st.lists(outcomes, min_size=1, max_size=12), st.booleans())
def test_every_probe_yields_exactly_one_row(fates, virtual):
    play = Play(count=len(fates), interval=10 * MS, timeout=300 * MS, virtual=virtual)
    arrivals, rows, now, sends = [], [], 0, iter(fates)
    while not play.session.finished:
        due = play.session.next_probe(now)
        if due is not None:
            number, packet = due
            fate = next(sends)
            if fate == "refused":
                play.session.refused(number, packet, "no")
            else:
                play.session.sent(number, packet, number, now)
                delay = 400 * MS if fate == "late" else 35 * MS
                arrivals += (
                    [(now + delay, play.error(packet) if fate == "error" else play.reply(packet))]
                    if fate != "never"
                    else []
                )
                arrivals += [(now + delay + 1, play.reply(packet))] if fate == "twice" else []
            arrivals.sort()
            continue
        until = play.session.next_deadline()
        if arrivals and arrivals[0][0] <= until:
            now, packet = arrivals.pop(0)
            play.session.receive(packet, now)
        else:
            now = max(now, until)
        play.session.expire(now)
        rows += play.session.take_rows()
    assert sorted(row["attempt"] for row in rows) == list(range(1, len(fates) + 1))
    expected = {
        "answer": "reply",
        "twice": "reply",
        "error": "time-exceeded",
        "never": "timeout",
        "refused": "not-sent",
    }
    for row in rows:
        fate = fates[row["attempt"] - 1]
        assert row["outcome"] in OUTCOMES and set(row["flags"].split()) <= set(FLAGS)
        if fate != "late":
            assert row["outcome"] == expected[fate]
        else:
            assert row["outcome"] in ("late", "timeout"), "late, unless the linger was over"
