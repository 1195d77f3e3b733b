"""The capture: its reasons, its rows, what it costs when nobody wants it."""

from __future__ import annotations

from pathlib import Path

import netlab.internet.capture as capture
from netlab.internet.engine import Engine
from netlab.internet.firewall import CAUSES
from netlab.internet.model import EPOCH, Control
from tests.internet.engine_worlds import MS, Run, echo, line, tcp, udp
from tests.internet.feature_worlds import SERVER, SOURCE, chain

SOURCES = Path(capture.__file__).parent


def test_every_reason_is_used_somewhere_and_has_an_explanation() -> None:
    text = "".join(path.read_text() for path in SOURCES.glob("*.py") if path.name != "capture.py")
    assert [reason for reason in capture.REASONS if f'"{reason}"' not in text] == []
    assert all(capture.REASONS.values())
    assert set(CAUSES.values()) <= set(capture.REASONS)
    assert not set(capture.REASONS) & {capture.SENT, capture.FORWARDED, capture.DELIVERED, capture.DUPLICATED}


def test_rows_have_the_columns_of_the_table_and_four_more() -> None:
    run = Run(line("a", "r", "b"))
    run.send(tcp("2001:db8::1", "2001:db8:1::2", 80))
    run.answers()
    columns = ["time", "at", "action", "reason", "source", "destination", "protocol", "ttl", "summary", "data"]
    rows = run.engine.packets()
    assert [*rows[0]] == [*columns, "link", "number", "parent", "mpls"]
    assert {row["protocol"] for row in rows} == {"tcp"}
    assert (rows[0]["source"], rows[0]["destination"]) == ("2001:db8::1", "2001:db8:1::2")
    assert all(row["time"] >= EPOCH for row in rows)


def test_an_answer_names_the_packet_it_answers() -> None:
    run = Run(line("a", "r", "b"))
    run.send(udp("10.0.0.1", "10.0.1.2", 33434))
    run.answers()
    assert {(row["number"], row["parent"]) for row in run.engine.packets()} == {(1, 0), (2, 1)}


def test_records_are_flat_and_bytes_are_made_late() -> None:
    run = Run(line("a", "r", "b"))
    run.send(echo("10.0.0.1", "10.0.1.2"))
    run.answers()
    values = run.engine.capture.values
    assert len(values) == 6 * capture.FIELDS
    assert len({id(value) for value in values[3 :: capture.FIELDS]}) == 2  # two packet objects for six records


def test_without_a_capture_losses_are_still_counted() -> None:
    engine = Engine(line("a", "r", "b", a_r={"loss": 1.0}), capture=False)
    for _ in range(3):
        engine.inject("a", echo("10.0.0.1", "10.0.1.2"))
    assert engine.losses() == {"lost on the link": 3}
    assert engine.packets() == engine.truth() == []
    assert engine.capture.values == []
    assert engine.capture.parts == {}


def test_trimming_keeps_the_latest_with_all_that_belongs_to_them() -> None:
    world = chain("p1", "p2").tunnel("near", "p1", "p2", "far").world()
    world.links[0].forward.rate = 1_000_000
    world.nodes["server"].control = Control(delay=MS)
    run = Run(world, node="laptop")
    for n in range(5):
        run.send(echo(SOURCE[4], SERVER[4], n), at=n * 100 * MS)
    run.answers()
    before, truth = run.engine.packets(), run.engine.truth()
    run.engine.capture.trim(30)
    assert run.engine.packets() == before[-30:]
    assert run.engine.truth() == truth[-len(run.engine.truth()) :]
    assert (len(run.engine.capture.labels), len(run.engine.capture.waited)) == (4, 3), "of two and a half pings"
