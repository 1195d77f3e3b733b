"""Every kind of row in a sentence."""

from __future__ import annotations

import math
from typing import Any

import pytest

from netlab.probe.rows import EMPTY
from netlab.widgets.journeys import Journey
from netlab.widgets.telling import tell

ROUTER = {"responder": "192.0.2.1", "responder_name": "r1.line.example", "rtt_ms": 2.0}
SILENT = {"rtt_ms": math.nan, "waited_ms": 3000.0, "outcome": "timeout"}


def told(row: dict[str, Any], **arguments: Any) -> str:
    return tell({**EMPTY, "protocol": "icmp", "ttl": 3, **row}, 5, **arguments)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({**ROUTER, "outcome": "time-exceeded"}, "At r1.line.example (192.0.2.1) the TTL ran out."),
        ({**ROUTER, "outcome": "reply"}, "r1.line.example (192.0.2.1) is the destination and replied after 2 ms."),
        ({**ROUTER, "outcome": "reply", "detail": "SYN-ACK"}, "is the destination and replied after 2 ms: SYN-ACK."),
        ({**ROUTER, "outcome": "unreachable", "detail": "port unreachable"}, "So it is the destination."),
        ({**ROUTER, "outcome": "unreachable", "detail": "host unreachable"}, "passes it no further: host unreachable."),
        ({**ROUTER, "outcome": "late", "rtt_ms": 4000.0}, "only after 4 s, later than the timeout"),
        (SILENT, "Nobody answered within 3 s. That says nothing about packets which are only passed on."),
        ({**SILENT, "flags": "early", "waited_ms": 60.0}, "within 60 ms, a shortened wait"),
        ({**SILENT, "outcome": "pending"}, "still on its way when the trace was stopped"),
        ({**SILENT, "outcome": "not-sent", "detail": "no buffer"}, "It was not sent: no buffer."),
        ({**ROUTER, "outcome": "time-exceeded", "flags": "loop"}, "The packets go in a circle".lower()),
        ({**ROUTER, "outcome": "time-exceeded", "flags": "repeated-hop"}, "for the TTL before, too"),
        ({**ROUTER, "outcome": "reply", "flags": "beyond-end"}, "before the end of the way was known"),
        ({**ROUTER, "outcome": "reply", "flags": "last-ditch"}, "a last try with the largest TTL"),
        ({**ROUTER, "outcome": "time-exceeded", "flags": "one-at-a-time"}, "It travelled alone"),
        ({**ROUTER, "outcome": "time-exceeded", "responder_name": ""}, "At 192.0.2.1 the TTL ran out."),
    ],
)
def test_rows(row: dict[str, Any], sentence: str) -> None:
    assert told(row).startswith("Probe 5, ICMP, left with TTL 3. ")
    assert sentence in told(row)


def test_the_count_is_told_when_it_is_known() -> None:
    assert told(SILENT, total=9).startswith("Probe 5 of 9, ICMP, left with TTL 3.")


@pytest.mark.parametrize(
    ("journey", "sentence"),
    [
        (Journey(("a", "b"), "firewall"), "it was dropped at b (firewall), without a word"),
        (Journey(("a", "b"), "delivered"), "it arrived at b, which kept silent"),
        (Journey(("a", "b"), "ttl exceeded", ("b", "c"), "queue full"), "b answered; that was lost at c (queue full)"),
    ],
)
def test_the_truth_behind_silence(journey: Journey, sentence: str) -> None:
    assert sentence in told(SILENT, journey=journey)
    assert "no tool" not in told({**ROUTER, "outcome": "reply"}, journey=journey)


def test_no_truth_while_a_packet_is_on_its_way() -> None:
    assert "no tool" not in told(SILENT, journey=Journey(("a", "b"), ""))
