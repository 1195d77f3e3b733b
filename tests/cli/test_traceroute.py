"""``python -m netlab traceroute``: the seed's form, its spelling, its totals, and what a script gets."""

import csv
import io
import json
import signal

import pytest

from netlab import cli, frames
from netlab.formats import trace_text
from netlab.probe.rows import EMPTY


def run(capsys, *arguments):
    code = cli.main(["traceroute", *arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


@pytest.fixture(autouse=True)
def nobody_else_chooses(monkeypatch):
    monkeypatch.delenv("NETLAB_NETWORK", raising=False)


@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_a_line_per_hop_and_the_totals(capsys, protocol):
    code, lines, err = run(capsys, "server", "-t1", f"-p{protocol}", "-N3", "--network", "line")
    size = 40 if protocol == "tcp" else 60
    assert lines == [
        f"traceroute to server (203.0.113.80), 30 hops max, {size} byte packets ({protocol.upper()}) on virtual:line",
        " 1  r1.line.example (192.0.2.1)  2.00 ms  2.00 ms  2.00 ms",
        " 2  r2.line.example (198.51.100.2)  6.00 ms  6.00 ms  6.00 ms",
        " 3  r3.line.example (198.51.100.6)  12.0 ms  12.0 ms  12.0 ms",
        " 4  server.line.example (203.0.113.80)  22.0 ms  22.0 ms  22.0 ms",
        lines[5],
    ]
    assert lines[5].startswith("12 packets sent, 0 lost") or lines[5].startswith("14 packets sent, 0 lost")
    assert (code, err) == (0, "")


def test_the_first_netlabs_spelling_is_understood(capsys):
    assert (
        run(capsys, "server", "-tpudp", "--network", "line")[1]
        == run(capsys, "server", "-pudp", "--network", "line")[1]
    )
    assert run(capsys, "server", "-t1", "-tptcp", "--network", "line")[1][0].endswith("(TCP) on virtual:line")


def test_without_names_there_are_addresses_only(capsys):
    _, lines, _ = run(capsys, "server", "--no-names", "-q1", "--network", "line")
    assert lines[1] == " 1  192.0.2.1  2.00 ms"
    _, lines, _ = run(capsys, "server", "-n", "-q1", "-6", "--network", "line")
    assert "2001:db8:" in lines[1] and "(" not in lines[1]


def test_first_and_last_ttl(capsys):
    _, lines, _ = run(capsys, "server", "-f2", "-m3", "-q1", "--network", "line")
    assert [line.split()[0] for line in lines[1:3]] == ["2", "3"]
    assert lines[3].lstrip().startswith("255")  # the last try at a destination that -m did not let it reach


def test_it_ends_after_so_many_silent_hops_in_a_row(capsys):
    lengths = []
    for gap in ((), ("-g10",)):
        _, lines, _ = run(capsys, "down", "-q1", "-N1", "-m20", "-n", *gap, "--network", "broken")
        lengths.append(sum(line.endswith(" *") for line in lines))
    assert lengths[1] == lengths[0] + 5


def test_a_loop_is_named_and_the_exit_code_tells(capsys):
    code, lines, _ = run(capsys, "lost", "-m8", "-q1", "--network", "loop")
    assert code == 1 and sum("(loop)" in line for line in lines) == 4


def test_json_and_csv_hold_every_row_with_its_columns(capsys):
    _, lines, _ = run(capsys, "server", "-q1", "-N1", "--json", "--network", "line")
    rows = [json.loads(line) for line in lines]
    assert [row["ttl"] for row in rows] == [1, 2, 3, 4] and list(rows[0]) == list(frames.PROBES)
    assert rows[3]["responder_name"] == "server.line.example" and rows[3]["rtt_ms"] == 22.0
    _, lines, _ = run(capsys, "server", "-q1", "-N1", "--csv", "--network", "line")
    table = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert [row["responder"] for row in table] == ["192.0.2.1", "198.51.100.2", "198.51.100.6", "203.0.113.80"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["server", "-f0"], "first_ttl"),
        (["server", "-m256"], "max_ttl"),
        (["server", "-g0"], "gap_limit"),
        (["server", "-q0"], "attempts"),
        (["server", "-t0"], "timeout"),
        (["server", "-psctp"], "protocol"),
        (["server", "-N0"], "window"),
        (["server", "--port", "80"], "port"),
        (["server", "--flow", "dublin"], "flow"),
        (["nobody"], "cannot find 'nobody'"),
        ([""], "destination"),
    ],
)
def test_wrong_input_is_exit_code_2_with_a_reason(capsys, arguments, words):
    code, lines, err = run(capsys, *arguments, "--network", "line")
    assert code == 2 and words in err and lines == []


def test_no_route_at_all_is_exit_code_2(capsys, tmp_path):
    world = tmp_path / "cut.toml"
    world.write_text(
        """
        name = "cut"
        vantage = "here"
        [node]
        here = { kind = "host", address = ["192.0.2.10/24"] }
        there = { kind = "host", address = ["192.0.2.80/24"] }
        [[link]]
        ends = ["here", "there"]
        delay_ms = 1
        down = true
        """
    )
    code, lines, err = run(capsys, "there", "--network", str(world))
    assert code == 2 and lines == [] and "192.0.2.80" in err


def test_a_router_that_refuses_is_exit_code_1(capsys):
    code, lines, _ = run(capsys, "192.0.0.8", "--network", "line")
    assert code == 1 and "!N" in lines[1]


def test_an_interrupt_ends_it_with_the_totals(capsys, monkeypatch):
    """CTRL+C and CTRL+Z: the signal comes while the trace runs."""
    from netlab.network.virtual import VirtualNetwork

    receive = VirtualNetwork.receive
    for number in (signal.SIGINT, signal.SIGTSTP):
        count = iter(range(10_000))

        def interrupted(self, until, count=count, number=number):
            if next(count) == 4:
                signal.raise_signal(number)
            return receive(self, until)

        before = signal.getsignal(number)
        monkeypatch.setattr("netlab.run._last_interrupt", 0.0)  # not a second one within a second
        monkeypatch.setattr(VirtualNetwork, "receive", interrupted)
        code, lines, _ = run(capsys, "server", "--network", "line")
        assert "pending" in lines[-1] and "packets sent" in lines[-1]
        assert lines[1].startswith(" 1 ") and code in (0, 1)
        assert signal.getsignal(number) == before


def ended_by(monkeypatch, number, where, what, when=1):
    """Let the signal come at the n-th call of a method, which the call then does not survive unless it is caught."""
    monkeypatch.setattr("netlab.run._last_interrupt", 0.0)
    method, count = getattr(where, what), iter(range(1, 10_000))

    def interrupted(self, *arguments, **options):
        if next(count) == when:
            signal.raise_signal(number)
        return method(self, *arguments, **options)

    monkeypatch.setattr(where, what, interrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTSTP], ids=["CTRL+C", "CTRL+Z"])
def test_an_interrupt_before_the_first_probe_ends_it_with_the_totals(capsys, monkeypatch, number):
    from netlab.network.virtual import VirtualNetwork

    ended_by(monkeypatch, number, VirtualNetwork, "resolve")
    assert run(capsys, "server", "--network", "line") == (1, ["0 packets sent, 0 lost"], "")
    ended_by(monkeypatch, number, VirtualNetwork, "resolve")
    assert run(capsys, "server", "--json", "--network", "line") == (1, [], "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTSTP], ids=["CTRL+C", "CTRL+Z"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_interrupt_while_names_are_waited_for_costs_the_names_and_nothing_else(capsys, monkeypatch, number, form):
    from netlab.cli_trace import Lookups

    ended_by(monkeypatch, number, Lookups, "get", when=1 if form == "json" else 5)  # once per line before the end
    code, lines, err = run(capsys, "lost", "-q1", "-m4", *(["--json"] if form == "json" else []), "--network", "loop")
    assert (code, err) == (1, "")
    if form == "json":
        assert [json.loads(line)["ttl"] for line in lines] == [1, 2, 3, 4, 255]
    else:
        assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "4", "255"]
        assert lines[-1] == "5 packets sent, 0 lost"


def test_two_interrupts_at_once_end_it_with_the_totals_too(capsys, monkeypatch):
    """The second one tears the measurement apart; what is in flight then is pending all the same."""
    from netlab.network.virtual import VirtualNetwork

    receive, count = VirtualNetwork.receive, iter(range(10_000))

    def twice(self, until):
        if next(count) == 4:
            for _ in range(2):
                try:
                    signal.raise_signal(signal.SIGINT)
                except KeyboardInterrupt:
                    continue
            raise KeyboardInterrupt
        return receive(self, until)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("netlab.run._last_interrupt", 0.0)
    monkeypatch.setattr(VirtualNetwork, "receive", twice)
    code, lines, err = run(capsys, "server", "--network", "line")
    assert (code, err) == (1, "")
    sent, pending = lines[-1].split(" packets sent, 0 lost, ")
    assert 0 < int(pending.split()[0]) <= int(sent) == 16
    assert signal.getsignal(signal.SIGINT) == before


# -- the text alone -----------------------------------------------------------------------------------------------


def row(attempt, responder="192.0.2.1", rtt=1.0, outcome="time-exceeded", **more):
    nothing = responder == ""
    return {
        **EMPTY, "ttl": 7, "attempt": attempt, "responder": responder, "rtt_ms": float("nan") if nothing else rtt,
        "outcome": "timeout" if nothing else outcome, **more,
    }  # fmt: skip


def test_several_addresses_of_a_hop_have_lines_of_their_own():
    rows = [row(1), row(2, "198.51.100.1", 2.0), row(3, "192.0.2.1", 3.0)]
    assert trace_text.hop(rows, {"192.0.2.1": "a.example"}) == [
        " 7  a.example (192.0.2.1)  1.00 ms  3.00 ms",
        "    198.51.100.1  2.00 ms",
    ]


@pytest.mark.parametrize(
    ("who", "line"),
    [
        (["", "", ""], " 7  *  *  *"),
        (["a", "", "a"], " 7  a  1.00 ms  *  1.00 ms"),
        (["", "a", "a"], " 7  a  *  1.00 ms  1.00 ms"),
        (["a", "", ""], " 7  a  1.00 ms  *  *"),
    ],
)
def test_a_lost_probe_is_a_star(who, line):
    assert trace_text.hop([row(n, name) for n, name in enumerate(who, 1)], {}) == [line]


def test_marks_late_answers_flags_labels_and_interfaces_are_told():
    rows = [
        row(1, mark="!H", outcome="unreachable"),
        row(2, outcome="late", flags="early loop", mpls="24001/0/1/1"),
        row(3, interface="eth0"),
    ]
    assert trace_text.hop(rows, {}) == [
        " 7  192.0.2.1  1.00 ms !H  1.00 ms late  1.00 ms  (loop)",
        "      MPLS 24001/0/1/1",
        "      interface eth0",
    ]


def test_the_totals_count_every_fate():
    rows = [
        row(1), row(2, ""), row(3, outcome="late"), row(4, outcome="pending"),
        row(5, outcome="not-sent", detail="network is down"), row(6, flags="beyond-end"),
    ]  # fmt: skip
    assert trace_text.totals(rows) == [
        "5 packets sent, 1 lost, 1 late, 1 pending (1 of them beyond the end, sent before it was known)",
        "1 not sent: network is down",
    ]
