"""Reading the table of a traceroute: what is refused, how addresses are called, who is who."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import plot
from netlab.errors import UsageError
from netlab.plot import style, trace
from tests.plot.sample import CHAIN, world
from tests.plot.sample import probes as pings
from tests.plot.traces import mixed, plain, probe, table, thrice

PLOTS = {"hops": plot.hops, "probes": plot.probes, "path": plot.path, "world_map": plot.world_map}


@pytest.fixture(params=PLOTS)
def draw(request: pytest.FixtureRequest) -> Any:
    return PLOTS[request.param]


@pytest.mark.parametrize("wrong", [None, 3, "www", [], {}])
def test_what_is_no_table_is_refused(draw: Any, wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"wanted: a table as netlab\.traceroute gives it"):
        draw(wrong)


def test_a_table_of_something_else_is_refused_with_what_it_lacks(draw: Any) -> None:
    from pandas import DataFrame

    with pytest.raises(UsageError, match=r"has no column destination, responder"):
        draw(DataFrame({"name": ["laptop"]}))


def test_an_empty_table_is_refused(draw: Any) -> None:
    with pytest.raises(UsageError, match="has no rows"):
        draw(plain().iloc[:0])


def test_a_table_of_ping_is_refused(draw: Any) -> None:
    with pytest.raises(UsageError, match=r"left with TTL 64, as those of netlab\.ping do"):
        draw(pings(10.0, 11.0))


def test_two_destinations_are_refused_with_how_to_choose(draw: Any) -> None:
    both = table(*thrice(1, "192.0.2.1", 1.0), *thrice(1, "192.0.2.1", 1.0, destination="ftp"))
    with pytest.raises(UsageError, match=r'frame\[frame\["destination"\] == "www"\]'):
        draw(both)


def test_a_table_read_back_from_a_file_is_drawn_the_same(draw: Any, tmp_path: Any) -> None:
    import pandas

    plain().drop(columns=["request", "answer"]).to_csv(tmp_path / "trace.csv", index=False)
    again = pandas.read_csv(tmp_path / "trace.csv", keep_default_na=False, na_values={"rtt_ms": ""})
    for column in ("latitude", "longitude", "icmp_type"):
        again[column] = pandas.to_numeric(again[column])
    assert draw(again).fingerprint() == draw(plain()).fingerprint()


def test_a_trace_to_a_neighbour_has_one_hop_only_and_is_drawn(draw: Any) -> None:
    assert draw(table(*thrice(1, "192.0.2.1", 0.4, "reply"))).alt


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (probe(3, "203.0.113.80", 1.0, "reply"), True),
        (probe(3, "203.0.113.80", 1.0, "unreachable", detail="port unreachable"), True),
        (probe(3, "203.0.113.80", 1.0, "unreachable", mark="!H"), False),
        (probe(3, "203.0.113.80", 1.0), False),  # time exceeded, although it is the destination's address
        (probe(3, "198.51.100.9", 1.0, "late", icmp_type=0), True),
        (probe(3, "198.51.100.9", 1.0, "late", icmp_type=129), True),
        (probe(3, "198.51.100.9", 1.0, "late", icmp_type=11), False),
        (probe(3, "198.51.100.9", 1.0, "late", protocol="tcp"), True),
        (probe(3), False),
    ],
)
def test_the_destination_is_known_by_the_kind_of_its_answer(row: dict[str, Any], expected: bool) -> None:
    assert trace.reached(row) is expected


def test_names_lose_the_ending_that_all_of_them_share() -> None:
    labels = trace.Labels([("192.0.2.1", "gateway.campus.example"), ("192.0.2.2", "core.campus.example")])
    assert labels.both("192.0.2.1") == "gateway (192.0.2.1)"
    assert labels.told == " Names end in .campus.example."


@pytest.mark.parametrize(
    "names", [["core.campus.example"], ["core.one.example", "core.two.example"], ["campus.example", "a.campus.example"]]
)
def test_other_names_stay_whole(names: list[str]) -> None:
    labels = trace.Labels((f"192.0.2.{number}", name) for number, name in enumerate(names))
    assert [labels.name(f"192.0.2.{number}") for number in range(len(names))] == names
    assert labels.told == ""


def test_an_address_is_never_cut() -> None:
    labels = trace.Labels([("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "")])
    assert labels.fitting("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 10) == "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
    named = trace.Labels([("192.0.2.1", "a-very-long-name-of-a-router.example")])
    assert named.fitting("192.0.2.1", 24).endswith("(192.0.2.1)")
    assert len(named.fitting("192.0.2.1", 24)) <= 24


def test_long_texts_keep_both_ends() -> None:
    assert trace.trimmed("abcdefghij", 7) == "abc…hij"
    assert trace.trimmed("abcdefg", 7) == "abcdefg"


def test_a_node_is_known_by_address_name_or_first_word() -> None:
    known = trace.Known(trace.Labels([("192.0.2.1", "core.campus.example")]))
    assert known.called("192.0.2.1") == {"192.0.2.1", "core.campus.example", "core"}
    assert known.called("192.0.2.9") == {"192.0.2.9"}


def test_given_names_count_more_than_the_responders() -> None:
    labels = trace.Labels([("192.0.2.1", "ae-1.provider.example")])
    assert trace.Known(labels, {"192.0.2.1": "core"}).called("192.0.2.1") == {"192.0.2.1", "core"}


def test_names_may_be_a_world_or_a_network() -> None:
    import netlab

    with netlab.use("campus") as network:
        owners = trace.owners(network)
    assert owners == trace.owners(netlab.world("campus"))
    assert owners["192.0.2.10"] == "laptop" and owners["2001:db8:1::1"] == "gateway"


@pytest.mark.parametrize("wrong", [3, "core", ["core"], world])
def test_other_names_are_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="a dict of address and name, or a world or virtual network"):
        plot.path(plain(), truth=[("a", "b")], names=wrong)


def test_a_world_without_addresses_names_nobody() -> None:
    assert trace.owners(world(*CHAIN)) == {}


def test_what_went_beyond_the_end_is_left_out_when_asked() -> None:
    assert max(row["ttl"] for row in trace.traced(mixed())) == 7
    assert max(row["ttl"] for row in trace.traced(mixed(), beyond=False)) == 6


def test_stars_differ_from_every_outcome_without_colour() -> None:
    looks = [*style.OUTCOMES.values(), trace.STAR, trace.EARLY]
    assert len({(look.marker, look.filled) for look in looks}) == len(looks)
    assert {trace.STAR.colour, trace.EARLY.colour} == {style.QUIET}
