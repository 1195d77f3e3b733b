"""The whole way with nbgrader: release, three hand-ins, grades. One submission is untouched, one wrong, one solved.

Needs the extra ``teach``. Everything happens in a temporary folder: no exchange directory, a gradebook of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.book import LEARNERS, NAMES, SOLUTIONS, cells, environment, is_answer, is_test, nbgrader, source
from tests.notebooks.grader import Grader
from tests.support.tools import need_module
from tools import notebooks

WRONG = {
    "same-seed": 'return "d"',
    "clock": "return count * interval",
    "address": 'return "b"',
    "other-seed": 'return "a"',
    "one-lost": 'return netlab.ping("www", count=10)',
    "port": 'return "a"',
    "who": 'return "d"',
    "six-covers": 'return "b"',
    "checksum": "padded = data + bytes(len(data) % 2); return ~sum(padded[1::2], sum(padded[::2]) << 8) & 0xFFFF",
    "header": 'return {"version": 4, "header_length": 20}',
    "typical": 'return "b"',
    "one-of-ten": 'return "a"',
    "patience": 'return "a"',
    "jitter": "return max(rtts_ms) / 0",
    "summary": 'return (frame["outcome"] != "reply").mean(), frame["rtt_ms"].quantile(0.95)',
    "rate": 'return "a"',
    "download": 'return "a"',
    "buffer": 'return "b"',
    "flight": "return rate_mbps * 1e6 * rtt_ms / 1000",
    "bottleneck": """
    more_bits = 8 * (large["packet_size"].iloc[0] - small["packet_size"].iloc[0])
    return 2 * more_bits / ((large["rtt_ms"].mean() - small["rtt_ms"].mean()) / 1000)""",
    "silence": 'return "a"',
    "author": 'return "a"',
    "hole": 'return "b"',
    "tree": 'return {"A": "closed port", "B": "prohibited"}',
    "diagnose": """
    if (df["outcome"] == "timeout").all():
        return "silence"
    return "closed port" if (df["detail"] == "port unreachable").any() else "no route"
""",
    "reports": 'return "a"',
    "line-shows": 'return "b"',
    "udp-end": 'return "c"',
    "match": "return min(requests)",
    "plan": """
    for ttl in range(1, 31):
        yield ttl
        if any(row["responder"] == row["address"] for row in rows):
            return""",
    "slow": 'return "a"',
    "missing": 'return "b"',
    "back": 'return "a"',
    "carried": "return [min(losses[hop : hop + 2]) for hop in range(len(losses))]",
    "evidence": 'return {trace: ("congestion", 3) for trace in range(1, 11)}',
    "another": 'return "c"',
    "twice": 'return "a"',
    "packet": 'return "c"',
    "flow": "return first[9:10] + first[12:24] == second[9:10] + second[12:24]",
    "rule": "return 4 * found",
    "piece": 'return "a"',
    "alive": 'return "a"',
    "nagle": 'return "b"',
    "close": 'return "c"',
    "exact": "return recv(count)",
    "until": """
    data = have
    while not data.endswith(end):
        data += recv(4096)
    return data[: -len(end)], b\"\"""",
    "empty": 'return "a"',
    "length": 'return "c"',
    "parse": """
    first, *lines = head.splitlines()
    fields = [tuple(part.strip() for part in line.split(b":", 1)) for line in lines]
    return netlab.teach.request(*first.split(), fields)""",
    "frame": """
    for name, value in fields:
        if name == b"Content-Length":
            return int(value)
    return 0""",
    "map": """
    names = urllib.parse.unquote(target.partition(b"?")[0]).split("/")
    return netlab.teach.path([name for name in names if name not in ("", ".", "..")], target)""",
    "saves": 'return "a"',
    "loses": 'return "d"',
    "faster": 'return "a"',
    "enough": 'return "c"',
    "count": 'return max(1, min(html.count("<img"), most)) if keep_alive else 1 + html.count("<img")',
    "time": "return (2 + objects) * rtt_ms + (1 + objects) * service_ms",
    "headroom": 'return "a"',
    "feel": 'return "c"',
    "reader": 'return "c"',
    "little": "return rate * quick_ms / 1000",
    "limits": 'return {"connections": 100_000, "write_time": reading_ms / 1000}',
    "origin-sees": 'return "a"',
    "inside": 'return "d"',
    "first-recv": 'return "b"',
    "hop-fields": "return [(name, value) for name, value in fields if name.lower() not in OF_ONE_HOP]",
    "relay": """
    data = yield from source.receive()
    yield from sink.send(data)""",
    "nocache": 'return "a"',
    "tag": 'return "a"',
    "reload-proves": 'return "a"',
    "reuse": """
    if "no-cache" in given:
        return "miss"
    return "hit" if age < lifetime else "validate" if can_ask else 'miss'""",
    "cause": 'return "detour", ["E1", "E4"]',
}
"""A known wrong body for every answer, by its grade id."""
SAID = {
    "clock-check": "one pause too many",
    "one-lost-check": 'Ping in the world "lossy"',
    "checksum-check": "throws the carries away",
    "checksum-unseen": "throws the carries away",
    "header-check": "counts words of 4 bytes, not bytes",
    "jitter-check": "ZeroDivisionError",
    "summary-check": "everything that is not a reply in time",
    "flight-check": "Those are bits",
    "bottleneck-check": "the mean in the place of the fastest answer",
    "bottleneck-unseen": "the mean in the place of the fastest answer",
    "tree-check": "B is not right yet",
    "diagnose-check": "causes are told from all others",
    "match-check": "You take the oldest request for every answer",
    "match-unseen": "You take the oldest request for every answer",
    "plan-check": "when the destination's own address answers",
    "plan-unseen": "when the destination's own address answers",
    "carried-check": "You look at the next hop only",
    "carried-unseen": "You look at the next hop only",
    "evidence-check": "is no case of congestion",
    "flow-check": "You look for the ports at byte 20",
    "flow-unseen": "You look for the ports at byte 20",
    "rule-check": "Too early: not yet 95 %",
    "rule-unseen": "Too early: not yet 95 %",
    "exact-check": "You call recv once",
    "exact-unseen": "You call recv once",
    "until-check": "For example",
    "parse-check": "For example",
    "frame-check": "For example",
    "map-check": "For example",
    "count-check": "counts are right",
    "time-check": "pages are within 2 %",
    "little-check": "You leave out the slow readers",
    "little-unseen": "You leave out the slow readers",
    "limits-check": "Nobody is refused, so everybody waits",
    "limits-unseen": "Nobody is refused, so everybody waits",
    "hop-fields-check": "For example",
    "hop-fields-unseen": "For example",
    "relay-check": "You call receive once",
    "relay-unseen": "You call receive once",
    "reuse-check": "For example",
    "reuse-unseen": "For example",
    "cause-check": "It is not detour",
}
"""What some of the checks must say of them."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    need_module("nbgrader", "teach")
    with Grader() as grader:
        yield grader


def nbgrader_does(grader: Grader, course: Path, *words: str) -> None:
    environ = environment(
        HOME=str(course), JUPYTER_CONFIG_DIR=str(course / "config"), JUPYTER_DATA_DIR=str(course / "data")
    )
    status, said = grader.run([*words, f"--CourseDirectory.root={course}"], course, environ)
    assert status == 0, said[-4000:]


@pytest.fixture(scope="module", params=NAMES)
def graded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, grader: Grader
) -> tuple[str, Path]:
    """Release a notebook, hand in three versions of it, and grade them."""
    name, course = request.param, tmp_path_factory.mktemp("course")
    (course / "source" / name).mkdir(parents=True)
    shutil.copy(SOLUTIONS / f"{name}.ipynb", course / "source" / name)
    for folder in ("data", "recorded"):
        shutil.copytree(LEARNERS / folder, course / "source" / name / folder)
    nbgrader_does(grader, course, "generate_assignment", name, "--create")
    for student, answer in (("untouched", untouched), ("wrong", wrong), ("solved", solved(name))):
        folder = course / "submitted" / student / name
        shutil.copytree(course / "release" / name, folder)
        hand_in(folder / f"{name}.ipynb", answer)
    nbgrader_does(grader, course, "autograde", name)
    return name, course


def untouched(grade_id: str, stub: str) -> str:
    return stub


def wrong(grade_id: str, stub: str) -> str:
    head, _, _ = stub.partition("    # YOUR CODE HERE")
    return f"{head}    {WRONG[grade_id]}"


def solved(name: str) -> Any:
    solutions = {
        nbgrader(cell)["grade_id"]: source(cell) for cell in cells(SOLUTIONS / f"{name}.ipynb") if is_answer(cell)
    }
    return lambda grade_id, stub: solutions[grade_id]


def hand_in(path: Path, answer: Any) -> None:
    notebook: Any = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if is_answer(cell):
            cell.source = answer(cell.metadata.nbgrader.grade_id, cell.source)
    nbformat.write(notebook, path)


def scores(course: Path, student: str, name: str) -> tuple[dict[str, float], dict[str, float]]:
    """The points reached and the points possible, by grade id."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        grades = gradebook.find_submission_notebook(name, name, student).grades
        return {grade.name: grade.score for grade in grades}, {grade.name: grade.max_score for grade in grades}


def printed(course: Path, student: str, name: str) -> dict[str, str]:
    """What the checks said in the graded notebook, by grade id."""
    found = {}
    for cell in cells(course / "autograded" / student / name / f"{name}.ipynb", "code"):
        if is_test(cell):
            assert [output["output_type"] for output in cell["outputs"]][-1] == "execute_result", cell["id"]
            assert all(output.get("name") != "stderr" for output in cell["outputs"]), cell["id"]
            found[nbgrader(cell)["grade_id"]] = "".join("".join(output.get("text", "")) for output in cell["outputs"])
    return found


def test_the_release_is_the_learners_form(graded: tuple[str, Path]) -> None:
    name, course = graded
    release, ours = cells(course / "release" / name / f"{name}.ipynb"), cells(LEARNERS / f"{name}.ipynb")
    assert [(cell["id"], source(cell), cell["metadata"]) for cell in release] == [
        (cell["id"], source(cell), cell["metadata"]) for cell in ours
    ]


def test_our_own_release_is_that_of_nbgrader(graded: tuple[str, Path]) -> None:
    name, course = graded
    made = notebooks.release(nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4))
    release = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    assert [(cell.source, cell.metadata) for cell in made.cells] == [
        (cell.source, cell.metadata) for cell in release.cells
    ]


def test_no_line_of_a_solution_is_in_the_release(graded: tuple[str, Path]) -> None:
    name, course = graded
    release = (course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    assert "SOLUTION" not in release and "HIDDEN" not in release and 'seed=\\"' not in release


def test_untouched_gets_nothing_and_friendly_words(graded: tuple[str, Path]) -> None:
    name, course = graded
    reached, possible = scores(course, "untouched", name)
    assert set(reached.values()) == {0.0} and min(possible.values()) > 0
    for id, said in printed(course, "untouched", name).items():
        assert "not written yet" in said and "Traceback" not in said and "netlab/" not in said, id


def test_known_wrong_answers_get_their_message_and_not_all_points(graded: tuple[str, Path]) -> None:
    name, course = graded
    reached, possible = scores(course, "wrong", name)
    for id, score in reached.items():
        assert 0 <= score < possible[id], id
    for id, said in printed(course, "wrong", name).items():
        assert SAID.get(id, "") in " ".join(said.split()), said
        assert "Traceback" not in said and "netlab/" not in said, id


def test_solved_gets_all_points(graded: tuple[str, Path]) -> None:
    name, course = graded
    reached, possible = scores(course, "solved", name)
    assert reached == possible and len(reached) >= 5
    unseen = [said for id, said in printed(course, "solved", name).items() if id.endswith("-unseen")]
    assert all("unseen" in said for said in unseen)
    assert bool(unseen) == (name != "00-welcome")
