"""The raw-request editor: bytes ⇄ text, the ready-made requests, the parsed view and the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.errors import UsageError
from netlab.http.fields import fields
from netlab.servers import WebServer
from netlab.teach import converse
from netlab.widgets import rawbytes
from netlab.widgets.rawrequest import MOST, RawRequest
from netlab.widgets.samples import SAMPLES, Sample


@given(st.binary(max_size=80) | st.sampled_from([b"\\\n", b"\\n\n", b"a\\\\r\r\n"]))
def test_any_bytes_can_be_written_and_read_again(data: bytes) -> None:
    assert rawbytes.to_bytes(rawbytes.to_text(data)) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (r"a\r\nb", b"a\r\nb"),
        ("a\nb", b"ab"),
        (r"\x00\xfF\t\\n", b"\0\xff\t\\n"),
        ("é", b"\xc3\xa9"),
        ("", b""),
    ],
)
def test_escapes(text: str, data: bytes) -> None:
    assert rawbytes.to_bytes(text) == data


@pytest.mark.parametrize(("text", "shown"), [(r"a\q Host", r"'\q H'"), (r"\x1", r"'\x1'"), ("a\\", "'\\'")])
def test_a_wrong_escape_is_named_as_it_was_typed(text: str, shown: str) -> None:
    with pytest.raises(UsageError, match="a backslash begins") as caught:
        rawbytes.to_bytes(text)
    assert f"request={shown}: " in str(caught.value)


def test_lines_are_broken_where_lines_end() -> None:
    assert rawbytes.to_text(b"A\r\nB\r\n\r\n") == "A\\r\\n\nB\\r\\n\n\\r\\n\n"
    assert rawbytes.to_text(b"abcdef", 3) == "abc\n… 3 more bytes"


def test_about_twenty_requests_are_ready_made_and_all_differ() -> None:
    made = [rawbytes.to_bytes(sample.text) for sample in SAMPLES]
    assert len(made) == len(set(made)) >= 20


def editor(sent: list[str] | None = None) -> RawRequest:
    return RawRequest(lambda: sent.append("sent") if sent is not None else None)


def test_a_sample_fills_the_editor() -> None:
    raw = editor()
    assert raw.data == b"GET / HTTP/1.1\r\nHost: www\r\n\r\n" and raw.finish.value
    names = [sample.key for sample in SAMPLES]
    raw.sample.value = names.index("sample unfinished")
    assert raw.data == b"GET / HTTP/1.1\r\nHost: www\r\n" and not raw.finish.value


def test_the_parsed_view_follows_the_text() -> None:
    raw = editor()
    assert "<td" in raw._read.value and "which of the sites" in raw._read.value
    raw.text.value = r"GET / HTTP/1.1\r\nHost : www\r\n\r\n"
    assert "whitespace before the colon" in raw._read.value and 'aria-current="true"' in raw._read.value
    raw.text.value = r"GET \q"
    assert "a backslash begins" in raw._read.value and "nl-alarm" in raw._read.value


def test_what_came_back_stands_beside_it_as_bytes_and_is_told() -> None:
    raw = editor()
    said = raw.show(raw.data, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<b>")
    assert said == "Answer: 200 OK, 41 bytes."
    assert "HTTP/1.1 200 OK<span" in raw._answer.value and "&lt;b&gt;" in raw._answer.value
    raw.text.value = "other"
    assert raw._answer.value == "", "an answer to other bytes must not stand there"


def test_several_answers_none_and_a_refusal_are_told() -> None:
    raw = editor()
    one = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert raw.show(raw.data * 2, one * 2) == "2 answers: 204 No Content, 204 No Content, 54 bytes."
    assert raw.show(raw.data, b"").startswith("No answer")
    refused = b"GET / HTTP/1.1\r\n\r\n"
    assert "Refused: a request has exactly one Host field (RFC 9112 3.2)." in raw.show(refused, one)


def test_an_answer_to_head_is_read_as_one() -> None:
    raw = editor()
    head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert raw.show(head, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" * 2).startswith("2 answers") is True


def test_a_long_answer_is_cut() -> None:
    raw = editor()
    raw.show(raw.data, b"HTTP/1.1 200 OK\r\n\r\n" + bytes(3 * MOST))
    assert "more bytes" in raw._answer.value and len(raw._answer.value) < 6 * MOST


def test_a_requests_bytes_can_be_loaded() -> None:
    raw = editor()
    raw.load(b"\x16\x03", finish=False)
    assert raw.data == b"\x16\x03" and raw.text.value == r"\x16\x03" and not raw.finish.value


def test_without_an_answer_its_half_belongs_to_what_is_read() -> None:
    raw = editor()
    assert raw._answer.layout.display == "none"
    raw.show(raw.data, b"HTTP/1.1 200 OK\r\n\r\n")
    assert raw._answer.layout.display == ""
    raw.text.value = "other"
    assert raw._answer.layout.display == "none"


def test_send_is_a_button() -> None:
    sent: list[str] = []
    editor(sent).send_button.click()
    assert sent == ["sent"]


def test_everything_is_labelled_and_scrolling_parts_can_be_reached_by_keyboard() -> None:
    raw = editor()
    raw.show(raw.data, b"HTTP/1.1 200 OK\r\n\r\n")
    assert raw.text.description and raw.sample.description and raw.finish.description
    for html in (raw._read.value, raw._answer.value):
        assert 'tabindex="0"' in html and "aria-label=" in html


def test_fields_of_every_sample_cover_its_bytes() -> None:
    for sample in SAMPLES:
        data = rawbytes.to_bytes(sample.text)
        assert sum(int(row["bits"].partition("-")[2]) + 1 for row in fields(data)) == 8 * len(data)


# -- one story ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    site = str(resources.files("netlab.widgets") / "site")
    with WebServer(site, port=0, limits={"head_time": 0.3, "idle_time": 0.3}) as opened:
        yield opened


def verdict(raw: RawRequest) -> tuple[int, str, str] | None:
    """Status, reason and rule of the row that is emphasised; None: nothing is refused."""
    rows = re.findall("<tr[^>]*aria-current.*?</tr>", raw._read.value)
    assert len(rows) == raw._read.value.count(">refused (") <= 1
    if not rows:
        return None
    meaning, rule = [unescape(cell) for cell in re.findall("<td[^>]*>(.*?)</td>", rows[0])[-2:]]
    status, reason = re.fullmatch(r"refused \((\d+)\)[^:]*: (.*)", meaning).groups()  # type: ignore[union-attr]
    return int(status), reason, rule


def tell(raw: RawRequest, server: WebServer) -> None:
    """Send what the editor holds; what it says before and behind the answer, the sentence, and the log agree."""
    before, count = verdict(raw), server.statuses.total()
    answer = converse(server.url, raw.data, finish=raw.finish.value, timeout=5.0)
    said = raw.show(raw.data, answer)
    assert verdict(raw) == before
    rows = server.log.iloc[-(server.statuses.total() - count) :]
    last = rows.iloc[-1]
    told = re.findall(r"\b([1-5]\d\d) [A-Z]", said.partition(" Refused: ")[0])
    assert [int(status) for status in told] == rows["status"].tolist()
    if before is None:
        assert "Refused" not in said and last["status"] not in (400, 408, 505)
    else:
        status, reason, rule = before
        assert (last["status"], last["error"], last["rule"]) == (status, reason, rule)
        assert said.endswith(f" Refused: {reason} ({rule}).")


@pytest.mark.network
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.key)
def test_parsed_view_sentence_and_log_tell_the_same_story(sample: Sample, server: WebServer) -> None:
    raw = editor()
    raw.sample.value = SAMPLES.index(sample)
    tell(raw, server)


@pytest.mark.network
@pytest.mark.parametrize("finish", [True, False])
@pytest.mark.parametrize("text", ["GET", "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\nGET /x", "\\r\\nGET / HTTP/1.1\\r\\n"])
def test_a_head_without_its_end_is_refused_for_what_becomes_of_the_connection(
    text: str, finish: bool, server: WebServer
) -> None:
    raw = editor()
    raw.text.value, raw.finish.value = text, finish
    tell(raw, server)


def test_the_parsed_view_follows_the_checkbox_and_an_older_answer_goes() -> None:
    raw = editor()
    raw.sample.value = [sample.key for sample in SAMPLES].index("sample unfinished")
    assert verdict(raw) == (408, "the head did not arrive within its time", "RFC 9110 15.5.9")
    raw.show(raw.data, b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    raw.finish.value = True
    assert verdict(raw) == (400, "the connection ended inside a head", "RFC 9112 8")
    assert raw._answer.value == ""


def test_what_was_sent_counts_and_not_what_the_checkbox_says_meanwhile() -> None:
    raw = editor()
    raw.sample.value = [sample.key for sample in SAMPLES].index("sample unfinished")
    sent = raw.data
    raw.finish.value = True
    assert "RFC 9110 15.5.9" in raw.show(sent, b"HTTP/1.1 408 Request Timeout\r\n\r\n", finish=False)
    assert verdict(raw) == (408, "the head did not arrive within its time", "RFC 9110 15.5.9")


def test_a_server_that_does_not_refuse_an_unfinished_head_is_not_said_to() -> None:
    raw = editor()
    raw.load(b"GET / HTTP/1.1\r\n", finish=False)
    assert "Refused" not in raw.show(raw.data, b"") + raw.show(raw.data, b"HTTP/1.1 200 OK\r\n\r\n")
