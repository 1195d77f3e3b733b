"""Measure how often verdicts are right, in generated worlds whose truth is known, and write it into docs/verdicts.md.

    python -m tools.confusion            measure, and write the tables into the document
    python -m tools.confusion --check    measure, and only say whether the document and the limits hold
    python -m tools.confusion --seeds 100000:100400 --wrong
                                         other worlds (for tuning), with every wrong verdict

Each world is investigated as ``netlab.investigate`` does it, with 100 probes per hop at three spacings, on a virtual
clock, and each verdict is held against the truth (``netlab/internet/truth.py``). Same seeds, same tables: everything
is deterministic, so the document must match to the digit.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from netlab.api_verdict import investigation
from netlab.internet.generate import generate
from netlab.internet.names import Names
from netlab.internet.truth import HopTruth, Truth
from netlab.network.virtual import VirtualNetwork
from netlab.probe.verdict import judge
from netlab.probe.verdict_words import ANSWERS_ONLY, CANNOT_TELL, CLASSES, NO_LOSS, PATH_LOSS, RATE_LIMIT, SLOW

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "verdicts.md"
BEGIN, END = "<!-- measured by python -m tools.confusion: do not edit -->", "<!-- end of what was measured -->"

SEEDS = range(1, 2001)
"""The worlds that are judged."""
TUNING = range(100_000, 101_500)
"""The worlds on which the constants of the judge were chosen; never the same as `SEEDS`."""
PROBES = 100

PRECISION, RECALL = 0.95, 0.70
"""The limits: of each class, over all hops; and over the identifiable ones."""

TRUTHS = (NO_LOSS, PATH_LOSS, RATE_LIMIT, ANSWERS_ONLY, SLOW)
TWO, NOTHING_THERE = "two causes", "beyond the path"
CHUNK = 20
"""Worlds that a worker takes at once."""


@dataclass(slots=True)
class Tally:
    """What was counted over any number of worlds."""

    worlds: int = 0
    probes: int = 0
    cells: Counter[tuple[str, bool, str]] = field(default_factory=Counter)
    """(truth, whether identifiable, verdict) → hops."""
    right: Counter[str] = field(default_factory=Counter)
    """Verdict → hops where it names a cause."""
    directions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(true direction, named direction) of right path losses → hops."""
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.worlds += other.worlds
        self.probes += other.probes
        self.cells += other.cells
        self.right += other.right
        self.directions += other.directions
        self.wrong += other.wrong

    def said(self, verdict: str) -> int:
        return sum(number for (_, _, said), number in self.cells.items() if said == verdict)

    def precision(self, verdict: str) -> float:
        said = self.said(verdict)
        return self.right[verdict] / said if said else float("nan")

    def recall(self, truth: str) -> tuple[int, int]:
        """(found, there) of the identifiable hops."""
        there = sum(number for (what, clear, _), number in self.cells.items() if what == truth and clear)
        return self.cells[truth, True, truth], there


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument(
        "--seeds", type=_seeds, default=SEEDS, metavar="FIRST:END", help="other worlds; nothing is written"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per CPU)")
    parser.add_argument("--wrong", action="store_true", help="list the wrong verdicts")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    tally = measure(options.seeds, options.workers)
    text = report(tally, options.seeds)
    print(text)
    if options.wrong:
        print("\n".join(tally.wrong))
    print(f"{time.monotonic() - start:.0f} s with {options.workers} processes", file=sys.stderr)
    failures = below_limits(tally)
    if options.seeds == SEEDS and documented() != text:
        if options.check:
            failures.append(f"{DOCUMENT.name} does not say what was measured: run python -m tools.confusion")
        else:
            write(text)
    print(*failures, sep="\n", end="\n" if failures else "", file=sys.stderr)
    return 1 if failures else 0


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


# -- measuring ---------------------------------------------------------------------------------------------------


def measure(seeds: Sequence[int], workers: int = 1) -> Tally:
    """Investigate the worlds of these seeds, in so many processes."""
    total = Tally()
    if workers == 1:
        for seed in seeds:
            total.add(one_world(seed))
        return total
    with ProcessPoolExecutor(workers, initializer=_collect_garbage_rarely) as pool:
        for tally in pool.map(one_world, seeds, chunksize=CHUNK):
            total.add(tally)
    return total


def _collect_garbage_rarely() -> None:
    """Looking for garbage every 700 objects costs about a tenth of the time; a world is freed when it has ended."""
    gc.freeze()
    gc.set_threshold(100_000)


def one_world(seed: int) -> Tally:
    """Investigate one world, and hold each verdict against the truth."""
    world, truth = generate(seed)
    network = VirtualNetwork(world, seed)
    rows = list(investigation(truth.destination, PROBES, network, protocol=truth.protocol))
    tally = Tally(worlds=1, probes=len(rows))
    node_of = partial(_node_name, Names(world))
    for verdict in judge(rows):
        ttl, said = verdict["ttl"], verdict["verdict"]
        what = truth.hop(ttl, node_of(verdict["responder"])) if ttl <= truth.end else HopTruth(frozenset(), False)
        if said in what.causes:
            tally.right[said] += 1
        elif said != CANNOT_TELL or what.identifiable:
            tally.wrong.append(_wrong(seed, verdict, what, truth))
        tally.cells[_name(what), what.identifiable, said] += 1
        if said == PATH_LOSS and PATH_LOSS in what.causes:
            tally.directions[truth.direction(ttl), verdict["direction"]] += 1
    return tally


def _node_name(names: Names, address: str) -> str:
    node = names.node_of(address) if address else None
    return node.name if node else ""


def _name(what: HopTruth) -> str:
    if len(what.causes) == 1:
        return next(iter(what.causes))
    return TWO if what.causes else NOTHING_THERE


def _wrong(seed: int, verdict: dict[str, object], what: HopTruth, truth: Truth) -> str:
    causes = " + ".join(sorted(what.causes)) or NOTHING_THERE
    faults = {name: {**fault.keys} for name, fault in truth.faults.items()}
    return (
        f"{seed} hop {verdict['ttl']} of {truth.end}: said {verdict['verdict']}, is {causes}"
        f"{'' if what.identifiable else ' (not identifiable)'}; {verdict['evidence']}; p {verdict['p_value']:.2g}; "
        f"{faults} {[tuple(loss) for loss in truth.losses]}"
    )


def below_limits(tally: Tally) -> list[str]:
    """Sentences about the limits that do not hold."""
    failures = []
    for name in TRUTHS:
        found, there = tally.recall(name)
        if not tally.precision(name) >= PRECISION:
            failures.append(f"{name}: precision {tally.precision(name):.4f} is below {PRECISION}")
        if not (there and found / there >= RECALL):
            failures.append(f"{name}: recall {found} of {there} is below {RECALL}")
    return failures


# -- the document ------------------------------------------------------------------------------------------------


def report(tally: Tally, seeds: Sequence[int]) -> str:
    """The tables, in Markdown."""
    hops = sum(tally.cells.values())
    lines = [
        f"Worlds {seeds[0]} to {seeds[-1]}: {tally.worlds} worlds, {hops} hops, {tally.probes} probes.",
        "",
        "| class | verdicts | right | precision | identifiable hops | found | recall |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in TRUTHS:
        found, there = tally.recall(name)
        lines.append(
            f"| {name} | {tally.said(name)} | {tally.right[name]} | {tally.precision(name):.3f} "
            f"| {there} | {found} | {found / there if there else float('nan'):.3f} |"
        )
    lines += ["", "What was said (columns) about what was true (rows):", "", *_matrix(tally), ""]
    lines += ["Directions named among the right verdicts of path loss:", "", *_directions(tally)]
    return "\n".join(lines)


def _matrix(tally: Tally) -> Iterator[str]:
    columns = [*TRUTHS, CANNOT_TELL]
    yield "| truth | | " + " | ".join(columns) + " |"
    yield "| --- | --- |" + " ---: |" * len(columns)
    for truth in (*TRUTHS, TWO, NOTHING_THERE):
        for clear in (True, False):
            numbers = [tally.cells[truth, clear, verdict] for verdict in columns]
            if any(numbers):
                yield f"| {truth} | {'identifiable' if clear else 'not'} | " + " | ".join(map(str, numbers)) + " |"


def _directions(tally: Tally) -> Iterator[str]:
    columns = ("forward", "backward", "")
    yield "| truth | forward | backward | not named |"
    yield "| --- | ---: | ---: | ---: |"
    for truth in ("forward", "backward", "both"):
        yield f"| {truth} | " + " | ".join(str(tally.directions[truth, named]) for named in columns) + " |"


def documented() -> str:
    """What the document says now, between its markers."""
    text = DOCUMENT.read_text("utf-8")
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def write(text: str) -> None:
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


assert set(TRUTHS) | {CANNOT_TELL} == set(CLASSES)

if __name__ == "__main__":
    sys.exit(main())
