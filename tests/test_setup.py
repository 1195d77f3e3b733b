"""The files that set netlab up say the same thing: pyproject.toml, environment.yml, constraints.txt, Makefile."""

from __future__ import annotations

import ast
import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
BASE: list[str] = PROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()

CONDA_SPELLING = {"matplotlib": "matplotlib-base", "playwright": "playwright-python"}
"""Where conda-forge calls a package otherwise than PyPI does; matplotlib-base is matplotlib without Qt."""
CONDA_ONLY = {f"python{PROJECT['project']['requires-python']}", "pip"}


def name_of(requirement: str) -> str:
    return re.split(r"[<>=!~\[; ]", requirement)[0].lower().replace("_", "-")


def conda_packages() -> list[str]:
    lines = (ROOT / "environment.yml").read_text().splitlines()
    listed = lines[lines.index("dependencies:") + 1 :]
    return [line.strip().removeprefix("- ") for line in listed if line.strip().startswith("- ")]


def test_conda_gets_the_base_and_the_extra_test_in_its_own_spelling() -> None:
    wanted = {
        requirement.replace(name_of(requirement), CONDA_SPELLING.get(name_of(requirement), name_of(requirement)), 1)
        for requirement in [*BASE, *EXTRAS["test"]]
    }
    listed = conda_packages()
    assert len(listed) == len(set(listed))
    assert set(listed) - CONDA_ONLY == wanted
    assert set(listed) >= CONDA_ONLY


def test_conda_installs_netlab_without_touching_what_conda_installed() -> None:
    assert "pip install --no-deps -e ." in (ROOT / "environment.yml").read_text()
    assert "pip install --no-deps -e ." in (ROOT / "README.md").read_text()


def test_every_dependency_of_the_base_and_the_extras_is_pinned() -> None:
    pinned = {name_of(line) for line in CONSTRAINTS.splitlines() if line and not line.startswith("#")}
    wanted = {name_of(requirement) for part in (BASE, *EXTRAS.values()) for requirement in part}
    assert wanted <= pinned, f"not in constraints.txt: {sorted(wanted - pinned)} (run `make constraints`)"


def test_constraints_are_names_and_versions_and_nothing_else() -> None:
    lines = [line for line in CONSTRAINTS.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line)] == []
    assert len({name_of(line) for line in lines}) == len(lines) > 50
    assert "netlab" not in {name_of(line)[:6] for line in lines}


def test_the_pins_satisfy_the_lower_bounds() -> None:
    pins = {name_of(line): line.partition("==")[2] for line in CONSTRAINTS.splitlines() if "==" in line}

    def numbers(version: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", version)]

    for requirement in [*BASE, *(one for part in EXTRAS.values() for one in part)]:
        bound = requirement.partition(">=")[2]
        assert numbers(pins[name_of(requirement)]) >= numbers(bound), requirement


@pytest.mark.parametrize("name", ["pyproject.toml", "environment.yml", "constraints.txt", "Makefile", ".ci/run"])
def test_no_address_of_a_registry_and_no_path_of_one_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|file://|index-url|find-links|/root/|/home/", text)


def test_nothing_is_installed_as_a_command() -> None:
    # `netlab` on the command line belongs to another tool; ours is `python -m netlab`.
    assert not {"scripts", "gui-scripts", "entry-points"} & set(PROJECT["project"])
    assert PROJECT["project"]["name"] == "netlab-workbook"


def test_every_data_file_of_the_package_is_installed_with_it() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    files = [file for file in (ROOT / "netlab").rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    missed = [
        str(file.relative_to(ROOT))
        for file in files
        if file.suffix != ".py" and not any(fnmatch.fnmatch(file.name, pattern) for pattern in patterns)
    ]
    assert missed == []


def test_every_folder_of_the_package_with_code_is_a_package() -> None:
    folders = {file.parent for file in (ROOT / "netlab").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("name", ["tools/environment.py", "tools/lab.py", "netlab/__init__.py"])
def test_an_older_python_can_read_this_far(name: str) -> None:
    ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("target", ["tools/environment.py", "tools/lab.py", "netlab/__init__.py"])
def test_an_older_python_is_refused_in_one_sentence(target: str) -> None:
    # Lie about the version inside a child: no older Python needs to be installed.
    code = (
        "import sys, runpy; sys.version_info = (3, 9, 18, 'final', 0); sys.path.insert(0, 'tools'); "
        f"sys.argv = [{target!r}]; runpy.run_path({target!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert "3.11 or newer" in lines[0] and "3.9" in lines[0]


def test_ci_installs_every_debian_package_that_a_test_may_ask_for() -> None:
    asked = set()
    for file in [*(ROOT / "tests").rglob("*.py")]:
        asked |= set(re.findall(r'\bneed\([^()]*?,\s*"([a-z0-9.+-]+)"\)', file.read_text(encoding="utf-8")))
    script = (ROOT / ".ci" / "run").read_text()
    installed = " ".join(re.findall(r"^(?:PACKAGES|UNLESS_THERE)=\((.*?)\)", script, re.DOTALL | re.MULTILINE))
    assert len(asked) > 3
    assert asked - {"bash", "git"} <= set(installed.split())


def test_the_makefile_helps() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    targets = set(phony[1].split())
    assert {"lab", "test", "bench", "notebooks", "clean", "help"} <= targets
    assert targets == set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
