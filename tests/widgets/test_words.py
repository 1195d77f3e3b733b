"""The catalogue of sentences: complete, without leftovers, and translatable."""

from __future__ import annotations

import ast
import gettext
import string
import struct
from pathlib import Path

import pytest

from netlab.widgets import words

SOURCES = sorted(Path(words.__file__).parent.glob("*.py"))


def used() -> set[str]:
    """Every literal that could be a key: those in calls, and those that tables hold."""
    literals: set[str] = set()
    for source in SOURCES:
        if source.name != "words.py":
            for node in ast.walk(ast.parse(source.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    literals.add(node.value)
    made = {pattern.format(key) for key in literals for pattern in ("{} tip", "column {}")}
    return literals | made


def test_every_sentence_is_used() -> None:
    assert set(words.WORDS) - used() == set()


def test_every_key_exists() -> None:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and node.args:
                key = node.args[0]
                if isinstance(key, ast.Constant):
                    assert key.value in words.WORDS, f"{source.name}:{node.lineno}"


@pytest.mark.parametrize("key", words.WORDS)
def test_sentences_can_be_filled_in(key: str) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(words.WORDS[key]) if name is not None}
    assert "" not in names, "translators need names, not positions"
    words.say(key, **dict.fromkeys(names, "x"))


def test_a_catalogue_translates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "netlab.mo").write_bytes(_catalogue({"Run": "Lancer", "{name}: {value}": "{name} : {value}"}))
    monkeypatch.setattr(words, "_catalogue", gettext.translation("netlab", tmp_path, ["fr"]))
    assert words.say("run") == "Lancer"
    assert words.say("set", name="count", value=3) == "count : 3"
    assert words.say("stop") == "Stop", "what is not translated stays English"


def _catalogue(texts: dict[str, str]) -> bytes:
    """A .mo file, by the GNU gettext manual's section on its format."""
    pairs = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **texts}.items())
    count = len(pairs)
    start = 28 + 16 * count
    tables: list[bytes] = []
    data = b""
    for side in (0, 1):
        for pair in pairs:
            raw = pair[side].encode()
            tables.append(struct.pack("<II", len(raw), start + len(data)))
            data += raw + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 28 + 16 * count)
    return head + b"".join(tables) + data
