"""What holds for all of Python is put back, whoever drives a world, and however it ends."""

import gc
import threading

import pytest

import netlab
from netlab.network.garbage import RARELY, rare_collections


@pytest.fixture(autouse=True)
def as_before():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_a_driven_world_collects_rarely_and_afterwards_all_is_as_before():
    gc.set_threshold(701, 11, 12)
    with netlab.use("line") as network:
        with pytest.raises(ZeroDivisionError), network.driving():
            assert gc.get_threshold() == (RARELY, 11, 12)
            raise ZeroDivisionError
    assert gc.get_threshold() == (701, 11, 12)


@pytest.mark.parametrize("first", [0, RARELY + 1])
def test_who_wants_none_or_even_fewer_gets_what_they_want(first):
    gc.set_threshold(first, 11, 12)
    with rare_collections():
        assert gc.get_threshold() == (first, 11, 12)
    assert gc.get_threshold() == (first, 11, 12)


def test_the_last_of_several_puts_it_back():
    gc.set_threshold(701)
    inside, leave = threading.Event(), threading.Event()

    def other():
        with rare_collections():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with rare_collections():
        thread.start()
        assert inside.wait(10)
    assert gc.get_threshold()[0] == RARELY
    leave.set()
    thread.join(10)
    assert gc.get_threshold()[0] == 701
