"""The cache as a proxy uses it: what the client gets, and what the origin is asked, exchange after exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlab.errors import LocalProtocolError
from netlab.http.cache import Cache, Decision, Received, same_origin, target_uri
from netlab.http.cache_rules import Stored
from netlab.http.cache_store import OVERHEAD
from netlab.http.dates import write_date
from netlab.http.events import Field, Request, Response, Target

START = 1_700_000_000
URI = b"http://a.example/x"


def request(*fields: Field, method: bytes = b"GET") -> Request:
    return Request(method, URI, Target("absolute", b"http", b"a.example", None, b"/x"), (1, 1), list(fields))


def control(value: bytes) -> Field:
    return b"Cache-Control", value


TAG, OTHER_TAG = (b"ETag", b'"1"'), (b"ETag", b'"2"')
FRESH = control(b"max-age=60")


@dataclass
class Client:
    """A client, the cache, and an origin that says what it is told to; `now` is the clock of all three."""

    cache: Cache = field(default_factory=Cache)
    now: int = START
    asked: list[Field] = field(default_factory=list)
    """The conditions that the origin saw in the latest exchange; ``[]`` also when it saw nothing."""
    outcome: str = ""
    status: int = 0
    body: bytes = b""
    fields: dict[bytes, bytes] = field(default_factory=dict)

    def ask(self, *wanted: Field, answer: int = 200, given: tuple[Field, ...] = (), body: bytes = b"new",
            method: bytes = b"GET", uri: bytes = URI, dead: bool = False) -> str:  # fmt: skip
        """One exchange; what the origin answers, if it is asked, is a part of the call. Gives the outcome."""
        decision = self.cache.lookup(request(*wanted, method=method), uri, self.now)
        self.asked, self.outcome = [], ""
        answered = decision.answer
        if decision.refused:
            self.outcome, self.status = "refused", 504
        elif answered is None:
            named = (b"if-none-match", b"if-modified-since")
            self.asked = [each for each in decision.outgoing(wanted) if each[0].lower() in named]
            if dead:
                answered = self.cache.failed(decision, self.now)
                self.outcome, self.status = "dead", 502
            else:
                answered = self.received(decision, answer, given, body)
        if answered is not None:
            self.outcome, self.status = answered.outcome, answered.status
            self.fields = {name.lower(): value for name, value in answered.fields}
            self.body = b"".join(answered.content)
            if answered.length is not None and method == b"GET":
                assert answered.length == len(self.body)
        return self.outcome

    def received(self, decision: Decision, status: int, given: tuple[Field, ...], body: bytes) -> object:
        fields = [(b"Date", write_date(self.now)), *given]
        head = Response(status, b"OK", (1, 1), fields)
        received: Received = self.cache.receive(decision, head, fields, self.now)
        if received.answer is not None:
            return received.answer
        if received.storing:
            received.storing.add(body)
            received.storing.done()
        self.outcome, self.status, self.body = received.outcome, status, body
        self.fields = {name.lower(): value for name, value in fields} | {b"cache-status": received.cache_status}
        return None


@pytest.fixture
def client() -> Client:
    return Client()


def later(client: Client, seconds: int) -> Client:
    client.now += seconds
    return client


# -- hit, miss, stale --------------------------------------------------------------------------------------------------


def test_a_fresh_response_is_used_again_with_its_age(client: Client) -> None:
    assert client.ask(given=(FRESH, (b"A", b"1"), (b"Content-Length", b"3"))) == "stored"
    assert client.fields[b"cache-status"] == b"netlab; fwd=uri-miss; stored"
    assert later(client, 59).ask(dead=True) == "hit"
    assert (client.status, client.body, client.fields[b"age"], client.fields[b"a"]) == (200, b"new", b"59", b"1")
    assert client.fields[b"cache-status"] == b"netlab; hit; ttl=1"
    assert client.fields[b"date"] == write_date(START)
    assert b"content-length" not in client.fields  # whoever sends it writes the framing
    assert later(client, 1).ask(body=b"newer", given=(FRESH,)) == "stored"
    assert client.fields[b"cache-status"] == b"netlab; fwd=stale; stored"
    assert client.ask(dead=True) == "hit" and client.body == b"newer" and client.fields[b"age"] == b"0"
    assert len(client.cache.store) == 1


def test_the_time_that_the_origin_took_counts_as_age() -> None:
    cache = Cache()
    decision = cache.lookup(request(), URI, START)
    fields = [FRESH, (b"Age", b"10"), (b"Date", write_date(START + 5))]
    received = cache.receive(decision, Response(200, b"", (1, 1), fields), fields, START + 5)
    assert received.storing is not None
    received.storing.done()
    hit = cache.lookup(request(), URI, START + 6).answer
    assert hit is not None and (b"Age", b"16") in hit.fields and (b"Age", b"10") not in hit.fields


def test_head_is_answered_from_what_get_stored(client: Client) -> None:
    client.ask(given=(FRESH,), body=b"12345")
    answer = client.cache.lookup(request(method=b"HEAD"), URI, START).answer
    assert answer is not None and (answer.status, list(answer.content), answer.length) == (200, [], 5)


def test_an_answer_204_has_no_length(client: Client) -> None:
    client.ask(given=(FRESH,), answer=204, body=b"")
    answer = client.cache.lookup(request(), URI, START).answer
    assert answer is not None and (answer.status, answer.length) == (204, None)


@pytest.mark.parametrize(
    ("wanted", "given", "word"),
    [
        ([], [], "miss"),
        ([control(b"no-store")], [FRESH], "miss"),
        ([(b"Authorization", b"x")], [FRESH], "miss"),
        ([], [FRESH, (b"Vary", b"*")], "miss"),
        ([(b"Range", b"bytes=0-1")], [FRESH], "stored"),  # the origin sent all of it nevertheless
    ],
)
def test_what_is_kept(client: Client, wanted: list[Field], given: list[Field], word: str) -> None:
    assert client.ask(*wanted, given=tuple(given)) == word
    assert len(client.cache.store) == (word == "stored")


def test_no_store_in_a_request_passes_what_is_stored_by(client: Client) -> None:
    client.ask(given=(FRESH,))
    assert client.ask(control(b"no-store"), given=(FRESH,), body=b"other") == "miss"
    assert client.fields[b"cache-status"] == b"netlab; fwd=request"
    assert client.ask() == "hit" and client.body == b"new"


def test_a_newer_answer_that_may_not_be_kept_ends_the_old_one(client: Client) -> None:
    client.ask(given=(FRESH,))
    assert client.ask(control(b"no-cache"), given=(control(b"no-store"),)) == "miss"
    assert client.ask(body=b"third") == "miss" and client.body == b"third"


def test_only_if_cached(client: Client) -> None:
    only = control(b"only-if-cached")
    assert client.ask(only) == "refused"
    assert client.cache.lookup(request(only), URI, START).cache_status == b"netlab; detail=only-if-cached"
    client.ask(given=(FRESH, TAG))
    assert client.ask(only) == "hit"
    assert later(client, 60).ask(only) == "refused"
    assert client.ask(control(b"only-if-cached, max-stale")) == "hit"


def test_private_and_shared() -> None:
    given = (control(b"private, max-age=60, s-maxage=5"),)
    assert Client().ask(given=given) == "stored"
    assert Client(Cache(shared=True)).ask(given=given) == "miss"


# -- Vary --------------------------------------------------------------------------------------------------------------


def test_vary_keeps_several_and_tells_them_apart(client: Client) -> None:
    given = (FRESH, (b"Vary", b"Lang"))
    assert client.ask((b"Lang", b"en"), given=given, body=b"hello") == "stored"
    assert client.ask((b"Lang", b"pt"), given=given, body=b"bom dia") == "stored"
    assert client.fields[b"cache-status"] == b"netlab; fwd=vary-miss; stored"
    for language, body in [(b"en", b"hello"), (b"pt", b"bom dia")]:
        assert client.ask((b"lang", language)) == "hit" and client.body == body
    assert client.ask(given=given) == "stored"  # no Lang at all is a third one
    assert len(client.cache.store) == 3


def test_variants_without_end_do_not_pile_up(client: Client) -> None:
    for number in range(100):
        client.ask((b"X", b"%d" % number), given=(FRESH, (b"Vary", b"X")))
    assert len(client.cache.store) == len(client.cache.store.under(URI)) == 32
    assert client.ask((b"X", b"99")) == "hit"


# -- validation --------------------------------------------------------------------------------------------------------


def test_a_304_makes_it_fresh_again(client: Client) -> None:
    modified = (b"Last-Modified", write_date(START - 9))
    client.ask(given=(FRESH, TAG, modified, (b"A", b"1"), (b"B", b"2")))
    later(client, 100)
    assert client.ask(answer=304, given=(TAG, (b"A", b"3")), body=b"") == "validated"
    assert client.asked == [(b"If-None-Match", b'"1"'), (b"If-Modified-Since", write_date(START - 9))]
    assert (client.status, client.body) == (200, b"new")
    assert (client.fields[b"a"], client.fields[b"b"], client.fields[b"age"]) == (b"3", b"2", b"0")
    assert client.fields[b"cache-status"] == b"netlab; fwd=stale; fwd-status=304; ttl=60"
    assert later(client, 59).ask() == "hit" and client.fields[b"a"] == b"3"


def test_a_304_that_speaks_of_another_version_changes_nothing(client: Client) -> None:
    client.ask(given=(FRESH, TAG))
    later(client, 100)
    assert client.ask(answer=304, given=(OTHER_TAG,), body=b"") == "validated"
    assert (client.body, client.fields[b"etag"], client.fields[b"age"]) == (b"new", b'"1"', b"100")
    assert client.ask() != "hit"


def test_a_304_may_end_what_it_confirms(client: Client) -> None:
    for last in (control(b"no-store"), (b"Vary", b"*")):
        client.ask(given=(FRESH, TAG))
        later(client, 100)
        assert client.ask(answer=304, given=(TAG, last), body=b"") == "validated" and client.body == b"new"
        assert len(client.cache.store) == client.cache.store.used == 0


def test_a_304_may_say_that_it_varies_after_all(client: Client) -> None:
    client.ask((b"Lang", b"en"), given=(FRESH, TAG))
    later(client, 100)
    client.ask((b"Lang", b"en"), answer=304, given=(TAG, (b"Vary", b"Lang")), body=b"")
    assert client.ask((b"Lang", b"en")) == "hit"
    assert client.ask((b"Lang", b"pt")) == "miss"


def test_fields_that_grow_are_counted() -> None:
    client = small(3_000)
    client.ask(given=(FRESH, TAG))
    before = client.cache.store.used
    later(client, 100)
    client.ask(answer=304, given=(TAG, (b"X", b"x" * 500)), body=b"")
    assert client.cache.store.used == before + 501
    later(client, 100)
    assert client.ask(answer=304, given=(TAG, (b"X", b"x" * 5_000)), body=b"") == "validated" and client.body == b"new"
    assert len(client.cache.store) == client.cache.store.used == 0


def test_a_200_replaces_what_was_validated(client: Client) -> None:
    client.ask(given=(FRESH, TAG))
    assert later(client, 100).ask(given=(FRESH, OTHER_TAG), body=b"newer") == "stored"
    assert client.asked and client.body == b"newer"
    assert client.ask() == "hit" and client.body == b"newer" and len(client.cache.store) == 1


def test_no_cache_is_stored_and_validated_each_time(client: Client) -> None:
    client.ask(given=(control(b"no-cache"), TAG))
    for _ in range(2):
        assert client.ask(answer=304, given=(TAG,), body=b"") == "validated"
        assert client.asked and client.body == b"new"


def test_the_clients_own_condition_is_answered_from_the_store(client: Client) -> None:
    client.ask(given=(FRESH, TAG, (b"Content-Type", b"text/plain"), (b"Vary", b"Lang")))
    assert client.ask((b"If-None-Match", b'W/"1", "7"')) == "hit"
    assert (client.status, client.body, client.fields[b"etag"]) == (304, b"", b'"1"')
    assert b"vary" in client.fields and b"content-type" not in client.fields
    assert client.ask((b"If-None-Match", b'"7"')) == "hit" and client.status == 200
    assert client.ask((b"If-Modified-Since", write_date(START))) == "hit" and client.status == 304
    assert client.ask((b"If-Modified-Since", write_date(START - 1))) == "hit" and client.status == 200


def test_a_stale_one_is_validated_before_the_clients_condition_is(client: Client) -> None:
    client.ask(given=(FRESH, TAG))
    later(client, 100)
    assert client.ask((b"If-None-Match", b'"1"'), answer=304, given=(TAG,), body=b"") == "validated"
    assert client.asked == [(b"If-None-Match", b'"1"')] and client.status == 304
    assert client.ask() == "hit"


def test_a_client_that_knows_another_version_asks_for_itself(client: Client) -> None:
    client.ask(given=(FRESH, TAG))
    later(client, 100)
    assert client.ask((b"If-None-Match", b'"7"'), answer=304, given=((b"ETag", b'"7"'),), body=b"") == "miss"
    assert client.asked == [(b"If-None-Match", b'"7"')] and client.status == 304  # passed on
    assert client.ask() != "hit"


@pytest.mark.parametrize(
    "wanted", [(b"If-Match", b'"1"'), (b"If-Unmodified-Since", write_date(START)), (b"Content-Length", b"3")]
)
def test_what_only_the_origin_may_judge_goes_there(client: Client, wanted: Field) -> None:
    client.ask(given=(FRESH, TAG))
    assert client.ask(wanted, answer=412) == "miss"
    assert client.fields[b"cache-status"] == b"netlab; fwd=bypass"
    assert client.ask() == "hit"


@pytest.mark.parametrize(("tag", "length", "kept"), [(TAG, b"3", True), (TAG, b"4", False), (OTHER_TAG, b"3", False)])
def test_head_freshens_or_ends_what_is_stored(client: Client, tag: Field, length: bytes, kept: bool) -> None:
    client.ask(given=(FRESH, TAG))
    later(client, 100)
    assert client.ask(method=b"HEAD", given=(FRESH, tag, (b"Content-Length", length)), body=b"") == "miss"
    assert len(client.cache.store) == kept
    assert client.ask(body=b"other", given=(FRESH,)) == ("hit" if kept else "stored")


# -- parts -------------------------------------------------------------------------------------------------------------


def test_a_part_of_a_fresh_response(client: Client) -> None:
    client.ask(given=(FRESH, TAG), body=b"0123456789")
    for wanted, body, where in [(b"0-1", b"01", b"0-1"), (b"8-", b"89", b"8-9"), (b"-3", b"789", b"7-9")]:
        assert client.ask((b"Range", b"bytes=" + wanted)) == "hit"
        assert (client.status, client.body) == (206, body)
        assert client.fields[b"content-range"] == b"bytes %s/10" % where
    assert client.ask((b"Range", b"bytes=0-1"), (b"If-Range", b'"2"')) == "hit" and client.status == 200
    assert client.ask((b"Range", b"lines=0-1")) == "hit" and client.status == 200


@pytest.mark.parametrize("wanted", [b"bytes=0-1,5-6", b"bytes=99-"])
def test_several_parts_and_none_are_the_origins_business(client: Client, wanted: bytes) -> None:
    client.ask(given=(FRESH, TAG), body=b"0123456789")
    assert client.ask((b"Range", wanted), answer=206) == "miss"
    assert client.fields[b"cache-status"] == b"netlab; fwd=partial" and client.asked == []
    assert client.ask() == "hit" and client.body == b"0123456789"


def test_a_part_is_never_stored(client: Client) -> None:
    assert client.ask((b"Range", b"bytes=0-1"), answer=206, given=(FRESH,), body=b"01") == "miss"
    assert client.ask() == "miss"


def test_parts_across_pieces(client: Client) -> None:
    content = bytes(range(256)) * 1024
    decision = client.cache.lookup(request(), URI, START)
    head = Response(200, b"", (1, 1), [FRESH])
    storing = client.cache.receive(decision, head, head.fields, START).storing
    assert storing is not None
    for at in range(0, len(content), 50_000):
        storing.add(content[at : at + 50_000])
    storing.done()
    assert client.ask((b"Range", b"bytes=49999-200001")) == "hit" and client.body == content[49_999:200_002]
    assert client.ask() == "hit" and client.body == content


# -- unsafe methods ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"M-SEARCH"])
def test_what_may_have_changed_something_ends_what_is_stored(client: Client, method: bytes) -> None:
    client.ask(given=(FRESH, TAG))
    assert client.ask(method=method, answer=500) == "miss"
    assert client.ask() == "hit"
    assert client.ask(method=method, answer=302) == "miss"
    assert client.fields[b"cache-status"] == b"netlab; fwd=method"
    assert client.ask(body=b"third") == "miss"


@pytest.mark.parametrize("method", [b"OPTIONS", b"TRACE"])
def test_what_is_safe_does_not(client: Client, method: bytes) -> None:
    client.ask(given=(FRESH,))
    client.ask(method=method)
    assert client.ask() == "hit"


def test_location_and_content_location_end_others_of_the_same_origin(client: Client) -> None:
    uris = [b"http://a.example/p", b"http://a.example/q", b"http://b.example/r"]
    for uri in uris:
        client.ask(uri=uri, given=(FRESH,))
    client.ask(
        method=b"POST",
        answer=201,
        given=((b"Location", b"/p"), (b"Content-Location", b"q")),
    )
    client.ask(method=b"POST", answer=201, given=((b"Location", b"http://b.example/r"),))
    assert [client.ask(uri=uri) for uri in uris] == ["miss", "miss", "hit"]


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        (b"/y", b"http://a.example/y"),
        (b"y?z#f", b"http://a.example/y?z"),
        (b"HTTP://A.EXAMPLE:80", b"http://a.example/"),
        (b"//a.example/y", b"http://a.example/y"),
        (b"https://a.example/y", None),
        (b"http://a.example:81/y", None),
        (b"http://a.example:99999/y", None),
        (b"http://[y/", None),
        (b"mailto:a", None),
    ],
)
def test_same_origin(reference: bytes, key: bytes | None) -> None:
    assert same_origin(URI, reference) == key
    assert same_origin(URI + b"#apart", reference) == (key and key + b"#apart")


def test_an_answer_from_before_the_change_is_not_stored_after_it(client: Client) -> None:
    early = client.cache.lookup(request(), URI, START)
    head = Response(200, b"", (1, 1), [FRESH])
    middle = client.cache.receive(client.cache.lookup(request(), URI, START), head, head.fields, START).storing
    assert middle is not None
    middle.add(b"old")
    client.ask(method=b"PUT")
    middle.done()
    assert client.cache.receive(early, head, head.fields, START).storing is None
    assert len(client.cache.store) == client.cache.store.used == 0


# -- an origin that fails ----------------------------------------------------------------------------------------------


def test_a_stale_answer_stands_in_for_an_origin_that_fails(client: Client) -> None:
    client.ask(given=(control(b"max-age=60, stale-if-error=30"), TAG))
    later(client, 90)
    assert client.ask(answer=503) == "stale" and (client.status, client.body) == (200, b"new")
    assert client.fields[b"cache-status"] == b"netlab; fwd=stale; fwd-status=503; ttl=-30"
    assert client.ask(dead=True) == "stale" and client.fields[b"cache-status"] == b"netlab; fwd=stale; ttl=-30"
    assert client.ask(answer=404) == "miss" and client.status == 404
    later(client, 1)
    assert client.ask(answer=503) == "miss" and client.ask(dead=True) == "dead"


def test_without_that_word_it_does_not(client: Client) -> None:
    client.ask(given=(FRESH, TAG))
    later(client, 61)
    assert client.ask(answer=503) == "miss" and client.ask(dead=True) == "dead"


# -- a function of the learner's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["hit", "validate", "miss"])
def test_a_learners_decision_is_carried_out(word: str) -> None:
    seen = []

    def decide(request: Request, stored: Stored, now: int) -> str:
        seen.append((request.method, stored.response.status, stored.age(now)))
        return word

    client = Client(Cache(decide=decide))
    client.ask(given=(control(b"max-age=1"), TAG))
    later(client, 100)
    wanted = {"hit": "hit", "validate": "validated", "miss": "miss"}[word]
    assert client.ask(answer=304 if word == "validate" else 200, given=(TAG,) if word == "validate" else ()) == wanted
    assert seen == [(b"GET", 200, 100)]
    if word == "hit":
        assert client.fields[b"cache-status"] == b"netlab; hit; ttl=-99"  # the fault can be seen


def test_a_learners_function_that_gives_no_such_word_is_named() -> None:
    client = Client(Cache(decide=lambda request, stored, now: "perhaps"))
    client.ask(given=(FRESH,))
    with pytest.raises(LocalProtocolError, match=r"'perhaps'.*'hit', 'validate' or 'miss'"):
        client.ask()


# -- the key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "key"),
    [
        (Target("absolute", b"HTTP", b"A.Example", 80, b"/X?y"), b"http://a.example/X?y"),
        (Target("absolute", b"http", b"a", 8080, b"/"), b"http://a:8080/"),
        (Target("absolute", b"http", b"a", None, b"?y"), b"http://a/?y"),
        (Target("absolute", b"http", b"[::1]", None, b"/%7e"), b"http://[::1]/%7e"),
    ],
)
def test_the_key(target: Target, key: bytes) -> None:
    assert target_uri(target) == key


def test_the_host_field_has_no_say(client: Client) -> None:
    client.ask((b"Host", b"evil"), given=(FRESH,))
    assert client.ask((b"Host", b"a.example")) == "hit"


# -- memory ------------------------------------------------------------------------------------------------------------


def small(size: int = 10_000, largest: int | None = None) -> Client:
    return Client(Cache(size, largest=largest))


def test_what_was_not_used_for_the_longest_time_goes_first() -> None:
    client = small(3 * (OVERHEAD + 500), largest=500)
    for name in (b"a", b"b", b"c"):
        client.ask(uri=name, given=(FRESH,), body=b"x" * 400)
    assert client.ask(uri=b"a") == "hit"
    client.ask(uri=b"d", given=(FRESH,), body=b"x" * 400)
    assert [client.ask(uri=name) for name in (b"a", b"b", b"c", b"d")] == ["hit", "miss", "hit", "hit"]


@pytest.mark.parametrize("said", [(), ((b"Content-Length", b"501"),)])
def test_what_is_too_large_is_passed_on_and_not_kept(said: tuple[Field, ...]) -> None:
    client = small(largest=500)
    client.ask(given=(FRESH, *said), body=b"x" * 501)
    assert client.body == b"x" * 501 and len(client.cache.store) == client.cache.store.used == 0
    client.ask(given=(FRESH,), body=b"x" * 500)
    assert client.ask() == "hit"


def test_what_breaks_off_is_not_kept() -> None:
    client = small()
    head = Response(200, b"", (1, 1), [FRESH])
    storing = client.cache.receive(client.cache.lookup(request(), URI, START), head, head.fields, START).storing
    assert storing is not None
    storing.add(b"half")
    assert client.cache.store.used > 4
    storing.abandon()
    storing.add(b"more")
    storing.done()
    assert len(client.cache.store) == client.cache.store.used == 0


def test_many_small_pieces_cost_no_more_than_their_bytes() -> None:
    client = small(largest=5_000)
    head = Response(200, b"", (1, 1), [FRESH])
    storing = client.cache.receive(client.cache.lookup(request(), URI, START), head, head.fields, START).storing
    assert storing is not None
    for _ in range(5_000):
        storing.add(b"x")
    storing.done()
    (stored,) = client.cache.store.under(URI)
    assert stored.content == (b"x" * 5_000,) and client.cache.store.used < 5_000 + OVERHEAD + 100


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "add", "done", "abandon", "put", "hit"]), st.integers(0, 4), st.integers(0, 900)
    ),
    max_size=60,
)


@given(STEPS)
def test_the_limit_holds_at_every_moment_and_nothing_is_counted_twice(steps: list[Step]) -> None:
    cache = Cache(6_000, largest=2_000)
    open_ones = {}
    head = Response(200, b"", (1, 1), [FRESH])
    for what, which, size in steps:
        uri = b"%d" % which
        if what == "begin" and which not in open_ones:
            storing = cache.receive(cache.lookup(request(control(b"no-cache")), uri, 0), head, head.fields, 0).storing
            if storing:
                open_ones[which] = storing
        elif what == "add" and which in open_ones:
            open_ones[which].add(b"x" * size)
        elif what in ("done", "abandon") and which in open_ones:
            getattr(open_ones.pop(which), what)()
        elif what == "put":
            cache.invalidate(uri)
        elif what == "hit":
            cache.lookup(request(), uri, 0)
        assert 0 <= cache.store.used <= 6_000
    for storing in open_ones.values():
        storing.abandon()
    stored = [each for which in range(5) for each in cache.store.under(b"%d" % which)]
    assert len(stored) == len(cache.store) and sum(each.size for each in stored) == cache.store.used
    assert all(each.length == sum(map(len, each.content)) for each in stored)


# -- the promise: nothing older than was allowed -----------------------------------------------------------------------

WANTED: list[list[Field]] = [[], [control(b"max-age=3")], [control(b"no-cache")], [control(b"min-fresh=4")]]
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 8)),
        st.tuples(st.just("change"), st.just(0)),  # somebody else changes it, behind the cache's back
        st.tuples(st.just("put"), st.just(0)),
        st.tuples(st.just("get"), st.integers(0, len(WANTED) - 1)),
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(ACTIONS, st.integers(0, 10), st.booleans())
def test_a_client_never_gets_what_is_older_than_the_rules_allow(
    actions: list[tuple[str, int]], lifetime: int, tagged: bool
) -> None:
    """An origin with a version number, that answers validly: what the cache gives must have been the current version
    at some moment within the lifetime, within the client's own limit, and since the client's last change."""
    client = Client()
    version, history, changed_at = 0, [(START, 0)], START
    given_fields: Callable[[], tuple[Field, ...]] = lambda: (  # noqa: E731
        control(b"max-age=%d" % lifetime), *([(b"ETag", b'"%d"' % version)] if tagged else []))  # fmt: skip
    for what, number in actions:
        if what == "wait":
            client.now += number
        elif what == "change":
            version += 1
            history.append((client.now, version))
        elif what == "put":
            version += 1
            history.append((client.now, version))
            changed_at = client.now
            client.ask(method=b"PUT", answer=204)
            history = [(at, each) for at, each in history if each == version]
        else:
            # What the origin would say depends on what it is asked.
            asked = client.cache.lookup(request(*WANTED[number]), URI, client.now).conditions
            same = (b"If-None-Match", b'"%d"' % version) in asked
            client.ask(*WANTED[number], answer=304 if same else 200, given=given_fields(), body=b"%d" % version)
            got = int(client.body)
            limit = [lifetime, 3, 0, max(0, lifetime - 4)][number]
            since = max(changed_at, client.now - min(limit, lifetime))
            ended = next((at for at, each in history if each == got + 1), client.now + 1)
            assert got in [each for _, each in history] and (got == version or ended >= since)


def test_what_is_larger_than_the_whole_cache_is_not_said_to_be_stored() -> None:
    cache = Cache(10_000)
    decision = cache.lookup(request(), URI, START)
    large = Response(200, b"OK", (1, 1), [FRESH, (b"Content-Length", b"10001")])
    assert cache.begin_store(decision, large, START) is None
    fits = Response(200, b"OK", (1, 1), [FRESH, (b"Content-Length", b"10")])
    assert cache.begin_store(decision, fits, START) is not None
