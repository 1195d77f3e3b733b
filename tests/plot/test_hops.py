"""`plot.hops`: the ladder shows every answer, and takes silence for nothing but silence."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.text import Text

from netlab import plot
from netlab.errors import UsageError
from netlab.plot import style
from netlab.plot.hop_ladder import FEW
from tests.plot.traces import diamond, long, mixed, named, plain, probe, silent, table, thrice


def points(figure: plot.Figure, label: str) -> list[tuple[Any, Any]]:
    found = [series for series in figure.series if series.label == label]
    return [pair for series in found for pair in zip(series.x, series.y, strict=True)]


def ticks(figure: plot.Figure) -> list[str]:
    return [text.get_text().replace("\u2007", " ") for text in figure.axes[0].get_yticklabels()]


def texts(figure: plot.Figure) -> set[str]:
    return {text.get_text() for text in figure.axes[0].findobj(Text) if text.get_text()}


def test_ttl_1_is_on_top() -> None:
    bottom, top = plot.hops(plain()).axes[0].get_ylim()
    assert top < 0 < bottom
    assert [tick.split()[-1] for tick in ticks(plot.hops(plain()))] == ["1", "2", "3"]


def test_alt_text_tells_the_end_and_the_time() -> None:
    assert plot.hops(plain()).alt == (
        "www (203.0.113.80) answered as the destination, with hop 3. 3 of 3 hops answered. "
        "The median round-trip time at hop 3 is 8.1 ms."
    )


def test_alt_text_tells_everything_unusual() -> None:
    assert plot.hops(mixed()).alt == (
        "203.0.113.80 answered as the destination, with hop 6. 5 of 6 hops answered; silent: 3. "
        "Several addresses answered at hop 2. The median round-trip time at hop 6 is 13.1 ms. "
        "1 answer came late. Marks: !H."
    )


def test_every_answer_is_a_point() -> None:
    figure = plot.hops(plain())
    assert len(points(figure, "time exceeded")) == 6
    assert points(figure, "reply") == [(3, 8.0), (3, pytest.approx(8.1)), (3, pytest.approx(8.2))]


def test_stars_have_no_time_and_are_neither_red_nor_called_lost() -> None:
    figure = plot.hops(mixed())
    assert points(figure, "no answer (*)") == [(3, "none")] * 3
    assert points(figure, "no answer in a shortened wait") == [(4, "none")]
    drawn = next(line for line in figure.axes[0].lines if line.get_label() == "no answer (*)")
    assert drawn.get_color() == style.QUIET
    assert "lost" not in figure.fingerprint() and "loss" not in figure.alt


def test_stars_stand_outside_the_axis_of_times() -> None:
    figure = plot.hops(mixed())
    largest = max(row for row in mixed()["rtt_ms"] if row == row)
    drawn = next(line for line in figure.axes[0].lines if line.get_label() == "no answer (*)")
    assert min(drawn.get_xdata()) > largest
    assert "none" in [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert "none" not in [text.get_text() for text in plot.hops(plain()).axes[0].get_xticklabels()]


def test_every_kind_of_point_has_a_symbol_of_its_own() -> None:
    lines = [line for line in plot.hops(mixed()).axes[0].lines if line.get_gid() == "data"]
    assert (
        len({(str(line.get_marker()), line.get_markerfacecolor() == style.PAPER) for line in lines}) == len(lines) == 7
    )


def test_addresses_of_one_hop_stand_apart() -> None:
    assert [tick.split() for tick in ticks(plot.hops(mixed()))[1:3]] == [["198.51.100.2", "2"], ["198.51.100.6"]]


def test_marks_are_written() -> None:
    assert "!H" in texts(plot.hops(mixed()))


def test_what_went_beyond_the_end_is_shown_only_when_asked() -> None:
    assert len(ticks(plot.hops(mixed()))) == 7
    figure = plot.hops(mixed(), beyond=True)
    assert ticks(figure)[-1].split() == ["203.0.113.80", "7"]
    assert figure.alt == plot.hops(mixed()).alt
    bold = [text.get_fontweight() for text in figure.axes[0].get_yticklabels()]
    assert bold[-2:] == ["bold", "normal"]


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (thrice(2, "203.0.113.80", 8.0, "reply"), "the destination answered"),
        (thrice(2, "203.0.113.80", 8.0, "unreachable", detail="port unreachable"), "the destination answered"),
        (thrice(2, "198.51.100.9", 8.0, "unreachable", mark="!H"), "the way ends: host unreachable"),
        (thrice(2), "the destination did not answer"),
    ],
)
def test_the_ladder_says_how_it_ends(last: list[dict[str, Any]], told: str) -> None:
    assert told in texts(plot.hops(table(*thrice(1, "192.0.2.1", 1.0), *last)))


def test_a_last_try_is_no_hop() -> None:
    figure = plot.hops(
        table(*thrice(1, "192.0.2.1", 1.0), *thrice(2), probe(255, "203.0.113.80", 8.0, "reply", flags="last-ditch"))
    )
    assert figure.alt.startswith(
        "203.0.113.80 answered as the destination, only to a last try with a large TTL, its distance is unknown. "
        "1 of 2 hops answered; silent: 2."
    )
    assert ticks(figure)[-1].split() == ["last", "try:", "203.0.113.80", "255"]


def test_addresses_that_come_again_are_marked() -> None:
    figure = plot.hops(
        table(
            *thrice(1, "192.0.2.1", 1.0),
            *thrice(2, "192.0.2.2", 2.0),
            *thrice(3, "192.0.2.2", 2.5, flags="repeated-hop"),
            *thrice(4, "192.0.2.1", 3.0, flags="loop"),
        )
    )
    assert [tick[0] for tick in ticks(figure)] == ["1", "1", "↻", "↻"]
    assert "From hop 4 on, addresses of earlier hops answer again: a loop." in figure.alt
    assert "The same address as one hop before answered at hop 3." in figure.alt


def test_without_any_answer_the_figure_says_so() -> None:
    figure = plot.hops(silent(5))
    assert figure.alt == "No hop answered, so nothing is known of the way."
    assert "no hop answered" in texts(figure) and f"× {3 * 5}" in texts(figure) and 15 > FEW


def test_many_silent_hops_are_one_line_and_few_are_not() -> None:
    assert len(ticks(plot.hops(silent(3)))) == 3
    assert [tick.split()[-1] for tick in ticks(plot.hops(silent(20)))] == ["1–20"]


def test_truth_stands_beside_the_rungs() -> None:
    figure = plot.hops(plain(), truth=["laptop", "gateway", "hidden", "www"])
    assert points(figure, "truth") == [(1, "= gateway"), (2, "≠ hidden"), (3, "= www")]


def test_truth_of_a_trace_without_names_needs_names() -> None:
    frame = table(*thrice(1, "192.0.2.1", 1.0), *thrice(2), *thrice(3, "203.0.113.80", 8.0, "reply"))
    truth = ["laptop", "gateway", "core", "www"]
    assert points(plot.hops(frame, truth=truth), "truth") == [(1, "≠ gateway"), (2, "core"), (3, "≠ www")]
    names = {"192.0.2.1": "gateway", "203.0.113.80": "www"}
    assert points(plot.hops(frame, truth=truth, names=names), "truth") == [(1, "= gateway"), (2, "core"), (3, "= www")]


@pytest.mark.parametrize("wrong", ["www", [("laptop", "gateway")], [1, 2]])
def test_a_truth_of_another_form_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"truth=.*names of nodes in order"):
        plot.hops(plain(), truth=wrong)


def test_a_long_way_with_long_names_fits() -> None:
    figure = plot.hops(long())
    assert len(figure.axes[0].get_yticklabels()) == 30
    figure.figure.draw_without_rendering()
    widths = [text.get_window_extent().width for text in figure.axes[0].get_yticklabels()]
    assert max(widths) < 0.55 * figure.figure.bbox.width
    assert all("198.51.100." in tick or "no answer" in tick or "203.0.113.80" in tick for tick in ticks(figure))


def test_a_wide_hop_gets_a_line_per_address() -> None:
    assert len(ticks(plot.hops(diamond(16)))) == 16 + 3


def test_rounds_are_pooled() -> None:
    rows = [probe(ttl, f"192.0.2.{ttl}", 1.0, round=number, **named(f"r{ttl}")) for number in (1, 2) for ttl in (1, 2)]
    assert len(points(plot.hops(table(*rows)), "time exceeded")) == 4


@pytest.mark.parametrize(("world", "destination", "hops"), [("campus", "www", 3), ("transatlantic", "archive", 6)])
def test_a_trace_of_the_virtual_internet_agrees_with_its_truth(world: str, destination: str, hops: int) -> None:
    import netlab

    with netlab.use(world) as network:
        frame = netlab.traceroute(destination)
        figure = plot.hops(frame, truth=network.path(destination), names=network)
    assert [sign[0] for _, sign in points(figure, "truth")] == ["="] * hops
    assert f"with hop {hops}. {hops} of {hops} hops answered." in figure.alt
