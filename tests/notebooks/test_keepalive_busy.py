"""Numbers that the text of notebooks 10 and 11 tells must be those that their cells show."""

from __future__ import annotations

import re

import pytest

from tests.notebooks.book import SOLUTIONS, cells, outputs, source

KEEP, BUSY = SOLUTIONS / "10-keepalive.ipynb", SOLUTIONS / "11-busy.ipynb"


def shown(id: str, kind: str = "text/plain") -> str:
    path = KEEP if id.startswith("10") else BUSY
    return next(text for cell, found, text in outputs(path) if cell == id and found == kind)


def told(id: str) -> str:
    path = KEEP if id.startswith("10") else BUSY
    return " ".join(next(source(cell) for cell in cells(path) if cell["id"] == id).split())


def row(id: str, start: str) -> list[float]:
    """The numbers of a row of a printed table."""
    line, *_ = re.findall(rf"^\d* +{start} +(.*)$", shown(id), flags=re.M)
    return [float(number) for number in line.split()]


def points(id: str, label: str) -> dict[float, float]:
    """A short series of a figure's fingerprint."""
    (line,) = re.findall(rf"^  {label}: \d+ points (.*)$", shown(id), flags=re.M)
    return {float(x): float(y) for x, y in re.findall(r"\(([\d.]+), ([\d.]+)\)", line)}


# --- 10 ----------------------------------------------------------------------------------------------------------


def test_a_kept_connection_saves_six_round_trips() -> None:
    for host in ("near", "mirror", "www"):
        ping, kept, new, saved = row("10-run-call", host)
        assert saved == pytest.approx(6 * ping, rel=0.1) and new - kept == pytest.approx(saved, abs=0.11)
    assert "six times the round trip" in told("10-saves-text") and "takes 81 ms" in told("10-predict-text")


def test_the_lines_cross_and_six_kept_ones_are_best() -> None:
    assert re.search(r"At about \d+ ms kept, 1 connection overtakes new each time, 2 at once\.", shown("10-crossing"))
    one, two, six = (
        points("10-crossing", way) for way in ("kept, 1 connection", "new each time, 2 at once", "kept, 6 connections")
    )
    assert one[12] > two[12] and one[150] < two[150]
    assert all(six[rtt] < min(one[rtt], two[rtt]) for rtt in six)


def test_the_stairs_are_round_trips_at_the_sizes_that_the_text_tells() -> None:
    first, again = (points("10-steps", line) for line in ("on a new connection", "once more on the same"))
    trips = {kilobytes: round(ms / 80.7) for kilobytes, ms in first.items()}
    assert trips == {
        **dict.fromkeys((5, 10, 14), 2),
        **dict.fromkeys((15, 25, 42), 3),
        **dict.fromkeys((45, 60, 80, 100), 4),
        **dict.fromkeys((105, 140), 5),
    }
    text = told("10-steps-text")
    assert "Up to 14 kB it takes two round trips" in text and "With 15 kB it is one round trip more" in text
    assert "with 45 kB another one, and with 105 kB one more" in text
    for segments in (10, 30, 70):  # a flight after the other: 10, 20, 40
        last = max(kilobytes for kilobytes in first if 1000 * kilobytes + 300 <= segments * 1460)
        assert trips[last] + 1 == trips[min(kilobytes for kilobytes in first if kilobytes > last)]
        assert f"{segments * 1460:,}" in text
    assert f"The 80 kB take {first[80]:.0f} ms" in text
    assert all(round(ms / 80.7) == 1 for ms in again.values()) and "The dashed line is nearly flat" in text


def test_twelve_connections_flood_the_slow_line() -> None:
    table = {int(count): row("10-more", count) for count in ("1", "2", "6", "12")}
    small, large, lost = zip(*table.values())
    assert list(small) == sorted(small, reverse=True) and small[2] - small[3] < 0.25 * (small[0] - small[1])
    assert large[3] > large[0] and list(lost) == sorted(lost) and lost[0] == 0


def test_the_learners_function_is_exact() -> None:
    assert "The prediction is at most 0 % off" in shown("10-tool")


def test_curl_says_what_the_text_tells() -> None:
    printed = shown("10-compare-recorded", "stdout")
    seconds = [float(text) for text in re.findall(r"all: ([\d.]+) s", printed)]
    assert [round(1000 * each) for each in seconds[1:4]] == [82] * 3 and round(1000 * seconds[4], -1) == 160
    assert "82 ms for each further photo; new each time: 163 ms" in told("10-compare-text")
    assert [round(1000 * each) for each in seconds[-2:]] == [328, 88]
    assert "328 ms the first time, and 88 ms the second time" in told("10-compare-text")
    stairs = [points("10-steps", line)[80] for line in ("on a new connection", "once more on the same")]
    assert "In the stairs above it was {:.0f} and {:.0f}.".format(*stairs) in told("10-compare-text")


# --- 11 ----------------------------------------------------------------------------------------------------------


def test_the_knee_is_where_the_text_says() -> None:
    rows = {rate: row("11-run-call", str(rate)) for rate in (20, 40, 50, 60, 70, 80, 90, 95)}
    p99 = {rate: values[3] for rate, values in rows.items()}
    assert p99[50] < 50 < p99[60] and "at 60 per second" in told("11-see-text")
    assert round(p99[95]) == 190 and "At 95 it is at 190 ms" in told("11-see-text")
    assert "the mean is 30 ms, and the p99 is 96 ms" in told("11-feel-text")
    assert [round(rows[80][0]), round(rows[80][3])] == [30, 96]


def test_the_formula_of_the_text_gives_the_numbers_that_it_tells() -> None:
    waits = [round(10 * load / (2 * (1 - load))) for load in (0.5, 0.8, 0.9, 0.95)]
    assert waits == [5, 20, 45, 95] and "at a load of 50 % that is 5 ms, at 80 % 20 ms" in told("11-see-text")
    measured, formula = row("11-run-call", "95")[0], 11.7 + 10 * 0.95 / (2 * (1 - 0.95))
    assert f"{measured:.0f} ms at 95 per second, where the formula has {formula:.0f} ms" in told("11-see-text")
    assert points("11-see-knee", "mean")[95] == pytest.approx(measured, abs=0.1)


def test_slow_readers_stop_threads_and_not_the_loop() -> None:
    lines = re.findall(r"(iterative|threads|loop) +(\d+) +([\d.]+) +([\d.]+) +(\d+)$", shown("11-slow"), flags=re.M)
    median = {(mode, int(slow) > 0): float(half) for mode, slow, half, *_ in lines}
    assert len(median) == 6 and median["threads", True] > 100 * median["threads", False]
    assert median["loop", True] == median["loop", False] and median["iterative", True] > 5000


def test_a_limit_serves_five_of_six() -> None:
    refused = int(re.search(r"Of 600 requests: .* (\d+) refused\.", shown("11-over")).group(1))  # type: ignore[union-attr]
    assert refused / 600 == pytest.approx(1 / 6, abs=0.03) and "five of six" in told("11-over-text")


def test_limits_keep_the_target_in_the_virtual_internet() -> None:
    none, yours = row("11-tool", "no limits"), row("11-tool", "yours")
    assert none[-1] > 1000 and none[2] > 100
    assert yours[-1] < 150 and yours[2] == 0 and yours[0] > none[0] - 50


def test_littles_law_holds_for_the_recorded_run() -> None:
    printed = shown("11-compare-recorded", "stdout")
    rates = [float(text) for text in re.findall(r"Requests/sec: +([\d.]+)", printed)]
    means = [float(text) for text in re.findall(r"Latency +([\d.]+)ms", printed)]
    for inside, rate, mean in zip((16, 64), rates, means, strict=True):
        assert 1000 * inside / rate == pytest.approx(mean, rel=0.02)
        assert f"{inside} inside and {rate:,.0f} per second, so each stays {1000 * inside / rate:.2f} ms" in told(
            "11-compare-text"
        )
