"""`netlab.teach.overheard`: what each machine on the way could read."""

from __future__ import annotations

from typing import Any

import pytest

import netlab

PLACES = ["home", "near", "london", "www"]
SECRET = {"secret": b"/secret.html", "laptop": "192.0.2.10"}


def heard(send: Any, words: Any = SECRET) -> Any:
    """The table after ``send(proxy)``, in a world of its own."""
    site = netlab.teach.folder({"secret.html": "x" * 30_000 + "the end of it"})
    with (
        netlab.use("transatlantic") as network,
        netlab.WebServer(site, host="www", port=80),
        netlab.ProxyServer(host="near", port=8000) as proxy,
    ):
        send(proxy)
        return netlab.teach.overheard(network.packets(), words, at=PLACES)


def test_on_the_direct_way_everybody_on_it_reads_and_nobody_else() -> None:
    table = heard(lambda proxy: netlab.fetch("http://www/secret.html"))
    assert table.columns.tolist() == PLACES and table.index.tolist() == list(SECRET)
    assert table.loc["secret"].tolist() == table.loc["laptop"].tolist() == ["yes", "-", "yes", "yes"]


def test_a_proxy_reads_and_hides_the_address_of_its_client() -> None:
    table = heard(lambda proxy: netlab.fetch("http://www/secret.html", proxy=proxy.url))
    assert table.loc["secret"].tolist() == ["yes"] * 4
    assert table.loc["laptop"].tolist() == ["yes", "yes", "-", "-"]


def test_what_is_cut_into_segments_is_put_together_again() -> None:
    """1,461 letters in a row are in no single segment."""
    table = heard(lambda proxy: netlab.fetch("http://www/secret.html"), {"long": b"x" * 30_000 + b"the end"})
    assert table.loc["long"].tolist() == ["yes", "-", "yes", "yes"]


def test_what_passes_no_connection_is_not_searched() -> None:
    table = heard(lambda proxy: netlab.ping("www", count=1), {"payload": b"lab", "laptop": "192.0.2.10"})
    assert table.loc["payload"].tolist() == ["-"] * 4 and table.loc["laptop"].tolist() == ["yes", "-", "yes", "yes"]


def test_a_gap_is_not_bridged() -> None:
    """A word whose middle did not come by was not read."""
    with netlab.use("line") as network:
        site = netlab.teach.folder({"a.txt": "Q" * 1160 + "J" * 1460 + "Z" * 100})
        with netlab.WebServer(site, host="server", port=80):
            netlab.fetch("http://server/a.txt")
            rows = network.packets()
    word = {"ends": b"QZ", "beginning": b"QQQJ"}
    assert netlab.teach.overheard(rows, word, at=["r1"])["r1"].tolist() == ["-", "yes"]
    holed = [row for row in rows if row["data"].count(b"J") < 1000]
    assert netlab.teach.overheard(holed, word, at=["r1"])["r1"].tolist() == ["-", "-"]


@pytest.mark.parametrize("word", [b"", "", 7, None])
def test_a_word_that_cannot_be_is_told(word: Any) -> None:
    with pytest.raises(netlab.errors.UsageError, match="must be bytes to look for"):
        netlab.teach.overheard([], {"it": word}, at=["www"])
