"""nbgrader's metadata, and that the learner's form is the solved one without its solutions. Needs no nbgrader."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from netlab.teach.checkers import exercises
from tests.notebooks.book import (
    FORMS,
    LEARNERS,
    NAMES,
    ROOT,
    SOLUTIONS,
    Cell,
    cells,
    is_answer,
    is_test,
    label,
    nbgrader,
    source,
    tree,
)

every_notebook = pytest.mark.parametrize("path", FORMS, ids=label)
both_forms = pytest.mark.parametrize("name", NAMES)

ANSWER = {"grade": False, "solution": True, "locked": False, "task": False, "schema_version": 3}
TEST = {"grade": True, "solution": False, "locked": True, "task": False, "schema_version": 3}
ADDED_BY_THE_RELEASE = {"checksum", "cell_type"}

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.S | re.M)
HIDDEN = re.compile(r"^ *### BEGIN HIDDEN TESTS\n.*?^ *### END HIDDEN TESTS\n?", re.S | re.M)
STUB = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()"


@every_notebook
def test_the_metadata_is_complete_and_exact(path: Path) -> None:
    for cell in filter(nbgrader, cells(path)):
        metadata = nbgrader(cell)
        assert cell["cell_type"] == "code", cell["id"]
        wanted = TEST if metadata["grade"] else ANSWER
        assert {name: metadata.get(name) for name in wanted} == wanted, cell["id"]
        assert ("points" in metadata) == metadata["grade"], cell["id"]
        assert set(metadata) - ADDED_BY_THE_RELEASE <= {*wanted, "grade_id", "points"}, cell["id"]


@every_notebook
def test_grade_ids_are_readable_unique_and_tell_answers_from_checks(path: Path) -> None:
    ids = [nbgrader(cell)["grade_id"] for cell in cells(path) if nbgrader(cell)]
    assert len(set(ids)) == len(ids) >= 8
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", id) for id in ids)
    for cell in filter(nbgrader, cells(path)):
        assert cell["id"] == f"{path.stem[:2]}-{nbgrader(cell)['grade_id']}"


@every_notebook
def test_every_answer_is_a_function_with_a_docstring(path: Path) -> None:
    for cell in filter(is_answer, cells(path)):
        body = tree(cell).body
        assert len(body) == 1 and isinstance(body[0], ast.FunctionDef), f"{cell['id']}: one function, nothing else"
        assert ast.get_docstring(body[0]), f"{cell['id']}: what does it return?"


@both_forms
def test_markers_stand_only_inside_the_functions_of_answers(name: str) -> None:
    for cell in cells(SOLUTIONS / f"{name}.ipynb"):
        if is_answer(cell):
            assert len(SOLUTION.findall(source(cell))) == 1, f"{cell['id']}: one solution, indented"
            assert re.search(r'"""\n +### BEGIN SOLUTION\n', source(cell)), f"{cell['id']}: below the docstring"
            assert source(cell).endswith("    ### END SOLUTION"), cell["id"]
        else:
            assert "SOLUTION" not in source(cell), cell["id"]
        assert ("HIDDEN TESTS" in source(cell)) <= is_test(cell), cell["id"]


@both_forms
def test_every_answer_is_followed_by_its_check(name: str) -> None:
    answers: list[Cell] = []
    checked: dict[str, int] = {}
    for cell in cells(SOLUTIONS / f"{name}.ipynb", "code"):
        if is_answer(cell):
            assert not answers, f"{answers} has no check before the next answer"
            answers = [cell]
        elif is_test(cell):
            call = check_call(cell)
            function = ast.unparse(call.args[1])
            if answers:
                assert function == tree(answers.pop()).body[0].name  # type: ignore[attr-defined]
                assert "seed" not in keywords(call), f"{cell['id']}: the first check is the one everybody sees"
            else:
                assert function in checked, f"{cell['id']}: {function} was not answered"
                assert "HIDDEN TESTS" in source(cell) and keywords(call)["seed"], cell["id"]
                assert source(cell).splitlines()[0].startswith("# "), f"{cell['id']}: a line must stay in the release"
            checked[function] = checked.get(function, 0) + 1
            assert keywords(call).get("points", 1) == nbgrader(cell)["points"], cell["id"]
    assert not answers
    assert sum(checked.values()) >= 4


def check_call(cell: Cell) -> ast.Call:
    """The call that gives the points: nbgrader reads the value of the last expression."""
    last = tree(cell).body[-1]
    assert isinstance(last, ast.Expr) and isinstance(last.value, ast.Call), f"{cell['id']} ends with no call"
    assert ast.unparse(last.value.func) == "netlab.check", cell["id"]
    return last.value


def keywords(call: ast.Call) -> dict[str | None, object]:
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}


# --- the two forms -----------------------------------------------------------------------------------------------


@both_forms
def test_the_learners_form_is_the_solved_one_without_solutions(name: str) -> None:
    solved, learners = cells(SOLUTIONS / f"{name}.ipynb"), cells(LEARNERS / f"{name}.ipynb")
    assert [cell["id"] for cell in solved] == [cell["id"] for cell in learners]
    for before, after in zip(solved, learners, strict=True):
        expected = source(before)
        if is_answer(before):
            expected = SOLUTION.sub(STUB, expected)
        if is_test(before):
            expected = HIDDEN.sub("", expected)
        assert source(after).rstrip() == expected.rstrip(), f"{after['id']}: run make notebooks"
        kept = {name: value for name, value in nbgrader(after).items() if name not in ADDED_BY_THE_RELEASE}
        assert kept == nbgrader(before), after["id"]


@both_forms
def test_no_solution_and_no_hidden_seed_is_left(name: str) -> None:
    learners = (LEARNERS / f"{name}.ipynb").read_text(encoding="utf-8")
    for marker in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", 'seed=\\"'):
        assert marker not in learners, marker
    given = {line.strip() for cell in cells(LEARNERS / f"{name}.ipynb") for line in source(cell).splitlines()}
    for cell in filter(is_answer, cells(SOLUTIONS / f"{name}.ipynb")):
        solution = SOLUTION.search(source(cell)).group().splitlines()[1:-1]  # type: ignore[union-attr]
        secret = {line.strip() for line in solution if line.strip()} - {"return", "import math", "}"}
        assert not secret & given, f"{cell['id']}: {secret & given}"


@both_forms
def test_an_unsolved_notebook_gives_no_points_and_friendly_words(name: str) -> None:
    for cell in filter(is_test, cells(LEARNERS / f"{name}.ipynb")):
        if "netlab.check" in source(cell):
            printed, score = cell["outputs"]
            assert "not written yet, 0 of" in "".join(printed["text"]), cell["id"]
            assert "".join(score["data"]["text/plain"]) == "0.0", cell["id"]


@both_forms
def test_a_solved_notebook_gives_all_points(name: str) -> None:
    for cell in filter(is_test, cells(SOLUTIONS / f"{name}.ipynb")):
        score = float("".join(cell["outputs"][-1]["data"]["text/plain"]))
        assert score == nbgrader(cell)["points"], cell["id"]


@both_forms
def test_every_exercise_of_the_checkers_is_asked(name: str) -> None:
    asked = {ast.literal_eval(check_call(cell).args[0]) for cell in cells(SOLUTIONS / f"{name}.ipynb") if is_test(cell)}
    assert asked == set(exercises(name[:2]))


def test_the_teachers_page_has_the_right_points() -> None:
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    told = {prefix: int(points) for prefix, points in re.findall(r"^\| (\d\d) .* \| (\d+) \|$", page, flags=re.M)}
    for name in NAMES:
        points = [nbgrader(cell)["points"] for cell in cells(SOLUTIONS / f"{name}.ipynb") if is_test(cell)]
        assert told[name[:2]] == sum(points), name


def test_the_seed_that_teachers_are_told_to_change_is_the_one_in_the_notebooks() -> None:
    page = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    for name in NAMES:
        for cell in filter(is_test, cells(SOLUTIONS / f"{name}.ipynb")):
            seed = keywords(check_call(cell)).get("seed")
            assert seed is None or f"`{seed}`" in page
