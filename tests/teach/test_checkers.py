"""Every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pytest

import netlab
from netlab.teach.checkers import exercises
from netlab.teach.exercise import sealed

Answer = Callable[..., Any]


# --- the right answers -------------------------------------------------------------------------------------------


def words(data: bytes, order: str = "big", pad: bytes = b"\0") -> list[int]:
    return [int.from_bytes(data[i : i + 2].ljust(2, pad), order) for i in range(0, len(data), 2)]  # type: ignore[arg-type]


def fold(total: int) -> int:
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(data: bytes) -> int:
    return ~fold(sum(words(data))) & 0xFFFF


FIELDS = {
    "version": 4, "header_length": 5, "total_length": 36, "ttl": 64, "protocol": 1, "type": 8, "sequence": 3,
    "checksum": checksum(bytes.fromhex("080000002f1a00036e65746c6162210a")),
}  # fmt: skip


def lossy(seed: int = 1, count: int = 10, world: str = "lossy") -> Any:
    with netlab.use(world, seed=seed):
        return netlab.ping("www", count=count)


def timeouts(frame: Any) -> int:
    return int((frame["outcome"] == "timeout").sum())


@lru_cache(maxsize=8)
def seed_with(lost: int) -> int:
    return next(seed for seed in range(1, 200) if timeouts(lossy(seed)) == lost)


def loss_and_p95(frame: Any) -> tuple[float, float]:
    decided = frame[~frame["outcome"].isin(["pending", "not-sent"])]
    return (decided["outcome"] == "timeout").mean(), frame["rtt_ms"].quantile(0.95)


def loss_only(wrong: Callable[[Any], Any]) -> Answer:
    return lambda frame: (wrong(frame), loss_and_p95(frame)[1])


def p95_only(wrong: Callable[[Any], Any]) -> Answer:
    return lambda frame: (loss_and_p95(frame)[0], wrong(frame))


def share(frame: Any, *outcomes: str) -> float:
    return float(frame["outcome"].isin(outcomes).mean())


def count(frame: Any, *outcomes: str) -> int:
    return int(frame["outcome"].isin(outcomes).sum())


def decided(frame: Any) -> int:
    return len(frame) - count(frame, "pending", "not-sent")


def steps(delays: list[float]) -> list[float]:
    found = [after - before for before, after in pairwise(delays)]
    return [step for step in found if not math.isnan(step)]


def known(delays: list[float]) -> list[float]:
    return [delay for delay in delays if not math.isnan(delay)]


def jitter(rtts_ms: list[float]) -> float:
    return statistics.mean(abs(step) for step in steps(rtts_ms))


RIGHT: dict[str, Answer] = {
    "00.1": lambda: "b",
    "00.2": lambda count, interval: (count - 1) * interval,
    "00.3": lambda: "c",
    "00.4": lambda: " D ",
    "00.5": lambda: lossy(seed_with(1)),
    "01.1": lambda: "c",
    "01.2": lambda: "b",
    "01.3": lambda: "a",
    "01.4": checksum,
    "01.5": lambda: FIELDS,
    "02.1": lambda: "d",
    "02.2": lambda: "b",
    "02.3": lambda: "c",
    "02.4": jitter,
    "02.5": loss_and_p95,
}


# --- the wrong ones, and what must be said of them ---------------------------------------------------------------

WRONG: list[tuple[str, str, Answer]] = [
    ("00.2", "one pause too many", lambda count, interval: count * interval),
    ("00.2", "two pauses too many", lambda count, interval: (count + 1) * interval),
    ("00.2", "Those are milliseconds", lambda count, interval: (count - 1) * interval * 1000),
    ("00.2", "the interval is missing", lambda count, interval: count - 1),
    ("00.2", "multiply, do not divide", lambda count, interval: (count - 1) / interval),
    ("00.2", "how long *you* wait", lambda count, interval: 0),
    ("00.2", "Return a number of seconds", lambda count, interval: "60 s"),
    ("00.2", "these arguments: count, interval", lambda count: count),
    ("00.5", "put return in front", lambda: None),
    ("00.5", "That is a summary", lambda: netlab.summary(lossy())),
    ("00.5", "Return the table that netlab.ping gives", lambda: 7),
    ("00.5", "Return the table that netlab.ping gives", lambda: lossy()[["attempt", "outcome"]]),
    ("00.5", 'Ping in the world "lossy"', lambda: lossy(world="campus")),
    ("00.5", "do not cut one out", lambda: lossy(count=40).query("outcome != 'timeout'").tail(20)),
    ("00.5", "Send at least 10 probes", lambda: lossy(count=9)),
    ("00.5", "No reply is lost", lambda: lossy(seed_with(0))),
    ("00.5", "2 replies are lost", lambda: lossy(seed_with(2))),
    ("00.5", "It was changed after the measurement", lambda: lossy(seed_with(0)).assign(outcome="timeout")),
    ("01.4", "throws the carries away", lambda data: ~sum(words(data)) & 0xFFFF),
    ("01.4", "gives negative numbers", lambda data: 0xFFFF - sum(words(data))),
    ("01.4", "turning all bits over, is missing too", lambda data: sum(words(data))),
    ("01.4", "turning all bits over, is missing too", lambda data: sum(words(data)) & 0xFFFF),
    ("01.4", "the fold itself can overflow", lambda data: ~((s := sum(words(data))) % 65536 + s // 65536) & 0xFFFF),
    ("01.4", "That is the sum.", lambda data: fold(sum(words(data)))),
    ("01.4", "Keep 16 bits", lambda data: ~fold(sum(words(data)))),
    ("01.4", "minus the sum", lambda data: -fold(sum(words(data))) & 0xFFFF),
    ("01.4", "wrong byte order", lambda data: ~fold(sum(words(data, "little"))) & 0xFFFF),
    (
        "01.4",
        "padded wrongly: a last single byte",
        lambda data: ~fold(sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))) & 0xFFFF,
    ),
    ("01.4", "the last one is left out", lambda data: ~fold(sum(words(data[: len(data) & ~1]))) & 0xFFFF),
    ("01.4", "In front, it shifts every word", lambda data: ~fold(sum(words(b"\0" * (len(data) % 2) + data))) & 0xFFFF),
    ("01.4", "You add single bytes", lambda data: ~fold(sum(data)) & 0xFFFF),
    ("01.4", "The checksum is a number", lambda data: hex(checksum(data))),
    ("01.4", "Is there a return at its end?", lambda data: None),
    ("01.4", "none of the mistakes known here", lambda data: 0x1234),
    ("01.5", "the version is its left half", lambda: FIELDS | {"version": 0x45}),
    ("01.5", "these are IPv4 addresses", lambda: FIELDS | {"version": 6}),
    ("01.5", "counts words of 4 bytes, not bytes", lambda: FIELDS | {"header_length": 20}),
    ("01.5", "the IP header belongs to the total length", lambda: FIELDS | {"total_length": 16}),
    ("01.5", "the payload of the echo alone", lambda: FIELDS | {"total_length": 8}),
    ("01.5", "but the text says 64", lambda: FIELDS | {"ttl": 255}),
    ("01.5", "17 is UDP", lambda: FIELDS | {"protocol": 17}),
    ("01.5", "58 is ICMPv6", lambda: FIELDS | {"protocol": 58}),
    ("01.5", "0 is the reply", lambda: FIELDS | {"type": 0}),
    ("01.5", "the high byte comes first", lambda: FIELDS | {"sequence": 0x300}),
    ("01.5", "that is the identifier", lambda: FIELDS | {"sequence": 0x2F1A}),
    ("01.5", "does not cover the IP header", lambda: FIELDS | {"checksum": over_everything()}),
    ("01.5", "that is the sum; its complement", lambda: FIELDS | {"checksum": 0xFFFF - FIELDS["checksum"]}),
    ("01.5", "still missing", lambda: {name: FIELDS[name] for name in list(FIELDS)[:5]}),
    ("01.5", "without quotes", lambda: FIELDS | {"ttl": "64"}),
    ("01.5", "no such field: 'tll'", lambda: {**FIELDS, "tll": 1, "ttl": None}),
    ("01.5", "Return the dictionary", lambda: list(FIELDS.values())),
    ("02.4", "standard deviation", lambda rtts_ms: statistics.pstdev(known(rtts_ms))),
    ("02.4", "standard deviation", lambda rtts_ms: statistics.stdev(known(rtts_ms))),
    ("02.4", "You step across a lost probe", lambda rtts_ms: jitter(known(rtts_ms))),
    ("02.4", "with their signs", lambda rtts_ms: statistics.mean(steps(rtts_ms))),
    ("02.4", "That is the range", lambda rtts_ms: max(known(rtts_ms)) - min(known(rtts_ms))),
    ("02.4", "That is the sum of the steps", lambda rtts_ms: sum(map(abs, steps(rtts_ms)))),
    ("02.4", "too many steps", lambda rtts_ms: sum(map(abs, steps(rtts_ms))) / (len(rtts_ms) - 1)),
    ("02.4", "the largest step", lambda rtts_ms: max(map(abs, steps(rtts_ms)))),
    ("02.4", "nan in a sum makes all of it nan", lambda rtts_ms: sum(rtts_ms)),
    ("02.4", "Return a number of milliseconds", lambda rtts_ms: "5 ms"),
    ("02.5", "in percent", loss_only(lambda f: 100 * loss_and_p95(f)[0])),
    ("02.5", "how many probes are lost", loss_only(lambda f: count(f, "timeout"))),
    ("02.5", "You count late replies as lost", loss_only(lambda f: count(f, "timeout", "late") / decided(f))),
    ("02.5", "everything that is not a reply in time", loss_only(lambda f: 1 - share(f, "reply"))),
    ("02.5", "every row without a round-trip time", loss_only(lambda f: f["rtt_ms"].isna().mean())),
    ("02.5", "You count pending probes as lost", loss_only(lambda f: count(f, "timeout", "pending") / decided(f))),
    ("02.5", "You divide by all rows", loss_only(lambda f: share(f, "timeout"))),
    ("02.5", "leave the late replies out", loss_only(lambda f: count(f, "timeout") / (decided(f) - count(f, "late")))),
    ("02.5", "divide the lost by the answered", loss_only(lambda f: count(f, "timeout") / count(f, "reply", "late"))),
    (
        "02.5",
        "You count duplicates as received",
        loss_only(lambda f: 1 - (f["rtt_ms"].notna().sum() + f["duplicates"].sum()) / decided(f)),
    ),
    ("02.5", "the share that was answered", loss_only(lambda f: 1 - loss_and_p95(f)[0])),
    (
        "02.5",
        "You leave the late replies out",
        p95_only(lambda f: f.query("outcome == 'reply'")["rtt_ms"].quantile(0.95)),
    ),
    ("02.5", "a lost probe as 0 ms", p95_only(lambda f: f["rtt_ms"].fillna(0).quantile(0.95))),
    ("02.5", "come at the timeout", p95_only(lambda f: f["rtt_ms"].fillna(f["waited_ms"].max()).quantile(0.95))),
    ("02.5", "the largest round-trip time", p95_only(lambda f: f["rtt_ms"].max())),
    ("02.5", "p95: That is the mean", p95_only(lambda f: f["rtt_ms"].mean())),
    ("02.5", "the median (p50)", p95_only(lambda f: f["rtt_ms"].median())),
    ("02.5", "That is the p5", p95_only(lambda f: f["rtt_ms"].quantile(0.05))),
    ("02.5", "in seconds", p95_only(lambda f: f["rtt_ms"].quantile(0.95) / 1000)),
    ("02.5", "no percentile", p95_only(lambda f: 0.95 * f["rtt_ms"].max())),
    ("02.5", "Sort it first", p95_only(lambda f: (d := f["rtt_ms"].dropna().tolist())[int(0.95 * len(d))])),
    ("02.5", "Return two numbers", lambda f: loss_and_p95(f)[0]),
    ("02.5", "You count late replies as lost", lambda f: (1 - share(f, "reply") - share(f, "pending"), math.nan)),
]


def over_everything() -> int:
    header = bytes.fromhex("4500002400000000 40010000 c000020a cb007150")
    return checksum(header + bytes.fromhex("080000002f1a00036e65746c6162210a"))


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == {id for notebook in ("00", "01", "02") for id in exercises(notebook)}


@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not exercises(id[:2])[id].takes:
        RIGHT[id]()  # searching for the answer is not the check's work
    began = time.process_time()
    assert netlab.check(id, RIGHT[id], points=4) == 4.0
    assert time.process_time() - began < 1
    out = capsys.readouterr().out
    assert "right, 4 of 4 points" in out
    assert ("Visible checks passed; grading uses other networks." in out) == exercises(id[:2])[id].unseen


@pytest.mark.parametrize("seed", ["spring", "autumn", "x"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_is_right_with_unseen_seeds(id: str, seed: str) -> None:
    assert netlab.check(id, RIGHT[id], points=2, seed=seed) == 2.0


@pytest.mark.parametrize("seed", [None, "spring"])
@pytest.mark.parametrize(("id", "message", "answer"), WRONG, ids=[f"{id} {message}" for id, message, _ in WRONG])
def test_a_known_wrong_answer_is_named(
    id: str, message: str, answer: Answer, seed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.process_time()
    score = netlab.check(id, answer, points=4, seed=seed)
    assert time.process_time() - began < 1
    out, err = capsys.readouterr()
    assert type(score) is float and 0 <= score < 4
    assert message in " ".join(out.split()), out
    assert err == "" and "could not handle" not in out


@pytest.mark.parametrize("id", [id for id in RIGHT if not exercises(id[:2])[id].takes and id not in ("00.5", "01.5")])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for letter in "abcd":
        score = netlab.check(id, letter, points=1)
        said[letter] = capsys.readouterr().out
        assert score == (1.0 if letter == RIGHT[id]().strip().lower() else 0.0)
    assert len({text.splitlines()[1] for text in said.values()}) == 4
    assert netlab.check(id, "e") == 0.0
    assert "Return one of the letters a, b, c, d" in capsys.readouterr().out


def test_choices_differ_in_their_seal() -> None:
    assert sealed("00.1", "b") != sealed("00.2", "b") and len(sealed("00.1", "b")) == 12


def test_the_evidence_is_a_row_or_a_packet(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("02.5", loss_only(lambda f: count(f, "timeout", "late") / decided(f)))
    assert "outcome late, rtt_ms" in capsys.readouterr().out
    netlab.check("01.4", lambda data: 0)
    assert "For the bytes" in capsys.readouterr().out
    netlab.check("00.5", lambda: lossy(seed_with(2)))
    assert "The lost ones are the probes" in capsys.readouterr().out


def test_one_half_of_a_pair_gets_half_of_the_points() -> None:
    assert netlab.check("02.5", loss_only(lambda f: 0.5), points=4) == 2.0
    assert netlab.check("02.5", p95_only(lambda f: 0.5), points=4) == 2.0


def test_a_check_leaves_the_network_in_use_as_it_was() -> None:
    with netlab.use("campus") as network:
        netlab.check("02.5", loss_and_p95)
        assert netlab.api.current() is network
