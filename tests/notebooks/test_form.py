"""The form of every notebook: metadata, execution order, what cells may contain, the parts and their order."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

from tests.notebooks.book import (
    FORMS,
    LEARNERS,
    NAMES,
    REAL_NETWORK,
    ROOT,
    Cell,
    cells,
    label,
    read,
    skipped,
    source,
    tags,
    tree,
)

KERNELSPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
PARTS = ["Set up", "Predict", "Run", "See", "Explain", "Modify", "Make", "Compare", "Recap"]
RECAP = ["Words", "Five questions", "Read on"]
MOST_CELLS = 40
LEAST_CHECKS = 4

FORBIDDEN_NAMES = {
    *("Output", "interact", "interactive", "interact_manual", "interactive_output", "clear_output", "update_display"),
    *("display_id", "pyplot", "plt", "input", "get_ipython"),
}
"""Each of them breaks nbval, or draws on state that all cells share; see `test_no_cell_uses_what_breaks_nbval`."""

MARKERS = ("NBVAL_IGNORE_OUTPUT", "NBVAL_RAISES_EXCEPTION", "NBVAL_SKIP", "NBVAL_CHECK_OUTPUT")
MARKER_TAGS = {marker.lower().replace("_", "-") for marker in MARKERS} | {"raises-exception", "skip-execution"}

every_notebook = pytest.mark.parametrize("path", FORMS, ids=label)


def test_there_are_notebooks_in_both_forms() -> None:
    assert NAMES == ["00-welcome", "01-echo", "02-measurement", "03-delay", "04-silence", "05-way", "06-reading", "07-paths", "08-stream", "09-server", "10-keepalive", "11-busy", "12-proxy", "13-capstone"]
    assert sorted(path.stem for path in LEARNERS.glob("*.ipynb")) == NAMES


# --- metadata and execution --------------------------------------------------------------------------------------


@every_notebook
def test_metadata_is_exact_and_says_nothing_about_one_run(path: Path) -> None:
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    assert notebook["metadata"]["kernelspec"] == KERNELSPEC
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}, "such as widgets: random, and 24 kB long"
    assert "version" not in notebook["metadata"]["language_info"]
    for cell in notebook["cells"]:
        assert "execution" not in cell["metadata"], f"{cell['id']} stores times of day"


@every_notebook
def test_cell_ids_are_readable_and_unique(path: Path) -> None:
    ids = [cell["id"] for cell in cells(path)]
    assert len(set(ids)) == len(ids)
    for id in ids:
        assert re.fullmatch(rf"{path.stem[:2]}(-[a-z0-9]+)+", id), f"{id} should be like {path.stem[:2]}-predict"


@every_notebook
def test_all_cells_were_run_in_order_but_the_skipped_ones_never(path: Path) -> None:
    expected = 0
    for cell in cells(path, "code"):
        if skipped(cell):
            assert cell["execution_count"] is None and cell["outputs"] == [], cell["id"]
        else:
            expected += 1
            assert cell["execution_count"] == expected, cell["id"]


# --- what cells may contain --------------------------------------------------------------------------------------


@every_notebook
def test_no_cell_uses_what_breaks_nbval(path: Path) -> None:
    for cell in cells(path, "code"):
        for line in source(cell).splitlines():
            assert not re.match(r"\s*[%!?]", line), f"{cell['id']}: magics and shell commands are not Python: {line}"
        assert not source(cell).rstrip().endswith(";"), f"{cell['id']}: a semicolon does not silence nbval"
        for node in ast.walk(tree(cell)):
            names = names_in(node)
            assert not names & FORBIDDEN_NAMES, f"{cell['id']}: {names & FORBIDDEN_NAMES}"
            slept = isinstance(node, ast.Attribute) and node.attr == "sleep"
            assert not slept, f"{cell['id']}: a notebook does not wait"


def names_in(node: ast.AST) -> set[str]:
    """The names that one node of a syntax tree mentions."""
    found = {getattr(node, "id", ""), getattr(node, "attr", "")}
    if isinstance(node, ast.keyword):
        found.add(node.arg or "")
    if isinstance(node, ast.Import | ast.ImportFrom):
        found |= {part for alias in node.names for part in alias.name.split(".")}
    return found


FORBIDDEN_IN_PACKAGE = {"pyplot", "Output", "interact", "interactive", "interactive_output", "clear_output"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "netlab").rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_package_imports_none_of_it_either(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            names = {part for alias in node.names for part in alias.name.split(".")} | set(module.split("."))
            found = names & FORBIDDEN_IN_PACKAGE
            outside = module.startswith(("matplotlib", "ipywidgets", "IPython")) or isinstance(node, ast.Import)
            assert not (found and outside), f"line {node.lineno}: {found}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "widgets":
            assert node.attr not in FORBIDDEN_IN_PACKAGE, f"line {node.lineno}: widgets.{node.attr}"


@every_notebook
def test_every_marker_has_a_reason_and_real_networks_both_tags(path: Path) -> None:
    for cell in cells(path, "code"):
        lines = source(cell).splitlines()
        for number, line in enumerate(lines):
            if any(marker in line for marker in MARKERS):
                assert line.strip() in {f"# {marker}" for marker in MARKERS}, f"{cell['id']}: must stand alone"
                assert lines[number + 1].strip().startswith("# reason: "), f"{cell['id']}: why?"
        if tags(cell) & MARKER_TAGS:
            assert lines[0].startswith("# reason: ") and len(lines[0]) > 30, f"{cell['id']}: why?"
        if tags(cell) & REAL_NETWORK:
            assert skipped(cell), f"{cell['id']} needs both tags"
        assert skipped(cell) == needs_real_network(cell), cell["id"]


def needs_real_network(cell: Cell) -> bool:
    strings = [node.value for node in ast.walk(tree(cell)) if isinstance(node, ast.Constant)]
    return any(isinstance(word, str) and (word == "live" or word.startswith("lab:")) for word in strings)


@every_notebook
def test_a_skipped_cell_says_a_sentence_instead_of_raising(path: Path) -> None:
    for cell in filter(skipped, cells(path, "code")):
        tries = [node for node in tree(cell).body if isinstance(node, ast.Try)]
        caught = [ast.unparse(handler.type) for node in tries for handler in node.handlers if handler.type]
        assert "netlab.errors.NetlabError" in caught, cell["id"]


@every_notebook
def test_the_first_cell_chooses_a_virtual_world_by_name(path: Path) -> None:
    first = cells(path, "code")[0]
    assert source(first).startswith("import netlab\n")
    assert uses(first), f"{first['id']} does not choose a network"
    assert source(first).splitlines()[-1] == "network", (
        "the cell ends with the network, whose repr names world and seed"
    )
    for cell in cells(path, "code"):
        if not skipped(cell):
            for argument in uses(cell):
                assert isinstance(argument, ast.Constant), f"{cell['id']}: a literal name of a world, please"
                assert (ROOT / f"netlab/internet/worlds/{argument.value}.toml").exists(), argument.value


def uses(cell: Cell) -> list[ast.expr]:
    """The first arguments of all calls of netlab.use."""
    calls = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]
    return [call.args[0] for call in calls if ast.unparse(call.func) == "netlab.use"]


# --- the parts ---------------------------------------------------------------------------------------------------


def headings(path: Path) -> list[tuple[int, str]]:
    found = []
    for cell in cells(path, "markdown"):
        prose = re.sub(r"```.*?```", "", source(cell), flags=re.S)
        found += [(len(marks), title.strip()) for marks, title in re.findall(r"^(#+) (.+)$", prose, flags=re.M)]
    return found


@every_notebook
def test_the_title_is_a_question_and_the_parts_follow_in_order(path: Path) -> None:
    titles = headings(path)
    assert titles[0][0] == 1 and titles[0][1].endswith("?")
    assert [title for level, title in titles if level == 1] == [titles[0][1]]
    assert [title for level, title in titles if level == 2] == PARTS
    assert [title for level, title in titles if level == 3] == RECAP
    for (before, _), (level, title) in itertools.pairwise(titles):
        assert level <= before + 1, f"a level is left out before {title!r}"


@every_notebook
def test_the_length_is_bounded(path: Path) -> None:
    assert len(cells(path)) <= MOST_CELLS
    minutes = re.search(r"\*Time: (\d+) minutes\.", source(cells(path)[0]))
    assert minutes and 20 <= int(minutes.group(1)) <= 40
    goals = re.findall(r"^\* ", source(cells(path)[0]), flags=re.M)
    assert 3 <= len(goals) <= 5


@every_notebook
def test_there_are_at_least_four_checks_and_a_prediction(path: Path) -> None:
    code = "\n".join(source(cell) for cell in cells(path, "code"))
    checked = set(re.findall(r'netlab\.check\("(\d\d\.\d+)"', code))
    assert len(checked) >= LEAST_CHECKS
    assert len(re.findall(r'netlab\.predict\("\d\d\.0", \S', code)) == 1
    assert {id[:2] for id in checked} == {path.stem[:2]}


@every_notebook
def test_exercises_appear_in_the_order_of_their_numbers(path: Path) -> None:
    code = "\n".join(source(cell) for cell in cells(path, "code"))
    order = list(dict.fromkeys(re.findall(r'netlab\.check\("(\d\d\.\d+)"', code)))
    assert order == sorted(order)


@every_notebook
def test_the_recap_has_a_table_of_words_five_questions_and_rfcs(path: Path) -> None:
    recap = source(cells(path, "markdown")[-1])
    assert recap.startswith("## Recap")
    words, questions, more = (part.partition("\n")[2] for part in re.split(r"^### ", recap, flags=re.M)[1:])
    rows = re.findall(r"^\| (.+?) \| .+ \|$", words, flags=re.M)
    assert rows[:2] == ["word", "---"] and len(rows) >= 8
    assert re.findall(r"^(\d)\. .+\?", questions, flags=re.M) == list("12345")
    assert re.search(r"RFC \d{3,4}", more) and "Kurose and Ross" in more


@every_notebook
def test_every_bold_term_is_in_the_table_of_words(path: Path) -> None:
    recap = source(cells(path, "markdown")[-1])
    table = " ".join(re.findall(r"^\| (.+?) \|", recap, flags=re.M)).lower()
    for cell in cells(path, "markdown")[:-1]:
        for term in re.findall(r"(?<!\*)\*\*([A-Za-z0-9 -]+)\*\*(?!\*)", source(cell)):
            if term[0].islower() or term.isupper():  # not the first words of a paragraph or a list item
                assert term.lower().rstrip("s") in table or term in EMPHASIS, f"{cell['id']}: {term!r}"


EMPHASIS = {"a", "b", "c", "d"}  # the letters of choices


@every_notebook
def test_relative_links_lead_somewhere(path: Path) -> None:
    for cell in cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)]+)\)", source(cell)):
            assert not target.startswith(("http", "/")), f"{cell['id']}: {target}"
            assert (path.parent / target).exists(), f"{cell['id']}: {target}"


@every_notebook
def test_each_panel_is_followed_by_a_call(path: Path) -> None:
    code = cells(path, "code")
    for cell, after in itertools.pairwise(code):
        if "netlab.widgets.PingPanel" in source(cell):
            assert "netlab.ping(" in source(after), f"{cell['id']}: readers without a kernel see nothing of a panel"
