"""The lines of the hop ladder."""

from __future__ import annotations

from typing import Any

from netlab.plot import trace
from netlab.plot.ladder import LABEL, RUN, lines_of
from tests.plot.traces import long, mixed, probe, silent, table, thrice


def lines(frame: Any, beyond: bool = False) -> list[tuple[str, str, str]]:
    rows = trace.traced(frame, beyond)
    return [(line.hop, line.label, line.end) for line in lines_of(rows, trace.labels_of(rows))]


def test_a_hop_has_a_line_per_address_and_its_ttl_once() -> None:
    assert lines(mixed()) == [
        ("1", "192.0.2.1", ""), ("2", "198.51.100.2", ""), ("", "198.51.100.6", ""), ("3", "no answer", ""),
        ("4", "198.51.100.14", ""), ("5", "203.0.113.1", ""), ("6", "203.0.113.80", "the destination answered"),
    ]  # fmt: skip


def test_the_stars_of_a_hop_stand_in_its_first_line() -> None:
    rows = trace.traced(table(probe(1, "192.0.2.1", 1.0), probe(1), probe(1, "192.0.2.2", 1.0)))
    assert [len(line.silent) for line in lines_of(rows, trace.labels_of(rows))] == [1, 0]


def test_a_run_of_silence_is_one_line_that_keeps_the_end() -> None:
    assert lines(silent(RUN + 1)) == [("1–4", "no answer, 4 hops", "no hop answered")]
    assert len(lines(silent(RUN))) == RUN


def test_a_run_in_the_middle_leaves_its_neighbours_alone() -> None:
    rows = [row for ttl in range(2, 8) for row in thrice(ttl)]
    frame = table(*thrice(1, "192.0.2.1", 1.0), *rows, *thrice(8, "203.0.113.80", 9.0, "reply"))
    assert [hop for hop, _, _ in lines(frame)] == ["1", "2–7", "8"]


def test_a_last_try_is_never_part_of_a_run() -> None:
    rows = [row for ttl in range(1, 8) for row in thrice(ttl)]
    assert [hop for hop, _, _ in lines(table(*rows, probe(255, flags="last-ditch")))] == ["1–7", "255"]


def test_no_line_of_a_label_is_too_long() -> None:
    assert all(len(part) <= LABEL for _, label, _ in lines(long()) for part in label.split("\n"))
