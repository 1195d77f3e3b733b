"""`plot.decisions`: a tree with what a learner filled in."""

from __future__ import annotations

import pytest

from netlab import plot
from netlab.errors import UsageError
from netlab.plot.tree import Branch


def texts(figure: plot.Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_an_empty_tree_shows_its_questions_and_letters() -> None:
    figure = plot.decisions()
    assert "Does an ICMP error come back?" in texts(figure) and "A:  ?" in texts(figure)
    assert figure.alt == "All 8 leaves of the tree are still open: A, B, C, D, E, F, G, H."
    assert list(figure.series[0].y) == ["?"] * 8


def test_what_was_filled_in_stands_beside_its_letter() -> None:
    figure = plot.decisions({"A": "closed port", "H": "silence"})
    assert "A:  closed port" in texts(figure)
    assert figure.alt == "2 of 8 leaves are filled in: A: closed port; H: silence. Still open: B, C, D, E, F, G."


@pytest.mark.parametrize("word", ["$x_", "a very long word that does not fit into a box", "ünïcode", 7, None, ""])
def test_any_word_can_be_drawn(word: object) -> None:
    assert plot.decisions({"A": word, "Z": "no such leaf"}).png()  # type: ignore[dict-item]


def test_another_tree() -> None:
    tree = Branch("Is it light?", (Branch("yes", "A"), Branch("no", "B")))
    figure = plot.decisions({"A": "day", "B": "night"}, tree=tree)
    assert figure.alt == "2 of 2 leaves are filled in: A: day; B: night."


def test_something_else_than_a_dict_is_refused() -> None:
    with pytest.raises(UsageError, match="must be a dict"):
        plot.decisions(["closed port"])  # type: ignore[arg-type]
