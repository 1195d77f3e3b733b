"""Tables as HTML: header cells, a caption, a name for what scrolls, and nothing unescaped."""

from __future__ import annotations

from html.parser import HTMLParser

from pandas import DataFrame

from netlab.widgets import tables


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def count(self, tag: str, **attributes: str) -> int:
        return sum(name == tag and attributes.items() <= found.items() for name, found in self.found)


FRAME = DataFrame({"n": [1, 2], "rtt_ms": [1.5, float("nan")], "detail": ["", "<script>"]})
COLUMNS = {"n": "probe", "rtt_ms": "RTT (ms)", "detail": "detail"}


def test_cells_have_headers_for_rows_and_columns() -> None:
    reader = Reader(tables.table(FRAME, COLUMNS, "Results", picked=1))
    assert reader.count("th", scope="col") == 3
    assert reader.count("th", scope="row") == 2
    assert reader.count("caption") == 1 and "Results" in reader.text
    assert reader.count("tr", **{"aria-current": "true"}) == 1


def test_what_scrolls_can_be_reached_and_has_a_name() -> None:
    for html in (tables.table(FRAME, COLUMNS, "Results"), tables.rows_table([("a", "b")], ("x", "y"), "Results")):
        assert Reader(html).count("div", tabindex="0", role="region", **{"aria-label": "Results"}) == 1


def test_values_are_text_and_what_is_not_there_is_empty() -> None:
    html = tables.table(FRAME, COLUMNS, "Results")
    assert "1.500" in html and "nan" not in html.lower() and "<script>" not in html and "&lt;script&gt;" in html


def test_long_tables_say_what_they_leave_out() -> None:
    frame = DataFrame({"n": range(1, 1001)})
    html = tables.table(frame, {"n": "probe"}, "Results")
    assert "Rows 101 to 900 of 1000 are left out" in html
    assert Reader(html).count("th", scope="row") == tables.MOST
