"""What the fuzzer is given: its seeds and mutations of them, without the fuzzer; and that it would notice a fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.http import paths
from netlab.http.reader import Reader
from tools.fuzz_http import SEEDS, one_input


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_gives_events_or_a_refusal(seed):
    one_input(seed)


@given(st.sampled_from(SEEDS), st.integers(0, 200), st.binary(max_size=6), st.integers(0, 6))
def test_a_mutated_seed_gives_events_or_a_refusal(seed, at, put_in, taken_out):
    one_input(seed[: 1 + at] + put_in + seed[1 + at + taken_out :])


def test_events_that_depend_on_the_pieces_are_noticed(monkeypatch):
    feed = Reader.feed
    monkeypatch.setattr(Reader, "feed", lambda self, data: feed(self, data.replace(b"/a?", b"/b?")))
    with pytest.raises(AssertionError, match="in one piece"):
        one_input(SEEDS[0])


def test_a_path_out_of_the_folder_is_noticed(monkeypatch):
    monkeypatch.setattr(paths, "map_path", lambda target: paths.Path(("..",), False, b""))
    with pytest.raises(AssertionError, match="leads to"):
        one_input(b"\x04/..")


def test_another_exception_is_noticed(monkeypatch):
    monkeypatch.setattr(Reader, "next_event", lambda self, method=b"": 1 // 0)
    with pytest.raises(ZeroDivisionError):
        one_input(SEEDS[0])
