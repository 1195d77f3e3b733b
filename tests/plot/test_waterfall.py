"""`plot.waterfall`: every phase where it was, connections told apart, and what its alt text says."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import frames, plot
from netlab.errors import UsageError
from netlab.plot.page_items import named
from netlab.plot.phases_per_object import LOOKS, MOST
from netlab.plot.style import INK, PAPER
from tests.plot.contrast import contrast

STEPS = {"queue": 1.0, "dns": 2.0, "connect": 10.0, "send": 0.5, "wait": 20.0, "receive": 5.0}


def fetched(index: int, path: str, begin: float = 0.0, connection: int | None = 1, **more: Any) -> list[dict[str, Any]]:
    """An object that goes through all phases of `STEPS`, or the ones named by ``phases``."""
    rows = []
    for phase in more.pop("phases", STEPS):
        end = begin + STEPS[phase]
        rows.append(
            {
                "url": f"http://www/{path}",
                "object": index,
                "phase": phase,
                "start_ms": begin,
                "end_ms": end,
                "duration_ms": end - begin,
                "status": 200,
                "connection": connection,
                "number": 1,
                "reused": False,
                "network": "virtual:sample",
                **more,
            }
        )
        begin = end
    return rows


def table(*objects: list[dict[str, Any]]) -> Any:
    return frames.table([row for rows in objects for row in rows], frames.PHASES)


def page() -> Any:
    return table(
        fetched(0, "", 0),
        fetched(1, "a.png", 38.5, phases=["send", "wait", "receive"], reused=True, number=2),
        fetched(2, "b.png", 38.5, connection=2, status=404),
    )


def bars(figure: plot.Figure) -> list[tuple[str, float, float, float]]:
    """Phase, row, start and end of each bar."""
    drawn = []
    for ax in figure.axes:
        for patch in ax.patches:
            row = round(patch.get_y() + patch.get_height() / 2)
            drawn.append((str(patch.get_gid()), float(row), patch.get_x(), patch.get_x() + patch.get_width()))
    return drawn


def words(figure: plot.Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def test_each_phase_is_a_bar_from_its_start_to_its_end() -> None:
    frame = page()
    want = [
        (str(row["phase"]), float(row["object"]), row["start_ms"], row["end_ms"]) for row in frame.to_dict("records")
    ]
    drawn = [(phase, row, round(start, 9), round(end, 9)) for phase, row, start, end in bars(plot.waterfall(frame))]
    assert sorted(drawn) == sorted(want)


def test_rows_are_named_by_the_path() -> None:
    (ax,) = plot.waterfall(page()).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["/", "/a.png", "/b.png"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first object is on top"


def test_a_connection_has_a_number_and_a_mark_that_is_open_when_it_is_used_again() -> None:
    figure = plot.waterfall(page())
    marks = [line for line in figure.axes[0].get_lines() if line.get_marker() != "None"]
    assert [line.get_markerfacecolor() == PAPER for line in marks] == [False, True, False]
    assert marks[0].get_marker() == marks[1].get_marker() != marks[2].get_marker()
    assert words(figure) == ["1: 37.5 ms", "1: 25.5 ms", "2: 37.5 ms (404)"]


def test_alt_text_tells_the_whole_the_slowest_and_what_the_time_went_to() -> None:
    assert plot.waterfall(page()).alt == (
        "3 objects over 2 connections in 77 ms; / takes longest, 37.5 ms; most of all time is wait for first byte "
        "(59 %); 1 not got: /b.png."
    )


def test_alt_text_of_one_object_lists_its_phases() -> None:
    alt = plot.waterfall(table(fetched(0, "x", phases=["dns", "wait"]))).alt
    assert alt == "/x: status 200 after 22 ms: dns 2 ms, wait 20 ms."


def test_an_error_is_told_beside_the_row_and_in_the_alt_text() -> None:
    failed = table(
        fetched(0, "x", phases=["dns", "connect"], connection=None, status=None, error="refused: nobody listens there")
    )
    figure = plot.waterfall(failed)
    assert words(figure) == ["12 ms ✗ refused"]
    assert figure.alt.startswith("/x: refused: nobody listens there after 12 ms")


def test_guess_and_model_are_drawn_and_judged() -> None:
    figure = plot.waterfall(page(), prediction=50, truth=77)
    assert figure.alt.endswith("Your guess of 50 ms was 27 ms too low.")
    (legend,) = figure.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert "your guess: 50 ms" in labels and "truth: 77 ms" in labels and "wait for first byte" in labels
    assert "tls" not in labels, "only phases that occur"


@pytest.mark.parametrize(
    "lines", [{}, {"prediction": 100.0}, {"truth": 77}, {"prediction": 12_345.0, "truth": 12_345.0}]
)
def test_the_legend_is_within_the_figure(lines: dict[str, float]) -> None:
    for frame in (page(), page()[lambda rows: rows["phase"] != "dns"], table(fetched(0, "x", phases=["send", "wait"]))):
        figure = plot.waterfall(frame, **lines)  # type: ignore[arg-type]
        figure.png()
        (legend,) = figure.figure.legends
        box, whole = legend.get_window_extent(), figure.figure.bbox
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and box.y1 <= whole.y1


def test_two_pages_are_drawn_below_each_other_on_one_time_axis() -> None:
    figure = plot.waterfall({"keep-alive": page(), "one each": table(fetched(0, "", 0))})
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["keep-alive", "one each"]
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    assert "keep-alive: 3 objects" in figure.alt and "one each: /: status 200" in figure.alt
    assert "keep-alive: wait" in figure.fingerprint() and "one each: wait" in figure.fingerprint()


def test_the_middle_of_a_long_page_is_left_out_but_not_of_the_data() -> None:
    figure = plot.waterfall(table(*(fetched(number, f"{number}.png") for number in range(60))))
    assert "… 20 more objects …" in words(figure)
    assert len(figure.axes[0].get_yticks()) == MOST
    assert "wait: 60 points" in figure.fingerprint()


def test_no_object_is_said_too() -> None:
    figure = plot.waterfall(page().iloc[:0])
    assert figure.alt == "No object was asked for." and words(figure) == ["no object was asked for"]


def test_phases_that_took_no_time_are_not_drawn() -> None:
    rows = [{**row, "end_ms": row["start_ms"]} for row in fetched(0, "x", phases=["send"])]
    figure = plot.waterfall(table(rows))
    assert not bars(figure) and figure.alt == "/x: status 200 after 0 ms: no time."


def test_wrong_tables_and_guesses_are_named() -> None:
    with pytest.raises(UsageError, match=r"no column end_ms, connection; wanted: a table of netlab\.fetch"):
        plot.waterfall(page().drop(columns=["end_ms", "connection"]))
    with pytest.raises(UsageError, match="list"):
        plot.waterfall([1])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="prediction"):
        plot.waterfall(page(), prediction="soon")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot show 2 tables"):
        plot.waterfall({"a": page(), "b": page()}, ax=plot.waterfall(page()).axes[0])


def test_phases_differ_without_colour_and_their_edges_are_visible() -> None:
    assert set(LOOKS) == set(frames.PHASE_NAMES)
    assert len({(hatch, fill in (PAPER, INK) and fill) for fill, hatch in LOOKS.values()}) == len(LOOKS)
    for fill, hatch in LOOKS.values():
        assert not hatch or contrast(INK, fill) >= 3


def test_no_text_is_smaller_than_ten_points() -> None:
    from matplotlib.text import Text

    figure = plot.waterfall({"one": page(), "two": page()}, prediction=4)
    figure.png()
    texts = [text for text in figure.figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert texts and min(text.get_fontsize() for text in texts) >= 10


def test_it_is_the_same_each_time() -> None:
    assert plot.waterfall(page()).png() == plot.waterfall(page()).png()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://a/", "/"),
        ("http://a", "/"),
        ("http://a/b?c=1", "/b?c=1"),
        ("http://a/" + "x" * 40, "…" + "x" * 23),
    ],
)
def test_an_object_is_called_by_its_path(url: str, name: str) -> None:
    assert named(url) == name
