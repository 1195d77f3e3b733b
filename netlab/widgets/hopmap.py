"""The map of a panel that traces: the world as ``plot.topology`` draws it, with a layer for what changes per probe.

The picture is drawn once per world. What belongs to a probe lies above it as SVG: the way there (solid), the way back
(dashed), the machine that answered (a ring), a cross where the probe vanished, small TTLs beside machines that have
answered, and an envelope that travels. It moves by CSS, only after somebody pressed a button, and not at all for
readers who want less motion (panel.css). All of it is said in the alt text and in the sentence below, so the layer
itself is hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netlab import plot
from netlab.plot.layout import positions
from netlab.widgets.journeys import ARRIVED, Journey
from netlab.widgets.layers import Pixel, Sheet
from netlab.widgets.words import say

PER_LINK = 0.3
"""Seconds that the envelope takes for a link."""
SLOWEST = 2.4
"""Seconds that it takes at most for the whole way; then it goes faster."""
MOST_LINKS = 40
"""Of a longer way (a loop) only so many links are drawn: the rest would cover them."""

LANE = 4.0
"""Pixels that the way there is moved to one side and the way back to the other."""

RING, BADGE = 18, 9
"""Radius of the ring around the machine that answered, and of the disc with its TTL, pixels."""

ASIDE = (17, 11)
"""From a machine to its disc, pixels: between its name below and the delay above the link."""


class HopMap:
    """The map of one world, ready to have probes drawn onto it."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self._owners: dict[str, str] = {
            at.split("/")[0]: name for name, node in world.nodes.items() for at in node.addresses
        }
        self.sheet = Sheet(plot.topology(world))
        self.places = {name: self.sheet.pixel(*point) for name, point in points(world).items()}
        """Where the machines are, pixels."""

    def node(self, address: str) -> str:
        """The machine that has this address, ``""`` when none has."""
        return self._owners.get(address, "")

    def whole(self, answered: Mapping[str, Sequence[int]], alt: str) -> str:
        """A finished trace as HTML: beside each machine the TTLs at which it answered."""
        layer = "".join(self._ring(node, "nl-heard") for node in answered) + self._badges(answered)
        return self.sheet.html(layer, alt, say("map way", name=self.world.name))

    def probe(self, answered: Mapping[str, Sequence[int]], lit: str, journey: Journey | None, alt: str) -> str:
        """One probe as HTML: its way and the machine ``lit`` that answered it."""
        there, back = (journey.there, journey.back) if journey else ((), ())
        out, home = self._line(there, LANE), self._line(back, LANE)
        lasts, takes = _seconds(out), _seconds(home)
        layer = _drawn("nl-way", out) + _drawn("nl-back", home)
        layer += "".join(self._ring(node, "nl-heard") for node in answered if node != lit)
        if lit:
            layer += self._ring(lit, "nl-lit", lasts)
        layer += self._badges(answered)
        if journey and not back and journey.fate not in ("", ARRIVED):
            layer += self._cross(there[-1], lasts)
        if journey and journey.back_fate not in ("", ARRIVED):
            layer += self._cross(back[-1], lasts + takes)
        layer += _envelope("nl-packet", out, 0.0, lasts) + _envelope("nl-answer", home, lasts, takes)
        return self.sheet.html(layer, alt, say("map probe", name=self.world.name))

    def _line(self, nodes: Sequence[str], lane: float) -> list[Pixel]:
        return beside([self.places[node] for node in nodes[: MOST_LINKS + 1] if node in self.places], lane)

    def _ring(self, node: str, look: str, delay: float = 0.0) -> str:
        if node not in self.places:
            return ""
        x, y = self.places[node]
        return f'<circle class="{look}" cx="{x:.1f}" cy="{y:.1f}" r="{RING}" style="animation-delay:{delay:.2f}s"/>'

    def _cross(self, node: str, delay: float) -> str:
        if node not in self.places:
            return ""
        x, y = self.places[node]
        a = RING * 0.8
        lines = f"M{x - a:.1f} {y - a:.1f}l{2 * a:.1f} {2 * a:.1f}m0 {-2 * a:.1f}l{-2 * a:.1f} {2 * a:.1f}"
        return f'<path class="nl-gone" d="{lines}" style="animation-delay:{delay:.2f}s"/>'

    def _badges(self, answered: Mapping[str, Sequence[int]]) -> str:
        made = []
        for node, ttls in answered.items():
            if node in self.places:
                x, y = self.places[node][0] + ASIDE[0], self.places[node][1] + ASIDE[1]
                text = _numbers(ttls)
                width = max(2 * BADGE, 8 * len(text) + 8)
                made.append(
                    f'<rect class="nl-badge" x="{x - BADGE:.1f}" y="{y - BADGE:.1f}" width="{width}" '
                    f'height="{2 * BADGE}" rx="{BADGE}"/><text x="{x - BADGE + width / 2:.1f}" y="{y + 4.5:.1f}">'
                    f"{text}</text>"
                )
        return "".join(made)


def points(world: Any) -> dict[str, Pixel]:
    """Where ``plot.topology`` puts the machines of a world, in the units of its axes."""
    nodes = world.nodes
    places = {name: (node.latitude, node.longitude) for name, node in nodes.items() if node.latitude is not None}
    return positions(list(nodes), [link.ends for link in world.links], world.vantage, places)


def beside(points: Sequence[Pixel], lane: float) -> list[Pixel]:
    """A line moved to its right-hand side, so that the way back does not hide the way there."""
    moved = []
    for index, (x, y) in enumerate(points):
        (x0, y0), (x1, y1) = points[max(index - 1, 0)], points[min(index + 1, len(points) - 1)]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        if length:
            x, y = x - lane * (y1 - y0) / length, y + lane * (x1 - x0) / length
        moved.append((x, y))
    return moved


def _path(line: Sequence[Pixel]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line)


def _drawn(look: str, line: Sequence[Pixel]) -> str:
    return f'<path class="{look}" d="{_path(line)}"/>' if len(line) > 1 else ""


def _seconds(line: Sequence[Pixel]) -> float:
    return min(SLOWEST, PER_LINK * max(len(line) - 1, 0))


def _envelope(look: str, line: Sequence[Pixel], delay: float, lasts: float) -> str:
    """A small letter that goes along a line."""
    if len(line) < 2:
        return ""
    style = f"offset-path:path('{_path(line)}');animation-duration:{lasts:.2f}s;animation-delay:{delay:.2f}s"
    return (
        f'<g class="{look}" style="{style}"><rect x="-11" y="-8" width="22" height="16" rx="2"/>'
        '<path d="M-11 -8L0 2L11 -8"/></g>'
    )


def _numbers(ttls: Sequence[int]) -> str:
    """``1``, ``2, 5`` or ``2, 5 …``: the TTLs at which a machine answered."""
    shown = ", ".join(str(ttl) for ttl in ttls[:2])
    return f"{shown} …" if len(ttls) > 2 else shown
