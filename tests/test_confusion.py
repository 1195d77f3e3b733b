"""How often verdicts are right: measured over 2,000 generated worlds, held against the limits and the document."""

import os
import subprocess
import sys

import pytest

from tools import confusion
from tools.confusion import CANNOT_TELL, NO_LOSS, PATH_LOSS, PRECISION, RECALL, SLOW, TRUTHS, Tally


@pytest.mark.rates
@pytest.mark.slow
def test_verdicts_are_as_often_right_as_required_and_as_the_document_says():
    """All worlds, in as many processes as there are CPUs; in a process of its own, which may start others."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.confusion", "--check", "--workers", str(os.cpu_count() or 1)],
        cwd=confusion.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_worlds_that_are_judged_are_enough_and_not_those_of_the_tuning():
    assert len(confusion.SEEDS) >= 2000
    assert confusion.PROBES >= 100
    assert not set(confusion.SEEDS) & set(confusion.TUNING)
    assert (PRECISION, RECALL) == (0.95, 0.70)


def test_processes_make_no_difference():
    seeds = range(600_000, 600_004)
    assert confusion.measure(seeds, 1) == confusion.measure(seeds, 2)


def test_at_least_a_hundred_probes_go_to_each_hop():
    from netlab.api_verdict import investigation
    from netlab.internet.generate import generate
    from netlab.network.virtual import VirtualNetwork

    world, truth = generate(600_000)
    rows = list(investigation("server", confusion.PROBES, VirtualNetwork(world, 1), protocol=truth.protocol))
    sent = [sum(row["ttl"] == ttl for row in rows) for ttl in range(1, truth.end + 1)]
    assert min(sent) >= 100


def perfect():
    tally = Tally(worlds=1)
    for name in TRUTHS:
        tally.cells[name, True, name] = tally.right[name] = 100
    return tally


def test_a_class_below_a_limit_is_named():
    assert confusion.below_limits(perfect()) == []
    tally = perfect()
    tally.cells[NO_LOSS, True, PATH_LOSS] += 6
    assert confusion.below_limits(tally) == ["path loss: precision 0.9434 is below 0.95"]
    tally = perfect()
    tally.cells[SLOW, True, CANNOT_TELL] += 50
    assert confusion.below_limits(tally) == ["slow control plane: recall 100 of 150 is below 0.7"]
    assert len(confusion.below_limits(Tally())) == 10, "nothing measured is nothing proved"


def test_the_tables_go_between_the_markers(tmp_path, monkeypatch):
    document = tmp_path / "verdicts.md"
    document.write_text(f"before\n\n{confusion.BEGIN}\nold\n{confusion.END}\n\nafter\n", "utf-8")
    monkeypatch.setattr(confusion, "DOCUMENT", document)
    text = confusion.report(perfect(), range(1, 2))
    confusion.write(text)
    assert confusion.documented() == text
    written = document.read_text("utf-8")
    assert written.startswith("before\n") and written.endswith("after\n") and "old" not in written
