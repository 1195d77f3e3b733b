"""`plot.sequence`: who sent what to whom, from the capture of a virtual network."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab import plot
from netlab.errors import UsageError
from netlab.plot.sequence_diagram import MOST, shortened

ASK = "192.0.2.1 > 192.0.2.2 ICMP echo request id=7 seq=1 ttl=64"
SAY = "192.0.2.9 > 192.0.2.1 ICMP destination unreachable (network unreachable) about ICMP to 192.0.2.2 ttl=64"


def row(ms: float, at: str, action: str, number: int = 1, reason: str = "", summary: str = ASK) -> dict[str, Any]:
    source = summary.split()[0]
    time = 1_767_225_600_000_000_000 + int(ms * 1e6)
    told = {"source": source, "summary": summary, "number": number}
    return {"time": time, "at": at, "action": action, "reason": reason, **told}


def refused() -> list[dict[str, Any]]:
    """A request that a router drops, and what the router says about it."""
    return [
        row(0, "laptop", "sent"),
        row(2, "router", "dropped", reason="network unreachable"),
        row(2, "router", "sent", 2, summary=SAY),
        row(5, "laptop", "delivered", 2, summary=SAY),
    ]


def captured(world: str, host: str, **options: Any) -> Any:
    with netlab.use(world) as network:
        netlab.ping(host, count=1, **options)
        return network.packets()


def test_each_packet_is_a_series_of_machines_and_times() -> None:
    figure = plot.sequence(refused())
    request, answer = figure.series
    assert (list(request.x), list(request.y)) == (["laptop", "router"], [0, 2])
    assert (list(answer.x), list(answer.y)) == (["router", "laptop"], [2, 5])
    assert answer.label == "ICMP destination unreachable (network unreachable)"


def test_alt_text_tells_where_it_ended_and_who_answered() -> None:
    assert plot.sequence(refused()).alt == (
        "laptop sends ICMP echo request: it is dropped at router after 2 ms (network unreachable); "
        "router sends ICMP destination unreachable (network unreachable): it reaches laptop after 5 ms."
    )


def test_a_packet_that_is_delivered_and_not_answered_says_so() -> None:
    figure = plot.sequence([row(0, "laptop", "sent"), row(1, "www", "delivered")])
    assert figure.alt.endswith("it reaches www after 1 ms; no answer leaves it.")
    assert "delivered, no answer" in words(figure)


def words(figure: plot.Figure) -> str:
    return "\n".join(text.get_text() for ax in figure.axes for text in ax.texts)


def test_reasons_and_answers_stand_beside_the_machine() -> None:
    assert "dropped: network unreachable\nanswer: ICMP destination unreachable\n(network unreachable)" in words(
        plot.sequence(refused())
    )


def test_machines_are_lanes_in_order_of_appearance() -> None:
    (ax,) = plot.sequence(refused()).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["laptop", "router"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "2", "5"]


def test_several_stories_are_drawn_below_each_other() -> None:
    figure = plot.sequence({"one": refused(), "two": [row(0, "a", "sent")]})
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one", "two"]
    assert (
        figure.alt.startswith("one: laptop sends")
        and "two: a sends ICMP echo request: it was last seen at a" in figure.alt
    )
    assert "(one, two)" in figure.caption


def test_the_middle_of_a_loop_is_left_out_but_not_of_the_data() -> None:
    figure = plot.sequence(captured("broken", "loop"))
    (ax,) = figure.axes
    assert len(ax.get_yticks()) == MOST
    assert "more steps of the same kind" in words(figure)
    assert len(figure.series[0].x) == 65 and "64 steps" in figure.alt


def test_a_table_does_as_well_as_rows() -> None:
    from pandas import DataFrame

    rows = captured("broken", "prohibited")
    assert plot.sequence(DataFrame(rows)).fingerprint() == plot.sequence(rows).fingerprint()


@pytest.mark.parametrize("host", ["down", "noroute", "prohibited", "drop", "closed", "mtu", "loop", "mask"])
@pytest.mark.parametrize("family", [4, 6])
def test_every_fault_can_be_drawn(host: str, family: int) -> None:
    figure = plot.sequence(captured("broken", host, family=family, size=1472))
    assert figure.alt.startswith("laptop sends ICMP") and len(figure.axes) == 1


def test_it_is_the_same_each_time() -> None:
    assert plot.sequence(refused()).png() == plot.sequence(refused()).png()


def test_nothing_is_said_too() -> None:
    figure = plot.sequence([])
    assert figure.alt == "no packet was sent." and "no packets" in words(figure)


def test_missing_columns_are_named() -> None:
    with pytest.raises(UsageError, match="number"):
        plot.sequence([{key: value for key, value in row(0, "a", "sent").items() if key != "number"}])
    with pytest.raises(UsageError, match="must hold 2 axes"):
        plot.sequence({"one": refused(), "two": refused()}, ax=[])


@pytest.mark.parametrize(
    ("summary", "short"),
    [
        (ASK, "ICMP echo request"),
        (SAY, "ICMP destination unreachable (network unreachable)"),
        ("192.0.2.1 > 192.0.2.2 UDP 55388 > 7 length=56 ttl=64", "UDP to port 7"),
        ("nothing known", "nothing known"),
    ],
)
def test_a_label_is_what_a_packet_is(summary: str, short: str) -> None:
    assert shortened(summary) == short
