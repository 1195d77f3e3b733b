"""`plot.probes`: one cell per probe, and a change of the answering address is seen."""

from __future__ import annotations

from matplotlib.patches import Rectangle
from matplotlib.text import Text

from netlab import plot
from tests.plot.traces import classic, diamond, long, mixed, plain, probe, silent, table, thrice


def cells(figure: plot.Figure) -> dict[str, str]:
    (series,) = figure.series
    return dict(zip(map(str, series.x), map(str, series.y), strict=True))


def texts(figure: plot.Figure) -> set[str]:
    return {text.get_text() for text in figure.axes[0].findobj(Text) if text.get_text()}


def outlines(figure: plot.Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and not patch.get_fill()]


def test_every_probe_has_a_cell_with_its_outcome() -> None:
    found = cells(plot.probes(mixed()))
    assert len(found) == 21
    assert found["1/1"] == "time exceeded 192.0.2.1"
    assert [found[f"2/{n}"] for n in (1, 2, 3)] == [
        "time exceeded A 198.51.100.2", "time exceeded B 198.51.100.6", "time exceeded A 198.51.100.2",
    ]  # fmt: skip
    assert found["3/1"] == "no answer (*)" and found["4/2"] == "no answer in a shortened wait"
    assert found["4/3"] == "late 198.51.100.14" and found["5/1"] == "unreachable 203.0.113.1 !H"
    assert found["5/3"] == "pending" and found["7/1"] == "reply 203.0.113.80 beyond the end"


def test_alt_text_tells_what_is_unusual() -> None:
    assert plot.probes(mixed()).alt == (
        "21 probes to 7 hops; 16 answered, 1 of them late, 3 stars, 1 star after a shortened wait, 1 pending. "
        "Silent: hop 3. Only some probes were answered at hop 4 and 5. The answering address changes at hop 2. "
        "3 probes went beyond the end."
    )
    assert plot.probes(plain()).alt == "9 probes to 3 hops; 9 answered. No hop has two addresses."


def test_another_address_has_another_hatch_and_letter() -> None:
    figure = plot.probes(classic())
    hatches = [patch.get_hatch() for patch in outlines(figure)]
    assert hatches.count("//") == 2 and hatches.count("") == 13
    assert {"A", "B", "A a1  B a2", "A b1  B b2"} <= texts(figure)


def test_cells_beyond_the_end_have_a_dotted_edge() -> None:
    styles = [patch.get_linestyle() for patch in outlines(plot.probes(mixed()))]
    assert sum(style != "solid" for style in styles) == 3


def test_symbols_differ_without_colour() -> None:
    lines = [line for line in plot.probes(mixed()).axes[0].lines if line.get_gid() == "data"]
    assert len({(str(line.get_marker()), line.get_markerfacecolor()) for line in lines}) == len(lines) == 7


def test_without_any_answer_it_says_so() -> None:
    assert plot.probes(silent(2)).alt.endswith("No hop answered.")


def test_wide_and_long_tables_are_drawn() -> None:
    assert "16 addresses" not in texts(plot.probes(diamond(4)))
    assert "A b1 and 15 more" in texts(plot.probes(diamond(16)))
    assert len(plot.probes(long()).axes[0].get_yticklabels()) == 30


def test_a_last_try_is_no_hop() -> None:
    figure = plot.probes(table(*thrice(1, "192.0.2.1", 1.0), *thrice(2), probe(255, flags="last-ditch")))
    assert "last try" in [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert figure.alt.startswith("6 probes to 2 hops; 3 answered, 3 stars.")


def test_later_rounds_follow_to_the_right() -> None:
    rows = [probe(1, "192.0.2.1", 1.0, round=2), probe(1, "192.0.2.2", 1.0, round=1)]
    assert cells(plot.probes(table(*rows)))["1/1"].endswith("192.0.2.2")


def test_a_trace_of_the_virtual_internet_is_drawn() -> None:
    import netlab

    with netlab.use("campus"):
        figure = plot.probes(netlab.traceroute("www"))
    assert cells(figure)["3/1"] == "reply 203.0.113.80"
