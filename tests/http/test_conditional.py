"""Preconditions in the order of RFC 9110 section 13.2.2: a test per rule."""

from __future__ import annotations

import pytest

from netlab.http.conditional import evaluate, matches, range_holds, same
from netlab.http.events import Request, Target

TAG, WEAK, OTHER = b'"abc"', b'W/"abc"', b'"xyz"'
THEN, NOW = 784_111_777, 1_700_000_000
BEFORE, AT, AFTER = (
    b"Sun, 06 Nov 1994 08:49:36 GMT",
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sun, 06 Nov 1994 08:49:38 GMT",
)


def request(*fields: tuple[bytes, bytes], method: bytes = b"GET") -> Request:
    return Request(method, b"/", Target("origin", b"", b"", None, b"/"), (1, 1), list(fields))


def judged(*fields: tuple[bytes, bytes], method: bytes = b"GET", tag: bytes = TAG) -> int:
    return evaluate(request(*fields, method=method), tag, THEN, NOW)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (TAG, 0),
        (OTHER, 412),
        (WEAK, 412),
        (b"*", 0),
        (OTHER + b" , " + TAG, 0),
        (b",,\t" + TAG + b",", 0),
        (b"abc", 412),
    ],
)
def test_step_1_if_match_compares_strongly(value: bytes, status: int) -> None:
    for method in (b"GET", b"PUT"):
        assert judged((b"If-Match", value), method=method) == status


def test_step_1_a_weak_tag_of_ours_matches_only_the_star() -> None:
    assert judged((b"If-Match", WEAK), tag=WEAK) == 412
    assert judged((b"If-Match", b"*"), tag=WEAK) == 0
    assert judged((b"If-Match", TAG), tag=b"") == 412


@pytest.mark.parametrize(("date", "status"), [(BEFORE, 412), (AT, 0), (AFTER, 0), (b"yesterday", 0)])
def test_step_2_if_unmodified_since(date: bytes, status: int) -> None:
    assert judged((b"If-Unmodified-Since", date)) == status


def test_step_2_counts_only_without_if_match() -> None:
    assert judged((b"If-Match", TAG), (b"If-Unmodified-Since", BEFORE)) == 0


def test_step_2_is_ignored_without_a_known_date() -> None:
    assert evaluate(request((b"If-Unmodified-Since", AFTER)), TAG, None, NOW) == 0


@pytest.mark.parametrize(
    ("value", "unchanged"),
    [(TAG, True), (WEAK, True), (OTHER, False), (b"*", True), (b'"a,b", "abc"', True), (b"abc", False)],
)
def test_step_3_if_none_match_compares_weakly(value: bytes, unchanged: bool) -> None:
    assert judged((b"If-None-Match", value)) == (304 if unchanged else 0)
    assert judged((b"If-None-Match", value), method=b"HEAD") == (304 if unchanged else 0)
    assert judged((b"If-None-Match", value), method=b"PUT") == (412 if unchanged else 0)


def test_step_3_several_fields_are_one_list() -> None:
    assert judged((b"If-None-Match", OTHER), (b"If-None-Match", TAG)) == 304


@pytest.mark.parametrize(
    ("date", "status"),
    [
        (BEFORE, 0), (AT, 304), (AFTER, 304), (b"Sunday, 06-Nov-94 08:49:37 GMT", 304),
        (b"Sun Nov  6 08:49:37 1994", 304), (b"not a date", 0),
    ],
)  # fmt: skip
def test_step_4_if_modified_since_in_all_three_forms(date: bytes, status: int) -> None:
    assert judged((b"If-Modified-Since", date)) == status
    assert judged((b"If-Modified-Since", date), method=b"PUT") == 0


def test_step_4_counts_only_without_if_none_match() -> None:
    assert judged((b"If-None-Match", OTHER), (b"If-Modified-Since", AFTER)) == 0


def test_two_dates_are_no_date() -> None:
    assert judged((b"If-Modified-Since", AFTER), (b"If-Modified-Since", AFTER)) == 0


def test_a_failed_if_match_is_412_also_when_the_client_has_it() -> None:
    assert judged((b"If-Match", OTHER), (b"If-None-Match", TAG)) == 412


@pytest.mark.parametrize(
    ("value", "holds"),
    [(TAG, True), (WEAK, False), (OTHER, False), (AT, True), (BEFORE, False), (AFTER, False), (b"abc", False)],
)
def test_step_5_if_range_wants_the_same_bytes(value: bytes, holds: bool) -> None:
    assert range_holds(request((b"If-Range", value)), TAG, THEN, NOW) is holds


def test_step_5_a_date_is_weak_as_long_as_its_second_lasts() -> None:
    """RFC 9110 section 8.8.2.2: the file may change again, and keep its date."""
    asked = request((b"If-Range", AT))
    assert [range_holds(asked, TAG, THEN, now) for now in (THEN - 1, THEN, THEN + 1)] == [False, False, True]
    assert range_holds(request((b"If-Range", TAG)), TAG, THEN, THEN)


def test_step_5_without_if_range_the_range_counts_and_with_two_it_does_not() -> None:
    assert range_holds(request(), TAG, THEN, NOW)
    assert not range_holds(request((b"If-Range", TAG), (b"If-Range", TAG)), TAG, THEN, NOW)


@pytest.mark.parametrize(
    ("one", "other", "strong", "weak"),
    [(WEAK, WEAK, False, True), (b'W/"1"', b'W/"2"', False, False), (WEAK, TAG, False, True), (TAG, TAG, True, True)],
)
def test_the_table_of_the_rfc(one: bytes, other: bytes, strong: bool, weak: bool) -> None:
    """RFC 9110 section 8.8.3.2."""
    assert (same(one, other, True), same(one, other, False)) == (strong, weak)


def test_a_broken_list_names_nothing() -> None:
    assert not matches([b'"abc" "abc"'], TAG, False)
    assert not matches([b"*", TAG + b'"'], TAG, False)


@pytest.mark.parametrize("filler", [b", ", b" ,", b" , ", b'"a" , ', b"\t\t", b'"a",'])
def test_a_hostile_list_is_refused_in_no_time(filler: bytes) -> None:
    """With a pattern in which blanks have two places this would go on for ever."""
    assert not matches([TAG[:-1] + b'x"' + filler * 2000 + b"!"], TAG, False)
