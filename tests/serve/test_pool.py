"""Connections that wait for the next one who needs them: no sockets, no clock."""

from netlab.serve.pool import IDLE_TIME, MOMENT, MOST, Pool


def test_the_one_that_was_used_last_is_taken_first():
    pool = Pool()
    for stream in ("a", "b"):
        pool.put("k", stream, 0)
    assert [pool.take("k"), pool.take("k"), pool.take("k"), pool.take("other")] == ["b", "a", None, None]
    assert len(pool) == 0


def test_idle_ones_end_after_their_time():
    pool = Pool()
    pool.put("k", "a", 0)
    assert pool.next_at == IDLE_TIME and pool.expired(MOMENT) == [] and pool.next_at == IDLE_TIME
    assert pool.expired(IDLE_TIME) == ["a"] and pool.next_at is None and pool.take("k") is None


def test_what_is_too_many_of_a_kind_ends_in_a_moment_the_oldest_first():
    pool = Pool()
    for number in range(MOST + 3):
        pool.put("k", number, number)
    pool.put("other", "x", 0)
    assert pool.next_at == MOMENT + MOST
    assert pool.expired(MOMENT + MOST + 3) == [0, 1, 2]
    assert len(pool) == MOST + 1


def test_one_that_is_closed_is_dropped():
    pool = Pool()
    pool.put("k", "a", 0)
    pool.put("k", "b", 0)
    assert "b" in pool
    pool.drop("b")
    assert "b" not in pool and pool.take("k") == "a" and pool.clear() == []
