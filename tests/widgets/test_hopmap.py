"""Map and ladder of a panel that traces: places, layers, and pictures that are sent once."""

from __future__ import annotations

import re

import pytest

import netlab
from netlab import plot
from netlab.plot.style import DOTS_PER_INCH, PIXELS_PER_INCH
from netlab.widgets.hopmap import HopMap, beside, points
from netlab.widgets.hoptable import hops_table
from netlab.widgets.journeys import Journey
from netlab.widgets.ladder import Ladder
from netlab.widgets.layers import Sheet, style


@pytest.mark.parametrize("name", ["line", "campus", "transatlantic", "loop", "broken"])
def test_machines_are_where_the_picture_has_them(name: str) -> None:
    world = netlab.world(name)
    named = {text.get_text(): text.xy for text in plot.topology(world).axes[0].texts}  # type: ignore[attr-defined]
    for node, point in points(world).items():
        assert named[f"{node} (down)" if world.nodes[node].down else node] == point


def test_pixels_count_from_the_upper_left_corner() -> None:
    figure = plot.topology(netlab.world("line"))
    sheet = Sheet(figure)
    (left, low), (right, high) = sheet.pixel(0, 0), sheet.pixel(1, 1)
    assert left < right and high < low
    dots = figure.axes[0].transData.transform((0, 0))
    assert left == pytest.approx(dots[0] * PIXELS_PER_INCH / DOTS_PER_INCH)


def test_an_address_is_known_by_its_machine() -> None:
    hopmap = HopMap(netlab.world("line"))
    assert hopmap.node("198.51.100.2") == "r2" and hopmap.node("2001:db8:23::2") == "r2"
    assert hopmap.node("203.0.113.99") == "" and hopmap.node("") == ""


def test_a_probe_has_its_way_its_answer_and_a_light() -> None:
    hopmap = HopMap(netlab.world("line"))
    journey = Journey(("laptop", "r1", "r2"), "ttl exceeded", ("r2", "r1", "laptop"), "delivered")
    html = hopmap.probe({"r1": [1], "r2": [2]}, "r2", journey, 'it is "r2"')
    assert 'aria-label="it is &quot;r2&quot;"' in html and 'aria-hidden="true"' in html
    for look in ("nl-way", "nl-back", "nl-lit", "nl-heard", "nl-packet", "nl-answer"):
        assert html.count(f'class="{look}"') == 1, look
    assert html.count('class="nl-badge"') == 2 and "nl-gone" not in html
    assert "data:image" not in html and len(html) < 4000
    x, y = hopmap.places["r2"]
    assert re.search(rf'class="nl-lit" cx="{x:.1f}" cy="{y:.1f}"', html)


def test_where_a_probe_vanished_is_a_cross() -> None:
    hopmap = HopMap(netlab.world("line"))
    assert "nl-gone" in hopmap.probe({}, "", Journey(("laptop", "r1"), "firewall"), "")
    lost = Journey(("laptop", "r1"), "ttl exceeded", ("r1",), "queue full")
    assert hopmap.probe({}, "", lost, "").count("nl-gone") == 1
    assert "nl-gone" not in hopmap.probe({}, "", None, "") and "nl-packet" not in hopmap.probe({}, "", None, "")


def test_long_loops_and_unknown_machines_do_no_harm() -> None:
    hopmap = HopMap(netlab.world("line"))
    html = hopmap.probe({"elsewhere": [1], "r1": [1, 3, 5]}, "r1", Journey(("laptop", *["r1", "r2"] * 99), ""), "")
    assert "1, 3 …" in html and len(html) < 6000 and "elsewhere" not in html


def test_two_ways_are_moved_apart() -> None:
    assert beside([(0, 0), (10, 0)], 4) == [(0, 4), (10, 4)]
    assert beside([(10, 0), (0, 0)], 4) == [(10, -4), (0, -4)]
    assert beside([(3, 3)], 4) == [(3, 3)]


def test_the_ladder_hides_what_is_not_known_yet() -> None:
    frame = netlab.traceroute("server", network="line", attempts=2)
    ladder = Ladder(plot.hops(frame))
    tops = []
    for ttl in range(1, 5):
        html = ladder.at(ttl)
        frame_top, frame_height = map(
            float, re.search(r'nl-rung" x="2" y="([\d.]+)" .*? height="([\d.]+)"', html).groups()
        )  # type: ignore[union-attr]
        veil = float(re.search(r'nl-veil" x="\d+" y="([\d.]+)"', html).group(1))  # type: ignore[union-attr]
        assert veil == pytest.approx(frame_top + frame_height, abs=0.2)
        tops.append(frame_top)
    assert tops == sorted(tops) and len(set(tops)) == 4
    assert ladder.at(99) == ladder.at(4).replace("TTL 4", "TTL 99")


def test_pictures_are_in_the_style_sheet_only() -> None:
    sheets = [Sheet(plot.topology(netlab.world(name))) for name in ("line", "campus")]
    made = style(sheets[0], None, sheets[1])
    assert made.count("data:image/png;base64,") == 2 and made.startswith("<style>")
    names = [re.search(r"nl-sheet-\w+", sheet.html("", "", "")).group() for sheet in sheets]  # type: ignore[union-attr]
    assert len(set(names)) == 2 and all(f".{name}{{" in made for name in names)


def test_the_table_of_hops() -> None:
    frame = netlab.traceroute("drop", network="broken", attempts=2, max_ttl=7, window=1, timeout=0.5)
    html = hops_table(frame, "Hops", ttl=4)
    assert html.count("<tr") == 1 + frame["ttl"].nunique()
    assert "*  *" in html and "last try" in html
    assert re.search(r'aria-current="true"><th scope="row" class="nl-left">4<', html)
    assert "aria-current" not in hops_table(frame, "Hops")
