"""The README tells the truth: its Python runs as printed, its commands work, its links and files exist."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import netlab

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WITH_CODE = [ROOT / "docs" / "measuring.md", ROOT / "docs" / "serving.md"]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VIRTUAL_COMMANDS = re.findall(r"^python -m netlab ((?:ping|traceroute) .*--network [a-z].*?) +#", README, re.MULTILINE)


def test_the_first_five_lines_print_what_the_readme_shows() -> None:
    options = doctest.ELLIPSIS | doctest.REPORT_UDIFF
    examples = doctest.DocTestParser().get_doctest(README, {"netlab": netlab}, "README.md", "README.md", 0)
    assert len(examples.examples) == 5
    assert examples.examples[0].source == 'netlab.use("campus")\n'
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=options).run(examples, out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("command", VIRTUAL_COMMANDS)
def test_a_command_of_the_readme_works(command: str) -> None:
    line = [sys.executable, "-m", "netlab", *shlex.split(command)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_some_commands_of_the_readme_were_found() -> None:
    assert len(VIRTUAL_COMMANDS) >= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_of_netlab_that_a_page_tells_of_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for call in set(re.findall(r"`netlab\.([a-zA-Z_.]+)[(`]", text)) - {"http", "serve"}:
        found = netlab
        for name in call.split("."):
            found = getattr(found, name)
    for name in re.findall(r"`plot\.(\w+)", text):
        assert name in netlab.plot.__all__


def test_the_table_of_notebooks_has_each_with_its_title() -> None:
    rows = dict(re.findall(r"^\| \[[^]]+\]\(notebooks/([^)]+)\) \| (.+) \|$", README, re.MULTILINE))
    titles = {notebook.name: title_of(notebook) for notebook in NOTEBOOKS}
    assert list(rows) == list(titles)
    wrong = [name for name, question in rows.items() if question.lower() not in titles[name].lower()]
    assert wrong == [], titles


def title_of(notebook: Path) -> str:
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"]
    return "".join(first).splitlines()[0].lstrip("# ")


def test_every_world_is_named() -> None:
    worlds = {path.stem for path in (ROOT / "netlab" / "internet" / "worlds").glob("*.toml")}
    named = re.search(r"The worlds: (.*?)\.\n", README, re.DOTALL)
    assert named
    of_notebooks = {name for name in worlds if re.search(r"[0-9]$", name)}
    assert set(re.findall(r"`([a-z]+)`", named[1])) == worlds - of_notebooks


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) - {"an"} <= targets


@pytest.mark.network
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    pieces = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert pieces
    with netlab.use("campus"):  # and afterwards back to what was in use
        for piece in pieces:
            exec(compile(piece, page.name, "exec"), {"__name__": "page"})


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 170 + len(NOTEBOOKS)
