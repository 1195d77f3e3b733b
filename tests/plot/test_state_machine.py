"""`plot.states`: state machines drawn from their tables."""

from __future__ import annotations

import pytest

from netlab import plot
from netlab.errors import UsageError
from netlab.http.connection import CLIENT, SERVER

DOOR = {"open": {"shut": "closed"}, "closed": {"open": "open", "knock": "closed"}}


def texts(figure: plot.Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_state_and_every_move_of_the_tables_is_drawn() -> None:
    figure = plot.states({"client": CLIENT, "server": SERVER})
    moves = {(f"client {state}", f"{word}: {then}") for state, table in CLIENT.items() for word, then in table.items()}
    moves |= {(f"server {state}", f"{word}: {then}") for state, table in SERVER.items() for word, then in table.items()}
    assert set(zip(figure.series[0].x, figure.series[0].y, strict=True)) == moves
    assert len(figure.axes[0].patches) == len(moves)
    assert {"client", "server", *CLIENT, *SERVER} <= set(texts(figure))


def test_several_words_to_one_state_share_an_arrow() -> None:
    figure = plot.states({"light": {"off": {"press": "on", "clap": "on"}, "on": {"press": "off"}}})
    assert "press, clap" in texts(figure) and len(figure.axes[0].patches) == 2


def test_the_state_of_now_is_filled_and_told() -> None:
    figure = plot.states({"door": DOOR}, now={"door": "closed"})
    bold = [text.get_text() for text in figure.axes[0].texts if text.get_fontweight() == "bold"]
    assert sorted(bold) == ["closed", "door"]
    assert figure.alt == "The door has 2 states: open, closed; the door is closed now."
    assert figure.png().startswith(b"\x89PNG")


def test_words_stand_on_their_arrows() -> None:
    """Arrows are bent on paper, words are placed in units of the drawing: both must mean the same place."""
    figure = plot.states({"client": CLIENT})
    figure.png()  # the layout is made when it is drawn
    axes = figure.axes[0]
    arrow = max(axes.patches, key=lambda patch: patch.get_path().get_extents().width)
    top = arrow.get_transform().transform_path(arrow.get_path()).get_extents().y1
    highest = max(text.get_window_extent().y0 for text in axes.texts if text.get_text() == "close")
    above = max(text.get_window_extent().y1 for text in axes.texts if text.get_text() == "close")
    assert highest < top < above


@pytest.mark.parametrize(
    ("machines", "now", "message"),
    [
        ({}, None, "must hold at least one table"),
        ({"door": {"open": {"shut": "closed"}}}, None, "leads to closed"),
        ({"door": DOOR}, {"door": "ajar"}, "must name machines and their states"),
        ({"door": DOOR}, {"window": "open"}, "must name machines and their states"),
    ],
)
def test_what_cannot_be_drawn_is_refused(machines: dict, now: dict | None, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UsageError, match=message):
        plot.states(machines, now=now)
