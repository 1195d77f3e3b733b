"""Notebook 09: every known wrong answer gets its own message and not all the points; the right one gets them all."""

from __future__ import annotations

import posixpath
import re
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

import netlab
from netlab.errors import RemoteProtocolError
from netlab.http.events import Request, Response
from netlab.http.framing import framing as reference_framing
from netlab.http.paths import Path
from netlab.http.paths import map_path as reference_map_path
from netlab.http.reader import request_head
from netlab.teach.checkers import bodies, exercises, heads, paths

Answer = Callable[..., Any]


def no(status: int = 400) -> Exception:
    return netlab.teach.refuse(status, "no")


def parse_head(head: bytes) -> Request:
    first, *lines = head.split(b"\r\n")
    if any(byte in head.replace(b"\r\n", b"") for byte in (b"\r", b"\n", b"\0")):
        raise no()
    words = first.split(b" ")
    if len(words) != 3:
        raise no()
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or b" " in name or b"\t" in name:
            raise no()
        fields.append((name, value.strip(b" \t")))
    hosts = [name for name, _ in fields if name.lower() == b"host"]
    if len(hosts) > 1 or (not hosts and words[2] != b"HTTP/1.0"):
        raise no()
    return netlab.teach.request(*words, fields)


def framing(fields: Any, status: Any, method: bytes) -> Any:
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    if status is not None and (method == b"HEAD" or status < 200 or status in (204, 304)):
        return 0
    if codings:
        if lengths or [coding.lower() for coding in codings] != [b"chunked"]:
            raise no()
        return "chunked"
    if lengths:
        if len(lengths) > 1 or not lengths[0].isdigit():
            raise no()
        return int(lengths[0])
    return 0 if status is None else "close"


def map_path(target: bytes) -> Path:
    names = []
    for segment in target.partition(b"?")[0].split(b"/"):
        name = urllib.parse.unquote(segment)
        if name in ("", "."):
            continue
        if name.startswith(".") or any(mark in name for mark in "/\\\0"):
            raise no(404)
        names.append(name)
    return netlab.teach.path(names, target)


# --- right in other ways -----------------------------------------------------------------------------------------


def head_by_patterns(head: bytes) -> Request:
    """It is stricter than it must be: a control character in a value is refused (RFC 9110 section 5.5)."""
    start, *lines = re.split(rb"\r\n", head)
    words = re.fullmatch(rb"([^ \t\r\n\0]+) ([^ \t\r\n\0]+) ([^ \t\r\n\0]+)", start)
    fields = [re.fullmatch(rb"([^: \t\x00-\x1f]+):[ \t]*([^\x00-\x08\n-\x1f\x7f]*?)[ \t]*", line) for line in lines]
    if words is None or None in fields:
        raise no()
    pairs = [(field[1], field[2]) for field in fields if field]
    count = [name.lower() for name, _ in pairs].count(b"host")
    if count > 1 or (count == 0 and words[3] != b"HTTP/1.0"):
        raise no()
    return netlab.teach.request(words[1], words[2], words[3], pairs)


def head_as_text(head: bytes) -> Request:
    """It decodes first, and looks for what must not be in it by position."""
    text = head.decode("latin-1")
    for place, letter in enumerate(text):
        pair = text[max(0, place - 1) : place + 2]
        if letter == "\0" or (letter in "\r\n" and "\r\n" not in pair):
            raise no()
    start, *lines = text.split("\r\n")
    if start.count(" ") != 2:
        raise no()
    method, target, version = start.split(" ")
    fields, hosts = [], 0
    for line in lines:
        place = line.find(":")
        name, value = line[:place], line[place + 1 :].lstrip(" \t").rstrip(" \t")
        if place < 1 or " " in name or "\t" in name:
            raise no()
        hosts += name.casefold() == "host"
        fields.append((name.encode("latin-1"), value.encode("latin-1")))
    if hosts != 1 and (version, hosts) != ("HTTP/1.0", 0):
        raise no()
    return netlab.teach.request(method.encode("latin-1"), target.encode("latin-1"), version.encode("latin-1"), fields)


def framing_by_lists(fields: Any, status: Any, method: bytes) -> Any:
    """All values of a name in one list; a coding that is not known is a 501 (RFC 9112 section 6.1)."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        values.setdefault(name.upper(), []).append(value)
    if status is not None and (method == b"HEAD" or status in (204, 304) or 100 <= status <= 199):
        return 0
    match values.get(b"TRANSFER-ENCODING", []), values.get(b"CONTENT-LENGTH", []):
        case [], []:
            return "close" if status else 0
        case [], [length] if re.fullmatch(rb"[0-9]+", length):
            return int(length)
        case [coding], []:
            if coding.upper() == b"CHUNKED":
                return "chunked"
            raise no(501)
    raise no()


def framing_by_counting(fields: Any, status: Any, method: bytes) -> Any:
    names = [name.lower() for name, _ in fields]
    if status is not None and (method == b"HEAD" or status // 100 == 1 or status == 204 or status == 304):
        return 0
    codings, lengths = names.count(b"transfer-encoding"), names.count(b"content-length")
    if codings + lengths > 1:
        raise no()
    if codings + lengths == 0:
        return 0 if status is None else "close"
    value = fields[names.index(b"transfer-encoding" if codings else b"content-length")][1]
    if codings and value.lower() == b"chunked":
        return "chunked"
    if codings or value == b"" or value.strip(b"0123456789"):
        raise no()
    return int(value)


RIGHT: dict[str, list[Answer]] = {
    "09.1": [lambda: "c"],
    "09.2": [lambda: "d"],
    "09.3": [parse_head, head_by_patterns, head_as_text],
    "09.4": [framing, framing_by_lists, framing_by_counting],
    "09.5": [map_path],
}


# --- wrong, written as learners write it -------------------------------------------------------------------------


def head_by_splitlines(head: bytes) -> Request:
    first, *lines = head.splitlines()
    return parse_head(b"\r\n".join([first, *lines]))


def head_by_strip(head: bytes) -> Request:
    first, *lines = head.split(b"\r\n")
    return parse_head(
        b"\r\n".join([first, *(b":".join(part.strip() for part in line.split(b":", 1)) for line in lines)])
    )


def head_by_strip_of_the_value(head: bytes) -> Request:
    """Right, but for the strip of every other Python program."""
    request = parse_head(head)
    stripped = [(name, value.strip()) for name, value in request.fields]
    return netlab.teach.request(request.method, request.target, head.split()[2], stripped)


def strict_head_without_host(head: bytes) -> Request:
    """One of two right ways at \\v and \\f, and a mistake."""
    if b"\v" in head or b"\f" in head:
        raise no()
    return wrong_head(host="unchecked")(head)  # type: ignore[no-any-return]


def returning(answer: Answer) -> Answer:
    """A learner who returns the refusal."""

    def give(*given: Any) -> Any:
        try:
            return answer(*given)
        except RemoteProtocolError as refusal:
            return refusal

    return give


def framing_without_doubles(fields: Any, status: Any, method: bytes) -> Any:
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        if name.lower() in found:
            raise no()
        found[name.lower()] = value
    return framing(list(found.items()), status, method)


def head_by_dict(head: bytes) -> Request:
    request = parse_head(head)
    return netlab.teach.request(request.method, request.target, head.split()[2], dict(request.fields).items())


def head_without_care(head: bytes) -> Request:
    """What most people write first."""
    lines = head.decode("latin-1").split("\r\n")
    method, target, version = lines[0].split()
    fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return netlab.teach.request(method.encode(), target.encode(), version.encode(), encoded)


def wrong_head(**how: str) -> Answer:
    return heads.variant(how)


def wrong_framing(**how: str) -> Answer:
    return bodies.variant(how)


def wrong_path(**how: str) -> Answer:
    return paths.variant(how)


def path_by_normpath(target: bytes) -> Path:
    text = posixpath.normpath(urllib.parse.unquote(target.partition(b"?")[0]))
    return netlab.teach.path([part for part in text.split("/") if part], target)


def framing_by_int(fields: Any, status: Any, method: bytes) -> Any:
    names = {name.lower(): value for name, value in fields}
    if b"transfer-encoding" in names:
        return "chunked"
    return int(names.get(b"content-length", 0))


def messages(module: Any, id: str) -> list[tuple[str, str, Answer]]:
    """Each kind of mistake of a checker, with the beginning of what must be said of it."""
    return [(id, message[:60], module.variant({what: how})) for what, how, message in module.KINDS]


WRONG: list[tuple[str, str, Answer]] = [
    *messages(heads, "09.3"),
    *messages(bodies, "09.4"),
    *messages(paths, "09.5"),
    ("09.3", "also \\v and \\f, which others keep, or refuse", head_by_strip_of_the_value),
    ("09.3", "You do not look for Host", strict_head_without_host),
    ("09.3", "Raise it: raise netlab.teach.refuse(400, 'no')", returning(parse_head)),
    ("09.4", "Raise it: raise netlab.teach.refuse(400, 'no')", returning(framing)),
    ("09.5", "Raise it: raise netlab.teach.refuse(404, 'no')", returning(map_path)),
    ("09.4", "You refuse whatever comes twice", framing_without_doubles),
    ("09.3", "splitlines() also splits at a lone LF", head_by_splitlines),
    ("09.3", "You take blanks off the name", head_by_strip),
    ("09.3", "A dict keeps the last of two fields", head_by_dict),
    ("09.3", "In the server that is an answer 500", head_without_care),
    ("09.3", "End with: return netlab.teach.request", lambda head: head.split(b"\r\n")),
    ("09.3", "End with: return netlab.teach.request", lambda head: None),
    ("09.3", "these arguments: head", lambda: None),
    ("09.3", "You do not look for Host", wrong_head(host="unchecked", strip="none")),
    ("09.4", "Not right yet in", framing_by_int),
    ("09.4", "which is an answer 500", wrong_framing(digits="int", names="case")),
    ("09.4", 'Return a number of bytes (0: no content), "chunked", or "close"', lambda fields, status, method: None),
    ("09.4", 'Return a number of bytes (0: no content), "chunked", or "close"', lambda f, status, method: "length"),
    ("09.4", "request smuggling", wrong_framing(both="chunks win", twice="first")),
    ("09.4", "these arguments: fields, status, method", lambda fields: 0),
    ("09.5", "normpath only shortens the text", path_by_normpath),
    ("09.5", "End with: return netlab.teach.path", lambda target: target.split(b"/")),
    ("09.5", "End with: return netlab.teach.path", lambda target: "a/b"),
    ("09.5", "look at whole segments", wrong_path(dots="anywhere", query="kept")),
    ("09.5", "Not right yet in", lambda target: netlab.teach.path(["x"], target)),
    ("09.5", "these arguments: target", lambda: None),
]


def test_every_exercise_has_a_right_answer_here() -> None:
    assert set(RIGHT) == set(exercises("09"))


@pytest.mark.parametrize("seed", [None, "spring", "autumn", "x", "ü"])
@pytest.mark.parametrize("id", RIGHT)
def test_the_right_answer_gets_all_points(id: str, seed: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    for answer in RIGHT[id]:
        began = time.process_time()
        assert netlab.check(id, answer, points=3, seed=seed) == 3.0, capsys.readouterr().out
        assert time.process_time() - began < 1
        told = "Visible checks passed; grading uses other networks." in capsys.readouterr().out
        assert told == (exercises("09")[id].unseen and not seed)


@pytest.mark.parametrize("seed", [None, "spring"])
@pytest.mark.parametrize(("id", "message", "answer"), WRONG, ids=[f"{id} {message}" for id, message, _ in WRONG])
def test_a_known_wrong_answer_is_named(
    id: str, message: str, answer: Answer, seed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.process_time()
    score = netlab.check(id, answer, points=4, seed=seed)
    assert time.process_time() - began < 1
    out, err = capsys.readouterr()
    assert type(score) is float and 0 <= score < 4
    assert " ".join(message.split()) in " ".join(out.split()), out
    assert err == "" and "could not handle" not in out


@pytest.mark.parametrize("id", ["09.1", "09.2"])
def test_each_choice_has_its_own_sentence(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = set()
    for letter in "abcd":
        assert netlab.check(id, letter) == float(letter == RIGHT[id][0]())
        said.add(capsys.readouterr().out.splitlines()[1])
    assert len(said) == 4


def test_who_takes_everything_gets_a_quarter_at_most() -> None:
    assert netlab.check("09.3", wrong_head(inside="unchecked", name="unchecked"), points=4) < 2
    assert netlab.check("09.5", wrong_path(dots="unchecked", hidden="allowed"), points=4) < 2
    assert netlab.check("09.4", framing_by_int, points=4) == 0.0


def test_the_evidence_is_the_input_and_both_results(capsys: pytest.CaptureFixture[str]) -> None:
    netlab.check("09.5", wrong_path(dots="before decoding"))
    out = " ".join(capsys.readouterr().out.split())
    assert "%2e%2e" in out and "Right: refuse it with 404" in out and "Yours: ('..'" in out


# --- the corpus and the real tool --------------------------------------------------------------------------------

SEEDS = ["", "spring", *map(str, range(6))]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_real_parser_agrees_with_the_corpus_of_heads(seed: str) -> None:
    for case in heads.cases(seed):
        try:
            found = heads.gives(request_head(*case.given))
        except RemoteProtocolError as refusal:
            found = "refused", refusal.status_hint
        assert found in case.right, case.told


@pytest.mark.parametrize("seed", SEEDS)
def test_the_real_framing_agrees_with_the_corpus_of_fields(seed: str) -> None:
    for case in bodies.cases(seed):
        fields, status, method = case.given
        if status is None:
            message: Request | Response = netlab.teach.request(method, b"/", b"HTTP/1.1", fields)
        else:
            message = Response(status, b"", (1, 1), fields)
        try:
            kind, length = reference_framing(message, method)
            value: Any = {"none": 0, "length": length}.get(kind, kind)
            found: tuple[Any, ...] = ("framed", value)
        except RemoteProtocolError as refusal:
            found = "refused", refusal.status_hint
        assert found in case.right, case.told


@pytest.mark.parametrize("seed", SEEDS)
def test_the_real_mapping_agrees_with_the_corpus_of_paths(seed: str) -> None:
    for case in paths.cases(seed):
        try:
            found: tuple[Any, ...] = ("names", reference_map_path(*case.given).names)
            assert netlab.teach.path(found[1], *case.given) == reference_map_path(*case.given), case.told
        except RemoteProtocolError as refusal:
            found = "refused", refusal.status_hint
        assert found in case.right, case.told


def test_the_right_parts_run_in_the_real_server() -> None:
    site = netlab.teach.folder({"index.html": "<p>Hello", "notes..txt": "a"})
    with (
        netlab.use("line"),
        netlab.WebServer(site, host="server", port=80, parse_head=parse_head, map_path=map_path) as server,
    ):
        for target in ("/", "/notes..txt?x=../y", "/%2e%2e/etc/passwd"):
            netlab.fetch(f"http://server{target}")
        netlab.teach.converse(server.url, b"GET / HTTP/1.1\r\nHost : server\r\n\r\n")
    assert server.log["status"].tolist() == [200, 200, 404, 400]


def test_a_fault_in_a_part_is_a_500_and_a_row() -> None:
    site = netlab.teach.folder({"index.html": "<p>Hello"})
    with netlab.use("line"), netlab.WebServer(site, host="server", port=80, parse_head=head_without_care) as server:
        netlab.teach.converse(server.url, b"GET / HTTP/1.1\r\nHost\r\n\r\n")
    assert server.log["status"].tolist() == [500]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: netlab.teach.refuse(200, "x"), "must be a status from 400 to 599"),
        (lambda: netlab.teach.request("GET", b"/", b"HTTP/1.1", []), "must be bytes"),
        (lambda: netlab.teach.request(b"GET", b"/", b"HTTP/1.1", [b"Host"]), "must be pairs"),
        (lambda: netlab.teach.path("a/b", b"/a/b"), "must be a list of texts"),
    ],
)
def test_wrong_arguments_are_told(made: Callable[[], Any], message: str) -> None:
    with pytest.raises(netlab.errors.UsageError, match=message):
        made()
