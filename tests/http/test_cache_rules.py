"""The rules of RFC 9111, one by one: how long a response is fresh, how old it is, and what to do with it."""

from __future__ import annotations

import pytest

from netlab.http.cache_control import directives
from netlab.http.cache_rules import (
    Stored,
    decide,
    freshness_lifetime,
    initial_age,
    may_store,
    never_stale,
    selected,
    selecting,
    stale_if_error,
    to_store,
    updated,
    varies,
)
from netlab.http.dates import write_date
from netlab.http.events import Field, Request, Response, Target

NOW = 1_700_000_000
DAY = 24 * 3600


def request(*fields: Field, method: bytes = b"GET") -> Request:
    return Request(method, b"http://a/", Target("absolute", b"http", b"a", None, b"/"), (1, 1), list(fields))


def response(*fields: Field, status: int = 200) -> Response:
    return Response(status, b"", (1, 1), list(fields))


def control(value: bytes) -> Field:
    return b"Cache-Control", value


def date(name: bytes, seconds: int) -> Field:
    """A date so many seconds after NOW."""
    return name, write_date(NOW + seconds)


def stored(*fields: Field, age: int, lifetime: int, strict: bool = False) -> Stored:
    return Stored(b"http://a/", response(*fields), (), NOW - age, 0, lifetime, strict)


TAG = (b"ETag", b'"1"')

# -- section 4.2.1 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "private", "shared"),
    [
        ([control(b"s-maxage=9, max-age=5"), date(b"Expires", 7)], (5, "max-age"), (9, "s-maxage")),
        ([control(b"max-age=5"), date(b"Expires", 7)], (5, "max-age"), (5, "max-age")),
        ([control(b"max-age=x"), date(b"Expires", 7)], (0, "max-age"), (0, "max-age")),
        ([date(b"Expires", 7)], (7, "Expires"), (7, "Expires")),
        ([date(b"Expires", 7), date(b"Date", -2)], (9, "Expires"), (9, "Expires")),
        ([date(b"Expires", -7), date(b"Last-Modified", -100)], (0, "Expires"), (0, "Expires")),
        ([(b"Expires", b"0")], (0, "Expires"), (0, "Expires")),
        ([(b"Expires", b"tomorrow"), date(b"Last-Modified", -100)], (0, "Expires"), (0, "Expires")),
        ([date(b"Expires", 7), (b"Date", b"today")], (7, "Expires"), (7, "Expires")),
        ([date(b"Last-Modified", -100), date(b"Date", 0)], (10, "heuristic"), (10, "heuristic")),
        ([date(b"Last-Modified", 100), date(b"Date", 0)], (0, "heuristic"), (0, "heuristic")),
        ([date(b"Last-Modified", -30 * DAY)], (DAY, "heuristic"), (DAY, "heuristic")),
        ([], (0, ""), (0, "")),
    ],
)
def test_how_long_a_response_is_fresh(fields: list[Field], private: object, shared: object) -> None:
    assert freshness_lifetime(response(*fields), False, NOW) == private
    assert freshness_lifetime(response(*fields), True, NOW) == shared


@pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
def test_a_lifetime_is_guessed_for_these(status: int) -> None:
    assert freshness_lifetime(response(date(b"Last-Modified", -100), status=status), False, NOW).seconds == 10


@pytest.mark.parametrize("status", [201, 202, 302, 307, 403, 500, 502, 503, 504, 599])
def test_a_lifetime_is_guessed_for_others_only_when_they_are_public(status: int) -> None:
    modified = date(b"Last-Modified", -100)
    assert freshness_lifetime(response(modified, status=status), False, NOW) == (0, "")
    assert freshness_lifetime(response(modified, control(b"public"), status=status), False, NOW).seconds == 10


# -- section 4.2.3 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "age"),
    [
        ([], 2),
        ([date(b"Date", -30)], 30),  # apparent_age
        ([date(b"Date", 30)], 2),  # a clock that is fast makes nothing younger than the exchange took
        ([(b"Age", b"50"), date(b"Date", -30)], 52),
        ([(b"Age", b"10"), date(b"Date", -30)], 30),
        # Section 5.1: the first of a list; what is no number is ignored.
        ([(b"Age", b"50, 0")], 52),
        ([(b"Age", b"0"), (b"Age", b"50")], 2),
        ([(b"Age", b"-50")], 2),
        ([(b"Age", b"50.0")], 2),
        ([(b"Age", b"9" * 30)], 2**31 + 2),
    ],
)
def test_the_age_on_arrival(fields: list[Field], age: int) -> None:
    assert initial_age(response(*fields), NOW - 2, NOW) == age


def test_the_age_grows_with_the_clock_and_never_shrinks_when_that_is_put_back() -> None:
    kept = Stored(b"", response(), (), NOW, 7, 60, False)
    assert [kept.age(NOW + later) for later in (-100, 0, 1, 100)] == [7, 7, 8, 107]


# -- section 4: hit, validate, miss ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "age", "verdict"),
    [
        (b"", 0, "hit"),
        (b"", 59, "hit"),
        (b"", 60, "validate"),
        (b"no-cache", 0, "validate"),
        (b"max-age=0", 1, "validate"),
        (b"max-age=10", 10, "hit"),
        (b"max-age=10", 11, "validate"),
        (b"max-age=100", 60, "validate"),
        (b"min-fresh=10", 50, "hit"),
        (b"min-fresh=10", 51, "validate"),
        (b"max-stale", 10_000, "hit"),
        (b"max-stale=10", 70, "hit"),
        (b"max-stale=10", 71, "validate"),
        (b"max-stale=x", 61, "validate"),
        (b"max-stale, max-age=65", 66, "validate"),
        (b"unheard-of=1", 0, "hit"),
    ],
)
def test_what_the_client_may_ask(wanted: bytes, age: int, verdict: str) -> None:
    fields = [control(wanted)] if wanted else []
    assert decide(request(*fields), stored(TAG, age=age, lifetime=60), NOW) == verdict


def test_without_a_validator_the_origin_cannot_be_asked() -> None:
    assert decide(request(), stored(age=60, lifetime=60), NOW) == "miss"
    assert decide(request(), stored((b"ETag", b"no quotes"), age=60, lifetime=60), NOW) == "miss"
    assert decide(request(), stored(date(b"Last-Modified", -9), age=60, lifetime=60), NOW) == "validate"


def test_what_the_origin_forbids_max_stale_does_not_allow() -> None:
    patient = request(control(b"max-stale"))
    assert decide(patient, stored(TAG, age=70, lifetime=60, strict=True), NOW) == "validate"
    assert decide(patient, stored(TAG, control(b"no-cache"), age=0, lifetime=60), NOW) == "validate"
    assert decide(patient, stored(TAG, control(b'no-cache="x"'), age=0, lifetime=60), NOW) == "hit"


def test_must_revalidate_and_its_like() -> None:
    for value, private, shared in [
        (b"must-revalidate", True, True),
        (b"proxy-revalidate", False, True),
        (b"s-maxage=5", False, True),
        (b"max-age=5", False, False),
    ]:
        given = directives(response(control(value)))
        assert (never_stale(given, False), never_stale(given, True)) == (private, shared)


def test_what_is_immutable_is_not_asked_about_on_a_reload_while_it_is_fresh() -> None:
    lasting = (TAG, control(b"immutable"))
    assert decide(request(control(b"max-age=0")), stored(*lasting, age=10, lifetime=60), NOW) == "hit"
    assert decide(request(control(b"max-age=0")), stored(*lasting, age=60, lifetime=60), NOW) == "validate"
    assert decide(request(control(b"max-age=0, max-stale")), stored(*lasting, age=60, lifetime=60), NOW) == "validate"
    assert decide(request(control(b"no-cache")), stored(*lasting, age=10, lifetime=60), NOW) == "validate"


def test_stale_if_error_of_either_side() -> None:
    def may(wanted: bytes, given: bytes, late: int, strict: bool = False) -> bool:
        kept = stored(control(given), age=60 + late, lifetime=60, strict=strict)
        return stale_if_error(request(control(wanted)), kept, NOW)

    assert may(b"x", b"stale-if-error=10", 10) and not may(b"x", b"stale-if-error=10", 11)
    assert may(b"stale-if-error=10", b"x", 10) and not may(b"stale-if-error=10", b"x", 11)
    assert not may(b"x", b"x", 0)
    assert not may(b"x", b"stale-if-error=10", 5, strict=True)
    assert not may(b"x", b"stale-if-error=10, no-cache", 5)


# -- section 3 ---------------------------------------------------------------------------------------------------------

FRESH = control(b"max-age=60")


@pytest.mark.parametrize(
    ("wanted", "given", "status", "private", "shared"),
    [
        ([], [FRESH], 200, True, True),
        ([], [FRESH], 500, True, True),
        ([], [FRESH], 599, True, True),
        ([], [FRESH], 206, False, False),
        ([], [FRESH], 304, False, False),
        ([], [], 200, False, False),
        ([], [TAG], 200, True, True),
        ([], [TAG], 302, False, False),
        ([], [TAG, control(b"public")], 302, True, True),
        ([], [control(b"max-age=0")], 200, False, False),
        ([], [control(b"max-age=0"), TAG], 200, True, True),
        ([], [control(b"max-age=60, no-cache")], 200, False, False),
        ([], [control(b"max-age=60, no-cache"), TAG], 200, True, True),
        ([], [control(b"max-age=60, no-store")], 200, False, False),
        ([], [control(b"max-age=60, private")], 200, True, False),
        ([], [control(b'max-age=60, private="x"')], 200, True, True),
        ([], [control(b"s-maxage=60")], 200, False, True),
        ([], [control(b"max-age=60, no-store, must-understand")], 200, True, True),
        ([], [control(b"max-age=60, no-store, must-understand")], 599, False, False),
        ([], [control(b"max-age=60, must-understand")], 599, False, False),
        ([], [FRESH, (b"Vary", b"Accept, *")], 200, False, False),
        ([], [FRESH, (b"Set-Cookie", b"a=b")], 200, True, True),
        ([], [date(b"Last-Modified", -100), (b"Set-Cookie", b"a=b")], 200, False, False),
        ([(b"Authorization", b"Basic x")], [control(b"max-age=60, public")], 200, False, False),
        ([control(b"no-store")], [FRESH], 200, False, False),
        ([(b"Cookie", b"a=b")], [FRESH], 200, True, True),
    ],
)
def test_what_is_stored(wanted: list[Field], given: list[Field], status: int, private: bool, shared: bool) -> None:
    answer = response(*given, status=status)
    assert (may_store(request(*wanted), answer, False, NOW) == "") is private
    assert (may_store(request(*wanted), answer, True, NOW) == "") is shared


@pytest.mark.parametrize("method", [b"HEAD", b"POST", b"PUT", b"OPTIONS", b"get"])
def test_only_answers_to_get_are_stored(method: bytes) -> None:
    assert may_store(request(method=method), response(FRESH), False, NOW) != ""


@pytest.mark.parametrize("field", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")])
def test_the_answer_to_a_request_with_content_is_not_stored(field: Field) -> None:
    assert may_store(request(field), response(FRESH), False, NOW) != ""
    assert may_store(request((b"Content-Length", b"00")), response(FRESH), False, NOW) == ""


def test_fields_that_are_not_stored() -> None:
    fields = [(b"A", b"1"), (b"B", b"2"), (b"Age", b"3"), (b"Proxy-Authenticate", b"Basic")]
    given = directives(response(control(b'no-cache="a", private="b"')))
    assert to_store(fields, given, False) == [(b"B", b"2")]
    assert to_store(fields, given, True) == []


def test_a_newer_response_replaces_fields_but_for_those_of_the_content() -> None:
    old = [(b"A", b"1"), (b"a", b"2"), (b"B", b"3"), (b"Content-Length", b"5"), (b"ETag", b'"1"')]
    new = [(b"A", b"4"), (b"C", b"5"), (b"Content-Length", b"0"), (b"etag", b'W/"1"'), (b"Content-Encoding", b"br")]
    assert updated(old, new) == [*old[2:], (b"A", b"4"), (b"C", b"5")]


# -- section 4.1 -------------------------------------------------------------------------------------------------------


def test_vary_names_are_a_set_and_one_star_is_enough() -> None:
    assert varies(response()) == []
    assert varies(response((b"Vary", b"Foo, BAR"), (b"Vary", b"foo"))) == [b"bar", b"foo"]
    assert varies(response((b"Vary", b"foo"), (b"Vary", b"a, *"))) is None


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ([(b"Foo", b"1, 2")], [(b"foo", b"1"), (b"FOO", b"2")], True),
        ([(b"Foo", b"1, 2")], [(b"Foo", b"1,2 ")], True),
        ([(b"Foo", b"1, 2")], [(b"Foo", b"2, 1")], False),
        ([(b"Foo", b"a")], [(b"Foo", b"A")], False),
        ([(b"Foo", b'"1, 2"')], [(b"Foo", b'"1,2"')], False),
        ([(b"Foo", b"1")], [], False),
        ([], [], True),
        ([(b"Accept-Language", b"en, DE")], [(b"Accept-Language", b"EN,de")], True),
        ([(b"Other", b"1")], [(b"Other", b"2")], True),
    ],
)
def test_requests_that_vary_tells_apart(one: list[Field], other: list[Field], alike: bool) -> None:
    names = [b"accept-language", b"foo"]
    kept = stored(age=0, lifetime=9)
    kept.selecting = selecting(request(*one), names)
    assert (selected(request(*other), [kept]) is kept) is alike
