"""`plot.sequence` of conversations: TCP segments from a capture, phases of `fetch`, the log of a proxy."""

from __future__ import annotations

from typing import Any

import pytest

from netlab import frames, plot
from netlab.errors import UsageError
from netlab.internet.model import EPOCH
from netlab.plot.segments import Labels
from netlab.plot.stories import MOST_OF_TALK, of_packets
from netlab.wire import TCP, IPv4, IPv6, summary

CLIENT, SERVER = "192.0.2.10", "203.0.113.80"
REQUEST = b"GET /index.html HTTP/1.1\r\nHost: www\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\n\r\n"
SYN, ACK, FIN, RST = TCP.SYN, TCP.ACK, TCP.FIN, TCP.RST


class Capture:
    """Segments on the way laptop, router, www, as rows of ``network.packets()``; real bytes, so real summaries."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def send(
        self, ms: float, source: str, flags: int, seq: int, ack: int = 0, content: bytes = b"", lost: str = ""
    ) -> None:
        there, number = SERVER if source == CLIENT else CLIENT, len({row["number"] for row in self.rows}) + 1
        ends = ["laptop", "www"] if source == CLIENT else ["www", "laptop"]
        ports = (50000, 80) if source == CLIENT else (80, 50000)
        segment = TCP(*ports, sequence=seq, acknowledgment=ack, flags=flags, payload=content)
        data = IPv4(source, there, 6, segment.to_bytes(source, there)).to_bytes()
        steps = [(0, ends[0], "sent"), (10, "router", "dropped" if lost else "forwarded"), (40, ends[1], "delivered")]
        for after, at, action in steps[: 2 if lost else 3]:
            self.rows.append(
                {
                    "time": EPOCH + int((ms + after) * 1e6),
                    "at": at,
                    "action": action,
                    "reason": lost if action == "dropped" else "",
                    "source": source,
                    "destination": there,
                    "protocol": "tcp",
                    "summary": summary(data),
                    "data": data,
                    "number": number,
                }
            )


def fetched(lost: str = "") -> list[dict[str, Any]]:
    """A handshake, a request, an answer of two segments of which the second may be lost and comes again, the end."""
    made = Capture()
    made.send(0, CLIENT, SYN, 1000)
    made.send(40, SERVER, SYN | ACK, 9000, 1001)
    made.send(80, CLIENT, ACK, 1001, 9001)
    made.send(80, CLIENT, ACK, 1001, 9001, REQUEST)
    made.send(120, SERVER, ACK, 9001, 1040, ANSWER)
    made.send(120, SERVER, ACK, 9020, 1040, bytes(1000), lost)
    made.send(160, CLIENT, ACK, 1040, 9020 if lost else 10020)
    if lost:
        made.send(400, SERVER, ACK, 9020, 1040, bytes(1000))
    made.send(480, SERVER, FIN | ACK, 10020, 1040)
    made.rows.sort(key=lambda row: row["time"])
    return made.rows


def words(figure: plot.Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_text()]


def lanes(figure: plot.Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_each_segment_says_what_it_carries_with_bytes_counted_from_one() -> None:
    assert [series.label for series in plot.sequence(fetched()).series] == [
        "SYN",
        "SYN, ACK",
        "ACK 1",
        "bytes 1–39: GET /index.html HTTP/1.1",
        "bytes 1–19: HTTP/1.1 200",
        "bytes 20–1019",
        "ACK 1020",
        "FIN, ACK 40",
    ]


def test_routers_that_pass_segments_on_have_no_line_unless_asked_for() -> None:
    assert lanes(plot.sequence(fetched())) == ["laptop", "www"]
    figure = plot.sequence(fetched(), between=["laptop", "router", "www"])
    assert lanes(figure) == ["laptop", "router", "www"]
    assert list(figure.series[0].x) == ["laptop", "router", "www"] and list(figure.series[0].y) == [0, 10, 40]


def test_a_lost_segment_is_a_cross_where_it_was_dropped_and_comes_again() -> None:
    figure = plot.sequence(fetched("queue full"))
    assert lanes(figure) == ["laptop", "router", "www"]
    assert "dropped: queue full" in words(figure) and "bytes 20–1019, again" in words(figure)
    assert any(line.get_marker() == "x" for line in figure.axes[0].get_lines())
    assert "1 dropped (queue full at router); 1 sent again" in figure.alt


def test_what_is_sent_at_once_stands_below_each_other() -> None:
    figure = plot.sequence(fetched())
    at_80 = [
        text.get_position()[1] for text in figure.axes[0].texts if text.get_text().startswith(("ACK 1", "bytes 1–3"))
    ]
    assert len(at_80) == len(set(at_80))


def test_an_answer_does_not_stand_above_what_it_answers() -> None:
    figure = plot.sequence(fetched())
    rows = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    ends = [line.get_xydata()[0] for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    second = max(y for x, y in ends if x == 0 and y < rows["FIN, ACK 40"])  # bytes 20–1019 reach the laptop
    assert rows["ACK 1020"] == pytest.approx(second - 0.12)


def test_alt_text_counts_who_sent_how_much_and_how_it_ended() -> None:
    assert plot.sequence(fetched()).alt == (
        "laptop sends 4 to www; www sends 4 to laptop; it begins with SYN and ends with FIN, ACK 40 from www after "
        "520 ms."
    )


def test_the_middle_of_a_long_conversation_is_left_out() -> None:
    made = Capture()
    for number in range(60):
        made.send(number, CLIENT, ACK, 1 + 100 * number, 1, bytes(100))
    made.rows.sort(key=lambda row: row["time"])
    figure = plot.sequence(made.rows)
    assert len(figure.axes[0].get_yticks()) == MOST_OF_TALK
    assert any("more steps" in text for text in words(figure)) and len(figure.series) == 60


def test_a_machine_where_nothing_was_is_named() -> None:
    with pytest.raises(UsageError, match="they were at laptop, router, www"):
        plot.sequence(fetched(), between=["laptop", "mars"])


@pytest.mark.parametrize("family", [4, 6])
def test_a_window_of_nothing_is_told(family: int) -> None:
    source, there = (CLIENT, SERVER) if family == 4 else ("2001:db8::1", "2001:db8::2")
    for window, label in ((0, "window 0"), (1, "ACK")):
        segment = TCP(80, 50000, sequence=5, acknowledgment=9, flags=ACK, window=window).to_bytes(source, there)
        packet = IPv4(source, there, 6, segment) if family == 4 else IPv6(source, there, 6, segment)
        data = packet.to_bytes()
        assert Labels().of({"summary": summary(data), "data": data}) == label


def test_reset_and_second_connection_are_told() -> None:
    labels = Labels()

    def one(text: str) -> str:
        return labels.of({"summary": f"10.0.0.1 > 10.0.0.2 TCP {text}"})

    assert one("5000 > 80 SYN seq=4294967295 length=0 ttl=64") == "SYN"
    assert one("5000 > 80 ACK seq=0 ack=7 length=10 ttl=64") == "bytes 1–10"  # the numbers wrap around
    assert one("5000 > 80 RST seq=10 length=0 ttl=64") == "RST"
    assert one("5001 > 80 SYN seq=5 length=0 ttl=64") == "#2 SYN"
    assert labels.of({"summary": "no TCP at all"}) == "no TCP at all"
    assert labels.connections == 2


def phases(**more: Any) -> Any:
    steps = [("dns", 0, 1), ("connect", 1, 41), ("send", 41, 42), ("wait", 42, 90), ("receive", 90, 95)]
    rows = [
        {
            "url": "http://www/a.png",
            "phase": phase,
            "start_ms": float(start),
            "end_ms": float(end),
            "status": 200,
            "bytes": 500,
            "method": "GET",
            "address": "203.0.113.80",
            "network": "virtual:sample",
            **more,
        }
        for phase, start, end in steps
    ]
    return frames.table(rows, frames.PHASES)


def test_phases_of_fetch_are_messages_at_the_clients_times() -> None:
    figure = plot.sequence(phases())
    assert lanes(figure) == ["client", "203.0.113.80"]
    told = [(series.label, series.y[0]) for series in figure.series]
    assert told == [
        ("connect", 0),
        ("connected", 40),
        ("GET /a.png", 41),
        ("first byte, 200", 89),
        ("last byte of 500", 94),
    ]


def exchange(**more: Any) -> dict[str, Any]:
    times = {"queue_ms": 1.0, "dns_ms": 2.0, "connect_ms": 40.0, "send_ms": 0.5, "wait_ms": 50.0, "receive_ms": 5.0}
    row = {"started_at": EPOCH, "client": "192.0.2.10:5000", "method": "GET", "target": "http://www/", "status": 200}
    row |= {"upstream": "www:80", "response_bytes": 700, "total_ms": sum(times.values()), "network": "live"}
    return {**row, **times, **more}


def test_the_log_of_a_proxy_shows_both_sides() -> None:
    figure = plot.sequence(frames.table([exchange()], frames.EXCHANGES))
    assert lanes(figure) == ["192.0.2.10", "proxy", "www:80"]
    told = [(series.label, list(series.x), series.y[0]) for series in figure.series]
    assert told == [
        ("GET http://www/", ["192.0.2.10", "proxy"], 0),
        ("connect", ["proxy", "www:80"], 3),
        ("connected", ["www:80", "proxy"], 43),
        ("GET /", ["proxy", "www:80"], 43.5),
        ("first byte", ["www:80", "proxy"], 93.5),
        ("200, 700 bytes", ["proxy", "192.0.2.10"], 98.5),
    ]


def test_a_refused_connection_is_told_where_it_was_refused() -> None:
    nothing = dict.fromkeys(("send_ms", "wait_ms", "receive_ms"))
    row = exchange(status=502, error="connection_refused", **nothing)
    figure = plot.sequence(frames.table([row], frames.EXCHANGES))
    assert [series.label for series in figure.series][-2:] == ["✗ connection_refused", "502, 700 bytes"]


def test_the_log_of_a_web_server_has_one_side() -> None:
    row = exchange(upstream="", target="/x", status=404, connect_ms=None, dns_ms=None)
    figure = plot.sequence(frames.table([row], frames.EXCHANGES))
    assert lanes(figure) == ["192.0.2.10", "server"]
    assert [series.label for series in figure.series] == ["GET /x", "404, 700 bytes"]


def test_missing_columns_are_named() -> None:
    with pytest.raises(UsageError, match=r"has no address; wanted: a table of netlab\.fetch"):
        plot.sequence(phases().drop(columns="address"))
    with pytest.raises(UsageError, match=r"has no client; wanted: server\.log"):
        plot.sequence(frames.table([exchange()], frames.EXCHANGES).drop(columns="client"))


@pytest.mark.parametrize("schema", ["PHASES", "EXCHANGES"])
def test_empty_tables_are_said_too(schema: str) -> None:
    figure = plot.sequence(frames.table([], getattr(frames, schema)))
    assert figure.alt == "no packet was sent." and "no packets" in words(figure)


def test_no_text_is_smaller_than_ten_points() -> None:
    from matplotlib.text import Text

    made = plot.sequence({"a": fetched("queue full"), "b": phases()})
    made.png()
    texts = [text for text in made.figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert texts and min(text.get_fontsize() for text in texts) >= 10


def test_whoever_begins_a_conversation_is_drawn_as_asking_also_a_proxy() -> None:
    """Solid lines ask, dashed ones answer: of each two machines, not of all together."""
    made, origin = Capture(), Capture()
    made.send(0, CLIENT, SYN, 1000)
    made.send(40, SERVER, SYN | ACK, 9000, 1001)
    origin.send(80, CLIENT, SYN, 5000)
    origin.send(120, SERVER, SYN | ACK, 7000, 5001)
    for row in origin.rows:
        row["number"] += 2
        for end in ("source", "destination"):
            row[end] = {CLIENT: SERVER, SERVER: "203.0.113.99"}[row[end]]
        row["at"] = {"laptop": "www", "router": "router2", "www": "origin"}[row["at"]]
    answers = [story.answer for story in of_packets([*made.rows, *origin.rows]).stories]
    assert answers == [False, True, False, True]
