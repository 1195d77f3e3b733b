"""Cache-Control, read with every doubt on the careful side (RFC 9111 section 5.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.http.cache_control import MOST_SECONDS, directives, parse
from netlab.http.events import Response


def test_names_are_in_lower_case_and_values_without_quotes() -> None:
    found = parse((b'Max-Age=60 , foo="a, \\"b\\"",no-store', b"PRIVATE"))
    assert dict(found) == {b"max-age": b"60", b"foo": b'a, "b"', b"no-store": None, b"private": None}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"max-age=60", 60),
        (b'max-age="60"', 60),
        (b"max-age=0060", 60),
        (b"foo", None),
        (b'extension="max-age=60"', None),
        # What is no number is 0: stale at once (section 4.2.1).
        (b"max-age", 0),
        (b"max-age=", 0),
        (b"max-age=-60", 0),
        (b"max-age=60.0", 0),
        (b"max-age='60'", 0),
        (b"max-age =60", 0),
        (b"max-age= 60", 0),
        (b"max-age=\xb2", 0),
        # The first one counts.
        (b"max-age=60, max-age=90", 60),
        (b'max-age="1", extension="max-age=60"', 1),
        (b"max-age=99999999999", MOST_SECONDS),
        (b"max-age=" + b"9" * 5000, MOST_SECONDS),
    ],
)
def test_seconds(value: bytes, seconds: int | None) -> None:
    assert parse((value,)).seconds(b"max-age") == seconds


@pytest.mark.parametrize(
    ("value", "whole", "names"),
    [
        (b"no-cache", True, []),
        (b'no-cache="Set-Cookie, a"', False, [b"set-cookie", b"a"]),
        (b"no-cache=a", False, [b"a"]),
        (b'no-cache=""', True, []),
        (b'no-cache="a", no-cache', True, []),
        (b'no-cache, no-cache="a"', True, []),
        (b"no-cache;a", True, []),
    ],
)
def test_no_cache_for_the_whole_and_for_some_fields(value: bytes, whole: bool, names: list[bytes]) -> None:
    found = parse((value,))
    assert found.whole(b"no-cache") is whole and found.names(b"no-cache") == names


@pytest.mark.parametrize("before", [b'a="', b'"', b"a=b=c", b"@", b"a b", b",,", b'a="b", "', b"=1", b"a\\"])
def test_no_store_is_found_behind_whatever_is_wrong(before: bytes) -> None:
    assert b"no-store" in parse((before + b", no-store",))
    assert b"no-store" in parse((before, b"no-store"))


TOKENS = st.text("abcdefXYZ-", min_size=1, max_size=6).map(str.encode)
QUOTED = st.text('abc, ="\\', max_size=6).map(
    lambda text: b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
)
ELEMENTS = st.one_of(TOKENS, st.tuples(TOKENS, st.one_of(TOKENS, QUOTED)).map(b"=".join))


@given(st.lists(st.one_of(ELEMENTS, st.just(b"no-store")), max_size=8), st.sampled_from([b",", b" ,\t", b",,"]))
def test_a_directive_is_found_exactly_when_it_is_in_the_list(elements: list[bytes], between: bytes) -> None:
    names = {element.partition(b"=")[0].lower() for element in elements}
    assert set(parse((between.join(elements),))) == names
    assert set(parse(tuple(elements))) == names


@given(st.binary(max_size=40))
def test_any_bytes_give_directives(value: bytes) -> None:
    found = parse((value,))
    assert all(name == name.lower() and isinstance(found.seconds(name), int) for name in found)


def test_all_lines_are_one_list() -> None:
    response = Response(200, b"OK", (1, 1), [(b"Cache-Control", b"a"), (b"X", b"b"), (b"cache-control", b"c=1")])
    assert list(directives(response)) == [b"a", b"c"]
