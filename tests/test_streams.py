"""`talk`: what TCP does to three writes, to the nanosecond, on a world where one can reckon it."""

from __future__ import annotations

from typing import Any

import pytest

import netlab
from netlab.errors import NetworkError, UsageError
from netlab.streams import CALLS, PROGRESS, talk

WAY = 11.0
"""ms from the laptop to the server of the world "line", which has no rates: nothing takes time but distance."""


def said(*arguments: Any, **options: Any) -> Any:
    return talk(*arguments, **({"network": "line", "to": "server"} | options))


def sizes(made: Any) -> list[int]:
    return made.reads["bytes"].tolist()


def test_what_arrives_at_once_is_read_at_once() -> None:
    made = said([200, 300, 400], nagle=False)
    assert sizes(made) == [900, 0] and made.reads["of_writes"].tolist() == ["200 of 1, 300 of 2, 400 of 3", ""]
    assert made.reads["time_ms"].iloc[0] == 3 * WAY  # SYN, SYN-ACK, then the data with the ACK


def test_nagle_holds_back_until_the_delayed_acknowledgement_comes() -> None:
    made = said([200, 200, 200])
    assert sizes(made) == [200, 400, 0]
    first, second = made.reads["time_ms"].iloc[:2]
    assert (first, second) == (3 * WAY, 5 * WAY + 40)
    assert said([200, 200], delayed_ack=False).reads["time_ms"].iloc[1] == 5 * WAY


def test_a_pause_makes_them_look_like_messages() -> None:
    made = said([200, 200, 200], pause_ms=100)
    assert sizes(made) == [200, 200, 200, 0]
    assert made.reads["time_ms"].tolist()[:3] == [33, 133, 233]


def test_a_slow_reader_reads_once_in_a_while_and_no_more_than_it_asks_for() -> None:
    made = said([200, 200, 200], nagle=False, read_every_ms=50, read_limit=250)
    assert made.reads["of_writes"].tolist() == ["200 of 1, 50 of 2", "150 of 2, 100 of 3", "100 of 3", ""]
    assert made.reads["time_ms"].tolist() == [83, 133, 183, 233]
    assert made.reads["asked"].tolist() == [250] * 4


def test_segments_are_as_long_as_they_may_be() -> None:
    made = talk([1000], "www", network="transatlantic", nagle=False, mss=300)
    assert sizes(made) == [300, 300, 300, 100, 0]


def test_a_small_receive_buffer_holds_the_sender_back() -> None:
    made = said([4000], receive_buffer=1000, read_every_ms=100)
    steps = made.progress
    assert ((steps["sent"] - steps["read"]) <= 1000).all() and steps["read"].iloc[-1] == 4000
    assert (steps["arrived"] - steps["read"]).max() == 1000


def test_the_curves_never_cross() -> None:
    for options in ({}, {"nagle": False}, {"read_every_ms": 70}, {"mss": 100}, {"pause_ms": 20}):
        steps = said([700, 20, 3000], **options).progress
        for before, after in (
            ("written", "sent"),
            ("sent", "arrived"),
            ("arrived", "acknowledged"),
            ("arrived", "read"),
        ):
            assert (steps[before] >= steps[after]).all(), (options, before, after)
        for column in ("written", "sent", "arrived", "acknowledged", "read"):
            assert steps[column].is_monotonic_increasing and steps[column].iloc[-1] == 3720
        assert list(steps.columns) == list(PROGRESS)


def test_both_sides_end_in_good_order() -> None:
    calls = said([100], answer=5000).calls
    assert list(calls.columns) == list(CALLS)
    assert calls["call"].tolist()[:3] == ["connect", "send", "accept"] and calls["call"].iloc[-1] == "close"
    client = calls[(calls["who"] == "laptop") & (calls["call"] == "recv")]
    assert client["bytes"].sum() == 5000 and client["result"].iloc[-1] == "end"


def test_a_server_that_hangs_lets_the_client_believe() -> None:
    made = said([600], server="hangs")
    assert made.calls["who"].unique().tolist() == ["laptop"] and len(made.reads) == 0
    last = made.progress.iloc[-1]
    assert last["acknowledged"] == 600 and last["read"] == 0


def test_a_server_that_leaves_unread_bytes_resets_and_loses_its_answer() -> None:
    made = talk([3000], "www", network="transatlantic", server="leaves", answer=50_000)
    got = made.calls.query("who == 'laptop' and call == 'recv'")
    assert got["bytes"].sum() == 14_600 and got["result"].iloc[-1] == "reset"  # ten segments, the initial window
    assert any(row["at"] == "www" and "RST" in row["summary"] for row in made.packets)


def test_recv_hands_out_the_pieces_again() -> None:
    made = said([b"abcde", b"fgh"], nagle=False, pause_ms=50)
    assert [made.recv(2), made.recv(9), made.recv(9), made.recv(9), made.recv(9)] == [b"ab", b"cde", b"fgh", b"", b""]


def test_a_loop_that_does_not_look_for_the_end_is_told_of_it() -> None:
    """Or a cell of the notebook would never end."""
    made = talk([b"abc"], "server", network="line")
    data = b""
    with pytest.raises(EOFError, match=r'recv has given b"" 100 times, which means the end: leave your loop then'):
        while not data.endswith(b"\r\n"):
            data += made.recv(9)
    assert data == b"abc"


def test_the_same_talk_is_the_same_again() -> None:
    one, two = (talk([600] * 3, "www", network="transatlantic") for _ in range(2))
    assert one.calls.equals(two.calls) and one.progress.equals(two.progress) and one.packets == two.packets


def test_it_leaves_the_world_of_a_server_as_it_was() -> None:
    site = netlab.teach.folder({"index.html": "Hello"})
    with netlab.use("line") as network, netlab.WebServer(site, host="server", port=80):
        for _ in range(2):
            assert len(talk([100], "server", network=network).reads) == 2
        assert netlab.fetch("http://server/")["status"].iloc[-1] == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"writes": []}, "one write or more"),
        ({"writes": [0]}, "writes"),
        ({"writes": [150_000, 150_000]}, "at most 200000"),
        ({"writes": ["abc"]}, "writes"),
        ({"server": "sleeps"}, "must be one of reads, hangs, leaves"),
        ({"nagle": 1}, "must be True or False"),
        ({"mss": 0}, "mss"),
        ({"read_limit": 0}, "read_limit"),
        ({"writes": 3}, r"writes=3: must be a list with one size or one piece for each write, such as \[200, 200\]"),
        ({"writes": b"abc"}, "writes=b'abc': must be a list"),
        ({"to": 3}, "to=3: must be the name of the host that listens"),
        ({"read_every_ms": -1}, "read_every_ms=-1: must be a number of milliseconds, from 0 to 86400000"),
        ({"read_every_ms": float("nan")}, "read_every_ms=nan: must be a number of milliseconds"),
        ({"pause_ms": 86_400_001}, "pause_ms=86400001: must be a number of milliseconds"),
        ({"pause_ms": "soon"}, "milliseconds"),
        ({"receive_buffer": 0}, "receive_buffer"),
        ({"answer": -1}, "answer"),
        ({"network": "live"}, "must be a virtual one"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_done(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        said(**({"writes": [1]} | options))


def test_nobody_at_the_other_end_is_told() -> None:
    with pytest.raises(NetworkError, match="no connection from laptop to down"):
        talk([1], "down", network="broken")
    with pytest.raises(netlab.errors.NameNotFound):
        talk([1], "nobody", network="line")


def test_a_single_number_and_no_host_are_told_in_words() -> None:
    with pytest.raises(UsageError, match="writes=3: must be a list"):
        talk(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="to='': must be the name of the host"):
        talk([3])
