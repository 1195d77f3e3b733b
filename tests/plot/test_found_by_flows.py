"""`plot.next_hops`: the stairs of what was found, and the line from which no more is believed."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import plot
from netlab.errors import UsageError
from netlab.plot.found_by_flows import enough
from netlab.probe.stopping import rule
from tests.plot.traces import plain, probe, table


def series(figure: plot.Figure) -> dict[str, tuple[list[Any], list[Any]]]:
    return {each.label: (list(each.x), list(each.y)) for each in figure.series}


def fan(branches: str) -> Any:
    """Probes of one TTL, each a flow of its own, and the branch each came to; a blank is no answer."""
    rows = [
        probe(
            2, f"198.51.100.{'abcd'.index(branch)}" if branch != " " else "", 5.0 if branch != " " else None, flow=flow
        )
        for flow, branch in enumerate(branches, start=1)
    ]
    return table(probe(1, "192.0.2.1", 1.0, flow=99), *rows)


def test_the_stairs_rise_with_every_new_address() -> None:
    assert series(plot.next_hops(fan("aabacb"), ttl=2))["next hops found"] == ([1, 2, 3, 4, 5, 6], [1, 1, 2, 2, 3, 3])


def test_probes_without_an_answer_find_nothing_and_do_not_count() -> None:
    assert series(plot.next_hops(fan("a b"), ttl=2))["next hops found"][1] == [1, 2]


@pytest.mark.parametrize("found", range(1, 9))
def test_the_line_is_the_stopping_rule_or_one_probe_more(found: int) -> None:
    """The bound of Augustin et al. is simpler than the exact rule, and at most one probe larger up to 8."""
    assert enough(found) - rule(0.95)(found) in (0, 1)


def test_the_line_of_95_percent() -> None:
    assert series(plot.next_hops(fan("abcd"), ttl=2))["enough (95 %)"] == ([6, 11, 16, 21], [1, 2, 3, 4])


def test_a_learners_rule_is_drawn_instead() -> None:
    figure = plot.next_hops(fan("abc"), ttl=2, stop=lambda found: 2 * found)
    assert series(figure)["your rule: enough"] == ([2, 4, 6], [1, 2, 3])
    assert figure.alt == "3 next hops after 3 probes. With 3 found your rule stops after 6 probes."


def test_several_measurements_are_compared_with_a_guess() -> None:
    figure = plot.next_hops({"seed 1": fan("abcd"), "seed 2": fan("aaaaab")}, ttl=2, prediction=4)
    assert figure.alt == (
        "2 measurements. seed 1: 4 next hops after 4 probes; seed 2: 2 next hops after 6 probes. With 4 found one may "
        "stop with 95 % confidence after 21 probes. Your guess of 4 would have missed some in 1 of 2 measurements."
    )


def test_a_ttl_without_answers_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody answered at this TTL"):
        plot.next_hops(plain(), ttl=9)
