"""Servers and clients on hosts of a virtual world: the same handlers, on the world's TCP and clock."""

from __future__ import annotations

import hashlib
import os
import urllib.request

import pytest

import netlab
from netlab.errors import AddressInUse, NameNotFound, UsageError
from netlab.internet import tcp
from netlab.internet.engine import Engine
from netlab.serve.connection import DialFailed, Gone, Late, Move, Send, SendFile, Together, Turn
from netlab.serve.virtual import VirtualLoop

RTT = 22.0
"""ms between the laptop and the server of the world "line"."""


@pytest.fixture(autouse=True)
def nothing_in_use(monkeypatch):
    """What a test chooses is not there any more after it."""
    monkeypatch.setattr("netlab.api._current", None)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text('<img src="a.png"><img src="b.png"><script src="c.js"></script>')
    for name in ("a.png", "b.png", "c.js"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 4_000)
    return tmp_path


@pytest.fixture
def line():
    with netlab.use("line") as network:
        yield network


def spans(phases, number=0):
    rows = phases[phases["object"] == number]
    return dict(zip(rows["phase"], rows["duration_ms"], strict=True))


# -- exact times ----------------------------------------------------------------------------------------------------


def test_a_small_answer_takes_two_round_trips_to_the_nanosecond(folder, line):
    with netlab.WebServer(folder, host="server", port=80) as server:
        phases = netlab.fetch(server.url)
    assert spans(phases) == {"dns": 0, "connect": RTT, "send": 0, "wait": RTT, "receive": 0}
    assert set(phases["network"]) == {"virtual:line"} and set(phases["address"]) == {"203.0.113.80"}


def test_a_connection_that_is_used_again_saves_a_round_trip(folder, line):
    with netlab.WebServer(folder, host="server", port=80) as server:
        kept = netlab.fetch_page(server.url, connections=1)
        each = netlab.fetch_page(server.url, connections=1, keep_alive=False)
    assert kept["end_ms"].max() == 5 * RTT
    assert each["end_ms"].max() == 8 * RTT


def test_two_connections_work_side_by_side(folder, line):
    with netlab.WebServer(folder, host="server", port=80) as server:
        phases = netlab.fetch_page(server.url, connections=2)
    assert phases.groupby("object")["connection"].max().tolist() == [1, 1, 2, 1]
    assert phases["end_ms"].max() == 4 * RTT


def test_a_large_file_comes_whole_and_faster_and_faster(folder, line):
    with netlab.WebServer(folder, host="server", port=80):
        phases = netlab.fetch("http://server/big.bin")
    content = phases["answer"].iloc[-1].partition(b"\r\n\r\n")[2]
    assert hashlib.sha256(content).digest() == hashlib.sha256(bytes(range(256)) * 4_000).digest()
    # 702 segments, of which 10 leave in the first round trip: without slow start it would take 70 round trips.
    assert 4 * RTT < spans(phases)["receive"] < 15 * RTT


def test_the_head_leaves_with_the_first_piece_of_the_file(folder, line):
    """Ten full segments, twenty, forty: 100,000 bytes and their head are 69 of them, there in three flights."""
    (folder / "photo.jpg").write_bytes(bytes(100_000))
    with netlab.WebServer(folder, host="server", port=80):
        phases = netlab.fetch("http://server/photo.jpg")
        rows = [row for row in line.packets() if row["at"] == "server" and row["action"] == "sent"]
    size = len(phases["answer"].iloc[-1])
    lengths = [int(row["summary"].partition("length=")[2].split()[0]) for row in rows if "length=" in row["summary"]]
    full, rest = divmod(size, 1460)
    assert [length for length in lengths if length] == [1460] * full + [rest]
    assert full == 68 and 2 * RTT <= spans(phases)["receive"] < 2.5 * RTT


def test_a_second_answer_of_the_same_size_takes_one_round_trip(folder, line):
    """The window is as open as the first answer has made it."""
    for name in ("a.png", "b.png", "c.js"):
        (folder / name).write_bytes(bytes(80_000))
    with netlab.WebServer(folder, host="server", port=80) as server:
        phases = netlab.fetch_page(server.url, connections=1)
    times = [sum(spans(phases, number)[phase] for phase in ("send", "wait", "receive")) for number in (1, 2, 3)]
    assert 3 * RTT <= times[0] < 4 * RTT
    assert all(RTT <= took < 2 * RTT for took in times[1:])


def test_an_empty_file_and_its_head(folder, line):
    (folder / "empty.txt").write_bytes(b"")
    with netlab.WebServer(folder, host="server", port=80):
        phases = netlab.fetch("http://server/empty.txt")
    assert phases["status"].iloc[-1] == 200 and phases["answer"].iloc[-1].endswith(b"\r\n\r\n")


def test_the_same_call_gives_the_same_table_also_over_a_lossy_path(folder):
    tables = []
    for _ in range(2):
        network = netlab.use("lossy", seed=4)
        host = next(
            node.name for node in network.world.nodes.values() if node.kind == "host" and node.name != network.vantage
        )
        with netlab.WebServer(folder, host=host, port=80) as server:
            phases = netlab.fetch(f"http://{host}/big.bin", timeout=600)
            tables.append((phases, server.log))
    for first, again in zip(*tables, strict=True):
        assert first.equals(again)
    assert set(tables[0][0]["status"]) == {200}


def test_answers_are_alike_whenever_the_files_were_written(tmp_path):
    answers = []
    for name, age in (("one", 0), ("two", 1_000_000)):
        folder = tmp_path / name
        (folder / "files").mkdir(parents=True)
        for file in (folder / "index.html", folder / "files" / "a.txt"):
            file.write_text("the same")
            os.utime(file, (age, age))
        netlab.use("line")
        with netlab.WebServer(folder, host="server", port=80):
            answers.append(
                [
                    netlab.fetch("http://server/", headers={"Range": several})["answer"].iloc[-1]
                    for several in ("bytes=0-", "bytes=0-1,4-5")
                ]
                + [netlab.fetch("http://server/files/")["answer"].iloc[-1]]
            )
    assert answers[0] == answers[1]
    assert [answer[9:12] for answer in answers[0]] == [b"206", b"206", b"200"]


# -- the log --------------------------------------------------------------------------------------------------------


def test_the_log_is_that_of_a_real_server_on_the_worlds_clock(folder, line):
    with netlab.WebServer(folder, host="server", port=80) as server:
        netlab.fetch("http://server/nothing")
        log, details = server.log, server.details(0)
    assert log["status"].tolist() == [404] and set(log["network"]) == {"virtual:line"}
    assert log["client"][0].startswith("192.0.2.10:")
    # The SYN takes 11 ms, its answer as long, and the third segment of the handshake 11 ms more.
    assert log["started_at"][0].isoformat() == "2026-01-01T00:00:00.033000+00:00"
    assert details["request_head"].startswith(b"GET /nothing") and details["response_head"].startswith(b"HTTP/1.1 404")
    assert server.statuses == {404: 1}
    assert server.to_har()["log"]["entries"][0]["request"]["url"] == "http://server/nothing"
    assert '"GET /nothing HTTP/1.1" 404' in server.to_clf()


@pytest.mark.parametrize("mode", ["iterative", "threads", "loop"])
def test_the_parts_of_every_row_sum_up(folder, line, mode):
    with netlab.WebServer(folder, host="server", port=80, service_ms=7, mode=mode) as server:
        netlab.fetch_page(server.url, connections=3)
        log = server.log
    parts = log["queue_ms"] + log["wait_ms"] + log["receive_ms"]
    assert (parts - log["total_ms"]).abs().max() < 1e-9
    assert log["wait_ms"].min() == 7
    assert log["queue_ms"].max() > 0


def test_a_row_is_told_as_it_is_made(folder, line):
    rows = []
    with netlab.WebServer(folder, host="server", port=80, on_row=rows.append):
        netlab.fetch("http://server/")
    assert [row["status"] for row in rows] == [200]


# -- the host's processor -------------------------------------------------------------------------------------------


def test_service_takes_its_time(folder, line):
    with netlab.WebServer(folder, host="server", port=80, service_ms=15) as server:
        assert spans(netlab.fetch(server.url))["wait"] == RTT + 15


def test_service_may_depend_on_the_target(folder, line):
    for service in ({"/a.png": 400}, lambda target: 400 if target == "/a.png" else 0):
        with netlab.WebServer(folder, host="server", port=80, service_ms=service) as server:
            page = netlab.fetch_page(server.url, connections=1)
        assert spans(page, 1)["wait"] == RTT + 400 and spans(page, 2)["wait"] == RTT


def test_an_iterative_server_keeps_the_next_connection_waiting(folder, line):
    """The second connection waits in the accept queue until the first is closed: by then its request has long come."""
    with netlab.WebServer(folder, host="server", port=80, mode="iterative", service_ms=10) as server:
        page = netlab.fetch_page(server.url, connections=2)
        log = server.log
    second = log[log["connection"] == 2]
    assert second["queue_ms"].iloc[0] > 0
    assert page[page["connection"] == 2].groupby("object").size().size == 1


def test_a_loop_queues_requests_for_its_processor(folder, line):
    with netlab.WebServer(folder, host="server", port=80, mode="loop", service_ms=10) as server:
        netlab.fetch_page(server.url, connections=3)
        log = server.log
    # The last three are asked for in two moments; of two at the same moment, one waits for the other.
    assert sorted(log["queue_ms"].tolist())[-1] == 10
    with netlab.WebServer(folder, host="server", port=80, mode="loop", service_ms=10, workers=3) as server:
        netlab.fetch_page(server.url, connections=3)
        assert server.log["queue_ms"].max() == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"service_ms": -1},
        {"service_ms": "fast"},
        {"service_ms": {"/": None}},
        {"mode": "processes"},
        {"mode": "iterative", "workers": 2},
        {"workers": 0},
        {"backlog": -1},
        {"tcp": {"speed": 1}},
        {"tcp": {"mss": 0}},
        {"tcp": {"nagle": 1}},
        {"tcp": 536},
        {"port": 70_000},
    ],
)
def test_what_a_virtual_host_cannot_be_told_is_refused(folder, arguments):
    network = netlab.use("line")
    with pytest.raises(UsageError):
        netlab.WebServer(folder, host="server", **arguments)
    assert not network.held


@pytest.mark.parametrize(
    "arguments", [{"service_ms": 1}, {"mode": "loop"}, {"workers": 2}, {"tcp": {}}, {"backlog": 5}]
)
def test_what_only_a_host_of_a_world_can_be_told_is_refused_for_a_real_server(folder, arguments):
    with pytest.raises(UsageError, match=r"netlab\.use"):
        netlab.WebServer(folder, port=0, **arguments)


# -- where servers are ----------------------------------------------------------------------------------------------


def test_a_server_keeps_its_world_running(folder):
    network = netlab.use("line")
    with netlab.WebServer(folder, host="server", port=80):
        first = netlab.ping("server", count=1)["sent_at"][0]
        assert netlab.ping("server", count=1)["sent_at"][0] > first
    assert netlab.ping("server", count=1)["sent_at"][0] == netlab.ping("server", count=1)["sent_at"][0]
    assert network.now() > 0


def test_a_server_made_again_takes_the_place_of_the_one_before(folder):
    netlab.use("line")
    first = netlab.WebServer(folder, host="server", port=80)
    second = netlab.WebServer(folder, host="203.0.113.80", port=80)
    assert "stopped" in repr(first) and "running" in repr(second)
    assert netlab.fetch("http://203.0.113.80/")["status"].max() == 200
    second.stop()
    second.stop()


def test_a_port_that_somebody_else_has_is_refused(folder, line):
    with line.driving() as engine:
        tcp.host(engine.machine("server")).listen(80, lambda: None)
    with pytest.raises(AddressInUse, match="port 80 of server"):
        netlab.WebServer(folder, host="server", port=80)
    assert netlab.WebServer(folder, host="server", port=81).stop() is None


def test_port_0_is_any_free_one(folder, line):
    with netlab.WebServer(folder, host="server", port=0) as one, netlab.WebServer(folder, host="server", port=0) as two:
        assert one.port != two.port
        assert netlab.fetch(two.url)["status"].max() == 200
        assert len(one.log) == 0 and len(two.log) == 1


def test_a_stopped_server_refuses(folder, line):
    server = netlab.WebServer(folder, host="server", port=8080)
    netlab.fetch(server.url)
    server.stop()
    error = netlab.fetch(server.url)["error"].iloc[-1]
    assert error.startswith("connection_refused: ") and "port 8080" in error


def test_a_stopped_server_refuses_also_at_a_port_that_the_world_says_is_open(folder):
    """A port at which nobody has served goes on answering probes, here in another copy of the world."""
    network = netlab.use("line")
    assert ("tcp", 80) in network.world.nodes["server"].open
    before = netlab.fetch("http://server/")["error"].iloc[-1]
    assert before and not before.startswith("connection_refused")
    server = netlab.WebServer(folder, host="server", port=80)
    other = netlab.WebServer(folder, host="server", port=8080)  # keeps the world running
    assert netlab.fetch("http://server/")["status"].max() == 200
    server.stop()
    for _ in range(2):  # in the world that runs, and in one that is started anew
        phases = netlab.fetch("http://server/")
        assert phases["error"].iloc[-1].startswith("connection_refused: ")
        assert phases["phase"].iloc[-1] == "connect"
        last = [packet["summary"] for packet in network.packets() if " TCP 80 > " in packet["summary"]][-1]
        assert "RST" in last
        other.stop()
    assert set(server.load(rate=50, count=5)["outcome"]) == {"refused"}
    with netlab.WebServer(folder, host="server", port=80):
        assert netlab.fetch("http://server/")["status"].max() == 200
    assert netlab.fetch("http://server/")["error"].iloc[-1].startswith("connection_refused: ")
    netlab.use("line")
    assert netlab.fetch("http://server/")["error"].iloc[-1] == before


def test_a_host_that_nobody_has_is_refused_with_what_is_close(folder, line):
    with pytest.raises(NameNotFound, match="server"):
        netlab.WebServer(folder, host="servre", port=80)
    assert netlab.fetch("http://servre/")["error"].iloc[-1].startswith("dns_error")
    with pytest.raises(NameNotFound):
        netlab.fetch("http://server/", source="nobody")


def test_a_real_server_and_a_virtual_one_stand_side_by_side(folder, line):
    with netlab.WebServer(folder, port=0) as real, netlab.WebServer(folder, host="server", port=80) as virtual:
        assert urllib.request.urlopen(real.url).status == 200
        assert set(netlab.fetch(real.url)["network"]) == {"live"}
        assert set(netlab.fetch(virtual.url)["network"]) == {"virtual:line"}


def test_a_network_of_ones_own_is_taken(folder):
    network = netlab.use("line")
    netlab.use("live")
    with netlab.WebServer(folder, host="server", port=80, network=network) as server:
        phases = netlab.fetch(server.url, network=network, source="server")
    assert spans(phases)["connect"] == 0 and phases["status"].max() == 200


def test_addresses_of_ip_version_6_work(folder, line):
    with netlab.WebServer(folder, host="2001:db8:3::80", port=80) as server:
        assert server.url == "http://[2001:db8:3::80]/"
        phases = netlab.fetch(server.url)
    assert spans(phases)["connect"] == RTT and set(phases["address"]) == {"2001:db8:3::80"}


def test_every_segment_is_in_the_capture(folder, line):
    with netlab.WebServer(folder, host="server", port=80):
        netlab.fetch("http://server/")
        packets = netlab.frames.packets(line.packets(node="laptop"))
    flags = packets["summary"].tolist()
    assert "SYN" in flags[0] and len([text for text in flags if "FIN" in text]) == 2
    assert (packets["action"] != "dropped").all()


# -- a proxy --------------------------------------------------------------------------------------------------------


def test_client_proxy_and_origin_are_three_hosts(folder):
    with netlab.use("campus"), netlab.WebServer(folder, host="www", port=80) as web:
        with netlab.ProxyServer(host="dns", port=8000) as proxy:
            phases = netlab.fetch("http://www/", proxy=proxy.url)
            again = netlab.fetch("http://www/", proxy="http://dns:8000/")
            log = proxy.log
    assert phases["status"].max() == again["status"].max() == 200
    assert web.log["client"].str.startswith("192.0.2.53:").all()
    assert log["network"].tolist() == ["virtual:campus"] * 2 and log["upstream_ip"][0] == "203.0.113.80"
    assert log["reused"].tolist() == [False, True]  # the proxy's connection to the origin
    assert spans(again)["wait"] < spans(phases)["wait"] - 7  # which saves a handshake
    parts = ["queue_ms", "dns_ms", "connect_ms", "send_ms", "wait_ms", "receive_ms"]
    assert (log[parts].sum(axis=1) - log["total_ms"]).abs().max() < 1e-9


def test_a_proxy_tells_what_is_wrong_with_an_origin_in_the_worlds_time():
    asked = ["drop", "down", "prohibited", "noroute", "closed", "nobody"]
    with netlab.use("broken"), netlab.ProxyServer(host="fine", port=8000) as proxy:
        for name in asked:
            netlab.fetch(f"http://{name}/", proxy=proxy.url)
        log = proxy.log
    found = dict(zip(asked, zip(log["status"], log["error"], strict=True), strict=True))
    assert found == {
        "drop": (504, "connection_timeout"), "down": (504, "connection_timeout"),
        "prohibited": (502, "destination_ip_unroutable"), "noroute": (502, "destination_ip_unroutable"),
        "closed": (502, "connection_refused"), "nobody": (502, "dns_error"),
    }  # fmt: skip
    late = log[log["status"] == 504]
    assert (late["total_ms"] - late["queue_ms"]).tolist() == pytest.approx([5000, 5000], abs=1e-6)


# -- the driver itself ----------------------------------------------------------------------------------------------


def drive(client, server=None, until=60, **options):
    """Run a client's handler on the laptop, against a handler at port 80 of the server; gives the engine."""
    engine = Engine(netlab.world("line"))
    addresses = [(4, ("203.0.113.80", 80))]
    if server is not None:
        listening = VirtualLoop(engine, "server", lambda host, port: addresses, **options)
        listening.listen(80, server)
    loop = VirtualLoop(engine, "laptop", lambda host, port: addresses if host == "server" else [])
    faults = []
    loop.on_fault = lambda connection, fault: faults.append(fault)
    loop.start(client)
    engine.advance(until * 1_000_000_000)
    if faults:
        raise faults[0]
    return engine


def test_a_deadline_is_kept_to_the_nanosecond():
    seen = []

    def silent(connection):
        yield from connection.receive()
        yield from connection.receive()

    def client(connection):
        stream = yield from connection.dial("server", 80)
        connection.within(1.5)
        began = connection.now()
        try:
            yield from stream.receive()
        except Late:
            seen.append(connection.now() - began)

    drive(client, silent)
    assert seen == [1_500_000_000]


def test_a_deadline_that_is_put_off_does_not_pass():
    seen = []

    def slow(connection):
        for _ in range(4):
            yield from connection.send(b"x")
            yield from pause(connection, 0.9)

    def client(connection):
        stream = yield from connection.dial("server", 80)
        for _ in range(4):
            connection.within(1)
            seen.append((yield from stream.receive()))

    drive(client, slow)
    assert seen == [b"x"] * 4


def pause(connection, seconds):
    connection.within(seconds)
    try:
        while True:
            if not (yield from connection.receive()):
                raise Gone
    except Late:
        connection.deadline = None


def test_dialling_fails_in_the_words_of_rfc_9209():
    kinds = []

    def client(connection):
        for host, port in (("nobody", 80), ("server", 80)):
            try:
                yield from connection.dial(host, port)
            except DialFailed as failure:
                kinds.append(failure.kind)
        try:
            yield from connection.dial_one_of([(4, ("10.9.9.9", 80))])
        except DialFailed as failure:
            kinds.append(failure.kind)

    def refuse(engine):
        raise AssertionError

    engine = Engine(netlab.world({**as_dict("line"), "name": "closed"}))
    loop = VirtualLoop(engine, "laptop", lambda host, port: [(4, ("203.0.113.80", 81))] if host == "server" else [])
    loop.start(client)
    engine.advance(300 * 1_000_000_000)
    assert kinds == ["dns_error", "connection_refused", "destination_ip_unroutable"]


def as_dict(name):
    import tomllib
    from importlib.resources import files

    return tomllib.loads((files("netlab.internet.worlds") / f"{name}.toml").read_text())


def test_files_moves_and_handlers_side_by_side(tmp_path):
    data = bytes(range(256)) * 2_000
    (tmp_path / "file").write_bytes(data)
    got, told, order = bytearray(), [], []

    def echo(connection):
        """What comes back is what was sent, moved without being looked at."""
        moved = yield Move(None, None, 1 << 30, told.append)
        order.append(("moved", moved))
        yield from connection.half_close()

    def client(connection):
        stream = yield from connection.dial("server", 80)

        def up():
            yield Turn()
            with open(tmp_path / "file", "rb") as file:
                for offset in range(0, len(data), 100_000):
                    file.seek(offset)
                    yield from stream.send(file.read(100_000))
            yield from stream.half_close()
            order.append("up")

        def down():
            while piece := (yield from stream.receive()):
                got.extend(piece)
            order.append("down")

        yield Together((up(), down()))
        order.append("both")

    drive(client, echo)
    assert bytes(got) == data
    assert sum(told) == len(data) and order == ["up", ("moved", len(data)), "down", "both"]

    def serve(connection):
        with open(tmp_path / "file", "rb") as file:
            yield Send(b"head ", more=True)
            order.append((yield SendFile(file.fileno(), 0, len(data) + 5)))

    got.clear()
    order.clear()

    def read(connection):
        stream = yield from connection.dial("server", 80)
        while piece := (yield from stream.receive()):
            got.extend(piece)

    drive(read, serve)
    assert bytes(got) == b"head " + data and order == [len(data)]


def test_what_one_of_several_handlers_lets_out_ends_the_others():
    ended, seen = [], []

    def client(connection):
        def waits():
            try:
                yield from pause(connection, 1000)
            finally:
                ended.append("waits")

        def fails():
            yield Turn()
            raise ZeroDivisionError("on purpose")

        try:
            yield Together((waits(), fails()))
        except ZeroDivisionError as error:
            seen.append(str(error))

    drive(client)
    assert ended == ["waits"] and seen == ["on purpose"]


def test_a_parked_stream_is_used_again_and_closed_when_nobody_comes():
    seen, ended = [], []

    def serve(connection):
        while (yield from connection.receive()):
            yield from connection.send(b"answer")
        ended.append(connection.now())

    def client(connection):
        stream = yield from connection.dial("server", 80)
        yield from stream.send(b"one")
        yield from stream.receive()
        yield from stream.park("key")
        assert (yield from connection.take("other", "", True)) is None
        again = yield from connection.take("key", "203.0.113.80", True)
        yield from again.send(b"two")
        seen.append((yield from again.receive()))
        yield from again.park("key")

    drive(client, serve)
    assert seen == [b"answer"]
    assert ended == [3 * 22_000_000 + 10_000_000_000 + 11_000_000]  # 10 s after it was parked for the second time


def test_a_reset_is_thrown_into_the_handler():
    seen = []

    def serve(connection):
        yield from connection.receive()
        raise Gone  # closes with what it has not read: see below

    def client(connection):
        stream = yield from connection.dial("server", 80)
        try:
            for _ in range(1000):
                yield from stream.send(bytes(100_000))
        except Gone as gone:
            seen.append(gone.stream is stream.stream)

    drive(client, serve)
    assert seen == [True]


def test_a_server_that_stops_lets_an_answer_be_finished():
    engine = Engine(netlab.world("line"))
    addresses = [(4, ("203.0.113.80", 80))]
    got, ended = bytearray(), []

    def serve(connection):
        while (yield from connection.receive()):
            connection.idle = False
            yield from connection.send(bytes(1_000_000))
            ended.append(connection.stopping)
            connection.idle = True

    def client(connection):
        stream = yield from connection.dial("server", 80)
        yield from stream.send(b"x")
        while piece := (yield from stream.receive()):
            got.extend(piece)
        ended.append("closed")

    server = VirtualLoop(engine, "server", lambda host, port: addresses)
    server.listen(80, serve)
    loop = VirtualLoop(engine, "laptop", lambda host, port: addresses)
    loop.start(client)
    engine.advance(60_000_000)
    assert server.open_connections == 1 and 0 < len(got) < 1_000_000
    server.stop(grace=3)
    loop.start(client)  # comes too late
    engine.advance(2_900_000_000)
    assert len(got) == 1_000_000 and ended == [True]
    engine.advance(4_000_000_000)
    assert ended == [True, "closed"] and server.open_connections == 0


def test_too_many_connections_are_told_so(folder, line):
    with netlab.WebServer(folder, host="server", port=80, limits={"connections": 2}, service_ms=50) as server:
        crowd = server.load(200, count=12)
    assert sorted(set(crowd["status"])) == [200, 503]
    assert (server.log["status"] == 503).sum() == (crowd["status"] == 503).sum() == server.queue["refused"].max()


def test_stopping_a_server_lets_its_world_run_until_answers_are_finished(folder):
    network = netlab.use("line")
    server = netlab.WebServer(folder, host="server", port=80)
    got = bytearray()

    def client(connection):
        stream = yield from connection.dial_one_of([(4, ("203.0.113.80", 80))])
        yield from stream.send(b"GET /big.bin HTTP/1.1\r\nHost: server\r\n\r\n")
        while piece := (yield from stream.receive()):
            got.extend(piece)

    with network.driving() as engine:
        VirtualLoop(engine, "laptop", lambda host, port: []).start(client)
        engine.advance(60_000_000)
    assert server.connections == 1 and len(got) < 1_000_000
    server.stop()
    assert server.connections == 0 and not network.held
    assert server.log["error"].tolist() == [""] and len(got) > 1_000_000


# -- the same handlers ----------------------------------------------------------------------------------------------


def test_ranges_conditions_and_methods_work_as_on_real_sockets(folder, line):
    with netlab.WebServer(folder, host="server", port=80) as server:
        part = netlab.fetch("http://server/big.bin", headers={"Range": "bytes=256-260"})
        head = part["answer"].iloc[-1].partition(b"\r\n\r\n")[0]
        tag = next(line.split(b": ")[1].decode() for line in head.split(b"\r\n") if line.startswith(b"ETag"))
        same = netlab.fetch("http://server/big.bin", headers={"If-None-Match": tag})
        since = netlab.fetch("http://server/big.bin", headers={"If-Modified-Since": "Wed, 31 Dec 2025 12:00:00 GMT"})
        only_head = netlab.fetch("http://server/big.bin", method="HEAD")
        wrong = netlab.fetch("http://server/", method="DELETE")
        listing = server.listing("/")
    assert part["answer"].iloc[-1].endswith(b"\r\n\r\n\x00\x01\x02\x03\x04")
    statuses = [table["status"].max() for table in (part, same, since, only_head, wrong)]
    assert statuses == [206, 304, 304, 200, 405]
    assert listing["name"].tolist() == ["a.png", "b.png", "big.bin", "c.js", "index.html"]


def test_a_learners_own_parts_stand_in_a_virtual_server_too(folder, line):
    def parse_head(head):
        raise ZeroDivisionError("not finished yet")

    with netlab.WebServer(folder, host="server", port=80, parse_head=parse_head) as server:
        assert netlab.fetch("http://server/")["status"].max() == 500
        assert "not finished yet" in server.log["error"][0]


def test_content_that_comes_slowly_is_given_up_in_world_time(folder, line):
    with netlab.WebServer(folder, host="server", port=80, limits={"head_time": 2.0}) as server:
        with line.driving() as engine:
            answers = bytearray()

            def client(connection):
                stream = yield from connection.dial_one_of([(4, ("203.0.113.80", 80))])
                for byte in b"GET / HTTP/1.1\r\nHost: server":
                    yield from stream.send(bytes([byte]))
                    connection.within(0.3)
                    try:
                        answers.extend((yield from stream.receive()))
                        return
                    except Late:
                        connection.deadline = None

            VirtualLoop(engine, "laptop", lambda host, port: []).start(client)
            engine.advance(engine.now + 10_000_000_000)
        log = server.log
    assert answers.startswith(b"HTTP/1.1 408 ") and log["status"].tolist() == [408]
    assert log["total_ms"][0] == 2_000
