"""Which coding, which media type: q-values, stars, and nothing that nobody asked for."""

from __future__ import annotations

import pytest

from netlab.http.negotiation import content_coding, wants_json

BOTH = [b"br", b"gzip"]


@pytest.mark.parametrize(
    ("value", "chosen"),
    [
        (b"gzip, deflate, br", b"br"),
        (b"gzip", b"gzip"),
        (b"GZip", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"X-GZip;q=0, *", b"br"),
        (b"br;q=0.5, x-gzip;q=0.8", b"gzip"),
        (b"x-br", b""),
        (b"br;q=0.5, gzip;q=0.8", b"gzip"),
        (b"br;q=0, gzip", b"gzip"),
        (b"br;q=0, gzip;q=0", b""),
        (b"*", b"br"),
        (b"*;q=0.1, gzip", b"gzip"),
        (b"*, br;q=0", b"gzip"),
        (b"identity", b""),
        (b"identity;q=1, gzip;q=0.5", b""),
        (b"gzip;q=0.5, identity;q=0.5", b"gzip"),
        (b"identity;q=0, gzip", b"gzip"),
        (b"deflate", b""),
        (b"", b""),
        (b"gzip ; q=0.000", b""),
        (b"gzip;q=2", b""),
        (b"gzip;q=0.1234", b""),
        (b"gzip;q=.5", b""),
        (b"gzip;x=1", b""),
    ],
)
def test_the_coding_that_the_client_values_most(value: bytes, chosen: bytes) -> None:
    assert content_coding([value], BOTH) == chosen


def test_without_the_field_nothing_is_coded() -> None:
    assert content_coding([], BOTH) == b""


def test_only_what_is_there_is_chosen() -> None:
    assert content_coding([b"br, gzip;q=0.1"], [b"gzip"]) == b"gzip"
    assert content_coding([b"br, gzip;q=0.1"], []) == b""


def test_several_fields_are_one_list() -> None:
    assert content_coding([b"br;q=0", b"gzip"], BOTH) == b"gzip"


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (b"application/json", True),
        (b"Application/JSON", True),
        (b"text/html,application/xhtml+xml,*/*;q=0.8", False),
        (b"*/*", False),
        (b"application/json;q=0.5, text/html;q=0.4", True),
        (b"application/*, text/html;q=0.9", True),
        (b"application/json;charset=utf-8;q=0.1, text/html", False),
        (b"application/json;q=0, */*", False),
        (b"nonsense", False),
        (b"", False),
    ],
)
def test_json_only_when_it_is_preferred(value: bytes, json: bool) -> None:
    assert wants_json([value]) is json


@pytest.mark.parametrize("filler", [b" ;a=1 ", b";a= ; ", b"; ", b" ; a=1\t"])
def test_hostile_parameters_are_refused_in_no_time(filler: bytes) -> None:
    """With a pattern in which blanks have two places this would go on for ever."""
    assert not wants_json([b"application/json" + filler * 2000 + b";=x"])
