"""Whose turn it is: the tables of states, and that the server follows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import LocalProtocolError
from netlab.http.connection import CLIENT, SERVER, Exchanges

TABLES = {"client": CLIENT, "server": SERVER}
WORDS = sorted({word for table in TABLES.values() for moves in table.values() for word in moves})


def says(exchanges, side, word):
    (exchanges.client_says if side == "client" else exchanges.server_says)(word)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_state_can_be_reached_and_all_end_closed(table):
    reached, todo = {"idle"}, ["idle"]
    while todo:
        for state in table[todo.pop()].values():
            if state not in reached:
                reached.add(state)
                todo.append(state)
    assert reached == set(table)
    assert all("close" in moves for state, moves in table.items() if state != "closed") and not table["closed"]


def test_an_exchange_with_an_interim_response_and_then_another():
    exchanges = Exchanges()
    for _ in range(2):
        for side, word in [
            ("client", "request"), ("server", "interim"), ("client", "content"), ("client", "end"),
            ("server", "response"), ("server", "content"), ("server", "end"),
        ]:  # fmt: skip
            says(exchanges, side, word)
        exchanges.next_exchange()
    assert (exchanges.client, exchanges.server) == ("idle", "idle")


def test_an_early_answer_is_allowed_but_the_next_exchange_waits_for_the_content():
    exchanges = Exchanges()
    exchanges.client_says("request")
    exchanges.server_says("response")
    exchanges.server_says("end")
    with pytest.raises(LocalProtocolError, match=r"client is sending and the server is done .* 9\.3"):
        exchanges.next_exchange()


def test_a_second_response_cannot_be_said_and_the_message_says_what_can():
    exchanges = Exchanges()
    exchanges.client_says("request")
    exchanges.server_says("response")
    with pytest.raises(LocalProtocolError, match="the server is sending: it may say content, end, switch, close, not"):
        exchanges.server_says("response")
    assert exchanges.server == "sending"


def test_after_a_switch_only_the_end_is_http():
    exchanges = Exchanges()
    for side, word in [("client", "request"), ("client", "end"), ("server", "response"), ("server", "switch")]:
        says(exchanges, side, word)
    exchanges.client_says("switch")
    for side in TABLES:
        with pytest.raises(LocalProtocolError, match="tunnel"):
            says(exchanges, side, "content")
        says(exchanges, side, "close")


@given(st.lists(st.tuples(st.sampled_from(sorted(TABLES)), st.sampled_from(WORDS)), max_size=30))
def test_whatever_is_said_the_states_are_those_of_the_tables(talk):
    exchanges, expected = Exchanges(), {"client": "idle", "server": "idle"}
    for side, word in talk:
        table = TABLES[side]
        if word in table[expected[side]]:
            says(exchanges, side, word)
            expected[side] = table[expected[side]][word]
        else:
            with pytest.raises(LocalProtocolError):
                says(exchanges, side, word)
    assert (exchanges.client, exchanges.server) == (expected["client"], expected["server"])


def test_a_whole_exchange_is_its_five_words():
    one, other = Exchanges(), Exchanges()
    one.whole_exchange()
    for side, word in [("client", "request"), ("client", "end"), ("server", "response"), ("server", "end")]:
        says(other, side, word)
    other.next_exchange()
    assert (one.client, one.server) == (other.client, other.server) == ("idle", "idle")


@pytest.mark.parametrize("words", [["request"], ["request", "end"]])
def test_a_whole_exchange_is_out_of_turn_inside_another(words):
    exchanges = Exchanges()
    for word in words:
        exchanges.client_says(word)
    with pytest.raises(LocalProtocolError, match="not idle both"):
        exchanges.whole_exchange()
