"""Ping's lines, in the form that its users know."""

import pytest

from netlab.formats import ping_text
from netlab.probe.rows import EMPTY

NAN = float("nan")
REPLY = bytes([0x45]) + bytes(83)


def row(**more):
    return (
        EMPTY
        | {
            "address": "203.0.113.80",
            "responder": "203.0.113.80",
            "attempt": 2,
            "outcome": "reply",
            "rtt_ms": 12.345,
            "reply_ttl": 61,
            "answer": REPLY,
            "destination": "www",
        }
        | more
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0451, "0.045"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (99.99, "100.0"), (NAN, "-")],
)
def test_three_digits_that_mean_something(value, text):
    assert ping_text.milliseconds(value) == text


LINES = [
    (row(), "64 bytes from 203.0.113.80: icmp_seq=2 ttl=61 time=12.3 ms"),
    (row(responder_name="www.example"), "64 bytes from www.example (203.0.113.80): icmp_seq=2 ttl=61 time=12.3 ms"),
    (row(flags="corrupted rebuilt"), "64 bytes from 203.0.113.80: icmp_seq=2 ttl=61 time=12.3 ms (corrupted)"),
    (row(outcome="timeout", rtt_ms=NAN), "no answer from 203.0.113.80 yet: icmp_seq=2 after 1 s"),
    (row(outcome="time-exceeded", detail="TTL exceeded"), "From 203.0.113.80: icmp_seq=2 TTL exceeded time=12.3 ms"),
    (row(outcome="not-sent", detail="message too long"), "not sent: icmp_seq=2 message too long"),
    (row(outcome="late"), "64 bytes from 203.0.113.80: icmp_seq=2 ttl=61 time=12.3 ms (late: after 1 s)"),
    (
        row(protocol="tcp", detail="open (SYN-ACK)"),
        "64 bytes from 203.0.113.80: tcp_seq=2 ttl=61 time=12.3 ms open (SYN-ACK)",
    ),
]


def test_an_unknown_ttl_is_not_shown():
    assert "ttl" not in ping_text.line(row(reply_ttl=None), 1.0)


@pytest.mark.parametrize(("made", "text"), LINES)
def test_line(made, text):
    assert ping_text.line(made, 1.0) == text


def test_statistics_name_sent_lost_and_minimum_average_maximum():
    rows = [
        row(
            sequence=n,
            attempt=n,
            rtt_ms=rtt,
            waited_ms=10.0,
            sent_at=n * 10**9,
            outcome="timeout" if rtt != rtt else "reply",
        )
        for n, rtt in enumerate([10.0, 20.0, NAN, 30.0], 1)
    ]
    assert ping_text.statistics(rows, 3004.2) == [
        "--- www ping statistics ---",
        "4 packets transmitted, 3 received, 1 lost, 25% packet loss, time 3004ms",
        "rtt min/avg/max/mdev = 10.000/20.000/30.000/8.165 ms",
    ]


def test_without_an_answer_there_is_no_rtt_line():
    assert len(ping_text.statistics([row(outcome="timeout", rtt_ms=NAN)], 1)) == 2


def test_icmp_errors_stand_apart_and_are_lost_echoes_as_ping_counts_them():
    rows = [
        row(outcome="time-exceeded"),
        row(outcome="unreachable"),
        row(rtt_ms=5.0),
        row(outcome="pending", rtt_ms=NAN),
    ]
    assert ping_text.statistics(rows, 3000)[1:] == [
        "4 packets transmitted, 1 received, +2 errors, 1 pending, 66.67% packet loss, time 3000ms",
        "rtt min/avg/max/mdev = 5.000/5.000/5.000/0.000 ms",
    ]


def test_port_unreachable_from_the_destination_is_the_answer_to_udp():
    closed = row(protocol="udp", outcome="unreachable", detail="port unreachable")
    router = closed | {"responder": "198.51.100.1"}
    assert ping_text.is_reply(closed) and not ping_text.is_reply(router)
    assert ping_text.statistics([closed, router], 1)[1].startswith("2 packets transmitted, 1 received, +1 errors")


def test_head_names_the_network_unless_it_is_the_real_one():
    assert ping_text.head("www", "192.0.2.1", 56, 84, "live") == "PING www (192.0.2.1) 56(84) bytes of data."
    assert ping_text.head("www", "192.0.2.1", 56, 84, "virtual:line").endswith("of data on virtual:line.")
