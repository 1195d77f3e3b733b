"""What every figure is: readable without eyes, comparable without pixels, drawn without pyplot."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import threading
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from netlab import plot
from netlab.plot.figure import SHORT, Series
from tests.plot import traces
from tests.plot.sample import CHAIN, mixed, probes, world

PACKAGE = Path(plot.__file__).parents[1]
HOPS = [
    {"from": "a", "to": "b", "propagation_ms": 1.0, "transmission_ms": 0.2, "queueing_ms": 3.0, "processing_ms": 0.0}
]
FIGURES = {
    "rtt": lambda: plot.rtt(mixed(), prediction=12),
    "rtt over time": lambda: plot.rtt(mixed(), x="time", truth=11),
    "distribution": lambda: plot.distribution(mixed(), prediction=12),
    "loss": lambda: plot.loss(mixed(), prediction=0.1, truth=0.2),
    "delays": lambda: plot.delays(HOPS, prediction=3),
    "topology": lambda: plot.topology(world(*CHAIN), path=["laptop", "gateway", "core", "www"]),
    "empty rtt": lambda: plot.rtt(mixed().iloc[:0]),
    "empty distribution": lambda: plot.distribution(mixed().iloc[:0]),
    "empty loss": lambda: plot.loss(mixed().iloc[:0]),
    "empty delays": lambda: plot.delays([]),
    "lost rtt": lambda: plot.rtt(probes(None, None, None)),
    "lost distribution": lambda: plot.distribution(probes(None, None, None), prediction=4),
    "lost loss": lambda: plot.loss(probes(None, None, None)),
}

FIGURES |= {
    "hops": lambda: plot.hops(traces.mixed(), truth=["laptop", "gateway"]),
    "probes": lambda: plot.probes(traces.mixed()),
    "path": lambda: plot.path(traces.classic(), truth=traces.CLASSIC_TRUTH),
    "world map": lambda: plot.world_map(traces.abroad(traces.LISBON, None, traces.NEW_YORK)),
    "silent hops": lambda: plot.hops(traces.silent()),
    "silent path": lambda: plot.path(traces.silent()),
    "hop times": lambda: plot.hop_times({"one": traces.mixed(), "two": traces.silent()}, prediction=20.0),
    "hop loss": lambda: plot.hop_loss({"one": traces.mixed(), "two": traces.silent()}, carried=list),
    "next hops": lambda: plot.next_hops(traces.classic(), ttl=2, prediction=3),
    "beside truth": lambda: plot.beside_truth(traces.classic(), truth=traces.CLASSIC_TRUTH),
}


@cache
def made(name: str) -> tuple[plot.Figure, dict[str, str]]:
    """A figure and its bundle, drawn once for all tests that only look at it."""
    figure = FIGURES[name]()
    return figure, figure._repr_mimebundle_()


@pytest.fixture(params=FIGURES)
def figure(request: pytest.FixtureRequest) -> plot.Figure:
    return made(request.param)[0]


@pytest.fixture
def bundle(figure: plot.Figure) -> dict[str, str]:
    return next(bundle for each, bundle in map(made, FIGURES) if each is figure)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.image: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.image = dict(attrs)


def test_html_is_a_figure_with_alt_and_caption(figure: plot.Figure, bundle: dict[str, str]) -> None:
    html = bundle["text/html"]
    reader = _Reader()
    reader.feed(html)
    assert reader.tags == ["figure", "img", "figcaption"]
    assert reader.image["alt"] == figure.alt
    data = (reader.image["src"] or "").removeprefix("data:image/png;base64,")
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert figure.caption in html


def test_notebook_tests_can_mask_the_picture(bundle: dict[str, str]) -> None:
    """The pattern that the notebooks' conftest masks must cover the whole picture, and nothing of the alt text."""
    html = re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+", "data:image", bundle["text/html"])
    assert 'src="data:image"' in html and len(html) < 1200


def test_alt_text_states_a_finding_and_not_a_kind_of_chart(figure: plot.Figure) -> None:
    assert len(figure.alt) >= 15 and figure.alt[0].isupper() | figure.alt[0].isdigit() and figure.alt.endswith(".")
    assert not re.search(r"\b(plot|chart|figure|graph|histogram|image|picture) (of|showing)\b", figure.alt, re.I)
    assert "nan" not in figure.alt.lower() and "inf" not in figure.alt.split()
    assert re.search(r"\d|\bno\b", figure.alt, re.I), "a finding has a number, or says that there is none"


def test_plain_text_is_alt_and_fingerprint(figure: plot.Figure, bundle: dict[str, str]) -> None:
    text = bundle["text/plain"]
    first, *rest = text.splitlines()
    assert first == f"<netlab figure: {figure.alt}>"
    assert len(rest) == len(figure.series) + len(figure.axes)
    assert "0x" not in text


@pytest.mark.parametrize("name", FIGURES)
def test_same_data_same_bundle(name: str) -> None:
    assert FIGURES[name]()._repr_mimebundle_() == made(name)[1]


def test_fingerprint_changes_with_one_value() -> None:
    delays = [10.0 + n / 7 for n in range(50)]
    before = plot.rtt(probes(*delays)).fingerprint()
    delays[25] += 0.001
    assert plot.rtt(probes(*delays)).fingerprint() != before


def test_fingerprint_ignores_rounding_errors() -> None:
    assert str(Series("a", [1], [0.1 + 0.2])) == str(Series("a", [1], [0.3]))


def test_long_series_are_cut_short() -> None:
    long = Series("a", list(range(1000)), list(range(1000)))
    assert len(str(long)) < 100 and "1000 points" in str(long) and "crc32" in str(long)
    assert "crc32" not in str(Series("a", list(range(SHORT)), list(range(SHORT))))


def test_fingerprint_does_not_depend_on_hash_seed_zone_or_locale(tmp_path: Path) -> None:
    script = (
        "from tests.plot.test_figure import FIGURES\n"
        "for make in FIGURES.values(): figure = make(); print(figure, figure.fingerprint())"
    )
    runs = []
    for seed, zone, locale in (("1", "UTC", "C.UTF-8"), ("2", "Asia/Tokyo", "de_DE.UTF-8")):
        environment = {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "PYTHONPATH": str(PACKAGE.parent)}
        environment |= {"MPLCONFIGDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8", "PATH": "/usr/bin:/bin"}
        runs.append(subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE))
    first, second = (run.communicate()[0].decode() for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert first == second and first.count("<netlab figure: ") == len(FIGURES)


def test_picture_names_no_version_and_is_sharp() -> None:
    figure = plot.rtt(mixed())
    png = figure.png()
    assert b"Software" not in png and b"matplotlib" not in png.lower()
    assert Image.open(io.BytesIO(png)).size == (1400, 680)
    assert 'width="700"' in figure.html(png)


@pytest.mark.parametrize("name", ["figure.png", "figure.svg", "figure.pdf"])
def test_saved_files_repeat_byte_for_byte(tmp_path: Path, name: str) -> None:
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    plot.rtt(mixed()).save(first)
    plot.rtt(mixed()).save(second)
    assert first.read_bytes() == second.read_bytes()
    assert b"Software" not in first.read_bytes()


def test_uncovered_shows_what_was_measured_until_then() -> None:
    figure = plot.rtt(probes(10.0, 20.0, 30.0, 40.0))
    pictures = [Image.open(io.BytesIO(png)).convert("RGB") for png in figure.uncovered([0.5, 2.5, 4.5])]
    blues = [_count(picture, (0, 114, 178)) for picture in pictures]
    legend = blues[0]
    assert blues[1] - legend == pytest.approx((blues[2] - legend) / 2, rel=0.05)
    assert blues[2] == _count(Image.open(io.BytesIO(figure.png())).convert("RGB"), (0, 114, 178))


def _count(picture: Any, colour: tuple[int, int, int]) -> int:
    return sum(number for number, found in picture.getcolors(1 << 24) if found == colour)


def test_threads_may_draw_at_once() -> None:
    names = ("rtt", "distribution", "topology")
    expected = {name: made(name)[1]["text/html"] for name in names}
    wrong: list[str] = []

    def draw() -> None:
        try:
            wrong.extend(name for name in names if FIGURES[name]().html() != expected[name])
        except Exception as error:
            wrong.append(repr(error))

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_figures_go_into_axes_that_are_given() -> None:
    from matplotlib.figure import Figure

    canvas = Figure()
    left, right = canvas.subplots(1, 2)
    figure = plot.rtt(mixed(), ax=left)
    assert figure.figure is canvas and figure.axes == [left]
    plot.loss(mixed(), ax=right)
    assert len(canvas.axes) == 2
