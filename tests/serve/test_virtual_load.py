"""A crowd of clients on a server of a virtual world, and how its processor and workers cope."""

from __future__ import annotations

from itertools import pairwise

import pytest

import netlab
from netlab.errors import UsageError
from netlab.serve.cpu import Cpu
from netlab.serve.load import visits

RTT = 22.0


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text("hello")
    (tmp_path / "big.bin").write_bytes(bytes(300_000))
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_in_use(monkeypatch):
    """What a test chooses is not there any more after it."""
    monkeypatch.setattr("netlab.api._current", None)


@pytest.fixture(autouse=True)
def line(nothing_in_use):
    with netlab.use("line") as network:
        yield network


def crowd(folder, rate, count=300, seed=1, **server):
    with netlab.WebServer(folder, host="server", port=80, service_ms=10, **server) as web:
        return web.load(rate, count=count, seed=seed), web.log, web.queue


def test_a_lonely_request_takes_two_round_trips_and_its_service(folder):
    found, _, _ = crowd(folder, rate=0.1, count=20)
    assert set(found["latency_ms"]) == {2 * RTT + 10} and set(found["outcome"]) == {"answered"}
    assert (found["connect_ms"] + found["wait_ms"] + found["receive_ms"] == found["latency_ms"]).all()


def test_the_same_seed_brings_the_same_crowd(folder):
    first, again, other = (crowd(folder, 50, seed=seed)[0] for seed in (1, 1, 2))
    assert first.drop(columns="started_at").equals(again.drop(columns="started_at"))
    assert first["at_ms"].tolist() != other["at_ms"].tolist()


def test_arrivals_are_those_of_a_poisson_process():
    found = visits(7, 100.0, 20_000, 0, ["laptop"], ["/"], 0.25)
    gaps = [(after.at - before.at) / 1e6 for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(10, rel=0.03)
    assert variance == pytest.approx(mean**2, rel=0.06)  # as of an exponential distribution
    assert sum(visit.slow for visit in found) == pytest.approx(5_000, rel=0.05)


def test_for_so_many_seconds_or_so_many_requests(folder):
    with netlab.WebServer(folder, host="server", port=80) as web:
        found = web.load(100, seconds=3)
        assert found["at_ms"].max() <= 3_000 and 240 < len(found) < 360
        assert len(web.load(100, count=7)) == 7


def test_latency_has_a_knee_where_the_load_nears_the_capacity(folder):
    """The mean wait of M/D/1 is load / (2 (1 - load)) services: 2.5, 20 and 45 ms at 1/3, 0.8 and 0.9."""
    waits = {rate: crowd(folder, rate, 500)[0]["queue_ms"] for rate in (33, 80, 90, 130)}
    assert waits[33].mean() == pytest.approx(2.5, rel=0.5)
    assert waits[80].mean() == pytest.approx(20, rel=0.6)
    assert 2 * waits[33].mean() < waits[80].mean() < waits[90].mean() < waits[130].mean() / 5
    assert waits[80].quantile(0.99) > 3 * waits[80].mean()


def test_the_log_shows_the_queue_and_its_parts_sum_up(folder):
    for mode, workers in (("loop", 1), ("threads", 3), ("iterative", 1)):
        found, log, _ = crowd(folder, 60 if mode != "iterative" else 20, 150, mode=mode, workers=workers)
        parts = log["queue_ms"] + log["wait_ms"] + log["receive_ms"]
        assert (parts - log["total_ms"]).abs().max() < 1e-6
        assert log["queue_ms"].max() > 0
        by_connection = found.set_index("connection")["queue_ms"]
        assert (log.set_index("connection")["queue_ms"] - by_connection).abs().max() == 0
        assert (found["latency_ms"] - found["queue_ms"] - 2 * RTT - 10).abs().max() < 1e-6


def test_a_worker_is_held_until_its_client_has_closed(folder):
    """10 ms of service and a round trip: 31 requests per second at most, and a loop 100."""
    slow, _, _ = crowd(folder, 60, 200, mode="iterative")
    quick, _, _ = crowd(folder, 60, 200, mode="loop")
    two, _, _ = crowd(folder, 60, 200, mode="threads", workers=4)
    assert slow["latency_ms"].median() > 10 * quick["latency_ms"].median()
    assert two["latency_ms"].median() < 2 * quick["latency_ms"].median()


def test_beyond_the_backlog_connections_are_dropped_and_come_again(folder):
    found, _, queue = crowd(folder, 100, 100, mode="iterative", backlog=5)
    assert queue["refused"].max() > 0 and queue["waiting"].max() <= 6
    repeated = found[found["connect_ms"] > 1_000]
    assert len(repeated) > 0 and (found["connect_ms"].isin([RTT]) | (found["connect_ms"] >= 1_000)).all()


def test_a_client_gives_up_after_its_time(folder):
    with netlab.WebServer(folder, host="server", port=80, service_ms=500) as web:
        found = web.load(20, count=20, timeout=1.0)
    late = found[found["outcome"] == "timeout"]
    assert len(late) > 10 and set(late["latency_ms"]) == {1_000.0} and late["status"].isna().all()
    assert "not done within 1 s" in set(late["error"])


def test_slow_readers_hold_workers_but_not_a_loop(folder):
    options = {"tcp": {"send_buffer": 16_384}, "service_ms": 5}
    medians = {}
    for mode, workers in (("threads", 4), ("loop", 1)):
        with netlab.WebServer(folder, host="server", port=80, mode=mode, workers=workers, **options) as web:
            found = web.load(10, count=60, target="/big.bin", slow=0.3, slow_rate=30_000, timeout=600)
        assert set(found["outcome"]) == {"answered"} and 5 < found["slow"].sum() < 30
        assert (found.loc[found["slow"], "receive_ms"] > 8_000).all()
        medians[mode] = found.loc[~found["slow"], "latency_ms"].median()
    assert medians["threads"] > 10 * medians["loop"]


def test_a_limit_on_writing_ends_slow_readers_and_frees_their_workers(folder):
    options = {"tcp": {"send_buffer": 16_384}, "mode": "threads", "workers": 4, "limits": {"write_time": 1.0}}
    with netlab.WebServer(folder, host="server", port=80, **options) as web:
        found = web.load(10, count=60, target="/big.bin", slow=0.3, slow_rate=1_000, timeout=60)
        log = web.log
    assert set(found.loc[found["slow"], "outcome"]) == {"reset"}
    assert set(found.loc[~found["slow"], "outcome"]) == {"answered"}
    assert log["error"].str.contains("took nothing").sum() == found["slow"].sum()


def test_those_who_are_too_many_are_told_at_once(folder):
    with netlab.WebServer(
        folder, host="server", port=80, mode="threads", workers=2, service_ms=100, limits={"connections": 6}
    ) as web:
        found = web.load(60, count=120)
        queue = web.queue
    full = found[found["status"] == 503]
    assert 0 < len(full) < 120 and (full["latency_ms"] <= 2 * RTT).all()
    assert queue["waiting"].max() <= 4 and queue["busy"].max() == 2
    assert queue["refused"].max() == len(full)


def test_the_queue_is_told_as_it_changes(folder):
    _, log, queue = crowd(folder, 80, 200)
    assert queue["time_ms"].is_monotonic_increasing and queue["time_ms"].is_unique
    assert queue["busy"].max() == 1 and queue["waiting"].iloc[-1] == queue["busy"].iloc[-1] == 0
    # Little's law: the mean number that waits is the rate times the mean wait.
    spans = queue["time_ms"].diff().shift(-1).fillna(0)
    area = (queue["waiting"] * spans).sum()
    assert area == pytest.approx(log["queue_ms"].sum(), rel=1e-9)


def test_targets_and_clients_are_chosen_by_chance(folder):
    with netlab.WebServer(folder, host="server", port=80) as web:
        found = web.load(50, count=60, target=["/", "/big.bin", "/none"], clients=["laptop", "server"])
    assert set(found["target"]) == {"/", "/big.bin", "/none"} and set(found["client"]) == {"laptop", "server"}
    assert set(found.loc[found["target"] == "/none", "status"]) == {404}


def test_a_loop_with_several_processors_serves_as_many_requests_at_once():
    cpu = Cpu("loop", 2)
    cpu.working = 1
    assert cpu.has_processor and cpu.has_worker
    cpu.working = 2
    assert not cpu.has_processor and cpu.has_worker


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 0},
        {"rate": "many"},
        {"count": 0},
        {"count": 5, "seconds": 5},
        {"rate": 1e6, "seconds": 1000},
        {"slow": 1.5},
        {"slow_rate": 0},
        {"timeout": 0},
        {"seed": "a"},
        {"target": "index.html"},
        {"target": []},
        {"clients": []},
    ],
)
def test_a_load_that_cannot_be_is_refused(folder, arguments):
    with netlab.WebServer(folder, host="server", port=80) as web:
        with pytest.raises(UsageError):
            web.load(**{"rate": 10, **arguments})
        assert len(web.log) == 0


def test_real_servers_are_not_loaded(folder):
    with netlab.WebServer(folder, port=0) as web:
        with pytest.raises(UsageError, match="virtual"):
            web.load(10)
        with pytest.raises(UsageError, match="virtual"):
            web.queue  # noqa: B018
